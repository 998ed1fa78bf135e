//! The knobs of a run: names, defaults, limits, and where each value came from.

use std::collections::BTreeMap;
use std::fmt;

use crate::LabError;
use crate::names::closest;

/// Above 10,000 they share connections; this many polling as they are asked to fill one thread of a generator.
pub const VUS_LIMIT: u64 = 50_000;
/// A run longer than a day is a mistake in a unit.
const DURATION_LIMIT_MS: u64 = 24 * 60 * 60 * 1_000;
/// The largest house a sale of the server may have, with room to spare.
const SEATS_LIMIT: u64 = 1_000_000;
/// A million calls a second: above any hardware, below any overflow.
const RATE_LIMIT_PER_MIN: u64 = 60_000_000;

/// Where a knob's value came from; printed in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Default,
    File,
    Environment,
    Flag,
    Request,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Default => "default",
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::Flag => "flag",
            Origin::Request => "request",
        })
    }
}

/// The shape of a run and of the sale it makes. Build with `Knobs::default()` and `set`.
#[derive(Debug, Clone)]
pub struct Knobs {
    values: BTreeMap<&'static str, (u64, Origin)>,
}

enum Unit {
    Count { low: u64, high: u64 },
    DurationMs { low: u64 },
}

struct Spec {
    name: &'static str,
    default: u64,
    unit: Unit,
}

const fn count(name: &'static str, default: u64, low: u64, high: u64) -> Spec {
    Spec { name, default, unit: Unit::Count { low, high } }
}

const fn duration(name: &'static str, default_ms: u64, low: u64) -> Spec {
    Spec { name, default: default_ms, unit: Unit::DurationMs { low } }
}

const SPECS: [Spec; 11] = [
    count("K6_VUS_MAX", 500, 1, VUS_LIMIT),
    duration("K6_RAMP_UP", 10_000, 0),
    duration("K6_STEADY", 30_000, 0),
    duration("K6_RAMP_DOWN", 10_000, 0),
    count("K6_ADMIT_PER_MIN", 6_000, 1, RATE_LIMIT_PER_MIN),
    count("K6_WAITING_ROOM_CAP", 100_000, 1, 100_000_000),
    count("K6_TOTAL_SEATS", 500, 1, SEATS_LIMIT),
    count("SEED", 1, 0, u64::MAX),
    // The doors of the run's own sale open this long after it was asked for: long enough that they are real.
    duration("DOORS_IN", 3_000, 0),
    count("HOLD_TTL_SEC", 30, 5, 86_400),
    count("MAX_TICKETS_PER_USER", 4, 1, 49),
];

impl Default for Knobs {
    fn default() -> Self {
        Knobs { values: SPECS.iter().map(|spec| (spec.name, (spec.default, Origin::Default))).collect() }
    }
}

impl Knobs {
    /// The names `set` understands, in the order they are documented.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SPECS.iter().map(|spec| spec.name)
    }

    /// Sets a knob from text: whole numbers, durations as `10s`, `1500ms`, `2m` or plain seconds.
    /// Names are taken without regard to case, with or without `K6_`. A refusal names the knob.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) -> Result<(), LabError> {
        let wanted = name.trim().to_ascii_uppercase();
        let spec =
            SPECS.iter().find(|spec| spec.name == wanted || spec.name.strip_prefix("K6_") == Some(wanted.as_str()));
        let Some(spec) = spec else {
            let hint =
                closest(&wanted, Self::names()).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(LabError::BadPlan(format!("there is no knob {name}{hint}")));
        };
        let parsed = parse(spec, value.trim()).map_err(|why| LabError::BadPlan(format!("{}: {why}", spec.name)))?;
        self.values.insert(spec.name, (parsed, origin));
        Ok(())
    }

    /// Every knob with its value as text and where it came from.
    pub fn listed(&self) -> Vec<(&'static str, String, Origin)> {
        SPECS
            .iter()
            .map(|spec| {
                let (value, origin) = self.values[spec.name];
                let text = match spec.unit {
                    Unit::DurationMs { .. } if value % 1_000 == 0 => format!("{}s", value / 1_000),
                    Unit::DurationMs { .. } => format!("{value}ms"),
                    Unit::Count { .. } => value.to_string(),
                };
                (spec.name, text, origin)
            })
            .collect()
    }

    fn get(&self, name: &str) -> u64 {
        self.values[name].0
    }

    pub fn fans(&self) -> u64 {
        self.get("K6_VUS_MAX")
    }
    pub fn ramp_up_ms(&self) -> u64 {
        self.get("K6_RAMP_UP")
    }
    pub fn steady_ms(&self) -> u64 {
        self.get("K6_STEADY")
    }
    pub fn ramp_down_ms(&self) -> u64 {
        self.get("K6_RAMP_DOWN")
    }
    pub fn admit_per_minute(&self) -> u64 {
        self.get("K6_ADMIT_PER_MIN")
    }
    pub fn waiting_room_cap(&self) -> u64 {
        self.get("K6_WAITING_ROOM_CAP")
    }
    pub fn total_seats(&self) -> u64 {
        self.get("K6_TOTAL_SEATS")
    }
    pub fn seed(&self) -> u64 {
        self.get("SEED")
    }
    pub fn doors_in_ms(&self) -> u64 {
        self.get("DOORS_IN")
    }
    pub fn hold_ttl_sec(&self) -> u64 {
        self.get("HOLD_TTL_SEC")
    }
    pub fn max_tickets_per_user(&self) -> u64 {
        self.get("MAX_TICKETS_PER_USER")
    }
}

