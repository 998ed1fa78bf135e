//! Tickets as their holder reads them.

use domain::door::Entry;
use domain::{AccountId, Money, OrderId, SaleId, TicketId, Timestamp};

use crate::catalog::Event;
use crate::doors::entry;
use crate::error::Outcome;
use crate::tx::{Query, Read};
use crate::value::Row;

/// One sold seat, with everything that is printed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTicket {
    pub id: TicketId,
    pub order: OrderId,
    pub sale: SaleId,
    pub event: Event,
    /// The seat's public id.
    pub label: String,
    pub price: Money,
    pub currency: String,
    pub account: AccountId,
    pub attendee: Option<String>,
    pub issued_at: Timestamp,
    pub cancelled_at: Option<Timestamp>,
    /// Rises when it is issued again.
    pub version: i64,
    /// When it was let in, as people's clocks showed it, and where.
    pub admitted: Option<Entry>,
}

/// The columns of [`own_ticket`], in order.
macro_rules! ticket_columns {
    () => {
        "t.id, t.order_id, t.sale, s.label, t.price, o.currency, t.account, t.attendee, t.issued_at, t.cancelled_at, \
         e.id, e.name, e.venue, e.starts_at, e.event_group, t.version, t.admitted_at, t.admitted_gate"
    };
}

/// What the columns come from.
macro_rules! ticket_rows {
    () => {
        " from orders o join tickets t on t.order_id = o.id join seats s on s.sale = t.sale and s.num = t.seat \
         join sales on sales.id = t.sale join events e on e.id = sales.event "
    };
}

fn own_ticket<R: Read>(read: &R, row: &Row) -> OwnTicket {
    OwnTicket {
        id: row.id(0),
        order: row.id(1),
        sale: row.id(2),
        label: row.text(3).to_owned(),
        price: Money(row.int(4)),
        currency: row.text(5).to_owned(),
        account: row.id(6),
        attendee: row.text_or_null(7).map(str::to_owned),
        issued_at: row.time(8),
        cancelled_at: row.time_or_null(9),
        event: Event {
            id: row.id(10),
            name: row.text(11).to_owned(),
            venue: row.text(12).to_owned(),
            starts_at: row.time(13),
            group: row.text_or_null(14).map(str::to_owned),
        },
        version: row.int(15),
        admitted: entry(row, 16).map(|entry| Entry { at: read.shown(entry.at), ..entry }),
    }
}

/// One ticket of one account; another's is not found.
pub struct OneTicket {
    pub account: AccountId,
    pub ticket: TicketId,
}

impl Query for OneTicket {
    type Out = Option<OwnTicket>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<OwnTicket>> {
        let sql = concat!("select ", ticket_columns!(), ticket_rows!(), "where t.id = ?1 and t.account = ?2");
        let row = read.first(sql, &[self.ticket.into(), self.account.into()]).await?;
        Ok(row.map(|row| own_ticket(read, &row)))
    }
}

/// A page of an account's tickets: the newest order first, its seats in order.
pub struct OwnTickets {
    pub account: AccountId,
    /// The last ticket of the page before.
    pub after: Option<TicketId>,
    pub limit: i64,
}

impl Query for OwnTickets {
    /// None where `after` is no ticket of this account.
    type Out = Option<Vec<OwnTicket>>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<Vec<OwnTicket>>> {
        let mut from = [i64::MAX.into(), crate::Value::Blob(Vec::new()), 0.into()];
        if let Some(after) = self.after {
            let row = read
                .first(
                    "select o.created_at, o.id, t.seat from tickets t join orders o on o.id = t.order_id
                     where t.id = ?1 and t.account = ?2",
                    &[after.into(), self.account.into()],
                )
                .await?;
            let Some(row) = row else { return Ok(None) };
            from = [row.int(0).into(), row.id::<OrderId>(1).into(), row.int(2).into()];
        }
        let [created_at, order, seat] = from;
        let sql = concat!(
            "select ",
            ticket_columns!(),
            ticket_rows!(),
            "where o.account = ?1 and t.account = ?1 and o.created_at <= ?2
               and (o.created_at < ?2 or o.id < ?3 or (o.id = ?3 and t.seat > ?4))
             order by o.created_at desc, o.id desc, t.seat limit ?5"
        );
        let rows = read.query(sql, &[self.account.into(), created_at, order, seat, self.limit.into()]).await?;
        Ok(Some(rows.iter().map(|row| own_ticket(read, row)).collect()))
    }
}
