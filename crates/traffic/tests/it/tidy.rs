//! Rules about the repository itself, as tests: what would otherwise be said again in every review.
//! Each rule is a pure function over text with a test that it catches its mistake, and a test that the tree keeps it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Beyond this a source file holds a second noun. The tests at its end do not count.
const SOURCE_LINES: usize = 400;
/// Tests are lists; they may be longer before they hide something. A source file with its tests keeps this too.
const TEST_LINES: usize = 600;
/// Files over the limit today, with the number of lines that they may not pass. Entries only shrink and go.
const OVERSIZED: &[(&str, usize)] = &[];

/// Which of our crates each one may use. What is missing here, the compiler must not see either.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("server", &["domain", "store"]),
    ("lab", &[]),
    ("traffic", &["domain", "store", "server", "lab"]),
    ("testbed", &[]),
];
/// Starts servers for tests: every crate may use it, under `[dev-dependencies]` alone.
const FOR_TESTS: &str = "testbed";

/// Folders that hold what was built, downloaded or recorded, not what was written.
const NOT_OURS: &[&str] = &[".git", ".tools", "data", "node_modules", "target"];

/// Text that somebody wrote and a stranger will read.
const TEXT: &[&str] = &["md", "rs", "sh", "sql", "toml", "json", "yml", "yaml", "html", "css", "js", "ts"];

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

fn text_files() -> Vec<Source> {
    files(|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name == "Makefile" || path == ".ci/run" || name.rsplit_once('.').is_some_and(|(_, end)| TEXT.contains(&end))
    })
}

/// The part of a source file that ships: without comments, and without the tests at its end.
fn shipped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]").filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Our own crates among the dependencies of one Cargo.toml, build dependencies included, and development dependencies
/// too but for the one crate that is only for them.
fn own_dependencies(manifest: &str) -> Vec<&str> {
    let mut for_tests = false;
    let ours = |name: &str, for_tests: bool| {
        let found = EDGES.iter().map(|(krate, _)| *krate).find(|krate| *krate == name);
        found.filter(|krate| !(for_tests && *krate == FOR_TESTS))
    };
    let mut in_table = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            in_table = table.ends_with("dependencies");
            for_tests = table.contains("dev-dependencies");
            // The long form: `[dependencies.store]`.
            found.extend(table.rsplit_once("dependencies.").and_then(|(_, name)| ours(name, for_tests)));
        } else if in_table {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.extend(ours(name, for_tests));
        }
    }
    found
}

/// The number of lines that is too much, if it is. `exception` replaces the limit for code, tests apart.
fn oversize(source: &Source, exception: Option<usize>) -> Option<usize> {
    let all = source.text.lines().count();
    let code = source.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
    let limit = exception.unwrap_or(if source.is_test() { TEST_LINES } else { SOURCE_LINES });
    if code > limit { Some(code) } else { (all > limit.max(TEST_LINES)).then_some(all) }
}

fn unwraps(text: &str) -> Vec<usize> {
    shipped(text).filter(|(_, line)| line.contains(".unwrap()")).map(|(number, _)| number).collect()
}

fn bare_allows(text: &str) -> Vec<usize> {
    let bare = |line: &str| line.contains("#[allow(") || line.contains("#![allow(");
    let code = text.lines().enumerate().filter(|(_, line)| !line.contains('"') && !line.trim_start().starts_with("//"));
    code.filter(|(_, line)| bare(line)).map(|(number, _)| number + 1).collect()
}

/// Lines that hold one of `words`. The words are put together here so that this file does not find itself.
fn mentions(text: &str, words: &[String]) -> Vec<usize> {
    let hit = |line: &str| words.iter().any(|word| line.contains(word.as_str()));
    text.lines().enumerate().filter(|(_, line)| hit(line)).map(|(number, _)| number + 1).collect()
}

fn put_off() -> Vec<String> {
    ["TO_DO", "FIX_ME"].map(|word| word.replace('_', "")).to_vec()
}

fn machine_paths() -> Vec<String> {
    ["/wor_k/", "/hom_e/", "/User_s/", "/roo_t/"].map(|word| word.replace('_', "")).to_vec()
}

/// Fails with every place where `rule` finds something, so that one run shows them all.
fn none(sources: &[Source], what: &str, rule: impl Fn(&Source) -> Vec<usize>) {
    let mut places = String::new();
    for source in sources {
        for line in rule(source) {
            writeln!(places, "  {}:{line}", source.path).expect("a string takes every write");
        }
    }
    assert!(places.is_empty(), "{what}:\n{places}");
}

#[test]
fn crates_depend_only_downwards() {
    for (krate, allowed) in EDGES {
        let path = root().join("crates").join(krate).join("Cargo.toml");
        let manifest = fs::read_to_string(path).expect("every crate has a manifest");
        for used in own_dependencies(&manifest) {
            assert!(allowed.contains(&used), "{krate} may not use {used}; see the table of crates in ARCHITECTURE.md");
        }
    }
}

