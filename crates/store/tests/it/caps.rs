//! Caps over accounts that belong together and over the sales of a tour, what exceptions allow, and the counts of refusals.

use std::net::IpAddr;

use domain::caps::{MOST_SHARED, Rule, Shared};
use domain::sale::Terms;
use domain::sale_change::{NewTerms, SaleChange};
use domain::{AccountId, HoldId, OrderId, Refusal, SaleId};
use store::accounts::Register;
use store::audit::AuditPage;
use store::caps::SALT;
use store::catalog::{BuildSeats, CreateEvent, CreateSale, Event};
use store::checkout::{BeginCheckout, Begun};
use store::counts::{Accounts, AddCounts, Book, Counted, CountsOf, ForgetCounts, OfAccount, OfSale};
use store::exceptions::{Exceptions, GrantException, RevokeException};
use store::holds::{ExpireHolds, PlaceHold};
use store::keys::KeepSecret;
use store::report::SaleReport;
use store::sale_changes::ChangeSale;
use store::settlement::Finished;
use uuid::Uuid;

use crate::world::{SEC, START, Visit, World};

const PHONE: &str = "+91225550100";

impl World {
    /// A sale with caps, in an installation that has its key.
    pub(crate) async fn capped(&self, change: impl FnOnce(&mut Terms)) -> SaleId {
        self.ask(KeepSecret { name: SALT, fresh: vec![5; 32] }).await.expect("kept");
        self.sale_with(change).await
    }

    /// Fans inside, all with this phone.
    pub(crate) async fn with_phone(&self, sale: SaleId, count: usize, phone: &str) -> Vec<Visit> {
        let visits = self.visits(sale, count).await;
        for visit in &visits {
            self.has_phone(visit.fan, phone).await;
        }
        visits
    }

    async fn has_phone(&self, id: AccountId, phone: &str) {
        let email = format!("{id}@example.org");
        let register = Register { id, email, password_hash: None, phone: Some(phone.to_owned()) };
        self.ask(register).await.expect("registered");
    }

    fn paying(&self, visit: &Visit, hold: HoldId, card: &str) -> BeginCheckout {
        BeginCheckout { payment_token: format!("sim_ok:{card}"), ..self.beginning(visit, hold) }
    }

    async fn buy_with(&self, visit: &Visit, seats: &[u32], card: &str) -> Result<(), Refusal> {
        let hold = self.hold(visit, seats).await?;
        let order = self.charged(visit, hold, card).await?;
        assert!(matches!(self.finish(order, true).await, Finished::Confirmed(_)));
        Ok(())
    }

    async fn charged(&self, visit: &Visit, hold: HoldId, card: &str) -> Result<OrderId, Refusal> {
        match self.ask(self.paying(visit, hold, card)).await? {
            Begun::Charge(charge) => Ok(charge.order),
            other => panic!("a fresh key is charged: {other:?}"),
        }
    }

    async fn allow(&self, visit: &Visit, rule: Rule, extra_tickets: i64, lifted: bool) -> Uuid {
        let id = self.id();
        let (sale, account, act) = (visit.sale, visit.fan, self.act());
        let reason = "a school class".to_owned();
        let grant = GrantException { id, sale, account, rule, extra_tickets, lifted, reason, key: None, act };
        self.ask(grant).await.expect("granted");
        id
    }

    /// Something in every table of the caps.
    pub(crate) async fn farmed(&self) {
        let sale = self.capped(four_per_cluster).await;
        let visit = self.with_phone(sale, 1, PHONE).await.remove(0);
        self.hold(&visit, &[1, 2]).await.expect("held");
        let id = self.allow(&visit, Rule::Cluster, 2, false).await;
        self.ask(RevokeException { id, sale, act: self.act() }).await.expect("taken back");
        self.allow(&visit, Rule::Group, 0, true).await;
        let refused =
            Counted { account: visit.fan, sale, code: "cluster_cap_exceeded".to_owned(), minute: 7, times: 2 };
        self.ask(AddCounts { book: Book::Refusals, counts: vec![refused.clone()] }).await.expect("counted");
        let odd = Counted { code: "fast_polls".to_owned(), ..refused };
        self.ask(AddCounts { book: Book::Signals, counts: vec![odd] }).await.expect("counted");
    }

