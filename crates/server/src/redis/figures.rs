//! What a node counts about its Redis.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

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

    pub fn hints_sent(&self) -> u64 {
        self.hints_sent.load(Ordering::Relaxed)
    }

    /// Other nodes' hints.
    pub fn hints_heard(&self) -> u64 {
        self.hints_heard.load(Ordering::Relaxed)
    }

    pub(super) fn set_up(&self, up: bool) {
        if !self.up.swap(up, Ordering::Relaxed) && up {
            self.connections.fetch_add(1, Ordering::Relaxed);
        }
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
        !self.refused.swap(true, Ordering::Relaxed)
    }

    pub(super) fn hint_sent(&self) {
        self.hints_sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn hint_heard(&self) {
        self.hints_heard.fetch_add(1, Ordering::Relaxed);
    }

    pub fn register(&self, registry: &mut Registry) {
        let up: Gauge = Gauge::default();
        up.set(i64::from(self.is_up()));
        registry.register("redis_up", "Redis is connected and answers", up);
        let ping: Gauge<f64, AtomicU64> = Gauge::default();
        ping.set(Duration::from_nanos(self.ping_nanos.load(Ordering::Relaxed)).as_secs_f64());
        registry.register_with_unit("redis_ping", "How long the last ping of Redis took", Unit::Seconds, ping);
        let counters = [
            ("redis_reconnects", "Connections to Redis after the first", self.connections().saturating_sub(1)),
            ("redis_exchanges", "Exchanges of limits with Redis", self.exchanges()),
            ("redis_exchanged_keys", "Keys in them", self.exchanged_keys.load(Ordering::Relaxed)),
            ("redis_exchange_failures", "Exchanges that Redis refused", self.exchange_failures()),
            ("redis_hints_sent", "Messages to other nodes that sales have changed", self.hints_sent()),
            ("redis_hints_heard", "Such messages of other nodes", self.hints_heard()),
        ];
        for (name, help, value) in counters {
            let counter: Counter = Counter::default();
            counter.inc_by(value);
            registry.register(name, help, counter);
        }
    }
}
