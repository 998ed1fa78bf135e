//! The server from end to end: the real router and the real store, time by hand, no sockets.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, its helpers too: the line says enough")]

mod admin;
mod admin_shapes;
mod app;
mod audit;
mod bad_input;
mod by_hand;
mod cancellations;
mod caps;
mod checkout;
mod concurrency;
mod credentials;
mod doors;
mod fan_pages;
mod journey;
mod limits;
mod limits_by_address;
mod load_runs;
mod log_levels;
mod login_code;
mod nodes;
mod operations;
mod profile;
mod proof_of_work;
mod races;
mod red_team;
mod redis;
mod report;
mod sale_changes;
mod seats_holds;
mod signals;
mod stream;
mod tickets;
mod traced;
mod ui;
mod waiting_room;
