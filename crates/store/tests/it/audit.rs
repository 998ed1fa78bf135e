//! The audit log and its seals: what was done stays told as it was told, or the chain says that it was not.

use store::audit::{Act, AuditPage, Entry, Note, Seal};
use store::audit_chain::{Chain, SealAudit, Sealed, VerifyAudit};
use store::catalog::AdoptDemoSale;
use store::{Lane, Outcome, Tx, Value, Verb};
use uuid::Uuid;

use crate::world::{SEC, World};

/// Somebody with the database in hand.
struct Tamper {
    sql: &'static str,
    args: Vec<Value>,
}

impl Verb for Tamper {
    type Done = u64;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<u64> {
        Ok(tx.execute(self.sql, &self.args).await?)
    }
}

impl World {
    async fn tamper(&self, sql: &'static str, args: Vec<Value>) {
        let rows = self.ask(Tamper { sql, args }).await.expect("a statement");
        assert!(rows > 0, "nothing was tampered with: {sql}");
    }

    async fn seal(&self) -> Option<Sealed> {
        self.ask(SealAudit { epoch: self.epoch }).await.expect("a tick")
    }

    async fn chain(&self) -> Chain {
        self.read(VerifyAudit).await
    }

    async fn acts(&self) -> Vec<(Entry, Option<Seal>)> {
        self.read(AuditPage { subject: None, after: Uuid::nil(), limit: 10_000 }).await
    }

    /// Three seals with acts of the operator under each.
    async fn sealed_history(&self) -> Vec<Uuid> {
        let sale = self.sale().await;
        for _ in 0..3 {
            for _ in 0..2 {
                self.ask(AdoptDemoSale { sale, act: self.act() }).await.expect("adopted");
            }
            self.advance(SEC);
            self.seal().await.expect("something to seal");
        }
        let chain = self.chain().await;
        assert_eq!((chain.seals, chain.unsealed, chain.broken, chain.late_count), (3, 0, None, 0));
        self.acts().await.iter().map(|(entry, _)| entry.id).collect()
    }

    async fn broken_at(&self) -> Option<i64> {
        self.chain().await.broken.map(|(seq, _)| seq)
    }
}

pub(crate) async fn acts_are_read_in_order_by_page_and_by_subject(w: &mut World) {
    let sale = w.sale().await;
    for subject in ["a", "b", "a"] {
        let act = Act { subject: subject.to_owned(), ..w.act() };
        w.ask(AdoptDemoSale { sale, act }).await.expect("adopted");
    }
    let all = w.acts().await;
    assert_eq!(all.len(), 5, "the event and the sale were made by somebody too");
    assert!(all.is_sorted_by_key(|(entry, _)| entry.id));
    let page = |subject: Option<&str>, after, limit| AuditPage { subject: subject.map(str::to_owned), after, limit };
    let of_a = w.read(page(Some("a"), Uuid::nil(), 10)).await;
    assert_eq!(of_a.iter().map(|(entry, _)| entry.id).collect::<Vec<_>>(), [all[2].0.id, all[4].0.id]);
    assert_eq!(w.read(page(Some("a"), of_a[0].0.id, 10)).await, of_a[1..]);
    assert_eq!(w.read(page(None, all[0].0.id, 2)).await, all[1..3]);
    assert_eq!((&of_a[0].0.actor[..], &of_a[0].0.act[..]), ("operator", "test"));
}

