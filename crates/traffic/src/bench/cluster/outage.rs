//! Redis is killed while people join: how long they wait then, beside how long they wait when nothing happens.

use std::cell::Cell;
use std::time::Duration;

use anyhow::ensure;
use domain::Clock as _;

use super::super::Bench;
use super::super::generator::Connections;
use super::super::goals::Goal;
use super::super::join::{self, Crowd};
use super::super::organiser::{Organiser, WARM_PATH};
use super::super::program::Program;
use super::super::redis::Redis;
use super::super::report::Report;
use super::super::requests::Requests;
use super::super::sample::Spread;

const P99: f64 = 2.0;
/// Redis is killed when so many of the joins of a window have been answered: one in this many.
const KILLED_AFTER: usize = 10;
/// A node tries again at least every five seconds.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: usize = 300;

pub(super) fn measure(bench: &Bench, server: &Program, redis: &mut Redis, report: &mut Report) -> anyhow::Result<()> {
    let organiser = Organiser::of(server);
    let mut crowd = Crowd::new(bench, &organiser)?;
    let (mut steady, mut killed, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.sizes.rounds {
        let (_, requests) = crowd.joins(&organiser)?;
        let before = window(bench, server, &requests, || Ok(()))?;
        let (_, requests) = crowd.joins(&organiser)?;
        let after = window(bench, server, &requests, || redis.kill())?;
        redis.start_again(&bench.clock)?;
        wait_for_redis(bench, server)?;
        steady.push(before);
        killed.push(after);
        ratios.push(after / before);
    }
    let [steady, killed, ratio] = [steady, killed, ratios].map(Spread::of);
    let text = format!(
        "{:.1} ms with Redis ({:.1} to {:.1}), {:.1} ms after its end ({:.1} to {:.1}); ratio {:.2} ({:.2} to {:.2})",
        steady.median,
        steady.min,
        steady.max,
        killed.median,
        killed.min,
        killed.max,
        ratio.median,
        ratio.min,
        ratio.max
    );
    report.fact("p99 of a join", text);
    report.goal(Goal::at_most("p99 of a join after Redis was killed", ratio.median, P99, "x p99 before"));
    Ok(())
}

/// All joins; the 99th percentile of the time that those took, in milliseconds, which were sent after `event`.
fn window(
    bench: &Bench,
    server: &Program,
    requests: &Requests,
    event: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut open = Connections::open(&server.target, join::CONNECTIONS, WARM_PATH)?;
    let sent: Vec<Cell<Option<Duration>>> = vec![Cell::new(None); requests.len()];
    let at = bench.sizes.sessions / KILLED_AFTER;
    let (mut event, mut answered) = (Some(event), 0);
    let mut took = Vec::with_capacity(requests.len());
    let happened = Cell::new(false);
    let send = |number: usize| {
        if happened.get() {
            sent[number].set(Some(bench.clock.monotonic()));
        }
    };
    open.send_each(requests, requests.len(), send, |number, answer| {
        ensure!(answer.status == 201, "a join was not a first one: {}", answer.text());
        if let Some(sent) = sent[number].get() {
            took.push(bench.clock.monotonic().saturating_sub(sent).as_secs_f64() * 1e3);
        }
        answered += 1;
        if answered >= at {
            happened.set(true);
            event.take().map_or(Ok(()), |event| event())?;
        }
        Ok(())
    })?;
    Ok(percentile_99(took))
}

/// The smallest that is not exceeded by 99 in 100. Of no figures: not a number.
fn percentile_99(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let place = (figures.len() * 99).div_ceil(100);
    figures.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Until the node says that it uses Redis.
pub(super) fn wait_for_redis(bench: &Bench, server: &Program) -> anyhow::Result<()> {
    let organiser = Organiser::of(server);
    for _ in 0..LOOKS {
        if organiser.counter("traffic_redis_up")? > 0.0 {
            return Ok(());
        }
        bench.rest(LOOK_EVERY);
    }
    anyhow::bail!("the node has not found Redis within {} s", (LOOK_EVERY * LOOKS as u32).as_secs())
}

#[cfg(test)]
mod tests {
    use super::percentile_99;

    #[test]
    fn the_99th_percentile_is_exceeded_by_one_in_a_hundred() {
        let upto = |last: u32| (1..=last).rev().map(f64::from).collect();
        assert_eq!([percentile_99(upto(100)), percentile_99(upto(1_000)), percentile_99(upto(1))], [99.0, 990.0, 1.0]);
        assert!(percentile_99(Vec::new()).is_nan());
    }
}
