//! One room told what happened, in order and out of it.

use domain::money::Currency;
use domain::sale::{CancelledSeats, Terms};
use domain::{EventId, Money};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn room() -> Room {
    let terms = Terms {
        opens_at: Timestamp(0),
        ends_at: Timestamp(1_000_000_000),
        total_seats: 10,
        admit_per_minute: 60,
        waiting_room_cap: 100,
        max_tickets_per_user: 4,
        caps: domain::caps::Caps::default(),
        max_active: 0,
        hold_ttl_sec: 60,
        claim_window_sec: 60,
        shopping_window_sec: 600,
        seats_per_shopper: 1,
        price: Money(100),
        currency: Currency::parse("USD").unwrap(),
        cancelled_seats: CancelledSeats::Public,
    };
    let id = SaleId(Uuid::from_u128(1));
    let event = EventId(Uuid::from_u128(2));
    let sale = Sale { id, event, terms, paused: false, closed_at: None, built_at: Some(Timestamp(0)) };
    Room::new(sale, &Seating::general(10, Money(100)).unwrap())
}

fn fan(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

fn join(room: &Room, n: i64) {
    let account = fan(n.unsigned_abs().into());
    room.apply(&Change::Joined { sale: room.id, account, position: n, joined_at: Timestamp(n) });
}

fn call(room: &Room, through: i64, at: i64) {
    let people = through - room.through();
    room.apply(&Change::Called { sale: room.id, through, people, at: Timestamp(at) });
}

fn leave(room: &Room, n: i64) {
    let account = fan(n.unsigned_abs().into());
    room.apply(&Change::Ended { sale: room.id, account, position: n, ended_as: EndedAs::Left });
}

#[test]
fn people_who_left_are_not_ahead() {
    let room = room();
    (1..=10).for_each(|n| join(&room, n));
    assert_eq!((room.ahead(10), room.waiting()), (9, 10));
    leave(&room, 3);
    leave(&room, 7);
    assert_eq!((room.ahead(10), room.ahead(4), room.ahead(3), room.waiting()), (7, 2, 2, 8));
    call(&room, 3, 1_000);
    assert_eq!((room.ahead(10), room.ahead(4), room.waiting()), (5, 0, 6));
    room.refresh(Timestamp(1_000));
    assert_eq!((room.ahead(10), room.waiting()), (5, 6));
}

#[test]
fn joining_again_after_leaving_is_a_new_place() {
    let room = room();
    let state = || {
        let (place, visit) = room.look(fan(1)).unwrap();
        (place.position, room.state(place, visit.as_ref()))
    };
    join(&room, 1);
    leave(&room, 1);
    assert_eq!(state(), (1, State::Left));
    room.apply(&Change::Joined { sale: room.id, account: fan(1), position: 2, joined_at: Timestamp(5) });
    assert_eq!(state(), (2, State::Waiting));
}

#[test]
fn a_line_that_stands_still_has_no_pace() {
    let room = room();
    join(&room, 1);
    call(&room, 1, 1_000);
    assert_eq!(room.pace(Timestamp(2_000)), Pace { called: 1, over_ms: 2_000 });
    room.refresh(Timestamp(61_000));
    assert_eq!(room.pace(Timestamp(61_000)).called, 0);
}

/// What may happen next in a sale of a few accounts, told as the store tells it.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Join(u128),
    Call,
    Recall(u128),
    Return(u128),
    Claim(u128),
    End(u128, EndedAs),
}

/// A history that the rules allow: deeds that they do not allow are left out.
fn history(room: &Room, deeds: &[Deed]) -> Vec<Change> {
    let sale = room.id;
    let mut changes = Vec::new();
    let (mut last, mut through) = (0, 0);
    let mut standing: std::collections::HashMap<u128, (i64, State)> = std::collections::HashMap::new();
    for (deed, at) in deeds.iter().zip((1_i64..).map(Timestamp)) {
        let of = |n: u128| standing.get(&n).map(|(position, state)| (*position, *state, *position <= through));
        match *deed {
            Deed::Join(n) if of(n).is_none_or(|(_, state, _)| state.is_over()) => {
                last += 1;
                standing.insert(n, (last, State::Waiting));
                changes.push(Change::Joined { sale, account: fan(n), position: last, joined_at: at });
            }
            Deed::Call if through < last => {
                through += 1;
                changes.push(Change::Called { sale, through, people: 1, at });
            }
            Deed::Recall(n) if of(n).is_some_and(|(_, state, _)| state == State::Returning) => {
                let (position, state) = standing.get_mut(&n).unwrap();
                *state = State::Called;
                changes.push(Change::Recalled { sale, account: fan(n), position: *position, at });
            }
            Deed::Return(n) if matches!(of(n), Some((_, State::Waiting | State::Called, true))) => {
                let (position, state) = standing.get_mut(&n).unwrap();
                *state = State::Returning;
                changes.push(Change::Returned { sale, account: fan(n), position: *position, at });
            }
            Deed::Claim(n) if matches!(of(n), Some((_, State::Waiting | State::Called, true))) => {
                let (position, state) = standing.get_mut(&n).unwrap();
                *state = State::Inside;
                let id = domain::ClaimId(Uuid::from_u128(at.millis().unsigned_abs().into()));
                let claim =
                    Claim { id, position: *position, claimed_at: at, deadline: at.plus_sec(60), ended_as: None };
                changes.push(Change::Claimed { sale, account: fan(n), claim });
            }
            Deed::End(n, ended_as) if of(n).is_some_and(|(_, state, _)| !state.is_over()) => {
                let (position, state) = standing.get_mut(&n).unwrap();
                *state = ended_as.state();
                changes.push(Change::Ended { sale, account: fan(n), position: *position, ended_as });
            }
            _ => {}
        }
    }
    changes
}

