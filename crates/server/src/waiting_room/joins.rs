//! Joins of one sale, written together: at most one batch is under way, and what arrives meanwhile is the next one.
//! No timer: a single join on an idle node is written at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{AccountId, SaleId};
use store::queue::{JoinBatch, Joined};
use store::{Failure, MOST_ROWS_PER_COMMAND, SPANS, Store};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use crate::app::{Shared, within};

/// Joins that wait for their batch: a fifth of a second of work; more is answered "overloaded" at once.
const WAITING_MAX: usize = 20_000;

type Answer = Result<Joined, Failure>;

#[derive(Default)]
pub struct Joins {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    under_way: bool,
    worst: WorstBatch,
}

/// One request that waits.
struct Waiting {
    account: AccountId,
    reply: oneshot::Sender<Answer>,
    /// The request's, where it is traced.
    span: Span,
}

/// The batch that took longest, from its start to its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorstBatch {
    pub people: usize,
    pub took: Duration,
}

impl Joins {
    /// Joins one account. The write goes on if the caller goes away.
    pub async fn join(self: &Arc<Self>, app: &Shared, sale: SaleId, account: AccountId) -> Answer {
        let (reply, answer) = oneshot::channel();
        let span = app.current_span();
        let start = {
            let mut queue = self.lock();
            if queue.waiting.len() >= WAITING_MAX {
                return Err(Failure::Overloaded);
            }
            queue.waiting.push(Waiting { account, reply, span });
            !std::mem::replace(&mut queue.under_way, true)
        };
        if start {
            tokio::spawn(Arc::clone(self).work(Arc::clone(app), sale));
        }
        answer.await.unwrap_or(Err(Failure::Unknown))
    }

    /// People who wait for their batch.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The longest batch since the start of the node.
    pub fn worst(&self) -> WorstBatch {
        self.lock().worst
    }

    async fn work(self: Arc<Self>, app: Shared, sale: SaleId) {
        while let Some(mut batch) = self.take() {
            let started = app.clock.monotonic();
            let mut accounts: Vec<AccountId> = Vec::with_capacity(batch.len());
            let mut index = HashMap::with_capacity(batch.len());
            for Waiting { account, .. } in &batch {
                index.entry(*account).or_insert_with(|| {
                    accounts.push(*account);
                    accounts.len() - 1
                });
            }
            let writing = write(&app.store, sale, accounts).instrument(span_of(&mut batch));
            // One timer for all: a batch that takes too long is written or not. Whoever waits behind it was never offered
            // to the store, which is a definite no.
            let unknown = || {
                self.refuse_waiting();
                batch.iter().map(|_| Err(Failure::Unknown)).collect()
            };
            let mut answers = within(app.patience, writing).await.unwrap_or_else(unknown);
            let took = app.clock.monotonic().saturating_sub(started);
            app.metrics.joins_written(batch.len(), took);
            self.note(WorstBatch { people: batch.len(), took });
            for Waiting { account, reply, .. } in batch {
                let answer = &mut answers[index[&account]];
                // Two requests of one account in one batch: the second hears that it has a place.
                let next = match answer {
                    Ok(Joined::New { position, joined_at }) => {
                        Ok(Joined::Known { position: *position, joined_at: *joined_at })
                    }
                    Ok(joined) => Ok(*joined),
                    Err(failure) => Err(copy(failure)),
                };
                // A caller who has gone away needs no answer.
                drop(reply.send(std::mem::replace(answer, next)));
            }
        }
    }

    fn take(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.lock();
        if queue.waiting.is_empty() {
            queue.under_way = false;
            return None;
        }
        let count = queue.waiting.len().min(MOST_ROWS_PER_COMMAND);
        Some(queue.waiting.drain(..count).collect())
    }

    fn refuse_waiting(&self) {
        for Waiting { reply, .. } in self.lock().waiting.drain(..) {
            drop(reply.send(Err(Failure::Overloaded)));
        }
    }

    fn note(&self, batch: WorstBatch) {
        let worst = &mut self.lock().worst;
        if batch.took > worst.took {
            *worst = batch;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span of the first request whose trace is recorded; it names the others, too.
fn span_of(batch: &mut [Waiting]) -> Span {
    let span = tracing::info_span!(target: SPANS, parent: None, "join_batch", people = batch.len());
    for waiting in batch {
        let request = std::mem::replace(&mut waiting.span, Span::none());
        span.follows_from(&request);
    }
    span
}

/// One batch; where it fails as a whole, its halves, so that only the cause is refused.
async fn write(store: &Store, sale: SaleId, accounts: Vec<AccountId>) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(accounts.len());
    let mut parts = vec![accounts];
    while let Some(mut part) = parts.pop() {
        match store.run(JoinBatch { sale, accounts: part.clone() }).await {
            Ok(joined) => answers.extend(joined.into_iter().map(Ok)),
            Err(Failure::Broken(_)) if part.len() > 1 => {
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            }
            Err(failure) => answers.extend(part.iter().map(|_| Err(copy(&failure)))),
        }
    }
    answers
}

fn copy(failure: &Failure) -> Failure {
    match failure {
        Failure::Refused(refusal) => Failure::Refused(*refusal),
        Failure::Overloaded => Failure::Overloaded,
        Failure::StorageFull => Failure::StorageFull,
        Failure::Unknown => Failure::Unknown,
        Failure::Stopped => Failure::Stopped,
        Failure::Unavailable(error) => Failure::Unavailable(store::DbError::Bug(error.to_string())),
        Failure::Broken(error) => Failure::Broken(store::DbError::Bug(error.to_string())),
    }
}
