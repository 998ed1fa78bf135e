//! An empty database that is filled with a copy: on one connection, in one transaction, while no node can use it.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;

use domain::{Clock, Timestamp};
use futures_util::SinkExt as _;
use tokio::sync::mpsc::Receiver;
use tokio_postgres::CopyInSink;

use super::connect::InVain;
use super::errors::{db_error, is_definite};
use super::pool::{self, Lease};
use super::time::Time;
use super::{NOW, migrate, server, url};
use crate::error::{DbError, OpenError};
use crate::transfer::{Column, Kind, LEFT_BEHIND, ONLY_THERE, Table, TransferError, difference};

/// Copying takes minutes, and between two pages the server waits for the source.
const PATIENCE: &str =
    "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = '5s'; begin";
/// Nodes give their connections this name, and so does this one.
const OTHERS: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
      and application_name = current_setting('application_name')";
const COLUMNS: &str = "
    select c.table_name::text, c.column_name::text, c.data_type::text
    from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = current_schema() and t.table_type = 'BASE TABLE'
    order by c.table_name, c.ordinal_position";
/// Places are 1, 2, 3 .. up to the last one that was given.
const GAPS: &str = "
    select encode(coalesce(q.sale, e.sale), 'hex'), coalesce(e.places, 0), coalesce(e.first, 0), coalesce(e.last, 0),
        coalesce(q.last_position, 0)
    from queue_heads q full join
        (select sale, count(*) as places, min(position) as first, max(position) as last from entries group by sale) e
        on e.sale = q.sale
    where not (coalesce(e.places, 0) = coalesce(q.last_position, 0) and coalesce(e.last, 0) = coalesce(e.places, 0)
        and coalesce(e.first, 1) = 1)
    limit 1";

pub(crate) struct Destination {
    /// Closed, never given back: with it ends whatever was begun, and the lock of the migrations. Until then a node that
    /// starts waits for that lock, and finds all of the copy or nothing.
    lease: Lease,
    in_vain: InVain,
}

impl Destination {
    /// With the tables of this version, made where they are missing.
    pub(crate) async fn open(url: &str, may_lose: bool) -> Result<Self, OpenError> {
        let target = url::parse(url).map_err(OpenError::BadUrl)?;
        let in_vain = InVain::default();
        let pool = pool::open(&target, 1, in_vain.clone()).map_err(OpenError::BadUrl)?;
        let lease = Lease::take(&pool).await.map_err(OpenError::Database)?;
        server::check(&lease, may_lose).await?;
        migrate::migrate(&lease).await?;
        Ok(Self { lease, in_vain })
    }

    /// Makes sure that nobody is there, nothing is there, and that it is made for these tables.
    pub(crate) async fn begin(&self, tables: &[Table]) -> Result<(), TransferError> {
        self.lease.batch_execute(PATIENCE).await.map_err(refused)?;
        let others: i64 = self.lease.query_one(OTHERS, &[]).await.map_err(refused)?.get(0);
        if others > 0 {
            return Err(TransferError::InUse);
        }
        let here = self.tables().await.map_err(refused)?;
        let copied: Vec<Table> = here.iter().filter(|table| !is_apart(&table.name)).cloned().collect();
        if let Some(difference) = difference(tables, &copied) {
            return Err(TransferError::Schema(difference));
        }
        let apart = here.iter().filter(|table| is_apart(&table.name) && table.name != "schema_version");
        for table in tables.iter().chain(apart) {
            let name = table.quoted();
            self.lease.batch_execute(&format!("lock table {name} in exclusive mode")).await.map_err(refused)?;
            let sql = format!("select exists (select 1 from {name})");
            if self.lease.query_one(&sql, &[]).await.map_err(refused)?.get(0) {
                return Err(TransferError::NotEmpty { table: table.name.clone() });
            }
        }
        Ok(())
    }

    async fn tables(&self) -> Result<Vec<Table>, tokio_postgres::Error> {
        let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
        for row in self.lease.query(COLUMNS, &[]).await? {
            // A type that no table of ours has makes the table another one.
            let kind = Kind::named(row.get(2));
            tables.entry(row.get(0)).or_default().extend(kind.map(|kind| Column { name: row.get(1), kind }));
        }
        Ok(tables.into_iter().map(|(name, columns)| Table { name, columns }).collect())
    }

    /// What the deciding clock here shows.
    pub(crate) async fn now(
        &self,
        clock: &Arc<dyn Clock>,
        hand_driven_from: Option<Timestamp>,
    ) -> Result<Timestamp, DbError> {
        let now = self.lease.query_one(NOW, &[]).await.map_err(db_error)?;
        let time = Time { clock: Arc::clone(clock), hand_driven_from };
        Ok(time.heard(Timestamp(now.get(0))).now())
    }

    /// Writes the pages of one table, until there are no more.
    pub(crate) async fn take(&self, table: &Table, mut pages: Receiver<Vec<u8>>) -> Result<(), DbError> {
        let sql = format!("copy {} ({}) from stdin (format binary)", table.quoted(), table.column_list());
        let sink: CopyInSink<Cursor<Vec<u8>>> = self.lease.copy_in(&sql).await.map_err(db_error)?;
        let mut sink = pin!(sink);
        while let Some(page) = pages.recv().await {
            sink.send(Cursor::new(page)).await.map_err(db_error)?;
        }
        sink.finish().await.map(drop).map_err(db_error)
    }

    pub(crate) async fn count(&self, table: &Table) -> Result<i64, DbError> {
        let sql = format!("select count(*) from {}", table.quoted());
        Ok(self.lease.query_one(&sql, &[]).await.map_err(db_error)?.get(0))
    }

    pub(crate) async fn check_lines(&self) -> Result<(), TransferError> {
        let Some(row) = self.lease.query_opt(GAPS, &[]).await.map_err(refused)? else { return Ok(()) };
        let (sale, places, first, last, given) = (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
        Err(TransferError::Line { sale, places, first, last, given })
    }

    /// With the planner's figures, so that the first statements do not read a million rows one by one.
    pub(crate) async fn commit(self, tables: &[Table]) -> Result<(), TransferError> {
        let names: Vec<String> = tables.iter().map(Table::quoted).collect();
        self.lease.batch_execute(&format!("analyze {}", names.join(", "))).await.map_err(refused)?;
        let in_vain = self.in_vain.count();
        match self.lease.batch_execute("commit").await {
            Ok(()) if self.in_vain.count() != in_vain => {
                tracing::error!("the COMMIT has waited for its standby in vain");
                Err(TransferError::Unknown)
            }
            Ok(()) => Ok(()),
            Err(error) if is_definite(&error) => Err(refused(error)),
            Err(error) => {
                tracing::error!(%error, "no answer to the COMMIT");
                Err(TransferError::Unknown)
            }
        }
    }
}

fn is_apart(table: &str) -> bool {
    LEFT_BEHIND.contains(&table) || ONLY_THERE.contains(&table)
}

fn refused(error: tokio_postgres::Error) -> TransferError {
    TransferError::Write(db_error(error))
}
