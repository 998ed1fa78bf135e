//! Admissions that nobody signed for this: each trick that has opened a door elsewhere, at every route that asks for one.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use server::keys::SigningKey;

use super::operations;
use crate::app::{Shopper, TestApp};

/// A sale with somebody inside, whose admission is what attackers would like to have.
struct Scene {
    app: TestApp,
    sale: String,
    victim: Shopper,
    /// The attacker's own key.
    own: Ed25519KeyPair,
}

impl Scene {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let sale = app.sale().await;
        let victim = app.admitted(&sale).await;
        Self { app, sale, victim, own: server::keys::seeded(&[9; 32]) }
    }

    /// The victim's admission, in its three parts.
    fn parts(&self) -> [String; 3] {
        let parts: Vec<String> = self.victim.admission.split('.').map(str::to_owned).collect();
        parts.try_into().expect("three parts")
    }

    fn claims(&self) -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(&self.parts()[1]).unwrap()).unwrap()
    }

    fn kid(&self) -> String {
        self.app.shared().keys.current.admission.kid.clone()
    }

    /// The published half of the key that signs admissions.
    async fn public_key(&self) -> String {
        let published = self.app.get("/.well-known/jwks.json").send().await;
        assert_eq!(published["keys"][0]["kid"], json!(self.kid()));
        published["keys"][0]["x"].as_str().unwrap().to_owned()
    }

    /// Signed by the attacker.
    fn forged(&self, header: &Value) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(&self.claims()));
        let signature = self.own.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// Signed by the key of admissions, as only a leak of it could.
    fn leaked(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.app.shared().keys.current.admission.signing).unwrap()
    }

    /// At every route that asks for an admission.
    async fn refused(&self, token: &str, code: &str) {
        let asking = operations().into_iter().filter(|one| one.credential.as_deref() == Some("admission"));
        let mut asked = 0;
        for operation in asking {
            let call = self.app.call(operation.method.clone(), operation.filled(&self.sale));
            let body = json!({ "seat_ids": ["GA-1-1"], "hold_id": "fake", "idempotency_key": "k" });
            let answer = call.header("authorization", format!("Admission {token}")).json(&body).send().await;
            assert_eq!((answer.status.as_u16(), answer["code"].as_str()), (403, Some(code)), "{token}: {answer:?}");
            asked += 1;
        }
        assert!(asked >= 5, "{asked} routes");
    }

    /// After everything: the victim's own still works, and nothing was held by anybody else.
    async fn ends(self) {
        assert_eq!(self.app.stats(&self.sale).await["holds"], 0);
        let hold = self.app.hold(&self.sale, &self.victim, "own", &["GA-1-1"]).await;
        hold.expect(StatusCode::OK);
    }
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn an_admission_without_a_signature_of_the_one_algorithm_is_invalid() {
    let scene = Scene::new().await;
    let [_, payload, signature] = scene.parts();
    let kid = scene.kid();
    for alg in [json!("none"), json!("None"), json!("nOnE"), json!(""), json!(null), json!(["EdDSA"]), json!("ES256")] {
        let head = encoded(&json!({ "alg": alg, "typ": "JWT", "kid": kid }));
        for signature in ["", "AA", &signature] {
            scene.refused(&format!("{head}.{payload}.{signature}"), "admission_invalid").await;
        }
    }
    let head = encoded(&json!({ "typ": "JWT", "kid": kid }));
    scene.refused(&format!("{head}.{payload}.{signature}"), "admission_invalid").await;

    // The public key as the secret of an HMAC, in every form that it is published or kept in.
    let x = scene.public_key().await;
    let raw = BASE64_URL_SAFE_NO_PAD.decode(&x).unwrap();
    let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".as_slice(), &raw].concat();
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD_NO_PAD.encode(&der));
    for secret in [raw.as_slice(), x.as_bytes(), &der, pem.as_bytes(), b""] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { kid: Some(kid.clone()), ..Header::new(algorithm) };
            let token = encode(&header, &scene.claims(), &EncodingKey::from_secret(secret)).unwrap();
            scene.refused(&token, "admission_invalid").await;
        }
    }
    scene.ends().await;
}

#[tokio::test]
async fn an_admission_brings_no_key_of_its_own() {
    let scene = Scene::new().await;
    let kid = scene.kid();
    let x = BASE64_URL_SAFE_NO_PAD.encode(scene.own.public_key().as_ref());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x, "kid": "mine" });
    let elsewhere = "https://evil.example/keys";
    for extra in [
        json!({}),
        json!({ "jwk": jwk }),
        json!({ "jku": elsewhere }),
        json!({ "x5u": elsewhere }),
        json!({ "x5c": [x] }),
        json!({ "jwk": jwk, "jku": elsewhere, "x5u": elsewhere }),
    ] {
        for kid in
            [json!(kid), json!("mine"), json!(null), json!("../../../../dev/null"), json!(""), json!([kid]), json!(0)]
        {
            let mut header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid });
            header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            scene.refused(&scene.forged(&header), "admission_invalid").await;
        }
        let mut header = json!({ "alg": "EdDSA", "typ": "JWT" });
        header.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        scene.refused(&scene.forged(&header), "admission_invalid").await;
    }
    scene.ends().await;
}

