//! What an operator changes of a sale: at once for those who come, nothing for what was promised before.

use domain::sale::{FieldError, Sale};
use domain::sale_change::{NewTerms, SaleChange};
use domain::{Refusal, SaleId};
use serde_json::{Value as Json, json};
use store::audit::{Act, AuditPage};
use store::catalog::Sales;
use store::queue::Joined;
use store::sale_changes::{ChangeSale, Changed};
use uuid::Uuid;

use crate::world::{SEC, World};

impl World {
    pub(crate) fn changing(&self, sale: SaleId, change: SaleChange) -> ChangeSale {
        let act = Act { act: "change_sale", subject: sale.to_string(), ..self.act() };
        ChangeSale { sale, change, reason: Some("because".to_owned()), act }
    }

    pub(crate) async fn change(&self, sale: SaleId, change: SaleChange) -> Result<Changed, Refusal> {
        self.ask(self.changing(sale, change)).await
    }

    async fn set(&self, sale: SaleId, new: NewTerms) {
        assert_eq!(self.change(sale, SaleChange::Terms(new)).await, Ok(Changed::Done { changed: true }));
    }

    async fn acts_on(&self, sale: SaleId) -> Vec<Json> {
        let page = AuditPage { subject: Some(sale.to_string()), after: Uuid::nil(), limit: 1_000 };
        let entries = self.read(page).await;
        entries.iter().map(|(entry, _)| serde_json::from_str(&entry.details).expect("JSON")).collect()
    }

    async fn terms_of(&self, sale: SaleId) -> Sale {
        self.read(Sales { only: Some(sale) }).await.remove(0).sale
    }
}

fn rate(per_minute: i64) -> NewTerms {
    NewTerms { admit_per_minute: Some(per_minute), ..NewTerms::default() }
}

pub(crate) async fn a_change_is_written_remembered_and_audited(w: &mut World) {
    let sale = w.sale().await;
    let before = w.terms_of(sale).await;
    w.advance(SEC);
    let ends_at = w.now().plus_sec(60);
    w.set(sale, NewTerms { ends_at: Some(ends_at), max_active: Some(7), ..rate(600) }).await;
    let after = w.terms_of(sale).await;
    let expected = domain::sale::Terms { ends_at, max_active: 7, admit_per_minute: 600, ..before.terms.clone() };
    assert_eq!(after, Sale { terms: expected, ..before.clone() });

    let told = w.exported(sale, "terms").await;
    let facts =
        |line: &Json| [&line["seq"], &line["until"], &line["admit_per_minute"], &line["ends_at"]].map(Clone::clone);
    let old = [json!(1), json!(w.now()), json!(60_000), json!(before.terms.ends_at)];
    assert_eq!(told.iter().map(facts).collect::<Vec<_>>(), [old]);
    let changed = json!({
        "admit_per_minute": { "from": 60_000, "to": 600 },
        "ends_at": { "from": before.terms.ends_at, "to": ends_at },
        "max_active": { "from": 0, "to": 7 },
    });
    assert_eq!(w.acts_on(sale).await, [json!({ "reason": "because", "changed": changed })]);
}

pub(crate) async fn a_change_that_is_made_already_is_only_audited(w: &mut World) {
    let sale = w.sale().await;
    for changed in [true, false] {
        assert_eq!(w.change(sale, SaleChange::Pause).await, Ok(Changed::Done { changed }));
    }
    assert_eq!(w.exported(sale, "terms").await.len(), 1);
    let acts = w.acts_on(sale).await;
    assert_eq!(acts[0]["changed"], json!({ "paused": { "from": false, "to": true } }));
    assert_eq!((acts.len(), &acts[1]["changed"]), (2, &json!({})));
}

pub(crate) async fn a_refused_change_leaves_nothing(w: &mut World) {
    let sale = w.sale().await;
    let before = w.terms_of(sale).await;
    let window = NewTerms { claim_window_sec: Some(5), ..rate(1) };
    let late = Err(Refusal::TooLate { field: "claim_window_sec" });
    assert_eq!(w.change(sale, SaleChange::Terms(window)).await, late);
    let wrong = w.change(sale, SaleChange::Terms(NewTerms { hold_ttl_sec: Some(0), ..rate(1) })).await;
    assert!(matches!(&wrong, Ok(Changed::Wrong(FieldError { field, .. })) if field == "hold_ttl_sec"), "{wrong:?}");
    assert_eq!(w.terms_of(sale).await, before);
    assert_eq!((w.acts_on(sale).await.len(), w.exported(sale, "terms").await.len()), (0, 0));
}

