//! What an account has bought, and what it shows at the door.

use std::io::Write;
use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use server::tickets::{Keyring, Said};

use crate::app::{Answer, Fan, TestApp};

/// Buys these seats with these names, and tells the order and its tickets.
pub(crate) async fn buy(app: &TestApp, sale: &str, fan: &Fan, seats: &[&str], names: &[&str]) -> (String, Vec<String>) {
    let shopper = app.admit(sale, fan).await;
    let hold = app.held(sale, &shopper, seats).await;
    let body = json!({ "hold_id": hold, "idempotency_key": format!("pay-{hold}"), "attendees": names });
    let paid = app.pay(sale, &shopper, body).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let order = paid.expect(StatusCode::OK);
    (text(&order["order_id"]), order["ticket_ids"].as_array().unwrap().iter().map(text).collect())
}

pub(crate) async fn ticket(app: &TestApp, fan: &Fan, id: &str) -> Answer {
    app.get(format!("/v1/tickets/{id}")).bearer(fan).send().await
}

/// What a door knows: the published keys, and the sale of the evening. None is "no".
async fn at_the_door(app: &TestApp, sale: &str, code: &str) -> Option<Said> {
    let published = app.get("/.well-known/jwks.json").send().await;
    let keys = Keyring::read(&published.expect(StatusCode::OK).to_string()).unwrap();
    keys.verify(code).ok().filter(|said| said.sale.to_string() == sale)
}

fn holder(ticket: &str, name: &str) -> [u8; 16] {
    *digest(&SHA256, format!("{ticket}\n{name}").as_bytes()).as_ref().first_chunk().unwrap()
}

#[tokio::test]
async fn a_ticket_shows_its_seat_its_holder_and_a_code_for_the_door() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (order, tickets) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2"], &["Ann"]).await;
    let facts = app.get(format!("/v1/sales/{sale}")).send().await;
    for (at, id) in tickets.iter().enumerate() {
        let answer = ticket(&app, &fan, id).await;
        let shown = answer.expect(StatusCode::OK);
        let seat = format!("GA-1-{}", at + 1);
        assert_eq!(
            (&shown["ticket_id"], &shown["order_id"], &shown["sale_id"]),
            (&json!(id), &json!(order), &json!(sale))
        );
        assert_eq!((&shown["seat_id"], &shown["section"]), (&json!(seat), &json!("GA")));
        assert_eq!((&shown["row"], &shown["num"]), (&json!(1), &json!(at + 1)));
        assert_eq!(
            (&shown["price"], &shown["currency"], &shown["status"]),
            (&json!(5_000), &json!("USD"), &json!("valid"))
        );
        assert_eq!((&shown["version"], &shown["used_at"]), (&json!(1), &Value::Null));
        assert_eq!((&shown["event"], &shown["issued_at"]), (&facts["event"], &json!(app.now())));
        let name = ["Ann"].get(at);
        assert_eq!(shown["holder"], json!({ "account": fan.id, "name": name }));
        assert!(shown["qr"].as_str().unwrap().starts_with("<svg"), "{shown}");
        assert_eq!(answer.header("cache-control"), "no-store");

        let said = at_the_door(&app, &sale, shown["code"].as_str().unwrap()).await.expect("a good ticket");
        let holder = holder(id, name.unwrap_or(&fan.id.as_str()));
        let expected = Said { ticket: id.parse().unwrap(), sale: sale.parse().unwrap(), version: 1, holder, seat };
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn a_code_is_good_for_its_own_ticket_and_sale_and_is_no_admission() {
    let app = TestApp::start().await;
    let (sale, other_sale) = (app.sale().await, app.sale().await);
    let fan = app.fan().await;
    let (_, tickets) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2"], &[]).await;
    let mut codes = Vec::new();
    for id in &tickets {
        codes.push(ticket(&app, &fan, id).await["code"].as_str().unwrap().to_owned());
    }
    let part = |code: &str, at: usize| code.split('.').nth(at).unwrap().to_owned();
    let swapped = format!("T1.{}.{}", part(&codes[1], 1), part(&codes[0], 2));
    assert!(at_the_door(&app, &sale, &codes[0]).await.is_some());
    assert_eq!(at_the_door(&app, &sale, &swapped).await, None);
    assert_eq!(at_the_door(&app, &other_sale, &codes[0]).await, None);

    let shopper = app.admitted(&sale).await;
    assert_eq!(at_the_door(&app, &sale, &shopper.admission).await, None, "an admission is no ticket");
    let as_admission =
        app.get(format!("/v1/sales/{sale}/seats")).header("authorization", format!("Admission {}", codes[0]));
    as_admission.send().await.refused(403, "admission_invalid");
}

#[tokio::test]
async fn a_code_is_the_same_every_time_and_in_every_life_of_the_node() {
    let mut app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (_, tickets) = buy(&app, &sale, &fan, &["GA-1-1"], &[]).await;
    let first = ticket(&app, &fan, &tickets[0]).await;
    app.restart().await;
    app.advance(86_400_000);
    assert_eq!(ticket(&app, &fan, &tickets[0]).await.expect(StatusCode::OK), first.expect(StatusCode::OK));
}

#[tokio::test]
async fn anothers_ticket_is_not_found() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let (fan, stranger) = (app.fan().await, app.fan().await);
    let (order, tickets) = buy(&app, &sale, &fan, &["GA-1-1"], &[]).await;
    for id in [&tickets[0], &order, &sale] {
        ticket(&app, &stranger, id).await.refused(404, "ticket_not_found");
    }
    ticket(&app, &fan, &order).await.refused(404, "ticket_not_found");
    for path in ["/v1/tickets", "/v1/orders"] {
        let lists = app.get(path).bearer(&stranger).send().await;
        let name = path.strip_prefix("/v1/").unwrap();
        assert_eq!(lists.expect(StatusCode::OK), &json!({ name: [], "next_after": null }));
        let page = app.get(format!("{path}?after={}", if name == "orders" { &order } else { &tickets[0] }));
        page.bearer(&stranger).send().await.wrong("after");
    }
}