fn parse(spec: &Spec, text: &str) -> Result<u64, String> {
    let (value, low, high) = match spec.unit {
        Unit::Count { low, high } => {
            (text.parse().map_err(|_| format!("\"{text}\" is not a whole number"))?, low, high)
        }
        Unit::DurationMs { low } => (parse_duration_ms(text)?, low, DURATION_LIMIT_MS),
    };
    if (low..=high).contains(&value) { Ok(value) } else { Err(format!("{text} is outside {low} to {high}")) }
}

/// Milliseconds of `10s`, `1500ms`, `2m`, `1h` or plain seconds.
pub(crate) fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let scale = match &text[digits..] {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("\"{text}\" is not a duration; write 10s, 1500ms, 2m or seconds")),
    };
    let number: u64 = text[..digits]
        .parse()
        .map_err(|_| format!("\"{text}\" is not a duration; write 10s, 1500ms, 2m or seconds"))?;
    number.checked_mul(scale).ok_or_else(|| format!("{text} is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Knobs, String> {
        let mut knobs = Knobs::default();
        knobs.set(name, value, Origin::Environment).map_err(|e| e.to_string())?;
        Ok(knobs)
    }

    #[test]
    fn durations_and_counts_are_read_as_k6_writes_them() {
        assert_eq!(set("K6_RAMP_UP", "2s").map(|k| k.ramp_up_ms()), Ok(2_000));
        assert_eq!(set("K6_RAMP_UP", "1500ms").map(|k| k.ramp_up_ms()), Ok(1_500));
        assert_eq!(set("steady", "8").map(|k| k.steady_ms()), Ok(8_000));
        assert_eq!(set("k6_vus_max", "10000").map(|k| k.fans()), Ok(10_000));
    }

    #[test]
    fn refusals_name_the_knob() {
        assert_eq!(set("K6_VUS_MAX", "50001").map(|_| ()), Err("K6_VUS_MAX: 50001 is outside 1 to 50000".into()));
        assert_eq!(set("K6_VUS_MAX", "many").map(|_| ()), Err("K6_VUS_MAX: \"many\" is not a whole number".into()));
        assert!(set("K6_STEADY", "10 parsecs").is_err_and(|e| e.starts_with("K6_STEADY: ")));
        assert_eq!(
            set("K6_VUS_MIX", "1").map(|_| ()),
            Err("there is no knob K6_VUS_MIX; did you mean K6_VUS_MAX?".into())
        );
    }

    #[test]
    fn every_value_says_where_it_came_from() {
        let knobs = set("SEED", "9").expect("a seed");
        let listed = knobs.listed();
        assert!(listed.contains(&("SEED", "9".into(), Origin::Environment)));
        assert!(listed.contains(&("K6_VUS_MAX", "500".into(), Origin::Default)));
    }
}
