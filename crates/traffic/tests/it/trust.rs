//! `docs/security.md` and `docs/trust.md` name tests and commands. Each of them exists, each race has exactly one test, and
//! no test of a race and none of the red team goes unnamed.

use std::collections::BTreeSet;

use crate::tidy::{Source, files, rust_files};

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

/// `#[test]`, `#[tokio::test(..)]`; not any attribute that speaks of tests.
fn is_mark(line: &str) -> bool {
    line.strip_prefix("#[").and_then(|rest| rest.split([']', '(']).next()).is_some_and(|path| path.ends_with("test"))
}

/// Tests, and promises of the contract, which take the world.
fn tests(text: &str) -> BTreeSet<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let marked =
        |at: usize| lines[..at].iter().rev().take_while(|line| line.starts_with('#')).any(|line| is_mark(line));
    let is_test = |at: usize| marked(at) || lines[at].contains("&mut World");
    (0..lines.len()).filter(|at| is_test(*at)).flat_map(|at| functions(lines[at])).collect()
}

fn trust() -> String {
    files(|path| path == "docs/trust.md").remove(0).text
}

fn security() -> String {
    files(|path| path == "docs/security.md").remove(0).text
}

/// Names with a space in them are commands to run.
fn is_command(name: &str) -> bool {
    name.contains(' ')
}

/// Whether the repository has what this command starts: a recipe of the Makefile, a script, a subcommand.
fn is_there(command: &str, makefile: &str, scripts: &[Source], cli: &str) -> bool {
    match command.split_once(' ') {
        Some(("make", rest)) => {
            let (recipe, variables) = rest.split_once(' ').unwrap_or((rest, ""));
            let line = makefile.lines().find(|line| line.starts_with(&format!("{recipe}:")));
            let takes = |word: &str| {
                word.split_once('=').is_none_or(|(name, _)| line.is_some_and(|line| line.contains(&format!("{name}="))))
            };
            line.is_some() && variables.split_whitespace().all(takes)
        }
        Some(("traffic", rest)) => {
            let name = rest.split(' ').next().unwrap_or_default();
            cli.to_ascii_lowercase().contains(&format!("    {name}("))
        }
        Some((script, _)) => scripts.iter().any(|one| one.path == script),
        None => false,
    }
}

#[test]
fn every_test_and_command_that_the_documents_name_exists() {
    let (security, trust, sources) = (security(), trust(), rust_files());
    let known: BTreeSet<&str> = sources.iter().flat_map(|source| tests(&source.text)).collect();
    let by_the_thousand = rows(&security, "By the thousand");
    assert_eq!(by_the_thousand.len(), 4, "the interface, the parsers, the connections, the logins");
    let rows = [rows(&security, "Attackers"), by_the_thousand, rows(&trust, "Races")].concat();
    let (commands, named): (Vec<&str>, Vec<&str>) =
        rows.iter().flat_map(|row| tests_of(row)).partition(|name| is_command(name));
    assert!(named.len() > RACES && !commands.is_empty(), "the tables are read");
    let missing: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "the documents name tests that do not exist: {missing:?}");
    let (makefile, cli) =
        (files(|path| path == "Makefile").remove(0), files(|path| path == "crates/traffic/src/cli.rs").remove(0));
    let scripts = files(|path| path.starts_with("scripts/"));
    let missing: Vec<&&str> =
        commands.iter().filter(|command| !is_there(command, &makefile.text, &scripts, &cli.text)).collect();
    assert!(missing.is_empty(), "the documents name commands that do not exist: {missing:?}");
}

#[test]
fn every_attack_names_what_stops_it_and_what_shows_it() {
    for row in rows(&security(), "Attackers") {
        assert!(row.len() == 3 && !row[1].is_empty(), "an attacker, a control, a test: {row:?}");
        assert!(!tests_of(&row).is_empty(), "without a test: {}", row[0]);
    }
}

#[test]
fn every_test_of_the_red_team_is_listed() {
    let (document, sources) = (security(), rust_files());
    let named: BTreeSet<&str> = rows(&document, "Attackers").iter().flat_map(|row| tests_of(row)).collect();
    let suite: Vec<&Source> = sources.iter().filter(|source| source.path.contains("/tests/it/red_team/")).collect();
    let written: BTreeSet<&str> = suite.iter().flat_map(|source| tests(&source.text)).collect();
    assert!(written.len() > 10, "the suite is read");
    let unnamed: Vec<&&str> = written.difference(&named).collect();
    assert!(unnamed.is_empty(), "docs/security.md does not name {unnamed:?}");
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
    let code = "fn helper() {}\n#[tokio::test(start_paused = true)]\nasync fn one() {}\npub(crate) async fn two(w: &mut World) {}\n    #[test]\n    fn three() {}\n#[expect(x, reason = \"a test\")]\nfn helps() {}\n";
    assert_eq!(tests(code), BTreeSet::from(["one", "three", "two"]));
}

#[test]
fn commands_are_recipes_with_their_variables_scripts_and_subcommands() {
    let makefile = "soak:   ## at length (N= SEED=)\n\t@scripts/soak.sh\nbench:\n";
    let scripts = [Source { path: "scripts/x.sh".to_owned(), text: String::new() }];
    let cli = "enum Command {\n    Bench(BenchArgs),\n}\n";
    for (command, there) in [
        ("make soak N=5", true),
        ("make soak M=5", false),
        ("make soa N=5", false),
        ("scripts/x.sh --long", true),
        ("scripts/y.sh --long", false),
        ("traffic bench --only slow", true),
        ("traffic benchmark --only slow", false),
    ] {
        assert_eq!(is_there(command, makefile, &scripts, cli), there, "{command}");
    }
}
