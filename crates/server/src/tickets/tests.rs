//! What a code says, what it does not verify for, and which key files are taken.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{AccountId, EventId, Money, OrderId, SaleId, TicketId, Timestamp};
use serde_json::Value;
use store::catalog::Event;
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::*;
use crate::keys::{KEY_BYTES, seeded};

pub(crate) fn signer(seed: u8) -> TicketSigner {
    TicketSigner::new(seeded(&[seed; KEY_BYTES]))
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
        version: 1,
        admitted: None,
    }
}

/// The three parts of a code.
fn parts(code: &str) -> [&str; 3] {
    let parts: Vec<&str> = code.split('.').collect();
    parts.try_into().unwrap()
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A change here makes every printed ticket worthless. The signature was also verified by OpenSSL.
#[test]
fn the_code_does_not_change_between_versions() {
    insta::assert_snapshot!(signer(1).code(&ticket()), @"T1.NHUPmL1Z_PwAAAAAAAAAAAAAAAAAAAARAAAAAAAAAAAAAAAAAAAAMwAAAAH0qMxEN7HtV7STbdPB0WNyR0EtMTItNw.Lz8W-dMhI-HOTkClt6JwScGO3ylT8hQxFGnNgRo6ARxAnmAGfIts9quoZMUxJz5qKqk-0aaep0ll2WvQVDu8AA");
}

#[test]
fn a_code_names_ticket_sale_seat_version_and_a_hash_of_the_holder() {
    let signer = signer(1);
    let said = signer.keys().verify(&signer.code(&ticket())).unwrap();
    // printf '00000000-0000-0000-0000-000000000011\nAnn Ámon' | openssl dgst -sha256 -binary | head -c 16 | base64
    let holder = BASE64_URL_SAFE_NO_PAD.decode("9KjMRDex7Ve0k23TwdFjcg").unwrap();
    let expected = Said {
        ticket: TicketId(Uuid::from_u128(0x11)),
        sale: SaleId(Uuid::from_u128(0x33)),
        version: 1,
        holder: holder.try_into().unwrap(),
        seat: "GA-12-7".to_owned(),
    };
    assert_eq!(said, expected);
    let again = OwnTicket { version: 7, ..ticket() };
    assert_eq!(signer.keys().verify(&signer.code(&again)), Ok(Said { version: 7, ..expected }));
}

#[test]
fn the_code_of_one_ticket_verifies_for_no_other_ticket_sale_seat_version_or_holder() {
    let signer = signer(1);
    let code = signer.code(&ticket());
    let others = [
        OwnTicket { id: TicketId(Uuid::from_u128(0x12)), ..ticket() },
        OwnTicket { sale: SaleId(Uuid::from_u128(0x34)), ..ticket() },
        OwnTicket { label: "GA-12-8".to_owned(), ..ticket() },
        OwnTicket { version: 2, ..ticket() },
        OwnTicket { attendee: Some("Bob".to_owned()), ..ticket() },
        OwnTicket { attendee: None, ..ticket() },
    ];
    for other in others {
        let wanted = signer.code(&other);
        assert_ne!(parts(&wanted)[1], parts(&code)[1]);
        let forged = format!("T1.{}.{}", parts(&wanted)[1], parts(&code)[2]);
        assert!(signer.keys().verify(&wanted).is_ok());
        assert_eq!(signer.keys().verify(&forged), Err(NotGood::Forged), "{other:?}");
    }
}

/// Every bit counts: of the payload, of the signature, and of the two characters in front, which are signed too.
#[test]
fn a_code_with_any_bit_changed_is_not_good() {
    let signer = signer(1);
    let code = signer.code(&ticket());
    let [_, payload, signature] = parts(&code);
    for (at, part) in [payload, signature].into_iter().enumerate() {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = encode(&changed);
            let forged = if at == 0 { format!("T1.{changed}.{signature}") } else { format!("T1.{payload}.{changed}") };
            assert!(signer.keys().verify(&forged).is_err(), "bit {bit} of part {at}");
        }
    }
    assert!(signer.keys().verify(&code).is_ok());
    assert_eq!(signer.keys().verify(&code.replacen("T1", "T2", 1)), Err(NotGood::Malformed));
}

