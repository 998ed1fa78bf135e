//! Events and sales: made once a key, their seats in bounded pieces, read as written.

use domain::sale::Phase;
use domain::seat_map::{Seating, Section};
use domain::{EventId, Money, Refusal, SaleId};
use store::catalog::{AdoptDemoSale, BuildSeats, CreateEvent, CreateSale, DemoSale, Event, Events, Sales};
use store::idempotency::Key;
use store::load::LiveSales;

use crate::world::{SEC, START, World, operator_key};

fn event(w: &World) -> Event {
    Event { id: w.id(), name: "Night".to_owned(), venue: "Hall".to_owned(), starts_at: START.plus_sec(99), group: None }
}

fn creating(w: &World, event: EventId, seating: Seating, key: Option<Key>) -> CreateSale {
    let total_seats = i64::from(seating.total_seats());
    let terms = domain::sale::Terms { total_seats, ..w.terms() };
    CreateSale { id: w.id(), event, terms, seating, key, act: w.act() }
}

fn hall(seats: i64) -> Seating {
    Seating::general(seats, Money(5_000)).expect("a hall")
}

pub(crate) async fn an_event_is_read_as_it_was_written(w: &mut World) {
    let (one, other) = (event(w), event(w));
    for event in [&one, &other] {
        w.ask(CreateEvent { event: event.clone(), key: None, act: w.act() }).await.expect("an event");
        w.advance(1);
    }
    assert_eq!(w.read(Events { only: Some(one.id) }).await, std::slice::from_ref(&one));
    assert_eq!(w.read(Events { only: None }).await, [other, one], "the newest first");
    assert_eq!(w.read(Events { only: Some(w.id()) }).await, []);
}

pub(crate) async fn the_same_key_makes_one_event(w: &mut World) {
    let ask = || CreateEvent { event: event(w), key: Some(operator_key("event", "k")), act: w.act() };
    let first = w.ask(ask()).await.expect("an event");
    assert_eq!(w.ask(ask()).await.as_ref(), Ok(&first));
    assert_eq!(w.read(Events { only: None }).await.len(), 1);
    let other = Key { digest: [9; 32], ..operator_key("event", "k") };
    assert_eq!(w.ask(CreateEvent { key: Some(other), ..ask() }).await, Err(Refusal::IdempotencyKeyReused));
}

pub(crate) async fn a_sale_is_read_as_it_was_written(w: &mut World) {
    let show = event(w);
    w.ask(CreateEvent { event: show.clone(), key: None, act: w.act() }).await.expect("an event");
    let sections = ["Stalls", "Balcony"].map(|name| Section {
        name: name.to_owned(),
        rows: 3,
        seats_per_row: 4,
        price: Money(name.len() as i64 * 100),
    });
    let verb = creating(w, show.id, Seating::new(sections.to_vec()).expect("a hall"), None);
    let (id, terms, seating) = (verb.id, verb.terms.clone(), verb.seating.clone());
    let answer: serde_json::Value = serde_json::from_slice(&w.ask(verb).await.expect("a sale")).expect("JSON");
    assert_eq!(answer["sale_id"], id.to_string());
    assert_eq!(w.ask(BuildSeats { sale: id }).await, Ok(true));

    let listed = w.read(Sales { only: Some(id) }).await;
    assert_eq!((&listed[0].sale.terms, &listed[0].seating, &listed[0].event), (&terms, &seating, &show));
    assert_eq!((listed[0].sale.paused, listed[0].sale.closed_at), (false, None));
    let seats = w.exported(id, "seat").await;
    let told = |at: usize| (seats[at]["seat_id"].as_str(), seats[at]["price"].as_i64());
    assert_eq!(seats.len(), 24);
    assert_eq!((told(0), told(12)), ((Some("Stalls-1-1"), Some(600)), (Some("Balcony-1-1"), Some(700))));
}

