//! How many streams there are: on this node, and of each account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::AccountId;

use crate::problem::Problem;

/// Phone, tablet, desk, and one connection that the network has lost and we have not noticed yet.
pub const STREAMS_PER_ACCOUNT: usize = 4;

/// The streams of this node. `by_account` holds an entry for each account that has one now, so it is bounded too.
pub struct Streams {
    most: usize,
    by_account: Mutex<ByAccount>,
}

#[derive(Default)]
struct ByAccount {
    open: usize,
    counts: HashMap<AccountId, usize>,
}

impl Streams {
    /// At most so many at a time. Over that `status` is the way to ask: it costs a connection only while it is answered.
    pub fn new(most: usize) -> Self {
        Self { most, by_account: Mutex::default() }
    }

    /// Open now.
    pub fn open(&self) -> usize {
        self.lock().open
    }

    /// As many may be open.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Counts in a stream of nobody in particular.
    pub fn enter_unnamed(self: &Arc<Self>) -> Result<Open, Problem> {
        let mut all = self.lock();
        if all.open >= self.most {
            return Err(Problem::streams_full());
        }
        all.open += 1;
        Ok(Open { streams: Arc::clone(self), account: None })
    }

    /// Counts a stream in. The newest is refused, not the oldest ended: a page in the background that opens stream after
    /// stream must not take them from the page that somebody looks at.
    pub fn enter(self: &Arc<Self>, account: AccountId) -> Result<Open, Problem> {
        let mut all = self.lock();
        let of_account = all.counts.get(&account).copied().unwrap_or_default();
        if of_account >= STREAMS_PER_ACCOUNT {
            return Err(Problem::too_many_streams(STREAMS_PER_ACCOUNT));
        }
        if all.open >= self.most {
            return Err(Problem::streams_full());
        }
        all.open += 1;
        all.counts.insert(account, of_account + 1);
        Ok(Open { streams: Arc::clone(self), account: Some(account) })
    }

    fn lock(&self) -> MutexGuard<'_, ByAccount> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's place in the counts, given back on drop.
pub struct Open {
    streams: Arc<Streams>,
    account: Option<AccountId>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut all = self.streams.lock();
        all.open -= 1;
        let Some(account) = self.account else { return };
        if let Some(count) = all.counts.get_mut(&account) {
            *count -= 1;
            if *count == 0 {
                all.counts.remove(&account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use uuid::Uuid;

    use super::*;

    fn account(number: u128) -> AccountId {
        AccountId(Uuid::from_u128(number))
    }

    #[test]
    fn each_cap_refuses_and_a_leaver_makes_room() {
        let streams = Arc::new(Streams::new(STREAMS_PER_ACCOUNT + 1));
        let enter = |number| streams.enter(account(number)).map_err(|problem| problem.status);
        let mut mine: Vec<Open> = (0..STREAMS_PER_ACCOUNT).map(|_| enter(1).unwrap()).collect();
        assert_eq!(enter(1).err(), Some(StatusCode::TOO_MANY_REQUESTS));
        let _other = enter(2).unwrap();
        assert_eq!(enter(3).err(), Some(StatusCode::SERVICE_UNAVAILABLE));
        mine.pop();
        let _third = enter(3).unwrap();
        assert_eq!(streams.open(), STREAMS_PER_ACCOUNT + 1);
    }

    #[test]
    fn streams_of_nobody_have_the_one_cap() {
        let streams = Arc::new(Streams::new(STREAMS_PER_ACCOUNT + 1));
        let mut open: Vec<Open> = (0..=STREAMS_PER_ACCOUNT).map(|_| streams.enter_unnamed().unwrap()).collect();
        assert!(streams.enter_unnamed().is_err());
        open.pop();
        assert!(streams.enter_unnamed().is_ok());
    }

    #[test]
    fn accounts_without_a_stream_are_forgotten() {
        let streams = Arc::new(Streams::new(1));
        let one = streams.enter(account(1)).unwrap();
        assert!(streams.enter(account(2)).is_err());
        drop(one);
        assert!(streams.lock().counts.is_empty());
        assert_eq!(streams.open(), 0);
    }
}