fn tickets_x() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(server::keys::seeded(&[7; 32]).public_key().as_ref())
}

#[tokio::test]
async fn what_is_signed_for_something_else_is_no_admission() {
    let scene = Scene::new().await;
    let (claims, kid) = (scene.claims(), scene.kid());
    let header = Header { kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
    let good = scene.leaked(&header, &claims);
    let seats = scene.app.get(format!("/v1/sales/{}/seats", scene.sale));
    seats.header("authorization", format!("Admission {good}")).send().await.expect(StatusCode::OK);

    // The key of tickets signs admissions no more than an attacker's. These tests' dice made it.
    let tickets = SigningKey::new(&server::keys::seeded(&[7; 32]));
    let published = scene.app.get("/.well-known/jwks.json").send().await;
    let keys = published["keys"].as_array().expect("keys");
    let kid = keys.iter().find(|key| key["x"] == tickets_x()).expect("the key of tickets")["kid"].clone();
    for kid in [kid.as_str().map(str::to_owned), Some(tickets.kid.clone()), header.kid.clone()] {
        let header = Header { kid, ..header.clone() };
        scene.refused(&encode(&header, &claims, &tickets.signing).unwrap(), "admission_invalid").await;
    }
    for typ in [None, Some("ticket"), Some("jwt"), Some("at+jwt"), Some("")] {
        let header = Header { typ: typ.map(str::to_owned), ..header.clone() };
        scene.refused(&scene.leaked(&header, &claims), "admission_invalid").await;
    }
    for (name, value, code) in [
        ("iss", json!("elsewhere"), "admission_invalid"),
        ("iss", json!(["elsewhere"]), "admission_invalid"),
        ("iss", Value::Null, "admission_invalid"),
        ("aud", json!(super::NOBODY), "admission_foreign"),
        ("aud", json!([claims["aud"], super::NOBODY]), "admission_invalid"),
        ("aud", Value::Null, "admission_invalid"),
        ("sub", json!("operator"), "admission_invalid"),
        ("sub", Value::Null, "admission_invalid"),
        ("jti", Value::Null, "admission_invalid"),
        ("nbf", Value::Null, "admission_invalid"),
        ("nbf", json!(claims["nbf"].as_i64().unwrap() + 3_600), "admission_invalid"),
        ("exp", Value::Null, "admission_invalid"),
        ("exp", json!("never"), "admission_invalid"),
        ("exp", json!(i64::MAX), "admission_invalid"),
        ("exp", json!(u64::MAX), "admission_invalid"),
        ("exp", json!(1e300), "admission_invalid"),
        ("exp", json!(-1), "admission_invalid"),
        ("exp", json!(0), "admission_expired"),
        ("exp", json!(claims["iat"].as_i64().unwrap() - 5), "admission_expired"),
    ] {
        let mut changed = claims.clone();
        match value {
            Value::Null => changed.as_object_mut().unwrap().remove(name),
            value => changed.as_object_mut().unwrap().insert(name.to_owned(), value),
        };
        scene.refused(&scene.leaked(&header, &changed), code).await;
    }
    // Nor is it a session.
    for token in [&good, &scene.victim.admission] {
        let me = scene.app.get("/v1/me").header("authorization", format!("Bearer {token}")).send().await;
        me.refused(401, "session_invalid");
    }
    scene.refused(&scene.victim.fan.token, "admission_invalid").await;
    scene.ends().await;
}

/// The order of the group of Ed25519, least byte first (RFC 8032).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Another signature that satisfies the same equation: S + L. Who checks no range takes both.
fn malleated(signature: &[u8]) -> Vec<u8> {
    let mut changed = signature.to_vec();
    let mut carry = 0;
    for (byte, add) in changed[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "S is below L, so their sum fits");
    changed
}

#[tokio::test]
async fn an_admission_has_one_spelling() {
    let scene = Scene::new().await;
    let [head, payload, signature] = scene.parts();
    let whole = &scene.victim.admission;
    let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    // 64 bytes end in the middle of a letter: fifteen others decode to the same where nobody looks at the rest.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    assert_eq!(last % 16, 0, "its own spelling leaves the rest empty");
    for rest in 1..16 {
        let other = &alphabet[last + rest..=last + rest];
        scene.refused(&format!("{head}.{payload}.{}{other}", &signature[..85]), "admission_invalid").await;
    }
    for token in [
        format!("{head}.{payload}.{}", BASE64_URL_SAFE_NO_PAD.encode(malleated(&bytes(&signature)))),
        format!("{head}.{payload}.{}", BASE64_URL_SAFE.encode(bytes(&signature))),
        format!("{}.{payload}.{signature}", BASE64_URL_SAFE.encode([bytes(&head), b" ".to_vec()].concat())),
        format!("{head}=.{payload}.{signature}"),
        format!("{head}.{payload}=.{signature}"),
        format!("{whole}="),
        format!("{whole}."),
        format!(".{whole}"),
        format!("{whole}.{signature}"),
        format!("{head}..{payload}.{signature}"),
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.{signature} x"),
        format!("{whole},{whole}"),
        format!("{whole} {whole}"),
        format!("\"{whole}\""),
        whole.replace('.', "%2e"),
        whole.replace('.', ":"),
    ] {
        scene.refused(&token, "admission_invalid").await;
    }
    scene.ends().await;
}
