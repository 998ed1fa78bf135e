//! The figures and the export: every person and every seat in exactly one state, and both tell the same.

use std::collections::HashMap;

use domain::Refusal;
use domain::sale::Phase;
use serde_json::Value as Json;
use store::admissions::ExpireClaims;
use store::export::{Export, PlacesOf, QueueEntries};
use store::holds::ExpireHolds;
use store::load::Line;
use store::stats::SaleStats;
use store::{Failure, SeatStatus};

use crate::world::{SEC, START, World};

/// A sale with somebody in every state; each step's figures add up.
pub(crate) async fn lively(w: &World) -> domain::SaleId {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 300).await;
    w.stats(sale).await;
    let visits = w.visits(sale, 8).await;
    w.stats(sale).await;
    w.buy(&visits[0], &[0, 1]).await;
    w.stats(sale).await;
    let lapsing = w.hold(&visits[1], &[2, 3, 4]).await.expect("held");
    w.begin(&visits[1], lapsing).await.expect("begun");
    w.hold(&visits[2], &[5]).await.expect("held");
    w.leave(sale, visits[3].fan).await.expect("left");
    let line = w.line(sale, 6).await;
    w.leave(sale, line[5]).await.expect("left");
    w.stats(sale).await;
    w.advance(2);
    w.tick(sale).await;
    w.leave(sale, line[0]).await.expect("left");
    w.stats(sale).await;
    w.advance(300 * SEC);
    w.ask(ExpireHolds).await.expect("swept");
    w.hold(&visits[4], &[5, 6]).await.expect("held");
    w.poll(sale, line[1]).await.expect("returning");
    w.stats(sale).await;
    w.advance(300 * SEC);
    w.ask(ExpireClaims).await.expect("swept");
    w.stats(sale).await;
    sale
}

pub(crate) async fn everybody_and_every_seat_is_in_exactly_one_state_at_every_step(w: &mut World) {
    let sale = lively(w).await;
    let s = w.stats(sale).await;
    let people = [s.joined, s.waiting, s.called, s.returning, s.inside, s.bought, s.expired, s.left];
    assert_eq!(people, [14, 3, 0, 1, 1, 1, 5, 3]);
    assert_eq!((s.tickets_sold, s.held_seats, s.available_seats, s.paying), (2, 2, 96, 1));
    assert_eq!((s.through, s.last_position, s.phase), (10, 14, Phase::Open));
}

pub(crate) async fn the_figures_of_one_sale_leave_out_another(w: &mut World) {
    let (sale, quiet) = (lively(w).await, w.sale().await);
    assert!(w.stats(sale).await.joined > 0);
    let s = w.stats(quiet).await;
    assert_eq!((s.joined, s.through, s.tickets_sold, s.available_seats, s.called_in_window), (0, 0, 0, 100, 0));
}

pub(crate) async fn people_on_their_way_are_counted_for_one_window(w: &mut World) {
    let sale = w.sale().await;
    let fans = w.line(sale, 5).await;
    w.advance(3);
    w.tick(sale).await;
    assert_eq!(w.stats(sale).await.called_in_window, 3);
    w.enter(sale, fans[0]).await;
    w.leave(sale, fans[1]).await.expect("left");
    assert_eq!(w.stats(sale).await.called_in_window, 1);
    w.advance(60 * SEC - 1);
    assert_eq!(w.stats(sale).await.called_in_window, 1);
    w.advance(1);
    let s = w.stats(sale).await;
    assert_eq!((s.called_in_window, s.called), (0, 1), "still called, not expected any more");
}

pub(crate) async fn a_sale_is_sold_out_when_no_seat_is_free_and_none_is_held(w: &mut World) {
    let sale = w.sale_with(|t| t.total_seats = 2).await;
    let (one, other) = (w.visit(sale).await, w.visit(sale).await);
    w.buy(&one, &[0]).await;
    let hold = w.hold(&other, &[1]).await.expect("held");
    assert_eq!(w.stats(sale).await.phase, Phase::Open);
    let order = w.begin(&other, hold).await.expect("begun");
    w.finish(order, true).await;
    assert_eq!(w.stats(sale).await.phase, Phase::SoldOut);
}

pub(crate) async fn the_export_tells_what_the_figures_tell(w: &mut World) {
    let sale = lively(w).await;
    let (lines, s) = (w.export(sale).await, w.stats(sale).await);
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    assert_eq!((&first["type"], &first["sale_id"]), (&Json::from("sale"), &Json::from(sale.to_string())));
    assert_eq!((&last["type"], &last["lines"]), (&Json::from("end"), &Json::from(lines.len() - 1)));

    let mut counts: HashMap<String, i64> = HashMap::new();
    for line in &lines {
        let state = ["status", "state"].iter().find_map(|field| line[field].as_str()).unwrap_or("");
        *counts.entry(format!("{} {state}", line["type"].as_str().expect("a type"))).or_default() += 1;
    }
    let count = |what: &str| counts.get(what).copied().unwrap_or(0);
    let told = [
        ("entry waiting", s.waiting),
        ("entry called", s.called),
        ("entry returning", s.returning),
        ("entry inside", s.inside),
        ("entry bought", s.bought),
        ("entry expired", s.expired),
        ("entry left", s.left),
        ("seat available", s.available_seats),
        ("seat held", s.held_seats),
        ("seat sold", s.tickets_sold),
        ("hold live", s.holds),
        ("order confirmed", s.orders),
        ("order paying", s.paying),
        ("ticket ", s.tickets_sold),
    ];
    for (what, expected) in told {
        assert_eq!(count(what), expected, "{what}: {counts:?}");
    }
}