#[test]
fn what_has_another_form_is_not_even_looked_up() {
    let signer = signer(1);
    let code = signer.code(&ticket());
    let [_, payload, signature] = parts(&code);
    let short = encode(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()[..59]);
    let texts = [
        String::new(),
        "nonsense".to_owned(),
        "T1".to_owned(),
        "T1..".to_owned(),
        "T1.!.!".to_owned(),
        format!("{payload}.{signature}"),
        format!("t1.{payload}.{signature}"),
        format!("T1.{payload}"),
        format!("T1.{payload}."),
        format!("T1..{signature}"),
        format!("T1.{payload}.{signature}="),
        format!("T1.{payload}=.{signature}"),
        format!("T1.{payload}.{signature}\n"),
        format!(" {code}"),
        format!("{code}.x"),
        format!("T1.{short}.{signature}"),
        "T1.".repeat(1_000),
        "🎟.🎟.🎟".to_owned(),
    ];
    for text in texts {
        let error = signer.keys().verify(&text).unwrap_err();
        assert!(error == NotGood::Malformed || text.ends_with('.') && error == NotGood::Forged, "{text}: {error}");
    }
}

#[test]
fn a_code_of_another_key_and_a_token_of_another_kind_are_no_tickets() {
    let (ours, theirs) = (signer(1), signer(2));
    assert_eq!(ours.keys().verify(&theirs.code(&ticket())), Err(NotGood::UnknownKey));
    // A code that names our key and is signed with another.
    let mut payload = BASE64_URL_SAFE_NO_PAD.decode(parts(&theirs.code(&ticket()))[1]).unwrap();
    let our_id = BASE64_URL_SAFE_NO_PAD.decode(parts(&ours.code(&ticket()))[1]).unwrap();
    payload[..8].copy_from_slice(&our_id[..8]);
    let signed = format!("T1.{}", encode(&payload));
    let signature = seeded(&[2; KEY_BYTES]).sign(signed.as_bytes());
    let forged = format!("{signed}.{}", encode(signature.as_ref()));
    assert_eq!(ours.keys().verify(&forged), Err(NotGood::Forged));
}

#[test]
fn codes_of_an_older_key_stay_good_while_its_public_key_is_named() {
    let (old, new) = (signer(1), signer(2));
    let code = old.code(&ticket());
    assert_eq!(new.keys().verify(&code), Err(NotGood::UnknownKey));
    let published = old.keys().all().next().unwrap().jwk();
    let previous: PublicKey = published["x"].as_str().unwrap().parse().unwrap();
    let new = new.with_previous(&[previous]);
    assert!(new.keys().verify(&code).is_ok());
    assert!(new.keys().verify(&new.code(&ticket())).is_ok());
    assert_ne!(new.code(&ticket()), code, "and signs with its own");
    assert_eq!(new.keys().all().count(), 2);
    let same = new.with_previous(&[previous]);
    assert_eq!(same.keys().all().count(), 2, "a key that is named twice is one");
    for wrong in ["", "x", "9KjMRDex7Ve0k23TwdFjcg", &format!("{}=", published["x"].as_str().unwrap())] {
        assert!(wrong.parse::<PublicKey>().unwrap_err().contains("no public key"), "{wrong}");
    }
}

#[test]
fn a_saved_list_of_keys_gives_those_of_tickets_and_says_what_is_wrong_with_it() {
    let signer = signer(1);
    let own = signer.keys().all().next().unwrap().jwk();
    let mut admission = own.clone();
    admission["kid"] = serde_json::json!("NHUPmL1Z_Pw");
    let list = |keys: &[&Value]| serde_json::json!({ "keys": keys }).to_string();
    let ring = Keyring::read(&list(&[&admission, &own])).unwrap();
    assert_eq!(ring.all().count(), 1);
    assert!(ring.verify(&signer.code(&ticket())).is_ok());
    let mut broken = own.clone();
    broken["x"] = serde_json::json!("short");
    let cases = [
        (String::new(), "is not JSON"),
        ("[]".to_owned(), "has no list `keys`"),
        ("{}".to_owned(), "has no list `keys`"),
        (list(&[]), "has no key of tickets"),
        (list(&[&admission]), "has no key of tickets"),
        (list(&[&broken]), "`short`, which is no public key"),
    ];
    for (text, why) in cases {
        let error = Keyring::read(&text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
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
