//! What must be true of the data after a crash: the rows of an export against what fans were told.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::fan::Fan;

/// The export of one sale, by what it is asked for.
pub(crate) struct Book {
    positions: Vec<(i64, String)>,
    holds: HashMap<String, Value>,
    orders: HashMap<String, Value>,
    /// Seats and ids of an order's tickets.
    tickets: HashMap<String, Vec<Value>>,
    payments: HashMap<String, Value>,
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

impl Book {
    /// Also asks the lab's checkers, which share no code with the product.
    pub(crate) fn read(export: &str) -> Self {
        let judged = lab::assert_queue(export.as_bytes()).unwrap();
        assert!(judged.passed(), "{}", judged.render());
        Self::of(export.lines().map(|line| serde_json::from_str(line).unwrap()))
    }

    fn of(rows: impl Iterator<Item = Value>) -> Self {
        let mut book = Self {
            positions: Vec::new(),
            holds: HashMap::new(),
            orders: HashMap::new(),
            tickets: HashMap::new(),
            payments: HashMap::new(),
        };
        for row in rows {
            match text(&row, "type") {
                "entry" => book.positions.push((row["position"].as_i64().unwrap(), text(&row, "user_id").to_owned())),
                "hold" => drop(book.holds.insert(text(&row, "hold_id").to_owned(), row)),
                "order" => drop(book.orders.insert(text(&row, "order_id").to_owned(), row)),
                "ticket" => book.tickets.entry(text(&row, "order_id").to_owned()).or_default().push(row),
                "payment" => drop(book.payments.insert(text(&row, "order_id").to_owned(), row)),
                _ => {}
            }
        }
        book
    }

    /// Accounts with an order that waits for its payment.
    pub(crate) fn paying(&self) -> HashSet<&str> {
        self.orders.values().filter(|order| text(order, "status") == "paying").map(|o| text(o, "user_id")).collect()
    }

    /// Everything that does not depend on what anybody was told.
    pub(crate) fn is_sound(&self) {
        let positions: Vec<i64> = self.positions.iter().map(|(position, _)| *position).collect();
        assert_eq!(positions, (1..=positions.len() as i64).collect::<Vec<_>>(), "gap-free");
        let accounts: HashSet<&str> = self.positions.iter().map(|(_, account)| account.as_str()).collect();
        assert_eq!(accounts.len(), self.positions.len(), "one place for one account");

        let mut buyers = HashSet::new();
        let mut seats = HashSet::new();
        for (id, order) in &self.orders {
            let tickets = self.tickets.get(id).map_or(&[][..], Vec::as_slice);
            let payment = self.payments.get(id).map(|payment| text(payment, "state"));
            match text(order, "status") {
                "confirmed" => {
                    let hold = &self.holds[text(order, "hold_id")];
                    assert_eq!(tickets.len(), hold["seat_ids"].as_array().unwrap().len(), "{order}");
                    assert_eq!((payment, text(hold, "state")), (Some("captured"), "sold"), "{order}");
                }
                "declined" | "paying" => assert_eq!((tickets.len(), payment), (0, None), "{order}"),
                _ => panic!("nobody lost a seat here: {order}"),
            }
            if text(order, "status") != "declined" {
                assert!(buyers.insert(text(order, "user_id")), "a second order: {order}");
            }
            for ticket in tickets {
                assert!(seats.insert(text(ticket, "seat_id")), "a seat sold twice: {ticket}");
            }
        }
        assert_eq!(self.tickets.values().map(Vec::len).sum::<usize>(), seats.len(), "every ticket has its order");
    }

