//! Tickets taken back: the seat goes where the sale says, the money goes back once, and every figure still adds up.

use domain::sale::CancelledSeats;
use domain::sale_change::{NewTerms, SaleChange};
use domain::{Money, OrderId, Refusal, SaleId, TicketId};
use serde_json::{Value as Json, json};
use store::SeatStatus;
use store::audit::AuditPage;
use store::cancellations::{CancelTickets, RefundsDue, ReleaseHeld, TicketRefunded, Which};
use store::order_book::OrderPage;
use store::orders::{Order, OwnOrder};
use store::report::SaleReport;
use store::tickets::OwnTickets;
use uuid::Uuid;

use crate::doors::{now, scanned};
use crate::world::{Visit, World, operator_key};

impl World {
    pub(crate) fn cancelling(&self, which: Which) -> CancelTickets {
        CancelTickets { which, reason: Some("asked".to_owned()), key: None, act: self.act() }
    }

    pub(crate) async fn cancel(&self, which: Which) -> Result<Json, Refusal> {
        let bytes = self.ask(self.cancelling(which)).await?;
        Ok(serde_json::from_slice(&bytes).expect("JSON"))
    }

    async fn release_held(&self, sale: SaleId, seats: Option<Vec<u32>>) -> Result<Json, Refusal> {
        let bytes = self.ask(ReleaseHeld { sale, seats, reason: None, key: None, act: self.act() }).await?;
        Ok(serde_json::from_slice(&bytes).expect("JSON"))
    }
}

/// Three seats in all, two of them sold in one order.
async fn sold(w: &World, to: CancelledSeats) -> (Visit, OrderId, Vec<TicketId>) {
    let sale = w
        .sale_with(|terms| {
            terms.total_seats = 3;
            terms.max_tickets_per_user = 2;
            terms.cancelled_seats = to;
        })
        .await;
    let visit = w.visit(sale).await;
    let order = w.buy(&visit, &[0, 1]).await;
    let tickets = w.read(OwnTickets { account: visit.fan, after: None, limit: 10 }).await.expect("a page");
    (visit, order, tickets.into_iter().map(|ticket| ticket.id).collect())
}

async fn order(w: &World, visit: &Visit, order: OrderId) -> Order {
    w.read(OwnOrder { account: visit.fan, order }).await.expect("an order")
}

async fn seats(w: &World, sale: SaleId) -> Vec<(Json, Json)> {
    let seats = w.exported(sale, "seat").await;
    seats.into_iter().map(|seat| (seat["status"].clone(), seat["held_back"].clone())).collect()
}

pub(crate) async fn a_cancelled_ticket_gives_its_seat_to_the_public_and_its_money_back(w: &mut World) {
    let (visit, id, tickets) = sold(w, CancelledSeats::Public).await;
    w.advance(1_000);
    let answer = w.cancel(Which::Ticket(tickets[0])).await.expect("cancelled");
    let told = json!([{ "ticket_id": tickets[0], "seat_id": "GA-1-1" }]);
    assert_eq!(
        answer,
        json!({ "order_id": id, "sale_id": visit.sale, "user_id": visit.fan, "tickets": told,
            "refund": { "amount": 5_000, "currency": "USD" }, "seats": "public" })
    );
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.available_seats, s.held_seats, s.held_back_seats), (1, 2, 0, 0));
    assert_eq!((s.cancelled_tickets, s.refunded_total, s.refund_due, s.captured_total), (1, 5_000, 1, 10_000));
    assert_eq!(w.shop(visit.sale).await.seats, [(1, SeatStatus::Sold)]);
    let [free, sold] = ["available", "sold"].map(|status| (json!(status), json!(false)));
    assert_eq!(seats(w, visit.sale).await, [free.clone(), sold, free]);

    let shown = order(w, &visit, id).await;
    assert_eq!((shown.status.as_str(), shown.total, shown.refunded), ("partly_cancelled", Money(10_000), Money(5_000)));
    let cancelled: Vec<_> = shown.tickets.iter().map(|ticket| ticket.cancelled_at).collect();
    assert_eq!(cancelled, [Some(w.now()), None]);
    let book = w.read(OrderPage { sale: visit.sale, after: None, limit: 10 }).await;
    assert_eq!((book[0].status.as_str(), &book[0].cancelled[..]), ("partly_cancelled", &["GA-1-1".to_owned()][..]));
    assert_eq!((book[0].seats.len(), book[0].refunded), (2, Money(5_000)));

    let page = AuditPage { subject: Some(visit.sale.to_string()), after: Uuid::nil(), limit: 10 };
    let audit = w.read(page).await;
    assert_eq!(audit.len(), 1);
    let details: Json = serde_json::from_str(&audit[0].0.details).expect("JSON");
    assert_eq!((&details["tickets"], &details["reason"]), (&told, &json!("asked")));
}

