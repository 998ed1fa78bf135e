//! Every "no" as `application/problem+json` (RFC 9457). The only place that knows HTTP statuses of refusals.

use axum::response::{IntoResponse, Response};
use domain::sale::FieldError;
use domain::{Refusal, RunId};
use http::StatusCode;
use store::Failure;

use crate::cause::Cause;
use crate::limits::{By, Exceeded, RetryAfterMs};
use crate::mail::NoRoom;
use crate::passwords::Busy;
use crate::proof_of_work;

/// What a client is told. The outermost layer writes the body, where the request's id is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub detail: String,
    /// The field that is wrong.
    pub field: Option<String>,
    pub retry_after_sec: Option<u64>,
    /// The load run that is in the way.
    pub run_id: Option<RunId>,
    /// For the log, never for the client.
    pub cause: Option<Cause>,
}

/// After a refusal for lack of room or time: soon enough for a person, late enough for a crowd.
const RETRY_AFTER_SEC: u64 = 2;

/// Streams are long, so room for one does not come soon; meanwhile the status can be asked for.
const STREAM_RETRY_AFTER_SEC: u64 = 15;

/// A full room of mails is empty by then.
const MAIL_RETRY_AFTER_SEC: u64 = 60;

/// A short run is over by then.
const LOADTEST_RETRY_AFTER_SEC: u64 = 30;

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None, retry_after_sec: None, run_id: None, cause: None }
    }

    /// What the log is to say of it.
    pub(crate) fn because(self, error: &dyn std::error::Error) -> Self {
        Self { cause: Some(Cause::of(error)), ..self }
    }

    fn retry(self, sec: u64) -> Self {
        Self { retry_after_sec: Some(sec), ..self }
    }

    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail);
        Self { field: Some(field.into()), ..problem }
    }

    pub fn session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "session_invalid", "Sign in: this request needs a valid session.")
    }

    pub fn admin_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "admin_key_invalid", "This needs the operator's key in X-Admin-Key.")
    }

    pub fn demo_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "demo_key_invalid", "This needs the demo key in X-Demo-Key or ?demo_key=.")
    }

    pub fn runner_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "runner_key_invalid", "This needs a load runner's key in X-Runner-Key.")
    }

    pub fn invalid_scenario(detail: String) -> Self {
        let problem = Self::new(StatusCode::BAD_REQUEST, "invalid_scenario", detail);
        Self { field: Some("scenario".to_owned()), ..problem }
    }

    pub fn run_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "run_not_found", "There is no load run with this id.")
    }

    pub fn run_lost() -> Self {
        let detail = "This load run does not belong to this claim, or not any more.";
        Self::new(StatusCode::CONFLICT, "run_lost", detail)
    }

    pub fn not_kept(name: &str) -> Self {
        let detail = format!("This load run has no {name}, or it is not kept any more.");
        Self::new(StatusCode::NOT_FOUND, "not_kept", detail)
    }

    pub fn loadtest_busy(in_the_way: RunId) -> Self {
        let detail =
            format!("As many load runs wait as may. Run {in_the_way} goes first: wait for its end, or stop it.");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "loadtest_busy", detail).retry(LOADTEST_RETRY_AFTER_SEC);
        Self { run_id: Some(in_the_way), ..problem }
    }

    pub fn cross_site() -> Self {
        let detail = "This request must come from this site's own pages.";
        Self::new(StatusCode::FORBIDDEN, "cross_site", detail)
    }

    pub fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.")
    }

    pub fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method.")
    }

    pub fn bad_request() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "This request cannot be understood.")
    }

    /// Two readers could understand this request differently.
    pub fn ambiguous(header: &str, what: &str) -> Self {
        let detail = format!("{header}: {what}. Send this request in one meaning.");
        let problem = Self::new(StatusCode::BAD_REQUEST, "ambiguous_request", detail);
        Self { field: Some(header.to_owned()), ..problem }
    }

    pub fn key_required() -> Self {
        let detail = "Send idempotency_key (or the Idempotency-Key header): 1 to 128 visible ASCII characters.";
        let problem = Self::new(StatusCode::BAD_REQUEST, "idempotency_key_required", detail);
        Self { field: Some("idempotency_key".to_owned()), ..problem }
    }

    pub fn outcome_unknown() -> Self {
        let detail = "The outcome is not known yet. Send the same request with the same key again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown", detail).retry(RETRY_AFTER_SEC)
    }

    pub fn overloaded() -> Self {
        let detail = "Too much is being written at this moment. Nothing happened; try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry(RETRY_AFTER_SEC)
    }

    pub fn too_many_streams(most: usize) -> Self {
        let detail =
            format!("At most {most} streams of one account at a time: close one, or ask for the status instead.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry(STREAM_RETRY_AFTER_SEC)
    }

    pub fn streams_full() -> Self {
        let detail = "Too many streams are open at this moment: ask for the status instead.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry(STREAM_RETRY_AFTER_SEC)
    }

    pub fn mail_off() -> Self {
        let detail = "No mail goes out here: sign in with a password, or ask the operator to set MAIL_URL.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "mail_off", detail)
    }

    pub fn draining() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "draining", "This node is shutting down.").retry(RETRY_AFTER_SEC)
    }

    pub fn starting() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "This node is reading its data.").retry(1)
    }

    /// Details of a bug stay in the log.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is broken here. It has been logged.")
    }
}

const fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::SaleNotFound
        | Refusal::EventNotFound
        | Refusal::OrderNotFound
        | Refusal::TicketNotFound
        | Refusal::HoldNotFound
        | Refusal::ExceptionNotFound
        | Refusal::NotInQueue => StatusCode::NOT_FOUND,
        Refusal::EmailTaken
        | Refusal::Unavailable
        | Refusal::ActiveHoldExists
        | Refusal::SaleEnded
        | Refusal::TooLate { .. }
        | Refusal::HoldUsed
        | Refusal::CheckoutInProgress
        | Refusal::TicketCancelled
        | Refusal::TicketUsed
        | Refusal::NoTickets => StatusCode::CONFLICT,
        Refusal::LoginFailed => StatusCode::UNAUTHORIZED,
        Refusal::SaleClosed { .. }
        | Refusal::AdmissionRequired
        | Refusal::AdmissionInvalid
        | Refusal::AdmissionExpired
        | Refusal::AdmissionForeign
        | Refusal::AdmissionUsed
        | Refusal::CapExceeded { .. }
        | Refusal::ClusterCapExceeded { .. }
        | Refusal::GroupCapExceeded { .. }
        | Refusal::TooManyShared { .. }
        | Refusal::TransferBlocked => StatusCode::FORBIDDEN,
        Refusal::SaleBuilding | Refusal::RoomFull => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::BadCount { .. } | Refusal::TooManyNames { .. } | Refusal::IdempotencyKeyReused => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Refusal::HoldExpired | Refusal::PaymentRefunded => StatusCode::GONE,
        Refusal::PaymentDeclined => StatusCode::PAYMENT_REQUIRED,
    }
}

/// The field of the request that a refusal is about.
fn field(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::BadCount { .. } => Some("seat_ids"),
        Refusal::TooManyNames { .. } => Some("attendees"),
        Refusal::IdempotencyKeyReused => Some("idempotency_key"),
        Refusal::TooLate { field } => Some(field),
        _ => None,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(status(&refusal), refusal.code(), refusal.to_string());
        let retry_after_sec = (problem.status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_SEC);
        Self { field: field(&refusal).map(str::to_owned), retry_after_sec, ..problem }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Overloaded | Failure::Stopped => Self::overloaded(),
            Failure::StorageFull => {
                let detail = "The storage is full: nothing can be written now, and nothing happened.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_full", detail).retry(30)
            }
            Failure::Unavailable(error) => Self::overloaded().because(&error),
            Failure::Unknown => Self::outcome_unknown(),
            Failure::Broken(error) => Self::internal().because(&error),
        }
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        let detail = error.to_string();
        Self::field(error.field, detail)
    }
}

impl From<Exceeded> for Problem {
    fn from(Exceeded { by, wait: RetryAfterMs(ms) }: Exceeded) -> Self {
        let detail = match by {
            By::Account => "Too many requests of this kind from this account. Your place in line is not affected.",
            By::Address => {
                "Too many requests of this kind from your network's address. Nothing happened: try again, or from another \
                 network. A place in line is not affected."
            }
        };
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry(ms.div_ceil(1000))
    }
}

