//! A runner beside the server: a child of it, started again when it dies, and gone when the server is.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use server::app::Ids as _;
use server::config::{Config, Secret};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::real::SystemIds;

/// After a death; twice as long after each that follows soon.
const BACK_AFTER: Duration = Duration::from_millis(500);
const BACK_AT_LATEST_AFTER: Duration = Duration::from_secs(30);
/// A runner that has lived for so long did not die of its start.
const LIVES: Duration = Duration::from_secs(60);
/// A run that is stopped with the server is delivered to it first.
const ENDS_WITHIN: Duration = Duration::from_secs(6);

/// How to start the runner of this server.
pub(crate) struct Supervisor {
    base_url: String,
    /// The same in the server's next life, so that its runner ends what the last one left behind.
    name: String,
    is_loopback: bool,
    runner_key: Secret,
    admin_key: Secret,
}

impl Supervisor {
    /// Where this server keeps a runner: how. It gets a key that nobody else knows, unless there is one.
    pub(crate) fn prepare(config: &mut Config, addrs: &[SocketAddr]) -> Option<Self> {
        if !config.has_own_runner() {
            return None;
        }
        let address = reachable(addrs)?;
        let fresh = || Secret::new(SystemIds.secret().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let runner_key = config.runner_key.get_or_insert_with(fresh).clone();
        Some(Self {
            base_url: format!("http://{address}"),
            name: format!("beside {address}"),
            is_loopback: address.ip().is_loopback(),
            runner_key,
            admin_key: config.admin_api_key.clone(),
        })
    }

    /// Keeps a runner until `asked` turns true. What it returns turns true when that has ended, too.
    pub(crate) fn keep(self, asked: watch::Receiver<bool>) -> watch::Receiver<bool> {
        let (gone, ended) = watch::channel(false);
        tokio::spawn(async move {
            self.run(asked).await;
            gone.send_replace(true);
            // Dropping the sender would look like a second reason to stop.
            gone.closed().await;
        });
        ended
    }

    async fn run(&self, asked: watch::Receiver<bool>) {
        let mut pause = BACK_AFTER;
        loop {
            let born = now();
            match self.spawn() {
                Ok((mut child, _pipe)) => tokio::select! {
                    () = told(asked.clone()) => return end(child).await,
                    status = child.wait() => {
                        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                        tracing::warn!(status, "the load runner ended: it is started again");
                    }
                },
                Err(error) => tracing::error!(%error, "the load runner cannot be started: it is tried again"),
            }
            if born.elapsed() >= LIVES {
                pause = BACK_AFTER;
            }
            tokio::select! {
                () = told(asked.clone()) => return,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(BACK_AT_LATEST_AFTER);
        }
    }

    /// Keys go by the environment, where others on the machine cannot read them. The runner's input is a pipe of which we have
    /// the other end: when this process is gone, however that came, it ends.
    fn spawn(&self) -> anyhow::Result<(Child, Option<ChildStdin>)> {
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command
            .args(["lab", "runner", "--with-parent", "--base-url", &self.base_url, "--name", &self.name])
            .args((!self.is_loopback).then_some("--remote"))
            .env("RUNNER_KEY", self.runner_key.reveal())
            .env("ADMIN_API_KEY", self.admin_key.reveal())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().context("starting it")?;
        // Left in there, it would be closed by whoever waits for the child.
        let pipe = child.stdin.take();
        tracing::info!(pid = child.id(), "a load runner beside this server");
        Ok((child, pipe))
    }
}

/// To end. Where nobody is left to say so, that says it too.
async fn told(mut asked: watch::Receiver<bool>) {
    drop(asked.wait_for(|asked| *asked).await);
}

async fn end(mut child: Child) {
    if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        // Gone already: then it ends at once.
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(ENDS_WITHIN, child.wait()).await.is_err() {
        tracing::warn!("the load runner did not end in time, and is killed");
        // It is killed when dropped, too.
        let _ = child.kill().await;
    }
}

/// Where a process on this machine reaches the server: its own loopback, if it listens there.
fn reachable(addrs: &[SocketAddr]) -> Option<SocketAddr> {
    let here = |addr: &SocketAddr| match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        // All addresses are those of IPv4, too.
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v6.port())),
        other => *other,
    };
    let rank = |addr: &SocketAddr| (!addr.ip().is_loopback(), addr.is_ipv6());
    addrs.iter().map(here).min_by_key(rank)
}

#[expect(clippy::disallowed_methods, reason = "how long a process lives is real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_comes_over_loopback_where_it_can() {
        let reach = |addrs: &[&str]| {
            let addrs: Vec<SocketAddr> = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
            reachable(&addrs).map(|addr| addr.to_string())
        };
        assert_eq!(reach(&["[::1]:80", "127.0.0.1:80"]).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(reach(&["192.0.2.1:80", "[::1]:81"]).as_deref(), Some("[::1]:81"));
        assert_eq!(reach(&["[::]:82"]).as_deref(), Some("127.0.0.1:82"));
        assert_eq!(reach(&["0.0.0.0:83"]).as_deref(), Some("127.0.0.1:83"));
        assert_eq!(reach(&["192.0.2.1:80"]).as_deref(), Some("192.0.2.1:80"));
        assert_eq!(reach(&[]), None);
    }
}
