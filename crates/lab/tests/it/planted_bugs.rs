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
    assert_eq!(played.report.files().len(), 3);
    assert!(played.report.files().iter().all(|file| file.starts_with(played.dir.path()) && file.exists()));
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
    each_is_caught(&[Bug::OversellByOne, Bug::LostSale, Bug::SharedHold, Bug::AdmissionNotChecked, Bug::CapOffByOne]);
}

#[test]
fn bugs_of_orders_are_caught() {
    each_is_caught(&[Bug::ForgottenKey, Bug::MoneyMismatch, Bug::ChangedOwner, Bug::TransferAllowed]);
}
