//! The small surface on which verbs are written: query, execute, lock, emit, and the time.
//!
//! SQL is written with `?1`..`?n`. Bulk input is one JSON parameter: an array of arrays, unpacked as
//! `json_each(?n)` with `value ->> 0` for its first column and so on, bytes as hexadecimal text; of one column alone, an
//! array and `value`, which costs half. What is looked up by it
//! is joined with `cross join`, which keeps the order: the few rows first, the large table by its index.

use std::fmt::Write as _;
use std::future::Future;

use domain::Timestamp;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::change::Change;
use crate::error::{DbError, Outcome};
use crate::value::{Row, Value};

/// One snapshot that can be read.
pub trait Read: Send {
    fn query(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send;

    /// The clock that decides: expiries, windows, the order of joins. It never runs ahead of real time.
    fn now(&self) -> Timestamp;

    /// The wall clock, which phases follow.
    fn wall(&self) -> Timestamp;

    /// A deciding time as people's clocks show it.
    fn shown(&self, at: Timestamp) -> Timestamp;

    /// The first row, where there is one.
    fn first(
        &mut self,
        sql: &'static str,
        args: &[Value],
    ) -> impl Future<Output = Result<Option<Row>, DbError>> + Send {
        async move { Ok(self.query(sql, args).await?.into_iter().next()) }
    }
}

/// One transaction that can write.
pub trait Tx: Read {
    fn execute(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<u64, DbError>> + Send;

    /// Reads rows, named by what never changes of them, and keeps them from changing until the end. Always a statement of
    /// its own, before what it protects is read, in the order: lease, drip, queue head, circles by id, the account's first
    /// claim, its place in line, holds by id, seats in order, tickets by id.
    fn lock(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send;

    /// As [`Tx::lock`], of the rows of `lock`; then reads `read`, which sees all that others did before they let go of
    /// those rows.
    fn locked(
        &mut self,
        lock: &'static str,
        read: &'static str,
        args: &[Value],
    ) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send;

    /// Tells the observer, after the commit and before the answer.
    fn emit(&mut self, change: Change);
}

/// Where a command waits: drained in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Ticks and the operator.
    Operator,
    /// Payments that came back: the money is taken, and somebody waits for his tickets.
    Settlements,
    Purchases,
    Joins,
    /// New accounts: a flood of them must not stop those who have one.
    Accounts,
}

/// What waits beside the lanes, where it is counted with them.
pub(crate) const READS: &str = "reads";

impl Lane {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Settlements => "settlements",
            Self::Purchases => "purchases",
            Self::Joins => "joins",
            Self::Accounts => "accounts",
        }
    }
}

/// One business verb: one transaction.
pub trait Verb: Send + Sync + 'static {
    type Done: Send + 'static;
    const LANE: Lane;
    fn run<T: Tx>(&self, tx: &mut T) -> impl Future<Output = Outcome<Self::Done>> + Send;
}

/// One reading of one snapshot.
pub trait Query: Send + Sync + 'static {
    type Out: Send + 'static;
    fn run<R: Read>(&self, read: &mut R) -> impl Future<Output = Outcome<Self::Out>> + Send;
}

/// The bulk parameter: an array of rows.
pub(crate) fn bulk<const N: usize>(rows: impl IntoIterator<Item = [Json; N]>) -> Value {
    let rows: Vec<Json> = rows.into_iter().map(|row| Json::Array(row.into())).collect();
    Value::Text(Json::Array(rows).to_string())
}

/// The bulk parameter of one column: `value` itself is what was given, and `key` its place, from 0.
pub(crate) fn list<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> Value {
    let mut text = String::from("[");
    for value in values {
        let comma = if text.len() > 1 { "," } else { "" };
        write!(text, "{comma}{value}").expect("writing to a string does not fail");
    }
    text.push(']');
    Value::Text(text)
}

/// As [`list`], of ids; the statement says `unhex(value)`.
pub(crate) fn id_list(ids: impl IntoIterator<Item = Uuid>) -> Value {
    list(ids.into_iter().map(Hex))
}

struct Hex(Uuid);

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0.simple())
    }
}

/// An id in a bulk row; the statement says `unhex(value ->> n)`.
pub(crate) fn hex(id: Uuid) -> Json {
    Json::String(id.simple().to_string())
}
