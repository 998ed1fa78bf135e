//! Load runs: asked for, taken by a runner, heard of while they last, ended. Any node serves all of it, so all of it is rows.
//!
//! A run belongs to the claim that started it: whoever comes with another one has lost it, and changes nothing.

pub mod files;
pub mod look;

use domain::load_run::{RUNNER_LAPSE_MS, RunLimits, RunState};
use domain::{RunId, SaleId, Timestamp};
use uuid::Uuid;

use crate::audit::{self, Act};
use crate::error::{DbError, Outcome};
use crate::lease;
use crate::tx::{Lane, Read, Tx, Verb};
use crate::value::{Row, Value};

/// Whoever counts runs or starts one holds this row of `leases` meanwhile.
const TURN: &str = "lab";
/// Older runs are forgotten: years of rehearsals, and a list that nobody can fill the disk with.
const RUNS_KEPT: i64 = 10_000;

const CLAIMED_ANEW: &str = "its runner was started again, and what it had done is lost";
const NOT_HEARD_OF: &str = "its runner died: nothing was heard of it for 15 s";
const NEVER_BEGAN: &str = "it was stopped before it began";

/// One run as it is kept. What is JSON here is written and read by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub seq: i64,
    pub scenario: String,
    /// What was asked for; or what the run made for itself, once it has.
    pub sale: Option<SaleId>,
    pub knobs: String,
    /// `request` or `command line`.
    pub asked_by: String,
    pub state: RunState,
    pub runner: Option<String>,
    pub stop_asked: bool,
    pub progress: Option<String>,
    pub outcome: Option<String>,
    /// Of the outcome, in a sentence.
    pub reason: Option<String>,
    /// Why there is no outcome.
    pub error: Option<String>,
    pub asked_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// The columns of [`run`], in order. `progress` and `outcome` are large: named where they are wanted, and a null where not.
macro_rules! run_columns {
    ($progress:literal, $outcome:literal) => {
        concat!(
            "select id, seq, scenario, sale, knobs, asked_by, state, runner, stop_asked, ",
            $progress,
            ", ",
            $outcome,
            ", reason, error, asked_at, started_at, finished_at from lab_runs "
        )
    };
}
pub(crate) use run_columns;

pub(crate) fn run(row: &Row) -> Result<Run, DbError> {
    let text = |column| row.text_or_null(column).map(str::to_owned);
    Ok(Run {
        id: row.id(0),
        seq: row.int(1),
        scenario: row.text(2).to_owned(),
        sale: row.id_or_null(3),
        knobs: row.text(4).to_owned(),
        asked_by: row.text(5).to_owned(),
        state: state(row, 6)?,
        runner: text(7),
        stop_asked: row.flag(8),
        progress: text(9),
        outcome: text(10),
        reason: text(11),
        error: text(12),
        asked_at: row.time(13),
        started_at: row.time_or_null(14),
        finished_at: row.time_or_null(15),
    })
}

pub(crate) fn state(row: &Row, column: usize) -> Result<RunState, DbError> {
    let name = row.text(column);
    RunState::parse(name).ok_or_else(|| DbError::Bug(format!("unreadable state `{name}`")))
}

/// A run that is asked for.
#[derive(Clone, Debug)]
pub struct NewRun {
    pub id: RunId,
    pub scenario: String,
    pub sale: Option<SaleId>,
    pub knobs: String,
    pub asked_by: &'static str,
}

impl NewRun {
    async fn insert<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        let newest = tx.first("select coalesce(max(seq), 0) from lab_runs", &[]).await?;
        let seq = newest.map_or(0, |row| row.int(0)) + 1;
        tx.execute(
            "insert into lab_runs (id, seq, scenario, sale, knobs, asked_by, state, stop_asked, asked_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, 'queued', 0, ?7)",
            &[
                self.id.into(),
                seq.into(),
                (&self.scenario).into(),
                self.sale.into(),
                (&self.knobs).into(),
                self.asked_by.into(),
                tx.now().into(),
            ],
        )
        .await?;
        forget_before(tx, seq - RUNS_KEPT).await
    }
}

