//! Redis, where it is asked for: a server starts and works without it, so nothing here fails.

use std::time::Duration;

use server::redis::{Commands, RedisUrl};
use tokio::time::timeout;

use super::Check;

const WHAT: &str = "redis";
/// Longer than a node gives it.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn check(url: &RedisUrl) -> Check {
    let asked = timeout(PATIENCE, async { Commands::open(url, 0).await?.ping().await });
    match asked.await {
        Ok(Ok(())) => Check::ok(WHAT, "answers"),
        Ok(Err(error)) => away(&error.to_string()),
        Err(_) => away("no answer in time"),
    }
}

fn away(why: &str) -> Check {
    let advice = "until it answers each node limits by itself and hears of others a little later: docs/redis.md";
    Check::warn(WHAT, why, advice)
}
