//! The crash loop: the real program is killed with SIGKILL at random moments, under joins and purchases, while it
//! recovers and while it writes its log back; after each crash everything that was acknowledged is there.
//!
//! One data folder lives through all rounds. The seed draws what happens in which round and when; what the machine does
//! meanwhile is not repeated, so a replay meets the same kind of crash, not the same instruction.

mod buyers;
pub(crate) mod files;
mod replay;

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{panic, thread};

use buyers::{buy, crowd};
use files::Checkpoints;
use replay::Replay;

use crate::journey::book::Book;
use crate::journey::dice::Dice;
use crate::journey::fan::{Fan, Seen};
use crate::process::{Line, Server, number_from_env, wait_for};

const ROUNDS: u64 = 20;
const SEED: u64 = 1;
const BUYERS: usize = 8;
/// A sale is used for so many rounds, and never has more new fans than accounts.
const ROUNDS_PER_SALE: u64 = 5;
const ACCOUNTS_PER_SALE: usize = 750;
/// Newcomers fill up to so many who have something to do.
const BUSY_FANS: usize = 150;
/// Fewer than the busy ones have to get: a fan's last answer may be that of an order left paying.
const ACKNOWLEDGED_AT_MOST: u64 = 80;
/// Enough for everybody, so that nobody's journey ends for want of a seat.
const SEATS: u32 = 1_200;
/// Fans who look at their place after each crash over HTTP; the export shows everybody's.
const LOOKING: usize = 60;

#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Milliseconds after the first acknowledgement of the round.
    AtWork(u64),
    /// At once after so many acknowledgements: what was answered too early is not written yet.
    Acknowledged(u64),
    /// While the log is written back because so many rows are in it.
    FullLog,
    /// While the log is written back because nobody asks for anything any more, after so many milliseconds.
    IdleLog(u64),
}

struct Installation {
    data: PathBuf,
    dice: Dice,
    sales: Vec<String>,
    /// New fans of the last sale.
    newcomers: Vec<Fan>,
    fans: Vec<Fan>,
    seen: Seen,
    at_work: u64,
    recovering: u64,
    in_checkpoint: u64,
    recoveries: Vec<Duration>,
}

impl Installation {
    fn new(data: PathBuf, seed: u64) -> Self {
        Self {
            data,
            dice: Dice(seed),
            sales: Vec::new(),
            newcomers: Vec::new(),
            fans: Vec::new(),
            seen: Seen::default(),
            at_work: 0,
            recovering: 0,
            in_checkpoint: 0,
            recoveries: Vec::new(),
        }
    }

    fn round(&mut self, round: u64) {
        let moment = match round % 5 {
            1 | 2 => Moment::Acknowledged(1 + self.dice.below(ACKNOWLEDGED_AT_MOST)),
            3 => Moment::FullLog,
            4 => Moment::IdleLog(50 + self.dice.below(251)),
            _ => Moment::AtWork(50 + self.dice.below(551)),
        };
        // The first round is killed while it makes the database.
        if round.is_multiple_of(3) {
            (0..=self.dice.below(3)).for_each(|_| self.kill_while_starting());
        }
        let server = self.recover();
        self.check(&server, round);
        if round.is_multiple_of(ROUNDS_PER_SALE) {
            self.open_sale(&server);
        }
        files::age_unpaid_orders(&self.data);
        self.call_in_newcomers(round);
        self.work_until_killed(&server, round, moment);
        let log = server.log();
        assert!(!log.contains("panicked"), "{log}");
        files::check_integrity(&self.data);
        let recovery = self.recoveries.last().unwrap().as_millis();
        println!("round {round}: {moment:?}, recovered in {recovery} ms, {} acknowledged", self.seen.acknowledged());
    }

    fn kill_while_starting(&mut self) {
        let server = Server::spawn(&self.data);
        let delay = Duration::from_millis(self.dice.below(151));
        let ready = thread::scope(|scope| {
            let ready = scope.spawn(|| server.ready());
            thread::sleep(delay);
            assert_eq!(server.kill().signal(), Some(9), "{}", server.log());
            ready.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
        });
        self.recovering += u64::from(ready.is_none());
        if self.data.join("traffic.db").exists() {
            files::check_integrity(&self.data);
        }
    }

