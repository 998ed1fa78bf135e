//! The page that Prometheus reads, in the two forms that it asks for.

use std::fmt::{Display, Write as _};

use http::{HeaderMap, header};
use store::histogram::Buckets;

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own text, version 0.0.4: for whoever asks for nothing in particular.
    Plain,
    /// OpenMetrics 1.0, whose counters are named without their `_total`.
    OpenMetrics,
}

impl Format {
    /// The one that a request prefers. Prometheus names OpenMetrics where it understands it.
    pub fn asked(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let wanted = accepts.flat_map(|list| list.split(',')).any(|kind| kind.trim().starts_with(OPEN_METRICS));
        if wanted { Self::OpenMetrics } else { Self::Plain }
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text";

/// In front of every name.
const PREFIX: &str = "traffic_";

/// What one unit of a histogram's values is on the page.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// Noted in nanoseconds, shown in seconds.
    Nanos,
    One,
}

/// Labels of one sample, by name.
pub(super) type Labels<'a> = [(&'static str, &'a dyn Display)];

pub struct Page {
    format: Format,
    text: String,
}

/// One family of a page, whose samples follow its head.
pub struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Page {
    pub fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// The name of a counter ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        let family = match self.format {
            Format::Plain => name,
            Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
        };
        self.head(family, "counter", help);
        Family { page: self, name }
    }

    pub fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.head(name, "gauge", help);
        Family { page: self, name }
    }

    pub fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.head(name, "histogram", help);
        Family { page: self, name }
    }

    pub fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}\n"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.write_fmt(line).expect("writing to a string does not fail");
    }
}

impl Family<'_> {
    /// The only sample of a family without labels.
    pub fn is(&mut self, value: impl Display) {
        self.sample(&[], value);
    }

    pub fn sample(&mut self, labels: &Labels<'_>, value: impl Display) {
        self.write("", labels, value);
    }

    /// A histogram's samples of one set of labels.
    pub fn buckets(&mut self, labels: &Labels<'_>, unit: Unit, buckets: &Buckets) {
        let mut count = 0;
        let bounds = buckets.bounds.iter().map(|bound| Some(*bound)).chain([None]);
        for (bound, within) in bounds.zip(&buckets.counts) {
            count += within;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| format!("{:?}", unit.shown(bound)));
            let mut labels: Vec<(&'static str, &dyn Display)> = labels.to_vec();
            labels.push(("le", &bound));
            self.write("_bucket", &labels, count);
        }
        self.write("_sum", labels, unit.shown(buckets.sum));
        self.write("_count", labels, count);
    }

    fn write(&mut self, suffix: &str, labels: &Labels<'_>, value: impl Display) {
        let (page, name) = (&mut *self.page, self.name);
        page.line(format_args!("{PREFIX}{name}{suffix}"));
        for (at, (label, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            page.line(format_args!("{before}{label}=\"{}\"", Escaped(value)));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        page.line(format_args!("{after} {value}\n"));
    }
}

impl Unit {
    fn shown(self, value: u64) -> f64 {
        match self {
            Self::Nanos => value as f64 / 1e9,
            Self::One => value as f64,
        }
    }
}

/// A label's value as it stands between quotes.
struct Escaped<'a>(&'a dyn Display);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        struct Out<'a, 'b>(&'a mut std::fmt::Formatter<'b>);
        impl std::fmt::Write for Out<'_, '_> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                text.chars().try_for_each(|one| match one {
                    '\\' => self.0.write_str("\\\\"),
                    '"' => self.0.write_str("\\\""),
                    '\n' => self.0.write_str("\\n"),
                    one => self.0.write_char(one),
                })
            }
        }
        write!(Out(f), "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use store::histogram::Histogram;

    use super::*;

    fn page(format: Format) -> String {
        let mut page = Page::new(format);
        page.counter("joins_total", "Joins").sample(&[("result", &"new"), ("odd", &"a\\b\"c\nd")], 3);
        page.gauge("waiting", "People").is(1.5);
        let histogram = Histogram::new(&[200_000_000, 1_000_000_000]);
        [1, 200_000_000, 5_000_000_000].into_iter().for_each(|nanos| histogram.note(nanos));
        let read = histogram.read();
        page.histogram("took_seconds", "Time").buckets(&[("route", &"/a")], Unit::Nanos, &read);
        page.end()
    }

    #[test]
    fn a_page_in_prometheus_own_text() {
        insta::assert_snapshot!(page(Format::Plain), @r#"
        # HELP traffic_joins_total Joins
        # TYPE traffic_joins_total counter
        traffic_joins_total{result="new",odd="a\\b\"c\nd"} 3
        # HELP traffic_waiting People
        # TYPE traffic_waiting gauge
        traffic_waiting 1.5
        # HELP traffic_took_seconds Time
        # TYPE traffic_took_seconds histogram
        traffic_took_seconds_bucket{route="/a",le="0.2"} 2
        traffic_took_seconds_bucket{route="/a",le="1.0"} 2
        traffic_took_seconds_bucket{route="/a",le="+Inf"} 3
        traffic_took_seconds_sum{route="/a"} 5.200000001
        traffic_took_seconds_count{route="/a"} 3
        "#);
    }

    #[test]
    fn openmetrics_names_counters_without_total_and_says_where_it_ends() {
        let open = page(Format::OpenMetrics);
        assert!(open.contains("# TYPE traffic_joins counter\ntraffic_joins_total{"), "{open}");
        assert!(open.ends_with("\n# EOF\n"));
        let plain = page(Format::Plain);
        let samples = |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        let (open, plain): (Vec<String>, Vec<String>) = (samples(&open), samples(&plain));
        assert_eq!(open, plain);
    }

    #[test]
    fn openmetrics_is_for_who_asks_for_it() {
        let asked = |accept: Option<&'static str>| {
            let headers = accept.map(|value| (header::ACCEPT, HeaderValue::from_static(value)));
            Format::asked(&headers.into_iter().collect())
        };
        assert_eq!([None, Some("*/*"), Some("text/html, text/plain;q=0.5")].map(asked), [Format::Plain; 3]);
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(asked(Some(prometheus)), Format::OpenMetrics);
    }
}
