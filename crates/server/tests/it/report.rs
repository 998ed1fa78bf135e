//! The report and the orders of a sale, as the operator fetches them.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Fan, TestApp};

/// A fan with an address of his own choice.
async fn registered(app: &TestApp, email: &str) -> Fan {
    let answer = app.post("/v1/auth/register").json(&json!({ "email": email })).send().await;
    let text = |name: &str| answer.expect(StatusCode::CREATED)[name].as_str().unwrap().to_owned();
    Fan { id: text("user_id"), token: text("token") }
}

async fn buys(app: &TestApp, sale: &str, fan: &Fan, seats: &[&str]) -> Value {
    let shopper = app.admit(sale, fan).await;
    let hold = app.held(sale, &shopper, seats).await;
    app.checkout(sale, &shopper, &hold, "k").await.expect(StatusCode::OK)["order_id"].clone()
}

async fn table(app: &TestApp, sale: &str) -> String {
    let answer = app.get(format!("/v1/admin/sales/{sale}/orders.csv")).admin().send().await;
    answer.expect(StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"orders-"), "{answer:?}");
    String::from_utf8(answer.body.to_vec()).unwrap()
}

const HEADER: &str =
    "order_id,created_at,settled_at,status,user_id,email,seats,quantity,total,currency,payment,cancelled,refunded\r\n";

#[tokio::test]
async fn the_report_tells_what_the_figures_tell() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "total_seats": 3 })).await;
    let path = format!("/v1/admin/sales/{sale}/report");
    let fans = app.fans(2).await;
    buys(&app, &sale, &fans[0], &["GA-1-1", "GA-1-2"]).await;
    app.post(format!("/v1/admin/sales/{sale}/pause")).admin().send().await.expect(StatusCode::OK);
    let paused = app.now();
    let report = app.get(&path).admin().send().await;
    let report = report.expect(StatusCode::OK);
    let stats = app.stats(&sale).await;
    for (name, value) in report["stats"].as_object().unwrap() {
        assert_eq!(value, &stats[name], "{name}");
    }
    assert_eq!((&report["sale_id"], &report["phase"]), (&json!(sale), &json!("paused")));
    assert_eq!(report["pauses"], json!([{ "from": paused, "until": null }]));
    assert_eq!(report["sections"], json!([{ "section": "GA", "seats": 3, "sold": 2, "unsold": 1 }]));
    assert_eq!(report["buyers"], json!([{ "tickets": 2, "people": 1 }]));
    assert_eq!((&report["times"]["sold_out"], &report["people"]["came_in"]), (&Value::Null, &json!(1)));
    let text = report.to_string();
    assert!(!text.contains(&fans[0].id) && !text.contains("@"), "nobody is named: {text}");

    app.post(format!("/v1/admin/sales/{sale}/resume")).admin().send().await.expect(StatusCode::OK);
    buys(&app, &sale, &fans[1], &["GA-1-3"]).await;
    let report = app.get(&path).admin().send().await;
    assert_eq!(report["times"]["sold_out"], report["times"]["last_ticket"]);
    assert_eq!((&report["phase"], &report["money"][0]["captured"]), (&json!("sold_out"), &json!(15_000)));
    app.get("/v1/admin/sales/fake/report").admin().send().await.refused(404, "sale_not_found");
}

#[tokio::test]
async fn orders_are_listed_by_pages() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let mut made = Vec::new();
    for (at, fan) in (1..).zip(app.fans(3).await) {
        made.push(buys(&app, &sale, &fan, &[&format!("GA-1-{at}")]).await);
    }
    let path = format!("/v1/admin/sales/{sale}/orders");
    let page = app.get(format!("{path}?limit=2")).admin().send().await;
    let orders = page.expect(StatusCode::OK)["orders"].as_array().unwrap();
    assert_eq!([&orders[0]["order_id"], &orders[1]["order_id"], &page["next_after"]], [&made[0], &made[1], &made[1]]);
    assert_eq!((&orders[0]["seats"], &orders[0]["quantity"]), (&json!(["GA-1-1"]), &json!(1)));
    assert_eq!((&orders[0]["status"], &orders[0]["payment"]), (&json!("confirmed"), &json!("captured")));
    let rest = app.get(format!("{path}?limit=2&after={}", made[1].as_str().unwrap())).admin().send().await;
    assert_eq!((&rest["orders"][0]["order_id"], &rest["next_after"]), (&made[2], &Value::Null));
    for (query, field) in [("after=x", "after"), (&format!("after={sale}"), "after"), ("limit=0", "limit")] {
        app.get(format!("{path}?{query}")).admin().send().await.wrong(field);
    }
    for path in ["/v1/admin/sales/fake/orders", "/v1/admin/sales/fake/orders.csv"] {
        app.get(path).admin().send().await.refused(404, "sale_not_found");
    }
}

#[tokio::test]
async fn the_table_of_orders_is_safe_to_open() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    assert_eq!(table(&app, &sale).await, HEADER);
    let fan = registered(&app, "=hyperlink@example.com").await;
    let order = buys(&app, &sale, &fan, &["GA-1-2", "GA-1-1"]).await;
    let at = app.now();
    let row = format!(
        "{},{at},{at},confirmed,{},'=hyperlink@example.com,GA-1-1 GA-1-2,2,10000,USD,captured,,0\r\n",
        order.as_str().unwrap(),
        fan.id
    );
    assert_eq!(table(&app, &sale).await, format!("{HEADER}{row}"));
}
