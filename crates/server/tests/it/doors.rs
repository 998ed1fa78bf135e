//! The door, with a connection: one code lets one person in once, and only its newest version does.

use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Answer, Call, Fan, TestApp};
use crate::tickets::{buy, ticket};

/// A ticket sold in a new sale, with its buyer.
struct Sold {
    sale: String,
    fan: Fan,
    id: String,
    code: String,
}

async fn sold(app: &TestApp) -> Sold {
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (_, tickets) = buy(app, &sale, &fan, &["GA-1-1"], &["Ann"]).await;
    let id = tickets[0].clone();
    let code = code(app, &fan, &id).await;
    Sold { sale, fan, id, code }
}

pub(crate) async fn code(app: &TestApp, fan: &Fan, id: &str) -> String {
    ticket(app, fan, id).await.expect(StatusCode::OK)["code"].as_str().unwrap().to_owned()
}

fn scanning(app: &TestApp, code: &str, gate: &str, nonce: &str) -> Call {
    app.post("/v1/admin/scan").admin().json(&json!({ "code": code, "gate": gate, "nonce": nonce }))
}

pub(crate) async fn scan(app: &TestApp, code: &str, gate: &str, nonce: &str) -> Answer {
    let answer = scanning(app, code, gate, nonce).send().await;
    answer.expect(StatusCode::OK);
    answer
}

fn refused(answer: &Answer, reason: &str) {
    assert_eq!((&answer["result"], &answer["reason"]), (&json!("refused"), &json!(reason)), "{answer:?}");
    assert!(answer["message"].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
}

#[tokio::test]
async fn a_ticket_is_let_in_once_and_the_next_gate_is_told_when_and_where() {
    let app = TestApp::start().await;
    let Sold { sale, fan, id, code } = sold(&app).await;
    let first = scan(&app, &code, "north", "1").await;
    let entry = json!({ "at": app.now(), "gate": "north" });
    assert_eq!(
        first.json,
        json!({ "result": "admitted", "reason": null, "message": "Let in.", "ticket_id": id, "sale_id": sale,
            "seat_id": "GA-1-1", "attendee": "Ann", "first_scan": entry })
    );
    assert_eq!(first.header("cache-control"), "no-store");
    app.advance(60_000);
    let second = scan(&app, &code, "south", "1").await;
    refused(&second, "already_used");
    assert_eq!((&second["first_scan"], &second["attendee"]), (&entry, &json!("Ann")));
    assert_eq!(ticket(&app, &fan, &id).await["used_at"], entry["at"], "and the holder sees it");
}

#[tokio::test]
async fn the_same_nonce_of_a_gate_has_the_same_answer() {
    let mut app = TestApp::start().await;
    let Sold { code, .. } = sold(&app).await;
    let first = scan(&app, &code, "north", "n").await;
    app.advance(5_000);
    for _ in 0..3 {
        assert_eq!(scan(&app, &code, "north", "n").await.body, first.body);
    }
    app.restart().await;
    assert_eq!(scan(&app, &code, "north", "n").await.body, first.body);
    refused(&scan(&app, &code, "south", "n").await, "already_used");
    let other = sold(&app).await;
    scanning(&app, &other.code, "north", "n").send().await.refused(422, "idempotency_key_reused");
    assert_eq!(scan(&app, &other.code, "north", "m").await["result"], "admitted", "that no has used nothing up");
}

/// Invariant: a ticket is let in once. The planted opposite, a look and then a write, lets several in.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_at_thirty_gates_at_once_is_let_in_at_one() {
    let app = TestApp::start().await;
    let Sold { code, .. } = sold(&app).await;
    let mut gates = JoinSet::new();
    for gate in 0..30 {
        gates.spawn(scanning(&app, &code, &format!("gate {gate}"), "1").send());
    }
    let answers = gates.join_all().await;
    let admitted: Vec<&Answer> = answers.iter().filter(|answer| answer["result"] == "admitted").collect();
    assert_eq!(admitted.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer["result"] != "admitted") {
        refused(answer, "already_used");
        assert_eq!(answer["first_scan"], admitted[0]["first_scan"]);
    }
}

