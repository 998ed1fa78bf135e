//! The rule by random cases, and how the limits of one node count.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::listener::PeerAddr;

const SECOND: Duration = Duration::from_secs(1);

fn account(number: u128) -> AccountId {
    AccountId(uuid::Uuid::from_u128(number))
}

const fn late(ms: u64) -> Exceeded {
    Exceeded { by: By::Account, wait: RetryAfterMs(ms) }
}

/// Somebody who connects from there.
fn source(address: &str) -> Source {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.extensions.insert(PeerAddr(SocketAddr::new(address.parse().unwrap(), 1)));
    Source::of(&parts, &[])
}

/// One limit, as it is by default: hundreds of nodes are made quickly.
fn only(class: RouteClass, by: By) -> Rates {
    let mut rates = Rates([None; KINDS.len()]);
    let at = place(class, by).expect("a limit");
    rates.0[at] = Rates::default().0[at];
    rates
}

proptest! {
    /// Over any window the number let through is at most burst + elapsed / interval (rounded up).
    #[test]
    fn never_more_than_the_burst_and_the_rate(
        steps_ms in prop::collection::vec(0u64..3_000, 1..300),
        interval_ms in 1u64..2_000,
        burst in 1u32..50,
    ) {
        let interval = Duration::from_millis(interval_ms);
        let (mut tat, mut now, mut let_through) = (Duration::ZERO, Duration::from_secs(100), 0u128);
        let start = now;
        for step_ms in steps_ms {
            now += Duration::from_millis(step_ms);
            if let Ok(new_tat) = gcra(tat, now, interval, burst) {
                tat = new_tat;
                let_through += 1;
            }
            let earned = (now - start).as_nanos() / interval.as_nanos();
            prop_assert!(let_through <= u128::from(burst) + earned);
        }
    }

    /// Without an answer from others a node decides as one that has none, whether it tells them or not.
    #[test]
    fn a_node_that_hears_nothing_decides_as_if_alone(
        steps in prop::collection::vec((0u128..3, 0u64..1_000, prop::bool::ANY), 1..300),
    ) {
        let rates = only(RouteClass::Hold, By::Account);
        let (alone, shared, mut now) = (Limits::new(&rates, false), Limits::new(&rates, true), SECOND);
        for (number, step_ms, tells) in steps {
            now += Duration::from_millis(step_ms);
            let decide = |limits: &Limits| limits.check(RouteClass::Hold, account(number), now);
            prop_assert_eq!(decide(&alone), decide(&shared));
            if tells {
                drop(shared.used(now, 10));
            }
        }
    }

    /// Who waits as long as told is let in, and one millisecond less is too early.
    #[test]
    fn the_wait_is_enough_and_not_too_long(tat_ms in 0u64..100_000, now_ms in 0u64..100_000, interval_ms in 1u64..5_000, burst in 1u32..50) {
        let (tat, now) = (Duration::from_millis(tat_ms), Duration::from_millis(now_ms));
        let interval = Duration::from_millis(interval_ms);
        if let Err(RetryAfterMs(wait_ms)) = gcra(tat, now, interval, burst) {
            prop_assert!(wait_ms >= 1);
            prop_assert!(gcra(tat, now + Duration::from_millis(wait_ms), interval, burst).is_ok());
            prop_assert!(gcra(tat, now + Duration::from_millis(wait_ms - 1), interval, burst).is_err());
        }
    }

    /// An honest pace is never refused.
    #[test]
    fn one_per_interval_is_always_let_through(interval_ms in 1u64..2_000, burst in 1u32..50) {
        let interval = Duration::from_millis(interval_ms);
        let mut tat = Duration::ZERO;
        for turn in 0..200u32 {
            tat = gcra(tat, interval * turn, interval, burst).map_err(|wait| TestCaseError::fail(format!("{wait:?}")))?;
        }
    }
}

#[test]
fn a_burst_passes_and_the_next_waits_its_interval() {
    let limits = Limits::default();
    for _ in 0..20 {
        assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND), Ok(()));
    }
    assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND), Err(late(12_000)));
    assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND * 12), Err(late(1_000)));
    assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND * 13), Ok(()));
}

