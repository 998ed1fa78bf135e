//! The map of the code in ARCHITECTURE.md: what it names is there, and what is there is named.

use std::collections::BTreeSet;
use std::fs;

use super::{quoted, read, root, table};

/// Names in the second cell of a row that lead nowhere: a name is a file or a folder below the folder of its row, or below a
/// folder that the row names (`check/`), or a path from the root. What has a space in it is a command.
fn lost<'a>(row: &[&'a str], exists: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let places: Vec<&str> = quoted(row[0]).map(|place| place.trim_end_matches('/')).collect();
    let names: Vec<&str> = quoted(row[1]).filter(|name| !name.contains(' ')).collect();
    let inside = names.iter().filter(|name| name.ends_with('/'));
    let mut below: Vec<String> = places.iter().map(|place| (*place).to_owned()).collect();
    below.extend(
        places
            .iter()
            .flat_map(|place| inside.clone().map(move |name| format!("{place}/{}", name.trim_end_matches('/')))),
    );
    let is_there = |name: &str| {
        let bare = name.trim_end_matches('/');
        let ends: &[&str] = if name.ends_with('/') { &[""] } else { &["", ".rs"] };
        let below = below.iter().map(|place| format!("{place}/{bare}")).chain([bare.to_owned()]);
        below.flat_map(|path| ends.iter().map(move |end| format!("{path}{end}"))).any(|path| exists(&path))
    };
    let wrong_places = quoted(row[0]).filter(|place| !exists(place.trim_end_matches('/')));
    wrong_places.chain(names.iter().copied().filter(|name| !is_there(name))).collect()
}

/// Modules that a row does not name.
fn unnamed(row: &[&str], modules: &BTreeSet<String>) -> Vec<String> {
    let names: BTreeSet<&str> = quoted(row[1]).map(|name| name.trim_end_matches('/')).collect();
    modules.iter().filter(|module| !names.contains(module.as_str())).cloned().collect()
}

/// The modules at the top of a crate: files and folders beside its root.
fn modules(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder of a crate's sources");
    let names =
        entries.map(|entry| entry.expect("an entry of a readable folder").file_name().to_string_lossy().into_owned());
    let module = |name: String| match name.split_once('.') {
        Some((stem, "rs")) => Some(stem.to_owned()),
        Some(_) => None,
        None => Some(name),
    };
    names.filter_map(module).filter(|name| !matches!(name.as_str(), "lib" | "main")).collect()
}

#[test]
fn the_map_names_what_is_there() {
    let document = read("ARCHITECTURE.md");
    let rows = table(&document, &["where", "what"]);
    assert!(rows.len() > 6, "the map is read: {rows:?}");
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            lost(row, |path| root().join(path).exists()).into_iter().map(|name| format!("{}: {name}", row[0]))
        })
        .collect();
    assert!(wrong.is_empty(), "ARCHITECTURE.md names what is not there:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_is_on_the_map() {
    let document = read("ARCHITECTURE.md");
    let rows = table(&document, &["where", "what"]);
    let mut missing = Vec::new();
    for entry in fs::read_dir(root().join("crates")).expect("crates/ is there") {
        let krate = entry.expect("an entry of a readable folder").file_name().to_string_lossy().into_owned();
        let folder = format!("crates/{krate}/src");
        let row = rows.iter().find(|row| quoted(row[0]).any(|place| place == folder));
        let left = row.map_or_else(|| vec!["a row of its own".to_owned()], |row| unnamed(row, &modules(&folder)));
        missing.extend(left.iter().map(|name| format!("{folder}: {name}")));
    }
    assert!(
        missing.is_empty(),
        "name these in the map of ARCHITECTURE.md, with what they are for:\n{}",
        missing.join("\n")
    );
}

#[test]
fn a_name_that_leads_nowhere_is_found() {
    let exists = |path: &str| {
        ["crates/a/src", "crates/a/src/line.rs", "crates/a/src/check", "crates/a/src/check/own.rs", "web/main.ts"]
            .contains(&path)
    };
    let row = ["`crates/a/src`", "`line` (places), `check/` (`own`), `web/main.ts`, `make test`"];
    assert!(lost(&row, exists).is_empty());
    assert_eq!(lost(&["`crates/a/src`", "`own`"], exists), ["own"], "its folder is not named");
    assert_eq!(lost(&["`crates/b/src`", "`line/`"], exists), ["crates/b/src", "line/"]);
    let modules = ["line", "check", "seat"].map(str::to_owned).into();
    assert_eq!(unnamed(&row, &modules), ["seat"]);
}
