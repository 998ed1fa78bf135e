//! The database server: reachable, suitable, with room for the nodes, and its clock beside this machine's.

use server::config::DatabaseUrl;
use store::OpenError;
use store::inspect_postgres::{Inspection, inspect};

use super::Check;
use crate::real::SystemClock;

const WHAT: &str = "database";
/// One that serves while the other is replaced.
const NODES_WARN: i64 = 2;
/// Doors open by the server's clock, and pages count down by a node's: from here on people see it.
const AHEAD_MS_WARN: i64 = 250;
/// What tokens allow for: further apart, a node's admissions would be refused by others.
const AHEAD_MS_FAIL: i64 = 5_000;

pub(super) async fn checks(url: &DatabaseUrl, db_max_conns: u32, is_development: bool) -> Vec<Check> {
    match inspect(&url.reveal(), &SystemClock::start()).await {
        Ok(look) => judge(&url.to_string(), &look, db_max_conns, is_development),
        Err(error) => vec![unusable(&url.to_string(), &error)],
    }
}

fn unusable(shown: &str, error: &OpenError) -> Check {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let why = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    let advice = "see that it runs, takes connections from here (listen_addresses, pg_hba.conf), and that database_url \
                  names the right user, password and database";
    Check::fail(WHAT, format!("{shown}: {why}"), advice)
}

fn judge(shown: &str, look: &Inspection, db_max_conns: u32, is_development: bool) -> Vec<Check> {
    let mut checks = vec![server(shown, look)];
    // A replica has the tables and the settings of another server.
    if !look.is_replica {
        checks.extend([schema(look), durability(look, is_development), connections(look, db_max_conns), clock(look)]);
    }
    checks.push(way(look));
    checks
}

fn server(shown: &str, look: &Inspection) -> Check {
    let found = format!("{shown}: PostgreSQL {}", look.version);
    if !look.version_suffices {
        return Check::fail(WHAT, found, "use PostgreSQL 14 or newer");
    }
    if look.is_replica {
        let advice = "name the primary: what a replica says may be old, and it takes nothing";
        return Check::fail(WHAT, format!("{found}, a replica"), advice);
    }
    if look.encoding != "UTF8" {
        let advice = "make a database with `create database .. encoding 'UTF8' template template0`";
        return Check::fail(WHAT, format!("{found}, in {}", look.encoding), advice);
    }
    Check::ok(WHAT, found)
}

fn schema(look: &Inspection) -> Check {
    let (what, known) = ("schema", look.known_schema);
    let found = look.schema.map_or_else(|| "none yet".to_owned(), |schema| schema.to_string());
    match look.schema {
        Some(schema) if schema > known => {
            let advice = format!("use the newer program that made it; this one knows schema {known}");
            Check::fail(what, found, advice)
        }
        Some(schema) if schema == known => Check::ok(what, found),
        _ if !look.may_create => {
            let advice = "the first node makes tables: `grant create on schema public to ..`, or make the user the \
                          database's owner";
            Check::fail(what, format!("{found}, and this user may not make tables"), advice)
        }
        _ => Check::ok(what, format!("{found}; the first node brings it to {known} at its start")),
    }
}

fn durability(look: &Inspection, is_development: bool) -> Check {
    let what = "durability";
    let switch = |on| if on { "on" } else { "off" };
    let found = format!(
        "fsync {}, full_page_writes {}, synchronous_commit {}",
        switch(look.fsync),
        switch(look.full_page_writes),
        look.synchronous_commit
    );
    if look.fsync && look.full_page_writes {
        let own = if look.synchronous_commit == "on" { "" } else { "; nodes set it to on for themselves" };
        return Check::ok(what, format!("{found}{own}"));
    }
    let advice = "a crash would lose tickets that were sold: switch both on in postgresql.conf and reload it";
    // As the server judges it: a rehearsal may lose everything.
    if is_development { Check::warn(what, found, advice) } else { Check::fail(what, found, advice) }
}

fn connections(look: &Inspection, db_max_conns: u32) -> Check {
    let what = "connections";
    let nodes = look.nodes(usize::try_from(db_max_conns).unwrap_or(usize::MAX));
    let found = format!(
        "{} for users, {} in use; {nodes} nodes with db_max_conns {db_max_conns}",
        look.connections_max, look.connections_open
    );
    let advice =
        "raise max_connections of the server, or lower db_max_conns: each node, worker or API, takes that many";
    match nodes {
        ..1 => Check::fail(what, found, advice),
        1..NODES_WARN => Check::warn(what, found, advice),
        _ => Check::ok(what, found),
    }
}

