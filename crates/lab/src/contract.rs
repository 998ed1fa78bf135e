//! The HTTP contract as the lab speaks it: builds requests, and reads answers into outcomes.

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::history::{Op, Outcome, Value};
use crate::net::{Answer, NetError};
use crate::plan::hex;
use crate::words::{Phase, State};

/// Whose word a request carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credential<'a> {
    Session(&'a str),
    Admission(&'a str),
    AdminKey(&'a str),
    None,
}

/// An id or a key that cannot stand in a path or a header is no request.
pub(crate) fn request(
    authority: &str,
    method: Method,
    path: &str,
    credential: Credential<'_>,
    body: Option<serde_json::Value>,
    headers: &[(&'static str, String)],
) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut builder = Request::builder().method(method).uri(path).header(header::HOST, authority);
    builder = match credential {
        Credential::Session(token) => builder.header(header::AUTHORIZATION, format!("Bearer {token}")),
        Credential::Admission(token) => builder.header(header::AUTHORIZATION, format!("Admission {token}")),
        Credential::AdminKey(key) => builder.header("x-admin-key", key),
        Credential::None => builder,
    };
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    let bytes = body.map(|value| Bytes::from(value.to_string()));
    if bytes.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    builder.body(Full::new(bytes.unwrap_or_default()))
}

/// What a fan needs from an answer besides the outcome that is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) admission_token: Option<String>,
}

/// Nobody waits longer than this for a poll; a server that asks for more has a wrong unit.
const RETRY_MOST_MS: u64 = 60 * 60 * 1_000;

impl Hints {
    fn new(retry_after_ms: Option<u64>, admission_token: Option<String>) -> Self {
        Hints { retry_after_ms: retry_after_ms.map(|ms| ms.min(RETRY_MOST_MS)), admission_token }
    }
}

#[derive(Deserialize)]
struct JoinBody {
    position: u64,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
struct StatusBody {
    position: u64,
    ahead_count: Option<u64>,
    state: State,
    admitted: bool,
    admission_token: Option<String>,
    retry_after_ms: Option<u64>,
    #[serde(default)]
    phase: Phase,
}

#[derive(Deserialize)]
struct SeatsBody {
    seats: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct HoldBody {
    hold_id: Box<str>,
    seat_ids: Vec<Box<str>>,
    total: i64,
}

#[derive(Deserialize)]
struct CheckoutBody {
    order_id: Box<str>,
    ticket_ids: Vec<Box<str>>,
}

#[derive(Deserialize)]
struct Problem {
    code: Box<str>,
}

/// Reads an answer. `unknown` is only what lab.md calls so, and anything that is no answer of the contract at all.
pub(crate) fn read(op: Op, answer: Result<Answer, NetError>) -> (Outcome, Hints) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(NetError::Generator(why) | NetError::Lost(why)) => {
            return (Outcome::Unknown(why.into()), Hints::default());
        }
    };
    if (200..300).contains(&answer.status) {
        return match success(op, &answer) {
            Some((value, hints)) => (Outcome::Ok(value), hints),
            None => (
                Outcome::Unknown(format!("{} with a body that is not in the contract", answer.status).into()),
                Hints::default(),
            ),
        };
    }
    let hints = Hints::new(answer.retry_after_sec.map(|sec| sec.saturating_mul(1_000)), None);
    (refusal(&answer), hints)
}

fn refusal(answer: &Answer) -> Outcome {
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) if &*problem.code == "outcome_unknown" => Outcome::Unknown(problem.code),
        Ok(problem) => Outcome::Refused { status: answer.status, code: problem.code },
        Err(_) => Outcome::Unknown(format!("status {} without a code", answer.status).into()),
    }
}

