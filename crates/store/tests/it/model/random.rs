//! Random scripts.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::script::{Command, FANS, Fan, HOUR, SEATS, Script, Terms, Who};

/// Few fans and few seats, so that they meet.
pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    let terms = (
        prop_oneof![4 => Just(-10_000i64), 1 => Just(300)],
        prop_oneof![3 => Just(24 * HOUR), 1 => Just(30_000)],
        prop_oneof![6 => Just(600i64), 2 => Just(90), 2 => Just(6_000), 1 => Just(60), 1 => Just(0)],
        prop_oneof![2 => Just(100usize), 1 => Just(2)],
        prop_oneof![2 => Just(0i64), 1 => Just(2)],
        1..=3usize,
        prop_oneof![3 => Just(1i64), 1 => Just(2)],
        3..=SEATS,
        select(vec![20_000i64, 300_000]),
    );
    let terms =
        terms.prop_map(|(opens, ends, rate, room, max_active, per_fan, per_shopper, seats, shopping_window)| {
            let (tickets_per_fan, seats_per_shopper, seats) = (per_fan, per_shopper, i64::from(seats));
            let easy = Terms { opens, ends, shopping_window, ..Terms::EASY };
            Terms { seats, rate, room, max_active, tickets_per_fan, seats_per_shopper, ..easy }
        });
    let commands = vec(phrase(), 3..=12).prop_map(|phrases| phrases.concat());
    (terms, commands).prop_map(|(terms, commands)| Script { terms, commands })
}

/// Commands of which each makes the next one likely to matter, and any others in between.
fn phrase() -> impl Strategy<Value = Vec<Command>> {
    let purchase = (0..FANS).prop_flat_map(|fan| {
        (visit(fan), hold(), meddling(fan), checkout(), meddling(fan), pay(), again()).prop_map(
            |(visit, hold, one, checkout, two, pay, again)| {
                [visit, vec![hold, one, checkout, two, pay, again]].concat()
            },
        )
    });
    // The seats are kept for two minutes; to the millisecond, or to whatever ends last.
    let over = || prop_oneof![Just(Command::Pass(120_000)), Just(Command::PassTo { nth: usize::MAX, off_by: 0 })];
    // The payment takes longer than that; it may be that somebody else has taken the seats.
    let late_payment = (0..FANS).prop_flat_map(move |fan| {
        (visit(fan), hold(), checkout(), over(), prop::option::of(visit((fan + 1) % FANS)), pay(), again()).prop_map(
            |(visit, hold, checkout, over, later, pay, again)| {
                let later = later.map_or_else(Vec::new, |later| [later, vec![hold.clone()]].concat());
                [visit, vec![hold, checkout, over], later, vec![pay, again]].concat()
            },
        )
    });
    // The fan holds and pays for another seat meanwhile.
    let two_payments =
        (0..FANS).prop_flat_map(|fan| (visit(fan), 0..SEATS, 0..SEATS)).prop_map(|(visit, one, other)| {
            let hold = |seat| Command::Hold { nth: 0, thief: None, seats: vec![seat] };
            let checkout = || Command::Checkout { nth: 0, by: Who::Owner };
            let pay = |nth| Command::Pay { nth, captured: true };
            let lapse = Command::Pass(120_000);
            [visit, vec![hold(one), checkout(), lapse, hold(other), checkout(), pay(1), pay(0)]].concat()
        });
    let late = (0..FANS).prop_flat_map(|fan| (Just(fan), called(fan), to_a_moment(), wait())).prop_map(
        |(fan, called, late, wait)| {
            [called, vec![late, Command::Poll(fan), wait, Command::Tick, Command::Poll(fan)]].concat()
        },
    );
    let stay = (0..FANS).prop_flat_map(|fan| (Just(fan), visit(fan), hold())).prop_map(|(fan, visit, hold)| {
        let last = Command::PassTo { nth: usize::MAX, off_by: 0 };
        let sweeps = vec![hold, last, Command::ExpireHolds, Command::ExpireClaims, Command::Poll(fan)];
        [visit, sweeps].concat()
    });
    prop_oneof![
        4 => purchase,
        1 => stay,
        2 => late_payment,
        1 => two_payments,
        2 => (0..FANS).prop_flat_map(visit),
        2 => late,
        9 => command().prop_map(|command| vec![command]),
    ]
}