#[tokio::test]
async fn own_lists_are_told_newest_first_by_pages() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_user": 10 })).await;
    let fan = app.fan().await;
    let mut bought = Vec::new();
    for seats in [["GA-1-1", "GA-1-2"], ["GA-1-5", "GA-1-6"], ["GA-2-1", "GA-2-2"]] {
        bought.push(buy(&app, &sale, &fan, &seats, &[]).await);
    }
    bought.reverse();
    let orders: Vec<&String> = bought.iter().map(|(order, _)| order).collect();
    let tickets: Vec<&String> = bought.iter().flat_map(|(_, tickets)| tickets).collect();
    for (name, id, all) in [("orders", "order_id", orders), ("tickets", "ticket_id", tickets)] {
        for limit in [1, 2, 4, 200] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let answer = app.get(format!("/v1/{name}?limit={limit}{after}")).bearer(&fan).send().await;
                let page = answer.expect(StatusCode::OK);
                let items = page[name].as_array().unwrap();
                assert!(items.len() <= limit);
                for item in items {
                    let id = item[id].as_str().unwrap();
                    let mut one = app.get(format!("/v1/{name}/{id}")).bearer(&fan).send().await.json;
                    if name == "tickets" {
                        assert!(one["code"].take().is_string() && one["qr"].take().is_string());
                        one.as_object_mut().unwrap().retain(|key, _| key != "code" && key != "qr");
                    }
                    assert_eq!(item, &one, "the list tells what the one tells, without its code");
                    seen.push(id.to_owned());
                }
                app.advance(2_000); // for the limit
                let Some(next) = page["next_after"].as_str() else { break };
                after = format!("&after={next}");
            }
            assert_eq!(seen.iter().collect::<Vec<_>>(), all, "{limit} on a page");
        }
        let whole = app.get(format!("/v1/{name}")).bearer(&fan).send().await;
        assert_eq!((whole[name].as_array().unwrap().len(), &whole["next_after"]), (all.len(), &Value::Null));
    }
}

