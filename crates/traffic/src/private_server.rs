//! A server for one run: a process of its own, on a free port, with data in a temporary folder. Gone with the value.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::address::free_address;
use crate::http;

/// A debug build on a busy machine takes a few seconds.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) struct PrivateServer {
    pub(crate) base_url: String,
    /// Killed when dropped.
    _process: Child,
    _data: TempDir,
}

impl PrivateServer {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let data = tempfile::tempdir().context("making a temporary folder")?;
        let address = free_address()?;
        let log = std::fs::File::create(data.path().join("log"))?;
        let mut process = Command::new(std::env::current_exe().context("finding this program")?)
            .args(["serve", "--dev", "--http-addr", &address.to_string(), "--database-url"])
            .arg(format!("sqlite://{}", data.path().join("traffic.db").display()))
            // Its key is the known one, whatever the key of the server at the base URL is.
            .env("ADMIN_API_KEY", server::config::DEV_ADMIN_KEY)
            .env_remove("DEMO_API_KEY")
            // It is there for one run, which is under way.
            .env("LOADTEST_RUNNER", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C in a terminal goes to the whole group: the run ends first, while its server still answers.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("starting a server")?;
        let base_url = format!("http://{address}");
        let looks = STARTS_WITHIN.as_millis() / LOOK_EVERY.as_millis();
        for _ in 0..looks {
            if let Some(status) = process.try_wait()? {
                let log = std::fs::read_to_string(data.path().join("log")).unwrap_or_default();
                bail!("the private server ended at once ({status}): {log}");
            }
            if http::is_ready(&base_url).await {
                return Ok(Self { base_url, _process: process, _data: data });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("the private server does not answer within {} s", STARTS_WITHIN.as_secs())
    }
}