fn called(fan: Fan) -> impl Strategy<Value = Vec<Command>> {
    wait().prop_map(move |wait| vec![Command::Join(vec![fan]), Command::Tick, wait, Command::Tick])
}

fn visit(fan: Fan) -> impl Strategy<Value = Vec<Command>> {
    called(fan).prop_map(move |called| [called, vec![Command::Poll(fan)]].concat())
}

fn wait() -> impl Strategy<Value = Command> {
    prop_oneof![4 => Just(1_000i64), 1 => select(vec![1, 199, 200, 2_001])].prop_map(Command::Pass)
}

fn meddling(fan: Fan) -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => to_a_moment(),
        1 => Just(Command::Leave(fan)),
        1 => Just(Command::Release { nth: 0, by: Who::Owner }),
        2 => again(),
        3 => command(),
    ]
}

/// The newest most of the time.
fn nth() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0usize), 2 => Just(1), 1 => 2..6usize]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![8 => Just(Who::Owner), 1 => Just(Who::Later), 1 => Just(Who::Another)]
}

fn hold() -> impl Strategy<Value = Command> {
    let thief = prop_oneof![9 => Just(None), 1 => (0..FANS).prop_map(Some)];
    let seats = prop_oneof![9 => vec(0..SEATS, 1..=2), 2 => vec(0..=SEATS, 0..=4)];
    (nth(), thief, seats).prop_map(|(nth, thief, seats)| Command::Hold { nth, thief, seats })
}

fn checkout() -> impl Strategy<Value = Command> {
    (nth(), who()).prop_map(|(nth, by)| Command::Checkout { nth, by })
}

fn again() -> impl Strategy<Value = Command> {
    (nth(), prop::bool::weighted(0.2)).prop_map(|(nth, other_body)| Command::Again { nth, other_body })
}

fn pay() -> impl Strategy<Value = Command> {
    (nth(), prop::bool::weighted(0.8)).prop_map(|(nth, captured)| Command::Pay { nth, captured })
}

fn to_a_moment() -> impl Strategy<Value = Command> {
    (0..3usize, select(vec![0i64, -1, 1])).prop_map(|(nth, off_by)| Command::PassTo { nth, off_by })
}

fn command() -> impl Strategy<Value = Command> {
    let fans = vec(0..FANS, 1..=3).prop_map(|fans| {
        let mut distinct = Vec::new();
        fans.into_iter().for_each(|fan| {
            if !distinct.contains(&fan) {
                distinct.push(fan);
            }
        });
        distinct
    });
    prop_oneof![
        14 => fans.prop_map(Command::Join),
        8 => (0..FANS).prop_map(Command::Leave),
        14 => (0..FANS).prop_map(Command::Poll),
        14 => Just(Command::Tick),
        14 => hold(),
        10 => (nth(), who()).prop_map(|(nth, by)| Command::Release { nth, by }),
        12 => checkout(),
        8 => again(),
        8 => pay(),
        4 => nth().prop_map(Command::Refunded),
        6 => Just(Command::ExpireHolds),
        6 => Just(Command::ExpireClaims),
        4 => Just(Command::Pause),
        8 => Just(Command::Resume),
        1 => Just(Command::Close),
        12 => select(vec![200, 1, 199, 201, 1_000, 2_001]).prop_map(Command::Pass),
        14 => to_a_moment(),
        2 => select(vec![HOUR, -HOUR]).prop_map(Command::SetWall),
        2 => Just(Command::Restart),
    ]
}
