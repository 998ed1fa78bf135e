//! S1-S3: a seat is sold once, a sale is kept, and a held seat is held by one.

use std::collections::{HashMap, HashSet};

use super::{Evidence, NO_EXPORT, Tally};
use crate::dump::Dump;
use crate::history::{Op, Outcome, Record, Value};

/// S1 on the export: no two live tickets for a seat, and each ticket's seat exists and counts as sold.
pub(super) fn sold_once(dump: &Dump, tally: &mut Tally) {
    let status: HashMap<&str, &str> = dump.seats.iter().map(|seat| (&*seat.seat_id, &*seat.status)).collect();
    let mut sold: HashMap<&str, &str> = HashMap::new();
    for ticket in dump.live_tickets() {
        let other = sold.insert(&ticket.seat_id, &ticket.ticket_id);
        tally.check(other.is_none(), || {
            format!(
                "seat {} is sold twice: tickets {} and {}",
                ticket.seat_id,
                other.unwrap_or_default(),
                ticket.ticket_id
            )
        });
        let is = status.get(&*ticket.seat_id).copied();
        tally.check(is == Some("sold"), || {
            format!(
                "ticket {} is for seat {}, which is {}",
                ticket.ticket_id,
                ticket.seat_id,
                is.unwrap_or("not in the house")
            )
        });
    }
}

/// S1 as the fans were told: no two acknowledged orders with one seat, but for seats of cancelled tickets, which are sold
/// again.
pub(super) fn acknowledged_once(evidence: &Evidence<'_>, tally: &mut Tally) {
    let seats = seats_of_holds(evidence);
    let given_back = given_back(evidence.dump);
    let mut sold: HashMap<&str, (&str, u32)> = HashMap::new();
    for (record, order_id, _) in acknowledged_checkouts(evidence) {
        let hold = record.hold.as_deref().unwrap_or_default();
        for seat in seats.get(hold).into_iter().flatten().filter(|seat| !given_back.contains(&(order_id, **seat))) {
            let other = sold.insert(seat, (order_id, record.fan));
            let others = other.filter(|(order, _)| *order != order_id);
            tally.check(others.is_none(), || {
                let (order, fan) = others.unwrap_or_default();
                format!(
                    "seat {seat} was sold to fan {fan} (order {order}) and to fan {} (order {order_id})",
                    record.fan
                )
            });
        }
    }
}

/// Orders and seats of cancelled tickets.
fn given_back(dump: Option<&Dump>) -> HashSet<(&str, &str)> {
    let cancelled = dump.into_iter().flat_map(Dump::cancelled_tickets);
    cancelled.map(|ticket| (&*ticket.order_id, &*ticket.seat_id)).collect()
}

fn seats_of_holds<'a>(evidence: &Evidence<'a>) -> HashMap<&'a str, Vec<&'a str>> {
    let mut seats = HashMap::new();
    for record in &evidence.history.records {
        if let Some(Value::Hold { hold_id, seat_ids, .. }) = record.value() {
            seats.insert(&**hold_id, seat_ids.iter().map(|seat| &**seat).collect());
        }
    }
    seats
}

fn acknowledged_checkouts<'a>(
    evidence: &Evidence<'a>,
) -> impl Iterator<Item = (&'a Record, &'a str, &'a [Box<str>])> + use<'a> {
    evidence.history.records.iter().filter_map(|record| match record.value() {
        Some(Value::Checkout { order_id, ticket_ids, .. }) if record.why.buys() => {
            Some((record, &**order_id, ticket_ids.as_slice()))
        }
        _ => None,
    })
}

/// S2: every acknowledged order is in the export, confirmed, with exactly its tickets.
pub(super) fn durable(evidence: &Evidence<'_>, tally: &mut Tally) {
    let Some(dump) = evidence.dump else { return };
    let orders: HashMap<&str, &str> = dump.orders.iter().map(|order| (&*order.order_id, &*order.status)).collect();
    let mut tickets: HashMap<&str, HashSet<&str>> = HashMap::new();
    for ticket in &dump.tickets {
        tickets.entry(&ticket.order_id).or_default().insert(&ticket.ticket_id);
    }
    for (record, order_id, ticket_ids) in acknowledged_checkouts(evidence) {
        let told: HashSet<&str> = ticket_ids.iter().map(|id| &**id).collect();
        let kept = tickets.get(order_id).cloned().unwrap_or_default();
        let status = orders.get(order_id).copied().unwrap_or("not in the export");
        tally.check(status == "confirmed" && kept == told && !told.is_empty(), || {
            format!(
                "fan {} was told order {order_id} is confirmed with {} tickets; it is {status}, with {} tickets",
                record.fan,
                told.len(),
                kept.len()
            )
        });
    }
}

/// S2 on the export alone: a confirmed order has tickets, and a ticket has a confirmed order.
pub(super) fn confirmed_orders_have_tickets(dump: &Dump, tally: &mut Tally) {
    let with_tickets: HashSet<&str> = dump.tickets.iter().map(|ticket| &*ticket.order_id).collect();
    let mut confirmed = HashSet::new();
    for order in dump.orders.iter().filter(|order| &*order.status == "confirmed") {
        confirmed.insert(&*order.order_id);
        tally.check(with_tickets.contains(&*order.order_id), || {
            format!("order {} is confirmed without a ticket", order.order_id)
        });
    }
    for ticket in dump.live_tickets() {
        tally.check(confirmed.contains(&*ticket.order_id), || {
            format!("ticket {} belongs to order {}, which is not confirmed", ticket.ticket_id, ticket.order_id)
        });
    }
}

/// A time in which a seat was certainly somebody's.
struct Held<'a> {
    seat: &'a str,
    hold: &'a str,
    fan: u32,
    from_us: u64,
    until_us: u64,
}

