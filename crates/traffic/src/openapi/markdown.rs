//! docs/api.md: the description of the HTTP interface as a document that people read, sorted by who asks.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::shapes::{bare, fields, kind, line, name_of};

/// Written by hand: what holds for every operation, and the way through them.
const BEGINNING: &str = include_str!("beginning.md");

/// Who asks, by the tag of an operation, in the order of the document.
const READERS: [(&str, &str, &str); 5] = [
    ("fan", "Fans", "Signing in, the line, seats, paying, tickets."),
    ("admin", "The operator", "With `X-Admin-Key`. Every act is in the audit log."),
    (
        "lab",
        "Rehearsals",
        "Where the lab is on (`TRAFFIC_LAB`); with `X-Demo-Key` where `DEMO_API_KEY` is set ([runner.md](runner.md)).",
    ),
    ("runner", "Load runners", "With `X-Runner-Key` or `X-Admin-Key` ([runner.md](runner.md))."),
    ("operations", "Monitoring and doors", "Without a credential."),
];

struct Operation<'a> {
    method: String,
    path: &'a str,
    of_path: &'a Value,
    is: &'a Value,
}

/// The whole document.
pub(super) fn document(api: &Value) -> String {
    let operations = operations(api);
    let mut text = BEGINNING.to_owned();
    for (tag, title, about) in READERS {
        let asked: Vec<&Operation<'_>> = operations.iter().filter(|one| one.is["tags"][0] == tag).collect();
        write!(text, "\n## {title}\n\n{about}\n\n").expect("a string takes every write");
        text += &summary(&asked);
        for operation in asked {
            text += &described(api, operation);
        }
    }
    if let Some(one) = operations.iter().find(|one| READERS.iter().all(|(tag, ..)| one.is["tags"][0] != *tag)) {
        panic!("{} {} has a tag that the document does not know", one.method, one.path);
    }
    text + &shapes(api)
}

fn operations(api: &Value) -> Vec<Operation<'_>> {
    let paths = api["paths"].as_object().expect("a description has paths");
    let of = |(path, item)| {
        let item: &Value = item;
        let methods = ["get", "post", "patch", "delete", "put"].into_iter();
        methods.filter_map(move |method| {
            let is = item.get(method)?;
            Some(Operation { method: method.to_uppercase(), path, of_path: &item["parameters"], is })
        })
    };
    paths.iter().map(|(path, item)| (path.as_str(), item)).flat_map(of).collect()
}

/// A line for each operation, to find it.
fn summary(operations: &[&Operation<'_>]) -> String {
    let row = |one: &&Operation<'_>| {
        let first = bare(&one.is["summary"]);
        let first = line(first.split(". ").next().unwrap_or_default());
        format!("| `{} {}` | {} | {} |\n", one.method, one.path, credential(one.is), first.trim_end_matches('.'))
    };
    let rows: String = operations.iter().map(row).collect();
    format!("| | asks for | |\n|---|---|---|\n{rows}")
}

fn credential(operation: &Value) -> String {
    let kinds = operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
    kinds.flat_map(|kind| kind.keys().cloned()).collect::<Vec<_>>().join(" or ")
}

/// One operation: what it does, what it takes, what it answers.
fn described(api: &Value, operation: &Operation<'_>) -> String {
    let is = operation.is;
    let mut text = format!("\n### {} {}\n\n{}", operation.method, operation.path, line(&bare(&is["summary"])));
    if let Some(more) = is["description"].as_str() {
        write!(text, " {}", line(more)).expect("a string takes every write");
    }
    text += "\n";
    let queries = [operation.of_path, &is["parameters"]].into_iter().filter_map(Value::as_array).flatten();
    let queries: Vec<String> = queries.filter(|one| one["in"] != "path").map(parameter).collect();
    if !queries.is_empty() {
        write!(text, "\n| parameter | | |\n|---|---|---|\n{}", queries.concat()).expect("a string takes every write");
    }
    for (media, content) in is["requestBody"]["content"].as_object().into_iter().flatten() {
        text += &asked(api, media, &content["schema"], is["requestBody"]["required"] == true);
    }
    text += "\n";
    for (status, answer) in is["responses"].as_object().into_iter().flatten().filter(|(status, _)| *status != "default")
    {
        text += &answered(status, answer);
    }
    text
}

fn parameter(parameter: &Value) -> String {
    let said = parameter["description"].as_str().map(line).unwrap_or_default();
    let place = if parameter["in"] == "query" { String::new() } else { format!(" ({})", bare(&parameter["in"])) };
    format!("| `{}`{place} | {} | {said} |\n", bare(&parameter["name"]), kind(&parameter["schema"]))
}

