//! A checker that has never failed is not a check: each planted bug fails exactly the checks meant for it.

use lab::Verdict;

use crate::lab_run::{SHORT, play, play_all};
use crate::mock::Manner;
use crate::mock::bug::Bug;

const ALL_CHECKS: [&str; 18] =
    ["Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7", "Q8", "Q9", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "W1"];

fn each_is_caught(bugs: &[Bug]) {
    for (bug, report) in play_all(bugs) {
        let table = report.render_table();
        assert_eq!(report.violated(), bug.meant(), "{bug:?}\n{table}");
        assert_eq!(report.verdict(), Verdict::Fail, "{bug:?}\n{table}");
        for id in bug.meant() {
            let examples = report.counter_examples(id);
            assert!(!examples.is_empty() && examples.len() <= 5, "{bug:?} {id}");
            assert!(table.contains(&examples[0]), "the counter-example is printed: {bug:?}\n{table}");
        }
    }
}

#[test]
fn a_server_that_keeps_its_promises_passes_with_every_check_exercised() {
    let played = play(Manner::with(Bug::None), &SHORT);
    let report = &played.report;
    let table = report.render_table();
    assert_eq!(report.verdict(), Verdict::Pass, "{table}");
    assert_eq!(report.held(), ALL_CHECKS, "{table}");
    assert_eq!(report.metric("tickets_sold"), Some(70.0), "{table}");
    assert_eq!(report.metric("joined"), Some(70.0), "planned arrivals are sent arrivals\n{table}");
    assert!(table.contains("ended early"), "{table}");
    assert_eq!(played.report.files().len(), 4);
    assert!(played.report.files().iter().all(|file| file.starts_with(played.dir.path()) && file.exists()));
}

/// Too few fans, or too slow a drip, for every probe: what the plan cannot reach blocks nobody.
#[test]
fn a_small_and_a_slow_sale_pass_too() {
    let with = |changes: [(&'static str, &'static str); 2]| {
        let keeps = SHORT.into_iter().filter(move |(name, _)| changes.iter().all(|(changed, _)| changed != name));
        keeps.chain(changes).collect::<Vec<_>>()
    };
    let small = with([("K6_VUS_MAX", "5"), ("K6_TOTAL_SEATS", "5")]);
    let slow = with([("K6_ADMIT_PER_MIN", "60"), ("K6_RAMP_DOWN", "3s")]);
    let nobody = with([("K6_ADMIT_PER_MIN", "1"), ("K6_STEADY", "1s")]);
    std::thread::scope(|scope| {
        for knobs in [small, slow, nobody] {
            scope.spawn(move || {
                let table = play(Manner::with(Bug::None), &knobs).report.render_table();
                assert!(table.contains("\nPASS: "), "{knobs:?}\n{table}");
            });
        }
    });
}

#[test]
fn bugs_of_places_are_caught() {
    each_is_caught(&[
        Bug::DuplicatePosition,
        Bug::SwappedOrder,
        Bug::PositionResetOnRejoin,
        Bug::StatusShowsOtherPosition,
        Bug::RejoinMakesSecondPlace,
        Bug::LostAcknowledgedJoin,
        Bug::GhostEntry,
        Bug::PlaceMovedToTheEnd,
        Bug::RejoinRefused,
        Bug::RefusedJoinKept,
    ]);
}

#[test]
fn bugs_of_calling_are_caught() {
    each_is_caught(&[
        Bug::LastInFirstOut,
        Bug::DoubleRateDrip,
        Bug::DoubleRateDripHidden,
        Bug::PeopleAheadRise,
        Bug::Miscounted,
    ]);
}

#[test]
fn bugs_of_seats_are_caught() {
    each_is_caught(&[
        Bug::OversellByOne,
        Bug::LostSale,
        Bug::SharedHold,
        Bug::RefusedHoldKept,
        Bug::AdmissionNotChecked,
        Bug::ReplayedAdmissionAccepted,
        Bug::ExpiredAdmissionAccepted,
        Bug::CapOffByOne,
    ]);
}

#[test]
fn people_let_in_wrongly_are_seen_in_the_export_alone() {
    let bugs = [
        (Bug::LastInFirstOut, "Q7"),
        (Bug::ReplayedAdmissionAccepted, "S4"),
        (Bug::ExpiredAdmissionAccepted, "S4"),
        (Bug::None, ""),
    ];
    std::thread::scope(|scope| {
        for (bug, id) in bugs {
            scope.spawn(move || {
                let played = play(Manner::with(bug), &SHORT);
                let judged = lab::assert_queue(played.export().as_bytes()).expect("an export");
                assert_eq!(judged.violated().join(" "), id, "{bug:?}\n{}", judged.render());
            });
        }
    });
}

/// No promise is seen broken, and the one in question is not seen kept: that is no pass, and the reason names the check.
#[test]
fn a_server_that_withholds_the_evidence_does_not_pass() {
    let withheld = [
        (Bug::CapNeverSaid, "S5"),
        (Bug::RepeatNeverAnswered, "S6"),
        (Bug::TransferNeverSaid, "S8"),
        (Bug::NoStats, "W1"),
        (Bug::SilentAtTheEnd, "the server did not answer"),
    ];
    let played = play_all(&withheld.map(|(bug, _)| bug));
    for ((bug, report), (_, because)) in played.into_iter().zip(withheld) {
        let table = report.render_table();
        assert_eq!(report.violated(), Vec::<&str>::new(), "{bug:?}\n{table}");
        assert_eq!(report.verdict(), Verdict::Fail, "{bug:?}\n{table}");
        assert!(report.reason().contains(because), "{bug:?}\n{table}");
    }
}

#[test]
fn bugs_of_orders_are_caught() {
    each_is_caught(&[Bug::ForgottenKey, Bug::MoneyMismatch, Bug::ChangedOwner, Bug::TransferAllowed]);
}
