//! What other tests rely on: servers start, keep what they should, and leave nothing behind.

#![expect(clippy::unwrap_used, reason = "a failed test shows where, which is all that is needed")]

mod databases;
mod owner;
mod postgres;
mod proxy;
mod redis;
