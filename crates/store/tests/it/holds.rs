//! Holds: all or nothing, one owner a seat, the cap, the claim, the key.

use domain::Refusal;
use store::holds::{ExpireHolds, OwnHoldQuery, PlaceHold, ReleaseHold};
use store::{Failure, SeatStatus};

use crate::world::{SEC, World, no_claim};

/// The seats that are not free.
async fn taken(w: &World, sale: domain::SaleId) -> Vec<(u32, SeatStatus)> {
    let mut seats = w.shop(sale).await.seats;
    seats.sort_unstable_by_key(|(num, _)| *num);
    seats
}

pub(crate) async fn a_hold_takes_its_seats_and_answers_what_they_cost(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let verb = w.placing(&visit, &[7, 3]);
    let id = verb.id;
    let answer: serde_json::Value = serde_json::from_slice(&w.ask(verb).await.expect("held")).expect("JSON");
    assert_eq!(answer["hold_id"], id.to_string());
    assert_eq!(answer["seat_ids"], serde_json::json!(["GA-1-8", "GA-1-4"]), "in the order asked");
    assert_eq!((&answer["total"], &answer["currency"]), (&10_000.into(), &"USD".into()));
    assert_eq!(answer["expires_at"], w.now().plus_sec(720).to_string());
    assert_eq!(taken(w, sale).await, [(3, SeatStatus::Held), (7, SeatStatus::Held)]);
    let own = w.read(OwnHoldQuery { sale, account: visit.fan }).await.expect("a hold");
    assert_eq!((own.hold_id, own.seat_ids.len(), own.total.0), (id, 2, 10_000));
    assert_eq!(w.read(OwnHoldQuery { sale, account: w.fan() }).await, None);
    w.stats(sale).await;
}

pub(crate) async fn one_seat_that_is_gone_refuses_the_whole_hold(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    w.hold(&visits[0], &[5]).await.expect("held");
    assert_eq!(w.hold(&visits[1], &[4, 5, 6]).await, Err(Refusal::Unavailable));
    assert_eq!(taken(w, sale).await, [(5, SeatStatus::Held)], "nothing of it was taken");
    w.hold(&visits[1], &[4, 6]).await.expect("held");
}

