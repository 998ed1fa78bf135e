//! `docs/trust.md` names tests. Each of them exists, each race has exactly one, and no test of a race goes unnamed.

use std::collections::BTreeSet;

use crate::tidy::{files, rust_files};

/// Races that are shown by tests; a row that is lost would go unnoticed otherwise.
const RACES: usize = 15;

/// The rows of the table under a heading, as cells.
fn rows<'a>(document: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let section = document.split("\n## ").find(|section| section.starts_with(heading)).unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| "));
    // The first row is the table's own heading; its rule starts with `|-`.
    lines.skip(1).map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The names in the last cell of a row.
fn tests_of<'a>(row: &[&'a str]) -> Vec<&'a str> {
    row.last().map_or(Vec::new(), |cell| cell.split('`').skip(1).step_by(2).collect())
}

/// Functions that a file defines at its left edge or in a module of tests.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("async ");
        line.strip_prefix("fn ")?.split('(').next()
    })
}

/// Tests, and promises of the contract, which take the world.
fn tests(text: &str) -> BTreeSet<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let marked =
        |at: usize| lines[..at].iter().rev().take_while(|line| line.starts_with('#')).any(|line| line.contains("test"));
    let is_test = |at: usize| marked(at) || lines[at].contains("&mut World");
    (0..lines.len()).filter(|at| is_test(*at)).flat_map(|at| functions(lines[at])).collect()
}

fn trust() -> String {
    files(|path| path == "docs/trust.md").remove(0).text
}

#[test]
fn every_test_that_the_document_on_trust_names_exists() {
    let (document, sources) = (trust(), rust_files());
    let known: BTreeSet<&str> = sources.iter().flat_map(|source| tests(&source.text)).collect();
    let named: Vec<&str> = [rows(&document, "Attackers"), rows(&document, "Races")]
        .concat()
        .iter()
        .flat_map(|row| tests_of(row))
        .collect();
    assert!(named.len() > RACES, "the tables are read");
    let missing: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "docs/trust.md names tests that do not exist: {missing:?}");
}

#[test]
fn every_attack_names_the_tests_that_stop_it() {
    for row in rows(&trust(), "Attackers") {
        assert!(!tests_of(&row).is_empty(), "without a test: {}", row[0]);
    }
}

#[test]
fn every_race_has_one_test_of_its_own_and_every_test_of_a_race_is_listed() {
    let (document, sources) = (trust(), rust_files());
    let rows = rows(&document, "Races");
    assert_eq!(rows.len(), RACES);
    let named: Vec<&str> = rows.iter().flat_map(|row| tests_of(row)).collect();
    for row in &rows {
        assert_eq!(tests_of(row).len(), 1, "one test for this race: {}", row[0]);
    }
    let races = sources.iter().filter(|source| source.path.ends_with("/tests/it/races.rs"));
    let written: Vec<&str> = races.flat_map(|source| tests(&source.text)).collect();
    assert_eq!(named.iter().copied().collect::<BTreeSet<_>>(), written.iter().copied().collect::<BTreeSet<_>>());
    assert_eq!((named.len(), written.len()), (RACES, RACES), "no race is shown twice");
}

#[test]
fn names_of_tests_are_found_and_other_words_are_not() {
    let document = "# T\n\n## Races\n\n| race | holds | test |\n|---|---|---|\n| `a` | b | `one` `two` |\n\n## Other\n| x | y | `z` |\n";
    let found = rows(document, "Races");
    assert_eq!(found.len(), 1);
    assert_eq!(tests_of(&found[0]), ["one", "two"]);
    let code = "fn helper() {}\n#[tokio::test(start_paused = true)]\nasync fn one() {}\npub(crate) async fn two(w: &mut World) {}\n    #[test]\n    fn three() {}\n";
    assert_eq!(tests(code), BTreeSet::from(["one", "three", "two"]));
}
