//! No text but a signed one is a ticket's code, in one spelling; and no list of keys makes a reader fall.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use server::tickets::Keyring;

/// The public half of a key whose private half is 32 times the byte 1.
const KEYS: &str = r#"{"keys":[{"kid":"ticket-NHUPmL1Z_Pw","x":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"}]}"#;
/// Signed with it, for seat `GA-12-7`.
const CODE: &str = "T1.NHUPmL1Z_PwAAAAAAAAAAAAAAAAAAAARAAAAAAAAAAAAAAAAAAAAMwAAAAH0qMxEN7HtV7STbdPB0WNyR0EtMTItNw.\
    Lz8W-dMhI-HOTkClt6JwScGO3ylT8hQxFGnNgRo6ARxAnmAGfIts9quoZMUxJz5qKqk-0aaep0ll2WvQVDu8AA";

static DOOR: LazyLock<Keyring> = LazyLock::new(|| Keyring::read(KEYS).expect("a list of one key"));

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(DOOR.verify(text).is_err() || text == CODE, "nobody signed {text:?}");
        if let Ok(keys) = Keyring::read(text) {
            assert!(keys.all().next().is_some(), "a list without a key was taken");
        }
    }
    // The signed one with some of its letters replaced, at places that need two bytes to name.
    let mut changed = CODE.as_bytes().to_vec();
    for three in data.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([three[0], three[1]])) % changed.len();
        changed[at] = three[2];
    }
    match std::str::from_utf8(&changed) {
        Ok(CODE) => assert_eq!(DOOR.verify(CODE).expect("signed").seat, "GA-12-7"),
        Ok(text) => assert!(DOOR.verify(text).is_err(), "changed to {text:?}"),
        Err(_) => {}
    }
});
