//! A scripted buyer: asks for many times the cap at once, pays several times at once, and comes again.

use super::queue::Line;
use super::shop::{Paid, unsettled};
use super::{Ending, Fan, Reply, Sending};
use crate::contract::Credential;
use crate::history::{Outcome, Value, Why};
use crate::plan::Bot;

/// A bot whose every hold is refused asks this often before it gives up.
const ROUNDS: u32 = 3;

impl Fan {
    pub(super) async fn shop_as_bot(&mut self, line: &mut Line, mut token: String) -> Option<Ending> {
        let Some(bot) = self.plan.habits.bot else { return self.shop(line, token).await };
        self.me.stage.news.overhear(&token, false);
        for round in 0..ROUNDS {
            let replies = self.grab(bot, round, &token).await?;
            let held = replies.iter().find_map(|reply| match &reply.outcome {
                Outcome::Ok(Value::Hold { hold_id, .. }) => Some((hold_id.clone(), reply.received_us)),
                _ => None,
            });
            if let Some((hold_id, held_us)) = held {
                match self.pay_many_times(bot, &token, &hold_id, held_us).await? {
                    Paid::Yes(tickets) => {
                        self.try_after_the_purchase(&token, &tickets).await?;
                        return Some(Ending::Bought);
                    }
                    Paid::No(ending) => return Some(ending),
                    Paid::HoldGone => {}
                }
            } else if replies.iter().any(|reply| reply.refused_as("cap_exceeded")) {
                return Some(Ending::Capped);
            }
            line.resume(self.me.stage.clock.now_us());
            token = match self.wait_in(line).await? {
                Ok(fresh) => fresh,
                Err(ending) => return Some(ending),
            };
        }
        Some(Ending::Capped)
    }

    /// A full cap, many times at once.
    async fn grab(&mut self, bot: Bot, round: u32, token: &str) -> Option<Vec<Reply>> {
        let cap = self.me.stage.sales[self.me.sale].cap;
        let hold = |number: u8| {
            let key = self.key(&format!("b{round}-{number}"));
            self.to_hold(Credential::Admission(token), cap, &key, Why::Push)
        };
        let holds: Vec<_> = (0..bot.holds).map(hold).collect();
        self.burst(holds).await
    }

    /// One hold paid for several times at once, with one key and with others; then, if nobody knows, surely with the one.
    async fn pay_many_times(&mut self, bot: Bot, token: &str, hold_id: &str, held_us: u64) -> Option<Paid> {
        let key = self.key(&format!("c-{hold_id}"));
        let one = |number: u8| {
            let other = self.key(&format!("c{number}-{hold_id}"));
            let key = if number.is_multiple_of(2) { &key } else { &other };
            Sending { intended_us: held_us, ..self.to_pay(token, hold_id, key, Why::Push) }
        };
        let checkouts: Vec<_> = (0..bot.checkouts * 2).map(one).collect();
        let replies = self.burst(checkouts).await?;
        for reply in &replies {
            if let Outcome::Ok(Value::Checkout { ticket_ids, .. }) = &reply.outcome {
                return Some(Paid::Yes(ticket_ids.clone()));
            }
        }
        let open = replies.iter().any(|reply| unsettled(&reply.outcome) || reply.refused_as("checkout_in_progress"));
        if open { self.pay(token, hold_id, held_us).await } else { Some(Paid::HoldGone) }
    }
}
