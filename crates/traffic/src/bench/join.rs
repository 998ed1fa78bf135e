//! First joins of a short line: each is answered after its commit has been synced.

use anyhow::ensure;
use serde_json::json;

use super::Bench;
use super::goals::Goal;
use super::organiser::{Organiser, Sale};
use super::report::{Compared, Report};
use super::requests::Shown;
use super::shuffle::Dice;

/// Joins share a commit with those that come meanwhile: a rush has many under way.
pub(super) const CONNECTIONS: usize = 256;
const LIMIT: f64 = 2.5;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = bench.product("join")?;
    let organiser = Organiser::of(&server);
    // One more than a round needs: the first answer tells how long they are.
    let mut sessions = organiser.sessions(bench.sizes.sessions + 1)?;
    let probe = organiser.sale(&terms(1))?;
    let mut body_bytes = 0;
    let first = Sale::requests("POST", &probe.join(), sessions.pop().iter().map(|session| Shown::Session(session)));
    organiser.send_all(&first, |_, body| {
        body_bytes = body.len();
        Ok(())
    })?;
    let bare = bench.bare(body_bytes)?;

    let mut dice = Dice::new(bench.seed);
    let (mut pairs, mut slowest) = (Vec::new(), Worst::default());
    for round in 0..bench.sizes.rounds {
        let sale = organiser.sale(&terms(sessions.len()))?;
        dice.shuffle(&mut sessions);
        let requests = Sale::requests("POST", &sale.join(), sessions.iter().map(|session| Shown::Session(session)));
        let mut first_joins = 0;
        pairs.push(bench.pair(round, &bare, CONNECTIONS, || {
            bench.window(&server, CONNECTIONS, &requests, 1, |_, status, _| first_joins += usize::from(status == 201))
        })?);
        ensure!(first_joins == sessions.len(), "{first_joins} of {} joins were first ones", sessions.len());
        slowest = slowest.or(Worst::of(&organiser, &sale)?);
    }
    let compared = Compared { name: "first join, line of 10,000", connections: CONNECTIONS, body_bytes, pairs };
    let ratio = report.compared(compared).cpu_ratio().median;
    report.fact("worst batch, line of 10,000", slowest.text());
    report.goal(Goal::at_most("first join, line of up to 10,000", ratio, LIMIT, "x bare CPU"));
    server.stop(&bench.clock)
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

    fn or(self, other: Self) -> Self {
        if other.seconds > self.seconds { other } else { self }
    }

    pub(super) fn text(self) -> String {
        format!("{} people, {:.1} ms from its start to its answer", self.people, self.seconds * 1000.0)
    }
}
