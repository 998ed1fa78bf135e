//! What happened: one record per operation of one virtual fan, kept as compressed NDJSON beside the report.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

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
}

impl Op {
    pub(crate) const ALL: [Op; 7] =
        [Op::Join, Op::Status, Op::Seats, Op::Hold, Op::Release, Op::Checkout, Op::Transfer];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Op::Join => "join",
            Op::Status => "status",
            Op::Seats => "seats",
            Op::Hold => "hold",
            Op::Release => "release",
            Op::Checkout => "checkout",
            Op::Transfer => "transfer",
        }
    }
}

/// Why an answer is missing: the run ended first. The elapsed time is all that is known of it.
pub(crate) const UNFINISHED: &str = "unfinished at the end of the run";

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
}

impl Why {
    pub(crate) fn is_probe(self) -> bool {
        matches!(self, Why::ProbeUnadmitted | Why::ProbeOverCap | Why::ProbeTransfer)
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
    #[serde(rename = "i")]
    pub(crate) intended_us: u64,
    #[serde(rename = "s")]
    pub(crate) sent_us: u64,
    #[serde(rename = "r")]
    pub(crate) received_us: u64,
    /// A refusal the plan expects (a probe, a lost race for a seat, a full room) is not an error.
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
            Outcome::Unknown(_) => true,
            Outcome::Refused { .. } => !self.expected_refusal,
            Outcome::Ok(_) | Outcome::HeldBack => false,
        }
    }
}

/// All records of a run and who the fans were.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct History {
    /// Account id of each fan.
    pub(crate) accounts: Vec<Box<str>>,
    pub(crate) records: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    schema: String,
    accounts: Vec<Box<str>>,
}

const SCHEMA: &str = "traffic.history/1";
/// What is compressed at once.
const CHUNK: usize = 64 << 10;

impl History {
    pub(crate) fn write(&self, out: impl Write) -> io::Result<()> {
        // JSON comes in crumbs, and the encoder clears a buffer for each.
        let mut gzip = BufWriter::with_capacity(CHUNK, GzEncoder::new(out, Compression::fast()));
        let header = Header { schema: SCHEMA.into(), accounts: self.accounts.clone() };
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
        Ok(History { accounts: header.accounts, records })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let record = |outcome| Record {
            op: Op::Checkout,
            why: Why::Repeat,
            fan: 7,
            device: 1,
            intended_us: 1,
            sent_us: 2,
            received_us: 3,
            expected_refusal: false,
            key: Some("k".into()),
            hold: None,
            outcome,
        };
        let refused = Outcome::Refused { status: 409, code: "unavailable".into() };
        let records = [
            Outcome::Ok(Value::Join { position: 1, created: true }),
            Outcome::Ok(Value::Checkout { order_id: "o".into(), ticket_ids: vec!["t".into()], digest: "d".into() }),
            refused,
            Outcome::Unknown("reset".into()),
            Outcome::HeldBack,
        ];
        let history = History { accounts: vec!["a".into()], records: records.into_iter().map(record).collect() };
        let mut bytes = Vec::new();
        history.write(&mut bytes).expect("written");
        assert_eq!(History::read(bytes.as_slice()).expect("read"), history);
        assert!(History::read(&bytes[..bytes.len() / 2]).is_err(), "a history that was cut off is refused");
    }
}
