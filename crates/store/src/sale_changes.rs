//! What the operator changes of a sale: written, remembered with what was before, audited, told to the read model.

use domain::caps::Caps;
use domain::sale::{FieldError, Sale};
use domain::sale_change::{NoChange, SaleChange};
use domain::{Refusal, SaleId, Timestamp};
use serde_json::{Map, Value as Json, json};

use crate::audit::{self, Act};
use crate::catalog::by_names;
use crate::change::Change;
use crate::error::Outcome;
use crate::rows::{self, sale_columns};
use crate::tx::{Lane, Read, Tx, Verb};
use crate::value::Value;

/// Changes a sale as [`SaleChange::apply`] says. A change that is made already is audited and changes nothing.
pub struct ChangeSale {
    pub sale: SaleId,
    pub change: SaleChange,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// Its details are written here.
    pub act: Act,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    Done {
        /// False: it was so already.
        changed: bool,
    },
    /// A value cannot be. Nothing was written.
    Wrong(FieldError),
}

impl Verb for ChangeSale {
    type Done = Changed;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Changed> {
        // The tick holds the drip while it calls, and a batch of joins the head: each sees all of a change or nothing of it.
        tx.lock("select 1 from drips where sale = ?1", &[self.sale.into()]).await?;
        tx.lock("select 1 from queue_heads where sale = ?1", &[self.sale.into()]).await?;
        let row = tx
            .lock(concat!("select ", sale_columns!(), ", sections from sales where id = ?1"), &[self.sale.into()])
            .await?;
        let (before, seating) = rows::sale_and_hall(row.first().ok_or(Refusal::SaleNotFound)?)?;
        let after = match self.change.apply(&before, tx.wall()) {
            Ok(after) => after,
            Err(NoChange::Refused(refusal)) => return Err(refusal.into()),
            Err(NoChange::Wrong(error)) => return Ok(Changed::Wrong(error)),
        };
        let differences = differences(&before, &after);
        let changed = !differences.is_empty();
        let details = json!({ "reason": self.reason, "changed": differences }).to_string();
        audit::append(tx, &Act { details, ..self.act.clone() }).await?;
        if changed {
            remember(tx, &before).await?;
            write(tx, &after).await?;
            tx.emit(Change::Sale { sale: Box::new(after), seating });
        }
        Ok(Changed::Done { changed })
    }
}

/// Everything that a change may touch, by name.
fn facts(sale: &Sale) -> [(&'static str, Json); 17] {
    let t = &sale.terms;
    [
        ("opens_at", json!(t.opens_at)),
        ("ends_at", json!(t.ends_at)),
        ("admit_per_minute", json!(t.admit_per_minute)),
        ("waiting_room_cap", json!(t.waiting_room_cap)),
        ("max_tickets_per_user", json!(t.max_tickets_per_user)),
        ("max_tickets_per_cluster", json!(t.caps.per_cluster)),
        ("max_tickets_per_group", json!(t.caps.per_group)),
        ("max_tickets_per_group_cluster", json!(t.caps.per_group_cluster)),
        ("cluster_by", json!(t.caps.cluster_by.names().collect::<Vec<_>>())),
        ("max_active", json!(t.max_active)),
        ("hold_ttl_sec", json!(t.hold_ttl_sec)),
        ("claim_window_sec", json!(t.claim_window_sec)),
        ("shopping_window_sec", json!(t.shopping_window_sec)),
        ("seats_per_shopper", json!(t.seats_per_shopper)),
        ("cancelled_seats", json!(t.cancelled_seats)),
        ("paused", json!(sale.paused)),
        ("closed_at", json!(sale.closed_at)),
    ]
}

fn differences(before: &Sale, after: &Sale) -> Map<String, Json> {
    let pairs = facts(before).into_iter().zip(facts(after));
    let different = pairs.filter(|((_, from), (_, to))| from != to);
    different.map(|((name, from), (_, to))| (name.to_owned(), json!({ "from": from, "to": to }))).collect()
}

/// What may change and be changed back, in the order of the two statements below.
fn may_change(sale: &Sale) -> [Value; 14] {
    let t = &sale.terms;
    [
        t.opens_at.into(),
        t.ends_at.into(),
        t.admit_per_minute.into(),
        t.waiting_room_cap.into(),
        t.max_tickets_per_user.into(),
        t.max_active.into(),
        t.hold_ttl_sec.into(),
        t.claim_window_sec.into(),
        t.shopping_window_sec.into(),
        t.seats_per_shopper.into(),
        sale.paused.into(),
        t.caps.per_cluster.into(),
        t.caps.per_group.into(),
        t.caps.per_group_cluster.into(),
    ]
}

async fn remember<T: Tx>(tx: &mut T, sale: &Sale) -> Outcome<()> {
    tx.execute(
        "insert into sale_terms (sale, seq, until, opens_at, ends_at, admit_per_minute, waiting_room_cap,
             max_tickets_per_user, max_active, hold_ttl_sec, claim_window_sec, shopping_window_sec,
             seats_per_shopper, paused, max_tickets_per_cluster, max_tickets_per_group, max_tickets_per_group_cluster)
         select ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
         from sale_terms where sale = ?1",
        &[&[sale.id.into(), tx.now().into()], &may_change(sale)[..]].concat(),
    )
    .await?;
    Ok(())
}

async fn write<T: Tx>(tx: &mut T, sale: &Sale) -> Outcome<()> {
    tx.execute(
        "update sales set opens_at = ?2, ends_at = ?3, admit_per_minute = ?4, waiting_room_cap = ?5,
             max_tickets_per_user = ?6, max_active = ?7, hold_ttl_sec = ?8, claim_window_sec = ?9,
             shopping_window_sec = ?10, seats_per_shopper = ?11, paused = ?12, max_tickets_per_cluster = ?13,
             max_tickets_per_group = ?14, max_tickets_per_group_cluster = ?15, closed_at = ?16, cluster_by = ?17,
             cancelled_seats = ?18
         where id = ?1",
        &[
            &[sale.id.into()],
            &may_change(sale)[..],
            &[sale.closed_at.into(), by_names(&sale.terms).into(), sale.terms.cancelled_seats.name().into()],
        ]
        .concat(),
    )
    .await?;
    Ok(())
}

/// The sale as a hold that was placed at `since` may be paid: under the largest caps since then, of which none is the
/// largest. A cap that was lowered meanwhile throws nobody out of payment.
pub(crate) async fn with_cap_since<R: Read>(read: &mut R, sale: Sale, since: Timestamp) -> Outcome<Sale> {
    let row = read
        .first(
            "select max(max_tickets_per_user), max(max_tickets_per_cluster), max(max_tickets_per_group),
               max(max_tickets_per_group_cluster), min(max_tickets_per_cluster), min(max_tickets_per_group),
               min(max_tickets_per_group_cluster) from sale_terms where sale = ?1 and until >= ?2",
            &[sale.id.into(), since.into()],
        )
        .await?;
    let mut sale = sale;
    let Some(row) = row.filter(|row| row.int_or_null(0).is_some()) else { return Ok(sale) };
    let terms = &mut sale.terms;
    terms.max_tickets_per_user = row.int(0).max(terms.max_tickets_per_user);
    // Where it was off for a while, the smallest says so.
    for [per_cluster, per_group, per_group_cluster] in [[1, 2, 3], [4, 5, 6]] {
        let (per_cluster, per_group) = (row.int(per_cluster), row.int(per_group));
        let earlier = Caps { per_cluster, per_group, per_group_cluster: row.int(per_group_cluster), ..terms.caps };
        terms.caps = terms.caps.kinder(earlier);
    }
    Ok(sale)
}
