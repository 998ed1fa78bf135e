//! Reading a body, JSON or a form: its kind, its size, its shape. The error names what is wrong.

use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// No fan's request is near it.
pub const FAN_BYTES_MAX: usize = 8 * 1024;
/// A hall of a thousand sections.
pub const ADMIN_BYTES_MAX: usize = 1024 * 1024;
/// A body that trickles in holds a connection and memory for nothing.
const READ_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// The body with the bytes it came from, which an idempotency key's digest is made of.
pub struct Json<T> {
    pub value: T,
    pub bytes: Vec<u8>,
}

pub async fn json<T: DeserializeOwned>(request: Request, bytes_max: usize) -> Result<Json<T>, Problem> {
    // A request without a body needs no Content-Type; then nothing is what is wrong with it.
    let empty = http_body::Body::is_end_stream(request.body());
    if !empty && !is_json(request.headers()) {
        let detail = "Send JSON with Content-Type: application/json.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let bytes = read(request.into_body(), bytes_max).await?;
    Ok(Json { value: parse(&bytes)?, bytes })
}

/// A body that may be missing altogether: then the default.
pub async fn json_or_default<T: DeserializeOwned + Default>(request: Request, max: usize) -> Result<T, Problem> {
    let empty = http_body::Body::is_end_stream(request.body());
    if empty { Ok(T::default()) } else { json(request, max).await.map(|json| json.value) }
}

/// What a form without scripts holds, by name.
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first of that name; nothing where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Only the fan's own pages take forms.
pub async fn form(request: Request, bytes_max: usize) -> Result<Form, Problem> {
    if !is_kind(request.headers(), "application/x-www-form-urlencoded") {
        let detail = "Send a form with Content-Type: application/x-www-form-urlencoded.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    Ok(Form::parse(&read(request.into_body(), bytes_max).await?))
}

fn is_json(headers: &HeaderMap) -> bool {
    is_kind(headers, "application/json")
}

fn is_kind(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

async fn read(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let collected = tokio::time::timeout(READ_MAX, Limited::new(body, bytes_max).collect())
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "The body took too long to arrive."))?;
    match collected {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("The body may have {bytes_max} bytes.");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail))
        }
        Err(_) => Err(bad_json("The body broke off.".to_owned())),
    }
}

fn bad_json(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_json", detail)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(bad_json("Not JSON: not UTF-8.".to_owned()));
    }
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(no_object(bytes));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() { wrong_field(&path, &cause.to_string()) } else { bad_json(format!("Not JSON: {cause}.")) }
    })?;
    reader.end().map_err(|error| bad_json(format!("Not JSON: {error}.")))?;
    Ok(value)
}

/// A list would be read as the fields in their order: every body here is an object.
fn no_object(bytes: &[u8]) -> Problem {
    match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        Ok(_) => Problem::field("body", "body: send a JSON object."),
        Err(error) => bad_json(format!("Not JSON: {error}.")),
    }
}

/// For a missing or repeated field the path ends at its parent; its name is in the message.
fn wrong_field(path: &str, cause: &str) -> Problem {
    let cause = cause.split(" at line ").next().unwrap_or(cause);
    let named = ["missing field `", "duplicate field `"].iter().find_map(|start| cause.strip_prefix(start));
    let field = match (path, named.and_then(|rest| rest.split('`').next())) {
        (".", Some(name)) => name.to_owned(),
        (parent, Some(name)) => format!("{parent}.{name}"),
        (path, None) => path.to_owned(),
    };
    let detail = format!("{field}: {cause}");
    Problem::field(field, detail)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only its presence counts")]
        seats: Vec<Seat>,
    }

    #[derive(Debug, Deserialize)]
    struct Seat {
        #[expect(dead_code, reason = "only its presence counts")]
        row: u32,
    }

    fn refused(text: &str) -> (u16, &'static str, Option<String>) {
        let problem = parse::<Order>(text.as_bytes()).expect_err("bad input");
        (problem.status.as_u16(), problem.code, problem.field)
    }

    #[test]
    fn bad_input_names_its_field() {
        let field = |name: &str| (422, "invalid_field", Some(name.to_owned()));
        assert_eq!(refused("{}"), field("seats"));
        assert_eq!(refused(r#"{"seats": 3}"#), field("seats"));
        assert_eq!(refused(r#"{"seats": [{"row": 1}, {}]}"#), field("seats[1].row"));
        assert_eq!(refused(r#"{"seats": [{"row": -1}]}"#), field("seats[0].row"));
        assert_eq!(refused(r#"{"seats": [], "seats": []}"#), field("seats"));
        assert_eq!(refused(r#"[[{"row": 1}]]"#), field("body"), "a list is not an object with its fields in order");
    }

    #[test]
    fn what_is_not_json_is_a_bad_request() {
        for text in ["", "{", "[", "nonsense", r#"{"seats": []} x"#] {
            assert_eq!(refused(text), (400, "bad_json", None), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        assert_eq!(refused(&format!(r#"{{"x": {}}}"#, "[".repeat(100_000))).0, 400);
    }
}
