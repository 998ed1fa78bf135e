//! What there is to see of load runs.

use domain::RunId;
use domain::load_run::{RUNNER_LAPSE_MS, RunState};

use super::{Run, run, run_columns};
use crate::error::Outcome;
use crate::tx::{Query, Read};

/// One run, and how many wait before it.
pub struct OneRun(pub RunId);

impl Query for OneRun {
    type Out = Option<(Run, i64)>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Self::Out> {
        let one = concat!(run_columns!("progress", "outcome"), "where id = ?1");
        let Some(row) = read.first(one, &[self.0.into()]).await? else { return Ok(None) };
        let run = run(&row)?;
        let before = read
            .first("select count(*) from lab_runs where state = 'queued' and seq < ?1", &[run.seq.into()])
            .await?
            .map_or(0, |row| row.int(0));
        Ok(Some((run, before)))
    }
}

/// A page of all runs, the newest first, without `progress` and `outcome`.
pub struct Runs {
    /// The last run of the page before.
    pub after: Option<RunId>,
    /// Only runs of this scenario.
    pub scenario: Option<String>,
    /// Only runs in this state.
    pub state: Option<RunState>,
    pub limit: i64,
}

impl Query for Runs {
    /// `None`: there is no such `after`.
    type Out = Option<Vec<Run>>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Self::Out> {
        let below = match self.after {
            Some(after) => {
                let row = read.first("select seq from lab_runs where id = ?1", &[after.into()]).await?;
                let Some(row) = row else { return Ok(None) };
                row.int(0)
            }
            None => i64::MAX,
        };
        let page = concat!(
            run_columns!("cast(null as text)", "cast(null as text)"),
            "where seq < ?1 and scenario = coalesce(?3, scenario) and state = coalesce(?4, state) ",
            "order by seq desc limit ?2"
        );
        let state = self.state.map(RunState::name);
        let asked = [below.into(), self.limit.into(), self.scenario.as_ref().into(), state.into()];
        let rows = read.query(page, &asked).await?;
        Ok(Some(rows.iter().map(run).collect::<Result<_, _>>()?))
    }
}

/// Of each scenario the run that was over last, without `progress` and `outcome`.
pub struct LastOver;

impl Query for LastOver {
    type Out = Vec<Run>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Run>> {
        let last = concat!(
            run_columns!("cast(null as text)", "cast(null as text)"),
            "where seq in (select max(seq) from lab_runs where state not in ('queued', 'running') group by scenario)"
        );
        let rows = read.query(last, &[]).await?;
        Ok(rows.iter().map(run).collect::<Result<_, _>>()?)
    }
}

/// The run that began last, whether it is over or not, without `outcome`.
pub struct LastBegun;

impl Query for LastBegun {
    type Out = Option<Run>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Self::Out> {
        let last = concat!(
            run_columns!("progress", "cast(null as text)"),
            "where started_at is not null order by seq desc limit 1"
        );
        let row = read.first(last, &[]).await?;
        Ok(row.as_ref().map(run).transpose()?)
    }
}

/// Whether a claim of this runner would change anything: so that asking again and again writes nothing.
pub struct HasWork {
    pub runner: String,
}

impl Query for HasWork {
    type Out = bool;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<bool> {
        let lapsed = read.now().plus_ms(-RUNNER_LAPSE_MS);
        let row = read
            .first(
                "select id from lab_runs where state = 'queued' or (state = 'running' and (runner = ?1 or heard_at <= ?2))
                 limit 1",
                &[(&self.runner).into(), lapsed.into()],
            )
            .await?;
        Ok(row.is_some())
    }
}

/// Whether a run's runner is to be given up.
pub struct AnyLapsed;

impl Query for AnyLapsed {
    type Out = bool;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<bool> {
        let lapsed = read.now().plus_ms(-RUNNER_LAPSE_MS);
        let row = read
            .first("select id from lab_runs where state = 'running' and heard_at <= ?1 limit 1", &[lapsed.into()])
            .await?;
        Ok(row.is_some())
    }
}
