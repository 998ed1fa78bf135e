//! The load generator: one thread, a few hundred connections, one request under way on each, and next to no work of its
//! own. A slow tool would make every server look equal, so its own CPU time is measured and printed too.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail, ensure};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::answer::{Answer, Reading};
use super::requests::{Requests, Shown};

/// Longer than any answer takes; a server that hangs must not hang us.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };
/// What one wait may report. More connections than this are reported by the next.
const EVENTS_MAX: usize = 256;

/// Where requests go.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) addr: SocketAddr,
    /// Somebody has asked this run to end.
    pub(super) stop: Arc<AtomicBool>,
}

impl Target {
    pub(super) fn go_on(&self) -> anyhow::Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "stopped before the end");
        Ok(())
    }
}

/// Open connections to one server.
pub(super) struct Connections {
    target: Target,
    epoll: OwnedFd,
    all: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    reading: Reading,
    /// Which request is under way.
    request: usize,
}

impl Connections {
    /// Opens `count` connections, each of which has been answered once: what a connection costs to make is not what a
    /// request costs. `path` must answer 2xx to everybody.
    pub(super) fn open(target: &Target, count: usize, path: &str) -> anyhow::Result<Self> {
        let addr = target.addr;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut all = Vec::with_capacity(count);
        for number in 0..count {
            let stream = TcpStream::connect(addr).with_context(|| format!("connection {number} to {addr}"))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(number as u64), EventFlags::IN)?;
            all.push(Connection { stream, reading: Reading::default(), request: 0 });
        }
        let mut connections = Self { target: target.clone(), epoll, all };
        let warm = Requests::one("GET", path, Shown::Nothing, "");
        connections.send_all(&warm, count, |_, _| Ok(()))?;
        Ok(connections)
    }

    /// Sends `total` requests, from the first on and round again, and hands each answer over with the number of its
    /// request. Anything but a 2xx ends the run.
    pub(super) fn send_all(
        &mut self,
        requests: &Requests,
        total: usize,
        on_answer: impl FnMut(usize, &Answer<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.send_each(requests, total, |_| {}, on_answer)
    }

    /// The same, telling the number of each request before it is sent too.
    pub(super) fn send_each(
        &mut self,
        requests: &Requests,
        total: usize,
        mut on_send: impl FnMut(usize),
        mut on_answer: impl FnMut(usize, &Answer<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        ensure!(requests.len() > 0 || total == 0, "nothing to send");
        let mut sent = 0;
        for connection in self.all.iter_mut().take(total) {
            on_send(sent % requests.len());
            connection.send(requests, sent)?;
            sent += 1;
        }
        let mut answered = 0;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while answered < total {
            self.target.go_on()?;
            let ready = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&PATIENCE))?;
            ensure!(ready > 0, "no answer within {} s", PATIENCE.tv_sec);
            for Event { data, .. } in events.drain(..) {
                let number = usize::try_from(data.u64()).expect("the number of a connection, put there by `open`");
                let connection = &mut self.all[number];
                if connection.receive(requests, &mut on_answer)? {
                    answered += 1;
                    if sent < total {
                        on_send(sent % requests.len());
                        connection.send(requests, sent)?;
                        sent += 1;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    fn send(&mut self, requests: &Requests, number: usize) -> anyhow::Result<()> {
        self.request = number % requests.len();
        let request = requests.get(self.request);
        let written = self.stream.write(request).with_context(|| format!("sending {}", requests.line(self.request)))?;
        // A kilobyte always fits: nothing else is on its way on this connection.
        ensure!(written == request.len(), "{} does not fit the socket's buffer", requests.line(self.request));
        Ok(())
    }

    /// Whether the answer is complete now.
    fn receive(
        &mut self,
        requests: &Requests,
        on_answer: &mut impl FnMut(usize, &Answer<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        let line = || requests.line(self.request);
        match self.stream.read(self.reading.room()) {
            Ok(0) => bail!("the server closed the connection instead of answering {}", line()),
            Ok(bytes) => self.reading.add(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("waiting for the answer to {}", line())),
        }
        let Some(answer) = self.reading.answer().with_context(line)? else { return Ok(false) };
        if !(200..300).contains(&answer.status) {
            bail!("{} answered {}: {}", line(), answer.status, answer.text());
        }
        on_answer(self.request, &answer)?;
        self.reading.clear();
        Ok(true)
    }
}
