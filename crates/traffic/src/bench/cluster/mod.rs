//! The product on PostgreSQL: joins beside the bare handler, polls beside the embedded engine, and what Redis costs.
//!
//! The database server shares the machine, so its CPU time is read too.

mod batches;
mod outage;
mod statements;

use std::time::Duration;

use super::Bench;
use super::goals::Goal;
use super::join::{self, Crowd, Worst, first_joins};
use super::organiser::Organiser;
use super::postgres::Postgres;
use super::program::{Engine, Program};
use super::redis::{FORGETFUL, Redis};
use super::report::{Compared, Report};
use super::sample::{Pair, Sample, Spread};
use super::status::{self, Polls};

pub(super) const NEEDS: &str = "`cluster` needs a PostgreSQL server for itself (--postgres, --postgres-pid): \
    scripts/bench.sh starts one where PostgreSQL is installed, which scripts/setup.sh --cluster does";

const JOIN_RATE: f64 = 0.2;
const POLL_CPU: f64 = 1.1;
const REDIS_CPU: f64 = 1.1;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let Some(postgres) = &bench.postgres else {
        println!("cluster: left out. {NEEDS}");
        return Ok(());
    };
    joins(bench, postgres, report)?;
    polls(bench, postgres, report)?;
    match Redis::start(bench.folder("redis")?, &FORGETFUL, &bench.clock)? {
        Some(redis) => with_redis(bench, postgres, redis, report)?,
        None => report.fact("with Redis", "not measured: redis-server is not installed".to_owned()),
    }
    statements::measure(bench, postgres, report)?;
    batches::measure(bench, postgres, report)
}

/// The product on a database server.
fn start(bench: &Bench, name: &str, database_url: &str, redis_url: Option<&str>) -> anyhow::Result<Program> {
    Ok(bench.start_on(&bench.folder(name)?, &Engine { database_url, redis_url })?.0)
}

/// CPU time of PostgreSQL during some work.
fn beside<T>(postgres: &Postgres, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Duration)> {
    let before = postgres.cpu()?;
    let done = work()?;
    Ok((done, postgres.cpu()?.saturating_sub(before)))
}

fn us_each(time: Duration, requests: usize) -> f64 {
    time.as_secs_f64() * 1e6 / requests.max(1) as f64
}

fn joins(bench: &Bench, postgres: &Postgres, report: &mut Report) -> anyhow::Result<()> {
    let database = postgres.database("join")?;
    let server = start(bench, "cluster-join", &database.url, None)?;
    let organiser = Organiser::of(&server);
    let mut crowd = Crowd::new(bench, &organiser)?;
    let bare = bench.bare(crowd.body_bytes)?;
    let (mut pairs, mut database_us, mut slowest) = (Vec::new(), Vec::new(), Worst::default());
    let (mut statements, mut joined) = (0.0, 0);
    for round in 0..bench.sizes.rounds {
        let (sale, requests) = crowd.joins(&organiser)?;
        pairs.push(bench.pair(round, &bare, join::CONNECTIONS, || {
            let before = statements::so_far(&organiser)?;
            let (sample, cpu) = beside(postgres, || first_joins(bench, &server, &requests))?;
            statements += statements::so_far(&organiser)? - before;
            joined += sample.requests;
            database_us.push(us_each(cpu, sample.requests));
            Ok(sample)
        })?);
        slowest = slowest.or(Worst::of(&organiser, &sale)?);
    }
    let name = "first join on PostgreSQL, line of 10,000";
    let compared = report.compared(Compared::beside_bare(name, join::CONNECTIONS, crowd.body_bytes, pairs));
    let (rate, node) = (compared.rate_ratio().median, compared.product(Sample::cpu_us));
    let engine = Spread::of(database_us);
    let text = format!(
        "{:.1} us in the node ({:.1} to {:.1}), {:.1} us in PostgreSQL ({:.1} to {:.1})",
        node.median, node.min, node.max, engine.median, engine.min, engine.max
    );
    report.fact("CPU of a join on PostgreSQL", text);
    report.fact("worst batch on PostgreSQL", slowest.text());
    let text = format!("{:.3} each, the worker's own among them", statements / joined.max(1) as f64);
    report.fact("statements of a join over HTTP", text);
    report.goal(Goal::at_least("first join on PostgreSQL", rate, JOIN_RATE, "x bare requests/s"));
    server.stop(&bench.clock)
}

