//! Races that ticket sales elsewhere have lost, as seen from the store. `docs/trust.md` lists them by these names;
//! those that need HTTP are in the server's `races`.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use domain::waiting_room::State;
use domain::{HoldId, SaleId};
use serde_json::{Value as Json, json};
use store::admissions::Polled;
use store::holds::{ExpireHolds, ReleaseHold};
use store::settlement::Finished;
use store::{NoObserver, SeatStatus};
use tempfile::TempDir;

use crate::crash::{child_url, kill_a_child};
use crate::world::{SEC, Visit, World, position, sqlite_url};

/// The provider says "paid" again and again, at once and after a restart, and once says the contrary.
pub(crate) async fn paid_twice_is_one_payment(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1, 2]).await.expect("held");
    let order = w.begin(&visit, hold).await.expect("begun");
    let finishes: Vec<_> = (0..20).map(|_| w.finishing(order, true)).collect();
    let answers = w.at_once(finishes).await;
    let Ok(first @ Finished::Confirmed(_)) = &answers[0] else { panic!("confirmed: {answers:?}") };
    assert!(answers.iter().all(|answer| answer.as_ref() == Ok(first)), "everybody gets the same answer");
    assert_eq!(w.finish(order, false).await, *first, "what was captured stays captured");
    w.restart().await;
    assert_eq!(w.finish(order, true).await, *first);
    let s = w.stats(sale).await;
    assert_eq!((s.orders, s.tickets_sold, s.captured_total, s.refund_due), (1, 2, 10_000, 0));
    let payments: Vec<(Json, Json)> = w
        .exported(sale, "payment")
        .await
        .into_iter()
        .map(|line| (line["state"].clone(), line["amount"].clone()))
        .collect();
    assert_eq!(payments, [(json!("captured"), json!(10_000))]);
}

/// Twenty lapsed holds of three seats: all at once, their owners cancel, some twice, the sweep runs four times, and a
/// rival takes one seat of each. Nobody's cancel and no sweep may free what the rival has.
pub(crate) async fn cancel_and_expiry_return_exactly_what_they_took(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visits = w.visits(sale, 41).await;
    let (buyer, rest) = visits.split_first().expect("41 fans");
    let (owners, rivals) = rest.split_at(20);
    w.buy(buyer, &[99]).await;
    // Every second owner cancels before the rivals come, everybody after them.
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for (first, owner) in (0..).step_by(3).zip(owners) {
        let hold = w.hold(owner, &[first, first + 1, first + 2]).await.expect("held");
        let cancel = || ReleaseHold { sale, account: owner.fan, hold };
        early.extend((first % 2 == 0).then(cancel));
        late.push(cancel());
    }
    w.advance(60 * SEC);
    let taken: Vec<u32> = (1..60).step_by(3).collect();
    let takeovers = taken.iter().zip(rivals).map(|(seat, rival)| w.placing(rival, &[*seat]));
    let (early, held, late, swept) =
        tokio::join!(w.at_once(early), w.at_once(takeovers), w.at_once(late), w.at_once((0..4).map(|_| ExpireHolds)));
    assert!(early.iter().chain(&late).all(|answer| *answer == Ok(())), "{early:?} {late:?}");
    assert!(swept.iter().all(Result::is_ok), "{swept:?}");
    assert!(held.iter().all(Result::is_ok), "each seat was free for exactly one: {held:?}");

    let of_rivals: Vec<(u32, SeatStatus)> = taken.iter().map(|seat| (*seat, SeatStatus::Held)).collect();
    assert_eq!(not_free(w, sale).await, [&of_rivals[..], &[(99, SeatStatus::Sold)]].concat());
    assert_eq!(w.ask(ExpireHolds).await, Ok(0), "what is over is over once");

    for rival in &rivals[..10] {
        w.leave(sale, rival.fan).await.expect("left");
    }
    assert_eq!(not_free(w, sale).await, [&of_rivals[10..], &[(99, SeatStatus::Sold)]].concat());
    w.advance(60 * SEC);
    assert_eq!(w.ask(ExpireHolds).await, Ok(10));
    let s = w.stats(sale).await;
    assert_eq!((s.available_seats, s.held_seats, s.tickets_sold), (99, 0, 1));
}

