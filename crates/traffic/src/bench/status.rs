//! Polls of people who wait: the request that there is most of.

use anyhow::ensure;
use serde_json::json;

use super::Bench;
use super::goals::Goal;
use super::organiser::{Organiser, Sale};
use super::report::{Compared, Report};
use super::requests::Shown;
use super::shuffle::Dice;

const CONNECTIONS: usize = 64;
/// The line moves meanwhile, so that every answer holds an estimate; those who are called never poll.
const CALLED_PER_MINUTE: usize = 60;
/// Minutes of calls that do not reach who polls.
const MINUTES: usize = 15;
const LIMIT: f64 = 1.5;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = bench.product("status")?;
    let organiser = Organiser::of(&server);
    let sale = organiser.sale(&json!({ "admit_per_minute": CALLED_PER_MINUTE }))?;
    let ahead = CALLED_PER_MINUTE * MINUTES;
    let mut sessions = organiser.sessions(ahead + bench.sizes.sessions)?;
    let mut polling = sessions.split_off(ahead);
    organiser.line_up(&sale, &sessions)?;
    organiser.line_up(&sale, &polling)?;

    Dice::new(bench.seed).shuffle(&mut polling);
    let requests = Sale::requests("GET", &sale.status(), polling.iter().map(|session| Shown::Session(session)));
    let mut body_bytes = 0;
    organiser.send_all(&requests, |_, body| {
        body_bytes += body.len();
        Ok(())
    })?;
    let body_bytes = body_bytes / requests.len().max(1);
    let bare = bench.bare(body_bytes)?;
    let mut pairs = Vec::new();
    for round in 0..bench.sizes.rounds {
        pairs.push(bench.pair(round, &bare, CONNECTIONS, || {
            bench.window(&server, CONNECTIONS, &requests, bench.sizes.polls, |_, _, _| {})
        })?);
    }
    // Whoever had been called would have written, which is another measure.
    organiser.send_all(&requests, |_, body| {
        let waits = String::from_utf8_lossy(body).contains("\"state\":\"waiting\"");
        ensure!(waits, "the line moved past people who poll: {}", String::from_utf8_lossy(body));
        Ok(())
    })?;
    let compared = Compared { name: "status poll", connections: CONNECTIONS, body_bytes, pairs };
    let ratio = report.compared(compared).cpu_ratio().median;
    report.goal(Goal::at_most("status poll", ratio, LIMIT, "x bare CPU"));
    server.stop(&bench.clock)
}
