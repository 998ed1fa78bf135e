//! `traffic assert-queue --database-url`: judges from the records alone, changes nothing, and says what it cannot read.

use std::path::Path;
use std::process::{Command, Output};

use crate::process::{Line, Server};

const FANS: usize = 8;

fn assert_queue(database: &Path, sale: &str) -> Output {
    assert_queue_at(&format!("sqlite://{}", database.display()), sale)
}

fn assert_queue_at(url: &str, sale: &str) -> Output {
    judged_with(&[], url, sale)
}

fn judged_with(flags: &[&str], url: &str, sale: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_traffic"))
        .args(["assert-queue", "--sale", sale])
        .args(flags)
        .arg("--database-url")
        .env("DATABASE_URL", url)
        .output()
        .unwrap()
}

#[track_caller]
fn fails(output: &Output, named: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && errors.contains(named), "{named} is not in: {output:?}");
}

/// A sale whose fans have joined.
fn queued(server: &Server) -> String {
    assert!(server.ready().is_some(), "{}", server.log());
    let sale = server.open_sale(FANS as u32);
    for (_, token) in server.accounts(FANS, "line") {
        let bearer = format!("Bearer {token}");
        let path = format!("/v1/sales/{sale}/waiting-room/join");
        let joined = Line::new(server.address).send("POST", &path, &[("authorization", &bearer)], None);
        assert_eq!(joined.map(|answer| answer.status), Some(201));
    }
    sale
}

#[test]
fn a_sale_is_judged_from_its_database_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("traffic.db");
    let server = Server::spawn(folder.path());
    let sale = queued(&server);
    fails(&assert_queue(&database, &sale), "in use by another Traffic server");
    server.stop();

    let sound = assert_queue(&database, &sale);
    let text = String::from_utf8_lossy(&sound.stdout);
    assert!(sound.status.success() && text.ends_with("PASS\n"), "{sound:?}");
    assert!(text.contains(&format!("entries {FANS}   inversions 0   gaps 0   duplicates 0")), "{text}");

    let as_json = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let url = format!("sqlite://{}", database.display());
    let json = judged_with(&["--json"], &url, &sale);
    assert!(json.status.success(), "{json:?}");
    assert_eq!((&as_json(&json)["sale_id"], &as_json(&json)["entries"]), (&sale.as_str().into(), &FANS.into()));

    fails(&assert_queue(&database, "00000000-0000-7000-8000-000000000000"), "is not in this database");
    fails(&assert_queue(&database, "the-first"), "`the-first` is no id of a sale");

    // What no server would write: the second one in line was never there.
    let records = rusqlite::Connection::open(&database).unwrap();
    assert_eq!(records.execute("delete from entries where position = 2", []).unwrap(), 1);
    drop(records);
    let broken = assert_queue(&database, &sale);
    let text = String::from_utf8_lossy(&broken.stdout);
    assert!(broken.status.code() == Some(1) && text.ends_with("FAIL\n"), "{broken:?}");
    assert!(text.contains("gaps 1"), "{text}");
    let json = judged_with(&["--json"], &url, &sale);
    assert!(json.status.code() == Some(1) && as_json(&json)["gaps"] == 1, "{json:?}");
    assert_eq!(as_json(&json)["passed"], false);
}

#[test]
fn a_database_that_is_not_there_or_of_another_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("traffic.db");
    let any = "00000000-0000-7000-8000-000000000000";
    fails(&assert_queue(&database, any), "is not there");
    assert!(!database.exists());

    let records = rusqlite::Connection::open(&database).unwrap();
    records.pragma_update(None, "user_version", 1).unwrap();
    drop(records);
    let before = std::fs::read(&database).unwrap();
    fails(&assert_queue(&database, any), "has schema 1");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

#[test]
fn a_database_server_without_our_tables_is_left_alone() {
    let database = testbed::database();
    fails(&assert_queue_at(database.url(), "00000000-0000-7000-8000-000000000000"), "has schema 0");
    assert_eq!(database.psql().run("select count(*) from pg_tables where schemaname = 'public'").unwrap(), "0");
    fails(
        &assert_queue_at("postgres://fan:hunter2@127.0.0.1:1/x", "00000000-0000-7000-8000-000000000000"),
        "cannot be",
    );
    let wrong = assert_queue_at("mysql://fan:hunter2@db/x", "00000000-0000-7000-8000-000000000000");
    fails(&wrong, "--database-url is neither");
    assert!(!format!("{wrong:?}").contains("hunter2"));
}
