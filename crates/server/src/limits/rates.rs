//! Which limits there are, what they are by default, and how an operator writes others.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What is limited separately. Who comes by another route has another allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteClass {
    Register,
    /// By account it counts wrong passwords only: taken before, so that many at once do not slip through, and given back
    /// after a right one.
    Login,
    /// One-time codes. An account of this kind is whoever reads mail at an address, registered or not.
    Code,
    /// Challenges of the proof of work: asking for many makes them harder for everybody.
    Challenge,
    /// A first join, which writes.
    Join,
    /// Status, streams and re-joins, which are answered from memory.
    Poll,
    /// Reading: seats, orders, tickets.
    Seats,
    /// Whatever a fan asks the waiting room within a minute of a signal ([`crate::signals`]).
    Odd,
    Hold,
    Checkout,
    /// Wrong keys of the operator or the demo. A right one is never refused.
    Admin,
}

/// Whose allowance it is. The two are asked one after the other, and never the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Account,
    Address,
}

/// So many at once, and then one every `emission_interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub emission_interval: Duration,
    pub burst: u32,
}

/// A node tells the others what it let through in parts of a burst: who joins once, or polls as told, is then hardly ever
/// spoken of, and four nodes know all but half a burst of each other.
const UNTOLD_PARTS: u32 = 8;

impl Rate {
    pub(super) const fn per_sec(count: u32, burst: u32) -> Self {
        Self { emission_interval: Duration::from_nanos(1_000_000_000 / count as u64), burst }
    }

    pub(super) const fn per_min(count: u32, burst: u32) -> Self {
        Self { emission_interval: Duration::from_nanos(60_000_000_000 / count as u64), burst }
    }

    /// A node tells the others of a key that has used so many since it told them last.
    pub(super) fn tell_at(self) -> u32 {
        (self.burst / UNTOLD_PARTS).max(1)
    }
}

/// One limit: its name in the settings, in Redis and in the metrics.
pub(super) struct Kind {
    pub(super) name: &'static str,
    class: RouteClass,
    by: By,
    /// `None`: off unless the operator sets it.
    default: Option<Rate>,
}

const fn of_account(name: &'static str, class: RouteClass, default: Rate) -> Kind {
    Kind { name, class, by: By::Account, default: Some(default) }
}

const fn of_address(name: &'static str, class: RouteClass, default: Rate) -> Kind {
    Kind { name, class, by: By::Address, default: Some(default) }
}

pub(super) const COUNT: usize = 16;

/// For an account strict where an answer costs a write or a payment, and generous where it costs nothing. For an address
/// generous always: a carrier's thousands of fans share one. What is answered from memory is not counted by address.
pub(super) const KINDS: [Kind; COUNT] = [
    of_account("login.account", RouteClass::Login, Rate::per_min(10, 10)),
    of_account("code.account", RouteClass::Code, Rate::per_min(1, 3)),
    of_account("challenge.account", RouteClass::Challenge, Rate::per_min(60, 20)),
    of_account("join.account", RouteClass::Join, Rate::per_min(60, 20)),
    of_account("poll.account", RouteClass::Poll, Rate::per_sec(20, 200)),
    Kind { name: "odd.account", class: RouteClass::Odd, by: By::Account, default: None },
    of_account("seats.account", RouteClass::Seats, Rate::per_sec(5, 50)),
    of_account("hold.account", RouteClass::Hold, Rate::per_min(120, 60)),
    of_account("checkout.account", RouteClass::Checkout, Rate::per_min(5, 20)),
    of_address("register.address", RouteClass::Register, Rate::per_min(6_000, 2_000)),
    of_address("login.address", RouteClass::Login, Rate::per_min(6_000, 2_000)),
    of_address("challenge.address", RouteClass::Challenge, Rate::per_min(60_000, 20_000)),
    of_address("join.address", RouteClass::Join, Rate::per_min(60_000, 20_000)),
    of_address("hold.address", RouteClass::Hold, Rate::per_min(6_000, 2_000)),
    of_address("checkout.address", RouteClass::Checkout, Rate::per_min(6_000, 2_000)),
    of_address("admin.address", RouteClass::Admin, Rate::per_min(10, 10)),
];

/// The place of a limit among [`KINDS`]; `None` where nothing is counted.
pub(super) fn place(class: RouteClass, by: By) -> Option<usize> {
    KINDS.iter().position(|kind| kind.class == class && kind.by == by)
}

/// All limits as an operator wants them; one that is off is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates(pub(super) [Option<Rate>; COUNT]);

impl Default for Rates {
    fn default() -> Self {
        Self(KINDS.map(|kind| kind.default))
    }
}

/// Where they differ from the defaults: `poll.account=off; join.address=one each 10ms, 200 at once`. Else `default`.
impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = KINDS.iter().zip(&self.0).filter(|(kind, rate)| **rate != kind.default);
        let shown: Vec<String> = changed
            .map(|(kind, rate)| match rate {
                Some(rate) => format!("{}=one each {:?}, {} at once", kind.name, rate.emission_interval, rate.burst),
                None => format!("{}=off", kind.name),
            })
            .collect();
        f.write_str(if shown.is_empty() { "default" } else { "" })?;
        f.write_str(&shown.join("; "))
    }
}

