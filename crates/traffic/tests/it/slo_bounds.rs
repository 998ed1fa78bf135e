//! Every limit that a scenario judges times by is a bound of the server's histogram, so that a dashboard can tell whether it
//! is kept, and not only guess.

use server::metrics::ANSWER_BOUNDS;

use crate::tidy::rust_files;

const NANOS_PER_MS: u64 = 1_000_000;

/// The limits in one line of a scenario, in milliseconds: `join p99 < 250ms`, `.. or 2s`.
fn limits_ms(line: &str) -> Vec<u64> {
    if !line.contains(" p99 ") && !line.contains(" value ") {
        return Vec::new();
    }
    let words =
        line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let one = |word: &str| match word.strip_suffix("ms") {
        Some(ms) => ms.parse().ok(),
        None => word.strip_suffix('s')?.parse().ok().map(|sec: u64| sec * 1_000),
    };
    words.filter_map(one).collect()
}

#[test]
fn limits_are_found_in_every_form() {
    assert_eq!(limits_ms(r#"slos.push("join p99 < 250ms min_samples=1".into());"#), [250]);
    assert_eq!(limits_ms(r#"format!("{after} p99 <= 1.25x {before} or 500ms min_samples=1{called}")"#), [500]);
    assert_eq!(limits_ms(r#""first_admission value < 2s""#), [2_000]);
    assert!(limits_ms("pause_ms: 500ms").is_empty());
}

#[test]
fn every_limit_of_a_scenario_is_a_bound_of_the_histogram() {
    let scenarios = rust_files().into_iter().filter(|file| file.path.starts_with("crates/lab/src/scenarios/"));
    let mut found: Vec<u64> =
        scenarios.flat_map(|file| file.text.lines().flat_map(limits_ms).collect::<Vec<_>>()).collect();
    found.sort_unstable();
    found.dedup();
    assert!([200, 250, 500].iter().all(|limit| found.contains(limit)), "{found:?}");
    for limit in found {
        assert!(ANSWER_BOUNDS.contains(&(limit * NANOS_PER_MS)), "{limit} ms is no bound: {ANSWER_BOUNDS:?}");
    }
}
