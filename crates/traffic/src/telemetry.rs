//! Logs: to stderr, as text for people on a terminal and as JSON for machines.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::LogFormat;

/// Refuses, on the command line, what [`init`] could not read.
pub(crate) fn checked_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Starts logging. `filter` reads like `warn,server=debug`.
pub(crate) fn init(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let to_terminal = std::io::stderr().is_terminal();
    let as_json = format == LogFormat::Json || format == LogFormat::Auto && !to_terminal;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(to_terminal);
    let registry = tracing_subscriber::registry().with(filter);
    if as_json { registry.with(lines.json()).try_init() } else { registry.with(lines).try_init() }
        .context("logging is started once")
}
