//! Shapes of bodies in words: what a field may hold, and tables of fields.

use serde_json::Value;

const SHAPES: &str = "#/components/schemas/";

/// What a value may be, with links to named shapes.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = name_of(schema) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for (word, joint) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " with ")] {
        if let Some(parts) = schema[word].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(joint);
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if types.is_empty() {
        return "any JSON".to_owned();
    }
    types.into_iter().map(|word| plain(word, schema)).collect::<Vec<_>>().join(" or ")
}

/// The name of a shape that is described elsewhere.
pub(super) fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(SHAPES)
}

fn plain(word: &str, schema: &Value) -> String {
    match word {
        "string" => text(schema),
        "integer" | "number" => number(word, schema),
        "boolean" => "true or false".to_owned(),
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" => match &schema["additionalProperties"] {
            Value::Object(_) => format!("names with {}", kind(&schema["additionalProperties"])),
            _ => "object".to_owned(),
        },
        other => other.to_owned(),
    }
}

fn text(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{}`", bare(word))).collect::<Vec<_>>().join(", ");
    }
    let length = match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
        (None, None) => String::new(),
        (None, Some(most)) => format!(", up to {most} characters"),
        (Some(least), None) => format!(", from {least} characters"),
        (Some(least), Some(most)) => format!(", {least} to {most} characters"),
    };
    match schema["format"].as_str() {
        Some("date-time") => "time (RFC 3339)".to_owned(),
        _ => format!("text{length}"),
    }
}

fn number(word: &str, schema: &Value) -> String {
    let whole = if word == "integer" { "whole number" } else { "number" };
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!("{whole}, {least} to {most}"),
        (Some(least), None) => format!("{whole} from {least}"),
        (None, Some(most)) => format!("{whole} up to {most}"),
        (None, None) => whole.to_owned(),
    }
}

/// A JSON value as people write it: a text without quotes.
pub(super) fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Text for one line of a table or a list.
pub(super) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The fields of a shape, a row each: those that are needed first, each group as it is described.
pub(super) fn fields(schema: &Value, asked: bool) -> String {
    if let Some(parts) = schema["allOf"].as_array() {
        let more =
            parts.iter().filter_map(name_of).map(|name| format!("All of [{name}](#{}), and:\n\n", name.to_lowercase()));
        let own = parts.iter().filter(|part| name_of(part).is_none()).map(|part| fields(part, asked));
        return more.chain(own).collect();
    }
    let Some(properties) = schema["properties"].as_object() else { return format!("{}\n", kind(schema)) };
    let needed = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let row = |(name, field): (&String, &Value)| {
        let optional = if asked && !needed(name) { "optional" } else { "" };
        let said = said(field);
        let default = field.get("default").filter(|value| !value.is_null());
        let default = default.map(|value| format!("default `{}`", bare(value)));
        let words: Vec<String> = [optional.to_owned(), said, default.unwrap_or_default()].into();
        let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("; ");
        format!("| `{name}` | {} | {words} |\n", kind_of_field(field, asked && !needed(name)))
    };
    let (first, rest): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| asked && needed(name));
    let rows: String = first.into_iter().chain(rest).map(row).collect();
    format!("| field | | |\n|---|---|---|\n{rows}")
}

/// That null means "not given" goes without saying where a field may be left out.
fn kind_of_field(field: &Value, optional: bool) -> String {
    let kind = kind(field);
    if optional { kind.replace(" or null", "") } else { kind }
}

/// What is said of a field, also where it is a named shape among others.
fn said(field: &Value) -> String {
    let parts = field["oneOf"].as_array().into_iter().flatten();
    let all = std::iter::once(field).chain(parts).filter_map(|schema| schema["description"].as_str());
    all.map(line).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_words_with_their_limits() {
        for (schema, words) in [
            (json!({ "type": "integer", "minimum": 1, "maximum": 50 }), "whole number, 1 to 50"),
            (json!({ "type": ["integer", "null"], "format": "int64" }), "whole number or null"),
            (json!({ "type": "string", "minLength": 8, "maxLength": 128 }), "text, 8 to 128 characters"),
            (json!({ "type": "string", "format": "date-time" }), "time (RFC 3339)"),
            (json!({ "type": "string", "enum": ["a", "b"] }), "`a`, `b`"),
            (json!({ "type": "array", "items": { "$ref": "#/components/schemas/Hold" } }), "list of [Hold](#hold)"),
            (
                json!({ "oneOf": [{ "$ref": "#/components/schemas/Hold" }, { "type": "null" }] }),
                "[Hold](#hold) or null",
            ),
            (json!({ "type": "object", "additionalProperties": { "type": "integer" } }), "names with whole number"),
            (json!({ "description": "JSON" }), "any JSON"),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }

    #[test]
    fn needed_fields_come_first_and_others_are_called_optional() {
        let schema = json!({
            "required": ["b"],
            "properties": {
                "a": { "type": ["string", "null"], "description": "first\nor | not", "default": "x" },
                "b": { "type": "boolean" },
            },
        });
        assert_eq!(
            fields(&schema, true),
            "| field | | |\n|---|---|---|\n| `b` | true or false |  |\n| `a` | text | optional; first or \\| not; default `x` |\n"
        );
        assert!(fields(&schema, false).contains("| `a` | text or null | first or \\| not; default `x` |"));
        let both = json!({ "allOf": [{ "$ref": "#/components/schemas/Hold" }, schema] });
        assert!(fields(&both, false).starts_with("All of [Hold](#hold), and:\n\n| field"));
    }
}
