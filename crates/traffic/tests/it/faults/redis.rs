//! Redis forgets, dies and freezes: limits are counted apart and hints do not come, and nothing else changes.

use std::time::Duration;

use testbed::Redis;

use super::{Fault, SOME};
use crate::process::number_from_env;

/// How long it is frozen; the soak takes longer.
const FROZEN_MS: u64 = 3_000;

#[test]
fn redis_is_flushed_killed_and_frozen() {
    let frozen = Duration::from_millis(number_from_env("TRAFFIC_FAULT_FROZEN_MS").unwrap_or(FROZEN_MS));
    let redis = Redis::start();
    let settings = vec!["--redis-url".to_owned(), redis.url()];
    // Nobody waits for it, so nobody is left in doubt either.
    let fault = Fault { settings, leaves_unknown: Some(false), ..Fault::new("Redis flushed, killed, frozen") };
    fault.run(|_, crowd| {
        redis.flush();
        crowd.goes_on(SOME);
        redis.stop_now();
        crowd.goes_on(SOME);
        redis.start_again();
        crowd.goes_on(SOME);
        redis.freeze();
        crowd.goes_on(SOME);
        crowd.with_few(frozen);
        crowd.goes_on(SOME);
        redis.thaw();
    });
}