#[tokio::test]
async fn odd_pages_of_own_lists_name_their_parameter() {
    let app = TestApp::start().await;
    let fan = app.fan().await;
    for path in ["/v1/orders", "/v1/tickets"] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("after=", "after"),
            ("after=fake", "after"),
            ("after=00000000-0000-0000-0000-000000000000", "after"),
        ] {
            app.get(format!("{path}?{query}")).bearer(&fan).send().await.wrong(field);
        }
    }
}

fn openssl(arguments: &[&str]) -> Vec<u8> {
    let done = Command::new("openssl").args(arguments).output().expect("openssl runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// The file is made as the documentation says.
#[tokio::test]
async fn the_key_of_tickets_can_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file: &'static str = folder.path().join("ticket.pem").to_str().unwrap().to_owned().leak();
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", file]);
    // A public key in DER ends in its 32 bytes.
    let der = openssl(&["pkey", "-in", file, "-pubout", "-outform", "DER"]);
    let public = BASE64_URL_SAFE_NO_PAD.encode(der.last_chunk::<32>().unwrap());
    let app = TestApp::with(&[("TICKET_KEY_FILE", file)]).await;
    let keys = app.get("/.well-known/jwks.json").send().await;
    let keys = keys.expect(StatusCode::OK)["keys"].as_array().unwrap().clone();
    let of_tickets = keys.iter().find(|key| key["kid"].as_str().unwrap().starts_with("ticket-")).unwrap();
    assert_eq!((&of_tickets["use"], &of_tickets["x"]), (&json!("sig"), &json!(public)));
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (_, tickets) = buy(&app, &sale, &fan, &["GA-1-1"], &[]).await;
    let code = ticket(&app, &fan, &tickets[0]).await["code"].as_str().unwrap().to_owned();
    assert!(at_the_door(&app, &sale, &code).await.is_some());
}

#[tokio::test]
async fn a_wrong_key_file_stops_the_start() {
    let error = TestApp::refusal(&[("TICKET_KEY_FILE", "no/such/file.pem")]).await;
    assert!(error.starts_with("ticket_key_file no/such/file.pem: cannot be read"), "{error}");
}

/// The example that operators copy, run as it is written.
#[tokio::test]
async fn the_doors_example_in_the_documentation_tells_good_from_bad() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tickets.md")).unwrap();
    let example = text.split_once("```sh door\n").unwrap().1.split_once("```\n").unwrap().0;
    let app = TestApp::start().await;
    let (sale, other_sale) = (app.sale().await, app.sale().await);
    let fan = app.fan().await;
    let (_, tickets) = buy(&app, &sale, &fan, &["GA-1-1"], &[]).await;
    let code = ticket(&app, &fan, &tickets[0]).await["code"].as_str().unwrap().to_owned();
    let shopper = app.admitted(&sale).await;
    let mut keys = tempfile::NamedTempFile::new().unwrap();
    keys.write_all(&app.get("/.well-known/jwks.json").send().await.body).unwrap();

    let door = |code: &str, sale: &str| {
        let door = Command::new("bash")
            .args(["-c", example])
            .env("CODE", code)
            .env("KEYS", keys.path())
            .env("SALE", sale)
            .output()
            .expect("bash runs");
        (door.status.success(), String::from_utf8(door.stdout).unwrap())
    };
    assert_eq!(door(&code, &sale), (true, format!("yes: seat GA-1-1, ticket {}, version 1\n", tickets[0])));
    let (payload, signature) = code.strip_prefix("T1.").unwrap().split_once('.').unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        format!("T1.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    };
    // The last character of the seat; the version, whose first bytes are zero; and the key.
    assert_eq!(door(&changed(usize::MAX, b'2'), &sale), (false, "no: forged or damaged\n".to_owned()));
    assert_eq!(door(&changed(40, 1), &sale), (false, "no: forged or damaged\n".to_owned()));
    assert_eq!(door(&changed(0, 0), &sale), (false, "no: signed with an unknown key\n".to_owned()));
    assert_eq!(door(&code, &other_sale), (false, "no: for another sale\n".to_owned()));
    assert_eq!(door(&shopper.admission, &sale), (false, "no: not a ticket\n".to_owned()));
    assert_eq!(door("nonsense", &sale), (false, "no: not a ticket\n".to_owned()));
}