#[tokio::test]
async fn a_code_that_is_not_ours_or_for_another_sale_lets_nobody_in() {
    let app = TestApp::start().await;
    let (here, elsewhere) = (sold(&app).await, sold(&app).await);
    let (signed, signature) = here.code.rsplit_once('.').unwrap();
    let foreign_signature = elsewhere.code.rsplit_once('.').unwrap().1;
    let shopper = app.admitted(&here.sale).await;
    let forged = [
        format!("{signed}.{foreign_signature}"),
        format!("{}.{signature}", elsewhere.code.rsplit_once('.').unwrap().0),
        shopper.admission,
        here.id.clone(),
        String::new(),
        "T1..".to_owned(),
        "x".repeat(5_000),
    ];
    for (at, code) in forged.iter().enumerate() {
        let answer = scan(&app, code, "north", &at.to_string()).await;
        refused(&answer, "unknown");
        for member in ["ticket_id", "sale_id", "seat_id", "attendee", "first_scan"] {
            assert_eq!(answer[member], Value::Null, "nothing is told of what nobody signed: {answer:?}");
        }
    }
    let gate = |sale: &str| {
        let body = json!({ "code": here.code, "gate": "north", "nonce": format!("for-{sale}"), "sale_id": sale });
        app.post("/v1/admin/scan").admin().json(&body).send()
    };
    refused(&gate(&elsewhere.sale).await, "wrong_sale");
    assert_eq!(ticket(&app, &here.fan, &here.id).await["used_at"], Value::Null);
    assert_eq!(gate(&here.sale).await["result"], "admitted");
}

async fn reissue(app: &TestApp, id: &str, body: Value) -> Answer {
    app.post(format!("/v1/admin/tickets/{id}/reissue")).admin().json(&body).send().await
}

#[tokio::test]
async fn a_ticket_issued_again_has_a_new_code_and_the_old_one_is_dead() {
    let app = TestApp::start().await;
    let Sold { sale, fan, id, code: old } = sold(&app).await;
    let answer = reissue(&app, &id, json!({ "attendee": " Bea ", "reason": "a present" })).await;
    assert_eq!(
        answer.expect(StatusCode::OK),
        &json!({ "ticket_id": id, "sale_id": sale, "seat_id": "GA-1-1", "version": 2, "attendee": "Bea",
            "user_id": fan.id })
    );
    let shown = ticket(&app, &fan, &id).await;
    assert_eq!((&shown["version"], &shown["holder"]["name"]), (&json!(2), &json!("Bea")));
    let new = shown["code"].as_str().unwrap();
    assert_ne!(new, old);
    refused(&scan(&app, &old, "north", "1").await, "revoked");
    let admitted = scan(&app, new, "north", "2").await;
    assert_eq!((&admitted["result"], &admitted["attendee"]), (&json!("admitted"), &json!("Bea")));
    refused(&scan(&app, &old, "north", "3").await, "revoked");

    let audit = app.get(format!("/v1/admin/sales/{sale}/audit")).admin().send().await;
    let entries = audit.expect(StatusCode::OK)["entries"].as_array().unwrap().clone();
    let entry = entries.iter().find(|entry| entry["act"] == "reissue_ticket").expect("it is on record");
    let told = &entry["details"];
    assert_eq!((&told["ticket"], &told["reason"]), (&json!(id), &json!("a present")), "{entry}");
    assert_eq!(told["version"], json!({ "from": 1, "to": 2 }));
    assert_eq!(told["attendee"], json!({ "from": "Ann", "to": "Bea" }));
}

