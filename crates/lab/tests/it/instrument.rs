//! The instrument itself: does it measure what was there, and does it refuse to be fooled?

use lab::{Origin, RunOptions, Verdict, run_blocking};
use serde_json::Value;
use tokio::sync::watch;

use crate::lab_run::{Played, SHORT, options, play, play_with};
use crate::mock::bug::Bug;
use crate::mock::{Manner, Mock};

/// Nobody is ever let in: one call a minute, so that the fans do nothing but poll.
fn only_polls(fans: &'static str, seconds: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("K6_VUS_MAX", fans),
        ("K6_TOTAL_SEATS", "1"),
        ("K6_ADMIT_PER_MIN", "1"),
        ("K6_RAMP_UP", "100ms"),
        ("K6_STEADY", seconds),
        ("K6_RAMP_DOWN", "0s"),
        ("DOORS_IN", "300ms"),
    ]
}

fn status_step(played: &Played) -> Value {
    let report: Value = serde_json::from_str(&played.report.to_json()).expect("JSON");
    assert_eq!(report["schema"], "traffic.loadrun/1");
    let steps = report["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["op"] == "status").expect("polls").clone()
}

/// Coordinated omission: one poll sees the whole freeze, fourteen more were due during it.
#[test]
fn a_freeze_shows_in_response_times_and_not_in_service_times() {
    let manner = Manner { poll_ms: 100, freeze_after_ms: 5_000, freeze_ms: 1_400, ..Manner::with(Bug::None) };
    let played = play(manner, &only_polls("1", "14s"));
    let step = status_step(&played);
    let ms = |name: &str| step[name].as_f64().expect("a time");
    assert!(step["ok"].as_u64().expect("a count") > 110, "{step}");
    assert!((12..=14).contains(&step["held_back"].as_u64().expect("a count")), "{step}");
    assert!(ms("response_p99_ms") > 1_200.0, "{step}");
    assert!(ms("service_p99_ms") < 200.0, "{step}");
    assert!((1_300.0..1_500.0).contains(&ms("service_max_ms")), "{step}");
}

/// Judged against what the server itself measured, so that a noisy machine disturbs both alike.
#[test]
fn known_latencies_are_measured() {
    let manner = Manner { poll_ms: 100, status_delay_ms: 40, ..Manner::with(Bug::None) };
    let played = play(manner, &only_polls("20", "3s"));
    let mut server: Vec<u64> = played.mock.status_us.lock().expect("no panic").clone();
    server.sort_unstable();
    let server_p50_ms = server[server.len() / 2] as f64 / 1_000.0;
    let lab_p50_ms = status_step(&played)["service_p50_ms"].as_f64().expect("a time");
    let tolerance = server_p50_ms * 0.01 + 1.0;
    assert!((lab_p50_ms - server_p50_ms).abs() < tolerance, "server {server_p50_ms} ms, lab {lab_p50_ms} ms");
}

#[test]
fn a_server_that_refuses_everything_never_passes() {
    let played = play(Manner::with(Bug::RefusesEverything), &SHORT);
    assert_eq!(played.report.verdict(), Verdict::Fail, "{}", played.report.render_table());
    assert_eq!(played.report.violated(), Vec::<&str>::new());
    assert_eq!(played.report.held(), ["S7", "W1"], "nothing else was exercised: {}", played.report.render_table());
}

#[test]
fn a_stopped_run_is_aborted_and_leaves_its_report() {
    let (stop, stopped) = watch::channel(false);
    let timer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(1_800));
        stop.send_replace(true);
        stop
    });
    let played = play_with(Manner::with(Bug::None), &SHORT, |options| options.stop = stopped).expect("a report");
    timer.join().expect("stops");
    assert_eq!(played.report.verdict(), Verdict::Aborted, "{}", played.report.render_table());
    assert_eq!(played.report.exit_code(), 105);
    assert!(played.report.files()[0].exists());
}

#[test]
fn a_finished_run_is_judged_alike_from_its_files() {
    let played = play(Manner::with(Bug::SharedHold), &SHORT);
    let (history, lines) = (&played.report.files()[1], played.export());
    let again = lab::assert_run(lines.as_bytes(), std::fs::File::open(history).expect("kept"), 0).expect("readable");
    assert_eq!(again.violated(), played.report.violated());
    assert!(lab::assert_queue(lines.as_bytes()).expect("an export").passed(), "rows alone cannot show S3");
}

