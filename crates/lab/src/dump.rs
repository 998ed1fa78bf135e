//! The export of a sale (contract.md), read line by line into typed rows. Times become epoch milliseconds.

use std::io::BufRead;

use serde::{Deserialize, Deserializer};

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sale {
    pub(crate) sale_id: String,
    pub(crate) total_seats: u64,
    pub(crate) admit_per_minute: u64,
    pub(crate) max_tickets_per_user: u64,
    /// 0: none.
    #[serde(default)]
    pub(crate) max_active: u64,
    pub(crate) hold_ttl_sec: u64,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) opens_at: Option<i64>,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) ends_at: Option<i64>,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) closed_at: Option<i64>,
    #[serde(default)]
    pub(crate) paused: bool,
    pub(crate) last_position: u64,
    pub(crate) through: u64,
}

/// Terms that held before a change of an operator.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Terms {
    #[serde(deserialize_with = "ms")]
    pub(crate) until: i64,
    pub(crate) admit_per_minute: u64,
    pub(crate) max_tickets_per_user: u64,
    /// 0: none.
    #[serde(default)]
    pub(crate) max_active: u64,
    pub(crate) hold_ttl_sec: u64,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) opens_at: Option<i64>,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) ends_at: Option<i64>,
    pub(crate) paused: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Entry {
    pub(crate) position: u64,
    pub(crate) user_id: Box<str>,
    #[serde(deserialize_with = "ms")]
    pub(crate) joined_at: i64,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) called_at: Option<i64>,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) returned_at: Option<i64>,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) recalled_at: Option<i64>,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) claimed_at: Option<i64>,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) ended_at: Option<i64>,
    #[serde(default)]
    pub(crate) ended_as: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BoundBy {
    Rate,
    Cap,
    Stock,
    Line,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Call {
    pub(crate) seq: u64,
    pub(crate) through: u64,
    #[serde(deserialize_with = "ms")]
    pub(crate) at: i64,
    pub(crate) called: u64,
    #[serde(default)]
    pub(crate) recalled: u64,
    pub(crate) bound_by: BoundBy,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claim {
    pub(crate) claim_id: Box<str>,
    pub(crate) user_id: Box<str>,
    pub(crate) position: u64,
    #[serde(deserialize_with = "ms")]
    pub(crate) claimed_at: i64,
    #[serde(deserialize_with = "ms")]
    pub(crate) deadline: i64,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) ended_at: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Seat {
    pub(crate) seat_id: Box<str>,
    pub(crate) status: Box<str>,
    /// The seat of a cancelled ticket, kept by the operator: held, and in no hold.
    #[serde(default)]
    pub(crate) held_back: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Hold {
    pub(crate) hold_id: Box<str>,
    pub(crate) user_id: Box<str>,
    pub(crate) claim_id: Option<Box<str>>,
    pub(crate) seat_ids: Vec<Box<str>>,
    #[serde(deserialize_with = "ms")]
    pub(crate) placed_at: i64,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) ended_at: Option<i64>,
    pub(crate) state: Box<str>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Order {
    pub(crate) order_id: Box<str>,
    pub(crate) user_id: Box<str>,
    pub(crate) hold_id: Option<Box<str>>,
    #[serde(default)]
    pub(crate) claim_id: Option<Box<str>>,
    pub(crate) status: Box<str>,
    pub(crate) total: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) ticket_id: Box<str>,
    pub(crate) order_id: Box<str>,
    pub(crate) user_id: Box<str>,
    pub(crate) seat_id: Box<str>,
    pub(crate) price: i64,
    #[serde(deserialize_with = "ms")]
    pub(crate) issued_at: i64,
    #[serde(default, deserialize_with = "maybe_ms")]
    pub(crate) cancelled_at: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Payment {
    pub(crate) order_id: Box<str>,
    pub(crate) amount: i64,
    pub(crate) state: Box<str>,
}

/// What an operator allowed one account over a cap.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Exception {
    pub(crate) user_id: Box<str>,
    /// The code of the refusal that it lifts.
    pub(crate) rule: Box<str>,
    pub(crate) extra_tickets: i64,
    pub(crate) lift: bool,
}

/// Money for a cancelled ticket, given back or on its way.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refund {
    pub(crate) ticket_id: Box<str>,
    pub(crate) amount: i64,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Sale(Sale),
    Terms(Terms),
    Entry(Entry),
    Call(Call),
    Claim(Claim),
    Seat(Seat),
    Hold(Hold),
    Order(Order),
    Ticket(Ticket),
    Payment(Payment),
    Exception(Exception),
    Refund(Refund),
    End {
        lines: u64,
    },
    #[serde(other)]
    Other,
}

/// One snapshot of one sale, whole: a dump without its last line is refused.
#[derive(Debug, Clone)]
pub(crate) struct Dump {
    pub(crate) sale: Sale,
    /// In order of time.
    pub(crate) terms: Vec<Terms>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) calls: Vec<Call>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) orders: Vec<Order>,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) payments: Vec<Payment>,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) refunds: Vec<Refund>,
}

