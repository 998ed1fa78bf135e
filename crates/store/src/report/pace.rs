//! The drip as it was set, through every change, beside what it did; and the pauses.

use domain::Timestamp;
use domain::sale::Sale;
use serde::Serialize;

use crate::error::Outcome;
use crate::tx::Read;

const MS_PER_MIN: f64 = 60_000.0;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drip {
    /// As it is set now.
    pub admit_per_minute: i64,
    pub first_call: Option<Timestamp>,
    pub last_call: Option<Timestamp>,
    pub called: i64,
    /// Calls of people who came back after their window.
    pub recalled: i64,
    /// People whom the rate would have called between the first call and the last, pauses left out.
    pub allowed: f64,
    /// Calls and second calls after the first tick that called, over what was allowed meanwhile. Below 1 where something
    /// else than the rate held the drip back; `None` where there was one call or none.
    pub achieved: Option<f64>,
    /// Rows of the log of calls, by what held the drip back.
    pub bound_by: Bounds,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bounds {
    pub rate: i64,
    pub cap: i64,
    pub stock: i64,
    pub line: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// `None`: the sale was paused from its beginning.
    pub from: Option<Timestamp>,
    /// `None`: it is paused now. A pause ends with its sale.
    pub until: Option<Timestamp>,
}

/// A rate and a pause that held from the step before on.
struct Stretch {
    until: Option<Timestamp>,
    per_minute: i64,
    paused: bool,
}

pub(super) async fn of<R: Read>(read: &mut R, sale: &Sale, through: i64) -> Outcome<(Drip, Vec<Pause>)> {
    let stretches = stretches(read, sale).await?;
    let row = read
        .first(
            "select min(case when called > 0 or recalled > 0 then at end),
               max(case when called > 0 or recalled > 0 then at end), coalesce(sum(recalled), 0),
               coalesce(sum(case when bound_by = 'rate' then 1 else 0 end), 0),
               coalesce(sum(case when bound_by = 'cap' then 1 else 0 end), 0),
               coalesce(sum(case when bound_by = 'stock' then 1 else 0 end), 0),
               coalesce(sum(case when bound_by = 'line' then 1 else 0 end), 0)
             from admission_log where sale = ?1",
            &[sale.id.into()],
        )
        .await?;
    let sql =
        "select called + recalled from admission_log where sale = ?1 and called + recalled > 0 order by seq limit 1";
    let first = read.first(sql, &[sale.id.into()]).await?.map_or(0, |row| row.int(0));
    let (from, to) = row.as_ref().map_or((None, None), |row| (row.time_or_null(0), row.time_or_null(1)));
    let number = |column: usize| row.as_ref().map_or(0, |row| row.int(column));
    let allowed = from.zip(to).map_or(0.0, |(from, to)| allowed(&stretches, from, to));
    let recalled = number(2);
    let drip = Drip {
        admit_per_minute: sale.terms.admit_per_minute,
        first_call: from.map(|at| read.shown(at)),
        last_call: to.map(|at| read.shown(at)),
        called: through,
        recalled,
        allowed,
        achieved: (allowed > 0.0).then(|| (through + recalled - first) as f64 / allowed),
        bound_by: Bounds { rate: number(3), cap: number(4), stock: number(5), line: number(6) },
    };
    let shown = |at: Option<Timestamp>| at.map(|at| read.shown(at));
    // A pause ends with its sale.
    let ended = sale.has_ended(read.wall()).then(|| sale.closed_at.unwrap_or(sale.terms.ends_at));
    let pause = |(from, until)| Pause { from: shown(from), until: shown(until).or(ended) };
    Ok((drip, pauses(&stretches).into_iter().map(pause).collect()))
}

/// In order of time; the last one goes on.
async fn stretches<R: Read>(read: &mut R, sale: &Sale) -> Outcome<Vec<Stretch>> {
    let sql = "select until, admit_per_minute, paused from sale_terms where sale = ?1 order by seq";
    let past = read.query(sql, &[sale.id.into()]).await?;
    let past = past.iter().map(|row| Stretch { until: Some(row.time(0)), per_minute: row.int(1), paused: row.flag(2) });
    let now = Stretch { until: None, per_minute: sale.terms.admit_per_minute, paused: sale.paused };
    Ok(past.chain([now]).collect())
}

fn allowed(stretches: &[Stretch], from: Timestamp, to: Timestamp) -> f64 {
    let mut start = from;
    let mut people = 0.0;
    for stretch in stretches {
        let end = stretch.until.map_or(to, |until| until.clamp(start, to));
        if !stretch.paused {
            people += stretch.per_minute as f64 * end.since_ms(start).max(0) as f64 / MS_PER_MIN;
        }
        start = end.max(start);
    }
    people
}

/// Changes of other terms during a pause do not cut it in two.
fn pauses(stretches: &[Stretch]) -> Vec<(Option<Timestamp>, Option<Timestamp>)> {
    let mut found: Vec<(Option<Timestamp>, Option<Timestamp>)> = Vec::new();
    let mut from = None;
    let mut was_paused = false;
    for stretch in stretches {
        match found.last_mut().filter(|_| was_paused && stretch.paused) {
            Some(pause) => pause.1 = stretch.until,
            None if stretch.paused => found.push((from, stretch.until)),
            None => {}
        }
        (from, was_paused) = (stretch.until, stretch.paused);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(until: Option<Timestamp>, per_minute: i64, paused: bool) -> Stretch {
        Stretch { until, per_minute, paused }
    }

    fn at(ms: i64) -> Option<Timestamp> {
        Some(Timestamp(ms))
    }

    #[test]
    fn what_was_allowed_follows_every_change_and_leaves_pauses_out() {
        let all = [stretch(at(60_000), 600, false), stretch(at(90_000), 600, true), stretch(None, 60, false)];
        let people = |from: i64, to: i64| allowed(&all, Timestamp(from), Timestamp(to)).round();
        assert_eq!([people(0, 60_000), people(60_000, 90_000), people(30_000, 150_000)], [600.0, 0.0, 360.0]);
        assert_eq!([people(100_000, 130_000), people(70_000, 80_000), people(5, 5)], [30.0, 0.0, 0.0]);
    }

    #[test]
    fn a_change_of_terms_does_not_cut_a_pause_in_two() {
        let all = [stretch(at(1), 1, false), stretch(at(2), 1, true), stretch(at(3), 2, true), stretch(None, 2, false)];
        assert_eq!(pauses(&all), [(at(1), at(3))]);
        assert_eq!(pauses(&all[..3]), [(at(1), at(3))]);
        let twice = [stretch(at(1), 1, true), stretch(at(2), 1, false), stretch(None, 1, true)];
        assert_eq!(pauses(&twice), [(None, at(1)), (at(2), None)]);
    }
}
