//! What a run has found: a table for people, JSON for machines.

use serde_json::{Value, json};

use super::goals::Goal;
use super::sample::{Pair, Sample, Spread};

/// Rounds of the bare handler beside the product, or of the product beside itself on something else.
pub(super) struct Compared {
    pub(super) name: &'static str,
    /// What stands on each side.
    pub(super) sides: [&'static str; 2],
    pub(super) connections: usize,
    /// Of the product's answer; the bare handler's is as long.
    pub(super) body_bytes: usize,
    pub(super) pairs: Vec<Pair>,
}

impl Compared {
    pub(super) fn beside_bare(name: &'static str, connections: usize, body_bytes: usize, pairs: Vec<Pair>) -> Self {
        Self { name, sides: ["bare", "product"], connections, body_bytes, pairs }
    }

    /// Of each round the product against its neighbour, and of those the median: what disturbs both cancels out.
    pub(super) fn cpu_ratio(&self) -> Spread {
        Spread::of(self.pairs.iter().map(Pair::cpu_ratio))
    }

    pub(super) fn rate_ratio(&self) -> Spread {
        Spread::of(self.pairs.iter().map(Pair::rate_ratio))
    }

    pub(super) fn product(&self, figure: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.pairs.iter().map(|pair| figure(&pair.product)))
    }

    pub(super) fn bare(&self, figure: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.pairs.iter().map(|pair| figure(&pair.bare)))
    }

    pub(super) fn lines(&self) -> String {
        let Self { name, sides: [first, second], connections, body_bytes, .. } = self;
        let rounds = self.pairs.len();
        let row = |who: &str, rate: Spread, cpu: Spread, own: Spread| {
            format!(
                "  {who:<9} {:>9.0} {:>9.0} {:>9.0} {:>9.2} {:>8.2} {:>8.2} {:>9.2}\n",
                rate.median, rate.min, rate.max, cpu.median, cpu.min, cpu.max, own.median
            )
        };
        let ratio = self.cpu_ratio();
        let rate = self.rate_ratio();
        [
            format!("{name}: {rounds} rounds, {connections} connections, answers of {body_bytes} bytes\n"),
            format!(
                "  {:<9} {:>29} {:>27} {:>9}\n",
                "", "requests/s: median, min, max", "server CPU us/request", "load us"
            ),
            row(first, self.bare(Sample::per_sec), self.bare(Sample::cpu_us), self.bare(Sample::own_us)),
            row(second, self.product(Sample::per_sec), self.product(Sample::cpu_us), self.product(Sample::own_us)),
            format!(
                "  {:<9} {:>9.2} {:>9.2} {:>9.2} {:>9.2} {:>8.2} {:>8.2}\n",
                "ratio", rate.median, rate.min, rate.max, ratio.median, ratio.min, ratio.max
            ),
        ]
        .concat()
    }

    fn json(&self) -> Value {
        let side = |take: fn(&Pair) -> Sample| {
            let spread = |figure: fn(&Sample) -> f64| {
                let spread = Spread::of(self.pairs.iter().map(|pair| figure(&take(pair))));
                json!({ "median": spread.median, "min": spread.min, "max": spread.max })
            };
            json!({
                "requests_per_sec": spread(Sample::per_sec), "cpu_us": spread(Sample::cpu_us),
                "load_cpu_us": spread(Sample::own_us),
            })
        };
        let ratio = |spread: Spread| json!({ "median": spread.median, "min": spread.min, "max": spread.max });
        json!({
            "name": self.name, "rounds": self.pairs.len(), "connections": self.connections,
            "body_bytes": self.body_bytes, self.sides[0]: side(|pair| pair.bare), self.sides[1]: side(|pair| pair.product),
            "cpu_ratio": ratio(self.cpu_ratio()), "rate_ratio": ratio(self.rate_ratio()),
        })
    }
}

/// Everything of a run, printed as it comes.
#[derive(Default)]
pub(super) struct Report {
    compared: Vec<Compared>,
    facts: Vec<(&'static str, String)>,
    goals: Vec<Goal>,
}

impl Report {
    pub(super) fn compared(&mut self, compared: Compared) -> &Compared {
        print!("{}", compared.lines());
        self.compared.push(compared);
        self.compared.last().expect("just pushed")
    }

    /// Something to know that no goal judges.
    pub(super) fn fact(&mut self, name: &'static str, text: String) {
        println!("  {name}: {text}");
        self.facts.push((name, text));
    }

    pub(super) fn goal(&mut self, goal: Goal) {
        self.goals.push(goal);
    }

    pub(super) fn all_met(&self) -> bool {
        self.goals.iter().all(Goal::is_met)
    }

    pub(super) fn print_goals(&self) {
        println!("\ngoals");
        self.goals.iter().for_each(|goal| println!("  {}", goal.line()));
        println!("{}", self.summary());
    }

    fn summary(&self) -> String {
        let met = self.goals.iter().filter(|goal| goal.is_met()).count();
        format!("{met} of {} goals met", self.goals.len())
    }

    pub(super) fn json(&self, judged: bool) -> Value {
        let facts: serde_json::Map<_, _> =
            self.facts.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        json!({
            "measures": self.compared.iter().map(Compared::json).collect::<Vec<_>>(), "facts": facts,
            "judged": judged, "goals": self.goals.iter().map(Goal::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn compared() -> Compared {
        let sample = |us: u64| Sample {
            requests: 10,
            took: Duration::from_millis(1),
            server_cpu: Duration::from_micros(us * 10),
            own_cpu: Duration::from_micros(20),
        };
        let pair = |bare, product| Pair { bare: sample(bare), product: sample(product) };
        // The ratio of the medians would be 6 / 4: another round's noise.
        Compared::beside_bare("x", 1, 2, vec![pair(2, 4), pair(4, 6), pair(8, 40)])
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds() {
        let ratio = compared().cpu_ratio();
        assert_eq!((ratio.median, ratio.min, ratio.max), (2.0, 1.5, 5.0));
    }

    #[test]
    fn the_last_line_counts_the_goals() {
        let mut report = Report::default();
        report.goal(Goal::at_most("a", 1.0, 2.0, "x"));
        assert!(report.all_met());
        report.goal(Goal::at_most("b", 3.0, 2.0, "x"));
        assert!(!report.all_met());
        assert_eq!(report.summary(), "1 of 2 goals met");
    }

    #[test]
    fn the_json_holds_what_the_table_shows() {
        let mut report = Report::default();
        report.compared(compared());
        report.fact("line", "long".to_owned());
        report.goal(Goal::at_most("a", 1.0, 2.0, "x"));
        let json = report.json(true);
        assert_eq!(json["measures"][0]["cpu_ratio"]["median"], 2.0);
        assert_eq!(json["measures"][0]["bare"]["load_cpu_us"]["max"], 2.0);
        assert_eq!((&json["facts"]["line"], &json["goals"][0]["met"]), (&json!("long"), &json!(true)));
    }
}
