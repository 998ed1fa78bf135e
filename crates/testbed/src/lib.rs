//! Private servers for tests: PostgreSQL, Redis, and a TCP proxy that misbehaves on demand. Used under `[dev-dependencies]` only.
//!
//! Everything listens on loopback, on a port that was free, keeps its files in a folder of its own under `/tmp`, and ends
//! with the value that stands for it; also when the test's process is killed. What cannot be had is a panic that says why.
//!
//! A test that needs a database takes one of its own. It is empty, or a copy of a template that the first test made:
//!
//! ```
//! let database = testbed::database_from("example", |url| {
//!     // Here a test opens `url` and lays out its tables. The connection must be closed afterwards.
//!     testbed::Psql::new(url).run("create table seats (id text primary key)").unwrap();
//! });
//! assert!(database.url().starts_with("postgres://"));
//! assert_eq!(database.psql().run("select count(*) from seats").unwrap(), "0");
//! ```
//!
//! These databases lie on one server for the whole run, named by `TRAFFIC_TEST_POSTGRES` (`scripts/with-servers.sh`
//! starts one), or on one that this process starts. A test that stops, freezes or breaks its server takes a whole one:
//! [`Postgres::durable`], [`Redis::start`], and a [`Proxy`] in front of either.

mod data_folder;
mod database;
mod keeper;
mod postgres;
mod proxy;
mod psql;
mod redis;
mod wait;

pub use database::{Database, database, database_from};
pub use postgres::Postgres;
pub use proxy::{Flow, Proxy, Way};
pub use psql::Psql;
pub use redis::{Redis, redis};
pub use wait::free_port;
