//! A PostgreSQL server of one's own, from the installed binaries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use crate::data_folder;
use crate::keeper::{Identity, Keeper, folder, gone};
use crate::psql::Psql;
use crate::wait::{free_port, until};

/// The superuser of every server here. It needs no password.
pub(crate) const USER: &str = "traffic";

/// Small and sparing, because several run side by side. The time zone and the messages are the same on every machine.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "max_connections=200",
    "shared_buffers=32MB",
    "max_wal_size=256MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "jit=off",
    "timezone=UTC",
    "lc_messages=C",
];
/// Nothing here survives a power cut, and nothing needs to.
const FAST: &[&str] = &["fsync=off", "full_page_writes=off"];
const DURABLE: &[&str] = &["fsync=on", "full_page_writes=on"];

/// How often another port is tried before the fault lies elsewhere.
const TRIES: usize = 5;
/// Ends every process at once, as a crash would; the next start recovers from the log. Shared memory is given back.
const IMMEDIATELY: &str = "QUIT";

/// One running server. It ends, with all its data, when this is dropped or this process ends.
pub struct Postgres {
    keeper: Keeper,
    port: u16,
}

impl Postgres {
    /// Does not sync: for tests that do not ask what survives.
    pub fn start() -> Self {
        Self::start_with(FAST)
    }

    /// Syncs like the real thing: for tests of faults.
    pub fn durable() -> Self {
        Self::start_with(DURABLE)
    }

    /// With `name=value` settings of the server's; they win over those given here.
    pub fn start_with(settings: &[&str]) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            let port = free_port();
            let keeper = keeper(port, settings);
            match ready(&keeper) {
                Ok(()) => return Self { keeper, port },
                Err(log) => said = log,
            }
        }
        panic!("PostgreSQL does not start:\n{said}");
    }

    /// `postgres://` by TCP. The database need not exist.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// The same by the socket in the server's folder.
    pub fn socket_url(&self, database: &str) -> String {
        format!("postgres://{USER}@/{database}?host={}&port={}", self.keeper.folder().display(), self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first of its processes, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.pid()
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.keeper.log()
    }

    pub fn psql(&self, database: &str) -> Psql {
        Psql::of(installed(), self.url(database))
    }

    /// Every process of it ends now, in the middle of whatever it does. Committed data stays.
    pub fn stop_immediately(&self) {
        self.keeper.end(IMMEDIATELY);
    }

    /// On the same port with the same data; returns when it takes connections.
    pub fn start_again(&self) {
        if let Err(log) = ready(&self.keeper) {
            panic!("PostgreSQL does not start again:\n{log}");
        }
    }

    /// Stops the clock of all its processes: connections stay open, and nobody answers.
    pub fn freeze(&self) {
        self.keeper.signal("STOP");
    }

    pub fn thaw(&self) {
        self.keeper.signal("CONT");
    }
}

fn keeper(port: u16, settings: &[&str]) -> Keeper {
    let identity = Identity::for_postgres();
    let folder = folder("traffic-postgres-", identity);
    let data = folder.path().join("data");
    data_folder::make(installed(), &data, identity);
    let mut command = Command::new(installed().join("postgres"));
    command.arg("-D").arg(&data).arg("-p").arg(port.to_string()).arg("-k").arg(folder.path());
    for setting in SETTINGS.iter().chain(settings) {
        command.args(["-c", setting]);
    }
    Keeper::new(folder, identity, IMMEDIATELY, &command)
}

/// Starts the server and waits until it takes connections; its log if it ends instead.
fn ready(keeper: &Keeper) -> Result<(), String> {
    let pid = keeper.start();
    // The server writes there who it is and, in the last line, how far it has come.
    let file = keeper.folder().join("data/postmaster.pid");
    let is_ready = || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        text.lines().next() == Some(&pid.to_string()) && text.trim_end().ends_with("ready")
    };
    let started = until("PostgreSQL to start", || if is_ready() { Some(true) } else { gone(pid).then_some(false) });
    if started {
        return Ok(());
    }
    keeper.end(IMMEDIATELY);
    Err(keeper.log())
}

/// The folder of the server's programs: where the path leads, else Debian's place for the newest version.
pub(crate) fn installed() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let found = in_path().or_else(newest_of_debian);
        found.expect("PostgreSQL's server is not installed: scripts/setup.sh --cluster brings it")
    })
}

#[expect(clippy::disallowed_methods, reason = "where this machine keeps its programs")]
fn in_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // A link among the local programs leads to the folder where the other programs are.
    let real = |folder: PathBuf| folder.join("postgres").canonicalize().ok();
    env::split_paths(&path).find_map(real).and_then(|program| program.parent().map(Path::to_owned))
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let number = |name: &str| name.parse::<u32>().ok();
    let newest = versions.filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path().join("bin"))));
    newest.filter(|(_, bin)| bin.join("postgres").is_file()).max().map(|(_, bin)| bin)
}
