//! From SQLite to PostgreSQL: a whole installation goes on there as if nothing had been; or nothing is copied.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::sale_change::{NewTerms, SaleChange};
use domain::{AccountId, HoldId, OrderId, SaleId, Timestamp};
use rusqlite::Connection;
use serde_json::Value as Json;
use store::OpenError;
use store::accounts::{ById, Register};
use store::audit_chain::{SealAudit, VerifyAudit};
use store::cancellations::Which;
use store::catalog::{AdoptDemoSale, BuildSeats, CreateEvent, Event};
use store::holds::PlaceHold;
use store::keys::KeepSecret;
use store::lease::Lead;
use store::login_codes::NewCode;
use store::queue::{JoinBatch, Joined};
use store::settlement::Finished;
use store::transfer::{Kind, Transfer, TransferError, Transferred};

use crate::stats_export::lively;
use crate::world::{Home, SEC, START, Visit, World, key, operator_key, position, postgres};

const ANN: AccountId = AccountId(uuid::Uuid::from_u128(u128::MAX - 1));

/// A world on SQLite, and its file.
async fn world() -> (World, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("traffic.db");
    let world = World::at(format!("sqlite://{}", path.display()), std::sync::Arc::new(store::NoObserver)).await;
    (world, folder, path)
}

impl World {
    async fn copy(&self, from: &Path, to: &Home) -> Result<Transferred, TransferError> {
        self.copy_to_a_clock(from, to, self.server_clock_from()).await
    }

    /// `from_zero`: what the server's clock showed when the monotonic one was at zero.
    async fn copy_to_a_clock(
        &self,
        from: &Path,
        to: &Home,
        from_zero: Timestamp,
    ) -> Result<Transferred, TransferError> {
        let (from, to, clock) = (from.to_owned(), to.url(), self.clock());
        Transfer { from, to, clock, hand_driven_from: Some(from_zero), may_lose: true }.run().await
    }
}

/// What somebody has in hand when the installation moves.
struct Underway {
    sale: SaleId,
    held: (Visit, HoldId),
    answer: Vec<u8>,
    paying: OrderId,
    /// The last in line.
    last: AccountId,
    closed: SaleId,
    building: SaleId,
}

fn placing(visit: &Visit, id: HoldId) -> PlaceHold {
    let key = key(visit, "hold", "before the move");
    PlaceHold {
        id,
        sale: visit.sale,
        account: visit.fan,
        claim: visit.claim.id,
        seats: vec![10, 11],
        address: None,
        key,
    }
}

/// Something in every table, and everything in some state.
async fn underway(w: &World) -> Underway {
    let ann = Register {
        id: ANN,
        email: "ann@example.org".to_owned(),
        password_hash: Some("$argon2id$v=19$hash".to_owned()),
        phone: None,
    };
    w.ask(ann).await.expect("registered");
    let code = NewCode { id: w.id(), account: ANN, hash: [255; 32], tries: 5, life: Duration::from_secs(600) };
    w.ask(code).await.expect("mailed");
    let event = Event {
        id: w.id(),
        name: "Zürich \u{1f3b8}\t\"Encore\"\\N\nsecond line".to_owned(),
        venue: String::new(),
        starts_at: START,
        group: Some("Tour".to_owned()),
    };
    let key = Some(operator_key("event", "once"));
    w.ask(CreateEvent { event, key, act: w.act() }).await.expect("an event");
    crate::runs::kept(w).await;
    w.ask(KeepSecret { name: "session", fresh: vec![0, 255, 10, 92] }).await.expect("kept");
    let paused = lively(w).await;
    w.change(paused, SaleChange::Pause).await.expect("changed");
    let closed = w.sale().await;
    w.line(closed, 3).await;
    w.change(closed, SaleChange::Close).await.expect("changed");
    w.farmed().await;

    let sale = w.sale().await;
    let refunded = w.visit(sale).await;
    let lost = w.hold(&refunded, &[30]).await.expect("held");
    let order = w.begin(&refunded, lost).await.expect("begun");
    w.advance(721 * SEC);
    let quick = w.visit(sale).await;
    w.buy(&quick, &[30]).await;
    assert_eq!(w.finish(order, true).await, Finished::RefundDue);
    let seller = w.visit(sale).await;
    let taken_back = w.buy(&seller, &[29]).await;
    w.cancel(Which::Order(taken_back)).await.expect("cancelled");
    let declined = w.visit(sale).await;
    let kept = w.hold(&declined, &[31]).await.expect("held");
    let order = w.begin(&declined, kept).await.expect("begun");
    w.finish(order, false).await;

    let (buyer, payer) = (w.visit(sale).await, w.visit(sale).await);
    let hold = w.id();
    let answer = w.ask(placing(&buyer, hold)).await.expect("held");
    let charged = w.hold(&payer, &[20]).await.expect("held");
    let paying = w.begin(&payer, charged).await.expect("begun");
    w.change(sale, SaleChange::Terms(NewTerms { max_active: Some(50), ..NewTerms::default() })).await.expect("changed");
    let line = w.line(sale, 1_200).await;
    w.ask(AdoptDemoSale { sale, act: w.act() }).await.expect("adopted");
    w.advance(SEC);
    while w.ask(SealAudit { epoch: w.epoch }).await.expect("a tick").is_some() {}
    w.ask(AdoptDemoSale { sale, act: w.act() }).await.expect("adopted, and not sealed yet");
    let building = w.building(|t| t.total_seats = 2_500).await;
    assert!(!w.ask(BuildSeats { sale: building }).await.expect("some of the seats"));
    Underway { sale, held: (buyer, hold), answer, paying, last: line[1_199], closed, building }
}

