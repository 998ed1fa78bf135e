//! Precedence of the layers, and every refusal.

use std::path::Path;

use super::*;

const STRONG: &str = "7b0f4d1c9e2a58630b7f4d1c9e2a5863";

fn flags(set: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    set(&mut settings);
    settings
}

fn text(value: &str) -> Option<Text> {
    value.parse().ok()
}

fn load(flags: &Settings, env: &[(&str, &str)], file: &str) -> Result<Config, String> {
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Config::load(flags, &env, Some((Path::new("t.toml"), file))).map_err(|error| error.to_string())
}

fn development(env: &[(&str, &str)], file: &str) -> Result<Config, String> {
    load(&flags(|flags| flags.dev = true), env, file)
}

fn production(env: &[(&str, &str)]) -> Result<Config, String> {
    let strong = [("JWT_SECRET", STRONG), ("ADMIN_API_KEY", STRONG)];
    load(&Settings::default(), &[env, &strong].concat(), "")
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let with_flag = flags(|flags| {
        flags.dev = true;
        flags.db_max_conns = text("4");
    });
    let env = [("DB_MAX_CONNS", "3")];
    assert_eq!(load(&with_flag, &env, "db_max_conns = 2").unwrap().db_max_conns, 4);
    assert_eq!(development(&env, "db_max_conns = 2").unwrap().db_max_conns, 3);
    assert_eq!(development(&[], "db_max_conns = \"2\"").unwrap().db_max_conns, 2);
    assert_eq!(development(&[], "").unwrap().db_max_conns, 16);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(development(&[("DB_MAX_CONNS", ""), ("REDIS_URL", "")], "").unwrap().db_max_conns, 16);
}

