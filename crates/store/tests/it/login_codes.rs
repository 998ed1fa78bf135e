//! One-time codes: used once, in time, within a few tries.

use std::time::Duration;

use domain::AccountId;
use store::login_codes::{ForgetCodes, NewCode, UseCode};
use uuid::Uuid;

use crate::world::{SEC, World};

const RIGHT: [u8; 32] = [1; 32];
const WRONG: [u8; 32] = [2; 32];
const LIFE_SEC: i64 = 600;

/// A code of three tries.
async fn mailed(w: &World) -> (Uuid, AccountId) {
    let (id, account) = (w.id(), w.fan());
    let code = NewCode { id, account, hash: RIGHT, tries: 3, life: Duration::from_secs(LIFE_SEC as u64) };
    w.ask(code).await.expect("kept");
    (id, account)
}

async fn tried(w: &World, id: Uuid, hash: [u8; 32]) -> Option<AccountId> {
    w.ask(UseCode { id, hash }).await.expect("a try is no refusal")
}

pub(crate) async fn a_code_is_good_once(w: &mut World) {
    let (id, account) = mailed(w).await;
    assert_eq!(tried(w, id, RIGHT).await, Some(account));
    assert_eq!(tried(w, id, RIGHT).await, None);
    assert_eq!(tried(w, w.id(), RIGHT).await, None);
}

pub(crate) async fn a_wrong_try_counts_and_a_few_end_the_code(w: &mut World) {
    let (id, account) = mailed(w).await;
    assert_eq!(tried(w, id, WRONG).await, None);
    assert_eq!(tried(w, id, WRONG).await, None);
    assert_eq!(tried(w, id, RIGHT).await, Some(account), "the third try is one too");
    let (id, _) = mailed(w).await;
    for _ in 0..3 {
        assert_eq!(tried(w, id, WRONG).await, None);
    }
    assert_eq!(tried(w, id, RIGHT).await, None);
}

pub(crate) async fn a_code_ends_with_its_time_and_is_forgotten(w: &mut World) {
    let (early, _) = mailed(w).await;
    w.advance((LIFE_SEC - 1) * SEC);
    let (late, account) = mailed(w).await;
    assert_eq!(w.ask(ForgetCodes).await, Ok(0), "a second is left");
    w.advance(SEC);
    assert_eq!(tried(w, early, RIGHT).await, None);
    assert_eq!(w.ask(ForgetCodes).await, Ok(1));
    assert_eq!(tried(w, late, RIGHT).await, Some(account));
}

pub(crate) async fn one_code_many_times_at_once_is_one_login(w: &mut World) {
    let (id, account) = mailed(w).await;
    let answers = w.at_once((0..20).map(|_| UseCode { id, hash: RIGHT })).await;
    let logins: Vec<_> = answers.into_iter().filter_map(|answer| answer.expect("a try")).collect();
    assert_eq!(logins, [account]);
    let (id, _) = mailed(w).await;
    w.at_once((0..20).map(|_| UseCode { id, hash: WRONG })).await;
    assert_eq!(tried(w, id, RIGHT).await, None, "tries at once are tries");
}

pub(crate) async fn each_code_has_tries_of_its_own(w: &mut World) {
    let (guessed, account) = mailed(w).await;
    let (id, hash) = (w.id(), RIGHT);
    w.ask(NewCode { id, account, hash, tries: 3, life: Duration::from_secs(60) }).await.expect("kept");
    for _ in 0..3 {
        assert_eq!(tried(w, guessed, WRONG).await, None);
    }
    assert_eq!(tried(w, id, RIGHT).await, Some(account), "who guesses at one code ends only that one");
}
