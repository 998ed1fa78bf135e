//! The seals of the audit log: a chain of digests, each made of the one before and of the entries under it. Whoever
//! changes, removes, moves or inserts a sealed entry breaks the chain, unless he makes all later seals anew; the newest
//! digest, kept elsewhere (the log of the process has it), shows that too. See ADR 0005.
//!
//! An entry belongs to no seal until a tick gives it one: which one comes later does not matter, so an entry whose id is
//! smaller than a sealed one is never skipped. One that claims to be older than a seal that should have had it is late.

use domain::Timestamp;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::audit::{Entry, entry};
use crate::error::{DbError, Outcome};
use crate::lease::leads;
use crate::tx::{Lane, Query, Read, Tx, Verb, id_list};

/// Entries under one seal: each is one row written, and the seal is one more.
const MOST_SEALED: i64 = 900;
/// No honest transaction takes longer from its time to its commit.
const LATE_MS: i64 = 10_000;
/// Late entries told one by one; more of them are counted.
const MOST_LATE: usize = 20;
/// Seals read at a time.
const PAGE: i64 = 1_000;
/// Of what comes before the first seal.
pub(crate) const NOTHING: [u8; 32] = [0; 32];

/// Seals the oldest entries that have no seal yet. Repeat until 0.
pub struct SealAudit {
    pub epoch: i64,
}

/// What a tick sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub seq: i64,
    pub entries: i64,
    pub digest: Vec<u8>,
}

impl Verb for SealAudit {
    /// `None`: nothing was left to seal, or another process leads.
    type Done = Option<Sealed>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Option<Sealed>> {
        if !leads(tx, self.epoch).await? {
            return Ok(None);
        }
        let head = tx.lock("select seq, digest from audit_seals order by seq desc limit 1", &[]).await?;
        let (last, previous) = head.first().map_or((0, NOTHING.to_vec()), |row| (row.int(0), row.bytes(1).to_vec()));
        let rows = tx
            .query(
                "select id, at, actor, act, subject, details from audit_log where seal is null order by id limit ?1",
                &[MOST_SEALED.into()],
            )
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let entries: Vec<Entry> = rows.iter().map(entry).collect();
        let (seq, count, now) = (last + 1, entries.len() as i64, tx.now());
        let digest = digest(&previous, seq, now, &entries);
        tx.execute(
            "insert into audit_seals (seq, entries, sealed_at, previous, digest) values (?1, ?2, ?3, ?4, ?5)",
            &[seq.into(), count.into(), now.into(), previous.as_slice().into(), digest.as_slice().into()],
        )
        .await?;
        let ids = id_list(entries.iter().map(|entry| entry.id));
        let sealed = tx
            .execute(
                "update audit_log set seal = ?1 where seal is null
                 and id in (select unhex(value) from json_each(?2))",
                &[seq.into(), ids],
            )
            .await?;
        if sealed != entries.len() as u64 {
            return Err(DbError::Bug(format!("seal {seq} took {sealed} of {count} entries")).into());
        }
        Ok(Some(Sealed { seq, entries: count, digest }))
    }
}

