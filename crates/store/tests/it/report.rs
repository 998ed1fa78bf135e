//! The report after a sale and its orders: what they tell agrees with the figures, and with what was done.

use domain::sale_change::{NewTerms, SaleChange};
use domain::seat_map::{Seating, Section};
use domain::{AccountId, Money, Refusal, SaleId};
use store::accounts::RegisterMany;
use store::audit::Act;
use store::catalog::{BuildSeats, CreateSale};
use store::order_book::{OrderPage, OrderRow};
use store::report::{Buyers, Pause, Report, SaleReport};
use store::sale_changes::ChangeSale;
use store::settlement::Refunded;

use crate::world::{SEC, World};

impl World {
    /// The report, which must agree with the figures at every moment.
    async fn report(&self, sale: SaleId) -> Report {
        let report = self.read(SaleReport(sale)).await;
        assert_eq!(report.stats, self.stats(sale).await);
        let p = &report.people;
        assert_eq!(p.called, p.came_in + p.on_their_way + p.no_shows + p.left_unseen, "{p:?}");
        let tickets: i64 = report.buyers.iter().map(|b| b.tickets * b.people).sum();
        let sold: i64 = report.sections.iter().map(|section| section.sold).sum();
        let seats: i64 = report.sections.iter().map(|section| section.sold + section.unsold).sum();
        assert_eq!(
            [tickets, sold, seats],
            [report.stats.tickets_sold, report.stats.tickets_sold, report.stats.total_seats]
        );
        assert_eq!(report.buyers.iter().map(|b| b.people).sum::<i64>(), report.stats.unique_buyers);
        assert_eq!(report.money.iter().map(|m| m.captured).sum::<i64>(), report.stats.captured_total);
        report
    }

    async fn turn(&self, sale: SaleId, change: SaleChange) {
        let act = Act { subject: sale.to_string(), ..self.act() };
        self.ask(ChangeSale { sale, change, reason: None, act }).await.expect("changed");
    }

    async fn orders(&self, sale: SaleId) -> Vec<OrderRow> {
        self.read(OrderPage { sale, after: None, limit: 1_000 }).await
    }
}

pub(crate) async fn a_report_of_nothing_is_empty(w: &mut World) {
    let sale = w.sale().await;
    let report = w.report(sale).await;
    assert_eq!((report.waits.people, report.people.most_inside, report.drip.achieved), (0, 0, None));
    assert_eq!((report.times.first_call, report.times.last_ticket, report.times.sold_out), (None, None, None));
    assert!(report.money.is_empty() && report.buyers.is_empty() && report.pauses.is_empty());
    let unknown = w.store.read(SaleReport(w.id())).await;
    assert!(matches!(unknown, Err(store::Failure::Refused(Refusal::SaleNotFound))));
}

pub(crate) async fn everybody_who_was_called_is_told_where_he_went(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 60).await;
    let fans = w.line(sale, 6).await;
    w.leave(sale, fans[1]).await.expect("left before his call");
    let joined_at = w.now();
    for _ in 0..5 {
        w.tick(sale).await;
        w.advance(SEC);
    }
    w.tick(sale).await;
    // One called at each second: the first comes in and buys, the third leaves, the fourth never comes.
    assert_eq!(w.stats(sale).await.through, 5);
    let first = w.enter(sale, fans[0]).await;
    w.leave(sale, fans[2]).await.expect("left after his call");
    let order = w.buy(&first, &[1, 2]).await;
    let sold_at = w.now();
    w.advance(59 * SEC);
    w.enter(sale, fans[4]).await;

    let report = w.report(sale).await;
    let p = report.people.clone();
    assert_eq!((p.joined, p.called, p.came_in, p.no_shows, p.left_unseen, p.on_their_way), (6, 5, 2, 1, 2, 0));
    assert_eq!((p.bought, p.left, p.most_inside), (1, 2, 1), "the first was out before the second came in");
    assert_eq!(report.times.first_call, Some(joined_at.plus_sec(1)));
    assert_eq!(report.times.first_ticket, Some(sold_at));
    assert_eq!(report.buyers, [Buyers { tickets: 2, people: 1 }]);
    // Who had left by his call did not wait for it.
    assert_eq!((report.waits.people, report.waits.p50_ms), (4, 3_000));
    assert_eq!((report.money[0].captured, &report.money[0].currency[..]), (10_000, "USD"));
    assert_eq!(w.orders(sale).await[0].id, order);
}

pub(crate) async fn the_most_who_were_inside_at_once_are_counted(w: &mut World) {
    let sale = w.sale().await;
    let early = w.visits(sale, 5).await;
    w.advance(SEC);
    for visit in &early {
        w.leave(sale, visit.fan).await.expect("left");
    }
    w.visits(sale, 3).await;
    assert_eq!(w.report(sale).await.people.most_inside, 5);
    w.visits(sale, 4).await;
    assert_eq!(w.report(sale).await.people.most_inside, 7);
}

