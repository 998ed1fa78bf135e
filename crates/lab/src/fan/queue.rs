//! In the waiting room: join, join again, and poll on an absolute timetable until called in or sold out.

use http::Method;

use super::{Ending, Fan, Reply, Sending};
use crate::contract::Credential;
use crate::history::{Op, Outcome, Record, Value, Why};
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
    polls: u64,
    rejoin_due_us: Option<u64>,
}

#[derive(Clone, Copy)]
pub(super) struct Place {
    acknowledged_us: u64,
    poll_after_us: u64,
}

impl Line {
    pub(super) fn new(place: Place, rejoin_after_us: Option<u64>) -> Self {
        Line {
            due_us: place.acknowledged_us + place.poll_after_us,
            interval_us: place.poll_after_us,
            polls: 0,
            rejoin_due_us: rejoin_after_us.map(|after| place.acknowledged_us + after),
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
            self.interval_us = asked.saturating_mul(1_000).max(POLL_LEAST_US);
        }
        self.due_us = last + self.interval_us;
        held_back
    }
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
        loop {
            let reply = self.send_join(intended, Why::Journey).await?;
            match &reply.outcome {
                Outcome::Ok(_) => {
                    let asked = reply.hints.retry_after_ms.map_or(POLL_FALLBACK_US, |ms| ms.saturating_mul(1_000));
                    let place = Place { acknowledged_us: reply.received_us, poll_after_us: asked.max(POLL_LEAST_US) };
                    return Some(Ok(place));
                }
                Outcome::Refused { code, .. } if &**code == "sale_closed" => {
                    if reply.received_us > self.stage.doors_us + 2_000_000 {
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

    async fn send_join(&mut self, intended_us: u64, why: Why) -> Option<Reply> {
        let session = self.session.clone();
        self.call(Sending {
            op: Op::Join,
            why,
            device: 0,
            intended_us,
            method: Method::POST,
            path: self.sale_path("waiting-room/join"),
            credential: Credential::Session(&session),
            body: None,
            key: None,
            hold: None,
        })
        .await
    }

    /// Polls until this fan may enter; the admission token, or where the journey ended.
    pub(super) async fn wait_in(&mut self, line: &mut Line) -> Option<Result<String, Ending>> {
        loop {
            if let Some(due) = line.rejoin_due_us.filter(|due| *due <= line.due_us) {
                self.pause_until(due).await?;
                line.rejoin_due_us = None;
                self.send_join(due, Why::Rejoin).await?;
            }
            self.pause_until(line.due_us).await?;
            let reply = self.poll(line).await?;
            match turn(&reply.outcome) {
                Turn::Wait => {}
                Turn::End(ending) => return Some(Err(ending)),
                Turn::Enter => {
                    if let Some(token) = reply.hints.admission_token {
                        return Some(Ok(token));
                    }
                }
            }
        }
    }

    /// One poll of the timetable, with the polls that were held back behind it.
    async fn poll(&mut self, line: &mut Line) -> Option<Reply> {
        let second = self.plan.habits.second_connection && line.polls % 2 == 1;
        let session = self.session.clone();
        let sending = Sending {
            op: Op::Status,
            why: Why::Journey,
            device: u8::from(second),
            intended_us: line.due_us,
            method: Method::GET,
            path: self.sale_path("waiting-room/status"),
            credential: Credential::Session(&session),
            body: None,
            key: None,
            hold: None,
        };
        line.polls += 1;
        let reply = self.call(sending).await;
        // Also when the run ended before the answer: nothing that was due is dropped.
        let asked_ms = reply.as_ref().and_then(|reply| reply.hints.retry_after_ms);
        for intended_us in line.advance(self.last_answer_us, asked_ms) {
            self.record_held_back(intended_us);
        }
        reply
    }

    fn record_held_back(&self, intended_us: u64) {
        let record = Record {
            op: Op::Status,
            why: Why::Journey,
            fan: self.number,
            device: 0,
            intended_us,
            sent_us: self.last_answer_us,
            received_us: self.last_answer_us,
            expected_refusal: false,
            key: None,
            hold: None,
            outcome: Outcome::HeldBack,
        };
        self.stage.recorder.record(record, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timetable_is_absolute_and_late_answers_hold_polls_back() {
        let place = Place { acknowledged_us: 0, poll_after_us: 100 };
        let mut line = Line::new(place, None);
        assert_eq!(line.due_us, 100);
        assert!(line.advance(130, None).is_empty());
        assert_eq!(line.due_us, 200, "not 230: the answer's time moves nothing");
        assert_eq!(line.advance(455, None), vec![300, 400]);
        assert_eq!(line.due_us, 500);
    }

    #[test]
    fn back_in_line_nothing_is_made_up_for() {
        let mut line = Line::new(Place { acknowledged_us: 0, poll_after_us: 100 }, None);
        line.resume(950);
        assert_eq!(line.due_us, 950);
        assert!(line.advance(960, None).is_empty());
        line.resume(100);
        assert_eq!(line.due_us, 1_050, "a poll that is due later stays where it is");
    }

    #[test]
    fn the_servers_wish_counts_from_the_last_due_poll() {
        let mut line = Line::new(Place { acknowledged_us: 0, poll_after_us: 1_000_000 }, None);
        line.advance(1_100_000, Some(3_000));
        assert_eq!(line.due_us, 4_000_000);
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
