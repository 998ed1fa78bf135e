//! What runs leave behind, in parts of bounded size, and within a budget: no upload holds the writer for long, and no number
//! of rehearsals fills the disk.

use domain::RunId;
use uuid::Uuid;

use crate::error::Outcome;
use crate::tx::{Lane, Query, Read, Tx, Verb};
use crate::value::Value;

/// Bytes of one part: a few milliseconds of writing.
pub const PART_BYTES_MAX: usize = 256 << 10;
/// Parts that one command takes away.
const PARTS_PER_COMMAND: i64 = 8;

/// A kind of file. Evidence is large and goes first when room is needed; reports go after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was found, as JSON.
    Report,
    /// The same to be read by people.
    Page,
    /// Every operation of every fan, compressed.
    History,
    /// Everything of the sale at the end, compressed.
    Export,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Report, Self::Page, Self::History, Self::Export];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report.json",
            Self::Page => "report.html",
            Self::History => "history.ndjson.gz",
            Self::Export => "export.ndjson.gz",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One part of a file of a run that is under way. The same part again changes nothing.
pub struct KeepPart {
    pub run: RunId,
    pub claim: Uuid,
    pub kind: Kind,
    /// From 0.
    pub part: i64,
    /// Of the whole file.
    pub parts: i64,
    /// At most [`PART_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// More of them are missing.
    Part,
    /// With this one the file is whole.
    Whole,
    /// An earlier part was of a file with another number of parts.
    OtherFile,
    /// The run is not, or no more, this claim's.
    Lost,
}

impl Verb for KeepPart {
    type Done = Kept;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Kept> {
        let (run, kind) = (Value::from(self.run), Value::from(self.kind.name()));
        let mine = tx
            .lock(
                "select id from lab_runs where id = ?1 and claim = ?2 and state = 'running'",
                &[run.clone(), Value::Id(self.claim)],
            )
            .await?;
        if mine.is_empty() {
            return Ok(Kept::Lost);
        }
        tx.execute(
            "insert into lab_files (run, kind, parts, received, size) values (?1, ?2, ?3, 0, 0) on conflict do nothing",
            &[run.clone(), kind.clone(), self.parts.into()],
        )
        .await?;
        let file = tx
            .lock("select parts, received from lab_files where run = ?1 and kind = ?2", &[run.clone(), kind.clone()])
            .await?;
        let received = match file.first() {
            Some(row) if row.int(0) == self.parts => row.int(1),
            _ => return Ok(Kept::OtherFile),
        };
        let fresh = tx
            .execute(
                "insert into lab_file_parts (run, kind, part, bytes) values (?1, ?2, ?3, ?4) on conflict do nothing",
                &[run.clone(), kind.clone(), self.part.into(), self.bytes.as_slice().into()],
            )
            .await?;
        let fresh = i64::try_from(fresh).unwrap_or(1);
        tx.execute(
            "update lab_files set received = received + ?3, size = size + ?3 * ?4 where run = ?1 and kind = ?2",
            &[run, kind, fresh.into(), (self.bytes.len() as i64).into()],
        )
        .await?;
        Ok(if received + fresh == self.parts { Kept::Whole } else { Kept::Part })
    }
}

/// Takes away a bounded number of parts where more is kept than `budget_bytes`: of the oldest evidence, and only when there
/// is none left, of the oldest reports. A file that has lost a part is not offered any more.
pub struct TrimFiles {
    pub budget_bytes: i64,
}

impl Verb for TrimFiles {
    /// Something was taken away: there may be more to do.
    type Done = bool;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<bool> {
        if kept_bytes(tx).await? <= self.budget_bytes {
            return Ok(false);
        }
        let oldest = tx
            .first(
                "select f.run, f.kind from lab_files f join lab_runs r on r.id = f.run
                 order by case when f.kind in ('history.ndjson.gz', 'export.ndjson.gz') then 0 else 1 end, r.seq, f.kind
                 limit 1",
                &[],
            )
            .await?;
        let Some(oldest) = oldest else { return Ok(false) };
        let (run, kind) = (Value::Id(oldest.id(0)), Value::from(oldest.text(1)));
        let parts = tx
            .query(
                "select part, cast(length(bytes) as bigint) from lab_file_parts where run = ?1 and kind = ?2
                 order by part desc limit ?3",
                &[run.clone(), kind.clone(), PARTS_PER_COMMAND.into()],
            )
            .await?;
        let Some(from) = parts.last().map(|row| row.int(0)) else {
            tx.execute("delete from lab_files where run = ?1 and kind = ?2", &[run, kind]).await?;
            return Ok(true);
        };
        let (gone, bytes) = (parts.len() as i64, parts.iter().map(|row| row.int(1)).sum::<i64>());
        tx.execute(
            "delete from lab_file_parts where run = ?1 and kind = ?2 and part >= ?3",
            &[run.clone(), kind.clone(), from.into()],
        )
        .await?;
        tx.execute(
            "update lab_files set received = received - ?3, size = size - ?4 where run = ?1 and kind = ?2",
            &[run, kind, gone.into(), bytes.into()],
        )
        .await?;
        Ok(true)
    }
}

async fn kept_bytes<R: Read>(read: &mut R) -> Outcome<i64> {
    let row = read.first("select cast(coalesce(sum(size), 0) as bigint) from lab_files", &[]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

/// What all files take.
pub struct KeptBytes;

impl Query for KeptBytes {
    type Out = i64;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<i64> {
        kept_bytes(read).await
    }
}

/// A whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub kind: Kind,
    pub parts: i64,
    pub size: i64,
}

/// The whole files of one run.
pub struct FilesOf(pub RunId);

impl Query for FilesOf {
    type Out = Vec<Facts>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Facts>> {
        let rows = read
            .query(
                "select kind, parts, size from lab_files where run = ?1 and received = parts order by kind",
                &[self.0.into()],
            )
            .await?;
        let facts = rows
            .iter()
            .filter_map(|row| Some(Facts { kind: Kind::parse(row.text(0))?, parts: row.int(1), size: row.int(2) }));
        Ok(facts.collect())
    }
}

/// One part of a file, while it is kept.
pub struct PartOf {
    pub run: RunId,
    pub kind: Kind,
    pub part: i64,
}

impl Query for PartOf {
    type Out = Option<Vec<u8>>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<Vec<u8>>> {
        let row = read
            .first(
                "select bytes from lab_file_parts where run = ?1 and kind = ?2 and part = ?3",
                &[self.run.into(), self.kind.name().into(), self.part.into()],
            )
            .await?;
        Ok(row.map(|row| row.bytes(0).to_vec()))
    }
}
