//! What is accepted, and each way of being refused.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::config::Secret;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SALE: SaleId = SaleId(Uuid::from_u128(1));
const OTHER_SALE: SaleId = SaleId(Uuid::from_u128(2));
const ACCOUNT: AccountId = AccountId(Uuid::from_u128(3));
const CLAIM: ClaimId = ClaimId(Uuid::from_u128(4));

fn admissions(secret: &str, previous: Option<&str>) -> Admissions {
    Admissions::new(Arc::new(Keys::derive(&Secret::new(secret), previous.map(Secret::new).as_ref())))
}

fn claims() -> Value {
    let now_sec = NOW.millis() / 1000;
    json!({ "iss": "traffic", "aud": SALE, "sub": ACCOUNT, "jti": CLAIM, "iat": now_sec, "nbf": now_sec, "exp": now_sec + 90 })
}

fn signed(by: &Admissions, header: &Header, claims: &Value) -> String {
    encode(header, claims, &by.keys.current.admission.signing).unwrap()
}

fn header(by: &Admissions) -> Header {
    Header { kid: Some(by.keys.current.admission.kid.clone()), ..Header::new(Algorithm::EdDSA) }
}

fn base64_json(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn an_admission_is_good_for_its_sale_from_now_until_its_end() {
    let desk = admissions("a", None);
    let (token, expires_at) = desk.mint(SALE, ACCOUNT, CLAIM, NOW);
    assert_eq!(expires_at, NOW.plus_sec(90));
    let expected = Admission { sale: SALE, account: ACCOUNT, claim: CLAIM, expires_at };
    for _first_and_from_memory in 0..2 {
        assert_eq!(desk.verify(&token, SALE, NOW), Ok(expected));
        assert_eq!(desk.verify(&token, SALE, NOW.plus_sec(94)), Ok(expected), "within the leeway");
        assert_eq!(desk.verify(&token, SALE, NOW.plus_sec(95)), Err(Refusal::AdmissionExpired));
        assert_eq!(desk.verify(&token, SALE, NOW.plus_sec(-5)), Ok(expected), "within the leeway");
        assert_eq!(desk.verify(&token, SALE, NOW.plus_sec(-6)), Err(Refusal::AdmissionInvalid), "not yet valid");
        assert_eq!(desk.verify(&token, OTHER_SALE, NOW), Err(Refusal::AdmissionForeign));
    }
}

#[test]
fn an_expired_admission_is_expired_also_on_first_sight() {
    let (token, _) = admissions("a", None).mint(SALE, ACCOUNT, CLAIM, NOW);
    let fresh_node = admissions("a", None);
    assert_eq!(fresh_node.verify(&token, SALE, NOW.plus_sec(95)), Err(Refusal::AdmissionExpired));
    assert_eq!(fresh_node.verify(&token, SALE, NOW.plus_sec(-6)), Err(Refusal::AdmissionInvalid));
}

#[test]
fn the_previous_key_is_accepted_and_another_signer_is_not() {
    let (old, _) = admissions("old", None).mint(SALE, ACCOUNT, CLAIM, NOW);
    assert!(admissions("new", Some("old")).verify(&old, SALE, NOW).is_ok());
    assert_eq!(admissions("new", None).verify(&old, SALE, NOW), Err(Refusal::AdmissionInvalid));
    // The other signer also claims to be ours by key id.
    let (ours, theirs) = (admissions("a", None), admissions("b", None));
    let posing = signed(&theirs, &header(&ours), &claims());
    assert_eq!(ours.verify(&posing, SALE, NOW), Err(Refusal::AdmissionInvalid));
}

#[test]
fn unknown_and_missing_key_ids_are_refused() {
    let desk = admissions("a", None);
    assert!(desk.verify(&signed(&desk, &header(&desk), &claims()), SALE, NOW).is_ok(), "the control");
    for kid in [Some("nobody".to_owned()), None] {
        let token = signed(&desk, &Header { kid, ..header(&desk) }, &claims());
        assert_eq!(desk.verify(&token, SALE, NOW), Err(Refusal::AdmissionInvalid));
    }
}

#[test]
fn unsigned_and_hmac_tokens_are_refused() {
    let desk = admissions("a", None);
    let kid = desk.keys.current.admission.kid.clone();
    for alg in ["none", "None", "NONE"] {
        let head = base64_json(&json!({ "alg": alg, "typ": "JWT", "kid": kid }));
        for signature in ["", "AA"] {
            let token = format!("{head}.{}.{signature}", base64_json(&claims()));
            assert_eq!(desk.verify(&token, SALE, NOW), Err(Refusal::AdmissionInvalid), "{alg}");
        }
    }
    let public_key = desk.keys.current.admission.verifying.try_get_as_bytes().unwrap();
    let header = Header { kid: Some(kid), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &claims(), &EncodingKey::from_secret(public_key)).unwrap();
    assert_eq!(desk.verify(&token, SALE, NOW), Err(Refusal::AdmissionInvalid));
}

#[test]
fn each_claim_is_required_and_must_be_of_its_kind() {
    let desk = admissions("a", None);
    for name in ["iss", "aud", "sub", "jti", "nbf", "exp"] {
        for value in [None, Some(json!("elsewhere")), Some(json!([])), Some(json!(i64::MAX))] {
            let mut changed = claims();
            let fields = changed.as_object_mut().unwrap();
            match &value {
                None => fields.remove(name),
                Some(value) => fields.insert(name.to_owned(), value.clone()),
            };
            let token = signed(&desk, &header(&desk), &changed);
            assert_eq!(desk.verify(&token, SALE, NOW), Err(Refusal::AdmissionInvalid), "{name} = {value:?}");
        }
    }
}

#[test]
fn cut_changed_and_oversized_tokens_are_refused() {
    let desk = admissions("a", None);
    let (token, _) = desk.mint(SALE, ACCOUNT, CLAIM, NOW);
    for end in 0..token.len() {
        assert_eq!(desk.verify(&token[..end], SALE, NOW), Err(Refusal::AdmissionInvalid), "cut at {end}");
    }
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let mut richer = claims();
    richer["sub"] = json!(AccountId(Uuid::from_u128(9)));
    let other_body = format!("{head}.{}.{signature}", base64_json(&richer));
    for text in [other_body, format!("{token}."), format!("{token}{}", "A".repeat(1024)), "..".to_owned()] {
        assert_eq!(desk.verify(&text, SALE, NOW), Err(Refusal::AdmissionInvalid), "{text}");
    }
    assert!(desk.verify(&token, SALE, NOW).is_ok(), "the control");
}

#[test]
fn verified_admissions_are_bounded() {
    let shard = Shard::default();
    let most = CACHE_MAX / CACHE_SHARDS;
    let admission = Admission { sale: SALE, account: ACCOUNT, claim: CLAIM, expires_at: NOW.plus_sec(90) };
    let verified = Verified { admission, not_before: NOW };
    for number in 0..most as u64 * 2 + 1 {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        remember(&shard, hash, verified, NOW);
        assert!(shard.lock().unwrap().len() <= most);
    }
    for _expired in 0..2 {
        remember(&shard, [255; 32], verified, NOW);
    }
    assert!(!shard.lock().unwrap().is_empty());
}
