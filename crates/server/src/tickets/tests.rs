//! What a code says, what it does not verify for, and which key files are taken.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use domain::{AccountId, EventId, Money, OrderId, Timestamp};
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::Value;
use store::catalog::Event;
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::*;
use crate::keys::{KEY_BYTES, seeded};

pub(crate) fn signer(seed: u8) -> TicketSigner {
    TicketSigner::new(&seeded(&[seed; KEY_BYTES]))
}

pub(crate) fn ticket() -> OwnTicket {
    let id = Uuid::from_u128;
    OwnTicket {
        id: TicketId(id(0x11)),
        order: OrderId(id(0x22)),
        sale: SaleId(id(0x33)),
        event: Event {
            id: EventId(id(0x44)),
            name: "Night".to_owned(),
            venue: "Hall".to_owned(),
            starts_at: Timestamp(0),
            group: None,
        },
        label: "GA-12-7".to_owned(),
        price: Money(5_000),
        currency: "USD".to_owned(),
        account: AccountId(id(0x55)),
        attendee: Some("Ann Ámon".to_owned()),
        issued_at: Timestamp(0),
        cancelled_at: None,
    }
}

/// As a door does it, with the key that is published.
fn at_the_door(signer: &TicketSigner, code: &str) -> Option<Value> {
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_required_spec_claims(&["iss", "aud", "sub"]);
    rules.set_issuer(&["traffic"]);
    rules.validate_exp = false;
    rules.validate_aud = false;
    let typ = decode_header(code).ok()?.typ?;
    decode::<Value>(code, &signer.key().verifying, &rules).ok().filter(|_| typ == "ticket").map(|token| token.claims)
}

/// A change here makes every printed ticket worthless. The signature was also verified by OpenSSL.
#[test]
fn the_code_does_not_change_between_versions() {
    insta::assert_snapshot!(signer(1).code(&ticket()), @"eyJ0eXAiOiJ0aWNrZXQiLCJhbGciOiJFZERTQSIsImtpZCI6InRpY2tldC1OSFVQbUwxWl9QdyJ9.eyJpc3MiOiJ0cmFmZmljIiwiYXVkIjoiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDMzIiwianRpIjoiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDExIiwic2VhdCI6IkdBLTEyLTciLCJzdWIiOiI5S2pNUkRleDdWZTBrMjNUd2RGamNnIn0.oq-F1BbVtj3IpYx3BCLNICm1Sm2YFGwsJF4NDil5q-ak6X6Jv6Dm4FMRyTeuTf3hdWZV78rcNiHCLzs_ViW-Cg");
}

#[test]
fn a_code_names_ticket_sale_seat_and_a_hash_of_the_holder() {
    let signer = signer(1);
    let claims = at_the_door(&signer, &signer.code(&ticket())).unwrap();
    // printf '00000000-0000-0000-0000-000000000011\nAnn Ámon' | openssl dgst -sha256 -binary | head -c 16 | base64
    let expected = serde_json::json!({
        "iss": "traffic", "aud": "00000000-0000-0000-0000-000000000033",
        "jti": "00000000-0000-0000-0000-000000000011", "seat": "GA-12-7", "sub": "9KjMRDex7Ve0k23TwdFjcg",
    });
    assert_eq!(claims, expected);
}

#[test]
fn the_code_of_one_ticket_verifies_for_no_other_ticket_sale_seat_or_holder() {
    let signer = signer(1);
    let code = signer.code(&ticket());
    let others = [
        OwnTicket { id: TicketId(Uuid::from_u128(0x12)), ..ticket() },
        OwnTicket { sale: SaleId(Uuid::from_u128(0x34)), ..ticket() },
        OwnTicket { label: "GA-12-8".to_owned(), ..ticket() },
        OwnTicket { attendee: Some("Bob".to_owned()), ..ticket() },
        OwnTicket { attendee: None, ..ticket() },
    ];
    let part = |code: &str, at: usize| code.split('.').nth(at).unwrap().to_owned();
    for other in others {
        let wanted = signer.code(&other);
        assert_ne!(part(&wanted, 1), part(&code, 1));
        let forged = format!("{}.{}.{}", part(&code, 0), part(&wanted, 1), part(&code, 2));
        assert!(at_the_door(&signer, &wanted).is_some());
        assert_eq!(at_the_door(&signer, &forged), None, "{other:?}");
    }
}

