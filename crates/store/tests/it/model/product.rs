//! The product as a case drives it: one way for each command. [`Real`] is the store; a planted bug goes another way in
//! one of them.

use store::admissions::{ExpireClaims, PollCalled, Polled, Tick, TickDone};
use store::checkout::{BeginCheckout, Begun};
use store::holds::{ExpireHolds, PlaceHold, ReleaseHold};
use store::queue::{JoinBatch, Joined, Leave};
use store::sale_changes::{ChangeSale, Changed};
use store::settlement::{FinishCheckout, Finished, Refunded};
use store::{Failure, Verb};

use crate::world::World;

type Answered<V> = Result<<V as Verb>::Done, Failure>;

pub(crate) trait Product {
    async fn join(&self, w: &World, verb: JoinBatch) -> Result<Vec<Joined>, Failure> {
        w.store.run(verb).await
    }
    async fn leave(&self, w: &World, verb: Leave) -> Answered<Leave> {
        w.store.run(verb).await
    }
    async fn poll(&self, w: &World, verb: PollCalled) -> Result<Polled, Failure> {
        w.store.run(verb).await
    }
    async fn tick(&self, w: &World, verb: Tick) -> Result<TickDone, Failure> {
        w.store.run(verb).await
    }
    async fn hold(&self, w: &World, verb: PlaceHold) -> Answered<PlaceHold> {
        w.store.run(verb).await
    }
    async fn release(&self, w: &World, verb: ReleaseHold) -> Answered<ReleaseHold> {
        w.store.run(verb).await
    }
    async fn begin(&self, w: &World, verb: BeginCheckout) -> Result<Begun, Failure> {
        w.store.run(verb).await
    }
    async fn finish(&self, w: &World, verb: FinishCheckout) -> Result<Finished, Failure> {
        w.store.run(verb).await
    }
    async fn refunded(&self, w: &World, verb: Refunded) -> Answered<Refunded> {
        w.store.run(verb).await
    }
    async fn sweep_holds(&self, w: &World) -> Answered<ExpireHolds> {
        w.store.run(ExpireHolds).await
    }
    async fn sweep_claims(&self, w: &World) -> Answered<ExpireClaims> {
        w.store.run(ExpireClaims).await
    }
    async fn change(&self, w: &World, verb: ChangeSale) -> Result<Changed, Failure> {
        w.store.run(verb).await
    }
}

/// The store and nothing else.
pub(crate) struct Real;

impl Product for Real {}
