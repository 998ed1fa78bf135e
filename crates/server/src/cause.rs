//! Why something failed, in words for the log alone. It is logged once: by whoever tells the failure to the client, or else,
//! where nobody waits for the answer any more, when it is forgotten.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone)]
pub struct Cause(Arc<Told>);

struct Told {
    text: String,
    heard: AtomicBool,
}

impl Cause {
    /// An error with its sources.
    pub fn of(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self(Arc::new(Told { text, heard: AtomicBool::new(false) }))
    }

    /// For whoever writes it into the log.
    pub fn hear(&self) -> &str {
        self.0.heard.store(true, Ordering::Relaxed);
        &self.0.text
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if !self.heard.load(Ordering::Relaxed) {
            tracing::warn!(cause = self.text, "something failed, and no answer told of it");
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Cause {}
