//! Each scenario against a server that keeps its promises, against one with the bug that the scenario is about, and against
//! one that refuses everything.

use lab::{Report, Verdict, scenarios};

use crate::lab_run::{Played, play_scenario};
use crate::mock::Manner;
use crate::mock::bug::Bug;

const SHORT: [(&str, &str); 7] = [
    ("K6_VUS_MAX", "100"),
    ("K6_TOTAL_SEATS", "500"),
    ("K6_RAMP_UP", "2s"),
    ("K6_STEADY", "6s"),
    ("K6_RAMP_DOWN", "2s"),
    ("DOORS_IN", "300ms"),
    ("MAX_TICKETS_PER_USER", "4"),
];

/// The scenario, the bug that it must find, the check that finds it, and what the counter-example says.
const PLANTED: [(&str, Bug, &str, &str); 17] = [
    ("refresh_storm", Bug::SecondTabMakesPlace, "R1", "joined again"),
    ("refresh_storm", Bug::SecondTabMakesPlace, "R2", "had been asked for, all else were refreshes"),
    ("second_sale_regression", Bug::AdmissionOfOtherSale, "B1", "of sale A asked sale B for"),
    ("second_sale_regression", Bug::PositionsGoOnInTheNextSale, "Q2", "nobody has position 1;"),
    ("second_sale_regression", Bug::NextSaleMovesTheLine, "B2", "before sale B opened and at"),
    ("late_surge", Bug::LateOvertakes, "L1", "acknowledged before that, stands at"),
    ("queue_fairness", Bug::SwappedOrder, "F2", "asked for one and was given"),
    ("queue_fairness", Bug::NewestFirst, "F1", "had been told of position"),
    ("queue_fairness", Bug::FastPollersFirst, "Q7", "was let in at"),
    ("bot_checkout", Bug::ReplayedAdmissionAccepted, "K1", "the cap is"),
    ("bot_checkout", Bug::DoubleSubmitMakesTwoOrders, "K2", "4 orders were told of"),
    ("scalper_network", Bug::ClusterCapIgnored, "N1", "tickets and held seats; the cap of a ring is 6"),
    ("scalper_network", Bug::TransferAllowed, "N2", "handed a ticket on"),
    ("reconnect_churn", Bug::NewAddressNewPlace, "C1", "lost the connection, and was shown the positions"),
    ("reconnect_churn", Bug::ConnectionsNeverClosed, "C2", "after they had gone"),
    ("backdoor_race", Bug::PathTrickOpens, "D1", "by an odd path"),
    ("mixed_realistic", Bug::ReleasedHoldStaysLive, "M1", "gave hold"),
];

fn played(scenario: &str, bug: Bug) -> Played {
    play_scenario(scenario, Manner::with(bug), &SHORT)
}

fn fails_with(scenario: &str, bug: Bug, id: &str, says: &str) {
    let report = played(scenario, bug).report;
    let table = report.render_table();
    assert_eq!(report.verdict(), Verdict::Fail, "{bug:?}\n{table}");
    assert!(report.violated().contains(&id), "{bug:?}\n{table}");
    let examples = report.counter_examples(id);
    assert!(examples.iter().any(|example| example.contains(says)), "{bug:?} {examples:?}");
    assert!(table.contains(&examples[0]), "the counter-example is printed: {bug:?}\n{table}");
}

fn passes(scenario: &str) -> Report {
    let report = played(scenario, Bug::None).report;
    let table = report.render_table();
    assert_eq!(report.verdict(), Verdict::Pass, "{table}");
    let own = PLANTED.iter().filter(|planted| planted.0 == scenario).map(|planted| planted.2);
    for id in own {
        assert!(report.held().contains(&id), "{id} was exercised and held\n{table}");
    }
    report
}

/// Runs wait much and compute little: all of them at the same time.
#[test]
fn a_server_that_keeps_its_promises_passes_every_scenario() {
    std::thread::scope(|scope| {
        for info in scenarios::list() {
            scope.spawn(|| passes(info.name));
        }
    });
}

#[test]
fn every_scenario_finds_the_bug_that_it_is_about() {
    std::thread::scope(|scope| {
        for (scenario, bug, id, says) in PLANTED {
            scope.spawn(move || fails_with(scenario, bug, id, says));
        }
    });
}

#[test]
fn every_scenario_has_its_bug() {
    let without = scenarios::list().iter().filter(|info| PLANTED.iter().all(|planted| planted.0 != info.name));
    assert_eq!(
        without.map(|info| info.name).collect::<Vec<_>>(),
        ["launch_spike"],
        "whose bugs are those of the checks"
    );
}

/// Too few fans for what most scenarios are about: the rows say so, and nobody is blamed.
#[test]
fn a_handful_of_fans_passes_every_scenario() {
    let knobs: Vec<_> = SHORT.into_iter().skip(1).chain([("K6_VUS_MAX", "5")]).collect();
    std::thread::scope(|scope| {
        for info in scenarios::list() {
            let knobs = &knobs;
            scope.spawn(move || {
                let report = play_scenario(info.name, Manner::with(Bug::None), knobs).report;
                assert_eq!(report.verdict(), Verdict::Pass, "{}\n{}", info.name, report.render_table());
            });
        }
    });
}

/// Nothing is violated there, and nothing is shown: that is no pass.
#[test]
fn a_server_that_refuses_everything_passes_no_scenario() {
    std::thread::scope(|scope| {
        for info in scenarios::list() {
            scope.spawn(move || {
                let report = played(info.name, Bug::RefusesEverything).report;
                assert_eq!(report.verdict(), Verdict::Fail, "{}\n{}", info.name, report.render_table());
            });
        }
    });
}

#[test]
fn somebody_elses_admission_that_is_let_through_is_found() {
    let report = played("backdoor_race", Bug::StolenAdmissionAccepted).report;
    assert!(report.violated().contains(&"D1"), "{}", report.render_table());
    let examples = report.counter_examples("D1");
    assert!(examples.iter().any(|example| example.contains("with somebody else's admission")), "{examples:?}");
}

#[test]
fn the_same_seed_asks_the_same_and_ends_alike() {
    std::thread::scope(|scope| {
        let runs = [(); 2].map(|()| scope.spawn(|| passes("queue_fairness")));
        let [one, two] = runs.map(|run| run.join().expect("a run"));
        assert_eq!(one.plan_sha256(), two.plan_sha256());
        assert_eq!(one.held(), two.held());
    });
}