pub(crate) async fn fifty_fans_at_one_seat_give_one_hold(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 50).await;
    let answers = w.at_once(visits.iter().map(|visit| w.placing(visit, &[42]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(answers.iter().flat_map(|answer| answer.as_ref().err()).all(|no| *no == Refusal::Unavailable));
    assert_eq!(w.stats(sale).await.held_seats, 1);
}

pub(crate) async fn fifty_fans_at_ten_seats_give_ten_holds(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 50).await;
    let seat = |at: usize| u32::try_from(at % 10).expect("a seat");
    let answers = w.at_once(visits.iter().enumerate().map(|(at, visit)| w.placing(visit, &[seat(at)]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert_eq!(w.stats(sale).await.held_seats, 10);
}

pub(crate) async fn crossing_holds_at_once_never_share_a_seat(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 40).await;
    let ask = |(at, visit)| {
        let first = u32::try_from(at).expect("a seat");
        w.placing(visit, &[first + 2, first, first + 1])
    };
    let answers = w.at_once(visits.iter().enumerate().map(ask)).await;
    let held = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((1..=14).contains(&held), "{held} holds of three in 42 seats");
    assert_eq!(w.stats(sale).await.held_seats, 3 * held as i64);
}

pub(crate) async fn parallel_holds_of_one_fan_give_one_hold(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let answers = w.at_once((0..20).map(|seat| w.placing(&visit, &[seat * 2, seat * 2 + 1]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(answers.iter().flat_map(|answer| answer.as_ref().err()).all(|no| *no == Refusal::ActiveHoldExists));
    assert_eq!(w.stats(sale).await.held_seats, 2);
}

pub(crate) async fn a_hold_over_the_cap_is_refused(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let over = Refusal::CapExceeded { cap: 4, already: 0 };
    assert_eq!(w.hold(&visit, &[0, 1, 2, 3, 4]).await, Err(over));
    w.hold(&visit, &[0, 1, 2, 3]).await.expect("held");
}

pub(crate) async fn tickets_count_towards_the_cap_of_the_next_visit(w: &mut World) {
    let sale = w.sale().await;
    let first = w.visit(sale).await;
    w.buy(&first, &[0, 1, 2]).await;
    let second = w.visit_of(sale, first.fan).await;
    assert_eq!(w.hold(&second, &[3, 4]).await, Err(Refusal::CapExceeded { cap: 4, already: 3 }));
    w.hold(&second, &[3]).await.expect("held");
}

pub(crate) async fn no_seats_and_too_many_seats_are_refused(w: &mut World) {
    let sale = w.sale_with(|t| t.max_tickets_per_user = 50).await;
    let visit = w.visit(sale).await;
    assert_eq!(w.hold(&visit, &[]).await, Err(Refusal::BadCount { most: 50 }));
    let many: Vec<u32> = (0..51).collect();
    assert_eq!(w.hold(&visit, &many).await, Err(Refusal::BadCount { most: 50 }));
    w.hold(&visit, &many[..50]).await.expect("held");
}

pub(crate) async fn a_seat_asked_for_twice_or_unknown_is_refused(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    assert_eq!(w.hold(&visit, &[1, 1]).await, Err(Refusal::Unavailable));
    assert_eq!(w.hold(&visit, &[99, 100]).await, Err(Refusal::Unavailable), "the last seat is 99");
    assert_eq!(taken(w, sale).await, []);
    w.hold(&visit, &[99]).await.expect("held");
}

pub(crate) async fn who_holds_seats_holds_no_others(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.hold(&visit, &[1]).await.expect("held");
    assert_eq!(w.hold(&visit, &[2]).await, Err(Refusal::ActiveHoldExists));
    assert_eq!(w.hold(&visit, &[1]).await, Err(Refusal::ActiveHoldExists), "not even the same");
    assert_eq!(w.stats(sale).await.held_seats, 1);
}

pub(crate) async fn anothers_hold_is_taken_over_when_its_time_is_over(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visits = w.visits(sale, 2).await;
    w.hold(&visits[0], &[1, 2, 3]).await.expect("held");
    w.advance(60 * SEC - 1);
    assert_eq!(w.hold(&visits[1], &[3]).await, Err(Refusal::Unavailable));
    w.advance(1);
    w.hold(&visits[1], &[3]).await.expect("held");
    assert_eq!(taken(w, sale).await, [(3, SeatStatus::Held)], "the rest of the old hold is free again");
    let s = w.stats(sale).await;
    assert_eq!((s.holds, s.held_seats), (1, 1));
}

pub(crate) async fn a_refused_takeover_leaves_the_lapsed_hold_to_the_sweep(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visits = w.visits(sale, 3).await;
    w.hold(&visits[0], &[1]).await.expect("held");
    w.advance(30 * SEC);
    w.hold(&visits[1], &[2]).await.expect("held");
    w.advance(30 * SEC);
    assert_eq!(w.hold(&visits[2], &[1, 2]).await, Err(Refusal::Unavailable));
    assert_eq!(w.ask(ExpireHolds).await, Ok(1));
    assert_eq!(taken(w, sale).await, [(2, SeatStatus::Held)]);
}

pub(crate) async fn ones_own_lapsed_hold_does_not_stand_in_the_way(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visit = w.visit(sale).await;
    w.hold(&visit, &[1, 2]).await.expect("held");
    w.advance(60 * SEC);
    assert_eq!(w.read(OwnHoldQuery { sale, account: visit.fan }).await, None, "it is over before it is swept");
    w.hold(&visit, &[2, 3, 4, 5]).await.expect("held");
    assert_eq!(w.stats(sale).await.held_seats, 4);
}

pub(crate) async fn an_admission_opens_the_shop_until_its_deadline(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    w.advance(600 * SEC - 1);
    w.hold(&visits[0], &[1]).await.expect("held");
    w.advance(1);
    assert_eq!(w.hold(&visits[1], &[2]).await, Err(Refusal::AdmissionExpired));
}

pub(crate) async fn a_claim_with_a_live_hold_places_no_new_hold_after_its_deadline(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    w.advance(600 * SEC);
    w.release(&visit, hold).await.expect("released");
    assert_eq!(w.hold(&visit, &[1]).await, Err(Refusal::AdmissionExpired));
}

pub(crate) async fn a_used_admission_opens_nothing(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.buy(&visit, &[1]).await;
    assert_eq!(w.hold(&visit, &[2]).await, Err(Refusal::AdmissionUsed));
    assert_eq!(w.stats(sale).await.tickets_sold, 1);
}

/// Attackers: skip the queue, steal a token.
pub(crate) async fn nobody_holds_without_a_claim_of_his_own(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let waiting = w.line(sale, 1).await[0];
    let with = |fan, claim| PlaceHold { account: fan, claim, ..w.placing(&visits[0], &[1]) };
    assert_eq!(w.ask(with(waiting, visits[0].claim.id)).await, Err(Refusal::AdmissionInvalid));
    assert_eq!(w.ask(with(waiting, no_claim())).await, Err(Refusal::AdmissionInvalid));
    assert_eq!(w.ask(with(visits[1].fan, visits[0].claim.id)).await, Err(Refusal::AdmissionExpired));
    assert_eq!(w.ask(with(visits[0].fan, no_claim())).await, Err(Refusal::AdmissionExpired));
    let other = w.sale().await;
    let elsewhere = PlaceHold { sale: other, ..w.placing(&visits[0], &[1]) };
    assert_eq!(w.ask(elsewhere).await, Err(Refusal::AdmissionInvalid));
    assert_eq!(taken(w, sale).await, []);
}

pub(crate) async fn an_ended_sale_holds_nothing_new(w: &mut World) {
    let end = w.now().plus_sec(60);
    let sale = w.sale_with(|t| t.ends_at = end).await;
    let visits = w.visits(sale, 2).await;
    w.advance(60 * SEC - 3);
    w.hold(&visits[0], &[1]).await.expect("held");
    w.advance(1);
    assert_eq!(w.hold(&visits[1], &[2]).await, Err(Refusal::SaleClosed { opens_at: None }));
    assert_eq!(w.stats(sale).await.holds, 1, "a live hold lives on");
}

pub(crate) async fn a_sale_that_is_not_there_holds_nothing(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let verb = PlaceHold { sale: w.id(), ..w.placing(&visit, &[1]) };
    assert_eq!(w.ask(verb).await, Err(Refusal::SaleNotFound));
}

pub(crate) async fn released_seats_are_free_at_once(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let hold = w.hold(&visits[0], &[1, 2]).await.expect("held");
    w.release(&visits[0], hold).await.expect("released");
    assert_eq!(taken(w, sale).await, []);
    w.hold(&visits[1], &[2, 1]).await.expect("held");
    w.hold(&visits[0], &[3]).await.expect("held again");
}

pub(crate) async fn releasing_twice_frees_nothing_of_the_next_owner(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let hold = w.hold(&visits[0], &[1]).await.expect("held");
    w.release(&visits[0], hold).await.expect("released");
    w.hold(&visits[1], &[1]).await.expect("held");
    assert_eq!(w.release(&visits[0], hold).await, Ok(()), "what was asked for is so already");
    assert_eq!(taken(w, sale).await, [(1, SeatStatus::Held)]);
}

pub(crate) async fn anothers_hold_is_not_found(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let hold = w.hold(&visits[0], &[1]).await.expect("held");
    assert_eq!(w.release(&visits[1], hold).await, Err(Refusal::HoldNotFound));
    assert_eq!(w.release(&visits[0], w.id()).await, Err(Refusal::HoldNotFound));
    let elsewhere = ReleaseHold { sale: w.sale().await, account: visits[0].fan, hold };
    assert_eq!(w.ask(elsewhere).await, Err(Refusal::HoldNotFound));
    assert_eq!(w.stats(sale).await.holds, 1);
}

pub(crate) async fn a_hold_that_is_paid_or_being_paid_is_not_released(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    let order = w.begin(&visit, hold).await.expect("begun");
    assert_eq!(w.release(&visit, hold).await, Err(Refusal::CheckoutInProgress));
    w.finish(order, true).await;
    assert_eq!(w.release(&visit, hold).await, Err(Refusal::HoldUsed));
    assert_eq!(taken(w, sale).await, [(1, SeatStatus::Sold)]);
}

/// A bug of the caller must not look like a hold.
pub(crate) async fn an_id_that_exists_makes_no_second_hold(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let id = w.hold(&visits[0], &[1]).await.expect("held");
    let verb = PlaceHold { id, ..w.placing(&visits[1], &[2]) };
    assert!(matches!(w.store.run(verb).await, Err(Failure::Refused(_) | Failure::Broken(_))));
    assert_eq!(taken(w, sale).await, [(1, SeatStatus::Held)]);
}

/// On every engine; `races` has it with a real kill -9.
pub(crate) async fn after_a_crash_holds_lapse_and_exactly_the_sold_seats_are_gone(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 30).await;
    for (seat, visit) in (0..).step_by(2).zip(&visits[..25]) {
        w.hold(visit, &[seat, seat + 1]).await.expect("held");
    }
    for (seat, visit) in (80..).zip(&visits[25..]) {
        w.buy(visit, &[seat]).await;
    }
    w.restart().await;
    let s = w.stats(sale).await;
    assert_eq!((s.held_seats, s.tickets_sold), (50, 5));
    w.advance(720 * SEC - 1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0));
    w.advance(1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(25));
    let s = w.stats(sale).await;
    assert_eq!((s.available_seats, s.held_seats, s.tickets_sold), (95, 0, 5));
}

/// A wall clock that somebody set forward expires nothing early.
pub(crate) async fn a_hold_outlives_a_jump_of_the_clock(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visits = w.visits(sale, 2).await;
    w.hold(&visits[0], &[1]).await.expect("held");
    w.set_wall(w.now().plus_sec(3_600));
    assert_eq!(w.ask(ExpireHolds).await, Ok(0));
    assert_eq!(w.hold(&visits[1], &[1]).await, Err(Refusal::Unavailable));
    w.restart().await;
    w.advance(60 * SEC - 1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0), "what was skipped is not made up for by a restart");
    w.advance(1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(1));
}

pub(crate) async fn a_jump_of_the_clock_is_remembered_although_nothing_was_written_since(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visit = w.visit(sale).await;
    w.hold(&visit, &[1]).await.expect("held");
    w.advance(SEC);
    w.tick(sale).await;
    w.set_wall(w.now().plus_sec(3_600));
    w.tick(sale).await;
    w.restart().await;
    w.advance(59 * SEC - 1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0));
    w.advance(1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(1));
}
