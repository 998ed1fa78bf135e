//! What the server is told at its start, parsed into a [`Config`] that cannot be wrong.
//! Flag over environment over config file over `traffic.default.toml`.

mod cidr;
mod database_url;
mod file;
mod near;
mod odd;
mod roles;
mod secret;
mod settings;
mod shown;
#[cfg(test)]
mod tests;
mod tracing;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub use cidr::Cidr;
pub use database_url::DatabaseUrl;
pub use odd::odd_variables;
pub use roles::Roles;
pub use secret::Secret;
use settings::Merged;
pub use settings::{Origin, Settings, Text};
pub use shown::{Shown, effective};
pub use tracing::TracingSettings;

use crate::limits::Rates;
use crate::mail::{MailFrom, MailUrl};
use crate::proof_of_work::{self, Difficulty};
use crate::redis::RedisUrl;
use crate::tickets::PublicKey;

/// The key that every reader of the documentation knows; allowed only where nobody else can connect.
pub const DEV_ADMIN_KEY: &str = "dev-admin-key";
/// The output of the hash that keys are derived with; shorter would be the weakest link.
const JWT_SECRET_BYTES_MIN: usize = 32;
/// 16 random characters of base64 are 96 bits: beyond guessing over a network.
const API_KEY_BYTES_MIN: usize = 16;
const DEV_PORT: u16 = 8080;
/// Where a node without data of its own has its folder.
const NO_DATA: &str = "data/none";
const HOW_TO_MAKE_ONE: &str = "make one with `openssl rand -hex 32`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Env {
    Production,
    Development,
}

/// The caps of load runs started over HTTP; over one is a refusal that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadtestCaps {
    pub max_vus: u32,
    pub max_queue: u32,
    pub max_concurrent: u32,
    pub max_steady_sec: u32,
    pub default_vus: u32,
    /// Of reports and histories together.
    pub keep_mb: u32,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub env: Env,
    pub roles: Roles,
    pub http_addrs: Vec<SocketAddr>,
    pub database_url: DatabaseUrl,
    pub redis_url: Option<RedisUrl>,
    /// Always there outside development; inside, the store makes one once and keeps it.
    pub jwt_secret: Option<Secret>,
    pub jwt_secret_previous: Option<Secret>,
    pub ticket_key_file: Option<PathBuf>,
    pub ticket_keys_previous: Vec<PublicKey>,
    pub admin_api_key: Secret,
    pub demo_api_key: Option<Secret>,
    pub runner_key: Option<Secret>,
    pub session_ttl: Duration,
    /// For new sales that do not say otherwise.
    pub hold_ttl: Duration,
    pub db_max_conns: u32,
    pub trusted_proxies: Vec<Cidr>,
    pub limits: Rates,
    /// `None`: nobody has to prove work.
    pub proof_of_work: Option<Difficulty>,
    /// `None`: nobody gets a one-time code.
    pub mail_url: Option<MailUrl>,
    pub mail_from: MailFrom,
    pub lab: bool,
    /// A load runner lives beside this node, as its child.
    pub loadtest_runner: bool,
    pub loadtest: LoadtestCaps,
    /// `None`: nothing is traced.
    pub tracing: Option<TracingSettings>,
}

impl Config {
    /// Reads all layers and tells everything that is wrong at once.
    /// `file` is the path and text of the config file; `env` looks a variable up.
    pub fn load(
        flags: &Settings,
        env: &dyn Fn(&str) -> Option<String>,
        file: Option<(&Path, &str)>,
    ) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let mut read = Reader { merged: Merged::new(flags, env, file, &mut wrong)?, wrong };
        let config = read.config();
        if read.wrong.is_empty() { Ok(config) } else { Err(ConfigError::new(read.wrong)) }
    }

    /// Settings that do nothing beside the others: said at the start, so that nobody relies on them.
    pub fn without_effect(&self) -> Vec<&'static str> {
        let given = [("runner_key", self.runner_key.is_some() && !self.lab)];
        given.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }

    /// Whether this process keeps a runner.
    pub fn has_own_runner(&self) -> bool {
        self.lab && self.loadtest_runner && self.roles.api
    }

    /// Somebody on another machine can connect.
    pub fn is_reachable_by_others(&self) -> bool {
        self.http_addrs.iter().any(|addr| !addr.ip().to_canonical().is_loopback())
    }

    pub fn is_development(&self) -> bool {
        self.env == Env::Development
    }
}

/// One line for each wrong setting: its name, what is wrong, where it was written.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub lines: Vec<String>,
}