/// Every part has a length of its own or before it: no two lists of entries are the same bytes.
pub(crate) fn digest(previous: &[u8], seq: i64, sealed_at: Timestamp, entries: &[Entry]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(b"traffic.audit/1");
    hash.update(previous);
    for number in [seq, sealed_at.millis(), entries.len() as i64] {
        hash.update(number.to_be_bytes());
    }
    for entry in entries {
        hash.update(entry.id.as_bytes());
        hash.update(entry.at.millis().to_be_bytes());
        for text in [&entry.actor, &entry.act, &entry.subject, &entry.details] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().to_vec()
}

/// What the seals say of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    pub seals: i64,
    /// Entries under a seal, as the seals count them.
    pub entries: i64,
    /// Entries that wait for the next tick.
    pub unsealed: i64,
    /// The newest digest.
    pub digest: Option<Vec<u8>>,
    /// The first seal that does not hold, and why.
    pub broken: Option<(i64, &'static str)>,
    /// Entries that claim to be older than a seal that does not have them; the first few.
    pub late: Vec<Uuid>,
    pub late_count: i64,
}

/// Makes every digest again from what is stored.
pub struct VerifyAudit;

impl Query for VerifyAudit {
    type Out = Chain;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Chain> {
        let mut chain = Chain::default();
        let mut previous = (NOTHING.to_vec(), Timestamp(i64::MIN));
        loop {
            let seals = read
                .query(
                    "select seq, entries, sealed_at, previous, digest from audit_seals
                     where seq > ?1 order by seq limit ?2",
                    &[chain.seals.into(), PAGE.into()],
                )
                .await?;
            for seal in &seals {
                let (seq, sealed_at) = (seal.int(0), seal.time(2));
                let entries = under(read, seq).await?;
                chain.note_late(&entries, previous.1);
                let wrong = if seq != chain.seals + 1 {
                    Some((chain.seals + 1, "this seal is missing"))
                } else if seal.bytes(3) != previous.0 {
                    Some((seq, "it does not follow from the seal before"))
                } else if seal.int(1) != entries.len() as i64
                    || seal.bytes(4) != digest(&previous.0, seq, sealed_at, &entries)
                {
                    Some((seq, "the entries under it are not those that were sealed"))
                } else {
                    None
                };
                chain.broken = chain.broken.or(wrong);
                chain.seals = seq;
                chain.entries += seal.int(1);
                // A full seal may have left older ones to the next.
                let reference = if seal.int(1) < MOST_SEALED { sealed_at } else { previous.1 };
                previous = (seal.bytes(4).to_vec(), reference);
            }
            if (seals.len() as i64) < PAGE {
                break;
            }
        }
        chain.digest = (chain.seals > 0).then_some(previous.0);
        chain.rest(read, previous.1).await?;
        Ok(chain)
    }
}

pub(crate) async fn under<R: Read>(read: &mut R, seq: i64) -> Outcome<Vec<Entry>> {
    // One more than there can be: what was smuggled in shows.
    let rows = read
        .query(
            "select id, at, actor, act, subject, details from audit_log where seal = ?1 order by id limit ?2",
            &[seq.into(), (MOST_SEALED + 1).into()],
        )
        .await?;
    Ok(rows.iter().map(entry).collect())
}

impl Chain {
    /// `sealed_at`: when the seal before was made, which should have had what is older.
    fn note_late(&mut self, entries: &[Entry], sealed_at: Timestamp) {
        for entry in entries.iter().filter(|entry| entry.at < sealed_at.plus_ms(-LATE_MS)) {
            self.late_count += 1;
            if self.late.len() < MOST_LATE {
                self.late.push(entry.id);
            }
        }
    }

    /// Entries without a seal, and those whose seal is gone.
    async fn rest<R: Read>(&mut self, read: &mut R, sealed_at: Timestamp) -> Outcome<()> {
        let rows = read
            .query(
                "select id, at, actor, act, subject, details from audit_log where seal is null order by id limit ?1",
                &[PAGE.into()],
            )
            .await?;
        self.note_late(&rows.iter().map(entry).collect::<Vec<_>>(), sealed_at);
        let row = read
            .first(
                "select (select count(*) from audit_log where seal is null),
                   (select min(seal) from audit_log where seal > ?1), (select min(seal) from audit_log where seal < 1)",
                &[self.seals.into()],
            )
            .await?;
        if let Some(row) = row {
            self.unsealed = row.int(0);
            let gone = row.int_or_null(1).or(row.int_or_null(2));
            self.broken = self.broken.or(gone.map(|seq| (seq, "this seal is missing")));
        }
        Ok(())
    }
}

/// Bytes as people compare them.
pub fn in_hex(bytes: &[u8]) -> Json {
    Json::String(hex_text(bytes))
}

pub(crate) fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
