//! An id that is read is written in the same letters: no two texts name one thing.
#![no_main]

use domain::{AccountId, ClaimId, EventId, HoldId, OrderId, SaleId, TicketId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = [
        text.parse::<AccountId>().map(|id| id.to_string()),
        text.parse::<ClaimId>().map(|id| id.to_string()),
        text.parse::<EventId>().map(|id| id.to_string()),
        text.parse::<HoldId>().map(|id| id.to_string()),
        text.parse::<OrderId>().map(|id| id.to_string()),
        text.parse::<SaleId>().map(|id| id.to_string()),
        text.parse::<TicketId>().map(|id| id.to_string()),
    ];
    for id in read.into_iter().flatten() {
        assert_eq!(id, text);
    }
});