/// S3: certainly-held intervals of one seat do not overlap. Certain from the answer on; until the time to live, counted
/// from before the request was sent, or until anything was sent that may have ended the hold; for good once sold, unless
/// the ticket was cancelled later: when, on the fans' clock, nobody knows, so no longer than until the sale.
pub(super) fn exclusive_holds(evidence: &Evidence<'_>, tally: &mut Tally) {
    let Some(dump) = evidence.dump else {
        tally.missing = Some(NO_EXPORT);
        return;
    };
    let mut held = certainly_held(evidence, dump, dump.shortest_hold_sec().saturating_mul(1_000_000));
    held.sort_by(|a, b| (a.seat, a.from_us).cmp(&(b.seat, b.from_us)));
    let mut latest: Option<&Held<'_>> = None;
    for next in &held {
        let before = latest.filter(|before| before.seat == next.seat && before.hold != next.hold);
        tally.check(before.is_none_or(|before| before.until_us <= next.from_us), || {
            let before = before.unwrap_or(next);
            format!(
                "seat {} was fan {}'s from {:.3} s and fan {}'s from {:.3} s",
                next.seat,
                before.fan,
                before.from_us as f64 / 1e6,
                next.fan,
                next.from_us as f64 / 1e6
            )
        });
        let kept = latest.filter(|before| before.seat == next.seat && before.until_us > next.until_us);
        latest = kept.or(Some(next));
    }
}

/// When each hold was first asked for: one that is asked for again with its key may stand since the first time.
fn first_asked<'a>(evidence: &Evidence<'a>) -> HashMap<(u32, Option<&'a str>), u64> {
    let mut asked = HashMap::new();
    let keyed = evidence.history.records.iter().filter(|record| record.op == Op::Hold && record.key.is_some());
    for record in keyed {
        let first = asked.entry((record.fan, record.key.as_deref())).or_insert(record.sent_us);
        *first = record.sent_us.min(*first);
    }
    asked
}