fn success(op: Op, answer: &Answer) -> Option<(Value, Hints)> {
    let plain = |value| Some((value, Hints::default()));
    match op {
        Op::Join => {
            let body: JoinBody = body(answer)?;
            let hints = Hints::new(body.retry_after_ms, None);
            Some((Value::Join { position: body.position, created: answer.status == 201 }, hints))
        }
        Op::Status => {
            let body: StatusBody = body(answer)?;
            let hints = Hints::new(body.retry_after_ms, body.admission_token);
            let (position, ahead, state, phase) = (body.position, body.ahead_count, body.state, body.phase);
            Some((Value::Status { position, ahead, state, phase, admitted: body.admitted }, hints))
        }
        Op::Seats => plain(Value::Seats { listed: body::<SeatsBody>(answer)?.seats.len() as u64 }),
        Op::Hold => {
            let HoldBody { hold_id, seat_ids, total } = body(answer)?;
            plain(Value::Hold { hold_id, seat_ids, total })
        }
        Op::Release => plain(Value::Released),
        Op::Checkout => {
            let CheckoutBody { order_id, ticket_ids } = body(answer)?;
            let digest = hex(&Sha256::digest(&answer.body)).into();
            plain(Value::Checkout { order_id, ticket_ids, digest })
        }
        Op::Transfer | Op::Trick => plain(Value::Accepted),
    }
}

fn body<T: DeserializeOwned>(answer: &Answer) -> Option<T> {
    serde_json::from_slice(&answer.body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(op: Op, status: u16, body: &str) -> Outcome {
        read(op, Ok(Answer { status, body: Bytes::copy_from_slice(body.as_bytes()), retry_after_sec: None })).0
    }

    #[test]
    fn only_what_has_a_code_is_a_definite_no() {
        assert_eq!(
            outcome(Op::Hold, 409, r#"{"code":"unavailable"}"#),
            Outcome::Refused { status: 409, code: "unavailable".into() }
        );
        assert!(matches!(outcome(Op::Hold, 503, r#"{"code":"outcome_unknown"}"#), Outcome::Unknown(_)));
        assert!(matches!(outcome(Op::Hold, 502, "<html>"), Outcome::Unknown(_)));
        assert!(matches!(outcome(Op::Hold, 200, "{}"), Outcome::Unknown(_)));
        assert!(matches!(read(Op::Join, Err(NetError::Lost("reset".into()))).0, Outcome::Unknown(_)));
    }

    #[test]
    fn a_huge_wish_is_clamped_and_a_broken_id_is_no_request() {
        let text = format!(r#"{{"position":1,"retry_after_ms":{}}}"#, u64::MAX);
        let answer = Answer { status: 201, body: Bytes::from(text), retry_after_sec: None };
        assert_eq!(read(Op::Join, Ok(answer)).1.retry_after_ms, Some(RETRY_MOST_MS));
        let busy = Answer {
            status: 503,
            body: Bytes::from_static(br#"{"code":"overloaded"}"#),
            retry_after_sec: Some(u64::MAX),
        };
        assert_eq!(read(Op::Join, Ok(busy)).1.retry_after_ms, Some(RETRY_MOST_MS));
        let made = |path, key| request("localhost", Method::GET, path, Credential::AdminKey(key), None, &[]);
        assert!(made("/v1/sales/a", "key").is_ok());
        assert!(made("/v1/sales/a b", "key").is_err());
        assert!(made("/v1/sales/a", "a\nb").is_err());
    }

    #[test]
    fn a_status_answer_is_read_with_its_hints() {
        let text = r#"{"position":3,"ahead_count":null,"state":"inside","phase":"open","admitted":true,
            "admission_token":"t","retry_after_ms":1000,"message":""}"#;
        let answer = Answer { status: 200, body: Bytes::from_static(text.as_bytes()), retry_after_sec: None };
        let (outcome, hints) = read(Op::Status, Ok(answer));
        let expected =
            Value::Status { position: 3, ahead: None, state: State::Inside, phase: Phase::Open, admitted: true };
        assert_eq!(outcome, Outcome::Ok(expected));
        assert_eq!(hints, Hints { retry_after_ms: Some(1_000), admission_token: Some("t".into()) });
    }
}
