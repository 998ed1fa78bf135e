//! Pages of a fan that the server fills in: the waiting page, and the sale page's plain form for browsers without scripts.

mod facts;
mod forms;
mod language;
mod template;
mod view;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{AccountId, SaleId, Timestamp};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;

use self::language::Language;
use self::template::{Slots, filled};
use super::waiting_room::{self, Status};
use crate::app::Shared;
use crate::extract::{Fan, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::signals::Trace;
use crate::{ui, waiting_room::Room};

const SALES: &str = "/fan";
/// Whoever reads or leaves without scripts needs some time for it; a call lasts many times as long.
const REFRESH_SEC_MIN: i64 = 5;

/// Paths that are filled in or take forms. The last part of those that take forms only is a verb.
pub(crate) const PATHS: [&str; 6] =
    ["/fan/{sale}", "/fan/{sale}/line", "/fan/{sale}/join", "/fan/{sale}/leave", "/fan/sign-in", "/fan/sign-out"];

pub(crate) fn routes() -> axum::Router<Shared> {
    let [of_sale, of_line, to_join, to_leave, to_sign_in, to_sign_out] = PATHS;
    axum::Router::new()
        .route(of_sale, get(sale))
        .route(of_line, get(line))
        .route(to_join, post(forms::join))
        .route(to_leave, post(forms::leave))
        .route(to_sign_in, post(forms::sign_in))
        .route(to_sign_out, post(forms::sign_out))
}

#[derive(Default, Deserialize)]
struct Asked {
    /// The language from now on.
    lang: Option<String>,
    /// Why a form brought its reader back here.
    problem: Option<String>,
}

/// The page of a sale. Its script asks for everything; without scripts what is filled in here is all there is.
async fn sale(
    State(app): State<Shared>,
    fan: Result<Fan, Problem>,
    Named(id): Named<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    if let Some(language) = asked.lang.as_deref().and_then(Language::named) {
        return kept(language, &page_of(&id));
    }
    let language = Language::of(&headers);
    let plain = ui::built(&format!("waiting/sale.{}.html", language.code()));
    let (Some(page), Some(plain)) = (ui::built("fan/index.html"), plain) else { return ui::page("fan", &headers) };
    // What is no sale, and what cannot be read now, the script says better.
    let known = match app.room(&id).await {
        Ok(room) => super::sales::facts_in(&app, &room).await,
        Err(_) => super::sales::facts_of(&app, &id).await,
    };
    let Ok(facts) = known else { return ui::page("fan", &headers) };
    let in_line = fan.as_ref().is_ok_and(|Fan(account)| has_place(&app, &id, *account));
    let mut slots = facts::of_sale(&facts, language);
    facts::who(&mut slots, fan.is_ok(), in_line);
    facts::problem(&mut slots, asked.problem.as_deref());
    let titled = with_title(&page, &filled("<title>{{event}}</title>", &slots));
    let referrer = "<meta name=\"referrer\" content=\"same-origin\">";
    let page = titled.replacen("</head>", &format!("{referrer}</head>"), 1).replacen(
        "</body>",
        &format!("{}</body>", filled(&plain, &slots)),
        1,
    );
    ui::written(page, ui::POLICY, &headers)
}

/// As far as this node knows: the line itself asks more closely.
fn has_place(app: &Shared, id: &str, account: AccountId) -> bool {
    let room = id.parse().ok().and_then(|sale: SaleId| app.rooms.get(sale));
    room.is_some_and(|room| waiting_room::live_place(&room, account).is_some())
}

fn with_title(page: &str, title: &str) -> String {
    match (page.find("<title>"), page.find("</title>")) {
        (Some(from), Some(to)) if from < to => format!("{}{title}{}", &page[..from], &page[to + "</title>".len()..]),
        _ => page.to_owned(),
    }
}

/// The waiting page of whoever is signed in and has a place; others are sent to the sale.
async fn line(
    State(app): State<Shared>,
    fan: Result<Fan, Problem>,
    trace: Trace,
    method: Method,
    Named(id): Named<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Ok(sale) = id.parse::<SaleId>() else { return Ok(Redirect::to(SALES).into_response()) };
    let to_sale = || Redirect::to(&page_of(&id)).into_response();
    if let Some(language) = asked.lang.as_deref().and_then(Language::named) {
        return Ok(kept(language, &format!("/fan/{sale}/line")));
    }
    let Ok(Fan(account)) = fan else { return Ok(to_sale()) };
    app.limits.check(RouteClass::Poll, account, app.clock.monotonic())?;
    let Ok(room) = app.room(&id).await else { return Ok(to_sale()) };
    waiting_room::refuse_odd(&app, room.id, account)?;
    let looks_only = waiting_room::looks_only(&method, &headers);
    let status = match waiting_room::stands(&app, &room, account, looks_only).await {
        Ok(status) => status,
        Err(problem) if problem.code == "not_in_queue" => return Ok(to_sale()),
        Err(problem) => return Err(problem),
    };
    app.signals.polled(account, room.id, trace, waiting_room::moment(&app), status.retry_after_ms);
    shown(&app, &room, &status, &headers).await
}

async fn shown(app: &Shared, room: &Room, status: &Status, headers: &HeaderMap) -> Result<Response, Problem> {
    let language = Language::of(headers);
    let path = format!("waiting/{}.html", language.code());
    let (Some(page), Some(policy)) = (ui::built(&path), ui::waiting_policy()) else { return Ok(ui::unbuilt()) };
    let facts = super::sales::facts_in(app, room).await?;
    let mut slots = facts::of_sale(&facts, language);
    view::of_status(&mut slots, status, room.sale().terms.max_tickets_per_user, language);
    let page = page.replacen("{{refresh}}", &refresh(&slots, status), 1);
    Ok(ui::written(filled(&page, &slots), &policy, headers))
}

/// Without scripts the page asks anew by itself, about as often as the script would, while something may still happen.
fn refresh(slots: &Slots, status: &Status) -> String {
    let over = ["bought", "expired", "left", "ended"].contains(&slots.get("state"));
    let sec = (status.retry_after_ms / 1_000).max(REFRESH_SEC_MIN);
    if over { String::new() } else { format!("<noscript><meta http-equiv=\"refresh\" content=\"{sec}\"></noscript>") }
}

/// The page of a sale by what names it in a path; what is no id leads to the list.
fn page_of(id: &str) -> String {
    id.parse::<SaleId>().map_or_else(|_| SALES.to_owned(), |sale| format!("/fan/{sale}"))
}

/// Back to the page, in this language from now on.
fn kept(language: Language, path: &str) -> Response {
    let mut response = Redirect::to(path).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&language.cookie()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// `2027-01-18 19:30 UTC`. A script says it in the reader's own time.
fn plain_time(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {} UTC", text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
}
