//! Who sees what: lines by their level, and the spans of traces, which are there only while somebody traces.

use server::spans::SPANS;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, span};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, Filter};

use super::record::Recorder;

/// What a trace is made of.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == SPANS
}

fn always_or_never(always: bool) -> Interest {
    if always { Interest::always() } else { Interest::never() }
}

/// For lines: what the levels say; and while requests are traced their spans, so that each line names its trace.
pub(super) struct Lines {
    levels: EnvFilter,
    spans: bool,
}

impl Lines {
    pub(super) fn new(levels: EnvFilter) -> Self {
        Self { levels, spans: false }
    }

    pub(super) fn show(&mut self, levels: EnvFilter) {
        self.levels = levels;
    }

    pub(super) fn show_spans(&mut self) {
        self.spans = true;
    }
}

impl<S> Filter<S> for Lines
where
    EnvFilter: Filter<S>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        if is_traced(metadata) { self.spans } else { Filter::enabled(&self.levels, metadata, context) }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_traced(metadata) {
            return always_or_never(self.spans);
        }
        Filter::<S>::callsite_enabled(&self.levels, metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let of_lines = Filter::<S>::max_level_hint(&self.levels)?;
        Some(if self.spans { of_lines.max(LevelFilter::INFO) } else { of_lines })
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        Filter::on_new_span(&self.levels, attributes, id, context);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        Filter::on_record(&self.levels, id, values, context);
    }

    fn on_enter(&self, id: &span::Id, context: Context<'_, S>) {
        Filter::on_enter(&self.levels, id, context);
    }

    fn on_exit(&self, id: &span::Id, context: Context<'_, S>) {
        Filter::on_exit(&self.levels, id, context);
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        Filter::on_close(&self.levels, id, context);
    }
}

/// For traces: their spans, and nothing else. Off until a collector is named: then each costs a look at one number.
pub(super) struct OnlySpans(pub(super) Recorder);

impl<S> Filter<S> for OnlySpans {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_traced(metadata) && self.0.is_on()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        always_or_never(is_traced(metadata) && self.0.is_on())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.0.is_on() { LevelFilter::from_level(Level::INFO) } else { LevelFilter::OFF })
    }
}
