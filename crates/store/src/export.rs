//! One sale, whole, as lines of JSON from one snapshot: what an independent checker reads.

use domain::sale::{Phase, Sale};
use domain::seat_map::parts;
use domain::{AccountId, Refusal, SaleId, Timestamp};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::Sender;

use crate::error::Outcome;
use crate::rows::{self, sale_columns};
use crate::tx::{Query, Read};
use crate::value::{Row, Value};

/// Rows read and handed on at a time.
const PAGE: i64 = 1_000;

/// Writes every line to `sink` and ends early when nobody listens any more.
pub struct Export {
    pub sale: SaleId,
    pub sink: Sender<Vec<u8>>,
}

/// One kind of line: a statement that pages by its first two columns, and how a row reads.
struct Section {
    /// The first column is not unique: the second one, an id, decides.
    by_id: bool,
    sql: &'static str,
    line: fn(&Row, Clock) -> Json,
}

/// What a line needs besides its row.
#[derive(Clone, Copy)]
struct Clock {
    through: i64,
}

impl Query for Export {
    /// Lines written, without the closing one.
    type Out = i64;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<i64> {
        let sale = read
            .first(concat!("select ", sale_columns!(), " from sales where id = ?1"), &[self.sale.into()])
            .await?
            .ok_or(Refusal::SaleNotFound)?;
        let sale = rows::sale(&sale)?;
        let head = read
            .first(
                "select d.through, q.last_position from drips d join queue_heads q on q.sale = d.sale where d.sale = ?1",
                &[self.sale.into()],
            )
            .await?;
        let (through, last) = head.map_or((0, 0), |row| (row.int(0), row.int(1)));
        let sold = read
            .first(
                "select count(*) from hold_seats hs join holds h on h.id = hs.hold
                 where hs.sale = ?1 and hs.live = 1 and h.state = 'sold'",
                &[self.sale.into()],
            )
            .await?;
        let sold_out = sold.is_some_and(|row| row.int(0) == sale.terms.total_seats);
        let phase = sale.phase(read.wall(), sold_out);
        let mut lines = 1;
        if !self.send(&sale_line(&sale, phase, through, last, read.wall())).await {
            return Ok(lines);
        }
        for section in SECTIONS {
            let (mut after, mut id) = (i64::MIN, Value::Blob(Vec::new()));
            loop {
                let args = [self.sale.into(), after.into(), PAGE.into(), id];
                let rows = read.query(section.sql, if section.by_id { &args } else { &args[..3] }).await?;
                id = rows.last().map_or(Value::Null, |row| row.0[1].clone());
                for row in &rows {
                    after = row.int(0);
                    lines += 1;
                    if !self.send(&(section.line)(row, Clock { through })).await {
                        return Ok(lines);
                    }
                }
                if (rows.len() as i64) < PAGE {
                    break;
                }
            }
        }
        self.send(&json!({ "type": "end", "lines": lines })).await;
        Ok(lines)
    }
}

impl Export {
    /// False when nobody listens.
    async fn send(&self, line: &Json) -> bool {
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        self.sink.send(bytes).await.is_ok()
    }
}

fn sale_line(sale: &Sale, phase: Phase, through: i64, last_position: i64, wall: Timestamp) -> Json {
    let t = &sale.terms;
    json!({
        "type": "sale", "sale_id": sale.id, "event_id": sale.event, "opens_at": t.opens_at, "ends_at": t.ends_at,
        "total_seats": t.total_seats, "admit_per_minute": t.admit_per_minute, "waiting_room_cap": t.waiting_room_cap,
        "max_tickets_per_user": t.max_tickets_per_user, "max_tickets_per_cluster": t.caps.per_cluster,
        "max_tickets_per_group": t.caps.per_group, "max_tickets_per_group_cluster": t.caps.per_group_cluster,
        "cluster_by": t.caps.cluster_by.names().collect::<Vec<_>>(), "max_active": t.max_active, "hold_ttl_sec": t.hold_ttl_sec,
        "claim_window_sec": t.claim_window_sec, "shopping_window_sec": t.shopping_window_sec,
        "seats_per_shopper": t.seats_per_shopper, "price": t.price, "currency": t.currency,
        "cancelled_seats": t.cancelled_seats, "phase": phase, "paused": sale.paused, "closed_at": sale.closed_at,
        "last_position": last_position, "through": through, "exported_at": wall,
    })
}

