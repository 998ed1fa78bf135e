//! The door: a ticket is let in once, by its newest code, at one gate; and is issued again when it must be.

use domain::door::Shown;
use domain::{AccountId, Refusal, SaleId, TicketId};
use serde_json::{Value as Json, json};
use store::audit::AuditPage;
use store::cancellations::Which;
use store::doors::{Reissue, Revoked, RevokedPage, SCAN, ScanTicket};
use store::idempotency::Key;
use store::tickets::{OneTicket, OwnTicket, OwnTickets};
use uuid::Uuid;

use crate::world::{World, operator_key};

/// A ticket sold in a new sale, with a name on it.
async fn sold(w: &World) -> OwnTicket {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.buy(&visit, &[4]).await;
    only(w, visit.fan).await
}

pub(crate) async fn only(w: &World, account: AccountId) -> OwnTicket {
    let mut tickets = w.read(OwnTickets { account, after: None, limit: 10 }).await.expect("a page");
    assert_eq!(tickets.len(), 1, "{tickets:?}");
    tickets.remove(0)
}

pub(crate) async fn now(w: &World, ticket: &OwnTicket) -> OwnTicket {
    w.read(OneTicket { account: ticket.account, ticket: ticket.id }).await.expect("it is there")
}

fn scanning(ticket: &OwnTicket, gate: &str, nonce: &str) -> ScanTicket {
    let shown = Shown { sale: ticket.sale, version: ticket.version };
    let key = operator_key(SCAN, &format!("{gate} {nonce}"));
    ScanTicket { ticket: ticket.id, shown, here: None, gate: gate.to_owned(), key }
}

pub(crate) async fn scan(w: &World, scan: ScanTicket) -> Json {
    serde_json::from_slice(&w.ask(scan).await.expect("a scan is answered")).expect("JSON")
}

pub(crate) async fn scanned(w: &World, ticket: &OwnTicket, gate: &str, nonce: &str) -> Json {
    scan(w, scanning(ticket, gate, nonce)).await
}

fn reissuing(w: &World, ticket: TicketId) -> Reissue {
    Reissue { ticket, attendee: None, reason: Some("lost".to_owned()), key: None, act: w.act() }
}

async fn told(w: &World, sale: SaleId) -> Vec<Json> {
    let page = AuditPage { subject: Some(sale.to_string()), after: Uuid::nil(), limit: 100 };
    let entries = w.read(page).await;
    entries.into_iter().map(|(entry, _)| serde_json::from_str(&entry.details).expect("JSON")).collect()
}

pub(crate) async fn a_ticket_is_let_in_once_and_the_second_gate_hears_when_and_where(w: &mut World) {
    let ticket = sold(w).await;
    let first = scanned(w, &ticket, "north", "1").await;
    let at = json!({ "at": w.now(), "gate": "north" });
    assert_eq!((&first["result"], &first["reason"], &first["first_scan"]), (&json!("admitted"), &Json::Null, &at));
    assert_eq!(
        (&first["seat_id"], &first["ticket_id"], &first["sale_id"]),
        (&json!("GA-1-5"), &json!(ticket.id), &json!(ticket.sale))
    );
    w.advance(60_000);
    let second = scanned(w, &ticket, "south", "1").await;
    assert_eq!((&second["result"], &second["reason"]), (&json!("refused"), &json!("already_used")));
    assert_eq!(second["first_scan"], at, "the first time, not this one");
    let entry = now(w, &ticket).await.admitted.expect("let in");
    assert_eq!((json!(entry.at), entry.gate.as_str()), (at["at"].clone(), "north"));
}

pub(crate) async fn the_same_nonce_has_the_same_answer_and_another_code_under_it_is_refused(w: &mut World) {
    let ticket = sold(w).await;
    let first = w.ask(scanning(&ticket, "north", "n")).await.expect("answered");
    w.advance(5_000);
    assert_eq!(w.ask(scanning(&ticket, "north", "n")).await.expect("answered"), first, "to the byte");
    w.restart().await;
    assert_eq!(w.ask(scanning(&ticket, "north", "n")).await.expect("answered"), first, "also after a crash");
    let refused = w.ask(scanning(&ticket, "south", "n")).await.expect("answered");
    w.ask(reissuing(w, ticket.id)).await.expect_err("it is in use");
    assert_eq!(w.ask(scanning(&ticket, "south", "n")).await.expect("answered"), refused, "a no is kept too");
    let mut other = scanning(&ticket, "north", "n");
    other.key = Key { digest: [9; 32], ..other.key };
    assert_eq!(w.ask(other).await, Err(Refusal::IdempotencyKeyReused));
}

pub(crate) async fn forty_gates_at_once_let_one_ticket_in_once(w: &mut World) {
    let ticket = sold(w).await;
    let gates: Vec<String> = (0..40).map(|gate| format!("gate-{gate}")).collect();
    let answers = w.at_once(gates.iter().map(|gate| scanning(&ticket, gate, "1"))).await;
    let answers: Vec<Json> = answers
        .into_iter()
        .map(|answer| serde_json::from_slice(&answer.expect("a scan is answered")).expect("JSON"))
        .collect();
    let admitted: Vec<&Json> = answers.iter().filter(|answer| answer["result"] == "admitted").collect();
    assert_eq!(admitted.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer["result"] != "admitted") {
        assert_eq!(answer["reason"], "already_used");
        assert_eq!(answer["first_scan"], admitted[0]["first_scan"], "all hear of the same one");
    }
}

