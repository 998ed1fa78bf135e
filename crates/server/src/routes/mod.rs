//! One file per subject; every route is listed in `router`.

pub mod admin;
pub mod auth;
pub mod checkout;
pub mod demo;
pub mod docs;
pub(crate) mod fan_pages;
pub mod health;
pub mod holds;
pub mod keyed;
pub mod login_code;
pub mod new_sale;
pub mod orders;
pub mod page;
pub mod proof_of_work;
pub mod runs;
pub mod sales;
pub mod seats;
pub mod stream;
pub mod tickets;
pub mod waiting_room;
