//! What a measurement needs of a server before it can begin: a sale, accounts, a line of people.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use server::config::DEV_ADMIN_KEY;

use super::generator::{Connections, Target};
use super::program::Program;
use super::requests::{Requests, Shown};

/// What one request for accounts may ask for.
const ACCOUNTS_PER_REQUEST: usize = 10_000;
/// Preparations need no particular number.
const CONNECTIONS: usize = 64;
/// Answers 200 to everybody at next to no cost.
pub(super) const WARM_PATH: &str = "/health/live";

/// A sale by its id, and the paths of what can be asked of it.
#[derive(Clone)]
pub(super) struct Sale(pub(super) String);

impl Sale {
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/v1/sales/{}/{rest}", self.0)
    }

    pub(super) fn join(&self) -> String {
        self.path("waiting-room/join")
    }

    pub(super) fn status(&self) -> String {
        self.path("waiting-room/status")
    }

    /// One request for each fan, with the same method and path.
    pub(super) fn requests<'a>(method: &str, path: &str, fans: impl IntoIterator<Item = Shown<'a>>) -> Requests {
        let mut requests = Requests::default();
        fans.into_iter().for_each(|fan| requests.push(method, path, fan, ""));
        requests
    }
}

/// The operator of one server.
pub(super) struct Organiser {
    target: Target,
}

impl Organiser {
    pub(super) fn of(program: &Program) -> Self {
        Self { target: program.target.clone() }
    }

    /// An open sale with these terms.
    pub(super) fn sale(&self, terms: &Value) -> anyhow::Result<Sale> {
        let event = json!({ "name": "Bench", "venue": "Hall", "starts_at": "2099-01-01T00:00:00Z" });
        let event = self.post("/v1/admin/events", &event)?;
        let mut sale = json!({
            "event_id": event["event_id"], "opens_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z",
        });
        for (name, value) in terms.as_object().context("terms are an object")? {
            sale[name] = value.clone();
        }
        let sale = self.post("/v1/admin/sales", &sale)?;
        Ok(Sale(sale["sale_id"].as_str().context("the answer names no sale")?.to_owned()))
    }

    /// The sessions of so many new accounts.
    pub(super) fn sessions(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let mut sessions = Vec::with_capacity(count);
        while sessions.len() < count {
            let part = (count - sessions.len()).min(ACCOUNTS_PER_REQUEST);
            let wish = json!({ "count": part, "prefix": format!("bench{}", sessions.len()) });
            let answer = self.post("/v1/admin/accounts/bulk", &wish)?;
            let made = answer["accounts"].as_array().context("the answer names no accounts")?;
            let tokens = made.iter().filter_map(|account| account["token"].as_str().map(str::to_owned));
            sessions.extend(tokens);
            ensure!(!made.is_empty(), "the server made no accounts");
        }
        Ok(sessions)
    }

    /// Everybody takes a place, roughly in this order.
    pub(super) fn line_up(&self, sale: &Sale, sessions: &[String]) -> anyhow::Result<()> {
        let fans = sessions.iter().map(|session| Shown::Session(session));
        let requests = Sale::requests("POST", &sale.join(), fans);
        self.send_all(&requests, |_, _| Ok(()))
    }

    /// Sends each request once; `keep` gets the number of each and the body of its answer.
    pub(super) fn send_all(
        &self,
        requests: &Requests,
        mut keep: impl FnMut(usize, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut connections = Connections::open(&self.target, CONNECTIONS, WARM_PATH)?;
        connections.send_all(requests, requests.len(), |number, answer| keep(number, answer.body))
    }

    /// The JSON of one request's answer.
    pub(super) fn ask(&self, method: &str, path: &str, shown: Shown<'_>, body: &str) -> anyhow::Result<Value> {
        let text = self.text(method, path, shown, body)?;
        serde_json::from_slice(&text).with_context(|| format!("{path} answers no JSON"))
    }

    /// All figures of a sale.
    pub(super) fn stats(&self, sale: &Sale) -> anyhow::Result<Value> {
        self.ask("GET", &format!("/v1/admin/sales/{}/stats", sale.0), Shown::AdminKey(DEV_ADMIN_KEY), "")
    }

    /// A figure of the server's own metrics, by its name and the sale that it is about.
    pub(super) fn metric(&self, name: &str, sale: &Sale) -> anyhow::Result<f64> {
        let text = self.text("GET", "/metrics", Shown::Nothing, "")?;
        metric(&String::from_utf8_lossy(&text), name, &sale.0).with_context(|| format!("/metrics does not tell {name}"))
    }

    /// A figure that is about no sale in particular.
    pub(super) fn counter(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.text("GET", "/metrics", Shown::Nothing, "")?;
        value(&String::from_utf8_lossy(&text), name).with_context(|| format!("/metrics does not tell {name}"))
    }

    fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask("POST", path, Shown::AdminKey(DEV_ADMIN_KEY), &body.to_string())
    }

    /// On a connection of its own: between two preparations the server may have closed an idle one.
    fn text(&self, method: &str, path: &str, shown: Shown<'_>, body: &str) -> anyhow::Result<Vec<u8>> {
        let mut connections = Connections::open(&self.target, 1, WARM_PATH)?;
        let mut text = None;
        let request = Requests::one(method, path, shown, body);
        connections.send_all(&request, 1, |_, answer| {
            text = Some(answer.body.to_vec());
            Ok(())
        })?;
        match text {
            Some(text) => Ok(text),
            None => bail!("{path} did not answer"),
        }
    }
}

/// `name{sale="id"} value`
fn metric(text: &str, name: &str, sale: &str) -> Option<f64> {
    value(text, &format!("{name}{{sale=\"{sale}\"}}"))
}

/// `name value`
fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_name_and_sale() {
        let text = "# TYPE a gauge\na{sale=\"1\"} 3\nab{sale=\"2\"} 4\na{sale=\"2\"} 0.25\n";
        assert_eq!(metric(text, "a", "2"), Some(0.25));
        assert_eq!(metric(text, "a", "3"), None);
        assert_eq!((value("ab 3\na 2.5\n", "a"), value("ab 3\n", "a")), (Some(2.5), None));
    }
}
