//! Arrivals as they once were somewhere, as a plan: so many people each second (or minute), with the journey of
//! `launch_spike`. Format: docs/load-lab.md.

use serde_json::{Map, Value};

use crate::LabError;
use crate::dice::{Dice, Purpose};
use crate::knobs::{Knobs, Origin, VUS_LIMIT};
use crate::plan::Plan;
use crate::preview::Preview;
use crate::report::Text;
use crate::scenarios::{self, Planned};

const SCHEMA: &str = "traffic.trace/1";
const FIELDS: [&str; 5] = ["schema", "name", "source", "unit", "arrivals"];
/// A day of minutes, or some twenty minutes of seconds: more is no rush.
const STEPS_LIMIT: usize = 1_440;
/// Keeps names in reports and on terminals short.
const TEXT_LIMIT: usize = 400;

/// A parsed trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    name: String,
    source: String,
    step_ms: u64,
    arrivals: Vec<u64>,
}

impl Trace {
    /// The name of the scenario that a replay has in its report.
    pub const SCENARIO: &str = "replay";

    /// Reads the JSON of a trace; a refusal names the field.
    pub fn read(json: &str) -> Result<Self, LabError> {
        parse(json).map_err(|why| LabError::BadPlan(format!("this is no trace: {why}")))
    }

    /// What a replay with these knobs would do.
    pub fn preview(&self, knobs: &Knobs, own_sale: bool) -> Result<Preview, LabError> {
        let (planned, knobs) = self.plan(knobs, own_sale)?;
        Ok(Preview::new(&planned.plan, planned.slos, &knobs, own_sale))
    }

    /// The plan, and the knobs as it set them.
    pub(crate) fn plan(&self, knobs: &Knobs, own_sale: bool) -> Result<(Planned, Knobs), LabError> {
        let origin = |wanted: &str| knobs.listed().into_iter().find(|(name, ..)| *name == wanted).map(|row| row.2);
        if origin("K6_RAMP_UP") != Some(Origin::Default) {
            return Err(LabError::BadPlan("K6_RAMP_UP: the trace says how long people arrive".into()));
        }
        let mut knobs = knobs.clone();
        let total: u64 = self.arrivals.iter().sum();
        if origin("K6_VUS_MAX") == Some(Origin::Default) {
            if total > VUS_LIMIT {
                return Err(LabError::BadPlan(format!(
                    "arrivals: {total} people are more than {VUS_LIMIT}; K6_VUS_MAX scales them down"
                )));
            }
            knobs.set("K6_VUS_MAX", &total.to_string(), Origin::File)?;
        }
        let ramp_ms = self.step_ms * self.arrivals.len() as u64;
        knobs.set("K6_RAMP_UP", &format!("{ramp_ms}ms"), Origin::File)?;

        let scenario = scenarios::find("launch_spike")?;
        let mut plan = (scenario.plan)(&knobs);
        plan.scenario = Self::SCENARIO.into();
        self.place(&mut plan);
        let slos = (scenario.slos)(&knobs, &plan, own_sale);
        Ok((Planned { scenario, plan, slos }, knobs))
    }

    /// Gives every fan its arrival: spread over the steps as in the trace, anywhere within its step.
    fn place(&self, plan: &mut Plan) {
        let step_us = self.step_ms * 1_000;
        let shares = scaled(&self.arrivals, plan.fans.len() as u64);
        let steps = (0u64..).zip(shares).flat_map(|(step, fans)| (0..fans).map(move |_| step));
        for ((number, fan), step) in (0u64..).zip(&mut plan.fans).zip(steps) {
            fan.arrival_us = step * step_us + Dice::new(plan.seed, number, Purpose::Arrival).below(step_us);
        }
    }

    /// For the report: what was replayed, and where it comes from.
    pub(crate) fn note(&self) -> String {
        format!("replays the trace \"{}\": {}", self.name, self.source)
    }
}

/// `parts` scaled so that they sum to `total`; what is left over by rounding down goes to the largest remainders.
fn scaled(parts: &[u64], total: u64) -> Vec<u64> {
    let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    let exact = |part: u64| (u128::from(part) * u128::from(total) / sum, u128::from(part) * u128::from(total) % sum);
    let mut shares: Vec<u64> =
        parts.iter().map(|part| u64::try_from(exact(*part).0).expect("no larger than the total")).collect();
    let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
    by_remainder.sort_by_key(|step| (std::cmp::Reverse(exact(parts[*step]).1), *step));
    let left = total - shares.iter().sum::<u64>();
    for step in by_remainder.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        shares[step] += 1;
    }
    shares
}

fn parse(json: &str) -> Result<Trace, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| format!("it is not JSON: {error}"))?;
    let fields = value.as_object().ok_or("it is not a JSON object")?;
    if let Some(other) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(format!("{}: there is no such field; there are {}", plain(other), FIELDS.join(", ")));
    }
    match text(fields, "schema")? {
        SCHEMA => {}
        other => return Err(format!("schema: \"{}\" is not {SCHEMA}", plain(other))),
    }
    let step_ms = match text(fields, "unit")? {
        "arrivals_per_second" => 1_000,
        "arrivals_per_minute" => 60_000,
        other => {
            return Err(format!("unit: \"{}\" is neither arrivals_per_second nor arrivals_per_minute", plain(other)));
        }
    };
    let arrivals = fields.get("arrivals").ok_or("arrivals: it is missing")?;
    let arrivals = arrivals.as_array().ok_or("arrivals: it is not a list")?;
    if arrivals.is_empty() || arrivals.len() > STEPS_LIMIT {
        return Err(format!("arrivals: {} numbers are not 1 to {STEPS_LIMIT}", arrivals.len()));
    }
    let count = |(place, value): (usize, &Value)| {
        let count = value.as_u64().filter(|count| *count <= u64::from(u32::MAX));
        count.ok_or_else(|| format!("arrivals[{place}]: {} is no number of people", plain(&value.to_string())))
    };
    let arrivals = arrivals.iter().enumerate().map(count).collect::<Result<Vec<_>, _>>()?;
    if arrivals.iter().all(|count| *count == 0) {
        return Err("arrivals: nobody comes".into());
    }
    let trace = |field| text(fields, field).map(plain);
    Ok(Trace { name: trace("name")?, source: trace("source")?, step_ms, arrivals })
}

