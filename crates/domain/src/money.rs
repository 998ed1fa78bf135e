//! Money in minor units of one currency.

use std::fmt;

use serde::{Serialize, Serializer};

/// Cents, pence, paise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Money {
    /// The sum, or `None` where it does not fit.
    pub fn sum(prices: impl IntoIterator<Item = Self>) -> Option<Self> {
        prices.into_iter().try_fold(Self(0), |total, price| total.0.checked_add(price.0).map(Self))
    }
}

/// An ISO 4217 code such as `USD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl Currency {
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_does_not_fit_is_none() {
        assert_eq!(Money::sum([Money(5), Money(7)]), Some(Money(12)));
        assert_eq!(Money::sum([Money(i64::MAX), Money(1)]), None);
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(Currency::parse("USD").map(|c| c.to_string()), Some("USD".to_owned()));
        for wrong in ["", "US", "usd", "USDX", "U$D"] {
            assert_eq!(Currency::parse(wrong), None, "{wrong}");
        }
    }
}
