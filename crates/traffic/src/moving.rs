//! `traffic migrate --from sqlite://.. --to postgres://..`: moves up from one machine to many.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use server::config::{ConfigError, Secret};
use store::transfer::{Transfer, Transferred};

use crate::cli::MigrateArgs;
use crate::real::{self, SystemClock};
use crate::serve::load_config;

const TARGET: &str = "must be postgres://USER@HOST/DATABASE";

pub(crate) fn run(from: &str, args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let (from, to) = urls(from, args.to.as_ref().map(Secret::reveal), &real::env)?;
    let transfer = Transfer {
        from,
        to,
        clock: Arc::new(SystemClock::start()),
        hand_driven_from: None,
        // The other settings do not matter here, and may be missing.
        may_lose: load_config(&args.serve).is_ok_and(|config| config.is_development()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(transfer.run())?;
    print!("{}", told(&done));
    Ok(ExitCode::SUCCESS)
}

/// The file to copy from and the URL to copy to. No error repeats a URL, which may hold a password.
fn urls(from: &str, to: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Result<(PathBuf, String), ConfigError> {
    let mut lines = Vec::new();
    let path = from.strip_prefix("sqlite://").filter(|path| !path.is_empty());
    if path.is_none() {
        lines.push("--from must be sqlite://PATH, such as sqlite://data/traffic.db".to_owned());
    }
    let (named, url) = match to {
        Some(to) => ("--to", Some(to.to_owned())),
        None => ("DATABASE_URL", env("DATABASE_URL").filter(|url| !url.is_empty())),
    };
    match &url {
        None => lines.push(format!("--to is missing: it {TARGET}, and so may DATABASE_URL in the environment")),
        Some(url) if is_postgres(url) => {}
        Some(_) => lines.push(format!("{named} {TARGET}")),
    }
    match (path, url) {
        (Some(path), Some(url)) if lines.is_empty() => Ok((PathBuf::from(path), url)),
        _ => Err(ConfigError { lines }),
    }
}

fn is_postgres(url: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
}

fn told(done: &Transferred) -> String {
    let width = done.tables.iter().map(|(table, _)| table.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (table, rows) in &done.tables {
        writeln!(text, "{table:width$}  {rows:>10}").expect("a string takes every write");
    }
    let rows: i64 = done.tables.iter().map(|(_, rows)| rows).sum();
    let tables = done.tables.len();
    writeln!(text, "{rows} rows of {tables} tables copied; every count is the same, and no line has a gap")
        .expect("a string takes every write");
    if done.moved_ms != 0 {
        let text = &mut text;
        writeln!(text, "times were moved by {} ms, from the clock of this machine to the server's", done.moved_ms)
            .expect("a string takes every write");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "sqlite://data/traffic.db";
    const TO: &str = "postgres://fan:secret@db/traffic";

    fn lines(from: &str, to: Option<&str>, env: Option<&str>) -> String {
        match urls(from, to, &|name| env.filter(|_| name == "DATABASE_URL").map(str::to_owned)) {
            Ok((path, url)) => format!("{} {url}", path.display()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_url_of_the_wrong_kind_is_told_by_its_name_and_without_its_password() {
        let from = "--from must be sqlite://PATH, such as sqlite://data/traffic.db";
        assert_eq!(lines(FROM, Some(TO), None), format!("data/traffic.db {TO}"));
        assert_eq!(lines(FROM, None, Some(TO)), format!("data/traffic.db {TO}"));
        assert_eq!(lines(FROM, Some(TO), Some("sqlite://x")), format!("data/traffic.db {TO}"), "the flag wins");
        assert_eq!(lines(TO, Some(TO), None), from);
        assert_eq!(lines("sqlite://", Some(FROM), None), format!("{from}\n--to {TARGET}"));
        assert_eq!(lines(FROM, None, Some(FROM)), format!("DATABASE_URL {TARGET}"));
        for env in [None, Some("")] {
            assert!(lines(FROM, None, env).starts_with("--to is missing"));
        }
        assert!(!lines(FROM, Some("mysql://fan:secret@db/traffic"), None).contains("secret"));
    }

    #[test]
    fn what_was_copied_is_told_by_table() {
        let tables = vec![("accounts".to_owned(), 12), ("sales".to_owned(), 3)];
        let told = told(&Transferred { tables, moved_ms: 60_000 });
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[..2], ["accounts          12", "sales              3"]);
        assert!(lines[2].starts_with("15 rows of 2 tables copied"), "{told}");
        assert_eq!(lines[3], "times were moved by 60000 ms, from the clock of this machine to the server's");
    }
}