pub(crate) async fn a_code_of_nothing_or_for_another_sale_lets_nobody_in(w: &mut World) {
    let (ticket, other) = (sold(w).await, sold(w).await);
    let elsewhere = scan(w, ScanTicket { here: Some(other.sale), ..scanning(&ticket, "g", "1") }).await;
    assert_eq!(elsewhere["reason"], "wrong_sale");
    let unknown = scan(w, ScanTicket { ticket: w.id(), ..scanning(&ticket, "g", "2") }).await;
    assert_eq!((&unknown["reason"], &unknown["seat_id"]), (&json!("unknown"), &Json::Null));
    let lying = ScanTicket { shown: Shown { sale: other.sale, version: 1 }, ..scanning(&ticket, "g", "3") };
    let lying = scan(w, lying).await;
    assert_eq!((&lying["reason"], &lying["attendee"]), (&json!("unknown"), &Json::Null));
    assert_eq!(now(w, &ticket).await.admitted, None);
    let here = scan(w, ScanTicket { here: Some(ticket.sale), ..scanning(&ticket, "g", "4") }).await;
    assert_eq!(here["result"], "admitted");
}

pub(crate) async fn a_ticket_issued_again_has_a_new_code_and_the_old_one_is_dead(w: &mut World) {
    let old = sold(w).await;
    let verb = Reissue { attendee: Some("Bea".to_owned()), ..reissuing(w, old.id) };
    let answer: Json = serde_json::from_slice(&w.ask(verb).await.expect("issued")).expect("JSON");
    assert_eq!((&answer["version"], &answer["attendee"]), (&json!(2), &json!("Bea")));
    let new = now(w, &old).await;
    assert_eq!((new.version, new.attendee.as_deref(), new.cancelled_at), (2, Some("Bea"), None));
    let dead = scanned(w, &old, "g", "1").await;
    assert_eq!((&dead["result"], &dead["reason"]), (&json!("refused"), &json!("revoked")));
    let good = scanned(w, &new, "g", "2").await;
    assert_eq!((&good["result"], &good["attendee"]), (&json!("admitted"), &json!("Bea")));
    assert_eq!(scanned(w, &old, "g", "3").await["reason"], "revoked", "a dead code never tells of the new one");

    let details = told(w, old.sale).await;
    assert_eq!(
        details,
        [json!({ "ticket": old.id, "seat": "GA-1-5", "reason": "lost", "version": { "from": 1, "to": 2 },
            "attendee": { "from": null, "to": "Bea" } })]
    );
}

pub(crate) async fn issuing_again_under_one_key_raises_the_version_once(w: &mut World) {
    let ticket = sold(w).await;
    let verb = || Reissue { key: Some(operator_key("reissue", "k")), ..reissuing(w, ticket.id) };
    let answers = w.at_once((0..8).map(|_| verb())).await;
    let first = answers[0].clone().expect("issued");
    assert!(answers.iter().all(|answer| answer.as_ref() == Ok(&first)), "{answers:?}");
    assert_eq!(now(w, &ticket).await.version, 2);
    assert_eq!(told(w, ticket.sale).await.len(), 1);
    w.ask(reissuing(w, ticket.id)).await.expect("issued");
    assert_eq!(now(w, &ticket).await.version, 3, "without a key it is another one");
}

pub(crate) async fn what_is_not_there_cancelled_or_in_use_is_not_issued_again(w: &mut World) {
    assert_eq!(w.ask(reissuing(w, w.id())).await, Err(Refusal::TicketNotFound));
    let (cancelled, used) = (sold(w).await, sold(w).await);
    w.cancel(Which::Ticket(cancelled.id)).await.expect("cancelled");
    assert_eq!(w.ask(reissuing(w, cancelled.id)).await, Err(Refusal::TicketCancelled));
    scanned(w, &used, "g", "1").await;
    assert_eq!(w.ask(reissuing(w, used.id)).await, Err(Refusal::TicketUsed));
    assert_eq!(told(w, used.sale).await, [Json::Null; 0], "a refusal writes nothing");
}

/// Whoever comes first, nobody is let in on a code that was revoked before.
pub(crate) async fn issuing_again_and_a_scan_at_once_never_both_win(w: &mut World) {
    for round in 0..12 {
        let ticket = sold(w).await;
        let nonce = round.to_string();
        let (scan, issued) = tokio::join!(scanned(w, &ticket, "g", &nonce), w.ask(reissuing(w, ticket.id)));
        match issued {
            Ok(_) => assert_eq!(scan["reason"], "revoked"),
            Err(refusal) => {
                assert_eq!(refusal, Refusal::TicketUsed);
                assert_eq!(scan["result"], "admitted");
            }
        }
    }
}

pub(crate) async fn the_revoked_codes_of_a_sale_are_listed_by_pages(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.buy(&visit, &[1, 2, 3, 4]).await;
    let tickets = w.read(OwnTickets { account: visit.fan, after: None, limit: 10 }).await.expect("a page");
    w.ask(reissuing(w, tickets[0].id)).await.expect("issued");
    w.ask(reissuing(w, tickets[1].id)).await.expect("issued");
    w.ask(reissuing(w, tickets[1].id)).await.expect("issued");
    w.cancel(Which::Ticket(tickets[2].id)).await.expect("cancelled");
    let mut expected = vec![
        Revoked { ticket: tickets[0].id, below: Some(2) },
        Revoked { ticket: tickets[1].id, below: Some(3) },
        Revoked { ticket: tickets[2].id, below: None },
    ];
    expected.sort_by_key(|revoked| revoked.ticket);
    let page = |after, limit| RevokedPage { sale, after, limit };
    assert_eq!(w.read(page(TicketId(Uuid::nil()), 10)).await, expected);
    assert_eq!(w.read(page(TicketId(Uuid::nil()), 2)).await, expected[..2]);
    assert_eq!(w.read(page(expected[1].ticket, 2)).await, expected[2..]);
}
