//! Checkout: begin, charge, finish; the same order for the same key; no seat sold twice, no money kept for nothing.

use domain::{HoldId, OrderId, Refusal};
use serde_json::{Value as Json, json};
use store::admissions::ExpireClaims;
use store::checkout::{BeginCheckout, Begun, CHECKOUT};
use store::holds::ExpireHolds;
use store::orders::{CheckoutResult, CheckoutState, OwnOrder};
use store::settlement::{FinishCheckout, Finished, Refunded, Unsettled};

use crate::world::{SEC, Visit, World, key};

/// A fan inside with seats in his hands.
async fn holding(w: &World, seats: &[u32]) -> (Visit, HoldId) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, seats).await.expect("held");
    (visit, hold)
}

async fn unsettled(w: &World) -> Vec<(OrderId, bool)> {
    let orders = w.read(Unsettled { older_than_ms: 30 * SEC }).await;
    orders.into_iter().map(|order| (order.charge.order, order.refund)).collect()
}

async fn payments(w: &World, visit: &Visit) -> Vec<(Json, Json)> {
    let lines = w.exported(visit.sale, "payment").await;
    lines.into_iter().map(|line| (line["state"].clone(), line["amount"].clone())).collect()
}

pub(crate) async fn a_paid_hold_becomes_an_order_with_a_ticket_for_each_seat(w: &mut World) {
    let (visit, hold) = holding(w, &[4, 2]).await;
    let verb = BeginCheckout { attendees: vec!["Ann".to_owned(), "Bob".to_owned()], ..w.beginning(&visit, hold) };
    let Ok(Begun::Charge(charge)) = w.ask(verb).await else { panic!("a fresh key is charged") };
    assert_eq!((charge.amount.0, charge.token.as_str()), (10_000, "sim_ok"));
    assert_eq!(w.stats(visit.sale).await.paying, 1);

    let Finished::Confirmed(answer) = w.finish(charge.order, true).await else { panic!("confirmed") };
    let answer: Json = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!((&answer["status"], &answer["total"]), (&json!("confirmed"), &json!(10_000)));
    assert_eq!(answer["order_id"], charge.order.to_string());
    assert_eq!(answer["ticket_ids"].as_array().map(Vec::len), Some(2));

    let order = w.read(OwnOrder { account: visit.fan, order: charge.order }).await.expect("an order");
    let tickets: Vec<_> =
        order.tickets.iter().map(|t| (t.seat, t.label.as_str(), t.price.0, t.attendee.as_deref())).collect();
    assert_eq!(tickets, [(2, "GA-1-3", 5_000, Some("Ann")), (4, "GA-1-5", 5_000, Some("Bob"))]);
    assert_eq!(w.read(OwnOrder { account: w.fan(), order: charge.order }).await, None, "another's is not found");
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.orders, s.unique_buyers, s.paying, s.captured_total), (2, 1, 1, 0, 10_000));
    assert_eq!(payments(w, &visit).await, [(json!("captured"), json!(10_000))]);
}

pub(crate) async fn claim_and_place_end_as_bought(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    assert_eq!(w.stats(visit.sale).await.inside, 1, "not before the money is there");
    w.finish(order, true).await;
    let s = w.stats(visit.sale).await;
    assert_eq!((s.inside, s.bought, s.holds), (0, 1, 0));
    assert_eq!(w.exported(visit.sale, "claim").await[0]["ended_as"], "bought");
}

pub(crate) async fn the_same_key_returns_the_same_order(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let ask = || BeginCheckout { key: key(&visit, CHECKOUT, "k"), ..w.beginning(&visit, hold) };
    let Ok(Begun::Charge(charge)) = w.ask(ask()).await else { panic!("a fresh key is charged") };
    let Ok(Begun::Paying(order)) = w.ask(ask()).await else { panic!("a repeat waits for the first") };
    assert_eq!(order, charge.order);
    let paying = w.read(CheckoutResult { account: visit.fan, order }).await;
    assert_eq!(paying, Some(CheckoutState::Paying));
    let Finished::Confirmed(bytes) = w.finish(order, true).await else { panic!("confirmed") };
    let Ok(Begun::Answered(again)) = w.ask(ask()).await else { panic!("a repeat is answered") };
    assert_eq!(again, bytes);
    let result = w.read(CheckoutResult { account: visit.fan, order }).await;
    assert_eq!(result, Some(CheckoutState::Confirmed(bytes)));
    assert_eq!(w.read(CheckoutResult { account: w.fan(), order }).await, None);
    assert_eq!(w.stats(visit.sale).await.orders, 1);
}

