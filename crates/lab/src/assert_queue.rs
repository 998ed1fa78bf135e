//! `traffic assert-queue`: judges an export alone. Reads lines only; needs no server.

use std::fmt::Write;
use std::io::{BufRead, Read};

use crate::LabError;
use crate::check::{self, CheckVerdict, Evidence, Finding, Owed};
use crate::dump::{Dump, DumpError};
use crate::history::History;
use crate::net::{Conn, Target};
use crate::operator::{Operator, check_words};

/// What an export says about its own queue and seats.
#[derive(Debug, Clone)]
pub struct QueueAssertion {
    sale_id: String,
    entries: usize,
    inversions: u64,
    gaps: u64,
    duplicates: u64,
    findings: Vec<Finding>,
    need_history: Vec<&'static str>,
}

/// Judges the lines of an export (contract: `GET /v1/admin/sales/{id}/export`). An error means that they are no export,
/// or that it was cut off.
pub fn assert_queue(lines: impl BufRead) -> Result<QueueAssertion, DumpError> {
    let dump = Dump::read(lines)?;
    let (findings, need_history) = check::of_dump(&dump);
    Ok(QueueAssertion::of(&dump, findings, need_history))
}

/// Judges a finished run again from its files: the export's lines and the compressed history that the report lies beside.
/// `staleness_ms` is the S of the server (`/health/live`). Samples are not kept, so W1 and the cap of Q8 are not judged.
pub fn assert_run(lines: impl BufRead, history: impl Read, staleness_ms: u64) -> Result<QueueAssertion, DumpError> {
    let dump = Dump::read(lines)?;
    let history = History::read(history)?.of_sale(&dump.sale.sale_id);
    let mut findings = check::all(&Evidence {
        history: &history,
        dump: Some(&dump),
        samples: &[],
        staleness_us: staleness_ms.saturating_mul(1_000),
        own_sale: true,
        // The plan is not among the files: what it owed is not known.
        owed: Owed::default(),
    });
    findings.retain(|finding| finding.id != "W1");
    Ok(QueueAssertion::of(&dump, findings, vec![]))
}

/// Fetches the export of a sale over the admin API, as text of NDJSON lines. Any host: this only reads.
pub async fn fetch_export(base_url: &str, admin_key: &str, sale_id: &str) -> Result<String, LabError> {
    let target = Target::parse(base_url, true)?;
    check_words(Some(sale_id), admin_key)?;
    let bytes = Operator::new(Conn::of_operator(target), admin_key)
        .export(sale_id)
        .await
        .map_err(|detail| LabError::setup("fetching the export", detail))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| LabError::setup("fetching the export", "it is not UTF-8"))
}

impl QueueAssertion {
    fn of(dump: &Dump, findings: Vec<Finding>, need_history: Vec<&'static str>) -> Self {
        let of = |id: &str| findings.iter().find(|finding| finding.id == id);
        let evidence = |what: &str| of("Q2").and_then(|finding| finding.evidence.get(what)).copied().unwrap_or(0);
        let violations = |id: &str| of(id).map_or(0, |finding| finding.violations);
        QueueAssertion {
            sale_id: dump.sale.sale_id.clone(),
            entries: dump.entries.len(),
            inversions: violations("Q1") + violations("Q7"),
            gaps: evidence("gaps"),
            duplicates: evidence("duplicates"),
            need_history,
            findings,
        }
    }

    /// Ids of the checks that failed.
    pub fn violated(&self) -> Vec<&'static str> {
        self.findings.iter().filter(|finding| finding.verdict == CheckVerdict::Fail).map(|finding| finding.id).collect()
    }

    /// No violation of anything an export can show.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != CheckVerdict::Fail)
    }

    /// The figures, each check, and PASS or every violation with up to five examples.
    pub fn render(&self) -> String {
        let mut text = format!(
            "sale {}\nentries {}   inversions {}   gaps {}   duplicates {}\n\n",
            self.sale_id, self.entries, self.inversions, self.gaps, self.duplicates
        );
        for finding in &self.findings {
            let word = crate::report::check_word(finding.verdict);
            let _ = writeln!(text, "{:<14} {:<3} {} ({} checked)", word, finding.id, finding.name, finding.checked);
            for example in &finding.counter_examples {
                let _ = writeln!(text, "{:<14}     {example}", "");
            }
        }
        let _ = writeln!(
            text,
            "\n{}",
            match self.need_history[..] {
                [] => "judged with the history of the run".into(),
                _ => format!(
                    "need a history, so not judged here: {}; and of Q1 and Q6 only what rows can show (order of joined_at, one place at a time)",
                    self.need_history.join(", ")
                ),
            }
        );
        text.push_str(if self.passed() { "PASS\n" } else { "FAIL\n" });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALE: &str = r#"{"type":"sale","sale_id":"s","event_id":"e","opens_at":"2026-11-23T12:00:00.000Z","ends_at":"2026-11-24T12:00:00.000Z","total_seats":1,"admit_per_minute":600,"waiting_room_cap":10,"max_tickets_per_user":4,"max_active":0,"hold_ttl_sec":30,"last_position":2,"through":1}"#;
    const SEAT: &str =
        r#"{"type":"seat","seat_id":"GA-1-1","section":"GA","row":1,"num":1,"price":1,"status":"available"}"#;
    const CALL: &str = r#"{"type":"call","seq":1,"through":1,"at":"2026-11-23T12:00:01.000Z","called":1,"recalled":0,"credit_ms":200,"bound_by":"rate"}"#;

    fn entry(position: u64, user: &str, called: &str) -> String {
        format!(
            r#"{{"type":"entry","position":{position},"user_id":"{user}","joined_at":"2026-11-23T12:00:00.{position:03}Z","called_at":{called},"returned_at":null,"recalled_at":null,"claimed_at":null,"ended_at":null,"ended_as":null,"state":"waiting"}}"#
        )
    }

    fn judged(entries: [String; 2]) -> QueueAssertion {
        let [one, two] = entries;
        let lines = [SALE, &one, &two, CALL, SEAT, r#"{"type":"end","lines":5}"#].join("\n");
        assert_queue(lines.as_bytes()).expect("an export")
    }

    #[test]
    fn a_sound_export_passes_and_says_what_it_cannot_judge() {
        let called = r#""2026-11-23T12:00:01.000Z""#;
        let assertion = judged([entry(1, "a", called), entry(2, "b", "null")]);
        let text = assertion.render();
        assert!(assertion.passed(), "{text}");
        assert!(text.contains("entries 2   inversions 0   gaps 0   duplicates 0"));
        assert!(text.contains("Q3, Q4, Q9, S3, S6"), "{text}");
        assert!(text.ends_with("PASS\n"));
    }

    #[test]
    fn a_skipped_entry_fails_with_its_example() {
        let called = r#""2026-11-23T12:00:01.000Z""#;
        let assertion = judged([entry(1, "a", "null"), entry(2, "b", called)]);
        let text = assertion.render();
        assert!(!assertion.passed());
        assert!(text.contains("position 1 was called not at all") && text.ends_with("FAIL\n"), "{text}");
        let doubled = judged([entry(2, "a", "null"), entry(2, "b", "null")]);
        assert!(!doubled.passed() && doubled.render().contains("gaps 1   duplicates 1"));
    }
}
