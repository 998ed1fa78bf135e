//! Sizes, as a ratchet: what is over a limit today is listed with the size that it may not pass. Entries shrink and go.

use super::{Source, before_tests, none, rust_files};

/// Beyond this a source file holds a second noun. The tests at its end do not count.
const SOURCE_LINES: usize = 400;
/// Tests are lists; they may be longer before they hide something. A source file with its tests keeps this too.
const TEST_LINES: usize = 600;
/// Files over the limit, with the number of lines that they may not pass.
const LONG_FILES: &[(&str, usize)] = &[];

/// Ten lines is what a function should have; beyond this it does a second thing. Tests tell a story and are not counted.
const FUNCTION_LINES: usize = 60;
/// Functions over the limit, by file and name, with the number of lines that they may not pass.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[
    ("crates/lab/src/judge.rs", "judge", 89),
    ("crates/lab/src/run.rs", "play", 95),
    ("crates/lab/src/run.rs", "prepare", 64),
    ("crates/server/src/app.rs", "start", 83),
    // A list, a line for each route: what does not fit on a screen any more is too much.
    ("crates/server/src/router.rs", "routes", 90),
    ("crates/traffic/src/serve.rs", "serve", 62),
    ("crates/traffic/src/sim.rs", "play", 68),
];

/// The number of lines that is too much, if it is. `exception` replaces the limit for code, tests apart.
fn oversize(source: &Source, exception: Option<usize>) -> Option<usize> {
    let all = source.text.lines().count();
    let code = before_tests(&source.text).count();
    let limit = exception.unwrap_or(if source.is_test() { TEST_LINES } else { SOURCE_LINES });
    if code > limit { Some(code) } else { (all > limit.max(TEST_LINES)).then_some(all) }
}

/// The functions that ship, with their first line and how many lines they have. As the formatter leaves it, a function ends
/// with a brace that stands where its first line begins.
fn functions(text: &str) -> Vec<(&str, usize, usize)> {
    let lines: Vec<&str> = before_tests(text).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let margin = &line[..line.len() - code.len()];
        let Some(name) = function_name(code) else { continue };
        // On one line, or a declaration in a trait, which has no body.
        let is_over = |rest: &str| rest == "}" || (rest.starts_with(')') && rest.ends_with(';'));
        let last = lines[at..].iter().position(|line| line.strip_prefix(margin).is_some_and(is_over));
        found.extend(last.filter(|_| !code.ends_with([';', '}'])).map(|last| (name, at + 1, last + 1)));
    }
    found
}

/// `fn NAME`, whatever stands before it.
fn function_name(code: &str) -> Option<&str> {
    let mut words =
        code.split(' ').skip_while(|word| word.starts_with("pub") || matches!(*word, "const" | "async" | "unsafe"));
    let name = words.next().filter(|word| *word == "fn").and_then(|_| words.next())?;
    name.split(['(', '<']).next()
}

fn function_limit(path: &str, name: &str) -> usize {
    let exception = LONG_FUNCTIONS.iter().find(|(file, function, _)| *file == path && *function == name);
    exception.map_or(FUNCTION_LINES, |(_, _, lines)| *lines)
}

#[test]
fn files_stay_small() {
    none(&rust_files(), "split these, each part with a noun of its own", |source| {
        let exception = LONG_FILES.iter().find(|(path, _)| *path == source.path).map(|(_, lines)| *lines);
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
fn functions_stay_small() {
    let shipping: Vec<Source> = rust_files().into_iter().filter(|source| !source.is_test()).collect();
    let found: usize = shipping.iter().map(|source| functions(&source.text).len()).sum();
    assert!(found > 1_000, "{found} functions are read");
    none(&shipping, "split these functions, each part with a name that says what it does", |source| {
        let long = functions(&source.text);
        let long = long.into_iter().filter(|(name, _, lines)| *lines > function_limit(&source.path, name));
        long.map(|(name, line, lines)| format!("{line}: {name} has {lines} lines")).collect()
    });
}

#[test]
fn a_long_function_is_found_with_its_line() {
    let body = "    let a = 1;\n".repeat(3);
    let text = format!(
        "//! File.\n\npub(crate) async fn one(a: u8) -> u8 {{\n{body}}}\n\nimpl A {{\n    const fn two<T>(\n        a: T,\n    ) {{\n        {{\n        }}\n    }}\n    fn three() -> u8 {{ 3 }}\n}}\n\ntrait B {{\n    fn four(&self);\n    fn five(\n        &self,\n    ) -> u8;\n}}\n\nfn six() {{\n}}\n#[cfg(test)]\nfn seven() {{\n{body}}}\n"
    );
    assert_eq!(functions(&text), [("one", 3, 5), ("two", 10, 6), ("five", 21, 3), ("six", 26, 2)]);
    assert_eq!(function_limit("crates/server/src/router.rs", "routes"), 90);
    assert_eq!(function_limit("crates/server/src/router.rs", "router"), FUNCTION_LINES);
}

#[test]
fn exceptions_to_the_sizes_are_still_needed() {
    let sources = rust_files();
    let text = |path: &str| sources.iter().find(|source| source.path == path);
    for (path, _) in LONG_FILES {
        assert!(text(path).is_some_and(|source| oversize(source, None).is_some()), "{path} is small now: take it off");
    }
    for (path, name, _) in LONG_FUNCTIONS {
        let found = text(path).map(|source| functions(&source.text)).unwrap_or_default();
        let longest = found.iter().filter(|(found, _, _)| found == name).map(|(_, _, lines)| *lines).max();
        assert!(longest.is_some_and(|lines| lines > FUNCTION_LINES), "{name} in {path} is small now: take it off");
    }
}
