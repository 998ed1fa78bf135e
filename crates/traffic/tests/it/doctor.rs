//! `traffic doctor`: a healthy machine passes, and each thing that is wrong is named with what to do.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::process::{Line, Server};

fn traffic(arguments: &[&str], database: &Path, address: &str) -> Output {
    let url = format!("sqlite://{}", database.display());
    Command::new(env!("CARGO_BIN_EXE_traffic"))
        .args(arguments)
        .args(["--http-addr", address, "--database-url", &url])
        .env_remove("JWT_SECRET")
        .env_remove("ADMIN_API_KEY")
        .output()
        .unwrap()
}

/// Port 0: whatever is free.
fn doctor(database: &Path) -> Output {
    traffic(&["doctor", "--dev"], database, "127.0.0.1:0")
}

/// The line about `what`, and whether all is well.
fn line(output: &Output, what: &str) -> (String, bool) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let about = |line: &&str| line.get(6..).is_some_and(|line| line.starts_with(what));
    let found = text.lines().find(about).unwrap_or_else(|| panic!("nothing about {what}: {output:?}"));
    (found.to_owned(), output.status.success())
}

#[track_caller]
fn fails(output: &Output, what: &str, named: &[&str]) {
    let (found, healthy) = line(output, what);
    assert!(!healthy && output.status.code() == Some(1), "{output:?}");
    assert!(found.starts_with("FAIL") && found.contains(" -> "), "{found}");
    for word in named {
        assert!(found.contains(word), "{word} is not in: {found}");
    }
}

fn private_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn migrated(database: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_traffic"))
        .args(["migrate", "--dev", "--database-url", &format!("sqlite://{}", database.display())])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_healthy_machine_passes_and_nothing_is_left_behind() {
    let folder = private_folder();
    let database = folder.path().join("traffic.db");
    let fresh = doctor(&database);
    assert!(fresh.status.success(), "{fresh:?}");
    assert!(line(&fresh, "database").0.contains("not there yet"), "{fresh:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    migrated(&database);
    let names = || {
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let (before, bytes) = (names(), fs::read(&database).unwrap());
    let kept = doctor(&database);
    assert!(kept.status.success(), "{kept:?}");
    assert!(line(&kept, "database").0.ends_with("healthy"), "{kept:?}");
    for what in ["settings", "address", "data folder", "free space", "sqlite", "fsync", "open files", "clock"] {
        assert!(!line(&kept, what).0.starts_with("FAIL"), "{kept:?}");
    }
    assert_eq!((names(), fs::read(&database).unwrap()), (before, bytes), "it only looks");
}

#[test]
fn json_says_the_same() {
    let folder = private_folder();
    let output = traffic(&["doctor", "--dev", "--json"], &folder.path().join("a.db"), "127.0.0.1:0");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["healthy"], true);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["what"] == "fsync" && check["found"].is_string()), "{report}");
    assert!(checks.iter().all(|check| check["status"] == "ok" || check["advice"].is_string()), "{report}");
}

#[test]
fn a_busy_address_is_named() {
    let folder = private_folder();
    let other = (20_000..32_000).find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).unwrap();
    let address = other.local_addr().unwrap().to_string();
    // Somebody who takes the connection and hangs up is no Traffic server.
    let hangs_up = std::thread::spawn(move || drop(other.accept()));
    let output = traffic(&["doctor", "--dev"], &folder.path().join("a.db"), &address);
    hangs_up.join().unwrap();
    fails(&output, "address", &[&address, "--http-addr"]);
}

#[test]
fn a_running_server_is_named_and_left_alone() {
    let folder = private_folder();
    let data = folder.path().join("data");
    let server = Server::spawn(&data);
    assert!(server.ready().is_some(), "{}", server.log());
    let output = traffic(&["doctor", "--dev"], &data.join("traffic.db"), &server.address.to_string());
    let (found, healthy) = line(&output, "address");
    assert!(healthy && found.starts_with("warn") && found.contains("instance "), "{output:?}");
    assert!(line(&output, "database").0.ends_with("healthy"), "{output:?}");
    let answer = Line::new(server.address).send("GET", "/health/ready", &[], None);
    assert!(answer.is_some_and(|answer| answer.status == 200));
    server.kill();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = private_folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    fails(&doctor(&file.join("data/traffic.db")), "data folder", &["file/data", "--database-url"]);
}

