//! Answers by route: how many with which status, and how long they took.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use store::histogram::Histogram;

use super::text::{Page, Unit};

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;

/// Upper bounds in nanoseconds. Among them every limit that a scenario of the load lab sets for answers, so that whether it
/// is kept can be read off without guessing between two bounds. A poll takes some microseconds: below the first one.
pub const BOUNDS: [u64; 16] = [
    100 * US,
    500 * US,
    MS,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    200 * MS,
    250 * MS,
    500 * MS,
    1_000 * MS,
    2_000 * MS,
    5_000 * MS,
    10_000 * MS,
    30_000 * MS,
];

/// 100 to 599.
const STATUSES: usize = 500;

/// Answers at no route.
const NOWHERE: &str = "none";

/// Of one route: counting is three additions, without a lock or a copy of the name.
struct Answers {
    by_status: [AtomicU64; STATUSES],
    took: Histogram<16>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { by_status: [const { AtomicU64::new(0) }; STATUSES], took: Histogram::new(&BOUNDS) }
    }
}

impl Answers {
    fn count(&self, status: StatusCode, nanos: u64) {
        if let Some(counter) = self.by_status.get(usize::from(status.as_u16()) - 100) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.took.note(nanos);
    }

    fn counted(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = (100..).zip(&self.by_status).map(|(status, count)| (status, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0)
    }
}

/// Every route that there is, by its template.
#[derive(Default)]
pub(super) struct Routes {
    by_template: HashMap<String, Answers>,
    elsewhere: Answers,
}

impl Routes {
    pub(super) fn new(templates: impl IntoIterator<Item = String>) -> Self {
        let by_template = templates.into_iter().map(|route| (route, Answers::default())).collect();
        Self { by_template, elsewhere: Answers::default() }
    }

    /// Counts one answer; tells how long it took, in nanoseconds.
    pub(super) fn answered(&self, route: Option<&str>, status: StatusCode, took: Duration) -> u64 {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        route.and_then(|route| self.by_template.get(route)).unwrap_or(&self.elsewhere).count(status, nanos);
        nanos
    }

    /// Answers since the start.
    pub(super) fn total(&self) -> u64 {
        self.all().map(|(_, answers)| answers.took.count()).sum()
    }

    pub(super) fn write(&self, page: &mut Page) {
        let mut used: Vec<(&str, &Answers)> = self.all().filter(|(_, answers)| answers.took.count() > 0).collect();
        used.sort_by(|one, other| one.0.cmp(other.0));
        let mut family = page.counter("http_requests_total", "Requests answered");
        for (route, answers) in &used {
            for (status, count) in answers.counted() {
                family.sample(&[("route", route), ("status", &status)], count);
            }
        }
        let mut family = page.histogram("http_request_duration_seconds", "Time from a request's head to its answer's");
        for (route, answers) in &used {
            family.buckets(&[("route", route)], Unit::Nanos, &answers.took.read());
        }
    }

    fn all(&self) -> impl Iterator<Item = (&str, &Answers)> {
        let routes = self.by_template.iter().map(|(route, answers)| (route.as_str(), answers));
        routes.chain([(NOWHERE, &self.elsewhere)])
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Format;
    use super::*;

    #[test]
    fn an_answer_is_counted_at_its_route_in_its_bucket() {
        let routes = Routes::new(["/a".to_owned(), "/b".to_owned()]);
        routes.answered(Some("/a"), StatusCode::OK, Duration::from_millis(200));
        routes.answered(Some("/a"), StatusCode::OK, Duration::from_millis(201));
        routes.answered(Some("/nowhere"), StatusCode::NOT_FOUND, Duration::from_secs(60));
        assert_eq!(routes.total(), 3);
        let mut page = Page::new(Format::Plain);
        routes.write(&mut page);
        let text = page.end();
        for line in [
            "traffic_http_requests_total{route=\"/a\",status=\"200\"} 2",
            "traffic_http_requests_total{route=\"none\",status=\"404\"} 1",
            "traffic_http_request_duration_seconds_bucket{route=\"/a\",le=\"0.1\"} 0",
            "traffic_http_request_duration_seconds_bucket{route=\"/a\",le=\"0.2\"} 1",
            "traffic_http_request_duration_seconds_bucket{route=\"/a\",le=\"0.25\"} 2",
            "traffic_http_request_duration_seconds_sum{route=\"/a\"} 0.401",
            "traffic_http_request_duration_seconds_bucket{route=\"none\",le=\"30.0\"} 0",
            "traffic_http_request_duration_seconds_bucket{route=\"none\",le=\"+Inf\"} 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} in {text}");
        }
        assert!(!text.contains("/b"), "a route that nobody asked for takes no room");
    }
}
