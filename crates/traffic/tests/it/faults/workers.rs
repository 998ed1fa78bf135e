//! Workers that die or freeze: whoever leads next goes on where the row of the drip stands, and nobody is called twice.

use std::thread;
use std::time::Duration;

use super::Fault;
use super::cluster::Cluster;
use crate::process::wait_for;

/// Slow enough that there is a line to be called while workers come and go, and that a call too many would be seen.
const SLOWLY: u32 = 1_800;

fn workers(name: &'static str) -> Fault {
    Fault { workers: 2, admit_per_minute: SLOWLY, leaves_unknown: None, ..Fault::new(name) }
}

fn leader(cluster: &Cluster) -> usize {
    let mut leader = None;
    wait_for("a leader", || {
        leader = cluster.leader();
        leader.is_some()
    });
    leader.expect("just found")
}

#[test]
fn a_worker_is_killed_in_its_tick() {
    workers("worker killed").run(|cluster, crowd| {
        let leader = leader(cluster);
        crowd.for_a_while(400);
        cluster.workers[leader].kill();
        let other = 1 - leader;
        wait_for("the other worker to lead", || cluster.workers[other].leads());
        crowd.goes_on(super::SOME);
        cluster.workers[leader].begin_again();
    });
}

/// Longer than the lease, so that both believe that they lead when the frozen one wakes up.
#[test]
fn two_workers_fight_for_the_lease() {
    workers("two workers").run(|cluster, crowd| {
        let leader = leader(cluster);
        crowd.for_a_while(400);
        let before = epoch(cluster);
        cluster.workers[leader].server().freeze();
        let other = 1 - leader;
        wait_for("the other worker to lead", || cluster.workers[other].leads());
        thread::sleep(Duration::from_millis(500));
        cluster.workers[leader].server().thaw();
        crowd.goes_on(super::SOME);
        // On a machine that is slow for longer than a lease there may be more changes, and each is fenced like the first.
        assert!(epoch(cluster) > before, "somebody else took the lease");
        wait_for("one worker to lead, and the other to know it", || {
            cluster.workers[0].leads() != cluster.workers[1].leads()
        });
    });
}

fn epoch(cluster: &Cluster) -> i64 {
    cluster.sql("select epoch from leases where name = 'worker'").parse().expect("a number")
}
