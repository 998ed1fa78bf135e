//! S7: seats and money are neither made nor lost.

use std::collections::{HashMap, HashSet};

use super::{Evidence, Tally};
use crate::dump::Dump;

/// S7 on the export: the house is whole, sold seats are tickets, held seats are in live holds or held back after a
/// cancellation, and money is prices, that of cancelled tickets given back.
pub(super) fn by_the_rows(dump: &Dump, tally: &mut Tally) {
    let mut by_status: HashMap<&str, u64> = HashMap::new();
    for seat in &dump.seats {
        *by_status.entry(&seat.status).or_default() += 1;
    }
    let of = |status: &str| by_status.get(status).copied().unwrap_or(0);
    let (sold, held, free) = (of("sold"), of("held"), of("available"));
    let total = dump.sale.total_seats;
    tally.check(sold + held + free == total, || {
        format!("{sold} sold + {held} held + {free} free = {}, not the {total} seats of the sale", sold + held + free)
    });
    let seats_with_ticket: HashSet<&str> = dump.live_tickets().map(|ticket| &*ticket.seat_id).collect();
    let with_ticket = seats_with_ticket.len() as u64;
    tally.check(sold == with_ticket, || format!("{sold} seats are sold, {with_ticket} have a ticket"));
    let in_holds: u64 =
        dump.holds.iter().filter(|hold| &*hold.state == "live").map(|hold| hold.seat_ids.len() as u64).sum();
    let cancelled: HashSet<&str> = dump.cancelled_tickets().map(|ticket| &*ticket.seat_id).collect();
    let mut held_back = 0;
    for seat in dump.seats.iter().filter(|seat| seat.held_back) {
        held_back += 1;
        tally.check(&*seat.status == "held" && cancelled.contains(&*seat.seat_id), || {
            format!("seat {} is {} and held back, and no ticket for it was cancelled", seat.seat_id, seat.status)
        });
    }
    tally.check(held == in_holds + held_back, || {
        format!("{held} seats are held; live holds have {in_holds}, and {held_back} are held back")
    });
    money_by_order(dump, tally);
    refunds(dump, tally);
}

fn money_by_order(dump: &Dump, tally: &mut Tally) {
    let mut prices: HashMap<&str, i64> = HashMap::new();
    for ticket in &dump.tickets {
        add(prices.entry(&ticket.order_id).or_default(), ticket.price);
    }
    let mut captured: HashMap<&str, i64> = HashMap::new();
    for payment in dump.payments.iter().filter(|payment| &*payment.state == "captured") {
        add(captured.entry(&payment.order_id).or_default(), payment.amount);
    }
    for order in dump.orders.iter().filter(|order| &*order.status == "confirmed") {
        let price = prices.get(&*order.order_id).copied().unwrap_or(0);
        let paid = captured.get(&*order.order_id).copied().unwrap_or(0);
        tally.check(price == paid && price == order.total, || {
            format!("order {}: tickets cost {price}, its total is {}, captured is {paid}", order.order_id, order.total)
        });
    }
    let (mut cost, mut taken) = (0, 0);
    prices.values().for_each(|price| add(&mut cost, *price));
    captured.values().for_each(|amount| add(&mut taken, *amount));
    tally.check(cost == taken, || format!("tickets cost {cost} altogether, {taken} was captured"));
}

/// What a cancelled ticket cost is given back once, and nothing else is.
fn refunds(dump: &Dump, tally: &mut Tally) {
    let mut given: HashMap<&str, i64> = HashMap::new();
    for refund in &dump.refunds {
        add(given.entry(&refund.ticket_id).or_default(), refund.amount);
    }
    for ticket in &dump.tickets {
        let back = given.remove(&*ticket.ticket_id).unwrap_or(0);
        let owed = if ticket.cancelled_at.is_some() { ticket.price } else { 0 };
        tally.check(back == owed, || format!("ticket {}: {back} is given back, and {owed} is owed", ticket.ticket_id));
    }
    for (ticket, amount) in given {
        tally.check(false, || format!("{amount} is given back for ticket {ticket}, which is not in the export"));
    }
}

/// A server may name any amount; one beyond all money compares as the most there is.
fn add(sum: &mut i64, amount: i64) {
    *sum = sum.saturating_add(amount);
}

