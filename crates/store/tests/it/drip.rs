//! The drip: who is called and when. Rate, cap, stock, line, and the leader.

use store::admissions::{Tick, TickDone};

use crate::world::{SEC, START, World};

/// Ticks every so many milliseconds for a while; people called in all.
async fn drip(w: &World, sale: domain::SaleId, every_ms: i64, for_ms: i64) -> i64 {
    let mut calls = 0;
    for _ in 0..for_ms / every_ms {
        w.advance(every_ms);
        calls += w.calls(sale).await;
    }
    calls
}

pub(crate) async fn the_first_call_waits_for_one_whole_persons_credit(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 60).await;
    w.line(sale, 5).await;
    w.tick(sale).await;
    w.advance(999);
    assert_eq!(w.calls(sale).await, 0);
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    w.advance(999);
    assert_eq!(w.calls(sale).await, 0);
}

pub(crate) async fn credit_begins_at_the_doors(w: &mut World) {
    let sale = w
        .sale_with(|t| {
            t.admit_per_minute = 60;
            t.opens_at = START.plus_ms(500);
        })
        .await;
    w.advance(500);
    w.line(sale, 2).await;
    w.tick(sale).await;
    w.advance(999);
    assert_eq!(w.calls(sale).await, 0);
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn fractions_of_a_person_are_kept(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 97).await;
    w.line(sale, 200).await;
    assert_eq!(drip(w, sale, 200, 60 * SEC).await, 97);
}

pub(crate) async fn a_rate_of_zero_calls_nobody(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 0).await;
    w.line(sale, 2).await;
    assert_eq!(drip(w, sale, 1_000, 60 * SEC).await, 0);
}

pub(crate) async fn a_late_tick_is_credited_for_two_seconds(w: &mut World) {
    let sale = w
        .sale_with(|t| {
            t.admit_per_minute = 600;
            t.total_seats = 1_000;
        })
        .await;
    w.line(sale, 500).await;
    w.tick(sale).await;
    w.advance(600 * SEC);
    assert_eq!(w.calls(sale).await, 20, "ten minutes late");
    w.advance(100);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn an_empty_line_saves_nothing_up(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 60).await;
    assert_eq!(drip(w, sale, SEC, 60 * SEC).await, 0);
    w.line(sale, 50).await;
    w.advance(1);
    let mut calls = w.calls(sale).await;
    w.advance(798);
    calls += w.calls(sale).await;
    assert!(calls <= 1, "less than one person is saved: {calls}");
}

pub(crate) async fn no_burst_after_an_empty_line_or_closed_doors(w: &mut World) {
    let empty = w.sale_with(|t| t.admit_per_minute = 600).await;
    let opens = w
        .sale_with(|t| {
            t.admit_per_minute = 600;
            t.opens_at = START.plus_sec(590);
        })
        .await;
    w.advance(600 * SEC);
    for sale in [empty, opens] {
        w.line(sale, 50).await;
        assert_eq!(w.calls(sale).await, 2, "one tick's worth");
    }
}

pub(crate) async fn no_credit_is_saved_while_the_cap_is_reached(w: &mut World) {
    let sale = w
        .sale_with(|t| {
            t.max_active = 2;
            t.admit_per_minute = 600;
        })
        .await;
    let fans = w.line(sale, 100).await;
    assert_eq!(drip(w, sale, 200, 10 * SEC).await, 2);
    w.leave(sale, fans[0]).await.expect("left");
    w.leave(sale, fans[1]).await.expect("left");
    w.advance(100);
    assert!(w.calls(sale).await <= 2);
}

