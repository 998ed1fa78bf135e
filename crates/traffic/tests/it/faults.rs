//! Faults under a cluster: the real program on two nodes and workers, with PostgreSQL, Redis and the network failing under
//! fans who go on with the same keys elsewhere. Each run is judged by the lab's checkers and by what the fans were told.
//!
//! TRAFFIC_FAULT_ROUNDS is how often each fault strikes in one run; TRAFFIC_FAULT_SEED draws when.

mod cluster;
mod crowd;
mod proxy;
mod redis;
mod tally;
mod tap;
mod workers;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use cluster::{Cluster, Road};
use crowd::Crowd;

use crate::process::{number_from_env, wait_for};

const ROUNDS: u64 = 2;
const SEED: u64 = 1;
/// A thousand a second: nobody waits for long.
const AT_ONCE: u32 = 60_000;
/// Writes that were acknowledged, before the next fault strikes.
const SOME: u64 = 100;

/// A cluster, its fans, and what is to be done to it.
struct Fault {
    name: &'static str,
    road: Road,
    workers: usize,
    admit_per_minute: u32,
    settings: Vec<String>,
    /// Whether it leaves outcomes unknown, where that is certain: a fault that never struck proves nothing.
    leaves_unknown: Option<bool>,
}

impl Fault {
    fn new(name: &'static str) -> Self {
        let (road, settings) = (Road::Straight, Vec::new());
        Self { name, road, workers: 1, admit_per_minute: AT_ONCE, settings, leaves_unknown: Some(true) }
    }

    /// `strike` is called once a round, while the fans are busy.
    fn run(self, mut strike: impl FnMut(&mut Cluster, &Crowd)) {
        let rounds = number_from_env("TRAFFIC_FAULT_ROUNDS").unwrap_or(ROUNDS);
        let seed = number_from_env("TRAFFIC_FAULT_SEED").unwrap_or(SEED);
        let mut cluster = Cluster::start(self.road, self.workers, &self.settings);
        let crowd = Crowd::new(&cluster, self.admit_per_minute, rounds, seed);
        let mut healing = Duration::ZERO;
        crowd.while_busy(cluster.addresses(), || {
            for _ in 0..rounds {
                crowd.goes_on(SOME);
                strike(&mut cluster, &crowd);
                healing = healing.max(cluster.heals());
            }
            crowd.goes_on(SOME);
        });
        crowd.finish(&cluster);
        crowd.judge(&cluster);
        cluster.stop();
        let tally = crowd.ledger.tally.lock().unwrap();
        println!(
            "{}, {rounds} rounds, seed {seed}: {tally}; {} orders; both nodes heard the database again within {} ms",
            self.name,
            crowd.seen.orders.load(Relaxed),
            healing.as_millis(),
        );
        assert_eq!(tally.unresolved(), 0);
        let leaves_unknown = tally.unknown() > 0;
        assert_eq!(leaves_unknown, self.leaves_unknown.unwrap_or(leaves_unknown), "{tally}");
    }
}

#[test]
fn postgresql_stops_at_once_and_starts_again() {
    Fault::new("PostgreSQL stopped").run(|cluster, crowd| {
        cluster.postgres.stop_immediately();
        crowd.for_a_while(2_000);
        cluster.postgres.start_again();
    });
}

/// Every COMMIT waits for a standby that is not there, so that there is always somebody to be ended in it.
#[test]
fn a_backend_is_ended_in_its_commit() {
    Fault::new("backends ended in COMMIT").run(|cluster, crowd| {
        let waits = "from pg_stat_activity where wait_event = 'SyncRep' and backend_type = 'client backend'";
        cluster.sql("alter system set synchronous_standby_names = 'nobody'");
        cluster.sql("select pg_reload_conf()");
        let end = match crowd.below(2) {
            0 => "pg_terminate_backend",
            _ => "pg_cancel_backend",
        };
        for _ in 0..3 {
            wait_for("a commit that waits", || cluster.sql(&format!("select count(*) {waits}")) != "0");
            cluster.sql(&format!("select {end}(pid) {waits}"));
        }
        cluster.sql("alter system reset synchronous_standby_names");
        cluster.sql("select pg_reload_conf()");
    });
}

#[test]
fn a_node_is_killed_and_its_fans_go_on_elsewhere() {
    Fault::new("node killed").run(|cluster, crowd| {
        let node = usize::try_from(crowd.below(2)).unwrap();
        cluster.nodes[node].kill();
        crowd.goes_on(SOME);
        cluster.nodes[node].begin_again();
    });
}