/// Runs that nobody will look for, with whatever is kept of them.
async fn forget_before<T: Tx>(tx: &mut T, seq: i64) -> Outcome<()> {
    if seq < 0 {
        return Ok(());
    }
    for sql in [
        "delete from lab_file_parts where run in (select id from lab_runs where seq <= ?1)",
        "delete from lab_files where run in (select id from lab_runs where seq <= ?1)",
        "delete from lab_runs where seq <= ?1",
    ] {
        tx.execute(sql, &[seq.into()]).await?;
    }
    Ok(())
}

/// Puts a run behind those that wait.
pub struct QueueRun {
    pub run: NewRun,
    pub limits: RunLimits,
    pub act: Act,
}

/// What became of a wish for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    Waits,
    /// As many wait as may: behind this one, which runs, or will next.
    Busy(RunId),
}

impl Verb for QueueRun {
    type Done = Queued;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Queued> {
        lease::take(tx, TURN).await?;
        let (queued, running) = (count(tx, RunState::Queued).await?, count(tx, RunState::Running).await?);
        if !self.limits.take_one_more(queued, running) {
            let first = "select id from lab_runs where state in ('queued', 'running') order by seq limit 1";
            if let Some(row) = tx.first(first, &[]).await? {
                return Ok(Queued::Busy(row.id(0)));
            }
        }
        self.run.insert(tx).await?;
        audit::append(tx, &self.act).await?;
        Ok(Queued::Waits)
    }
}

/// Enters a run that somebody does on his own account, as running: what waits goes on waiting until it is over.
pub struct RegisterRun {
    pub run: NewRun,
    pub claim: Uuid,
    pub runner: String,
}

impl Verb for RegisterRun {
    /// A run beside it, which disturbs it.
    type Done = Option<RunId>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Option<RunId>> {
        lease::take(tx, TURN).await?;
        end_lapsed(tx).await?;
        let beside = tx.first("select id from lab_runs where state = 'running' order by seq limit 1", &[]).await?;
        self.run.insert(tx).await?;
        start(tx, self.run.id, self.claim, &self.runner).await?;
        Ok(beside.map(|row| row.id(0)))
    }
}

/// A runner asks for work. Whatever it had before, it has no more.
pub struct ClaimRun {
    pub claim: Uuid,
    pub runner: String,
    pub limits: RunLimits,
}

impl Verb for ClaimRun {
    type Done = Option<Run>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Option<Run>> {
        lease::take(tx, TURN).await?;
        tx.execute(
            "update lab_runs set state = 'error', error = ?2, finished_at = ?3 where state = 'running' and runner = ?1",
            &[(&self.runner).into(), CLAIMED_ANEW.into(), tx.now().into()],
        )
        .await?;
        end_lapsed(tx).await?;
        if !self.limits.may_start(count(tx, RunState::Running).await?) {
            return Ok(None);
        }
        let next = tx.first("select id from lab_runs where state = 'queued' order by seq limit 1", &[]).await?;
        let Some(next) = next.map(|row| row.id::<RunId>(0)) else { return Ok(None) };
        start(tx, next, self.claim, &self.runner).await?;
        let row = tx.first(concat!(run_columns!("progress", "outcome"), "where id = ?1"), &[next.into()]).await?;
        Ok(row.as_ref().map(run).transpose()?)
    }
}

async fn start<T: Tx>(tx: &mut T, run: RunId, claim: Uuid, runner: &str) -> Outcome<()> {
    tx.execute(
        "update lab_runs set state = 'running', claim = ?2, runner = ?3, started_at = ?4, heard_at = ?4 where id = ?1",
        &[run.into(), Value::Id(claim), runner.into(), tx.now().into()],
    )
    .await?;
    Ok(())
}

/// The runner lives, and tells how it goes.
pub struct HearRun {
    pub run: RunId,
    pub claim: Uuid,
    /// JSON.
    pub progress: Option<String>,
    pub sale: Option<SaleId>,
}

/// What a runner hears back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    GoOn,
    Stop,
    /// The run is not, or no more, this claim's.
    Lost,
}

