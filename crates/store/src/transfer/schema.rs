//! What is copied, and how: tables and columns as a database itself names them.

use std::fmt;

/// Not copied: the source's clock, whose times become the target's.
pub(crate) const LEFT_BEHIND: [&str; 1] = ["clock"];
/// Only the target has these: what its nodes tell each other, and the number of its schema.
pub(crate) const ONLY_THERE: [&str; 2] = ["node_changes", "schema_version"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What a column holds, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    Text,
    Bytes,
}

impl Kind {
    /// By the name of either engine.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "bigint" => Some(Self::Number),
            "text" => Some(Self::Text),
            "blob" | "bytea" => Some(Self::Bytes),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "whole number",
            Self::Text => "text",
            Self::Bytes => "bytes",
        })
    }
}

/// What becomes of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    AsIs,
    /// A time of the deciding clock: moved to the target's, so that whoever had ten minutes left has them still.
    Moved,
    /// Nobody has led for ever. The epoch stays: the sales know the last one, and obey no lower.
    Lapsed,
}

/// Names of columns with times of the deciding clock. Doors follow the wall clock, which both sides share.
const DECIDING: [&str; 27] = [
    "admitted_at",
    "asked_at",
    "at",
    "built_at",
    "cancelled_at",
    "claimed_at",
    "created_at",
    "deadline",
    "ended_at",
    "expires_at",
    "finished_at",
    "granted_at",
    "heard_at",
    "issued_at",
    "joined_at",
    "kept_at",
    "last_joined_at",
    "last_tick_at",
    "placed_at",
    "recalled_at",
    "returned_at",
    "revoked_at",
    "sealed_at",
    "settled_at",
    "since",
    "started_at",
    "until",
];
/// Their times are under the seals: moved by a moment, they would tell of a forgery.
const SEALED: [&str; 2] = ["audit_log", "audit_seals"];

impl Table {
    pub(crate) fn how(&self, column: &Column) -> How {
        match (self.name.as_str(), column.name.as_str()) {
            ("leases", "renewed_at") => How::Lapsed,
            (table, _) if SEALED.contains(&table) => How::AsIs,
            (_, column) if DECIDING.contains(&column) => How::Moved,
            _ => How::AsIs,
        }
    }

    /// `"a", "b"`
    pub(crate) fn column_list(&self) -> String {
        self.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn quoted(&self) -> String {
        quoted(&self.name)
    }
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The first difference between two lists of tables, whatever their order.
pub(crate) fn difference(source: &[Table], target: &[Table]) -> Option<String> {
    let only = |these: &[Table], those: &[Table], side: &str| {
        let alone = these.iter().find(|this| those.iter().all(|that| that.name != this.name))?;
        Some(format!("only the {side} has `{}`", alone.name))
    };
    let columns = || {
        let other = source.iter().find(|this| !target.contains(this))?;
        Some(format!("`{}` has other columns", other.name))
    };
    only(source, target, "source").or_else(|| only(target, source, "target")).or_else(columns)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Numbers that are no time of the deciding clock. Said of each: one that is forgotten would keep a dead time.
    const NO_DECIDING_TIME: [&str; 48] = [
        "admit_per_minute",
        "amount",
        "called",
        "claim_window_sec",
        "closed_at",
        "credit",
        "credit_ms",
        "ends_at",
        "entries",
        "epoch",
        "extended",
        "extra_tickets",
        "hold_ttl_sec",
        "last_position",
        "lifted",
        "live",
        "max_active",
        "max_tickets_per_cluster",
        "max_tickets_per_group",
        "max_tickets_per_group_cluster",
        "max_tickets_per_user",
        "minute",
        "num",
        "opens_at",
        "part",
        "parts",
        "paused",
        "position",
        "price",
        "recalled",
        "received",
        "renewed_at",
        "seal",
        "seat",
        "seats",
        "seats_per_shopper",
        "seq",
        "shopping_window_sec",
        "size",
        "starts_at",
        "stop_asked",
        "through",
        "times",
        "total",
        "total_seats",
        "version",
        "tries_left",
        "waiting_room_cap",
    ];

    #[test]
    fn of_every_number_of_the_schema_it_is_said_whether_it_is_a_time_that_moves() {
        let tables = crate::sqlite::tables_of_the_newest_schema();
        assert!(tables.len() > 15, "{tables:?}");
        let numbers = tables.iter().flat_map(|table| &table.columns).filter(|column| column.kind == Kind::Number);
        let numbers: BTreeSet<&str> = numbers.map(|column| column.name.as_str()).collect();
        let said: BTreeSet<&str> = DECIDING.into_iter().chain(NO_DECIDING_TIME).collect();
        assert_eq!(said.len(), DECIDING.len() + NO_DECIDING_TIME.len(), "said twice");
        assert_eq!(numbers, said);
    }

    #[test]
    fn a_seal_and_the_epoch_of_a_leader_stay_what_they_are() {
        let tables = crate::sqlite::tables_of_the_newest_schema();
        let how = |table: &str, column: &str| {
            let table = tables.iter().find(|one| one.name == table).unwrap();
            table.how(table.columns.iter().find(|one| one.name == column).unwrap())
        };
        assert_eq!([how("audit_log", "at"), how("audit_seals", "sealed_at"), how("leases", "epoch")], [How::AsIs; 3]);
        assert_eq!(
            [how("admission_log", "at"), how("holds", "expires_at"), how("sale_terms", "until")],
            [How::Moved; 3]
        );
        assert_eq!([how("sales", "closed_at"), how("sales", "opens_at")], [How::AsIs; 2]);
        assert_eq!(how("leases", "renewed_at"), How::Lapsed);
    }

    #[test]
    fn the_first_difference_is_named() {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let table = |name: &str, kind| Table { name: name.to_owned(), columns: vec![column("a", kind)] };
        let both = [table("x", Kind::Text), table("y", Kind::Bytes)];
        let turned = [both[1].clone(), both[0].clone()];
        assert_eq!(difference(&both, &turned), None);
        assert_eq!(difference(&both, &both[..1]).unwrap(), "only the source has `y`");
        assert_eq!(difference(&both[1..], &both).unwrap(), "only the target has `x`");
        assert_eq!(difference(&both, &[turned[0].clone(), table("x", Kind::Number)]).unwrap(), "`x` has other columns");
    }
}
