//! In the waiting room: join, and poll on an absolute timetable until called in or sold out.

use std::collections::VecDeque;

use http::Method;

use super::{Ending, Fan, Reply, Sending};
use crate::contract::Credential;
use crate::history::{Op, Outcome, Record, Value, Why};
use crate::plan::{CutWhen, Habits, Pastime};
use crate::words::{Phase, State};

/// Used until the server has said how often to ask.
const POLL_FALLBACK_US: u64 = 1_000_000;
/// A server that asks for a poll every 0 ms would be polled in a loop.
const POLL_LEAST_US: u64 = 20_000;
/// Doors of two clocks on one machine differ by a few ms; a join refused as closed is tried again this soon.
const DOORS_RETRY_US: u64 = 100_000;

/// A fan's timetable: `next = previous intended + interval`, never answer time + interval.
pub(super) struct Line {
    pub(super) due_us: u64,
    interval_us: u64,
    /// Of the interval that the server asks for.
    percent: u64,
    polls: u64,
    /// When each is due.
    pub(super) pastimes: VecDeque<Pastime>,
    /// Was away, and has not been answered since.
    pub(super) is_back: bool,
    /// When it was back last.
    pub(super) back_us: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Place {
    acknowledged_us: u64,
    poll_after_us: u64,
}

impl Line {
    pub(super) fn new(place: Place, habits: &Habits) -> Self {
        let percent = if habits.poll_percent == 0 { 100 } else { habits.poll_percent };
        let interval_us = at_pace(place.poll_after_us, percent);
        let due = |pastime: &Pastime| Pastime { after_us: place.acknowledged_us + pastime.after_us, ..*pastime };
        Line {
            due_us: place.acknowledged_us + interval_us,
            interval_us,
            percent,
            polls: 0,
            pastimes: habits.while_waiting.iter().map(due).collect(),
            is_back: false,
            back_us: 0,
        }
    }

    /// Back in line at `now_us`: what was due while shopping is not made up for.
    pub(super) fn resume(&mut self, now_us: u64) {
        self.due_us = self.due_us.max(now_us);
    }

    /// Moves on after the poll due at `due_us` was answered at `received_us`; returns the polls that fell due meanwhile.
    fn advance(&mut self, received_us: u64, asked_ms: Option<u64>) -> Vec<u64> {
        let mut last = self.due_us;
        let mut held_back = Vec::new();
        while last + self.interval_us <= received_us {
            last += self.interval_us;
            held_back.push(last);
        }
        if let Some(asked) = asked_ms {
            self.interval_us = at_pace(asked.saturating_mul(1_000), self.percent);
        }
        self.due_us = last + self.interval_us;
        held_back
    }
}

fn at_pace(interval_us: u64, percent: u64) -> u64 {
    (interval_us.saturating_mul(percent) / 100).max(POLL_LEAST_US)
}

/// What a status answer means for the journey.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Wait,
    Enter,
    End(Ending),
}

fn turn(outcome: &Outcome) -> Turn {
    match outcome {
        Outcome::Ok(Value::Status { state, phase, admitted, .. }) => match (state, phase) {
            // Asked only by fans without a hold: where nothing is left, being let in ends the journey too.
            (_, Phase::SoldOut | Phase::Ended) if *admitted => Turn::End(Ending::SoldOut),
            _ if *admitted => Turn::Enter,
            (State::Bought, _) => Turn::End(Ending::Bought),
            (state, _) if state.is_over() => Turn::End(Ending::Refused("place is over".into())),
            (_, Phase::SoldOut | Phase::Ended) => Turn::End(Ending::SoldOut),
            _ => Turn::Wait,
        },
        Outcome::Refused { code, .. } if &**code == "not_in_queue" => Turn::End(Ending::Lost),
        Outcome::Refused { status: 429 | 503, .. } => Turn::Wait,
        Outcome::Refused { code, .. } => Turn::End(Ending::Refused(code.to_string())),
        _ => Turn::Wait,
    }
}