/// S7 in every sample: sold + held + free = seats.
pub(super) fn in_every_sample(evidence: &Evidence<'_>, tally: &mut Tally) {
    for sample in evidence.samples {
        let Some(stats) = &sample.stats else { continue };
        let (sold, held, free) = (stats.tickets_sold, stats.held_seats, stats.available_seats);
        let all = sold.saturating_add(held).saturating_add(free);
        tally.check(all == stats.total_seats, || {
            format!(
                "at {:.1} s the server counted {sold} sold + {held} held + {free} free, of {} seats",
                sample.at_us as f64 / 1e6,
                stats.total_seats
            )
        });
        tally.count("samples", 1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;

    fn sold_dump() -> Dump {
        let mut dump = testkit::dump();
        dump.sale.total_seats = 3;
        dump.seats = vec![testkit::seat("A", "sold"), testkit::seat("B", "held"), testkit::seat("C", "available")];
        dump.holds = vec![testkit::hold("h2", "v", Some("c"), &["B"], 0, "live")];
        dump.orders = vec![testkit::order("o", "u", "h", 10)];
        dump.tickets = vec![testkit::ticket("t", "o", "u", "A", 10)];
        dump.payments = vec![testkit::payment("o", 10)];
        dump
    }

    #[test]
    fn s7_catches_each_kind_of_leak() {
        let broken = |change: fn(&mut Dump)| {
            let mut dump = sold_dump();
            change(&mut dump);
            testkit::of_dump(&dump, by_the_rows).violations > 0
        };
        assert!(!broken(|_| ()));
        assert!(broken(|dump| dump.sale.total_seats = 4));
        assert!(broken(|dump| dump.seats[2].status = "sold".into()));
        assert!(broken(|dump| dump.holds.clear()));
        assert!(broken(|dump| dump.payments[0].amount = 11));
        assert!(broken(|dump| dump.orders[0].total = 9));
        assert!(broken(|dump| (dump.tickets[0].price, dump.payments[0].amount) = (i64::MAX, i64::MAX)));
        assert!(broken(|dump| dump.payments[0].order_id = "elsewhere".into()));
    }

    fn cancelled_dump(held_back: bool) -> Dump {
        let mut dump = sold_dump();
        dump.tickets[0].cancelled_at = Some(1);
        dump.refunds = vec![testkit::refund("t", 10)];
        dump.seats[0] = testkit::seat("A", if held_back { "held" } else { "available" });
        dump.seats[0].held_back = held_back;
        dump
    }

    #[test]
    fn s7_knows_cancelled_tickets_and_catches_what_leaks_there() {
        for held_back in [false, true] {
            let broken = |change: fn(&mut Dump)| {
                let mut dump = cancelled_dump(held_back);
                change(&mut dump);
                testkit::of_dump(&dump, by_the_rows).violations > 0
            };
            assert!(!broken(|_| ()));
            assert!(broken(|dump| dump.seats[0].status = "sold".into()), "the seat went nowhere");
            assert!(broken(|dump| dump.refunds.clear()), "the money stayed");
            assert!(broken(|dump| dump.refunds[0].amount = 9));
            assert!(broken(|dump| dump.refunds.push(testkit::refund("t", 10))), "given back twice");
            assert!(broken(|dump| dump.refunds.push(testkit::refund("u", 1))), "for no ticket");
            assert!(broken(|dump| dump.tickets[0].cancelled_at = None), "for a good ticket");
            assert!(broken(|dump| dump.seats[2].held_back = true), "held back without a cancellation");
        }
        let mut lost = cancelled_dump(true);
        lost.seats[0].held_back = false;
        assert!(testkit::of_dump(&lost, by_the_rows).violations > 0, "held by nobody");
    }

    #[test]
    fn s7_adds_up_every_sample() {
        let mut story = Story::new(1);
        story.sample(|stats| {
            (stats.total_seats, stats.tickets_sold, stats.held_seats, stats.available_seats) = (6, 1, 2, 3);
        });
        assert_eq!(story.tally(in_every_sample).violations, 0);
        story.sample(|stats| stats.total_seats = 5);
        assert_eq!(story.tally(in_every_sample).violations, 1);
    }
}
