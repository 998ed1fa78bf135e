//! Which free seats to offer: together, leaving no seat alone, and not the same ones to everybody who asks at once.
//!
//! The map may change while it is read; what comes out is a proposal that the transaction accepts or refuses.

use std::iter;
use std::ops::Range;

use crate::ids::AccountId;
use crate::seat_map::SeatMap;

/// Read in rows drawn at random before all seats are read. While one row of 50 in twenty has room, 98 of 100 fans cost
/// a few microseconds; in a hall of 70,000 that is nearly full this adds a twentieth.
const SEATS_TRIED_FIRST: usize = 4_000;
/// Places to start from when friends must be parted; the closest seats win. More would send all to the same ones.
const STARTS_TRIED: usize = 8;
/// Free runs looked at on either side of such a place, beyond those that the groups themselves may take.
const NEIGHBOURS_COMPARED: usize = 8;

/// `quantity` free seats for an account, in `section` if one is named. `None`: fewer are free, or no such section.
///
/// Adjacent in one row if any row has room, and then so that no free seat is left alone beside them if any choice
/// avoids it; equally good choices are drawn by the account, and drawn anew for each `attempt`. Without such a row, as
/// few groups as possible, in one section if that needs no more of them, near each other.
/// It takes a few microseconds while rows have room, else one pass over the seats, or two for friends who are parted.
pub fn best_available(
    map: &SeatMap,
    free: impl Fn(u32) -> bool,
    quantity: u32,
    section: Option<&str>,
    account: AccountId,
    attempt: u32,
) -> Option<Vec<u32>> {
    if quantity == 0 {
        return Some(Vec::new());
    }
    let blocks = map.blocks_named(section);
    let seats = blocks.first()?.seats.start..blocks.last()?.seats.end;
    let draws = &mut Draws::new(account, attempt);
    let mut seats_tried = 0;
    while seats_tried < SEATS_TRIED_FIRST {
        let row = map.row_of(seats.start + draws.below(seats.end - seats.start));
        seats_tried += row.len();
        if let Some(Choice { first, parts_nobody: true }) = adjacent(iter::once(row), &free, quantity, draws) {
            return Some((first..first + quantity).collect());
        }
    }
    let rows = blocks.iter().flat_map(|block| block.rows());
    if let Some(Choice { first, .. }) = adjacent(rows, &free, quantity, draws) {
        return Some((first..first + quantity).collect());
    }
    let runs = blocks.iter().map(|block| block.rows().flat_map(|row| free_runs(row, &free)).collect());
    scattered(map, runs.collect(), quantity, draws)
}

/// Up to `limit` free seats from a row drawn by the account onwards, wrapping around, in that order.
pub fn run_of_free(map: &SeatMap, free: impl Fn(u32) -> bool, account: AccountId, limit: usize) -> Vec<u32> {
    let total = map.total_seats();
    let start = map.row_of(Draws::new(account, 0).below(total)).start;
    (start..total).chain(0..start).filter(|&seat| free(seat)).take(limit).collect()
}

/// Adjacent free seats.
struct Choice {
    first: u32,
    /// No free seat is left alone beside them.
    parts_nobody: bool,
}

/// One of the best places for `quantity` adjacent seats, each equally likely (a reservoir of one).
fn adjacent(
    rows: impl Iterator<Item = Range<u32>>,
    free: &impl Fn(u32) -> bool,
    quantity: u32,
    draws: &mut Draws,
) -> Option<Choice> {
    let mut best = None;
    let mut equally_good = 0;
    for run in rows.flat_map(|row| free_runs(row, free)).filter(|run| run.len() >= quantity as usize) {
        // Whole multiples from the start of the run: such places meet only where they are the same, and fill a row
        // without gaps. Where any place in the run parts nobody, one of these (the first) does.
        for first in (run.start..=run.end - quantity).step_by(quantity as usize) {
            let parts_nobody = first - run.start != 1 && run.end - first - quantity != 1;
            match &best {
                Some(Choice { parts_nobody: true, .. }) if !parts_nobody => continue,
                Some(choice) if choice.parts_nobody == parts_nobody => equally_good += 1,
                _ => equally_good = 1,
            }
            if draws.below(equally_good) == 0 {
                best = Some(Choice { first, parts_nobody });
            }
        }
    }
    best
}

