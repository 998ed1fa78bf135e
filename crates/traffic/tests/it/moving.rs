//! `traffic migrate --from .. --to ..`: what a server wrote arrives whole, and what cannot be copied is named.

use std::path::Path;
use std::process::{Command, Output};

use crate::process::{Line, Server};

const PEOPLE: usize = 12;

fn migrate(arguments: &[&str], database_url: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traffic"));
    command.args(["migrate", "--dev"]).args(arguments).env_remove("DATABASE_URL").env_remove("TRAFFIC_LOG");
    if let Some(url) = database_url {
        command.env("DATABASE_URL", url);
    }
    command.output().unwrap()
}

fn url(data: &Path) -> String {
    format!("sqlite://{}", data.join("traffic.db").display())
}

/// It ended so, and said this on standard error.
#[track_caller]
fn refused(output: &Output, code: i32, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(said.contains(why), "{why} is not in: {said}");
}

/// A sale with people in line, on a server that still runs.
fn sale_with_a_line(data: &Path) -> Server {
    let server = Server::spawn(data);
    server.ready().unwrap();
    let sale = server.open_sale(40);
    let mut line = Line::new(server.address);
    for (_, session) in server.accounts(PEOPLE, "mover") {
        let path = format!("/v1/sales/{sale}/waiting-room/join");
        let answer = line.send("POST", &path, &[("authorization", &format!("Bearer {session}"))], None);
        assert_eq!(answer.unwrap().status, 201);
    }
    server
}

#[test]
fn an_installation_moves_from_a_file_to_a_database_once_its_server_has_stopped() {
    let data = tempfile::tempdir().unwrap();
    let database = testbed::database();
    let server = sale_with_a_line(data.path());
    let arguments = ["--from", &url(data.path()), "--to", database.url()];
    refused(&migrate(&arguments, None), 1, "is in use by another Traffic server");
    assert!(server.stop().success());

    // The flag wins over the environment.
    let done = migrate(&arguments, Some("sqlite://elsewhere.db"));
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{done:?}");
    let rows = |table: &str| {
        let line = told.lines().find(|line| line.split_whitespace().next() == Some(table)).unwrap_or(&told);
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let file = rusqlite::Connection::open(data.path().join("traffic.db")).unwrap();
    for table in ["accounts", "signing_keys", "audit_log", "sales", "seats", "entries", "tickets"] {
        let sql = format!("select count(*) from {table}");
        let there: i64 = file.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!((table, rows(table)), (table, usize::try_from(there).unwrap()), "{told}");
    }
    drop(file);
    assert_eq!(rows("entries"), PEOPLE, "{told}");
    assert!(told.contains("every count is the same"), "{told}");
    let line = "select count(*), min(position), max(position), count(distinct account) from entries";
    assert_eq!(database.psql().run(line).unwrap(), format!("{PEOPLE}|1|{PEOPLE}|{PEOPLE}"));

    refused(&migrate(&arguments, None), 1, "the target is not empty: it has rows in `accounts`");
    // The source is what it was, and a server takes it.
    let server = Server::spawn(data.path());
    server.ready().unwrap();
    assert!(server.stop().success());
}

#[test]
fn what_cannot_be_copied_is_named() {
    let data = tempfile::tempdir().unwrap();
    let from = url(data.path());
    let postgres = "postgres://fan:secret@127.0.0.1:1/traffic";
    refused(&migrate(&["--from", &from, "--to", postgres], None), 1, "there is no file");
    refused(&migrate(&["--from", postgres, "--to", postgres], None), 2, "error: --from must be sqlite://PATH");
    refused(&migrate(&["--from", &from, "--to", &from], None), 2, "error: --to must be postgres://");
    refused(&migrate(&["--from", &from], Some(&from)), 2, "error: DATABASE_URL must be postgres://");
    refused(&migrate(&["--from", &from], None), 2, "error: --to is missing");
    refused(&migrate(&["--to", postgres], None), 2, "--from");
    refused(&migrate(&["--from", &from, "--database-url", &from], None), 2, "cannot be used with");

    assert!(migrate(&["--database-url", &from], None).status.success(), "without --from it makes the tables");
    let unreachable = migrate(&["--from", &from], Some(postgres));
    refused(&unreachable, 1, "the target cannot be used");
    assert!(!String::from_utf8_lossy(&unreachable.stderr).contains("secret"), "{unreachable:?}");
}