const FANS: u128 = 4;

fn deed() -> impl Strategy<Value = Deed> {
    let ends = prop_oneof![Just(EndedAs::Bought), Just(EndedAs::Expired), Just(EndedAs::Left)];
    prop_oneof![
        3 => (1..=FANS).prop_map(Deed::Join),
        3 => Just(Deed::Call),
        1 => (1..=FANS).prop_map(Deed::Recall),
        1 => (1..=FANS).prop_map(Deed::Return),
        2 => (1..=FANS).prop_map(Deed::Claim),
        2 => (1..=FANS, ends).prop_map(|(n, ended_as)| Deed::End(n, ended_as)),
    ]
}

/// All that anybody can see of a room.
fn seen(room: &Room) -> String {
    room.refresh(Timestamp(1_000));
    let fans: Vec<_> = (1..=FANS)
        .map(|n| {
            let look = room.look(fan(n));
            let claim = match &look {
                Some((_, Some(Visit::Inside(inside)))) => Some(inside.claim),
                _ => None,
            };
            look.map(|(place, visit)| (place, room.state(place, visit.as_ref()), room.ahead(place.position), claim))
        })
        .collect();
    let ahead: Vec<i64> = (1..=room.joined() + 1).map(|position| room.ahead(position)).collect();
    let pace = room.pace(Timestamp(1_000));
    format!("{fans:?} {ahead:?} {} {} {} {pace:?}", room.waiting(), room.joined(), room.through())
}

proptest! {
    /// Invariant: other nodes' changes may come in any order and twice.
    #[test]
    fn any_order_of_a_history_and_any_repetition_ends_in_the_same_room(
        deeds in proptest::collection::vec(deed(), 1..60),
        repeated in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        keys in proptest::collection::vec(any::<u32>(), 80),
        looks in proptest::collection::vec(any::<bool>(), 80),
    ) {
        let straight = room();
        let changes = history(&straight, &deeds);
        changes.iter().for_each(|change| straight.apply(change));
        let again = repeated.iter().filter(|_| !changes.is_empty()).map(|index| index.get(&changes).clone());
        let mut mixed: Vec<(u32, Change)> = keys.into_iter().zip(changes.iter().cloned().chain(again)).collect();
        mixed.sort_by_key(|(key, _)| *key);
        let shuffled = room();
        for ((_, change), look) in mixed.iter().zip(looks) {
            shuffled.apply(change);
            if look {
                // A node looks after its rooms while it hears.
                shuffled.refresh(Timestamp(1_000));
            }
        }
        prop_assert_eq!(seen(&shuffled), seen(&straight), "{:?}", mixed);
    }
}

#[test]
fn what_is_read_at_the_start_does_not_undo_what_was_heard_meanwhile() {
    let room = room();
    let claim = |position| Claim {
        id: domain::ClaimId(Uuid::from_u128(7)),
        position,
        claimed_at: Timestamp(20),
        deadline: Timestamp(90),
        ended_as: None,
    };
    let heard = [
        Change::Called { sale: room.id, through: 3, people: 1, at: Timestamp(30) },
        Change::Ended { sale: room.id, account: fan(1), position: 1, ended_as: EndedAs::Bought },
        Change::Joined { sale: room.id, account: fan(1), position: 4, joined_at: Timestamp(40) },
    ];
    heard.iter().for_each(|change| room.apply(change));
    // Read a moment before all that was committed.
    let calls = vec![(Timestamp(10), 2), (Timestamp(30), 1)];
    room.restore(&ShopState { through: 2, last_position: 3, calls, ..ShopState::default() });
    for n in 1..=3_i64 {
        let entry = Entry { position: n, returned_at: None, recalled_at: None, ended_as: None, inside: false };
        let account = fan(n.unsigned_abs().into());
        room.restore_place(&store::load::Place { account, joined_at: Timestamp(n), entry });
    }
    room.restore_claim(fan(1), claim(1));
    let state = |n| room.look(fan(n)).map(|(place, visit)| (place.position, room.state(place, visit.as_ref())));
    assert_eq!(state(1), Some((4, State::Waiting)));
    assert_eq!(state(2), Some((2, State::Called)));
    assert_eq!((room.through(), room.joined(), room.waiting()), (3, 4, 1));
    assert_eq!(room.pace(Timestamp(1_000)).called, 3, "a call is counted once");
}