/// Seats in as few groups as possible, from the free runs of each section, all of them shorter than `quantity`.
fn scattered(map: &SeatMap, sections: Vec<Vec<Range<u32>>>, quantity: u32, draws: &mut Draws) -> Option<Vec<u32>> {
    let all = sections.concat();
    let fewest = group_sizes(&all, quantity)?;
    let fits = |runs: &Vec<_>| group_sizes(runs, quantity).is_some_and(|groups| groups.len() == fewest.len());
    let homes: Vec<_> = sections.into_iter().filter(fits).collect();
    let runs = if homes.is_empty() { &all } else { &homes[draws.below(homes.len() as u32) as usize] };

    let sizes = group_sizes(runs, quantity)?;
    let groups: Vec<_> = sizes.chunk_by(|a, b| a == b).map(|same| Groups::new(same, runs)).collect();
    let proposals = (0..STARTS_TRIED).map(|_| near_each_other(map, &groups, sizes.len(), draws));
    proposals.min_by_key(|seats| apart(map, seats[0], seats[seats.len() - 1]))
}

/// Groups of one size, and the runs that have room for one, in order of seats.
struct Groups<'a> {
    size: u32,
    count: usize,
    room: Vec<&'a Range<u32>>,
}

impl<'a> Groups<'a> {
    fn new(same: &[u32], runs: &'a [Range<u32>]) -> Self {
        let size = same[0];
        Self { size, count: same.len(), room: runs.iter().filter(|run| run.len() >= size as usize).collect() }
    }
}

/// How far apart two seats are: first by rows, then by seats.
fn apart(map: &SeatMap, a: u32, b: u32) -> (u32, u32) {
    (map.row_of(a).start.abs_diff(map.row_of(b).start), a.abs_diff(b))
}

/// The sizes of the fewest groups: the longest runs, whole, and the rest from one more. `None`: fewer seats are free.
fn group_sizes(runs: &[Range<u32>], quantity: u32) -> Option<Vec<u32>> {
    let mut lengths: Vec<u32> = runs.iter().map(|run| run.end - run.start).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let mut missing = quantity;
    let mut groups = Vec::new();
    for length in lengths {
        groups.push(length.min(missing));
        missing -= length.min(missing);
        if missing == 0 {
            return Some(groups);
        }
    }
    None
}

