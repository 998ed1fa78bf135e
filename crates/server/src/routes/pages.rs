//! The first page: what this is, how the demo sale goes, where to go on.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use domain::Refusal;
use http::{HeaderName, header};
use store::catalog::DemoSale;

use crate::app::{App, Shared};
use crate::waiting_room::Room;

/// No script, no request to anywhere; the one style is in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

pub async fn first(State(app): State<Shared>) -> Response {
    // With a demo key the figures are for those who have it. They come from memory: anybody may ask, as often as they like.
    let shown = app.config.lab && app.config.demo_api_key.is_none();
    let sale = if shown { app.store.read(DemoSale).await.ok().flatten() } else { None };
    let room = match sale {
        Some(sale) => app.surely(|| app.rooms.get(sale).ok_or(Refusal::SaleNotFound)).await.ok(),
        None => None,
    };
    (page_headers(), Html(page(room.map(|room| figures(&app, &room)).as_deref()))).into_response()
}

/// What the page says of the demo sale.
fn figures(app: &App, room: &Room) -> String {
    let stock = &room.stock;
    let sold = i64::from(stock.seats()) - stock.free() - stock.held();
    let rows = [
        ("Phase", room.phase(app.clock.wall()).name().replace('_', " ")),
        ("People waiting", room.waiting().to_string()),
        ("Called so far", room.through().to_string()),
        ("Seats sold", sold.to_string()),
        ("Seats held", stock.held().to_string()),
        ("Seats free", stock.free().to_string()),
    ];
    let rows: String =
        rows.iter().map(|(label, value)| format!("<tr><th scope=\"row\">{label}</th><td>{value}</td></tr>")).collect();
    format!("<table><caption>Demo sale <code>{}</code></caption>{rows}</table>", room.id)
}

pub fn page_headers() -> [(HeaderName, &'static str); 1] {
    [(header::CONTENT_SECURITY_POLICY, POLICY)]
}

fn page(figures: Option<&str>) -> String {
    let sale = figures.unwrap_or("<p>No demo sale is shown here.</p>");
    include_str!("first.html").replace("{{sale}}", sale).replace("{{version}}", env!("CARGO_PKG_VERSION"))
}
