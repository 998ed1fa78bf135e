//! Invariants: what the lab's checks are called and what the documents say of them is one list, and each has been seen to fail.

use std::collections::{BTreeMap, BTreeSet};

use super::{before_tests, files, read, table};

/// A letter and a number, such as `Q7`.
fn is_id(text: &str) -> bool {
    let (letter, number) = text.split_at_checked(1).unwrap_or_default();
    letter.chars().all(|c| c.is_ascii_uppercase())
        && matches!(number.len(), 1 | 2)
        && number.chars().all(|c| c.is_ascii_digit())
}

/// Checks as the code names them: an id in quotes, and the next text in quotes behind it.
fn named(code: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = code.split('"').collect();
    let is_next = |between: &str| {
        let between: String = between.chars().filter(|c| !c.is_whitespace()).collect();
        between == "," || between == ",name:"
    };
    let is_check = |at: &usize| is_id(parts[*at]) && is_next(parts[at + 1]) && !is_id(parts[at + 2]);
    let found = (1..parts.len().saturating_sub(2)).step_by(2).filter(is_check);
    found.map(|at| (parts[at].to_owned(), parts[at + 2].to_owned())).collect()
}

/// Ids among other words, such as `(Q1, Q7)` and `Q1-Q9`.
fn ids(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| is_id(word)).collect()
}

/// Letters that checks begin with. Another word of this form, such as T1, is none of ours.
fn letters(checks: &BTreeMap<String, String>) -> BTreeSet<char> {
    checks.keys().filter_map(|id| id.chars().next()).collect()
}

fn checks() -> BTreeMap<String, String> {
    let holds_checks =
        |path: &str| path.starts_with("crates/lab/src/check/") || path.starts_with("crates/lab/src/scenarios/");
    let sources = files(|path| holds_checks(path) && path.ends_with(".rs"));
    let shipped = sources.iter().map(|source| before_tests(&source.text).collect::<Vec<_>>().join("\n"));
    shipped.flat_map(|code| named(&code)).collect()
}

#[test]
fn every_check_is_in_the_table_under_its_name_and_every_row_is_a_check() {
    let document = read("docs/scenarios.md");
    let told: BTreeMap<String, String> = table(&document, &["check", "what must hold", "looked at"])
        .iter()
        .map(|row| (row[0].to_owned(), row[1].to_owned()))
        .collect();
    let checks = checks();
    assert!(checks.len() > 30, "the checks are read: {checks:?}");
    assert_eq!(told, checks, "left: the table of docs/scenarios.md; right: the code");
}

#[test]
fn documents_name_only_checks_that_there_are() {
    let checks = checks();
    let letters = letters(&checks);
    let strangers: Vec<String> = files(|path| path.ends_with(".md") && !path.starts_with("web/"))
        .iter()
        .flat_map(|source| {
            let strange = ids(&source.text).into_iter().filter(|id| !checks.contains_key(*id));
            let strange = strange.filter(|id| id.chars().next().is_some_and(|letter| letters.contains(&letter)));
            strange.map(|id| format!("{}: {id}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    assert!(strangers.is_empty(), "no check has these names: {strangers:?}");
}

/// The mock server's bugs with the checks meant for each, and the scenarios' bugs.
const PLANTED: [&str; 2] = ["crates/lab/tests/it/mock/bug.rs", "crates/lab/tests/it/scenarios.rs"];

#[test]
fn every_check_has_been_seen_to_fail() {
    let planted = PLANTED.map(read).concat();
    let seen = ids(&planted);
    let unseen: Vec<String> = checks().into_keys().filter(|id| !seen.contains(id.as_str())).collect();
    assert!(unseen.is_empty(), "no planted bug is meant for {unseen:?}");
}

#[test]
fn a_check_is_found_with_its_name_in_every_form() {
    let code = "check(\"Q1\", \"first in line\", false),\ncheck(\n    \"S4\",\n    \"no sale\",\n),\nOwnCheck { id: \"D1\", name: \"no way\", judge },\nOwnCheck {\n    id: \"M1\",\n    name: \"free\",\n}\nlet both = [\"Q1\", \"W1\"];\nfind(\"Q1\");\n";
    let found = named(code);
    assert!(
        found.contains(&("Q1".to_owned(), "first in line".to_owned()))
            && found.contains(&("S4".to_owned(), "no sale".to_owned()))
    );
    assert!(
        found.contains(&("D1".to_owned(), "no way".to_owned()))
            && found.contains(&("M1".to_owned(), "free".to_owned()))
    );
    assert_eq!(ids("Q1-Q9, W12, (S3) and HTTP2, A, Q123, K6_VUS_MAX"), BTreeSet::from(["Q1", "Q9", "S3", "W12"]));
    assert!(!is_id("QQ") && !is_id("") && !is_id("é1"));
}