pub(crate) async fn a_pause_calls_nobody_and_saves_nothing_up(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 600).await;
    w.line(sale, 100).await;
    w.tick(sale).await;
    w.change(sale, SaleChange::Pause).await.expect("paused");
    for _ in 0..300 {
        w.advance(200);
        assert_eq!(w.calls(sale).await, 0);
    }
    w.change(sale, SaleChange::Resume).await.expect("resumed");
    w.advance(200);
    assert_eq!(w.calls(sale).await, 2, "ten a second");
    w.advance(1_000);
    assert_eq!(w.calls(sale).await, 10);
}

pub(crate) async fn a_new_rate_counts_from_the_next_tick_and_takes_nothing_back(w: &mut World) {
    let sale = w.sale_with(|t| t.admit_per_minute = 600).await;
    w.line(sale, 100).await;
    w.tick(sale).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 10);
    w.set(sale, rate(60)).await;
    w.advance(SEC);
    assert_eq!((w.calls(sale).await, w.stats(sale).await.through), (1, 11));
    w.set(sale, rate(1_200)).await;
    w.advance(SEC);
    assert_eq!((w.calls(sale).await, w.stats(sale).await.through), (20, 31));
    w.set(sale, rate(0)).await;
    w.advance(SEC);
    assert_eq!((w.calls(sale).await, w.stats(sale).await.through), (0, 31));
}

pub(crate) async fn a_smaller_room_and_a_lower_cap_of_people_call_nobody_out(w: &mut World) {
    let sale = w.sale().await;
    let inside = w.visits(sale, 5).await;
    let waiting = w.line(sale, 5).await;
    w.set(sale, NewTerms { max_active: Some(2), waiting_room_cap: Some(1), ..NewTerms::default() }).await;
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0, "five are inside, two may be");
    assert_eq!(w.stats(sale).await.inside, 5);
    for (at, fan) in (6..).zip(waiting) {
        assert!(matches!(w.join(sale, fan).await, Joined::Known { position, .. } if position == at));
    }
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::RoomFull));
    for visit in &inside[..4] {
        w.leave(sale, visit.fan).await.expect("left");
    }
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 1);
}

pub(crate) async fn shorter_windows_leave_old_deadlines_alone(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("a hold");
    w.set(sale, NewTerms { shopping_window_sec: Some(1), hold_ttl_sec: Some(1), ..NewTerms::default() }).await;
    w.advance(500 * SEC);
    assert_eq!(w.enter(sale, visit.fan).await.claim, visit.claim);
    w.begin(&visit, hold).await.expect("a hold of twelve minutes");
    let next = w.visit(sale).await;
    assert_eq!(next.claim.deadline, w.now().plus_sec(1));
}

pub(crate) async fn a_hold_is_paid_under_the_cap_that_it_was_placed_under(w: &mut World) {
    let sale = w.sale().await;
    let [early, late] = [w.visit(sale).await, w.visit(sale).await];
    let hold = w.hold(&early, &[1, 2, 3]).await.expect("three of four");
    w.advance(1);
    w.set(sale, NewTerms { max_tickets_per_user: Some(1), ..NewTerms::default() }).await;
    w.advance(1);
    assert_eq!(w.hold(&late, &[4, 5]).await, Err(Refusal::CapExceeded { cap: 1, already: 0 }));
    let order = w.begin(&early, hold).await.expect("nobody is thrown out of payment");
    w.finish(order, true).await;
    assert_eq!(w.stats(sale).await.tickets_sold, 3);
    w.buy(&late, &[4]).await;
}

pub(crate) async fn a_closed_sale_stays_closed(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    w.line(sale, 3).await;
    w.change(sale, SaleChange::Close).await.expect("closed");
    w.advance(SEC);
    assert_eq!(w.calls(sale).await, 0);
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::SaleClosed { opens_at: None }));
    assert_eq!(w.hold(&visit, &[1]).await, Err(Refusal::SaleClosed { opens_at: None }));
    for change in [SaleChange::Pause, SaleChange::Resume, SaleChange::Terms(rate(1))] {
        assert_eq!(w.change(sale, change).await, Err(Refusal::SaleEnded));
    }
    w.set_wall(w.now().plus_sec(-5));
    assert_eq!(w.join(sale, w.fan()).await, Joined::Refused(Refusal::SaleClosed { opens_at: None }));
    w.restart().await;
    assert_eq!(w.change(sale, SaleChange::Close).await, Ok(Changed::Done { changed: false }));
}

pub(crate) async fn an_unknown_sale_has_no_terms_to_change(w: &mut World) {
    assert_eq!(w.change(w.id(), SaleChange::Pause).await, Err(Refusal::SaleNotFound));
}
