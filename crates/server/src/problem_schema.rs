//! Problems in the description of the HTTP interface: their form, and that every operation may answer with one.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ContentBuilder, Object, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

const NAME: &str = "Problem";
const KIND: &str = "application/problem+json";
/// What OpenAPI calls every status that is not listed.
const OTHERS: &str = "default";

/// Each refusal that is listed gets its form, and those that every operation has in common are listed at once.
pub(crate) fn describe(api: &mut OpenApi) {
    for operation in api.paths.paths.values_mut().flat_map(operations) {
        let listed = &mut operation.responses.responses;
        for (_, answer) in listed.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
            if let RefOr::T(answer) = answer {
                *answer = problem(std::mem::take(&mut answer.description));
            }
        }
        let others = problem("any other \"no\"; see `code`".to_owned());
        listed.entry(OTHERS.to_owned()).or_insert_with(|| RefOr::T(others));
    }
    let components = api.components.get_or_insert_default();
    components.schemas.insert(NAME.to_owned(), schema().into());
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete, &mut item.put].into_iter().flatten()
}

fn problem(description: String) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(NAME))).build();
    ResponseBuilder::new().description(description).content(KIND, content).build()
}

/// As [`crate::answer::problem_json`] writes it.
fn schema() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let said = |what: &str| text().description(Some(what.to_owned())).build();
    let status = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some("the status of the answer".to_owned()))
        .build();
    let members = [
        ("type", said("an address that is the code's own")),
        ("title", said("the words of the status")),
        ("detail", said("what is wrong, for people")),
        ("message", said("the same as `detail`")),
        ("code", said("what is wrong, for programs: it does not change")),
        ("request_id", said("to find the request in the log")),
        ("status", status),
    ];
    let schema = ObjectBuilder::new()
        .property("trace_id", said("to find the request among traces, where the server writes them"))
        .property("field", said("the field or header that is wrong, where it is one"))
        .property("run_id", said("the load run that is in the way, where one is"));
    let schema = members.into_iter().fold(schema, |schema, (name, of)| schema.property(name, of).required(name));
    schema.description(Some("Why not (RFC 9457).".to_owned())).build()
}
