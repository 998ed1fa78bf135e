//! Load runs over HTTP, on every node: asked for within the caps, taken by one runner at a time, watched, stopped, lost with
//! their runner, and not with the server.

mod files;
mod watching;

use domain::load_run::RUNNER_LAPSE_MS;
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

pub(crate) const RUNNER_KEY: &str = "runner-key-for-tests";

/// A run that a runner has, and the runner's right to it.
#[derive(Clone, Debug)]
struct Claimed {
    run_id: String,
    claim_id: String,
}

impl Claimed {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().expect("an id").to_owned();
        Self { run_id: text("run_id"), claim_id: text("claim_id") }
    }

    /// What the runner says of it.
    fn says(&self, mut said: Value) -> Value {
        said["run_id"] = json!(self.run_id);
        said["claim_id"] = json!(self.claim_id);
        said
    }
}

impl TestApp {
    async fn with_runner() -> Self {
        Self::with(&[("RUNNER_KEY", RUNNER_KEY)]).await
    }

    async fn wish(&self, mut wish: Value) -> Answer {
        wish["scenario"] = json!("launch_spike");
        self.post("/v1/demo/loadtest").json(&wish).send().await
    }

    async fn queued(&self) -> String {
        self.wish(json!({})).await.expect(StatusCode::ACCEPTED)["run_id"].as_str().unwrap().to_owned()
    }

    async fn runner(&self, what: &str, body: Value) -> Answer {
        self.post(format!("/v1/demo/runner/{what}")).header("x-runner-key", RUNNER_KEY).json(&body).send().await
    }

    async fn claim(&self, runner: &str) -> Value {
        self.runner("claim", json!({ "runner": runner })).await.expect(StatusCode::OK)["run"].clone()
    }

    async fn claimed(&self, runner: &str) -> Claimed {
        Claimed::of(&self.claim(runner).await)
    }

    async fn progress(&self, run: &Claimed) -> Answer {
        let progress = json!({ "phase": "steady", "requests_total": 700, "blocked_total": 30 });
        self.runner("progress", run.says(json!({ "progress": progress }))).await
    }

    async fn finish(&self, run: &Claimed, status: &str) -> Answer {
        let outcome = json!({
            "reason": "because", "failures": ["S1 (no seat is sold twice): seat A"], "checks": [{ "id": "S1" }],
            "metrics": { "http_reqs": 9 },
        });
        self.runner("finish", run.says(json!({ "status": status, "outcome": outcome, "error": "why" }))).await
    }

    async fn run(&self, id: &str) -> Value {
        self.get(format!("/v1/demo/loadtest/{id}")).send().await.expect(StatusCode::OK).clone()
    }

    async fn stop_run(&self, id: &str) -> Answer {
        self.post(format!("/v1/demo/loadtest/{id}/stop")).send().await
    }
}

