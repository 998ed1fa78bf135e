//! Crates: the drawing in ARCHITECTURE.md is what Cargo says. Nothing is listed here a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{read, root};

/// Who may use whom, as it is drawn.
#[derive(Debug, Default, PartialEq)]
struct Drawing {
    /// Each crate with those that an arrow or a line leads it to.
    edges: BTreeMap<String, BTreeSet<String>>,
    /// Crates that may only stand under `[dev-dependencies]`.
    for_tests: BTreeSet<String>,
    folders: Vec<String>,
}

/// Said of a crate that is for tests alone.
const NOTHING_SHIPS: &str = "Nothing that ships may use it";

/// A line of the drawing names a crate, or a folder that ends with a slash, and says what it is for. Between two crates stands
/// `^` where the lower one may use the upper one, `|` where the upper one may use the lower one, and else nothing.
fn drawing(document: &str) -> Drawing {
    let block = document.split("\n## The crates").nth(1).and_then(|text| text.split("```").nth(1)).unwrap_or_default();
    let mut drawn = Drawing::default();
    let (mut above, mut between) = (String::new(), "");
    for line in block.lines().skip(1) {
        let name = line.split_whitespace().next().unwrap_or_default();
        match name {
            "" => between = "",
            "^" | "|" => between = if name == "^" { "^" } else { "|" },
            folder if folder.ends_with('/') => drawn.folders.push(folder.to_owned()),
            name => {
                drawn.edges.entry(name.to_owned()).or_default();
                let (user, used) = if between == "^" { (name, above.as_str()) } else { (above.as_str(), name) };
                if !between.is_empty() {
                    drawn.edges.entry(user.to_owned()).or_default().insert(used.to_owned());
                }
                if line.contains(NOTHING_SHIPS) {
                    drawn.for_tests.insert(name.to_owned());
                }
                (above, between) = (name.to_owned(), "");
            }
        }
    }
    drawn
}

impl Drawing {
    /// Whom a crate may use: those that it is drawn to, and whomever they may use.
    fn allowed(&self, krate: &str) -> BTreeSet<&str> {
        let mut open: Vec<&str> = vec![krate];
        let mut found = BTreeSet::new();
        while let Some(next) = open.pop() {
            let used = self.edges.get(next).into_iter().flatten().map(String::as_str);
            open.extend(used.filter(|used| found.insert(*used)).collect::<Vec<_>>());
        }
        found
    }

    /// What is wrong with a crate that uses these.
    fn wrong(&self, krate: &str, used: &Used) -> Vec<String> {
        let Some(drawn) = self.edges.get(krate) else { return vec![format!("crates/{krate} is not drawn")] };
        let allowed = self.allowed(krate);
        let shipped = used.shipped.iter().filter(|one| !allowed.contains(one.as_str()));
        let shipped = shipped.map(|one| format!("{krate} may not use {one}: no line leads there"));
        let tested = used.tested.iter().filter(|one| !allowed.contains(one.as_str()) && !self.for_tests.contains(*one));
        let tested = tested.map(|one| format!("{krate} may not use {one}, in its tests neither"));
        let unused = drawn.iter().filter(|one| !used.shipped.contains(*one));
        let unused = unused.map(|one| format!("{krate} is drawn to {one} and does not use it"));
        shipped.chain(tested).chain(unused).collect()
    }
}

/// Crates of the project that one of them uses.
#[derive(Debug, Default, PartialEq)]
struct Used {
    /// In what is built for others, build scripts included.
    shipped: BTreeSet<String>,
    tested: BTreeSet<String>,
}

fn used(manifest: &str, ours: &BTreeSet<String>) -> Used {
    let mut found = Used::default();
    // `Some(true)`: in a table of dependencies for tests.
    let mut table = None;
    for line in manifest.lines().map(str::trim) {
        let name = if let Some(head) = line.strip_prefix('[') {
            let head = head.trim_end_matches(']');
            let for_tests = head.contains("dev-dependencies");
            table = head.ends_with("dependencies").then_some(for_tests);
            // The long form: `[dependencies.store]`.
            head.rsplit_once("dependencies.").map(|(_, name)| (name, for_tests))
        } else {
            table.map(|for_tests| (line.split(['.', '=', ' ']).next().unwrap_or_default(), for_tests))
        };
        if let Some((name, for_tests)) = name.filter(|(name, _)| ours.contains(*name)) {
            let set = if for_tests { &mut found.tested } else { &mut found.shipped };
            set.insert(name.to_owned());
        }
    }
    found
}

