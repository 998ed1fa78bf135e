//! The database surface on one transaction of one connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use domain::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};

use super::pool::in_time;
use super::statement;
use super::time::Heard;
use super::values::parameter_type;
use crate::change::Change;
use crate::error::DbError;
use crate::tx::{Read, Tx};
use crate::value::{Row, Value};

pub(super) struct PgTx<'a> {
    client: &'a ClientWrapper,
    heard: Heard,
    /// The server cancels a statement before this; what takes longer is the network.
    call_max: Duration,
    changes: Vec<Change>,
    /// A statement has failed: the transaction can only be rolled back.
    failed: bool,
    /// Of the engine, for those who count them.
    statements: &'a AtomicU64,
}

impl<'a> PgTx<'a> {
    pub(super) fn new(
        client: &'a ClientWrapper,
        heard: Heard,
        statement_max: Duration,
        statements: &'a AtomicU64,
    ) -> Self {
        let call_max = statement_max + Duration::from_secs(1);
        Self { client, heard, call_max, changes: Vec::new(), failed: false, statements }
    }

    /// What the observers are told if this commits; `None` where it must not.
    pub(super) fn end(self) -> Option<Vec<Change>> {
        (!self.failed).then_some(self.changes)
    }

    fn note<T>(&mut self, answer: Result<T, DbError>) -> Result<T, DbError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.failed |= answer.is_err();
        answer
    }

    async fn select(&mut self, sql: &'static str, locks: bool, args: &[Value]) -> Result<Vec<Row>, DbError> {
        let answer = in_time(self.call_max, select(self.client, sql, locks, args)).await;
        self.note(answer)
    }
}

/// Prepared once for each connection.
async fn prepared(
    client: &ClientWrapper,
    sql: &'static str,
    locks: bool,
    args: &[Value],
) -> Result<Statement, tokio_postgres::Error> {
    let types: Vec<Type> = args.iter().map(parameter_type).collect();
    client.prepare_typed_cached(statement::text(sql, locks), &types).await
}

pub(super) async fn select(
    client: &ClientWrapper,
    sql: &'static str,
    locks: bool,
    args: &[Value],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let statement = prepared(client, sql, locks, args).await?;
    decode(&Client::query(client, &statement, &borrowed(args)).await?)
}

fn borrowed(args: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    args.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn decode(rows: &[tokio_postgres::Row]) -> Result<Vec<Row>, tokio_postgres::Error> {
    let one = |row: &tokio_postgres::Row| (0..row.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>().map(Row);
    rows.iter().map(one).collect()
}

impl Read for PgTx<'_> {
    async fn query(&mut self, sql: &'static str, args: &[Value]) -> Result<Vec<Row>, DbError> {
        self.select(sql, false, args).await
    }

    fn now(&self) -> Timestamp {
        self.heard.now()
    }

    fn wall(&self) -> Timestamp {
        self.heard.wall()
    }

    fn shown(&self, at: Timestamp) -> Timestamp {
        at
    }
}

impl Tx for PgTx<'_> {
    async fn execute(&mut self, sql: &'static str, args: &[Value]) -> Result<u64, DbError> {
        let client = self.client;
        let run = async {
            let statement = prepared(client, sql, false, args).await?;
            Client::execute(client, &statement, &borrowed(args)).await
        };
        let answer = in_time(self.call_max, run).await;
        self.note(answer)
    }

    async fn lock(&mut self, sql: &'static str, args: &[Value]) -> Result<Vec<Row>, DbError> {
        self.select(sql, true, args).await
    }

    /// Both on their way at once: the server runs the second when the first has its locks.
    async fn locked(&mut self, lock: &'static str, read: &'static str, args: &[Value]) -> Result<Vec<Row>, DbError> {
        let client = self.client;
        self.statements.fetch_add(1, Ordering::Relaxed);
        let both = async {
            let (first, second) =
                (prepared(client, lock, true, args).await?, prepared(client, read, false, args).await?);
            let args = borrowed(args);
            let (locked, read) =
                tokio::join!(biased; Client::query(client, &first, &args), Client::query(client, &second, &args));
            locked?;
            decode(&read?)
        };
        let answer = in_time(self.call_max, both).await;
        self.note(answer)
    }

    fn emit(&mut self, change: Change) {
        self.changes.push(change);
    }
}
