//! EIO from the k-th sync on, and from every sync of the database file: the disk has lost what it was given.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Shop, must_run, ready};
use crate::crash::fan::{Fan, Trouble};
use crate::process::{Line, Server};

/// What the program answers when its storage has failed.
const EXIT_STORAGE: i32 = 3;
const BUYERS: usize = 4;

/// Runs the program so that syncs fail as `when` says, those of `only` this file if it is given.
fn spawn_failing(data: &Path, trace: &Path, when: &str, only: Option<&Path>) -> Server {
    must_run(&["strace", "-f", "-o", "/dev/null", "true"], "failing syncs are made with strace, which needs ptrace");
    let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}");
    let trace = trace.display().to_string();
    let mut words = vec!["strace", "-f", "-ttt", "-o", &trace, "-e", "trace=fsync,fdatasync", "-e", &inject];
    let only = only.map(|path| path.canonicalize().unwrap().display().to_string());
    if let Some(path) = &only {
        words.extend(["-P", path]);
    }
    Server::spawn_under(&words, data)
}

/// Since 1970, when the first sync failed.
fn first_failure(trace: &Path) -> Duration {
    let trace = fs::read_to_string(trace).unwrap();
    let line =
        trace.lines().find(|line| line.contains("(INJECTED)")).unwrap_or_else(|| panic!("no sync failed:\n{trace}"));
    Duration::from_secs_f64(line.split_whitespace().nth(1).unwrap().parse().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "compared with the times that strace writes")]
fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Everybody buys until the server is gone; when the requests were sent that were acknowledged.
fn buy_until_it_ends(shop: &mut Shop, server: &Server) -> Vec<Duration> {
    let (pool, acknowledged) = (Mutex::new(std::mem::take(&mut shop.fans)), Mutex::new(Vec::new()));
    let seen = &shop.seen;
    thread::scope(|scope| {
        for _ in 0..BUYERS {
            scope.spawn(|| {
                let mut line = Line::new(server.address);
                while server.exited().is_none() {
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
