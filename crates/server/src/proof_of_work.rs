//! Proof of work at registering and joining: a cost for bots, and never the only wall. Off unless it is set.
//!
//! The format is ALTCHA's (SHA-256, version 1), so that its widget solves it: find the number that, written behind the
//! salt, hashes to the challenge. Nothing is kept for a challenge that was given out. The salt carries its end, the hash
//! commits to the salt, and the signature binds the hash to what it was given for.
//!
//! Invariant: checking costs two hashes, whatever the difficulty.

mod demand;
mod used;

use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use demand::Demand;
use domain::{AccountId, SaleId, Timestamp};
use serde::{Deserialize, Serialize};
use used::Used;
use utoipa::ToSchema;

use crate::keys::Keys;

const ALGORITHM: &str = "SHA-256";
/// A slow phone needs most of a minute for the hardest challenge, and people look away meanwhile.
const LIFE: Duration = Duration::from_secs(300);
const SALT_BYTES: usize = 16;
/// What the widget sends is some 350 bytes; no more is decoded.
const PROOF_BYTES_MAX: usize = 1_024;
/// A quarter of a second on an old phone, and five: what a person does not mind while he looks at a line.
const EASY_TO_HARD: (u64, u64) = (25_000, 500_000);
const NUMBER_MIN: u64 = 1_000;
/// What the widget's 32-bit counters and patience can take.
const NUMBER_MAX: u64 = 1_000_000_000;

/// The easiest and the hardest challenge, as the largest number that may have to be tried. Half of it are on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difficulty {
    easy: NonZeroU64,
    hard: NonZeroU64,
}

/// What a challenge is good for, and for whom: no other act, and nobody else's.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// Of the account that gets this address, as it is stored.
    Register {
        email: &'a str,
    },
    Join {
        sale: SaleId,
        account: AccountId,
    },
}

/// In ALTCHA's format.
#[derive(Serialize, ToSchema)]
pub struct Challenge {
    #[schema(value_type = String, example = "SHA-256")]
    algorithm: &'static str,
    /// The hash of salt and number, in hexadecimal.
    challenge: String,
    /// The number is not larger.
    maxnumber: u64,
    /// The number is written behind it.
    salt: String,
    signature: String,
}

/// What the solver sends back, as JSON in base64.
#[derive(Deserialize)]
struct Proof {
    algorithm: String,
    challenge: String,
    number: u64,
    salt: String,
    signature: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("Solve a challenge first, and send its proof.")]
    Required,
    #[error(
        "This is no proof for this request: ask for a challenge, solve it, and send the proof with the same request."
    )]
    Invalid,
    #[error("This proof has come too late: ask for a new challenge.")]
    Expired,
    #[error("This proof has been used: ask for a new challenge.")]
    Used,
}

/// A proof that was accepted. Whoever did not get what it was for may give it back.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted(Option<used::Key>);

pub struct ProofOfWork {
    difficulty: Option<Difficulty>,
    keys: Arc<Keys>,
    demand: Demand,
    used: Used,
    pub figures: Figures,
}

/// For the metrics.
#[derive(Default)]
pub struct Figures {
    pub asked: AtomicU64,
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
}

impl ProofOfWork {
    /// Without a difficulty nothing is asked of anybody.
    pub fn new(difficulty: Option<Difficulty>, keys: Arc<Keys>) -> Self {
        Self { difficulty, keys, demand: Demand::default(), used: Used::new(LIFE), figures: Figures::default() }
    }

