//! The whole of load runs on real processes: a server, the runner that it keeps beside itself, and whoever asks over HTTP.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Answer, Line, PATIENCE, Server, free_address, now, signal, wait_for};

const LOOK_EVERY: Duration = Duration::from_millis(50);
const RUNNER_KEY: &str = "a-key-for-the-runners-of-tests";

struct Rehearsal {
    server: Server,
    data: TempDir,
}

impl Rehearsal {
    /// A server with a runner of its own, on which nothing is judged by how long it takes.
    fn start() -> Self {
        Self::start_with(&[("LOADTEST_RUNNER", "on"), ("LOADTEST_NO_TIME_LIMITS", "true")])
    }

    fn start_with(env: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", data.path().join("traffic.db").display());
        let log = data.path().join("log");
        let server = Server::spawn_in(env, free_address(), &[], &log, &["--database-url", &database]);
        server.ready().unwrap_or_else(|| panic!("{}", server.log()));
        Self { server, data }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = Line::new(self.server.address).send(method, path, &[], body);
        answer.unwrap_or_else(|| panic!("{path}: {}", self.server.log()))
    }

    /// A run that is over when everybody has bought: within seconds.
    fn ask(&self, steady: &str) -> String {
        self.ask_for(steady, 6_000)
    }

    /// A run that is under way until somebody ends it.
    fn ask_long(&self) -> String {
        self.ask_for("300s", 30)
    }

    fn ask_for(&self, steady: &str, admit_per_minute: u32) -> String {
        let wish = json!({
            "scenario": "launch_spike", "vus_max": 40, "ramp_up": "1s", "steady": steady, "ramp_down": "2s",
            "total_seats": 30, "admit_per_minute": admit_per_minute, "seed": 7,
        });
        let told = self.send("POST", "/v1/demo/loadtest", Some(&wish));
        assert_eq!(told.status, 202, "{told:?}");
        told.json()["run_id"].as_str().unwrap().to_owned()
    }

    fn look(&self, run: &str) -> Value {
        let shown = self.send("GET", &format!("/v1/demo/loadtest/{run}"), None);
        assert_eq!(shown.status, 200, "{shown:?}");
        shown.json()
    }

