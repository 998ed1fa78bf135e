//! Events and sales: making them, building their seats, reading them.

use domain::sale::{Sale, Terms};
use domain::seat_map::{SeatMap, Seating};
use domain::{EventId, Refusal, SaleId, Timestamp};
use serde_json::json;

use crate::MOST_ROWS_PER_COMMAND;
use crate::audit::{self, Act};
use crate::change::Change;
use crate::error::Outcome;
use crate::idempotency::{Key, Known};
use crate::rows::{self, load_sale, sale_columns, sections_json};
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk};

/// The setting that names the demo sale.
const DEMO_SALE: &str = "demo_sale";
/// Sales on one page.
const MOST_SALES: i64 = 1_000;

/// A show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub name: String,
    pub venue: String,
    pub starts_at: Timestamp,
    /// The tour that it belongs to.
    pub group: Option<String>,
}

pub struct CreateEvent {
    pub event: Event,
    pub key: Option<Key>,
    pub act: Act,
}

impl Verb for CreateEvent {
    /// The answer's bytes.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Some(answer) = repeated(tx, self.key.as_ref()).await? {
            return Ok(answer);
        }
        audit::append(tx, &self.act).await?;
        let Event { id, name, venue, starts_at, group } = &self.event;
        tx.execute(
            "insert into events (id, name, venue, starts_at, created_at, event_group) values (?1, ?2, ?3, ?4, ?5, ?6)",
            &[(*id).into(), name.into(), venue.into(), (*starts_at).into(), tx.now().into(), group.as_ref().into()],
        )
        .await?;
        answer(tx, self.key.as_ref(), &json!({ "event_id": id })).await
    }
}

/// What an earlier run with this key answered.
pub(crate) async fn repeated<T: Tx>(tx: &mut T, key: Option<&Key>) -> Outcome<Option<Vec<u8>>> {
    match key {
        Some(key) => match key.take(tx).await? {
            Known::Answered(answer) => Ok(Some(answer)),
            Known::Fresh | Known::Paying(_) => Ok(None),
        },
        None => Ok(None),
    }
}

/// The answer's bytes, stored under the key.
pub(crate) async fn answer<T: Tx>(tx: &mut T, key: Option<&Key>, body: &serde_json::Value) -> Outcome<Vec<u8>> {
    let bytes = body.to_string().into_bytes();
    if let Some(key) = key {
        key.answer(tx, &bytes).await?;
    }
    Ok(bytes)
}

/// Makes a sale without its seats: it is `building` until [`BuildSeats`] has made them all.
pub struct CreateSale {
    pub id: SaleId,
    pub event: EventId,
    pub terms: Terms,
    pub seating: Seating,
    pub key: Option<Key>,
    pub act: Act,
}

impl Verb for CreateSale {
    /// The answer's bytes.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Some(answer) = repeated(tx, self.key.as_ref()).await? {
            return Ok(answer);
        }
        audit::append(tx, &self.act).await?;
        let event = tx.first("select 1 from events where id = ?1", &[self.event.into()]).await?;
        event.ok_or(Refusal::EventNotFound)?;
        self.insert(tx).await?;
        let head = "insert into queue_heads (sale, last_position, last_joined_at) values (?1, 0, 0)";
        tx.execute(head, &[self.id.into()]).await?;
        let drip = "insert into drips (sale, through, credit, last_tick_at, epoch) values (?1, 0, 0, ?2, 0)";
        tx.execute(drip, &[self.id.into(), tx.now().into()]).await?;
        let sale = load_sale(tx, self.id).await?;
        tx.emit(Change::Sale { sale: Box::new(sale), seating: self.seating.clone() });
        answer(tx, self.key.as_ref(), &json!({ "sale_id": self.id })).await
    }
}

impl CreateSale {
    async fn insert<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        let t = &self.terms;
        tx.execute(
            "insert into sales (id, event, opens_at, ends_at, total_seats, admit_per_minute, waiting_room_cap,
                 max_tickets_per_user, max_active, hold_ttl_sec, claim_window_sec, shopping_window_sec,
                 seats_per_shopper, price, currency, sections, created_at, cancelled_seats, max_tickets_per_cluster,
                 max_tickets_per_group, max_tickets_per_group_cluster, cluster_by)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
            &[
                self.id.into(),
                self.event.into(),
                t.opens_at.into(),
                t.ends_at.into(),
                t.total_seats.into(),
                t.admit_per_minute.into(),
                t.waiting_room_cap.into(),
                t.max_tickets_per_user.into(),
                t.max_active.into(),
                t.hold_ttl_sec.into(),
                t.claim_window_sec.into(),
                t.shopping_window_sec.into(),
                t.seats_per_shopper.into(),
                t.price.0.into(),
                t.currency.as_str().into(),
                sections_json(self.seating.sections()),
                tx.now().into(),
                t.cancelled_seats.name().into(),
                t.caps.per_cluster.into(),
                t.caps.per_group.into(),
                t.caps.per_group_cluster.into(),
                by_names(t).into(),
            ],
        )
        .await?;
        Ok(())
    }
}