    /// Two sales of one tour.
    pub(crate) async fn tour(&self, change: impl Fn(&mut Terms)) -> [SaleId; 2] {
        self.ask(KeepSecret { name: SALT, fresh: vec![5; 32] }).await.expect("kept");
        let mut sales = Vec::new();
        for _ in 0..2 {
            let event = Event {
                id: self.id(),
                name: "Night".to_owned(),
                venue: "Hall".to_owned(),
                starts_at: START,
                group: Some("Tour".to_owned()),
            };
            let (id, of) = (self.id(), event.id);
            self.ask(CreateEvent { event, key: None, act: self.act() }).await.expect("an event");
            let mut terms = self.terms();
            change(&mut terms);
            let seating = domain::seat_map::Seating::general(terms.total_seats, terms.price).expect("a hall");
            let create = CreateSale { id, event: of, terms, seating, key: None, act: self.act() };
            self.ask(create).await.expect("a sale");
            while !self.ask(BuildSeats { sale: id }).await.expect("seats") {}
            self.tick(id).await;
            sales.push(id);
        }
        [sales[0], sales[1]]
    }
}

fn four_per_cluster(terms: &mut Terms) {
    terms.caps.per_cluster = 4;
}

fn over(by: Shared, cap: i64, already: i64) -> Refusal {
    Refusal::ClusterCapExceeded { by, cap, already }
}

pub(crate) async fn accounts_with_one_phone_share_a_cap(w: &mut World) {
    let sale = w.capped(four_per_cluster).await;
    let visits = w.visits(sale, 3).await;
    w.has_phone(visits[0].fan, PHONE).await;
    w.has_phone(visits[1].fan, "00 91 22 555-0100").await;
    w.has_phone(visits[2].fan, "+91225550101").await;
    w.hold(&visits[0], &[1, 2, 3]).await.expect("held");
    assert_eq!(w.hold(&visits[1], &[4, 5]).await, Err(over(Shared::Phone, 4, 3)));
    w.hold(&visits[1], &[4]).await.expect("the fourth");
    w.hold(&visits[2], &[5, 6, 7, 8]).await.expect("another number");
    let seats = w.shop(sale).await.seats.len();
    assert_eq!(seats, 8, "a refusal takes nothing");
    w.advance(720 * SEC);
    w.ask(ExpireHolds).await.expect("a sweep");
    let again = w.visit(sale).await;
    w.has_phone(again.fan, PHONE).await;
    w.hold(&again, &[1, 2, 3, 4]).await.expect("what ended is not counted");
}

pub(crate) async fn a_sale_without_a_cap_counts_no_cluster(w: &mut World) {
    let sale = w.sale().await;
    let visits = w.with_phone(sale, 3, PHONE).await;
    for (at, visit) in (0..).zip(&visits) {
        w.buy_with(visit, &[at * 4, at * 4 + 1, at * 4 + 2, at * 4 + 3], "one card").await.expect("bought");
    }
}

pub(crate) async fn twelve_at_once_of_one_cluster_have_exactly_the_cap(w: &mut World) {
    let sale = w.capped(|t| t.caps.per_cluster = 5).await;
    let farm = w.with_phone(sale, 16, PHONE).await;
    let single = w.visits(sale, 8).await;
    let tries = farm[..12].iter().chain(&single).zip(0..).map(|(visit, seat)| w.placing(visit, &[seat]));
    let answers = w.at_once(tries).await;
    let (of_farm, of_single) = answers.split_at(12);
    assert_eq!(of_farm.iter().filter(|answer| answer.is_ok()).count(), 5, "{of_farm:?}");
    let refused = of_farm.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refused.clone().all(|no| *no == over(Shared::Phone, 5, 5)), "{of_farm:?}");
    assert!(of_single.iter().all(Result::is_ok), "who is alone is not concerned: {of_single:?}");
    assert_eq!(w.hold(&farm[15], &[50]).await, Err(over(Shared::Phone, 5, 5)));
    assert_eq!(w.stats(sale).await.held_seats, 13);
}

pub(crate) async fn a_card_is_known_when_it_pays(w: &mut World) {
    let sale = w.capped(four_per_cluster).await;
    let visits = w.visits(sale, 3).await;
    w.buy_with(&visits[0], &[1, 2, 3], "one").await.expect("bought");
    let hold = w.hold(&visits[1], &[4, 5]).await.expect("no card is known yet");
    let refused = w.ask(w.paying(&visits[1], hold, "one")).await;
    assert_eq!(refused.err(), Some(over(Shared::Payment, 4, 3)));
    // Refused, it does not belong to them: the other one may buy as before.
    let first = w.visit_of(sale, visits[0].fan).await;
    w.buy_with(&first, &[6], "one").await.expect("his own fourth");
    let begun = w.ask(w.paying(&visits[1], hold, "two")).await;
    assert!(begun.is_ok(), "with a card of his own: {begun:?}");
    // What a card told of is known at the next hold.
    let next = w.hold(&visits[2], &[7]).await.expect("held");
    let refused = w.ask(w.paying(&visits[2], next, "one")).await;
    assert_eq!(refused.err(), Some(over(Shared::Payment, 4, 4)));
}

