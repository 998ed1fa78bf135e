//! Handmade histories and exports for the checkers' tests.

use super::{Evidence, Finding, Owed, OwnCheck, Tally, Whole, own};
use crate::dump::{BoundBy, Call, Claim, Dump, Entry, Hold, Order, Payment, Refund, Sale, Seat, Ticket};
use crate::history::{History, Op, Outcome, Record, Value, Why};
use crate::nodes::Connections;
use crate::operator::Stats;
use crate::plan::Plan;
use crate::sampler::Sample;
use crate::words::{Phase, State};

pub(crate) struct Story {
    history: History,
    pub(crate) dump: Dump,
    samples: Vec<Sample>,
    pub(crate) staleness_us: u64,
    pub(crate) own_sale: bool,
    pub(crate) owed: Owed,
}

impl Story {
    pub(crate) fn new(fans: u32) -> Self {
        let accounts = (0..fans).map(|fan| format!("fan-{fan}").into()).collect();
        let history = History { accounts, sales: vec![], records: vec![] };
        Story { history, dump: dump(), samples: vec![], staleness_us: 0, own_sale: true, owed: Owed::default() }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            history: &self.history,
            dump: Some(&self.dump),
            samples: &self.samples,
            staleness_us: self.staleness_us,
            own_sale: self.own_sale,
            owed: self.owed,
        }
    }

    pub(crate) fn tally(&self, check: fn(&Evidence<'_>, &mut Tally)) -> Tally {
        let mut tally = Tally::default();
        check(&self.evidence(), &mut tally);
        tally
    }

    /// Judged by a check of a scenario.
    pub(crate) fn own(&self, plan: &Plan, check: &OwnCheck) -> Finding {
        self.own_with(plan, check, None)
    }

    /// As `own`, with what the server told of its connections.
    pub(crate) fn own_with(&self, plan: &Plan, check: &OwnCheck, connections: Option<Connections>) -> Finding {
        let evidence = [self.evidence()];
        let whole = Whole { plan, sales: &evidence, doors_us: &[0], connections };
        own(std::slice::from_ref(check), &whole).remove(0)
    }

    fn tell(&mut self, op: Op, why: Why, fan: u32, sent_us: u64, received_us: u64, outcome: Outcome) -> &mut Record {
        let record = Record { fan, intended_us: sent_us, sent_us, received_us, ..Record::of(op, why, outcome) };
        self.history.records.push(record);
        self.history.records.last_mut().expect("just pushed")
    }

    pub(crate) fn join(&mut self, fan: u32, sent: u64, received: u64, position: u64) {
        self.tell(Op::Join, Why::Journey, fan, sent, received, Outcome::Ok(Value::Join { position, created: true }));
    }

    pub(crate) fn rejoin(&mut self, fan: u32, sent: u64, received: u64, position: u64) {
        self.tell(Op::Join, Why::Rejoin, fan, sent, received, Outcome::Ok(Value::Join { position, created: false }));
    }

    pub(crate) fn unknown_join(&mut self, fan: u32, sent: u64, received: u64) {
        self.tell(Op::Join, Why::Journey, fan, sent, received, Outcome::Unknown("reset".into()));
    }

    pub(crate) fn lost_poll(&mut self, fan: u32, sent: u64, received: u64) {
        self.tell(Op::Status, Why::Journey, fan, sent, received, Outcome::Unknown("reset".into()));
    }

    pub(crate) fn refused_rejoin(&mut self, fan: u32, sent: u64, received: u64, status: u16, code: &str) {
        let no = Outcome::Refused { status, code: code.into() };
        self.tell(Op::Join, Why::Rejoin, fan, sent, received, no);
    }

    /// A first join that is answered as one of somebody who has a place.
    pub(crate) fn join_known(&mut self, fan: u32, sent: u64, received: u64, position: u64) {
        self.tell(Op::Join, Why::Journey, fan, sent, received, Outcome::Ok(Value::Join { position, created: false }));
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.history.records
    }

    pub(crate) fn keyed(&mut self, key: &str) {
        self.history.records.last_mut().expect("told before").key = Some(key.into());
    }

    pub(crate) fn unknown_hold(&mut self, fan: u32, sent: u64, received: u64) {
        self.tell(Op::Hold, Why::Journey, fan, sent, received, Outcome::Unknown("reset".into()));
    }

    pub(crate) fn seats(&mut self, fan: u32, sent: u64, listed: u64) {
        self.tell(Op::Seats, Why::Journey, fan, sent, sent + 5, Outcome::Ok(Value::Seats { listed }));
    }

    pub(crate) fn refused_join(&mut self, fan: u32, sent: u64, received: u64) {
        let no = Outcome::Refused { status: 503, code: "room_full".into() };
        self.tell(Op::Join, Why::Journey, fan, sent, received, no);
    }

    pub(crate) fn status(
        &mut self,
        fan: u32,
        sent: u64,
        received: u64,
        position: u64,
        state: State,
        ahead: Option<u64>,
    ) {
        let admitted = state == State::Inside;
        let value = Value::Status { position, ahead, state, phase: Phase::Open, admitted };
        self.tell(Op::Status, Why::Journey, fan, sent, received, Outcome::Ok(value));
    }

    pub(crate) fn hold(&mut self, fan: u32, sent: u64, received: u64, hold_id: &str, seats: &[&str]) {
        let seat_ids = seats.iter().map(|seat| (*seat).into()).collect();
        let value = Value::Hold { hold_id: hold_id.into(), seat_ids, total: 0 };
        self.tell(Op::Hold, Why::Journey, fan, sent, received, Outcome::Ok(value));
    }

    pub(crate) fn release(&mut self, fan: u32, sent: u64, received: u64, hold_id: &str) {
        let record = self.tell(Op::Release, Why::Journey, fan, sent, received, Outcome::Ok(Value::Released));
        record.hold = Some(hold_id.into());
    }

    pub(crate) fn checkout(&mut self, fan: u32, sent: u64, received: u64, hold: &str, order: &str, tickets: &[&str]) {
        let ticket_ids = tickets.iter().map(|ticket| (*ticket).into()).collect();
        let value = Value::Checkout { order_id: order.into(), ticket_ids, digest: order.into() };
        let record = self.tell(Op::Checkout, Why::Journey, fan, sent, received, Outcome::Ok(value));
        record.hold = Some(hold.into());
        record.key = Some(format!("key-{hold}").into());
    }

    pub(crate) fn refused_checkout(&mut self, fan: u32, sent: u64, received: u64, hold: &str, status: u16, code: &str) {
        let no = Outcome::Refused { status, code: code.into() };
        let record = self.tell(Op::Checkout, Why::Repeat, fan, sent, received, no);
        record.hold = Some(hold.into());
        record.key = Some(format!("key-{hold}").into());
    }

    pub(crate) fn probe(&mut self, op: Op, why: Why, fan: u32, sent: u64, outcome: Outcome) {
        self.tell(op, why, fan, sent, sent + 5, outcome);
    }

    pub(crate) fn sample(&mut self, fill: impl FnOnce(&mut Stats)) {
        let mut stats = Stats::default();
        fill(&mut stats);
        self.samples.push(Sample { at_us: 0, until_us: 0, stats: Some(stats), live: None });
    }
}

