//! What can be said of a run while it runs: a few checks that cost one look-up per answer. Whoever moved on to another place
//! is left out, so that nobody is accused early; the judging after the run looks at everything.

use std::collections::{HashMap, HashSet};

use crate::history::{Outcome, Record, Value};

/// One of these checks. `broken` ends in a violation of an invariant, unless the judging finds an excuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct SoFarCheck {
    pub name: &'static str,
    pub checked: u64,
    pub broken: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct SoFar {
    /// By fan and sale.
    places: HashMap<(u32, u8), u64>,
    /// Fans whose place ended, or that took another.
    moved_on: HashSet<(u32, u8)>,
    /// The order that each ticket was told in.
    tickets: HashMap<Box<str>, Box<str>>,
    /// Whose each position is.
    owners: HashMap<(u64, u8), u32>,
    /// Of each sale, in the order of the answers: when one came, and the highest position that had been told by then.
    told: HashMap<u8, Vec<(u64, u64)>>,
    kept: Count,
    in_order: Count,
    one_fan_each: Count,
    turned_away: Count,
    told_once: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    checked: u64,
    broken: u64,
}

impl Count {
    fn add(&mut self, holds: bool) {
        self.checked += 1;
        self.broken += u64::from(!holds);
    }
}

impl SoFar {
    pub(crate) fn note(&mut self, record: &Record) {
        if record.why.is_probe() {
            match &record.outcome {
                Outcome::Ok(_) => self.turned_away.add(false),
                Outcome::Refused { .. } => self.turned_away.add(true),
                Outcome::Unknown(_) | Outcome::HeldBack => {}
            }
            return;
        }
        match record.value() {
            Some(Value::Join { position, created }) => {
                if *created {
                    self.given(record, *position);
                }
                self.place((record.fan, record.sale), *position, *created);
            }
            Some(Value::Status { position, state, .. }) => {
                self.place((record.fan, record.sale), *position, false);
                if state.is_over() {
                    self.moved_on.insert((record.fan, record.sale));
                }
            }
            Some(Value::Checkout { order_id, ticket_ids, .. }) => {
                for ticket in ticket_ids {
                    let first = self.tickets.entry(ticket.clone()).or_insert_with(|| order_id.clone());
                    self.told_once.add(first == order_id);
                }
            }
            _ => {}
        }
    }

    /// A position that was given between the send and the answer: above all that were told before the send, and nobody else's.
    fn given(&mut self, record: &Record, position: u64) {
        let owner = *self.owners.entry((position, record.sale)).or_insert(record.fan);
        self.one_fan_each.add(owner == record.fan);
        let told = self.told.entry(record.sale).or_default();
        let before = told.partition_point(|(at_us, _)| *at_us < record.sent_us);
        if let Some((_, highest)) = before.checked_sub(1).map(|last| told[last]) {
            self.in_order.add(position > highest);
        }
        let highest = told.last().map_or(position, |(_, highest)| position.max(*highest));
        // Two answers may be noted in the other order than they came by a hair.
        let at_us = told.last().map_or(record.received_us, |(at_us, _)| record.received_us.max(*at_us));
        told.push((at_us, highest));
    }

    fn place(&mut self, fan: (u32, u8), position: u64, created: bool) {
        if self.moved_on.contains(&fan) {
            return;
        }
        let first = *self.places.entry(fan).or_insert(position);
        if created && first != position {
            self.moved_on.insert(fan);
        } else {
            self.kept.add(first == position);
        }
    }

    pub(crate) fn checks(&self) -> Vec<SoFarCheck> {
        let check = |name, count: Count| SoFarCheck { name, checked: count.checked, broken: count.broken };
        vec![
            check("places kept", self.kept),
            check("joins in order", self.in_order),
            check("one fan a place", self.one_fan_each),
            check("probes turned away", self.turned_away),
            check("tickets in one order", self.told_once),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Op, Why};
    use crate::words::{Phase, State};

    fn record(op: Op, why: Why, outcome: Outcome) -> Record {
        Record { fan: 7, received_us: 1, ..Record::of(op, why, outcome) }
    }

    fn join(position: u64, created: bool) -> Record {
        record(Op::Join, Why::Journey, Outcome::Ok(Value::Join { position, created }))
    }

    fn poll(position: u64, state: State) -> Record {
        let value = Value::Status { position, ahead: None, state, phase: Phase::Open, admitted: false };
        record(Op::Status, Why::Journey, Outcome::Ok(value))
    }

    fn checkout(order: &str, ticket: &str) -> Record {
        let value = Value::Checkout { order_id: order.into(), ticket_ids: vec![ticket.into()], digest: "d".into() };
        record(Op::Checkout, Why::Journey, Outcome::Ok(value))
    }

    fn broken(records: &[Record]) -> Vec<(u64, u64)> {
        let mut so_far = SoFar::default();
        records.iter().for_each(|record| so_far.note(record));
        so_far.checks().iter().map(|check| (check.checked, check.broken)).collect()
    }

    #[test]
    fn a_place_that_moves_is_seen_and_a_new_one_is_not_accused() {
        assert_eq!(broken(&[join(3, true), poll(3, State::Waiting), poll(4, State::Waiting)])[0], (3, 1));
        let again = [join(3, true), poll(3, State::Left), join(9, true), poll(9, State::Waiting)];
        assert_eq!(broken(&again)[0], (2, 0));
        assert_eq!(broken(&[join(3, true), join(9, true), poll(9, State::Waiting)])[0], (1, 0));
    }

    #[test]
    fn a_probe_that_is_let_in_and_a_ticket_of_two_orders_are_seen() {
        let refused = Outcome::Refused { status: 403, code: "admission_required".into() };
        let probes = [
            record(Op::Seats, Why::ProbeUnadmitted, refused),
            record(Op::Seats, Why::ProbeUnadmitted, Outcome::Ok(Value::Accepted)),
        ];
        assert_eq!(broken(&probes)[3], (2, 1));
        let sold = [checkout("o1", "t1"), checkout("o1", "t1"), checkout("o2", "t1")];
        assert_eq!(broken(&sold)[4], (3, 1));
    }

    #[test]
    fn a_join_that_gets_a_place_before_one_acknowledged_earlier_is_an_inversion_and_overlapping_ones_are_not() {
        let join = |fan, position, sent_us, received_us| Record {
            fan,
            sent_us,
            received_us,
            ..record(Op::Join, Why::Journey, Outcome::Ok(Value::Join { position, created: true }))
        };
        let overlapping = [join(1, 2, 10, 20), join(2, 1, 15, 25)];
        assert_eq!(broken(&overlapping)[1], (0, 0), "either may be first");
        let late = [join(1, 2, 10, 20), join(2, 1, 21, 25)];
        assert_eq!(broken(&late)[1], (1, 1));
        let shared = [join(1, 2, 10, 20), join(2, 2, 12, 25)];
        assert_eq!(broken(&shared)[2], (2, 1));
    }
}
