//! One case, played on the product and on the model at once, and what is met on the way.

use std::collections::BTreeMap;
use std::fmt;

use domain::sale_change::SaleChange;
use domain::{AccountId, ClaimId, HoldId, OrderId, Refusal, SaleId, TicketId, Timestamp};
use serde_json::Value as Json;
use store::Failure;
use store::admissions::{PollCalled, Polled, Tick, TickDone};
use store::checkout::{BeginCheckout, Begun, CHECKOUT};
use store::holds::{PlaceHold, ReleaseHold};
use store::idempotency::Key;
use store::queue::{JoinBatch, Joined, Leave};
use store::sale_changes::Changed;
use store::settlement::{FinishCheckout, Finished, Refunded};
use uuid::Uuid;

use super::product::Product;
use super::rules::{Answer, Model};
use super::script::{Command, Deed, Fan, Id, Script};
use super::sight::{Look, number, seat, sight};
use crate::world::{World, no_claim};

/// Longer than anything of a case lives.
const ANOTHER_DAY_MS: i64 = 86_400_000;

/// How often each command met which answer.
#[derive(Default)]
pub(crate) struct Met(pub(crate) BTreeMap<(String, String), u64>);

/// The first step at which product and model differ.
#[derive(Debug)]
pub(crate) struct Differs {
    pub(crate) step: usize,
    pub(crate) deed: String,
    pub(crate) what: String,
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {}: {}", self.step, self.deed, self.what)
    }
}

struct Case<'a, P> {
    w: &'a mut World,
    product: &'a P,
    sale: SaleId,
    began: Timestamp,
    /// The upper half of every id of this case.
    prefix: u64,
}

/// Plays the script to its end, or to the first difference.
pub(crate) async fn play<P: Product>(
    w: &mut World,
    product: &P,
    script: &Script,
    met: &mut Met,
) -> Result<(), Differs> {
    let mut case = Case::begin(w, product, script).await;
    let mut model = Model::new(script.terms);
    let mut keyed = Vec::new();
    let mut result = case.compare(&model).await.map_err(|what| differs(0, "the sale is made", what));
    for (step, command) in (1..).zip(&script.commands) {
        if result.is_err() {
            break;
        }
        let deed = command.deed(&model, &keyed, step as Id);
        if matches!(deed, Deed::Hold { .. } | Deed::Begin { .. }) && !matches!(command, Command::Again { .. }) {
            keyed.push(deed.clone());
        }
        let (expected, answer) = (model.apply(&deed), case.perform(&deed).await);
        met.count(command, &answer);
        result = if answer == expected {
            case.compare(&model).await
        } else {
            Err(format!("the product answers {answer:?}, the model {expected:?}"))
        }
        .map_err(|what| differs(step, &format!("{deed:?}"), what));
    }
    case.end(&model);
    result
}

fn differs(step: usize, deed: &str, what: String) -> Differs {
    Differs { step, deed: deed.to_owned(), what }
}

impl Met {
    pub(crate) fn times(&self, command: &str, answer: &str) -> u64 {
        self.0.get(&(command.to_owned(), answer.to_owned())).copied().unwrap_or(0)
    }

    /// Under the first word of each.
    fn count(&mut self, command: &Command, answer: &Answer) {
        let word = |text: &str| text.split([' ', '(']).next().unwrap_or_default().to_owned();
        let name = word(&format!("{command:?}"));
        let answer = answer.as_ref().unwrap_or_else(|no| no);
        // A batch of joins has an answer for each.
        let answers = if let Command::Join(fans) = command { fans.len() } else { 1 };
        for one in answer.split(", ").take(answers) {
            *self.0.entry((name.clone(), word(one.trim_start_matches("refused ")))).or_default() += 1;
        }
    }
}

impl<'a, P: Product> Case<'a, P> {
    /// A fresh sale in a store in which nothing lives any more.
    async fn begin(w: &'a mut World, product: &'a P, script: &Script) -> Self {
        w.advance(ANOTHER_DAY_MS);
        while w.ask(store::holds::ExpireHolds).await.expect("a sweep") > 0 {}
        while w.ask(store::admissions::ExpireClaims).await.expect("a sweep") > 0 {}
        let (began, terms) = (w.now(), script.terms);
        let sale = w
            .sale_with(|t| {
                (t.opens_at, t.ends_at) = (began.plus_ms(terms.opens), began.plus_ms(terms.ends));
                (t.total_seats, t.admit_per_minute, t.max_active) = (terms.seats, terms.rate, terms.max_active);
                (t.waiting_room_cap, t.max_tickets_per_user) = (terms.room as i64, terms.tickets_per_fan as i64);
                t.seats_per_shopper = terms.seats_per_shopper;
                t.hold_ttl_sec = terms.hold_ttl / 1_000;
                t.claim_window_sec = terms.claim_window / 1_000;
                t.shopping_window_sec = terms.shopping_window / 1_000;
            })
            .await;
        let prefix = number(w.id()) << 16;
        Self { w, product, sale, began, prefix }
    }

