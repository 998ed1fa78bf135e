//! The server's desk for runners, over HTTP.

use std::fmt;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::http;

/// A server under the load of a run may be slow; one that takes longer is asked again.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Desk {
    base_url: String,
    /// The header with the key, and the key.
    key: (&'static str, String),
}

/// A "no" of the server.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// Why there is no answer to go by.
#[derive(Debug)]
pub(crate) enum Silent {
    /// The same again would be refused again.
    Refused(Refused),
    /// It may be worth another try.
    Unheard(anyhow::Error),
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(Refused { status, code, detail }) => write!(f, "{status} {code}: {detail}"),
            Self::Unheard(error) => write!(f, "{error:#}"),
        }
    }
}

/// The right to say how a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) run_id: String,
    pub(crate) claim_id: String,
}

/// A run to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) claimed: Claimed,
    pub(crate) scenario: String,
    pub(crate) sale_id: Option<String>,
    /// Names and texts, as whoever asked for the run gave them.
    pub(crate) knobs: Vec<(String, String)>,
    /// The server's own, for what was not given.
    pub(crate) defaults: Vec<(String, String)>,
}

impl Desk {
    pub(crate) fn of_runner(base_url: &str, key: &str) -> Self {
        Self { base_url: base_url.to_owned(), key: ("x-runner-key", key.to_owned()) }
    }

    /// The operator's key opens the same.
    pub(crate) fn of_operator(base_url: &str, key: &str) -> Self {
        Self { base_url: base_url.to_owned(), key: ("x-admin-key", key.to_owned()) }
    }

    pub(crate) async fn claim(&self, runner: &str, machine: Value) -> Result<Option<Work>, Silent> {
        let answer = self.say("claim", &json!({ "runner": runner, "machine": machine })).await?;
        if answer["run"].is_null() {
            return Ok(None);
        }
        work(&answer["run"]).map(Some).ok_or_else(|| Silent::Unheard(anyhow::anyhow!("a run that is no run: {answer}")))
    }

    /// What the runner says of its run.
    pub(crate) async fn tell(&self, what: &str, run: &Claimed, more: Value) -> Result<Value, Silent> {
        let mut told = json!({ "run_id": run.run_id, "claim_id": run.claim_id });
        if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
            told.extend(more);
        }
        self.say(what, &told).await
    }

    pub(crate) async fn say(&self, what: &str, body: &Value) -> Result<Value, Silent> {
        match timeout(PATIENCE, self.send(what, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(Silent::Unheard(anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    async fn send(&self, what: &str, body: &Value) -> Result<Value, Silent> {
        let request = Request::post(format!("{}/v1/demo/runner/{what}", self.base_url))
            .header("content-type", "application/json")
            .header(self.key.0, &self.key.1)
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| Silent::Unheard(error.into()))?;
        let (status, body) = http::send(request).await.map_err(Silent::Unheard)?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let refused = Refused { status: status.as_u16(), code: text("code"), detail: text("detail") };
        // What is full or broken now may be better in a second.
        if status.is_server_error() || matches!(refused.status, 408 | 429) {
            let Refused { status, code, .. } = refused;
            return Err(Silent::Unheard(anyhow::anyhow!("the server answers {status} {code}")));
        }
        Err(Silent::Refused(refused))
    }
}

fn work(run: &Value) -> Option<Work> {
    let text = |name: &str| run[name].as_str().map(str::to_owned);
    let texts = |name: &str| -> Vec<(String, String)> {
        let named = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        run[name].as_object().into_iter().flatten().filter_map(named).collect()
    };
    Some(Work {
        claimed: Claimed { run_id: text("run_id")?, claim_id: text("claim_id")? },
        scenario: text("scenario")?,
        sale_id: text("sale_id"),
        knobs: texts("knobs"),
        defaults: texts("defaults"),
    })
}
