//! Writes whose outcome was not known, and what became of them.
//!
//! The same key, sent again, is answered with what the first try made, or makes it. Which of the two it was is seen in the
//! answer: a join says whether the place is new; holds and orders bear the millisecond in which their request arrived.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::process::Answer;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Join,
    Hold,
    Checkout,
}

impl Verb {
    const ALL: [Self; 3] = [Self::Join, Self::Hold, Self::Checkout];

    pub(super) fn of(op: &str) -> Option<Self> {
        match op {
            "join" => Some(Self::Join),
            "hold" => Some(Self::Hold),
            "checkout" => Some(Self::Checkout),
            _ => None,
        }
    }
}

/// Sums over all fans.
#[derive(Default)]
pub(super) struct Tally {
    /// Everything that was sent, polls and repeats too.
    pub(super) requests: u64,
    /// Polls and repeats without an answer: they left nothing open.
    pub(super) cut_elsewhere: u64,
    /// Unknown because there was no answer; the others were told so.
    cut: u64,
    of: [Counts; 3],
}

#[derive(Default, Clone, Copy)]
struct Counts {
    operations: u64,
    unknown: u64,
    happened: u64,
    not: u64,
}

/// The writes of one fan.
#[derive(Default)]
pub(super) struct Doubts([Doubt; 3]);

#[derive(Default)]
struct Doubt {
    sent_ms: u64,
    operation: bool,
    open: bool,
    answered: bool,
}

impl Doubts {
    pub(super) fn sends(&mut self, verb: Verb) {
        self.0[verb as usize].sent_ms = wall_ms();
    }

    pub(super) fn has_answered(&self, verb: Verb) -> bool {
        self.0[verb as usize].answered
    }

    /// Found without sending the key again.
    pub(super) fn finds_its_order(&mut self, tally: &mut Tally) {
        self.0[Verb::Checkout as usize].closes(&mut tally.of[Verb::Checkout as usize], true);
    }

    pub(super) fn hears(&mut self, verb: Verb, answer: Option<&Answer>, tally: &mut Tally) {
        let (doubt, counts) = (&mut self.0[verb as usize], &mut tally.of[verb as usize]);
        if !doubt.operation {
            doubt.operation = true;
            counts.operations += 1;
        }
        match answer {
            None => tally.cut += u64::from(doubt.opens(counts)),
            Some(answer) if answer.code() == "outcome_unknown" => drop(doubt.opens(counts)),
            Some(answer) if answer.status < 300 => {
                doubt.answered = true;
                doubt.closes(counts, verb.had_happened(answer, doubt.sent_ms));
            }
            // A rule is asked only where the key has no answer yet: nothing had happened. Whoever was too busy to look
            // leaves it open.
            Some(answer) if !matches!(answer.status, 429 | 503) => {
                doubt.closes(counts, false);
                doubt.operation = false;
            }
            Some(_) => {}
        }
    }
}

impl Doubt {
    /// Whether it is new that this is not known.
    fn opens(&mut self, counts: &mut Counts) -> bool {
        let is_new = !std::mem::replace(&mut self.open, true);
        counts.unknown += u64::from(is_new);
        is_new
    }

    fn closes(&mut self, counts: &mut Counts, happened: bool) {
        if std::mem::take(&mut self.open) {
            counts.happened += u64::from(happened);
            counts.not += u64::from(!happened);
        }
    }
}

impl Verb {
    /// Whether an earlier try than the one that was sent at `sent_ms` has made what this answer speaks of.
    fn had_happened(self, answer: &Answer, sent_ms: u64) -> bool {
        let body = answer.json();
        let made_before = |field: &str| made_ms(body[field].as_str().unwrap_or_default()) < sent_ms;
        match self {
            Self::Join => answer.status == 200,
            Self::Hold => made_before("hold_id"),
            Self::Checkout => made_before("order_id"),
        }
    }
}

/// The millisecond that a version 7 id begins with.
fn made_ms(id: &str) -> u64 {
    let (sec, nanos) =
        id.parse::<Uuid>().ok().and_then(|id| id.get_timestamp()).expect("an id with its time").to_unix();
    sec * 1_000 + u64::from(nanos / 1_000_000)
}

#[expect(clippy::disallowed_methods, reason = "the real program puts the real time into its ids")]
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).expect("not that late")
}

impl Tally {
    pub(super) fn unknown(&self) -> u64 {
        self.sum(|counts| counts.unknown)
    }

    pub(super) fn unresolved(&self) -> u64 {
        self.unknown() - self.sum(|counts| counts.happened + counts.not)
    }

    fn sum(&self, of: fn(&Counts) -> u64) -> u64 {
        self.of.iter().map(of).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "operations {}, unknown {} ({} cut off): happened {}, not happened {}, unresolved {}",
            self.sum(|counts| counts.operations),
            self.unknown(),
            self.cut,
            self.sum(|counts| counts.happened),
            self.sum(|counts| counts.not),
            self.unresolved(),
        )?;
        for verb in Verb::ALL {
            let Counts { operations, unknown, happened, not } = self.of[verb as usize];
            write!(f, "; {verb:?} {operations}/{unknown}: {happened}+{not}")?;
        }
        write!(f, "; {} requests, {} polls and repeats cut", self.requests, self.cut_elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec() }
    }

    fn unknown() -> Answer {
        answer(503, r#"{"code":"outcome_unknown"}"#)
    }

    fn hold(made_ms: u64) -> Answer {
        let id = uuid::Builder::from_unix_timestamp_millis(made_ms, &[7; 10]).into_uuid();
        answer(200, &format!(r#"{{"hold_id":"{id}"}}"#))
    }

    fn after(tries: &[(u64, Option<Answer>)], verb: Verb) -> [u64; 4] {
        let (mut doubts, mut tally) = (Doubts::default(), Tally::default());
        for (sent_ms, answer) in tries {
            doubts.0[verb as usize].sent_ms = *sent_ms;
            doubts.hears(verb, answer.as_ref(), &mut tally);
        }
        let counts = tally.of[verb as usize];
        [counts.operations, counts.unknown, counts.happened, counts.not]
    }

    #[test]
    fn an_unknown_write_is_resolved_by_what_the_next_try_is_told() {
        assert_eq!(after(&[(10, None), (50, Some(hold(10)))], Verb::Hold), [1, 1, 1, 0]);
        assert_eq!(after(&[(10, Some(unknown())), (50, Some(hold(50)))], Verb::Hold), [1, 1, 0, 1]);
        assert_eq!(after(&[(10, None), (30, None), (50, Some(hold(30)))], Verb::Hold), [1, 1, 1, 0]);
        assert_eq!(after(&[(1, None), (2, Some(answer(200, "{}")))], Verb::Join), [1, 1, 1, 0]);
        assert_eq!(after(&[(1, None), (2, Some(answer(201, "{}")))], Verb::Join), [1, 1, 0, 1]);
        assert_eq!(after(&[(1, Some(answer(201, "{}")))], Verb::Join), [1, 0, 0, 0]);
    }

    #[test]
    fn a_rule_resolves_it_and_a_busy_node_does_not() {
        assert_eq!(after(&[(1, None), (2, Some(answer(409, r#"{"code":"unavailable"}"#)))], Verb::Hold), [1, 1, 0, 1]);
        assert_eq!(after(&[(1, None), (2, Some(answer(503, r#"{"code":"overloaded"}"#)))], Verb::Hold), [1, 1, 0, 0]);
    }
}
