//! In which language a page is written, and how that language writes numbers and money.

use domain::money::Currency;
use http::{HeaderMap, header};

/// Written by the language switch of every fan page.
const COOKIE: &str = "traffic_lang";
const YEAR_SEC: u32 = 31_536_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    Hindi,
}

impl Language {
    const ALL: [Self; 3] = [Self::English, Self::German, Self::Hindi];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Hindi => "hi",
        }
    }

    /// By its code, with or without a region: `de-AT` is German.
    pub(super) fn named(code: &str) -> Option<Self> {
        let code = code.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code))
    }

    /// What the reader chose here, else the first one that the browser asks for, else English.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let chosen = text(header::COOKIE)
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == COOKIE).then(|| Self::named(value))?);
        let asked = || text(header::ACCEPT_LANGUAGE).split(',').find_map(|one| Self::named(one.split(';').next()?));
        chosen.or_else(asked).unwrap_or(Self::English)
    }

    pub(super) fn cookie(self) -> String {
        format!("{COOKIE}={}; Path=/; Max-Age={YEAR_SEC}; SameSite=Lax", self.code())
    }

    /// 12,345,678, or 12.345.678, or 1,23,45,678.
    pub(super) fn number(self, value: i64) -> String {
        let (mark, above) = match self {
            Self::English => (',', 3),
            Self::German => ('.', 3),
            Self::Hindi => (',', 2),
        };
        let digits = value.unsigned_abs().to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            let left = digits.len() - at;
            if at > 0 && left % above == 3 % above && left >= 3 {
                text.push(mark);
            }
            text.push(digit);
        }
        if value < 0 { format!("-{text}") } else { text }
    }

    /// Minor units as people write them, without a fraction where there is none.
    pub(super) fn money(self, minor: i64, currency: Currency) -> String {
        let code = currency.as_str();
        let digits = match code {
            "JPY" | "KRW" | "VND" | "CLP" | "ISK" => 0,
            "BHD" | "KWD" | "OMR" | "JOD" | "TND" => 3,
            _ => 2,
        };
        let unit = 10_i64.pow(digits);
        let mut amount = self.number(minor / unit);
        if minor % unit != 0 {
            let mark = if self == Self::German { ',' } else { '.' };
            amount.push_str(&format!("{mark}{:0width$}", (minor % unit).abs(), width = digits as usize));
        }
        let sign = match code {
            "USD" => "$",
            "EUR" => "€",
            "INR" => "₹",
            "GBP" => "£",
            "JPY" => "¥",
            code => code,
        };
        match self {
            Self::German => format!("{amount}\u{a0}{sign}"),
            _ if sign == code => format!("{code}\u{a0}{amount}"),
            _ => format!("{sign}{amount}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: http::HeaderName, value: &'static str) -> Language {
        Language::of(&[(name, http::HeaderValue::from_static(value))].into_iter().collect())
    }

    #[test]
    fn a_choice_outranks_the_browser_and_english_is_left() {
        assert_eq!(of(header::ACCEPT_LANGUAGE, "fr-FR, de-AT;q=0.8, en;q=0.5"), Language::German);
        assert_eq!(of(header::ACCEPT_LANGUAGE, "fr, *"), Language::English);
        assert_eq!(of(header::COOKIE, "a=1; traffic_lang=hi"), Language::Hindi);
        assert_eq!(of(header::COOKIE, "traffic_lang=xx; other_traffic_lang=de"), Language::English);
    }

    #[test]
    fn numbers_are_grouped_as_their_readers_do() {
        let all = |value| Language::ALL.map(|language| language.number(value));
        assert_eq!(all(0), ["0", "0", "0"]);
        assert_eq!(all(999), ["999", "999", "999"]);
        assert_eq!(all(2_214), ["2,214", "2.214", "2,214"]);
        assert_eq!(all(12_345_678), ["12,345,678", "12.345.678", "1,23,45,678"]);
        assert_eq!(all(123_456), ["123,456", "123.456", "1,23,456"]);
    }

    #[test]
    fn money_has_a_fraction_only_where_there_is_one() {
        let money = |minor, code| Language::ALL.map(|language| language.money(minor, Currency::parse(code).unwrap()));
        assert_eq!(money(250_000, "INR"), ["₹2,500", "2.500\u{a0}₹", "₹2,500"]);
        assert_eq!(money(5_005, "EUR"), ["€50.05", "50,05\u{a0}€", "€50.05"]);
        assert_eq!(money(5_000, "JPY"), ["¥5,000", "5.000\u{a0}¥", "¥5,000"]);
        assert_eq!(money(1_500, "CHF"), ["CHF\u{a0}15", "15\u{a0}CHF", "CHF\u{a0}15"]);
    }
}
