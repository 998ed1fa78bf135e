//! S6: the same checkout key is answered with the same bytes, and makes no second order.

use std::collections::HashMap;

use super::{Evidence, Tally};
use crate::history::{Op, Outcome, Value};

/// The first answer to a key.
#[derive(Clone, Copy)]
struct First<'a> {
    order: &'a str,
    bytes: &'a str,
    answered_us: u64,
}

pub(super) fn same_bytes(evidence: &Evidence<'_>, tally: &mut Tally) {
    let mut first: HashMap<(u32, &str), First<'_>> = HashMap::new();
    let mut repeats = 0;
    for (fan, mut records) in evidence.by_fan() {
        // The first answer is the one that came first: of requests under way at the same time, none is.
        records.sort_by_key(|record| record.received_us);
        for record in records.into_iter().filter(|record| record.op == Op::Checkout) {
            let Some(key) = record.key.as_deref() else { continue };
            let known = first.get(&(fan, key)).copied();
            match (&record.outcome, known) {
                (Outcome::Ok(Value::Checkout { order_id, digest, .. }), None) => {
                    let answered_us = record.received_us;
                    first.insert((fan, key), First { order: order_id, bytes: digest, answered_us });
                }
                (Outcome::Ok(Value::Checkout { order_id, digest, .. }), Some(First { order, bytes, .. })) => {
                    repeats += 1;
                    tally.check(&**digest == bytes, || {
                        format!(
                            "fan {fan} repeated key {key}: first order {order}, then order {order_id}, in other bytes"
                        )
                    });
                }
                // Too busy is no answer to the key; any other no denies an order that was confirmed.
                (Outcome::Refused { status, code }, Some(First { order, answered_us, .. }))
                    if !matches!(status, 429 | 503) && record.sent_us >= answered_us =>
                {
                    repeats += 1;
                    tally.check(false, || {
                        format!(
                            "fan {fan} repeated key {key} of confirmed order {order} and was refused: {status} {code}"
                        )
                    });
                }
                _ => {}
            }
        }
    }
    tally.count("repeats answered", repeats);
    tally.needs("no repeated checkout was answered", evidence.owed.repeats, repeats);
}

#[cfg(test)]
mod tests {
    use super::super::testkit::Story;
    use super::*;

    #[test]
    fn s6_catches_other_bytes_and_a_refusal() {
        let mut story = Story::new(1);
        story.checkout(0, 0, 10, "h", "o", &["t"]);
        assert_eq!(story.tally(same_bytes).checked, 0, "nothing was repeated");
        story.owed.repeats = 1;
        story.refused_checkout(0, 12, 15, "h", 503, "overloaded");
        assert!(story.tally(same_bytes).missing.is_some(), "repeated, and never answered");
        story.checkout(0, 20, 30, "h", "o", &["t"]);
        let tally = story.tally(same_bytes);
        assert_eq!((tally.checked, tally.violations, tally.missing), (1, 0, None));
        story.checkout(0, 40, 50, "h", "o2", &["t"]);
        assert_eq!(story.tally(same_bytes).violations, 1);
        story.refused_checkout(0, 60, 70, "h", 503, "overloaded");
        assert_eq!(story.tally(same_bytes).violations, 1, "too busy is no answer to the key");
        story.refused_checkout(0, 60, 70, "h", 409, "hold_used");
        assert_eq!(story.tally(same_bytes).violations, 2);
        let mut at_once = Story::new(1);
        at_once.checkout(0, 0, 10, "h", "o", &["t"]);
        at_once.refused_checkout(0, 5, 15, "h", 409, "checkout_in_progress");
        at_once.checkout(0, 6, 9, "h", "o", &["t"]);
        assert_eq!(at_once.tally(same_bytes).violations, 0, "a no that was under way denies nothing");
        at_once.refused_checkout(0, 12, 15, "h", 409, "checkout_in_progress");
        assert_eq!(at_once.tally(same_bytes).violations, 1);
    }
}