pub(crate) async fn who_paid_with_a_shared_card_is_counted_at_the_next_hold(w: &mut World) {
    let sale = w.capped(four_per_cluster).await;
    let visits = w.visits(sale, 2).await;
    w.buy_with(&visits[0], &[1, 2], "one").await.expect("bought");
    w.buy_with(&visits[1], &[3], "one").await.expect("bought");
    let again = w.visit_of(sale, visits[1].fan).await;
    assert_eq!(w.hold(&again, &[4, 5]).await, Err(over(Shared::Payment, 4, 3)));
    w.hold(&again, &[4]).await.expect("the fourth");
}

pub(crate) async fn one_account_brings_so_many_cards_and_not_one_more(w: &mut World) {
    let sale = w.capped(four_per_cluster).await;
    let visit = w.visit(sale).await;
    let hold = w.hold(&visit, &[1]).await.expect("held");
    for card in 1..MOST_SHARED {
        let order = w.charged(&visit, hold, &format!("card-{card}")).await.expect("a card of his own");
        assert_eq!(w.finish(order, false).await, Finished::Declined);
    }
    let last = w.charged(&visit, hold, "the-last").await.expect("the last one");
    // A payment that was taken is settled, whatever came to be known of its account.
    w.has_phone(visit.fan, PHONE).await;
    assert!(matches!(w.finish(last, true).await, Finished::Confirmed(_)));
    let again = w.visit_of(sale, visit.fan).await;
    assert_eq!(w.hold(&again, &[2]).await, Err(Refusal::TooManyShared { most: MOST_SHARED }));
    let other = w.visit(sale).await;
    w.hold(&other, &[2]).await.expect("his own cards");
}

pub(crate) async fn one_card_twelve_times_at_once_pays_exactly_the_cap(w: &mut World) {
    let sale = w.capped(four_per_cluster).await;
    let visits = w.visits(sale, 12).await;
    let mut begins = Vec::new();
    for (visit, seat) in visits.iter().zip(0..) {
        let hold = w.hold(visit, &[seat]).await.expect("held");
        begins.push(w.paying(visit, hold, "one"));
    }
    let answers = w.at_once(begins).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4, "{answers:?}");
    assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(|no| *no == over(Shared::Payment, 4, 4)));
}

pub(crate) async fn an_address_counts_only_where_it_is_asked_for(w: &mut World) {
    let from = |visit: &Visit, seats: &[u32], address: &str| {
        let address: IpAddr = address.parse().expect("an address");
        PlaceHold { address: Some(address), ..w.placing(visit, seats) }
    };
    let off = w.capped(four_per_cluster).await;
    let visits = w.visits(off, 2).await;
    w.ask(from(&visits[0], &[1, 2, 3], "192.0.2.1")).await.expect("held");
    w.ask(from(&visits[1], &[4, 5, 6], "192.0.2.2")).await.expect("held");
    let on = w
        .capped(|t| {
            four_per_cluster(t);
            t.caps.cluster_by.address = true;
        })
        .await;
    let visits = w.visits(on, 3).await;
    w.ask(from(&visits[0], &[1, 2, 3], "192.0.2.1")).await.expect("held");
    let refused = w.ask(from(&visits[1], &[4, 5], "192.0.2.200")).await;
    assert_eq!(refused, Err(over(Shared::Address, 4, 3)));
    w.ask(from(&visits[2], &[4, 5], "192.0.3.1")).await.expect("another block");
}

pub(crate) async fn a_late_payment_that_would_break_the_clusters_cap_is_given_back(w: &mut World) {
    let sale = w.capped(four_per_cluster).await;
    let visits = w.with_phone(sale, 2, PHONE).await;
    let hold = w.hold(&visits[0], &[1, 2, 3]).await.expect("held");
    let order = w.begin(&visits[0], hold).await.expect("begun");
    w.advance(721 * SEC);
    w.ask(ExpireHolds).await.expect("a sweep");
    let second = w.visit(sale).await;
    w.has_phone(second.fan, PHONE).await;
    w.buy(&second, &[10, 11]).await;
    assert_eq!(w.finish(order, true).await, Finished::RefundDue, "his seats are free, the cap is not");
    assert_eq!(w.stats(sale).await.tickets_sold, 2);
}

