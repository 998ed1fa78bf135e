//! EIO from the k-th sync on, and from every sync of the database file: the disk has lost what it was given.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Shop, must_run, ready};
use crate::journey::fan::{Fan, Trouble};
use crate::process::{Line, PATIENCE, Server, now};

/// What the program answers when its storage has failed.
const EXIT_STORAGE: i32 = 3;
const BUYERS: usize = 4;

/// Runs the program and notes each sync with its times.
fn spawn_traced(data: &Path, trace: &Path, options: &[&str]) -> Server {
    must_run(
        &["strace", "-f", "-o", "/dev/null", "true"],
        "syncs are traced and failed with strace, which needs ptrace",
    );
    let trace = trace.display().to_string();
    let words = [&["strace", "-f", "-ttt", "-T", "-o", &trace, "-e", "trace=fsync,fdatasync"], options].concat();
    Server::spawn_under(&words, data)
}

/// So that syncs fail as `when` says, those of `only` this file if it is given.
fn spawn_failing(data: &Path, trace: &Path, when: &str, only: Option<&Path>) -> Server {
    let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}");
    let only = only.map(|path| path.canonicalize().unwrap().display().to_string());
    let path: Vec<&str> = only.iter().flat_map(|path| ["-P", path.as_str()]).collect();
    spawn_traced(data, trace, &[&["-e", inject.as_str()], path.as_slice()].concat())
}

/// Since 1970, when the first sync failed.
fn first_failure(trace: &Path) -> Duration {
    let trace = fs::read_to_string(trace).unwrap();
    let line =
        trace.lines().find(|line| line.contains("(INJECTED)")).unwrap_or_else(|| panic!("no sync failed:\n{trace}"));
    seconds(line.split_whitespace().nth(1).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "compared with the times that strace writes")]
fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Since 1970, when each sync began and when it had succeeded.
fn syncs(trace: &Path) -> Vec<(Duration, Duration)> {
    let trace = fs::read_to_string(trace).unwrap();
    let (mut begun, mut done) = (HashMap::new(), Vec::new());
    for line in trace.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [thread, at, ..] = words[..] else { continue };
        let at = seconds(at);
        if line.contains("<unfinished") {
            begun.insert(thread.to_owned(), at);
        } else if line.contains(" = 0 ") {
            let took = seconds(words[words.len() - 1].trim_matches(['<', '>']));
            // A sync that was interrupted by another thread's line ends where it is resumed.
            let resumed = line.contains("resumed").then(|| begun.remove(thread)).flatten();
            done.push(resumed.map_or((at, at + took), |begun| (begun, at)));
        }
    }
    done
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs_f64(text.parse().unwrap())
}

/// Everybody buys until the server is gone; when the requests were sent that were acknowledged.
fn buy_until_it_ends(shop: &mut Shop, server: &Server) -> Vec<Duration> {
    let (pool, acknowledged) = (Mutex::new(std::mem::take(&mut shop.fans)), Mutex::new(Vec::new()));
    let (seen, started) = (&shop.seen, now());
    thread::scope(|scope| {
        for _ in 0..BUYERS {
            scope.spawn(|| {
                let mut line = Line::new(server.address);
                while server.exited().is_none() && started.elapsed() < PATIENCE {
                    let Some(mut fan) = next(&mut pool.lock().unwrap()) else {
                        thread::sleep(Duration::from_millis(1));
                        continue;
                    };
                    let (sent, told) = (wall(), fan.told());
                    match fan.step(&mut line, 0, seen) {
                        Ok(()) | Err(Trouble::Cut) => {}
                        Err(Trouble::Refused(answer)) => assert_eq!(answer.status, 503, "{answer:?}"),
                    }
                    if fan.told() > told {
                        acknowledged.lock().unwrap().push(sent);
                    }
                    pool.lock().unwrap().push(fan);
                }
            });
        }
    });
    shop.fans = pool.into_inner().unwrap();
    acknowledged.into_inner().unwrap()
}

fn next(pool: &mut Vec<Fan>) -> Option<Fan> {
    let at = pool.iter().position(|fan| !fan.rests(0))?;
    Some(pool.remove(at))
}

/// The program stops by itself, has acknowledged nothing that was sent after the failure, and everything else is there.
fn fails_at(shop: &mut Shop, inject: &str, only: Option<&Path>) -> usize {
    let trace = shop.folder.path().join("trace");
    let server = spawn_failing(&shop.data, &trace, inject, only);
    if server.ready().is_none() {
        let (ended, log) = (server.ended(), server.log());
        assert!(!ended.success() && log.contains("the storage failed"), "{ended}: {log}");
        shop.everything_is_there();
        return 0;
    }
    let acknowledged = buy_until_it_ends(shop, &server);
    let ended = server.ended();
    assert_eq!(ended.code(), Some(EXIT_STORAGE), "{}", server.log());
    let failed = first_failure(&trace);
    let late = acknowledged.iter().filter(|sent| **sent > failed).count();
    assert_eq!(late, 0, "acknowledged although it was sent after the first failure");
    shop.everything_is_there();
    acknowledged.len()
}

#[test]
fn a_failed_sync_stops_the_program_and_loses_nothing_acknowledged() {
    let acknowledged: usize = ["1+", "8+", "40+", "90+"].map(|k| fails_at(&mut Shop::new(), k, None)).iter().sum();
    assert!(acknowledged > 100, "{acknowledged} acknowledged before the failures");
}

#[test]
fn every_acknowledgement_waits_for_a_sync() {
    let mut shop = Shop::new();
    let trace = shop.folder.path().join("trace");
    let server = ready(spawn_traced(&shop.data, &trace, &[]));
    let mut line = Line::new(server.address);
    let mut acknowledged = Vec::new();
    let started = now();
    while acknowledged.len() < 100 {
        assert!(started.elapsed() < PATIENCE, "{} acknowledged", acknowledged.len());
        for fan in shop.fans[..60].iter_mut().filter(|fan| !fan.rests(0)) {
            let (sent, told) = (wall(), fan.told());
            fan.step(&mut line, 0, &shop.seen).unwrap();
            if fan.told() > told {
                acknowledged.push((sent, wall()));
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(server.stop_traced().success(), "{}", server.log());
    let syncs = syncs(&trace);
    for (sent, received) in acknowledged {
        let synced = syncs.iter().any(|(begun, done)| *begun >= sent && *done <= received);
        assert!(synced, "sent at {sent:?}, acknowledged at {received:?}, and no sync between");
    }
}

/// Later syncs would succeed again: the kernel has dropped the pages that it could not write, and says so once.
#[test]
fn a_sync_that_fails_once_is_not_tried_again() {
    let acknowledged = fails_at(&mut Shop::new(), "30", None);
    assert!(acknowledged > 0);
}

#[test]
fn a_checkpoint_that_fails_stops_the_program() {
    let mut shop = Shop::new();
    let database = shop.data.join("traffic.db");
    let acknowledged = fails_at(&mut shop, "1+", Some(&database));
    assert!(acknowledged > 0, "commits do not sync the database file");
}

#[test]
fn a_sync_that_fails_while_the_database_is_made_leaves_nothing_half_made() {
    for k in ["1+", "3+", "5+", "8+"] {
        let folder = tempfile::tempdir().unwrap();
        let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
        let server = spawn_failing(&data, &trace, k, None);
        assert!(server.ready().is_none(), "{k}: the first start has too few syncs for this: {}", server.log());
        let (ended, log) = (server.ended(), server.log());
        assert!(!ended.success() && log.contains("the storage failed"), "{k}: {ended}: {log}");
        drop(ready(Server::spawn(&data)));
    }
}
