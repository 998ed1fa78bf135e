//! `traffic doctor`: looks at what a server with these settings would use, and says what to do.

mod address;
mod database;
mod folder;
mod machine;
mod postgres;
mod redis;

use std::fmt;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};
use server::config::{Config, DatabaseUrl, Shown, odd_variables};
use server::tickets::TicketSigner;

use crate::EXIT_FAILED;
use crate::cli::DoctorArgs;
use crate::real;
use crate::serve::settings as settings_of;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    /// The server runs, and something about it will disappoint.
    Warn,
    /// The server would not start, or could not be trusted.
    Fail,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    status: Status,
    what: &'static str,
    found: String,
    /// What to do; empty where nothing is.
    advice: String,
}

impl Check {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self { status: Status::Ok, what, found: found.into(), advice: String::new() }
    }

    fn warn(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: Status::Warn, what, found: found.into(), advice: advice.into() }
    }

    fn fail(what: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: Status::Fail, what, found: found.into(), advice: advice.into() }
    }

    fn json(&self) -> Value {
        let advice = Some(&self.advice).filter(|advice| !advice.is_empty());
        json!({ "status": self.status.name(), "what": self.what, "found": self.found, "advice": advice })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4}  {:<15}  {}", self.status.name(), self.what, self.found)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, " -> {}", self.advice) }
    }
}

/// The defaults, where the settings cannot be read: connections, and files of each.
const CONNECTIONS: (u32, u64) = (16, 2);

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let (mut checks, mut connections) = (Vec::new(), CONNECTIONS);
    let (config, settings) = settings_of(&args.serve).unwrap_or_else(|wrong| (Err(wrong), Vec::new()));
    match config {
        Ok(config) => {
            connections = (config.db_max_conns, config.database_url.files_per_connection());
            with_settings(&config, &mut checks)?;
        }
        Err(wrong) => {
            let fix = "a flag, the environment or the config file sets it; traffic.default.toml lists every setting";
            checks.extend(wrong.lines.into_iter().map(|line| Check::fail("settings", line, fix)));
        }
    }
    let leave_out = "correct it, or leave it out";
    checks.extend(
        odd_variables(real::env_names(), &real::env).into_iter().map(|odd| Check::warn("settings", odd, leave_out)),
    );
    checks.extend(machine::checks(connections.0, connections.1));
    let healthy = checks.iter().all(|check| check.status != Status::Fail);
    if args.json {
        let checks: Vec<Value> = checks.iter().map(Check::json).collect();
        let mut told = json!({ "healthy": healthy, "checks": checks });
        if args.settings {
            told["settings"] = settings.iter().map(setting_json).collect();
        }
        println!("{told:#}");
    } else {
        settings.iter().filter(|_| args.settings).for_each(|one| println!("{}", setting_line(one)));
        checks.iter().for_each(|check| println!("{check}"));
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

fn setting_line(one: &Shown) -> String {
    let value = if one.value.is_empty() { "(not set)" } else { &one.value };
    format!("{:<24} = {value:<32} ({})", one.key, one.origin)
}

fn setting_json(one: &Shown) -> Value {
    json!({ "key": one.key, "value": one.value, "source": one.origin.to_string() })
}

fn with_settings(config: &Config, checks: &mut Vec<Check>) -> anyhow::Result<()> {
    match config.ticket_key_file.as_deref().map(TicketSigner::read) {
        Some(Err(wrong)) => {
            let fix = "the server does not start with it";
            checks.extend(wrong.lines.into_iter().map(|line| Check::fail("settings", line, fix)));
        }
        _ => checks.push(settings(config)),
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    checks.extend(runtime.block_on(address::checks(&config.http_addrs)));
    match &config.database_url {
        DatabaseUrl::Sqlite(path) => {
            checks.extend(folder::checks(path));
            checks.extend(database::checks(path));
        }
        url @ DatabaseUrl::Postgres(_) => {
            checks.extend(runtime.block_on(postgres::checks(url, config.db_max_conns, config.is_development())));
        }
    }
    if let Some(url) = &config.redis_url {
        checks.push(runtime.block_on(redis::check(url)));
    }
    Ok(())
}

fn settings(config: &Config) -> Check {
    let env = if config.is_development() { "development" } else { "production" };
    let idle = config.without_effect();
    if idle.is_empty() {
        return Check::ok("settings", env);
    }
    let found = format!("{env}; without effect here: {}", idle.join(", "));
    Check::warn("settings", found, "leave them out, and do not rely on them")
}

/// A number of bytes as people read it.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes >= 10 << 30 { format!("{} GiB", bytes >> 30) } else { format!("{} MiB", bytes / MIB) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_found_and_what_to_do() {
        let good = Check::ok("clock", "right");
        let bad = Check::fail("address", "busy", "stop it");
        assert_eq!(good.to_string(), "ok    clock            right");
        assert_eq!(bad.to_string(), "FAIL  address          busy -> stop it");
        assert_eq!(bad.json(), json!({ "status": "FAIL", "what": "address", "found": "busy", "advice": "stop it" }));
        assert_eq!(good.json()["advice"], Value::Null);
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!((size(0), size(5 << 20), size(12 << 30)), ("0 MiB".into(), "5 MiB".into(), "12 GiB".into()));
    }
}