pub(crate) async fn a_hold_is_paid_under_the_clusters_cap_that_it_was_placed_under(w: &mut World) {
    let sale = w.capped(|_| ()).await;
    let visits = w.with_phone(sale, 2, PHONE).await;
    let hold = w.hold(&visits[0], &[1, 2, 3, 4]).await.expect("held");
    w.advance(1);
    let terms = NewTerms { max_tickets_per_cluster: Some(1), ..NewTerms::default() };
    let change = ChangeSale { sale, change: SaleChange::Terms(terms), reason: None, act: w.act() };
    w.ask(change).await.expect("changed");
    w.advance(1);
    let order = w.begin(&visits[0], hold).await.expect("nobody is thrown out of payment");
    assert!(matches!(w.finish(order, true).await, Finished::Confirmed(_)));
    assert_eq!(w.hold(&visits[1], &[5]).await, Err(over(Shared::Phone, 1, 4)));
}

pub(crate) async fn an_exception_lifts_its_rule_for_its_account_and_is_audited(w: &mut World) {
    let sale = w.capped(four_per_cluster).await;
    let visits = w.with_phone(sale, 3, PHONE).await;
    w.hold(&visits[0], &[1, 2, 3, 4]).await.expect("held");
    assert_eq!(w.hold(&visits[1], &[5]).await, Err(over(Shared::Phone, 4, 4)));
    w.allow(&visits[1], Rule::Account, 4, false).await;
    assert_eq!(w.hold(&visits[1], &[5]).await, Err(over(Shared::Phone, 4, 4)), "another rule");
    w.allow(&visits[1], Rule::Cluster, 1, false).await;
    assert_eq!(w.hold(&visits[1], &[5, 6]).await, Err(over(Shared::Phone, 5, 4)), "one more, not two");
    let hold = w.hold(&visits[1], &[5]).await.expect("one more");
    assert_eq!(w.hold(&visits[2], &[6]).await, Err(over(Shared::Phone, 4, 5)), "his alone");
    let id = w.allow(&visits[2], Rule::Cluster, 0, true).await;
    w.hold(&visits[2], &[6, 7, 8]).await.expect("lifted");
    let order = w.begin(&visits[1], hold).await.expect("what others were allowed meanwhile throws him out of nothing");
    assert!(matches!(w.finish(order, true).await, Finished::Confirmed(_)));
    let told = w.read(Exceptions { sale, account: Some(visits[2].fan) }).await;
    assert_eq!((told.len(), told[0].id, told[0].lifted, told[0].reason.as_str()), (1, id, true, "a school class"));
    assert_eq!(w.read(Exceptions { sale, account: None }).await.len(), 3);
    let page = AuditPage { subject: Some("the world".to_owned()), after: Uuid::nil(), limit: 100 };
    let acts = w.read(page).await;
    let of_it = acts.iter().filter(|(entry, _)| entry.details.contains(&id.to_string())).count();
    assert_eq!(of_it, 1);
}

pub(crate) async fn more_tickets_for_one_account_are_an_exception_too(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let refused = Err(Refusal::CapExceeded { cap: 4, already: 0 });
    assert_eq!(w.hold(&visit, &[1, 2, 3, 4, 5]).await, refused);
    w.allow(&visit, Rule::Account, 1, false).await;
    w.buy(&visit, &[1, 2, 3, 4, 5]).await;
}

pub(crate) async fn an_exception_that_is_taken_back_allows_nothing_new(w: &mut World) {
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let id = w.allow(&visit, Rule::Account, 2, false).await;
    let hold = w.hold(&visit, &[1, 2, 3, 4, 5, 6]).await.expect("allowed");
    w.advance(1);
    let revoke = |id, sale| RevokeException { id, sale, act: w.act() };
    w.ask(revoke(id, sale)).await.expect("taken back");
    w.ask(revoke(id, sale)).await.expect("a second time changes nothing");
    assert_eq!(w.ask(revoke(id, w.id())).await, Err(Refusal::ExceptionNotFound));
    let order = w.begin(&visit, hold).await.expect("what is held may be paid");
    assert!(matches!(w.finish(order, true).await, Finished::Confirmed(_)));
    let again = w.visit_of(sale, visit.fan).await;
    assert_eq!(w.hold(&again, &[7]).await, Err(Refusal::CapExceeded { cap: 4, already: 6 }));
}

