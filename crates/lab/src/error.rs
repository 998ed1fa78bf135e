//! What can stop the lab before or outside a verdict, and the exit code each has.

/// A run that could not give a verdict. A verdict of any colour is a `Report`, never an error.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The scenario, a knob, a threshold or the target was refused before anything was sent.
    #[error("{0}")]
    BadPlan(String),
    /// The server could not be prepared: sale, accounts, first look.
    #[error("{step} failed: {detail}")]
    Setup { step: &'static str, detail: String },
    /// The report or the history could not be written.
    #[error("writing {path} failed")]
    Write {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The runtime of the generator could not be started.
    #[error("the generator could not start")]
    Runtime(#[source] std::io::Error),
}

impl LabError {
    /// Exit code for the command line: 104 for a bad plan, 1 for a run that never came about.
    pub fn exit_code(&self) -> u8 {
        match self {
            LabError::BadPlan(_) => 104,
            _ => 1,
        }
    }

    pub(crate) fn setup(step: &'static str, detail: impl Into<String>) -> Self {
        LabError::Setup { step, detail: detail.into() }
    }
}
