//! Everything a request may need, in one place, and how a node starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::sale::Sale;
use domain::{Clock, Refusal, SaleId, Timestamp};
use serde::Serialize;
use store::counts::Book;
use store::lease::Lead;
use store::payment::{Provider, Simulated};
use store::{Failure, Store};
use tokio::time::timeout;
use tracing::{Instrument as _, Span};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::admission::Admissions;
use crate::config::{Config, ConfigError, Secret};
use crate::counts::Counts;
use crate::guesses::Guesses;
use crate::keys::{KEY_BYTES, Keys, seeded};
use crate::limits::Limits;
use crate::listener::ConnectionCounts;
use crate::log_levels::LogLevels;
use crate::mail::Post;
use crate::metrics::Metrics;
use crate::passwords::Passwords;
use crate::problem::Problem;
use crate::proof_of_work::ProofOfWork;
use crate::redis::Redis;
use crate::router;
use crate::runners::Runners;
use crate::session::SessionCookie;
use crate::signals::Signals;
use crate::spans::{SpanCounts, Spans};
use crate::streams::Streams;
use crate::tickets::TicketSigner;
use crate::waiting_room::fill::fill;
use crate::waiting_room::listeners::WAVES;
use crate::waiting_room::{Room, Rooms};
use crate::worker::lead::Leadership;

/// A sale that ended longer ago than this is not in the read model of a new start: nobody asks for a place in it any
/// more. Its idempotency keys are forgotten then too.
pub const KEPT_AFTER_END_SEC: i64 = 30 * 86_400;

/// The operator's work of many commands, such as halls and thousands of accounts, may take so many times as long as a
/// fan's write.
const OPERATOR_TIMES: u32 = 8;

/// Each asks the store once a second.
const RUN_STREAMS_MAX: usize = 32;

/// A load scenario, as whoever starts the node knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    pub name: &'static str,
    /// The failure in the world that it stands for.
    pub stands_for: &'static str,
    /// It makes its own sales: one that is there cannot be given.
    pub own_sale_only: bool,
}

/// What a run is where its wish does not say: the lab's own, for the pages to begin with.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct RunDefaults {
    pub ramp_up_ms: u64,
    pub steady_ms: u64,
    pub ramp_down_ms: u64,
    pub admit_per_minute: u64,
    pub waiting_room_cap: u64,
    pub total_seats: u64,
    pub seed: u64,
}

/// Where ids come from.
pub trait Ids: Send + Sync + 'static {
    /// A new id, time-ordered (UUID v7).
    fn next(&self) -> Uuid;
    /// 32 unguessable bytes.
    fn secret(&self) -> [u8; 32];
}

pub type Shared = Arc<App>;

pub struct App {
    pub config: Config,
    pub store: Store,
    pub rooms: Arc<Rooms>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub keys: Arc<Keys>,
    pub admissions: Admissions,
    pub tickets: TicketSigner,
    pub cookie: SessionCookie,
    pub limits: Limits,
    /// Wrong keys, until they are in the audit.
    pub guesses: Guesses,
    pub redis: Redis,
    pub proof_of_work: ProofOfWork,
    pub post: Post,
    pub passwords: Passwords,
    pub payments: Arc<dyn Provider>,
    pub metrics: Metrics,
    /// Of the source that this was built from, where that is known.
    pub commit: &'static str,
    pub log: LogLevels,
    /// `None`: nothing is traced.
    pub spans: Option<Spans>,
    pub span_counts: Arc<SpanCounts>,
    pub refusals: Counts,
    pub signals: Signals,
    pub connections: Arc<ConnectionCounts>,
    pub streams: Arc<Streams>,
    /// Who watches load runs: apart, so that they take no place of the fans'.
    pub run_streams: Arc<Streams>,
    pub scenarios: Vec<Scenario>,
    pub run_defaults: RunDefaults,
    /// Heard of by this node.
    pub runners: Runners,
    pub patience: Option<Duration>,
    /// This life of this node.
    pub instance: Uuid,
    pub started_at: Timestamp,
    /// Whether this node's worker is the one that works.
    pub leadership: Leadership,
    /// Set at shutdown: balancers should send nobody here.
    pub draining: AtomicBool,
}