pub(crate) async fn the_cap_counts_the_people_inside_and_on_their_way(w: &mut World) {
    let sale = w.sale_with(|t| t.max_active = 3).await;
    let fans = w.line(sale, 10).await;
    w.advance(SEC);
    let capped = TickDone::Called { through: 3, called: 3, recalled: 0, bound_by: domain::admission::Bound::Cap };
    assert_eq!(w.tick(sale).await, capped);
    w.enter(sale, fans[0]).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0, "one inside, two on their way");
    w.leave(sale, fans[0]).await.expect("left");
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn who_does_not_come_frees_the_cap_after_the_window(w: &mut World) {
    let sale = w.sale_with(|t| t.max_active = 2).await;
    w.line(sale, 10).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 2);
    w.advance(60 * SEC - 1);
    assert_eq!(w.calls(sale).await, 0);
    w.advance(1);
    assert_eq!(w.calls(sale).await, 2, "both windows end now, and the cap saved two seconds' credit up");
}

pub(crate) async fn nobody_new_is_called_before_more_returners_than_one_tick_calls(w: &mut World) {
    let sale = w.sale_with(|t| t.total_seats = 2_000).await;
    let fans = w.line(sale, 800).await;
    drip(w, sale, 200, 2 * SEC).await;
    w.advance(61 * SEC);
    for fan in &fans {
        w.poll(sale, *fan).await.expect("returning");
    }
    w.line(sale, 10).await;
    w.advance(1);
    w.tick(sale).await;
    w.advance(2 * SEC);
    let ticked = w.tick(sale).await;
    assert!(matches!(ticked, TickDone::Called { called: 0, recalled: 500, .. }), "{ticked:?}");
    w.advance(SEC);
    let ticked = w.tick(sale).await;
    assert!(matches!(ticked, TickDone::Called { called: 10, recalled: 100, .. }), "{ticked:?}");
}

pub(crate) async fn who_is_called_again_counts_as_coming_for_one_window(w: &mut World) {
    let sale = w.sale_with(|t| t.max_active = 1).await;
    let fans = w.line(sale, 2).await;
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    w.advance(60 * SEC);
    w.poll(sale, fans[0]).await.expect("returning");
    assert_eq!(w.calls(sale).await, 1, "the returner comes first");
    w.advance(60 * SEC - 1);
    assert_eq!(w.calls(sale).await, 0);
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    w.enter(sale, fans[1]).await;
}

pub(crate) async fn nobody_is_called_for_whom_there_is_no_seat(w: &mut World) {
    let sale = w.sale_with(|t| t.total_seats = 3).await;
    let fans = w.line(sale, 10).await;
    w.advance(SEC);
    let bound = TickDone::Called { through: 3, called: 3, recalled: 0, bound_by: domain::admission::Bound::Stock };
    assert_eq!(w.tick(sale).await, bound);
    let visit = w.enter(sale, fans[0]).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0, "three seats for one inside and two on their way");
    w.hold(&visit, &[0]).await.expect("held");
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0, "two seats for the two on their way");
    w.leave(sale, fans[1]).await.expect("left");
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn the_stock_rule_counts_seats_per_shopper(w: &mut World) {
    let sale = w
        .sale_with(|t| {
            t.total_seats = 9;
            t.seats_per_shopper = 2;
        })
        .await;
    w.line(sale, 10).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 4);
}

