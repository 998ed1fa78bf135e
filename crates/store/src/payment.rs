//! Taking money. No lock and no transaction is held while a provider thinks.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use domain::{Money, OrderId};
use uuid::Uuid;

/// What is to be paid. The order id is the provider's idempotency key.
#[derive(Clone, Debug)]
pub struct Charge {
    pub order: OrderId,
    pub amount: Money,
    pub token: String,
    /// How many tickets it pays for.
    pub seats: usize,
}

/// What goes back: all of an order, or the price of one of its tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The provider's idempotency key.
    pub key: Uuid,
    pub order: OrderId,
    pub amount: Money,
    pub token: String,
}

impl Refund {
    /// Of a charge that came too late.
    pub fn whole(charge: &Charge) -> Self {
        Self { key: charge.order.0, order: charge.order, amount: charge.amount, token: charge.token.clone() }
    }
}

/// What the provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Captured,
    Declined,
    /// No answer in time: it may have been captured. Ask later.
    Unknown,
}

/// A payment provider. Each call may be repeated.
pub trait Provider: Send + Sync + 'static {
    fn charge(&self, charge: Charge) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>>;
    /// What became of a charge, asked when its answer was lost, also after a crash.
    fn look_up(&self, charge: Charge) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>>;
    /// True when the money is on its way back.
    fn refund(&self, refund: Refund) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

/// A provider for rehearsals: the token decides, so that it gives the same answer after a crash.
/// `sim_ok:<fingerprint>` captures, `sim_decline` declines, `sim_timeout` captures but its answer is lost.
pub struct Simulated {
    pub latency: Duration,
}

/// The token of a payment that names none.
pub const DEFAULT_TOKEN: &str = "sim_ok";
/// Longer than any real provider's token.
pub const LONGEST_TOKEN: usize = 200;

/// Whether the simulated provider knows this token.
pub fn is_token(token: &str) -> bool {
    token.len() <= LONGEST_TOKEN
        && token.bytes().all(|byte| byte.is_ascii_graphic())
        && matches!(token.split(':').next(), Some("sim_ok" | "sim_decline" | "sim_timeout"))
}

/// What tells one card from another, whoever pays with it: providers say it with the token.
pub(crate) fn fingerprint(token: &str) -> Option<&str> {
    token.split_once(':').map(|(_, fingerprint)| fingerprint).filter(|fingerprint| !fingerprint.is_empty())
}

impl Simulated {
    fn truth(token: &str) -> Verdict {
        if token.starts_with("sim_decline") { Verdict::Declined } else { Verdict::Captured }
    }
}

impl Provider for Simulated {
    fn charge(&self, charge: Charge) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        Box::pin(async move {
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            if charge.token.starts_with("sim_timeout") { Verdict::Unknown } else { Self::truth(&charge.token) }
        })
    }

    fn look_up(&self, charge: Charge) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        Box::pin(async move { Self::truth(&charge.token) })
    }

    fn refund(&self, _: Refund) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(std::future::ready(true))
    }
}
