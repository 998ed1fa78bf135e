//! The first page: what this is, how the demo sale goes, where to go on.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, header};
use store::catalog::DemoSale;

use super::demo;
use crate::app::Shared;

/// No script, no request to anywhere; the one style is in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

pub async fn first(State(app): State<Shared>) -> Response {
    let sale = match app.config.lab {
        true => app.store.read(DemoSale).await.ok().flatten(),
        false => None,
    };
    let figures = match sale {
        Some(sale) => demo::figures(&app, sale).await.ok(),
        None => None,
    };
    (page_headers(), Html(page(figures.as_ref()))).into_response()
}

pub fn page_headers() -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ]
}

fn page(figures: Option<&serde_json::Value>) -> String {
    let sale = figures.map_or_else(
        || "<p>No demo sale is running here.</p>".to_owned(),
        |figures| {
            let rows = [
                ("Phase", "phase"),
                ("People waiting", "queue_depth"),
                ("Called so far", "admitted_count"),
                ("Inside now", "inside"),
                ("Tickets sold", "tickets_sold"),
                ("Seats free", "available_seats"),
            ];
            let cell = |(label, key): (&str, &str)| {
                let value =
                    figures[key].as_str().map_or_else(|| figures[key].to_string(), |text| text.replace('_', " "));
                format!("<tr><th scope=\"row\">{label}</th><td>{value}</td></tr>")
            };
            let rows: String = rows.into_iter().map(cell).collect();
            let id = figures["sale_id"].as_str().unwrap_or_default();
            format!("<table><caption>Demo sale <code>{id}</code></caption>{rows}</table>")
        },
    );
    include_str!("first.html").replace("{{sale}}", &sale).replace("{{version}}", env!("CARGO_PKG_VERSION"))
}
