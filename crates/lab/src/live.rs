//! What a run tells of itself while it lasts, for whoever watches from elsewhere: the last complete seconds as columns, figures
//! of the last five, and how the generator is. Bounded, so that a long run tells no more each second than a short one.

use serde::Serialize;

use crate::environment::thread_cpu_us;
use crate::latency::histogram;
use crate::record::{Reached, Recorded};
use crate::report::{Point, point};
use crate::sampler::Sample;

/// Two minutes: the whole of a usual run. Of a longer one the rest is in the report.
const TOLD_SEC: usize = 120;
/// The seconds that "now" is an average of: one alone jumps.
const WINDOW_SEC: usize = 5;
/// A sample of the server asked for in one second may be answered in the next.
const LATE_SEC: usize = 2;

/// The shape of the run, and the sale that it is about.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Frame {
    pub(crate) ramp_up_ms: u64,
    pub(crate) steady_ms: u64,
    pub(crate) ramp_down_ms: u64,
    pub(crate) fans: u64,
    /// Nothing where the run uses a sale that was there: its terms are the server's to tell.
    pub(crate) admit_per_minute: Option<u64>,
    pub(crate) waiting_room_cap: Option<u64>,
    pub(crate) total_seats: Option<u64>,
    /// Of the run; the columns are about the first.
    pub(crate) sales: usize,
    /// The thresholds, as they were written.
    pub(crate) slos: Vec<String>,
}

/// The last complete seconds from the doors on, a column a figure. `null` is a gap: nothing was sampled or answered then.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Columns {
    /// The second that the columns begin with.
    from: u64,
    requests: Vec<u64>,
    failed: Vec<u64>,
    refused: Vec<u64>,
    joined: Vec<u64>,
    admitted: Vec<u64>,
    response_p50_ms: Vec<Option<f64>>,
    response_p95_ms: Vec<Option<f64>>,
    response_p99_ms: Vec<Option<f64>>,
    queue_depth: Vec<Option<u64>>,
    called: Vec<Option<u64>>,
    returning: Vec<Option<u64>>,
    inside: Vec<Option<u64>>,
    bought: Vec<Option<u64>>,
    gone: Vec<Option<u64>>,
    available_seats: Vec<Option<u64>>,
    held_seats: Vec<Option<u64>>,
    tickets_sold: Vec<Option<u64>>,
}

/// Averages over the last complete seconds, five where there are as many.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Lately {
    window_sec: usize,
    requests_per_sec: f64,
    admitted_per_sec: f64,
    failed_share: f64,
    response_p95_ms: Option<f64>,
}

/// Whether the generator keeps up, so far.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Generator {
    lag_p99_ms: f64,
    /// Of a core, since the last look.
    cpu_share: Option<f64>,
    errors: u64,
}

/// What is kept between two looks.
#[derive(Default)]
pub(crate) struct Live {
    points: Vec<Point>,
    cpu: Option<(u64, u64)>,
}

impl Live {
    /// Brings the points up to the last complete second. What is complete is looked at once, but for the last two.
    pub(crate) fn follow(&mut self, recorded: &Recorded, samples: &[Sample], doors_us: u64, now_us: u64) {
        let complete = now_us.saturating_sub(doors_us) / 1_000_000;
        let complete = usize::try_from(complete).unwrap_or(usize::MAX).min(recorded.seconds.len());
        self.points.truncate(self.points.len().saturating_sub(LATE_SEC));
        for second in self.points.len()..complete {
            let of_then = |sample: &&Sample| sample.at_us.checked_sub(doors_us).map(|us| us / 1_000_000);
            let last = samples.iter().rev().find(|sample| of_then(sample) == Some(second as u64));
            let stats = last.and_then(|sample| sample.stats.as_ref());
            self.points.push(point(second as u64, &recorded.seconds[second], stats));
        }
    }

    pub(crate) fn columns(&self) -> Columns {
        let from = self.points.len().saturating_sub(TOLD_SEC);
        let told = &self.points[from..];
        fn column<T>(points: &[Point], of: impl Fn(&Point) -> T) -> Vec<T> {
            points.iter().map(of).collect()
        }
        Columns {
            from: from as u64,
            requests: column(told, |point| point.requests),
            failed: column(told, |point| point.failed),
            refused: column(told, |point| point.refused),
            joined: column(told, |point| point.joined),
            admitted: column(told, |point| point.admitted),
            response_p50_ms: column(told, |point| point.response_p50_ms.map(tenths)),
            response_p95_ms: column(told, |point| point.response_p95_ms.map(tenths)),
            response_p99_ms: column(told, |point| point.response_p99_ms.map(tenths)),
            queue_depth: column(told, |point| point.queue_depth),
            called: column(told, |point| point.called),
            returning: column(told, |point| point.returning),
            inside: column(told, |point| point.inside),
            bought: column(told, |point| point.bought),
            gone: column(told, |point| point.gone),
            available_seats: column(told, |point| point.available_seats),
            held_seats: column(told, |point| point.held_seats),
            tickets_sold: column(told, |point| point.tickets_sold),
        }
    }

