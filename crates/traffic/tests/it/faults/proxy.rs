//! The network between one node and the database: answers that never come back, late ones, and silence in one direction.

use std::time::Duration;

use testbed::{Flow, Way};

use super::Fault;
use super::cluster::Road;
use crate::process::wait_for;

/// The answer to a COMMIT.
const DONE: &[u8] = b"COMMIT\0";
const LATE: Duration = Duration::from_millis(25);

fn network(name: &'static str) -> Fault {
    Fault { road: Road::FirstThroughProxy, ..Fault::new(name) }
}

#[test]
fn the_answer_to_a_commit_is_cut_off() {
    network("cut after COMMIT").run(|cluster, crowd| {
        for _ in 0..5 {
            let cut = cluster.proxy.replies_cut();
            cluster.proxy.cut_reply(b"", DONE);
            wait_for("an answer to be cut off", || cluster.proxy.replies_cut() > cut);
        }
        crowd.goes_on(super::SOME);
        // And all connections at once.
        cluster.proxy.cut();
    });
}

#[test]
fn the_database_answers_late() {
    let fault = Fault { leaves_unknown: None, ..network("late answers") };
    fault.run(|cluster, crowd| {
        let way = if crowd.below(2) == 0 { Way::ToClient } else { Way::ToServer };
        cluster.proxy.set(way, Flow::Delay(LATE));
        crowd.goes_on(super::SOME);
        cluster.proxy.set(way, Flow::Pass);
    });
}

#[test]
fn one_direction_falls_silent() {
    // Where nobody happens to be in a COMMIT nothing is unknown: the node's numbers show that it was struck.
    let fault = Fault { leaves_unknown: None, ..network("silence in one direction") };
    fault.run(|cluster, crowd| {
        let way = if crowd.below(2) == 0 { Way::ToClient } else { Way::ToServer };
        cluster.proxy.set(way, Flow::Lose);
        wait_for("the first node to hear nothing", || !cluster.nodes[0].is_well());
        // The other node goes on meanwhile, for those who find it.
        crowd.goes_on(super::SOME / 5);
        crowd.for_a_while(2_000);
        cluster.proxy.set(way, Flow::Pass);
    });
}
