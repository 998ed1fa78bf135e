//! Tells the program which commit it was built from, for the reports of load runs: `TRAFFIC_COMMIT`, where it is given, else
//! what git says. Without both the reports say that it is not known.

use std::path::Path;
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "a build is set up by its environment alone")]
fn main() {
    println!("cargo:rerun-if-env-changed=TRAFFIC_COMMIT");
    // The log of HEAD grows with every commit and every checkout. A file that is not there would be looked for at each build.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let given = std::env::var("TRAFFIC_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    if let Some(commit) = commit {
        println!("cargo:rustc-env=TRAFFIC_BUILT_FROM={commit}");
    }
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
