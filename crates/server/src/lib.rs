//! Speaks HTTP: routes, credentials, limits, the waiting room's read model, and the worker's ticks.

pub mod admission;
mod ambiguous;
pub mod answer;
pub mod app;
pub mod body;
mod browser;
pub mod config;
pub mod extract;
pub mod follow;
pub mod guesses;
pub mod keys;
pub mod limits;
pub mod listener;
pub mod metrics;
pub mod passwords;
pub mod problem;
mod problem_schema;
pub mod proof_of_work;
pub mod redis;
pub mod router;
pub mod routes;
pub mod session;
pub mod source;
pub mod streams;
pub mod tickets;
pub mod waiting_room;
pub mod worker;
