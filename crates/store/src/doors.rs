//! The door: letting a ticket in once, issuing one again, and which codes are no longer good.

use domain::door::{self, Entry, NoEntry, Shown};
use domain::{AccountId, Refusal, SaleId, TicketId};
use serde_json::{Value as Json, json};

use crate::audit::{self, Act};
use crate::catalog::{answer, repeated};
use crate::error::Outcome;
use crate::idempotency::{Key, Known};
use crate::rows::load_sale;
use crate::tx::{Lane, Query, Read, Tx, Verb};
use crate::value::Row;

/// The name of the keys that nonces are kept under.
pub const SCAN: &str = "scan";

/// A ticket as the door reads it, locked.
struct Locked {
    ticket: door::Ticket,
    seat: i64,
    attendee: Option<String>,
    account: AccountId,
}

async fn lock<T: Tx>(tx: &mut T, ticket: TicketId) -> Outcome<Option<Locked>> {
    let rows = tx
        .lock(
            "select sale, version, cancelled_at, admitted_at, admitted_gate, seat, attendee, account from tickets
             where id = ?1",
            &[ticket.into()],
        )
        .await?;
    Ok(rows.first().map(|row| Locked {
        ticket: door::Ticket {
            sale: row.id(0),
            version: row.int(1),
            cancelled: row.time_or_null(2).is_some(),
            entry: entry(row, 3),
        },
        seat: row.int(5),
        attendee: row.text_or_null(6).map(str::to_owned),
        account: row.id(7),
    }))
}

/// When and where somebody was let in, of two columns.
pub(crate) fn entry(row: &Row, column: usize) -> Option<Entry> {
    let at = row.time_or_null(column)?;
    Some(Entry { at, gate: row.text_or_null(column + 1).unwrap_or_default().to_owned() })
}

async fn label<R: Read>(read: &mut R, sale: SaleId, seat: i64) -> Outcome<String> {
    let sql = "select label from seats where sale = ?1 and num = ?2";
    let row = read.first(sql, &[sale.into(), seat.into()]).await?;
    Ok(row.map_or_else(String::new, |row| row.text(0).to_owned()))
}

/// A gate asks whether a code that was signed here is let in.
///
/// Invariant: of all scans of one ticket, at whatever gates at once, one is answered with "admitted".
pub struct ScanTicket {
    pub ticket: TicketId,
    pub shown: Shown,
    /// The sale that the gate is for, where it says so.
    pub here: Option<SaleId>,
    pub gate: String,
    /// Of the gate's nonce: the same one has the same answer.
    pub key: Key,
}

impl Verb for ScanTicket {
    /// The answer's bytes.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Known::Answered(answer) = self.key.take(tx).await? {
            return Ok(answer);
        }
        let found = lock(tx, self.ticket).await?;
        let decided = door::decide(self.shown, self.here, found.as_ref().map(|found| &found.ticket));
        if decided.is_ok() {
            tx.execute(
                "update tickets set admitted_at = ?2, admitted_gate = ?3 where id = ?1",
                &[self.ticket.into(), tx.now().into(), (&self.gate).into()],
            )
            .await?;
        }
        let known = found.filter(|_| !matches!(decided, Err(NoEntry::Unknown)));
        let seat = match &known {
            Some(found) => Some(label(tx, found.ticket.sale, found.seat).await?),
            None => None,
        };
        let mut body = told(&decided);
        body["ticket_id"] = json!(self.ticket);
        body["sale_id"] = json!(self.shown.sale);
        body["seat_id"] = json!(seat);
        body["attendee"] = json!(known.and_then(|found| found.attendee));
        body["first_scan"] = match &decided {
            Ok(()) => json!({ "at": tx.shown(tx.now()), "gate": self.gate }),
            Err(NoEntry::AlreadyUsed(first)) => json!({ "at": tx.shown(first.at), "gate": first.gate }),
            Err(_) => Json::Null,
        };
        let bytes = body.to_string().into_bytes();
        self.key.answer(tx, &bytes).await?;
        Ok(bytes)
    }
}

/// What a gate is told, without what is known of the ticket.
pub fn told(decided: &Result<(), NoEntry>) -> Json {
    let (result, reason, message) = match decided {
        Ok(()) => ("admitted", None, "Let in."),
        Err(why) => ("refused", Some(why.name()), why.message()),
    };
    json!({
        "result": result, "reason": reason, "message": message, "ticket_id": null, "sale_id": null, "seat_id": null,
        "attendee": null, "first_scan": null,
    })
}

/// Issues a ticket again: its version rises by one, and every older code is revoked.
pub struct Reissue {
    pub ticket: TicketId,
    /// The name on it from now on; `None` leaves it.
    pub attendee: Option<String>,
    pub reason: Option<String>,
    pub key: Option<Key>,
    /// Its subject and details are written here.
    pub act: Act,
}

impl Verb for Reissue {
    /// The answer's bytes.
    type Done = Vec<u8>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<u8>> {
        if let Some(answer) = repeated(tx, self.key.as_ref()).await? {
            return Ok(answer);
        }
        let Locked { ticket, seat, attendee, account } = lock(tx, self.ticket).await?.ok_or(Refusal::TicketNotFound)?;
        door::may_change(ticket.cancelled, ticket.entry.is_some())?;
        let (version, name) = (ticket.version + 1, self.attendee.as_ref().or(attendee.as_ref()));
        let seat = label(tx, ticket.sale, seat).await?;
        let details = json!({
            "ticket": self.ticket, "seat": seat, "reason": self.reason,
            "version": { "from": ticket.version, "to": version }, "attendee": { "from": attendee, "to": name },
        });
        let (subject, details) = (ticket.sale.to_string(), details.to_string());
        audit::append(tx, &Act { subject, details, ..self.act.clone() }).await?;
        tx.execute(
            "update tickets set version = ?2, attendee = ?3 where id = ?1",
            &[self.ticket.into(), version.into(), name.map(String::as_str).into()],
        )
        .await?;
        let body = json!({
            "ticket_id": self.ticket, "sale_id": ticket.sale, "seat_id": seat, "version": version, "attendee": name,
            "user_id": account,
        });
        answer(tx, self.key.as_ref(), &body).await
    }
}

/// A ticket of which not every code is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    pub ticket: TicketId,
    /// Codes of lower versions are revoked; `None`: all are.
    pub below: Option<i64>,
}

/// The revoked codes of a sale, in order of ticket, a page at a time: what a gate without a connection needs besides keys.
pub struct RevokedPage {
    pub sale: SaleId,
    pub after: TicketId,
    pub limit: i64,
}

impl Query for RevokedPage {
    type Out = Vec<Revoked>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<Revoked>> {
        load_sale(read, self.sale).await?;
        let rows = read
            .query(
                "select id, case when cancelled_at is null then version end from tickets
                 where sale = ?1 and id > ?2 and (version > 1 or cancelled_at is not null) order by id limit ?3",
                &[self.sale.into(), self.after.into(), self.limit.into()],
            )
            .await?;
        Ok(rows.iter().map(|row| Revoked { ticket: row.id(0), below: row.int_or_null(1) }).collect())
    }
}
