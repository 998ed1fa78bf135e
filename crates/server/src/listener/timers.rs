//! Two timers on one connection: a request's head must come quickly, but between requests a client may rest.
//!
//! hyper's own `header_read_timeout` starts when the previous answer is out, so at 5 s it would also end idle
//! connections. We give hyper a [`Timer`] of our own: hyper tells it when it starts to wait for a head, and asks it again
//! after each read that left the head unfinished. A head that comes in one piece, as nearly all do, costs no timer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep as TokioSleep;

/// A request or answer of which no byte has moved for this many idle times is given up: an answer that nobody reads
/// would hold its connection for ever. Streams send heartbeats well within it.
const STALLED_IDLE_TIMES: u32 = 4;

/// What the parts of one connection know of each other.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// When hyper began to wait for a head; none while a request is served.
    waiting_since: Mutex<Option<Instant>>,
    /// Bytes came since then.
    head_begun: AtomicBool,
    /// Bytes moved since the watch looked last.
    moved: AtomicBool,
}

impl Activity {
    /// Returns when the connection has been idle, or stalled, for too long.
    pub(super) async fn over_idle(&self, idle: Duration) {
        let mut stalled_times = 0;
        let mut sleep = Box::pin(tokio::time::sleep(idle));
        loop {
            sleep.as_mut().await;
            let woke = sleep.deadline();
            let next = match self.waiting_since() {
                Some(since) if self.is_idle() => tokio::time::Instant::from_std(since) + idle,
                _ => woke + idle,
            };
            let moved = self.moved.swap(false, Ordering::Relaxed);
            stalled_times = if moved || self.waiting_since().is_some() { 0 } else { stalled_times + 1 };
            if next <= woke || stalled_times >= STALLED_IDLE_TIMES {
                return;
            }
            sleep.as_mut().reset(next);
        }
    }

    /// Between requests, nothing received.
    fn is_idle(&self) -> bool {
        self.waiting_since().is_some() && !self.head_begun.load(Ordering::Relaxed)
    }

    fn waiting_since(&self) -> Option<Instant> {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_waiting(&self, since: Option<Instant>) {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// hyper's timer for one connection. Give hyper `head_read` as its header timeout too.
#[derive(Debug)]
pub(super) struct HeadTimer {
    pub(super) activity: Arc<Activity>,
    pub(super) head_read: Duration,
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        self.wait()
    }

    /// hyper asks for "now + header timeout" when it begins to wait for a head.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.activity.head_begun.store(false, Ordering::Relaxed);
        self.activity.set_waiting(deadline.checked_sub(self.head_read));
        self.wait()
    }
}

impl HeadTimer {
    fn wait(&self) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadWait {
            activity: Arc::clone(&self.activity),
            head_read: self.head_read,
            running: Mutex::new(None),
        })
    }
}

/// Lives while hyper waits for a head; is ready when one begun is overdue.
struct HeadWait {
    activity: Arc<Activity>,
    head_read: Duration,
    /// hyper wants its sleeps `Sync`; only `poll` uses it.
    running: Mutex<Option<Pin<Box<TokioSleep>>>>,
}

impl Sleep for HeadWait {}

impl Future for HeadWait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.activity.head_begun.load(Ordering::Relaxed) {
            return Poll::Pending; // The next read asks again.
        }
        let running = this.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        running.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.head_read))).as_mut().poll(cx)
    }
}

/// The head is complete, or the connection ends.
impl Drop for HeadWait {
    fn drop(&mut self) {
        self.activity.set_waiting(None);
    }
}

/// A stream that notes when bytes move.
pub(super) struct Watched<T> {
    pub(super) stream: T,
    pub(super) activity: Arc<Activity>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            this.activity.head_begun.store(true, Ordering::Relaxed);
            this.activity.moved.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T> Watched<T> {
    fn note_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = written {
            self.activity.moved.store(true, Ordering::Relaxed);
        }
        written
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.note_write(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
