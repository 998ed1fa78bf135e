//! The line: one person one place, order is order, the room, the doors, leaving.

use domain::Refusal;
use store::queue::{JoinBatch, Joined};

use crate::world::{SEC, START, World, joined_at, position};

pub(crate) async fn positions_follow_the_order_of_the_batch(w: &mut World) {
    let sale = w.sale().await;
    let joined = w.join_all(sale, &w.fans(5)).await;
    let positions: Vec<i64> = joined.into_iter().map(position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
}

pub(crate) async fn a_join_acknowledged_earlier_has_the_lower_position(w: &mut World) {
    let sale = w.sale().await;
    for expected in 1..=20 {
        assert_eq!(position(w.join(sale, w.fan()).await), expected);
    }
}

pub(crate) async fn a_whole_batch_of_a_thousand_joins_without_a_gap(w: &mut World) {
    let sale = w.sale().await;
    w.join(sale, w.fan()).await;
    let joined = w.join_all(sale, &w.fans(store::MOST_ROWS_PER_COMMAND)).await;
    assert!(joined.into_iter().map(position).eq(2..=1_001));
}

pub(crate) async fn joining_again_returns_the_same_place(w: &mut World) {
    let sale = w.sale().await;
    let fans = w.line(sale, 3).await;
    w.advance(5 * SEC);
    let again = w.join(sale, fans[1]).await;
    assert_eq!(again, Joined::Known { position: 2, joined_at: START });
    assert_eq!(position(w.join(sale, w.fan()).await), 4, "a repeat takes no position");
}

pub(crate) async fn a_batch_of_known_and_new_fans_leaves_no_gap(w: &mut World) {
    let sale = w.sale().await;
    let old = w.line(sale, 2).await;
    let (first, second) = (w.fan(), w.fan());
    let joined = w.join_all(sale, &[first, old[1], second, old[0]]).await;
    let positions: Vec<i64> = joined.iter().copied().map(position).collect();
    assert_eq!(positions, [3, 2, 4, 1]);
    let new = |joined: &Joined| matches!(joined, Joined::New { .. });
    assert_eq!(joined.iter().map(new).collect::<Vec<_>>(), [true, false, true, false]);
}

pub(crate) async fn concurrent_batches_share_one_line_without_a_gap(w: &mut World) {
    let sale = w.sale().await;
    let batches: Vec<_> = (0..40).map(|_| JoinBatch { sale, accounts: w.fans(25) }).collect();
    let mut positions = Vec::new();
    for batch in w.at_once(batches).await {
        let batch: Vec<i64> = batch.expect("joined").into_iter().map(position).collect();
        assert!(batch.is_sorted(), "the order within a batch is kept");
        positions.extend(batch);
    }
    positions.sort_unstable();
    assert!(positions.into_iter().eq(1..=1_000));
}

pub(crate) async fn one_fan_on_many_devices_at_once_has_one_place(w: &mut World) {
    let (sale, fan) = (w.sale().await, w.fan());
    let answers = w.at_once((0..50).map(|_| JoinBatch { sale, accounts: vec![fan] })).await;
    let joined: Vec<Joined> = answers.into_iter().map(|answer| answer.expect("joined")[0]).collect();
    assert!(joined.iter().all(|joined| position(*joined) == 1));
    assert_eq!(joined.iter().filter(|joined| matches!(joined, Joined::New { .. })).count(), 1);
    assert_eq!(w.stats(sale).await.joined, 1);
}

pub(crate) async fn a_full_room_takes_as_many_of_a_batch_as_fit(w: &mut World) {
    let sale = w.sale_with(|t| t.waiting_room_cap = 3).await;
    w.line(sale, 1).await;
    let joined = w.join_all(sale, &w.fans(4)).await;
    assert_eq!((position(joined[0]), position(joined[1])), (2, 3));
    assert_eq!(joined[2..], [Joined::Refused(Refusal::RoomFull); 2]);
    assert_eq!(w.stats(sale).await.last_position, 3);
}

pub(crate) async fn who_has_a_place_gets_it_although_the_room_is_full(w: &mut World) {
    let sale = w.sale_with(|t| t.waiting_room_cap = 2).await;
    let fans = w.line(sale, 2).await;
    let joined = w.join_all(sale, &[w.fan(), fans[1], fans[0]]).await;
    assert_eq!(joined[0], Joined::Refused(Refusal::RoomFull));
    assert_eq!((position(joined[1]), position(joined[2])), (2, 1));
}

pub(crate) async fn a_room_for_nobody_takes_nobody(w: &mut World) {
    let sale = w.sale_with(|t| t.waiting_room_cap = 0).await;
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::RoomFull));
}

pub(crate) async fn who_leaves_a_full_room_makes_room_for_one(w: &mut World) {
    let sale = w.sale_with(|t| t.waiting_room_cap = 3).await;
    let fans = w.line(sale, 3).await;
    w.leave(sale, fans[1]).await.expect("left");
    assert_eq!(position(w.join(sale, w.fan()).await), 4);
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::RoomFull));
}

