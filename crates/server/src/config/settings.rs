//! The settings as written by people: text, from flags, environment, file or the built-in defaults.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use super::ConfigError;
use super::file::{self, Layer};

const DEFAULTS: &str = include_str!("../../../../traffic.default.toml");

/// One layer of settings. A key that is not set, or set to nothing, is left to the next layer.
#[derive(Clone, Debug, Default, Args, Serialize)]
pub struct Settings {
    /// Short for --env development: generated keys, a known admin key, loopback only, lab on
    #[arg(long, conflicts_with = "env")]
    #[serde(skip)]
    pub dev: bool,
    /// production or development [env: TRAFFIC_ENV]
    #[arg(long, value_name = "NAME")]
    pub env: Option<Text>,
    /// What this process does: api, worker, or both; a part of it only on PostgreSQL [env: TRAFFIC_ROLES]
    #[arg(long, value_name = "ROLES")]
    pub roles: Option<Text>,
    /// Addresses to listen on, comma-separated; :8080 is all addresses [env: HTTP_ADDR]
    #[arg(long, value_name = "ADDR")]
    pub http_addr: Option<Text>,
    /// sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub database_url: Option<Text>,
    /// redis://HOST, rediss://.., unix:///PATH, redis-sentinel://.. or redis-cluster://.. [env: REDIS_URL]
    #[arg(long, value_name = "URL")]
    pub redis_url: Option<Text>,
    /// Root of the session and admission keys, 32 bytes or more [env: JWT_SECRET]
    #[arg(long, value_name = "SECRET")]
    pub jwt_secret: Option<Text>,
    /// The secret before this one, accepted only [env: JWT_SECRET_PREVIOUS]
    #[arg(long, value_name = "SECRET")]
    pub jwt_secret_previous: Option<Text>,
    /// File with the key that signs tickets [env: TICKET_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub ticket_key_file: Option<Text>,
    /// Public keys that signed tickets before this one, comma-separated: their codes stay good [env: TICKET_KEYS_PREVIOUS]
    #[arg(long, value_name = "KEYS")]
    pub ticket_keys_previous: Option<Text>,
    /// What organisers send as X-Admin-Key, 16 bytes or more [env: ADMIN_API_KEY]
    #[arg(long, value_name = "KEY")]
    pub admin_api_key: Option<Text>,
    /// What the lab's pages send as X-Demo-Key [env: DEMO_API_KEY]
    #[arg(long, value_name = "KEY")]
    pub demo_api_key: Option<Text>,
    /// What a load runner shows [env: RUNNER_KEY]
    #[arg(long, value_name = "KEY")]
    pub runner_key: Option<Text>,
    /// Days a login lasts [env: SESSION_TTL_DAYS]
    #[arg(long, value_name = "DAYS")]
    pub session_ttl_days: Option<Text>,
    /// Minutes a new sale keeps held seats [env: HOLD_TTL_MINUTES]
    #[arg(long, value_name = "MINUTES")]
    pub hold_ttl_minutes: Option<Text>,
    /// Connections to the database [env: DB_MAX_CONNS]
    #[arg(long, value_name = "N")]
    pub db_max_conns: Option<Text>,
    /// Address blocks of balancers, whose X-Forwarded-For is believed, comma-separated [env: TRUSTED_PROXIES]
    #[arg(long, value_name = "CIDRS")]
    pub trusted_proxies: Option<Text>,
    /// Limits other than the defaults: NAME=COUNT/min:BURST or NAME=off, comma-separated [env: LIMITS]
    #[arg(long, value_name = "LIMITS")]
    pub limits: Option<Text>,
    /// on, off, or the easiest and hardest challenge: 25000..500000 [env: PROOF_OF_WORK]
    #[arg(long, value_name = "ON")]
    pub proof_of_work: Option<Text>,
    /// Who carries mail with one-time codes [env: MAIL_URL]
    #[arg(long, value_name = "URL")]
    pub mail_url: Option<Text>,
    /// Whom mail is from: `Tickets <tickets@example.com>` [env: MAIL_FROM]
    #[arg(long, value_name = "ADDRESS")]
    pub mail_from: Option<Text>,
    /// on, off or auto (on in development) [env: TRAFFIC_LAB]
    #[arg(long, value_name = "ON")]
    pub lab: Option<Text>,
    /// Most virtual fans in one load run [env: LOADTEST_MAX_VUS]
    #[arg(long, value_name = "N")]
    pub loadtest_max_vus: Option<Text>,
    /// Load runs that may wait [env: LOADTEST_MAX_QUEUE]
    #[arg(long, value_name = "N")]
    pub loadtest_max_queue: Option<Text>,
    /// Load runs at the same time [env: LOADTEST_MAX_CONCURRENT]
    #[arg(long, value_name = "N")]
    pub loadtest_max_concurrent: Option<Text>,
    /// Longest steady phase of a load run [env: LOADTEST_MAX_STEADY_SEC]
    #[arg(long, value_name = "SEC")]
    pub loadtest_max_steady_sec: Option<Text>,
    /// Virtual fans where a run names no number [env: LOADTEST_DEFAULT_VUS]
    #[arg(long, value_name = "N")]
    pub loadtest_default_vus: Option<Text>,
    /// MiB of reports and histories of load runs that are kept [env: LOADTEST_KEEP_MB]
    #[arg(long, value_name = "N")]
    pub loadtest_keep_mb: Option<Text>,
    /// on or off: where the lab is on, whether this process keeps a load runner of its own [env: LOADTEST_RUNNER]
    #[arg(long, value_name = "ON")]
    pub loadtest_runner: Option<Text>,
    /// Collector that gets traces: http://HOST:4318; without one there are none [env: OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<Text>,
    /// What the collector wants to see: NAME=VALUE, comma-separated [env: OTEL_EXPORTER_OTLP_HEADERS]
    #[arg(long, value_name = "HEADERS")]
    pub otlp_headers: Option<Text>,
    /// This program's name in traces [env: OTEL_SERVICE_NAME]
    #[arg(long, value_name = "NAME")]
    pub otel_service_name: Option<Text>,
    /// What else traces say of this process: NAME=VALUE, comma-separated [env: OTEL_RESOURCE_ATTRIBUTES]
    #[arg(long, value_name = "ATTRIBUTES")]
    pub otel_resource_attributes: Option<Text>,
    /// Which requests are traced: parentbased_always_on, parentbased_traceidratio, .. [env: OTEL_TRACES_SAMPLER]
    #[arg(long, value_name = "NAME")]
    pub otel_traces_sampler: Option<Text>,
    /// For a sampler with a ratio: the share, 0 to 1 [env: OTEL_TRACES_SAMPLER_ARG]
    #[arg(long, value_name = "SHARE")]
    pub otel_traces_sampler_arg: Option<Text>,
}