fn text<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a str, String> {
    let value = fields.get(field).ok_or_else(|| format!("{field}: it is missing"))?;
    let text = value.as_str().ok_or_else(|| format!("{field}: it is not text"))?;
    if text.is_empty() || text.len() > TEXT_LIMIT {
        return Err(format!("{field}: {} bytes are not 1 to {TEXT_LIMIT}", text.len()));
    }
    Ok(text)
}

fn plain(text: &str) -> String {
    Text::from(text).line()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trace(arrivals: &Value) -> Value {
        json!({"schema": SCHEMA, "name": "n", "source": "s", "unit": "arrivals_per_second", "arrivals": arrivals})
    }

    fn read(arrivals: &[u64]) -> Trace {
        Trace::read(&trace(&json!(arrivals)).to_string()).expect("a trace")
    }

    fn knobs(set: &[(&str, &str)]) -> Knobs {
        let mut knobs = Knobs::default();
        set.iter().for_each(|(name, value)| knobs.set(name, value, Origin::Flag).expect("a knob"));
        knobs
    }

    fn per_second(plan: &Plan) -> Vec<usize> {
        let at = |second: u64| plan.fans.iter().filter(|fan| fan.arrival_us / 1_000_000 == second).count();
        (0..4).map(at).collect()
    }

    #[test]
    fn everybody_arrives_in_the_second_of_the_trace() {
        let (planned, knobs) = read(&[7, 0, 5, 100]).plan(&Knobs::default(), true).expect("a plan");
        assert_eq!(per_second(&planned.plan), [7, 0, 5, 100]);
        assert_eq!((planned.plan.shape.ramp_up_us, planned.plan.fans.len()), (4_000_000, 112));
        assert_eq!(planned.plan.scenario, "replay");
        assert!(knobs.listed().contains(&("K6_VUS_MAX", "112".into(), Origin::File)));
    }

    #[test]
    fn a_number_of_fans_scales_the_trace_and_loses_nobody() {
        let planned = |fans: &str| read(&[1, 0, 1, 2]).plan(&knobs(&[("K6_VUS_MAX", fans)]), true).expect("a plan").0;
        assert_eq!(per_second(&planned("400").plan), [100, 0, 100, 200]);
        assert_eq!(per_second(&planned("3").plan), [1, 0, 1, 1]);
        assert_eq!(scaled(&[1, 1, 1], 100), [34, 33, 33]);
        assert_eq!(scaled(&[u64::from(u32::MAX); 3], 9), [3, 3, 3]);
    }

    #[test]
    fn the_same_trace_and_seed_give_the_same_plan() {
        let hash = |seed| read(&[3, 9]).plan(&knobs(&[("SEED", seed)]), true).expect("a plan").0.plan.sha256();
        assert_eq!(hash("5"), hash("5"));
        assert_ne!(hash("5"), hash("6"));
    }

    #[test]
    fn refusals_name_the_field() {
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut value = trace(&json!([1]));
            change(&mut value);
            let error = Trace::read(&value.to_string()).expect_err("no trace");
            assert_eq!(error.exit_code(), 104);
            error.to_string()
        };
        let changes: [(&str, Value, &str); 11] = [
            ("schema", json!("other/1"), "schema: \"other/1\" is not traffic.trace/1"),
            ("unit", json!("per_fortnight"), "unit: \"per_fortnight\" is neither"),
            ("unit", json!(5), "unit: it is not text"),
            ("source", json!(""), "source: 0 bytes"),
            ("arrivals", json!("many"), "arrivals: it is not a list"),
            ("arrivals", json!([]), "arrivals: 0 numbers"),
            ("arrivals", json!(vec![1; 1_441]), "arrivals: 1441 numbers"),
            ("arrivals", json!([1, -2]), "arrivals[1]: -2 is no number of people"),
            ("arrivals", json!([1.5]), "arrivals[0]: 1.5 is no number of people"),
            ("arrivals", json!([0, 0]), "arrivals: nobody comes"),
            ("arivals", json!([1]), "arivals: there is no such field"),
        ];
        for (field, value, said) in changes {
            let text = refused(&|trace| trace[field] = value.clone());
            assert!(text.contains(said), "{said}: {text}");
        }
        for field in FIELDS {
            let text = refused(&|trace| drop(trace.as_object_mut().expect("an object").remove(field)));
            assert!(text.contains(&format!("{field}: it is missing")), "{text}");
        }
        assert!(Trace::read("nothing").is_err_and(|error| error.to_string().contains("not JSON")));
    }

    #[test]
    fn what_the_trace_decides_cannot_be_turned() {
        let refused = |trace: &Trace, set: &[(&str, &str)]| {
            trace.plan(&knobs(set), true).map(|_| ()).expect_err("refused").to_string()
        };
        assert!(refused(&read(&[1]), &[("K6_RAMP_UP", "5s")]).starts_with("K6_RAMP_UP: "));
        assert!(refused(&read(&[60_000]), &[]).contains("K6_VUS_MAX scales"));
    }
}