/// Why lines are not a dump.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("the export cannot be read")]
    Read(#[from] std::io::Error),
    #[error("line {number} of the export is not in the contract: {detail}")]
    Line { number: u64, detail: String },
    #[error("the export is cut off: {0}")]
    CutOff(String),
}

impl Dump {
    pub(crate) fn read(lines: impl BufRead) -> Result<Self, DumpError> {
        let mut dump: Option<Dump> = None;
        let mut count = 0;
        for line in lines.lines() {
            let line = line?;
            let parsed = serde_json::from_str(&line)
                .map_err(|error| DumpError::Line { number: count + 1, detail: error.to_string() })?;
            match (parsed, &mut dump) {
                (Line::End { lines }, Some(whole)) if lines == count => return Ok(whole.clone_out()),
                (Line::End { lines }, _) => {
                    return Err(DumpError::CutOff(format!("{count} lines came, the last one speaks of {lines}")));
                }
                (Line::Sale(sale), None) => dump = Some(Dump::of(sale)),
                (_, None) => {
                    return Err(DumpError::Line {
                        number: count + 1,
                        detail: "the first line must be the sale".into(),
                    });
                }
                (row, Some(dump)) => dump.add(row),
            }
            count += 1;
        }
        Err(DumpError::CutOff(format!("no last line after {count} lines")))
    }

    pub(crate) fn of(sale: Sale) -> Self {
        Dump {
            sale,
            terms: vec![],
            entries: vec![],
            calls: vec![],
            claims: vec![],
            seats: vec![],
            holds: vec![],
            orders: vec![],
            tickets: vec![],
            payments: vec![],
            exceptions: vec![],
            refunds: vec![],
        }
    }

    fn clone_out(&mut self) -> Self {
        let empty = Dump::of(self.sale.clone());
        std::mem::replace(self, empty)
    }

    fn add(&mut self, row: Line) {
        match row {
            Line::Terms(row) => self.terms.push(row),
            Line::Entry(row) => self.entries.push(row),
            Line::Call(row) => self.calls.push(row),
            Line::Claim(row) => self.claims.push(row),
            Line::Seat(row) => self.seats.push(row),
            Line::Hold(row) => self.holds.push(row),
            Line::Order(row) => self.orders.push(row),
            Line::Ticket(row) => self.tickets.push(row),
            Line::Payment(row) => self.payments.push(row),
            Line::Exception(row) => self.exceptions.push(row),
            Line::Refund(row) => self.refunds.push(row),
            // Lines of later issues mean nothing to these checks; a second sale line cannot come in one snapshot.
            Line::Other | Line::Sale(_) | Line::End { .. } => {}
        }
    }

    pub(crate) fn cancelled_tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.iter().filter(|ticket| ticket.cancelled_at.is_some())
    }

    pub(crate) fn live_tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.iter().filter(|ticket| ticket.cancelled_at.is_none())
    }
}

fn ms<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
    parse_ms(&text).map_err(serde::de::Error::custom)
}

pub(crate) fn maybe_ms<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| parse_ms(&text).map_err(serde::de::Error::custom)).transpose()
}

/// Epoch milliseconds of an RFC 3339 time.
pub(crate) fn parse_ms(text: &str) -> Result<i64, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond)
}

/// RFC 3339 in UTC with milliseconds, as the contract writes times.
pub(crate) fn format_ms(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALE: &str = r#"{"type":"sale","sale_id":"s","event_id":"e","opens_at":"2026-11-23T12:00:00.000Z","ends_at":"2026-11-24T12:00:00.000Z","total_seats":1,"admit_per_minute":60,"max_tickets_per_user":4,"hold_ttl_sec":30,"last_position":1,"through":0}"#;
    const ENTRY: &str = r#"{"type":"entry","position":1,"user_id":"u","joined_at":"2026-11-23T12:00:00.123Z","called_at":null,"returned_at":null,"recalled_at":null,"claimed_at":null,"ended_at":null,"ended_as":null,"state":"waiting"}"#;

    fn read(lines: &[&str]) -> Result<Dump, DumpError> {
        Dump::read(lines.join("\n").as_bytes())
    }

    #[test]
    fn a_whole_dump_is_read_and_a_cut_one_refused() {
        let dump = read(&[SALE, ENTRY, r#"{"type":"news","x":1}"#, r#"{"type":"end","lines":3}"#]).expect("whole");
        assert_eq!(format_ms(dump.entries[0].joined_at), "2026-11-23T12:00:00.123Z");
        assert!(matches!(read(&[SALE, ENTRY]), Err(DumpError::CutOff(_))));
        assert!(matches!(read(&[SALE, r#"{"type":"end","lines":2}"#]), Err(DumpError::CutOff(_))));
        assert!(matches!(read(&[ENTRY]), Err(DumpError::Line { number: 1, .. })));
    }

    #[test]
    fn times_are_written_as_the_contract_writes_them() {
        let at = parse_ms("2026-11-23T12:00:00.120Z").expect("a time");
        assert_eq!(format_ms(at), "2026-11-23T12:00:00.120Z");
    }
}
