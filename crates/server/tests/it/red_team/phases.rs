//! Before the doors, whatever somebody brings along.

use domain::{AccountId, ClaimId};
use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::app::{Shopper, TestApp};

#[tokio::test]
async fn before_the_doors_nothing_opens_them() {
    let app = TestApp::start().await;
    let opens_at = app.now().plus_sec(60);
    let sale = app.sale_with(json!({ "opens_at": opens_at })).await;
    let (open, fan) = (app.sale().await, app.fan().await);
    let inside_elsewhere = app.admitted(&open).await;
    // As a leaked key would sign it.
    let account = AccountId(fan.id.parse().unwrap());
    let (admission, _) =
        app.shared().admissions.mint(sale.parse().unwrap(), account, ClaimId(Uuid::from_u128(1)), app.now());
    let leaked = Shopper { fan: fan.clone(), position: 1, admission };

    app.join(&sale, &fan).await.refused(403, "sale_closed");
    for (name, value) in [
        ("x-http-method-override", "POST"),
        ("x-forwarded-for", "127.0.0.1"),
        ("date", "Fri, 01 Jan 2038 00:00:00 GMT"),
        ("x-original-url", "/v1/sales"),
        ("x-admin-key", crate::app::ADMIN_KEY),
    ] {
        let join = app.post(format!("/v1/sales/{sale}/waiting-room/join")).bearer(&fan).header(name, value);
        join.json(&json!({ "opens_at": "2020-01-01T00:00:00Z", "position": 1 }))
            .send()
            .await
            .refused(403, "sale_closed");
    }
    app.status(&sale, &fan).await.refused(404, "not_in_queue");
    app.leave(&sale, &fan).await.refused(404, "not_in_queue");
    let paths = [(Method::GET, "seats"), (Method::GET, "holds"), (Method::POST, "holds"), (Method::POST, "checkout")];
    for (method, path) in paths {
        let call = || {
            let body = json!({ "seat_ids": ["GA-1-1"], "hold_id": "fake", "idempotency_key": "k" });
            app.call(method.clone(), format!("/v1/sales/{sale}/{path}")).json(&body)
        };
        call().send().await.refused(403, "admission_required");
        call().bearer(&fan).send().await.refused(403, "admission_required");
        call().admission(&inside_elsewhere).send().await.refused(403, "admission_foreign");
    }
    let hold = app.hold(&sale, &leaked, "k", &["GA-1-1"]).await;
    assert_eq!(hold.status, StatusCode::FORBIDDEN, "{hold:?}");
    assert!(!app.checkout(&sale, &leaked, super::NOBODY, "k").await.status.is_success());
    let stats = app.stats(&sale).await;
    for figure in ["joined", "inside", "holds", "orders", "tickets_sold"] {
        assert_eq!(stats[figure], 0, "{figure}");
    }

    app.pass(60_000).await;
    let shopper = app.admit(&sale, &fan).await;
    assert_eq!(shopper.position, 1, "the control: from then on");
    app.hold(&sale, &shopper, "k", &["GA-1-1"]).await.expect(StatusCode::OK);
}