/// A value as text. Not shown in Debug, since it may be a secret.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl FromStr for Text {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(given)")
    }
}

/// Where a value was written, for error messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag(String),
    Env(String),
    /// And its line there.
    File(PathBuf, usize),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path, line) => write!(f, "config file {}, line {line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The layers merged: for each key its text and where that came from.
pub(super) struct Merged(Layer);

impl Merged {
    /// `wrong` gets what is wrong with the file, where the rest of it can still be judged.
    pub(super) fn new(
        flags: &Settings,
        env: &dyn Fn(&str) -> Option<String>,
        file: Option<(&Path, &str)>,
        wrong: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let mut merged = defaults();
        if let Some((path, text)) = file {
            // Without the file the rest would be called missing.
            merged.extend(file::read(path, text, wrong).ok_or_else(|| ConfigError::new(std::mem::take(wrong)))?);
        }
        merged.extend(keys().iter().filter_map(|key| {
            let name = env_name(key);
            let text = env(&name).filter(|text| !text.is_empty())?;
            Some((key.clone(), (text, Origin::Env(name))))
        }));
        merged.extend(given(flags));
        if flags.dev {
            merged.insert("env".to_owned(), ("development".to_owned(), Origin::Flag("--dev".to_owned())));
        }
        Ok(Self(merged))
    }

    pub(super) fn get(&self, key: &str) -> Option<(&str, &Origin)> {
        self.0.get(key).map(|(text, origin)| (text.as_str(), origin))
    }
}

fn defaults() -> Layer {
    let read = file::read(Path::new("traffic.default.toml"), DEFAULTS, &mut Vec::new());
    let mut layer = read.expect("a file that is built in, and that a test reads");
    layer.values_mut().for_each(|(_, origin)| *origin = Origin::Default);
    layer
}

fn given(flags: &Settings) -> impl Iterator<Item = (String, (String, Origin))> {
    let flag = |key: &str| Origin::Flag(format!("--{}", key.replace('_', "-")));
    fields(flags).into_iter().filter_map(move |(key, value)| {
        let text = value.as_str().filter(|text| !text.is_empty())?.to_owned();
        let origin = flag(&key);
        Some((key, (text, origin)))
    })
}

/// The names of all settings, as a file writes them.
pub(super) fn keys() -> Vec<String> {
    fields(&Settings::default()).keys().cloned().collect()
}

fn fields(settings: &Settings) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => unreachable!("a struct of optional texts is a JSON object"),
    }
}

pub(super) fn env_name(key: &str) -> String {
    match key {
        // As OpenTelemetry calls them.
        "otlp_endpoint" | "otlp_headers" => format!("OTEL_EXPORTER_{}", key.to_uppercase()),
        // Names too general to stand alone in an environment.
        "env" | "lab" | "roles" => format!("TRAFFIC_{}", key.to_uppercase()),
        _ => key.to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_in_the_default_file_and_nothing_else() {
        let mut written: Vec<String> = toml::from_str::<toml::Table>(DEFAULTS).unwrap().keys().cloned().collect();
        written.sort();
        assert_eq!(written, keys());
    }

    #[test]
    fn every_setting_in_the_default_file_has_a_comment() {
        for line in DEFAULTS.lines().filter(|line| line.contains(" = ")) {
            assert!(line.contains(" # "), "{line}");
        }
    }

    #[test]
    fn the_flags_say_which_environment_variable_they_stand_for() {
        let command = Settings::augment_args(clap::Command::new("serve"));
        for key in keys() {
            let flag = command.get_arguments().find(|flag| flag.get_id().as_str() == key).unwrap();
            let help = flag.get_help().unwrap().to_string();
            assert!(help.contains(&format!("[env: {}]", env_name(&key))), "{key}: {help}");
        }
    }
}