#[tokio::test]
async fn a_wish_becomes_a_run_that_a_runner_does_and_everybody_sees() {
    let app = TestApp::with_runner().await;
    let wish = json!({
        "vus_max": 20, "ramp_up": "2s", "steady": 8, "ramp_down": "1500ms", "admit_per_minute": 600,
        "waiting_room_cap": 1000, "total_seats": 40, "seed": 7,
    });
    let told = app.wish(wish).await;
    let id = told.expect(StatusCode::ACCEPTED)["run_id"].as_str().unwrap().to_owned();
    assert_eq!(
        told.json,
        json!({ "run_id": id, "sale_id": null, "scenario": "launch_spike", "status": "queued" }),
        "{told:?}"
    );
    let run = app.run(&id).await;
    assert_eq!([&run["status"], &run["passed"], &run["started_at"]], [&json!("queued"), &Value::Null, &Value::Null]);
    assert_eq!(run["waiting_before"], 0);

    let work = app.claim("r").await;
    let knobs = json!({
        "K6_VUS_MAX": "20", "K6_RAMP_UP": "2000ms", "K6_STEADY": "8000ms", "K6_RAMP_DOWN": "1500ms",
        "K6_ADMIT_PER_MIN": "600", "K6_WAITING_ROOM_CAP": "1000", "K6_TOTAL_SEATS": "40", "SEED": "7",
    });
    assert_eq!((&work["knobs"], &work["defaults"], &work["scenario"]), (&knobs, &json!({}), &json!("launch_spike")));
    let claimed = Claimed::of(&work);
    let sale = app.sale().await;
    let made = claimed.says(json!({ "sale_id": sale, "progress": { "requests_total": 1 } }));
    assert_eq!(app.runner("progress", made).await.expect(StatusCode::OK)["stop"], false);
    app.progress(&claimed).await.expect(StatusCode::OK);
    let run = app.run(&id).await;
    assert_eq!([&run["status"], &run["sale_id"]], [&json!("running"), &json!(sale)]);
    assert_eq!(run["progress"]["requests_total"], 700);
    assert!(run["started_at"].is_string() && run["finished_at"].is_null());

    assert_eq!(app.finish(&claimed, "failed").await.expect(StatusCode::OK)["status"], "failed");
    let run = app.run(&id).await;
    assert_eq!([&run["status"], &run["passed"], &run["reason"]], [&json!("failed"), &json!(false), &json!("because")]);
    assert_eq!(run["failures"][0], "S1 (no seat is sold twice): seat A");
    assert_eq!((&run["checks"][0]["id"], &run["metrics"]["http_reqs"]), (&json!("S1"), &json!(9)));
    assert!(run["finished_at"].is_string());
    let list = app.get("/v1/demo/loadtests").send().await;
    assert_eq!((&list["runs"][0]["run_id"], &list["runs"][0]["status"]), (&json!(id), &json!("failed")));
    assert_eq!(
        (&list["runs"][0]["reason"], &list["scenarios"][0]["name"]),
        (&json!("because"), &json!("launch_spike"))
    );
    let audit = app.get("/v1/admin/audit").admin().send().await;
    let acts: Vec<&str> = audit["entries"].as_array().unwrap().iter().filter_map(|one| one["act"].as_str()).collect();
    assert!(acts.contains(&"ask_for_load_run"), "{acts:?}");
}

#[tokio::test]
async fn what_is_over_a_cap_is_refused_by_name_and_never_made_smaller() {
    let caps = [("LOADTEST_MAX_VUS", "50"), ("LOADTEST_DEFAULT_VUS", "20"), ("LOADTEST_MAX_STEADY_SEC", "60")];
    let app = TestApp::with(&caps).await;
    for (wish, field, cap) in [
        (json!({ "vus_max": 51 }), "vus_max", "LOADTEST_MAX_VUS"),
        (json!({ "vus_max": 0 }), "vus_max", "1 to 50"),
        (json!({ "steady": "61s" }), "steady", "LOADTEST_MAX_STEADY_SEC"),
        (json!({ "steady": "60001ms" }), "steady", "60s"),
        (json!({ "ramp_up": 61 }), "ramp_up", "LOADTEST_MAX_STEADY_SEC"),
        (json!({ "ramp_down": "2m" }), "ramp_down", "LOADTEST_MAX_STEADY_SEC"),
        (json!({ "ramp_down": "soon" }), "ramp_down", "10s"),
        (json!({ "admit_per_minute": 1_000_001 }), "admit_per_minute", "1 to 1000000"),
        (json!({ "waiting_room_cap": 0 }), "waiting_room_cap", "1 to"),
        (json!({ "total_seats": 200_001 }), "total_seats", "1 to 200000"),
        (json!({ "seed": -1 }), "seed", "0 to"),
    ] {
        let answer = app.wish(wish).await;
        answer.wrong(field);
        assert!(answer["detail"].as_str().unwrap().contains(cap), "{answer:?}");
    }
    let list = app.get("/v1/demo/loadtests").send().await;
    assert_eq!(list["runs"], json!([]), "nothing of it became a run");
    app.wish(json!({ "vus_max": 50, "steady": "60s" })).await.expect(StatusCode::ACCEPTED);
    app.wish(json!({})).await.expect(StatusCode::ACCEPTED);
    let config = app.get("/v1/demo/config").send().await;
    assert_eq!((&config["max_vus"], &config["max_steady"]), (&json!(50), &json!("60s")));
    let first = app.post("/v1/demo/runner/claim").admin().json(&json!({ "runner": "r" })).send().await;
    let first = Claimed::of(&first["run"]);
    let done = app.post("/v1/demo/runner/finish").admin().json(&first.says(json!({ "status": "passed" }))).send().await;
    done.expect(StatusCode::OK);
    let second = app.post("/v1/demo/runner/claim").admin().json(&json!({ "runner": "r" })).send().await;
    let run = &second["run"];
    assert_eq!((&run["knobs"], &run["defaults"]["K6_VUS_MAX"]), (&json!({}), &json!("20")));
}