async fn not_free(w: &World, sale: SaleId) -> Vec<(u32, SeatStatus)> {
    let mut seats = w.shop(sale).await.seats;
    seats.sort_unstable_by_key(|(num, _)| *num);
    seats
}

/// A call is a number that rises, not an entry that is taken off a list: whoever it has passed is still there, also
/// when the process was away for longer than the time to come in.
pub(crate) async fn a_crash_after_the_head_of_the_line_was_called_loses_nobody(w: &mut World) {
    let sale = w.sale().await;
    let fans = w.line(sale, 6).await;
    w.advance(3);
    assert_eq!(w.calls(sale).await, 3);
    w.restart().await;
    let s = w.stats(sale).await;
    assert_eq!((s.through, s.called, s.waiting), (3, 3, 3));
    w.enter(sale, fans[0]).await;
    w.restart().await;
    w.enter(sale, fans[1]).await;

    w.restart().await;
    w.advance(61 * SEC);
    let late = Polled::Stands { position: 3, state: State::Returning };
    assert_eq!(w.poll(sale, fans[2]).await, Ok(late), "he missed his call and kept his place");
    w.restart().await;
    assert_eq!(w.calls(sale).await, 4, "the one who missed it, and the three behind");
    w.restart().await;
    for fan in &fans[2..] {
        w.enter(sale, *fan).await;
    }
    let s = w.stats(sale).await;
    assert_eq!((s.joined, s.inside, s.through), (6, 6, 6));
}

/// The drip stands at the end of the line, however long nobody comes: the next one waits for a call of his own.
pub(crate) async fn the_admission_counter_never_passes_the_last_entry(w: &mut World) {
    let sale = w.sale().await;
    w.line(sale, 3).await;
    for _ in 0..20 {
        w.advance(SEC);
        w.tick(sale).await;
    }
    w.restart().await;
    w.tick(sale).await;
    assert_eq!(w.stats(sale).await.through, 3);
    let late = w.fan();
    assert_eq!(position(w.join(sale, late).await), 4);
    assert_eq!(w.poll(sale, late).await, Ok(Polled::Stands { position: 4, state: State::Waiting }));
    let s = w.stats(sale).await;
    assert_eq!((s.through, s.waiting, s.inside), (3, 1, 0));
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    w.enter(sale, late).await;
}

/// People leave while they wait, after their call and from inside, in a shop for two: the last one is still called.
pub(crate) async fn people_who_leave_never_freeze_the_line(w: &mut World) {
    let shop_for_two = |t: &mut domain::sale::Terms| {
        t.max_active = 2;
        t.admit_per_minute = 600;
    };
    let sale = w.sale_with(shop_for_two).await;
    let fans = w.line(sale, 34).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 2);
    w.enter(sale, fans[0]).await;
    // Inside, called, and in a row while they wait.
    for fan in &fans[..32] {
        w.leave(sale, *fan).await.expect("left");
    }
    let mut calls = 0;
    for _ in 0..50 {
        w.advance(200);
        calls += w.calls(sale).await;
    }
    assert!(calls >= 2, "{calls} calls");
    w.enter(sale, fans[32]).await;
    w.enter(sale, fans[33]).await;
    let s = w.stats(sale).await;
    assert_eq!((s.left, s.inside, s.waiting), (32, 2, 0));
}

/// Live holds that the child acknowledges before it is killed.
const HOLDS: usize = 1_000;
const SOLD: usize = 40;
/// The child's hall: two seats a hold, one a ticket, and some that it takes and gives back.
const SEATS: i64 = 2_100;

