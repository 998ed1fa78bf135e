//! The ten scenarios of the load lab against the real program, in a short shape. Order, places, seats and money are judged
//! here, times are printed: that needs a quiet machine.

use std::thread;

use lab::{Knobs, Origin, ProgressMode, RunOptions, Verdict};

use crate::process::Server;

const SHORT: [(&str, &str); 6] = [
    ("K6_VUS_MAX", "80"),
    ("K6_RAMP_UP", "1s"),
    ("K6_STEADY", "7s"),
    ("K6_RAMP_DOWN", "3s"),
    ("K6_ADMIT_PER_MIN", "1200"),
    ("DOORS_IN", "1s"),
];

/// What each is about, by the ids of its own checks; of the first, by those that it alone exercises in full.
const OWN: [(&str, &[&str]); 10] = [
    ("launch_spike", &["Q1", "Q3", "S1", "S4", "S6"]),
    ("refresh_storm", &["Q3", "Q6", "R1", "R2"]),
    ("second_sale_regression", &["B1", "B2", "Q2"]),
    ("late_surge", &["L1", "Q7", "Q9"]),
    ("queue_fairness", &["F1", "Q1", "Q7"]),
    ("bot_checkout", &["K1", "K2", "S6"]),
    ("scalper_network", &["N1", "N2"]),
    ("reconnect_churn", &["C1", "C2", "Q3"]),
    ("backdoor_race", &["D1"]),
    ("mixed_realistic", &["K1", "K2", "R1"]),
];

fn passes(scenario: &str, own: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(&folder.path().join("data"));
    assert!(server.ready().is_some(), "{}", server.log());
    let mut knobs = Knobs::default();
    SHORT.iter().for_each(|(name, value)| knobs.set(name, value, Origin::Flag).unwrap());
    let options = RunOptions {
        scenario: scenario.to_owned(),
        knobs,
        base_url: format!("http://{}", server.address),
        admin_key: "dev-admin-key".to_owned(),
        metrics_urls: vec![],
        remote: false,
        out_dir: folder.path().join("runs"),
        judge_times: false,
        progress: ProgressMode::Silent,
        sale_id: None,
        thresholds: vec![],
        commit: None,
        stop: tokio::sync::watch::channel(false).1,
    };
    let report = lab::run_blocking(&options).unwrap();
    let table = report.render_table();
    assert_eq!(report.verdict(), Verdict::Pass, "{table}\n{}", server.log());
    for id in own {
        assert!(report.held().contains(id), "{scenario}: {id} was exercised and held\n{table}");
    }
}

/// Each with a server of its own. They wait more than they compute.
fn pass_together(scenarios: &[(&str, &[&str])]) {
    thread::scope(|scope| {
        for (scenario, own) in scenarios {
            scope.spawn(|| passes(scenario, own));
        }
    });
}

#[test]
fn places_and_their_order_hold_on_the_real_server() {
    pass_together(&OWN[..4]);
}

#[test]
fn whoever_wants_more_than_others_gets_no_more() {
    pass_together(&OWN[4..7]);
}

#[test]
fn lost_connections_ways_around_and_a_normal_sale_hold_too() {
    pass_together(&OWN[7..]);
}

#[test]
fn every_scenario_of_the_lab_is_run_here() {
    let here: Vec<&str> = OWN.iter().map(|(name, _)| *name).collect();
    assert!(lab::scenarios::list().iter().all(|info| here.contains(&info.name)));
    assert_eq!(here.len(), lab::scenarios::list().len());
}
