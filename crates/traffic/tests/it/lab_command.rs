//! `traffic lab ..` and `traffic sim --repeat` as a person uses them: what they print, what they refuse, how they exit.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::process::free_address;

fn traffic(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traffic"));
    command.args(args);
    // Whoever runs the tests may have set these for a run of their own.
    for name in
        ["K6_VUS_MAX", "K6_RAMP_UP", "K6_STEADY", "K6_RAMP_DOWN", "SEED", "SALE_ID", "REPEAT", "VARY_SEED", "BASE_URL"]
    {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> Output {
    traffic(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Refused as a plan that cannot be run, for a reason that says what is wrong.
#[track_caller]
fn refused(output: &Output, named: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(104) && errors.contains(named), "{named} is not in: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).display().to_string()
}

fn write(folder: &Path, name: &str, value: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path.display().to_string()
}

fn report(verdict: &str, p99_ms: f64) -> Value {
    json!({
        "schema": "traffic.loadrun/1", "run_id": "launch_spike-1", "scenario": "launch_spike", "verdict": verdict,
        "reason": "as it was", "plan_sha256": "abc", "seed": 1, "checks": [], "slos": [], "validity": [],
        "steps": [{"op": "join", "ok": 5_000, "response_p50_ms": 1.0, "response_p95_ms": 2.0, "response_p99_ms": p99_ms}],
    })
}

#[test]
fn scripts_can_read_which_scenarios_there_are() {
    let all = out(&run(&["lab", "scenarios"]));
    assert!(all.lines().count() == 10 && all.starts_with("launch_spike\tsite crash at sale open\n"), "{all}");
}

#[test]
fn a_plan_is_shown_without_running_it() {
    let shown = run(&["lab", "plan", "launch_spike", "--vus-max", "200"]);
    assert!(shown.status.success(), "{shown:?}");
    let text = out(&shown);
    for part in ["fans      200", "arrivals  █", "500 seats, 6000 a minute", "join p99 < 500ms", "K6_VUS_MAX", "flag"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = run(&["lab", "plan", "launch_spike", "--vus-max", "200", "--json"]);
    let plan: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(text.contains(plan["plan_sha256"].as_str().unwrap()), "the same plan either way");
    let other = traffic(&["lab", "plan", "launch_spike", "--json"]).env("K6_VUS_MAX", "300").output().unwrap();
    let other: Value = serde_json::from_slice(&other.stdout).unwrap();
    assert_eq!(other["plan"]["fans"], 300);
    assert_ne!(other["plan_sha256"], plan["plan_sha256"]);
}

#[test]
fn a_plan_that_cannot_be_is_refused_by_name() {
    refused(&run(&["lab", "plan", "launch_spke"]), "did you mean launch_spike?");
    refused(&run(&["lab", "plan", "launch_spike", "--vus-max", "many"]), "K6_VUS_MAX");
    refused(&run(&["sim", "launch_spike", "--repeat", "0"]), "REPEAT");
    refused(&traffic(&["sim", "launch_spike"]).env("REPEAT", "a lot").output().unwrap(), "\"a lot\"");
}

#[test]
fn a_report_is_shown_again_as_text_and_as_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let json = write(folder.path(), "run.json", &report("PASS", 3.0));
    let text = run(&["lab", "report", &json]);
    assert!(text.status.success() && out(&text).ends_with("PASS: as it was\n"), "{text:?}");

    let page = run(&["lab", "report", &json, "--html"]);
    let beside = folder.path().join("run.html");
    assert!(page.status.success() && out(&page).trim() == beside.display().to_string(), "{page:?}");
    let named = folder.path().join("named.html");
    assert!(run(&["lab", "report", &json, "--html", &named.display().to_string()]).status.success());
    let to_output = run(&["lab", "report", &json, "--html", "-"]);
    let beside = std::fs::read_to_string(beside).unwrap();
    assert!(beside.starts_with("<!doctype html>") && beside == out(&to_output));
    assert_eq!(beside, std::fs::read_to_string(named).unwrap());
}

#[test]
fn what_is_no_report_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = write(folder.path(), "other.json", &json!({"schema": "traffic.trace/1"}));
    refused(&run(&["lab", "report", &other]), "other.json: this is no report of a run");
    refused(&run(&["lab", "report", &folder.path().join("nothing.json").display().to_string()]), "nothing.json: ");
    let fine = write(folder.path(), "fine.json", &report("PASS", 3.0));
    refused(&run(&["lab", "compare", &fine, &other]), "the second report");
}

#[test]
fn a_comparison_answers_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let before = write(folder.path(), "a.json", &report("PASS", 10.0));
    let slower = write(folder.path(), "b.json", &report("PASS", 90.0));
    let invalid = write(folder.path(), "c.json", &report("INVALID", 90.0));
    let code = |a: &str, b: &str| run(&["lab", "compare", a, b]).status.code();
    assert_eq!(code(&before, &before), Some(0));
    assert_eq!(code(&before, &slower), Some(99));
    assert_eq!(code(&slower, &before), Some(0));
    assert_eq!(code(&before, &invalid), Some(98));
}

#[test]
fn the_trace_that_comes_with_the_project_can_be_replayed() {
    let festival = example("festival-trace.json");
    let shown = run(&["lab", "replay", &festival, "--plan"]);
    let text = out(&shown);
    assert!(
        shown.status.success() && text.contains("fans      967") && text.contains("134 a second at most"),
        "{shown:?}"
    );
    refused(&run(&["lab", "replay", &festival, "--plan", "--ramp-up", "5s"]), "K6_RAMP_UP");
    let folder = tempfile::tempdir().unwrap();
    let mut trace: Value = serde_json::from_str(&std::fs::read_to_string(&festival).unwrap()).unwrap();
    trace["unit"] = json!("fans_per_fortnight");
    refused(&run(&["lab", "replay", &write(folder.path(), "odd.json", &trace)]), "odd.json: this is no trace: unit: ");
}

#[test]
fn repeats_end_with_one_table_and_the_code_of_the_worst() {
    let folder = tempfile::tempdir().unwrap();
    let base_url = format!("http://{}", free_address());
    let args = ["sim", "launch_spike", "--no-time-limits", "--repeat", "2", "--vary-seed", "--base-url", &base_url];
    let shape = ["--vus-max", "40", "--total-seats", "40", "--ramp-up", "2s", "--steady", "8s", "--ramp-down", "2s"];
    let out_dir = folder.path().display().to_string();
    let output = traffic(&args).args(shape).args(["--out", &out_dir]).output().unwrap();
    let text = out(&output);
    assert!(output.status.success() && text.ends_with("2 of 2 passed\n"), "{output:?}");
    assert!(text.contains("run 1: PASS: ") && text.contains("   2  PASS"), "{text}");
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(progress.contains("req/s") && !progress.contains('\u{1b}'), "plain lines where nobody sits: {progress}");
    let reports = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let reports: Vec<_> = reports.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    assert_eq!(reports.len(), 2);
    let read = |path: &Path| serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seeds: Vec<_> = reports.iter().map(|path| read(path)["seed"].as_u64()).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, [Some(1), Some(2)]);
    let environment = &read(&reports[0])["environment"];
    assert_eq!(environment["server"]["durability"], "journal_mode=wal, synchronous=full", "{environment}");
    assert!(environment["server"]["limits"].is_string() && environment["lab_build"].is_string(), "{environment}");
}
