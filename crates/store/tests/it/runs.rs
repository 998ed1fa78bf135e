//! Load runs: one at a time, in order, through restarts; lost when their runner is; and what is kept of them.

use domain::load_run::{RUNNER_LAPSE_MS, RunLimits, RunState};
use domain::{RunId, SaleId};
use store::runs::files::{FilesOf, KeepPart, Kept, KeptBytes, Kind, PartOf, TrimFiles};
use store::runs::look::{AnyLapsed, HasWork, LastBegun, LastOver, OneRun, Runs};
use store::runs::{ClaimRun, EndRun, HearRun, Heard, LapseRuns, NewRun, QueueRun, Queued, RegisterRun, Run, StopRun};
use uuid::Uuid;

use crate::world::{SEC, World};

const LIMITS: RunLimits = RunLimits { concurrent: 1, waiting: 3 };

fn new_run(w: &World) -> NewRun {
    NewRun {
        id: w.id(),
        scenario: "launch_spike".to_owned(),
        sale: None,
        knobs: r#"{"K6_VUS_MAX":"20"}"#.to_owned(),
        asked_by: "request",
    }
}

async fn queue(w: &World, limits: RunLimits) -> (RunId, Queued) {
    let run = new_run(w);
    let id = run.id;
    (id, w.ask(QueueRun { run, limits, act: w.act() }).await.expect("an answer"))
}

async fn queued(w: &World) -> RunId {
    let (id, queued) = queue(w, LIMITS).await;
    assert_eq!(queued, Queued::Waits);
    id
}

fn claiming(w: &World, runner: &str) -> ClaimRun {
    ClaimRun { claim: w.id(), runner: runner.to_owned(), limits: LIMITS }
}

/// The run that a runner got, and its claim.
async fn claim(w: &World, runner: &str) -> Option<(RunId, Uuid)> {
    let claiming = claiming(w, runner);
    let claim = claiming.claim;
    w.ask(claiming).await.expect("an answer").map(|run| (run.id, claim))
}

async fn running(w: &World, runner: &str) -> (RunId, Uuid) {
    queued(w).await;
    claim(w, runner).await.expect("a run")
}

