//! Purchases on PostgreSQL: what they cost, and how many statements the server gets for one.

use super::super::Bench;
use super::super::organiser::Organiser;
use super::super::postgres::Postgres;
use super::super::program::Program;
use super::super::report::Report;
use super::super::requests::Requests;
use super::super::sample::Sample;
use super::super::shop::{self, Shop};
use super::{beside, start, us_each};

/// Statements that the node has sent for its verbs and queries.
pub(super) fn so_far(organiser: &Organiser) -> anyhow::Result<f64> {
    organiser.counter("traffic_store_statements_total")
}

pub(super) fn measure(bench: &Bench, postgres: &Postgres, report: &mut Report) -> anyhow::Result<()> {
    let database = postgres.database("shop")?;
    let server = start(bench, "cluster-shop", &database.url, None)?;
    let organiser = Organiser::of(&server);
    let sessions = organiser.sessions(2 * bench.sizes.shoppers)?;
    let shop = Shop::open(bench, &organiser, &sessions)?;
    let window = |requests: &Requests, keep: &mut dyn FnMut(usize, &[u8])| {
        Window::take(bench, postgres, &server, requests, keep)
    };
    let mut bodies: Vec<Vec<u8>> = vec![Vec::new(); sessions.len()];
    let holds = window(&shop.holds(0..sessions.len()), &mut |number, body| bodies[number] = body.to_vec())?;
    report.fact("hold of two seats on PostgreSQL", holds.text());
    let bodies: Vec<String> = bodies.iter().map(|body| shop::hold_id(body)).collect::<Result<_, _>>()?;
    let checkouts = window(&shop.checkouts(&bodies), &mut |_, _| {})?;
    report.fact("checkout of two seats on PostgreSQL", checkouts.text());
    shop.check_sold(&organiser, sessions.len())?;
    server.stop(&bench.clock)
}

/// One kind of request, with what it costs the database server.
struct Window {
    sample: Sample,
    engine_us: f64,
    statements: f64,
}

impl Window {
    fn take(
        bench: &Bench,
        postgres: &Postgres,
        server: &Program,
        requests: &Requests,
        keep: &mut dyn FnMut(usize, &[u8]),
    ) -> anyhow::Result<Self> {
        let organiser = Organiser::of(server);
        let before = so_far(&organiser)?;
        let (sample, cpu) = beside(postgres, || {
            bench.window(server, shop::CONNECTIONS, requests, 1, |number, _, body| keep(number, body))
        })?;
        let statements = so_far(&organiser)? - before;
        let each = sample.requests.max(1) as f64;
        Ok(Self { engine_us: us_each(cpu, sample.requests), statements: statements / each, sample })
    }

    fn text(&self) -> String {
        format!(
            "{:.1} statements, {:.0}/s, {:.0} us in the node, {:.0} us in PostgreSQL",
            self.statements,
            self.sample.per_sec(),
            self.sample.cpu_us(),
            self.engine_us
        )
    }
}