    /// The next case finds the clocks as this one did.
    fn end(&mut self, model: &Model) {
        self.w.set_wall(self.w.now().plus_ms(-model.skew));
    }

    async fn compare(&self, model: &Model) -> Result<(), String> {
        let (is, ought) = (sight(&self.w.read(Look(self.sale)).await, self.began), model.sight());
        if is == ought {
            return Ok(());
        }
        let only = |these: &[String], those: &[String]| {
            these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>().join("\n    ")
        };
        Err(format!(
            "\n  only the product shows\n    {}\n  only the model has\n    {}",
            only(&is, &ought),
            only(&ought, &is)
        ))
    }

    fn id<I: From<Uuid>>(&self, kind: u64, number: Id) -> I {
        Uuid::from_u64_pair(self.prefix | kind, number).into()
    }

    fn fan(&self, fan: Fan) -> AccountId {
        self.id(1, fan.into())
    }

    fn claim(&self, claim: Id) -> ClaimId {
        if claim == 0 { no_claim() } else { self.id(2, claim) }
    }

    fn hold(&self, hold: Id) -> HoldId {
        self.id(3, hold)
    }

    fn order(&self, order: Id) -> OrderId {
        self.id(4, order)
    }

    fn key(&self, fan: Fan, verb: &'static str, key: Id, body: u8) -> Key {
        Key { account: self.fan(fan), sale: self.sale, verb, key: key.to_string(), digest: [body; 32] }
    }

    fn at(&self, at: Timestamp) -> i64 {
        at.since_ms(self.began)
    }

    async fn perform(&mut self, deed: &Deed) -> Answer {
        let (p, sale) = (self.product, self.sale);
        let w = &*self.w;
        match *deed {
            Deed::Join(ref fans) => {
                let accounts = fans.iter().map(|fan| self.fan(*fan)).collect();
                let answers = self.heard(p.join(w, JoinBatch { sale, accounts }).await)?;
                Ok(answers.into_iter().map(|answer| self.joined(answer)).collect::<Vec<_>>().join(", "))
            }
            Deed::Leave(fan) => {
                self.heard(p.leave(w, Leave { sale, account: self.fan(fan) }).await).map(|at| format!("left {at}"))
            }
            Deed::Poll { fan, id } => {
                let poll = PollCalled { sale, account: self.fan(fan), claim: self.claim(id) };
                self.heard(p.poll(w, poll).await).map(|polled| self.polled(polled))
            }
            Deed::Tick => self.heard(p.tick(w, Tick { sale, epoch: w.epoch }).await).map(|done| ticked(&done)),
            Deed::Hold { fan, claim, id, ref seats, key, body } => {
                let (account, claim, key) = (self.fan(fan), self.claim(claim), self.key(fan, "hold", key, body));
                let place =
                    PlaceHold { id: self.hold(id), sale, account, claim, seats: seats.clone(), address: None, key };
                self.heard(p.hold(w, place).await).map(|answer| self.held(&answer))
            }
            Deed::Release { fan, hold } => {
                let release = ReleaseHold { sale, account: self.fan(fan), hold: self.hold(hold) };
                self.heard(p.release(w, release).await).map(|()| "released".into())
            }
            Deed::Begin { fan, claim, hold, id, key, body } => {
                let begin = BeginCheckout {
                    order: self.order(id),
                    sale,
                    account: self.fan(fan),
                    claim: self.claim(claim),
                    hold: self.hold(hold),
                    payment_token: "sim_ok".to_owned(),
                    attendees: Vec::new(),
                    address: None,
                    key: self.key(fan, CHECKOUT, key, body),
                };
                Ok(match self.heard(p.begin(w, begin).await)? {
                    Begun::Answered(answer) => confirmed(&answer),
                    Begun::Charge(charge) => format!("charge {}", number(charge.order.0)),
                    Begun::Paying(order) => format!("paying {}", number(order.0)),
                })
            }
            Deed::Finish { order, captured, id } => {
                let tickets = (0..9).map(|n| self.id::<TicketId>(5, id * 100 + n)).collect();
                let finish = FinishCheckout { order: self.order(order), captured, tickets };
                Ok(match self.heard(p.finish(w, finish).await)? {
                    Finished::Confirmed(answer) => confirmed(&answer),
                    Finished::Declined => "declined".into(),
                    Finished::RefundDue => "refund_due".into(),
                })
            }
            Deed::Refunded(order) => {
                self.heard(p.refunded(w, Refunded { order: self.order(order) }).await).map(|()| "done".into())
            }
            Deed::SweepHolds => self.heard(p.sweep_holds(w).await).map(|swept| format!("swept {swept}")),
            Deed::SweepClaims => self.heard(p.sweep_claims(w).await).map(|swept| format!("swept {swept}")),
            Deed::Pause(true) => self.changed(p.change(w, w.changing(sale, SaleChange::Pause)).await),
            Deed::Pause(false) => self.changed(p.change(w, w.changing(sale, SaleChange::Resume)).await),
            Deed::Close => self.changed(p.change(w, w.changing(sale, SaleChange::Close)).await),
            Deed::Pass(ms) => {
                w.advance(ms);
                Ok("done".into())
            }
            Deed::SetWall(ms) => {
                w.set_wall(w.now().plus_ms(ms));
                // The writer stores that the clock was set with whatever it does next. This does nothing else.
                let nobody = Tick { sale, epoch: 0 };
                match self.heard(w.store.run(nobody).await)? {
                    TickDone::NotLeader => Ok("done".into()),
                    other => Err(format!("a fenced leader hears {other:?}")),
                }
            }
            Deed::Restart => {
                self.w.restart().await;
                Ok("done".into())
            }
        }
    }

