//! What a trace shows of the store: one span for each verb and query. While nobody traces it costs a look at one number.

use std::future::Future;

use tracing::{Instrument as _, Span};

use crate::error::Failure;

/// The target of every span that may leave the process in a trace. Their fields are fixed words: nothing of a person.
pub const SPANS: &str = "traffic::spans";

impl Failure {
    /// In a word: the code of a refusal, or the kind of failure.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Overloaded => "overloaded",
            Self::StorageFull => "storage_full",
            Self::Unavailable(_) => "unavailable",
            Self::Unknown => "outcome_unknown",
            Self::Stopped => "stopped",
            Self::Broken(_) => "broken",
        }
    }
}

/// The name of a verb or query, without the modules where it lives.
pub(crate) fn name<T>() -> &'static str {
    let whole = std::any::type_name::<T>();
    let plain = whole.split('<').next().unwrap_or(whole);
    plain.rsplit("::").next().unwrap_or(plain)
}

pub(crate) async fn within<T>(span: Span, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let done = work.instrument(span.clone()).await;
    if let Err(failure) = &done {
        span.record("outcome", failure.word());
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_named_without_its_module() {
        assert_eq!(name::<crate::holds::PlaceHold>(), "PlaceHold");
        assert_eq!(name::<Vec<crate::holds::PlaceHold>>(), "Vec");
    }
}