impl From<proof_of_work::Refused> for Problem {
    fn from(refused: proof_of_work::Refused) -> Self {
        let code = match refused {
            proof_of_work::Refused::Required => "proof_of_work_required",
            proof_of_work::Refused::Invalid => "proof_of_work_invalid",
            proof_of_work::Refused::Expired => "proof_of_work_expired",
            proof_of_work::Refused::Used => "proof_of_work_used",
        };
        Self::new(StatusCode::FORBIDDEN, code, refused.to_string())
    }
}

impl From<NoRoom> for Problem {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Off => Self::mail_off(),
            NoRoom::Full => {
                let detail = "Too many mails are on their way at this moment. Nothing happened; try again.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry(MAIL_RETRY_AFTER_SEC)
            }
        }
    }
}

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        let detail = "Too many people are signing in at this moment. Try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry(Busy::RETRY_AFTER_SEC.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn every_refusal_has_its_documented_status() {
        let all = [
            Refusal::SaleNotFound,
            Refusal::EventNotFound,
            Refusal::OrderNotFound,
            Refusal::TicketNotFound,
            Refusal::HoldNotFound,
            Refusal::EmailTaken,
            Refusal::LoginFailed,
            Refusal::SaleClosed { opens_at: Some(Timestamp(0)) },
            Refusal::SaleBuilding,
            Refusal::SaleEnded,
            Refusal::TooLate { field: "opens_at" },
            Refusal::RoomFull,
            Refusal::NotInQueue,
            Refusal::AdmissionRequired,
            Refusal::AdmissionInvalid,
            Refusal::AdmissionExpired,
            Refusal::AdmissionForeign,
            Refusal::AdmissionUsed,
            Refusal::Unavailable,
            Refusal::ActiveHoldExists,
            Refusal::CapExceeded { cap: 4, already: 4 },
            Refusal::ClusterCapExceeded { by: domain::caps::Shared::Phone, cap: 4, already: 4 },
            Refusal::GroupCapExceeded { by: None, cap: 4, already: 4 },
            Refusal::TooManyShared { most: 32 },
            Refusal::ExceptionNotFound,
            Refusal::BadCount { most: 50 },
            Refusal::HoldUsed,
            Refusal::HoldExpired,
            Refusal::CheckoutInProgress,
            Refusal::PaymentDeclined,
            Refusal::PaymentRefunded,
            Refusal::IdempotencyKeyReused,
            Refusal::TransferBlocked,
            Refusal::TooManyNames { seats: 2 },
            Refusal::TicketCancelled,
            Refusal::TicketUsed,
            Refusal::NoTickets,
        ];
        let lines: Vec<String> =
            all.into_iter().map(|refusal| format!("{} {}", status(&refusal).as_u16(), refusal.code())).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        404 sale_not_found
        404 event_not_found
        404 order_not_found
        404 ticket_not_found
        404 hold_not_found
        409 email_taken
        401 login_failed
        403 sale_closed
        503 sale_building
        409 sale_ended
        409 too_late
        503 room_full
        404 not_in_queue
        403 admission_required
        403 admission_invalid
        403 admission_expired
        403 admission_foreign
        403 admission_used
        409 unavailable
        409 active_hold_exists
        403 cap_exceeded
        403 cluster_cap_exceeded
        403 group_cap_exceeded
        403 too_many_cards
        404 exception_not_found
        422 bad_count
        409 hold_used
        410 hold_expired
        409 checkout_in_progress
        402 payment_declined
        410 payment_refunded
        422 idempotency_key_reused
        403 transfer_blocked
        422 too_many_names
        409 ticket_cancelled
        409 ticket_used
        409 no_tickets
        ");
    }

    #[test]
    fn a_refusal_for_lack_of_room_says_when_to_come_back() {
        assert_eq!(Problem::from(Refusal::RoomFull).retry_after_sec, Some(RETRY_AFTER_SEC));
        assert_eq!(Problem::from(Failure::Overloaded).retry_after_sec, Some(RETRY_AFTER_SEC));
        for by in [By::Account, By::Address] {
            assert_eq!(Problem::from(Exceeded { by, wait: RetryAfterMs(1) }).retry_after_sec, Some(1));
        }
    }
}
