//! A server process that cannot outlive its owner.
//!
//! Between us and the server stands a small shell that reads from a pipe. Nobody else holds the pipe's other end, so it
//! closes with our process however that ends. The shell has a process group of its own: what kills ours leaves it alive.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::unistd::{Uid, User};
use tempfile::TempDir;

const SHELL: &str = include_str!("keeper.sh");

/// Whom the server runs as, where that is not us: PostgreSQL refuses to run as root.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    uid: u32,
    gid: u32,
}

impl Identity {
    /// The user `postgres` where we are root, else nobody but us.
    pub(crate) fn for_postgres() -> Option<Self> {
        if !Uid::effective().is_root() {
            return None;
        }
        let user = User::from_name("postgres").ok().flatten();
        let user = user.expect("the package postgresql makes a user `postgres`; root needs it to start a server");
        Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
    }

    pub(crate) fn apply(identity: Option<Self>, command: &mut Command) {
        if let Some(Self { uid, gid }) = identity {
            command.uid(uid).gid(gid);
        }
    }
}

/// A folder of its own under `/tmp`: readable for the server's user wherever we are, and short enough for a socket's path.
pub(crate) fn folder(prefix: &str, identity: Option<Identity>) -> TempDir {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").expect("/tmp takes a folder");
    if let Some(Identity { uid, gid }) = identity {
        chown(folder.path(), Some(uid), Some(gid)).expect("root gives a folder of its own away");
    }
    folder
}

pub(crate) struct Keeper {
    shell: Child,
    pipes: Mutex<Pipes>,
    folder: TempDir,
}

struct Pipes {
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// The server, while one should be running.
    server: Option<u32>,
}

impl Keeper {
    /// Nothing runs yet. `last_signal` ends the server in the end.
    pub(crate) fn new(folder: TempDir, identity: Option<Identity>, last_signal: &str, server: &Command) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SHELL, "keeper"]).arg(folder.path()).arg(last_signal);
        command.arg(server.get_program()).args(server.get_args());
        command.process_group(0).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Identity::apply(identity, &mut command);
        let mut shell = command.spawn().expect("/bin/sh starts");
        let words = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("its output is a pipe"));
        Self { shell, pipes: Mutex::new(Pipes { words, answers, server: None }), folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("log")
    }

    fn pipes(&self) -> MutexGuard<'_, Pipes> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server and returns its process number. Whether it is ready, or dead already, its kind must find out.
    pub(crate) fn start(&self) -> u32 {
        let mut pipes = self.pipes();
        assert!(pipes.server.is_none(), "the server runs already");
        let pid = pipes.ask("start").parse().expect("the keeper answers with a number");
        pipes.server = Some(pid);
        pid
    }

    /// Sends `signal` to the server, frozen or not, and waits until it is gone. Does nothing where none runs.
    pub(crate) fn end(&self, signal: &str) {
        let mut pipes = self.pipes();
        if pipes.server.take().is_some() {
            pipes.ask(&format!("end {signal}"));
        }
    }

    /// To the server and all its children.
    pub(crate) fn signal(&self, signal: &str) {
        let mut pipes = self.pipes();
        assert!(pipes.server.is_some(), "no server runs");
        pipes.ask(&format!("signal {signal}"));
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pipes().server
    }
}

impl Pipes {
    fn ask(&mut self, words: &str) -> String {
        let pipe = self.words.as_mut().expect("open until the end");
        writeln!(pipe, "{words}").expect("the keeper listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the keeper answers in text");
        assert!(answer.ends_with('\n'), "the keeper of a server was killed");
        answer.trim().to_owned()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.pipes().words = None;
        // Nothing to be done about a failure here; the next line of the test tells more than a panic in a drop.
        drop(self.shell.wait());
    }
}

/// Whether this process has ended, waited for or not.
pub(crate) fn gone(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    // The name stands in brackets and may hold anything, so the state is found behind the last one.
    state.and_then(|text| text.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z'))).unwrap_or(true)
}
