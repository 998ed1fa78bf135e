//! The server from end to end: the real router and the real store, time by hand, no sockets.

mod admin;
mod app;
mod bad_input;
mod checkout;
mod concurrency;
mod credentials;
mod journey;
mod limits;
mod operations;
mod seats_holds;
mod waiting_room;
