//! One virtual fan: joins, waits as the server asks, and shops. All its requests go through `call` or `burst`.

mod attack;
mod bot;
mod pastime;
mod queue;
mod send;
mod shop;
mod together;

use crate::dice::{Dice, Purpose};
use crate::history::{Outcome, Why};
use crate::net::Conn;
use crate::plan::FanPlan;
use crate::stage::Stage;
use send::{Me, Reply, Sending};
use together::together;

/// Where a journey ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Bought,
    SoldOut,
    /// An acknowledged place that the server no longer knows.
    Lost,
    /// As planned: never came back to the place it had.
    NoShow,
    /// As planned: gave up with seats in hand.
    Abandoned,
    /// A cap ended what somebody tried who wanted more.
    Capped,
    /// An attacker has tried everything.
    Tried,
    /// The run ended first.
    Unfinished,
    /// A definite no that the plan did not ask for.
    Refused(String),
}

impl Ending {
    pub(crate) fn name(&self) -> String {
        match self {
            Ending::Bought => "bought".into(),
            Ending::SoldOut => "sold out".into(),
            Ending::Lost => "lost".into(),
            Ending::NoShow => "no show".into(),
            Ending::Abandoned => "abandoned".into(),
            Ending::Capped => "stopped by a cap".into(),
            Ending::Tried => "tried everything".into(),
            Ending::Unfinished => "unfinished".into(),
            Ending::Refused(code) => format!("refused: {code}"),
        }
    }
}

pub(crate) struct Fan {
    me: Me,
    session: String,
    plan: FanPlan,
    /// The fan's connections, each from an address of its own.
    devices: Vec<Conn>,
    /// The one it uses now.
    home: usize,
    backoff: Dice,
    last_answer_us: u64,
    failures_in_a_row: u32,
    /// Purchases it has come for so far.
    visits: u8,
}

/// First and longest wait after an answer that never came or a busy server.
const BACKOFF_FIRST_US: u64 = 250_000;
const BACKOFF_MOST_US: u64 = 5_000_000;
/// Whoever waits for another fan's place comes this long after its time all the same.
const CHAIN_PATIENCE_US: u64 = 3_000_000;

impl Fan {
    pub(crate) fn new(stage: Stage, number: u32, session: String, plan: FanPlan) -> Self {
        let backoff = Dice::new(stage.seed, u64::from(number), Purpose::Backoff);
        let me = Me { stage, number, sale: plan.sale, ring: plan.habits.ring };
        let (devices, home, last_answer_us, failures_in_a_row) = (vec![], 0, 0, 0);
        Fan { me, session, plan, devices, home, backoff, last_answer_us, failures_in_a_row, visits: 0 }
    }

    /// The whole journey; the fan's number, and where it ended.
    pub(crate) async fn run(mut self) -> (u32, Ending) {
        let ending = self.journey().await;
        (self.me.number, ending.unwrap_or(Ending::Unfinished))
    }

    /// `None` whenever the run ends underneath.
    async fn journey(&mut self) -> Option<Ending> {
        if let Some(tries) = self.plan.habits.attacks {
            return self.attack(tries).await;
        }
        let mut arrival = self.me.stage.doors_us + self.plan.arrival_us;
        self.pause_until(arrival).await?;
        if let Some(other) = self.plan.habits.joins_after {
            let heard = self.me.stage.news.acknowledgement(other);
            let patience = self.me.stage.clock.sleep_until(arrival + CHAIN_PATIENCE_US);
            let either = async {
                tokio::select! { () = heard => {}, () = patience => {} }
            };
            self.me.stage.unless_over(Box::pin(either)).await?;
            arrival = self.me.stage.clock.now_us();
        }
        let comes_again = self.plan.habits.bot.map_or(0, |bot| bot.comes_again);
        loop {
            let ending = self.visit(arrival).await?;
            if ending != Ending::Bought || self.visits == comes_again {
                return Some(ending);
            }
            self.visits += 1;
            arrival = self.me.stage.clock.now_us();
        }
    }

    /// From a join to whatever comes of it.
    async fn visit(&mut self, arrival: u64) -> Option<Ending> {
        let joined = self.join(arrival).await?;
        // Whoever waits for this fan need not wait for more.
        self.me.stage.news.acknowledge(self.me.number);
        let place = match joined {
            Ok(place) => place,
            Err(ending) => return Some(ending),
        };
        if self.plan.habits.no_show {
            return Some(Ending::NoShow);
        }
        if self.plan.habits.tries_unadmitted {
            self.try_without_admission().await?;
        }
        let mut line = queue::Line::new(place, &self.plan.habits);
        match self.wait_in(&mut line).await? {
            Ok(token) if self.plan.habits.bot.is_some() => Box::pin(self.shop_as_bot(&mut line, token)).await,
            Ok(token) => Box::pin(self.shop(&mut line, token)).await,
            Err(ending) => Some(ending),
        }
    }