/// The crates that there are, by the folders below `crates/`.
fn crates() -> BTreeSet<String> {
    let folders = fs::read_dir(root().join("crates")).expect("crates/ is there");
    folders
        .map(|entry| entry.expect("an entry of a readable folder").file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn crates_use_each_other_as_architecture_md_draws_it() {
    let drawn = drawing(&read("ARCHITECTURE.md"));
    let there = crates();
    assert!(drawn.edges.values().map(BTreeSet::len).sum::<usize>() >= 4, "the drawing is read: {drawn:?}");
    let missing: Vec<&String> = drawn.edges.keys().filter(|krate| !there.contains(*krate)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md draws crates that are not there: {missing:?}");
    let wrong: Vec<String> = there
        .iter()
        .flat_map(|krate| drawn.wrong(krate, &used(&read(&format!("crates/{krate}/Cargo.toml")), &there)))
        .collect();
    assert!(wrong.is_empty(), "ARCHITECTURE.md and Cargo disagree:\n{}", wrong.join("\n"));
    for folder in &drawn.folders {
        assert!(root().join(folder).is_dir(), "ARCHITECTURE.md draws {folder}, which is not there");
    }
}

#[test]
fn a_drawing_is_read_with_its_arrows() {
    let text = "# A\n\n## The crates\n\n```text\n      a   rules. Uses none.\n      ^\n      b   remembers\n      ^\n      c   starts\n      |\n      d   judges\n\n      e/  pages\n\n      f   servers. Nothing that ships may use it.\n```\n";
    let drawn = drawing(text);
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(drawn.edges["c"], set(&["b", "d"]));
    assert_eq!(drawn.edges["d"], set(&[]), "the lower end of a line uses nobody");
    assert_eq!((drawn.folders.as_slice(), &drawn.for_tests), (&["e/".to_owned()][..], &set(&["f"])));
    assert_eq!(drawn.allowed("c"), BTreeSet::from(["a", "b", "d"]));

    let used = |shipped: &[&str], tested: &[&str]| Used { shipped: set(shipped), tested: set(tested) };
    assert!(drawn.wrong("c", &used(&["a", "b", "d"], &["f"])).is_empty());
    assert_eq!(drawn.wrong("b", &used(&["a", "c"], &[])), ["b may not use c: no line leads there"]);
    assert_eq!(drawn.wrong("b", &used(&["a", "f"], &[])), ["b may not use f: no line leads there"]);
    assert_eq!(drawn.wrong("b", &used(&["a"], &["d"])), ["b may not use d, in its tests neither"]);
    assert_eq!(drawn.wrong("b", &used(&[], &[])), ["b is drawn to a and does not use it"]);
    assert_eq!(drawn.wrong("g", &used(&[], &[])), ["crates/g is not drawn"]);
}

#[test]
fn a_dependency_is_found_in_every_form() {
    let ours = ["domain", "store", "lab", "server", "testbed"].map(str::to_owned).into();
    let shipped = |manifest: &str| used(manifest, &ours).shipped.into_iter().collect::<Vec<_>>();
    assert_eq!(shipped("[dependencies]\nstore.workspace = true\nserde = \"1\""), ["store"]);
    assert_eq!(shipped("[target.'cfg(unix)'.dependencies]\nserver = { workspace = true }"), ["server"]);
    assert_eq!(shipped("[dependencies.domain]\nworkspace = true"), ["domain"]);
    assert_eq!(shipped("[dev-dependencies]\n[dependencies]\ntestbed.workspace = true"), ["testbed"]);
    assert_eq!(shipped("[build-dependencies.testbed]\nworkspace = true"), ["testbed"]);
    assert!(shipped("[package]\nname = \"store\"\n[features]\nlab = []").is_empty());
    let tests = used("[dev-dependencies]\nlab = { path = \"../lab\" }", &ours);
    assert_eq!((tests.shipped.len(), tests.tested.into_iter().collect::<Vec<_>>()), (0, vec!["lab".to_owned()]));
}
