//! Slow connections: what thousands of requests that never end cost those who ask in earnest.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use domain::Clock as _;
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::Bench;
use super::goals::Goal;
use super::organiser::Organiser;
use super::paced::{Beside, bursts, in_turn, p99_ms};
use super::program::Program;
use super::report::Report;
use super::requests::Requests;
use super::sample::Spread;

/// The server takes 4,096 connections of one address: the slow ones come from eight.
const SOURCES: usize = 8;
/// Slower than any line, and never silent for long.
const BYTE_EVERY: Duration = Duration::from_secs(1);
/// Until a connection that was refused is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// They come one after the other over the time that the server gives a head, so that it never cuts all of them at once.
const OPEN_OVER: Duration = Duration::from_secs(5);
/// Until they stand, and until the server is rid of them.
const OPEN_WITHIN: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(1);
/// How often those that are open are counted.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// Of the slow ones that are open, on average; the server cuts some at every moment, and they come back.
const SHARE_OPEN: f64 = 0.9;
const LIMIT: f64 = 1.1;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = bench.product("slow")?;
    let polls = polls(bench, &server)?;
    let p99_ms = || p99_ms(bench, &server, polls.iter().cycle(), bench.sizes.trouble_window);
    let (mut rounds, mut cut, mut open) = (Vec::new(), 0, Vec::new());
    for round in 0..bench.sizes.rounds {
        rounds.push(in_turn(round, p99_ms, || {
            let slow = Slow::open(server.target.addr, bench)?;
            slow.counts.begin();
            let p99_ms = p99_ms()?;
            let (mean, gone) = slow.close(bench)?;
            open.push(mean);
            cut += gone;
            Ok(p99_ms)
        })?);
    }
    let beside = Beside::of(&rounds);
    let open = Spread::of(open);
    let text = format!("{}; {:.0} of them open, and the server cut {cut}", beside.text(), open.median);
    report.fact("p99 of a poll beside slow connections", text);
    report.goal(Goal::at_most(
        "p99 of a poll beside 5,000 slow connections",
        beside.ratio.median,
        LIMIT,
        "x p99 without",
    ));
    server.stop(&bench.clock)
}

/// Of fans who wait.
fn polls(bench: &Bench, server: &Program) -> anyhow::Result<Vec<Requests>> {
    let organiser = Organiser::of(server);
    let sale = organiser.sale(&json!({ "admit_per_minute": 0 }))?;
    let sessions = organiser.sessions(bench.sizes.sessions)?;
    organiser.line_up(&sale, &sessions)?;
    Ok(bursts("GET", &sale.status(), &sessions))
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    cut: AtomicUsize,
    /// Of what was counted since the window began.
    sum: AtomicUsize,
    times: AtomicUsize,
}

impl Counts {
    /// The window: what came before is not counted.
    fn begin(&self) {
        for count in [&self.cut, &self.sum, &self.times] {
            count.store(0, Ordering::Relaxed);
        }
    }

    async fn count(self: Arc<Self>) {
        loop {
            self.sum.fetch_add(self.open.load(Ordering::Relaxed), Ordering::Relaxed);
            self.times.fetch_add(1, Ordering::Relaxed);
            sleep(COUNT_EVERY).await;
        }
    }

    fn mean(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / self.times.load(Ordering::Relaxed).max(1) as f64
    }
}

/// Connections that are slow until this is gone. Who is cut off comes back at once.
struct Slow {
    runtime: Runtime,
    counts: Arc<Counts>,
    wanted: usize,
}

impl Slow {
    fn open(server: SocketAddr, bench: &Bench) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (counts, wanted) = (Arc::new(Counts::default()), bench.sizes.slow);
        let apart = OPEN_OVER / u32::try_from(wanted)?;
        for number in 0..wanted {
            let begins = apart * u32::try_from(number)?;
            runtime.spawn(keep_slow(number, begins, server, Arc::clone(&counts)));
        }
        runtime.spawn(Arc::clone(&counts).count());
        let slow = Self { runtime, counts, wanted };
        let asked = bench.clock.monotonic();
        while bench.clock.monotonic().saturating_sub(asked) < OPEN_OVER || !slow.enough(slow.open_now()) {
            bench.go_on()?;
            let waited = bench.clock.monotonic().saturating_sub(asked);
            let open = slow.open_now();
            ensure!(waited < OPEN_WITHIN, "{open} of {wanted} slow connections are open: how many open files may be?");
            bench.rest(COUNT_EVERY);
        }
        Ok(slow)
    }

    fn open_now(&self) -> f64 {
        self.counts.open.load(Ordering::Relaxed) as f64
    }

    fn enough(&self, open: f64) -> bool {
        open >= self.wanted as f64 * SHARE_OPEN
    }

    /// How many were open on average, and how many the server has cut off.
    fn close(self, bench: &Bench) -> anyhow::Result<(f64, usize)> {
        let (mean, cut) = (self.counts.mean(), self.counts.cut.load(Ordering::Relaxed));
        ensure!(self.enough(mean), "only {mean:.0} of {} slow connections were open on average", self.wanted);
        self.runtime.shutdown_timeout(OPEN_WITHIN);
        bench.rest(SETTLE);
        Ok((mean, cut))
    }
}

/// What a slow one sends at first, and byte after byte.
struct Manner {
    first: &'static str,
    then: Option<u8>,
}

const MANNERS: [Manner; 3] = [
    // A head that does not end,
    Manner { first: "GET /v1/sales HTTP/1.1\r\nhost: localhost\r\nx: ", then: Some(b'y') },
    // a body that does not end,
    Manner {
        first: "POST /v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n{",
        then: Some(b' '),
    },
    // and nothing at all.
    Manner { first: "", then: None },
];

async fn keep_slow(number: usize, begins: Duration, server: SocketAddr, counts: Arc<Counts>) {
    sleep(begins).await;
    loop {
        if let Ok(stream) = connect(number, server).await {
            counts.open.fetch_add(1, Ordering::Relaxed);
            until_cut(&stream, &MANNERS[number % MANNERS.len()]).await;
            counts.open.fetch_sub(1, Ordering::Relaxed);
            counts.cut.fetch_add(1, Ordering::Relaxed);
        } else {
            sleep(AGAIN_AFTER).await;
        }
    }
}

async fn connect(number: usize, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source(number), 0))?;
    socket.connect(server).await
}

/// All of 127/8 is this machine.
fn source(number: usize) -> IpAddr {
    let last = u8::try_from(number % SOURCES).expect("fewer than 256 sources") + 2;
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// Ends when the server has closed the connection.
async fn until_cut(stream: &TcpStream, manner: &Manner) {
    if stream.writable().await.is_err() || stream.try_write(manner.first.as_bytes()).is_err() {
        return;
    }
    loop {
        tokio::select! {
            readable = stream.readable() => {
                // Being told to go is an answer, and then the end.
                if readable.is_err() || is_closed(stream) {
                    return;
                }
            }
            () = sleep(BYTE_EVERY) => {
                if manner.then.is_some_and(|byte| stream.try_write(&[byte]).is_err()) {
                    return;
                }
            }
        }
    }
}

fn is_closed(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 512]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_ones_come_from_addresses_of_this_machine_and_in_every_manner() {
        let mut sources: Vec<IpAddr> = (0..100).map(source).collect();
        sources.sort();
        sources.dedup();
        assert!(sources.len() == SOURCES && sources.iter().all(IpAddr::is_loopback));
        const { assert!(5_000 / SOURCES < 4_096, "below the cap of one address") };
    }
}