#[test]
fn fans_who_come_too_late_end_their_journey_when_the_sale_is_sold_out() {
    let mut knobs = SHORT;
    knobs[1] = ("K6_TOTAL_SEATS", "30");
    let played = play(Manner::with(Bug::None), &knobs);
    let table = played.report.render_table();
    assert_eq!(played.report.verdict(), Verdict::Pass, "{table}");
    assert_eq!(played.report.metric("tickets_sold"), Some(30.0), "{table}");
    assert!(table.contains("bought 30, sold out 40"), "{table}");
}

#[test]
fn a_sale_that_is_there_is_used_as_it_is() {
    let mock = Mock::start(Manner::with(Bug::None));
    let dir = tempfile::tempdir().expect("a directory");
    let first = run_blocking(&options(&mock.base_url, dir.path(), &only_polls("2", "1s"))).expect("a sale");
    let mut again = options(&mock.base_url, dir.path(), &only_polls("5", "1s"));
    again.sale_id = Some(first.sale_id().into());
    let second = run_blocking(&again).expect("a run");
    assert_eq!(second.sale_id(), first.sale_id());
    assert_eq!(second.metric("joined"), Some(5.0));
    assert_eq!(second.violated(), Vec::<&str>::new(), "{}", second.render_table());
}

fn refused(change: impl FnOnce(&mut RunOptions)) -> (u8, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options("http://127.0.0.1:1", dir.path(), &SHORT);
    change(&mut options);
    let error = run_blocking(&options).expect_err("refused");
    (error.exit_code(), error.to_string())
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_the_run() {
    let (code, text) = refused(|options| {
        let file = options.out_dir.join("file");
        std::fs::write(&file, "").expect("written");
        options.out_dir = file.join("runs");
    });
    assert!(code == 1 && text.contains("writing") && text.contains("runs"), "{text}");
}

#[test]
fn a_verdict_stands_when_the_folder_is_lost_during_the_run() {
    let knobs = only_polls("2", "1s");
    let mock = Mock::start(Manner::with(Bug::None));
    let dir = tempfile::tempdir().expect("a directory");
    let runs = dir.path().join("runs");
    let gone = runs.clone();
    let mut options = options(&mock.base_url, &runs, &knobs);
    options.progress = lab::ProgressMode::Callback(std::sync::Arc::new(move |_| {
        let _ = std::fs::remove_dir_all(&gone);
    }));
    let report = run_blocking(&options).expect("a report");
    assert!(report.render_table().contains("INVARIANT"));
    assert!(report.files().is_empty() && report.not_written().is_some_and(|why| why.contains("writing")));
}

#[test]
fn a_bad_plan_is_refused_before_anything_is_sent() {
    let (code, text) = refused(|options| options.thresholds = vec!["jion p99 < 1s".into()]);
    assert_eq!(code, 104);
    assert!(text.contains("did you mean join?"), "{text}");
    let (code, text) = refused(|options| options.thresholds = vec!["join{population:peple} p99 < 1s".into()]);
    assert!(code == 104 && text.contains("did you mean people?"), "{text}");
    let both = |options: &mut RunOptions| {
        (options.scenario, options.sale_id) = ("late_surge".into(), Some("sale".into()));
    };
    assert_eq!(refused(|options| options.scenario = "bot_chekout".into()).0, 104);
    assert_eq!(refused(both).0, 1, "that one takes a sale which is there");
    let own = |options: &mut RunOptions| {
        (options.scenario, options.sale_id) = ("backdoor_race".into(), Some("sale".into()));
    };
    assert!(refused(own).1.contains("makes its own sales"));
    assert_eq!(refused(|options| options.base_url = "http://192.0.2.1".into()).0, 104);
    assert_eq!(refused(|options| options.base_url = "https://localhost".into()).0, 104);
    assert_eq!(refused(|options| options.sale_id = Some("a sale".into())).0, 104);
    assert_eq!(refused(|options| options.admin_key = "two\nlines".into()).0, 104);
    let (_, text) = refused(|_| ());
    assert!(text.contains("reaching the server"), "{text}");
    assert_eq!(refused(|_| ()).0, 1, "an unreachable server is no bad plan");
    let mut knobs = lab::Knobs::default();
    assert!(knobs.set("K6_VUS_MAX", "0", Origin::Flag).is_err());
}
