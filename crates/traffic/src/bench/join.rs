//! First joins of a short line: each is answered after its commit has been synced.

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

/// Joins share a commit with those that come meanwhile: a rush has many under way.
pub(super) const CONNECTIONS: usize = 256;
const LIMIT: f64 = 2.5;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = bench.product("join")?;
    let organiser = Organiser::of(&server);
    let mut crowd = Crowd::new(bench, &organiser)?;
    let body_bytes = crowd.body_bytes;
    let bare = bench.bare(body_bytes)?;
    let (mut pairs, mut slowest) = (Vec::new(), Worst::default());
    for round in 0..bench.sizes.rounds {
        let (sale, requests) = crowd.joins(&organiser)?;
        pairs.push(bench.pair(round, &bare, CONNECTIONS, || first_joins(bench, &server, &requests))?);
        slowest = slowest.or(Worst::of(&organiser, &sale)?);
    }
    let compared = Compared::beside_bare("first join, line of 10,000", CONNECTIONS, body_bytes, pairs);
    let ratio = report.compared(compared).cpu_ratio().median;
    report.fact("worst batch, line of 10,000", slowest.text());
    report.goal(Goal::at_most("first join, line of up to 10,000", ratio, LIMIT, "x bare CPU"));
    server.stop(&bench.clock)
}

/// People with accounts, who join one sale after the other.
pub(super) struct Crowd {
    sessions: Vec<String>,
    dice: Dice,
    /// Of the answer to a join.
    pub(super) body_bytes: usize,
}

impl Crowd {
    pub(super) fn new(bench: &Bench, organiser: &Organiser) -> anyhow::Result<Self> {
        // One more than a round needs: the first answer tells how long they are.
        let mut sessions = organiser.sessions(bench.sizes.sessions + 1)?;
        let probe = organiser.sale(&terms(1))?;
        let mut body_bytes = 0;
        let first = Sale::requests("POST", &probe.join(), sessions.pop().iter().map(|session| Shown::Session(session)));
        organiser.send_all(&first, |_, body| {
            body_bytes = body.len();
            Ok(())
        })?;
        Ok(Self { sessions, dice: Dice::new(bench.seed), body_bytes })
    }

    /// A new sale, and everybody's join into it in a drawn order.
    pub(super) fn joins(&mut self, organiser: &Organiser) -> anyhow::Result<(Sale, Requests)> {
        let sale = organiser.sale(&terms(self.sessions.len()))?;
        self.dice.shuffle(&mut self.sessions);
        let sessions = self.sessions.iter().map(|session| Shown::Session(session));
        let requests = Sale::requests("POST", &sale.join(), sessions);
        Ok((sale, requests))
    }
}

/// One window of joins, each of which must give a new place.
pub(super) fn first_joins(bench: &Bench, server: &Program, requests: &Requests) -> anyhow::Result<Sample> {
    let mut first = 0;
    let keep = |_, status, _: &[u8]| first += usize::from(status == 201);
    let sample = bench.window(server, CONNECTIONS, requests, 1, keep)?;
    ensure!(first == requests.len(), "{first} of {} joins were first ones", requests.len());
    Ok(sample)
}

/// Terms of a line of so many people that stands still.
pub(super) fn terms(people: usize) -> serde_json::Value {
    json!({ "admit_per_minute": 0, "total_seats": 100, "waiting_room_cap": people })
}

/// The batch of joins that took longest, as the server tells it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Worst {
    people: f64,
    seconds: f64,
}

impl Worst {
    pub(super) fn of(organiser: &Organiser, sale: &Sale) -> anyhow::Result<Self> {
        Ok(Self {
            people: organiser.metric("traffic_worst_join_batch_people", sale)?,
            seconds: organiser.metric("traffic_worst_join_batch_seconds", sale)?,
        })
    }

    pub(super) fn or(self, other: Self) -> Self {
        if other.seconds > self.seconds { other } else { self }
    }

    pub(super) fn text(self) -> String {
        format!("{} people, {:.1} ms from its start to its answer", self.people, self.seconds * 1000.0)
    }
}