    fn until(&self, run: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let asked = now();
        loop {
            let shown = self.look(run);
            if is(&shown) {
                return shown;
            }
            assert!(asked.elapsed() < PATIENCE, "no {what}: {shown}\n{}", self.server.log());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn until_over(&self, run: &str) -> Value {
        self.until(run, "an end", |run| run["status"] != "queued" && run["status"] != "running")
    }

    fn until_fans_come(&self, run: &str) {
        self.until(run, "fans", |run| run["progress"]["requests_total"].as_u64() > Some(0));
    }

    /// The runner's process.
    fn runner(&self) -> u32 {
        let mut found = None;
        wait_for("a runner", || {
            found = self.server.children().next();
            found.is_some()
        });
        found.unwrap()
    }

    fn base_url(&self) -> String {
        format!("http://{}", self.server.address)
    }
}

fn lives(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // One that nobody has waited for yet does not live.
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn a_run_is_asked_for_done_watched_and_its_report_read() {
    let r = Rehearsal::start();
    let run = r.ask("4s");
    let events = r.send("GET", &format!("/v1/demo/loadtest/{run}/events"), None);
    let shown = r.look(&run);
    assert_eq!(shown["status"], "passed", "{shown}\n{}", r.server.log());
    assert_eq!(shown["failures"], json!([]));
    let text = String::from_utf8(events.body).unwrap();
    let snapshots: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(snapshots.last().unwrap(), &shown, "the last event is the end");
    let live =
        snapshots.iter().filter(|one| one["status"] == "running" && one["progress"]["joined"].as_u64() > Some(0));
    assert!(live.count() >= 1, "it was seen while it ran: {text}");

    let asked: Value = json!({ "K6_VUS_MAX": "40", "K6_STEADY": "4000ms" });
    for (name, value) in asked.as_object().unwrap() {
        assert_eq!(&shown["knobs"][name], value);
    }
    let report = r.send("GET", &format!("/v1/demo/loadtest/{run}/report.json"), None).json();
    assert_eq!((&report["schema"], &report["verdict"]), (&json!("traffic.loadrun/1"), &json!("PASS")));
    assert_eq!((&report["plan_sha256"], &report["sale_id"]), (&shown["plan_sha256"], &shown["sale_id"]));
    let knob =
        |name: &str| report["knobs"].as_array().unwrap().iter().find(|knob| knob["name"] == name).unwrap().clone();
    assert_eq!((&knob("K6_VUS_MAX")["origin"], &knob("SEED")["value"]), (&json!("request"), &json!("7")));
    let history = r.send("GET", &format!("/v1/demo/loadtest/{run}/history.ndjson.gz"), None);
    let mut lines = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&history.body[..]), &mut lines).unwrap();
    assert!(lines.lines().count() > 100, "every operation of forty fans");
    let dashboard = r.send("GET", "/v1/demo/dashboard", None).json();
    assert_eq!(dashboard["sale_id"], shown["sale_id"], "the run's sale is the demo sale");
    assert_eq!(dashboard["simulation"]["run_id"], json!(run));
    assert!(dashboard["simulation"]["requests_total"].as_u64() > Some(100), "{dashboard}");
}

#[test]
fn a_runner_that_is_killed_leaves_an_error_and_the_next_one_does_what_waits() {
    let r = Rehearsal::start();
    let killed = r.ask_long();
    r.until_fans_come(&killed);
    let waiting = r.ask("2s");
    let runner = r.runner();
    signal("-KILL", runner);
    let shown = r.until_over(&killed);
    assert_eq!(shown["status"], "error", "{shown}");
    assert!(shown["error"].as_str().unwrap().contains("started again"), "{shown}");
    let next = r.until_over(&waiting);
    assert_eq!(next["status"], "passed", "{next}\n{}", r.server.log());
    assert_ne!(r.runner(), runner);
}

#[test]
fn a_run_that_is_stopped_is_aborted_and_keeps_what_it_found() {
    let r = Rehearsal::start();
    let (run, waiting) = (r.ask_long(), r.ask("2s"));
    r.until_fans_come(&run);
    for id in [&waiting, &run] {
        let stopped = r.send("POST", &format!("/v1/demo/loadtest/{id}/stop"), None);
        assert_eq!(stopped.status, 200, "{stopped:?}");
    }
    assert_eq!(r.look(&waiting)["status"], "aborted");
    assert_eq!(r.until_over(&run)["status"], "aborted");
    let report = r.send("GET", &format!("/v1/demo/loadtest/{run}/report.json"), None).json();
    assert_eq!(report["verdict"], "ABORTED");
}

#[test]
fn the_runner_ends_with_its_server_however_that_ends() {
    let r = Rehearsal::start();
    let runner = r.runner();
    assert!(r.server.stop().success(), "{}", r.server.log());
    assert!(!lives(runner), "it was ended first");

    let r = Rehearsal::start();
    let run = r.ask_long();
    r.until_fans_come(&run);
    let runner = r.runner();
    r.server.kill();
    wait_for("the end of an orphan", || !lives(runner));
}

#[test]
fn a_run_is_delivered_before_its_server_stops() {
    let mut r = Rehearsal::start();
    let (run, waiting) = (r.ask_long(), r.ask("1s"));
    r.until_fans_come(&run);
    assert!(r.server.stop().success(), "{}", r.server.log());
    r.start_again();
    assert_eq!(r.look(&run)["status"], "aborted", "{}", r.server.log());
    assert_eq!(r.until_over(&waiting)["status"], "passed", "what waited is done in the next life");
}

/// Apart from its server, which may be started again meanwhile.
#[test]
fn a_runner_apart_lives_through_a_restart_of_the_server_and_ends_at_sigterm() {
    let env = [("LOADTEST_RUNNER", "off"), ("RUNNER_KEY", RUNNER_KEY)];
    let mut r = Rehearsal::start_with(&env);
    let mut runner = spawn_runner(&r.base_url(), RUNNER_KEY, r.data.path());
    let run = r.ask_long();
    r.until_fans_come(&run);
    r.server.kill();
    r.start_again_in(&env);
    let before = r.look(&run)["progress"]["elapsed_sec"].as_u64();
    r.until(&run, "word of the runner", |run| run["progress"]["elapsed_sec"].as_u64() > before);
    assert_eq!(r.look(&run)["status"], "running");
    r.send("POST", &format!("/v1/demo/loadtest/{run}/stop"), None);
    let shown = r.until_over(&run);
    assert!(shown["status"] == "aborted" && !shown["files"].as_array().unwrap().is_empty(), "{shown}");

    let run = r.ask_long();
    r.until_fans_come(&run);
    signal("-TERM", runner.0.id());
    assert!(ended(&mut runner).success());
    let shown = r.look(&run);
    assert_eq!(shown["status"], "aborted", "it was delivered before the end: {shown}");
}

#[test]
fn a_runner_with_a_wrong_key_is_told_so() {
    let r = Rehearsal::start_with(&[("LOADTEST_RUNNER", "off"), ("RUNNER_KEY", RUNNER_KEY)]);
    let mut runner = spawn_runner(&r.base_url(), "another-key", r.data.path());
    assert_eq!(ended(&mut runner).code(), Some(1));
    let said = std::fs::read_to_string(r.data.path().join("runner.log")).unwrap();
    assert!(said.contains("runner_key_invalid") && !said.contains("another-key"), "{said}");
}

#[test]
fn a_run_from_the_command_line_is_in_the_servers_list() {
    let r = Rehearsal::start_with(&[("LOADTEST_RUNNER", "off")]);
    let out = r.data.path().join("runs");
    let sim = sim(&r, &out).output().unwrap();
    assert!(sim.status.success(), "{}{}", String::from_utf8_lossy(&sim.stdout), String::from_utf8_lossy(&sim.stderr));
    let list = r.send("GET", "/v1/demo/loadtests", None).json();
    let run = &list["runs"][0];
    assert_eq!((&run["status"], &run["asked_by"]), (&json!("passed"), &json!("command line")));
    assert_eq!(run["knobs"]["K6_VUS_MAX"], "20");
    let id = run["run_id"].as_str().unwrap();
    let kept = r.send("GET", &format!("/v1/demo/loadtest/{id}/report.json"), None);
    let written = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let report = written.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "json")).unwrap();
    assert_eq!(kept.body, std::fs::read(report).unwrap(), "the same report");
    assert!(r.look(id)["progress"]["requests_total"].as_u64() > Some(0), "it was told while it ran");
}