/// Seats for all groups around one of the longest runs, drawn, in order. Each group is the start of a run near by,
/// rather of one in which it leaves nobody alone.
fn near_each_other(map: &SeatMap, groups: &[Groups<'_>], groups_in_all: usize, draws: &mut Draws) -> Vec<u32> {
    let longest = &groups[0].room;
    let middle = longest[draws.below(longest.len() as u32) as usize].start;
    let reach = groups_in_all + NEIGHBOURS_COMPARED;
    let mut seats = Vec::new();
    for Groups { size, count, room } in groups {
        let at = room.partition_point(|run| run.start < middle);
        let mut near = room[at.saturating_sub(reach)..room.len().min(at + reach)].to_vec();
        near.retain(|run| !seats.contains(&run.start));
        near.sort_by_cached_key(|run| (run.len() == *size as usize + 1, apart(map, run.start, middle)));
        seats.extend(near.iter().take(*count).flat_map(|run| run.start..run.start + size));
    }
    seats.sort_unstable();
    seats
}

/// The runs of adjacent free seats of a row. Reads each seat once.
fn free_runs(row: Range<u32>, free: &impl Fn(u32) -> bool) -> impl Iterator<Item = Range<u32>> {
    let mut unread = row.clone();
    iter::from_fn(move || {
        let start = unread.find(|&seat| free(seat))?;
        let end = unread.find(|&seat| !free(seat)).unwrap_or(row.end);
        Some(start..end)
    })
}

/// An account's own dice: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014),
/// the same on every node and in every version of Rust.
struct Draws(u64);

impl Draws {
    fn new(account: AccountId, attempt: u32) -> Self {
        let (high, low) = account.0.as_u64_pair();
        let absorb = |mut draws: Self, word| Self(draws.next() ^ word);
        [high, low, u64::from(attempt)].into_iter().fold(Self(0), absorb)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of 0..n, all but equally likely: `n` counts seats, which are few against 2^32.
    fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * u64::from(n)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::money::Money;
    use crate::seat_map::{Seating, Section};

    fn map(sizes: &[(u32, u32)]) -> SeatMap {
        let section =
            |(i, &(rows, seats_per_row))| Section { name: format!("S{i}"), rows, seats_per_row, price: Money(1) };
        SeatMap::new(&Seating::new(sizes.iter().enumerate().map(section).collect()).unwrap())
    }

    fn account(n: u128) -> AccountId {
        AccountId(Uuid::from_u128(n))
    }

    /// The map and the statuses that a picture shows: `.` is free, a space ends a row of the one section.
    fn picture(rows: &str) -> (SeatMap, Vec<bool>) {
        let per_row = rows.split(' ').next().unwrap().len() as u32;
        let free: Vec<bool> = rows.chars().filter(|c| *c != ' ').map(|c| c == '.').collect();
        (map(&[(free.len() as u32 / per_row, per_row)]), free)
    }

    /// What a thousand accounts are offered.
    fn offers(map: &SeatMap, free: &[bool], quantity: u32, section: Option<&str>) -> HashSet<Option<Vec<u32>>> {
        let offer = |n| best_available(map, |seat| free[seat as usize], quantity, section, account(n), 0);
        (0..1_000).map(offer).collect()
    }

    fn only(seats: &[&[u32]]) -> HashSet<Option<Vec<u32>>> {
        seats.iter().map(|seats| Some(seats.to_vec())).collect()
    }

    #[test]
    fn friends_sit_together_where_a_row_has_room() {
        let (map, free) = picture("..x. x... .x..");
        assert_eq!(offers(&map, &free, 3, None), only(&[&[5, 6, 7]]));
    }

    #[test]
    fn nobody_is_left_alone_where_any_choice_avoids_it() {
        let (map, free) = picture("...x .... x...");
        assert_eq!(offers(&map, &free, 2, None), only(&[&[4, 5], &[6, 7]]));
        let (map, free) = picture("...x ..xx x...");
        assert_eq!(offers(&map, &free, 2, None), only(&[&[4, 5]]), "an exact fit");
        let (map, free) = picture("...x xxxx");
        assert_eq!(offers(&map, &free, 2, None), only(&[&[0, 1]]), "unavoidable");
    }

    #[test]
    fn one_seat_leaves_nobody_alone_either() {
        let (map, free) = picture("...xx");
        assert_eq!(offers(&map, &free, 1, None), only(&[&[0], &[2]]));
        let (map, free) = picture("..x.x");
        assert_eq!(offers(&map, &free, 1, None), only(&[&[3]]));
        let (map, free) = picture("..xxx");
        assert_eq!(offers(&map, &free, 1, None), only(&[&[0], &[1]]), "unavoidable");
    }

    #[test]
    fn parted_friends_are_parted_as_little_as_possible() {
        let (map, free) = picture("x.x.x.x ...xx.x xxx.xxx");
        assert_eq!(offers(&map, &free, 4, None), only(&[&[7, 8, 9, 12]]));
        let (map, free) = picture("..x..x ..xxxx");
        assert_eq!(offers(&map, &free, 6, None), only(&[&[0, 1, 3, 4, 6, 7]]));
        assert_eq!(offers(&map, &free, 7, None), HashSet::from([None]));
    }

    #[test]
    fn parted_friends_leave_nobody_alone_where_that_is_near() {
        let (map, free) = picture("...xx ..x.x");
        assert_eq!(offers(&map, &free, 4, None), only(&[&[0, 1, 2, 8]]));
    }

    #[test]
    fn parted_friends_are_mostly_offered_the_seats_that_are_close() {
        let (map, free) = picture("x.x xxx xxx .xx xxx xxx .x. xxx xxx .xx xxx xxx xx.");
        let near = |n| best_available(&map, |seat| free[seat as usize], 2, None, account(n), 0) == Some(vec![18, 20]);
        assert!((0..1_000).filter(|n| near(*n)).count() > 900);
    }

    #[test]
    fn parted_friends_stay_in_one_section_if_that_parts_them_no_more() {
        let map = map(&[(1, 4), (1, 6)]);
        let free: Vec<bool> = "...x...x.x".chars().map(|c| c == '.').collect();
        assert_eq!(offers(&map, &free, 4, None), only(&[&[4, 5, 6, 8]]));
        assert_eq!(offers(&map, &free, 6, None), only(&[&[0, 1, 2, 4, 5, 6]]));
        assert_eq!(offers(&map, &free, 4, Some("S0")), HashSet::from([None]));
    }

    #[test]
    fn a_section_that_does_not_exist_has_no_seats() {
        let (map, free) = picture("....");
        assert_eq!(offers(&map, &free, 1, Some("S1")), HashSet::from([None]));
    }

    #[test]
    fn no_seats_are_always_there() {
        let (map, free) = picture("xx");
        assert_eq!(offers(&map, &free, 0, None), only(&[&[]]));
        assert_eq!(offers(&map, &free, 1, None), HashSet::from([None]));
    }

    #[test]
    fn more_seats_than_a_row_has_are_taken_from_several() {
        let (map, free) = picture("... ... ...");
        for offer in offers(&map, &free, 5, None) {
            assert_eq!(offer.unwrap().len(), 5);
        }
        assert_eq!(offers(&map, &free, u32::MAX, None), HashSet::from([None]));
    }

    #[test]
    fn a_thousand_fans_at_once_are_spread_over_an_empty_hall() {
        let (map, free) = (map(&[(100, 50)]), vec![true; 5_000]);
        let offers = offers(&map, &free, 2, None);
        let rows: HashSet<u32> = offers.iter().flatten().map(|seats| seats[0] / 50).collect();
        assert_eq!(rows.len(), 100);
        assert!(offers.len() > 750, "{} of the 2,400 good pairs; 817 are expected", offers.len());
    }

    #[test]
    fn a_thousand_fans_at_once_are_spread_over_the_few_places_left() {
        let map = map(&[(1_000, 50)]);
        let free: Vec<bool> = (0..50_000).map(|seat| seat % 500 < 2).collect();
        assert!(offers(&map, &free, 2, None).len() > 95);
    }

    #[test]
    fn a_lost_race_chooses_again_differently() {
        let map = map(&[(100, 50)]);
        for n in 0..100 {
            let offer = |attempt| best_available(&map, |_| true, 2, None, account(n), attempt);
            assert!(offer(0) != offer(1) || offer(0) != offer(2), "account {n}");
        }
    }

    /// The numbers come from an implementation of the paper in another language.
    #[test]
    fn the_draw_of_an_account_is_the_same_everywhere() {
        let mut draws = Draws::new(account(0x0198_c0de), 1);
        assert_eq!([draws.below(1_000), draws.below(1_000), draws.below(1_000)], [662, 209, 221]);
    }

    #[test]
    fn a_run_of_free_seats_starts_at_a_row_and_wraps_around() {
        let map = map(&[(4, 5)]);
        for n in 0..100 {
            let seats = run_of_free(&map, |_| true, account(n), 100);
            let start = seats[0];
            assert_eq!(start % 5, 0);
            assert_eq!(seats, (start..20).chain(0..start).collect::<Vec<_>>());
            assert_eq!(run_of_free(&map, |_| true, account(n), 3), seats[..3]);
            assert_eq!(run_of_free(&map, |seat| seat == 7, account(n), 3), [7]);
        }
        let starts: HashSet<u32> = (0..100).map(|n| run_of_free(&map, |_| true, account(n), 1)[0]).collect();
        assert_eq!(starts, HashSet::from([0, 5, 10, 15]));
    }

    #[test]
    fn a_map_that_changes_while_it_is_read_breaks_nothing() {
        let map = map(&[(20, 7), (3, 9)]);
        for n in 0..2_000 {
            let noise = std::cell::RefCell::new(Draws::new(account(n), 9));
            let free = |_| noise.borrow_mut().below(4) == 0;
            if let Some(seats) = best_available(&map, free, 4, None, account(n), 0) {
                assert_eq!(seats.iter().collect::<HashSet<_>>().len(), 4);
                assert!(seats.iter().all(|seat| *seat < map.total_seats()));
            }
        }
    }

    /// Every place for `quantity` adjacent seats in one row, by trying all.
    fn places(rows: &[Range<u32>], free: &dyn Fn(u32) -> bool, quantity: u32) -> Vec<(Range<u32>, u32)> {
        let place = |row: &Range<u32>, first: u32| (row.clone(), first);
        let all = rows.iter().flat_map(|row| row.clone().map(move |first| place(row, first)));
        all.filter(|(row, first)| (*first..first + quantity).all(|seat| row.contains(&seat) && free(seat))).collect()
    }

    /// Whether a free seat beside the place has no free seat on its own other side.
    fn leaves_one_alone((row, first): &(Range<u32>, u32), free: &dyn Fn(u32) -> bool, quantity: u32) -> bool {
        let open = |seat: i64| u32::try_from(seat).is_ok_and(|seat| row.contains(&seat) && free(seat));
        let (before, after) = (i64::from(*first) - 1, i64::from(first + quantity));
        (open(before) && !open(before - 1)) || (open(after) && !open(after + 1))
    }

    /// The lengths of the free runs, longest first, by walking the rows.
    fn lengths(rows: &[Range<u32>], free: &dyn Fn(u32) -> bool) -> Vec<usize> {
        let text = |row: &Range<u32>| row.clone().map(|seat| if free(seat) { '.' } else { 'x' }).collect::<String>();
        let all = rows.iter().map(text).collect::<Vec<_>>().join("x");
        let mut lengths: Vec<usize> = all.split('x').map(str::len).collect();
        lengths.sort_by_key(|length| std::cmp::Reverse(*length));
        lengths
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn an_offer_is_the_best_there_is(
            sizes in prop::collection::vec((1_u32..6, 1_u32..12), 1..4),
            percent_free in prop::sample::select(vec![5_u32, 30, 60, 90, 100]),
            dice in prop::collection::vec(0_u32..100, 200),
            quantity in 1_u32..20,
            wanted in prop::option::of(0_usize..3),
            fan: u128,
            attempt in 0_u32..3,
        ) {
            let map = map(&sizes);
            let free = |seat: u32| dice[seat as usize] < percent_free;
            let section = wanted.filter(|i| *i < sizes.len()).map(|i| format!("S{i}"));
            let scope = section.as_deref().map_or(0..map.total_seats(), |name| map.section(name).unwrap());
            let rows: Vec<_> = map.rows().filter(|row| scope.contains(&row.start)).collect();

            let offer = || best_available(&map, free, quantity, section.as_deref(), account(fan), attempt);
            prop_assert_eq!(offer(), offer(), "the same question has the same answer");
            let enough = scope.clone().filter(|seat| free(*seat)).count() >= quantity as usize;
            prop_assert_eq!(offer().is_some(), enough, "none if and only if too few are free");
            let Some(seats) = offer() else { return Ok(()) };

            prop_assert_eq!(seats.len(), quantity as usize);
            prop_assert_eq!(seats.iter().collect::<HashSet<_>>().len(), seats.len(), "distinct");
            prop_assert!(seats.iter().all(|seat| free(*seat) && scope.contains(seat)), "free, in the section");

            let places = places(&rows, &free, quantity);
            if places.is_empty() {
                let mut sum = 0;
                let lengths = lengths(&rows, &free);
                let whole = lengths.iter().take_while(|length| { sum += **length; sum < quantity as usize });
                let fewest = whole.count() + 1;
                let parted = |pair: &[u32]| pair[1] != pair[0] + 1 || map.row_of(pair[0]) != map.row_of(pair[1]);
                let mut seats = seats;
                seats.sort_unstable();
                prop_assert_eq!(1 + seats.windows(2).filter(|pair| parted(pair)).count(), fewest, "groups");
            } else {
                let place = (map.row_of(seats[0]), seats[0]);
                prop_assert!(seats.iter().copied().eq(seats[0]..seats[0] + quantity), "adjacent");
                prop_assert!(places.contains(&place), "in one row");
                let avoidable = places.iter().any(|place| !leaves_one_alone(place, &free, quantity));
                prop_assert_eq!(leaves_one_alone(&place, &free, quantity), !avoidable, "nobody left alone");
            }
        }

        #[test]
        fn a_run_of_free_seats_has_all_that_are_free_up_to_the_limit(
            sizes in prop::collection::vec((1_u32..6, 1_u32..12), 1..4),
            dice: Vec<bool>,
            limit in 0_usize..30,
            fan: u128,
        ) {
            let map = map(&sizes);
            let free = |seat: u32| dice.get(seat as usize).is_some_and(|free| *free);
            let seats = run_of_free(&map, free, account(fan), limit);
            let all_free = (0..map.total_seats()).filter(|seat| free(*seat)).count();
            prop_assert_eq!(seats.len(), all_free.min(limit));
            prop_assert_eq!(seats.iter().collect::<HashSet<_>>().len(), seats.len());
            prop_assert!(seats.iter().all(|seat| free(*seat)));
        }
    }
}
