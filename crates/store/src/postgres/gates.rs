//! How many may use the database at once, and how many may wait for it: each lane by itself, so that a flood in one does
//! not stop the others. What cannot be served soon is refused at once.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::error::Failure;
use crate::figures::Lined;
use crate::tx::{Lane, READS};

/// Who waits longer for his turn is refused: he has other things to do.
const PATIENCE: Duration = Duration::from_secs(5);
/// Ticks and operator acts are few; more than this means that something loops.
const OPERATOR_WAITING: usize = 64;
/// What a few connections do in some seconds.
const WAITING: usize = 1_024;
/// Each is a whole batch of one sale.
const JOINS_WAITING: usize = 256;

pub(super) struct Gates {
    operator: Gate,
    settlements: Gate,
    purchases: Gate,
    joins: Gate,
    accounts: Gate,
    reads: Gate,
}

struct Gate {
    turns: Semaphore,
    waiting: Semaphore,
    /// Places to wait in.
    most: usize,
}

/// A turn, given back on drop.
pub(super) type Turn<'a> = SemaphorePermit<'a>;

impl Gates {
    /// Shares of so many connections; one is left for the feed.
    pub(super) fn new(connections: usize) -> Self {
        let share = |part: usize| (connections / part).max(1);
        let (operator, settlements, joins, accounts, reads) = (1, share(8), share(8), share(8), share(4));
        let purchases = connections.saturating_sub(operator + settlements + joins + accounts + reads + 1).max(1);
        Self {
            operator: Gate::new(operator, OPERATOR_WAITING),
            settlements: Gate::new(settlements, WAITING),
            purchases: Gate::new(purchases, WAITING),
            joins: Gate::new(joins, JOINS_WAITING),
            accounts: Gate::new(accounts, WAITING),
            reads: Gate::new(reads, WAITING),
        }
    }

    pub(super) async fn write(&self, lane: Lane) -> Result<Turn<'_>, Failure> {
        match lane {
            Lane::Operator => self.operator.enter().await,
            Lane::Settlements => self.settlements.enter().await,
            Lane::Purchases => self.purchases.enter().await,
            Lane::Joins => self.joins.enter().await,
            Lane::Accounts => self.accounts.enter().await,
        }
    }

    pub(super) async fn read(&self) -> Result<Turn<'_>, Failure> {
        self.reads.enter().await
    }

    /// Nobody enters any more.
    pub(super) fn close(&self) {
        self.all().into_iter().for_each(|(_, gate)| gate.turns.close());
    }

    /// Who waits where.
    pub(super) fn lined(&self) -> Vec<Lined> {
        let lined = |(lane, gate): (_, &Gate)| {
            let waiting = gate.most.saturating_sub(gate.waiting.available_permits());
            Lined { lane, waiting, most: gate.most }
        };
        self.all().into_iter().map(lined).collect()
    }

    fn all(&self) -> [(&'static str, &Gate); 6] {
        [
            (Lane::Operator.name(), &self.operator),
            (Lane::Settlements.name(), &self.settlements),
            (Lane::Purchases.name(), &self.purchases),
            (Lane::Joins.name(), &self.joins),
            (Lane::Accounts.name(), &self.accounts),
            (READS, &self.reads),
        ]
    }
}

impl Gate {
    fn new(turns: usize, waiting: usize) -> Self {
        Self { turns: Semaphore::new(turns), waiting: Semaphore::new(waiting), most: waiting }
    }

    async fn enter(&self) -> Result<Turn<'_>, Failure> {
        let waiting = self.waiting.try_acquire().map_err(|_| Failure::Overloaded)?;
        let turn = timeout(PATIENCE, self.turns.acquire()).await;
        drop(waiting);
        turn.map_err(|_| Failure::Overloaded)?.map_err(|_| Failure::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_full_lane_stops_no_other_and_who_waits_behind_it_is_let_in() {
        let gates = Gates::new(4);
        let busy = gates.write(Lane::Purchases).await.expect("a turn");
        let mut second = Box::pin(gates.write(Lane::Purchases));
        assert!(second.as_mut().now_or_never().is_none());
        let lined: Vec<_> = gates.lined().into_iter().map(|at| (at.lane, at.waiting, at.most)).collect();
        assert_eq!(
            lined,
            [
                ("operator", 0, OPERATOR_WAITING),
                ("settlements", 0, WAITING),
                ("purchases", 1, WAITING),
                ("joins", 0, JOINS_WAITING),
                ("accounts", 0, WAITING),
                ("reads", 0, WAITING)
            ]
        );
        for lane in [Lane::Operator, Lane::Settlements, Lane::Joins, Lane::Accounts] {
            assert!(gates.write(lane).await.is_ok(), "{lane:?}");
        }
        assert!(gates.read().await.is_ok());
        drop(busy);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused_at_once() {
        let gate = Gate::new(1, 2);
        let _turn = gate.enter().await.expect("a turn");
        let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(gate.enter())).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        assert!(matches!(gate.enter().now_or_never(), Some(Err(Failure::Overloaded))));
        gate.turns.close();
        assert!(matches!(waiting.remove(0).await, Err(Failure::Stopped)));
    }
}
