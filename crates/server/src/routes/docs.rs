//! The HTTP interface for people: one table made from the OpenAPI document.

use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use crate::ui::plain_page_headers;

/// A method in the order in which people look for it.
const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

/// The page. The document is the server's own; it is escaped all the same.
pub fn page(api: &Value) -> String {
    let mut rows = String::new();
    for (path, item) in api["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                rows.push_str(&row(method, path, operation));
            }
        }
    }
    include_str!("docs.html").replace("{{rows}}", &rows)
}

pub fn answer(page: String) -> Response {
    (plain_page_headers(), Html(page)).into_response()
}

fn row(method: &str, path: &str, operation: &Value) -> String {
    let text = |key: &str| escape(operation[key].as_str().unwrap_or_default());
    let credential = operation["security"][0].as_object().and_then(|kinds| kinds.keys().next());
    let answers: Vec<String> = operation["responses"].as_object().into_iter().flatten().map(answer_line).collect();
    format!(
        "<tr><td><code>{} {}</code><p>{}</p></td><td>{}</td><td>{}</td></tr>\n",
        method.to_uppercase(),
        escape(path),
        text("summary"),
        credential.map_or_else(|| "none".to_owned(), |kind| escape(kind)),
        answers.join("<br>"),
    )
}

fn answer_line((status, answer): (&String, &Value)) -> String {
    format!("<code>{}</code> {}", escape(status), escape(answer["description"].as_str().unwrap_or_default()))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_document_is_on_the_page() {
        let api = serde_json::to_value(crate::router::openapi()).expect("a document");
        let page = page(&api);
        for (path, item) in api["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("an item").keys().filter(|key| METHODS.contains(&key.as_str())) {
                assert!(page.contains(&format!("<code>{} {path}</code>", method.to_uppercase())), "{method} {path}");
            }
        }
    }

    #[test]
    fn what_is_shown_is_escaped() {
        assert_eq!(escape("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