    /// `None`: no proof is needed. `dice` are 32 unguessable bytes; `now` is monotonic.
    pub fn challenge(&self, purpose: Purpose<'_>, dice: [u8; 32], wall: Timestamp, now: Duration) -> Option<Challenge> {
        let difficulty = self.difficulty?;
        self.figures.asked.fetch_add(1, Ordering::Relaxed);
        let maxnumber = difficulty.at(self.demand.more(now));
        let (salt, rest) = dice.split_at(SALT_BYTES);
        let number = rest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)) % (maxnumber + 1);
        let end = (wall + LIFE).0.div_euclid(1_000);
        // The last character is no digit, so no other number behind another salt is the same text.
        let salt = format!("{}?expires={end}&", hex(salt));
        let challenge = hash(&salt, number);
        let signature = hmac::sign(&self.keys.current.proof, &signed(purpose, &challenge));
        Some(Challenge { algorithm: ALGORITHM, challenge, maxnumber, salt, signature: hex(signature.as_ref()) })
    }

    /// Each proof is accepted once, until it is given back.
    pub fn check(
        &self,
        purpose: Purpose<'_>,
        proof: Option<&str>,
        wall: Timestamp,
        now: Duration,
    ) -> Result<Accepted, Refused> {
        if self.difficulty.is_none() {
            return Ok(Accepted(None));
        }
        let checked = proof.ok_or(Refused::Required).and_then(|proof| self.look_at(purpose, proof, wall, now));
        match checked {
            Ok(_) => self.figures.accepted.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.figures.refused.fetch_add(1, Ordering::Relaxed),
        };
        checked
    }

    pub fn give_back(&self, accepted: &Accepted) {
        if let Accepted(Some(key)) = accepted {
            self.used.forget(*key);
        }
    }

    fn look_at(&self, purpose: Purpose<'_>, proof: &str, wall: Timestamp, now: Duration) -> Result<Accepted, Refused> {
        let proof = Proof::parse(proof).ok_or(Refused::Invalid)?;
        let end = end_of(&proof.salt).ok_or(Refused::Invalid)?;
        let signature = unhex(&proof.signature).ok_or(Refused::Invalid)?;
        let signed = signed(purpose, &proof.challenge);
        let ours = self.keys.accepted().any(|keys| hmac::verify(&keys.proof, &signed, &signature).is_ok());
        if proof.algorithm != ALGORITHM || !ours || hash(&proof.salt, proof.number) != proof.challenge {
            return Err(Refused::Invalid);
        }
        if wall >= Timestamp(end.saturating_mul(1_000)) {
            return Err(Refused::Expired);
        }
        let key = used::key(&signature);
        if self.used.first_time(key, now) { Ok(Accepted(Some(key))) } else { Err(Refused::Used) }
    }
}

impl Difficulty {
    /// From easy to hard, as the load goes from 0 to [`demand::FULL`].
    fn at(self, load: f64) -> u64 {
        let (easy, hard) = (self.easy.get(), self.hard.get());
        let more = (hard - easy) as f64 * load / demand::FULL;
        easy + more as u64
    }
}

/// `off`, `on`, or the easiest and the hardest challenge: `25000..500000`.
pub fn setting(text: &str) -> Result<Option<Difficulty>, String> {
    match text {
        "off" => Ok(None),
        "on" => difficulty(EASY_TO_HARD.0, EASY_TO_HARD.1).map(Some),
        range => range.parse().map(Some),
    }
}

impl FromStr for Difficulty {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("is neither on, off nor a range such as {}..{}", EASY_TO_HARD.0, EASY_TO_HARD.1);
        let (easy, hard) = text.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        difficulty(number(easy)?, number(hard)?)
    }
}

fn difficulty(easy: u64, hard: u64) -> Result<Difficulty, String> {
    let within = NUMBER_MIN..=NUMBER_MAX;
    let of = |number: u64| NonZeroU64::new(number).filter(|_| within.contains(&number));
    match (of(easy), of(hard)) {
        (Some(easy), Some(hard)) if easy <= hard => Ok(Difficulty { easy, hard }),
        (Some(_), Some(_)) => Err(format!("{easy}..{hard}: the easier one comes first")),
        _ => Err(format!("{easy}..{hard}: both are {NUMBER_MIN} to {NUMBER_MAX}")),
    }
}

impl Proof {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > PROOF_BYTES_MAX {
            return None;
        }
        serde_json::from_slice(&BASE64_STANDARD.decode(text).ok()?).ok()
    }
}

/// The second in which it ends, of a salt that was made here.
fn end_of(salt: &str) -> Option<i64> {
    let (_, end) = salt.strip_suffix('&')?.split_once("?expires=")?;
    end.parse().ok()
}

fn hash(salt: &str, number: u64) -> String {
    hex(digest(&SHA256, format!("{salt}{number}").as_bytes()).as_ref())
}

fn signed(purpose: Purpose<'_>, challenge: &str) -> Vec<u8> {
    match purpose {
        Purpose::Register { email } => format!("register\n{email}\n{challenge}"),
        Purpose::Join { sale, account } => format!("join\n{sale}\n{account}\n{challenge}"),
    }
    .into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if text.len() % 2 == 1 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests;