pub(crate) async fn what_was_noticed_is_told_once_however_often_it_is_written(w: &mut World) {
    let noticed =
        |w: &World, subject: &str| Act { subject: subject.to_owned(), actor: "unknown".to_owned(), ..w.act() };
    let acts = vec![noticed(w, "192.0.2.1"), noticed(w, "192.0.2.2")];
    w.ask(Note { acts: acts.clone() }).await.expect("written");
    w.advance(SEC);
    // After an outcome that stayed unknown the same comes again, with what was noticed since.
    let more = [acts.clone(), vec![noticed(w, "192.0.2.3")]].concat();
    w.ask(Note { acts: more }).await.expect("written");
    let told = w.acts().await;
    let subjects: Vec<_> = told.iter().map(|(entry, _)| &entry.subject[..]).collect();
    assert_eq!(subjects, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert_eq!((told[0].0.at, told[0].0.id), (told[1].0.at, acts[0].id));
    assert!(told[0].0.at < told[2].0.at);
    assert_eq!(w.seal().await.map(|sealed| sealed.entries), Some(3));
}

pub(crate) async fn every_act_is_sealed_once_and_the_chain_holds(w: &mut World) {
    assert_eq!(w.seal().await, None);
    assert_eq!(w.chain().await, Chain::default());
    let sale = w.sale().await;
    assert_eq!(w.chain().await.unsealed, 2);
    let first = w.seal().await.expect("a seal");
    assert_eq!((first.seq, first.entries), (1, 2));
    assert_eq!(w.seal().await, None, "an entry is sealed once");
    w.ask(AdoptDemoSale { sale, act: w.act() }).await.expect("adopted");
    let second = w.seal().await.expect("a seal");
    assert_ne!(first.digest, second.digest);
    let seals: Vec<_> = w.acts().await.into_iter().map(|(_, seal)| seal.expect("sealed")).collect();
    let one = Seal { seq: 1, digest: Some(first.digest) };
    assert_eq!(seals, [one.clone(), one, Seal { seq: 2, digest: Some(second.digest.clone()) }]);
    w.restart().await;
    let chain = Chain { seals: 2, entries: 3, digest: Some(second.digest), ..Chain::default() };
    assert_eq!(w.chain().await, chain);
}

pub(crate) async fn one_seal_holds_no_more_rows_than_a_command_may_write(w: &mut World) {
    let sale = w.sale().await;
    w.seal().await;
    for _ in 0..901 {
        w.ask(AdoptDemoSale { sale, act: w.act() }).await.expect("adopted");
    }
    // An old log that is sealed for the first time: what did not fit under the first seal is not late.
    w.advance(60 * SEC);
    let sealed = [w.seal().await, w.seal().await].map(|sealed| sealed.map_or(0, |sealed| sealed.entries));
    assert_eq!(sealed, [900, 1]);
    let chain = w.chain().await;
    assert_eq!((chain.broken, chain.late_count), (None, 0));
}

pub(crate) async fn only_the_leader_seals(w: &mut World) {
    w.sale().await;
    let old = w.epoch;
    w.lead().await;
    assert_eq!(w.ask(SealAudit { epoch: old }).await, Ok(None));
    assert!(w.seal().await.is_some());
}

pub(crate) async fn a_changed_entry_breaks_the_chain(w: &mut World) {
    let ids = w.sealed_history().await;
    for (column, sql) in [
        ("details", "update audit_log set details = '{\"x\":1}' where id = ?1"),
        ("actor", "update audit_log set actor = 'nobody' where id = ?1"),
        ("subject", "update audit_log set subject = 'nothing' where id = ?1"),
        ("act", "update audit_log set act = 'nap' where id = ?1"),
        ("at", "update audit_log set at = at + 1 where id = ?1"),
    ] {
        let before = w.acts().await[5].0.clone();
        w.tamper(sql, vec![Value::Id(ids[5])]).await;
        assert_eq!(w.broken_at().await, Some(2), "{column}");
        let back = "update audit_log set details = ?2, actor = ?3, subject = ?4, act = ?5, at = ?6 where id = ?1";
        let Entry { id, at, actor, act, subject, details } = before;
        let args = vec![Value::Id(id), details.into(), actor.into(), subject.into(), act.into(), at.into()];
        w.tamper(back, args).await;
        assert_eq!(w.broken_at().await, None);
    }
}

pub(crate) async fn a_removed_entry_breaks_the_chain(w: &mut World) {
    let ids = w.sealed_history().await;
    w.tamper("delete from audit_log where id = ?1", vec![Value::Id(ids[7])]).await;
    assert_eq!(w.broken_at().await, Some(3), "also the very last one");
    w.tamper("delete from audit_log where id = ?1", vec![Value::Id(ids[0])]).await;
    assert_eq!(w.broken_at().await, Some(1));
}

pub(crate) async fn a_moved_entry_breaks_the_chain(w: &mut World) {
    let ids = w.sealed_history().await;
    w.tamper("update audit_log set seal = 3 where id = ?1", vec![Value::Id(ids[4])]).await;
    assert_eq!(w.broken_at().await, Some(2));
    w.tamper("update audit_log set seal = 2 where id = ?1", vec![Value::Id(ids[4])]).await;
    // Two that change places in their order.
    let swap = "update audit_log set id = case when id = ?1 then ?2 else ?1 end where id = ?1";
    w.tamper("delete from audit_log where id = ?1", vec![Value::Id(ids[5])]).await;
    w.tamper(swap, vec![Value::Id(ids[4]), Value::Id(ids[5])]).await;
    assert_eq!(w.broken_at().await, Some(2));
}

pub(crate) async fn an_inserted_entry_breaks_the_chain(w: &mut World) {
    w.sealed_history().await;
    let insert = "insert into audit_log (id, at, actor, act, subject, details, seal)
        select ?1, at, actor, act, subject, details, 2 from audit_log where seal = 2 limit 1";
    w.tamper(insert, vec![Value::Id(Uuid::max())]).await;
    assert_eq!(w.broken_at().await, Some(2));
}

pub(crate) async fn a_removed_or_rewritten_seal_breaks_the_chain(w: &mut World) {
    w.sealed_history().await;
    w.tamper("update audit_seals set sealed_at = sealed_at + 1 where seq = 1", vec![]).await;
    assert_eq!(w.broken_at().await, Some(1));
    w.tamper("update audit_seals set sealed_at = sealed_at - 1 where seq = 1", vec![]).await;
    w.tamper("update audit_seals set entries = entries + 1 where seq = 2", vec![]).await;
    assert_eq!(w.broken_at().await, Some(2));
    w.tamper("update audit_seals set entries = entries - 1 where seq = 2", vec![]).await;
    w.tamper("update audit_seals set previous = ?1 where seq = 3", vec![Value::Blob(vec![0; 32])]).await;
    assert_eq!(w.broken_at().await, Some(3));
    w.tamper("delete from audit_seals where seq = 3", vec![]).await;
    assert_eq!(w.broken_at().await, Some(3), "entries still name it");
    w.tamper("delete from audit_seals where seq = 1", vec![]).await;
    assert_eq!(w.broken_at().await, Some(1));
    assert!(w.acts().await.iter().any(|(_, seal)| seal.as_ref().is_some_and(|seal| seal.digest.is_none())));
}

pub(crate) async fn an_entry_that_comes_behind_a_sealed_one_is_sealed_too(w: &mut World) {
    let sale = w.sale().await;
    let early: Uuid = w.id();
    w.ask(AdoptDemoSale { sale, act: w.act() }).await.expect("adopted");
    w.seal().await.expect("a seal");
    // Its id was made before that of a sealed one; its transaction came after.
    w.ask(AdoptDemoSale { sale, act: Act { id: early, ..w.act() } }).await.expect("adopted");
    assert_eq!(w.seal().await.map(|sealed| (sealed.seq, sealed.entries)), Some((2, 1)));
    let chain = w.chain().await;
    assert_eq!((chain.broken, chain.late_count, chain.unsealed), (None, 0, 0));
}

pub(crate) async fn a_backdated_entry_is_told_as_late(w: &mut World) {
    w.sealed_history().await;
    w.advance(60 * SEC);
    w.sale().await;
    w.seal().await;
    let insert = "insert into audit_log (id, at, actor, act, subject, details)
        select ?1, at, actor, act, subject, details from audit_log where seal = 2 limit 1";
    let id: Uuid = w.id();
    w.tamper(insert, vec![Value::Id(id)]).await;
    assert_eq!(w.chain().await.late, [id], "before the tick");
    w.seal().await.expect("it is sealed like any other");
    let chain = w.chain().await;
    assert_eq!((chain.broken, chain.late, chain.late_count), (None, vec![id], 1));
}
