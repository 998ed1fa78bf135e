//! Ids are in the order of time, so that neighbours can be guessed. A right guess is told what a wrong one is told.

use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::app::{Answer, TestApp};

/// Ids of the tests are counted: the neighbours of one's own are those of everybody else.
const NEIGHBOURS: u128 = 12;

fn around(id: &str) -> Vec<String> {
    let id = id.parse::<Uuid>().unwrap().as_u128();
    (id - NEIGHBOURS..=id + NEIGHBOURS).map(|near| Uuid::from_u128(near).to_string()).collect()
}

/// All that a client sees of a "no", without the number of the request.
fn told(answer: &Answer) -> (u16, String) {
    let mut body = answer.json.clone();
    body.as_object_mut().unwrap().remove("request_id");
    (answer.status.as_u16(), body.to_string())
}

#[tokio::test]
async fn a_guessed_id_is_told_what_an_id_is_told_that_never_was() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let (buyer, holder, thief) = (app.admitted(&sale).await, app.admitted(&sale).await, app.admitted(&sale).await);
    let bought = app.held(&sale, &buyer, &["GA-1-1"]).await;
    let order = app.checkout(&sale, &buyer, &bought, "k").await;
    let order_id = order.expect(StatusCode::OK)["order_id"].as_str().unwrap().to_owned();
    let ticket_id = order["ticket_ids"][0].as_str().unwrap().to_owned();
    let hold = app.held(&sale, &holder, &["GA-1-2"]).await;

    for (path, id) in [("orders", &order_id), ("tickets", &ticket_id)] {
        app.get(format!("/v1/{path}/{id}")).bearer(&buyer.fan).send().await.expect(StatusCode::OK);
        let never = told(&app.get(format!("/v1/{path}/{}", super::NOBODY)).bearer(&thief.fan).send().await);
        assert_eq!(never.0, 404);
        let guesses = around(id);
        assert!(guesses.contains(id), "the right one is among them");
        // Guessing is limited too: this one takes his time.
        app.advance(10_000);
        for guess in guesses {
            assert_eq!(told(&app.get(format!("/v1/{path}/{guess}")).bearer(&thief.fan).send().await), never);
        }
    }
    let never = told(&app.release(&sale, &thief, super::NOBODY).await);
    let unpaid = told(&app.checkout(&sale, &thief, super::NOBODY, "k").await);
    assert_eq!((never.0, unpaid.0), (404, 404));
    for guess in around(&hold) {
        assert_eq!(told(&app.release(&sale, &thief, &guess).await), never);
    }
    for (number, guess) in around(&hold).iter().enumerate().filter(|(number, _)| number % 5 == 2) {
        assert_eq!(told(&app.checkout(&sale, &thief, guess, &format!("k{number}")).await), unpaid);
    }
    assert_eq!(told(&app.checkout(&sale, &thief, &hold, "last").await), unpaid);
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["holds"], &stats["orders"]), (&json!(1), &json!(1)), "nothing was taken or given back");
    let own = app.call(Method::DELETE, format!("/v1/sales/{sale}/holds/{hold}")).admission(&holder).send().await;
    own.expect(StatusCode::NO_CONTENT);
}
