//! The rules of a ticket sale: who may do what, when, and why not. No I/O, no clock, no randomness.
//!
//! # The words, one per idea
//! - **event**: a show at a venue at a time. **sale**: the selling of its seats, between `opens_at` and `ends_at`.
//! - **account**: who signs in; the person behind it is a **fan**.
//! - **waiting room**: the line of a sale. **entry**: an account's place in it. **position**: its number, 1..n, never changed.
//! - **through** (`admitted_through`): the watermark. Entries up to it have been called. The **drip** moves it, at each **tick**.
//! - **claim**: a called fan's right to shop, until its deadline. **admission**: the signed token that names a claim.
//! - **returner**: a called fan who came after the claim window and asks again.
//! - **cluster**: accounts that share a card, a phone or an address. **group**: events of one tour. **exception**: a cap
//!   lifted for one account.
//! - **hold**: seats kept for one fan for a short time. **order**: what is paid for a hold. **ticket**: one sold seat.
//! - **code**: the signed text on a ticket; each **version** of a ticket has one. **scan**: a **gate** asks whether a code is
//!   let in. **held back**: the seat of a cancelled ticket that the operator keeps.
//! - **load run**: one rehearsal of a sale by the load lab. **runner**: the process that does it.

pub mod admission;
pub mod best_available;
pub mod caps;
pub mod clock;
pub mod door;
pub mod hold;
pub mod ids;
pub mod load_run;
pub mod money;
pub mod order;
pub mod refusal;
pub mod sale;
pub mod sale_change;
pub mod seat_map;
pub mod waiting_room;

pub use clock::{Clock, Timestamp};
pub use ids::{AccountId, ClaimId, EventId, HoldId, OrderId, RunId, SaleId, TicketId};
pub use money::Money;
pub use refusal::Refusal;
