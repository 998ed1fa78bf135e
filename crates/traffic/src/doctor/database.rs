//! The database: its schema, its health and its log, without changing it.

use std::path::Path;

use store::inspect::{Inspection, engine_version, inspect};

use super::{Check, size};

const WHAT: &str = "database";
/// Four times what the server lets the log grow to before it writes it back.
const WAL_BYTES_WARN: u64 = 256 << 20;

pub(super) fn checks(path: &Path) -> Vec<Check> {
    vec![engine(), file(path)]
}

fn engine() -> Check {
    match engine_version() {
        Ok(version) => Check::ok("sqlite", version),
        Err(error) => {
            Check::fail("sqlite", error.to_string(), "build the program with the SQLite that it brings along")
        }
    }
}

fn file(path: &Path) -> Check {
    let shown = path.display();
    if !path.exists() {
        return Check::ok(WHAT, format!("{shown} is not there yet; the server makes it"));
    }
    match inspect(path) {
        Ok(look) => judge(&shown.to_string(), &look),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            let advice = "restore it from a backup, or give another file with --database-url";
            Check::fail(WHAT, format!("{shown} cannot be read: {error}{cause}"), advice)
        }
    }
}

fn judge(path: &str, look: &Inspection) -> Check {
    let (schema, known) = (look.schema, look.known_schema);
    let found = format!("{path}: schema {schema}, log {}", size(look.wal_bytes));
    if let Some(damage) = &look.damage {
        let advice = "stop the server, keep a copy of the file and its -wal, and restore from a backup";
        return Check::fail(WHAT, format!("{path} is damaged: {damage}"), advice);
    }
    if schema > known {
        let advice = format!("use the newer program that made it; this one knows schema {known}");
        return Check::fail(WHAT, found, advice);
    }
    if look.wal_bytes > WAL_BYTES_WARN {
        let advice = "a reader holds the log open, or the disk is too slow: end long exports, then restart the server";
        return Check::warn(WHAT, found, advice);
    }
    if schema < known {
        return Check::ok(WHAT, format!("{found}; the server brings it to {known} at its start"));
    }
    Check::ok(WHAT, format!("{found}, healthy"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_database_is_judged_by_damage_schema_and_log() {
        let look = |schema, damage: Option<&str>, wal_bytes| Inspection {
            schema,
            known_schema: 4,
            damage: damage.map(str::to_owned),
            wal_bytes,
        };
        let status = |look: &Inspection| judge("a.db", look).status;
        assert_eq!(status(&look(4, None, WAL_BYTES_WARN)), Status::Ok);
        assert_eq!(status(&look(0, None, 0)), Status::Ok);
        assert_eq!(status(&look(4, None, WAL_BYTES_WARN + 1)), Status::Warn);
        assert_eq!(status(&look(5, None, 0)), Status::Fail);
        assert_eq!(status(&look(4, Some("row 3 missing"), 0)), Status::Fail);
    }
}
