//! Holding seats and paying for them, by people who are inside.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::goals::Goal;
use super::organiser::{Organiser, Sale};
use super::program::Program;
use super::report::{Compared, Report};
use super::requests::{Requests, Shown};
use super::sample::{Pair, Sample};
use super::shuffle::Dice;

/// As for joins: holds and payments of a rush share their commits too.
pub(super) const CONNECTIONS: usize = 256;
const SEATS_PER_HOLD: usize = 2;
/// The fastest drip: everybody is inside after a moment.
const CALLED_PER_MINUTE: usize = 1_000_000;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A minute of looking: longer than any drip takes.
const LOOKS: usize = 1_200;

const HOLD_KNOWN: f64 = 8.0;
const HOLD_NEW: f64 = 15.0;
const CHECKOUT: f64 = 20.0;

/// The three requests that are measured.
struct Rounds {
    /// With an admission that this node has verified before.
    known: Vec<Pair>,
    /// At first sight: the signature is checked.
    new: Vec<Pair>,
    checkout: Vec<Pair>,
}

/// A bare handler for each of the two sizes of answers.
struct Yardsticks {
    hold: (Program, usize),
    checkout: (Program, usize),
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let server = bench.product("shop")?;
    let organiser = Organiser::of(&server);
    let mut sessions = organiser.sessions(2 * bench.sizes.shoppers)?;
    let yardsticks = Yardsticks::new(bench, &organiser, &sessions[..1])?;
    let mut dice = Dice::new(bench.seed);
    let mut rounds = Rounds { known: Vec::new(), new: Vec::new(), checkout: Vec::new() };
    for round in 0..bench.sizes.rounds {
        dice.shuffle(&mut sessions);
        let shop = Shop::open(bench, &organiser, &sessions)?;
        rounds.measure(round, bench, &server, &shop, &yardsticks)?;
    }
    rounds.report(&yardsticks, report);
    server.stop(&bench.clock)
}

impl Yardsticks {
    /// One fan buys, so that it is known how long the answers are.
    fn new(bench: &Bench, organiser: &Organiser, session: &[String]) -> anyhow::Result<Self> {
        let shop = Shop::open(bench, organiser, session)?;
        let (mut hold_bytes, mut checkout_bytes, mut holds) = (0, 0, Vec::new());
        organiser.send_all(&shop.holds(0..1), |_, body| {
            hold_bytes = body.len();
            holds.push(hold_id(body)?);
            Ok(())
        })?;
        organiser.send_all(&shop.checkouts(&holds), |_, body| {
            checkout_bytes = body.len();
            Ok(())
        })?;
        Ok(Self {
            hold: (bench.bare(hold_bytes)?, hold_bytes),
            checkout: (bench.bare(checkout_bytes)?, checkout_bytes),
        })
    }
}

impl Rounds {
    fn measure(
        &mut self,
        round: usize,
        bench: &Bench,
        server: &Program,
        shop: &Shop,
        yardsticks: &Yardsticks,
    ) -> anyhow::Result<()> {
        let half = shop.admissions.len() / 2;
        shop.show_admissions(&Organiser::of(server), 0..half)?;
        let mut holds: Vec<Vec<u8>> = vec![Vec::new(); 2 * half];
        let window = |requests: &Requests, keep: &mut [Vec<u8>]| -> anyhow::Result<Sample> {
            bench.window(server, CONNECTIONS, requests, 1, |number, _, body| keep[number] = body.to_vec())
        };
        for (part, pairs) in [(0..half, &mut self.known), (half..2 * half, &mut self.new)] {
            let requests = shop.holds(part.clone());
            let keep = &mut holds[part];
            pairs.push(bench.pair(round, &yardsticks.hold.0, CONNECTIONS, || window(&requests, keep))?);
        }
        let holds: Vec<String> = holds.iter().map(|body| hold_id(body)).collect::<Result<_, _>>()?;
        let requests = shop.checkouts(&holds);
        let mut confirmed = 0;
        self.checkout.push(bench.pair(round, &yardsticks.checkout.0, CONNECTIONS, || {
            bench.window(server, CONNECTIONS, &requests, 1, |_, _, _| confirmed += 1)
        })?);
        shop.check_sold(&Organiser::of(server), confirmed)
    }