impl Verb for HearRun {
    type Done = Heard;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Heard> {
        let (run, claim) = (Value::from(self.run), Value::Id(self.claim));
        let heard = tx
            .execute(
                "update lab_runs set heard_at = ?3, progress = coalesce(?4, progress), sale = coalesce(sale, ?5)
                 where id = ?1 and claim = ?2 and state = 'running'",
                &[run.clone(), claim, tx.now().into(), self.progress.as_ref().into(), self.sale.into()],
            )
            .await?;
        if heard == 0 {
            return Ok(Heard::Lost);
        }
        let row = tx.first("select stop_asked from lab_runs where id = ?1", &[run]).await?;
        Ok(if row.is_some_and(|row| row.flag(0)) { Heard::Stop } else { Heard::GoOn })
    }
}

/// The runner is done.
pub struct EndRun {
    pub run: RunId,
    pub claim: Uuid,
    /// One of those that are over.
    pub state: RunState,
    /// JSON.
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub error: Option<String>,
    pub sale: Option<SaleId>,
}

impl Verb for EndRun {
    /// How the run ended, which a repeat does not change; `None` where it was never this claim's.
    type Done = Option<RunState>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Option<RunState>> {
        lease::take(tx, TURN).await?;
        let (run, claim) = (Value::from(self.run), Value::Id(self.claim));
        tx.execute(
            "update lab_runs set state = ?3, outcome = ?4, error = ?5, sale = coalesce(sale, ?6), finished_at = ?7,
                     reason = ?8
             where id = ?1 and claim = ?2 and state = 'running'",
            &[
                run.clone(),
                claim.clone(),
                self.state.name().into(),
                self.outcome.as_ref().into(),
                self.error.as_ref().into(),
                self.sale.into(),
                tx.now().into(),
                self.reason.as_ref().into(),
            ],
        )
        .await?;
        let row = tx.first("select state from lab_runs where id = ?1 and claim = ?2", &[run, claim]).await?;
        Ok(row.as_ref().map(|row| state(row, 0)).transpose()?)
    }
}

/// Ends a run that waits, and asks one that runs to end.
pub struct StopRun {
    pub run: RunId,
    pub act: Act,
}

impl Verb for StopRun {
    /// Where it stands now; `None` where there is no such run.
    type Done = Option<RunState>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Option<RunState>> {
        lease::take(tx, TURN).await?;
        let run = Value::from(self.run);
        let stopped = tx
            .execute(
                "update lab_runs set stop_asked = 1,
                     state = case state when 'queued' then 'aborted' else state end,
                     error = case state when 'queued' then ?2 else error end,
                     finished_at = case state when 'queued' then ?3 else finished_at end
                 where id = ?1 and state in ('queued', 'running') and stop_asked = 0",
                &[run.clone(), NEVER_BEGAN.into(), tx.now().into()],
            )
            .await?;
        if stopped > 0 {
            audit::append(tx, &self.act).await?;
        }
        let row = tx.first("select state from lab_runs where id = ?1", &[run]).await?;
        Ok(row.as_ref().map(|row| state(row, 0)).transpose()?)
    }
}

/// Gives up runs whose runner has not been heard of.
pub struct LapseRuns;

impl Verb for LapseRuns {
    /// How many.
    type Done = u64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<u64> {
        lease::take(tx, TURN).await?;
        end_lapsed(tx).await
    }
}

async fn end_lapsed<T: Tx>(tx: &mut T) -> Outcome<u64> {
    let now = tx.now();
    let ended = tx
        .execute(
            "update lab_runs set state = 'error', error = ?2, finished_at = ?3 where state = 'running' and heard_at <= ?1",
            &[now.plus_ms(-RUNNER_LAPSE_MS).into(), NOT_HEARD_OF.into(), now.into()],
        )
        .await?;
    Ok(ended)
}

async fn count<R: Read>(read: &mut R, state: RunState) -> Outcome<i64> {
    let row = read.first("select count(*) from lab_runs where state = ?1", &[state.name().into()]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}
