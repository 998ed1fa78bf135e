//! A key or password from the settings: usable, comparable in constant time, never printable.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// Fewer different bytes than this is a typed placeholder (`aaaa...`, `1234123412341234`), not a random key.
const DISTINCT_BYTES_MIN: usize = 8;

#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For deriving keys; never for logs or answers.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn len_bytes(&self) -> usize {
        self.0.len()
    }

    /// True where the text repeats a few characters.
    pub fn looks_made_up(&self) -> bool {
        let mut bytes = self.0.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes.dedup();
        bytes.len() < DISTINCT_BYTES_MIN
    }

    /// Compares in a time that tells neither content nor length: both sides are hashed first.
    pub fn matches(&self, offered: impl AsRef<[u8]>) -> bool {
        let [ours, theirs] = [self.0.as_bytes(), offered.as_ref()].map(|bytes| digest(&SHA256, bytes));
        verify_slices_are_equal(ours.as_ref(), theirs.as_ref()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(***)");
    }

    #[test]
    fn only_the_same_text_matches() {
        let key = Secret::new("correct horse");
        assert!(key.matches("correct horse"));
        assert!(!key.matches("correct hors"));
        assert!(!key.matches(""));
    }

    #[test]
    fn repeated_characters_look_made_up_and_random_ones_do_not() {
        assert!(Secret::new("12341234123412341234123412341234").looks_made_up());
        assert!(!Secret::new("2f8e0c5b9a7d4e13").looks_made_up());
    }
}
