//! A storm of logins: what thousands of passwords that have to be checked cost those who have signed in already.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::Bench;
use super::answer::Reading;
use super::goals::Goal;
use super::join::terms;
use super::organiser::Organiser;
use super::paced::{Beside, bursts, in_turn, p99_ms};
use super::program::Program;
use super::report::Report;
use super::requests::{Requests, Shown};

/// Logins that wait at any moment: more than the threads for passwords ever catch up with.
const WAITING: usize = 256;
/// Until the queue for passwords is as long as it gets.
const GATHER: Duration = Duration::from_secs(1);
const END_WITHIN: Duration = Duration::from_secs(30);
/// Passwords take a core that others would have had a part of, and an answer may wait for one slice of it.
const LIMIT: f64 = 2.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = bench.product("storm")?;
    let organiser = Organiser::of(&server);
    let fans = organiser.sessions(bench.sizes.sessions)?;
    let waiting = organiser.sale(&terms(fans.len()))?;
    organiser.line_up(&waiting, &fans)?;
    let polls = bursts("GET", &waiting.status(), &fans);
    let window = bench.sizes.trouble_window;
    let (mut polling, mut joining, mut answered) = (Vec::new(), Vec::new(), 0);
    for round in 0..bench.sizes.rounds {
        let both = || -> anyhow::Result<(f64, f64)> {
            let sale = organiser.sale(&terms(fans.len()))?;
            let joins = bursts("POST", &sale.join(), &fans);
            let polled = p99_ms(bench, &server, polls.iter().cycle(), window)?;
            Ok((polled, p99_ms(bench, &server, joins.iter(), window)?))
        };
        let (calm, stormy) = in_turn(round, both, || {
            let storm = Storm::begin(&server, bench)?;
            let both = both()?;
            answered += storm.end()?;
            Ok(both)
        })?;
        polling.push((calm.0, stormy.0));
        joining.push((calm.1, stormy.1));
    }
    for (name, rounds) in
        [("p99 of a poll in a storm of logins", polling), ("p99 of a join in a storm of logins", joining)]
    {
        let beside = Beside::of(&rounds);
        report.fact(name, beside.text());
        report.goal(Goal::at_most(name, beside.ratio.median, LIMIT, "x p99 without"));
    }
    report.fact("logins answered meanwhile", answered.to_string());
    server.stop(&bench.clock)
}

/// Logins until this is gone.
struct Storm {
    runtime: Runtime,
    answered: Arc<AtomicUsize>,
}

impl Storm {
    fn begin(server: &Program, bench: &Bench) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let answered = Arc::new(AtomicUsize::new(0));
        for number in 0..WAITING {
            runtime.spawn(sign_in(number, server.target.addr, Arc::clone(&answered)));
        }
        bench.rest(GATHER);
        Ok(Self { runtime, answered })
    }

    /// How many were answered.
    fn end(self) -> anyhow::Result<usize> {
        self.runtime.shutdown_timeout(END_WITHIN);
        let answered = self.answered.load(Ordering::Relaxed);
        ensure!(answered > 0, "not one login was answered: there was no storm");
        Ok(answered)
    }
}

/// Signs in without an end, under an address that nobody has: that takes as long as a wrong password.
async fn sign_in(number: usize, server: SocketAddr, answered: Arc<AtomicUsize>) -> anyhow::Result<()> {
    let body = format!(r#"{{"email":"nobody{number}@example.com","password":"swordfish-{number}"}}"#);
    let requests = Requests::one("POST", "/v1/auth/login", Shown::Nothing, &body);
    let stream = TcpStream::connect(server).await?;
    let mut reading = Reading::default();
    loop {
        stream.writable().await?;
        ensure!(
            stream.try_write(requests.get(0))? == requests.get(0).len(),
            "a login does not fit the socket's buffer"
        );
        while reading.answer()?.is_none() {
            stream.readable().await?;
            match stream.try_read(reading.room()) {
                Ok(0) => return Ok(()),
                Ok(bytes) => reading.add(bytes),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        let status = reading.answer()?.map(|answer| answer.status);
        ensure!(status == Some(401), "a login was answered {status:?}");
        reading.clear();
        answered.fetch_add(1, Ordering::Relaxed);
    }
}