#[test]
fn a_code_of_another_key_and_a_token_of_another_type_are_no_tickets() {
    let (ours, theirs) = (signer(1), signer(2));
    assert_ne!(ours.key().kid, theirs.key().kid);
    assert_eq!(at_the_door(&ours, &theirs.code(&ticket())), None);
    let claims = serde_json::json!({ "iss": "traffic", "aud": "x", "sub": "y" });
    let other = encode(&Header::new(Algorithm::EdDSA), &claims, &ours.key().signing).unwrap();
    assert_eq!(at_the_door(&ours, &other), None);
}

#[test]
fn tickets_of_one_person_do_not_show_that_they_are() {
    let other = OwnTicket { id: TicketId(Uuid::from_u128(0x12)), ..ticket() };
    assert_ne!(holder(&ticket()), holder(&other));
}

#[test]
fn the_picture_holds_a_code_of_the_longest_seat_name() {
    let long = OwnTicket { label: format!("{}-10000-10000", "🎟".repeat(40)), ..ticket() };
    for ticket in [ticket(), long] {
        let svg = picture(&signer(1).code(&ticket));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("<script") && !svg.contains("href"));
        assert!(svg.len() < 64 * 1024, "{}", svg.len());
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn read(content: impl AsRef<[u8]>) -> Result<TicketSigner, String> {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    TicketSigner::read(file.path()).map_err(|error| error.to_string())
}

#[test]
fn a_key_file_of_either_version_gives_its_key() {
    let pair = seeded(&[9; KEY_BYTES]);
    // Version 1 is what `openssl genpkey` writes; version 2 carries the public key too.
    for pkcs8 in [pair.to_pkcs8v1().unwrap(), pair.to_pkcs8().unwrap()] {
        let text = pem("PRIVATE KEY", pkcs8.as_ref());
        for text in [text.clone(), text.replace('\n', "\r\n"), format!("a comment\n{text}")] {
            assert_eq!(read(text).unwrap().code(&ticket()), signer(9).code(&ticket()));
        }
    }
}

#[test]
fn what_is_no_key_is_refused_and_the_setting_named() {
    let pair = seeded(&[9; KEY_BYTES]);
    let private = pair.to_pkcs8v1().unwrap();
    let other = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    let cases = [
        (String::new(), "is not an unencrypted private key in PEM"),
        (pem("PUBLIC KEY", pair.public_key().as_ref()), "is not an unencrypted private key in PEM"),
        (pem("ENCRYPTED PRIVATE KEY", private.as_ref()), "is not an unencrypted private key in PEM"),
        (format!("{BEGIN}\n!!!\n{END}\n"), "is not an unencrypted private key in PEM"),
        (format!("{BEGIN}\nMC4CAQ==\n"), "is not an unencrypted private key in PEM"),
        (pem("PRIVATE KEY", b"nonsense"), "not an Ed25519 one"),
        (pem("PRIVATE KEY", other.as_ref()), "not an Ed25519 one"),
    ];
    for (text, why) in cases {
        let error = read(&text).err().unwrap();
        assert!(error.starts_with("ticket_key_file ") && error.contains(why), "{error}");
        assert!(error.contains("openssl genpkey") && !error.contains("MC4C"), "{error}");
    }
    assert!(read(b"\xff\xfe").err().unwrap().contains("cannot be read"));
    let nowhere = TicketSigner::read(Path::new("no/such/file.pem")).err().unwrap().to_string();
    assert!(nowhere.starts_with("ticket_key_file no/such/file.pem: cannot be read"), "{nowhere}");
}