pub(crate) async fn the_seat_of_a_cancelled_ticket_is_sold_again_and_a_code_of_it_is_dead(w: &mut World) {
    let (visit, _, tickets) = sold(w, CancelledSeats::Public).await;
    let before = w.read(OwnTickets { account: visit.fan, after: None, limit: 10 }).await.expect("a page");
    let other = w.visit(visit.sale).await;
    assert_eq!(w.hold(&other, &[0]).await, Err(Refusal::Unavailable));
    w.cancel(Which::Ticket(tickets[0])).await.expect("cancelled");
    w.buy(&other, &[0]).await;
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.available_seats, s.orders, s.unique_buyers), (2, 1, 2, 2));
    assert_eq!(scanned(w, &before[0], "g", "1").await["reason"], "revoked");
    let theirs = w.read(OwnTickets { account: other.fan, after: None, limit: 10 }).await.expect("a page");
    assert_eq!(theirs[0].label, before[0].label, "the same seat");
    assert_eq!(scanned(w, &theirs[0], "g", "2").await["result"], "admitted");
}

pub(crate) async fn a_sold_out_sale_opens_again(w: &mut World) {
    let (visit, _, tickets) = sold(w, CancelledSeats::Public).await;
    let other = w.visit(visit.sale).await;
    w.buy(&other, &[2]).await;
    assert_eq!(w.stats(visit.sale).await.phase.name(), "sold_out");
    let waiting = w.fan();
    w.join(visit.sale, waiting).await;
    w.advance(5_000);
    assert_eq!(w.calls(visit.sale).await, 0, "no seat, no call");
    w.cancel(Which::Ticket(tickets[1])).await.expect("cancelled");
    assert_eq!(w.stats(visit.sale).await.phase.name(), "open");
    w.advance(1_000);
    w.tick(visit.sale).await;
    w.advance(1_000);
    w.tick(visit.sale).await;
    let inside = w.enter(visit.sale, waiting).await;
    w.buy(&inside, &[1]).await;
    assert_eq!(w.stats(visit.sale).await.phase.name(), "sold_out");
}

pub(crate) async fn a_cancelled_ticket_does_not_count_towards_the_cap(w: &mut World) {
    let (visit, _, tickets) = sold(w, CancelledSeats::Public).await;
    let again = w.visit_of(visit.sale, visit.fan).await;
    assert_eq!(w.hold(&again, &[2]).await, Err(Refusal::CapExceeded { cap: 2, already: 2 }));
    w.cancel(Which::Ticket(tickets[0])).await.expect("cancelled");
    w.buy(&again, &[2]).await;
    let third = w.visit_of(visit.sale, visit.fan).await;
    assert_eq!(w.hold(&third, &[0]).await, Err(Refusal::CapExceeded { cap: 2, already: 2 }));
}

pub(crate) async fn a_whole_order_is_cancelled_at_once_or_not_at_all(w: &mut World) {
    let (visit, id, _) = sold(w, CancelledSeats::Public).await;
    let tickets = w.read(OwnTickets { account: visit.fan, after: None, limit: 10 }).await.expect("a page");
    scanned(w, &tickets[1], "g", "1").await;
    assert_eq!(w.cancel(Which::Order(id)).await, Err(Refusal::TicketUsed));
    assert_eq!(w.cancel(Which::Ticket(tickets[1].id)).await, Err(Refusal::TicketUsed));
    assert_eq!(now(w, &tickets[0]).await.cancelled_at, None, "a refusal writes nothing");
    assert_eq!(w.stats(visit.sale).await.refunded_total, 0);

    let other = w.visit(visit.sale).await;
    let order_two = w.buy(&other, &[2]).await;
    let answer = w.cancel(Which::Order(order_two)).await.expect("cancelled");
    assert_eq!(answer["refund"]["amount"], 5_000);
    assert_eq!(order(w, &other, order_two).await.status, "cancelled");
    assert_eq!(w.cancel(Which::Order(order_two)).await, Err(Refusal::TicketCancelled));
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.available_seats, s.unique_buyers), (2, 1, 1));
}

