//! Words: what every source file starts with, and what no file holds.

use super::{Source, before_tests, files, none, rust_files};

/// Text that somebody wrote and a stranger will read.
const TEXT: &[&str] = &["md", "rs", "sh", "py", "sql", "toml", "json", "yml", "yaml", "html", "css", "js", "ts"];

fn text_files() -> Vec<Source> {
    files(|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name == "Makefile" || path == ".ci/run" || name.rsplit_once('.').is_some_and(|(_, end)| TEXT.contains(&end))
    })
}

/// The part of a source file that ships, without comments.
fn shipped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = before_tests(text).enumerate().map(|(number, line)| (number + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
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

#[test]
fn every_source_file_says_what_it_is_for() {
    none(&rust_files(), "start these with `//!`: what the file is for, in one to three lines", |source| {
        if source.text.starts_with("//!") { vec![] } else { vec![1] }
    });
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
