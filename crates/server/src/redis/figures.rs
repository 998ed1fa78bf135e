//! What a node counts about its Redis.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::metrics::Page;

#[derive(Default)]
pub struct Figures {
    up: AtomicBool,
    ping_nanos: AtomicU64,
    connections: AtomicU64,
    exchanges: AtomicU64,
    exchanged_keys: AtomicU64,
    exchange_failures: AtomicU64,
    /// The last exchange was.
    refused: AtomicBool,
    fallbacks: AtomicU64,
    hints_sent: AtomicU64,
    hints_heard: AtomicU64,
}

impl Figures {
    /// Connected, and answering as of the last look.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Connections made since the start: all but the first are reconnections.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Exchanges that Redis answered.
    pub fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::Relaxed)
    }

    /// Exchanges that Redis refused, such as when its memory is full.
    pub fn exchange_failures(&self) -> u64 {
        self.exchange_failures.load(Ordering::Relaxed)
    }

    /// Limits are this node's own, though they should be shared.
    pub fn is_fallback(&self) -> bool {
        !self.is_up() || self.refused.load(Ordering::Relaxed)
    }

    /// Times that this began, after Redis was there.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks.load(Ordering::Relaxed)
    }

    pub fn hints_sent(&self) -> u64 {
        self.hints_sent.load(Ordering::Relaxed)
    }

    /// Other nodes' hints.
    pub fn hints_heard(&self) -> u64 {
        self.hints_heard.load(Ordering::Relaxed)
    }

    pub(super) fn set_up(&self, up: bool) {
        match (self.up.swap(up, Ordering::Relaxed), up) {
            (false, true) => self.connections.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.fallbacks.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }

    pub(super) fn pinged(&self, took: Duration) {
        self.ping_nanos.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn exchanged(&self, keys: usize) {
        self.refused.store(false, Ordering::Relaxed);
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.exchanged_keys.fetch_add(keys as u64, Ordering::Relaxed);
    }

    /// True for the first in a row.
    pub(super) fn exchange_failed(&self) -> bool {
        self.exchange_failures.fetch_add(1, Ordering::Relaxed);
        let first = !self.refused.swap(true, Ordering::Relaxed);
        self.fallbacks.fetch_add(u64::from(first), Ordering::Relaxed);
        first
    }

    pub(super) fn hint_sent(&self) {
        self.hints_sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn hint_heard(&self) {
        self.hints_heard.fetch_add(1, Ordering::Relaxed);
    }

    pub fn write(&self, page: &mut Page) {
        page.gauge("redis_up", "Redis is connected and answers").is(u8::from(self.is_up()));
        let help = "1 while limits are this node's own because Redis is away or refuses to share them";
        page.gauge("redis_fallback", help).is(u8::from(self.is_fallback()));
        let ping = Duration::from_nanos(self.ping_nanos.load(Ordering::Relaxed));
        page.gauge("redis_ping_seconds", "How long the last ping of Redis took").is(ping.as_secs_f64());
        let counters = [
            ("redis_fallbacks_total", "Times that limits became this node's own", self.fallbacks()),
            ("redis_reconnects_total", "Connections to Redis after the first", self.connections().saturating_sub(1)),
            ("redis_exchanges_total", "Exchanges of limits with Redis", self.exchanges()),
            ("redis_exchanged_keys_total", "Keys in them", self.exchanged_keys.load(Ordering::Relaxed)),
            ("redis_exchange_failures_total", "Exchanges that Redis refused", self.exchange_failures()),
            ("redis_hints_sent_total", "Messages to other nodes that sales have changed", self.hints_sent()),
            ("redis_hints_heard_total", "Such messages of other nodes", self.hints_heard()),
        ];
        for (name, help, value) in counters {
            page.counter(name, help).is(value);
        }
    }
}