pub(crate) async fn what_is_left_of_an_order_is_cancelled_with_the_rest_of_its_money(w: &mut World) {
    let (visit, id, tickets) = sold(w, CancelledSeats::Public).await;
    w.cancel(Which::Ticket(tickets[0])).await.expect("cancelled");
    assert_eq!(w.cancel(Which::Ticket(tickets[0])).await, Err(Refusal::TicketCancelled));
    let answer = w.cancel(Which::Order(id)).await.expect("cancelled");
    assert_eq!(answer["tickets"].as_array().map(Vec::len), Some(1));
    let shown = order(w, &visit, id).await;
    assert_eq!((shown.status.as_str(), shown.refunded), ("cancelled", shown.total));
    assert_eq!(w.stats(visit.sale).await.available_seats, 3);
}

pub(crate) async fn an_order_that_is_not_paid_has_nothing_to_cancel(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    let paying = w.begin(&visit, hold).await.expect("begun");
    assert_eq!(w.cancel(Which::Order(paying)).await, Err(Refusal::NoTickets));
    assert_eq!(w.cancel(Which::Order(w.id())).await, Err(Refusal::OrderNotFound));
    assert_eq!(w.cancel(Which::Ticket(w.id())).await, Err(Refusal::TicketNotFound));
    w.finish(paying, true).await;
    w.cancel(Which::Order(paying)).await.expect("cancelled");
}

pub(crate) async fn cancelling_many_times_at_once_gives_one_refund(w: &mut World) {
    let (visit, id, tickets) = sold(w, CancelledSeats::Public).await;
    let verbs = (0..10).map(|at| w.cancelling(if at % 2 == 0 { Which::Ticket(tickets[0]) } else { Which::Order(id) }));
    let answers = w.at_once(verbs.collect::<Vec<_>>()).await;
    for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(*refusal, Refusal::TicketCancelled);
    }
    let s = w.stats(visit.sale).await;
    assert_eq!((s.cancelled_tickets, s.refunded_total, s.available_seats), (2, 10_000, 3));
    assert_eq!(w.read(RefundsDue).await.len(), 2);
}

pub(crate) async fn one_key_cancels_once_and_has_one_answer(w: &mut World) {
    let (visit, _, tickets) = sold(w, CancelledSeats::Public).await;
    let verb =
        || CancelTickets { key: Some(operator_key("cancel_ticket", "k")), ..w.cancelling(Which::Ticket(tickets[0])) };
    let first = w.ask(verb()).await.expect("cancelled");
    let other = w.visit(visit.sale).await;
    w.buy(&other, &[0]).await;
    assert_eq!(w.ask(verb()).await, Ok(first), "and the seat's new owner keeps it");
    assert_eq!(w.stats(visit.sale).await.tickets_sold, 2);
}

pub(crate) async fn a_refund_goes_out_once_and_is_reported(w: &mut World) {
    let (visit, id, tickets) = sold(w, CancelledSeats::Public).await;
    w.cancel(Which::Ticket(tickets[0])).await.expect("cancelled");
    let due = w.read(RefundsDue).await;
    assert_eq!(due.len(), 1);
    let (ticket, refund) = &due[0];
    assert_eq!((*ticket, refund.key, refund.order, refund.amount), (tickets[0], tickets[0].0, id, Money(5_000)));
    let money = w.read(SaleReport(visit.sale)).await.money.remove(0);
    assert_eq!((money.captured, money.refunded, money.refunds, money.refund_due), (10_000, 0, 0, 5_000));
    w.ask(TicketRefunded(*ticket)).await.expect("noted");
    w.ask(TicketRefunded(*ticket)).await.expect("noted again");
    assert_eq!(w.read(RefundsDue).await, []);
    let money = w.read(SaleReport(visit.sale)).await.money.remove(0);
    assert_eq!((money.captured, money.refunded, money.refunds, money.refund_due), (10_000, 5_000, 1, 0));
    let lines = w.exported(visit.sale, "refund").await;
    assert_eq!((lines.len(), &lines[0]["state"], &lines[0]["amount"]), (1, &json!("refunded"), &json!(5_000)));
}

pub(crate) async fn a_ticket_that_cost_nothing_is_owed_nothing(w: &mut World) {
    let sale = w.sale_with(|terms| terms.price = Money(0)).await;
    let visit = w.visit(sale).await;
    let order = w.buy(&visit, &[1]).await;
    let answer = w.cancel(Which::Order(order)).await.expect("cancelled");
    assert_eq!(answer["refund"]["amount"], 0);
    assert_eq!(w.read(RefundsDue).await, []);
}