pub(crate) fn of_dump(dump: &Dump, check: fn(&Dump, &mut Tally)) -> Tally {
    let mut tally = Tally::default();
    check(dump, &mut tally);
    tally
}

pub(crate) fn dump() -> Dump {
    Dump::of(Sale {
        sale_id: "sale".into(),
        total_seats: 0,
        admit_per_minute: 60,
        max_tickets_per_user: 4,
        max_active: 0,
        hold_ttl_sec: 30,
        opens_at: None,
        ends_at: None,
        closed_at: None,
        paused: false,
        last_position: 0,
        through: 0,
    })
}

pub(crate) fn entry(position: u64, user: &str) -> Entry {
    Entry {
        position,
        user_id: user.into(),
        joined_at: 0,
        called_at: None,
        returned_at: None,
        recalled_at: None,
        claimed_at: None,
        ended_at: None,
        ended_as: None,
    }
}

pub(crate) fn call(seq: u64, called: u64, at: i64, bound_by: BoundBy) -> Call {
    Call { seq, through: 0, at, called, recalled: 0, bound_by }
}

pub(crate) fn claim(id: &str, user: &str, position: u64, claimed_at: i64) -> Claim {
    Claim {
        claim_id: id.into(),
        user_id: user.into(),
        position,
        claimed_at,
        deadline: claimed_at + 600_000,
        ended_at: None,
    }
}

pub(crate) fn seat(id: &str, status: &str) -> Seat {
    Seat { seat_id: id.into(), status: status.into(), held_back: false }
}

pub(crate) fn hold(id: &str, user: &str, claim: Option<&str>, seats: &[&str], placed_at: i64, state: &str) -> Hold {
    Hold {
        hold_id: id.into(),
        user_id: user.into(),
        claim_id: claim.map(Into::into),
        seat_ids: seats.iter().map(|seat| (*seat).into()).collect(),
        placed_at,
        ended_at: None,
        state: state.into(),
    }
}

pub(crate) fn order(id: &str, user: &str, hold: &str, total: i64) -> Order {
    let (order_id, user_id, hold_id) = (id.into(), user.into(), Some(hold.into()));
    Order { order_id, user_id, hold_id, claim_id: None, status: "confirmed".into(), total }
}

pub(crate) fn ticket(id: &str, order: &str, user: &str, seat: &str, price: i64) -> Ticket {
    Ticket {
        ticket_id: id.into(),
        order_id: order.into(),
        user_id: user.into(),
        seat_id: seat.into(),
        price,
        issued_at: 0,
        cancelled_at: None,
    }
}

pub(crate) fn payment(order: &str, amount: i64) -> Payment {
    Payment { order_id: order.into(), amount, state: "captured".into() }
}

pub(crate) fn refund(ticket: &str, amount: i64) -> Refund {
    Refund { ticket_id: ticket.into(), amount }
}