pub(crate) async fn the_sales_of_a_tour_share_a_cap(w: &mut World) {
    let [one, two] = w.tour(|t| t.caps.per_group = 5).await;
    let other = w.capped(|t| t.caps.per_group = 5).await;
    let first = w.visit(one).await;
    w.buy(&first, &[1, 2, 3]).await;
    let second = w.visit_of(two, first.fan).await;
    let refused = Refusal::GroupCapExceeded { by: None, cap: 5, already: 3 };
    assert_eq!(w.hold(&second, &[1, 2, 3]).await, Err(refused));
    w.buy(&second, &[1, 2]).await;
    let again = w.visit_of(one, first.fan).await;
    assert_eq!(w.hold(&again, &[4]).await, Err(Refusal::GroupCapExceeded { by: None, cap: 5, already: 5 }));
    w.allow(&again, Rule::Group, 1, false).await;
    w.hold(&again, &[4]).await.expect("an exception in this sale");
    let elsewhere = w.visit_of(other, first.fan).await;
    w.hold(&elsewhere, &[1, 2, 3, 4]).await.expect("a show of no tour");
}

pub(crate) async fn two_sales_of_a_tour_at_once_sell_a_cluster_exactly_its_cap(w: &mut World) {
    let [one, two] = w.tour(|t| t.caps.per_group_cluster = 7).await;
    let farm = [w.with_phone(one, 8, PHONE).await, w.with_phone(two, 8, PHONE).await].concat();
    let tries = farm.iter().zip(0..).map(|(visit, seat)| w.placing(visit, &[seat]));
    let answers = w.at_once(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7, "{answers:?}");
    let no = Refusal::GroupCapExceeded { by: Some(Shared::Phone), cap: 7, already: 7 };
    assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(|refusal| *refusal == no), "{answers:?}");
}

pub(crate) async fn refusals_and_signals_are_counted_by_account_code_and_minute(w: &mut World) {
    let sale = w.sale().await;
    for book in [Book::Refusals, Book::Signals] {
        let fans = w.fans(2);
        let counted =
            |account, code: &str, minute, times| Counted { account, sale, code: code.to_owned(), minute, times };
        let counts = vec![counted(fans[0], "cap_exceeded", 7, 2), counted(fans[1], "cap_exceeded", 7, 1)];
        w.ask(AddCounts { book, counts }).await.expect("counted");
        let counts = vec![counted(fans[0], "cap_exceeded", 7, 3), counted(fans[0], "cap_exceeded", 8, 1)];
        w.ask(AddCounts { book, counts }).await.expect("counted");
        let told = w.read(CountsOf { book, account: fans[0], sale: Some(sale) }).await;
        assert_eq!(told, [counted(fans[0], "cap_exceeded", 8, 1), counted(fans[0], "cap_exceeded", 7, 5)]);
        assert_eq!(w.read(CountsOf { book, account: fans[0], sale: None }).await, told);
        assert_eq!(w.read(CountsOf { book, account: fans[0], sale: Some(w.id()) }).await, []);
        let code = || "cap_exceeded".to_owned();
        let of =
            |account, times, minutes, last_minute| OfAccount { account, code: code(), times, minutes, last_minute };
        assert_eq!(w.read(Accounts { book, sale }).await, [of(fans[0], 6, 2, 8), of(fans[1], 1, 1, 7)]);
        let report = w.read(SaleReport(sale)).await;
        let (told, others) =
            if book == Book::Refusals { (report.refusals, report.signals) } else { (report.signals, report.refusals) };
        assert_eq!(told, [OfSale { code: code(), times: 7, accounts: 2 }]);
        assert_eq!(others.len(), usize::from(book == Book::Signals), "each book is for itself");
    }
    let forget = |book| ForgetCounts { book, kept_sec: 86_400 };
    w.advance(2 * 86_400 * SEC);
    assert_eq!(w.ask(forget(Book::Refusals)).await, Ok(0), "the sale has been over for a day and not longer");
    w.advance(1);
    assert_eq!(w.ask(forget(Book::Refusals)).await, Ok(3));
    assert_eq!(w.read(Accounts { book: Book::Refusals, sale }).await, []);
    assert_eq!(w.ask(forget(Book::Signals)).await, Ok(3));
}
