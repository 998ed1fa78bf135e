//! The model test: random cases, each played on the product and on a plain model of it; after every step the answer and
//! all that can be seen of the sale are the same.

pub(crate) mod case;
pub(crate) mod product;
mod random;
mod rules;
pub(crate) mod script;
mod sight;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::case::{Differs, Met, play};
use self::product::{Product, Real};
use self::random::scripts;
use self::script::Script;
use crate::world::World;

/// How many cases, and the number of the first one: the number is the seed.
const CASES: &str = "TRAFFIC_MODEL_CASES";
const SEED: &str = "TRAFFIC_MODEL_SEED";
/// In every run of the tests. A soak asks for thousands.
const USUAL_CASES: u64 = 256;
/// Smaller scripts that are tried for one that failed.
const MOST_SHRINKS: usize = 500;

/// All that can be heard, yes and no, from each command. The usual cases meet every one of them, so that nothing is
/// thought tested that never happens.
const ANSWERS: [(&str, &[&str]); 19] = [
    ("Join", &["new", "known", "room_full", "sale_closed"]),
    ("Leave", &["left", "not_in_queue", "checkout_in_progress"]),
    ("Poll", &["waiting", "called", "returning", "inside", "bought", "expired", "left", "not_in_queue"]),
    ("Tick", &["rate-bound", "cap-bound", "stock-bound", "line-bound", "idle"]),
    ("Hold", HOLD),
    ("Release", &["released", "hold_not_found", "hold_used", "checkout_in_progress"]),
    ("Checkout", &["charge", "admission_used", "hold_not_found", "hold_used", "hold_expired", "checkout_in_progress"]),
    ("Again", &["held", "charge", "paying", "confirmed", "idempotency_key_reused"]),
    ("Pay", &["confirmed", "declined", "refund_due", "order_not_found"]),
    ("Refunded", &["done"]),
    ("ExpireHolds", &["swept"]),
    ("ExpireClaims", &["swept"]),
    ("Pause", &["done"]),
    ("Resume", &["done"]),
    ("Close", &["done"]),
    ("Pass", &["done"]),
    ("PassTo", &["done"]),
    ("SetWall", &["done"]),
    ("Restart", &["done"]),
];
const HOLD: &[&str] = &[
    "held",
    "sale_closed",
    "admission_invalid",
    "admission_expired",
    "admission_used",
    "bad_count",
    "active_hold_exists",
    "cap_exceeded",
    "unavailable",
];

pub(crate) async fn the_store_is_the_model_after_every_step(w: &mut World) {
    let (first, cases) = (number(SEED, 0), number(CASES, USUAL_CASES));
    let mut met = Met::default();
    for seed in first..first + cases {
        if let Err((smallest, why)) = try_case(w, &Real, seed, &mut met).await {
            panic!(
                "case {seed} differs: {why}\nthe smallest script that does: {smallest:#?}\nreplay: {SEED}={seed} \
                 {CASES}=1 cargo nextest run -p store --test it model"
            );
        }
    }
    println!("{cases} cases from {first}, {} steps", met.0.values().sum::<u64>());
    for ((command, outcome), times) in &met.0 {
        println!("{command:>12} {outcome:<24} {times:>7}");
    }
    if cases >= USUAL_CASES {
        let all = ANSWERS.iter().flat_map(|(command, answers)| answers.iter().map(move |answer| (*command, *answer)));
        let missed: Vec<_> = all.filter(|(command, answer)| met.times(command, answer) == 0).collect();
        assert!(missed.is_empty(), "never heard: {missed:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the settings of this test, not of the product")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// One random case. `Err`: the smallest script found that differs, and how.
pub(crate) async fn try_case<P: Product>(
    w: &mut World,
    product: &P,
    seed: u64,
    met: &mut Met,
) -> Result<(), (Script, Differs)> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut tree = scripts().new_tree(&mut runner).expect("a script");
    let Err(why) = play(w, product, &tree.current(), met).await else { return Ok(()) };
    let mut smallest = (tree.current(), why);
    let mut differs = true;
    for _ in 0..MOST_SHRINKS {
        if !(if differs { tree.simplify() } else { tree.complicate() }) {
            break;
        }
        let result = play(w, product, &tree.current(), &mut Met::default()).await;
        differs = result.is_err();
        if let Err(why) = result {
            smallest = (tree.current(), why);
        }
    }
    Err(smallest)
}
