//! What the proxy should do at the moment, as its owner has said; shared by all its threads.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::pump::Pair;
use crate::wait::now;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    ToServer,
    ToClient,
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Flow {
    #[default]
    Pass,
    /// What arrives is passed on this much later; what comes meanwhile waits behind it.
    Delay(Duration),
    /// Kept until another flow is set.
    Hold,
    /// Taken and forgotten, while the sockets stay open. A connection that has lost bytes loses all that follow in that
    /// direction, whatever is set later: TCP never delivers what lies behind a gap.
    Lose,
}

#[derive(Default)]
pub(super) struct Plan {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    to_server: Flow,
    to_client: Flow,
    refuse: bool,
    /// What the listening thread has made of it.
    shut: bool,
    closed: bool,
    armed: Option<Arc<Trigger>>,
    /// Triggers so far.
    triggers: u64,
    replies_cut: usize,
    pairs: Vec<Arc<Pair>>,
}

pub(super) struct Trigger {
    /// From 1: what a connection has seen counts for one trigger only.
    pub(super) number: u64,
    pub(super) sent: Vec<u8>,
    pub(super) reply: Vec<u8>,
}

impl State {
    fn flow(&self, way: Way) -> Flow {
        match way {
            Way::ToServer => self.to_server,
            Way::ToClient => self.to_client,
        }
    }
}

impl Plan {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.notify_all();
        result
    }

    pub(super) fn set(&self, way: Way, flow: Flow) {
        self.change(|state| match way {
            Way::ToServer => state.to_server = flow,
            Way::ToClient => state.to_client = flow,
        });
    }

    pub(super) fn cut(&self) {
        self.change(|state| state.pairs.iter().for_each(|pair| pair.cut()));
    }

    pub(super) fn cut_one(&self, pair: &Pair) {
        self.change(|_| pair.cut());
    }

    pub(super) fn close(&self) {
        self.change(|state| {
            state.closed = true;
            state.pairs.iter().for_each(|pair| pair.cut());
        });
    }

    pub(super) fn closed(&self) -> bool {
        self.state().closed
    }

    pub(super) fn refuse(&self, refuse: bool) {
        self.change(|state| state.refuse = refuse);
    }

    pub(super) fn refuses(&self) -> bool {
        self.state().refuse
    }

    pub(super) fn door_is(&self, shut: bool) {
        self.change(|state| state.shut = shut);
    }

    pub(super) fn wait_for_door(&self, shut: bool) {
        // Unless somebody has changed his mind meanwhile.
        drop(self.changed.wait_while(self.state(), |state| state.shut != shut && state.refuse == shut));
    }

    pub(super) fn wait_until_admitting(&self) {
        drop(self.changed.wait_while(self.state(), |state| state.refuse && !state.closed));
    }

    pub(super) fn arm(&self, sent: &[u8], reply: &[u8]) {
        self.change(|state| {
            state.triggers += 1;
            let number = state.triggers;
            state.armed = Some(Arc::new(Trigger { number, sent: sent.to_vec(), reply: reply.to_vec() }));
        });
    }

    pub(super) fn armed(&self) -> Option<Arc<Trigger>> {
        self.state().armed.clone()
    }

    /// Only one connection gets it.
    pub(super) fn fire(&self, trigger: &Trigger) -> bool {
        self.change(|state| {
            let fired = state.armed.take_if(|armed| armed.number == trigger.number).is_some();
            state.replies_cut += usize::from(fired);
            fired
        })
    }

    pub(super) fn replies_cut(&self) -> usize {
        self.state().replies_cut
    }

    /// One that is added after the end is cut at once.
    pub(super) fn add(&self, pair: &Arc<Pair>) {
        self.change(|state| {
            if state.closed {
                pair.cut();
            }
            state.pairs.push(Arc::clone(pair));
        });
    }

    pub(super) fn remove(&self, pair: &Arc<Pair>) {
        self.change(|state| state.pairs.retain(|other| !Arc::ptr_eq(other, pair)));
    }

    pub(super) fn connections(&self) -> usize {
        self.state().pairs.len()
    }

    /// Waits until bytes that have just arrived may go on their way: `true`, or are lost: `false`.
    pub(super) fn released(&self, way: Way, pair: &Pair) -> bool {
        let arrived = now();
        let mut state = self.state();
        while !pair.is_cut() {
            let rest = match state.flow(way) {
                Flow::Pass => return true,
                Flow::Lose => return false,
                Flow::Hold => None,
                Flow::Delay(delay) => Some(delay.saturating_sub(arrived.elapsed())),
            };
            state = match rest {
                Some(Duration::ZERO) => return true,
                Some(rest) => self.changed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        false
    }
}