    /// All that this fan was told is still so.
    pub(crate) fn keeps_its_word_to(&self, fan: &Fan) {
        let Some(position) = fan.position else { return };
        let index = usize::try_from(position - 1).unwrap();
        assert_eq!(self.positions.get(index), Some(&(position, fan.account.clone())), "a place");
        let Some(kept) = &fan.hold else { return };
        let hold = self.holds.get(kept.text("hold_id")).unwrap_or_else(|| panic!("a hold is lost: {}", kept.json));
        let mut seats: Vec<&str> = hold["seat_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        seats.sort_unstable();
        assert_eq!((text(hold, "user_id"), seats), (fan.account.as_str(), kept.list("seat_ids")), "{hold}");
        let of_hold: Vec<&Value> = self.orders.values().filter(|order| order["hold_id"] == hold["hold_id"]).collect();
        let confirmed = of_hold.iter().any(|order| text(order, "status") == "confirmed");
        assert_eq!(text(hold, "state"), if confirmed { "sold" } else { "live" }, "{hold}");
        if fan.declined {
            assert!(of_hold.iter().any(|order| text(order, "status") == "declined"), "a decline is lost: {hold}");
        }
        if fan.paying_since.is_some() {
            assert!(!of_hold.is_empty(), "an order is lost: {hold}");
        }
        let Some(kept) = &fan.order else { return };
        let order = self.orders.get(kept.text("order_id")).unwrap_or_else(|| panic!("an order is lost: {}", kept.json));
        let mut tickets: Vec<&str> = self.tickets[kept.text("order_id")].iter().map(|t| text(t, "ticket_id")).collect();
        tickets.sort_unstable();
        assert_eq!((text(order, "status"), tickets), ("confirmed", kept.list("ticket_ids")), "{order}");
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use serde_json::json;

    use super::super::fan::Kept;
    use super::*;

    fn rows() -> Vec<Value> {
        vec![
            json!({ "type": "entry", "position": 1, "user_id": "ann" }),
            json!({ "type": "entry", "position": 2, "user_id": "ben" }),
            json!({ "type": "hold", "hold_id": "h1", "user_id": "ann", "seat_ids": ["GA-1-1"], "state": "sold" }),
            json!({ "type": "hold", "hold_id": "h2", "user_id": "ben", "seat_ids": ["GA-1-2"], "state": "live" }),
            json!({ "type": "order", "order_id": "o1", "user_id": "ann", "hold_id": "h1", "status": "confirmed" }),
            json!({ "type": "order", "order_id": "o2", "user_id": "ben", "hold_id": "h2", "status": "paying" }),
            json!({ "type": "ticket", "ticket_id": "t1", "order_id": "o1", "seat_id": "GA-1-1" }),
            json!({ "type": "payment", "order_id": "o1", "state": "captured" }),
        ]
    }

    fn kept(json: Value) -> Option<Kept> {
        Some(Kept { body: json.to_string().into_bytes(), json })
    }

    /// What Ann and Ben were told.
    fn told() -> [Fan; 2] {
        let fan = |number, name: &str| Fan::new(number, "sale", (name.to_owned(), String::new()));
        let (mut ann, mut ben) = (fan(1, "ann"), fan(2, "ben"));
        (ann.position, ben.position, ben.paying_since) = (Some(1), Some(2), Some(0));
        ann.hold = kept(json!({ "hold_id": "h1", "seat_ids": ["GA-1-1"] }));
        ben.hold = kept(json!({ "hold_id": "h2", "seat_ids": ["GA-1-2"] }));
        ann.order = kept(json!({ "order_id": "o1", "ticket_ids": ["t1"] }));
        [ann, ben]
    }

    fn holds_up(rows: Vec<Value>) -> bool {
        let book = Book::of(rows.into_iter());
        catch_unwind(AssertUnwindSafe(|| {
            book.is_sound();
            told().iter().for_each(|fan| book.keeps_its_word_to(fan));
        }))
        .is_ok()
    }

    #[test]
    fn whatever_is_lost_is_missed() {
        assert!(holds_up(rows()));
        for lost in 0..rows().len() {
            let mut rows = rows();
            let row = rows.remove(lost);
            assert!(!holds_up(rows), "nobody misses {row}");
        }
    }

    #[test]
    fn whatever_has_changed_is_seen() {
        for (row, field, value) in [
            (0, "user_id", json!("ben")),
            (1, "position", json!(3)),
            (2, "state", json!("live")),
            (2, "seat_ids", json!(["GA-1-3"])),
            (3, "user_id", json!("ann")),
            (3, "state", json!("expired")),
            (4, "status", json!("paying")),
            (4, "status", json!("declined")),
            (5, "status", json!("confirmed")),
            (6, "ticket_id", json!("t2")),
            (6, "order_id", json!("o2")),
            (7, "state", json!("refund_due")),
        ] {
            let mut rows = rows();
            rows[row][field] = value;
            assert!(!holds_up(rows.clone()), "nobody sees {}", rows[row]);
        }
    }

    #[test]
    fn whatever_is_there_twice_is_seen() {
        for twice in [
            json!({ "type": "entry", "position": 3, "user_id": "ann" }),
            json!({ "type": "order", "order_id": "o3", "user_id": "ann", "hold_id": "h1", "status": "paying" }),
            json!({ "type": "ticket", "ticket_id": "t2", "order_id": "o1", "seat_id": "GA-1-1" }),
            json!({ "type": "ticket", "ticket_id": "t2", "order_id": "o9", "seat_id": "GA-1-9" }),
            json!({ "type": "payment", "order_id": "o2", "state": "captured" }),
        ] {
            let rows: Vec<Value> = rows().into_iter().chain([twice.clone()]).collect();
            assert!(!holds_up(rows), "nobody sees {twice}");
        }
    }
}
