//! The people and seats that a tick looks at.

use domain::admission::{Crowd, Drip};
use domain::sale::Sale;

use crate::error::Outcome;
use crate::tx::Tx;

/// Returners called again at one tick; the rest wait for the next.
pub(crate) const MOST_RECALLED: i64 = 500;

/// What the tick looks at. With nobody in line the rest does not matter and is not counted.
pub(crate) async fn crowd<T: Tx>(tx: &mut T, sale: &Sale, drip: Drip) -> Outcome<Crowd> {
    let row = tx
        .first(
            "select
               (select last_position from queue_heads where sale = ?1),
               (select count(*) from entries where sale = ?1 and returned_at >= 0 and ended_at is null
                  and (recalled_at is null or recalled_at < returned_at)),
               (select count(*) from claims where sale = ?1 and ended_at is null)",
            &[sale.id.into()],
        )
        .await?;
    let (last_position, returning, inside) =
        row.map_or((0, 0, 0), |row| (row.int_or_null(0).unwrap_or(0), row.int(1), row.int(2)));
    let mut crowd =
        Crowd { last_position, returning, inside, inside_without_hold: 0, called_in_window: 0, free_seats: 0 };
    if last_position <= drip.through && returning == 0 {
        return Ok(crowd);
    }
    if returning > MOST_RECALLED {
        // More come back than one tick can call: nobody new is called before them.
        (crowd.returning, crowd.last_position) = (MOST_RECALLED, drip.through);
    }
    let row = tx
        .first(
            "select
               (select count(*) from hold_seats where sale = ?1 and live = 1),
               (select count(*) from claims c where c.sale = ?1 and c.ended_at is null and exists
                  (select 1 from holds h where h.sale = ?1 and h.account = c.account and h.state = 'live'))",
            &[sale.id.into()],
        )
        .await?;
    let (taken, with_hold) = row.map_or((0, 0), |row| (row.int(0), row.int(1)));
    crowd.free_seats = sale.terms.total_seats - taken;
    crowd.inside_without_hold = inside - with_hold;
    crowd.called_in_window = called_in_window(tx, sale, drip.through).await?;
    Ok(crowd)
}

/// People on their way: called, the window still running, neither inside nor gone.
async fn called_in_window<T: Tx>(tx: &mut T, sale: &Sale, through: i64) -> Outcome<i64> {
    let since = tx.now().plus_sec(-sale.terms.claim_window_sec);
    let row = tx
        .first(
            "select through from admission_log where sale = ?1 and at <= ?2 order by at desc, seq desc limit 1",
            &[sale.id.into(), since.into()],
        )
        .await?;
    let before = row.map_or(0, |row| row.int(0));
    let row = tx
        .first(
            "select
               (select count(*) from claims where sale = ?1 and position > ?2 and position <= ?3),
               (select count(*) from entries e where sale = ?1 and position > ?2 and position <= ?3
                  and ended_at is not null
                  and not exists (select 1 from claims c where c.sale = ?1 and c.position = e.position)),
               (select count(*) from entries e where sale = ?1 and returned_at >= 0 and ended_at is null
                  and recalled_at > ?4 and recalled_at >= returned_at
                  and not exists (select 1 from claims c where c.sale = ?1 and c.position = e.position))",
            &[sale.id.into(), before.into(), through.into(), since.into()],
        )
        .await?;
    let (claimed, gone, recalled) = row.map_or((0, 0, 0), |row| (row.int(0), row.int(1), row.int(2)));
    Ok((through - before - claimed - gone).max(0) + recalled)
}
