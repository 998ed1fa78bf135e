//! Waiting for a server, with an end; and ports on which one can listen.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A deadline against a hang, not a measure: starting a server takes a second on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Below the range that outgoing connections draw from, so that none of ours sits on the port already.
const PORTS: Range<u32> = 10_000..30_000;
/// Processes that start together have neighbouring numbers; this spreads them over the range.
const STRIDE: u32 = 131;

#[expect(clippy::disallowed_methods, reason = "servers of other people's making start in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What `look` finds, looking again and again.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// A port of the loopback address that nobody listens on, another one each time. Somebody else may take it before its user does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let ports = PORTS.end - PORTS.start;
    for _ in PORTS {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = std::process::id().wrapping_mul(STRIDE).wrapping_add(turn) % ports;
        let port = u16::try_from(PORTS.start + offset).expect("the range ends below 65536");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port in {PORTS:?}");
}
