//! Each signal just below and just above its measure; memory.

use std::net::{Ipv4Addr, SocketAddr};

use uuid::Uuid;

use super::*;
use crate::listener::PeerAddr;

const SALE: SaleId = SaleId(Uuid::from_u128(1));
const FAN: AccountId = AccountId(Uuid::from_u128(2));
const MINUTE_MS: i64 = 60_000;

/// From another address and another session for each number.
fn trace(source: u32, session: u64) -> Trace {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.extensions.insert(PeerAddr(SocketAddr::new(Ipv4Addr::from(source).into(), 1)));
    Trace { source: Source::of(&parts, &[]), session }
}

fn home() -> Trace {
    trace(1, 1)
}

fn at_sec(sec: u32) -> Moment {
    Moment { wall: Timestamp(MINUTE_MS * 1_000).plus_sec(sec.into()), monotonic: Duration::from_secs(sec.into()) }
}

fn counted(signals: &Signals) -> Vec<&'static str> {
    let mut codes = signals.counts.codes();
    codes.sort_unstable();
    codes
}

#[test]
fn pages_that_come_when_they_were_asked_to_are_no_signal_and_more_of_them_are() {
    for (pages, expected) in [(1, &[][..]), (6, &[]), (7, &["fast_polls"])] {
        let signals = Signals::default();
        for sec in (0..60).step_by(3) {
            (0..pages).for_each(|_| signals.polled(FAN, SALE, home(), at_sec(sec), 3_000));
        }
        assert_eq!(counted(&signals), expected, "{pages} pages");
    }
}

#[test]
fn a_signal_is_counted_once_a_minute() {
    let signals = Signals::default();
    for minute in 0..3 {
        (0..60).for_each(|_| signals.joined(FAN, SALE, home(), at_sec(minute * 60)));
    }
    assert_eq!(counted(&signals), ["many_joins"; 3]);
    let few = Signals::default();
    (0..60 * u32::from(JOINS_MAX)).for_each(|number| few.joined(FAN, SALE, home(), at_sec(number * 3)));
    assert_eq!(counted(&few), [""; 0], "as many, but in an hour");
}

#[test]
fn addresses_and_sessions_are_counted_by_what_is_different() {
    let signals = Signals::default();
    let from = |source, session| signals.polled(FAN, SALE, trace(source, session), at_sec(1), 1);
    (0..100).for_each(|number| from(number % KINDS_MAX as u32, u64::from(number) % KINDS_MAX as u64));
    assert_eq!(counted(&signals), [""; 0]);
    from(77, 0);
    assert_eq!(counted(&signals), ["many_addresses"]);
    from(0, 77);
    assert_eq!(counted(&signals), ["many_addresses", "many_sessions"]);
}

#[test]
fn who_shows_a_signal_is_odd_for_a_minute_and_in_that_sale() {
    let signals = Signals::default();
    let elsewhere = SaleId(Uuid::from_u128(9));
    let is_odd = |sale, sec| signals.is_odd(FAN, sale, at_sec(sec).monotonic);
    (0..JOINS_MAX).for_each(|_| signals.joined(FAN, SALE, home(), at_sec(59)));
    assert!(!is_odd(SALE, 59));
    signals.joined(FAN, SALE, home(), at_sec(59));
    assert!(is_odd(SALE, 59) && !is_odd(elsewhere, 59));
    // Also in the next minute, when he is quiet.
    signals.joined(FAN, SALE, home(), at_sec(70));
    assert!(is_odd(SALE, 118) && !is_odd(SALE, 119));
}

#[test]
fn a_crowd_takes_no_more_memory_than_there_is_and_who_has_been_quiet_goes_first() {
    let signals = Signals::default();
    for number in 0..2 * WATCHED_MAX as u128 {
        signals.joined(AccountId(Uuid::from_u128(number)), SALE, home(), at_sec(0));
    }
    assert!(signals.sets.iter().all(|set| set.lock().unwrap().len() <= WATCHED_PER_SET));
    let mut set: Vec<Watched> = Vec::new();
    for number in 0..WATCHED_PER_SET as u64 {
        let place = make_room(&mut set, Watched::new(AccountId(Uuid::from_u128(number.into())), SALE));
        set[place].seen = Duration::from_secs(100 - number);
    }
    let place = make_room(&mut set, Watched::new(FAN, SALE));
    assert_eq!((place, set.len()), (WATCHED_PER_SET - 1, WATCHED_PER_SET));
}