async fn hear(w: &World, (run, claim): (RunId, Uuid)) -> Heard {
    let progress = Some(r#"{"requests_total":7}"#.to_owned());
    w.ask(HearRun { run, claim, progress, sale: None }).await.expect("an answer")
}

async fn end(w: &World, (run, claim): (RunId, Uuid), state: RunState) -> Option<RunState> {
    let ended = EndRun {
        run,
        claim,
        state,
        outcome: Some("{}".to_owned()),
        reason: Some("so".to_owned()),
        error: None,
        sale: None,
    };
    w.ask(ended).await.expect("an answer")
}

async fn stop(w: &World, run: RunId) -> Option<RunState> {
    w.ask(StopRun { run, act: w.act() }).await.expect("an answer")
}

async fn look(w: &World, run: RunId) -> Run {
    w.read(OneRun(run)).await.expect("a run").0
}

async fn state(w: &World, run: RunId) -> RunState {
    look(w, run).await.state
}

async fn keep(w: &World, (run, claim): (RunId, Uuid), kind: Kind, part: i64, parts: i64, byte: u8) -> Kept {
    let bytes = vec![byte; 1_000];
    w.ask(KeepPart { run, claim, kind, part, parts, bytes }).await.expect("an answer")
}

/// A run that is over, with a file, for whoever looks at every table.
pub(crate) async fn kept(w: &World) {
    let sale = Some(SaleId(w.id()));
    let at = running(w, "kept").await;
    assert_eq!(keep(w, at, Kind::History, 0, 1, 255).await, Kept::Whole);
    let (run, claim) = at;
    let ended =
        EndRun { run, claim, state: RunState::Error, outcome: None, reason: None, error: Some("why".to_owned()), sale };
    assert_eq!(w.ask(ended).await.expect("an answer"), Some(RunState::Error));
}

pub(crate) async fn runs_are_taken_one_at_a_time_in_the_order_of_asking(w: &mut World) {
    let (first, second) = (queued(w).await, queued(w).await);
    assert_eq!(w.read(OneRun(second)).await.expect("a run").1, 1, "one waits before it");
    let asked_at = look(w, first).await.asked_at;
    w.advance(2 * SEC);
    let one = claim(w, "r").await.expect("a run");
    assert_eq!(one.0, first);
    let run = look(w, first).await;
    assert_eq!((run.state, run.asked_at, run.started_at), (RunState::Running, asked_at, Some(asked_at.plus_sec(2))));
    assert_eq!(claim(w, "another").await, None, "one at a time");
    assert_eq!(hear(w, one).await, Heard::GoOn);
    assert_eq!(end(w, one, RunState::Passed).await, Some(RunState::Passed));
    assert_eq!(claim(w, "another").await.map(|(run, _)| run), Some(second));
    let run = look(w, first).await;
    assert_eq!((run.state, run.progress.as_deref()), (RunState::Passed, Some(r#"{"requests_total":7}"#)));
    assert_eq!((run.outcome.as_deref(), run.error.as_ref(), run.runner.as_deref()), (Some("{}"), None, Some("r")));
    let listed = &w.read(page_of(None, 10)).await.expect("a page")[1];
    assert_eq!(
        (listed.reason.as_deref(), &listed.outcome, &listed.progress),
        (Some("so"), &None, &None),
        "a list is short"
    );
    assert_eq!(*listed, Run { outcome: None, progress: None, ..run });
}

fn page_of(after: Option<RunId>, limit: i64) -> Runs {
    Runs { after, scenario: None, state: None, limit }
}

pub(crate) async fn one_more_than_may_wait_is_told_which_run_is_in_the_way(w: &mut World) {
    let first = queued(w).await;
    for _ in 0..2 {
        queued(w).await;
    }
    claim(w, "r").await.expect("a run");
    let last = queued(w).await;
    assert_eq!(queue(w, LIMITS).await.1, Queued::Busy(first));
    assert_eq!(w.read(OneRun(last)).await.expect("a run").1, 2);
    assert_eq!(w.read(page_of(None, 10)).await.expect("a page").len(), 4, "a refused one is no run");
    let (_, queued) = queue(w, RunLimits { concurrent: 2, waiting: 3 }).await;
    assert_eq!(queued, Queued::Waits);
}

pub(crate) async fn ten_wishes_at_once_are_as_many_runs_as_may_wait(w: &mut World) {
    let wishes = (0..10).map(|_| QueueRun { run: new_run(w), limits: LIMITS, act: w.act() }).collect::<Vec<_>>();
    let answers = w.at_once(wishes).await;
    let waiting = answers.iter().filter(|answer| **answer == Ok(Queued::Waits)).count();
    assert_eq!(waiting, 4, "one that may run and three that wait: {answers:?}");
    let mut seqs: Vec<i64> = w.read(page_of(None, 10)).await.expect("a page").iter().map(|run| run.seq).collect();
    seqs.reverse();
    assert_eq!(seqs, [1, 2, 3, 4]);
}

pub(crate) async fn two_runners_at_once_never_get_the_same_run(w: &mut World) {
    let run = queued(w).await;
    queued(w).await;
    let claims: Vec<_> = (0..10).map(|number| claiming(w, &format!("runner {number}"))).collect();
    let got: Vec<RunId> =
        w.at_once(claims).await.into_iter().filter_map(|got| got.expect("an answer")).map(|run| run.id).collect();
    assert_eq!(got, [run]);
}

pub(crate) async fn a_runner_that_claims_anew_ends_what_it_had(w: &mut World) {
    let lost = running(w, "r").await;
    let next = queued(w).await;
    assert_eq!(claim(w, "r").await.map(|(run, _)| run), Some(next));
    let run = look(w, lost.0).await;
    assert_eq!(run.state, RunState::Error);
    assert!(run.error.as_deref().is_some_and(|error| error.contains("started again")), "{run:?}");
    assert!(run.finished_at.is_some());
    assert_eq!(hear(w, lost).await, Heard::Lost);
}

pub(crate) async fn a_run_is_given_up_when_its_runner_is_not_heard_of_and_not_before(w: &mut World) {
    let at = running(w, "r").await;
    w.advance(RUNNER_LAPSE_MS - 1);
    assert_eq!(hear(w, at).await, Heard::GoOn);
    w.advance(RUNNER_LAPSE_MS - 1);
    assert!(!w.read(AnyLapsed).await);
    assert_eq!(w.ask(LapseRuns).await, Ok(0));
    w.advance(1);
    assert!(w.read(AnyLapsed).await);
    assert_eq!(w.ask(LapseRuns).await, Ok(1));
    let run = look(w, at.0).await;
    assert_eq!((run.state, run.finished_at), (RunState::Error, Some(w.now())));
    let told = format!("{} s", RUNNER_LAPSE_MS / SEC);
    assert!(run.error.as_deref().is_some_and(|error| error.contains(&told)), "{run:?}");
    assert_eq!(w.ask(LapseRuns).await, Ok(0));
}

pub(crate) async fn a_run_that_was_given_up_hears_no_more_of_its_old_runner(w: &mut World) {
    let lost = running(w, "r").await;
    let next = queued(w).await;
    w.advance(RUNNER_LAPSE_MS);
    assert_eq!(claim(w, "another").await.map(|(run, _)| run), Some(next), "a claim need not wait for a tick");
    assert_eq!(hear(w, lost).await, Heard::Lost);
    assert_eq!(keep(w, lost, Kind::Report, 0, 1, 1).await, Kept::Lost);
    assert_eq!(end(w, lost, RunState::Passed).await, Some(RunState::Error), "how it ended stays");
    assert_eq!(end(w, (next, lost.1), RunState::Passed).await, None, "another's claim ends nothing");
    assert_eq!(state(w, next).await, RunState::Running);
}

pub(crate) async fn a_run_waits_and_runs_through_a_restart(w: &mut World) {
    let at = running(w, "r").await;
    let waiting = queued(w).await;
    w.restart().await;
    assert_eq!(state(w, waiting).await, RunState::Queued);
    assert_eq!(hear(w, at).await, Heard::GoOn);
    assert_eq!(end(w, at, RunState::Failed).await, Some(RunState::Failed));
    assert_eq!(claim(w, "r").await.map(|(run, _)| run), Some(waiting));
}

pub(crate) async fn stopping_ends_what_waits_and_asks_what_runs(w: &mut World) {
    let at = running(w, "r").await;
    let waiting = queued(w).await;
    assert_eq!(stop(w, waiting).await, Some(RunState::Aborted));
    let run = look(w, waiting).await;
    assert_eq!((run.finished_at, run.started_at), (Some(w.now()), None));
    assert!(run.error.is_some_and(|why| why.contains("before it began")));
    assert_eq!(stop(w, at.0).await, Some(RunState::Running));
    assert_eq!(hear(w, at).await, Heard::Stop);
    assert_eq!(hear(w, at).await, Heard::Stop, "it is not forgotten");
    assert_eq!(end(w, at, RunState::Aborted).await, Some(RunState::Aborted));
    assert_eq!(stop(w, at.0).await, Some(RunState::Aborted), "what is over stays as it is");
    assert_eq!(stop(w, RunId(w.id())).await, None);
    assert_eq!(claim(w, "r").await, None, "what was stopped is not started");
}

pub(crate) async fn a_run_is_ended_once_and_a_repeat_is_told_how(w: &mut World) {
    let at = running(w, "r").await;
    let sale = SaleId(w.id());
    let (run, claim) = at;
    let heard = HearRun { run, claim, progress: None, sale: Some(sale) };
    assert_eq!(w.ask(heard).await, Ok(Heard::GoOn));
    assert_eq!(end(w, at, RunState::Failed).await, Some(RunState::Failed));
    assert_eq!(end(w, at, RunState::Passed).await, Some(RunState::Failed));
    assert_eq!((look(w, run).await.sale, hear(w, at).await), (Some(sale), Heard::Lost));
}

pub(crate) async fn a_run_on_somebodys_own_account_makes_the_others_wait(w: &mut World) {
    let waiting = queued(w).await;
    let run = NewRun { asked_by: "command line", ..new_run(w) };
    let (id, claim_id) = (run.id, w.id());
    let registered = w.ask(RegisterRun { run, claim: claim_id, runner: "cli".to_owned() }).await;
    assert_eq!(registered, Ok(None));
    assert_eq!(claim(w, "r").await, None);
    let second = RegisterRun { run: new_run(w), claim: w.id(), runner: "other".to_owned() };
    assert_eq!(w.ask(second).await, Ok(Some(id)), "it is told what disturbs it");
    assert_eq!(end(w, (id, claim_id), RunState::Passed).await, Some(RunState::Passed));
    assert_eq!(claim(w, "r").await, None, "the second one is not over");
    w.advance(RUNNER_LAPSE_MS);
    assert_eq!(claim(w, "r").await.map(|(run, _)| run), Some(waiting));
    assert_eq!(w.read(LastBegun).await.map(|run| run.id), Some(w.read(page_of(None, 1)).await.expect("a page")[0].id));
}

pub(crate) async fn the_list_goes_back_page_by_page(w: &mut World) {
    let limits = RunLimits { concurrent: 1, waiting: 10 };
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(queue(w, limits).await.0);
    }
    all.reverse();
    let ids = |runs: Vec<Run>| runs.iter().map(|run| run.id).collect::<Vec<_>>();
    let page = ids(w.read(page_of(None, 2)).await.expect("a page"));
    assert_eq!(page, all[..2]);
    let page = ids(w.read(page_of(Some(page[1]), 9)).await.expect("a page"));
    assert_eq!(page, all[2..]);
    assert_eq!(w.read(page_of(Some(RunId(w.id())), 9)).await, None);
}

pub(crate) async fn the_list_can_be_of_one_scenario_or_state_and_the_last_that_was_over_is_told_of_each(w: &mut World) {
    let over = running(w, "r").await;
    assert_eq!(w.read(LastOver).await, [], "it is not over");
    end(w, over, RunState::Failed).await;
    let waits = queued(w).await;
    let scenario = look(w, waits).await.scenario;
    let only =
        |scenario: Option<&str>, state| Runs { after: None, scenario: scenario.map(str::to_owned), state, limit: 9 };
    let ids = |runs: Option<Vec<Run>>| runs.expect("a page").iter().map(|run| run.id).collect::<Vec<_>>();
    assert_eq!(ids(w.read(only(None, Some(RunState::Failed))).await), [over.0]);
    assert_eq!(ids(w.read(only(Some(&scenario), Some(RunState::Queued))).await), [waits]);
    assert_eq!(ids(w.read(only(Some(&scenario), None)).await), [waits, over.0]);
    assert_eq!(ids(w.read(only(Some("another"), None)).await), []);
    assert_eq!(w.read(LastOver).await.iter().map(|run| run.id).collect::<Vec<_>>(), [over.0]);
}

pub(crate) async fn a_file_is_whole_with_its_last_part_in_any_order(w: &mut World) {
    let at = running(w, "r").await;
    assert_eq!(keep(w, at, Kind::Page, 1, 3, 1).await, Kept::Part);
    assert_eq!(keep(w, at, Kind::Page, 2, 3, 2).await, Kept::Part);
    assert_eq!(keep(w, at, Kind::Page, 2, 3, 9).await, Kept::Part, "the same again");
    assert!(w.read(FilesOf(at.0)).await.is_empty(), "half a file is none");
    assert_eq!(keep(w, at, Kind::Page, 0, 3, 0).await, Kept::Whole);
    assert_eq!(keep(w, at, Kind::Page, 0, 3, 0).await, Kept::Whole);
    let files = w.read(FilesOf(at.0)).await;
    assert_eq!(
        files.iter().map(|file| (file.kind, file.parts, file.size)).collect::<Vec<_>>(),
        [(Kind::Page, 3, 3_000)]
    );
    for part in 0..3_u8 {
        let bytes = w.read(PartOf { run: at.0, kind: Kind::Page, part: part.into() }).await;
        assert_eq!(bytes, Some(vec![part; 1_000]));
    }
    assert_eq!(w.read(PartOf { run: at.0, kind: Kind::Page, part: 3 }).await, None);
    w.restart().await;
    assert_eq!(w.read(FilesOf(at.0)).await.len(), 1);
}

pub(crate) async fn parts_of_a_lost_run_and_of_another_file_are_refused(w: &mut World) {
    let at = running(w, "r").await;
    assert_eq!(keep(w, at, Kind::Report, 0, 2, 1).await, Kept::Part);
    assert_eq!(keep(w, at, Kind::Report, 1, 3, 1).await, Kept::OtherFile);
    assert_eq!(keep(w, (at.0, w.id()), Kind::Report, 1, 2, 1).await, Kept::Lost);
    end(w, at, RunState::Passed).await;
    assert_eq!(keep(w, at, Kind::Report, 1, 2, 1).await, Kept::Lost, "what is over takes nothing more");
    assert!(w.read(FilesOf(at.0)).await.is_empty());
}

pub(crate) async fn the_oldest_evidence_goes_first_and_then_the_oldest_reports(w: &mut World) {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let at = running(w, "r").await;
        for kind in Kind::ALL {
            // More parts than one command takes away.
            for part in 0..10 {
                keep(w, at, kind, part, 10, 1).await;
            }
        }
        end(w, at, RunState::Passed).await;
        runs.push(at.0);
    }
    let (old, new) = (runs[0], runs[1]);
    assert_eq!(w.read(KeptBytes).await, 80_000);
    let mut gone = Vec::new();
    let mut budget_bytes = 80_000;
    assert_eq!(w.ask(TrimFiles { budget_bytes }).await, Ok(false), "what fits stays");
    while budget_bytes > 0 {
        budget_bytes -= 10_000;
        while w.ask(TrimFiles { budget_bytes }).await.expect("an answer") {}
        assert!(w.read(KeptBytes).await <= budget_bytes);
        for (name, run) in [("old", old), ("new", new)] {
            let kept: Vec<Kind> = w.read(FilesOf(run)).await.iter().map(|file| file.kind).collect();
            for kind in Kind::ALL {
                if !kept.contains(&kind) && !gone.contains(&(name, kind)) {
                    gone.push((name, kind));
                }
            }
        }
    }
    let evidence = [Kind::Export, Kind::History].into_iter();
    let order = ["old", "new"].into_iter().flat_map(|name| evidence.clone().map(move |kind| (name, kind)));
    let reports = ["old", "new"].into_iter().flat_map(|name| [(name, Kind::Page), (name, Kind::Report)]);
    assert_eq!(gone, order.chain(reports).collect::<Vec<_>>());
    assert_eq!(look(w, old).await.state, RunState::Passed, "the run itself is remembered");
}

pub(crate) async fn asking_for_work_that_is_not_there_finds_none(w: &mut World) {
    let work = |runner: &str| HasWork { runner: runner.to_owned() };
    assert!(!w.read(work("r")).await);
    queued(w).await;
    assert!(w.read(work("r")).await);
    let at = claim(w, "r").await.expect("a run");
    assert!(w.read(work("r")).await, "it has lost one");
    assert!(!w.read(work("another")).await);
    w.advance(RUNNER_LAPSE_MS);
    assert!(w.read(work("another")).await);
    end(w, at, RunState::Passed).await;
    assert!(!w.read(work("r")).await);
    assert_eq!(claim(w, "r").await, None);
}
