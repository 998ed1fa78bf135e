//! What the waiting page shows of a status: one state, one kind of estimate, one outlook on the seats. `web/waiting/view.ts`
//! reads the same status for a browser with scripts; both are held to `web/waiting/cases.json`.

use domain::sale::Phase;
use domain::waiting_room::{Band, State};

use super::language::Language;
use super::template::Slots;
use crate::routes::waiting_room::Status;

/// Up to here an estimate is in minutes.
const MINUTES_SEC_MAX: i64 = 7_200;

/// What is over stays over, whatever the sale does; who was called comes in, paused or not.
const fn state_of(state: State, phase: Phase, moves: bool) -> &'static str {
    match (state, phase) {
        (State::Bought | State::Expired | State::Left, _) => state.name(),
        (_, Phase::Ended) => "ended",
        (State::Inside | State::Called, _) => state.name(),
        (_, Phase::SoldOut) => "sold_out",
        (State::Returning, _) => state.name(),
        (State::Waiting, Phase::Paused) => "paused",
        (State::Waiting, _) if moves => "waiting",
        (State::Waiting, _) => "still",
    }
}

/// The unit that people would use, and both ends in it: never narrower than the estimate is.
fn wait_of(range: Option<[i64; 2]>) -> (&'static str, i64, i64) {
    let Some([low, high]) = range else { return ("", 0, 0) };
    if high <= 60 {
        return ("soon", 0, 1);
    }
    let (unit, sec) = if high <= MINUTES_SEC_MAX { ("min", 60) } else { ("hour", 3_600) };
    (unit, (low / sec).max(1), (high + sec - 1) / sec)
}

/// What is left for this place, if everybody ahead takes all they may. `at_least` keeps one digit: less than twice of it
/// is left.
const fn chance_of(at_least: i64, ahead: i64, cap: i64) -> &'static str {
    if at_least <= 0 {
        "empty"
    } else if at_least >= (ahead + 1).saturating_mul(cap) {
        "enough"
    } else if ahead >= at_least.saturating_mul(2) {
        "short"
    } else {
        "tight"
    }
}

/// The name of a band, and whether any seat is left.
pub(super) const fn band(band: Band) -> (&'static str, bool) {
    match band {
        Band::Plenty => ("plenty", true),
        Band::Some => ("some", true),
        Band::Few => ("few", true),
        Band::None => ("none", false),
    }
}

pub(super) fn of_status(slots: &mut Slots, status: &Status, cap: i64, language: Language) {
    let range = status.estimated_wait_range_sec;
    let (state, (wait, low, high)) = (state_of(status.state, status.phase, range.is_some()), wait_of(range));
    let (ahead, position, seats) = (status.ahead_count, status.position, status.seats_left);
    for (name, value) in [
        ("ahead_shown", ahead),
        ("position_shown", position),
        ("low", low),
        ("high", high),
        ("at_least", seats.at_least),
    ] {
        slots.set(name, language.number(value));
    }
    for (name, value) in [("ahead", ahead), ("position", position), ("gone", position - ahead)] {
        slots.set(name, value.to_string());
    }
    if matches!(state, "waiting" | "still") {
        slots.set("count", format!("{} · ", language.number(ahead)));
    }
    slots.set("cap_plain", cap.to_string());
    slots.set("state", state);
    slots.set("wait", wait);
    slots.set("band", band(seats.band).0);
    slots.set("chance", chance_of(seats.at_least, ahead, cap));
    slots.set("poll", status.retry_after_ms.to_string());
    slots.set("now", status.server_time.to_string());
    if let Some(deadline) = status.deadline {
        slots.set("deadline", deadline.to_string());
        slots.set("left", clock(deadline.since_ms(status.server_time)));
    }
}

/// 4:07, or 1:02:09; never below nothing.
fn clock(ms: i64) -> String {
    let sec = (ms.max(0) + 999) / 1_000;
    let (hours, minutes, sec) = (sec / 3_600, sec / 60 % 60, sec % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{sec:02}") } else { format!("{minutes}:{sec:02}") }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const PHASES: [Phase; 6] =
        [Phase::Building, Phase::Scheduled, Phase::Open, Phase::Paused, Phase::SoldOut, Phase::Ended];
    const STATES: [State; 7] =
        [State::Waiting, State::Called, State::Returning, State::Inside, State::Bought, State::Expired, State::Left];

    fn cases(of: &str) -> Vec<Value> {
        let all: Value = serde_json::from_str(include_str!("../../../../../web/waiting/cases.json")).unwrap();
        let cases = all[of].as_array().unwrap().clone();
        assert!(cases.len() > 5, "{of}");
        cases
    }

    #[test]
    fn every_state_and_phase_shows_what_the_script_shows() {
        for case in cases("states") {
            let state = STATES.into_iter().find(|state| case["state"] == state.name()).unwrap();
            let phase = PHASES.into_iter().find(|phase| case["phase"] == phase.name()).unwrap();
            assert_eq!(case["shows"], state_of(state, phase, !case["range"].is_null()), "{case}");
        }
    }

    #[test]
    fn estimates_and_outlooks_are_those_of_the_script() {
        let number = |value: &Value| value.as_i64().unwrap();
        for case in cases("waits") {
            let range = case["range"].as_array().map(|range| [number(&range[0]), number(&range[1])]);
            assert_eq!(case["shows"], serde_json::json!(wait_of(range)), "{case}");
        }
        for case in cases("chances") {
            let shown = chance_of(number(&case["at_least"]), number(&case["ahead"]), number(&case["cap"]));
            assert_eq!(case["shows"], shown, "{case}");
        }
    }

    #[test]
    fn time_runs_down_to_nothing_and_not_below() {
        assert_eq!([61_000, 600_000, 1, 0, -5_000].map(clock), ["1:01", "10:00", "0:01", "0:00", "0:00"]);
        assert_eq!(clock(3_729_000), "1:02:09");
    }
}
