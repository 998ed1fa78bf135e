//! Asks the provider about payments whose answer was lost, also those of an earlier life, and gives money back.

use store::Failure;
use store::cancellations::{RefundsDue, TicketRefunded};
use store::payment::{Refund, Verdict};
use store::settlement::{Refunded, Unsettled};

use crate::app::App;
use crate::routes::checkout::settle;
use crate::spans;

/// Younger ones still have somebody who waits for the provider.
const OLDER_THAN_MS: i64 = 30_000;

pub async fn tick(app: &App) -> Result<(), Failure> {
    for order in app.store.read(Unsettled { older_than_ms: OLDER_THAN_MS }).await? {
        let charge = order.charge;
        if order.refund {
            if spans::payment("refund", app.payments.refund(Refund::whole(&charge))).await {
                app.store.run(Refunded { order: charge.order }).await?;
            }
            continue;
        }
        let verdict = spans::payment("look_up", app.payments.look_up(charge.clone())).await;
        if verdict == Verdict::Unknown {
            continue;
        }
        // A refusal is a settlement too; what is still unknown is tried again at the next tick.
        let code = settle(app, &charge, verdict == Verdict::Captured)
            .await
            .map_or_else(|problem| problem.code, |_| "confirmed");
        app.metrics.settlements.count(code);
        tracing::info!(code, order = %charge.order, "the provider was asked about a lost payment");
    }
    for (ticket, refund) in app.store.read(RefundsDue).await? {
        if spans::payment("refund", app.payments.refund(refund)).await {
            app.store.run(TicketRefunded(ticket)).await?;
        }
    }
    Ok(())
}