impl Fan {
    /// Joins until there is an answer that settles it.
    pub(super) async fn join(&mut self, arrival_us: u64) -> Option<Result<Place, Ending>> {
        let mut intended = arrival_us;
        if let Some(cut) = self.plan.habits.cuts_join.filter(|_| self.visits == 0) {
            let cut_after_us = match cut.when {
                CutWhen::During { after_us } => after_us,
                CutWhen::Before | CutWhen::After => 0,
            };
            let session = self.session.clone();
            let (credential, cut_after_us) = (Credential::Session(&session), Some(cut_after_us));
            self.call(Sending { credential, cut_after_us, ..self.to_join(intended, Why::Journey) }).await?;
            intended = self.be_away(cut.away_us).await?;
        }
        loop {
            let reply = self.send_join(intended, Why::Journey).await?;
            match &reply.outcome {
                Outcome::Ok(_) => {
                    let asked = reply.hints.retry_after_ms.map_or(POLL_FALLBACK_US, |ms| ms.saturating_mul(1_000));
                    let place = Place { acknowledged_us: reply.received_us, poll_after_us: asked.max(POLL_LEAST_US) };
                    return Some(Ok(place));
                }
                Outcome::Refused { code, .. } if &**code == "sale_closed" => {
                    if reply.received_us > self.me.stage.sales[self.me.sale].doors_us + 2_000_000 {
                        return Some(Err(Ending::Refused(code.to_string())));
                    }
                    intended = reply.received_us + DOORS_RETRY_US;
                }
                Outcome::Unknown(_) | Outcome::Refused { status: 429 | 503, .. } => intended = self.retry_at(&reply),
                Outcome::Refused { code, .. } => return Some(Err(Ending::Refused(code.to_string()))),
                Outcome::HeldBack => {}
            }
            self.pause_until(intended).await?;
        }
    }

    pub(super) async fn send_join(&mut self, intended_us: u64, why: Why) -> Option<Reply> {
        let session = self.session.clone();
        self.call(Sending { credential: Credential::Session(&session), ..self.to_join(intended_us, why) }).await
    }

    /// A join of this fan, still without its session.
    pub(super) fn to_join<'a>(&self, intended_us: u64, why: Why) -> Sending<'a> {
        let path = self.sale_path("waiting-room/join");
        Sending { method: Method::POST, path, intended_us, ..self.sending(Op::Join, why) }
    }

    /// A poll of this fan, still without its session.
    pub(super) fn to_poll<'a>(&self, intended_us: u64, why: Why) -> Sending<'a> {
        Sending { path: self.sale_path("waiting-room/status"), intended_us, ..self.sending(Op::Status, why) }
    }

    /// Polls until this fan may enter; the admission token, or where the journey ended.
    pub(super) async fn wait_in(&mut self, line: &mut Line) -> Option<Result<String, Ending>> {
        loop {
            let due = line.pastimes.front().filter(|pastime| pastime.after_us <= line.due_us).copied();
            let replies = match due {
                Some(pastime) => {
                    line.pastimes.pop_front();
                    // What was meant for when the fan was away comes after it.
                    let after_us = pastime.after_us.max(line.back_us);
                    let pastime = Pastime { after_us, ..pastime };
                    self.pause_until(pastime.after_us).await?;
                    self.pass_time(line, pastime).await?
                }
                None => {
                    self.pause_until(line.due_us).await?;
                    vec![self.poll(line).await?]
                }
            };
            // Of several answers at once one that lets in decides: the others may be older.
            let turns = replies.into_iter().map(|reply| (turn(&reply.outcome), reply.hints.admission_token));
            let mut end = None;
            for (turn, token) in turns {
                match (turn, token) {
                    (Turn::Enter, Some(token)) => return Some(Ok(token)),
                    (Turn::End(ending), _) => end = Some(ending),
                    (Turn::Wait | Turn::Enter, _) => {}
                }
            }
            if let Some(ending) = end {
                return Some(Err(ending));
            }
        }
    }

