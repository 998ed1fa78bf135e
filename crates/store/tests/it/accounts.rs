//! Accounts: one for each address; secrets that are made once.

use domain::{AccountId, Refusal};
use store::accounts::{ByEmail, ById, Register, RegisterMany};
use store::keys::KeepSecret;

use crate::world::World;

fn registering(w: &World, email: &str) -> Register {
    Register { id: w.id(), email: email.to_owned(), password_hash: Some("$argon2id$".to_owned()), phone: None }
}

fn many(w: &World, from: usize, to: usize) -> RegisterMany {
    let accounts = (from..to).map(|n| (w.fan(), format!("fan{n}@example.com"))).collect();
    RegisterMany { accounts, act: w.act() }
}

pub(crate) async fn an_account_is_found_by_address_and_by_id(w: &mut World) {
    let verb = registering(w, "ann@example.com");
    let id = verb.id;
    w.ask(verb).await.expect("registered");
    for found in [w.read(ByEmail("ann@example.com".to_owned())).await, w.read(ById(id)).await] {
        let found = found.expect("an account");
        assert_eq!((found.id, found.email.as_str()), (id, "ann@example.com"));
        assert_eq!(found.password_hash.as_deref(), Some("$argon2id$"));
    }
    assert!(w.read(ByEmail("bob@example.com".to_owned())).await.is_none());
    assert!(w.read(ById(w.fan())).await.is_none());
}

pub(crate) async fn an_address_belongs_to_who_came_first(w: &mut World) {
    let first = registering(w, "ann@example.com");
    let id = first.id;
    w.ask(first).await.expect("registered");
    assert_eq!(w.ask(registering(w, "ann@example.com")).await, Err(Refusal::EmailTaken));
    assert_eq!(w.read(ByEmail("ann@example.com".to_owned())).await.map(|found| found.id), Some(id));
}

pub(crate) async fn one_address_many_times_at_once_makes_one_account(w: &mut World) {
    let answers = w.at_once((0..20).map(|_| registering(w, "ann@example.com"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}

pub(crate) async fn a_thousand_accounts_are_made_at_once(w: &mut World) {
    let verb = many(w, 0, store::MOST_ROWS_PER_COMMAND);
    let asked: Vec<AccountId> = verb.accounts.iter().map(|(id, _)| *id).collect();
    assert_eq!(w.ask(verb).await, Ok(asked), "the ids in the order asked");
}

pub(crate) async fn an_address_that_exists_keeps_its_id(w: &mut World) {
    let ids = w.ask(many(w, 0, 10)).await.expect("made");
    let again = w.ask(many(w, 5, 15)).await.expect("made");
    assert_eq!(again[..5], ids[5..]);
    assert!(again[5..].iter().all(|id| !ids.contains(id)));
    let found = w.read(ByEmail("fan7@example.com".to_owned())).await.expect("an account");
    assert_eq!((found.id, found.password_hash), (ids[7], None));
}

pub(crate) async fn an_address_twice_in_one_batch_is_one_account(w: &mut World) {
    let mut verb = many(w, 0, 2);
    verb.accounts[1].1 = verb.accounts[0].1.clone();
    let ids = w.ask(verb).await.expect("made");
    assert_eq!((ids.len(), ids[0]), (2, ids[1]));
}

pub(crate) async fn a_secret_is_made_once_and_kept(w: &mut World) {
    let keep = |byte| KeepSecret { name: "session", fresh: vec![byte; 32] };
    assert_eq!(w.ask(keep(1)).await, Ok(vec![1; 32]));
    w.restart().await;
    assert_eq!(w.ask(keep(2)).await, Ok(vec![1; 32]));
    assert_eq!(w.ask(KeepSecret { name: "ticket", fresh: vec![3; 16] }).await, Ok(vec![3; 16]), "sixteen bytes too");
}
