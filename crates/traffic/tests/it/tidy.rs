//! Rules about the repository itself, as tests: what would otherwise be said again in every review. Here is what the rules
//! look at; each file below holds the rules of one kind. A rule is a pure function over text with a test that it catches
//! its mistake, and a test that the tree keeps it.

mod crates;
mod documents;
mod invariants;
mod map;
mod sizes;
mod words;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold what was built, downloaded or recorded, not what was written.
const NOT_OURS: &[&str] = &[".git", ".tools", "data", "node_modules", "target"];

pub(crate) struct Source {
    /// Relative to the repository, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.contains("/contract/")
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the crate lies in its repository")
}

/// Every written file that `wanted` picks by its path.
pub(crate) fn files(wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let root = root();
    let mut open = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder just listed can be read") {
            let path = entry.expect("an entry of a readable folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let relative = path.strip_prefix(&root).expect("found below the root").to_string_lossy().replace('\\', "/");
            if path.is_dir() && !NOT_OURS.contains(&name.as_str()) {
                open.push(path);
            } else if path.is_file() && wanted(&relative) {
                found.push(Source { path: relative, text: fs::read_to_string(&path).expect("text is UTF-8") });
            }
        }
    }
    assert!(!found.is_empty(), "a rule that looks at no file proves nothing");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

pub(crate) fn rust_files() -> Vec<Source> {
    files(|path| path.starts_with("crates/") && path.ends_with(".rs"))
}

/// One file, by its path in the repository.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The part of a source file that ships: up to the tests at its end. A module for tests that is a file of its own ends nothing.
fn before_tests(text: &str) -> impl Iterator<Item = &str> {
    let elsewhere = |line: Option<&str>| line.is_some_and(|line| line.trim_end().ends_with(';'));
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        let line = lines.next()?;
        (line.trim() != "#[cfg(test)]" || elsewhere(lines.peek().copied())).then_some(line)
    })
}

/// The rows of every table of a document that is headed by these cells: their cells, without the bars.
fn table<'a>(document: &'a str, heads: &[&str]) -> Vec<Vec<&'a str>> {
    let cells = |line: &'a str| -> Vec<&'a str> {
        line.trim().trim_start_matches('|').trim_end_matches('|').split(" | ").map(str::trim).collect()
    };
    let mut inside = false;
    let mut rows = Vec::new();
    for line in document.lines() {
        let row = if line.starts_with('|') { cells(line) } else { vec![] };
        if row == heads {
            inside = true;
        } else if row.is_empty() {
            inside = false;
        } else if inside && !line.starts_with("|--") && !line.starts_with("|:") {
            rows.push(row);
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Fails with every place where `rule` finds something, so that one run shows them all.
fn none<T: std::fmt::Display>(sources: &[Source], what: &str, rule: impl Fn(&Source) -> Vec<T>) {
    let mut places = String::new();
    for source in sources {
        for found in rule(source) {
            writeln!(places, "  {}:{found}", source.path).expect("a string takes every write");
        }
    }
    assert!(places.is_empty(), "{what}:\n{places}");
}

#[test]
fn code_ends_where_the_tests_begin() {
    let kept = |text| before_tests(text).collect::<Vec<_>>();
    assert_eq!(kept("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n"), ["fn a() {}"]);
    assert_eq!(kept("#[cfg(test)]\nmod kit;\nfn a() {}"), ["#[cfg(test)]", "mod kit;", "fn a() {}"]);
}

#[test]
fn a_table_is_found_by_its_head_and_ends_with_its_rows() {
    let document = "| a | b |\n|---|---|\n| `x` | one |\n| `y` | two |\n\n| a | c |\n|---|---|\n| z | no |\n";
    assert_eq!(table(document, &["a", "b"]), [["`x`", "one"], ["`y`", "two"]]);
    assert_eq!(quoted("`x` and `y/`, z").collect::<Vec<_>>(), ["x", "y/"]);
}