    /// One poll of the timetable, with the polls that were held back behind it.
    async fn poll(&mut self, line: &mut Line) -> Option<Reply> {
        let second = self.plan.habits.second_connection && line.polls % 2 == 1;
        let session = self.session.clone();
        let why = if line.is_back { Why::Return } else { Why::Journey };
        let device = self.home + usize::from(second);
        let sending = Sending { device, credential: Credential::Session(&session), ..self.to_poll(line.due_us, why) };
        line.polls += 1;
        let reply = self.call(sending).await;
        line.is_back &= reply.as_ref().is_none_or(|reply| !matches!(reply.outcome, Outcome::Ok(_)));
        // Also when the run ended before the answer: nothing that was due is dropped.
        let asked_ms = reply.as_ref().and_then(|reply| reply.hints.retry_after_ms);
        let answered_us = self.last_answer_us;
        for intended_us in line.advance(answered_us, asked_ms) {
            self.record_held_back(intended_us, answered_us);
        }
        reply
    }

    fn record_held_back(&self, intended_us: u64, answered_us: u64) {
        let record = Record {
            op: Op::Status,
            why: Why::Journey,
            fan: self.me.number,
            device: 0,
            sale: u8::try_from(self.me.sale).unwrap_or(u8::MAX),
            intended_us,
            sent_us: answered_us,
            received_us: answered_us,
            expected_refusal: false,
            key: None,
            hold: None,
            outcome: Outcome::HeldBack,
        };
        self.me.stage.recorder.record(record, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timetable_is_absolute_and_late_answers_hold_polls_back() {
        let place = Place { acknowledged_us: 0, poll_after_us: 100_000 };
        let mut line = Line::new(place, &Habits::default());
        assert_eq!(line.due_us, 100_000);
        assert!(line.advance(130_000, None).is_empty());
        assert_eq!(line.due_us, 200_000, "not 230: the answer's time moves nothing");
        assert_eq!(line.advance(455_000, None), vec![300_000, 400_000]);
        assert_eq!(line.due_us, 500_000);
    }

    #[test]
    fn back_in_line_nothing_is_made_up_for() {
        let mut line = Line::new(Place { acknowledged_us: 0, poll_after_us: 100_000 }, &Habits::default());
        line.resume(950_000);
        assert_eq!(line.due_us, 950_000);
        assert!(line.advance(960_000, None).is_empty());
        line.resume(100_000);
        assert_eq!(line.due_us, 1_050_000, "a poll that is due later stays where it is");
    }

    #[test]
    fn the_servers_wish_counts_from_the_last_due_poll() {
        let mut line = Line::new(Place { acknowledged_us: 0, poll_after_us: 1_000_000 }, &Habits::default());
        line.advance(1_100_000, Some(3_000));
        assert_eq!(line.due_us, 4_000_000);
    }

    #[test]
    fn a_slow_client_comes_later_and_a_fast_one_sooner_than_asked() {
        let due = |poll_percent| {
            let habits = Habits { poll_percent, ..Habits::default() };
            let mut line = Line::new(Place { acknowledged_us: 0, poll_after_us: 1_000_000 }, &habits);
            line.advance(line.due_us + 1, Some(2_000));
            line.due_us
        };
        assert_eq!([0, 100, 50, 300].map(due), [3_000_000, 3_000_000, 1_500_000, 9_000_000]);
    }

    #[test]
    fn turns_are_read_from_the_answer() {
        let status = |state, phase, admitted| {
            turn(&Outcome::Ok(Value::Status { position: 1, ahead: None, state, phase, admitted }))
        };
        assert_eq!(status(State::Inside, Phase::Paused, true), Turn::Enter);
        assert_eq!(status(State::Inside, Phase::SoldOut, true), Turn::End(Ending::SoldOut));
        assert_eq!(status(State::Waiting, Phase::Open, false), Turn::Wait);
        assert_eq!(status(State::Waiting, Phase::SoldOut, false), Turn::End(Ending::SoldOut));
        assert_eq!(turn(&Outcome::Refused { status: 404, code: "not_in_queue".into() }), Turn::End(Ending::Lost));
        assert_eq!(turn(&Outcome::Unknown("reset".into())), Turn::Wait);
    }
}
