//! How long people waited for their call: the line and the log of calls, read side by side in order of position.

use domain::{SaleId, Timestamp};
use serde::Serialize;

use crate::error::Outcome;
use crate::tx::Read;

/// Rows read at a time.
const PAGE: i64 = 10_000;

/// In milliseconds; all 0 where nobody was called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waits {
    pub people: i64,
    pub p50_ms: i64,
    pub p90_ms: i64,
    pub p95_ms: i64,
    pub p99_ms: i64,
    pub max_ms: i64,
}

/// `through`: nobody behind was called.
pub(super) async fn of<R: Read>(read: &mut R, sale: SaleId, through: i64) -> Outcome<Waits> {
    // Four bytes for each person: 49 days, longer than any wait.
    let mut waits: Vec<u32> = Vec::new();
    let mut calls = Calls { sale, after: 0, page: Vec::new().into_iter(), call: None };
    let mut after = 0;
    loop {
        let entries = read
            .query(
                "select position, joined_at, ended_at from entries
                 where sale = ?1 and position > ?2 and position <= ?3 order by position limit ?4",
                &[sale.into(), after.into(), through.into(), PAGE.into()],
            )
            .await?;
        for entry in &entries {
            after = entry.int(0);
            let Some(called_at) = calls.of(read, after).await? else { break };
            // Who had left by then was not called.
            if entry.time_or_null(2).is_none_or(|ended_at| ended_at >= called_at) {
                waits.push(u32::try_from(called_at.since_ms(entry.time(1)).max(0)).unwrap_or(u32::MAX));
            }
        }
        if (entries.len() as i64) < PAGE {
            break;
        }
    }
    waits.sort_unstable();
    Ok(Waits::of(&waits))
}

/// The log of calls, a page at a time.
struct Calls {
    sale: SaleId,
    after: i64,
    page: std::vec::IntoIter<(i64, Timestamp)>,
    call: Option<(i64, Timestamp)>,
}

impl Calls {
    /// When the watermark reached this position. Asked for rising positions.
    async fn of<R: Read>(&mut self, read: &mut R, position: i64) -> Outcome<Option<Timestamp>> {
        while self.call.is_none_or(|(through, _)| through < position) {
            let Some(call) = self.next(read).await? else { return Ok(None) };
            self.call = Some(call);
        }
        Ok(self.call.map(|(_, at)| at))
    }

    async fn next<R: Read>(&mut self, read: &mut R) -> Outcome<Option<(i64, Timestamp)>> {
        if let Some(call) = self.page.next() {
            return Ok(Some(call));
        }
        let rows = read
            .query(
                "select seq, through, at from admission_log where sale = ?1 and seq > ?2 order by seq limit ?3",
                &[self.sale.into(), self.after.into(), PAGE.into()],
            )
            .await?;
        self.after = rows.last().map_or(self.after, |row| row.int(0));
        self.page = rows.iter().map(|row| (row.int(1), row.time(2))).collect::<Vec<_>>().into_iter();
        Ok(self.page.next())
    }
}

impl Waits {
    /// The nearest rank: a value that somebody really waited.
    fn of(sorted: &[u32]) -> Self {
        let rank = |percent: usize| {
            let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(at).copied().map_or(0, i64::from)
        };
        let [p50_ms, p90_ms, p95_ms, p99_ms, max_ms] = [50, 90, 95, 99, 100].map(rank);
        Self { people: sorted.len() as i64, p50_ms, p90_ms, p95_ms, p99_ms, max_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_what_somebody_waited() {
        let waits = Waits::of(&(1..=200).collect::<Vec<_>>());
        let told = [waits.people, waits.p50_ms, waits.p90_ms, waits.p95_ms, waits.p99_ms, waits.max_ms];
        assert_eq!(told, [200, 100, 180, 190, 198, 200]);
        assert_eq!(Waits::of(&[7]), Waits { people: 1, p50_ms: 7, p90_ms: 7, p95_ms: 7, p99_ms: 7, max_ms: 7 });
        assert_eq!(Waits::of(&[]), Waits::default());
    }
}
