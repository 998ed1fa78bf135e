//! Every route on one screen.

use axum::Router;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, header};
use serde_json::json;
use utoipa::OpenApi;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, RefOr, Required};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer;
use crate::app::Shared;
use crate::browser;
use crate::problem::Problem;
use crate::problem_schema;
use crate::routes::{
    admin, auth, checkout, demo, docs, fan_pages, health, holds, login_code, orders, proof_of_work, runs, sales, seats,
    stream, tickets, waiting_room,
};
use crate::ui;

#[derive(OpenApi)]
#[openapi(info(
    title = "Traffic",
    description = "A waiting room and a ticket shop in one. Errors are problem+json with a \
    stable `code`; every answer with a code other than `outcome_unknown` means that nothing happened."
))]
struct Info;

fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Info::openapi())
        .routes(routes!(auth::register))
        .routes(routes!(proof_of_work::to_register))
        .routes(routes!(auth::login))
        .routes(routes!(login_code::ask))
        .routes(routes!(login_code::verify))
        .routes(routes!(auth::me))
        .routes(routes!(sales::list))
        .routes(routes!(sales::one))
        .routes(routes!(proof_of_work::to_join))
        .routes(routes!(waiting_room::join))
        .routes(routes!(waiting_room::status))
        .routes(routes!(stream::stream))
        .routes(routes!(waiting_room::leave))
        .routes(routes!(seats::list))
        .routes(routes!(holds::place, holds::own))
        .routes(routes!(holds::release))
        .routes(routes!(checkout::checkout))
        .routes(routes!(orders::list))
        .routes(routes!(orders::one))
        .routes(routes!(tickets::list))
        .routes(routes!(tickets::one))
        .routes(routes!(tickets::transfer))
        .routes(routes!(admin::events::create_event, admin::events::events))
        .routes(routes!(admin::sales::create_sale, admin::sales::sales))
        .routes(routes!(admin::sales::sale, admin::changes::patch))
        .routes(routes!(admin::changes::pause))
        .routes(routes!(admin::changes::resume))
        .routes(routes!(admin::changes::close))
        .routes(routes!(admin::tickets::release_held))
        .routes(routes!(admin::tickets::reissue))
        .routes(routes!(admin::tickets::cancel))
        .routes(routes!(admin::tickets::cancel_order))
        .routes(routes!(admin::doors::scan))
        .routes(routes!(admin::doors::revoked))
        .routes(routes!(admin::sales::stats))
        .routes(routes!(admin::line::queue_entries))
        .routes(routes!(admin::line::export))
        .routes(routes!(admin::orders::list))
        .routes(routes!(admin::orders::table))
        .routes(routes!(admin::report::report))
        .routes(routes!(admin::audit::of_sale))
        .routes(routes!(admin::audit::all))
        .routes(routes!(admin::audit::copy))
        .routes(routes!(admin::accounts::bulk_accounts))
        .routes(routes!(admin::exceptions::refusals))
        .routes(routes!(admin::exceptions::grant, admin::exceptions::list))
        .routes(routes!(admin::exceptions::revoke))
        .routes(routes!(admin::signals::of_account))
        .routes(routes!(admin::signals::of_sale))
        .routes(routes!(admin::server::setup))
        .routes(routes!(admin::log::levels, admin::log::set))
        .routes(routes!(demo::config))
        .routes(routes!(demo::reset))
        .routes(routes!(demo::adopt))
        .routes(routes!(demo::dashboard))
        .routes(routes!(runs::ask))
        .routes(routes!(runs::list))
        .routes(routes!(runs::one))
        .routes(routes!(runs::stop))
        .routes(routes!(runs::events::events))
        .routes(routes!(runs::files::page))
        .routes(routes!(runs::files::report))
        .routes(routes!(runs::files::history))
        .routes(routes!(runs::files::export))
        .routes(routes!(runs::runner::claim))
        .routes(routes!(runs::runner::register))
        .routes(routes!(runs::runner::progress))
        .routes(routes!(runs::runner::part))
        .routes(routes!(runs::runner::finish))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(health::jwks))
}

/// What the description of the HTTP interface does not name, beside the pages.
const ABOUT: [&str; 2] = ["/docs", "/openapi.json"];

/// Every path, with names in braces where an id goes.
pub fn templates() -> impl Iterator<Item = String> {
    let described = routes().into_openapi().paths.paths.into_keys();
    described.chain(ABOUT.into_iter().chain(ui::templates()).chain(fan_pages::PATHS).map(str::to_owned))
}

pub fn router(app: Shared) -> Router {
    let (router, api) = routes().split_for_parts();
    let api = serde_json::to_value(describe(api)).expect("a document of strings and numbers");
    let docs = docs::page(&api);
    router
        .route(ABOUT[0], get(async move || docs::answer(docs)))
        .route(ABOUT[1], get(async move || axum::Json(api)))
        .merge(ui::routes())
        .merge(fan_pages::routes())
        .layer(axum::middleware::from_fn_with_state(app.clone(), answer::finish))
        .with_state(app)
}

/// What a node answers whose only role is to work: how it goes and what it logs, and nothing for fans.
pub fn worker(app: Shared) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/v1/admin/log", get(admin::log::levels).put(admin::log::set))
        .layer(axum::middleware::from_fn_with_state(app.clone(), answer::finish))
        .with_state(app)
}

/// What is answered until the data is loaded: the process lives, and is not ready. Connections end with the answer, so
/// that the next request finds the real router.
pub fn starting() -> Router {
    async fn close(request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        browser::protect(response.headers_mut(), false);
        response
    }
    Router::new()
        .route("/health/live", get(async || axum::Json(json!({ "status": "starting" }))))
        .fallback(async || answer::problem_json(&Problem::starting(), "start", None))
        .layer(axum::middleware::from_fn(close))
}

/// The description of the HTTP interface.
pub fn openapi() -> utoipa::openapi::OpenApi {
    describe(routes().into_openapi())
}

fn describe(mut api: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut api.paths.paths {
        describe_path(path, item);
    }
    problem_schema::describe(&mut api);
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let admission = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "Authorization",
        "`Admission <token>`, from the status answer of a fan who is inside",
    )));
    let admin = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Admin-Key")));
    let runner = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Runner-Key")));
    let components = api.components.get_or_insert_default();
    let schemes = [("session", bearer), ("admission", admission), ("admin", admin), ("runner", runner)];
    for (name, scheme) in schemes {
        components.add_security_scheme(name, scheme);
    }
    api
}

/// What utoipa does not see from here: the parts of a path, and a name for each operation that no other one has.
fn describe_path(path: &str, item: &mut PathItem) {
    let parts = || path.split('/').filter(|part| !part.is_empty());
    let names = parts().filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<RefOr<Parameter>> = names.map(path_parameter).map(RefOr::T).collect();
    item.parameters = (!parameters.is_empty()).then_some(parameters);
    let id = parts().map(|part| part.trim_matches(['{', '}']).replace(['-', '.'], "_")).collect::<Vec<_>>().join("_");
    let methods = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    for (method, operation) in methods {
        if let Some(operation) = operation {
            operation.operation_id = Some(format!("{method}_{id}"));
        }
    }
}

fn path_parameter(name: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(text))
        .build()
}
