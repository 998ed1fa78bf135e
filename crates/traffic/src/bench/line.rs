//! A line of a million: joins at its end, the memory of each who waits, and how long a start takes.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use domain::{AccountId, Clock as _, Timestamp};
use server::config::Secret;
use server::keys::Keys;
use server::session;
use uuid::Uuid;

use super::Bench;
use super::goals::Goal;
use super::join::{Worst, terms};
use super::organiser::{Organiser, Sale};
use super::program::Program;
use super::report::{Compared, Report};
use super::requests::{Requests, Shown};
use super::sample::Spread;
use super::shuffle::Dice;

/// A batch is at most what is under way. At this length each row dirties a page of its own, and only large batches
/// share the cost of the sync.
const CONNECTIONS: usize = 512;
/// Requests written out at a time: 16 MB.
const PART: usize = 50_000;
/// The writer writes its log back after a second without work.
const SETTLE: Duration = Duration::from_millis(2_500);
const SESSION_SEC: i64 = 86_400;

const JOIN_CPU: f64 = 4.0;
const JOIN_RATE: f64 = 0.5;
const BYTES_PER_ENTRY: f64 = 150.0;
const RESTART_SEC: f64 = 3.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let sizes = bench.sizes;
    let folder = bench.folder("line")?;
    let (server, _) = bench.start(&folder)?;
    let organiser = Organiser::of(&server);
    let crowd = Crowd::new(bench, sizes.line + sizes.rounds * sizes.late);
    let sale = organiser.sale(&terms(crowd.numbers.len()))?;
    bench.rest(SETTLE);
    let empty_bytes = server.resident_bytes()?;

    let body_bytes = fill(bench, &server, &sale, &crowd, report)?;
    report.fact("worst batch while the line grew", Worst::of(&organiser, &sale)?.text());
    bench.rest(SETTLE);
    let live_bytes = server.resident_bytes()?;
    let (server, restarted_bytes) = restart(bench, server, &folder, report)?;
    memory(sizes.line, empty_bytes, live_bytes, restarted_bytes, report);
    late_joins(bench, &server, &sale, &crowd, body_bytes, report)?;
    server.stop(&bench.clock)
}

/// Accounts in a drawn order. Their ids are as the server makes them, ascending by time: joins in that order would only
/// ever touch the right edge of the index, and hide what it costs.
struct Crowd {
    numbers: Vec<u32>,
    keys: Keys,
    expires_at: Timestamp,
}

impl Crowd {
    fn new(bench: &Bench, people: usize) -> Self {
        let mut numbers: Vec<u32> = (0..).take(people).collect();
        Dice::new(bench.seed).shuffle(&mut numbers);
        let keys = Keys::derive(&Secret::new(bench.secret.as_str()), None);
        Self { numbers, keys, expires_at: bench.clock.wall().plus_sec(SESSION_SEC) }
    }

    /// Joins of those who stand at these places in the drawn order.
    fn joins(&self, sale: &Sale, places: std::ops::Range<usize>) -> Requests {
        let path = sale.join();
        let mut requests = Requests::default();
        for number in &self.numbers[places] {
            let session = session::mint(&self.keys, account(*number), self.expires_at);
            requests.push("POST", &path, Shown::Session(&session), "");
        }
        requests
    }
}

/// A UUID v7 whose time is the number's millisecond.
fn account(number: u32) -> AccountId {
    AccountId(Uuid::from_u128((u128::from(number) + 0x0199_0000_0000) << 80 | 0x7000_8000_0000_0000_0000))
}

