//! What must hold, and whether it did.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Clone, Debug)]
pub(super) struct Goal {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) limit: Limit,
    pub(super) unit: &'static str,
}

impl Goal {
    pub(super) fn at_most(name: &'static str, value: f64, limit: f64, unit: &'static str) -> Self {
        Self { name, value, limit: Limit::AtMost(limit), unit }
    }

    pub(super) fn at_least(name: &'static str, value: f64, limit: f64, unit: &'static str) -> Self {
        Self { name, value, limit: Limit::AtLeast(limit), unit }
    }

    /// A figure that is not a number was not measured, and meets nothing.
    pub(super) fn is_met(&self) -> bool {
        match self.limit {
            Limit::AtMost(most) => self.value <= most,
            Limit::AtLeast(least) => self.value >= least,
        }
    }

    pub(super) fn line(&self) -> String {
        let (sign, limit) = match self.limit {
            Limit::AtMost(most) => ("<=", most),
            Limit::AtLeast(least) => (">=", least),
        };
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        format!("{:<52} {:>8.2} {sign} {limit:>6.1} {:<18} {verdict}", self.name, self.value, self.unit)
    }

    pub(super) fn json(&self) -> Value {
        let (at, limit) = match self.limit {
            Limit::AtMost(most) => ("at_most", most),
            Limit::AtLeast(least) => ("at_least", least),
        };
        json!({ "name": self.name, "value": self.value, at: limit, "unit": self.unit, "met": self.is_met() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_at_its_limit_and_missed_beyond() {
        assert!(Goal::at_most("a", 1.5, 1.5, "x").is_met());
        assert!(!Goal::at_most("a", 1.500_001, 1.5, "x").is_met());
        assert!(Goal::at_least("a", 0.5, 0.5, "x").is_met());
        assert!(!Goal::at_least("a", 0.499_999, 0.5, "x").is_met());
    }

    #[test]
    fn what_was_not_measured_meets_nothing() {
        assert!(!Goal::at_most("a", f64::NAN, 1.5, "x").is_met());
        assert!(!Goal::at_least("a", f64::NAN, 0.5, "x").is_met());
    }

    #[test]
    fn a_line_tells_value_limit_and_verdict() {
        let line = Goal::at_most("status poll", 1.234, 1.5, "x bare CPU").line();
        for word in ["status poll", "1.23", "<=", "1.5", "x bare CPU", "met"] {
            assert!(line.contains(word), "{line}");
        }
        assert!(Goal::at_least("a", 0.1, 0.5, "x").line().contains("MISSED"));
    }
}
