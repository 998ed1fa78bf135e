//! Answers of one kind, by their result. A result is the code that a client gets, so there are only so many.

use std::sync::atomic::{AtomicU64, Ordering};

use super::text::Family;
use crate::problem::Problem;

/// What stands for a code that is not listed.
const OTHER: &str = "other";

/// Counts by result: a few comparisons and an addition each, without a lock.
pub struct Tally<const N: usize> {
    /// The most frequent first.
    results: [&'static str; N],
    counts: [AtomicU64; N],
    other: AtomicU64,
}

impl<const N: usize> Tally<N> {
    pub const fn new(results: [&'static str; N]) -> Self {
        Self { results, counts: [const { AtomicU64::new(0) }; N], other: AtomicU64::new(0) }
    }

    pub fn count(&self, result: &'static str) {
        let place = self.results.iter().position(|known| *known == result);
        place.map_or(&self.other, |place| &self.counts[place]).fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer, whose result is `done` unless it is a "no", and hands it on.
    pub fn noted<T>(&self, done: &'static str, answer: Result<T, Problem>) -> Result<T, Problem> {
        self.count(answer.as_ref().err().map_or(done, |problem| problem.code));
        answer
    }

    /// All results, also those that did not happen: a rate begins at zero.
    pub fn write(&self, mut family: Family<'_>) {
        let results = self.results.iter().chain([&OTHER]);
        for (result, count) in results.zip(self.counts.iter().chain([&self.other])) {
            family.sample(&[("result", result)], count.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::{Format, Page};
    use super::*;

    #[test]
    fn results_are_counted_by_code_and_what_nobody_listed_together() {
        let tally = Tally::new(["new", "overloaded"]);
        assert!(tally.noted("new", Ok(())).is_ok());
        assert!(tally.noted::<()>("new", Err(Problem::overloaded())).is_err());
        ["neither", "nor"].into_iter().for_each(|result| tally.count(result));
        let mut page = Page::new(Format::Plain);
        tally.write(page.counter("joins_total", "Joins"));
        let text = page.end();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [("new", 1), ("overloaded", 1), ("other", 2)];
        assert_eq!(samples, expected.map(|(result, n)| format!("traffic_joins_total{{result=\"{result}\"}} {n}")));
    }
}
