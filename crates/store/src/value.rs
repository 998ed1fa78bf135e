//! The few kinds of value that cross the database surface.

use domain::Timestamp;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Int(i64),
    Text(String),
    Id(Uuid),
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.millis())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from_ids {
    ($($name:ident)*) => {$(
        impl From<domain::$name> for Value {
            fn from(id: domain::$name) -> Self {
                Self::Id(id.0)
            }
        }
    )*};
}

from_ids!(AccountId EventId SaleId ClaimId HoldId OrderId TicketId RunId);

/// One row of a result. The getters panic on a column of another kind: that is a bug in the statement beside them, the
/// writer catches it, and nothing is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    pub fn int(&self, column: usize) -> i64 {
        match self.0[column] {
            Value::Int(value) => value,
            ref other => panic!("column {column} is {other:?}, not a number"),
        }
    }

    pub fn int_or_null(&self, column: usize) -> Option<i64> {
        if self.0[column] == Value::Null { None } else { Some(self.int(column)) }
    }

    pub fn flag(&self, column: usize) -> bool {
        self.int(column) != 0
    }

    pub fn time(&self, column: usize) -> Timestamp {
        Timestamp(self.int(column))
    }

    pub fn time_or_null(&self, column: usize) -> Option<Timestamp> {
        self.int_or_null(column).map(Timestamp)
    }

    pub fn text(&self, column: usize) -> &str {
        match &self.0[column] {
            Value::Text(text) => text,
            other => panic!("column {column} is {other:?}, not text"),
        }
    }

    pub fn text_or_null(&self, column: usize) -> Option<&str> {
        if self.0[column] == Value::Null { None } else { Some(self.text(column)) }
    }

    pub fn bytes(&self, column: usize) -> &[u8] {
        match &self.0[column] {
            Value::Blob(bytes) => bytes,
            Value::Id(id) => id.as_bytes(),
            other => panic!("column {column} is {other:?}, not bytes"),
        }
    }

    pub fn bytes_or_null(&self, column: usize) -> Option<&[u8]> {
        if self.0[column] == Value::Null { None } else { Some(self.bytes(column)) }
    }

    pub fn id<I: From<Uuid>>(&self, column: usize) -> I {
        match &self.0[column] {
            Value::Id(id) => I::from(*id),
            other => panic!("column {column} is {other:?}, not an id"),
        }
    }

    pub fn id_or_null<I: From<Uuid>>(&self, column: usize) -> Option<I> {
        if self.0[column] == Value::Null { None } else { Some(self.id(column)) }
    }
}
