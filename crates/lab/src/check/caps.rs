//! S5: nobody has more tickets and held seats than the cap, at any instant.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Evidence, Tally};
use crate::dump::{Dump, format_ms};
use crate::history::{Outcome, Value, Why};

/// S5 on the export: per account, seats held and sold over time. A sold hold stays as its tickets.
pub(super) fn by_the_rows(dump: &Dump, tally: &mut Tally) {
    let cap = i64::try_from(dump.highest_cap()).unwrap_or(i64::MAX);
    let mut changes: BTreeMap<&str, Vec<(i64, i64)>> = BTreeMap::new();
    // A sold hold that does not say when it ended is counted by its tickets alone.
    for hold in dump.holds.iter().filter(|hold| &*hold.state != "sold" || hold.ended_at.is_some()) {
        let seats = i64::try_from(hold.seat_ids.len()).unwrap_or(i64::MAX);
        let account = changes.entry(&hold.user_id).or_default();
        account.push((hold.placed_at, seats));
        // Ended by release, expiry or sale; a sale's seats come back below as tickets.
        if let Some(ended_at) = hold.ended_at {
            account.push((ended_at, -seats));
        }
    }
    for ticket in &dump.tickets {
        let account = changes.entry(&ticket.user_id).or_default();
        account.push((ticket.issued_at, 1));
        if let Some(cancelled_at) = ticket.cancelled_at {
            account.push((cancelled_at, -1));
        }
    }
    for (user, mut changes) in changes {
        // What ends in a millisecond ends before what begins in it: times are cut to milliseconds.
        changes.sort_unstable();
        let mut has = 0;
        let most = changes.iter().map(|(at, change)| {
            has = change.saturating_add(has);
            (has, *at)
        });
        let (most, at) = most.max_by_key(|(has, _)| *has).unwrap_or_default();
        let cap = cap.saturating_add(allowed(dump, user));
        tally.check(most <= cap, || format!("account {user} had {most} seats at {}; the cap is {cap}", format_ms(at)));
    }
}

/// What the operator allowed this account over the cap, ever: one that was taken back may still have been used.
fn allowed(dump: &Dump, user: &str) -> i64 {
    let own = dump.exceptions.iter().filter(|one| &*one.user_id == user && &*one.rule == "cap_exceeded");
    own.fold(0, |sum, one| if one.lift { i64::MAX } else { sum.saturating_add(one.extra_tickets) })
}

fn most_allowed(dump: &Dump) -> u64 {
    let most = dump.exceptions.iter().map(|one| allowed(dump, &one.user_id)).max();
    most.and_then(|most| u64::try_from(most).ok()).unwrap_or(0)
}

