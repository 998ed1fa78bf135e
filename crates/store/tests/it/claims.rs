//! Claims: who comes in time goes inside, who comes late is called again first.

use domain::admission::Bound;
use domain::waiting_room::State;
use domain::{AccountId, Refusal, SaleId};
use store::admissions::{ExpireClaims, PollCalled, Polled, TickDone};

use crate::world::{SEC, World};

/// So many fans, of whom `called` have been called just now.
async fn called(w: &World, sale: SaleId, line: usize, called: i64) -> Vec<AccountId> {
    let fans = w.line(sale, line).await;
    w.advance(called);
    assert_eq!(w.calls(sale).await, called);
    fans
}

fn state(polled: &Result<Polled, Refusal>) -> State {
    match polled {
        Ok(Polled::Inside(_)) => State::Inside,
        Ok(Polled::Stands { state, .. }) => *state,
        Err(refusal) => panic!("{refusal:?}"),
    }
}

pub(crate) async fn a_called_fan_goes_inside_with_the_first_poll(w: &mut World) {
    let sale = w.sale().await;
    let fans = called(w, sale, 2, 1).await;
    let visit = w.enter(sale, fans[0]).await;
    assert_eq!(visit.claim.position, 1);
    assert_eq!(visit.claim.claimed_at, w.now());
    assert_eq!(visit.claim.deadline, w.now().plus_sec(600));
    assert_eq!(w.stats(sale).await.inside, 1);
}

pub(crate) async fn the_poll_of_a_waiting_fan_changes_nothing(w: &mut World) {
    let sale = w.sale().await;
    let fans = called(w, sale, 2, 1).await;
    let waits = Polled::Stands { position: 2, state: State::Waiting };
    assert_eq!(w.poll(sale, fans[1]).await, Ok(waits));
    let s = w.stats(sale).await;
    assert_eq!((s.called, s.waiting, s.inside, s.returning), (1, 1, 0, 0));
}

pub(crate) async fn the_poll_of_a_stranger_finds_no_place(w: &mut World) {
    let sale = w.sale().await;
    assert_eq!(w.poll(sale, w.fan()).await, Err(Refusal::NotInQueue));
}

pub(crate) async fn polling_again_returns_the_same_claim(w: &mut World) {
    let sale = w.sale().await;
    let fans = called(w, sale, 1, 1).await;
    let first = w.enter(sale, fans[0]).await;
    w.advance(599 * SEC);
    let again = w.enter(sale, fans[0]).await;
    assert_eq!(again.claim, first.claim, "asking moves no deadline");
}

pub(crate) async fn polls_at_once_make_one_claim(w: &mut World) {
    let sale = w.sale().await;
    let fans = called(w, sale, 1, 1).await;
    let polls = (0..20).map(|_| PollCalled { sale, account: fans[0], claim: w.id() });
    let polled = w.at_once(polls).await;
    assert!(matches!(polled[0], Ok(Polled::Inside(_))));
    assert!(polled.iter().all(|one| *one == polled[0]));
    assert_eq!(w.exported(sale, "claim").await.len(), 1);
}

pub(crate) async fn the_window_is_open_to_its_last_millisecond(w: &mut World) {
    let sale = w.sale().await;
    let fans = called(w, sale, 2, 2).await;
    w.advance(60 * SEC - 1);
    w.enter(sale, fans[0]).await;
    w.advance(1);
    assert_eq!(state(&w.poll(sale, fans[1]).await), State::Returning);
    assert_eq!(w.stats(sale).await.returning, 1);
}

pub(crate) async fn a_latecomer_waits_for_a_tick_and_gets_a_whole_new_window(w: &mut World) {
    let sale = w.sale().await;
    let fans = called(w, sale, 1, 1).await;
    w.advance(100 * SEC);
    assert_eq!(state(&w.poll(sale, fans[0]).await), State::Returning);
    assert_eq!(state(&w.poll(sale, fans[0]).await), State::Returning, "asking takes no room");
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    assert_eq!(w.stats(sale).await.called, 1);
    w.advance(60 * SEC - 1);
    w.enter(sale, fans[0]).await;
}

