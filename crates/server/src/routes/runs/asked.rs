//! What a request for a run may ask for. Over a cap it is refused, and told which: nothing is quietly made smaller.

use domain::sale::{FASTEST_DRIP_PER_MINUTE, LARGEST_ROOM, MOST_SEATS, Phase};
use domain::{Refusal, SaleId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::app::{App, Scenario};
use crate::problem::Problem;

#[derive(Deserialize, ToSchema)]
pub(super) struct Asked {
    scenario: String,
    /// An open sale to use as it is; otherwise the run makes its own, which becomes the demo sale.
    #[serde(default)]
    sale_id: Option<String>,
    #[serde(default)]
    vus_max: Option<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ramp_up: Option<Length>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    steady: Option<Length>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ramp_down: Option<Length>,
    #[serde(default)]
    admit_per_minute: Option<i64>,
    #[serde(default)]
    waiting_room_cap: Option<i64>,
    #[serde(default)]
    total_seats: Option<i64>,
    /// The same seed plans the same run.
    #[serde(default)]
    seed: Option<i64>,
}

/// `"10s"`, `"1500ms"`, `"2m"`, `"10"`, or seconds as a number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a time such as \"10s\", or seconds")]
enum Length {
    Seconds(u32),
    Text(String),
}

impl Length {
    fn ms(&self) -> Option<u64> {
        let text = match self {
            Self::Seconds(seconds) => return Some(u64::from(*seconds) * 1_000),
            Self::Text(text) => text,
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let scale = match &text[digits..] {
            "ms" => 1,
            "s" | "" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        text[..digits].parse::<u64>().ok()?.checked_mul(scale)
    }
}

/// What is fit to be kept.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) scenario: &'static str,
    pub(super) sale: Option<SaleId>,
    /// `{asked: {knob: text}, defaults: {knob: text}}`, by the names that the lab has for them.
    pub(super) knobs: Value,
}

impl Asked {
    pub(super) async fn check(self, app: &App) -> Result<Wish, Problem> {
        let (scenario, knobs) = (self.scenario(app)?, self.knobs(app)?);
        let Scenario { name, own_sale_only, .. } = *scenario;
        let sale = match &self.sale_id {
            Some(_) if own_sale_only => {
                let why = format!("sale_id: {name} makes its own sales; leave it out.");
                return Err(Problem::field("sale_id", why));
            }
            Some(text) => Some(open_sale(app, text).await?),
            None => None,
        };
        Ok(Wish { scenario: name, sale, knobs })
    }

    fn scenario<'a>(&self, app: &'a App) -> Result<&'a Scenario, Problem> {
        app.scenarios.iter().find(|known| known.name == self.scenario).ok_or_else(|| {
            let names: Vec<_> = app.scenarios.iter().map(|known| known.name).collect();
            Problem::invalid_scenario(format!("scenario: one of {}.", names.join(", ")))
        })
    }

    fn knobs(&self, app: &App) -> Result<Value, Problem> {
        let caps = app.config.loadtest;
        let numbers = [
            ("vus_max", "K6_VUS_MAX", self.vus_max, 1, caps.max_vus.into(), " (LOADTEST_MAX_VUS)"),
            ("admit_per_minute", "K6_ADMIT_PER_MIN", self.admit_per_minute, 1, FASTEST_DRIP_PER_MINUTE, ""),
            ("waiting_room_cap", "K6_WAITING_ROOM_CAP", self.waiting_room_cap, 1, LARGEST_ROOM, ""),
            ("total_seats", "K6_TOTAL_SEATS", self.total_seats, 1, MOST_SEATS, ""),
            ("seed", "SEED", self.seed, 0, i64::MAX, ""),
        ];
        let lengths = [
            ("ramp_up", "K6_RAMP_UP", &self.ramp_up),
            ("steady", "K6_STEADY", &self.steady),
            ("ramp_down", "K6_RAMP_DOWN", &self.ramp_down),
        ];
        let mut asked = Map::new();
        for (field, knob, value, least, most, cap) in numbers {
            let Some(value) = value else { continue };
            if !(least..=most).contains(&value) {
                return Err(Problem::field(field, format!("{field}: {least} to {most}{cap}.")));
            }
            asked.insert(knob.to_owned(), json!(value.to_string()));
        }
        for (field, knob, length) in lengths {
            let Some(length) = length else { continue };
            let ms = length
                .ms()
                .ok_or_else(|| Problem::field(field, format!("{field}: write 10s, 1500ms, 2m or seconds.")))?;
            let most_sec = caps.max_steady_sec;
            if ms > u64::from(most_sec) * 1_000 {
                return Err(Problem::field(field, format!("{field}: at most {most_sec}s (LOADTEST_MAX_STEADY_SEC).")));
            }
            asked.insert(knob.to_owned(), json!(format!("{ms}ms")));
        }
        let defaults = match self.vus_max {
            Some(_) => json!({}),
            None => json!({ "K6_VUS_MAX": caps.default_vus.to_string() }),
        };
        Ok(json!({ "asked": asked, "defaults": defaults }))
    }
}

async fn open_sale(app: &App, text: &str) -> Result<SaleId, Problem> {
    let sale: SaleId = text.parse().map_err(|_| Refusal::SaleNotFound)?;
    let room = app.surely(|| app.rooms.get(sale).ok_or(Refusal::SaleNotFound)).await?;
    let phase = room.phase(app.clock.wall());
    if phase == Phase::Open {
        return Ok(sale);
    }
    let detail = format!("sale_id: this sale is {}, and a run needs an open one.", phase.name().replace('_', " "));
    Err(Problem::field("sale_id", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_seconds_or_has_a_unit() {
        let ms = |json: Value| serde_json::from_value::<Length>(json).ok().and_then(|length| length.ms());
        for (written, expected) in [
            (json!(10), Some(10_000)),
            (json!("10"), Some(10_000)),
            (json!("10s"), Some(10_000)),
            (json!("1500ms"), Some(1_500)),
            (json!("2m"), Some(120_000)),
            (json!("1h"), Some(3_600_000)),
            (json!(0), Some(0)),
            (json!(-1), None),
            (json!(1.5), None),
            (json!("1.5s"), None),
            (json!("s"), None),
            (json!("10 s"), None),
            (json!("999999999999999999m"), None),
            (json!([]), None),
        ] {
            assert_eq!(ms(written.clone()), expected, "{written}");
        }
    }
}