/// Each statement pages by its first column, a number that rises, or by its first two: `?2` and `?4` are the last ones
/// seen, `?3` is how many.
const SECTIONS: [Section; 11] = [
    Section {
        by_id: false,
        sql: "select seq, until, opens_at, ends_at, admit_per_minute, waiting_room_cap, max_tickets_per_user,
                max_active, hold_ttl_sec, claim_window_sec, shopping_window_sec, seats_per_shopper, paused
              from sale_terms where sale = ?1 and seq > ?2 order by seq limit ?3",
        line: |row, _| {
            json!({
                "type": "terms", "seq": row.int(0), "until": row.time(1), "opens_at": row.time(2),
                "ends_at": row.time(3), "admit_per_minute": row.int(4), "waiting_room_cap": row.int(5),
                "max_tickets_per_user": row.int(6), "max_active": row.int(7), "hold_ttl_sec": row.int(8),
                "claim_window_sec": row.int(9), "shopping_window_sec": row.int(10),
                "seats_per_shopper": row.int(11), "paused": row.flag(12),
            })
        },
    },
    Section { by_id: false, sql: ENTRIES, line: entry_line },
    Section {
        by_id: false,
        sql: "select seq, through, at, called, recalled, credit_ms, bound_by from admission_log
              where sale = ?1 and seq > ?2 order by seq limit ?3",
        line: |row, _| {
            json!({
                "type": "call", "seq": row.int(0), "through": row.int(1), "at": row.time(2), "called": row.int(3),
                "recalled": row.int(4), "credit_ms": row.int(5), "bound_by": row.text(6),
            })
        },
    },
    Section {
        by_id: false,
        sql: "select position, id, account, position, claimed_at, deadline, ended_at, ended_as from claims
              where sale = ?1 and position > ?2 order by position limit ?3",
        line: |row, _| {
            json!({
                "type": "claim", "claim_id": row.id::<uuid::Uuid>(1), "user_id": row.id::<uuid::Uuid>(2),
                "position": row.int(3), "claimed_at": row.time(4), "deadline": row.time(5),
                "ended_at": row.time_or_null(6), "ended_as": row.text_or_null(7),
            })
        },
    },
    Section {
        by_id: false,
        sql: "select s.num, s.label, s.price,
                (select case when hs.kept_at is not null then 'held_back' when h.state = 'sold' then 'sold' else 'held' end
                 from hold_seats hs
                 join holds h on h.id = hs.hold where hs.sale = ?1 and hs.seat = s.num and hs.live = 1)
              from seats s where s.sale = ?1 and s.num > ?2 order by s.num limit ?3",
        line: seat_line,
    },
    Section {
        by_id: true,
        sql: "select placed_at, id, account, claim, total, placed_at, expires_at, ended_at, state,
                (select json_group_array(s.label) from hold_seats hs
                 join seats s on s.sale = hs.sale and s.num = hs.seat where hs.hold = holds.id)
              from holds where sale = ?1 and (placed_at, id) > (?2, ?4) order by placed_at, id limit ?3",
        line: |row, _| {
            json!({
                "type": "hold", "hold_id": row.id::<uuid::Uuid>(1), "user_id": row.id::<uuid::Uuid>(2),
                "claim_id": row.id::<uuid::Uuid>(3),
                "seat_ids": serde_json::from_str::<Json>(row.text(9)).unwrap_or(Json::Null),
                "total": row.int(4), "placed_at": row.time(5), "expires_at": row.time(6),
                "ended_at": row.time_or_null(7), "state": row.text(8),
            })
        },
    },
    Section {
        by_id: true,
        sql: "select created_at, id, account, hold, claim, state, total, currency, created_at, settled_at from orders
              where sale = ?1 and (created_at, id) > (?2, ?4) order by created_at, id limit ?3",
        line: |row, _| {
            json!({
                "type": "order", "order_id": row.id::<uuid::Uuid>(1), "user_id": row.id::<uuid::Uuid>(2),
                "hold_id": row.id::<uuid::Uuid>(3), "claim_id": row.id::<uuid::Uuid>(4), "status": row.text(5),
                "total": row.int(6), "currency": row.text(7), "created_at": row.time(8),
                "settled_at": row.time_or_null(9),
            })
        },
    },
    Section {
        by_id: true,
        sql:
            "select t.issued_at, t.id, t.order_id, t.account, s.label, t.price, t.attendee, t.issued_at, t.cancelled_at,
                t.version, t.admitted_at, t.admitted_gate
              from tickets t join seats s on s.sale = t.sale and s.num = t.seat
              where t.sale = ?1 and (t.issued_at, t.id) > (?2, ?4) order by t.issued_at, t.id limit ?3",
        line: |row, _| {
            json!({
                "type": "ticket", "ticket_id": row.id::<uuid::Uuid>(1), "order_id": row.id::<uuid::Uuid>(2),
                "user_id": row.id::<uuid::Uuid>(3), "seat_id": row.text(4), "price": row.int(5),
                "attendee": row.text_or_null(6), "issued_at": row.time(7), "cancelled_at": row.time_or_null(8),
                "version": row.int(9), "admitted_at": row.time_or_null(10), "admitted_gate": row.text_or_null(11),
            })
        },
    },
    Section {
        by_id: true,
        sql: "select granted_at, id, account, rule, extra_tickets, lifted, granted_at, revoked_at from exceptions
              where sale = ?1 and (granted_at, id) > (?2, ?4) order by granted_at, id limit ?3",
        line: |row, _| {
            json!({
                "type": "exception", "exception_id": row.id::<uuid::Uuid>(1), "user_id": row.id::<uuid::Uuid>(2),
                "rule": row.text(3), "extra_tickets": row.int(4), "lift": row.flag(5), "granted_at": row.time(6),
                "revoked_at": row.time_or_null(7),
            })
        },
    },
    Section {
        by_id: true,
        sql: "select at, order_id, amount, currency, state, at from payments
              where sale = ?1 and (at, order_id) > (?2, ?4) order by at, order_id limit ?3",
        line: |row, _| {
            json!({
                "type": "payment", "order_id": row.id::<uuid::Uuid>(1), "amount": row.int(2),
                "currency": row.text(3), "state": row.text(4), "at": row.time(5),
            })
        },
    },
    Section {
        by_id: true,
        sql: "select at, ticket, order_id, amount, currency, state, at from refunds
              where sale = ?1 and (at, ticket) > (?2, ?4) order by at, ticket limit ?3",
        line: |row, _| {
            json!({
                "type": "refund", "ticket_id": row.id::<uuid::Uuid>(1), "order_id": row.id::<uuid::Uuid>(2),
                "amount": row.int(3), "currency": row.text(4), "state": row.text(5), "at": row.time(6),
            })
        },
    },
];