/// S5 as the fans saw it: no hold over the cap, no fan with more acknowledged tickets than the cap.
pub(super) fn as_the_fans_saw_it(evidence: &Evidence<'_>, tally: &mut Tally) {
    let Some(dump) = evidence.dump else { return };
    // Fans are numbers here: each may be the one whom the operator allows the most.
    let cap = dump.highest_cap().saturating_add(most_allowed(dump));
    let cancelled: HashSet<&str> = dump.cancelled_tickets().map(|ticket| &*ticket.ticket_id).collect();
    let mut tickets: BTreeMap<u32, HashSet<&str>> = BTreeMap::new();
    // What each fan saw on sale last: where that is no more than the cap, more cannot be asked for in earnest.
    let mut listed: HashMap<u32, u64> = HashMap::new();
    let (mut refused, mut honest, mut hopeless) = (0, 0, 0);
    for record in &evidence.history.records {
        match (&record.outcome, record.why) {
            (Outcome::Ok(Value::Seats { listed: seats }), Why::Journey) => {
                listed.insert(record.fan, *seats);
            }
            (Outcome::Refused { code, .. }, Why::ProbeOverCap) => {
                refused += u64::from(&**code == "cap_exceeded");
                let few = listed.get(&record.fan).is_some_and(|listed| *listed <= cap);
                hopeless += u64::from(&**code == "unavailable" && few);
            }
            (Outcome::Ok(Value::Hold { seat_ids, .. }), why) => {
                honest += u64::from(why.buys());
                tally.check(seat_ids.len() as u64 <= cap, || {
                    format!("fan {} was given a hold of {} seats; the cap is {cap}", record.fan, seat_ids.len())
                });
            }
            (Outcome::Ok(Value::Checkout { ticket_ids, .. }), why) if why.buys() => {
                // A cancelled ticket made room for another; whether in time, the rows tell.
                let kept = ticket_ids.iter().map(|ticket| &**ticket).filter(|ticket| !cancelled.contains(ticket));
                tickets.entry(record.fan).or_default().extend(kept);
            }
            _ => {}
        }
    }
    for (fan, has) in tickets {
        let has = has.len() as u64;
        tally.check(has <= cap, || format!("fan {fan} was sold {has} tickets; the cap is {cap}"));
    }
    tally.count("attempts over the cap that were refused", refused);
    tally.count("holds within the cap", honest);
    let owed = evidence.owed.over_cap.saturating_sub(hopeless);
    tally.needs("no attempt over the cap was refused as such", owed, refused);
    tally.vacuous |= honest == 0;
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;
    use crate::history::Op;

    #[test]
    fn s5_adds_up_holds_and_tickets_over_time() {
        let most = |second_placed: i64, first_ended: Option<i64>| {
            let mut dump = testkit::dump();
            dump.sale.max_tickets_per_user = 2;
            dump.holds = vec![
                testkit::hold("h1", "u", Some("c"), &["A", "B"], 0, "released"),
                testkit::hold("h2", "u", Some("c"), &["C"], second_placed, "live"),
            ];
            dump.holds[0].ended_at = first_ended;
            testkit::of_dump(&dump, by_the_rows).violations
        };
        assert_eq!(most(10, Some(10)), 0, "one ends as the other begins");
        assert_eq!(most(9, Some(10)), 1);
        assert_eq!(most(10, None), 1);
    }

    #[test]
    fn s5_an_exception_counts_for_its_own_account_and_rule() {
        let violations = |user: &str, rule: &str, extra_tickets: i64, lift: bool| {
            let mut dump = testkit::dump();
            dump.sale.max_tickets_per_user = 1;
            dump.holds = vec![testkit::hold("h", "u", Some("c"), &["A", "B"], 0, "live")];
            let (user_id, rule) = (user.into(), rule.into());
            dump.exceptions.push(crate::dump::Exception { user_id, rule, extra_tickets, lift });
            testkit::of_dump(&dump, by_the_rows).violations
        };
        assert_eq!(violations("u", "cap_exceeded", 1, false), 0);
        assert_eq!(violations("u", "cap_exceeded", 0, true), 0);
        assert_eq!(violations("u", "cap_exceeded", 0, false), 1);
        assert_eq!(violations("v", "cap_exceeded", 1, false), 1);
        assert_eq!(violations("u", "cluster_cap_exceeded", 1, false), 1);
    }

    #[test]
    fn s5_what_the_fans_saw_is_judged_with_the_largest_exception() {
        let mut dump = testkit::dump();
        assert_eq!(most_allowed(&dump), 0);
        for (user, extra_tickets) in [("u", 1), ("u", 2), ("v", 2)] {
            let (user_id, rule) = (user.into(), "cap_exceeded".into());
            dump.exceptions.push(crate::dump::Exception { user_id, rule, extra_tickets, lift: false });
        }
        assert_eq!(most_allowed(&dump), 3);
    }

    #[test]
    fn s5_a_sold_hold_counts_once() {
        let mut dump = testkit::dump();
        dump.sale.max_tickets_per_user = 1;
        dump.holds = vec![testkit::hold("h", "u", Some("c"), &["A"], 0, "sold")];
        dump.holds[0].ended_at = Some(5);
        dump.tickets = vec![testkit::ticket("t", "o", "u", "A", 1)];
        dump.tickets[0].issued_at = 5;
        assert_eq!(testkit::of_dump(&dump, by_the_rows).violations, 0);
        dump.tickets.push(testkit::ticket("t2", "o2", "u", "B", 1));
        assert_eq!(testkit::of_dump(&dump, by_the_rows).violations, 1);
    }

    #[test]
    fn s5_a_cancelled_ticket_makes_room_for_another() {
        let mut story = Story::new(1);
        story.dump.sale.max_tickets_per_user = 1;
        story.checkout(0, 0, 10, "h1", "o1", &["t1"]);
        story.checkout(0, 20, 30, "h2", "o2", &["t2"]);
        story.dump.tickets =
            vec![testkit::ticket("t1", "o1", "fan-0", "A", 10), testkit::ticket("t2", "o2", "fan-0", "A", 10)];
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
        story.dump.tickets[0].cancelled_at = Some(5);
        story.dump.tickets[1].issued_at = 5;
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 0);
        assert_eq!(testkit::of_dump(&story.dump, by_the_rows).violations, 0);
        story.dump.tickets[1].issued_at = 4;
        assert_eq!(testkit::of_dump(&story.dump, by_the_rows).violations, 1, "a millisecond too early");
    }

    #[test]
    fn s5_an_order_that_is_told_of_several_times_counts_once() {
        let mut story = Story::new(1);
        story.dump.sale.max_tickets_per_user = 2;
        story.checkout(0, 0, 10, "h", "o", &["t1", "t2"]);
        story.checkout(0, 1, 9, "h", "o", &["t1", "t2"]);
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 0);
        story.checkout(0, 2, 8, "h", "o2", &["t3"]);
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
    }

    #[test]
    fn s5_needs_somebody_who_tried_and_somebody_who_did() {
        let mut story = Story::new(1);
        story.dump.sale.max_tickets_per_user = 1;
        story.hold(0, 0, 10, "h", &["A"]);
        assert!(story.tally(as_the_fans_saw_it).vacuous);
        story.owed.over_cap = 1;
        let unavailable = Outcome::Refused { status: 409, code: "unavailable".into() };
        story.seats(0, 12, 1);
        story.probe(Op::Hold, Why::ProbeOverCap, 0, 15, unavailable.clone());
        assert_eq!(story.tally(as_the_fans_saw_it).missing, None, "there was no seat more to ask for");
        story.seats(0, 16, 9);
        story.owed.over_cap = 2;
        story.probe(Op::Hold, Why::ProbeOverCap, 0, 18, unavailable);
        assert!(story.tally(as_the_fans_saw_it).missing.is_some(), "owed, and refused for another reason");
        let no = Outcome::Refused { status: 403, code: "cap_exceeded".into() };
        story.probe(Op::Hold, Why::ProbeOverCap, 0, 20, no);
        let tally = story.tally(as_the_fans_saw_it);
        assert!(!tally.vacuous && tally.missing.is_none());
        let given = Value::Hold { hold_id: "x".into(), seat_ids: vec!["A".into(), "B".into()], total: 0 };
        story.probe(Op::Hold, Why::ProbeOverCap, 0, 30, Outcome::Ok(given));
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
    }
}
