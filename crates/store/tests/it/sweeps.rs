//! Sweeps: what is over ends, never early, and never more at once than a command may write.

use domain::waiting_room::State;
use store::admissions::{ExpireClaims, Polled};
use store::holds::{ExpireHolds, PlaceHold};

use crate::world::{SEC, World};

pub(crate) async fn a_hold_is_swept_at_its_end_and_not_before(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.hold(&visit, &[1, 2]).await.expect("held");
    w.advance(720 * SEC - 1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0));
    assert_eq!(w.stats(sale).await.held_seats, 2);
    w.advance(1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(1));
    assert_eq!(w.ask(ExpireHolds).await, Ok(0), "once");
    let s = w.stats(sale).await;
    assert_eq!((s.holds, s.available_seats), (0, 100));
}

pub(crate) async fn a_sweep_frees_no_seat_that_has_a_new_owner(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visits = w.visits(sale, 2).await;
    w.hold(&visits[0], &[1, 2]).await.expect("held");
    w.advance(60 * SEC);
    w.hold(&visits[1], &[2]).await.expect("taken over");
    assert_eq!(w.ask(ExpireHolds).await, Ok(0), "the takeover has ended the old hold");
    let s = w.stats(sale).await;
    assert_eq!((s.holds, s.held_seats), (1, 1));
}

pub(crate) async fn a_sweep_touches_no_released_and_no_sold_hold(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let hold = w.hold(&visits[0], &[1]).await.expect("held");
    w.release(&visits[0], hold).await.expect("released");
    w.buy(&visits[1], &[2]).await;
    w.advance(10_000 * SEC);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0));
    assert_eq!(w.stats(sale).await.tickets_sold, 1);
}

pub(crate) async fn one_sweep_writes_no_more_rows_than_a_command_may(w: &mut World) {
    let sale = w.sale_with(|t| t.total_seats = 900).await;
    let visits = w.visits(sale, 300).await;
    let holds: Vec<PlaceHold> =
        (0..).step_by(3).zip(&visits).map(|(seat, visit)| w.placing(visit, &[seat, seat + 1, seat + 2])).collect();
    assert!(w.in_groups(holds).await.iter().all(Result::is_ok));
    w.advance(720 * SEC);
    let mut swept = Vec::new();
    while swept.last() != Some(&0) {
        swept.push(w.ask(ExpireHolds).await.expect("a sweep"));
    }
    assert_eq!(swept.iter().sum::<i64>(), 300);
    let most = store::MOST_ROWS_PER_COMMAND as i64;
    assert!(swept.iter().all(|holds| holds * 4 <= most), "a hold of three seats is four rows: {swept:?}");
    assert_eq!(w.stats(sale).await.available_seats, 900);
}

pub(crate) async fn a_claim_is_swept_at_its_deadline_and_not_before(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.advance(600 * SEC - 1);
    assert_eq!(w.ask(ExpireClaims).await, Ok(0));
    assert_eq!(w.stats(sale).await.inside, 1);
    w.advance(1);
    assert_eq!(w.ask(ExpireClaims).await, Ok(1));
    assert_eq!(w.ask(ExpireClaims).await, Ok(0), "once");
    let s = w.stats(sale).await;
    assert_eq!((s.inside, s.expired), (0, 1));
    let over = Polled::Stands { position: 1, state: State::Expired };
    assert_eq!(w.poll(sale, visit.fan).await, Ok(over));
}

pub(crate) async fn a_claim_with_a_live_hold_outlives_its_deadline(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.advance(300 * SEC);
    w.hold(&visit, &[1]).await.expect("held");
    w.advance(720 * SEC - 1);
    assert_eq!(w.ask(ExpireClaims).await, Ok(0));
    w.advance(1);
    assert_eq!((w.ask(ExpireHolds).await, w.ask(ExpireClaims).await), (Ok(1), Ok(1)));
    assert_eq!(w.stats(sale).await.expired, 1);
}

pub(crate) async fn a_released_hold_keeps_no_claim_alive(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    w.advance(600 * SEC);
    assert_eq!(w.ask(ExpireClaims).await, Ok(0));
    w.release(&visit, hold).await.expect("released");
    assert_eq!(w.ask(ExpireClaims).await, Ok(1));
}

pub(crate) async fn many_claims_end_in_several_bounded_sweeps(w: &mut World) {
    let sale = w.sale_with(|t| t.total_seats = 1_000).await;
    w.visits(sale, 700).await;
    w.advance(600 * SEC);
    let mut swept = Vec::new();
    while swept.last() != Some(&0) {
        swept.push(w.ask(ExpireClaims).await.expect("a sweep"));
    }
    assert_eq!(swept.iter().sum::<i64>(), 700);
    let most = store::MOST_ROWS_PER_COMMAND as i64;
    assert!(swept.iter().all(|claims| claims * 2 <= most), "a claim is two rows: {swept:?}");
    assert_eq!(w.stats(sale).await.expired, 700);
}

pub(crate) async fn a_place_that_was_called_is_kept_however_late(w: &mut World) {
    let sale = w.sale().await;
    let fans = w.line(sale, 1).await;
    w.advance(1);
    w.tick(sale).await;
    w.advance(10_000 * SEC);
    assert_eq!((w.ask(ExpireClaims).await, w.ask(ExpireHolds).await), (Ok(0), Ok(0)));
    let late = Polled::Stands { position: 1, state: State::Returning };
    assert_eq!(w.poll(sale, fans[0]).await, Ok(late));
}

pub(crate) async fn a_clock_set_forward_ends_no_claim_and_no_window(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let fans = w.line(sale, 1).await;
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    w.set_wall(w.now().plus_sec(7_200));
    assert_eq!(w.ask(ExpireClaims).await, Ok(0));
    w.enter(sale, fans[0]).await;
    w.hold(&visit, &[1]).await.expect("held");
    w.advance(600 * SEC);
    assert_eq!(w.ask(ExpireClaims).await, Ok(1), "the one without a hold, at its own time");
}

pub(crate) async fn a_clock_set_back_lets_nothing_live_longer(w: &mut World) {
    let sale = w.sale_with(|t| t.opens_at = t.opens_at.plus_sec(-86_400)).await;
    w.visit(sale).await;
    w.advance(300 * SEC);
    w.stats(sale).await;
    w.set_wall(w.now().plus_sec(-3_600));
    w.advance(300 * SEC - 1);
    assert_eq!(w.ask(ExpireClaims).await, Ok(0));
    w.advance(1);
    assert_eq!(w.ask(ExpireClaims).await, Ok(1));
}
