//! The audit log as lines of JSON, for a copy that is kept elsewhere, and whether such a copy is whole: every digest is made
//! again from the lines, without the database.
//!
//! Each seal comes before its entries, then those without a seal, then an `end` with both counts. Times are milliseconds
//! as they are under the seal.

use domain::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::audit_chain::{NOTHING, digest, hex_text, in_hex, under};
use crate::error::Outcome;
use crate::tx::{Query, Read};
use crate::value::Value;

/// Rows read at a time.
const PAGE: i64 = 1_000;

/// Writes every line to `sink` from one snapshot, and ends early when nobody listens any more.
pub struct AuditExport {
    pub sink: Sender<Vec<u8>>,
}

impl Query for AuditExport {
    type Out = ();

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<()> {
        let (mut seals, mut entries) = (0, 0);
        loop {
            let sql = "select seq, entries, sealed_at, previous, digest from audit_seals
                       where seq > ?1 order by seq limit ?2";
            let page = read.query(sql, &[seals.into(), PAGE.into()]).await?;
            for row in &page {
                seals = row.int(0);
                let seal = json!({
                    "type": "seal", "seq": seals, "entries": row.int(1), "sealed_at_ms": row.time(2).millis(),
                    "previous": in_hex(row.bytes(3)), "digest": in_hex(row.bytes(4)),
                });
                let under = under(read, seals).await?;
                entries += under.len();
                if !self.send(&seal).await || !self.send_all(&under, Some(seals)).await {
                    return Ok(());
                }
            }
            if (page.len() as i64) < PAGE {
                break;
            }
        }
        entries += self.unsealed(read).await?;
        self.send(&json!({ "type": "end", "seals": seals, "entries": entries })).await;
        Ok(())
    }
}

impl AuditExport {
    /// Those that wait for a seal, and those whose seal is gone: these must not be missing from the copy.
    async fn unsealed<R: Read>(&self, read: &mut R) -> Outcome<usize> {
        let (mut after, mut count) = (Uuid::nil(), 0);
        loop {
            let sql = "select id, at, actor, act, subject, details, seal from audit_log a
                       where id > ?1 and (seal is null or not exists (select 1 from audit_seals s where s.seq = a.seal))
                       order by id limit ?2";
            let page = read.query(sql, &[Value::Id(after), PAGE.into()]).await?;
            for row in &page {
                after = row.id(0);
                count += 1;
                if !self.send_all(&[audit::entry(row)], row.int_or_null(6)).await {
                    return Ok(count);
                }
            }
            if (page.len() as i64) < PAGE {
                return Ok(count);
            }
        }
    }

    async fn send_all(&self, entries: &[Entry], seal: Option<i64>) -> bool {
        for entry in entries {
            let line = json!({
                "type": "entry", "id": entry.id, "at_ms": entry.at.millis(), "actor": entry.actor, "act": entry.act,
                "subject": entry.subject, "details": entry.details, "seal": seal,
            });
            if !self.send(&line).await {
                return false;
            }
        }
        true
    }

    /// False when nobody listens.
    async fn send(&self, line: &Json) -> bool {
        self.sink.send(format!("{line}\n").into_bytes()).await.is_ok()
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Seal { seq: i64, entries: i64, sealed_at_ms: i64, previous: String, digest: String },
    Entry { id: Uuid, at_ms: i64, actor: String, act: String, subject: String, details: String, seal: Option<i64> },
    End { seals: i64, entries: i64 },
}

/// Why lines are no copy of a log.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("line {number} is not of an audit log: {detail}")]
    Line { number: usize, detail: String },
    #[error("the copy is cut off: it has no last line")]
    CutOff,
    #[error("the copy is not whole: it has {seals} seals and {entries} entries, and its last line speaks of others")]
    NotWhole { seals: i64, entries: i64 },
}

/// What a copy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub seals: i64,
    /// Entries under a seal.
    pub entries: i64,
    pub unsealed: i64,
    /// Every digest that was made again, in hexadecimal and in order.
    pub digests: Vec<String>,
    /// The first seal that does not hold, and why.
    pub broken: Option<(i64, &'static str)>,
}

struct Open {
    seq: i64,
    count: i64,
    sealed_at: Timestamp,
    digest: String,
    entries: Vec<Entry>,
}

/// Makes every digest again.
///
/// # Errors
/// The lines are not whole, or not of an audit log: nothing can be said of them.
pub fn check<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Verdict, CopyError> {
    let (mut verdict, mut open, mut previous) = (Verdict::default(), None::<Open>, NOTHING.to_vec());
    let mut rows = 0;
    for (number, line) in (1..).zip(lines) {
        let wrong = |error: serde_json::Error| CopyError::Line { number, detail: error.to_string() };
        match serde_json::from_str(line).map_err(wrong)? {
            Line::Seal { seq, entries, sealed_at_ms, previous: before, digest } => {
                verdict.close(open.take(), &mut previous);
                if seq != verdict.seals + 1 {
                    verdict.breaks(verdict.seals + 1, "this seal is missing");
                } else if before != hex_text(&previous) {
                    verdict.breaks(seq, "it does not follow from the seal before");
                }
                verdict.seals = seq;
                let sealed_at = Timestamp(sealed_at_ms);
                open = Some(Open { seq, count: entries, sealed_at, digest, entries: Vec::new() });
            }
            Line::Entry { id, at_ms, actor, act, subject, details, seal } => {
                rows += 1;
                match (&mut open, seal) {
                    (Some(open), Some(seal)) if seal == open.seq => {
                        open.entries.push(Entry { id, at: Timestamp(at_ms), actor, act, subject, details });
                    }
                    (_, Some(seal)) => verdict.breaks(seal, "entries name it, and it is missing"),
                    (_, None) => verdict.unsealed += 1,
                }
            }
            Line::End { seals, entries } => {
                verdict.close(open.take(), &mut previous);
                let whole = seals == verdict.seals && entries == rows;
                return if whole {
                    Ok(verdict)
                } else {
                    Err(CopyError::NotWhole { seals: verdict.seals, entries: rows })
                };
            }
        }
    }
    Err(CopyError::CutOff)
}

impl Verdict {
    fn close(&mut self, open: Option<Open>, previous: &mut Vec<u8>) {
        let Some(open) = open else { return };
        *previous = digest(previous, open.seq, open.sealed_at, &open.entries);
        let made = hex_text(previous);
        if open.count != open.entries.len() as i64 || open.digest != made {
            self.breaks(open.seq, "the entries under it are not those that were sealed");
        }
        self.entries += open.entries.len() as i64;
        self.digests.push(made);
    }

    /// The first one counts.
    fn breaks(&mut self, seq: i64, why: &'static str) {
        self.broken = self.broken.or(Some((seq, why)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_copy_is_told_from_a_broken_one() {
        let end = r#"{"type":"end","seals":0,"entries":0}"#;
        assert_eq!(check([end]).expect("an empty log"), Verdict::default());
        assert!(matches!(check([]), Err(CopyError::CutOff)));
        assert!(matches!(check(["{}"]), Err(CopyError::Line { number: 1, .. })));
        let entry = r#"{"type":"entry","id":"00000000-0000-0000-0000-000000000001","at_ms":1,"actor":"a","act":"b",
            "subject":"c","details":"{}","seal":null}"#;
        assert!(matches!(check([entry, end]), Err(CopyError::NotWhole { seals: 0, entries: 1 })));
        assert_eq!(check([entry, r#"{"type":"end","seals":0,"entries":1}"#]).expect("whole").unsealed, 1);
    }
}
