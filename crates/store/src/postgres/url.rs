//! A database URL, with what the driver does not know of `sslmode`.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use super::tls::Trust;

/// For one host of the URL.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A peer that acknowledges nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// How to connect, and whom to trust.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) trust: Trust,
}

/// The error repeats no part of the URL: it may hold a password.
pub(super) fn parse(url: &str) -> Result<Target, String> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut roots, mut rest) = (SslMode::Prefer, None, Vec::new());
    let mut verify = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", "disable")) => mode = SslMode::Disable,
            Some(("sslmode", "prefer")) => mode = SslMode::Prefer,
            Some(("sslmode", "require")) => mode = SslMode::Require,
            Some(("sslmode", "verify-ca")) => (mode, verify) = (SslMode::Require, Some(false)),
            Some(("sslmode", "verify-full")) => (mode, verify) = (SslMode::Require, Some(true)),
            Some(("sslmode", _)) => {
                return Err("sslmode is none of disable, prefer, require, verify-ca, verify-full".to_owned());
            }
            Some(("sslrootcert", path)) => roots = Some(PathBuf::from(path)),
            _ => rest.push(pair),
        }
    }
    let whole = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    let mut config: Config = whole.parse().map_err(|error: tokio_postgres::Error| {
        let why = std::error::Error::source(&error).map(ToString::to_string);
        format!("cannot be read: {}", why.unwrap_or_else(|| "it is no PostgreSQL URL".to_owned()))
    })?;
    if config.get_hosts().is_empty() {
        return Err("names no host".to_owned());
    }
    if config.get_dbname().is_none() {
        return Err("names no database".to_owned());
    }
    config.ssl_mode(mode).connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(SILENCE_MAX);
    // Never a replica: what it says may be old.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_application_name().is_none() {
        config.application_name("traffic");
    }
    let trust = match (verify, roots) {
        (Some(named), roots) => Trust::Signed { roots, named },
        (None, None) => Trust::Anybody,
        // As everywhere: naming who may sign and encrypting is asking for a signature.
        (None, roots @ Some(_)) if mode == SslMode::Require => Trust::Signed { roots, named: false },
        (None, Some(_)) => Trust::Anybody,
    };
    Ok(Target { config, trust })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sslmode_says_how_much_of_the_certificate_counts() {
        let of = |query: &str| {
            let target = parse(&format!("postgres://fan:secret@db.example/traffic{query}")).unwrap();
            (target.config.get_ssl_mode(), target.trust)
        };
        assert_eq!(of(""), (SslMode::Prefer, Trust::Anybody));
        assert_eq!(of("?sslmode=disable"), (SslMode::Disable, Trust::Anybody));
        assert_eq!(of("?sslmode=require"), (SslMode::Require, Trust::Anybody));
        let signed = |roots: Option<&str>, named| Trust::Signed { roots: roots.map(PathBuf::from), named };
        assert_eq!(of("?sslmode=require&sslrootcert=/ca.pem"), (SslMode::Require, signed(Some("/ca.pem"), false)));
        assert_eq!(of("?sslmode=verify-ca"), (SslMode::Require, signed(None, false)));
        assert_eq!(of("?sslrootcert=/ca.pem&sslmode=verify-full"), (SslMode::Require, signed(Some("/ca.pem"), true)));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (url, why) in [
            ("postgres://fan:secret@db/traffic?sslmode=perhaps", "sslmode is none of"),
            ("postgres://fan:secret@db", "names no database"),
            ("postgres:///traffic", "names no host"),
            ("postgres://fan:secret@db:port/traffic", "cannot be read"),
            ("postgres://fan:secret@db/traffic?colour=red", "cannot be read"),
        ] {
            let error = parse(url).err().unwrap();
            assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn other_parameters_are_the_drivers() {
        let target = parse("postgres://fan@/traffic?host=/run/postgresql&sslmode=disable&port=5433").unwrap();
        assert_eq!(target.config.get_ports(), [5433]);
        assert_eq!(target.config.get_dbname(), Some("traffic"));
        assert_eq!(target.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    }
}
