//! A database of a test's own on a server that all tests share.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, process};

use crate::postgres::Postgres;
use crate::psql::Psql;

/// Names the server that all tests of a run share: the URL of a database on it, as a superuser.
const SHARED: &str = "TRAFFIC_TEST_POSTGRES";

/// Dropped, with whoever is still connected to it, when this is dropped.
pub struct Database {
    url: String,
    name: String,
}

impl Database {
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn psql(&self) -> Psql {
        Psql::new(self.url.as_str())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that is gone has taken the database along; a panic in a drop would hide why the test failed.
        drop(Psql::new(server()).run(&format!("drop database if exists {} with (force)", self.name)));
    }
}

/// An empty database.
pub fn database() -> Database {
    copy_of("template0").unwrap_or_else(|error| panic!("a database for this test: {error}"))
}

/// A copy of the template `name`, which `make` fills when it is not there yet: once per server, whoever comes first. It is
/// given the URL of an empty database and must close its connections to it.
///
/// # Panics
/// If the name is not made of small letters, digits and `_`, or if the server refuses.
pub fn database_from(name: &str, make: impl FnOnce(&str)) -> Database {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    assert!(!name.is_empty() && name.len() <= 40 && name.bytes().all(plain), "name of a template: '{name}'");
    let template = format!("template_{name}");
    if let Ok(copy) = copy_of(&template) {
        return copy;
    }
    make_template(&template, make).unwrap_or_else(|error| panic!("the template {name}: {error}"));
    copy_of(&template).unwrap_or_else(|error| panic!("a copy of the template {name}: {error}"))
}

/// Under another name until it is whole, so that nobody copies a half-made one.
fn make_template(template: &str, make: impl FnOnce(&str)) -> Result<(), String> {
    let (_alone, lock_file) = lock(template);
    let psql = Psql::new(server());
    if psql.run(&format!("select 1 from pg_database where datname = '{template}'"))? == "1" {
        return Ok(());
    }
    let making = format!("{template}_making");
    psql.run(&format!("drop database if exists {making} with (force)"))?;
    psql.run(&format!("create database {making} template template0"))?;
    make(&at(server(), &making));
    // A connection that is still closing would make every copy wait for it.
    psql.run(&format!("alter database {making} with allow_connections false"))?;
    psql.run(&format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{making}'"))?;
    psql.run(&format!("alter database {making} rename to {template}"))?;
    // Only now: whoever still waits for this file finds the template, and whoever comes later makes a new file and finds it too.
    drop(fs::remove_file(lock_file));
    Ok(())
}

/// One process at a time on this server, until the file is closed.
fn lock(template: &str) -> (File, PathBuf) {
    let server: String = server().chars().filter(char::is_ascii_alphanumeric).collect();
    let path = std::env::temp_dir().join(format!("traffic-{server}-{template}.lock"));
    let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.lock().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (file, path)
}

fn copy_of(template: &str) -> Result<Database, String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let psql = Psql::new(server());
    loop {
        // A process that was killed left its databases behind, and its number comes again.
        let name = format!("test_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match create(&psql, &name, template) {
            Ok(_) => return Ok(Database { url: at(server(), &name), name }),
            Err(error) if error.contains(&format!("database \"{name}\" already exists")) => (),
            Err(error) => return Err(error),
        }
    }
}

/// Copies files: with many tests at once twice as fast as writing all their pages to the log, the default since version 15.
fn create(psql: &Psql, name: &str, template: &str) -> Result<String, String> {
    let statement = format!("create database {name} template {template}");
    match psql.run(&format!("{statement} strategy file_copy")) {
        // Version 14 knows no other way.
        Err(error) if error.contains("\"strategy\" not recognized") => psql.run(&statement),
        done => done,
    }
}

/// The URL of the shared server's first database.
fn server() -> &'static str {
    static SERVER: OnceLock<(String, Option<Postgres>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| {
        let given = given();
        let own = given.is_none().then(Postgres::start);
        (given.or_else(|| own.as_ref().map(|own| own.url("postgres"))).expect("one of them is there"), own)
    });
    url
}

#[expect(clippy::disallowed_methods, reason = "the settings of a test run, not of the product")]
fn given() -> Option<String> {
    std::env::var(SHARED).ok().filter(|url| !url.is_empty())
}

/// The same server, another database.
fn at(url: &str, database: &str) -> String {
    let (rest, query) = url.split_once('?').map_or((url, None), |(rest, query)| (rest, Some(query)));
    let start = rest.find("://").map_or(0, |at| at + 3);
    let server = rest[start..].find('/').map_or(rest, |slash| &rest[..start + slash]);
    query.map_or_else(|| format!("{server}/{database}"), |query| format!("{server}/{database}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn only_the_name_of_the_database_changes() {
        assert_eq!(at("postgres://a:b@h:5/postgres", "x"), "postgres://a:b@h:5/x");
        assert_eq!(at("postgres://a@h:5", "x"), "postgres://a@h:5/x");
        assert_eq!(at("postgres://a@/old?host=/tmp/s&port=5", "x"), "postgres://a@/x?host=/tmp/s&port=5");
        assert_eq!(at("postgres://a@h:5/?sslmode=disable", "x"), "postgres://a@h:5/x?sslmode=disable");
    }
}
