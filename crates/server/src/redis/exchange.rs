//! Limits shared: ten times a second a node tells Redis what it let through, and learns what all nodes did.
//!
//! A key's debt is the time for which its allowance is used up (the arrival time of GCRA, less now). Debts are durations,
//! so that no two clocks are compared, and the arithmetic is done in Redis, so that no two nodes overwrite each other.

use std::collections::BTreeMap;
use std::time::Duration;

use ::redis::{Cmd, RedisError, cmd, from_redis_value};

use super::connect::Commands;
use crate::limits::{Limits, Used};

/// How much more an account may pass than its one allowance: what a node lets through between two exchanges.
pub const EXCHANGE_EVERY: Duration = Duration::from_millis(100);
/// Keys in one exchange, the busiest first: 5 ms of Redis's time, of which a key takes 4.5 us. The others wait for the
/// next.
const KEYS_MAX: usize = 1024;
/// The keys are spread over so many hash tags, each a script call of its own: a Redis Cluster shares the work, and no
/// call holds a server up for longer than a millisecond.
const TAGS: u128 = 16;
/// The most that is kept of a debt, in bursts: somebody who spent whole bursts on more nodes than this at once gets off
/// lightly, and nothing that Redis says shuts anybody out for longer.
const BURSTS_MAX: u32 = 16;
const SCRIPT: &str = include_str!("exchange.lua");

/// One exchange. `now` is the node's monotonic time; `time`, only in tests, stands for the clock of Redis.
/// The answer is the number of keys that took part.
pub async fn exchange(
    commands: &Commands,
    limits: &Limits,
    now: Duration,
    time: Option<Duration>,
) -> Result<usize, RedisError> {
    let mut by_tag: BTreeMap<u128, Vec<Used>> = BTreeMap::new();
    for used in limits.used(now, KEYS_MAX) {
        by_tag.entry(used.key % TAGS).or_default().push(used);
    }
    if by_tag.is_empty() {
        return Ok(0);
    }
    let calls = by_tag.iter().map(|(tag, used)| call(*tag, used, time)).collect();
    for (used, answer) in by_tag.values().zip(commands.all(calls).await?) {
        let debts_us: Vec<u64> = from_redis_value(answer)?;
        for (used, debt_us) in used.iter().zip(debts_us) {
            limits.learn(used, now, Duration::from_micros(debt_us));
        }
    }
    Ok(by_tag.values().map(Vec::len).sum())
}

/// The script is sent whole: 25 kB an exchange at most, and a Redis that was emptied or replaced needs nothing loaded.
fn call(tag: u128, used: &[Used], time: Option<Duration>) -> Cmd {
    let mut call = cmd("EVAL");
    call.arg(SCRIPT).arg(used.len());
    for used in used {
        call.arg(format!("traffic:{{limits-{tag}}}:{}:{:032x}", used.limit(), used.key));
    }
    call.arg(time.map(|time| time.as_micros().to_string()).unwrap_or_default());
    for used in used {
        let rate = used.rate();
        let most = rate.emission_interval * rate.burst.saturating_mul(BURSTS_MAX);
        call.arg(micros(rate.emission_interval)).arg(used.count).arg(micros(used.debt)).arg(micros(most));
    }
    call
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
