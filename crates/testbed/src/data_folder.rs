//! A fresh data folder of PostgreSQL. `initdb` takes most of a second, so its result is kept beside what the compiler
//! built and copied from there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::keeper::Identity;

/// Makes `data`, which must not exist, in a folder that belongs to `identity`.
pub(crate) fn make(bin: &Path, data: &Path, identity: Option<Identity>) {
    let owner = fs::metadata(data.parent().expect("it lies in a folder")).expect("that folder was just made").uid();
    let kept = kept(bin, owner);
    if kept.as_ref().is_some_and(|kept| kept.is_dir() && copy(kept, data)) {
        return;
    }
    // A copy that broke off leaves something that initdb would refuse.
    drop(fs::remove_dir_all(data));
    initdb(bin, data, identity);
    if let Some(kept) = kept {
        keep(data, &kept);
    }
}

fn initdb(bin: &Path, data: &Path, identity: Option<Identity>) {
    let mut command = Command::new(bin.join("initdb"));
    command.args(["--username", crate::postgres::USER, "--auth", "trust", "--no-sync"]);
    command.args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--pgdata"]).arg(data);
    command.current_dir("/").stdin(Stdio::null());
    Identity::apply(identity, &mut command);
    let output = command.output().expect("initdb starts");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where the folder made by this version for this user is kept: in the build folder that this test came from.
fn kept(bin: &Path, owner: u32) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    let version = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let version = String::from_utf8(version.stdout).ok()?;
    let number = version.split_whitespace().nth(2)?;
    Some(target.join("tmp").join(format!("postgres-{number}-of-{owner}")))
}

/// Several processes may do this at once; each renames a whole folder into place, and whoever comes second throws its own away.
fn keep(data: &Path, kept: &Path) {
    let own = kept.with_extension(format!("new-{}", std::process::id()));
    let folder_there = kept.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok());
    if !(folder_there && copy(data, &own) && fs::rename(&own, kept).is_ok()) {
        drop(fs::remove_dir_all(&own));
    }
}

/// With owners and modes, which the standard library does not copy.
fn copy(from: &Path, to: &Path) -> bool {
    let mut command = Command::new("cp");
    command.arg("-a").arg(from).arg(to).stdin(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