    fn changed(&self, changed: Result<Changed, Failure>) -> Answer {
        Ok(match self.heard(changed)? {
            Changed::Done { changed: true } => "done".into(),
            Changed::Done { changed: false } => "already".into(),
            Changed::Wrong(error) => format!("wrong {}", error.field),
        })
    }

    fn joined(&self, joined: Joined) -> String {
        match joined {
            Joined::New { position, joined_at } => format!("new {position} since {}", self.at(joined_at)),
            Joined::Known { position, joined_at } => format!("known {position} since {}", self.at(joined_at)),
            Joined::Refused(no) => format!("refused {}", self.refused(no)),
        }
    }

    fn polled(&self, polled: Polled) -> String {
        match polled {
            Polled::Inside(claim) => {
                let (id, from, to) = (number(claim.id.0), self.at(claim.claimed_at), self.at(claim.deadline));
                format!("inside {} claim {id} from {from} to {to}", claim.position)
            }
            Polled::Stands { position, state } => format!("{} {position}", state.name()),
        }
    }

    fn held(&self, answer: &[u8]) -> String {
        let answer: Json = serde_json::from_slice(answer).expect("an answer");
        let labels = answer["seat_ids"].as_array().expect("a list").iter();
        let seats: Vec<u32> = labels.map(|label| seat(label.as_str().expect("a label"))).collect();
        let until = Timestamp::parse(answer["expires_at"].as_str().expect("a time")).expect("a time");
        let hold = uuid(&answer["hold_id"]);
        format!("held {hold} seats {seats:?} until {} for {}", self.at(until), answer["total"])
    }

    /// An answer, or the code of a refusal; what is neither differs from every model.
    fn heard<T>(&self, result: Result<T, Failure>) -> Result<T, String> {
        result.map_err(|failure| match failure {
            Failure::Refused(no) => self.refused(no),
            other => format!("broken: {other:?}"),
        })
    }

    fn refused(&self, no: Refusal) -> String {
        match no {
            Refusal::SaleClosed { opens_at: Some(at) } => format!("{} until {}", no.code(), self.at(at)),
            Refusal::CapExceeded { cap, already } => format!("{} {cap} {already}", no.code()),
            _ => no.code().to_owned(),
        }
    }
}

fn ticked(done: &TickDone) -> String {
    match done {
        TickDone::Idle => "idle".into(),
        TickDone::Called { through, called, recalled, bound_by } => {
            format!("{}-bound {called}+{recalled} through {through}", bound_by.name())
        }
        TickDone::NotLeader => "not the leader".into(),
    }
}

fn uuid(id: &Json) -> u64 {
    number(id.as_str().and_then(|id| id.parse().ok()).expect("an id"))
}

fn confirmed(answer: &[u8]) -> String {
    let answer: Json = serde_json::from_slice(answer).expect("an answer");
    let tickets: Vec<u64> = answer["ticket_ids"].as_array().expect("a list").iter().map(uuid).collect();
    let status = answer["status"].as_str().expect("a status");
    format!("{status} {} tickets {tickets:?} for {}", uuid(&answer["order_id"]), answer["total"])
}