impl ConfigError {
    fn new(lines: impl IntoIterator<Item = String>) -> Self {
        Self { lines: lines.into_iter().collect() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Takes values out of the merged layers; a wrong one leaves a line and a stand-in, so that all are found.
struct Reader {
    merged: Merged,
    wrong: Vec<String>,
}

impl Reader {
    fn config(&mut self) -> Config {
        let env = self.parsed("env", parse_env).unwrap_or(Env::Production);
        let lab = self.parsed("lab", |text| parse_switch(text, env)).unwrap_or(false);
        let config = Config {
            env,
            roles: self.parsed("roles", str::parse).unwrap_or(Roles::ALL),
            http_addrs: self.http_addrs(env),
            database_url: self
                .parsed("database_url", str::parse)
                .unwrap_or_else(|| DatabaseUrl::Sqlite(PathBuf::new())),
            redis_url: self.parsed("redis_url", RedisUrl::parse),
            jwt_secret: self.secret("jwt_secret"),
            jwt_secret_previous: self.secret("jwt_secret_previous"),
            ticket_key_file: self.text("ticket_key_file").map(PathBuf::from),
            ticket_keys_previous: self.parsed("ticket_keys_previous", parse_list).unwrap_or_default(),
            admin_api_key: self.admin_api_key(env),
            demo_api_key: self.secret("demo_api_key"),
            runner_key: self.secret("runner_key"),
            session_ttl: Duration::from_secs(u64::from(self.number("session_ttl_days", 1..=365)) * 86_400),
            hold_ttl: Duration::from_secs(u64::from(self.number("hold_ttl_minutes", 1..=60)) * 60),
            db_max_conns: self.number("db_max_conns", 1..=1000),
            trusted_proxies: self.parsed("trusted_proxies", parse_list).unwrap_or_default(),
            limits: self.parsed("limits", str::parse).unwrap_or_default(),
            proof_of_work: self.parsed("proof_of_work", proof_of_work::setting).flatten(),
            mail_url: self.mail_url(env),
            mail_from: self.mail_from(),
            lab,
            loadtest_runner: self.parsed("loadtest_runner", parse_on_off).unwrap_or(false),
            loadtest: self.loadtest(),
            tracing: self.tracing(),
        };
        self.refuse_half_a_node(&config);
        match env {
            Env::Production => self.refuse_weak_secrets(&config),
            Env::Development => self.refuse_known_key_in_the_open(&config),
        }
        config
    }

    fn loadtest(&mut self) -> LoadtestCaps {
        let caps = LoadtestCaps {
            max_vus: self.number("loadtest_max_vus", 1..=1_000_000),
            max_queue: self.number("loadtest_max_queue", 0..=100),
            max_concurrent: self.number("loadtest_max_concurrent", 1..=16),
            max_steady_sec: self.number("loadtest_max_steady_sec", 1..=86_400),
            default_vus: self.number("loadtest_default_vus", 1..=1_000_000),
            keep_mb: self.number("loadtest_keep_mb", 1..=1_000_000),
        };
        if caps.default_vus > caps.max_vus {
            self.refuse("loadtest_default_vus", "is over loadtest_max_vus");
        }
        caps
    }

    fn http_addrs(&mut self, env: Env) -> Vec<SocketAddr> {
        let by_default = matches!(self.merged.get("http_addr"), Some((_, Origin::Default)));
        if by_default && env == Env::Development {
            return [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]
                .map(|address| SocketAddr::new(address, DEV_PORT))
                .to_vec();
        }
        let addrs = self.parsed("http_addr", parse_list::<HttpAddr>).unwrap_or_default();
        addrs.into_iter().map(|HttpAddr(addr)| addr).collect()
    }

    fn admin_api_key(&mut self, env: Env) -> Secret {
        match (self.secret("admin_api_key"), env) {
            (Some(key), _) => key,
            (None, Env::Development) => Secret::new(DEV_ADMIN_KEY),
            (None, Env::Production) => {
                self.refuse("admin_api_key", &format!("is missing: {HOW_TO_MAKE_ONE}"));
                Secret::new("")
            }
        }
    }

    fn mail_url(&mut self, env: Env) -> Option<MailUrl> {
        match self.parsed("mail_url", MailUrl::parse) {
            None if env == Env::Development => {
                let data = self.text("database_url").and_then(|url| url.strip_prefix("sqlite://")).unwrap_or(NO_DATA);
                Some(MailUrl::beside(Path::new(data)))
            }
            url => url,
        }
    }

    /// Only files may come from nobody.
    fn mail_from(&mut self) -> MailFrom {
        let is_sent = self.text("mail_url").is_some_and(|url| url.starts_with("smtp"));
        match self.parsed("mail_from", MailFrom::parse) {
            Some(from) => from,
            None => {
                if is_sent && self.text("mail_from").is_none() {
                    self.refuse(
                        "mail_from",
                        "is missing where mail_url names a server: `Tickets <tickets@example.com>`",
                    );
                }
                MailFrom::nobody()
            }
        }
    }

    /// Nobody could open the file for the other half.
    fn refuse_half_a_node(&mut self, config: &Config) {
        let in_a_file = self.text("database_url").is_some_and(|url| url.starts_with("sqlite:"));
        if in_a_file && config.roles != Roles::ALL {
            let why =
                "names a part of a node, but an SQLite file belongs to one process: leave it out, or use postgres://";
            self.refuse("roles", why);
        }
    }

    fn refuse_weak_secrets(&mut self, config: &Config) {
        if config.jwt_secret.is_none() {
            self.refuse("jwt_secret", &format!("is missing: {HOW_TO_MAKE_ONE}, or try Traffic out with `serve --dev`"));
        }
        if config.lab && config.demo_api_key.is_none() {
            self.refuse("demo_api_key", &format!("is missing where the lab is on: {HOW_TO_MAKE_ONE}"));
        }
        let secrets = [
            ("jwt_secret", &config.jwt_secret, JWT_SECRET_BYTES_MIN),
            ("jwt_secret_previous", &config.jwt_secret_previous, JWT_SECRET_BYTES_MIN),
            ("admin_api_key", &Some(config.admin_api_key.clone()), API_KEY_BYTES_MIN),
            ("demo_api_key", &config.demo_api_key, API_KEY_BYTES_MIN),
            ("runner_key", &config.runner_key, API_KEY_BYTES_MIN),
        ];
        for (key, secret, bytes_min) in secrets {
            let Some(secret) = secret.as_ref().filter(|secret| secret.len_bytes() > 0) else { continue };
            if secret.matches(DEV_ADMIN_KEY) {
                self.refuse(key, &format!("is the key for development: {HOW_TO_MAKE_ONE}"));
            } else if secret.len_bytes() < bytes_min {
                self.refuse(key, &format!("is shorter than {bytes_min} bytes: {HOW_TO_MAKE_ONE}"));
            } else if secret.looks_made_up() {
                self.refuse(key, &format!("repeats a few characters: {HOW_TO_MAKE_ONE}"));
            }
        }
    }

    fn refuse_known_key_in_the_open(&mut self, config: &Config) {
        let open = config.http_addrs.iter().find(|addr| !addr.ip().to_canonical().is_loopback());
        if let (Some(addr), true) = (open, config.admin_api_key.matches(DEV_ADMIN_KEY)) {
            let why = format!("opens {addr} to others while admin_api_key is {DEV_ADMIN_KEY}: set ADMIN_API_KEY");
            self.refuse("http_addr", &why);
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.merged.get(key).map(|(text, _)| text)
    }

    fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    fn number(&mut self, key: &str, allowed: RangeInclusive<u32>) -> u32 {
        let parse = |text: &str| {
            let number = text.parse().ok().filter(|number| allowed.contains(number));
            number
                .ok_or_else(|| format!("is `{text}`, not a whole number from {} to {}", allowed.start(), allowed.end()))
        };
        self.parsed(key, parse).unwrap_or(1)
    }

    fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text(key)?) {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(key, &why);
                None
            }
        }
    }

    fn refuse(&mut self, key: &str, why: &str) {
        let origin =
            self.merged.get(key).map_or_else(|| "not set anywhere".to_owned(), |(_, origin)| origin.to_string());
        self.wrong.push(format!("{key} {why} ({origin})"));
    }
}

fn parse_env(text: &str) -> Result<Env, String> {
    match text {
        "production" => Ok(Env::Production),
        "development" => Ok(Env::Development),
        _ => Err(format!("is `{text}`, not production or development")),
    }
}

fn parse_switch(text: &str, env: Env) -> Result<bool, String> {
    match text {
        "auto" => Ok(env == Env::Development),
        _ => parse_on_off(text).map_err(|_| format!("is `{text}`, not on, off or auto")),
    }
}

fn parse_on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(format!("is `{text}`, not on or off")),
    }
}

fn parse_list<T: FromStr<Err = String>>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(|part| part.trim().parse::<T>().map_err(|why| format!("is wrong: {why}"))).collect()
}

struct HttpAddr(SocketAddr);

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for all addresses, IPv4 and IPv6.
impl FromStr for HttpAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None if text.starts_with(':') => format!("[::]{text}"),
            None => text.to_owned(),
        };
        let addr = whole.parse().map_err(|_| format!("`{text}` is not an address like :8080 or 127.0.0.1:8080"))?;
        Ok(Self(addr))
    }
}