pub(crate) async fn an_entry_tells_its_whole_story(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.advance(SEC);
    w.buy(&visit, &[0]).await;
    w.line(sale, 1).await;
    let entries = w.exported(sale, "entry").await;
    let entry = &entries[0];
    assert_eq!(entry["user_id"], visit.fan.to_string());
    assert_eq!(entry["joined_at"], START.to_string());
    for field in ["called_at", "claimed_at", "admitted_at"] {
        assert_eq!(entry[field], START.plus_ms(1).to_string(), "{field}");
    }
    assert_eq!((&entry["ended_at"], &entry["ended_as"]), (&START.plus_ms(1_001).to_string().into(), &"bought".into()));
    assert_eq!((&entries[1]["state"], &entries[1]["called_at"]), (&"waiting".into(), &Json::Null));
    w.advance(1);
    assert_eq!(w.calls(sale).await, 1);
    let entries = w.exported(sale, "entry").await;
    assert_eq!(entries[0]["called_at"], START.plus_ms(1).to_string(), "the call that reached it, not the last one");
    assert_eq!(entries[1]["called_at"], START.plus_ms(1_002).to_string());
}

pub(crate) async fn a_line_longer_than_a_page_is_exported_whole_and_in_order(w: &mut World) {
    let sale = w.sale().await;
    w.line(sale, 2_001).await;
    let positions: Vec<i64> =
        w.exported(sale, "entry").await.iter().map(|entry| entry["position"].as_i64().expect("a number")).collect();
    assert!(positions.into_iter().eq(1..=2_001));
}

pub(crate) async fn an_export_ends_when_nobody_listens(w: &mut World) {
    let sale = w.sale().await;
    let (sink, listener) = tokio::sync::mpsc::channel(1);
    drop(listener);
    assert_eq!(w.read(Export { sale, sink }).await, 1);
}

pub(crate) async fn figures_and_export_of_an_unknown_sale_are_not_found(w: &mut World) {
    let sale = w.id();
    let (sink, _listener) = tokio::sync::mpsc::channel(1);
    let not_found = |failure: Option<Failure>| matches!(failure, Some(Failure::Refused(Refusal::SaleNotFound)));
    assert!(not_found(w.store.read(SaleStats(sale)).await.err()));
    assert!(not_found(w.store.read(Export { sale, sink }).await.err()));
    assert!(not_found(w.store.read(QueueEntries { sale, after: 0, limit: 1 }).await.err()));
}

pub(crate) async fn the_operator_reads_the_line_by_pages(w: &mut World) {
    let sale = w.sale().await;
    w.line(sale, 5).await;
    let page = async |after, limit| -> Vec<i64> {
        let rows = w.read(QueueEntries { sale, after, limit }).await;
        rows.iter().map(|row| row["position"].as_i64().expect("a number")).collect()
    };
    assert_eq!((page(0, 2).await, page(2, 2).await, page(4, 2).await), (vec![1, 2], vec![3, 4], vec![5]));
    assert!(page(5, 2).await.is_empty());
}

pub(crate) async fn the_operator_finds_every_place_of_an_account(w: &mut World) {
    let sale = w.sale().await;
    let line = w.line(sale, 3).await;
    w.leave(sale, line[1]).await.expect("left");
    w.join(sale, line[1]).await;
    let places = async |sale, account| -> Vec<(i64, String)> {
        let rows = w.read(PlacesOf { sale, account }).await;
        let told =
            |row: &Json| (row["position"].as_i64().expect("a number"), row["state"].as_str().expect("a state").into());
        rows.iter().map(told).collect()
    };
    assert_eq!(places(sale, line[1]).await, [(2, "left".to_owned()), (4, "waiting".to_owned())]);
    assert_eq!(places(sale, line[0]).await, [(1, "waiting".to_owned())]);
    let elsewhere = w.sale().await;
    assert_eq!(places(elsewhere, line[0]).await, []);
}

pub(crate) async fn a_node_that_starts_loads_what_is_there(w: &mut World) {
    let sale = lively(w).await;
    let (places, shop, s) = (w.read(Line { sale, after: 0 }).await, w.shop(sale).await, w.stats(sale).await);
    assert_eq!(places.len() as i64, s.joined);
    assert!(places.iter().map(|place| place.entry.position).eq(1..=s.joined));
    let ended = places.iter().filter(|place| place.entry.ended_as.is_some()).count() as i64;
    assert_eq!(ended, s.bought + s.expired + s.left);
    assert_eq!((shop.through, shop.last_position), (s.through, s.last_position));
    assert_eq!(shop.claims.len() as i64, s.inside);
    let sold = shop.seats.iter().filter(|(_, status)| *status == SeatStatus::Sold).count() as i64;
    assert_eq!((sold, shop.seats.len() as i64), (s.tickets_sold, s.tickets_sold + s.held_seats));
    assert_eq!(shop.calls.iter().map(|(_, people)| people).sum::<i64>(), s.through, "nobody was called twice");
}