pub(crate) async fn what_the_drip_did_is_told_beside_what_it_was_set_to(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 600).await;
    w.line(sale, 90).await;
    w.tick(sale).await;
    let run = async |sec: i64| {
        for _ in 0..sec * 5 {
            w.advance(200);
            w.tick(sale).await;
        }
    };
    run(2).await;
    let paused = w.now();
    w.turn(sale, SaleChange::Pause).await;
    run(30).await;
    let resumed = w.now();
    w.turn(sale, SaleChange::Resume).await;
    w.turn(sale, SaleChange::Terms(NewTerms { admit_per_minute: Some(1_200), ..NewTerms::default() })).await;
    run(2).await;
    let report = w.report(sale).await;
    assert_eq!(report.pauses, [Pause { from: Some(paused), until: Some(resumed) }]);
    assert_eq!((report.drip.called, report.drip.admit_per_minute), (60, 1_200));
    let achieved = report.drip.achieved.expect("it called");
    assert!((0.99..=1.01).contains(&achieved), "{:?}", report.drip);
    assert!(report.drip.bound_by.rate > 0);
    // A sale that ends in a pause is not paused for ever.
    let last = w.now();
    w.turn(sale, SaleChange::Pause).await;
    assert_eq!(w.report(sale).await.pauses[1], Pause { from: Some(last), until: None });
    w.advance(SEC);
    let closed = w.now();
    w.turn(sale, SaleChange::Close).await;
    w.advance(SEC);
    assert_eq!(w.report(sale).await.pauses[1], Pause { from: Some(last), until: Some(closed) });
}

pub(crate) async fn seats_are_told_by_section_and_the_last_one_sold_by_its_time(w: &mut World) {
    let (id, event) = (w.id(), w.event().await);
    let section = |name: &str, seats| Section { name: name.to_owned(), rows: 1, seats_per_row: seats, price: Money(7) };
    let seating = Seating::new(vec![section("Stalls", 3), section("Balcony", 2)]).expect("a hall");
    let terms = domain::sale::Terms { total_seats: 5, ..w.terms() };
    w.ask(CreateSale { id, event, terms, seating, key: None, act: w.act() }).await.expect("a sale");
    while !w.ask(BuildSeats { sale: id }).await.expect("seats") {}
    w.tick(id).await;
    let told = async || {
        let report = w.report(id).await;
        let sections = report.sections.iter().map(|s| (s.section.clone(), s.sold, s.unsold)).collect::<Vec<_>>();
        (sections, report.times.sold_out)
    };
    let rows = |stalls: i64, balcony: i64| {
        vec![("Stalls".to_owned(), stalls, 3 - stalls), ("Balcony".to_owned(), balcony, 2 - balcony)]
    };
    let first = w.visit(id).await;
    w.buy(&first, &[1, 2, 3]).await;
    assert_eq!(told().await, (rows(2, 1), None));
    w.advance(SEC);
    let second = w.visit(id).await;
    w.buy(&second, &[0, 4]).await;
    assert_eq!(told().await, (rows(3, 2), Some(w.now())));
}

pub(crate) async fn money_given_back_is_told_apart(w: &mut World) {
    let sale = w.sale_with(|t| t.hold_ttl_sec = 1).await;
    let loser = w.visit(sale).await;
    let hold = w.hold(&loser, &[1]).await.expect("a hold");
    let order = w.begin(&loser, hold).await.expect("a payment");
    w.advance(121 * SEC);
    let winner = w.visit(sale).await;
    w.buy(&winner, &[1]).await;
    w.finish(order, true).await;
    let money = w.report(sale).await.money;
    assert_eq!((money[0].captured, money[0].refund_due, money[0].refunded), (5_000, 5_000, 0));
    w.ask(Refunded { order }).await.expect("given back");
    let money = w.report(sale).await.money;
    assert_eq!((money[0].captured, money[0].refund_due, money[0].refunded, money[0].refunds), (5_000, 0, 5_000, 1));
}

pub(crate) async fn every_order_is_listed_with_what_became_of_it(w: &mut World) {
    let sale = w.sale().await;
    let fan: AccountId = w.id();
    w.ask(RegisterMany { accounts: vec![(fan, "ann@example.com".to_owned())], act: w.act() }).await.expect("Ann");
    let ann = w.visit_of(sale, fan).await;
    let bought = w.buy(&ann, &[2, 1]).await;
    let stranger = w.visit(sale).await;
    let hold = w.hold(&stranger, &[5]).await.expect("a hold");
    let declined = w.begin(&stranger, hold).await.expect("a payment");
    w.finish(declined, false).await;
    w.advance(1);
    let paying = w.begin(&stranger, hold).await.expect("a payment");

    let orders = w.orders(sale).await;
    let told: Vec<_> = orders.iter().map(|o| (o.id, &o.status[..], o.payment.as_deref())).collect();
    let expected = [(bought, "confirmed", Some("captured")), (declined, "declined", None), (paying, "paying", None)];
    assert_eq!(told, expected);
    let first = &orders[0];
    assert_eq!((first.account, first.email.as_deref(), first.total), (fan, Some("ann@example.com"), Money(10_000)));
    assert_eq!(first.seats, ["GA-1-2", "GA-1-3"], "in order of the hall");
    assert!(first.settled_at.is_some() && orders[2].settled_at.is_none());
    assert_eq!((orders[1].email.as_deref(), &orders[1].seats[..]), (None, &["GA-1-6".to_owned()][..]));

    let page = |after, limit| OrderPage { sale, after, limit };
    assert_eq!(w.read(page(None, 2)).await, orders[..2]);
    assert_eq!(w.read(page(Some(declined), 2)).await, orders[2..]);
    let other = w.sale().await;
    assert!(w.orders(other).await.is_empty());
    for (sale, after) in [(other, Some(bought)), (sale, Some(w.id()))] {
        let read = w.store.read(OrderPage { sale, after, limit: 1 }).await;
        assert!(matches!(read, Err(store::Failure::Refused(Refusal::OrderNotFound))), "{read:?}");
    }
}
