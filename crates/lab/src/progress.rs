//! What a run says while it runs: two lines that are updated, or a line a second, or a call into whoever started it.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::live::{Columns, Frame, Generator, Lately, Live, at_work};
use crate::plan::{Plan, Shape};
use crate::preview::sparkline;
use crate::record::{Reached, Second};
use crate::sampler::Samples;
use crate::slo::Slo;
use crate::so_far::SoFarCheck;
use crate::stage::Stage;

/// How a run shows its progress; text goes to standard error.
#[derive(Clone)]
pub enum ProgressMode {
    Silent,
    /// Two lines that are updated, with the line's length over time: for a terminal.
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
    /// People waiting over time, by the server's samples.
    #[serde(skip)]
    pub depths: Vec<u64>,
    /// What can be judged already.
    pub so_far: Vec<SoFarCheck>,
    /// Fans who have come and are not done.
    pub at_work: u64,
    /// Nothing before the doors.
    pub since_doors_sec: Option<u64>,
    /// What the run is to be; nothing of it changes.
    pub(crate) frame: Frame,
    /// The last complete seconds.
    pub(crate) lately: Option<Lately>,
    pub(crate) generator: Generator,
    pub(crate) series: Columns,
}

/// As many seconds of the line as fit beside the words.
const SPARK_WIDTH: usize = 40;

impl Progress {
    /// The line over time, and the checks so far.
    fn second_line(&self) -> String {
        let from = self.depths.len().saturating_sub(SPARK_WIDTH);
        format!("        queue {:<SPARK_WIDTH$}  {}", sparkline(&self.depths[from..], SPARK_WIDTH), self.checks())
    }

    fn checks(&self) -> String {
        let exercised = self.so_far.iter().filter(|check| check.checked > 0);
        let shown = exercised.map(|check| match check.broken {
            0 => format!("{} {}", check.name, check.checked),
            broken => format!("{} {}, BROKEN {broken}", check.name, check.checked),
        });
        shown.collect::<Vec<_>>().join(" · ")
    }
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

/// A run as it is shown.
pub(crate) struct Watched {
    stage: Stage,
    shape: Shape,
    frame: Frame,
    samples: Samples,
    live: Live,
}

/// Shows progress once a second until it is dropped.
pub(crate) async fn show(mode: ProgressMode, mut watched: Watched) {
    let mut last_requests = 0;
    let mut terminal = Terminal::default();
    let clock = watched.stage.clock;
    loop {
        clock.sleep_until(clock.now_us() + 1_000_000 - clock.now_us() % 1_000_000).await;
        let mut progress = watched.look();
        let requests = progress.requests_per_sec;
        progress.requests_per_sec = requests - last_requests;
        last_requests = requests;
        mode.tell(&progress, &mut terminal);
    }
}

impl ProgressMode {
    fn tell(&self, progress: &Progress, terminal: &mut Terminal) {
        match self {
            ProgressMode::Silent => {}
            ProgressMode::Callback(tell) => tell(progress),
            ProgressMode::And(shown, tell) => {
                shown.tell(progress, terminal);
                tell(progress);
            }
            ProgressMode::PerSecond => {
                let broken = if progress.so_far.iter().any(|check| check.broken > 0) {
                    progress.checks()
                } else {
                    String::new()
                };
                eprintln!("{}", format!("{progress}  {broken}").trim_end());
            }
            ProgressMode::Line => terminal.draw(progress),
        }
    }
}

/// The two lines, drawn over themselves; the text after them begins on a line of its own.
#[derive(Default)]
struct Terminal {
    drawn: bool,
}

impl Terminal {
    fn draw(&mut self, progress: &Progress) {
        let up = if self.drawn { "\x1b[1A" } else { "" };
        self.drawn = true;
        // Without wrapping a narrow terminal cuts the lines off, instead of scrolling the block away.
        let text = format!("\r{up}\x1b[?7l\x1b[2K{progress}\n\x1b[2K{}\x1b[?7h", progress.second_line());
        let mut err = std::io::stderr();
        // Nobody reads progress that cannot be written.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.drawn {
            let _ = std::io::stderr().write_all(b"\n");
        }
    }
}