#[tokio::test]
async fn only_scenarios_that_there_are_can_be_asked_for() {
    let app = TestApp::start().await;
    for scenario in ["", "launch", "LAUNCH_SPIKE", "launch_spike ", "\u{0}"] {
        let answer = app.post("/v1/demo/loadtest").json(&json!({ "scenario": scenario })).send().await;
        answer.refused(400, "invalid_scenario");
        assert!(answer["detail"].as_str().unwrap().contains("launch_spike"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_given_sale_must_be_open() {
    let app = TestApp::with_runner().await;
    app.wish(json!({ "sale_id": "fake" })).await.refused(404, "sale_not_found");
    app.wish(json!({ "sale_id": "01990000-0000-7000-8000-00000000ffff" })).await.refused(404, "sale_not_found");
    let sale = app.sale().await;
    app.post(format!("/v1/admin/sales/{sale}/pause")).admin().send().await.expect(StatusCode::OK);
    app.heard().await;
    let answer = app.wish(json!({ "sale_id": sale })).await;
    answer.wrong("sale_id");
    assert!(answer["detail"].as_str().unwrap().contains("paused"), "{answer:?}");
    app.post(format!("/v1/admin/sales/{sale}/resume")).admin().send().await.expect(StatusCode::OK);
    app.heard().await;
    let told = app.wish(json!({ "sale_id": sale })).await;
    assert_eq!(told.expect(StatusCode::ACCEPTED)["sale_id"], json!(sale));
    assert_eq!(app.claim("r").await["sale_id"], json!(sale));
}

#[tokio::test]
async fn one_runs_three_wait_and_the_next_is_told_which_is_in_the_way() {
    let app = TestApp::with_runner().await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(app.queued().await);
    }
    for _ in 0..2 {
        let busy = app.wish(json!({})).await;
        busy.refused(429, "loadtest_busy");
        assert_eq!(busy["run_id"], json!(runs[0]));
    }
    assert_eq!(app.run(&runs[3]).await["waiting_before"], 3);
    let first = app.claimed("r").await;
    assert_eq!((&first.run_id, app.claim("another").await), (&runs[0], Value::Null), "one at a time");
    app.wish(json!({})).await.refused(429, "loadtest_busy");
    app.finish(&first, "passed").await.expect(StatusCode::OK);
    runs.push(app.queued().await);
    assert_eq!(app.claimed("another").await.run_id, runs[1], "in the order of asking");
}

#[tokio::test]
async fn more_may_run_and_fewer_wait_where_it_is_set_so() {
    let env = [("RUNNER_KEY", RUNNER_KEY), ("LOADTEST_MAX_CONCURRENT", "2"), ("LOADTEST_MAX_QUEUE", "0")];
    let app = TestApp::with(&env).await;
    let runs = [app.queued().await, app.queued().await];
    app.wish(json!({})).await.refused(429, "loadtest_busy");
    assert_eq!([app.claimed("one").await.run_id, app.claimed("two").await.run_id], runs);
    app.wish(json!({})).await.refused(429, "loadtest_busy");
}

#[tokio::test]
async fn two_runners_at_once_never_have_the_same_run() {
    let app = TestApp::with_runner().await;
    let (run, next) = (app.queued().await, app.queued().await);
    let calls = (0..8).map(|number| {
        let claim = json!({ "runner": format!("runner {number}") });
        let call = app.post("/v1/demo/runner/claim").header("x-runner-key", RUNNER_KEY).json(&claim);
        tokio::spawn(call.send())
    });
    let mut got = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.unwrap();
        got.extend(answer.expect(StatusCode::OK)["run"]["run_id"].as_str().map(str::to_owned));
    }
    assert_eq!((got, app.run(&next).await["status"].clone()), (vec![run], json!("queued")));
}

#[tokio::test]
async fn a_run_whose_runner_died_is_an_error_with_the_reason() {
    let app = TestApp::with_runner().await;
    app.queued().await;
    let (lost, next) = (app.claimed("r").await, app.queued().await);
    app.pass(RUNNER_LAPSE_MS - 1_000).await;
    app.progress(&lost).await.expect(StatusCode::OK);
    app.pass(RUNNER_LAPSE_MS - 1_000).await;
    assert_eq!(app.run(&lost.run_id).await["status"], "running");
    app.pass(1_000).await;
    let run = app.run(&lost.run_id).await;
    assert_eq!([&run["status"], &run["passed"]], [&json!("error"), &json!(false)]);
    assert!(run["error"].as_str().unwrap().contains("nothing was heard of it for 15 s"), "{run}");
    app.progress(&lost).await.refused(409, "run_lost");
    assert_eq!(app.finish(&lost, "passed").await.expect(StatusCode::OK)["status"], "error", "it stays given up");
    assert_eq!(app.claimed("another").await.run_id, next);
}

#[tokio::test]
async fn a_runner_that_is_started_again_has_lost_what_it_had() {
    let app = TestApp::with_runner().await;
    app.queued().await;
    let (lost, next) = (app.claimed("r").await, app.queued().await);
    assert_eq!(app.claimed("r").await.run_id, next);
    let run = app.run(&lost.run_id).await;
    assert_eq!(run["status"], "error");
    assert!(run["error"].as_str().unwrap().contains("started again"), "{run}");
}

#[tokio::test]
async fn runs_live_through_a_restart_of_the_server() {
    let mut app = TestApp::with_runner().await;
    app.queued().await;
    let (running, waiting) = (app.claimed("r").await, app.queued().await);
    app.progress(&running).await.expect(StatusCode::OK);
    app.restart().await;
    assert_eq!(app.run(&waiting).await["status"], "queued");
    assert_eq!(app.progress(&running).await.expect(StatusCode::OK)["stop"], false);
    assert_eq!(app.finish(&running, "passed").await.expect(StatusCode::OK)["status"], "passed");
    app.restart().await;
    assert_eq!(app.run(&running.run_id).await["passed"], true);
    assert_eq!(app.claimed("r").await.run_id, waiting);
}

#[tokio::test]
async fn stopping_ends_what_waits_and_is_heard_by_what_runs() {
    let app = TestApp::with_runner().await;
    app.queued().await;
    let (running, waiting) = (app.claimed("r").await, app.queued().await);
    assert_eq!(app.stop_run(&waiting).await.expect(StatusCode::OK)["status"], "aborted");
    let run = app.run(&waiting).await;
    assert!(run["error"].as_str().unwrap().contains("before it began") && run["started_at"].is_null(), "{run}");
    let stopping = app.stop_run(&running.run_id).await;
    assert_eq!((&stopping["status"], &stopping["stopping"]), (&json!("running"), &json!(true)));
    assert_eq!(app.run(&running.run_id).await["stopping"], true);
    assert_eq!(app.progress(&running).await.expect(StatusCode::OK)["stop"], true);
    assert_eq!(app.finish(&running, "aborted").await.expect(StatusCode::OK)["status"], "aborted");
    let over = app.stop_run(&running.run_id).await;
    assert_eq!((&over.expect(StatusCode::OK)["status"], &over["stopping"]), (&json!("aborted"), &json!(false)));
    assert_eq!(app.claim("r").await, Value::Null);
    app.stop_run("fake").await.refused(404, "run_not_found");
}

#[tokio::test]
async fn the_dashboard_shows_the_figures_of_the_run_that_began_last() {
    let app = TestApp::with_runner().await;
    app.post("/v1/demo/reset").send().await.expect(StatusCode::OK);
    let figures = async || app.get("/v1/demo/dashboard").send().await["simulation"].clone();
    let none = json!({ "run_id": null, "status": null, "requests_total": 0, "blocked_total": 0 });
    assert_eq!(figures().await, none);
    app.queued().await;
    assert_eq!(figures().await, none, "it has not begun");
    let run = app.claimed("r").await;
    app.progress(&run).await.expect(StatusCode::OK);
    let running = json!({ "run_id": run.run_id, "status": "running", "requests_total": 700, "blocked_total": 30 });
    assert_eq!(figures().await, running);
    app.finish(&run, "passed").await.expect(StatusCode::OK);
    assert_eq!((&figures().await["requests_total"], &figures().await["status"]), (&json!(700), &json!("passed")));
}

#[tokio::test]
async fn a_run_from_a_command_line_is_among_the_others() {
    let app = TestApp::with_runner().await;
    let waiting = app.queued().await;
    let register = json!({ "runner": "cli", "scenario": "launch_spike", "knobs": { "K6_VUS_MAX": "9" } });
    let told = app.post("/v1/demo/runner/register").admin().json(&register).send().await;
    let run = Claimed::of(told.expect(StatusCode::OK));
    assert_eq!(told["beside"], Value::Null);
    assert_eq!(app.claim("r").await, Value::Null, "what waits goes on waiting");
    let beside = app.runner("register", json!({ "runner": "other", "scenario": "s" })).await;
    assert_eq!(beside["beside"], json!(run.run_id), "it is told what disturbs it");
    app.stop_run(&run.run_id).await.expect(StatusCode::OK);
    assert_eq!(app.progress(&run).await["stop"], true);
    app.finish(&run, "passed").await.expect(StatusCode::OK);
    app.finish(&Claimed::of(&beside.json), "passed").await.expect(StatusCode::OK);
    let shown = app.run(&run.run_id).await;
    assert_eq!((&shown["asked_by"], &shown["knobs"]["K6_VUS_MAX"]), (&json!("command line"), &json!("9")));
    assert_eq!(app.claimed("r").await.run_id, waiting);
    for (field, wrong) in [
        ("runner", json!({ "runner": "", "scenario": "s" })),
        ("scenario", json!({ "runner": "r", "scenario": "é" })),
        ("sale_id", json!({ "runner": "r", "scenario": "s", "sale_id": "fake" })),
        ("knobs", json!({ "runner": "r", "scenario": "s", "knobs": { "SEED": 1 } })),
    ] {
        app.runner("register", wrong).await.wrong(field);
    }
}

#[tokio::test]
async fn what_a_runner_says_wrongly_is_refused_by_name() {
    let app = TestApp::with_runner().await;
    app.queued().await;
    let run = app.claimed("r").await;
    for (what, said, field) in [
        ("progress", json!({ "progress": { "text": "x".repeat(40_000) } }), "progress"),
        ("progress", json!({ "sale_id": "fake" }), "sale_id"),
        ("finish", json!({ "status": "running" }), "status"),
        ("finish", json!({ "status": "great" }), "status"),
        ("finish", json!({ "status": "error" }), "error"),
        ("finish", json!({ "status": "error", "error": "x".repeat(5_000) }), "error"),
        ("finish", json!({ "status": "passed", "outcome": { "text": "x".repeat(300_000) } }), "outcome"),
    ] {
        app.runner(what, run.says(said)).await.wrong(field);
    }
    let stranger = Claimed { claim_id: "01990000-0000-7000-8000-00000000ffff".to_owned(), ..run.clone() };
    app.progress(&stranger).await.refused(409, "run_lost");
    app.finish(&stranger, "passed").await.refused(409, "run_lost");
    let nothing = Claimed { run_id: "fake".to_owned(), ..run.clone() };
    app.progress(&nothing).await.refused(404, "run_not_found");
    let garbled = Claimed { claim_id: "fake".to_owned(), ..run.clone() };
    app.progress(&garbled).await.wrong("claim_id");
    assert_eq!(app.run(&run.run_id).await["status"], "running", "nothing of it counted");
}

#[tokio::test]
async fn the_runners_side_needs_the_runners_key_or_the_operators() {
    let app = TestApp::with(&[("RUNNER_KEY", RUNNER_KEY), ("DEMO_API_KEY", "demo-key-for-tests")]).await;
    let body = json!({ "runner": "r", "scenario": "launch_spike" });
    for what in ["claim", "register", "progress", "part", "finish"] {
        let call = || app.post(format!("/v1/demo/runner/{what}")).json(&body);
        call().send().await.refused(401, "runner_key_invalid");
        call().header("x-runner-key", "wrong").send().await.refused(401, "runner_key_invalid");
        call().header("x-demo-key", "demo-key-for-tests").send().await.refused(401, "runner_key_invalid");
        let known = call().header("x-runner-key", RUNNER_KEY).send().await;
        let operator = call().admin().send().await;
        assert!(known.status != StatusCode::UNAUTHORIZED && operator.status == known.status, "{known:?} {operator:?}");
    }
    for path in ["loadtests", "loadtest/x", "loadtest/x/report.html", "loadtest/x/events"] {
        app.get(format!("/v1/demo/{path}")).send().await.refused(401, "demo_key_invalid");
        let shown = app.get(format!("/v1/demo/{path}?demo_key=demo-key-for-tests")).send().await;
        assert_ne!(shown.status, StatusCode::UNAUTHORIZED, "{shown:?}");
    }
    app.wish(json!({})).await.refused(401, "demo_key_invalid");
    let guesses = app.post("/v1/demo/runner/claim").header("x-runner-key", "x").header("host", "shop.example");
    guesses.json(&body).send().await.refused(403, "cross_site");
    let by_name = app.post("/v1/demo/runner/claim").header("x-runner-key", RUNNER_KEY).header("host", "shop.example");
    by_name.json(&body).send().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn without_the_lab_there_are_no_runs() {
    let app = TestApp::with(&[("TRAFFIC_LAB", "off"), ("RUNNER_KEY", RUNNER_KEY)]).await;
    app.wish(json!({})).await.refused(404, "not_found");
    app.runner("claim", json!({ "runner": "r" })).await.refused(404, "not_found");
    for path in ["loadtests", "loadtest/x", "loadtest/x/report.json", "loadtest/x/events"] {
        app.get(format!("/v1/demo/{path}")).send().await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn the_list_of_runs_goes_back_page_by_page() {
    let app = TestApp::with(&[("LOADTEST_MAX_QUEUE", "10")]).await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(json!(app.queued().await));
    }
    runs.reverse();
    let page = async |query: String| {
        let answer = app.get(format!("/v1/demo/loadtests{query}")).send().await;
        let ids: Vec<Value> = answer["runs"].as_array().unwrap().iter().map(|run| run["run_id"].clone()).collect();
        (ids, answer["next_after"].clone())
    };
    assert_eq!(page("?limit=2".to_owned()).await, (runs[..2].to_vec(), runs[1].clone()));
    let after = runs[1].as_str().unwrap();
    assert_eq!(page(format!("?limit=9&after={after}")).await, (runs[2..].to_vec(), Value::Null));
    app.get("/v1/demo/loadtests?after=fake").send().await.wrong("after");
    app.get("/v1/demo/loadtests?after=01990000-0000-7000-8000-00000000ffff").send().await.wrong("after");
}

#[tokio::test]
async fn a_scenario_that_makes_its_own_sales_takes_no_other() {
    let app = TestApp::with_runner().await;
    let sale = app.sale().await;
    let wish = json!({ "scenario": "backdoor_race", "sale_id": sale });
    let refused = app.post("/v1/demo/loadtest").json(&wish).send().await;
    assert_eq!(refused.expect(StatusCode::UNPROCESSABLE_ENTITY)["field"], "sale_id");
    assert!(refused["detail"].as_str().unwrap().contains("backdoor_race makes its own sales"), "{refused:?}");
    let wish = json!({ "scenario": "backdoor_race" });
    app.post("/v1/demo/loadtest").json(&wish).send().await.expect(StatusCode::ACCEPTED);
    let told = app.wish(json!({ "sale_id": sale })).await;
    assert_eq!(told.expect(StatusCode::ACCEPTED)["sale_id"], json!(sale), "others do");
}

#[tokio::test]
async fn whoever_asks_for_a_run_sees_which_runner_was_heard_and_how_its_machine_is() {
    let app = TestApp::with_runner().await;
    // Each node tells whom it has heard itself.
    let list = async || app.get("/v1/demo/loadtests").through(app.router_of(0)).send().await;
    let says = async |what: &str, body: Value| {
        let path = format!("/v1/demo/runner/{what}");
        let call = app.post(path).header("x-runner-key", RUNNER_KEY).json(&body);
        call.through(app.router_of(0)).send().await
    };
    assert_eq!(list().await["runner"], Value::Null);
    let machine = json!({ "open_files": 20_000, "cores": 2, "cpu_idle": 0.75 });
    says("claim", json!({ "runner": "r", "machine": machine })).await.expect(StatusCode::OK);
    app.advance(1_500);
    let heard = |name: &str, ms: i64, idle: f64| json!({ "name": name, "heard_ms_ago": ms, "open_files": 20_000, "cores": 2, "cpu_idle": idle });
    assert_eq!(list().await["runner"], heard("r", 1_500, 0.75));
    app.queued().await;
    let claim = says("claim", json!({ "runner": "r" })).await;
    let claimed = Claimed::of(&claim.expect(StatusCode::OK)["run"]);
    assert_eq!(list().await["runner"], heard("r", 0, 0.75), "an old one tells nothing new");
    let machine = json!({ "open_files": 20_000, "cores": 2, "cpu_idle": 0.25 });
    says("progress", claimed.says(json!({ "runner": "r", "machine": machine }))).await.expect(StatusCode::OK);
    let list = list().await;
    assert_eq!(list["runner"], heard("r", 0, 0.25));
    assert_eq!((&list["running"], &list["waiting"]), (&json!([claimed.run_id]), &json!(0)));
}

#[tokio::test]
async fn the_list_is_of_one_scenario_or_state_and_tells_of_each_scenario_how_it_ended_last() {
    let app = TestApp::with_runner().await;
    app.queued().await;
    let over = app.claimed("r").await;
    app.finish(&over, "failed").await.expect(StatusCode::OK);
    let waits = app.queued().await;
    let ids = async |query: &str| -> Vec<String> {
        let list = app.get(format!("/v1/demo/loadtests?{query}")).send().await;
        list["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("status=failed").await, std::slice::from_ref(&over.run_id));
    assert_eq!(ids("scenario=launch_spike&status=queued").await, [waits]);
    assert!(ids("scenario=backdoor_race").await.is_empty());
    let refused = app.get("/v1/demo/loadtests?status=lost").send().await;
    assert_eq!(refused.expect(StatusCode::UNPROCESSABLE_ENTITY)["field"], "status");
    let list = app.get("/v1/demo/loadtests").send().await;
    let launch = &list["scenarios"][0];
    assert_eq!((&launch["last"]["run_id"], &launch["last"]["status"]), (&json!(over.run_id), &json!("failed")));
    assert_eq!((&launch["ready"], &launch["own_sale_only"]), (&json!(true), &json!(false)));
    assert_eq!(list["scenarios"][1]["last"], Value::Null);
}