#[tokio::test]
async fn issuing_again_is_done_once_for_a_key_and_not_at_all_for_a_ticket_in_use() {
    let app = TestApp::start().await;
    let Sold { id, code: old, .. } = sold(&app).await;
    let first = reissue(&app, &id, json!({ "idempotency_key": "k" })).await;
    assert_eq!(first.expect(StatusCode::OK)["version"], 2);
    assert_eq!(reissue(&app, &id, json!({ "idempotency_key": "k" })).await.body, first.body);
    let other = json!({ "idempotency_key": "k", "attendee": "Bea" });
    reissue(&app, &id, other).await.refused(422, "idempotency_key_reused");
    refused(&scan(&app, &old, "north", "1").await, "revoked");

    let used = sold(&app).await;
    scan(&app, &used.code, "north", "2").await;
    reissue(&app, &used.id, json!({})).await.refused(409, "ticket_used");
    for unknown in ["00000000-0000-0000-0000-000000000000", "nonsense", &used.sale] {
        reissue(&app, unknown, json!({})).await.refused(404, "ticket_not_found");
    }
}

#[tokio::test]
async fn codes_of_the_key_before_are_let_in_while_it_is_named() {
    let mut app = TestApp::start().await;
    let (first, second) = (sold(&app).await, sold(&app).await);
    let kept = published(&app).await;
    assert_eq!(kept.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ticket.pem").to_str().unwrap().to_owned().leak();
    let made = std::process::Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out", file]).status();
    assert!(made.unwrap().success());
    app.set("TICKET_KEY_FILE", file);
    app.restart().await;
    refused(&scan(&app, &first.code, "north", "1").await, "unknown");

    app.set("TICKET_KEYS_PREVIOUS", kept[0].clone().leak());
    app.restart().await;
    let now = published(&app).await;
    assert_eq!((now.len(), &now[1]), (2, &kept[0]), "doors without a connection learn both");
    assert_eq!(scan(&app, &first.code, "north", "2").await["result"], "admitted");
    let newly_signed = code(&app, &second.fan, &second.id).await;
    assert_ne!(newly_signed, second.code);
    assert_eq!(scan(&app, &newly_signed, "north", "3").await["result"], "admitted");
    refused(&scan(&app, &second.code, "north", "4").await, "already_used");
}

#[tokio::test]
async fn an_older_key_that_is_none_stops_the_start() {
    let flags = server::config::Settings { dev: true, ..Default::default() };
    let env = |name: &str| (name == "TICKET_KEYS_PREVIOUS").then(|| "short,keys".to_owned());
    let error = server::config::Config::load(&flags, &env, None).expect_err("no key").to_string();
    assert!(error.contains("ticket_keys_previous") && error.contains("`short`, which is no public key"), "{error}");
}

/// `x` of the published keys of tickets.
async fn published(app: &TestApp) -> Vec<String> {
    let answer = app.get("/.well-known/jwks.json").send().await;
    let keys = answer.expect(StatusCode::OK)["keys"].as_array().unwrap().clone();
    let of_tickets = keys.iter().filter(|key| key["kid"].as_str().unwrap().starts_with("ticket-"));
    of_tickets.map(|key| key["x"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_revoked_codes_of_a_sale_are_a_list_for_gates_without_a_connection() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (_, tickets) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2", "GA-1-3"], &[]).await;
    let path = format!("/v1/admin/sales/{sale}/revoked");
    let list = async || String::from_utf8(app.get(&path).admin().send().await.body.to_vec()).unwrap();
    assert_eq!(list().await, "end 0\n", "all are good");
    reissue(&app, &tickets[1], json!({})).await.expect(StatusCode::OK);
    app.post(format!("/v1/admin/tickets/{}/cancel", tickets[2])).admin().send().await.expect(StatusCode::OK);
    let mut lines = [format!("{} 2", tickets[1]), tickets[2].clone()];
    lines.sort();
    assert_eq!(list().await, format!("{}\n{}\nend 2\n", lines[0], lines[1]));
    app.get("/v1/admin/sales/nonsense/revoked").admin().send().await.refused(404, "sale_not_found");
}
