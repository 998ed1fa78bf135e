//! Keys: the same key returns the same bytes, another request under it is refused, and a refusal leaves it free.

use domain::Refusal;
use store::checkout::{BeginCheckout, CHECKOUT};
use store::holds::PlaceHold;
use store::idempotency::{Forget, OutlivedKeys};

use crate::world::{SEC, World, key};

pub(crate) async fn the_same_key_returns_the_same_bytes(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let ask = || PlaceHold { key: key(&visit, "hold", "k"), ..w.placing(&visit, &[1, 2]) };
    let first = w.ask(ask()).await.expect("held");
    w.advance(5 * SEC);
    assert_eq!(w.ask(ask()).await.as_ref(), Ok(&first));
    let s = w.stats(sale).await;
    assert_eq!((s.holds, s.held_seats), (1, 2));
    w.advance(10_000 * SEC);
    assert_eq!(w.ask(ask()).await.as_ref(), Ok(&first), "also when all is over");
}

pub(crate) async fn one_key_many_times_at_once_makes_one_hold(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let ask = |_| PlaceHold { key: key(&visit, "hold", "k"), ..w.placing(&visit, &[1, 2]) };
    let answers = w.at_once((0..30).map(ask)).await;
    assert!(answers[0].is_ok() && answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(w.exported(sale, "hold").await.len(), 1);
}

pub(crate) async fn another_request_under_the_same_key_is_refused(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let ask = |digest| {
        let key = store::idempotency::Key { digest: [digest; 32], ..key(&visit, "hold", "k") };
        PlaceHold { key, ..w.placing(&visit, &[1]) }
    };
    w.ask(ask(1)).await.expect("held");
    assert_eq!(w.ask(ask(2)).await, Err(Refusal::IdempotencyKeyReused));
    w.ask(ask(1)).await.expect("the first request is still answered");
}

pub(crate) async fn the_keys_of_two_fans_are_two_keys(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    for (seat, visit) in (1..).zip(&visits) {
        let verb = PlaceHold { key: key(visit, "hold", "k"), ..w.placing(visit, &[seat]) };
        w.ask(verb).await.expect("held");
    }
    assert_eq!(w.stats(sale).await.holds, 2);
}

pub(crate) async fn a_key_is_forgotten_long_after_its_sale_and_not_before(w: &mut World) {
    let ends_at = w.now().plus_sec(1_000);
    let sooner = w.sale_with(|t| t.ends_at = ends_at).await;
    let later = w.sale_with(|t| t.ends_at = ends_at.plus_sec(1)).await;
    for sale in [sooner, later] {
        let visit = w.visit(sale).await;
        let verb = PlaceHold { key: key(&visit, "hold", "k"), ..w.placing(&visit, &[1]) };
        w.ask(verb).await.expect("held");
    }
    let kept_sec = 10_000;
    let outlived = async |w: &World| w.read(OutlivedKeys { kept_sec }).await;
    w.advance(ends_at.since_ms(w.now()) + kept_sec * SEC);
    assert_eq!(outlived(w).await, [], "kept for that long");
    w.advance(1);
    let keys = outlived(w).await;
    assert_eq!(keys.len(), 1);
    assert_eq!(w.ask(Forget(keys.clone())).await, Ok(1));
    assert_eq!(w.ask(Forget(keys)).await, Ok(0));
    assert_eq!(outlived(w).await, [], "the other sale's key is kept");
    w.set_wall(w.now().plus_sec(366 * 86_400));
    assert_eq!(outlived(w).await, [], "also while the wall clock is ahead");
}

pub(crate) async fn a_refusal_leaves_its_key_free(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.visits(sale, 2).await;
    let theirs = w.hold(&visits[0], &[1]).await.expect("held");
    let ask = || PlaceHold { key: key(&visits[1], "hold", "k"), ..w.placing(&visits[1], &[1]) };
    assert_eq!(w.ask(ask()).await, Err(Refusal::Unavailable));
    w.release(&visits[0], theirs).await.expect("released");
    w.ask(ask()).await.expect("judged anew");
}

pub(crate) async fn a_new_hold_is_not_answered_from_a_checkouts_key(w: &mut World) {
    let visit = w.visit(w.sale().await).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    let paid = BeginCheckout { key: key(&visit, CHECKOUT, "same"), ..w.beginning(&visit, hold) };
    w.ask(paid).await.expect("begun");
    let verb = PlaceHold { key: key(&visit, "hold", "same"), ..w.placing(&visit, &[2]) };
    assert_eq!(w.ask(verb).await, Err(Refusal::ActiveHoldExists), "a key belongs to its verb");
}

pub(crate) async fn the_keys_of_two_sales_are_two_keys(w: &mut World) {
    let fan = w.fan();
    for sale in [w.sale().await, w.sale().await] {
        let visit = w.visit_of(sale, fan).await;
        let verb = PlaceHold { key: key(&visit, "hold", "k"), ..w.placing(&visit, &[1]) };
        w.ask(verb).await.expect("held");
        assert_eq!(w.stats(sale).await.holds, 1);
    }
}

pub(crate) async fn an_answer_is_the_same_after_a_restart(w: &mut World) {
    let visit = w.visit(w.sale().await).await;
    let verb = PlaceHold { key: key(&visit, "hold", "k"), ..w.placing(&visit, &[1]) };
    let first = w.ask(verb).await.expect("held");
    w.restart().await;
    let again = PlaceHold { key: key(&visit, "hold", "k"), ..w.placing(&visit, &[1]) };
    assert_eq!(w.ask(again).await, Ok(first));
}
