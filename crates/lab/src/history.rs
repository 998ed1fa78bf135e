//! What happened: one record per operation of one virtual fan, kept as compressed NDJSON beside the report.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::attack::Attack;
use crate::words::{Phase, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Join,
    Status,
    Seats,
    Hold,
    Release,
    Checkout,
    Transfer,
    /// A request at a path that is none, or that means two things.
    Trick,
}

impl Op {
    pub(crate) const ALL: [Op; 8] =
        [Op::Join, Op::Status, Op::Seats, Op::Hold, Op::Release, Op::Checkout, Op::Transfer, Op::Trick];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Op::Join => "join",
            Op::Status => "status",
            Op::Seats => "seats",
            Op::Hold => "hold",
            Op::Release => "release",
            Op::Checkout => "checkout",
            Op::Transfer => "transfer",
            Op::Trick => "trick",
        }
    }
}

/// Why an answer is missing: the run ended first. The elapsed time is all that is known of it.
pub(crate) const UNFINISHED: &str = "unfinished at the end of the run";

/// Why an answer is missing: the plan had the fan hang up.
pub(crate) const CUT: &str = "the fan hung up, as planned";

/// Why an operation was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Journey,
    /// A join of somebody who has a place.
    Rejoin,
    /// A checkout sent again with the same key after it was answered.
    Repeat,
    /// Must be refused: seats or a hold without an admission, or with one that is used up.
    ProbeUnadmitted,
    /// Must be refused: one seat more than the cap.
    ProbeOverCap,
    /// Must be refused: handing a ticket on.
    ProbeTransfer,
    /// The first poll of somebody who lost the connection and is back.
    Return,
    /// A purchase by somebody who asks for more than is allowed: limits and caps are expected to stop some of it.
    Push,
    /// Must be refused, in the documented way.
    Attack(Attack),
}

impl Why {
    pub(crate) fn is_probe(self) -> bool {
        matches!(self, Why::ProbeUnadmitted | Why::ProbeOverCap | Why::ProbeTransfer | Why::Attack(_))
    }

    /// Part of a purchase that may come about.
    pub(crate) fn buys(self) -> bool {
        matches!(self, Why::Journey | Why::Push)
    }
}

/// Times are microseconds of the run's clock: intended <= sent <= received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(rename = "o")]
    pub(crate) op: Op,
    #[serde(rename = "w")]
    pub(crate) why: Why,
    #[serde(rename = "f")]
    pub(crate) fan: u32,
    #[serde(rename = "d")]
    pub(crate) device: u8,
    /// Which of the run's sales it was about.
    #[serde(rename = "l", default, skip_serializing_if = "is_first")]
    pub(crate) sale: u8,
    #[serde(rename = "i")]
    pub(crate) intended_us: u64,
    #[serde(rename = "s")]
    pub(crate) sent_us: u64,
    #[serde(rename = "r")]
    pub(crate) received_us: u64,
    /// A refusal the plan expects (a probe, a lost race for a seat, a full room) is not an error, nor is an answer that the
    /// plan did not wait for.
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) expected_refusal: bool,
    /// Idempotency key of a hold or checkout.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Box<str>>,
    /// The hold a release or checkout was for.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<Box<str>>,
    #[serde(rename = "x")]
    pub(crate) outcome: Outcome,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_first(sale: &u8) -> bool {
    *sale == 0
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok(Value),
    /// A definite no: nothing happened.
    Refused {
        status: u16,
        code: Box<str>,
    },
    /// It may or may not have happened.
    Unknown(Box<str>),
    /// A poll that was due while the one before was unanswered: answered by that answer, never sent.
    HeldBack,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Value {
    Join {
        position: u64,
        created: bool,
    },
    Status {
        position: u64,
        ahead: Option<u64>,
        state: State,
        phase: Phase,
        admitted: bool,
    },
    Seats {
        listed: u64,
    },
    Hold {
        hold_id: Box<str>,
        seat_ids: Vec<Box<str>>,
        total: i64,
    },
    Released,
    Checkout {
        order_id: Box<str>,
        ticket_ids: Vec<Box<str>>,
        /// SHA-256 of the body's bytes: two answers are the same answer only if they are the same bytes.
        digest: Box<str>,
    },
    /// A probe that was let through.
    Accepted,
}

impl Record {
    /// Of the first fan, at the beginning of time: tests say what matters to them.
    #[cfg(test)]
    pub(crate) fn of(op: Op, why: Why, outcome: Outcome) -> Self {
        let (fan, device, sale, intended_us, sent_us, received_us) = (0, 0, 0, 0, 0, 0);
        let (expected_refusal, key, hold) = (false, None, None);
        Record { op, why, fan, device, sale, intended_us, sent_us, received_us, expected_refusal, key, hold, outcome }
    }

    pub(crate) fn value(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Ok(value) => Some(value),
            _ => None,
        }
    }

    /// Neither held back nor definitely refused: the server may have acted on it.
    pub(crate) fn may_have_happened(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(_) | Outcome::Unknown(_))
    }

    /// No answer, or a no that the plan did not ask for.
    pub(crate) fn failed(&self) -> bool {
        match self.outcome {
            Outcome::Unknown(_) | Outcome::Refused { .. } => !self.expected_refusal,
            Outcome::Ok(_) | Outcome::HeldBack => false,
        }
    }
}