pub(crate) async fn who_is_late_again_returns_again(w: &mut World) {
    let sale = w.sale().await;
    let fans = called(w, sale, 1, 1).await;
    for _ in 0..3 {
        w.advance(60 * SEC);
        assert_eq!(state(&w.poll(sale, fans[0]).await), State::Returning);
        w.advance(1);
        assert_eq!(w.calls(sale).await, 1);
    }
    w.enter(sale, fans[0]).await;
}

pub(crate) async fn who_does_not_ask_is_not_called_again(w: &mut World) {
    let sale = w.sale().await;
    called(w, sale, 1, 1).await;
    w.advance(100 * SEC);
    assert_eq!(w.calls(sale).await, 0);
    assert_eq!(w.stats(sale).await.called, 1, "the place is kept");
}

pub(crate) async fn returners_are_called_first_and_by_position(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 60).await;
    let fans = w.line(sale, 10).await;
    w.tick(sale).await;
    for _ in 0..3 {
        w.advance(SEC);
        assert_eq!(w.calls(sale).await, 1);
    }
    w.advance(60 * SEC);
    assert_eq!(w.calls(sale).await, 2, "the long pause is credited for two seconds");
    for late in [2, 0] {
        assert_eq!(state(&w.poll(sale, fans[late]).await), State::Returning);
    }
    let one = |through, called, recalled| TickDone::Called { through, called, recalled, bound_by: Bound::Rate };
    w.advance(SEC);
    assert_eq!(w.tick(sale).await, one(5, 0, 1));
    assert_eq!(state(&w.poll(sale, fans[2]).await), State::Returning);
    assert_eq!(state(&w.poll(sale, fans[0]).await), State::Inside);
    w.advance(SEC);
    assert_eq!(w.tick(sale).await, one(5, 0, 1));
    w.advance(SEC);
    assert_eq!(w.tick(sale).await, one(6, 1, 0));
}

pub(crate) async fn a_returner_waits_while_the_shop_is_empty(w: &mut World) {
    let sale = w.sale_with(|t| t.total_seats = 1).await;
    let fans = called(w, sale, 2, 1).await;
    w.advance(60 * SEC);
    assert_eq!(w.calls(sale).await, 1, "the window of the first is over");
    let visit = w.enter(sale, fans[1]).await;
    assert_eq!(state(&w.poll(sale, fans[0]).await), State::Returning);
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0);
    w.leave(sale, visit.fan).await.expect("left");
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 1);
    w.enter(sale, fans[0]).await;
}

pub(crate) async fn a_poll_tells_how_a_place_ended(w: &mut World) {
    let sale = w.sale().await;
    let (gone, late, buyer) = (w.visit(sale).await, w.visit(sale).await, w.visit(sale).await);
    w.leave(sale, gone.fan).await.expect("left");
    w.buy(&buyer, &[3]).await;
    w.advance(600 * SEC);
    assert_eq!(w.ask(ExpireClaims).await, Ok(1));
    assert_eq!(state(&w.poll(sale, gone.fan).await), State::Left);
    assert_eq!(state(&w.poll(sale, late.fan).await), State::Expired);
    assert_eq!(state(&w.poll(sale, buyer.fan).await), State::Bought);
}

pub(crate) async fn who_joins_again_gets_a_claim_of_his_own(w: &mut World) {
    let sale = w.sale().await;
    let first = w.visit(sale).await;
    w.leave(sale, first.fan).await.expect("left");
    let second = w.visit_of(sale, first.fan).await;
    assert_ne!(second.claim.id, first.claim.id);
    assert_eq!(second.claim.position, 2);
    assert_eq!(w.hold(&first, &[0]).await, Err(Refusal::AdmissionExpired), "the old admission opens nothing");
    w.hold(&second, &[0]).await.expect("held");
}

pub(crate) async fn an_ended_sale_lets_nobody_in_any_more(w: &mut World) {
    let end = w.now().plus_sec(30);
    let sale = w.sale_with(|t| t.ends_at = end).await;
    let fans = called(w, sale, 2, 2).await;
    w.advance(30 * SEC - 3);
    w.enter(sale, fans[0]).await;
    w.advance(1);
    assert_eq!(state(&w.poll(sale, fans[1]).await), State::Called);
}