    /// Nothing before the first second is complete.
    pub(crate) fn lately(&self, recorded: &Recorded) -> Option<Lately> {
        let until = self.points.len();
        let from = until.saturating_sub(WINDOW_SEC);
        let points = &self.points[from..];
        let window_sec = points.len();
        let sum = |of: fn(&Point) -> u64| points.iter().map(of).sum::<u64>() as f64;
        let requests = sum(|point| point.requests);
        let mut response = histogram();
        for second in &recorded.seconds[from..until] {
            response.add(&second.response).expect("both grow as needed");
        }
        (window_sec > 0).then(|| Lately {
            window_sec,
            requests_per_sec: tenths(requests / window_sec as f64),
            admitted_per_sec: tenths(sum(|point| point.admitted) / window_sec as f64),
            failed_share: sum(|point| point.failed) / requests.max(1.0),
            response_p95_ms: (!response.is_empty()).then(|| tenths(response.value_at_quantile(0.95) as f64 / 1_000.0)),
        })
    }

    /// To be asked on the generator's own thread.
    pub(crate) fn generator(&mut self, recorded: &Recorded, now_us: u64) -> Generator {
        let cpu_us = thread_cpu_us();
        let share = |(then_us, before_us): (u64, u64)| {
            Some(cpu_us?.saturating_sub(before_us) as f64 / now_us.saturating_sub(then_us).max(1) as f64)
        };
        let cpu_share = self.cpu.and_then(share).map(|share| (share * 1_000.0).round() / 1_000.0);
        self.cpu = cpu_us.map(|cpu_us| (now_us, cpu_us));
        Generator {
            lag_p99_ms: tenths(recorded.whole.lag().value_at_quantile(0.99) as f64 / 1_000.0),
            cpu_share,
            errors: recorded.generator_errors.values().sum(),
        }
    }
}

/// Fans who have come and are not done.
pub(crate) fn at_work(recorded: &Recorded, ended: u64) -> u64 {
    recorded.count(Reached::Arrived).saturating_sub(ended)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Op, Outcome, Record, Value, Why};
    use crate::plan::Shape;
    use crate::record::Recorder;

    const DOORS_US: u64 = 500_000;

    fn recorder() -> Recorder {
        let shape = Shape { ramp_up_us: 10_000_000, steady_us: 0, ramp_down_us: 0 };
        Recorder::new(shape, DOORS_US, 9)
    }

    fn join(recorder: &Recorder, fan: u32, received_us: u64) {
        let value = Value::Join { position: u64::from(fan) + 1, created: true };
        let record = Record {
            fan,
            intended_us: received_us - 10_000,
            sent_us: received_us - 10_000,
            received_us,
            ..Record::of(Op::Join, Why::Journey, Outcome::Ok(value))
        };
        recorder.record(record, 0);
    }

    #[test]
    fn the_unfinished_second_is_not_told_and_a_second_without_a_sample_is_a_gap() {
        let (recorder, mut live) = (recorder(), Live::default());
        for (fan, received_us) in [(0, DOORS_US + 100_000), (1, DOORS_US + 200_000), (2, DOORS_US + 2_100_000)] {
            join(&recorder, fan, received_us);
        }
        recorder.look(|recorded| live.follow(recorded, &[], DOORS_US, DOORS_US + 2_900_000));
        let columns = live.columns();
        assert_eq!((columns.from, &columns.joined), (0, &vec![2, 0]), "the third second is not over");
        assert_eq!(columns.queue_depth, [None, None], "nobody was asked");
        assert_eq!(columns.response_p95_ms[1], None, "nothing was answered");
        let lately = recorder.look(|recorded| live.lately(recorded)).expect("two seconds");
        assert!(lately.window_sec == 2 && (lately.requests_per_sec - 1.0).abs() < 1e-9, "{lately:?}");
    }

    #[test]
    fn what_comes_late_into_a_second_is_told_once_it_is_there() {
        let (recorder, mut live) = (recorder(), Live::default());
        join(&recorder, 0, DOORS_US + 100_000);
        recorder.look(|recorded| live.follow(recorded, &[], DOORS_US, DOORS_US + 1_000_000));
        join(&recorder, 1, DOORS_US + 900_000);
        join(&recorder, 2, DOORS_US + 1_500_000);
        recorder.look(|recorded| live.follow(recorded, &[], DOORS_US, DOORS_US + 2_000_000));
        assert_eq!(live.columns().joined, [2, 1]);
    }

    #[test]
    fn a_long_run_tells_its_last_two_minutes_within_what_the_server_takes() {
        let (recorder, mut live) = (recorder(), Live::default());
        join(&recorder, 0, DOORS_US + 999_000_000);
        recorder.look(|recorded| live.follow(recorded, &[], DOORS_US, DOORS_US + 1_000_000_000));
        assert_eq!((live.columns().from, live.columns().requests.len()), (880, 120));
        let large = Point {
            requests: 54_321,
            failed: 4_321,
            refused: 4_321,
            joined: 4_321,
            admitted: 4_321,
            response_p50_ms: Some(12_345.67),
            response_p95_ms: Some(12_345.67),
            response_p99_ms: Some(12_345.67),
            queue_depth: Some(50_000),
            called: Some(5_000),
            returning: Some(5_000),
            inside: Some(50_000),
            bought: Some(50_000),
            gone: Some(50_000),
            available_seats: Some(100_000),
            held_seats: Some(100_000),
            tickets_sold: Some(100_000),
            ..Point::default()
        };
        live.points = vec![large; 500];
        let bytes = serde_json::to_string(&live.columns()).expect("numbers").len();
        assert!(bytes < 15 << 10, "{bytes}");
    }
}
