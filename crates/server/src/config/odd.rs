//! Variables of the environment that look as if they were meant for this program, which does not read them.

use super::near::nearest;
use super::settings::{env_name, keys};

/// What is read beside the settings, by other commands too.
const OTHERS: [&str; 5] = ["TRAFFIC_LOG", "BASE_URL", "SALE_ID", "TRAFFIC_BIN", "TRAFFIC_DATA"];
/// A slip in a short name makes another word.
const LETTERS_PER_SLIP: usize = 6;
const SLIPS_MAX: usize = 2;
/// The only way in which traces are sent.
const PROTOCOL: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");

/// One line for each; values are not repeated. `names`: what is set; `env` looks one up.
pub fn odd_variables(names: impl IntoIterator<Item = String>, env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let ours: Vec<String> = keys().iter().map(|key| env_name(key)).chain(OTHERS.map(str::to_owned)).collect();
    let traces = env(&env_name("otlp_endpoint")).is_some_and(|url| !url.is_empty());
    let mut odd: Vec<String> = names
        .into_iter()
        .filter(|name| !ours.contains(name))
        .filter(|name| name != PROTOCOL.0 || env(PROTOCOL.0).is_some_and(|value| value != PROTOCOL.1))
        .filter_map(|name| odd_one(&name, &ours, traces))
        .collect();
    odd.sort();
    odd
}

fn odd_one(name: &str, ours: &[String], traces: bool) -> Option<String> {
    let known = || ours.iter().map(String::as_str);
    // The prefix that some of ours have and others have not.
    let unprefixed = name.strip_prefix("TRAFFIC_").filter(|rest| ours.iter().any(|known| known == rest));
    let slips_max = (name.len() / LETTERS_PER_SLIP).min(SLIPS_MAX);
    if let Some(meant) = unprefixed.or_else(|| nearest(name, slips_max, known())) {
        return Some(format!("the environment variable {name} is not read: is {meant} meant?"));
    }
    if name == PROTOCOL.0 {
        return Some(format!("the environment variable {name} is not read: traces are sent as {}", PROTOCOL.1));
    }
    let of_traces = name.starts_with("OTEL_EXPORTER_OTLP_") || traces && name.starts_with("OTEL_");
    of_traces.then(|| {
        format!("the environment variable {name} is not read here (docs/logs-and-traces.md lists those that are)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(set: &[(&str, &str)]) -> Vec<String> {
        let env = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        odd_variables(set.iter().map(|(name, _)| (*name).to_owned()), &env)
    }

    #[test]
    fn a_slip_names_what_was_meant() {
        for (name, meant) in [
            ("TRAFFIC_HTTP_ADDR", "HTTP_ADDR"),
            ("HTTP_ADR", "HTTP_ADDR"),
            ("DATABSE_URL", "DATABASE_URL"),
            ("REDIS_URI", "REDIS_URL"),
            ("TRAFFIC_ROLE", "TRAFFIC_ROLES"),
            ("TRAFFIC_LOGS", "TRAFFIC_LOG"),
            ("OTEL_EXPORTER_OTLP_ENDPIONT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ] {
            let expected = format!("the environment variable {name} is not read: is {meant} meant?");
            assert_eq!(odd(&[(name, "hunter2")]), [expected]);
        }
    }

    #[test]
    fn what_is_read_or_somebody_elses_is_not_named() {
        let all: Vec<String> = keys().iter().map(|key| env_name(key)).collect();
        let mut set: Vec<(&str, &str)> = all.iter().map(|name| (name.as_str(), "x")).collect();
        let others = "PATH HOME LANG USER SHELL TERM PWD EDITOR LIMIT LABEL TRAFFIC_BIN TRAFFIC_LOG TRAFFIC_TEST_POSTGRES \
            TRAFFIC_CRASH_SEED TRAFFIC_COMMIT PGPASSWORD HOSTNAME LOADTEST_NO_TIME_LIMITS DEBUG";
        set.extend(others.split(' ').map(|name| (name, "x")));
        set.push(PROTOCOL);
        assert_eq!(odd(&set), [""; 0]);
    }

    #[test]
    fn what_traces_cannot_do_here_is_named() {
        let told = odd(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert!(told.len() == 1 && told[0].ends_with("traces are sent as http/protobuf"), "{told:?}");
        assert_eq!(odd(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "x")]).len(), 1);
        assert_eq!(odd(&[("OTEL_BSP_SCHEDULE_DELAY", "1")]), [""; 0], "nobody traces");
        assert_eq!(odd(&[("OTEL_BSP_SCHEDULE_DELAY", "1"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1")]).len(), 1);
    }
}