/// Joins until the line has its length. Returns how long the last answer was.
fn fill(bench: &Bench, server: &Program, sale: &Sale, crowd: &Crowd, report: &mut Report) -> anyhow::Result<usize> {
    let line = bench.sizes.line;
    let (mut took, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let mut body_bytes = 0;
    for start in (0..line).step_by(PART) {
        let requests = crowd.joins(sale, start..(start + PART).min(line));
        let sample = bench.window(server, CONNECTIONS, &requests, 1, |_, _, body| body_bytes = body.len())?;
        (took, cpu) = (took + sample.took, cpu + sample.server_cpu);
    }
    let rate = line as f64 / took.as_secs_f64().max(f64::EPSILON);
    let text = format!(
        "{line} durable joins in {:.1} s: {rate:.0}/s, {:.2} us of CPU each",
        took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / line as f64
    );
    report.fact("growing the line", text);
    Ok(body_bytes)
}

/// Ends the server and starts it again, the first time after a crash. Returns the last one and its memory.
fn restart(bench: &Bench, server: Program, folder: &Path, report: &mut Report) -> anyhow::Result<(Program, u64)> {
    server.kill();
    let (mut server, crashed) = bench.start(folder)?;
    let (mut took, cpu) = (vec![crashed.as_secs_f64()], server.cpu()?);
    for _ in 1..bench.sizes.restarts {
        server.stop(&bench.clock)?;
        let again;
        (server, again) = bench.start(folder)?;
        took.push(again.as_secs_f64());
    }
    let bytes = server.resident_bytes()?;
    let spread = Spread::of(took.iter().copied());
    let text = format!(
        "{:.2} s after kill -9 ({:.2} s of CPU), median of all {} starts {:.2} s, longest {:.2} s",
        crashed.as_secs_f64(),
        cpu.as_secs_f64(),
        took.len(),
        spread.median,
        spread.max
    );
    report.fact("restart with the whole line", text);
    report.goal(Goal::at_most("restart with 1,000,000 entries, the longest", spread.max, RESTART_SEC, "s"));
    Ok((server, bytes))
}

fn memory(line: usize, empty: u64, live: u64, restarted: u64, report: &mut Report) {
    let each = |bytes: u64| bytes.saturating_sub(empty) as f64 / line as f64;
    let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
    let text = format!(
        "{:.0} MiB empty, {:.0} MiB with the line ({:.0} bytes an entry), {:.0} MiB after a restart ({:.0} bytes)",
        mib(empty),
        mib(live),
        each(live),
        mib(restarted),
        each(restarted)
    );
    report.fact("resident memory", text);
    let worse = each(live.max(restarted));
    report.goal(Goal::at_most("resident memory of a waiting entry", worse, BYTES_PER_ENTRY, "bytes"));
}

/// Rounds of newcomers at the end of the long line.
fn late_joins(
    bench: &Bench,
    server: &Program,
    sale: &Sale,
    crowd: &Crowd,
    body_bytes: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let bare = bench.bare(body_bytes)?;
    let late = bench.sizes.late;
    let mut pairs = Vec::new();
    for round in 0..bench.sizes.rounds {
        let start = bench.sizes.line + round * late;
        let requests = crowd.joins(sale, start..start + late);
        let mut first_joins = 0;
        pairs.push(bench.pair(round, &bare, CONNECTIONS, || {
            bench.window(server, CONNECTIONS, &requests, 1, |_, status, _| first_joins += usize::from(status == 201))
        })?);
        ensure!(first_joins == late, "{first_joins} of {late} joins were first ones");
    }
    let compared = Compared::beside_bare("first join, line of 1,000,000", CONNECTIONS, body_bytes, pairs);
    let compared = report.compared(compared);
    let (cpu, rate) = (compared.cpu_ratio().median, compared.rate_ratio().median);
    report.fact("worst batch, line of 1,000,000", Worst::of(&Organiser::of(server), sale)?.text());
    report.goal(Goal::at_most("first join, line of 1,000,000", cpu, JOIN_CPU, "x bare CPU"));
    report.goal(Goal::at_least("first join, line of 1,000,000", rate, JOIN_RATE, "x bare requests/s"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_ids_of_version_7_that_ascend_with_their_number() {
        let ids: Vec<AccountId> = [0, 1, 2, 1_000_000, u32::MAX].map(account).to_vec();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(ids.iter().all(|id| id.0.get_version_num() == 7));
    }
}
