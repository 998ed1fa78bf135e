//! From rows to one word: what makes a run PASS, FAIL, INVALID or ABORTED.

use std::fmt;

use serde::Serialize;

use crate::check::{CheckVerdict, Finding};
use crate::slo::{SloRow, SloVerdict};
use crate::validity::ValidityRow;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    Pass,
    Fail,
    /// The measurement cannot be trusted.
    Invalid,
    Aborted,
}

impl Verdict {
    /// Exit code of the command line.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Pass => 0,
            Verdict::Fail => 99,
            Verdict::Invalid => 98,
            Verdict::Aborted => 105,
        }
    }

    /// Status of a run in the HTTP API.
    pub fn api_status(self) -> &'static str {
        match self {
            Verdict::Pass => "passed",
            Verdict::Fail => "failed",
            Verdict::Invalid => "invalid",
            Verdict::Aborted => "aborted",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Invalid => "INVALID",
            Verdict::Aborted => "ABORTED",
        })
    }
}

/// The verdict and its reason in a sentence. A counter-example does not depend on timing, so a violated invariant is
/// FAIL whatever else happened; then what was aborted or cannot be trusted says nothing about SLOs. A generator in order
/// that was given no data had them withheld by the server: FAIL too.
pub(crate) fn decide(
    findings: &[Finding],
    slos: &[SloRow],
    validity: &[ValidityRow],
    aborted: bool,
) -> (Verdict, String) {
    if let Some(finding) = findings.iter().find(|finding| finding.verdict == CheckVerdict::Fail) {
        let example = finding.counter_examples.first().map_or("", String::as_str);
        let sale = finding.sale.map(|sale| format!(" in sale {sale}")).unwrap_or_default();
        let (id, name) = (finding.id, finding.name);
        let reason = format!("{id} ({name}) is violated {} times{sale}: {example}", finding.violations);
        return (Verdict::Fail, reason);
    }
    if aborted {
        return (Verdict::Aborted, "the run was stopped before it was over".into());
    }
    if let Some(row) = validity.iter().find(|row| row.blocks()) {
        return (
            Verdict::Invalid,
            format!("the measurement cannot be trusted: {} is {}, limit {}", row.name, row.observed, row.limit),
        );
    }
    if let Some(finding) = findings.iter().find(|finding| finding.verdict == CheckVerdict::NoData) {
        let missing = finding.missing.unwrap_or("there was no data");
        return (Verdict::Fail, format!("{} ({}) could not be judged: {missing}", finding.id, finding.name));
    }
    if let Some(row) = slos.iter().find(|row| row.blocks()) {
        let observed = match (row.verdict, row.observed) {
            (SloVerdict::Fail, Some(value)) => format!("observed {}", crate::report::shown(value, row.unit)),
            _ => format!("no data ({} samples)", row.samples),
        };
        return (Verdict::Fail, format!("{}: {observed}", row.slo));
    }
    let passed = findings.iter().filter(|finding| finding.verdict == CheckVerdict::Pass).count();
    (
        Verdict::Pass,
        format!("{passed} of {} invariants were exercised and held; every blocking SLO was met", findings.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: CheckVerdict) -> Finding {
        Finding {
            id: "S1",
            name: "no seat is sold twice",
            sale: None,
            verdict,
            checked: 1,
            violations: 1,
            counter_examples: vec!["seat A".into()],
            evidence: Default::default(),
            missing: None,
        }
    }

    fn slo(verdict: SloVerdict, advisory: bool) -> SloRow {
        SloRow {
            slo: "join p99 < 500ms".into(),
            verdict,
            observed: Some(600.0),
            unit: "ms",
            samples: 40,
            advisory,
            beside: None,
        }
    }

    fn invalid() -> ValidityRow {
        ValidityRow::new("schedule lag p99", "80 ms", "50 ms", false)
    }

    #[test]
    fn a_violated_invariant_is_fail_even_in_an_invalid_or_aborted_run() {
        let (verdict, reason) = decide(&[finding(CheckVerdict::Fail)], &[], &[invalid()], true);
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(reason, "S1 (no seat is sold twice) is violated 1 times: seat A");
    }

    #[test]
    fn an_slo_of_an_invalid_run_says_nothing() {
        let failed = [slo(SloVerdict::Fail, false)];
        assert_eq!(decide(&[], &failed, &[invalid()], false).0, Verdict::Invalid);
        assert_eq!(decide(&[], &failed, &[], false).0, Verdict::Fail);
        assert_eq!(decide(&[], &failed, &[], true).0, Verdict::Aborted);
    }

    #[test]
    fn no_data_is_not_a_pass_and_not_exercised_does_not_block() {
        assert_eq!(decide(&[], &[slo(SloVerdict::NoData, false)], &[], false).0, Verdict::Fail);
        assert_eq!(decide(&[], &[slo(SloVerdict::NoData, true)], &[], false).0, Verdict::Pass);
        assert_eq!(decide(&[], &[slo(SloVerdict::NotExercised, false)], &[], false).0, Verdict::Pass);
        assert_eq!(decide(&[finding(CheckVerdict::NoData)], &[], &[], false).0, Verdict::Fail);
        assert_eq!(decide(&[finding(CheckVerdict::NoData)], &[], &[invalid()], false).0, Verdict::Invalid);
        assert_eq!(decide(&[finding(CheckVerdict::NotExercised)], &[], &[], false).0, Verdict::Pass);
    }
}