/// All records of a run and who the fans were.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct History {
    /// Account id of each fan.
    pub(crate) accounts: Vec<Box<str>>,
    /// Ids of the run's sales, in the order by which records name them.
    pub(crate) sales: Vec<Box<str>>,
    pub(crate) records: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    schema: String,
    accounts: Vec<Box<str>>,
    #[serde(default)]
    sales: Vec<Box<str>>,
}

const SCHEMA: &str = "traffic.history/1";
/// What is compressed at once.
const CHUNK: usize = 64 << 10;

impl History {
    pub(crate) fn write(&self, out: impl Write) -> io::Result<()> {
        // JSON comes in crumbs, and the encoder clears a buffer for each.
        let mut gzip = BufWriter::with_capacity(CHUNK, GzEncoder::new(out, Compression::fast()));
        let header = Header { schema: SCHEMA.into(), accounts: self.accounts.clone(), sales: self.sales.clone() };
        serde_json::to_writer(&mut gzip, &header)?;
        gzip.write_all(b"\n")?;
        for record in &self.records {
            serde_json::to_writer(&mut gzip, record)?;
            gzip.write_all(b"\n")?;
        }
        gzip.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.flush()
    }

    pub(crate) fn read(from: impl Read) -> io::Result<Self> {
        let mut lines = BufReader::new(GzDecoder::new(from)).lines();
        let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let header: Header = serde_json::from_str(&first)?;
        if header.schema != SCHEMA {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a {SCHEMA}: {}", header.schema)));
        }
        let records = lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<io::Result<_>>()?;
        Ok(History { accounts: header.accounts, sales: header.sales, records })
    }

    /// What was about one of its sales.
    pub(crate) fn of_sale(mut self, sale_id: &str) -> Self {
        let number = self.sales.iter().position(|id| &**id == sale_id).unwrap_or(0);
        self.records.retain(|record| usize::from(record.sale) == number);
        self
    }

    /// One history for each sale, with the same fans.
    pub(crate) fn by_sale(self) -> Vec<History> {
        let empty = || History { accounts: self.accounts.clone(), sales: self.sales.clone(), records: vec![] };
        let mut parts: Vec<History> = (0..self.sales.len().max(1)).map(|_| empty()).collect();
        if let [only] = &mut parts[..] {
            only.records = self.records;
            return parts;
        }
        let last = parts.len() - 1;
        for record in self.records {
            parts[usize::from(record.sale).min(last)].records.push(record);
        }
        parts
    }

    /// The parts as one again, in the order in which the answers came.
    pub(crate) fn whole(parts: Vec<History>) -> Self {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_default();
        parts.for_each(|part| whole.records.extend(part.records));
        whole.records.sort_by_key(|record| record.received_us);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let record = |outcome| Record {
            fan: 7,
            device: 1,
            sale: 1,
            intended_us: 1,
            sent_us: 2,
            received_us: 3,
            key: Some("k".into()),
            ..Record::of(Op::Checkout, Why::Repeat, outcome)
        };
        let refused = Outcome::Refused { status: 409, code: "unavailable".into() };
        let records = [
            Outcome::Ok(Value::Join { position: 1, created: true }),
            Outcome::Ok(Value::Checkout { order_id: "o".into(), ticket_ids: vec!["t".into()], digest: "d".into() }),
            refused,
            Outcome::Unknown("reset".into()),
            Outcome::HeldBack,
        ];
        let sales = vec!["s".into()];
        let history = History { accounts: vec!["a".into()], sales, records: records.into_iter().map(record).collect() };
        let mut bytes = Vec::new();
        history.write(&mut bytes).expect("written");
        assert_eq!(History::read(bytes.as_slice()).expect("read"), history);
        assert!(History::read(&bytes[..bytes.len() / 2]).is_err(), "a history that was cut off is refused");
    }

    #[test]
    fn a_history_of_two_sales_is_taken_apart_and_put_together() {
        let record =
            |sale, received_us| Record { sale, received_us, ..Record::of(Op::Join, Why::Journey, Outcome::HeldBack) };
        let (accounts, sales) = (vec!["a".into()], vec!["s".into(), "t".into()]);
        let history = History { accounts, sales, records: vec![record(0, 1), record(1, 2), record(0, 3)] };
        assert_eq!(history.clone().of_sale("t").records.len(), 1);
        let parts = history.clone().by_sale();
        assert_eq!([parts[0].records.len(), parts[1].records.len()], [2, 1]);
        assert_eq!(History::whole(parts), history);
    }
}
