//! A new sale: what the operator may say of it, how that is checked, and how it is made with its hall.

use std::sync::Arc;
use std::time::Duration;

use domain::caps::{Caps, ClusterBy};
use domain::money::Currency;
use domain::sale::{CancelledSeats, FieldError, Terms};
use domain::seat_map::{Seating, Section};
use domain::{EventId, Money, Refusal, SaleId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Failure;
use store::catalog::{BuildSeats, CreateSale};
use utoipa::ToSchema;

use super::admin::act;
use crate::app::{App, Shared};
use crate::problem::Problem;

#[derive(Deserialize, ToSchema)]
pub struct NewSale {
    pub event_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// 2000, or what the seating has.
    #[schema(minimum = 1, maximum = 200_000)]
    pub total_seats: Option<i64>,
    /// 5000
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub admit_per_minute: Option<i64>,
    /// 100000
    #[schema(minimum = 0, maximum = 20_000_000)]
    pub waiting_room_cap: Option<i64>,
    /// 4
    #[schema(minimum = 1, maximum = 50)]
    pub max_tickets_per_user: Option<i64>,
    /// Of all accounts together that share a card, a phone or an address; 0 or null: no such cap.
    #[schema(minimum = 0, maximum = 10_000)]
    pub max_tickets_per_cluster: Option<i64>,
    /// What makes accounts a cluster: of `payment`, `phone`, `address`; the first two.
    pub cluster_by: Option<Vec<String>>,
    /// Of one account over all sales of the event's group; 0 or null: no such cap.
    #[schema(minimum = 0, maximum = 10_000)]
    pub max_tickets_per_group: Option<i64>,
    /// Of one cluster over all sales of the event's group; 0 or null: no such cap.
    #[schema(minimum = 0, maximum = 10_000)]
    pub max_tickets_per_group_cluster: Option<i64>,
    /// People inside or called at once; 0: no limit.
    #[schema(minimum = 0, maximum = 20_000_000)]
    pub max_active: Option<i64>,
    /// 720
    #[schema(minimum = 1, maximum = 86_400)]
    pub hold_ttl_sec: Option<i64>,
    /// 60
    #[schema(minimum = 1, maximum = 86_400)]
    pub claim_window_sec: Option<i64>,
    /// 600
    #[schema(minimum = 1, maximum = 86_400)]
    pub shopping_window_sec: Option<i64>,
    /// 1
    #[schema(minimum = 1, maximum = 50)]
    pub seats_per_shopper: Option<i64>,
    /// In minor units; 5000.
    #[schema(minimum = 0)]
    pub price: Option<i64>,
    /// USD
    #[schema(min_length = 3, max_length = 3)]
    pub currency: Option<String>,
    /// Where the seats of cancelled tickets go: `public` (again on sale, the default) or `held` (the operator's).
    pub cancelled_seats: Option<String>,
    pub seating: Option<Vec<NewSection>>,
    #[schema(min_length = 1, max_length = 128)]
    pub idempotency_key: Option<String>,
}

#[derive(Deserialize, Serialize, ToSchema)]
pub struct NewSection {
    section: String,
    rows: i64,
    seats_per_row: i64,
    price: i64,
}

pub fn checked(app: &App, new: &NewSale) -> Result<(EventId, Terms, Seating), Problem> {
    let event = new.event_id.parse().map_err(|_| unknown_event())?;
    let currency = new.currency.as_deref().unwrap_or("USD");
    let price = Money(new.price.unwrap_or(5_000));
    let seating = match &new.seating {
        Some(sections) => {
            let seating = Seating::new(sections.iter().enumerate().map(section).collect::<Result<_, _>>()?)?;
            let given = new.total_seats.unwrap_or_else(|| seating.total_seats().into());
            if given != i64::from(seating.total_seats()) {
                let detail = format!("must be the seats of the seating, {}", seating.total_seats());
                return Err(FieldError::new("total_seats", detail).into());
            }
            seating
        }
        None => Seating::general(new.total_seats.unwrap_or(2_000), price)?,
    };
    let terms = Terms {
        opens_at: new.opens_at,
        ends_at: new.ends_at,
        total_seats: seating.total_seats().into(),
        admit_per_minute: new.admit_per_minute.unwrap_or(5_000),
        waiting_room_cap: new.waiting_room_cap.unwrap_or(100_000),
        max_tickets_per_user: new.max_tickets_per_user.unwrap_or(4),
        caps: Caps {
            per_cluster: new.max_tickets_per_cluster.unwrap_or(0),
            cluster_by: cluster_by(new.cluster_by.as_deref())?.unwrap_or_default(),
            per_group: new.max_tickets_per_group.unwrap_or(0),
            per_group_cluster: new.max_tickets_per_group_cluster.unwrap_or(0),
        },
        max_active: new.max_active.unwrap_or(0),
        hold_ttl_sec: new.hold_ttl_sec.unwrap_or_else(|| app.config.hold_ttl.as_secs().cast_signed()),
        claim_window_sec: new.claim_window_sec.unwrap_or(60),
        shopping_window_sec: new.shopping_window_sec.unwrap_or(600),
        seats_per_shopper: new.seats_per_shopper.unwrap_or(1),
        price,
        currency: Currency::parse(currency)
            .ok_or_else(|| FieldError::new("currency", "must be three capital letters such as USD"))?,
        cancelled_seats: new.cancelled_seats.as_deref().map(cancelled_seats).transpose()?.unwrap_or_default(),
    };
    terms.check()?;
    Ok((event, terms, seating))
}

pub fn cancelled_seats(name: &str) -> Result<CancelledSeats, FieldError> {
    CancelledSeats::parse(name).ok_or_else(|| FieldError::new("cancelled_seats", "must be public or held"))
}

fn section((at, new): (usize, &NewSection)) -> Result<Section, FieldError> {
    let count = |field: &str, value: i64| {
        u32::try_from(value)
            .map_err(|_| FieldError::new(format!("seating[{at}].{field}"), format!("cannot be {value}")))
    };
    Ok(Section {
        name: new.section.clone(),
        rows: count("rows", new.rows)?,
        seats_per_row: count("seats_per_row", new.seats_per_row)?,
        price: Money(new.price),
    })
}

pub(super) fn cluster_by(names: Option<&[String]>) -> Result<Option<ClusterBy>, FieldError> {
    names.map(|names| ClusterBy::parse(names.iter().map(String::as_str))).transpose()
}

fn unknown_event() -> Problem {
    Problem::field("event_id", "event_id: there is no event with this id.")
}

/// Makes the sale and its seats, a thousand at a time, so that nobody waits behind them.
pub async fn make_sale(
    app: &Shared,
    event: EventId,
    terms: Terms,
    seating: Seating,
    key: Option<store::idempotency::Key>,
) -> Result<Vec<u8>, Problem> {
    let id = SaleId(app.ids.next());
    let act = act(app, "create_sale", id.to_string(), &json!({ "event": event, "total_seats": terms.total_seats }));
    let task = Arc::clone(app);
    app.detached_long(async move {
        let create = CreateSale { id, event, terms, seating, key, act };
        let answer = task.store.run(create).await.map_err(|failure| match failure {
            Failure::Refused(Refusal::EventNotFound) => unknown_event(),
            other => other.into(),
        })?;
        // A repeated key answers with the first sale, which may still be building.
        let named: Option<SaleId> = serde_json::from_slice::<Value>(&answer)
            .ok()
            .and_then(|answer| answer["sale_id"].as_str().and_then(|id| id.parse().ok()));
        let sale = named.unwrap_or(id);
        build(&task, sale).await?;
        Ok(answer)
    })
    .await
}

/// A moment for the writer between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// So often the lane may be full, ten seconds in all: then the worker goes on with the hall.
const ATTEMPTS: u32 = 200;

/// The sale is there: what fails now does not undo it, so no failure is definite.
async fn build(app: &App, sale: SaleId) -> Result<(), Problem> {
    let mut left = ATTEMPTS;
    loop {
        match app.store.run(BuildSeats { sale }).await {
            Ok(true) => return Ok(()),
            // Some more seats are there: the largest hall takes more of these steps than a full lane has attempts.
            Ok(false) => {}
            Err(Failure::Overloaded) if left > 0 => {
                left -= 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure) => {
                tracing::warn!(%failure, %sale, "a hall is not finished yet");
                break;
            }
        }
    }
    Err(Problem::outcome_unknown())
}
