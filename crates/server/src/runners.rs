//! Which load runner this node has heard of last, and what it says of its machine: whether a run that is asked for will begin.
//! In memory alone: a runner asks once a second, so a node that has just started knows again at once.

use std::sync::{Mutex, PoisonError};

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a runner says of the machine that it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, ToSchema)]
pub struct Machine {
    /// Its limit of open files: each fan has a connection.
    #[serde(default)]
    pub open_files: Option<u64>,
    #[serde(default)]
    pub cores: Option<u32>,
    /// Of all cores, since it was heard before: 0 to 1.
    #[serde(default)]
    pub cpu_idle: Option<f64>,
}

#[derive(Clone, Debug)]
pub struct Heard {
    pub name: String,
    pub at: Timestamp,
    pub machine: Machine,
}

#[derive(Default)]
pub struct Runners(Mutex<Option<Heard>>);

impl Runners {
    pub(crate) fn note(&self, name: &str, at: Timestamp, machine: Option<Machine>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.take().filter(|heard| heard.name == name).map(|heard| heard.machine);
        *last = Some(Heard { name: name.to_owned(), at, machine: machine.or(before).unwrap_or_default() });
    }

    pub(crate) fn last(&self) -> Option<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
