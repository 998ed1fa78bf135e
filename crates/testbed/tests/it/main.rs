//! What other tests rely on: servers start, keep what they should, and leave nothing behind.

mod databases;
mod owner;
mod postgres;
mod redis;
