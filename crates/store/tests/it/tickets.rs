//! What an account has bought: its orders and tickets, one by one and by pages.

use std::collections::BTreeSet;

use domain::{AccountId, OrderId, SaleId, TicketId};
use store::checkout::{BeginCheckout, Begun};
use store::orders::{Order, OwnOrder, OwnOrders};
use store::tickets::{OneTicket, OwnTicket, OwnTickets};

use crate::world::{Visit, World};

/// One fan, and the orders that he made, the oldest first. `SEATS` are the seats of each.
const SEATS: [&[u32]; 3] = [&[3, 1], &[5], &[9, 8, 7]];

async fn bought(w: &World, apart_ms: i64) -> (AccountId, SaleId, Vec<OrderId>) {
    let sale = w.sale_with(|terms| terms.max_tickets_per_user = 10).await;
    let fan = w.fan();
    let mut orders = Vec::new();
    for seats in SEATS {
        let visit = w.visit_of(sale, fan).await;
        orders.push(w.buy(&visit, seats).await);
        w.advance(apart_ms);
    }
    let other = w.visit(sale).await;
    w.buy(&other, &[20]).await;
    (fan, sale, orders)
}

async fn orders(w: &World, account: AccountId, after: Option<OrderId>, limit: i64) -> Vec<Order> {
    w.read(OwnOrders { account, after, limit }).await.expect("a page")
}

async fn tickets(w: &World, account: AccountId, after: Option<TicketId>, limit: i64) -> Vec<OwnTicket> {
    w.read(OwnTickets { account, after, limit }).await.expect("a page")
}

/// All tickets, by pages of so many.
async fn all_tickets(w: &World, account: AccountId, limit: i64) -> Vec<OwnTicket> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = tickets(w, account, after, limit).await;
        assert!(page.len() as i64 <= limit);
        let Some(last) = page.last() else { return all };
        after = Some(last.id);
        all.extend(page);
    }
}

pub(crate) async fn a_ticket_is_read_by_its_holder_with_all_that_is_printed_on_it(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[4]).await.expect("held");
    let verb = BeginCheckout { attendees: vec!["Ann".to_owned()], ..w.beginning(&visit, hold) };
    let Ok(Begun::Charge(charge)) = w.ask(verb).await else { panic!("a fresh key is charged") };
    w.advance(7);
    w.finish(charge.order, true).await;

    let listed = tickets(w, visit.fan, None, 10).await;
    let ticket = w.read(OneTicket { account: visit.fan, ticket: listed[0].id }).await.expect("a ticket");
    assert_eq!([&ticket], listed.iter().collect::<Vec<_>>()[..]);
    assert_eq!((ticket.order, ticket.sale, ticket.account), (charge.order, sale, visit.fan));
    assert_eq!((ticket.label.as_str(), ticket.price.0, ticket.currency.as_str()), ("GA-1-5", 5_000, "USD"));
    assert_eq!((ticket.event.name.as_str(), ticket.event.venue.as_str()), ("Night", "Hall"));
    assert_eq!((ticket.attendee.as_deref(), ticket.issued_at, ticket.cancelled_at), (Some("Ann"), w.now(), None));

    let stranger = w.fan();
    assert_eq!(w.read(OneTicket { account: stranger, ticket: ticket.id }).await, None, "another's is not found");
    assert_eq!(w.read(OneTicket { account: visit.fan, ticket: w.id() }).await, None);
    assert_eq!(tickets(w, stranger, None, 10).await, []);
}

pub(crate) async fn orders_are_read_by_pages_newest_first(w: &mut World) {
    let (fan, sale, made) = bought(w, 1_000).await;
    let all = orders(w, fan, None, 200).await;
    assert_eq!(all.iter().map(|order| order.id).collect::<Vec<_>>(), [made[2], made[1], made[0]]);
    for order in &all {
        assert_eq!(w.read(OwnOrder { account: fan, order: order.id }).await.as_ref(), Some(order), "as one by one");
        assert_eq!((order.sale, order.status.as_str()), (sale, "confirmed"));
    }
    assert_eq!(all.iter().map(|order| order.tickets.len()).collect::<Vec<_>>(), [3, 1, 2]);
    assert_eq!(orders(w, fan, None, 2).await, all[..2]);
    assert_eq!(orders(w, fan, Some(made[1]), 2).await, all[2..]);
    assert_eq!(orders(w, fan, Some(made[0]), 2).await, []);
}

pub(crate) async fn tickets_are_read_by_pages_the_newest_order_first(w: &mut World) {
    let (fan, _, _) = bought(w, 1_000).await;
    for limit in 1..=7 {
        let labels: Vec<String> = all_tickets(w, fan, limit).await.into_iter().map(|ticket| ticket.label).collect();
        let expected = ["GA-1-8", "GA-1-9", "GA-1-10", "GA-1-6", "GA-1-2", "GA-1-4"];
        assert_eq!(labels, expected, "{limit} on a page");
    }
}

/// Several in one millisecond must neither be skipped nor told twice.
pub(crate) async fn orders_of_one_moment_are_on_exactly_one_page(w: &mut World) {
    let (one, two) = (w.sale().await, w.sale().await);
    let fan = w.fan();
    let visits = [w.visit_of(one, fan).await, w.visit_of(two, fan).await];
    let mut made = BTreeSet::new();
    for visit in &visits {
        made.insert(w.buy(visit, &[2, 1]).await);
    }
    let first = orders(w, fan, None, 1).await;
    let second = orders(w, fan, Some(first[0].id), 1).await;
    assert_eq!(first[0].created_at, second[0].created_at, "one moment");
    assert_eq!(BTreeSet::from([first[0].id, second[0].id]), made);
    assert_eq!(orders(w, fan, Some(second[0].id), 1).await, []);
    let tickets = all_tickets(w, fan, 1).await;
    assert_eq!(tickets.len(), 4);
    assert_eq!(tickets.iter().map(|ticket| ticket.id).collect::<BTreeSet<_>>().len(), 4);
    assert!(tickets[0].order == tickets[1].order && tickets[2].order == tickets[3].order, "{tickets:?}");
}

pub(crate) async fn a_page_after_anothers_order_or_ticket_is_no_page(w: &mut World) {
    let (fan, _, made) = bought(w, 1_000).await;
    let ticket = tickets(w, fan, None, 1).await[0].id;
    let stranger = w.fan();
    for (account, order, ticket) in [(stranger, made[0], ticket), (fan, w.id(), w.id())] {
        assert_eq!(w.read(OwnOrders { account, after: Some(order), limit: 10 }).await, None);
        assert_eq!(w.read(OwnTickets { account, after: Some(ticket), limit: 10 }).await, None);
    }
}

pub(crate) async fn an_order_that_came_to_nothing_is_listed_without_tickets(w: &mut World) {
    let sale = w.sale().await;
    let visit: Visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    let declined = w.begin(&visit, hold).await.expect("begun");
    w.finish(declined, false).await;
    let listed = orders(w, visit.fan, None, 10).await;
    assert_eq!(
        listed.iter().map(|order| (order.id, order.status.as_str())).collect::<Vec<_>>(),
        [(declined, "declined")]
    );
    assert_eq!((&listed[0].tickets[..], tickets(w, visit.fan, None, 10).await), (&[][..], Vec::new()));
}