    async fn pause_until(&self, at_us: u64) -> Option<()> {
        self.me.stage.unless_over(self.me.stage.clock.sleep_until(at_us)).await
    }

    /// Sends one operation over the device it names and records it, whatever comes of it. `None` when the run ended before
    /// the answer.
    async fn call(&mut self, sending: Sending<'_>) -> Option<Reply> {
        // By far the largest part of a fan: there while a request is under way, and not while the fan waits.
        Box::pin(self.exchange(sending)).await
    }

    async fn exchange(&mut self, sending: Sending<'_>) -> Option<Reply> {
        let shared = self.me.stage.shared.clone().filter(|_| self.plan.habits.ring.is_none());
        let began_us = self.me.stage.clock.now_us();
        let lent = match &shared {
            Some(shared) => self.me.stage.unless_over(shared.lend()).await,
            None => None,
        };
        let reply = if let Some(mut lent) = lent {
            // A server that keeps them all busy is slow: that is no delay of the generator.
            let waited_us = self.me.stage.clock.now_us() - began_us;
            let free_us = sending.intended_us.max(self.last_answer_us) + waited_us;
            self.me.exchange(lent.conn(), sending, free_us).await
        } else {
            // Its own; and where the run ended before one was free, it is recorded as never answered.
            self.need_devices(sending.device + 1);
            self.me.exchange(&mut self.devices[sending.device], sending, self.last_answer_us).await
        };
        self.last_answer_us = self.me.stage.clock.now_us();
        self.note_failure(reply.as_ref().map(|reply| &reply.outcome));
        reply
    }

    /// Sends all of them at once, each over its own device, counted from the first; the answers in the same order.
    async fn burst(&mut self, sendings: Vec<Sending<'_>>) -> Option<Vec<Reply>> {
        self.need_devices(sendings.len());
        let Fan { me, devices, last_answer_us, .. } = self;
        let free_us = *last_answer_us;
        let calls = devices.iter_mut().zip(sendings).enumerate();
        let calls = calls.map(|(device, (on, sending))| me.exchange(on, Sending { device, ..sending }, free_us));
        let replies = together(calls.collect()).await;
        *last_answer_us = me.stage.clock.now_us();
        // Tabs are closed again, all but the first two: hundreds of fans with twenty each would be too many files.
        let kept = if me.stage.shared.is_some() { 0 } else { 2 };
        devices.iter_mut().skip(kept).for_each(Conn::close);
        replies.into_iter().collect()
    }

    fn need_devices(&mut self, count: usize) {
        while self.devices.len() < count {
            self.devices.push(self.me.device(self.devices.len()));
        }
    }

    /// A request of this fan to its sale, for this moment.
    fn sending<'a>(&self, op: crate::history::Op, why: Why) -> Sending<'a> {
        Sending::new(op, why, self.me.sale, self.home, self.me.stage.clock.now_us())
    }

    fn note_failure(&mut self, outcome: Option<&Outcome>) {
        let busy = matches!(outcome, None | Some(Outcome::Unknown(_) | Outcome::Refused { status: 429 | 503, .. }));
        self.failures_in_a_row = if busy { self.failures_in_a_row.saturating_add(1) } else { 0 };
    }

    /// When to try again after `reply`: as the server asked, else doubling from 250 ms, drawn from the plan's stream.
    fn retry_at(&mut self, reply: &Reply) -> u64 {
        let doubled = BACKOFF_FIRST_US << self.failures_in_a_row.saturating_sub(1).min(8);
        let wait = match reply.hints.retry_after_ms {
            Some(ms) => ms.saturating_mul(1_000),
            None => doubled.min(BACKOFF_MOST_US),
        };
        reply.received_us + wait + self.backoff.below(wait / 4 + 1)
    }

    fn sale_path(&self, rest: &str) -> String {
        self.path_in(self.me.sale, rest)
    }

    fn path_in(&self, sale: usize, rest: &str) -> String {
        format!("/v1/sales/{}/{rest}", self.me.stage.sales[sale].sale_id)
    }
}