#[test]
fn a_run_from_the_command_line_needs_no_list() {
    let r = Rehearsal::start_with(&[("TRAFFIC_LAB", "off")]);
    let sim = sim(&r, &r.data.path().join("runs")).output().unwrap();
    let said = String::from_utf8_lossy(&sim.stderr);
    assert!(sim.status.success() && !said.contains("list"), "{said}");
}

impl Rehearsal {
    fn start_again(&mut self) {
        self.start_again_in(&[("LOADTEST_RUNNER", "on"), ("LOADTEST_NO_TIME_LIMITS", "true")]);
    }

    fn start_again_in(&mut self, env: &[(&str, &str)]) {
        let database = format!("sqlite://{}", self.data.path().join("traffic.db").display());
        let (address, log) = (self.server.address, self.data.path().join("log"));
        self.server = Server::spawn_in(env, address, &[], &log, &["--database-url", &database]);
        self.server.ready().unwrap_or_else(|| panic!("{}", self.server.log()));
    }
}

/// The program, with an environment of its own.
fn traffic() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traffic"));
    for name in ["BASE_URL", "ADMIN_API_KEY", "RUNNER_KEY", "SALE_ID", "SEED", "REPEAT"] {
        command.env_remove(name);
    }
    command
}

/// A process that ends with its value.
struct Apart(Child);

impl Drop for Apart {
    fn drop(&mut self) {
        // Ended already, mostly.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn_runner(base_url: &str, key: &str, data: &Path) -> Apart {
    let spawned = traffic()
        .args(["lab", "runner", "--no-time-limits", "--base-url", base_url])
        .env("RUNNER_KEY", key)
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(data.join("runner.log")).unwrap())
        .spawn();
    Apart(spawned.unwrap())
}

fn sim(r: &Rehearsal, out: &Path) -> Command {
    let mut command = traffic();
    command
        .args(["sim", "launch_spike", "--vus-max", "20", "--ramp-up", "1s", "--steady", "2s", "--ramp-down", "2s"])
        .args(["--total-seats", "30", "--no-time-limits", "--base-url", &r.base_url(), "--out"])
        .arg(out);
    command
}

fn ended(Apart(process): &mut Apart) -> ExitStatus {
    let mut status = None;
    wait_for("the end of a process", || {
        status = process.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}
