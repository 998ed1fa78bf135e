//! What the program says about itself: lines to stderr, as text for people on a terminal and as JSON for machines, and
//! traces to a collector where one is named.

mod export;
mod filter;
mod lines;
mod otlp;
mod post;
mod record;

use std::io::IsTerminal as _;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use server::app::App;
use server::log_levels::{self, LogLevels};
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, Filtered};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

pub(crate) use self::export::Exporter;
use self::filter::{Lines, OnlySpans};
use self::lines::OneLine;
use self::record::Recorder;
use crate::cli::LogFormat;

/// Changes what was set up at the start, while the program runs.
pub(crate) struct Telemetry {
    configured: String,
    lines: reload::Handle<Lines, Registry>,
    recorder: Recorder,
}

/// Refuses, on the command line, what [`init`] could not read, and what it would misunderstand.
pub(crate) fn checked_filter(text: &str) -> Result<String, String> {
    // A part in brackets is about spans and their fields, of which only the library knows.
    let plain = if text.contains('[') { text.to_owned() } else { log_levels::checked(text)? };
    EnvFilter::try_new(&plain).map(|_| plain).map_err(|error| error.to_string())
}

/// Starts logging. `filter` reads like `warn,server=debug`.
pub(crate) fn init(filter: &str, format: LogFormat) -> anyhow::Result<Telemetry> {
    let to_terminal = std::io::stderr().is_terminal();
    let as_json = format == LogFormat::Json || format == LogFormat::Auto && !to_terminal;
    let (lines, handle) = reload::Layer::new(Lines::new(EnvFilter::try_new(filter)?));
    let recorder = Recorder::default();
    let written = fmt::layer().with_writer(|| OneLine(std::io::stderr())).with_ansi(to_terminal);
    let registry = tracing_subscriber::registry();
    if as_json {
        let written = written.json().with_current_span(false);
        registry.with(written.with_filter(lines)).with(spans(&recorder)).try_init()
    } else {
        registry.with(written.with_filter(lines)).with(spans(&recorder)).try_init()
    }
    .context("logging is started once")?;
    Ok(Telemetry { configured: filter.to_owned(), lines: handle, recorder })
}

fn spans<S: Subscriber + for<'a> LookupSpan<'a>>(recorder: &Recorder) -> Filtered<Recorder, OnlySpans, S> {
    recorder.clone().with_filter(OnlySpans(recorder.clone()))
}

impl Telemetry {
    /// For the operator of a running node.
    pub(crate) fn log_levels(&self) -> LogLevels {
        let lines = self.lines.clone();
        let set = move |filter: &str| {
            let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
            lines.modify(|lines| lines.show(filter)).map_err(|error| error.to_string())
        };
        LogLevels::new(self.configured.as_str(), Box::new(set))
    }

    /// From now on requests are traced, if the settings say so.
    pub(crate) fn export(&self, app: &App) -> anyhow::Result<Option<Exporter>> {
        let Some(settings) = &app.config.tracing else { return Ok(None) };
        let (exporter, queue) = Exporter::start(settings, app.instance, Arc::clone(&app.span_counts))?;
        self.recorder.begin(queue, Arc::clone(&app.span_counts)).map_err(|_| anyhow!("traces are started once"))?;
        self.lines.modify(Lines::show_spans)?;
        tracing::info!(collector = %settings.url, service = settings.service, "requests are traced");
        Ok(Some(exporter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_refused_on_the_command_line_and_a_filter_of_spans_is_not() {
        assert!(checked_filter("degub").unwrap_err().contains("is no level"));
        assert!(checked_filter("warn,server=debug").is_ok());
        assert!(checked_filter("warn,[request{route=\"/metrics\"}]=debug").is_ok());
        assert!(checked_filter("warn,[request=debug").is_err());
    }
}