/// Ten microseconds between two: Redis counts in whole ones, and a limit beyond is none.
const PER_SEC_MAX: u32 = 100_000;
const BURST_MAX: u32 = 1_000_000;
const FORM: &str = "write COUNT/min:BURST, COUNT/sec:BURST or off";

/// `join.address=60000/min:20000, poll.account=off`: what is not named stays as it is by default.
impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rates = Self::default();
        let mut named = [false; COUNT];
        for part in text.split(',').map(str::trim) {
            let wrong = |why: String| format!("has `{part}`: {why}");
            let (name, written) =
                part.split_once('=').ok_or_else(|| wrong("write NAME=COUNT/min:BURST or NAME=off".to_owned()))?;
            let at = KINDS.iter().position(|kind| kind.name == name.trim()).ok_or_else(|| wrong(unknown(name)))?;
            if std::mem::replace(&mut named[at], true) {
                return Err(wrong("this limit is there twice".to_owned()));
            }
            rates.0[at] = rate(written.trim()).map_err(wrong)?;
        }
        Ok(rates)
    }
}

fn unknown(name: &str) -> String {
    format!("`{}` is no limit; these are: {}", name.trim(), KINDS.map(|kind| kind.name).join(" "))
}

fn rate(text: &str) -> Result<Option<Rate>, String> {
    if matches!(text, "off" | "0") {
        return Ok(None);
    }
    let (pace, burst) = text.split_once(':').ok_or(FORM)?;
    let (count, per) = pace.split_once('/').ok_or(FORM)?;
    let (sec, make): (u32, fn(u32, u32) -> Rate) = match per {
        "sec" => (1, Rate::per_sec),
        "min" => (60, Rate::per_min),
        _ => return Err(format!("`{per}` is neither sec nor min")),
    };
    let number = |what: &str, text: &str, most: u32| {
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| format!("the {what} `{text}` is not a whole number from 1 to {most}"))
    };
    Ok(Some(make(number("count", count, PER_SEC_MAX * sec)?, number("burst", burst, BURST_MAX)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(rates: &Rates, class: RouteClass, by: By) -> Option<Rate> {
        rates.0[place(class, by).unwrap()]
    }

    #[test]
    fn only_what_differs_from_the_defaults_is_shown() {
        let shown = |text: &str| text.parse::<Rates>().unwrap().to_string();
        assert_eq!(Rates::default().to_string(), "default");
        assert_eq!(
            shown("poll.account=off, join.address=100/sec:200"),
            "poll.account=off; join.address=one each 10ms, 200 at once"
        );
    }

    #[test]
    fn what_is_named_changes_and_the_rest_stays() {
        let rates: Rates = "join.address=600/sec:7, hold.account = off,checkout.account=0".parse().unwrap();
        assert_eq!(limit(&rates, RouteClass::Join, By::Address), Some(Rate::per_sec(600, 7)));
        assert_eq!(limit(&rates, RouteClass::Hold, By::Account), None);
        assert_eq!(limit(&rates, RouteClass::Checkout, By::Account), None);
        assert_eq!(limit(&rates, RouteClass::Join, By::Account), Some(Rate::per_min(60, 20)));
    }

    #[test]
    fn a_wrong_part_is_told_with_its_reason() {
        for (text, reason) in [
            ("", "has ``: write NAME=COUNT/min:BURST"),
            ("join.address", "has `join.address`: write NAME=COUNT/min:BURST"),
            (
                "poll.account=off, join.adress=1/min:1",
                "`join.adress` is no limit; these are: login.account code.account ",
            ),
            ("poll.address=1/sec:1", "`poll.address` is no limit"),
            ("hold.account=off,hold.account=off", "has `hold.account=off`: this limit is there twice"),
            ("hold.account=on", FORM),
            ("hold.account=6/min", FORM),
            ("hold.account=6:6", FORM),
            ("hold.account=6/hour:6", "`hour` is neither sec nor min"),
            ("hold.account=0/min:6", "the count `0` is not a whole number from 1 to 6000000"),
            ("hold.account=100001/sec:6", "the count `100001` is not a whole number from 1 to 100000"),
            ("hold.account=6/min:-1", "the burst `-1` is not a whole number from 1 to 1000000"),
            ("hold.account=6/min:1000001", "the burst `1000001` is not"),
        ] {
            let wrong = text.parse::<Rates>().unwrap_err();
            assert!(wrong.contains(reason), "{text}: {wrong}");
        }
    }

    #[test]
    fn every_limit_has_one_place_and_a_name_of_its_class_and_kind() {
        for (at, kind) in KINDS.iter().enumerate() {
            assert_eq!(place(kind.class, kind.by), Some(at), "{}", kind.name);
            let expected = format!("{:?}.{:?}", kind.class, kind.by).to_lowercase();
            assert_eq!(kind.name, expected);
        }
        assert_eq!(place(RouteClass::Poll, By::Address), None);
    }
}
