//! After the play: evidence in, report out, and all three written to disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::check::{self, Evidence, Owed};
use crate::dump::{Dump, format_ms};
use crate::environment::Environment;
use crate::history::History;
use crate::metrics::Metrics;
use crate::preview::PlanFacts;
use crate::record::{Reached, Recorded};
use crate::report::{self, KnobRow, Report};
use crate::run::{Prepared, RunOptions};
use crate::sampler::Sample;
use crate::validity;
use crate::verdict;

/// What came of the play.
pub(crate) struct Played {
    pub(crate) recorded: Recorded,
    pub(crate) samples: Vec<Sample>,
    pub(crate) export: Option<bytes::Bytes>,
    pub(crate) dump: Result<Dump, String>,
    pub(crate) endings: BTreeMap<String, u64>,
    /// Fans whose journey the end of the run cut off.
    pub(crate) unfinished: BTreeSet<u32>,
    pub(crate) aborted: bool,
    pub(crate) ended_early: bool,
    pub(crate) finished_us: u64,
    pub(crate) cpu_share: Option<f64>,
    pub(crate) peak_memory_mib: Option<u64>,
}

pub(crate) fn judge(options: &RunOptions, mut prepared: Prepared, mut played: Played) -> Report {
    if let Err(why) = &played.dump {
        prepared.notes.push(format!("there is no usable export: {why}"));
    }
    let own_sale = options.sale_id.is_none();
    let dump = played.dump.as_ref().ok();
    let accounts = prepared.accounts.iter().map(|account| account.user_id.clone()).collect();
    let history = History { accounts, records: std::mem::take(&mut played.recorded.records) };
    let findings = check::all(&Evidence {
        history: &history,
        dump,
        samples: &played.samples,
        staleness_us: prepared.live.staleness_ms.saturating_mul(1_000),
        max_active: dump.map_or(0, |dump| dump.highest_max_active()),
        own_sale,
        owed: Owed::of(&prepared.plan.fans, &played.recorded.reached, &played.unfinished),
    });
    played.recorded.records = history.records;
    let recorded = &played.recorded;
    let planned_fans = prepared.plan.fans.len() as u64;
    let measured = Metrics { recorded, dump, doors_us: prepared.doors_us, own_doors: own_sale, planned_fans };
    let slos: Vec<_> = prepared.slos.iter().map(|slo| slo.judge(&measured, options.judge_times)).collect();
    let validity = validity::judge(&validity::Facts {
        recorded,
        samples: &played.samples,
        first_instance: &prepared.live.instance,
        prepared_ms: prepared.server_ms,
        planned_fans,
        cpu_share: played.cpu_share,
        own_sale,
        cap: prepared.sale.max_tickets_per_user,
        judge_times: options.judge_times,
    });
    let (verdict, reason) = verdict::decide(&findings, &slos, &validity, played.aborted);
    let after_doors_sec = played.finished_us.saturating_sub(prepared.doors_us) as f64 / 1e6;
    let mut report = Report {
        schema: Report::SCHEMA,
        run_id: prepared.run_id.clone(),
        scenario: prepared.plan.scenario.clone(),
        sale_id: prepared.sale.sale_id.clone(),
        verdict,
        reason,
        started_at: format_ms(prepared.clock.wall_ms(0)),
        finished_at: format_ms(prepared.clock.wall_ms(played.finished_us)),
        ended_early: played
            .ended_early
            .then(|| format!("ended early, {after_doors_sec:.1} s after the doors: every journey was over")),
        plan_sha256: prepared.plan.sha256(),
        seed: prepared.plan.seed,
        checks: findings,
        slos,
        validity,
        metrics: report::metrics(recorded, played.cpu_share),
        steps: report::steps(recorded),
        refusals: report::refusals(recorded),
        funnel: Reached::ALL.iter().map(|(stage, name)| (*name, recorded.count(*stage))).collect(),
        endings: played.endings.clone(),
        series: report::points(recorded, &played.samples, prepared.doors_us),
        environment: Environment {
            generator_cpu_share: played.cpu_share,
            generator_peak_memory_mib: played.peak_memory_mib,
            ..prepared.environment
        },
        knobs: options
            .knobs
            .listed()
            .into_iter()
            .map(|(name, value, origin)| KnobRow { name, value, origin })
            .collect(),
        notes: prepared.notes.clone(),
        plan: PlanFacts::of(&prepared.plan, own_sale),
        files: vec![],
        not_written: None,
    };
    let accounts = prepared.accounts.into_iter().map(|account| account.user_id).collect();
    let history = History { accounts, records: played.recorded.records };
    match write(&options.out_dir, &report, &history, played.export.as_deref()) {
        Ok(files) => report.files = files,
        // The verdict stands all the same; whoever asked for the run sees it.
        Err((path, error)) => report.not_written = Some(format!("writing {} failed: {error}", path.display())),
    }
    report
}

/// Writes `<run_id>.json`, `.html`, `.history.ndjson.gz` and `.export.ndjson.gz`.
fn write(
    dir: &Path,
    report: &Report,
    history: &History,
    export: Option<&[u8]>,
) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let path = |ending: &str| dir.join(format!("{}.{ending}", report.run_id));
    let mut files = vec![path("json"), path("history.ndjson.gz")];
    let page = path("html");
    fs::write(&files[0], report.to_json()).map_err(failed(&files[0]))?;
    fs::write(&page, report.to_html()).map_err(failed(&page))?;
    into_file(&files[1], |out| history.write(out)).map_err(failed(&files[1]))?;
    if let Some(export) = export {
        let file = path("export.ndjson.gz");
        let compress = |out: BufWriter<File>| {
            let mut gzip = GzEncoder::new(out, Compression::fast());
            gzip.write_all(export)?;
            gzip.finish()?.flush()
        };
        into_file(&file, compress).map_err(failed(&file))?;
        files.push(file);
    }
    // Last, where whoever looks at a terminal finds it.
    files.push(page);
    Ok(files)
}

fn into_file(path: &Path, write: impl FnOnce(BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    write(BufWriter::new(File::create(path)?))
}