#[test]
fn accounts_and_classes_have_allowances_of_their_own() {
    let limits = Limits::default();
    while limits.check(RouteClass::Checkout, account(1), SECOND).is_ok() {}
    assert_eq!(limits.check(RouteClass::Checkout, account(2), SECOND), Ok(()));
    assert_eq!(limits.check(RouteClass::Hold, account(1), SECOND), Ok(()));
}

#[test]
fn what_is_given_back_was_not_taken() {
    let limits = Limits::default();
    for _ in 0..100 {
        limits.take(RouteClass::Login, account(1), SECOND).unwrap().give_back();
    }
    for _ in 0..10 {
        drop(limits.take(RouteClass::Login, account(1), SECOND).unwrap());
    }
    assert_eq!(limits.take(RouteClass::Login, account(1), SECOND).err(), Some(late(6_000)));
}

#[test]
fn others_hear_only_of_what_counts() {
    let limits = Limits::new(&Rates::default(), true);
    let under_way = limits.take(RouteClass::Login, account(1), SECOND).unwrap();
    limits.take(RouteClass::Login, account(1), SECOND).unwrap().give_back();
    assert!(limits.used(SECOND, 10).is_empty(), "neither what is under way nor what was given back");
    drop(limits.take(RouteClass::Login, account(1), SECOND).unwrap());
    let [wrong] = limits.used(SECOND, 10)[..] else { panic!("one key") };
    assert_eq!((wrong.count, wrong.debt), (1, SECOND * 6), "the one under way is in neither");
    drop(under_way);
    assert_eq!(limits.used(SECOND, 10)[0].debt, SECOND * 12);
}

#[test]
fn a_key_is_told_of_after_an_eighth_of_its_burst_and_each_count_once() {
    let limits = Limits::new(&Rates::default(), true);
    for _ in 0..24 {
        limits.check(RouteClass::Poll, account(1), SECOND).unwrap();
        assert!(limits.used(SECOND, 10).is_empty());
    }
    for _ in 0..2 {
        limits.check(RouteClass::Poll, account(1), SECOND).unwrap();
    }
    let [polls] = limits.used(SECOND, 10)[..] else { panic!("one key") };
    assert_eq!((polls.limit(), polls.key, polls.count), ("poll.account", 1, 26));
    assert_eq!(polls.debt, Duration::from_millis(26 * 50));
    assert!(limits.used(SECOND, 10).is_empty());
}

#[test]
fn the_busiest_are_told_of_first_and_nobody_is_forgotten() {
    let limits = Limits::new(&Rates::default(), true);
    for (number, count) in [(1, 3), (2, 20), (3, 5), (4, 2)] {
        for _ in 0..count {
            limits.check(RouteClass::Join, account(number), SECOND).unwrap();
        }
    }
    let keys = |used: &[Used]| used.iter().map(|used| used.key).collect::<Vec<_>>();
    assert_eq!(keys(&limits.used(SECOND, 2)), [2, 3]);
    assert_eq!(keys(&limits.used(SECOND, 2)), [1, 4]);
    assert!(limits.used(SECOND, 2).is_empty());
}

#[test]
fn what_is_learned_adds_to_what_was_let_through_since_and_forgives_nothing() {
    let limits = Limits::new(&Rates::default(), true);
    let checkout = |now| limits.check(RouteClass::Checkout, account(1), now);
    (0..2).for_each(|_| checkout(SECOND).unwrap());
    let [used] = limits.used(SECOND, 10)[..] else { panic!("one key") };
    checkout(SECOND).unwrap();
    // 17 and the one since are 18: the 19th and 20th pass.
    limits.learn(&used, SECOND, SECOND * 12 * 17);
    limits.learn(&used, SECOND, Duration::ZERO);
    (0..2).for_each(|_| checkout(SECOND).unwrap());
    assert_eq!(checkout(SECOND), Err(late(12_000)));
}

