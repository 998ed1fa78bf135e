//! Kill -9 in the middle of the work: whatever was acknowledged is there. (It does not test fsync: the page cache
//! survives a killed process.)

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use domain::{AccountId, SaleId};
use store::NoObserver;
use store::load::{Line, Place};
use tempfile::TempDir;
use uuid::Uuid;

use crate::world::{World, position, sqlite_url};

/// Tells the test binary to be the child that is killed.
const CHILD: &str = "TRAFFIC_STORE_CHILD";
/// Acknowledgements that the parent waits for before it kills.
const ENOUGH: usize = 500;

/// Joins for ever, eight at a time, and prints each acknowledgement.
async fn join_until_killed(url: String) {
    let w = Arc::new(World::at(url, Arc::new(NoObserver)).await);
    let sale = w.sale_with(|t| t.waiting_room_cap = 1_000_000).await;
    println!("\nsale {sale}");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let w = Arc::clone(&w);
        tasks.spawn(async move {
            loop {
                let fan = w.fan();
                let joined = w.join(sale, fan).await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "acknowledged {} {fan}", position(joined)).expect("somebody listens");
                out.flush().expect("somebody listens");
            }
        });
    }
    tasks.join_all().await;
}

/// Whoever was told a place has it.
pub(crate) fn every_acknowledged_place_is_there(
    places: &[Place],
    acknowledged: &[(i64, AccountId)],
) -> Result<(), String> {
    let kept: HashMap<AccountId, i64> = places.iter().map(|place| (place.account, place.entry.position)).collect();
    match acknowledged.iter().find(|(position, fan)| kept.get(fan) != Some(position)) {
        Some((position, fan)) => Err(format!("{fan} was told {position} and has {:?}", kept.get(fan))),
        None => Ok(()),
    }
}

/// Where the child keeps its store, in the child.
#[expect(clippy::disallowed_methods, reason = "the child is a test of this binary, told by its parent")]
pub(crate) fn child_url() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Runs one test of this binary as a child and kills it with SIGKILL when `enough` says so of a line, in words.
pub(crate) fn kill_a_child(test: &str, url: &str, mut enough: impl FnMut(&[&str]) -> bool) {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, url)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    // A line that the kill has cut off was not said.
    while out.read_line(&mut line).expect("text") > 0 && line.ends_with('\n') {
        if enough(&line.split_whitespace().collect::<Vec<_>>()) {
            child.kill().expect("SIGKILL");
        }
        line.clear();
    }
    child.wait().expect("the child is gone");
}

/// The child's sale and what it acknowledged before it was killed in the middle of its work.
fn joined_by_a_killed_child(url: &str) -> (SaleId, Vec<(i64, AccountId)>) {
    let (mut sale, mut acknowledged) = (None, Vec::new());
    kill_a_child("crash::every_acknowledged_join_survives_kill_9", url, |words| {
        match words {
            ["sale", id] => sale = Some(id.parse().expect("an id")),
            ["acknowledged", position, fan] => {
                acknowledged.push((position.parse().expect("a number"), fan.parse().expect("an id")));
            }
            _ => {}
        }
        acknowledged.len() == ENOUGH
    });
    (sale.expect("the child made its sale"), acknowledged)
}

#[tokio::test]
async fn every_acknowledged_join_survives_kill_9() {
    if let Some(url) = child_url() {
        return join_until_killed(url).await;
    }
    let folder = TempDir::new().expect("a folder");
    let (sale, acknowledged) = joined_by_a_killed_child(&sqlite_url(&folder));
    assert!(acknowledged.len() >= ENOUGH, "{} acknowledged", acknowledged.len());

    let w = World::at(sqlite_url(&folder), Arc::new(NoObserver)).await;
    let places = w.read(Line { sale, after: 0 }).await;
    assert!((1..).zip(&places).all(|(expected, place)| place.entry.position == expected), "no gap");
    every_acknowledged_place_is_there(&places, &acknowledged).expect("nothing that was acknowledged is lost");
    let next = places.len() as i64 + 1;
    assert_eq!(position(w.join(sale, AccountId(Uuid::max())).await), next, "the line goes on where it was");
}