#[test]
fn every_crate_has_its_edges_listed() {
    for entry in fs::read_dir(root().join("crates")).expect("crates/ is there") {
        let name = entry.expect("an entry of a readable folder").file_name().to_string_lossy().into_owned();
        assert!(EDGES.iter().any(|(krate, _)| *krate == name), "say in EDGES what crates/{name} may use");
    }
}

#[test]
fn a_forbidden_edge_is_found_in_every_form() {
    assert_eq!(own_dependencies("[dependencies]\nstore.workspace = true\nserde = \"1\""), ["store"]);
    assert_eq!(own_dependencies("[dev-dependencies]\nlab = { path = \"../lab\" }"), ["lab"]);
    assert_eq!(own_dependencies("[target.'cfg(unix)'.dependencies]\nserver = { workspace = true }"), ["server"]);
    assert_eq!(own_dependencies("[dependencies.domain]\nworkspace = true"), ["domain"]);
    assert!(own_dependencies("[package]\nname = \"store\"\n[features]\nlab = []").is_empty());
    assert!(own_dependencies("[dev-dependencies]\ntestbed.workspace = true").is_empty());
    assert_eq!(own_dependencies("[dev-dependencies]\n[dependencies]\ntestbed.workspace = true"), ["testbed"]);
    assert_eq!(own_dependencies("[build-dependencies.testbed]\nworkspace = true"), ["testbed"]);
}

#[test]
fn every_source_file_says_what_it_is_for() {
    none(&rust_files(), "start these with `//!`: what the file is for, in one to three lines", |source| {
        if source.text.starts_with("//!") { vec![] } else { vec![1] }
    });
}

#[test]
fn files_stay_small() {
    none(&rust_files(), "split these, each part with a noun of its own", |source| {
        let exception = OVERSIZED.iter().find(|(path, _)| *path == source.path).map(|(_, lines)| *lines);
        oversize(source, exception).into_iter().collect()
    });
}

#[test]
fn a_long_file_is_found() {
    let file = |path: &str, code: usize, tests: usize| Source {
        path: path.into(),
        text: "code\n".repeat(code) + "#[cfg(test)]\n" + &"test\n".repeat(tests),
    };
    assert_eq!(oversize(&file("crates/a/src/b.rs", SOURCE_LINES, 100), None), None);
    assert_eq!(oversize(&file("crates/a/src/b.rs", SOURCE_LINES + 1, 0), None), Some(SOURCE_LINES + 1));
    assert_eq!(oversize(&file("crates/a/src/b.rs", 100, TEST_LINES), None), Some(101 + TEST_LINES));
    assert_eq!(oversize(&file("crates/a/tests/it/b.rs", 500, 0), None), None);
    assert_eq!(oversize(&file("crates/a/src/b.rs", 450, 0), Some(450)), None);
    assert_eq!(oversize(&file("crates/a/src/b.rs", 451, 0), Some(450)), Some(451));
}

#[test]
fn exceptions_to_the_file_size_are_still_needed() {
    let sources = rust_files();
    for (path, _) in OVERSIZED {
        let source = sources.iter().find(|source| source.path == *path);
        assert!(source.is_some_and(|source| oversize(source, None).is_some()), "{path} is small now: take it off");
    }
}

#[test]
fn shipped_code_never_unwraps() {
    let shipping: Vec<_> = rust_files().into_iter().filter(|source| !source.is_test()).collect();
    none(&shipping, "say why it cannot fail with `expect`, or return the error", |source| unwraps(&source.text));
}

#[test]
fn an_unwrap_is_found_in_code_and_nowhere_else() {
    assert_eq!(unwraps("fn a() {\n    b().unwrap();\n}"), [2]);
    assert!(unwraps("// b().unwrap()\n#[cfg(test)]\nmod tests { fn c() { b().unwrap(); } }").is_empty());
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    none(&rust_files(), "use `#[expect(.., reason = \"..\")]`", |source| bare_allows(&source.text));
}

#[test]
fn a_bare_allow_is_found() {
    assert_eq!(bare_allows("#![allow(unused)]\n#[allow(dead_code)]\nfn a() {}"), [1, 2]);
    assert!(bare_allows("#[expect(dead_code, reason = \"why\")]\nfn a() {}").is_empty());
}

#[test]
fn nothing_is_put_off_in_a_comment() {
    none(&text_files(), "do it now, or write it down where work is planned", |source| {
        mentions(&source.text, &put_off())
    });
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    none(&text_files(), "use a path relative to the repository", |source| mentions(&source.text, &machine_paths()));
}

#[test]
fn a_mention_is_found() {
    for word in put_off() {
        assert_eq!(mentions(&format!("fine\n// {word}: later"), &put_off()), [2]);
    }
    for path in machine_paths() {
        assert_eq!(mentions(&format!("cd {path}main"), &machine_paths()), [1]);
    }
}