fn clock(look: &Inspection) -> Check {
    let what = "database clock";
    let (took_ms, ahead_ms) = (i64::try_from(look.asking_took.as_millis()).unwrap_or(i64::MAX), look.ahead_ms);
    let found = format!("{ahead_ms:+} ms from this machine's, asked in {took_ms} ms");
    let advice = "doors open by the database's clock: keep both machines' time by NTP";
    match ahead_ms.saturating_abs().saturating_sub(took_ms / 2) {
        ..AHEAD_MS_WARN => Check::ok(what, found),
        AHEAD_MS_WARN..AHEAD_MS_FAIL => Check::warn(what, found, advice),
        _ => Check::fail(what, found, advice),
    }
}

fn way(look: &Inspection) -> Check {
    let what = "database link";
    match (look.encrypted, look.is_local) {
        (true, _) => Check::ok(what, "encrypted"),
        (false, true) => Check::ok(what, "not encrypted, and on this machine"),
        (false, false) => {
            let advice = "passwords of people and keys pass there: sslmode=verify-full, or a network of its own";
            Check::warn(what, "not encrypted", advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::doctor::Status;

    fn look() -> Inspection {
        Inspection {
            version: "15.18".to_owned(),
            version_suffices: true,
            encoding: "UTF8".to_owned(),
            is_replica: false,
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".to_owned(),
            connections_max: 97,
            connections_open: 3,
            encrypted: true,
            is_local: false,
            may_create: true,
            schema: Some(6),
            known_schema: 6,
            ahead_ms: 3,
            asking_took: Duration::from_millis(4),
        }
    }

    /// The names of what is not ok, after a change to a healthy server.
    fn wrong(change: impl FnOnce(&mut Inspection)) -> Vec<(&'static str, Status)> {
        let mut look = look();
        change(&mut look);
        let checks = judge("postgres://fan@db/traffic", &look, 16, false);
        checks.iter().filter(|check| check.status != Status::Ok).map(|check| (check.what, check.status)).collect()
    }

    #[test]
    fn a_healthy_server_passes() {
        assert_eq!(wrong(|_| ()), []);
        assert_eq!(wrong(|look| look.synchronous_commit = "off".to_owned()), [], "nodes set it for themselves");
        assert_eq!(wrong(|look| look.schema = None), []);
    }

    #[test]
    fn what_a_node_would_refuse_fails() {
        let fails = |what, change: fn(&mut Inspection)| assert_eq!(wrong(change), [(what, Status::Fail)]);
        fails("database", |look| look.version_suffices = false);
        fails("database", |look| look.is_replica = true);
        fails("database", |look| look.encoding = "LATIN1".to_owned());
        fails("schema", |look| look.schema = Some(7));
        fails("schema", |look| (look.schema, look.may_create) = (None, false));
        fails("durability", |look| look.fsync = false);
        fails("durability", |look| look.full_page_writes = false);
        fails("connections", |look| look.connections_max = 15);
        fails("database clock", |look| look.ahead_ms = -AHEAD_MS_FAIL - 2);
    }

    #[test]
    fn what_disappoints_is_warned_of() {
        let warns = |what, change: fn(&mut Inspection)| assert_eq!(wrong(change), [(what, Status::Warn)]);
        warns("connections", |look| look.connections_max = 31);
        warns("database clock", |look| look.ahead_ms = AHEAD_MS_WARN + 2);
        warns("database link", |look| look.encrypted = false);
        assert_eq!(wrong(|look| look.ahead_ms = AHEAD_MS_WARN + 1), [], "no more than asking took is known");
        assert_eq!(wrong(|look| (look.encrypted, look.is_local) = (false, true)), []);
        assert_eq!(wrong(|look| look.connections_max = 32), []);
    }

    #[test]
    fn a_rehearsal_may_lose_what_it_acknowledged() {
        let unsafe_server = Inspection { fsync: false, ..look() };
        assert_eq!(durability(&unsafe_server, true).status, Status::Warn);
        assert_eq!(durability(&unsafe_server, false).status, Status::Fail);
    }
}