#[test]
fn who_shares_with_nobody_keeps_no_list() {
    let limits = Limits::default();
    for number in 0..1_000 {
        (0..20).for_each(|_| limits.check(RouteClass::Join, account(number), SECOND).unwrap());
    }
    assert!(limits.used(SECOND, usize::MAX).is_empty());
}

#[test]
fn ten_thousand_behind_one_address_join_in_a_minute_and_a_flood_beyond_is_refused() {
    let (limits, carrier) = (Limits::default(), source("198.51.100.7"));
    let join = |number: u128, source, now| limits.check_both(RouteClass::Join, account(number), source, now);
    // All at once, and as many again over the rest of the minute.
    for number in 0..10_000 {
        assert_eq!(join(number, carrier, SECOND), Ok(()), "{number}");
    }
    for number in 10_000..20_000_u32 {
        let now = SECOND + Duration::from_millis(6) * (number - 10_000);
        assert_eq!(join(number.into(), carrier, now), Ok(()), "{number}");
    }
    let minute = SECOND * 61;
    let passed = (20_000..120_000).filter(|number| join(*number, carrier, minute).is_ok()).count();
    assert_eq!(passed, 20_000, "a burst");
    let refused = Exceeded { by: By::Address, wait: RetryAfterMs(1) };
    assert_eq!(join(200_000, carrier, minute), Err(refused));
    assert_eq!(join(200_000, source("198.51.100.8"), minute), Ok(()), "somebody else's address");
    let count = limits.refused().find(|(name, _)| *name == "join.address");
    assert_eq!(count, Some(("join.address", 80_001)));
}

#[test]
fn a_flood_of_one_account_costs_its_neighbours_nothing_and_theirs_costs_it_nothing() {
    let limits = Limits::new(&"checkout.address=1/min:30".parse().unwrap(), false);
    let pay = |number, address: &str| limits.check_both(RouteClass::Checkout, account(number), source(address), SECOND);
    let by_one = (0..1_000).filter(|_| pay(1, "192.0.2.1").is_ok()).count();
    let by_neighbour = (0..1_000).filter(|_| pay(2, "192.0.2.1").is_ok()).count();
    assert_eq!((by_one, by_neighbour), (20, 10), "of the address's thirty");
    // Refused a thousand times for the address's sake, and at another address none of the own twenty is missing.
    for _ in 0..1_000 {
        assert_eq!(pay(3, "192.0.2.1").map_err(|exceeded| exceeded.by), Err(By::Address));
    }
    assert_eq!((0..1_000).filter(|_| pay(3, "192.0.2.2").is_ok()).count(), 20);
}

#[test]
fn this_machine_is_not_limited_by_address_but_for_guesses_at_a_key() {
    let (limits, here) = (Limits::default(), source("127.0.0.1"));
    for number in 0..50_000 {
        assert_eq!(limits.check_both(RouteClass::Join, account(number), here, SECOND), Ok(()));
    }
    let guesses = (0..50).filter(|_| limits.check(RouteClass::Admin, here, SECOND).is_ok()).count();
    assert_eq!(guesses, 10);
}

#[test]
fn a_limit_that_is_off_refuses_nobody_and_keeps_nothing() {
    let limits = Limits::new(&"hold.account=off".parse().unwrap(), true);
    for _ in 0..1_000 {
        assert_eq!(limits.check(RouteClass::Hold, account(1), SECOND), Ok(()));
        limits.take(RouteClass::Hold, account(1), SECOND).unwrap().give_back();
    }
    assert!(limits.used(SECOND, 10).is_empty());
    assert!(limits.refused().all(|(name, _)| name != "hold.account"));
}

#[test]
fn others_hear_of_addresses_as_of_accounts() {
    let limits = Limits::new(&Rates::default(), true);
    for number in 0..2_500 {
        limits.check_both(RouteClass::Join, account(number), source("192.0.2.1"), SECOND).unwrap();
    }
    let [address] = limits.used(SECOND, 10)[..] else { panic!("one key") };
    assert_eq!((address.limit(), address.key, address.count), ("join.address", 0xc000_0201, 2_500));
}
