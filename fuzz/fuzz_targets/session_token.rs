//! No text but a minted one is a session, and a minted one in one spelling.
#![no_main]

use domain::{AccountId, Timestamp};
use libfuzzer_sys::fuzz_target;
use server::config::Secret;
use server::keys::Keys;
use server::session::{mint, verify};
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fuzz_target!(|data: &[u8]| {
    let keys = Keys::derive(&Secret::new("of the fuzz targets alone"), None);
    let account = AccountId(Uuid::from_u128(7));
    let minted = mint(&keys, account, NOW.plus_sec(60));
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(verify(&keys, text, NOW).is_err() || text == minted, "nobody minted {text:?}");
    }
    // A minted one with some of its letters replaced.
    let mut changed = minted.clone().into_bytes();
    for pair in data.chunks_exact(2) {
        let at = usize::from(pair[0]) % changed.len();
        changed[at] = pair[1];
    }
    match std::str::from_utf8(&changed) {
        Ok(text) if text == minted => assert_eq!(verify(&keys, text, NOW), Ok(account)),
        Ok(text) => assert!(verify(&keys, text, NOW).is_err(), "changed to {text:?}"),
        Err(_) => {}
    }
});
