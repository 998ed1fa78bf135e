//! The mock's export and stats, as contract.md writes them.

use serde_json::{Value, json};

use super::bug::Bug;
use super::sale::{Sale, Seat};
use super::time::text;

pub(crate) fn stats(sale: &Sale) -> Value {
    let count = |which: fn(&super::sale::Entry) -> bool| sale.entries.iter().filter(|entry| which(entry)).count();
    let seats = |status: Seat| sale.seats.iter().filter(|seat| **seat == status).count();
    let waiting = count(|entry| entry.called_at.is_none() && entry.ended_at.is_none());
    json!({
        "sale_id": sale.id, "total_seats": sale.seats.len(), "tickets_sold": seats(Seat::Sold),
        "joined": sale.entries.len(),
        "waiting": waiting + usize::from(sale.bug == Bug::Miscounted),
        "called": count(|entry| entry.called_at.is_some() && entry.claimed_at.is_none() && entry.ended_at.is_none()),
        "returning": 0,
        "inside": count(|entry| entry.claimed_at.is_some() && entry.ended_at.is_none()),
        "bought": count(|entry| entry.ended_at.is_some()),
        "expired": 0, "left": 0,
        "held_seats": seats(Seat::Held), "available_seats": seats(Seat::Free),
    })
}

pub(crate) fn export(sale: &Sale) -> String {
    let mut rows = vec![json!({
        "type": "sale", "sale_id": sale.id, "event_id": "event", "opens_at": text(sale.opens_at),
        "ends_at": text(sale.opens_at + 86_400_000), "total_seats": sale.seats.len(),
        "admit_per_minute": sale.per_minute, "waiting_room_cap": 100_000, "max_tickets_per_user": sale.max_tickets,
        "max_active": sale.max_active, "hold_ttl_sec": sale.hold_ttl_sec, "last_position": sale.last_position, "through": sale.through,
    })];
    rows.extend(entries(sale));
    rows.extend(calls(sale));
    rows.extend(claims(sale));
    rows.extend(seats_and_holds(sale));
    rows.extend(orders(sale));
    rows.push(json!({"type": "end", "lines": rows.len()}));
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn entries(sale: &Sale) -> Vec<Value> {
    let mut entries: Vec<_> = sale.entries.iter().collect();
    entries.sort_by_key(|entry| entry.position);
    let row = |entry: &&super::sale::Entry| {
        // As the contract defines it: the time of the first call line whose watermark reached the position.
        let called = sale.calls.iter().find(|call| call.through >= entry.position).map(|call| text(call.at));
        json!({
            "type": "entry", "position": entry.position, "user_id": entry.user, "joined_at": text(entry.joined_at),
            "called_at": called, "returned_at": null, "recalled_at": null,
            "claimed_at": entry.claimed_at.map(text), "ended_at": entry.ended_at.map(text),
            "ended_as": entry.ended_at.map(|_| entry.ended_as),
            "state": if entry.ended_at.is_some() { "bought" } else { "waiting" },
        })
    };
    entries.iter().map(row).collect()
}

fn calls(sale: &Sale) -> Vec<Value> {
    // A server that hides a double rate writes its log at the pace it should have kept.
    let stretch = |at: i64| sale.opens_at + (at - sale.opens_at) * 2;
    let hides = sale.bug == Bug::DoubleRateDripHidden;
    let row = |(seq, call): (usize, &super::sale::Call)| {
        let at = if hides { stretch(call.at) } else { call.at };
        json!({
            "type": "call", "seq": seq, "through": call.through, "at": text(at), "called": call.called,
            "recalled": 0, "credit_ms": 100, "bound_by": call.bound_by,
        })
    };
    sale.calls.iter().enumerate().map(row).collect()
}

fn claims(sale: &Sale) -> Vec<Value> {
    let claimed = sale.entries.iter().filter_map(|entry| entry.claimed_at.map(|at| (entry, at)));
    let shopping_ms = if sale.bug == Bug::ExpiredAdmissionAccepted { 0 } else { sale.shopping_ms };
    let row = |(entry, at): (&super::sale::Entry, i64)| {
        json!({
            "type": "claim", "claim_id": format!("claim-{}-{}", entry.user, entry.position), "user_id": entry.user,
            "position": entry.position, "claimed_at": text(at), "deadline": text(at + shopping_ms),
            "ended_at": entry.ended_at.map(text), "ended_as": entry.ended_at.map(|_| entry.ended_as),
        })
    };
    claimed.map(row).collect()
}

/// The order that the export forgets, if that is the bug.
fn forgotten(sale: &Sale) -> Option<&super::sale::Order> {
    sale.orders.first().filter(|_| sale.bug == Bug::LostSale)
}

fn seats_and_holds(sale: &Sale) -> Vec<Value> {
    let lost = forgotten(sale);
    let lost_seats: Vec<usize> = lost.iter().flat_map(|order| &order.tickets).map(|ticket| ticket.seat).collect();
    let seat = |(number, status): (usize, &Seat)| {
        let status = match status {
            Seat::Sold if lost_seats.contains(&number) => "available",
            Seat::Sold => "sold",
            Seat::Held => "held",
            Seat::Free => "available",
        };
        json!({"type": "seat", "seat_id": seat_id(number), "section": "GA", "row": 1, "num": number, "price": sale.price, "status": status})
    };
    let hold = |hold: &super::sale::Hold| {
        json!({
            "type": "hold", "hold_id": hold.id, "user_id": hold.user, "claim_id": hold.claim,
            "seat_ids": hold.seats.iter().map(|seat| seat_id(*seat)).collect::<Vec<_>>(),
            "total": sale.price * i64::try_from(hold.seats.len()).expect("few"),
            "placed_at": text(hold.placed_at), "expires_at": text(hold.placed_at + sale.hold_ttl_sec * 1_000),
            "ended_at": hold.ended_at.map(text), "state": hold.state,
        })
    };
    let kept = sale.holds.iter().filter(|hold| lost.is_none_or(|order| order.hold != hold.id));
    sale.seats.iter().enumerate().map(seat).chain(kept.map(hold)).collect()
}

fn orders(sale: &Sale) -> Vec<Value> {
    let lost = forgotten(sale).map(|order| order.id.clone());
    let kept: Vec<_> = sale.orders.iter().filter(|order| lost.as_ref() != Some(&order.id)).collect();
    let mut rows = Vec::new();
    let total = |order: &super::sale::Order| sale.price * i64::try_from(order.tickets.len()).expect("few");
    for order in &kept {
        rows.push(json!({
            "type": "order", "order_id": order.id, "user_id": order.user, "hold_id": order.hold, "claim_id": order.claim,
            "status": "confirmed", "total": total(order), "currency": "USD",
            "created_at": text(order.at), "settled_at": text(order.at),
        }));
    }
    for (number, order) in kept.iter().enumerate() {
        let owner = match kept.last() {
            Some(other) if number == 0 && sale.bug == Bug::ChangedOwner => &other.user,
            _ => &order.user,
        };
        for ticket in &order.tickets {
            rows.push(json!({
                "type": "ticket", "ticket_id": ticket.id, "order_id": order.id, "user_id": owner,
                "seat_id": seat_id(ticket.seat), "price": sale.price, "attendee": null, "issued_at": text(order.at), "cancelled_at": null,
            }));
        }
    }
    for (number, order) in kept.iter().enumerate() {
        let wrong = i64::from(number == 0 && sale.bug == Bug::MoneyMismatch);
        rows.push(json!({
            "type": "payment", "order_id": order.id, "amount": total(order) + wrong, "currency": "USD",
            "state": "captured", "at": text(order.at),
        }));
    }
    rows
}

pub(crate) fn seat_id(number: usize) -> String {
    format!("GA-1-{}", number + 1)
}
