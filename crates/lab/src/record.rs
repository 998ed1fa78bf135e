//! The recorder: takes every record of every fan, keeps the history, and counts what the report and the SLOs need.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use crate::history::{Outcome, Record, Value, Why};
use crate::latency::{ByOp, note};
use crate::plan::Shape;

/// One second of the run, for the series.
#[derive(Clone)]
pub(crate) struct Second {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) joined: u64,
    pub(crate) admitted: u64,
    pub(crate) tickets: u64,
    pub(crate) response: Histogram<u64>,
}

impl Second {
    fn new() -> Self {
        // Two digits: a chart cannot show more, and a ten-minute run keeps six hundred of these.
        let response = Histogram::new(2).expect("two digits are allowed");
        Second { requests: 0, failed: 0, refused: 0, joined: 0, admitted: 0, tickets: 0, response }
    }
}

/// How far a fan came. Each stage includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Reached {
    #[default]
    Planned,
    Arrived,
    Joined,
    Admitted,
    Held,
    Bought,
}

impl Reached {
    pub(crate) const ALL: [(Reached, &'static str); 6] = [
        (Reached::Planned, "planned"),
        (Reached::Arrived, "arrived"),
        (Reached::Joined, "joined"),
        (Reached::Admitted, "admitted"),
        (Reached::Held, "held seats"),
        (Reached::Bought, "bought"),
    ];
}

/// Everything recorded so far. Cloned out once, at the end.
#[derive(Clone, Default)]
pub(crate) struct Recorded {
    pub(crate) records: Vec<Record>,
    pub(crate) whole: ByOp,
    /// Only what was intended in the steady phase.
    pub(crate) steady: ByOp,
    pub(crate) seconds: Vec<Second>,
    pub(crate) reached: Vec<Reached>,
    pub(crate) tickets: u64,
    /// Orders that have been told of: the same one may be told several times.
    pub(crate) orders: HashSet<Box<str>>,
    /// Tickets of checkouts whose outcome is unknown and was never settled are counted by the checker from the history.
    pub(crate) first_admission_us: Option<u64>,
    pub(crate) generator_errors: BTreeMap<String, u64>,
}

impl Recorded {
    pub(crate) fn count(&self, stage: Reached) -> u64 {
        self.reached.iter().filter(|reached| **reached >= stage).count() as u64
    }
}

pub(crate) struct Recorder {
    shape: Shape,
    doors_us: u64,
    inner: Mutex<Recorded>,
}

impl Recorder {
    pub(crate) fn new(shape: Shape, doors_us: u64, fans: usize) -> Self {
        let recorded = Recorded { reached: vec![Reached::Planned; fans], ..Recorded::default() };
        Recorder { shape, doors_us, inner: Mutex::new(recorded) }
    }

    /// `lag_us`: how late the generator itself sent it.
    pub(crate) fn record(&self, record: Record, lag_us: u64) {
        let since_doors = record.intended_us.saturating_sub(self.doors_us);
        let steady = self.shape.phase(since_doors) == "steady";
        let mut inner = self.lock();
        inner.whole.add(&record, lag_us);
        if steady {
            inner.steady.add(&record, lag_us);
        }
        let progress = inner.follow(&record);
        inner.second(record.received_us.saturating_sub(self.doors_us)).add(&record, progress);
        inner.records.push(record);
    }

    pub(crate) fn generator_error(&self, why: &str) {
        *self.lock().generator_errors.entry(why.to_owned()).or_default() += 1;
    }

    /// A look at what is there so far.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Recorded) -> T) -> T {
        at(&self.lock())
    }

    pub(crate) fn take(&self) -> Recorded {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        // Nothing panics while holding it; if something did, counts are still counts.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a record newly brought about.
#[derive(Clone, Copy, Default)]
struct Progress {
    joined: bool,
    admitted: bool,
    tickets: u64,
}

impl Recorded {
    fn follow(&mut self, record: &Record) -> Progress {
        let stage = match &record.outcome {
            Outcome::HeldBack => return Progress::default(),
            Outcome::Ok(Value::Join { .. }) if !record.why.is_probe() => Reached::Joined,
            Outcome::Ok(Value::Status { admitted: true, .. }) => Reached::Admitted,
            Outcome::Ok(Value::Hold { .. }) if !record.why.is_probe() => Reached::Held,
            Outcome::Ok(Value::Checkout { .. }) => Reached::Bought,
            _ => Reached::Arrived,
        };
        let before = std::mem::replace(&mut self.reached[record.fan as usize], Reached::Planned);
        self.reached[record.fan as usize] = before.max(stage);
        let newly = |wanted: Reached| stage == wanted && before < wanted;
        if newly(Reached::Admitted) {
            let first = self.first_admission_us.get_or_insert(record.received_us);
            *first = (*first).min(record.received_us);
        }
        let tickets = match record.value() {
            Some(Value::Checkout { order_id, ticket_ids, .. })
                if record.why != Why::Repeat && self.orders.insert(order_id.clone()) =>
            {
                ticket_ids.len() as u64
            }
            _ => 0,
        };
        self.tickets += tickets;
        Progress { joined: newly(Reached::Joined), admitted: newly(Reached::Admitted), tickets }
    }

    fn second(&mut self, since_doors_us: u64) -> &mut Second {
        let index = usize::try_from(since_doors_us / 1_000_000).unwrap_or(usize::MAX - 1);
        if self.seconds.len() <= index {
            self.seconds.resize_with(index + 1, Second::new);
        }
        &mut self.seconds[index]
    }
}

impl Second {
    fn add(&mut self, record: &Record, progress: Progress) {
        if record.outcome != Outcome::HeldBack {
            self.requests += 1;
        }
        self.failed += u64::from(record.failed());
        self.refused += u64::from(record.expected_refusal);
        self.joined += u64::from(progress.joined);
        self.admitted += u64::from(progress.admitted);
        self.tickets += progress.tickets;
        if !record.failed() {
            note(&mut self.response, record.received_us - record.intended_us);
        }
    }
}