#[test]
fn a_file_that_others_may_read_is_warned_of() {
    let folder = private_folder();
    let database = folder.path().join("traffic.db");
    migrated(&database);
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    let (found, healthy) = line(&doctor(&database), "data folder");
    assert!(healthy && found.starts_with("warn") && found.contains("chmod 600"), "{found}");
}

#[test]
fn a_damaged_database_is_named() {
    let folder = private_folder();
    let database = folder.path().join("traffic.db");
    fs::write(&database, "this was a database once, and somebody has written over it".repeat(100)).unwrap();
    fails(&doctor(&database), "database", &["traffic.db", "backup"]);
}

#[test]
fn a_database_of_a_newer_program_is_named() {
    let folder = private_folder();
    let database = folder.path().join("traffic.db");
    migrated(&database);
    // SQLite keeps the schema version at byte 60 of the file.
    let file = fs::File::options().write(true).open(&database).unwrap();
    file.write_all_at(&99_u32.to_be_bytes(), 60).unwrap();
    fails(&doctor(&database), "database", &["schema 99", "newer program"]);
}

#[test]
fn wrong_settings_are_named_and_the_machine_is_still_looked_at() {
    let folder = private_folder();
    let output = traffic(&["doctor", "--env", "production"], &folder.path().join("a.db"), "127.0.0.1:0");
    fails(&output, "settings", &["admin_api_key is missing", "openssl rand"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("jwt_secret is missing"), "all at once: {output:?}");
    assert!(!line(&output, "open files").0.is_empty());
}

#[test]
fn a_ticket_key_that_the_server_would_refuse_is_named() {
    let folder = private_folder();
    let key = folder.path().join("no.pem").display().to_string();
    let args = ["doctor", "--dev", "--ticket-key-file", &key];
    fails(
        &traffic(&args, &folder.path().join("a.db"), "127.0.0.1:0"),
        "settings",
        &["ticket_key_file", "cannot be read"],
    );
}

/// With a database server in place of a file.
fn doctor_of_server(url: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_traffic"))
        .args(["doctor", "--dev", "--http-addr", "127.0.0.1:0"])
        .env("DATABASE_URL", url)
        .env_remove("ADMIN_API_KEY")
        .env_remove("REDIS_URL")
        .output()
        .unwrap()
}

#[test]
fn a_database_server_is_looked_at_and_left_as_it_is() {
    let database = testbed::database();
    let fresh = doctor_of_server(database.url());
    assert!(fresh.status.success(), "{fresh:?}");
    assert!(line(&fresh, "schema").0.contains("none yet"), "{fresh:?}");
    for (what, found) in
        [("database ", "PostgreSQL"), ("connections", "nodes with db_max_conns 16"), ("database clock", "ms")]
    {
        assert!(line(&fresh, what).0.contains(found), "{fresh:?}");
    }
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(database.psql().run(tables).unwrap(), "0");

    database
        .psql()
        .run("create table schema_version (version bigint); insert into schema_version values (99)")
        .unwrap();
    fails(&doctor_of_server(database.url()), "schema", &["99", "newer program"]);
}

#[test]
fn a_database_server_that_is_away_is_named_without_its_password() {
    let url = format!("postgres://fan:hunter2@127.0.0.1:{}/traffic", testbed::free_port());
    let output = doctor_of_server(&url);
    fails(&output, "database", &["postgres://fan@127.0.0.1", "cannot be reached", "listen_addresses"]);
    assert!(!format!("{output:?}").contains("hunter2"), "{output:?}");
}

#[test]
fn a_redis_that_is_away_is_warned_of_and_stops_nothing() {
    let folder = private_folder();
    let redis = testbed::redis();
    let look =
        |url: &str| traffic(&["doctor", "--dev", "--redis-url", url], &folder.path().join("a.db"), "127.0.0.1:0");
    let (found, healthy) = line(&look(&redis.url()), "redis");
    assert!(healthy && found.starts_with("ok"), "{found}");
    let (found, healthy) = line(&look(&format!("redis://:hunter2@127.0.0.1:{}", testbed::free_port())), "redis");
    assert!(healthy && found.starts_with("warn") && !found.contains("hunter2"), "{found}");
}