    fn recover(&mut self) -> Server {
        let server = Server::spawn(&self.data);
        let recovery = server.ready();
        self.recoveries.push(recovery.unwrap_or_else(|| panic!("it does not start again:\n{}", server.log())));
        server
    }

    /// Holds the rows of the last sale and of another against what fans were told; some fans look for themselves.
    fn check(&mut self, server: &Server, round: u64) {
        let mut sales: HashSet<usize> = HashSet::new();
        if !self.sales.is_empty() {
            sales.extend([self.sales.len() - 1, self.draw(self.sales.len())]);
        }
        for sale in sales {
            self.check_sale(server, round, sale);
        }
        let mut line = Line::new(server.address);
        let start = self.draw(self.fans.len().max(1));
        let looking: Vec<usize> = (0..LOOKING.min(self.fans.len())).map(|at| (start + at) % self.fans.len()).collect();
        for at in looking {
            let fan = &mut self.fans[at];
            if fan.position.is_some() {
                fan.poll(&mut line).unwrap();
                fan.repeat(&mut line, &self.seen).unwrap();
            }
        }
    }

    fn check_sale(&mut self, server: &Server, round: u64, sale: usize) {
        let sale = &self.sales[sale];
        let book = Book::read(&server.export(sale));
        book.is_sound();
        let paying = book.paying();
        for fan in self.fans.iter_mut().filter(|fan| fan.sale == *sale) {
            book.keeps_its_word_to(fan);
            if paying.contains(fan.account.as_str()) {
                // Killed between the two halves of its checkout, if it was not known before.
                fan.paying_since.get_or_insert(round.saturating_sub(1));
            }
        }
    }

    fn draw(&mut self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound as u64)).unwrap()
    }

    fn open_sale(&mut self, server: &Server) {
        let sale = server.open_sale(SEATS);
        let accounts = server.accounts(ACCOUNTS_PER_SALE, &sale);
        let first = self.fans.len() as u64;
        self.newcomers = (first..).zip(accounts).map(|(number, account)| Fan::new(number, &sale, account)).collect();
        self.sales.push(sale);
    }

    /// Those whose last request has had no answer come first: the same request resolves it.
    fn call_in_newcomers(&mut self, round: u64) {
        let busy = self.fans.iter().filter(|fan| !fan.rests(round)).count();
        let coming = BUSY_FANS.saturating_sub(busy).min(self.newcomers.len());
        self.fans.extend(self.newcomers.drain(..coming));
        self.fans.sort_by_key(|fan| !fan.is_in_doubt());
    }

    fn work_until_killed(&mut self, server: &Server, round: u64, moment: Moment) {
        let before = self.seen.acknowledged();
        let checkpoints = Checkpoints::from_now_on(&self.data);
        let (pool, idle) = (Mutex::new(std::mem::take(&mut self.fans)), AtomicBool::new(false));
        let seen = &self.seen;
        let last = match moment {
            Moment::Acknowledged(count) => before + count,
            _ => u64::MAX,
        };
        let buy = || buy(server, &pool, &idle, round, seen, last);
        let in_checkpoint = thread::scope(|scope| {
            let _end = End { server, idle: &idle };
            let buyers: Vec<_> = (0..BUYERS).map(|_| scope.spawn(buy)).collect();
            wait_for("a first acknowledgement", || {
                seen.acknowledged() > before || buyers.iter().all(|b| b.is_finished())
            });
            match moment {
                Moment::Acknowledged(_) => wait_for("acknowledgements", || server.exited().is_some()),
                Moment::AtWork(delay_ms) => thread::sleep(Duration::from_millis(delay_ms)),
                Moment::FullLog => {
                    scope.spawn(|| crowd(server, round));
                    wait_for("a checkpoint", || checkpoints.is_under_way());
                }
                Moment::IdleLog(delay_ms) => {
                    thread::sleep(Duration::from_millis(delay_ms));
                    idle.store(true, Relaxed);
                    wait_for("a checkpoint", || checkpoints.is_under_way());
                }
            }
            let status = server.kill();
            assert_eq!(status.signal(), Some(9), "it ended by itself:\n{}", server.log());
            let in_checkpoint = checkpoints.is_under_way();
            idle.store(true, Relaxed);
            for buyer in buyers {
                buyer.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
            }
            in_checkpoint
        });
        self.fans = pool.into_inner().unwrap();
        self.in_checkpoint += u64::from(in_checkpoint);
        self.at_work += u64::from(!in_checkpoint);
    }

    /// Two more lives: in the first one the last orders get old enough, in the second one they are settled.
    fn settle(&mut self, rounds: u64) {
        let server = self.recover();
        files::age_unpaid_orders(&self.data);
        assert_eq!(server.kill().signal(), Some(9));
        let server = self.recover();
        let paying = || self.sales.iter().any(|sale| !Book::read(&server.export(sale)).paying().is_empty());
        wait_for("the last orders to be settled", || !paying());
        for sale in 0..self.sales.len() {
            self.check_sale(&server, rounds + 1, sale);
            self.accounts_are_there(&server, sale);
        }
        let stopped = server.stop();
        assert!(stopped.success(), "{stopped}: {}", server.log());
        files::check_integrity(&self.data);
    }

    /// An address that is known keeps its account: asking again tells which ones there are.
    fn accounts_are_there(&self, server: &Server, sale: usize) {
        let sale = &self.sales[sale];
        let mut fans: Vec<&Fan> = self.fans.iter().filter(|fan| fan.sale == *sale).collect();
        fans.sort_by_key(|fan| fan.number);
        let known = server.accounts(fans.len(), sale);
        assert!(fans.iter().map(|fan| &fan.account).eq(known.iter().map(|(account, _)| account)), "accounts of {sale}");
    }
}

