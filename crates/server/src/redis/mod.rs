//! Redis only helps: nodes share their limits over it, and tell each other that a sale changed.
//!
//! Invariant: `no request waits for redis`. One task speaks to it; everybody else touches memory. Without it a node's
//! limits are its own, and it looks at the database by the clock alone; nothing else changes. It holds no lock and no truth.

mod connect;
mod exchange;
mod figures;
mod hints;
mod url;

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{PubSub, PubSubSink, PubSubStream};
use ::redis::{ErrorKind, RedisError, ServerErrorKind, Value, cmd};
use domain::Clock;
use futures_util::{StreamExt, future};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;

pub use connect::Commands;
pub use exchange::{EXCHANGE_EVERY, exchange};
pub use figures::Figures;
pub use hints::Hints;
pub use url::RedisUrl;

use crate::app::Shared;
use crate::limits::Limits;
use hints::CHANNEL;

/// Opening everything: names, TLS, passwords.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// Any answer: a Redis that is slower than this is as good as gone.
const ANSWER_DEADLINE: Duration = Duration::from_millis(500);
const PING_EVERY: Duration = Duration::from_secs(1);
/// Between two messages to the other nodes. What changes meanwhile is in the next.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// After the first failure; doubled at each, up to the most.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Redis is back at most so much later for this node.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(5);

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("no answer in time: {0}")]
    Late(&'static str),
    #[error("the subscription ended")]
    Unsubscribed,
}

/// A node's side of Redis.
pub struct Redis {
    url: Option<RedisUrl>,
    /// This life of this node.
    node: Uuid,
    pub hints: Arc<Hints>,
    pub figures: Figures,
}

/// For as long as the node lives.
pub async fn run(app: Shared, mut shutdown: watch::Receiver<bool>) {
    tokio::select! {
        () = app.redis.run(&app.limits, app.clock.as_ref()) => {}
        // An error means that the sender is gone, which is a shutdown too.
        _ = shutdown.wait_for(|asked| *asked) => {}
    }
}

impl Redis {
    /// Without an address it does nothing, and its hints are never heard.
    pub fn new(url: Option<RedisUrl>, node: Uuid) -> Self {
        Self { hints: Arc::new(Hints::new(url.is_some())), url, node, figures: Figures::default() }
    }

    pub fn is_on(&self) -> bool {
        self.url.is_some()
    }

    /// Connects, serves, and connects again; never returns.
    pub async fn run(&self, limits: &Limits, clock: &dyn Clock) {
        let Some(url) = &self.url else { return future::pending().await };
        let mut wait = RETRY_AFTER;
        for attempt in 0_usize.. {
            let begun = clock.monotonic();
            match within(CONNECT_DEADLINE, "connection", connect(url, attempt)).await {
                Ok((commands, subscription)) => {
                    tracing::info!(redis = %url, "connected");
                    let lost = self.serve(&commands, subscription, limits, clock).await;
                    tracing::warn!(redis = %url, %lost, "limits are this node's own until Redis is back");
                }
                // Once: a Redis that stays away must not fill the log.
                Err(lost) if wait == RETRY_AFTER => {
                    tracing::warn!(redis = %url, %lost, "limits are this node's own until Redis is there");
                }
                Err(lost) => tracing::debug!(redis = %url, %lost, "still not there"),
            }
            // A connection that served for a while starts the count anew.
            let served = clock.monotonic().saturating_sub(begun) > RETRY_AFTER_MOST;
            wait = if served { RETRY_AFTER } else { wait };
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_AFTER_MOST);
        }
    }

    /// Until the first failure.
    async fn serve(&self, commands: &Commands, subscription: PubSub, limits: &Limits, clock: &dyn Clock) -> Lost {
        // What was let through meanwhile is this node's own affair: told late, all of it would be charged as if today.
        limits.forget_untold();
        self.figures.set_up(true);
        self.hints.set_flowing(true);
        let (mut sink, messages) = subscription.split();
        let lost = tokio::select! {
            lost = self.share(commands, limits, clock) => lost,
            lost = self.tell(commands) => lost,
            lost = self.listen(messages) => lost,
            lost = self.ping(commands, &mut sink, clock) => lost,
        };
        self.hints.set_flowing(false);
        self.figures.set_up(false);
        lost
    }

    /// Exchanges limits.
    async fn share(&self, commands: &Commands, limits: &Limits, clock: &dyn Clock) -> Lost {
        let mut timer = every(EXCHANGE_EVERY);
        loop {
            timer.tick().await;
            let exchanging = exchange(commands, limits, clock.monotonic(), None);
            match within(ANSWER_DEADLINE, "exchange of limits", exchanging).await {
                Ok(0) => {}
                Ok(keys) => self.figures.exchanged(keys),
                Err(Lost::Redis(error)) if is_refusal(&error) => {
                    if self.figures.exchange_failed() {
                        tracing::warn!(%error, "Redis refuses to share limits: they are this node's own meanwhile");
                    }
                }
                Err(lost) => return lost,
            }
        }
    }

    /// Tells other nodes what changed here.
    async fn tell(&self, commands: &Commands) -> Lost {
        loop {
            let sales = self.hints.to_tell().await;
            let mut publish = cmd("PUBLISH");
            publish.arg(CHANNEL).arg(Hints::message(self.node, &sales));
            match within(ANSWER_DEADLINE, "hint", commands.one::<i64>(&publish)).await {
                Ok(_) => self.figures.hint_sent(),
                Err(lost) => {
                    self.hints.put_back(sales);
                    return lost;
                }
            }
            sleep(TELL_EVERY).await;
        }
    }

    /// Hears what changed elsewhere.
    async fn listen(&self, mut messages: PubSubStream) -> Lost {
        while let Some(message) = messages.next().await {
            if self.hints.hear(self.node, message.get_payload_bytes()) {
                self.figures.hint_heard();
            }
        }
        Lost::Unsubscribed
    }

    /// Both connections answer.
    async fn ping(&self, commands: &Commands, subscription: &mut PubSubSink, clock: &dyn Clock) -> Lost {
        let mut timer = every(PING_EVERY);
        loop {
            timer.tick().await;
            let asked = clock.monotonic();
            let both = future::try_join(commands.ping(), subscription.ping::<Value>());
            if let Err(lost) = within(ANSWER_DEADLINE, "ping", both).await {
                return lost;
            }
            self.figures.pinged(clock.monotonic().saturating_sub(asked));
        }
    }
}

async fn connect(url: &RedisUrl, attempt: usize) -> Result<(Commands, PubSub), RedisError> {
    future::try_join(Commands::open(url, attempt), connect::subscribe(url, attempt)).await
}

/// Redis works and says no: its memory or disk is full, or this user may not. Another connection would hear the same.
fn is_refusal(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Extension | ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::NoPerm)
    )
}

async fn within<T>(
    deadline: Duration,
    what: &'static str,
    asked: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, Lost> {
    match timeout(deadline, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Lost::Late(what)),
    }
}

fn every(period: Duration) -> Interval {
    let mut timer = interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}
