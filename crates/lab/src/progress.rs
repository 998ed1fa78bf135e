//! What a run says while it runs: one line that is updated, or a line a second, or a call into whoever started it.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use crate::plan::Shape;
use crate::record::{Reached, Second};
use crate::sampler::Samples;
use crate::stage::Stage;

/// How a run shows its progress; text goes to standard error.
#[derive(Clone)]
pub enum ProgressMode {
    Silent,
    /// One line that is updated: for a terminal.
    Line,
    /// A line a second: for a log.
    PerSecond,
    /// Called once a second.
    Callback(Callback),
    /// Shown, and called too.
    And(Box<ProgressMode>, Callback),
}

type Callback = Arc<dyn Fn(&Progress) + Send + Sync>;

impl fmt::Debug for ProgressMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProgressMode::Silent => "Silent",
            ProgressMode::Line => "Line",
            ProgressMode::PerSecond => "PerSecond",
            ProgressMode::Callback(_) => "Callback",
            ProgressMode::And(..) => "And",
        })
    }
}

/// One second's look at a run.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Progress {
    /// "doors in 2 s", "ramp up", "steady" or "ramp down".
    pub phase: String,
    pub elapsed_sec: u64,
    /// The sale that the run is about.
    pub sale_id: String,
    /// People waiting, by the server's last sample.
    pub queue_depth: Option<u64>,
    pub joined: u64,
    pub admitted: u64,
    pub tickets_sold: u64,
    /// Requests settled in the last second.
    pub requests_per_sec: u64,
    /// Failures so far: no answer, or a refusal that was not expected.
    pub errors: u64,
    /// Requests settled so far.
    pub requests_total: u64,
    /// Of these, refused as the plan expected.
    pub blocked_total: u64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = self.queue_depth.map_or("-".into(), |depth| depth.to_string());
        write!(
            f,
            "{:>4} s  {:<14} queue {depth:>6}  joined {:>6}  admitted {:>6}  sold {:>6}  {:>6} req/s  errors {}",
            self.elapsed_sec,
            self.phase,
            self.joined,
            self.admitted,
            self.tickets_sold,
            self.requests_per_sec,
            self.errors
        )
    }
}

/// Shows progress once a second until it is dropped.
pub(crate) async fn show(mode: ProgressMode, stage: Stage, shape: Shape, samples: Samples) {
    let mut last_requests = 0;
    loop {
        stage.clock.sleep_until(stage.clock.now_us() + 1_000_000 - stage.clock.now_us() % 1_000_000).await;
        let mut progress = look(&stage, shape, &samples);
        let requests = progress.requests_per_sec;
        progress.requests_per_sec = requests - last_requests;
        last_requests = requests;
        mode.tell(&progress);
    }
}

impl ProgressMode {
    fn tell(&self, progress: &Progress) {
        match self {
            ProgressMode::Silent => {}
            ProgressMode::Callback(tell) => tell(progress),
            ProgressMode::And(shown, tell) => {
                shown.tell(progress);
                tell(progress);
            }
            ProgressMode::PerSecond => eprintln!("{progress}"),
            ProgressMode::Line => {
                let mut err = std::io::stderr();
                // Nobody reads a progress line that cannot be written.
                let _ = write!(err, "\r\x1b[2K{progress}").and_then(|()| err.flush());
            }
        }
    }
}

fn look(stage: &Stage, shape: Shape, samples: &Samples) -> Progress {
    let now = stage.clock.now_us();
    let phase = match now.checked_sub(stage.doors_us) {
        Some(since) => shape.phase(since).into(),
        None => format!("doors in {} s", (stage.doors_us - now).div_ceil(1_000_000)),
    };
    stage.recorder.look(|recorded| {
        let sum = |of: fn(&Second) -> u64| recorded.seconds.iter().map(of).sum();
        let requests = sum(|second| second.requests);
        Progress {
            phase,
            elapsed_sec: now / 1_000_000,
            sale_id: stage.sales.first().map(|sale| sale.sale_id.to_string()).unwrap_or_default(),
            queue_depth: samples.last_stats().map(|stats| stats.waiting),
            joined: recorded.count(Reached::Joined),
            admitted: recorded.count(Reached::Admitted),
            tickets_sold: recorded.tickets,
            requests_per_sec: requests,
            errors: sum(|second| second.failed),
            requests_total: requests,
            blocked_total: sum(|second| second.refused),
        }
    })
}