pub(crate) async fn the_same_key_returns_the_same_order_after_a_crash(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    let first = w.finish(order, true).await;
    w.restart().await;
    assert_eq!(w.finish(order, true).await, first);
    assert_eq!(w.stats(visit.sale).await.tickets_sold, 1);
}

pub(crate) async fn another_body_under_the_key_is_refused(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let ask = |digest| {
        let key = store::idempotency::Key { digest: [digest; 32], ..key(&visit, CHECKOUT, "k") };
        BeginCheckout { key, ..w.beginning(&visit, hold) }
    };
    w.ask(ask(1)).await.expect("begun");
    assert_eq!(w.ask(ask(2)).await.err(), Some(Refusal::IdempotencyKeyReused));
}

pub(crate) async fn another_key_on_a_hold_being_paid_is_refused(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    assert_eq!(w.begin(&visit, hold).await, Err(Refusal::CheckoutInProgress));
    w.finish(order, true).await;
    assert_eq!(w.begin(&visit, hold).await, Err(Refusal::AdmissionUsed));
}

pub(crate) async fn many_keys_at_once_on_one_hold_make_one_order(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let answers = w.at_once((0..20).map(|_| w.beginning(&visit, hold))).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Begun::Charge(_)))).count(), 1);
    let refusals = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refusals.into_iter().all(|no| *no == Refusal::CheckoutInProgress));
    assert_eq!(w.stats(visit.sale).await.paying, 1);
}

pub(crate) async fn a_declined_payment_keeps_the_hold_and_frees_the_key(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let ask = || BeginCheckout { key: key(&visit, CHECKOUT, "k"), ..w.beginning(&visit, hold) };
    let Ok(Begun::Charge(first)) = w.ask(ask()).await else { panic!("a fresh key is charged") };
    assert_eq!(w.finish(first.order, false).await, Finished::Declined);
    let s = w.stats(visit.sale).await;
    assert_eq!((s.holds, s.held_seats, s.paying, s.orders, s.inside), (1, 1, 0, 0, 1));
    let Ok(Begun::Charge(second)) = w.ask(ask()).await else { panic!("the same key is charged again") };
    assert_ne!(second.order, first.order);
    assert!(matches!(w.finish(second.order, true).await, Finished::Confirmed(_)));
    let result = |order| w.read(CheckoutResult { account: visit.fan, order });
    assert_eq!(result(first.order).await, Some(CheckoutState::Declined));
    assert!(matches!(result(second.order).await, Some(CheckoutState::Confirmed(_))));
}

pub(crate) async fn a_refusal_leaves_its_key_free(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let ask = |hold| BeginCheckout { key: key(&visit, CHECKOUT, "k"), ..w.beginning(&visit, hold) };
    assert_eq!(w.ask(ask(w.id())).await.err(), Some(Refusal::HoldNotFound));
    assert!(matches!(w.ask(ask(hold)).await, Ok(Begun::Charge(_))), "judged anew");
}

pub(crate) async fn an_order_that_was_declined_stays_declined(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    w.finish(order, false).await;
    assert_eq!(w.finish(order, true).await, Finished::Declined);
    assert_eq!(w.stats(visit.sale).await.tickets_sold, 0);
    assert_eq!(w.ask(w.finishing(w.id(), true)).await, Err(Refusal::OrderNotFound));
}

pub(crate) async fn a_hold_is_paid_until_its_last_millisecond(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    w.advance(60 * SEC);
    assert_eq!(w.begin(&visit, hold).await, Err(Refusal::HoldExpired));
    w.ask(ExpireHolds).await.expect("swept");
    assert_eq!(w.begin(&visit, hold).await, Err(Refusal::HoldExpired), "swept or not");

    let (visit, hold) = holding(w, &[1]).await;
    w.advance(60 * SEC - 1);
    w.begin(&visit, hold).await.expect("begun");
}

pub(crate) async fn a_live_hold_is_paid_after_the_claims_deadline_and_after_the_end(w: &mut World) {
    let end = w.now().plus_sec(650);
    let sale = w.sale_with(|t| t.ends_at = end).await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    w.advance(700 * SEC);
    assert_eq!(w.ask(ExpireClaims).await, Ok(0));
    let order = w.begin(&visit, hold).await.expect("nobody is thrown out of payment");
    assert!(matches!(w.finish(order, true).await, Finished::Confirmed(_)));
}