pub(crate) async fn a_seat_that_is_held_back_is_nobodys_until_the_operator_releases_it(w: &mut World) {
    let (visit, id, tickets) = sold(w, CancelledSeats::Held).await;
    let answer = w.cancel(Which::Order(id)).await.expect("cancelled");
    assert_eq!(answer["seats"], "held");
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.available_seats, s.held_seats, s.held_back_seats), (0, 1, 2, 2));
    let sold = (1..3).map(|seat| (seat - 1, SeatStatus::Sold)).collect::<Vec<_>>();
    let mut seats_shown = w.shop(visit.sale).await.seats;
    seats_shown.sort_by_key(|(seat, _)| *seat);
    assert_eq!(seats_shown, sold, "to fans it looks as before");
    let (free, kept) = ((json!("available"), json!(false)), (json!("held"), json!(true)));
    assert_eq!(seats(w, visit.sale).await, [kept.clone(), kept, free]);
    let other = w.visit(visit.sale).await;
    assert_eq!(w.hold(&other, &[0]).await, Err(Refusal::Unavailable));
    w.buy(&other, &[2]).await;
    assert_eq!(w.stats(visit.sale).await.phase.name(), "sold_out", "what is held back is not on sale");

    assert_eq!(w.release_held(visit.sale, Some(vec![1, 2])).await, Err(Refusal::Unavailable), "2 is not held back");
    let released = w.release_held(visit.sale, Some(vec![1])).await.expect("released");
    assert_eq!(
        (&released["released"], &released["seat_ids"], &released["left"]),
        (&json!(1), &json!(["GA-1-2"]), &json!(1))
    );
    let third = w.visit(visit.sale).await;
    w.buy(&third, &[1]).await;
    let released = w.release_held(visit.sale, None).await.expect("released");
    assert_eq!((&released["seat_ids"], &released["left"]), (&json!(["GA-1-1"]), &json!(0)));
    assert_eq!(w.release_held(visit.sale, None).await.expect("nothing")["released"], 0);
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.available_seats, s.held_back_seats, s.phase.name()), (2, 1, 0, "open"));
    assert_eq!(tickets.len() as i64, s.cancelled_tickets);
    assert_eq!(w.release_held(w.id(), None).await, Err(Refusal::SaleNotFound));
}

pub(crate) async fn releasing_many_times_at_once_frees_each_seat_once(w: &mut World) {
    let (visit, id, _) = sold(w, CancelledSeats::Held).await;
    w.cancel(Which::Order(id)).await.expect("cancelled");
    let release = || ReleaseHeld { sale: visit.sale, seats: None, reason: None, key: None, act: w.act() };
    let answers = w.at_once((0..6).map(|_| release()).collect::<Vec<_>>()).await;
    let released = answers.into_iter().map(|answer| {
        let answer: Json = serde_json::from_slice(&answer.expect("answered")).expect("JSON");
        answer["released"].as_i64().expect("a number")
    });
    assert_eq!(released.sum::<i64>(), 2);
    assert_eq!(w.stats(visit.sale).await.available_seats, 3);
}

pub(crate) async fn where_cancelled_seats_go_may_change_for_those_to_come(w: &mut World) {
    let (visit, _, tickets) = sold(w, CancelledSeats::Public).await;
    w.cancel(Which::Ticket(tickets[0])).await.expect("cancelled");
    let held = NewTerms { cancelled_seats: Some(CancelledSeats::Held), ..NewTerms::default() };
    w.change(visit.sale, SaleChange::Terms(held)).await.expect("changed");
    assert_eq!(w.cancel(Which::Ticket(tickets[1])).await.expect("cancelled")["seats"], "held");
    let s = w.stats(visit.sale).await;
    assert_eq!((s.available_seats, s.held_back_seats), (2, 1));
}

/// A freed seat is taken by one of those who want it, while its last owner is being cancelled.
pub(crate) async fn cancelling_and_buying_at_once_never_share_a_seat(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let id = w.buy(&visit, &[0, 1]).await;
    let others = w.visits(sale, 5).await;
    let (cancelled, holds) =
        tokio::join!(w.cancel(Which::Order(id)), w.at_once(others.iter().map(|other| w.placing(other, &[0, 1]))));
    cancelled.expect("cancelled");
    let won = holds.iter().filter(|hold| hold.is_ok()).count();
    assert!(won <= 1, "{holds:?}");
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.held_seats), (0, 2 * won as i64));
}