fn certainly_held<'a>(evidence: &Evidence<'a>, dump: &Dump, ttl_us: u64) -> Vec<Held<'a>> {
    let given_back = given_back(Some(dump));
    let mut ends: HashMap<&str, u64> = HashMap::new();
    let mut sold: HashMap<&str, (&str, u64)> = HashMap::new();
    for record in &evidence.history.records {
        let Some(hold) = record.hold.as_deref() else { continue };
        match (record.op, &record.outcome) {
            (Op::Checkout, Outcome::Ok(Value::Checkout { order_id, .. })) => {
                sold.entry(hold).or_insert((order_id, record.sent_us));
            }
            // Whatever else came of it, the hold may have ended with it.
            (Op::Release | Op::Checkout, _) => {
                let end = ends.entry(hold).or_insert(record.sent_us);
                *end = (*end).min(record.sent_us);
            }
            _ => {}
        }
    }
    let asked = first_asked(evidence);
    let mut held = Vec::new();
    for record in &evidence.history.records {
        let Some(Value::Hold { hold_id, seat_ids, .. }) = record.value() else { continue };
        let asked_us = asked.get(&(record.fan, record.key.as_deref())).map_or(record.sent_us, |at| *at);
        let unsold = ends.get(&**hold_id).copied().unwrap_or(u64::MAX).min(asked_us.saturating_add(ttl_us));
        let until = |seat: &str| match sold.get(&**hold_id) {
            Some((order, sold_us)) if given_back.contains(&(*order, seat)) => *sold_us,
            Some(_) => u64::MAX,
            None => unsold,
        };
        let of = |seat: &'a str| Held {
            seat,
            hold: hold_id,
            fan: record.fan,
            from_us: record.received_us,
            until_us: until(seat),
        };
        held.extend(seat_ids.iter().map(|seat| of(seat)).filter(|held| held.from_us < held.until_us));
    }
    held
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;

    #[test]
    fn s1_catches_a_seat_sold_twice_in_rows_and_in_answers() {
        let mut dump = testkit::dump();
        dump.seats = vec![testkit::seat("A", "sold"), testkit::seat("B", "available")];
        dump.tickets = vec![testkit::ticket("t1", "o1", "u", "A", 10)];
        assert_eq!(testkit::of_dump(&dump, sold_once).violations, 0);
        dump.tickets.push(testkit::ticket("t2", "o2", "u", "A", 10));
        let tally = testkit::of_dump(&dump, sold_once);
        assert_eq!(tally.violations, 1);
        assert!(tally.examples[0].contains("seat A is sold twice: tickets t1 and t2"));
        dump.tickets[1].cancelled_at = Some(1);
        assert_eq!(testkit::of_dump(&dump, sold_once).violations, 0, "a cancelled ticket is no ticket");
        dump.tickets[1] = testkit::ticket("t2", "o2", "u", "B", 10);
        assert_eq!(testkit::of_dump(&dump, sold_once).violations, 1, "the seat is still on sale");

        let mut story = Story::new(2);
        story.hold(0, 0, 10, "h0", &["A"]);
        story.checkout(0, 20, 30, "h0", "o0", &["t0"]);
        assert_eq!(story.tally(acknowledged_once).violations, 0);
        story.hold(1, 40, 50, "h1", &["A"]);
        story.checkout(1, 60, 70, "h1", "o1", &["t1"]);
        assert_eq!(story.tally(acknowledged_once).violations, 1);
        story.dump.tickets = vec![testkit::ticket("t0", "o0", "fan-0", "A", 10)];
        assert_eq!(story.tally(acknowledged_once).violations, 1);
        story.dump.tickets[0].cancelled_at = Some(1);
        assert_eq!(story.tally(acknowledged_once).violations, 0, "sold again after a cancellation");
        story.hold(0, 80, 90, "h2", &["A"]);
        story.checkout(0, 100, 110, "h2", "o2", &["t2"]);
        assert_eq!(story.tally(acknowledged_once).violations, 1, "and then once more");
    }

    #[test]
    fn s2_catches_a_lost_order_a_lost_ticket_and_an_empty_order() {
        let mut story = Story::new(1);
        story.checkout(0, 0, 10, "h", "o", &["t"]);
        assert_eq!(story.tally(durable).violations, 1);
        story.dump.orders = vec![testkit::order("o", "fan-0", "h", 10)];
        assert_eq!(story.tally(durable).violations, 1);
        assert_eq!(testkit::of_dump(&story.dump, confirmed_orders_have_tickets).violations, 1);
        story.dump.tickets = vec![testkit::ticket("t", "o", "fan-0", "A", 10)];
        assert_eq!(story.tally(durable).violations, 0);
        story.dump.orders[0].status = "declined".into();
        assert_eq!(story.tally(durable).violations, 1);
        assert_eq!(testkit::of_dump(&story.dump, confirmed_orders_have_tickets).violations, 1);
    }

    #[test]
    fn s3_catches_two_holders_and_pardons_what_may_have_ended() {
        let second_hold_at = |sent: u64, tell: fn(&mut Story)| {
            let mut story = Story::new(2);
            story.dump.sale.hold_ttl_sec = 30;
            story.hold(0, 0, 10, "h0", &["A"]);
            tell(&mut story);
            story.hold(1, sent, sent + 10, "h1", &["A"]);
            story.tally(exclusive_holds).violations
        };
        assert_eq!(second_hold_at(100, |_| ()), 1);
        assert_eq!(second_hold_at(29_000_000, |_| ()), 1, "one second before the hold ends");
        assert_eq!(second_hold_at(31_000_000, |_| ()), 0, "one second after");
        assert_eq!(second_hold_at(100, |story| story.release(0, 50, 60, "h0")), 0);
        assert_eq!(
            second_hold_at(31_000_000, |story| story.checkout(0, 20, 30, "h0", "o", &["t"])),
            1,
            "sold for good"
        );
        let cancelled = |sent: u64| {
            second_hold_at(sent, |story| {
                story.checkout(0, 20, 30, "h0", "o", &["t"]);
                story.dump.tickets = vec![testkit::ticket("t", "o", "fan-0", "A", 10)];
                story.dump.tickets[0].cancelled_at = Some(1);
            })
        };
        assert_eq!(cancelled(31_000_000), 0, "sold, cancelled, and on sale again");
        assert_eq!(cancelled(5), 1, "it was the first one's before it was sold");
        let mut story = Story::new(2);
        story.dump.sale.hold_ttl_sec = 30;
        story.unknown_hold(0, 0, 5_000_000);
        story.keyed("k");
        story.hold(0, 10_000_000, 10_000_010, "h0", &["A"]);
        story.keyed("k");
        story.hold(1, 31_000_000, 31_000_010, "h1", &["A"]);
        assert_eq!(story.tally(exclusive_holds).violations, 0, "the first try may have been the one that held");
    }
}