impl Watched {
    pub(crate) fn new(stage: Stage, plan: &Plan, slos: &[Slo], own_sale: bool, samples: Samples) -> Self {
        let (shape, first) = (plan.shape, plan.sales.first().filter(|_| own_sale));
        let frame = Frame {
            ramp_up_ms: shape.ramp_up_us / 1_000,
            steady_ms: shape.steady_us / 1_000,
            ramp_down_ms: shape.ramp_down_us / 1_000,
            fans: plan.fans.len() as u64,
            admit_per_minute: first.map(|sale| sale.admit_per_minute),
            waiting_room_cap: first.map(|sale| sale.waiting_room_cap),
            total_seats: first.map(|sale| sale.total_seats),
            sales: stage.sales.len(),
            slos: slos.iter().map(|slo| slo.text.clone()).collect(),
        };
        Watched { stage, shape, frame, samples, live: Live::default() }
    }

    fn look(&mut self) -> Progress {
        let Watched { stage, shape, frame, samples, live } = self;
        let now = stage.clock.now_us();
        let phase = match now.checked_sub(stage.doors_us) {
            Some(since) => shape.phase(since).into(),
            None => format!("doors in {} s", (stage.doors_us - now).div_ceil(1_000_000)),
        };
        let samples = samples.all();
        let depths: Vec<u64> = samples.iter().filter_map(|sample| Some(sample.stats.as_ref()?.waiting)).collect();
        stage.recorder.look(|recorded| {
            let sum = |of: fn(&Second) -> u64| recorded.seconds.iter().map(of).sum();
            let requests = sum(|second| second.requests);
            live.follow(recorded, &samples, stage.doors_us, now);
            Progress {
                phase,
                elapsed_sec: now / 1_000_000,
                sale_id: stage.sales.first().map(|sale| sale.sale_id.to_string()).unwrap_or_default(),
                queue_depth: depths.last().copied(),
                joined: recorded.count(Reached::Joined),
                admitted: recorded.count(Reached::Admitted),
                tickets_sold: recorded.tickets,
                requests_per_sec: requests,
                errors: sum(|second| second.failed),
                requests_total: requests,
                blocked_total: sum(|second| second.refused),
                depths,
                so_far: recorded.so_far.checks(),
                at_work: at_work(recorded, stage.ended.load(Ordering::Relaxed)),
                since_doors_sec: now.checked_sub(stage.doors_us).map(|us| us / 1_000_000),
                frame: frame.clone(),
                lately: live.lately(recorded),
                generator: live.generator(recorded, now),
                series: live.columns(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(broken: u64) -> Progress {
        let check = |name, checked, broken| SoFarCheck { name, checked, broken };
        Progress {
            phase: "steady".into(),
            elapsed_sec: 12,
            sale_id: "sale".into(),
            requests_total: 9_000,
            blocked_total: 12,
            queue_depth: Some(340),
            joined: 500,
            admitted: 160,
            tickets_sold: 158,
            requests_per_sec: 1_234,
            errors: 0,
            depths: (0..100).collect(),
            so_far: vec![
                check("places kept", 900, 0),
                check("probes turned away", 0, 0),
                check("tickets in one order", 5, broken),
            ],
            at_work: 340,
            since_doors_sec: Some(9),
            frame: Frame::default(),
            lately: None,
            generator: Generator::default(),
            series: Columns::default(),
        }
    }

    #[test]
    fn the_second_line_shows_the_queue_over_time_and_what_was_exercised() {
        let line = progress(0).second_line();
        assert!(line.contains('█') && line.contains("places kept 900 · tickets in one order 5"), "{line}");
        assert!(!line.contains("probes"), "{line}");
        assert!(progress(2).second_line().contains("tickets in one order 5, BROKEN 2"));
    }
}