pub(crate) async fn the_same_key_makes_one_sale_also_while_it_is_building(w: &mut World) {
    let show = w.event().await;
    let ask = || creating(w, show, hall(10), Some(operator_key("sale", "k")));
    let answers = w.at_once((0..5).map(|_| ask())).await;
    assert!(answers[0].is_ok() && answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(w.read(Sales { only: None }).await.len(), 1);
}

pub(crate) async fn a_sale_of_an_unknown_event_leaves_nothing_not_even_its_key(w: &mut World) {
    let ask = |event| creating(w, event, hall(10), Some(operator_key("sale", "k")));
    assert_eq!(w.ask(ask(w.id())).await, Err(Refusal::EventNotFound));
    assert_eq!(w.read(Sales { only: None }).await.len(), 0);
    w.ask(ask(w.event().await)).await.expect("the key is free");
}

pub(crate) async fn a_large_hall_is_built_in_several_commands(w: &mut World) {
    let sale = w.building(|t| t.total_seats = 2_500).await;
    let mut commands = 1;
    while !w.ask(BuildSeats { sale }).await.expect("seats") {
        commands += 1;
        let phase = w.read(Sales { only: Some(sale) }).await[0].sale.phase(w.now(), false);
        assert_eq!(phase, Phase::Building);
    }
    assert_eq!(commands, 3);
    assert_eq!(w.exported(sale, "seat").await.len(), 2_500);
    assert_eq!(w.stats(sale).await.available_seats, 2_500);
}

pub(crate) async fn a_hall_half_built_is_finished_after_a_crash(w: &mut World) {
    let sale = w.building(|t| t.total_seats = 2_500).await;
    assert_eq!(w.ask(BuildSeats { sale }).await, Ok(false));
    w.restart().await;
    let half = w.exported(sale, "seat").await.len();
    assert!((1..2_500).contains(&half), "{half}");
    let live = w.read(LiveSales { ended_after: START }).await;
    assert!(
        live.iter().any(|(found, _)| found.id == sale && found.built_at.is_none()),
        "it is found by who finishes it"
    );
    while !w.ask(BuildSeats { sale }).await.expect("seats") {}
    let seats = w.exported(sale, "seat").await;
    let labels: std::collections::HashSet<_> = seats.iter().map(|seat| seat["seat_id"].to_string()).collect();
    assert_eq!((seats.len(), labels.len()), (2_500, 2_500));
}

pub(crate) async fn builders_at_once_make_each_seat_once(w: &mut World) {
    let sale = w.building(|t| t.total_seats = 2_500).await;
    let built = w.at_once((0..8).map(|_| BuildSeats { sale })).await;
    let done = built.iter().filter(|done| **done == Ok(true)).count();
    assert_eq!(done, 6, "two are not enough, and a finished hall stays finished");
    assert_eq!(w.exported(sale, "seat").await.len(), 2_500);
}

pub(crate) async fn a_hall_of_one_seat_and_one_of_a_whole_command_are_built(w: &mut World) {
    for seats in [1, 999, 1_000, 1_001] {
        let sale = w.building(|t| t.total_seats = seats).await;
        while !w.ask(BuildSeats { sale }).await.expect("seats") {}
        assert_eq!(w.exported(sale, "seat").await.len() as i64, seats);
    }
}

pub(crate) async fn an_unknown_sale_is_not_found(w: &mut World) {
    let sale: SaleId = w.id();
    assert_eq!(w.ask(BuildSeats { sale }).await, Err(Refusal::SaleNotFound));
    assert_eq!(w.ask(AdoptDemoSale { sale, act: w.act() }).await, Err(Refusal::SaleNotFound));
    assert_eq!(w.read(Sales { only: Some(sale) }).await.len(), 0);
}

pub(crate) async fn the_demo_sale_is_the_last_one_adopted(w: &mut World) {
    assert_eq!(w.read(DemoSale).await, None);
    for sale in [w.sale().await, w.sale().await] {
        w.ask(AdoptDemoSale { sale, act: w.act() }).await.expect("adopted");
        assert_eq!(w.read(DemoSale).await, Some(sale));
    }
}

pub(crate) async fn sales_long_over_are_not_loaded(w: &mut World) {
    let (short, long) = (w.sale_with(|t| t.ends_at = START.plus_sec(1)).await, w.sale().await);
    w.advance(SEC);
    let ids =
        |sales: Vec<(domain::sale::Sale, Seating)>| sales.into_iter().map(|(sale, _)| sale.id).collect::<Vec<_>>();
    assert_eq!(ids(w.read(LiveSales { ended_after: START.plus_ms(999) }).await), [short, long]);
    assert_eq!(ids(w.read(LiveSales { ended_after: START.plus_ms(1_000) }).await), [long]);
}
