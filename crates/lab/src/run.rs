//! One run from options to report: prepare, play, settle, judge, write.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::LabError;
use crate::clock::Clock;
use crate::dump::Dump;
use crate::elsewhere;
use crate::environment::{self, Environment};
use crate::fan::{Ending, Fan};
use crate::judge::{OfSale, Played, judge};
use crate::knobs::Knobs;
use crate::net::{Conn, Target};
use crate::nodes::Nodes;
use crate::operator::{Account, Live, OPERATOR_LIMIT, Operator, SAMPLE_LIMIT, SaleFacts, check_words};
use crate::plan::{Plan, SalePlan};
use crate::progress::{self, ProgressMode, Watched};
use crate::record::Recorder;
use crate::report::Report;
use crate::sampler::{self, Sample, Samples};
use crate::scenarios::{self, Planned, Scenario};
use crate::shared::{CONNECTIONS, FANS_WITH_OWN};
use crate::slo::Slo;
use crate::stage::{Elsewhere, News, OnStage, Setting, Stage};
use crate::trace::Trace;

/// A given sale is open already: its fans come this soon.
const OPEN_SALE_LEAD_US: u64 = 200_000;

/// Everything a run needs; nothing is read from the environment.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// One of `scenarios::list()`.
    pub scenario: String,
    pub knobs: Knobs,
    /// `http://host:port` of the server.
    pub base_url: String,
    pub admin_key: String,
    /// `http://host:port` of each node, where the server's address is a balancer's. Empty: it is the server's own.
    pub metrics_urls: Vec<String>,
    /// Allows a target that is not loopback.
    pub remote: bool,
    /// Where report, history and export are written; made if it is not there.
    pub out_dir: PathBuf,
    /// False on noisy machines: what is measured in time is printed and does not block.
    pub judge_times: bool,
    pub progress: ProgressMode,
    /// Uses this open sale instead of making one.
    pub sale_id: Option<String>,
    /// Thresholds besides the scenario's own, in k6's manner.
    pub thresholds: Vec<String>,
    /// The commit that this program was built from, for the report.
    pub commit: Option<String>,
    /// Becomes true to stop the run; the report is still written, with verdict ABORTED.
    pub stop: watch::Receiver<bool>,
}

/// Prepared: nothing of this is measured.
pub(crate) struct Prepared {
    pub(crate) scenario: Scenario,
    pub(crate) plan: Plan,
    pub(crate) slos: Vec<Slo>,
    pub(crate) target: Arc<Target>,
    pub(crate) clock: Clock,
    pub(crate) live: Live,
    /// The server's time then, if it told.
    pub(crate) server_ms: Option<i64>,
    /// In the order of the plan.
    pub(crate) sales: Vec<SaleFacts>,
    pub(crate) elsewhere: Option<Elsewhere>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) run_id: String,
    /// Of the first sale.
    pub(crate) doors_us: u64,
    pub(crate) nodes: Nodes,
    /// Connections they had before the fans came.
    pub(crate) connections: Option<u64>,
    pub(crate) notes: Vec<String>,
    pub(crate) environment: Environment,
}

impl Prepared {
    /// When the doors of the plan's `number`-th sale open.
    pub(crate) fn doors_of(&self, number: usize) -> u64 {
        self.doors_us + self.plan.sales.get(number).map_or(0, |sale| sale.opens_after_us)
    }
}

/// Runs on a current-thread runtime of its own: the generator's CPU share is that of this thread.
pub fn run_blocking(options: &RunOptions) -> Result<Report, LabError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LabError::Runtime)?;
    runtime.block_on(run(options))
}

/// As `run_blocking`, on the caller's runtime; meant for a current-thread one.
pub async fn run(options: &RunOptions) -> Result<Report, LabError> {
    let scenario = scenarios::find(&options.scenario)?;
    let plan = (scenario.plan)(&options.knobs);
    let slos = (scenario.slos)(&options.knobs, &plan, options.sale_id.is_none());
    whole(options, Planned { scenario, plan, slos }, vec![]).await
}

/// As `run`, with the arrivals of a trace instead of a scenario.
pub async fn replay(options: &RunOptions, trace: &Trace) -> Result<Report, LabError> {
    let (planned, knobs) = trace.plan(&options.knobs, options.sale_id.is_none())?;
    let options = RunOptions { knobs, ..options.clone() };
    whole(&options, planned, vec![trace.note()]).await
}

async fn whole(options: &RunOptions, planned: Planned, notes: Vec<String>) -> Result<Report, LabError> {
    let prepared = prepare(options, planned, notes).await?;
    let played = play(options, &prepared).await;
    Ok(judge(options, prepared, played))
}

