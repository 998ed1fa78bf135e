//! S8: a ticket stays with the account that bought it.

use std::collections::HashMap;

use super::{Evidence, Tally};
use crate::dump::Dump;
use crate::history::{Outcome, Value, Why};

/// S8 on the export: ticket and order have one owner.
pub(super) fn by_the_rows(dump: &Dump, tally: &mut Tally) {
    let owners: HashMap<&str, &str> = dump.orders.iter().map(|order| (&*order.order_id, &*order.user_id)).collect();
    for ticket in &dump.tickets {
        let buyer = owners.get(&*ticket.order_id).copied();
        tally.check(buyer == Some(&*ticket.user_id), || {
            format!(
                "ticket {} was bought by account {} and belongs to account {}",
                ticket.ticket_id,
                buyer.unwrap_or("nobody"),
                ticket.user_id
            )
        });
    }
}

/// S8 as the fans saw it: who was sold a ticket has it in the export, and no transfer went through.
pub(super) fn as_the_fans_saw_it(evidence: &Evidence<'_>, tally: &mut Tally) {
    let Some(dump) = evidence.dump else { return };
    let owners: HashMap<&str, &str> =
        dump.tickets.iter().map(|ticket| (&*ticket.ticket_id, &*ticket.user_id)).collect();
    let mut refused = 0;
    for record in &evidence.history.records {
        match (&record.outcome, record.why) {
            (Outcome::Ok(Value::Checkout { ticket_ids, .. }), why) if why.buys() => {
                for ticket in ticket_ids {
                    // A ticket that is not there at all is S2's matter.
                    let Some(owner) = owners.get(&**ticket) else { continue };
                    tally.check(*owner == evidence.account(record.fan), || {
                        format!("ticket {ticket} was sold to fan {} and belongs to account {owner}", record.fan)
                    });
                }
            }
            (Outcome::Ok(_), Why::ProbeTransfer) => {
                tally.check(false, || {
                    format!("fan {} handed a ticket on at {:.3} s", record.fan, record.sent_us as f64 / 1e6)
                });
            }
            // Any other no may be about the request, not about transfers.
            (Outcome::Refused { code, .. }, Why::ProbeTransfer) => refused += u64::from(&**code == "transfer_blocked"),
            _ => {}
        }
    }
    tally.count("transfers refused", refused);
    tally.needs("no transfer of a ticket was refused as such", evidence.owed.transfers, refused);
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{self, Story};
    use super::*;
    use crate::history::Op;

    #[test]
    fn s8_catches_a_changed_owner_and_a_transfer() {
        let mut story = Story::new(2);
        story.checkout(0, 0, 10, "h", "o", &["t"]);
        story.dump.orders = vec![testkit::order("o", "fan-0", "h", 10)];
        story.dump.tickets = vec![testkit::ticket("t", "o", "fan-0", "A", 10)];
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 0);
        assert_eq!(testkit::of_dump(&story.dump, by_the_rows).violations, 0);
        story.dump.tickets[0].user_id = "fan-1".into();
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
        assert_eq!(testkit::of_dump(&story.dump, by_the_rows).violations, 1);
        story.dump.tickets[0].user_id = "fan-0".into();
        story.owed.transfers = 1;
        let refused = |status, code: &str| Outcome::Refused { status, code: code.into() };
        story.probe(Op::Transfer, Why::ProbeTransfer, 0, 12, refused(422, "invalid_field"));
        assert!(story.tally(as_the_fans_saw_it).missing.is_some(), "that was about the request");
        story.probe(Op::Transfer, Why::ProbeTransfer, 0, 15, refused(403, "transfer_blocked"));
        assert!(story.tally(as_the_fans_saw_it).missing.is_none());
        story.probe(Op::Transfer, Why::ProbeTransfer, 0, 20, Outcome::Ok(Value::Accepted));
        assert_eq!(story.tally(as_the_fans_saw_it).violations, 1);
    }
}
