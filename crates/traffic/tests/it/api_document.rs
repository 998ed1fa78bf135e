//! docs/api.md is what the program writes.

use std::process::Command;

use crate::tidy::files;

#[test]
fn the_document_of_the_interface_is_made_of_its_description() {
    let made = Command::new(env!("CARGO_BIN_EXE_traffic")).args(["openapi", "--markdown"]).output().unwrap();
    assert!(made.status.success());
    let made = String::from_utf8(made.stdout).unwrap();
    let kept = files(|path| path == "docs/api.md").remove(0).text;
    assert!(made.lines().count() > 1_000, "the interface is described");
    let differs = made.lines().zip(kept.lines()).position(|(made, kept)| made != kept);
    let first = differs.map(|at| (at + 1, made.lines().nth(at), kept.lines().nth(at)));
    assert!(made == kept, "make it anew, `traffic openapi --markdown >docs/api.md`: line, made, kept: {first:?}");
}