/// A poll reads no store: what it costs must not depend on which store that is.
fn polls(bench: &Bench, postgres: &Postgres, report: &mut Report) -> anyhow::Result<()> {
    let database = postgres.database("status")?;
    let embedded = Polls::prepare(bench, bench.product("cluster-status-embedded")?)?;
    let cluster = Polls::prepare(bench, start(bench, "cluster-status", &database.url, None)?)?;
    let (mut pairs, mut database_us) = (Vec::new(), Vec::new());
    for round in 0..bench.sizes.rounds {
        let window = || {
            let (sample, cpu) = beside(postgres, || cluster.window(bench))?;
            database_us.push(us_each(cpu, sample.requests));
            Ok(sample)
        };
        pairs.push(Pair::take(round, || embedded.window(bench), window)?);
    }
    embedded.end(bench)?;
    let body_bytes = cluster.end(bench)?;
    let sides = ["embedded", "cluster"];
    let compared = Compared { name: "status poll", sides, connections: status::CONNECTIONS, body_bytes, pairs };
    let ratio = report.compared(compared).cpu_ratio().median;
    report.fact("CPU of PostgreSQL during polls", format!("{:.2} us each", Spread::of(database_us).median));
    report.goal(Goal::at_most("status poll on PostgreSQL", ratio, POLL_CPU, "x embedded CPU"));
    Ok(())
}

/// Two nodes that know nothing of each other, one of them with Redis.
fn with_redis(bench: &Bench, postgres: &Postgres, mut redis: Redis, report: &mut Report) -> anyhow::Result<()> {
    let databases = [postgres.database("alone")?, postgres.database("redis")?];
    let without = start(bench, "cluster-alone", &databases[0].url, None)?;
    let with = start(bench, "cluster-redis", &databases[1].url, Some(&redis.url()))?;
    outage::wait_for_redis(bench, &with)?;
    let [mut without, mut with] = [Side::new(bench, postgres, without)?, Side::new(bench, postgres, with)?];
    let body_bytes = with.crowd.body_bytes;
    let (mut pairs, mut redis_us) = (Vec::new(), Vec::new());
    for round in 0..bench.sizes.rounds {
        let helped = || {
            let before = redis.cpu()?;
            let sample = with.window(bench)?;
            let helper = redis.cpu()?.saturating_sub(before);
            redis_us.push(us_each(helper, sample.requests));
            Ok(Sample { server_cpu: sample.server_cpu + helper, ..sample })
        };
        pairs.push(Pair::take(round, || without.window(bench), helped)?);
    }
    let (name, sides) = ("first join, all of node, PostgreSQL and Redis", ["no Redis", "Redis"]);
    let compared = Compared { name, sides, connections: join::CONNECTIONS, body_bytes, pairs };
    let ratio = report.compared(compared).cpu_ratio().median;
    report.fact("CPU of redis-server", format!("{:.2} us a join", Spread::of(redis_us).median));
    report.goal(Goal::at_most("first join with Redis", ratio, REDIS_CPU, "x CPU without"));
    without.server.stop(&bench.clock)?;
    outage::measure(bench, &with.server, &mut redis, report)?;
    with.server.stop(&bench.clock)
}

/// A node, and people who join on it.
struct Side<'a> {
    postgres: &'a Postgres,
    server: Program,
    crowd: Crowd,
}

impl<'a> Side<'a> {
    fn new(bench: &Bench, postgres: &'a Postgres, server: Program) -> anyhow::Result<Self> {
        let crowd = Crowd::new(bench, &Organiser::of(&server))?;
        Ok(Self { postgres, server, crowd })
    }

    /// One window of joins; its CPU time is that of node and PostgreSQL.
    fn window(&mut self, bench: &Bench) -> anyhow::Result<Sample> {
        let (_, requests) = self.crowd.joins(&Organiser::of(&self.server))?;
        let (sample, cpu) = beside(self.postgres, || first_joins(bench, &self.server, &requests))?;
        Ok(Sample { server_cpu: sample.server_cpu + cpu, ..sample })
    }
}
