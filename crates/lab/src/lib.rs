//! The load lab: answers "will this sale hold, and will it be fair?" by driving the public HTTP API and judging what it saw.
//!
//! Depends on no other Traffic crate. A run is planned first (`scenarios`), played by virtual fans (one connection and one
//! source address each), and judged from three kinds of evidence: the history of operations, the export of the sale, and
//! the server's own counts. See `run_blocking` for a run, `assert_queue` for judging an export alone.
//!
//! **scenario** a kind of sale day · **knobs** its shape · **plan** everything fixed before the first request ·
//! **fan** one virtual person · **history** what happened · **check** an invariant judged · **SLO** a threshold judged ·
//! **validity** whether the measurement can be trusted · **verdict** one word for all of it.

mod assert_queue;
mod attack;
mod check;
mod clock;
mod contract;
mod dice;
mod dump;
mod elsewhere;
mod environment;
mod error;
mod fan;
mod history;
mod judge;
mod knobs;
mod latency;
mod live;
mod metrics;
mod names;
mod net;
mod nodes;
mod operator;
mod plan;
mod preview;
mod progress;
mod record;
mod report;
mod run;
mod sampler;
pub mod scenarios;
mod shared;
mod slo;
mod so_far;
mod spare;
mod stage;
mod terms;
mod trace;
mod validity;
mod verdict;
mod words;

pub use assert_queue::{QueueAssertion, assert_queue, assert_run, fetch_export};
pub use dump::DumpError;
pub use error::LabError;
pub use knobs::{Knobs, Origin, VUS_LIMIT};
pub use preview::{Preview, preview};
pub use progress::{Progress, ProgressMode};
pub use report::{Comparison, Report, compare, report_html, report_table};
pub use run::{RunOptions, replay, run, run_blocking};
pub use so_far::SoFarCheck;
pub use trace::Trace;
pub use verdict::Verdict;

/// Refuses an address that no run may go to, before anything is sent anywhere.
pub fn check_target(base_url: &str, remote: bool) -> Result<(), LabError> {
    net::Target::parse(base_url, remote).map(drop)
}
