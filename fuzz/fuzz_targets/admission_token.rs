//! No text but a minted one is an admission, and a minted one in one spelling.
#![no_main]

use std::sync::{Arc, LazyLock};

use domain::{AccountId, ClaimId, SaleId, Timestamp};
use libfuzzer_sys::fuzz_target;
use server::admission::Admissions;
use server::config::Secret;
use server::keys::Keys;
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SALE: SaleId = SaleId(Uuid::from_u128(1));

/// The desk, and a token of it.
static DESK: LazyLock<(Admissions, String)> = LazyLock::new(|| {
    let keys = Keys::derive(&Secret::new("of the fuzz targets alone"), None);
    let desk = Admissions::new(Arc::new(keys));
    let (token, _) = desk.mint(SALE, AccountId(Uuid::from_u128(2)), ClaimId(Uuid::from_u128(3)), NOW);
    (desk, token)
});

fuzz_target!(|data: &[u8]| {
    let (desk, minted) = &*DESK;
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(desk.verify(text, SALE, NOW).is_err() || text == minted, "nobody minted {text:?}");
    }
    // A minted one with some of its letters replaced, at places that need two bytes to name.
    let mut changed = minted.clone().into_bytes();
    for three in data.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([three[0], three[1]])) % changed.len();
        changed[at] = three[2];
    }
    match std::str::from_utf8(&changed) {
        Ok(text) if text == minted => assert!(desk.verify(text, SALE, NOW).is_ok()),
        Ok(text) => assert!(desk.verify(text, SALE, NOW).is_err(), "changed to {text:?}"),
        Err(_) => {}
    }
});
