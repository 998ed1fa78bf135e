//! The figures of a sale, all from one snapshot.

use domain::sale::Phase;
use domain::{Refusal, SaleId, Timestamp};
use serde::Serialize;

use crate::error::Outcome;
use crate::rows::load_sale;
use crate::tx::{Query, Read};

/// Invariant: joined = waiting + called + returning + inside + bought + expired + left. Each side is counted on its own,
/// so that the lab's check of it can fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub sale_id: SaleId,
    pub at: Timestamp,
    pub phase: Phase,
    pub total_seats: i64,
    pub tickets_sold: i64,
    pub orders: i64,
    pub unique_buyers: i64,
    pub joined: i64,
    pub waiting: i64,
    pub called: i64,
    pub called_in_window: i64,
    pub returning: i64,
    pub inside: i64,
    pub bought: i64,
    pub expired: i64,
    pub left: i64,
    pub holds: i64,
    /// In live holds, or held back.
    pub held_seats: i64,
    /// Of cancelled tickets, kept by the operator. To fans they look sold.
    pub held_back_seats: i64,
    pub available_seats: i64,
    pub through: i64,
    pub last_position: i64,
    pub captured_total: i64,
    pub cancelled_tickets: i64,
    /// Of cancelled tickets: given back, or on its way.
    pub refunded_total: i64,
    /// Refunds that the provider has not confirmed.
    pub refund_due: i64,
    pub paying: i64,
}

pub struct SaleStats(pub SaleId);

const STATS: &str = "
    with d as (select through from drips where sale = ?1),
         q as (select last_position from queue_heads where sale = ?1),
         since as (select coalesce((select through from admission_log where sale = ?1 and at <= ?2
             order by at desc, seq desc limit 1), 0) as through),
         ended as (select ended_as, position, case when position > d.through then 1 else 0 end as ahead
                   from entries, d where sale = ?1 and ended_at is not null)
    select
        d.through,
        q.last_position,
        (select count(*) from ended where ahead = 1),
        (select count(*) from ended where ended_as = 'bought'),
        (select count(*) from ended where ended_as = 'expired'),
        (select count(*) from ended where ended_as = 'left'),
        (select count(*) from claims where sale = ?1 and ended_at is null),
        (select count(*) from entries e where sale = ?1 and returned_at >= 0 and ended_at is null
            and (recalled_at is null or recalled_at < returned_at)
            and not exists (select 1 from claims c where c.sale = ?1 and c.account = e.account and c.ended_at is null)),
        (select count(*) from claims where sale = ?1 and position > since.through and position <= d.through),
        (select count(*) from ended e where position > since.through and ahead = 0
            and not exists (select 1 from claims c where c.sale = ?1 and c.position = e.position)),
        (select count(*) from entries e where sale = ?1 and returned_at >= 0 and ended_at is null
            and recalled_at > ?2 and recalled_at >= returned_at
            and not exists (select 1 from claims c where c.sale = ?1 and c.position = e.position)),
        since.through,
        (select count(*) from tickets where sale = ?1 and cancelled_at is null),
        (select count(*) from orders where sale = ?1 and state = 'confirmed'),
        (select count(distinct account) from tickets where sale = ?1 and cancelled_at is null),
        (select count(*) from holds where sale = ?1 and state = 'live'),
        (select coalesce(sum(seats), 0) from holds where sale = ?1 and state = 'live'),
        (select count(*) from hold_seats where sale = ?1 and live = 1),
        (select coalesce(sum(amount), 0) from payments where sale = ?1 and state = 'captured'),
        (select count(*) from payments where sale = ?1 and state = 'refund_due')
            + (select count(*) from refunds where sale = ?1 and state = 'refund_due'),
        (select count(*) from orders where sale = ?1 and state = 'paying'),
        (select count(*) from entries where sale = ?1),
        (select count(*) from entries e where sale = ?1 and position <= d.through and ended_at is null
            and (returned_at is null or recalled_at >= returned_at)
            and not exists (select 1 from claims c where c.sale = ?1 and c.account = e.account and c.ended_at is null)),
        (select count(*) from hold_seats where sale = ?1 and kept_at is not null),
        (select count(*) from tickets where sale = ?1 and (version > 1 or cancelled_at is not null)
            and cancelled_at is not null),
        (select coalesce(sum(amount), 0) from refunds where sale = ?1)
    from d, q, since";

impl Query for SaleStats {
    type Out = Stats;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Stats> {
        let sale = load_sale(read, self.0).await?;
        let since = read.now().plus_sec(-sale.terms.claim_window_sec);
        let row = read.first(STATS, &[self.0.into(), since.into()]).await?.ok_or(Refusal::SaleBuilding)?;
        let (through, last_position, ended_ahead) = (row.int(0), row.int(1), row.int(2));
        let (bought, expired, left) = (row.int(3), row.int(4), row.int(5));
        let (inside, returning) = (row.int(6), row.int(7));
        let taken = row.int(17);
        let available_seats = sale.terms.total_seats - taken;
        Ok(Stats {
            sale_id: self.0,
            at: read.wall(),
            phase: sale.phase(read.wall(), available_seats == 0 && row.int(15) == 0),
            total_seats: sale.terms.total_seats,
            tickets_sold: row.int(12),
            orders: row.int(13),
            unique_buyers: row.int(14),
            joined: row.int(21),
            waiting: last_position - through - ended_ahead,
            called: row.int(22),
            called_in_window: (through - row.int(11) - row.int(8) - row.int(9)).max(0) + row.int(10),
            returning,
            inside,
            bought,
            expired,
            left,
            holds: row.int(15),
            held_seats: row.int(16) + row.int(23),
            held_back_seats: row.int(23),
            available_seats,
            through,
            last_position,
            captured_total: row.int(18),
            cancelled_tickets: row.int(24),
            refunded_total: row.int(25),
            refund_due: row.int(19),
            paying: row.int(20),
        })
    }
}