pub(crate) async fn another_hold_and_another_claim_are_not_found(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let hold = w.hold(&visits[0], &[1]).await.expect("held");
    assert_eq!(w.begin(&visits[1], hold).await, Err(Refusal::HoldNotFound));
    let stolen = BeginCheckout { claim: visits[1].claim.id, ..w.beginning(&visits[0], hold) };
    assert_eq!(w.ask(stolen).await.err(), Some(Refusal::HoldNotFound));
    assert_eq!(w.begin(&visits[0], w.id()).await, Err(Refusal::HoldNotFound));
    let released = w.hold(&visits[1], &[2]).await.expect("held");
    w.release(&visits[1], released).await.expect("released");
    assert_eq!(w.begin(&visits[1], released).await, Err(Refusal::HoldExpired));
}

pub(crate) async fn a_payment_keeps_the_seats_for_two_minutes(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let other = w.visit(visit.sale).await;
    w.advance(59 * SEC - 1);
    let order = w.begin(&visit, hold).await.expect("begun");
    w.advance(120 * SEC - 1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0));
    assert_eq!(w.hold(&other, &[1]).await, Err(Refusal::Unavailable));
    assert!(matches!(w.finish(order, true).await, Finished::Confirmed(_)));
}

pub(crate) async fn a_second_payment_does_not_keep_the_seats_again(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    w.advance(100 * SEC);
    w.finish(order, false).await;
    w.begin(&visit, hold).await.expect("begun again");
    w.advance(20 * SEC - 1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0));
    w.advance(1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(1));
}

pub(crate) async fn a_payment_never_shortens_a_hold(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    let order = w.begin(&visit, hold).await.expect("begun");
    w.finish(order, false).await;
    w.advance(720 * SEC - 1);
    w.begin(&visit, hold).await.expect("it lives to its own time");
}

/// The hold lapsed during the payment, and nobody has taken the seats.
pub(crate) async fn a_late_payment_is_honoured_while_the_seats_are_ours_or_free(w: &mut World) {
    for swept in [false, true] {
        let (visit, hold) = holding(w, &[1, 2, 3]).await;
        let order = w.begin(&visit, hold).await.expect("begun");
        w.advance(121 * SEC);
        if swept {
            w.ask(ExpireHolds).await.expect("swept");
        }
        assert!(matches!(w.finish(order, true).await, Finished::Confirmed(_)));
        let s = w.stats(visit.sale).await;
        assert_eq!((s.tickets_sold, s.bought, s.held_seats), (3, 1, 0));
    }
}

pub(crate) async fn a_late_payment_for_lost_seats_is_given_back(w: &mut World) {
    let (visit, hold) = holding(w, &[1, 2]).await;
    let other = w.visit(visit.sale).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    w.advance(121 * SEC);
    w.buy(&other, &[2]).await;
    assert_eq!(w.finish(order, true).await, Finished::RefundDue);
    assert_eq!(w.finish(order, true).await, Finished::RefundDue, "twice the same");
    let s = w.stats(visit.sale).await;
    assert_eq!((s.tickets_sold, s.refund_due, s.inside, s.captured_total), (1, 1, 1, 5_000));
    let result = w.read(CheckoutResult { account: visit.fan, order }).await;
    assert_eq!(result, Some(CheckoutState::RefundDue));
}

pub(crate) async fn a_refund_is_recorded_once(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let other = w.visit(visit.sale).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    w.advance(121 * SEC);
    w.hold(&other, &[1]).await.expect("held");
    w.finish(order, true).await;
    assert_eq!(unsettled(w).await, [(order, true)]);
    for _ in 0..2 {
        w.ask(Refunded { order }).await.expect("recorded");
    }
    assert_eq!(unsettled(w).await, []);
    assert_eq!(payments(w, &visit).await, [(json!("refunded"), json!(5_000))]);
    assert_eq!(w.stats(visit.sale).await.refund_due, 0);
}

pub(crate) async fn money_that_was_kept_is_not_refunded(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    w.finish(order, true).await;
    w.ask(Refunded { order }).await.expect("nothing to do");
    assert_eq!(payments(w, &visit).await, [(json!("captured"), json!(5_000))]);
}

