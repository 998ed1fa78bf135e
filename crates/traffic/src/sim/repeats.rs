//! Several runs of one plan: one table, and the exit code of the worst.

use std::fmt::Write as _;

use lab::Report;

/// Exit codes from harmless to bad. A failure says more than a measurement that cannot be trusted, that more than a stop.
const FROM_HARMLESS: [u8; 4] = [0, 105, 98, 99];

#[derive(Default)]
pub(crate) struct Repeats {
    rows: Vec<Row>,
}

struct Row {
    verdict: String,
    plan: String,
    figures: [Option<f64>; 5],
    reason: String,
    code: u8,
}

/// A metric of the report, and the head of its column.
const FIGURES: [(&str, &str); 5] = [
    ("http_reqs", "requests"),
    ("joined", "joined"),
    ("tickets_sold", "sold"),
    ("http_req_duration_p99_ms", "p99 ms"),
    ("schedule_lag_p99_ms", "lag p99"),
];

impl Repeats {
    /// `code`: the exit code that this run alone would have.
    pub(crate) fn add(&mut self, report: &Report, code: u8) {
        self.rows.push(Row {
            verdict: report.verdict().to_string(),
            plan: report.plan_sha256().chars().take(12).collect(),
            figures: FIGURES.map(|(name, _)| report.metric(name)),
            reason: report.reason().to_owned(),
            code,
        });
    }

    pub(crate) fn exit_code(&self) -> u8 {
        let rank = |code: &u8| FROM_HARMLESS.iter().position(|known| known == code).unwrap_or(FROM_HARMLESS.len());
        self.rows.iter().map(|row| row.code).max_by_key(rank).unwrap_or(0)
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a `String` cannot fail.
        let _ = write!(text, "\n{:>4}  {:<8} {:<12}", "RUN", "VERDICT", "plan");
        for (_, head) in FIGURES {
            let _ = write!(text, " {head:>10}");
        }
        text.push('\n');
        for (number, row) in (1..).zip(&self.rows) {
            let _ = write!(text, "{number:>4}  {:<8} {:<12}", row.verdict, row.plan);
            for figure in row.figures {
                let shown =
                    figure.map_or("-".into(), |value| format!("{:.1}", value).trim_end_matches(".0").to_owned());
                let _ = write!(text, " {shown:>10}");
            }
            let why = if row.code == 0 { "" } else { row.reason.as_str() };
            let _ = writeln!(text, "  {why}");
        }
        let passed = self.rows.iter().filter(|row| row.code == 0).count();
        let _ = writeln!(text, "\n{passed} of {} passed", self.rows.len());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(codes: &[u8]) -> Repeats {
        let row = |code: &u8| Row {
            verdict: if *code == 0 { "PASS" } else { "FAIL" }.into(),
            plan: "abc".into(),
            figures: [Some(12.0), None, Some(0.5), None, None],
            reason: "because".into(),
            code: *code,
        };
        Repeats { rows: codes.iter().map(row).collect() }
    }

    #[test]
    fn the_worst_run_decides() {
        assert_eq!(repeats(&[0, 0]).exit_code(), 0);
        assert_eq!(repeats(&[0, 105, 98]).exit_code(), 98);
        assert_eq!(repeats(&[98, 99, 0, 105]).exit_code(), 99);
        assert_eq!(repeats(&[99, 1]).exit_code(), 1, "what is no verdict at all is worst");
    }

    #[test]
    fn the_table_has_a_line_for_each_run_and_the_reason_of_what_did_not_pass() {
        let text = repeats(&[0, 99]).render();
        assert!(text.contains("   1  PASS") && text.contains("   2  FAIL"), "{text}");
        assert_eq!(text.matches("because").count(), 1, "{text}");
        assert!(text.ends_with("1 of 2 passed\n"), "{text}");
    }
}
