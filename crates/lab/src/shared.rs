//! Connections that fans share: above ten thousand fans there are not files enough for one each. One fan's requests never
//! overlap, and a connection carries one request at a time; who finds none free waits, which shows in its response time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::net::{Conn, Target, source_address};
use crate::spare::Spare;

/// Up to so many fans have a connection each: with second devices that stays under 20,000 open files.
pub(crate) const FANS_WITH_OWN: usize = 10_000;
/// Beyond that so many are shared; the server beside has as many files again.
pub(crate) const CONNECTIONS: usize = 8_000;

pub(crate) struct Shared {
    target: Arc<Target>,
    spare: Arc<Spare>,
    idle: Mutex<Vec<Conn>>,
    free: Semaphore,
    made: AtomicU32,
}

impl Shared {
    /// Nothing to share for fewer fans.
    pub(crate) fn for_fans(fans: usize, target: &Arc<Target>, spare: &Arc<Spare>) -> Option<Arc<Self>> {
        (fans > FANS_WITH_OWN).then(|| Arc::new(Self::of(CONNECTIONS, target.clone(), spare.clone())))
    }

    fn of(most: usize, target: Arc<Target>, spare: Arc<Spare>) -> Self {
        Shared { target, spare, idle: Mutex::default(), free: Semaphore::new(most), made: AtomicU32::new(0) }
    }

    /// One for a single request.
    pub(crate) async fn lend(&self) -> Lent<'_> {
        let permit = self.free.acquire().await.expect("nobody closes it");
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = idle.unwrap_or_else(|| {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            Conn::of_fan(self.target.clone(), source_address(number, 0), self.spare.clone())
        });
        Lent { conn: Some(conn), of: self, _permit: permit }
    }
}

/// Goes back when it is dropped.
pub(crate) struct Lent<'a> {
    conn: Option<Conn>,
    of: &'a Shared,
    _permit: SemaphorePermit<'a>,
}

impl Lent<'_> {
    pub(crate) fn conn(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("there until it is dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let conn = self.conn.take();
        self.of.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(conn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_request_at_a_time_and_never_more_connections_than_there_may_be() {
        let target = Target::parse("http://127.0.0.1:1", false).expect("loopback");
        let spare = Spare::for_connections(0);
        assert!(Shared::for_fans(FANS_WITH_OWN, &target, &spare).is_none());
        let shared = Shared::of(2, target, spare);
        let (one, two) = (shared.lend().await, shared.lend().await);
        let third = shared.lend();
        tokio::pin!(third);
        let waits = std::future::poll_fn(|context| std::task::Poll::Ready(third.as_mut().poll(context).is_pending()));
        assert!(waits.await, "both are in use");
        drop(one);
        let three = third.await;
        drop((two, three));
        assert_eq!(shared.made.load(Ordering::Relaxed), 2);
    }
}