/// However a round ends, also in a panic: buyers stop when the server is gone.
struct End<'a> {
    server: &'a Server,
    idle: &'a AtomicBool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.server.kill();
        self.idle.store(true, Relaxed);
    }
}

fn run(data: &Path, rounds: u64, seed: u64) -> Installation {
    let mut installation = Installation::new(data.to_owned(), seed);
    for round in 0..rounds {
        let _replay = Replay { seed, round };
        installation.round(round);
    }
    let _replay = Replay { seed, round: rounds };
    installation.settle(rounds);
    installation
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let rounds = number_from_env("TRAFFIC_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = number_from_env("TRAFFIC_CRASH_SEED").unwrap_or(SEED);
    let folder = tempfile::tempdir().unwrap();
    let mut done = run(&folder.path().join("data"), rounds, seed);

    done.recoveries.sort();
    let (median, most) = (done.recoveries[done.recoveries.len() / 2], *done.recoveries.last().unwrap());
    println!(
        "{rounds} rounds, seed {seed}; kills: {} at work, {} while recovering, {} in a checkpoint",
        done.at_work, done.recovering, done.in_checkpoint
    );
    println!("{:?}", done.seen);
    println!("recovery: median {} ms, longest {} ms", median.as_millis(), most.as_millis());

    let seen = &done.seen;
    if rounds >= ROUNDS {
        for (what, count) in [
            ("joins", &seen.joins),
            ("holds", &seen.holds),
            ("orders", &seen.orders),
            ("declined payments", &seen.declines),
            ("orders left paying", &seen.left_paying),
            ("orders settled after a crash", &seen.settled),
            ("answers cut off", &seen.cut),
            ("cut answers resolved by a repeat", &seen.resolved),
            ("repeats", &seen.repeats),
        ] {
            assert!(count.load(Relaxed) > 0, "the loop has seen no {what}");
        }
        assert!(done.at_work > 0 && done.recovering > 0 && done.in_checkpoint > 0, "a kind of kill never happened");
    }
    if let Some(limit_ms) = number_from_env("TRAFFIC_CRASH_RECOVERY_MAX_MS") {
        assert!(most < Duration::from_millis(limit_ms), "a recovery took {} ms", most.as_millis());
    }
}