    fn report(self, yardsticks: &Yardsticks, report: &mut Report) {
        let [hold_bytes, checkout_bytes] = [yardsticks.hold.1, yardsticks.checkout.1];
        let mut ratio = |name, body_bytes, pairs| {
            report.compared(Compared::beside_bare(name, CONNECTIONS, body_bytes, pairs)).cpu_ratio().median
        };
        let known = ratio("hold of two seats, admission verified before", hold_bytes, self.known);
        let new = ratio("hold of two seats, admission at first sight", hold_bytes, self.new);
        let checkout = ratio("checkout of two seats", checkout_bytes, self.checkout);
        report.fact("hold and checkout together", format!("{:.2} x the CPU of one bare request", known + checkout));
        report.goal(Goal::at_most("hold, admission verified before", known, HOLD_KNOWN, "x bare CPU"));
        report.goal(Goal::at_most("hold, admission at first sight", new, HOLD_NEW, "x bare CPU"));
        report.goal(Goal::at_most("checkout", checkout, CHECKOUT, "x bare CPU"));
    }
}

/// A sale with everybody inside.
pub(super) struct Shop {
    sale: Sale,
    pub(super) admissions: Vec<String>,
    /// Public ids, as many as all of them want.
    seats: Vec<String>,
}

impl Shop {
    pub(super) fn open(bench: &Bench, organiser: &Organiser, sessions: &[String]) -> anyhow::Result<Self> {
        let seats = sessions.len() * SEATS_PER_HOLD;
        let sale = organiser.sale(&json!({ "admit_per_minute": CALLED_PER_MINUTE, "total_seats": seats }))?;
        organiser.line_up(&sale, sessions)?;
        let mut all_called = false;
        for _ in 0..LOOKS {
            all_called = organiser.stats(&sale)?["waiting"] == 0;
            if all_called {
                break;
            }
            bench.rest(LOOK_EVERY);
        }
        ensure!(all_called, "not everybody was called within a minute");
        let admissions = admissions(organiser, &sale.status(), sessions)?;
        let hall = organiser.ask("GET", &sale.path("seats"), Shown::Admission(&admissions[sessions.len() - 1]), "")?;
        let seats: Vec<String> = names(&hall["seats"], "id");
        ensure!(seats.len() == sessions.len() * SEATS_PER_HOLD, "the hall has {} seats", seats.len());
        Ok(Self { sale, admissions, seats })
    }

    /// Lets the node verify these admissions.
    fn show_admissions(&self, organiser: &Organiser, who: std::ops::Range<usize>) -> anyhow::Result<()> {
        let path = self.sale.path("seats?status=available&limit=1");
        let fans = self.admissions[who].iter().map(|admission| Shown::Admission(admission));
        organiser.send_all(&Sale::requests("GET", &path, fans), |_, _| Ok(()))
    }

    /// Everybody wants seats of their own.
    pub(super) fn holds(&self, who: std::ops::Range<usize>) -> Requests {
        let path = self.sale.path("holds");
        let mut requests = Requests::default();
        for fan in who {
            let seats = &self.seats[fan * SEATS_PER_HOLD..(fan + 1) * SEATS_PER_HOLD];
            let body = json!({ "seat_ids": seats, "idempotency_key": format!("hold-{fan}") }).to_string();
            requests.push("POST", &path, Shown::Admission(&self.admissions[fan]), &body);
        }
        requests
    }

    pub(super) fn checkouts(&self, holds: &[String]) -> Requests {
        let path = self.sale.path("checkout");
        let mut requests = Requests::default();
        for (fan, hold) in holds.iter().enumerate() {
            let body = json!({ "hold_id": hold, "idempotency_key": format!("buy-{fan}") }).to_string();
            requests.push("POST", &path, Shown::Admission(&self.admissions[fan]), &body);
        }
        requests
    }

    /// What was answered was done.
    pub(super) fn check_sold(&self, organiser: &Organiser, orders: usize) -> anyhow::Result<()> {
        let stats = organiser.stats(&self.sale)?;
        let sold = stats["tickets_sold"].as_u64();
        let wanted = (orders * SEATS_PER_HOLD) as u64;
        ensure!(sold == Some(wanted), "{orders} orders were confirmed, and {sold:?} tickets are sold, not {wanted}");
        Ok(())
    }
}

/// The token of each, in order; asking for it is going in.
fn admissions(organiser: &Organiser, path: &str, sessions: &[String]) -> anyhow::Result<Vec<String>> {
    let requests = Sale::requests("GET", path, sessions.iter().map(|session| Shown::Session(session)));
    let mut admissions = vec![String::new(); sessions.len()];
    organiser.send_all(&requests, |number, body| {
        let status: Value = serde_json::from_slice(body)?;
        let token = status["admission_token"].as_str().with_context(|| format!("not inside: {status}"))?;
        token.clone_into(&mut admissions[number]);
        Ok(())
    })?;
    Ok(admissions)
}

pub(super) fn hold_id(body: &[u8]) -> anyhow::Result<String> {
    let hold: Value = serde_json::from_slice(body)?;
    Ok(hold["hold_id"].as_str().with_context(|| format!("no hold: {hold}"))?.to_owned())
}

fn names(list: &Value, member: &str) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one[member].as_str().map(str::to_owned)).collect()
}