#[test]
fn development_needs_no_settings_and_stays_on_loopback() {
    let config = development(&[], "").unwrap();
    assert!(config.is_development() && config.lab && config.jwt_secret.is_none());
    assert!(config.admin_api_key.matches(DEV_ADMIN_KEY));
    assert_eq!(config.http_addrs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:8080", "[::1]:8080"]);
    assert_eq!(config.database_url.to_string(), "sqlite://data/traffic.db");
    assert_eq!(config.session_ttl, Duration::from_secs(30 * 86_400));
}

#[test]
fn production_listens_on_all_addresses_with_the_lab_off() {
    let config = production(&[]).unwrap();
    assert_eq!(config.env, Env::Production);
    assert_eq!(config.http_addrs, ["[::]:8080".parse().unwrap()]);
    assert!(!config.lab);
}

#[test]
fn production_refuses_missing_secrets_all_at_once() {
    let wrong = load(&Settings::default(), &[], "").unwrap_err();
    assert!(wrong.contains("jwt_secret is missing: make one with"), "{wrong}");
    assert!(wrong.contains("admin_api_key is missing: make one with"), "{wrong}");
}

#[test]
fn production_refuses_default_short_and_made_up_secrets() {
    let cases = [
        ("ADMIN_API_KEY", DEV_ADMIN_KEY, "admin_api_key is the key for development"),
        ("ADMIN_API_KEY", "fifteen-bytes-k", "admin_api_key is shorter than 16 bytes"),
        ("ADMIN_API_KEY", "aaaaaaaaaaaaaaaaaaaaaaaa", "admin_api_key repeats"),
        ("JWT_SECRET", &STRONG[1..], "jwt_secret is shorter than 32 bytes"),
        ("JWT_SECRET_PREVIOUS", "short", "jwt_secret_previous is shorter than 32 bytes"),
        ("DEMO_API_KEY", "short", "demo_api_key is shorter than 16 bytes"),
        ("RUNNER_KEY", "short", "runner_key is shorter than 16 bytes"),
        ("TRAFFIC_LAB", "on", "demo_api_key is missing where the lab is on"),
    ];
    for (name, value, expected) in cases {
        let wrong = production(&[(name, value)]).unwrap_err();
        assert!(wrong.contains(expected), "{name}: {wrong}");
        assert!(name == "TRAFFIC_LAB" || wrong.contains(&format!("(environment variable {name})")), "{wrong}");
        assert_eq!(wrong.lines().count(), 1, "{wrong}");
    }
}

#[test]
fn the_development_key_is_refused_on_an_address_others_can_reach() {
    for address in [":8080", "0.0.0.0:8080", "127.0.0.1:1,192.0.2.1:1", "[::]:80"] {
        let wrong = development(&[("HTTP_ADDR", address)], "").unwrap_err();
        assert!(wrong.starts_with("http_addr opens ") && wrong.contains(DEV_ADMIN_KEY), "{wrong}");
    }
    assert!(development(&[("HTTP_ADDR", ":8080"), ("ADMIN_API_KEY", "my-own-key")], "").is_ok());
    assert!(development(&[("HTTP_ADDR", "localhost:9, [::1]:9")], "").is_ok());
}

#[test]
fn a_runner_is_kept_where_the_lab_is_on_and_people_are_answered() {
    assert!(development(&[], "").unwrap().has_own_runner());
    assert!(!development(&[("LOADTEST_RUNNER", "off")], "").unwrap().has_own_runner());
    assert!(!development(&[("TRAFFIC_LAB", "off")], "").unwrap().has_own_runner());
    assert!(!production(&[]).unwrap().has_own_runner());
    assert!(production(&[("TRAFFIC_LAB", "on"), ("DEMO_API_KEY", STRONG)]).unwrap().has_own_runner());
    let worker = [("DATABASE_URL", "postgres://u@h/d"), ("TRAFFIC_ROLES", "worker")];
    assert!(!development(&worker, "").unwrap().has_own_runner());
    assert_eq!(production(&[("RUNNER_KEY", STRONG)]).unwrap().without_effect(), ["runner_key"]);
    assert!(development(&[("RUNNER_KEY", STRONG)], "").unwrap().without_effect().is_empty());
}

#[test]
fn wrong_values_name_the_setting_and_where_it_was_written() {
    let cases = [
        ("env = \"staging\"", "env is `staging`, not production or development (config file t.toml, line 1)"),
        ("http_addr = \"8080\"", "http_addr is wrong: `8080` is not an address like"),
        ("roles = \"worker\"", "roles names a part of a node, but an SQLite file belongs to one process"),
        ("roles = \"all\"", "roles names `all`, not api, worker or api,worker"),
        ("database_url = \"traffic.db\"", "database_url is neither sqlite://PATH"),
        ("redis_url = \"cache:6379\"", "redis_url is not of the form redis://HOST"),
        ("session_ttl_days = 0", "session_ttl_days is `0`, not a whole number from 1 to 365"),
        ("hold_ttl_minutes = 61", "hold_ttl_minutes is `61`, not a whole number from 1 to 60"),
        ("loadtest_keep_mb = 0", "loadtest_keep_mb is `0`, not a whole number from 1 to"),
        ("loadtest_runner = \"auto\"", "loadtest_runner is `auto`, not on or off"),
        ("db_max_conns = \"many\"", "db_max_conns is `many`, not a whole number"),
        ("trusted_proxies = \"10.0.0.0/99\"", "trusted_proxies is wrong: `10.0.0.0/99`"),
        (
            "limits = \"hold.account=9/min:9, fold.account=off\"",
            "limits has `fold.account=off`: `fold.account` is no limit",
        ),
        ("limits = \"join.address=many/min:1\"", "limits has `join.address=many/min:1`: the count `many` is not"),
        ("proof_of_work = \"2000..1000\"", "proof_of_work 2000..1000: the easier one comes first"),
        ("proof_of_work = \"maybe\"", "proof_of_work is neither on, off nor a range such as"),
        ("lab = \"maybe\"", "lab is `maybe`, not on, off or auto"),
        ("loadtest_default_vus = 20000", "loadtest_default_vus is over loadtest_max_vus"),
        ("loadtest_max_steady_sec = -1", "loadtest_max_steady_sec is `-1`"),
        (
            "otlp_endpoint = \"localhost:4318\"",
            "otlp_endpoint is `localhost:4318`, not an address such as http://localhost:4318",
        ),
        ("otlp_headers = \"s3cret\"", "otlp_headers has no NAME=VALUE in place 1"),
        ("otel_resource_attributes = \"zone\"", "otel_resource_attributes has no NAME=VALUE"),
        ("otel_traces_sampler = \"some\"", "otel_traces_sampler is `some`, not always_on, always_off"),
        ("otel_traces_sampler_arg = \"1%\"", "otel_traces_sampler_arg is `1%`, not a share from 0 to 1"),
    ];
    for (file, expected) in cases {
        let flags = if file.starts_with("env") { Settings::default() } else { flags(|flags| flags.dev = true) };
        let wrong = load(&flags, &[], file).unwrap_err();
        assert!(wrong.contains(expected) && wrong.contains("(config file t.toml, line 1)"), "{file}: {wrong}");
    }
    let flag = flags(|flags| {
        flags.dev = true;
        flags.lab = text("maybe");
    });
    assert!(load(&flag, &[], "").unwrap_err().contains("(flag --lab)"));
}

#[test]
fn a_node_on_postgres_may_have_one_role() {
    let config = development(&[("TRAFFIC_ROLES", "api")], "database_url = \"postgres://fan:s3cret@db/x\"").unwrap();
    assert!(config.roles.api && !config.roles.worker);
    assert_eq!(config.database_url.to_string(), "postgres://fan@db/x");
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(development(&[], "").unwrap().roles, Roles::ALL);
}

#[test]
fn unknown_keys_in_the_file_are_refused_by_name() {
    let wrong = development(&[], "lab = true\nhttp_adr = \":1\"").unwrap_err();
    assert_eq!(wrong, "`http_adr` is no setting: is http_addr meant? (config file t.toml, line 2)");
}

#[test]
fn everything_wrong_is_told_at_once_with_its_key_and_its_source() {
    let flags = flags(|flags| {
        flags.dev = true;
        flags.lab = text("maybe");
    });
    let file = "session_ttl_days = 0\nhold_tll_minutes = 1\ndb_max_conns = [1]\nlimits = \"x\"\n";
    let wrong = load(&flags, &[("REDIS_URL", "cache"), ("OTEL_TRACES_SAMPLER", "some")], file).unwrap_err();
    let sources = [
        ("`hold_tll_minutes` is no setting: is hold_ttl_minutes meant?", "(config file t.toml, line 2)"),
        ("db_max_conns ", "(config file t.toml, line 3)"),
        ("lab ", "(flag --lab)"),
        ("redis_url ", "(environment variable REDIS_URL)"),
        ("session_ttl_days ", "(config file t.toml, line 1)"),
        ("limits ", "(config file t.toml, line 4)"),
        ("otel_traces_sampler ", "(environment variable OTEL_TRACES_SAMPLER)"),
    ];
    for (key, source) in sources {
        let found = wrong.lines().any(|line| line.starts_with(key) && line.ends_with(source));
        assert!(found, "nothing about {key} with {source}:\n{wrong}");
    }
    assert_eq!(wrong.lines().count(), sources.len(), "{wrong}");
}

#[test]
fn traces_are_off_until_a_collector_is_named() {
    let env = [("OTEL_SERVICE_NAME", "doors"), ("OTEL_TRACES_SAMPLER", "always_off")];
    assert!(development(&env, "").unwrap().tracing.is_none());
    let on = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cret")];
    let config = development(&on, "otel_service_name = \"doors\"").unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let tracing = config.tracing.unwrap();
    assert_eq!((tracing.url.to_string().as_str(), tracing.service.as_str()), ("http://c:4318/v1/traces", "doors"));
    assert_eq!(tracing.headers[0].1.reveal(), "s3cret");
}

#[test]
fn neither_errors_nor_debug_show_a_secret() {
    let config = development(&[("ADMIN_API_KEY", "s3cret-value"), ("JWT_SECRET", "s3cret-value")], "").unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let flags = flags(|flags| flags.jwt_secret = text("s3cret-value"));
    assert!(!format!("{flags:?}").contains("s3cret"));
    assert!(!load(&flags, &[], "").unwrap_err().contains("s3cret"));
    assert!(!development(&[], "jwt_secret = [\"s3cret-value\"]").unwrap_err().contains("s3cret"));
    let config = development(&[("REDIS_URL", "redis://:s3cret-value@cache")], "").unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!development(&[("REDIS_URL", "redis://:s3cret-value@cache:x")], "").unwrap_err().contains("s3cret"));
}

#[test]
fn trusted_proxies_are_parsed() {
    let config = development(&[("TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8")], "").unwrap();
    assert!(config.trusted_proxies.iter().any(|block| block.contains("10.1.1.1".parse().unwrap())));
}