/// Sells, fills the hall with holds, tells each, and then takes and gives back seats until it is killed.
async fn hold_until_killed(url: String) {
    let w = Arc::new(World::at(url, Arc::new(NoObserver)).await);
    let sale = w.sale_with(|t| t.total_seats = SEATS).await;
    // No more at once than a lane takes.
    let visits = [w.visits(sale, HOLDS / 2 + SOLD).await, w.visits(sale, HOLDS / 2 + 8).await].concat();
    let (buyers, rest) = visits.split_at(SOLD);
    let (owners, restless) = rest.split_at(HOLDS);
    for (seat, buyer) in (0..).zip(buyers) {
        w.buy(buyer, &[seat]).await;
    }
    let first = u32::try_from(SOLD).expect("a seat");
    let holds: Vec<_> =
        (first..).step_by(2).zip(owners).map(|(seat, owner)| w.placing(owner, &[seat, seat + 1])).collect();
    let ids: Vec<HoldId> = holds.iter().map(|hold| hold.id).collect();
    assert!(w.in_groups(holds).await.iter().all(Result::is_ok));
    let mut out = std::io::stdout();
    writeln!(out, "\nsale {sale}").expect("somebody listens");
    ids.iter().for_each(|id| writeln!(out, "holds {id}").expect("somebody listens"));
    let mut tasks = tokio::task::JoinSet::new();
    for (seat, visit) in (2_050..).zip(restless.iter().copied()) {
        let w = Arc::clone(&w);
        tasks.spawn(async move { take_and_give_back(&w, &visit, seat).await });
    }
    tasks.join_all().await;
}

async fn take_and_give_back(w: &World, visit: &Visit, seat: u32) {
    loop {
        let hold = w.hold(visit, &[seat]).await.expect("nobody else wants it");
        w.release(visit, hold).await.expect("it lives");
        writeln!(std::io::stdout(), "busy").expect("somebody listens");
    }
}

/// Embedded engine: one process is the whole service.
#[tokio::test]
async fn kill_9_with_a_thousand_live_holds_frees_all_but_the_sold_seats_after_their_time() {
    if let Some(url) = child_url() {
        return hold_until_killed(url).await;
    }
    let folder = TempDir::new().expect("a folder");
    let (mut sale, mut told, mut busy) = (None, BTreeSet::new(), 0);
    let this = "races::kill_9_with_a_thousand_live_holds_frees_all_but_the_sold_seats_after_their_time";
    kill_a_child(this, &sqlite_url(&folder), |words| {
        match words {
            ["sale", id] => sale = Some(id.parse::<SaleId>().expect("an id")),
            ["holds", id] => drop(told.insert((*id).to_owned())),
            ["busy"] => busy += 1,
            _ => {}
        }
        busy == 50
    });
    assert_eq!((told.len(), busy >= 50), (HOLDS, true), "killed in the middle of its work");
    let sale = sale.expect("the child made its sale");

    let w = World::at(sqlite_url(&folder), Arc::new(NoObserver)).await;
    let live: BTreeSet<String> = w
        .exported(sale, "hold")
        .await
        .into_iter()
        .filter(|hold| hold["state"] == "live")
        .map(|hold| hold["hold_id"].as_str().expect("an id").to_owned())
        .collect();
    assert!(told.is_subset(&live), "an acknowledged hold is gone");
    assert_eq!(w.stats(sale).await.tickets_sold, SOLD as i64);
    // The time that a killed process last stored is up to a second old.
    w.advance(719 * SEC - 1);
    assert_eq!(w.ask(ExpireHolds).await, Ok(0), "too early");
    w.advance(SEC + 1);
    while w.ask(ExpireHolds).await.expect("a sweep") > 0 {}
    let s = w.stats(sale).await;
    assert_eq!((s.available_seats, s.held_seats, s.holds), (SEATS - SOLD as i64, 0, 0));
}
