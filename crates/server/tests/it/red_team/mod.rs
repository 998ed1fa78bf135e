//! The attackers of docs/security.md that no other file plays: each attempt stands beside a control that succeeds, so
//! that a test cannot pass because nothing works.

mod admissions;
mod browsers;
mod flood;
mod guesses;
mod insiders;
mod paths;
mod phases;
mod secrets;
mod wire;

use http::Method;
use serde_json::Value;

/// An operation of the openapi document and the credential it asks for: session, admission, admin, or none.
struct Operation {
    method: Method,
    path: String,
    credential: Option<String>,
}

impl Operation {
    fn filled(&self, sale: &str) -> String {
        fill(&self.path, sale)
    }
}

/// No hold and no order has this id.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

fn fill(template: &str, sale: &str) -> String {
    let id = if template.starts_with("/v1/orders") || template.starts_with("/v1/tickets") { NOBODY } else { sale };
    template.replace("{id}", id).replace("{hold_id}", NOBODY)
}

fn operations() -> Vec<Operation> {
    let api = serde_json::to_value(server::router::openapi()).unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        let one = |(method, operation): (&String, &Value)| Operation {
            method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
            path: path.clone(),
            credential: operation["security"][0].as_object().and_then(|kinds| kinds.keys().next().cloned()),
        };
        methods.map(one).collect::<Vec<_>>()
    };
    let all: Vec<Operation> = api["paths"].as_object().unwrap().iter().flat_map(of_path).collect();
    let is_described = |template: &String| all.iter().any(|operation| operation.path == *template);
    let mut of_interface =
        server::router::templates().filter(|path| path.starts_with("/v1/") || path.starts_with("/health/"));
    assert!(of_interface.all(|path| is_described(&path)), "every template but the pages is described");
    assert!(all.len() > 50, "{} operations", all.len());
    all
}
