//! Who keeps the server busy until it is killed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::journey::fan::{Fan, Seen, Trouble};
use crate::process::{Line, Server};

/// More rows than the writer leaves in its log without writing it back, in two requests.
const CROWD: usize = 9_000;

/// Takes the fans in turn, a request each, until the server is gone or everybody is to be idle. Whoever gets the `last`
/// acknowledgement kills the server.
pub(super) fn buy(server: &Server, pool: &Mutex<Vec<Fan>>, idle: &AtomicBool, round: u64, seen: &Seen, last: u64) {
    let mut line = Line::new(server.address);
    let mut turn = 0;
    while !idle.load(Relaxed) {
        let Some(mut fan) = next(&mut pool.lock().unwrap(), &mut turn, round) else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let answered = fan.step(&mut line, round, seen);
        if seen.acknowledged() >= last {
            server.kill();
        }
        pool.lock().unwrap().push(fan);
        match answered {
            Ok(()) => {}
            Err(Trouble::Cut) => break,
            Err(Trouble::Refused(answer)) => panic!("round {round}: {answer:?}"),
        }
    }
}

/// A fan who has something to do.
fn next(pool: &mut Vec<Fan>, turn: &mut usize, round: u64) -> Option<Fan> {
    let count = pool.len();
    let at = (0..count).map(|step| (*turn + step) % count).find(|at| !pool[*at].rests(round))?;
    *turn = at + 1;
    Some(pool.swap_remove(at))
}

/// Accounts by the thousand, until the server is gone.
pub(super) fn crowd(server: &Server, round: u64) {
    for part in 0.. {
        let body = json!({ "count": CROWD, "prefix": format!("crowd-{round}-{part}") });
        if server.operator("POST", "/v1/admin/accounts/bulk", Some(&body)).is_none() {
            break;
        }
    }
}
