//! What Redis adds to several nodes, and that nobody waits for it or misses it.

mod groups;
mod node;
mod one_allowance;

use std::time::Duration;

use futures_util::FutureExt;
use http::StatusCode;
use node::{Node, account, eventually, sale, spend};
use server::limits::RouteClass;
use server::redis;
use tokio::sync::watch;

use crate::app::TestApp;

#[tokio::test]
async fn a_node_hears_what_another_changed_and_not_what_it_changed_itself() {
    let server = testbed::Redis::start();
    let (one, other) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
    one.hints.changed(sale());
    other.hints.heard().await;
    eventually("the hint to be counted", || one.figures.hints_sent() == 1).await;
    assert_eq!(other.figures.hints_heard(), 1);
    assert!(one.hints.heard().now_or_never().is_none(), "its own");
}

#[tokio::test]
async fn a_storm_of_changes_is_a_few_messages() {
    let server = testbed::Redis::start();
    let (one, other) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
    for _ in 0..1_000 {
        one.hints.changed(sale());
        tokio::task::yield_now().await;
    }
    other.hints.heard().await;
    eventually("the last hint", || one.figures.hints_sent() == other.figures.hints_heard()).await;
    assert!(one.figures.hints_sent() < 1_000, "{} messages", one.figures.hints_sent());
}

#[tokio::test]
async fn what_is_spent_on_one_node_is_spent_on_the_other() {
    let server = testbed::Redis::start();
    let (one, other) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
    assert_eq!(spend(&one.limits, account(1)), 20, "one burst of checkouts");
    assert!(other.learns_that_it_is_spent(account(1)).await <= 4, "what a node keeps to itself, twice");
    assert_eq!(spend(&other.limits, account(2)), 20, "another account has its own");
}

/// Killed, then back without anything it knew.
#[tokio::test]
async fn a_killed_redis_is_found_again_and_counts_flow() {
    let server = testbed::Redis::start();
    let (one, other) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
    spend(&one.limits, account(1));
    eventually("an exchange", || one.figures.exchanges() > 0).await;
    server.stop_now();
    for node in [&one, &other] {
        eventually("the loss to be noticed", || !node.hints.are_flowing() && !node.figures.is_up()).await;
        assert!(node.hints.heard().now_or_never().is_some(), "somebody should look: hints may have been missed");
    }
    one.hints.changed(sale());
    assert_eq!(spend(&one.limits, account(1)), 0, "what this node knows it still knows");
    assert_eq!(spend(&one.limits, account(2)) + spend(&other.limits, account(2)), 40, "limits are each node's own");
    server.start_again();
    for node in [&one, &other] {
        eventually("the way back", || node.hints.are_flowing() && node.figures.is_up()).await;
        assert_eq!((node.figures.connections(), node.figures.fallbacks()), (2, 1));
        assert!(!node.figures.is_fallback());
    }
    eventually("what changed meanwhile to be told", || one.figures.hints_sent() == 1).await;
    spend(&one.limits, account(3));
    assert!(other.learns_that_it_is_spent(account(3)).await <= 4);
}

/// Connections stay open and nobody answers: nobody waits, the node notices, and it comes back.
#[tokio::test]
async fn a_frozen_redis_holds_nobody_up() {
    let server = testbed::Redis::start();
    let (one, other) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
    server.freeze();
    let frozen_at = one.now();
    for number in 0..10_000 {
        one.limits.check(RouteClass::Poll, account(number), Duration::ZERO).unwrap();
        one.hints.changed(sale());
    }
    assert!(one.now() - frozen_at < Duration::from_secs(2), "ten thousand of each while nobody answered");
    eventually("the loss to be noticed", || !one.hints.are_flowing() && !other.hints.are_flowing()).await;
    assert!(one.now() - frozen_at < Duration::from_secs(5));
    while one.now() - frozen_at < Duration::from_secs(3) {
        assert!(!one.hints.are_flowing(), "a frozen Redis is not taken for one that answers");
        node::pause().await;
    }
    server.thaw();
    eventually("the way back", || one.hints.are_flowing() && other.hints.are_flowing()).await;
    spend(&one.limits, account(1));
    assert!(other.learns_that_it_is_spent(account(1)).await <= 4);
}

/// Limits are each node's own then; hints need no memory.
#[tokio::test]
async fn a_full_redis_still_carries_hints() {
    let server = testbed::Redis::start();
    let (one, other) = (Node::start(&server.url()).await, Node::start(&server.url()).await);
    assert_eq!(server.ask("CONFIG SET maxmemory 1").as_deref(), Ok("+OK"));
    spend(&one.limits, account(1));
    eventually("the refusal", || one.figures.exchange_failures() > 0).await;
    one.hints.changed(sale());
    other.hints.heard().await;
    assert_eq!((one.figures.connections(), one.figures.is_up()), (1, true));
    assert_eq!((one.figures.is_fallback(), one.figures.fallbacks()), (true, 1));
    assert_eq!(spend(&other.limits, account(1)), 20);
    assert_eq!(server.ask("CONFIG SET maxmemory 0").as_deref(), Ok("+OK"));
    spend(&one.limits, account(2));
    assert!(other.learns_that_it_is_spent(account(2)).await <= 4);
    eventually("limits to be shared again", || !one.figures.is_fallback()).await;
}

/// What the documentation says a user of its own needs is enough, and less is not.
#[tokio::test]
async fn a_user_with_few_rights_will_do() {
    let server = testbed::Redis::start();
    let rights = "+ping +eval +time +get +set +publish +subscribe ~traffic:* &traffic:changed";
    for (name, rights) in [("enough", rights), ("less", &rights.replace("+eval", ""))] {
        assert_eq!(server.ask(&format!("ACL SETUSER {name} on >pass {rights}")).as_deref(), Ok("+OK"));
    }
    let url = |user: &str| server.url().replace("://", &format!("://{user}:pass@"));
    let (one, other) = (Node::start(&url("enough")).await, Node::start(&url("enough")).await);
    spend(&one.limits, account(1));
    assert!(other.learns_that_it_is_spent(account(1)).await <= 4);
    let less = Node::start(&url("less")).await;
    spend(&less.limits, account(1));
    eventually("the refusal", || less.figures.exchange_failures() > 0).await;
    one.hints.changed(sale());
    less.hints.heard().await;
    assert_eq!(less.figures.connections(), 1);
}

#[tokio::test]
async fn a_server_whose_redis_is_not_there_starts_works_and_is_ready() {
    let app = TestApp::with(&[("REDIS_URL", "redis://:pass@127.0.0.1:1")]).await;
    let (_stop, shutdown) = watch::channel(false);
    tokio::spawn(redis::run(app.shared().clone(), shutdown));
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
    app.get("/health/ready").send().await.expect(StatusCode::OK);
    assert!(!app.shared().redis.hints.are_flowing());
    let metrics = async |app: &TestApp| String::from_utf8(app.get("/metrics").send().await.body.to_vec()).unwrap();
    let alone = metrics(&app).await;
    for sample in ["redis_up 0", "redis_fallback 1", "redis_fallbacks_total 0", "redis_exchanges_total 0"] {
        assert!(alone.contains(&format!("\ntraffic_{sample}\n")), "{sample} in {alone}");
    }
    let without = TestApp::start().await;
    assert!(!metrics(&without).await.contains("redis"));
}
