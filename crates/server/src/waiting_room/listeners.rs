//! Streams that wait for news of one sale, by position: a call wakes those whom it reaches, and nobody else.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What concerns everybody is told in so many parts, one at each tick: a crowd that wakes at once would make the polls of
/// all others wait.
pub const WAVES: u8 = 5;

/// Nothing is kept here but who listens; what the news is, the listener looks up.
#[derive(Default)]
pub struct Listeners {
    by_position: Mutex<BTreeMap<i64, Vec<Arc<Notify>>>>,
}

impl Listeners {
    /// From now on no news of this place is missed: what comes while nobody waits is kept until somebody does.
    pub fn listen(self: &Arc<Self>, position: i64) -> Listener {
        let news = Arc::new(Notify::new());
        self.lock().entry(position).or_default().push(Arc::clone(&news));
        Listener { listeners: Arc::clone(self), position, news }
    }

    pub fn tell(&self, positions: RangeInclusive<i64>) {
        if !positions.is_empty() {
            self.lock().range(positions).flat_map(|(_, all)| all).for_each(|news| news.notify_one());
        }
    }

    /// One part of everybody; all parts from 0 to [`WAVES`] are everybody.
    pub fn tell_wave(&self, wave: u8) {
        let in_wave = |position: i64| position.rem_euclid(i64::from(WAVES)) == i64::from(wave);
        let by_position = self.lock();
        let wanted = by_position.iter().filter(|(position, _)| in_wave(**position));
        wanted.flat_map(|(_, all)| all).for_each(|news| news.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Vec<Arc<Notify>>>> {
        self.by_position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's ear, taken off on drop.
pub struct Listener {
    listeners: Arc<Listeners>,
    position: i64,
    news: Arc<Notify>,
}

impl Listener {
    pub fn position(&self) -> i64 {
        self.position
    }

    pub async fn news(&self) {
        self.news.notified().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut by_position = self.listeners.lock();
        if let Some(all) = by_position.get_mut(&self.position) {
            all.retain(|news| !Arc::ptr_eq(news, &self.news));
            if all.is_empty() {
                by_position.remove(&self.position);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn heard(listener: &Listener) -> bool {
        listener.news().now_or_never().is_some()
    }

    #[test]
    fn a_call_wakes_those_whom_it_reaches_and_nobody_else() {
        let listeners = Arc::new(Listeners::default());
        let all: Vec<Listener> = (1..=5).map(|position| listeners.listen(position)).collect();
        listeners.tell(2..=3);
        assert_eq!(all.iter().map(heard).collect::<Vec<_>>(), [false, true, true, false, false]);
        assert!(!all.iter().any(heard), "news is told once");
        #[expect(clippy::reversed_empty_ranges, reason = "a watermark that did not move")]
        listeners.tell(4..=3);
        assert!(!all.iter().any(heard));
    }

    #[test]
    fn every_device_of_one_place_is_told() {
        let listeners = Arc::new(Listeners::default());
        let (phone, desk) = (listeners.listen(7), listeners.listen(7));
        listeners.tell(7..=7);
        assert!(heard(&phone) && heard(&desk));
    }

    #[test]
    fn the_waves_together_tell_everybody_once() {
        let listeners = Arc::new(Listeners::default());
        let all: Vec<Listener> = (1..=100).map(|position| listeners.listen(position)).collect();
        let told: Vec<usize> = (0..WAVES)
            .map(|wave| {
                listeners.tell_wave(wave);
                all.iter().filter(|listener| heard(listener)).count()
            })
            .collect();
        assert_eq!(told, [20; WAVES as usize]);
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let listeners = Arc::new(Listeners::default());
        let (one, two) = (listeners.listen(1), listeners.listen(1));
        drop(one);
        listeners.tell(1..=1);
        assert!(heard(&two));
        drop(two);
        assert!(listeners.lock().is_empty());
    }
}
