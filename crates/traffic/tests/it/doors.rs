//! `traffic scan-verify` with what a real server gave out; and its records after cancellations, judged by `assert-queue`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::process::{Line, Server, wait_for};

/// Joins, comes in, holds these seats and pays; the session, the order and its tickets.
fn buy(server: &Server, sale: &str, who: &str, seats: &[&str]) -> (String, String, Vec<String>) {
    let token = server.accounts(1, who).remove(0).1;
    let bearer = format!("Bearer {token}");
    let mut line = Line::new(server.address);
    let base = format!("/v1/sales/{sale}");
    let joined = line.send("POST", &format!("{base}/waiting-room/join"), &[("authorization", &bearer)], None);
    assert_eq!(joined.unwrap().status, 201);
    let mut admission = String::new();
    wait_for("the call", || {
        let path = format!("{base}/waiting-room/status");
        let status = line.send("GET", &path, &[("authorization", &bearer)], None).unwrap();
        admission = status.json()["admission_token"].as_str().unwrap_or_default().to_owned();
        !admission.is_empty()
    });
    let admission = format!("Admission {admission}");
    let mut shop = |what: &str, body: Value| {
        let answer = line.send("POST", &format!("{base}/{what}"), &[("authorization", &admission)], Some(&body));
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let hold = shop("holds", json!({ "seat_ids": seats, "idempotency_key": "h" }))["hold_id"].clone();
    let order = shop("checkout", json!({ "hold_id": hold, "idempotency_key": "c" }));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tickets = order["ticket_ids"].as_array().unwrap().iter().map(text).collect();
    (bearer, text(&order["order_id"]), tickets)
}

fn code(server: &Server, bearer: &str, ticket: &str) -> String {
    let path = format!("/v1/tickets/{ticket}");
    let answer = Line::new(server.address).send("GET", &path, &[("authorization", bearer)], None).unwrap();
    answer.json()["code"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// An answer as the file that an operator would save.
fn saved(folder: &Path, name: &str, server: &Server, path: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, server.operator("GET", path, None).unwrap().body).unwrap();
    file
}

fn scan_verify(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traffic"));
    command.arg("scan-verify").args(arguments);
    command
}

#[track_caller]
fn said(output: &Output, exit: i32) -> Vec<String> {
    assert_eq!(output.status.code(), Some(exit), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_door_without_a_connection_tells_good_codes_from_bad_ones() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(folder.path());
    assert!(server.ready().is_some(), "{}", server.log());
    let (sale, other_sale) = (server.open_sale(10), server.open_sale(10));
    let (bearer, _, tickets) = buy(&server, &sale, "here", &["GA-1-1", "GA-1-2", "GA-1-3"]);
    let [good, replaced, cancelled] = [0, 1, 2].map(|at| code(&server, &bearer, &tickets[at]));
    let (stranger, _, others) = buy(&server, &other_sale, "there", &["GA-1-1"]);
    let elsewhere = code(&server, &stranger, &others[0]);
    server.operate(&format!("/v1/admin/tickets/{}/reissue", tickets[1]), &json!({}));
    server.operate(&format!("/v1/admin/tickets/{}/cancel", tickets[2]), &json!({}));
    let newest = code(&server, &bearer, &tickets[1]);
    let keys = saved(folder.path(), "keys.json", &server, "/.well-known/jwks.json");
    let revoked = saved(folder.path(), "revoked.txt", &server, &format!("/v1/admin/sales/{sale}/revoked"));
    server.stop();

    let (keys, revoked) = (keys.to_str().unwrap(), revoked.to_str().unwrap());
    let door = ["--keys", keys, "--sale", &sale, "--revoked", revoked];
    let lines = said(&scan_verify(&door).args([&good, &newest]).output().unwrap(), 0);
    assert_eq!(lines[0], format!("good  seat GA-1-1  ticket {}  version 1  sale {sale}", tickets[0]));
    assert_eq!(lines[1], format!("good  seat GA-1-2  ticket {}  version 2  sale {sale}", tickets[1]));

    let forged = good.replacen(&good[40..41], if &good[40..41] == "A" { "B" } else { "A" }, 1);
    for (code, why) in [
        (&replaced, "revoked: issued again, good from version 2  seat GA-1-2"),
        (&cancelled, "revoked: cancelled  seat GA-1-3"),
        (&elsewhere, "wrong_sale: for another sale  seat GA-1-1"),
        (&forged, "unknown: "),
        (&"nonsense".to_owned(), "unknown: not a ticket's code"),
    ] {
        let lines = said(&scan_verify(&door).args([&good, code]).output().unwrap(), 1);
        assert!(lines[0].starts_with("good  ") && lines[1].starts_with(&format!("BAD   {why}")), "{lines:?}");
    }
    let twice = said(&scan_verify(&door).args([&good, &newest, &good]).output().unwrap(), 1);
    assert!(twice[2].starts_with("BAD   already_used: let in here as number 1  seat GA-1-1"), "{twice:?}");
    let unasked = said(&scan_verify(&["--keys", keys]).args([&elsewhere, &good]).output().unwrap(), 0);
    assert_eq!(unasked.len(), 2, "without --sale every sale's tickets are good");

    for (wrong, named) in [
        (vec!["--keys", "no-such-file", &good], "--keys no-such-file cannot be read"),
        (vec!["--keys", revoked, &good], "is not JSON"),
        (vec!["--keys", keys, "--revoked", keys, &good], "is no whole list of revoked tickets"),
        (vec!["--keys", keys], "no code was given"),
    ] {
        let output = scan_verify(&wrong).stdin(Stdio::null()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && errors.contains(named), "{named}: {output:?}");
    }
}

/// A scanner sends a line and waits for the answer before the next person holds a ticket out.
#[test]
fn each_code_on_standard_input_is_answered_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(folder.path());
    assert!(server.ready().is_some(), "{}", server.log());
    let sale = server.open_sale(10);
    let (bearer, _, tickets) = buy(&server, &sale, "here", &["GA-1-1"]);
    let good = code(&server, &bearer, &tickets[0]);
    let keys = saved(folder.path(), "keys.json", &server, "/.well-known/jwks.json");
    let mut door = scan_verify(&["--keys", keys.to_str().unwrap(), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut scanner = door.stdin.take().unwrap();
    let mut screen = BufReader::new(door.stdout.take().unwrap()).lines();
    for (line, answer) in
        [(&good, "good  seat GA-1-1"), (&"\r\nx".to_owned(), "BAD   unknown"), (&good, "BAD   already_used")]
    {
        writeln!(scanner, "{line}").unwrap();
        let shown = screen.next().unwrap().unwrap();
        assert!(shown.starts_with(answer), "{shown}");
    }
    drop(scanner);
    assert_eq!(door.wait().unwrap().code(), Some(1));
}

#[test]
fn records_with_cancelled_tickets_are_judged_and_a_seat_that_went_nowhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(folder.path());
    assert!(server.ready().is_some(), "{}", server.log());
    let sale = server.open_sale(4);
    let (_, order, _) = buy(&server, &sale, "first", &["GA-1-1", "GA-1-2"]);
    server.operate(&format!("/v1/admin/orders/{order}/cancel"), &json!({}));
    let (_, _, tickets) = buy(&server, &sale, "second", &["GA-1-1"]);
    let held = Line::new(server.address).send(
        "PATCH",
        &format!("/v1/admin/sales/{sale}"),
        &[("x-admin-key", "dev-admin-key")],
        Some(&json!({ "cancelled_seats": "held" })),
    );
    assert_eq!(held.unwrap().status, 200);
    let (_, _, kept) = buy(&server, &sale, "third", &["GA-1-3"]);
    for ticket in [&tickets[0], &kept[0]] {
        server.operate(&format!("/v1/admin/tickets/{ticket}/cancel"), &json!({}));
    }
    let one = json!({ "seat_ids": ["GA-1-1"] });
    assert_eq!(server.operate(&format!("/v1/admin/sales/{sale}/release-held"), &one)["left"], 1);
    buy(&server, &sale, "fourth", &["GA-1-1"]);
    server.stop();

    let database = folder.path().join("traffic.db");
    let judge = || {
        let url = format!("sqlite://{}", database.display());
        let output = Command::new(env!("CARGO_BIN_EXE_traffic"))
            .args(["assert-queue", "--sale", &sale, "--database-url", &url])
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (sound, text) = judge();
    assert!(sound && text.ends_with("PASS\n"), "{text}");

    let planted = |statement: &str| {
        let before = fs::read(&database).unwrap();
        let records = rusqlite::Connection::open(&database).unwrap();
        assert_eq!(records.execute(statement, []).unwrap(), 1, "{statement}");
        drop(records);
        let (sound, text) = judge();
        fs::write(&database, before).unwrap();
        let _ = fs::remove_file(database.with_extension("db-wal"));
        let _ = fs::remove_file(database.with_extension("db-shm"));
        assert!(!sound && text.contains("FAIL") && text.contains("S7"), "{statement}: {text}");
    };
    planted("update hold_seats set kept_at = null where kept_at is not null");
    planted("delete from refunds where rowid = (select min(rowid) from refunds)");
    planted("update refunds set amount = amount - 1 where rowid = (select min(rowid) from refunds)");
    planted("update tickets set cancelled_at = null where seat = 1");
    let (sound, text) = judge();
    assert!(sound, "as it was: {text}");
}
