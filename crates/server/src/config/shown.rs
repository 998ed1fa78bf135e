//! Every setting as it holds, with where it comes from, and without what nobody should read over a shoulder.

use std::path::Path;

use super::settings::{Merged, keys};
use super::{ConfigError, DatabaseUrl, Origin, Settings};
use crate::mail::MailUrl;
use crate::redis::RedisUrl;

/// Never shown.
const SECRETS: [&str; 6] =
    ["jwt_secret", "jwt_secret_previous", "admin_api_key", "demo_api_key", "runner_key", "otlp_headers"];
const HIDDEN: &str = "(hidden)";

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub key: String,
    /// Empty where it is not set.
    pub value: String,
    pub origin: Origin,
}

/// All settings in the order of their names. Whether they can be used is not asked here.
pub fn effective(
    flags: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
    file: Option<(&Path, &str)>,
) -> Result<Vec<Shown>, ConfigError> {
    let merged = Merged::new(flags, env, file, &mut Vec::new())?;
    let shown = |key: String| {
        let (text, origin) = merged.get(&key).unwrap_or(("", &Origin::Default));
        let (value, origin) = (printable(&key, text), origin.clone());
        Shown { key, value, origin }
    };
    Ok(keys().into_iter().map(shown).collect())
}

/// A URL may hold a password; one that cannot be read may hold it anywhere.
fn printable(key: &str, text: &str) -> String {
    let hidden = || HIDDEN.to_owned();
    match key {
        _ if text.is_empty() => String::new(),
        _ if SECRETS.contains(&key) => hidden(),
        "database_url" => text.parse::<DatabaseUrl>().map_or_else(|_| hidden(), |url| url.to_string()),
        "redis_url" => RedisUrl::parse(text).map_or_else(|_| hidden(), |url| url.to_string()),
        "mail_url" => MailUrl::parse(text).map_or_else(|_| hidden(), |url| url.to_string()),
        "otlp_endpoint" if text.contains('@') => hidden(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person must not see in it is this.
    const SECRET: &str = "hunter2-hunter2";

    #[test]
    fn no_secret_is_shown_whatever_the_key() {
        let values = [
            SECRET.to_owned(),
            format!("postgres://fan:{SECRET}@db/traffic?password={SECRET}"),
            format!("redis://:{SECRET}@cache:6379"),
            format!("smtp://fan:{SECRET}@mail.example"),
            format!("http://fan:{SECRET}@collector:4318"),
        ];
        // What is a secret by its name, or may hold one in a URL, and everything that is new and looks so.
        let holds =
            |key: &&String| ["secret", "key", "url", "headers", "endpoint"].iter().any(|word| key.contains(word));
        let public = ["ticket_key_file", "ticket_keys_previous"];
        let all = keys();
        for key in all.iter().filter(holds).filter(|key| !public.contains(&key.as_str())) {
            for value in values.iter().filter(|value| *key != "otlp_endpoint" || value.contains('@')) {
                assert!(!printable(key, value).contains(SECRET), "{key}: {}", printable(key, value));
            }
        }
    }

    #[test]
    fn a_setting_says_where_it_comes_from() {
        let flags = Settings { dev: true, lab: "off".parse().ok(), ..Settings::default() };
        let env = |name: &str| (name == "DB_MAX_CONNS").then(|| "4".to_owned());
        let file = "# mine\nhold_ttl_minutes = 3\ndb_max_conns = 2\n";
        let shown = effective(&flags, &env, Some((Path::new("t.toml"), file))).unwrap();
        let of = |key: &str| {
            let one = shown.iter().find(|one| one.key == key).unwrap();
            format!("{} ({})", one.value, one.origin)
        };
        assert_eq!(of("db_max_conns"), "4 (environment variable DB_MAX_CONNS)");
        assert_eq!(of("hold_ttl_minutes"), "3 (config file t.toml, line 2)");
        assert_eq!(of("lab"), "off (flag --lab)");
        assert_eq!(of("env"), "development (flag --dev)");
        assert_eq!(of("session_ttl_days"), "30 (default)");
        assert_eq!(of("redis_url"), " (default)");
        assert_eq!(shown.len(), keys().len());
    }
}
