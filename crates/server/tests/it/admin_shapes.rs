//! What operators are answered has the form that the description of the interface gives it: nothing more, nothing less.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

/// What is wrong with a value, by where it is.
fn misfits(api: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let named = api.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is not described"));
        return misfits(api, named, value, at);
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        let fits = one_of.iter().any(|one| misfits(api, one, value, at).is_empty());
        return if fits { Vec::new() } else { vec![format!("{at}: {value} is none of {one_of:?}")] };
    }
    let mut wrong = Vec::new();
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    // What is described by nothing, such as the details of an act, may be anything.
    if !schema["type"].is_null() && !types.iter().any(|name| is(name, value)) {
        wrong.push(format!("{at}: {value} is not {types:?}"));
    }
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| {
            wrong.extend(misfits(api, &schema["items"], item, &format!("{at}[{n}]")));
        }),
        Value::Object(_) if !types[0].is_null() || schema["allOf"].is_array() => {
            wrong.extend(members_misfit(api, schema, value, at));
        }
        _ => {}
    }
    wrong
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is a type that no answer had"),
    }
}

fn members_misfit(api: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let parts = parts_of(api, schema);
    let mut wrong = Vec::new();
    for (name, member) in value.as_object().unwrap() {
        match parts.iter().find_map(|part| part["properties"].get(name)) {
            Some(of) => wrong.extend(misfits(api, of, member, &format!("{at}.{name}"))),
            None => wrong.push(format!("{at}.{name} is not described")),
        }
    }
    let required = parts.iter().flat_map(|part| part["required"].as_array().into_iter().flatten());
    wrong
        .extend(required.filter(|name| value.get(name.as_str().unwrap()).is_none()).map(|n| format!("{at}.{n}: none")));
    wrong
}

/// The objects that a schema is put together from.
fn parts_of(api: &Value, schema: &Value) -> Vec<Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return parts_of(api, api.pointer(name.trim_start_matches('#')).unwrap());
    }
    match schema["allOf"].as_array() {
        Some(all) => all.iter().flat_map(|one| parts_of(api, one)).collect(),
        None => vec![schema.clone()],
    }
}

fn fits(api: &Value, method: &str, template: &str, answer: &Answer, status: StatusCode) {
    let schema = &api["paths"][template][method]["responses"][status.as_str()]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {template}: {} has no schema", status.as_str());
    let wrong = misfits(api, schema, answer.expect(status), "answer");
    assert!(wrong.is_empty(), "{method} {template}: {wrong:#?}");
}

fn described() -> Value {
    serde_json::to_value(server::router::openapi()).unwrap()
}

#[test]
fn a_member_too_many_too_few_or_of_another_kind_is_found() {
    let api = described();
    let schema = json!({ "$ref": "#/components/schemas/OperatorEvent" });
    let event = json!({ "event_id": "e", "name": "n", "venue": "v", "starts_at": "t", "group": null });
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut event = event.clone();
        change(&mut event);
        misfits(&api, &schema, &event, "event")
    };
    assert_eq!(wrong(&|_| {}), Vec::<String>::new());
    assert_eq!(wrong(&|event| event["more"] = json!(1)), ["event.more is not described"]);
    assert_eq!(wrong(&|event| drop(event.as_object_mut().unwrap().remove("group"))), ["event.\"group\": none"]);
    assert_eq!(wrong(&|event| event["name"] = json!(1)).len(), 1);
}

#[tokio::test]
async fn every_answer_to_an_operator_has_the_described_form() {
    let app = TestApp::start().await;
    let api = described();
    let sale = app.sale_with(json!({ "total_seats": 20 })).await;
    let (shopper, waiting) = (app.admitted(&sale).await, app.fan().await);
    let hold = app.held(&sale, &shopper, &["GA-1-1", "GA-1-2"]).await;
    let order = app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK).clone();
    app.join(&sale, &waiting).await.expect(StatusCode::CREATED);
    let account = &waiting.id;
    let exception =
        json!({ "user_id": account, "rule": "cap_exceeded", "extra_tickets": 1, "reason": "a school class" });
    let ticket = order["ticket_ids"][0].as_str().unwrap();
    let order = order["order_id"].as_str().unwrap();
    let writes = [
        (Method::POST, "sales/{id}/pause", &sale[..], json!({ "reason": "sound check" }), StatusCode::OK),
        (Method::POST, "sales/{id}/resume", &sale, json!({}), StatusCode::OK),
        (
            Method::PATCH,
            "sales/{id}",
            &sale,
            json!({ "admit_per_minute": 61, "cancelled_seats": "held" }),
            StatusCode::OK,
        ),
        (Method::POST, "sales/{id}/exceptions", &sale, exception, StatusCode::CREATED),
        (Method::POST, "tickets/{id}/reissue", ticket, json!({}), StatusCode::OK),
        (Method::POST, "tickets/{id}/cancel", ticket, json!({}), StatusCode::OK),
        (Method::POST, "orders/{id}/cancel", order, json!({}), StatusCode::OK),
        (Method::POST, "sales/{id}/release-held", &sale, json!({}), StatusCode::OK),
        (Method::POST, "accounts/bulk", "", json!({ "count": 1, "prefix": "row" }), StatusCode::OK),
    ];
    for (method, path, id, body, status) in writes {
        let template = format!("/v1/admin/{path}");
        let answer = app.call(method.clone(), template.replace("{id}", id)).admin().json(&body).send().await;
        fits(&api, &method.as_str().to_lowercase(), &template, &answer, status);
    }
    let reads = [
        ("events", ""),
        ("sales", ""),
        ("sales/{id}", &sale[..]),
        ("sales/{id}/stats", &sale),
        ("sales/{id}/queue-entries", &sale),
        ("sales/{id}/orders", &sale),
        ("sales/{id}/report", &sale),
        ("sales/{id}/audit", &sale),
        ("sales/{id}/exceptions", &sale),
        ("sales/{id}/signals", &sale),
        ("accounts/{id}/refusals", account),
        ("accounts/{id}/signals", account),
        ("audit", ""),
        ("server", ""),
    ];
    for (path, id) in reads {
        let template = format!("/v1/admin/{path}");
        let answer = app.get(template.replace("{id}", id)).admin().send().await;
        fits(&api, "get", &template, &answer, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_was_made_is_named_as_described() {
    let app = TestApp::start().await;
    let api = described();
    let event = json!({ "name": "Coldstar", "venue": "Hall 4", "starts_at": "2031-01-01T19:00:00Z" });
    let made = app.post("/v1/admin/events").admin().json(&event).send().await;
    fits(&api, "post", "/v1/admin/events", &made, StatusCode::CREATED);
    let sale = json!({ "event_id": made["event_id"], "opens_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-02T00:00:00Z", "total_seats": 2 });
    let made = app.post("/v1/admin/sales").admin().json(&sale).send().await;
    fits(&api, "post", "/v1/admin/sales", &made, StatusCode::CREATED);
}