const ENTRIES: &str = "
    select e.position, e.account, e.joined_at, e.returned_at, e.recalled_at, e.ended_at, e.ended_as,
        (select min(l.at) from admission_log l where l.sale = ?1 and l.through >= e.position and l.seq =
            (select m.seq from admission_log m where m.sale = ?1 and m.through >= e.position
             order by m.through, m.at limit 1)),
        (select c.claimed_at from claims c where c.sale = ?1 and c.position = e.position),
        (select c.deadline from claims c where c.sale = ?1 and c.position = e.position and c.ended_at is null)
    from entries e where e.sale = ?1 and e.position > ?2 order by e.position limit ?3";

fn entry_line(row: &Row, clock: Clock) -> Json {
    let mut line = entry_json(row, clock.through);
    line["type"] = json!("entry");
    line
}

fn entry_json(row: &Row, through: i64) -> Json {
    let mut entry =
        rows::entry(&Row(vec![row.0[0].clone(), row.0[3].clone(), row.0[4].clone(), row.0[6].clone()]), false);
    entry.inside = row.time_or_null(9).is_some();
    json!({
        "position": row.int(0), "user_id": row.id::<uuid::Uuid>(1), "joined_at": row.time(2),
        "called_at": row.time_or_null(7), "returned_at": row.time_or_null(3), "recalled_at": row.time_or_null(4),
        "claimed_at": row.time_or_null(8), "admitted_at": row.time_or_null(8), "ended_at": row.time_or_null(5),
        "ended_as": row.text_or_null(6), "state": entry.state(through),
    })
}

fn seat_line(row: &Row, _: Clock) -> Json {
    let label = row.text(1);
    let seat = parts(label);
    let status = row.text_or_null(3).unwrap_or("available");
    // Nobody's, and not on sale: held, by the operator.
    let held_back = status == "held_back";
    json!({
        "type": "seat", "seat_id": label, "section": seat.map(|(section, ..)| section),
        "row": seat.map(|(_, row, _)| row), "num": seat.map(|(.., num)| num),
        "price": row.int(2), "status": if held_back { "held" } else { status }, "held_back": held_back,
    })
}

/// A page of the line, as the operator browses it.
pub struct QueueEntries {
    pub sale: SaleId,
    pub after: i64,
    pub limit: i64,
}

impl Query for QueueEntries {
    type Out = Vec<Json>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Json>> {
        rows::load_sale(read, self.sale).await?;
        let drip = read.first("select through from drips where sale = ?1", &[self.sale.into()]).await?;
        let through = drip.map_or(0, |row| row.int(0));
        let rows = read.query(ENTRIES, &[self.sale.into(), self.after.into(), self.limit.into()]).await?;
        Ok(rows.iter().map(|row| entry_json(row, through)).collect())
    }
}

/// Places that one account has, or had, in a line: more than one where it came back after its place had ended.
pub struct PlacesOf {
    pub sale: SaleId,
    pub account: AccountId,
}

/// More often than this nobody joins one line.
const MOST_PLACES: i64 = 100;

impl Query for PlacesOf {
    /// In order of position, whatever became of them.
    type Out = Vec<Json>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Json>> {
        let sql = "select position from entries where sale = ?1 and account = ?2 order by position limit ?3";
        let places = read.query(sql, &[self.sale.into(), self.account.into(), MOST_PLACES.into()]).await?;
        let mut told = QueueEntries { sale: self.sale, after: i64::MAX, limit: 1 }.run(read).await?;
        for place in &places {
            told.extend(QueueEntries { sale: self.sale, after: place.int(0) - 1, limit: 1 }.run(read).await?);
        }
        Ok(told)
    }
}
