//! Moves the bytes of one connection, one thread for each direction.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::plan::{Plan, Way};

/// As much as is read at once; also what a delay holds per connection and direction.
const CHUNK: usize = 16 * 1024;

/// The two sockets of one connection.
pub(super) struct Pair {
    client: TcpStream,
    server: TcpStream,
    cut: AtomicBool,
    /// The trigger whose bytes the client has sent; the server's next answer that fits it is withheld.
    sent: AtomicU64,
    /// One of the two directions has ended.
    half_over: AtomicBool,
}

impl Pair {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> std::io::Result<Self> {
        // The proxy must not add delays of its own.
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        Ok(Self {
            client,
            server,
            cut: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            half_over: AtomicBool::new(false),
        })
    }

    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        // A socket that its peer has closed already cannot be shut down again, and need not be.
        drop(self.client.shutdown(Shutdown::Both));
        drop(self.server.shutdown(Shutdown::Both));
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

/// Finds one trigger's pattern in a stream, also across the edges of chunks.
#[derive(Default)]
struct Finder {
    trigger: u64,
    tail: Vec<u8>,
}

impl Finder {
    fn finds(&mut self, trigger: u64, pattern: &[u8], chunk: &[u8]) -> bool {
        if self.trigger != trigger {
            *self = Self { trigger, tail: Vec::new() };
        }
        if pattern.is_empty() {
            return true;
        }
        self.tail.extend_from_slice(chunk);
        let found = self.tail.windows(pattern.len()).any(|window| window == pattern);
        self.tail.drain(..self.tail.len().saturating_sub(pattern.len() - 1));
        found
    }
}

/// Until one side closes this direction or the connection is cut.
pub(super) fn run(way: Way, pair: &Arc<Pair>, plan: &Plan) {
    if pass(way, pair, plan).is_err() {
        plan.cut_one(pair);
    }
    // Whoever comes second closes the door.
    if pair.half_over.swap(true, Ordering::AcqRel) {
        pair.cut();
        plan.remove(pair);
    }
}

fn pass(way: Way, pair: &Pair, plan: &Plan) -> std::io::Result<()> {
    let (mut from, mut to) = match way {
        Way::ToServer => (&pair.client, &pair.server),
        Way::ToClient => (&pair.server, &pair.client),
    };
    let mut finder = Finder::default();
    let mut chunk = vec![0; CHUNK];
    let mut lost = false;
    loop {
        let length = from.read(&mut chunk)?;
        lost = lost || !plan.released(way, pair);
        match (length, lost) {
            // The end of a stream is lost like its bytes.
            (0, true) => return Ok(()),
            (0, false) => return to.shutdown(Shutdown::Write),
            (_, true) => (),
            (_, false) if trips(way, pair, plan, &mut finder, &chunk[..length]) => {
                plan.cut_one(pair);
                return Ok(());
            }
            (_, false) => to.write_all(&chunk[..length])?,
        }
    }
}

/// Whether these bytes are the answer that must not arrive.
fn trips(way: Way, pair: &Pair, plan: &Plan, finder: &mut Finder, bytes: &[u8]) -> bool {
    let Some(trigger) = plan.armed() else { return false };
    match way {
        Way::ToServer => {
            if finder.finds(trigger.number, &trigger.sent, bytes) {
                // Before the bytes go to the server, so that its answer cannot come first.
                pair.sent.store(trigger.number, Ordering::Release);
            }
            false
        }
        Way::ToClient => {
            let asked = trigger.sent.is_empty() || pair.sent.load(Ordering::Acquire) == trigger.number;
            asked && finder.finds(trigger.number, &trigger.reply, bytes) && plan.fire(&trigger)
        }
    }
}
