//! Polls of people who wait: the request that there is most of.

use anyhow::ensure;
use serde_json::json;

use super::Bench;
use super::goals::Goal;
use super::organiser::{Organiser, Sale};
use super::program::Program;
use super::report::{Compared, Report};
use super::requests::{Requests, Shown};
use super::sample::Sample;
use super::shuffle::Dice;

pub(super) const CONNECTIONS: usize = 64;
/// The line moves meanwhile, so that every answer holds an estimate; those who are called never poll.
const CALLED_PER_MINUTE: usize = 60;
/// Minutes of calls that do not reach who polls.
const MINUTES: usize = 15;
const LIMIT: f64 = 1.5;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let polls = Polls::prepare(bench, bench.product("status")?)?;
    let bare = bench.bare(polls.body_bytes)?;
    let mut pairs = Vec::new();
    for round in 0..bench.sizes.rounds {
        pairs.push(bench.pair(round, &bare, CONNECTIONS, || polls.window(bench))?);
    }
    let body_bytes = polls.end(bench)?;
    let compared = Compared::beside_bare("status poll", CONNECTIONS, body_bytes, pairs);
    let ratio = report.compared(compared).cpu_ratio().median;
    report.goal(Goal::at_most("status poll", ratio, LIMIT, "x bare CPU"));
    Ok(())
}

/// A server with a line of people who wait, and the polls of those who are not called meanwhile.
pub(super) struct Polls {
    server: Program,
    requests: Requests,
    pub(super) body_bytes: usize,
}

impl Polls {
    pub(super) fn prepare(bench: &Bench, server: Program) -> anyhow::Result<Self> {
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
        Ok(Self { server, requests, body_bytes })
    }

    pub(super) fn window(&self, bench: &Bench) -> anyhow::Result<Sample> {
        bench.window(&self.server, CONNECTIONS, &self.requests, bench.sizes.polls, |_, _, _| {})
    }

    /// Ends the server, once it is sure that all polls were of people who waited. Returns how long the answers were.
    pub(super) fn end(self, bench: &Bench) -> anyhow::Result<usize> {
        // Whoever had been called would have written, which is another measure.
        Organiser::of(&self.server).send_all(&self.requests, |_, body| {
            let waits = String::from_utf8_lossy(body).contains("\"state\":\"waiting\"");
            ensure!(waits, "the line moved past people who poll: {}", String::from_utf8_lossy(body));
            Ok(())
        })?;
        self.server.stop(&bench.clock)?;
        Ok(self.body_bytes)
    }
}