/// A body, field by field.
fn asked(api: &Value, media: &str, schema: &Value, needed: bool) -> String {
    let parts = schema["oneOf"].as_array().into_iter().flatten();
    let name = name_of(schema).or_else(|| parts.filter_map(name_of).next());
    let shape = name.map_or(schema, |name| &api["components"]["schemas"][name]);
    let kind = if media == "application/json" { "JSON".to_owned() } else { format!("`{media}`") };
    let may = if needed { "" } else { ", which may be left out" };
    format!("\nBody: {kind}{may}.\n\n{}", fields(shape, true))
}

fn answered(status: &str, answer: &Value) -> String {
    let content = answer["content"].as_object().into_iter().flatten();
    let is_no = |status: &str| status.starts_with(['4', '5']);
    let bodies = content.filter(|_| !is_no(status)).map(|(media, content)| {
        let shape = content.get("schema").filter(|_| media == "application/json").map(kind);
        shape.unwrap_or_else(|| format!("`{media}`"))
    });
    let said = line(answer["description"].as_str().unwrap_or_default());
    let said = if is_no(status) { codes(&said) } else { said };
    let words: Vec<String> = [said].into_iter().filter(|said| !said.is_empty()).chain(bodies).collect();
    let nothing = if is_no(status) { "see `code`" } else { "no body" };
    let words = if words.is_empty() { nothing.to_owned() } else { words.join(": ") };
    format!("- {status} {words}\n")
}

/// Words that are codes, such as `sale_closed` and `admission_*`, between backticks.
fn codes(text: &str) -> String {
    let is_code =
        |word: &str| word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '*'));
    let word = |word: &str| {
        let (bare, end) = word.split_at(word.trim_end_matches([',', ';', ':', '.']).len());
        if is_code(bare) { format!("`{bare}`{end}") } else { word.to_owned() }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Shapes that answers have, and those that stand in others; bodies that are only asked for stand with their operation.
fn shapes(api: &Value) -> String {
    let all = api["components"]["schemas"].as_object().expect("a description has schemas");
    let mut open = Vec::new();
    for operation in operations(api) {
        names(&operation.is["responses"], &mut open);
        let mut bodies = Vec::new();
        names(&operation.is["requestBody"], &mut bodies);
        bodies.iter().for_each(|body| names(&all[*body], &mut open));
    }
    let mut linked = BTreeSet::new();
    while let Some(name) = open.pop() {
        if linked.insert(name) {
            names(&all[name], &mut open);
        }
    }
    let shape = |name: &str| {
        let about = all[name]["description"].as_str().map(|said| format!("{}\n\n", line(said))).unwrap_or_default();
        format!("\n### {name}\n\n{about}{}", fields(&all[name], false))
    };
    let shapes: String = linked.into_iter().map(shape).collect();
    format!(
        "\n## Shapes\n\nOf what is answered. More fields may come; a client passes over those that it does not know.\n{shapes}"
    )
}

/// The named shapes that a value refers to.
fn names<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    found.extend(name_of(value));
    match value {
        Value::Object(fields) => fields.values().for_each(|field| names(field, found)),
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn small(tag: &str) -> Value {
        json!({
            "paths": { "/v1/a/{id}": {
                "parameters": [{ "name": "id", "in": "path", "schema": { "type": "string" } }],
                "post": {
                    "tags": [tag], "summary": "Makes it. Twice.", "security": [{ "session": [] }],
                    "parameters": [{ "name": "limit", "in": "query", "schema": { "type": "integer" }, "description": "1 to 9." }],
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Wish" } } } },
                    "responses": {
                        "201": { "description": "", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Made" } } } },
                        "409": { "description": "seat_taken, or *cap_exceeded", "content": { "application/problem+json": {} } },
                        "204": { "description": "" },
                        "default": { "description": "any other" },
                    },
                },
            } },
            "components": { "schemas": {
                "Made": { "required": ["part"], "properties": { "part": { "$ref": "#/components/schemas/Part" } } },
                "Part": { "description": "One of it.", "properties": { "n": { "type": "integer" } } },
                "Wish": { "required": ["n"], "properties": { "n": { "type": "integer" } } },
                "Unused": { "properties": {} },
            } },
        })
    }

    #[test]
    fn an_operation_is_listed_and_told_with_its_body_and_its_answers() {
        let text = document(&small("fan"));
        for part in [
            "| `POST /v1/a/{id}` | session | Makes it |\n",
            "\n### POST /v1/a/{id}\n\nMakes it. Twice.\n",
            "| `limit` | whole number | 1 to 9. |\n",
            "Body: JSON.\n\n| field | | |\n|---|---|---|\n| `n` | whole number |  |\n",
            "\n- 201 [Made](#made)\n- 204 no body\n- 409 `seat_taken`, or `*cap_exceeded`\n",
            "\n### Part\n\nOne of it.\n\n| field",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
        assert!(!text.contains("Unused") && !text.contains("### Wish") && !text.contains("any other"), "{text}");
    }

    #[test]
    #[should_panic(expected = "POST /v1/a/{id} has a tag that the document does not know")]
    fn an_operation_that_nobody_is_told_of_is_found() {
        document(&small("strangers"));
    }
}