/// An export without what it says of itself.
async fn told(w: &World, sale: SaleId) -> Vec<Json> {
    let mut lines = w.export(sale).await;
    lines[0]["exported_at"].take();
    lines
}

/// Every row of a table, each value as hexadecimal text, whatever the order of the rows.
fn rows_of_file(path: &Path, table: &str) -> Vec<String> {
    let file = Connection::open(path).expect("the file");
    let columns = columns(&file, table);
    let value = |(name, kind): &(String, String)| match kind.as_str() {
        "bigint" => format!("coalesce({name}, '-')"),
        _ => format!("case when {name} is null then '-' else lower(hex({name})) end"),
    };
    let sql = format!("select {} from {table}", columns.iter().map(value).collect::<Vec<_>>().join(" || '|' || "));
    let mut statement = file.prepare(&sql).expect("a statement");
    let mut rows: Vec<String> =
        statement.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("rows");
    rows.sort();
    rows
}

fn columns(file: &Connection, table: &str) -> Vec<(String, String)> {
    let mut columns = file.prepare("select name, lower(type) from pragma_table_info(?1)").expect("a statement");
    let columns = columns.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).expect("columns");
    columns.collect::<Result<_, _>>().expect("columns")
}

fn rows_of_database(file: &Path, to: &Home, table: &str) -> Vec<String> {
    let Home::Database(database) = to else { panic!("a database") };
    let value = |(name, kind): &(String, String)| match kind.as_str() {
        "bigint" => format!("coalesce({name}::text, '-')"),
        "blob" => format!("coalesce(encode({name}, 'hex'), '-')"),
        _ => format!("coalesce(encode(convert_to({name}, 'UTF8'), 'hex'), '-')"),
    };
    let columns = columns(&Connection::open(file).expect("the file"), table);
    let sql = format!("select {} from {table}", columns.iter().map(value).collect::<Vec<_>>().join(" || '|' || "));
    let mut rows: Vec<String> = database.psql().run(&sql).expect("rows").lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

fn is_empty(to: &Home) -> bool {
    let Home::Database(database) = to else { panic!("a database") };
    let tables = database.psql().run("select tablename from pg_tables where schemaname = 'public'").expect("tables");
    let count = |table| database.psql().run(&format!("select count(*) from {table}")).expect("a count");
    tables.lines().filter(|table| *table != "schema_version").all(|table| count(table) == "0")
}

#[tokio::test]
async fn every_row_arrives_as_it_was() {
    let (mut w, _folder, path) = world().await;
    underway(&w).await;
    w.stop().await;
    let to = postgres();
    let done = w.copy(&path, &to).await.expect("copied");
    assert_eq!(done.moved_ms, 0);
    let file = Connection::open(&path).expect("the file");
    let mut tables = file.prepare("select name from sqlite_schema where type = 'table' and name <> 'clock'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(done.tables.iter().map(|(table, _)| table).collect::<Vec<_>>(), tables.iter().collect::<Vec<_>>());
    for (table, rows) in &done.tables {
        let (here, there) = (rows_of_file(&path, table), rows_of_database(&path, &to, table));
        assert!(*rows > 0, "nothing of `{table}` is tested");
        assert_eq!(here.len() as i64, *rows, "{table}");
        // The lease has lapsed; all else is the same.
        if table != "leases" {
            assert_eq!(here, there, "{table}");
        }
    }
}

#[tokio::test]
async fn the_sale_goes_on_where_it_was() {
    let (mut w, _folder, path) = world().await;
    let u = underway(&w).await;
    let (before, stats, chain, epoch) =
        (told(&w, u.sale).await, w.stats(u.sale).await, w.read(VerifyAudit).await, w.epoch);
    assert!(chain.broken.is_none() && chain.seals > 0 && chain.unsealed > 0, "{chain:?}");
    w.stop().await;
    let to = postgres();
    w.copy(&path, &to).await.expect("copied");
    w.go_on_at(to).await;

    assert!(told(&w, u.sale).await == before, "the export is another one");
    assert_eq!((w.stats(u.sale).await, w.read(VerifyAudit).await), (stats.clone(), chain));
    assert_eq!(w.read(ById(ANN)).await.unwrap().password_hash.as_deref(), Some("$argon2id$v=19$hash"));
    let secret = w.ask(KeepSecret { name: "session", fresh: vec![1] }).await;
    assert_eq!(secret.as_deref(), Ok(&[0, 255, 10, 92][..]), "who is logged in stays logged in");

    // A new worker leads at once, and the sale obeys it.
    w.epoch = w.ask(Lead { holder: w.id(), alone: false }).await.unwrap().expect("the lease has lapsed");
    assert!(w.epoch > epoch);
    w.advance(50);
    assert!(w.calls(u.sale).await > 0);
    while w.ask(SealAudit { epoch: w.epoch }).await.unwrap().is_some() {}
    let chain = w.read(VerifyAudit).await;
    assert_eq!((chain.broken, chain.unsealed, chain.late_count), (None, 0, 0));

    // What was asked before the move is answered with the same bytes; what was begun is ended.
    let (visit, hold) = u.held;
    assert_eq!(w.ask(placing(&visit, w.id())).await.as_ref(), Ok(&u.answer));
    let order = w.begin(&visit, hold).await.expect("begun");
    assert!(matches!(w.finish(order, true).await, Finished::Confirmed(_)));
    assert!(matches!(w.finish(u.paying, true).await, Finished::Confirmed(_)));
    assert_eq!(w.stats(u.sale).await.tickets_sold, stats.tickets_sold + 3);

    // One person, one place; the next one is the next.
    assert!(matches!(w.join(u.sale, u.last).await, Joined::Known { position, .. } if position == stats.last_position));
    assert_eq!(position(w.join(u.sale, ANN).await), stats.last_position + 1);
    let refused = w.ask(JoinBatch { sale: u.closed, accounts: vec![ANN] }).await.unwrap();
    assert!(matches!(refused[..], [Joined::Refused(_)]), "{refused:?}");
    while !w.ask(BuildSeats { sale: u.building }).await.unwrap() {}
    assert_eq!(w.stats(u.building).await.available_seats, 2_500);
}

#[tokio::test]
async fn who_had_time_left_has_it_still_when_the_old_clock_was_wrong() {
    let (mut w, _folder, path) = world().await;
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    // The machine's clock was an hour behind, and somebody sets it right.
    w.advance(700 * SEC);
    w.set_wall(w.now().plus_sec(3_600));
    let told_before = w.store.shown(visit.claim.deadline);
    w.advance(1);
    w.seal_something(sale).await;
    w.stop().await;
    let to = postgres();
    assert_eq!(w.copy(&path, &to).await.expect("copied").moved_ms, 3_600 * SEC);
    w.go_on_at(to).await;
    w.lead().await;
    let claims = w.exported(sale, "claim").await;
    assert_eq!(claims[0]["deadline"], serde_json::json!(told_before), "what the fan was told is what is kept");
    // Of 720 s there are 20 left.
    w.advance(20 * SEC - 2);
    let order = w.begin(&visit, hold).await.expect("in its last millisecond");
    w.finish(order, true).await;
    let late = w.visit(sale).await;
    let hold = w.hold(&late, &[2]).await.expect("held");
    w.advance(720 * SEC);
    w.begin(&late, hold).await.expect_err("its time is over");
    let chain = w.read(VerifyAudit).await;
    assert_eq!((chain.broken, chain.late_count), (None, 0), "a seal keeps its times");
}

#[tokio::test]
async fn a_server_with_another_time_takes_nobodys_time() {
    let (mut w, _folder, path) = world().await;
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.hold(&visit, &[1]).await.expect("held");
    w.stop().await;
    let (near, far) = (postgres(), postgres());
    let ahead = |sec| w.server_clock_from().plus_sec(sec);
    assert_eq!(w.copy_to_a_clock(&path, &near, ahead(2)).await.expect("copied").moved_ms, 0, "it is only slewed");
    assert_eq!(w.copy_to_a_clock(&path, &far, ahead(-600)).await.expect("copied").moved_ms, -600 * SEC);
    let shown = |to: &Home| {
        let Home::Database(database) = to else { panic!("a database") };
        database.psql().run("select expires_at, (select opens_at from sales) from holds").unwrap()
    };
    let (expires_at, opens_at) = (START.plus_ms(1 + 720 * SEC).millis(), START.plus_sec(-10).millis());
    assert_eq!(shown(&near), format!("{expires_at}|{opens_at}"));
    assert_eq!(shown(&far), format!("{}|{opens_at}", expires_at - 600 * SEC), "doors follow the clock on the wall");
}

#[tokio::test]
async fn a_target_that_is_not_empty_is_refused() {
    let (mut w, _folder, path) = world().await;
    underway(&w).await;
    w.stop().await;
    let refused = |done: Result<Transferred, TransferError>, name: &str| match done {
        Err(TransferError::NotEmpty { table }) => assert_eq!(table, name),
        other => panic!("{other:?}"),
    };
    let to = postgres();
    w.copy(&path, &to).await.expect("copied");
    refused(w.copy(&path, &to).await, "accounts");
    for (table, row) in [
        ("settings", "insert into settings values ('a', 'b')"),
        ("idempotency", "insert into idempotency values ('a', 'b', 'c', 'd', 'e', null, null, 1)"),
        ("node_changes", "insert into node_changes (body) values ('[]')"),
        ("clock", "insert into clock values (1, 2, 3)"),
    ] {
        let to = postgres();
        let Home::Database(database) = &to else { panic!("a database") };
        database.psql().run(row).expect("a row");
        refused(w.copy(&path, &to).await, table);
    }
}

#[tokio::test]
async fn a_target_that_a_node_uses_is_refused() {
    let (mut w, _folder, path) = world().await;
    w.sale().await;
    w.stop().await;
    let (to, mut node) = (postgres(), world().await);
    let url = to.url();
    node.0.stop().await;
    node.0.go_on_at(to).await;
    let clock = w.clock();
    let again = Transfer { from: path, to: url, clock, hand_driven_from: None, may_lose: true };
    assert!(matches!(again.run().await, Err(TransferError::InUse)));
}

#[tokio::test]
async fn a_source_that_cannot_be_copied_is_refused() {
    let (mut w, folder, path) = world().await;
    let to = postgres();
    let missing = w.copy(&folder.path().join("other.db"), &to).await;
    assert!(matches!(missing, Err(TransferError::Missing { .. })), "{missing:?}");
    assert!(!folder.path().join("other.lock").exists(), "a look makes no file");
    let in_use = w.copy(&path, &to).await;
    assert!(matches!(in_use, Err(TransferError::From(OpenError::InUse { .. }))), "{in_use:?}");
    w.stop().await;
    let version = |version: i64| {
        Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
    };
    let known = Connection::open(&path).unwrap().query_row("pragma user_version", [], |row| row.get(0)).unwrap();
    version(known + 1);
    let newer = w.copy(&path, &to).await;
    assert!(matches!(newer, Err(TransferError::From(OpenError::TooNew { .. }))), "{newer:?}");
    version(known - 1);
    let older = w.copy(&path, &to).await;
    assert!(matches!(older, Err(TransferError::Old { found, .. }) if found == known - 1), "{older:?}");
    version(known);
    Connection::open(&path).unwrap().execute_batch("create table stray (a bigint)").unwrap();
    let stray = w.copy(&path, &to).await;
    assert!(matches!(&stray, Err(TransferError::Schema(why)) if why.contains("`stray`")), "{stray:?}");
    assert!(is_empty(&to));
}

#[tokio::test]
async fn a_copy_that_is_broken_off_leaves_nothing() {
    let (mut w, _folder, path) = world().await;
    let u = underway(&w).await;
    w.stop().await;
    let spoil = |sql: &str| assert!(Connection::open(&path).unwrap().execute(sql, []).unwrap() > 0);
    let to = postgres();

    spoil("update tickets set price = 'dear'");
    let wrong = w.copy(&path, &to).await;
    let Err(TransferError::Value { table, column, kind }) = &wrong else { panic!("{wrong:?}") };
    assert_eq!((table.as_str(), column.as_str(), *kind), ("tickets", "price", Kind::Number));
    assert!(is_empty(&to));
    spoil("update tickets set price = 5000");

    spoil("update orders set payment_token = 'a' || char(0) || 'b'");
    let refused = w.copy(&path, &to).await;
    assert!(matches!(refused, Err(TransferError::Write(_))), "{refused:?}");
    assert!(is_empty(&to));
    spoil("update orders set payment_token = 'sim_ok'");

    spoil("update queue_heads set last_position = last_position + 1 where last_position > 1000");
    let gap = w.copy(&path, &to).await;
    let Err(TransferError::Line { sale, places, given, .. }) = &gap else { panic!("{gap:?}") };
    assert_eq!((sale, *given), (&u.sale.0.simple().to_string(), *places + 1));
    assert!(is_empty(&to));
    spoil("update queue_heads set last_position = last_position - 1 where last_position > 1000");
    w.copy(&path, &to).await.expect("nothing stands in the way any more");
}

impl World {
    async fn seal_something(&self, sale: SaleId) {
        self.ask(AdoptDemoSale { sale, act: self.act() }).await.expect("adopted");
        self.ask(SealAudit { epoch: self.epoch }).await.expect("a tick").expect("something to seal");
    }
}
