//! SQL by way of the installed client, so that these servers need no client library.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::postgres::installed;

/// Runs statements on one database.
pub struct Psql {
    program: PathBuf,
    url: String,
}

impl Psql {
    pub fn new(url: impl Into<String>) -> Self {
        Self::of(installed(), url)
    }

    /// `bin`: the real program lies there. The one in the path may be a script that looks for it first.
    pub(crate) fn of(bin: &Path, url: impl Into<String>) -> Self {
        Self { program: bin.join("psql"), url: url.into() }
    }

    /// The rows, columns parted by `|`, without head and foot; or what the server said against it.
    /// Several statements are one transaction.
    pub fn run(&self, sql: &str) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(["--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password"]);
        command.args(["--set", "ON_ERROR_STOP=1", "--dbname", &self.url, "--command", sql]);
        for setting in ["PGOPTIONS", "PGSERVICE", "PGSSLMODE", "PGTARGETSESSIONATTRS", "PGCLIENTENCODING"] {
            command.env_remove(setting);
        }
        let output = command.stdin(Stdio::null()).output().map_err(|error| format!("psql: {error}"))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}
