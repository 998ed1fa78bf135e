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
use crate::nodes::Connections;
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
    /// In the order of the plan.
    pub(crate) sales: Vec<OfSale>,
    /// The server's connections once the fans had gone.
    pub(crate) connections: Option<Connections>,
    pub(crate) endings: BTreeMap<String, u64>,
    /// Fans whose journey the end of the run cut off.
    pub(crate) unfinished: BTreeSet<u32>,
    pub(crate) aborted: bool,
    pub(crate) ended_early: bool,
    pub(crate) finished_us: u64,
    pub(crate) cpu_share: Option<f64>,
    pub(crate) peak_memory_mib: Option<u64>,
}

/// What the server had to say of one sale.
pub(crate) struct OfSale {
    pub(crate) samples: Vec<Sample>,
    pub(crate) export: Option<bytes::Bytes>,
    pub(crate) dump: Result<Dump, String>,
}

/// What sales are called where there are two.
pub(crate) const SALE_NAMES: [&str; 4] = ["A", "B", "C", "D"];

pub(crate) fn judge(options: &RunOptions, mut prepared: Prepared, mut played: Played) -> Report {
    for why in played.sales.iter().filter_map(|sale| sale.dump.as_ref().err()) {
        prepared.notes.push(format!("there is no usable export: {why}"));
    }
    let own_sale = options.sale_id.is_none();
    let accounts = prepared.accounts.iter().map(|account| account.user_id.clone()).collect();
    let sales = prepared.sales.iter().map(|sale| (&*sale.sale_id).into()).collect();
    let history = History { accounts, sales, records: std::mem::take(&mut played.recorded.records) };
    let parts = history.by_sale();
    let findings = findings(&prepared, &played, &parts, own_sale);
    let history = History::whole(parts);
    played.recorded.records = history.records;
    let recorded = &played.recorded;
    let first = &played.sales[0];
    let measured = Metrics {
        recorded,
        plan: &prepared.plan,
        dump: first.dump.as_ref().ok(),
        doors_us: prepared.doors_us,
        own_doors: own_sale,
        unfinished: &played.unfinished,
    };
    let slos: Vec<_> = prepared.slos.iter().map(|slo| slo.judge(&measured, options.judge_times)).collect();
    let samples: Vec<&[Sample]> = played.sales.iter().map(|sale| &*sale.samples).collect();
    let caps: Vec<u64> = prepared.sales.iter().map(|sale| sale.max_tickets_per_user).collect();
    let validity = validity::judge(&validity::Facts {
        recorded,
        samples: &samples,
        first_instance: &prepared.live.instance,
        prepared_ms: prepared.server_ms,
        planned_fans: prepared.plan.fans.len() as u64,
        cpu_share: played.cpu_share,
        own_sale,
        caps: &caps,
        judge_times: options.judge_times,
    });
    let (verdict, reason) = verdict::decide(&findings, &slos, &validity, played.aborted);
    let after_doors_sec = played.finished_us.saturating_sub(prepared.doors_us) as f64 / 1e6;
    let mut report = Report {
        schema: Report::SCHEMA,
        run_id: prepared.run_id.clone(),
        scenario: prepared.plan.scenario.clone(),
        sale_id: prepared.sales[0].sale_id.clone(),
        sales: prepared.sales.iter().map(|sale| sale.sale_id.clone()).collect(),
        populations: prepared.plan.populations(),
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
        series: report::points(recorded, &first.samples, prepared.doors_us),
        other_sales: played.sales[1..].iter().map(|sale| report::of_sale(&sale.samples, prepared.doors_us)).collect(),
        environment: Environment {
            generator_cpu_share: played.cpu_share,
            generator_peak_memory_mib: played.peak_memory_mib,
            ..prepared.environment.clone()
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
    let history = History { records: played.recorded.records, ..history };
    let exports: Vec<Option<&[u8]>> = played.sales.iter().map(|sale| sale.export.as_deref()).collect();
    match write(&options.out_dir, &report, &history, &exports) {
        Ok(files) => report.files = files,
        // The verdict stands all the same; whoever asked for the run sees it.
        Err((path, error)) => report.not_written = Some(format!("writing {} failed: {error}", path.display())),
    }
    report
}

/// Each sale by itself, then what is the scenario's own.
fn findings(prepared: &Prepared, played: &Played, parts: &[History], own_sale: bool) -> Vec<check::Finding> {
    let plan = &prepared.plan;
    let mut sales = Vec::with_capacity(parts.len());
    for (number, (history, sale)) in parts.iter().zip(&played.sales).enumerate() {
        let dump = sale.dump.as_ref().ok();
        sales.push(Evidence {
            history,
            dump,
            samples: &sale.samples,
            staleness_us: prepared.live.staleness_ms.saturating_mul(1_000),
            own_sale,
            owed: Owed::of(&plan.fans, number, &played.recorded.reached, &played.unfinished),
        });
    }
    let mut findings = Vec::new();
    for (evidence, name) in sales.iter().zip(SALE_NAMES) {
        let mut of_one = check::all(evidence);
        of_one.iter_mut().for_each(|finding| finding.sale = (sales.len() > 1).then_some(name));
        findings.extend(of_one);
    }
    let doors_us: Vec<u64> = (0..sales.len()).map(|number| prepared.doors_of(number)).collect();
    let whole = check::Whole { plan, sales: &sales, doors_us: &doors_us, connections: played.connections };
    findings.extend(check::own(prepared.scenario.checks, &whole));
    findings
}

/// Writes `<run_id>.json`, `.html`, `.history.ndjson.gz` and `.export.ndjson.gz`; of a second sale `.export-2.ndjson.gz`.
fn write(
    dir: &Path,
    report: &Report,
    history: &History,
    exports: &[Option<&[u8]>],
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
    for (number, export) in (1..).zip(exports) {
        let Some(export) = export else { continue };
        let file = path(&if number == 1 { "export.ndjson.gz".into() } else { format!("export-{number}.ndjson.gz") });
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
