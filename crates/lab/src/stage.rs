//! What all virtual fans of one run share: clock, recorder, target, sales, and the word that it is over.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::net::Target;
use crate::plan::Plan;
use crate::record::Recorder;
use crate::shared::{CONNECTIONS, FANS_WITH_OWN, Shared};
use crate::spare::Spare;

/// A checkout waits up to 10 s for its provider (design D7); twice that is an answer that will not come.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) target: Arc<Target>,
    pub(crate) sales: Arc<[OnStage]>,
    pub(crate) seed: u64,
    /// Makes the idempotency keys of this run different from those of any other on the same sale.
    pub(crate) run_tag: Arc<str>,
    /// When the first doors open, on the run's clock.
    pub(crate) doors_us: u64,
    pub(crate) news: Arc<News>,
    pub(crate) spare: Arc<Spare>,
    /// Fans who are done, however it ended.
    pub(crate) ended: Arc<AtomicU64>,
    /// Connections that fans share, where there are too many for one each.
    pub(crate) shared: Option<Arc<Shared>>,
    over: watch::Receiver<bool>,
}

/// One of the run's sales.
#[derive(Debug, Clone)]
pub(crate) struct OnStage {
    pub(crate) sale_id: Arc<str>,
    pub(crate) cap: u64,
    /// When its doors open, on the run's clock.
    pub(crate) doors_us: u64,
}

/// What fans hear of each other.
pub(crate) struct News {
    /// For each fan whom others wait for: whether its join has been acknowledged.
    acknowledged: BTreeMap<u32, watch::Sender<bool>>,
    /// Admissions that were overheard.
    overheard: Mutex<Vec<Overheard>>,
    /// Somebody who was let into another sale, and is out again.
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// An admission that was got hold of.
#[derive(Debug, Clone)]
pub(crate) struct Overheard {
    pub(crate) token: Arc<str>,
    /// Its owner has bought: it is used up.
    pub(crate) used: bool,
    /// How often it has been tried.
    pub(crate) tried: u32,
}

/// A sale beside the run's own, with people who were let into it before the run began.
#[derive(Debug, Clone)]
pub(crate) struct Elsewhere {
    pub(crate) sale_id: Arc<str>,
    /// Their admissions.
    pub(crate) admissions: Vec<String>,
}

/// Overheard tokens that are kept: enough for every attacker to find one.
const OVERHEARD_MAX: usize = 200;
/// A used one more often would meet the limit on its owner's holds (sixty at once), not the rule.
const TRIED_MAX: u32 = 40;

impl News {
    pub(crate) fn of(plan: &Plan, elsewhere: Option<Elsewhere>) -> Self {
        let awaited = plan.fans.iter().filter_map(|fan| fan.habits.joins_after);
        let acknowledged = awaited.map(|fan| (fan, watch::channel(false).0)).collect();
        News { acknowledged, overheard: Mutex::default(), elsewhere }
    }

    pub(crate) fn acknowledge(&self, fan: u32) {
        if let Some(sender) = self.acknowledged.get(&fan) {
            sender.send_replace(true);
        }
    }

    /// Returns when the join of `fan` has been acknowledged.
    pub(crate) async fn acknowledgement(&self, fan: u32) {
        let Some(sender) = self.acknowledged.get(&fan) else { return };
        // The sender lives as long as these news.
        let _ = sender.subscribe().wait_for(|acknowledged| *acknowledged).await;
    }

    pub(crate) fn overhear(&self, token: &str, used: bool) {
        let mut overheard = self.overheard.lock().unwrap_or_else(PoisonError::into_inner);
        if overheard.iter().filter(|one| one.used == used).count() < OVERHEARD_MAX {
            overheard.push(Overheard { token: token.into(), used, tried: 0 });
        }
    }

    /// Of the tokens of this kind the one that was tried least.
    pub(crate) fn overheard(&self, used: bool) -> Option<Arc<str>> {
        let mut overheard = self.overheard.lock().unwrap_or_else(PoisonError::into_inner);
        let fit = overheard.iter_mut().filter(|one| one.used == used && (!used || one.tried < TRIED_MAX));
        let least = fit.min_by_key(|one| one.tried)?;
        least.tried += 1;
        Some(least.token.clone())
    }
}

/// What a run knows when it sets the stage.
pub(crate) struct Setting {
    pub(crate) clock: Clock,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) target: Arc<Target>,
    pub(crate) sales: Vec<OnStage>,
    pub(crate) seed: u64,
    pub(crate) run_tag: Arc<str>,
    pub(crate) news: News,
    pub(crate) fans: usize,
}

impl Stage {
    pub(crate) fn new(setting: Setting) -> (Self, watch::Sender<bool>) {
        let (curtain, over) = watch::channel(false);
        let Setting { clock, recorder, target, sales, seed, run_tag, news, fans } = setting;
        let doors_us = sales.first().map_or(0, |sale| sale.doors_us);
        let (sales, news) = (sales.into(), Arc::new(news));
        let spare = Spare::for_connections(if fans > FANS_WITH_OWN { CONNECTIONS } else { fans });
        let shared = Shared::for_fans(fans, &target, &spare);
        let ended = Arc::default();
        (Stage { clock, recorder, target, sales, seed, run_tag, doors_us, news, spare, ended, shared, over }, curtain)
    }

    /// Runs `work` unless the run ends first: then `None`.
    pub(crate) async fn unless_over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut over = self.over.clone();
        tokio::select! {
            biased;
            // A closed channel means the run is gone, which is an end too.
            _ = over.wait_for(|over| *over) => None,
            done = work => Some(done),
        }
    }
}
