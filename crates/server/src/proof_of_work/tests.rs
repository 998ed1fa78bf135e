//! What a proof is good for, and what is refused: changed, late, used, or made for another.

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::config::Secret;

const NOW: Duration = Duration::from_secs(50);
const WALL: Timestamp = Timestamp(1_700_000_000_500);

fn keys(secret: &str) -> Arc<Keys> {
    Arc::new(Keys::derive(&Secret::new(secret), None))
}

fn on() -> ProofOfWork {
    ProofOfWork::new(setting("1000..20000").unwrap(), keys("a secret of thirty-two bytes, or more"))
}

fn join(account: u128) -> Purpose<'static> {
    Purpose::Join { sale: SaleId(Uuid::from_u128(7)), account: AccountId(Uuid::from_u128(account)) }
}

fn challenge(pow: &ProofOfWork, purpose: Purpose<'_>) -> Challenge {
    pow.challenge(purpose, [0xA5; 32], WALL, NOW).expect("it is on")
}

/// What the widget does.
fn number(challenge: &Challenge) -> u64 {
    let fits = |number: &u64| hash(&challenge.salt, *number) == challenge.challenge;
    (0..=challenge.maxnumber).find(fits).expect("there is one")
}

fn proof(challenge: &Challenge, number: u64) -> String {
    let Challenge { algorithm, challenge, salt, signature, .. } = challenge;
    let proof = json!({ "algorithm": algorithm, "challenge": challenge, "number": number, "salt": salt,
        "signature": signature, "took": 12 });
    BASE64_STANDARD.encode(proof.to_string())
}

fn check(pow: &ProofOfWork, purpose: Purpose<'_>, proof: &str) -> Result<Accepted, Refused> {
    pow.check(purpose, Some(proof), WALL, NOW)
}

#[test]
fn a_solved_challenge_is_accepted_once_and_for_its_purpose_only() {
    let pow = on();
    let asked = challenge(&pow, join(1));
    let solved = proof(&asked, number(&asked));
    assert_eq!(check(&pow, join(2), &solved), Err(Refused::Invalid), "somebody else's");
    assert_eq!(check(&pow, Purpose::Register { email: "ann@example.com" }, &solved), Err(Refused::Invalid));
    let accepted = check(&pow, join(1), &solved).unwrap();
    assert_eq!(check(&pow, join(1), &solved), Err(Refused::Used));
    pow.give_back(&accepted);
    assert!(check(&pow, join(1), &solved).is_ok());
    let Figures { asked, accepted, refused } = &pow.figures;
    assert_eq!([asked, accepted, refused].map(|count| count.load(Ordering::Relaxed)), [1, 2, 3]);
}

#[test]
fn another_nodes_challenge_is_as_good_and_another_secrets_is_not() {
    let asked = challenge(&on(), join(1));
    let solved = proof(&asked, number(&asked));
    assert!(check(&on(), join(1), &solved).is_ok());
    let foreign = ProofOfWork::new(setting("on").unwrap(), keys("quite another secret of thirty-two bytes"));
    assert_eq!(check(&foreign, join(1), &solved), Err(Refused::Invalid));
}

#[test]
fn a_proof_ends_with_its_challenge() {
    let pow = on();
    let asked = challenge(&pow, join(1));
    let solved = proof(&asked, number(&asked));
    let end = Timestamp(end_of(&asked.salt).unwrap() * 1_000);
    assert!(end <= WALL + LIFE && end > WALL + LIFE - Duration::from_secs(1));
    assert_eq!(pow.check(join(1), Some(&solved), end, NOW), Err(Refused::Expired));
    assert!(pow.check(join(1), Some(&solved), Timestamp(end.0 - 1), NOW).is_ok());
}

/// "..expires=17" and 65 would be "..expires=176" and 5, if the salt had no end of its own.
#[test]
fn digits_do_not_move_from_the_number_into_the_salt() {
    let pow = on();
    let asked = challenge(&pow, join(1));
    let right = number(&asked);
    let digits = right.to_string();
    assert!(digits.len() > 1);
    for at in 1..digits.len() {
        let longer = Challenge { salt: format!("{}{}", asked.salt, &digits[..at]), ..challenge(&pow, join(1)) };
        assert_eq!(check(&pow, join(1), &proof(&longer, digits[at..].parse().unwrap())), Err(Refused::Invalid));
    }
    assert!(check(&pow, join(1), &proof(&asked, right)).is_ok());
}

#[test]
fn without_a_proof_one_is_asked_for_and_switched_off_nothing_is() {
    assert_eq!(on().check(join(1), None, WALL, NOW), Err(Refused::Required));
    let off = ProofOfWork::new(setting("off").unwrap(), keys("a secret of thirty-two bytes, or more"));
    assert!(off.challenge(join(1), [0; 32], WALL, NOW).is_none());
    assert_eq!(off.check(join(1), None, WALL, NOW), Ok(Accepted(None)));
}

#[test]
fn it_gets_harder_in_a_rush() {
    let pow = on();
    let asked: Vec<u64> = (0..12_000).map(|_| challenge(&pow, join(1)).maxnumber).collect();
    assert_eq!((asked[0], asked[5_000].div_euclid(1_000), asked[11_000]), (1_000, 10, 20_000));
    let later = pow.challenge(join(1), [1; 32], WALL, NOW * 2).unwrap();
    assert_eq!(later.maxnumber, 1_000);
}

#[test]
fn settings_are_understood_or_say_what_is_wrong() {
    assert!(setting("on").unwrap().is_some() && setting("off").unwrap().is_none());
    assert_eq!(setting("1000..1000").unwrap(), "1000 .. 1000".parse().ok());
    for wrong in ["", "yes", "10..20", "5000..1000", "1000", "1000..", "1000..2000000000", "-1..1000"] {
        assert!(setting(wrong).is_err(), "{wrong}");
    }
    assert_eq!(setting("yes").unwrap_err(), "is neither on, off nor a range such as 25000..500000");
}

proptest! {
    /// No text makes it panic, and none that was not made from a challenge is accepted.
    #[test]
    fn garbage_is_refused(text in ".{0,200}", salt in "[0-9a-f?=&expirs]{0,60}", number in any::<u64>(), signature in "[0-9a-fg]{0,70}") {
        let pow = on();
        prop_assert_eq!(check(&pow, join(1), &text), Err(Refused::Invalid));
        let made_up = Challenge { algorithm: ALGORITHM, challenge: hash(&salt, number), maxnumber: 1, salt, signature };
        prop_assert_eq!(check(&pow, join(1), &proof(&made_up, number)), Err(Refused::Invalid));
    }

    /// Every challenge has its number, and no other one below it fits.
    #[test]
    fn each_challenge_can_be_solved(dice in any::<[u8; 32]>()) {
        let pow = ProofOfWork::new(setting("1000..1000").unwrap(), keys("a secret of thirty-two bytes, or more"));
        let asked = pow.challenge(join(1), dice, WALL, NOW).unwrap();
        let fits: Vec<u64> = (0..=asked.maxnumber).filter(|n| hash(&asked.salt, *n) == asked.challenge).collect();
        prop_assert_eq!(fits.len(), 1);
        prop_assert!(check(&pow, join(1), &proof(&asked, fits[0])).is_ok());
        prop_assert_eq!(check(&pow, join(1), &proof(&asked, fits[0] + 1)), Err(Refused::Invalid));
    }
}
