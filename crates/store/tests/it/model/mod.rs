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
    ("Pause", &["done", "already", "sale_ended"]),
    ("Resume", &["done", "already", "sale_ended"]),
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
    // A database server answers each step through a connection: a part of the cases in every run, all of them in a soak.
    let usual = if w.store.is_shared() { USUAL_CASES / 4 } else { USUAL_CASES };
    let (first, cases) = (number(SEED, 0), number(CASES, usual));
    let mut met = Met::default();
    for seed in first..first + cases {
        if let Err((smallest, why)) = try_case(w, &Real, seed, &mut met).await {
            panic!(
                "case {seed} differs: {why}\nthe smallest script that does: {smallest:#?}\nreplay: {SEED}={seed} \
                 {CASES}=1 cargo nextest run -p store --test it model"
            );
        }
    }
    println!("{cases} cases from {first}, {} answers", met.0.values().sum::<u64>());
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
async fn try_case<P: Product>(w: &mut World, product: &P, seed: u64, met: &mut Met) -> Result<(), (Script, Differs)> {
    let mut script = script(seed);
    let Err(mut differs) = play(w, product, &script, met).await else { return Ok(()) };
    // A command that another one hung on goes in the next round.
    let mut before = usize::MAX;
    while script.commands.len() < before {
        before = script.commands.len();
        for at in (0..before).rev() {
            let mut smaller = script.clone();
            smaller.commands.truncate(differs.step);
            if at < smaller.commands.len() {
                smaller.commands.remove(at);
            }
            if let Err(why) = play(w, product, &smaller, &mut Met::default()).await {
                (script, differs) = (smaller, why);
            }
        }
    }
    Err((script, differs))
}

fn script(seed: u64) -> Script {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    scripts().new_tree(&mut runner).expect("a script").current()
}

/// The first of the usual cases that differs, and the smallest script found below it.
pub(crate) async fn first_to_differ<P: Product>(w: &mut World, product: &P) -> Option<(u64, Script)> {
    for seed in 0..USUAL_CASES {
        if let Err((smallest, _)) = try_case(w, product, seed, &mut Met::default()).await {
            return Some((seed, smallest));
        }
    }
    None
}
