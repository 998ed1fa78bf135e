//! Paying for a hold. No transaction is open while the provider thinks.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::{AccountId, HoldId, OrderId, Refusal, TicketId};
use serde::{Deserialize, Serialize};
use store::checkout::{BeginCheckout, Begun, CHECKOUT};
use store::orders::{CheckoutResult, CheckoutState};
use store::payment::{self, Charge, Verdict};
use store::settlement::{FinishCheckout, Finished};
use utoipa::ToSchema;

use super::keyed;
use crate::answer::written;
use crate::app::{App, Shared};
use crate::body::{self, FAN_BYTES_MAX};
use crate::extract::{Admitted, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::source::Source;
use crate::spans;

/// A repeat of a key waits so long for the first one's payment.
const WAIT_FOR_FIRST: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Longer than any name on a ticket.
const ATTENDEE_CHARS_MAX: usize = 100;

#[derive(Deserialize, ToSchema)]
pub struct Checkout {
    hold_id: String,
    /// Or the `Idempotency-Key` header.
    #[schema(min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
    /// A name for each ticket, in the order of the seats.
    attendees: Option<Vec<String>>,
    payment: Option<Payment>,
}

#[derive(Deserialize, ToSchema)]
pub struct Payment {
    /// `sim_ok:<fingerprint>`, `sim_decline` or `sim_timeout`.
    token: String,
}

#[derive(Serialize, ToSchema)]
pub struct Confirmed {
    order_id: String,
    ticket_ids: Vec<String>,
    status: String,
    total: i64,
    currency: String,
}

/// Pays for a hold. The same key returns the same bytes.
#[utoipa::path(post, path = "/v1/sales/{id}/checkout", tag = "fan", security(("admission" = [])),
    request_body = Checkout, responses((status = 200, body = Confirmed), (status = 402, description = "payment_declined"),
    (status = 403, description = "admission_*, *cap_exceeded or too_many_cards"), (status = 404, description = "hold_not_found"),
    (status = 409, description = "hold_used or checkout_in_progress"), (status = 410, description = "hold_expired"),
    (status = 422, description = "invalid_field; too_many_names: more attendees than seats"),
    (status = 503, description = "outcome_unknown: send it again with the same key")))]
pub async fn checkout(
    State(app): State<Shared>,
    admitted: Admitted,
    source: Source,
    Named(id): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let answer = buy(&app, &admitted, source, &id, request).await;
    Ok(written(app.metrics.checkouts.noted("confirmed", answer)?))
}

async fn buy(
    app: &Shared,
    admitted: &Admitted,
    source: Source,
    id: &str,
    request: Request,
) -> Result<Vec<u8>, Problem> {
    let admission = admitted.to(app, id.parse().ok())?;
    app.limits.check_both(RouteClass::Checkout, admission.account, source, app.clock.monotonic())?;
    let headers = request.headers().clone();
    let asked: Checkout = body::json(request, FAN_BYTES_MAX).await?.value;
    let payment_token = payment_token(&asked)?;
    let attendees = attendees(&asked)?;
    let key = keyed::required(&headers, asked.idempotency_key.as_deref())?;
    // What is no id names no hold.
    let hold: HoldId = asked.hold_id.parse().map_err(|_| Refusal::HoldNotFound)?;
    let same = serde_json::json!([hold, attendees, payment_token]).to_string();
    let command = BeginCheckout {
        order: OrderId(app.ids.next()),
        sale: admission.sale,
        account: admission.account,
        claim: admission.claim,
        hold,
        payment_token,
        attendees,
        address: source.address(),
        key: keyed::key(admission.account, admission.sale, CHECKOUT, key, &same),
    };
    let task = Arc::clone(app);
    let (account, sale) = (admission.account, admission.sale);
    let answer = app.detached(async move { pay(&task, command).await }).await;
    app.refusals.noted(account, sale, app.clock.wall(), answer)
}

fn payment_token(asked: &Checkout) -> Result<String, Problem> {
    let token = asked.payment.as_ref().map_or(payment::DEFAULT_TOKEN, |payment| payment.token.as_str());
    if payment::is_token(token) {
        return Ok(token.to_owned());
    }
    let detail = "payment.token: use sim_ok:<fingerprint>, sim_decline or sim_timeout.";
    Err(Problem::field("payment.token", detail))
}

fn attendees(asked: &Checkout) -> Result<Vec<String>, Problem> {
    let names: Vec<&str> = asked.attendees.iter().flatten().map(String::as_str).collect();
    let most = domain::sale::MOST_SEATS_PER_HOLD as usize;
    if names.len() > most {
        return Err(Problem::field("attendees", format!("attendees: at most {most} names.")));
    }
    names.into_iter().enumerate().map(|(at, name)| attendee(&format!("attendees[{at}]"), name)).collect()
}

/// A name for a ticket; `field` is where it was given.
pub(super) fn attendee(field: &str, name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if (1..=ATTENDEE_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Problem::field(field, format!("{field}: a name has 1 to {ATTENDEE_CHARS_MAX} visible characters.")))
}

async fn pay(app: &Shared, command: BeginCheckout) -> Result<Vec<u8>, Problem> {
    let account = command.account;
    match app.store.run(command).await? {
        Begun::Answered(answer) => Ok(answer),
        Begun::Paying(order) => wait_for_first(app, account, order).await,
        Begun::Charge(charge) => match spans::payment("charge", app.payments.charge(charge.clone())).await {
            // The worker asks the provider again; the same key then finds the answer.
            Verdict::Unknown => Err(Problem::outcome_unknown()),
            verdict => settle(app, &charge, verdict == Verdict::Captured).await,
        },
    }
}

/// Writes the provider's answer. Also used by the worker.
pub async fn settle(app: &App, charge: &Charge, captured: bool) -> Result<Vec<u8>, Problem> {
    let tickets = (0..charge.seats).map(|_| TicketId(app.ids.next())).collect();
    let finish = FinishCheckout { order: charge.order, captured, tickets };
    match app.store.run(finish).await.map_err(|failure| unsettled(&failure))? {
        Finished::Confirmed(answer) => Ok(answer),
        Finished::Declined => Err(Refusal::PaymentDeclined.into()),
        Finished::RefundDue => Err(Refusal::PaymentRefunded.into()),
    }
}

/// The order is there and may be paid: whatever goes wrong now, something may have happened. The worker settles it.
fn unsettled(failure: &store::Failure) -> Problem {
    tracing::warn!(%failure, "an order waits to be settled");
    Problem::outcome_unknown()
}

async fn wait_for_first(app: &App, account: AccountId, order: OrderId) -> Result<Vec<u8>, Problem> {
    let looks = WAIT_FOR_FIRST.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        match app.store.read(CheckoutResult { account, order }).await.map_err(|failure| unsettled(&failure))? {
            Some(CheckoutState::Confirmed(answer)) => return Ok(answer),
            Some(CheckoutState::Declined) => return Err(Refusal::PaymentDeclined.into()),
            Some(CheckoutState::RefundDue) => return Err(Refusal::PaymentRefunded.into()),
            Some(CheckoutState::Paying) | None => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
    Err(Problem::outcome_unknown())
}