async fn prepare(options: &RunOptions, planned: Planned, mut notes: Vec<String>) -> Result<Prepared, LabError> {
    let Planned { scenario, plan, slos: lines } = planned;
    let target = Target::parse(&options.base_url, options.remote)?;
    check_words(options.sale_id.as_deref(), &options.admin_key)?;
    scenario.check_sale(&plan, options.sale_id.is_none())?;
    let nodes = Nodes::new(&target, &options.metrics_urls, options.remote)?;
    let populations = plan.populations();
    let slos = lines.iter().chain(&options.thresholds).map(|line| Slo::parse(line, &populations));
    let slos = slos.collect::<Result<Vec<_>, _>>().map_err(LabError::BadPlan)?;

    // Found now, not after the run.
    writable(&options.out_dir)?;
    let clock = Clock::start();
    let mut operator = Operator::new(Conn::of_operator(target.clone()), &options.admin_key);
    let live = operator.live().await.map_err(|detail| LabError::setup("reaching the server", detail))?;
    let run_id = format!("{}-{}-{}", plan.scenario, compact_time(clock.wall_ms(0)), plan.seed);
    if plan.fans.len() > FANS_WITH_OWN {
        notes.push(format!("{} fans share {CONNECTIONS} connections", plan.fans.len()));
    }
    notes.extend(slower_sales(&plan, &options.knobs).filter(|_| options.sale_id.is_none()));
    let accounts = operator.make_accounts(plan.fans.len(), &run_id).await?;
    let elsewhere = match scenario.needs_elsewhere {
        true => Some(elsewhere::make(&mut operator, &target, clock, &run_id).await?),
        false => None,
    };
    let connections = nodes.open().await;
    let (sales, doors_us) = match &options.sale_id {
        Some(sale_id) => (vec![operator.find_sale(sale_id).await?], clock.now_us() + OPEN_SALE_LEAD_US),
        None => {
            let opens_at_ms = clock.wall_ms(clock.now_us() + options.knobs.doors_in_ms() * 1_000);
            let sales = make_sales(&mut operator, &run_id, &plan.sales, opens_at_ms).await?;
            if let Err(why) = operator.adopt(&sales[0].sale_id).await {
                notes.push(format!("the sale did not become the demo sale: {why}"));
            }
            let doors_us = clock.at_wall_ms(opens_at_ms);
            if doors_us < clock.now_us() {
                notes.push("making the sale took longer than the doors: raise DOORS_IN".into());
            }
            (sales, doors_us.max(clock.now_us()))
        }
    };
    let stats = operator.stats(&sales[0].sale_id, SAMPLE_LIMIT).await;
    let server_ms = stats.ok().and_then(|stats| stats.at);
    let mut environment = Environment::of(&live, &target.authority, options.commit.as_deref());
    environment.server = operator.setup().await;
    Ok(Prepared {
        scenario,
        plan,
        slos,
        target,
        clock,
        live,
        server_ms,
        sales,
        elsewhere,
        accounts,
        run_id,
        doors_us,
        nodes,
        connections,
        notes,
        environment,
    })
}

/// A scenario about a line has its sale call more slowly than the knob says, so that there is one.
fn slower_sales(plan: &Plan, knobs: &Knobs) -> impl Iterator<Item = String> {
    let knob = knobs.admit_per_minute();
    let slower = plan.sales.iter().map(|sale| sale.admit_per_minute).filter(move |rate| *rate < knob);
    slower.map(move |rate| format!("{rate} calls a minute, of the {knob} there may be: so that the line lasts"))
}

async fn make_sales(
    operator: &mut Operator,
    run_id: &str,
    plans: &[SalePlan],
    opens_at_ms: i64,
) -> Result<Vec<SaleFacts>, LabError> {
    let mut sales = Vec::with_capacity(plans.len());
    for (number, plan) in plans.iter().enumerate() {
        let opens_at_ms = opens_at_ms.saturating_add(i64::try_from(plan.opens_after_us / 1_000).unwrap_or(i64::MAX));
        let name = if number == 0 { run_id.to_owned() } else { format!("{run_id}-{}", number + 1) };
        sales.push(operator.make_sale(&name, plan, opens_at_ms, None).await?);
    }
    Ok(sales)
}

fn writable(dir: &Path) -> Result<(), LabError> {
    let failed = |source| LabError::Write { path: dir.display().to_string(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    let probe = dir.join(format!(".traffic-{}", std::process::id()));
    fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)).map_err(failed)
}

/// `20261123T120000123Z`: sorts by time, unique per millisecond, fits a file name.
fn compact_time(wall_ms: i64) -> String {
    crate::dump::format_ms(wall_ms).replace(['-', ':', '.'], "")
}