pub(crate) async fn a_late_payment_that_would_break_the_cap_is_given_back(w: &mut World) {
    let (visit, hold) = holding(w, &[1, 2]).await;
    let order = w.begin(&visit, hold).await.expect("begun");
    w.advance(120 * SEC);
    w.hold(&visit, &[3, 4, 5]).await.expect("the lapsed hold does not count");
    assert_eq!(w.finish(order, true).await, Finished::RefundDue, "three held and two paid are over four");
    assert_eq!(w.stats(visit.sale).await.held_seats, 3);
}

/// One admission is one order, also when two payments of one visit cross.
pub(crate) async fn one_admission_is_one_order_even_when_two_payments_cross(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let first = w.begin(&visit, hold).await.expect("begun");
    w.advance(120 * SEC);
    let hold = w.hold(&visit, &[2]).await.expect("the first hold is over");
    let second = w.begin(&visit, hold).await.expect("begun");
    let ends = [w.finish(first, true).await, w.finish(second, true).await];
    assert!(matches!(ends, [Finished::Confirmed(_), Finished::RefundDue]), "{ends:?}");
    let s = w.stats(visit.sale).await;
    assert_eq!((s.orders, s.tickets_sold, s.bought), (1, 1, 1));
}

pub(crate) async fn two_orders_for_one_hold_are_never_both_confirmed(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let first = w.begin(&visit, hold).await.expect("begun");
    w.finish(first, false).await;
    let second = w.begin(&visit, hold).await.expect("begun");
    let both: Vec<FinishCheckout> = vec![w.finishing(first, true), w.finishing(second, true)];
    let ends = w.at_once(both).await;
    assert_eq!(ends[0], Ok(Finished::Declined));
    assert!(matches!(ends[1], Ok(Finished::Confirmed(_))));
    assert_eq!(w.stats(visit.sale).await.tickets_sold, 1);
}

/// Last seats, many buyers, payments finishing at the same moment.
pub(crate) async fn no_seat_is_sold_twice_when_payments_finish_at_once(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visits = w.visits(sale, 5).await;
    let mut orders = Vec::new();
    // Each takes the seats over when the payment of the one before has lasted too long.
    for visit in &visits {
        let hold = w.hold(visit, &[0, 1]).await.expect("held");
        orders.push(w.begin(visit, hold).await.expect("begun"));
        w.advance(120 * SEC);
    }
    let finishes: Vec<_> = orders.iter().map(|order| w.finishing(*order, true)).collect();
    let ends = w.at_once(finishes).await;
    let confirmed = ends.iter().filter(|end| matches!(end, Ok(Finished::Confirmed(_)))).count();
    assert!(confirmed == 1, "{confirmed} of {}", orders.len());
    let s = w.stats(sale).await;
    assert_eq!((s.tickets_sold, s.refund_due), (2, 4));
}

pub(crate) async fn a_slow_payment_stops_nobody_else(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let others = w.visits(visit.sale, 3).await;
    let slow = w.begin(&visit, hold).await.expect("begun");
    w.advance(10 * SEC);
    for (seat, other) in (2..).zip(&others) {
        w.buy(other, &[seat]).await;
    }
    assert!(matches!(w.finish(slow, true).await, Finished::Confirmed(_)));
    assert_eq!(w.stats(visit.sale).await.orders, 4);
}

/// A crash between the charge and its answer.
pub(crate) async fn an_order_left_paying_by_a_crash_is_found_after_thirty_seconds_and_settled(w: &mut World) {
    let (visit, hold) = holding(w, &[1]).await;
    let verb = BeginCheckout { key: key(&visit, CHECKOUT, "k"), ..w.beginning(&visit, hold) };
    let order = verb.order;
    w.ask(verb).await.expect("begun");
    w.restart().await;
    w.advance(30 * SEC - 1);
    assert_eq!(unsettled(w).await, []);
    w.advance(1);
    assert_eq!(unsettled(w).await, [(order, false)]);
    let Finished::Confirmed(bytes) = w.finish(order, true).await else { panic!("confirmed") };
    assert_eq!(unsettled(w).await, []);
    let repeat = BeginCheckout { key: key(&visit, CHECKOUT, "k"), ..w.beginning(&visit, hold) };
    assert!(matches!(w.ask(repeat).await, Ok(Begun::Answered(answer)) if answer == bytes));
}