pub(crate) fn by_names(terms: &Terms) -> String {
    terms.caps.cluster_by.names().collect::<Vec<_>>().join(",")
}

/// Makes the next seats of a sale that is building, and opens it with the last of them. Repeat until `true`.
pub struct BuildSeats {
    pub sale: SaleId,
}

impl Verb for BuildSeats {
    type Done = bool;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<bool> {
        let row = tx
            .lock(concat!("select ", sale_columns!(), ", sections from sales where id = ?1"), &[self.sale.into()])
            .await?;
        let (mut sale, seating) = rows::sale_and_hall(row.first().ok_or(Refusal::SaleNotFound)?)?;
        if sale.built_at.is_some() {
            return Ok(true);
        }
        let made = tx
            .first("select coalesce(max(num), -1) + 1 from seats where sale = ?1", &[self.sale.into()])
            .await?
            .map_or(0, |row| row.int(0));
        let map = SeatMap::new(&seating);
        let from = u32::try_from(made).unwrap_or(u32::MAX);
        let to = map.total_seats().min(from.saturating_add(MOST_ROWS_PER_COMMAND as u32 - 1));
        let seats = (from..to).map(|num| [json!(num), json!(map.label(num)), json!(map.seat(num).price)]);
        tx.execute(
            "insert into seats (sale, num, label, price)
             select ?1, cast(value ->> 0 as bigint), value ->> 1, cast(value ->> 2 as bigint) from json_each(?2)",
            &[self.sale.into(), bulk(seats)],
        )
        .await?;
        if to < map.total_seats() {
            return Ok(false);
        }
        tx.execute("update sales set built_at = ?2 where id = ?1", &[self.sale.into(), tx.now().into()]).await?;
        sale.built_at = Some(tx.now());
        tx.emit(Change::Sale { sale: Box::new(sale), seating });
        Ok(true)
    }
}

/// Makes an existing sale the one that the demo pages and the lab look at.
pub struct AdoptDemoSale {
    pub sale: SaleId,
    pub act: Act,
}

impl Verb for AdoptDemoSale {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        load_sale(tx, self.sale).await?;
        audit::append(tx, &self.act).await?;
        tx.execute(
            "insert into settings (name, value) values (?1, ?2) on conflict (name) do update set value = ?2",
            &[DEMO_SALE.into(), self.sale.to_string().into()],
        )
        .await?;
        Ok(())
    }
}

pub struct DemoSale;

impl Query for DemoSale {
    type Out = Option<SaleId>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<SaleId>> {
        let row = read.first("select value from settings where name = ?1", &[DEMO_SALE.into()]).await?;
        Ok(row.and_then(|row| row.text(0).parse().ok()))
    }
}

/// A sale with its hall and its show.
#[derive(Clone, Debug)]
pub struct Listed {
    pub sale: Sale,
    pub seating: Seating,
    pub event: Event,
}

/// The newest sales, or one.
pub struct Sales {
    pub only: Option<SaleId>,
}

impl Query for Sales {
    type Out = Vec<Listed>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Listed>> {
        let sales = match self.only {
            Some(id) => {
                let one = concat!("select ", sale_columns!(), ", sections from sales where id = ?1");
                read.query(one, &[id.into()]).await?
            }
            None => {
                let all =
                    concat!("select ", sale_columns!(), ", sections from sales order by created_at desc, id limit ?1");
                read.query(all, &[MOST_SALES.into()]).await?
            }
        };
        let mut listed = Vec::with_capacity(sales.len());
        for row in &sales {
            let (sale, seating) = rows::sale_and_hall(row)?;
            let event = read
                .first("select id, name, venue, starts_at, event_group from events where id = ?1", &[sale.event.into()])
                .await?
                .ok_or(Refusal::EventNotFound)?;
            listed.push(Listed { sale, seating, event: self::event(&event) });
        }
        Ok(listed)
    }
}

/// The newest events, or one.
pub struct Events {
    pub only: Option<EventId>,
}

impl Query for Events {
    type Out = Vec<Event>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Event>> {
        let rows = match self.only {
            Some(id) => {
                read.query("select id, name, venue, starts_at, event_group from events where id = ?1", &[id.into()])
                    .await?
            }
            None => {
                let all =
                    "select id, name, venue, starts_at, event_group from events order by created_at desc, id limit ?1";
                read.query(all, &[MOST_SALES.into()]).await?
            }
        };
        Ok(rows.iter().map(event).collect())
    }
}

fn event(row: &crate::Row) -> Event {
    Event {
        id: row.id(0),
        name: row.text(1).to_owned(),
        venue: row.text(2).to_owned(),
        starts_at: row.time(3),
        group: row.text_or_null(4).map(str::to_owned),
    }
}