pub(crate) async fn a_sold_out_sale_calls_nobody_until_a_seat_comes_back(w: &mut World) {
    let sale = w.sale_with(|t| t.total_seats = 2).await;
    let (buyer, keeper) = (w.visit(sale).await, w.visit(sale).await);
    w.buy(&buyer, &[0]).await;
    let hold = w.hold(&keeper, &[1]).await.expect("held");
    w.line(sale, 3).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0);
    w.release(&keeper, hold).await.expect("released");
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0, "the seat is for the one who is inside");
    w.leave(sale, keeper.fan).await.expect("left");
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn credit_survives_a_restart(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 60).await;
    w.line(sale, 2).await;
    w.tick(sale).await;
    w.advance(900);
    assert_eq!(w.calls(sale).await, 0);
    w.restart().await;
    w.advance(99);
    assert_eq!(w.calls(sale).await, 0);
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn a_restart_with_the_clock_set_back_does_not_stop_the_line(w: &mut World) {
    let sale = w
        .sale_with(|t| {
            t.admit_per_minute = 60;
            t.opens_at = START.plus_sec(-86_400);
        })
        .await;
    w.line(sale, 5).await;
    w.tick(sale).await;
    w.set_wall(START.plus_sec(-3_600));
    w.restart().await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn each_row_of_the_log_follows_from_the_one_before(w: &mut World) {
    let sale = w
        .sale_with(|t| {
            t.admit_per_minute = 1_200;
            t.total_seats = 20;
        })
        .await;
    let fans = w.line(sale, 30).await;
    drip(w, sale, 200, 3 * SEC).await;
    w.poll(sale, fans[0]).await.expect("inside");
    w.advance(61 * SEC);
    w.poll(sale, fans[1]).await.expect("returning");
    drip(w, sale, 200, 3 * SEC).await;

    let rows = w.exported(sale, "call").await;
    let number = |row: &serde_json::Value, field: &str| row[field].as_i64().expect("a number");
    let (mut through, mut at, mut credit, mut people) = (0, String::new(), 0, 0);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(number(row, "seq"), index as i64 + 1);
        assert_eq!(number(row, "through"), through + number(row, "called"), "{row}");
        let when = row["at"].as_str().expect("a time").to_owned();
        assert!(when >= at, "{when} after {at}");
        assert!((0..=2_000).contains(&number(row, "credit_ms")));
        (through, at) = (number(row, "through"), when);
        credit += number(row, "credit_ms") * 1_200;
        people += number(row, "called") + number(row, "recalled");
    }
    assert_eq!(through, w.stats(sale).await.through);
    assert_eq!(rows.iter().map(|row| number(row, "recalled")).sum::<i64>(), 1);
    assert!(people * 60_000 <= credit, "{people} people for {credit}");
}

pub(crate) async fn a_tick_without_news_writes_no_row(w: &mut World) {
    let sale = w.sale().await;
    drip(w, sale, 200, 2 * SEC).await;
    let rows = w.exported(sale, "call").await.len();
    drip(w, sale, 200, 2 * SEC).await;
    assert_eq!(w.exported(sale, "call").await.len(), rows);
}

pub(crate) async fn a_fenced_leader_changes_nothing(w: &mut World) {
    let sale = w.sale().await;
    w.line(sale, 5).await;
    let old = w.epoch;
    w.lead().await;
    assert!(w.epoch > old);
    w.advance(SEC);
    let before = w.exported(sale, "call").await;
    assert_eq!(w.ask(Tick { sale, epoch: old }).await, Ok(TickDone::NotLeader));
    assert_eq!(w.ask(Tick { sale, epoch: w.epoch + 1 }).await, Ok(TickDone::NotLeader));
    assert_eq!(w.stats(sale).await.through, 0);
    assert_eq!(w.exported(sale, "call").await, before);
    assert_eq!(w.calls(sale).await, 5, "the credit is still there for the one who leads");
}

pub(crate) async fn ticks_at_once_share_one_credit(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 600).await;
    w.line(sale, 50).await;
    w.tick(sale).await;
    w.advance(SEC);
    let ticks = w.at_once((0..10).map(|_| Tick { sale, epoch: w.epoch })).await;
    assert!(ticks.iter().all(Result::is_ok));
    assert_eq!(w.stats(sale).await.through, 10);
}

pub(crate) async fn nobody_is_called_before_the_doors_nor_after_the_end(w: &mut World) {
    let early = w.sale_with(|t| t.opens_at = START.plus_sec(1)).await;
    w.advance(999);
    assert_eq!(w.tick(early).await, TickDone::Idle);
    let late = w.sale_with(|t| t.ends_at = START.plus_sec(10)).await;
    w.line(late, 5).await;
    w.advance(9_001 - 1);
    assert!(w.calls(late).await > 0);
    w.line(late, 5).await;
    w.advance(1);
    assert_eq!(w.tick(late).await, TickDone::Idle);
    let building = w.building(|_| ()).await;
    assert_eq!(w.tick(building).await, TickDone::Idle);
}
