//! Values on their way to PostgreSQL and back. Numbers are `bigint` wherever they are kept; what a statement computes may
//! have another type, and is read as the same whole number that SQLite would give.

use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::value::Value;

type AnyError = Box<dyn Error + Sync + Send>;

/// Digits of PostgreSQL's `numeric` are of this base.
const NUMERIC_BASE: i64 = 10_000;
const NUMERIC_NEGATIVE: u16 = 0x4000;

/// The type that a parameter is sent as; of null the statement decides.
pub(super) fn parameter_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::new(String::new(), 0, Kind::Simple, String::new()),
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Id(_) | Value::Blob(_) => Type::BYTEA,
    }
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, AnyError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Id(id) => id.as_bytes().as_slice().to_sql(kind, out),
            Self::Blob(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl FromSql<'_> for Value {
    fn from_sql(kind: &Type, raw: &[u8]) -> Result<Self, AnyError> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(kind, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(kind, raw)?.into()),
            Type::NUMERIC => Self::Int(whole(raw)?),
            Type::BYTEA => match Uuid::from_slice(raw) {
                Ok(id) => Self::Id(id),
                Err(_) => Self::Blob(raw.to_vec()),
            },
            Type::TEXT | Type::VARCHAR | Type::UNKNOWN => Self::Text(String::from_sql(&Type::TEXT, raw)?),
            ref other => return Err(format!("a statement returned a value of type {other}").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, AnyError> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The whole part of a `numeric`, as sums have it: count of digits, weight of the first, sign, scale, digits.
fn whole(raw: &[u8]) -> Result<i64, AnyError> {
    let words: Vec<u16> = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, _scale, digits @ ..] = words.as_slice() else { return Err("half a numeric".into()) };
    if digits.len() != usize::from(*count) || (*sign != 0 && *sign != NUMERIC_NEGATIVE) {
        return Err("not a number".into());
    }
    let places = i32::from(weight.cast_signed()) + 1;
    let places = usize::try_from(places).unwrap_or(0);
    let mut value: i64 = 0;
    for digit in digits.iter().copied().chain(std::iter::repeat(0)).take(places) {
        let more = value.checked_mul(NUMERIC_BASE).and_then(|value| value.checked_add(digit.into()));
        value = more.ok_or("a number beyond 64 bits")?;
    }
    Ok(if *sign == NUMERIC_NEGATIVE { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let head = [u16::try_from(digits.len()).unwrap(), weight.cast_unsigned(), sign, 0];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn sums_are_read_as_whole_numbers() {
        let read = |raw: Vec<u8>| Value::from_sql(&Type::NUMERIC, &raw).unwrap();
        assert_eq!(read(numeric(0, 0, &[])), Value::Int(0));
        assert_eq!(read(numeric(1, 0, &[123, 4567])), Value::Int(1_234_567));
        assert_eq!(read(numeric(2, 0, &[5])), Value::Int(500_000_000), "zeros at the end are left out");
        assert_eq!(read(numeric(0, NUMERIC_NEGATIVE, &[42])), Value::Int(-42));
        assert_eq!(read(numeric(0, 0, &[7, 5_000])), Value::Int(7), "a fraction is cut");
        assert_eq!(read(numeric(-1, 0, &[9_999])), Value::Int(0));
        assert!(Value::from_sql(&Type::NUMERIC, &numeric(5, 0, &[1])).is_err());
        assert!(Value::from_sql(&Type::NUMERIC, &numeric(0, 0xc000, &[])).is_err(), "not a number");
    }

    #[test]
    fn sixteen_bytes_are_an_id_as_on_sqlite() {
        let id = Uuid::from_u128(7);
        assert_eq!(Value::from_sql(&Type::BYTEA, id.as_bytes()).unwrap(), Value::Id(id));
        assert_eq!(Value::from_sql(&Type::BYTEA, b"short").unwrap(), Value::Blob(b"short".to_vec()));
    }
}
