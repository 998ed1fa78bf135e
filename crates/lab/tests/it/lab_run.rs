//! Runs the real scenarios in a short shape against a mock.

use std::fs::File;
use std::io::Read;

use flate2::read::GzDecoder;
use lab::{Knobs, LabError, Origin, ProgressMode, Report, RunOptions, run_blocking};
use tokio::sync::watch;

use crate::mock::bug::Bug;
use crate::mock::{Manner, Mock};

/// Seventy fans for seventy seats at ten a second: seven seconds of line, long enough for a double rate to show.
pub(crate) const SHORT: [(&str, &str); 7] = [
    ("K6_VUS_MAX", "70"),
    ("K6_TOTAL_SEATS", "70"),
    ("K6_ADMIT_PER_MIN", "600"),
    ("K6_RAMP_UP", "2s"),
    ("K6_STEADY", "8s"),
    ("K6_RAMP_DOWN", "2s"),
    ("DOORS_IN", "300ms"),
];

pub(crate) struct Played {
    pub(crate) report: Report,
    pub(crate) mock: Mock,
    /// Kept until the files have been looked at.
    pub(crate) dir: tempfile::TempDir,
}

impl Played {
    /// The lines of the export that was kept.
    pub(crate) fn export(&self) -> String {
        let [_, _, export, _] = self.report.files() else { panic!("four files") };
        let mut lines = String::new();
        GzDecoder::new(File::open(export).expect("kept")).read_to_string(&mut lines).expect("text");
        lines
    }
}

pub(crate) fn options(base_url: &str, dir: &std::path::Path, knobs: &[(&str, &str)]) -> RunOptions {
    let mut set = Knobs::default();
    for (name, value) in knobs {
        set.set(name, value, Origin::Flag).expect("a knob");
    }
    RunOptions {
        scenario: "launch_spike".into(),
        knobs: set,
        base_url: base_url.into(),
        admin_key: "key".into(),
        metrics_urls: vec![],
        remote: false,
        out_dir: dir.into(),
        judge_times: false,
        progress: ProgressMode::Silent,
        sale_id: None,
        thresholds: vec![],
        commit: None,
        stop: watch::channel(false).1,
    }
}

pub(crate) fn play(manner: Manner, knobs: &[(&str, &str)]) -> Played {
    play_with(manner, knobs, |_| ()).expect("a verdict")
}

pub(crate) fn play_with(
    manner: Manner,
    knobs: &[(&str, &str)],
    change: impl FnOnce(&mut RunOptions),
) -> Result<Played, LabError> {
    let mock = Mock::start(manner);
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(&mock.base_url, dir.path(), knobs);
    change(&mut options);
    let report = run_blocking(&options)?;
    Ok(Played { report, mock, dir })
}

/// Another scenario than `launch_spike`.
pub(crate) fn play_scenario(scenario: &str, manner: Manner, knobs: &[(&str, &str)]) -> Played {
    play_with(manner, knobs, |options| options.scenario = scenario.into()).expect("a verdict")
}

/// Plays one run for each bug at the same time, each against a mock of its own.
pub(crate) fn play_all(bugs: &[Bug]) -> Vec<(Bug, Report)> {
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            bugs.iter().map(|bug| (*bug, scope.spawn(|| play(Manner::with(*bug), &SHORT).report))).collect();
        runs.into_iter().map(|(bug, run)| (bug, run.join().expect("a run"))).collect()
    })
}