pub(crate) async fn who_is_called_out_of_a_full_room_makes_room_for_one(w: &mut World) {
    let sale = w.sale_with(|t| t.waiting_room_cap = 3).await;
    w.line(sale, 3).await;
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    assert_eq!(position(w.join(sale, w.fan()).await), 4);
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::RoomFull));
}

pub(crate) async fn a_called_fan_who_leaves_is_not_counted_twice_as_room(w: &mut World) {
    let sale = w.sale_with(|t| t.waiting_room_cap = 2).await;
    let fans = w.line(sale, 2).await;
    w.advance(1);
    w.tick(sale).await;
    w.leave(sale, fans[0]).await.expect("left");
    assert_eq!(position(w.join(sale, w.fan()).await), 3);
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::RoomFull));
}

pub(crate) async fn joined_at_never_falls_when_the_clock_is_set_back(w: &mut World) {
    let sale = w.sale().await;
    w.advance(9 * SEC);
    let before = joined_at(w.join(sale, w.fan()).await);
    for back_ms in [500, 5 * SEC] {
        w.set_wall(w.now().plus_ms(-back_ms));
        let after = joined_at(w.join(sale, w.fan()).await);
        assert!(after >= before, "{after} after {before}");
    }
}

pub(crate) async fn joined_at_never_falls_over_a_restart(w: &mut World) {
    let sale = w.sale().await;
    w.advance(400);
    let before = joined_at(w.join(sale, w.fan()).await);
    w.set_wall(START.plus_sec(-5));
    w.restart().await;
    let after = joined_at(w.join(sale, w.fan()).await);
    assert!(after >= before, "{after} after {before}");
}

pub(crate) async fn doors_open_to_the_millisecond(w: &mut World) {
    let sale = w.sale_with(|t| t.opens_at = START.plus_sec(60)).await;
    w.advance(60 * SEC - 1);
    let closed = Refusal::SaleClosed { opens_at: Some(START.plus_sec(60)) };
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(closed));
    w.advance(1);
    assert_eq!(position(w.join(sale, w.fan()).await), 1, "who came early took no position");
}

pub(crate) async fn doors_shut_to_the_millisecond(w: &mut World) {
    let sale = w.sale_with(|t| t.ends_at = START.plus_sec(60)).await;
    w.advance(60 * SEC - 1);
    assert_eq!(position(w.join(sale, w.fan()).await), 1);
    w.advance(1);
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::SaleClosed { opens_at: None }));
}

pub(crate) async fn who_has_a_place_gets_it_after_the_end(w: &mut World) {
    let sale = w.sale_with(|t| t.ends_at = START.plus_sec(60)).await;
    let fans = w.line(sale, 2).await;
    w.advance(60 * SEC);
    assert_eq!(position(w.join(sale, fans[1]).await), 2);
}

pub(crate) async fn a_sale_that_is_building_takes_nobody(w: &mut World) {
    let sale = w.building(|_| ()).await;
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::SaleBuilding));
}

pub(crate) async fn a_sale_that_is_not_there_is_not_found(w: &mut World) {
    let verb = JoinBatch { sale: w.id(), accounts: w.fans(1) };
    assert_eq!(w.ask(verb).await, Err(Refusal::SaleNotFound));
}

pub(crate) async fn two_sales_have_two_lines(w: &mut World) {
    let (one, other, fan) = (w.sale().await, w.sale().await, w.fan());
    w.line(one, 3).await;
    assert_eq!(position(w.join(one, fan).await), 4);
    assert_eq!(position(w.join(other, fan).await), 1);
}

pub(crate) async fn who_leaves_and_joins_again_starts_at_the_end(w: &mut World) {
    let sale = w.sale().await;
    let fans = w.line(sale, 3).await;
    assert_eq!(w.leave(sale, fans[0]).await, Ok(1));
    assert_eq!(position(w.join(sale, fans[0]).await), 4);
    assert_eq!(position(w.join(sale, fans[1]).await), 2, "nobody moves up");
    let s = w.stats(sale).await;
    assert_eq!((s.joined, s.waiting, s.left), (4, 3, 1));
}

pub(crate) async fn who_has_no_place_cannot_leave(w: &mut World) {
    let sale = w.sale().await;
    let fans = w.line(sale, 1).await;
    assert_eq!(w.leave(sale, w.fan()).await, Err(Refusal::NotInQueue));
    w.leave(sale, fans[0]).await.expect("left");
    assert_eq!(w.leave(sale, fans[0]).await, Err(Refusal::NotInQueue));
}

pub(crate) async fn who_leaves_the_shop_gives_back_claim_and_seats(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.hold(&visit, &[1, 2]).await.expect("held");
    w.leave(sale, visit.fan).await.expect("left");
    let s = w.stats(sale).await;
    assert_eq!((s.inside, s.left, s.holds, s.available_seats), (0, 1, 0, 100));
    assert_eq!(w.hold(&visit, &[1]).await, Err(Refusal::AdmissionUsed));
}

pub(crate) async fn nobody_leaves_in_the_middle_of_a_payment(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    let order = w.begin(&visit, hold).await.expect("begun");
    assert_eq!(w.leave(sale, visit.fan).await, Err(Refusal::CheckoutInProgress));
    w.finish(order, false).await;
    assert_eq!(w.leave(sale, visit.fan).await, Ok(1));
}