/// What only `main` and tests can make.
pub struct Outside {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub cores: usize,
    /// The listener's: it may serve before the node has started.
    pub connections: Arc<ConnectionCounts>,
    /// Streams open at a time.
    pub streams_max: usize,
    /// Of the source; `unknown` where whoever built this did not say.
    pub commit: &'static str,
    /// What load runs there are.
    pub scenarios: Vec<Scenario>,
    pub run_defaults: RunDefaults,
    pub log: LogLevels,
    /// Of whoever sends them.
    pub span_counts: Arc<SpanCounts>,
    /// How long a request waits for its write, which goes on without it. `None`: for ever.
    pub patience: Option<Duration>,
    /// Only in tests: see [`store::Options`].
    pub hand_driven_from: Option<Timestamp>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What a setting names cannot be used.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] store::OpenError),
    #[error("the ticket key in the database is no key: `signing_keys`, `ticket_key`")]
    KeptTicketKey,
    #[error("the store cannot be read")]
    Store(#[from] Failure),
    #[error("the password threads cannot be started")]
    Threads(#[from] std::io::Error),
}

impl App {
    /// Opens the store, migrates it, loads the read model; takes the lease, where nobody else could.
    pub async fn start(config: Config, outside: Outside) -> Result<Shared, StartError> {
        let Outside {
            clock,
            ids,
            cores,
            connections,
            streams_max,
            commit,
            scenarios,
            run_defaults,
            log,
            span_counts,
            patience,
            hand_driven_from,
        } = outside;
        // Before the data is touched.
        let ticket_key = config.ticket_key_file.as_deref().map(TicketSigner::read).transpose()?;
        let instance = ids.next();
        let redis = Redis::new(config.redis_url.clone(), instance);
        let rooms = Arc::new(Rooms::new(Arc::clone(&redis.hints)));
        let store = Store::open(store::Options {
            url: config.database_url.reveal(),
            clock: Arc::clone(&clock),
            observer: Arc::clone(&rooms) as Arc<dyn store::Observer>,
            connections: config.db_max_conns as usize,
            hand_driven_from,
            may_lose: config.is_development(),
        })
        .await?;
        fill(&store, &rooms, clock.wall()).await?;
        let leadership = Leadership::default();
        if !store.is_shared() {
            let epoch = store.run(Lead { holder: instance, alone: true }).await?;
            leadership.alone(epoch.unwrap_or_default());
        }
        let secret = match &config.jwt_secret {
            Some(secret) => secret.clone(),
            None => kept_secret(&store, ids.as_ref()).await?,
        };
        let tickets = match ticket_key {
            Some(signer) => signer,
            None => kept_ticket_key(&store, ids.as_ref()).await?,
        };
        let tickets = tickets.with_previous(&config.ticket_keys_previous);
        store.run(store::keys::KeepSecret { name: store::caps::SALT, fresh: ids.secret().to_vec() }).await?;
        let keys = Arc::new(Keys::derive(&secret, config.jwt_secret_previous.as_ref()));
        Ok(Arc::new(Self {
            post: Post::new(config.mail_url.as_ref(), config.mail_from.clone()),
            proof_of_work: ProofOfWork::new(config.proof_of_work, Arc::clone(&keys)),
            admissions: Admissions::new(Arc::clone(&keys)),
            tickets,
            cookie: SessionCookie { secure: !config.is_development() },
            limits: Limits::new(&config.limits, redis.is_on()),
            guesses: Guesses::default(),
            redis,
            passwords: Passwords::start(cores)?,
            payments: Arc::new(Simulated { latency: Duration::ZERO }),
            metrics: Metrics::new(router::templates()),
            commit,
            spans: config.tracing.as_ref().map(|tracing| Spans::new(tracing.sampler, ids.secret())),
            log,
            span_counts,
            refusals: Counts::of(Book::Refusals),
            signals: Signals::default(),
            connections,
            streams: Arc::new(Streams::new(streams_max)),
            run_streams: Arc::new(Streams::new(RUN_STREAMS_MAX)),
            scenarios,
            run_defaults,
            runners: Runners::default(),
            patience,
            started_at: clock.wall(),
            config,
            store,
            rooms,
            clock,
            ids,
            keys,
            instance,
            leadership,
            draining: AtomicBool::new(false),
        }))
    }

    /// The room of a sale by the id in a path. What is no id names no sale.
    pub async fn room(&self, id: &str) -> Result<Arc<Room>, Problem> {
        let sale: SaleId = id.parse().map_err(|_| Refusal::SaleNotFound)?;
        self.surely(|| self.rooms.get(sale).ok_or(Refusal::SaleNotFound)).await
    }

    /// The room of a sale that the store knows. Those that are long over have none.
    pub async fn room_of(&self, sale: &Sale) -> Result<Option<Arc<Room>>, Problem> {
        let room = self.rooms.get(sale.id);
        if room.is_none() && !sale.has_ended(self.clock.wall()) {
            self.catch_up().await?;
            return Ok(self.rooms.get(sale.id));
        }
        Ok(room)
    }

    /// What memory says. Where other nodes write too, a "no" is said only after a look at what they did before this.
    ///
    /// Invariant: no 404 follows an acknowledged join, and no refusal an acknowledged change that lifted it.
    pub async fn surely<T>(&self, memory: impl Fn() -> Result<T, Refusal>) -> Result<T, Problem> {
        match memory() {
            Err(_) if self.store.is_shared() => {
                self.catch_up().await?;
                Ok(memory()?)
            }
            answer => Ok(answer?),
        }
    }

    /// Memory knows everything that was acknowledged before this, on whatever node. Where no other node writes it always
    /// does. Those who ask at once share one look.
    pub async fn catch_up(&self) -> Result<(), Problem> {
        if self.store.is_shared() { Ok(self.store.catch_up().await?) } else { Ok(()) }
    }

    /// The epoch to work with, where this node's worker is the one that works now.
    pub fn leads(&self) -> Option<i64> {
        self.leadership.epoch(self.clock.monotonic())
    }

    /// Shutdown has begun: balancers hear of it, and streams end, so that their connections can.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        // Who begins to listen after this sees the mark: the list's lock orders the two.
        for room in self.rooms.all() {
            (0..WAVES).for_each(|wave| room.listeners.tell_wave(wave));
        }
    }

    /// Of the request that this is a part of. While nobody traces there is none, and it is not looked for.
    pub fn current_span(&self) -> Span {
        self.spans.as_ref().map_or_else(Span::none, |_| Span::current())
    }

    /// Runs a write in a task of its own: a client that hangs up does not cancel half of it, and one that waits is told
    /// in time.
    pub async fn detached<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        self.detached_for(self.patience, work).await
    }

    /// As [`App::detached`], for the operator's work of many commands.
    pub async fn detached_long<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        self.detached_for(self.patience.map(|patience| patience * OPERATOR_TIMES), work).await
    }

    async fn detached_for<T: Send + 'static>(
        &self,
        patience: Option<Duration>,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        let work = tokio::spawn(work.instrument(self.current_span()));
        let Some(done) = within(patience, work).await else { return Err(Problem::outcome_unknown()) };
        done.unwrap_or_else(|panic| {
            tracing::error!(%panic, "a write's task died");
            Err(Problem::outcome_unknown())
        })
    }
}

/// `None` when it took longer than that.
pub async fn within<T>(patience: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match patience {
        Some(patience) => timeout(patience, work).await.ok(),
        None => Some(work.await),
    }
}

/// Development without a secret: one is made once and kept with the data.
async fn kept_secret(store: &Store, ids: &dyn Ids) -> Result<Secret, Failure> {
    let fresh: String = ids.secret().iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = store.run(store::keys::KeepSecret { name: "jwt_secret", fresh: fresh.into_bytes() }).await?;
    Ok(Secret::new(String::from_utf8_lossy(&kept).into_owned()))
}

/// Without a file the key of tickets is made once and kept with the data: what was printed must stay good.
async fn kept_ticket_key(store: &Store, ids: &dyn Ids) -> Result<TicketSigner, StartError> {
    let kept = store.run(store::keys::KeepSecret { name: "ticket_key", fresh: ids.secret().to_vec() }).await?;
    let seed = <[u8; KEY_BYTES]>::try_from(kept).map_err(|_| StartError::KeptTicketKey)?;
    Ok(TicketSigner::new(seeded(&seed)))
}