async fn play(options: &RunOptions, prepared: &Prepared) -> Played {
    let plan = &prepared.plan;
    let clock = prepared.clock;
    let recorder = Arc::new(Recorder::new(plan.shape, prepared.doors_us, plan.fans.len()));
    let on_stage = |(number, sale): (usize, &SaleFacts)| OnStage {
        sale_id: (&*sale.sale_id).into(),
        cap: sale.max_tickets_per_user,
        doors_us: prepared.doors_of(number),
    };
    let (stage, curtain) = Stage::new(Setting {
        clock,
        recorder: recorder.clone(),
        target: prepared.target.clone(),
        sales: prepared.sales.iter().enumerate().map(on_stage).collect(),
        seed: plan.seed,
        run_tag: (&*prepared.run_id).into(),
        news: News::of(plan, prepared.elsewhere.clone()),
        fans: plan.fans.len(),
    });
    let operator = || Operator::new(Conn::of_operator(prepared.target.clone()), &options.admin_key);
    let samples: Vec<Samples> = stage.sales.iter().map(|_| Samples::default()).collect();
    let sampling: Vec<_> = stage
        .sales
        .iter()
        .zip(&samples)
        .map(|(sale, samples)| tokio::spawn(sampler::run(operator(), clock, sale.sale_id.clone(), samples.clone())))
        .collect();
    let watched = Watched::new(stage.clone(), plan, &prepared.slos, options.sale_id.is_none(), samples[0].clone());
    let showing = tokio::spawn(progress::show(options.progress.clone(), watched));
    let (cpu_before, load_began) = (environment::thread_cpu_us(), clock.now_us());

    let mut fans = JoinSet::new();
    for ((number, fan), account) in (0u32..).zip(&plan.fans).zip(&prepared.accounts) {
        fans.spawn(Fan::new(stage.clone(), number, account.token.clone(), fan.clone()).run());
    }
    let mut stop = options.stop.clone();
    let deadline_us = prepared.doors_us + plan.shape.total_us();
    let mut endings: BTreeMap<String, u64> = BTreeMap::new();
    let mut unfinished = BTreeSet::new();
    let mut aborted = false;
    let mut curtain_fell = false;
    loop {
        tokio::select! {
            ended = fans.join_next() => match ended {
                Some(Ok((number, ending))) => {
                    stage.ended.fetch_add(1, Ordering::Relaxed);
                    *endings.entry(ending.name()).or_default() += 1;
                    if ending == Ending::Unfinished {
                        unfinished.insert(number);
                    }
                }
                Some(Err(_)) => {
                    *endings.entry("panicked".into()).or_default() += 1;
                    recorder.generator_error("a fan panicked");
                }
                None => break,
            },
            () = clock.sleep_until(deadline_us), if !curtain_fell => {
                curtain_fell = true;
                curtain.send_replace(true);
            }
            true = asked_to_stop(&mut stop), if !aborted => {
                (aborted, curtain_fell) = (true, true);
                curtain.send_replace(true);
            }
        }
    }
    let finished_us = clock.now_us();
    let cpu_share = environment::thread_cpu_us()
        .zip(cpu_before)
        .map(|(after, before)| (after - before) as f64 / (finished_us - load_began).max(1) as f64);
    let peak_memory_mib = environment::peak_memory_mib();
    sampling.iter().for_each(tokio::task::JoinHandle::abort);
    showing.abort();
    let mut operator = operator();
    let mut evidence = Vec::with_capacity(samples.len());
    for (sale, samples) in stage.sales.iter().zip(samples) {
        samples.push(last_sample(&mut operator, clock, &sale.sale_id).await);
        let (export, dump) = export(&mut operator, clock, &sale.sale_id).await;
        evidence.push(OfSale { samples: samples.all(), export, dump });
    }
    let connections = prepared.nodes.back_to(prepared.connections).await;
    Played {
        recorded: recorder.take(),
        sales: evidence,
        connections,
        endings,
        unfinished,
        aborted,
        ended_early: !curtain_fell,
        finished_us,
        cpu_share,
        peak_memory_mib,
    }
}

/// Never returns false; a closed channel means that nobody can ask any more.
async fn asked_to_stop(stop: &mut watch::Receiver<bool>) -> bool {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
    true
}

/// The last sample and the export are what a run is judged by: a server that is busy or comes back is asked again, but
/// one that hangs is not waited for twice.
const LAST_TRIES: u32 = 5;
const LAST_TRIES_APART: Duration = Duration::from_secs(1);

async fn last_sample(operator: &mut Operator, clock: Clock, sale_id: &str) -> Sample {
    let began_us = clock.now_us();
    for _ in 1..LAST_TRIES {
        let sample = sampler::take(operator, clock, sale_id, OPERATOR_LIMIT).await;
        if sample.stats.is_some() || waited_enough(clock, began_us).await {
            return sample;
        }
    }
    sampler::take(operator, clock, sale_id, OPERATOR_LIMIT).await
}

async fn export(operator: &mut Operator, clock: Clock, sale_id: &str) -> (Option<bytes::Bytes>, Result<Dump, String>) {
    let began_us = clock.now_us();
    let mut answer = operator.export(sale_id).await;
    for _ in 1..LAST_TRIES {
        if answer.is_ok() || waited_enough(clock, began_us).await {
            break;
        }
        answer = operator.export(sale_id).await;
    }
    match answer {
        Ok(bytes) => {
            let dump = Dump::read(&bytes[..]).map_err(|error| error.to_string());
            (Some(bytes), dump)
        }
        Err(why) => (None, Err(why)),
    }
}

/// Waits before another try, unless the tries since `began_us` have taken as long as one answer may.
async fn waited_enough(clock: Clock, began_us: u64) -> bool {
    let waited = Duration::from_micros(clock.now_us() - began_us);
    if waited < OPERATOR_LIMIT {
        tokio::time::sleep(LAST_TRIES_APART).await;
    }
    waited >= OPERATOR_LIMIT
}
