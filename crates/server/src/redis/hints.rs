//! "Sale X changed": told to the other nodes after a commit, so that they look at the database sooner.
//!
//! A hint may be late, lost or about nothing. Who listens looks for itself, and looks now and then without one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::SaleId;
use tokio::sync::Notify;
use uuid::Uuid;

/// One channel for all sales: whoever hears of one looks at everything that is new.
pub(super) const CHANNEL: &str = "traffic:changed";
/// Sales named in one message. More are changed at once only by a tool, and the message is a hint with the others too.
const SALES_MAX: usize = 256;

#[derive(Default)]
pub struct Hints {
    /// There is a Redis to tell.
    on: bool,
    flowing: AtomicBool,
    changed: Mutex<BTreeSet<SaleId>>,
    to_tell: Notify,
    heard: Notify,
}

impl Hints {
    pub(super) fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    /// Something of this sale was committed here. Never waits: called on the way of every commit.
    pub fn changed(&self, sale: SaleId) {
        if !self.on {
            return;
        }
        let mut changed = self.waiting();
        if changed.len() < SALES_MAX && changed.insert(sale) {
            self.to_tell.notify_one();
        }
    }

    /// Returns when another node has changed something, or hints may have been missed, since it last returned. Never
    /// without Redis. For one listener.
    pub async fn heard(&self) {
        self.heard.notified().await;
    }

    /// Other nodes' hints come, as far as this node can tell: it has subscribed, and the connection answers.
    pub fn are_flowing(&self) -> bool {
        self.flowing.load(Ordering::Relaxed)
    }

    /// Either way something may have been missed.
    pub(super) fn set_flowing(&self, flowing: bool) {
        if self.flowing.swap(flowing, Ordering::Relaxed) != flowing {
            self.heard.notify_one();
        }
    }

    /// What is to be told, when there is something.
    pub(super) async fn to_tell(&self) -> BTreeSet<SaleId> {
        loop {
            let told = self.to_tell.notified();
            let sales = std::mem::take(&mut *self.waiting());
            if !sales.is_empty() {
                return sales;
            }
            told.await;
        }
    }

    /// These could not be told.
    pub(super) fn put_back(&self, sales: BTreeSet<SaleId>) {
        self.waiting().extend(sales);
    }

    pub(super) fn message(node: Uuid, sales: &BTreeSet<SaleId>) -> String {
        let mut message = node.to_string();
        for sale in sales {
            message.push(' ');
            message.push_str(&sale.to_string());
        }
        message
    }

    /// A message came. True if it is from another node.
    pub(super) fn hear(&self, node: Uuid, message: &[u8]) -> bool {
        let from = message.split(|byte| *byte == b' ').next().and_then(|from| Uuid::try_parse_ascii(from).ok());
        let other = from.is_some_and(|from| from != node);
        if other {
            self.heard.notify_one();
        }
        other
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<SaleId>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const HERE: Uuid = Uuid::from_u128(1);
    const THERE: Uuid = Uuid::from_u128(2);

    fn sale(number: u128) -> SaleId {
        SaleId(Uuid::from_u128(number))
    }

    #[test]
    fn changes_of_one_sale_are_told_once() {
        let hints = Hints::new(true);
        (0..1_000).for_each(|_| hints.changed(sale(7)));
        hints.changed(sale(8));
        let told = hints.to_tell().now_or_never().unwrap();
        assert_eq!(Hints::message(HERE, &told), format!("{HERE} {} {}", sale(7), sale(8)));
        assert!(hints.to_tell().now_or_never().is_none(), "everything was told");
        hints.put_back(told);
        assert_eq!(hints.to_tell().now_or_never().unwrap().len(), 2);
    }

    #[test]
    fn a_node_hears_others_and_not_itself() {
        let hints = Hints::new(true);
        assert!(!hints.hear(HERE, Hints::message(HERE, &BTreeSet::from([sale(7)])).as_bytes()));
        assert!(!hints.hear(HERE, b"") && !hints.hear(HERE, b"hello \xff"));
        assert!(hints.heard().now_or_never().is_none());
        assert!(hints.hear(HERE, Hints::message(THERE, &BTreeSet::from([sale(7)])).as_bytes()));
        assert!(hints.heard().now_or_never().is_some());
        assert!(hints.heard().now_or_never().is_none(), "once for all that came");
    }

    #[test]
    fn when_hints_begin_or_cease_somebody_should_look() {
        let hints = Hints::new(true);
        for flowing in [true, false] {
            hints.set_flowing(flowing);
            assert_eq!(hints.are_flowing(), flowing);
            assert!(hints.heard().now_or_never().is_some());
            hints.set_flowing(flowing);
            assert!(hints.heard().now_or_never().is_none());
        }
    }

    #[test]
    fn without_redis_nothing_is_kept_and_nothing_heard() {
        let hints = Hints::default();
        hints.changed(sale(7));
        assert!(hints.to_tell().now_or_never().is_none());
        assert!(hints.heard().now_or_never().is_none() && !hints.are_flowing());
    }

    #[test]
    fn what_waits_to_be_told_is_bounded() {
        let hints = Hints::new(true);
        (0..10_000).for_each(|number| hints.changed(sale(number)));
        assert_eq!(hints.to_tell().now_or_never().unwrap().len(), SALES_MAX);
    }
}
