//! The seats of a hall: how the operator describes them, and the map that gives each a number, a place and a price.

use std::collections::HashSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use crate::money::Money;
use crate::sale::{FieldError, MOST_SEATS};

/// More sections than any hall has; a section is looked up by walking the list.
const MOST_SECTIONS: usize = 1_000;
/// Fits a ticket and a line of a phone's screen.
const LONGEST_SECTION_NAME: usize = 40;
/// Rows in a section, and seats in a row.
const MOST_IN_LINE: u32 = 10_000;
/// Together with [`MOST_SEATS`]: the prices of a whole hall can be added up.
const HIGHEST_PRICE: i64 = i64::MAX / MOST_SEATS;
/// General admission has no rows of its own; these keep friends together. Changing it renames the seats of old sales.
const GENERAL_ROW: u32 = 50;

/// Rows of equal length at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    pub rows: u32,
    pub seats_per_row: u32,
    pub price: Money,
}

/// The sections of a hall, in order, checked. Only the very last row may be shorter than its section says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seating {
    sections: Vec<Section>,
    total_seats: u32,
}

impl Seating {
    /// The operator's sections. The error names the field, such as `seating[1].section`.
    pub fn new(sections: Vec<Section>) -> Result<Self, FieldError> {
        if !(1..=MOST_SECTIONS).contains(&sections.len()) {
            return Err(FieldError::new("seating", format!("must have 1 to {MOST_SECTIONS} sections")));
        }
        let mut names = HashSet::new();
        for (index, section) in sections.iter().enumerate() {
            let error = |(field, message)| FieldError::new(format!("seating[{index}].{field}"), message);
            check(section).map_err(error)?;
            if !names.insert(section.name.as_str()) {
                return Err(error(("section", "must not be the name of an earlier section".to_owned())));
            }
        }
        let total = sections.iter().map(|section| i64::from(section.rows) * i64::from(section.seats_per_row)).sum();
        let total_seats = seat_count(total, "seating")?;
        Ok(Self { sections, total_seats })
    }

    /// One section "GA" of exactly so many seats, in rows of about equal length.
    pub fn general(total_seats: i64, price: Money) -> Result<Self, FieldError> {
        let total_seats = seat_count(total_seats, "total_seats")?;
        in_range(price.0, 0, HIGHEST_PRICE).map_err(|message| FieldError::new("price", message))?;
        let rows = total_seats.div_ceil(GENERAL_ROW);
        let section = Section { name: "GA".to_owned(), rows, seats_per_row: total_seats.div_ceil(rows), price };
        Ok(Self { sections: vec![section], total_seats })
    }

    /// From what a store remembers: [`sections`](Self::sections) and [`total_seats`](Self::total_seats).
    pub fn restore(sections: Vec<Section>, total_seats: i64) -> Result<Self, FieldError> {
        let full = Self::new(sections)?;
        let last_row = full.sections.last().map_or(0, |section| i64::from(section.seats_per_row));
        let most = i64::from(full.total_seats);
        in_range(total_seats, most - last_row + 1, most).map_err(|message| FieldError::new("total_seats", message))?;
        Ok(Self { total_seats: seat_count(total_seats, "total_seats")?, ..full })
    }

    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub fn total_seats(&self) -> u32 {
        self.total_seats
    }
}

fn check(section: &Section) -> Result<(), (&'static str, String)> {
    check_name(&section.name).map_err(|message| ("section", message))?;
    let most = i64::from(MOST_IN_LINE);
    in_range(i64::from(section.rows), 1, most).map_err(|message| ("rows", message))?;
    in_range(i64::from(section.seats_per_row), 1, most).map_err(|message| ("seats_per_row", message))?;
    in_range(section.price.0, 0, HIGHEST_PRICE).map_err(|message| ("price", message))
}

/// A name is part of a seat's public id: no hyphen, and nothing in it that cannot be seen.
fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if !(1..=LONGEST_SECTION_NAME).contains(&length) {
        return Err(format!("must have 1 to {LONGEST_SECTION_NAME} characters, not {length}"));
    }
    if name.contains('-') {
        return Err("must not contain a hyphen".to_owned());
    }
    if !name.split(' ').all(is_visible) {
        return Err("must be visible characters, with single spaces between words".to_owned());
    }
    Ok(())
}

/// `escape_debug` knows what can be printed: controls, format characters and odd spaces come out as something else.
fn is_visible(word: &str) -> bool {
    let plain = word.replace(['\'', '"', '\\'], "");
    !word.is_empty() && plain.escape_debug().eq(plain.chars())
}

fn in_range(value: i64, least: i64, most: i64) -> Result<(), String> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(format!("must be {least} to {most}, not {value}")) }
}

fn seat_count(total: i64, field: &str) -> Result<u32, FieldError> {
    match u32::try_from(total) {
        Ok(seats) if seats >= 1 && total <= MOST_SEATS => Ok(seats),
        _ => Err(FieldError::new(field, format!("must be 1 to {MOST_SEATS} seats, not {total}"))),
    }
}

/// One seat. Its public id, as `Display` writes it, is `GA-12-7`: section, row and number, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat<'a> {
    pub section: &'a str,
    pub row: u32,
    pub num: u32,
    pub price: Money,
}

impl fmt::Display for Seat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.section, self.row, self.num)
    }
}

/// The seats of a sale, numbered from 0 in the order of section, row and number. A few dozen bytes per section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatMap {
    blocks: Vec<Block>,
}

/// The seats of one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    name: String,
    pub(crate) seats: Range<u32>,
    seats_per_row: u32,
    price: Money,
}

impl Block {
    pub(crate) fn rows(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        self.seats.clone().step_by(self.seats_per_row as usize).map(|first| self.row_from(first))
    }

    fn row_from(&self, first: u32) -> Range<u32> {
        first..(first + self.seats_per_row).min(self.seats.end)
    }
}

impl SeatMap {
    pub fn new(seating: &Seating) -> Self {
        let mut end = 0;
        let blocks = seating.sections.iter().map(|section| {
            let start = end;
            end = (start + section.rows * section.seats_per_row).min(seating.total_seats);
            let (name, seats_per_row, price) = (section.name.clone(), section.seats_per_row, section.price);
            Block { name, seats: start..end, seats_per_row, price }
        });
        Self { blocks: blocks.collect() }
    }

    pub fn total_seats(&self) -> u32 {
        self.blocks.last().map_or(0, |block| block.seats.end)
    }

    /// # Panics
    /// When there is no seat `n`.
    pub fn seat(&self, n: u32) -> Seat<'_> {
        let block = self.block_of(n);
        let index = n - block.seats.start;
        let (row, num) = (index / block.seats_per_row + 1, index % block.seats_per_row + 1);
        Seat { section: &block.name, row, num, price: block.price }
    }

    /// The seat's public id.
    ///
    /// # Panics
    /// When there is no seat `n`.
    pub fn label(&self, n: u32) -> String {
        self.seat(n).to_string()
    }

    /// The seat with exactly this public id.
    pub fn find(&self, label: &str) -> Option<u32> {
        let (name, row, num) = parts(label)?;
        let block = self.blocks_named(Some(name)).first()?;
        let seat = (row - 1).checked_mul(block.seats_per_row)?.checked_add(block.seats.start)?.checked_add(num - 1)?;
        let exists = num <= block.seats_per_row && block.seats.contains(&seat);
        exists.then_some(seat)
    }

    /// The seats of each row, in order.
    pub fn rows(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        self.blocks.iter().flat_map(Block::rows)
    }

    /// The row in which seat `n` is.
    ///
    /// # Panics
    /// When there is no seat `n`.
    pub fn row_of(&self, n: u32) -> Range<u32> {
        let block = self.block_of(n);
        block.row_from(n - (n - block.seats.start) % block.seats_per_row)
    }

    /// The seats of the section of this name.
    pub fn section(&self, name: &str) -> Option<Range<u32>> {
        self.blocks_named(Some(name)).first().map(|block| block.seats.clone())
    }

    /// The lowest and the highest price of a seat.
    pub fn prices(&self) -> RangeInclusive<Money> {
        let prices = || self.blocks.iter().map(|block| block.price);
        prices().min().unwrap_or_default()..=prices().max().unwrap_or_default()
    }

    /// All blocks, or the one of that name, if there is one.
    pub(crate) fn blocks_named(&self, section: Option<&str>) -> &[Block] {
        let Some(name) = section else { return &self.blocks };
        self.blocks.iter().find(|block| block.name == name).map_or(&[], std::slice::from_ref)
    }

    fn block_of(&self, n: u32) -> &Block {
        &self.blocks[self.blocks.partition_point(|block| block.seats.end <= n)]
    }
}

/// Section, row and number of a public id, whether or not such a seat exists. A section has no hyphen.
pub fn parts(label: &str) -> Option<(&str, u32, u32)> {
    let mut parts = label.split('-');
    let seat = (parts.next()?, ordinal(parts.next()?)?, ordinal(parts.next()?)?);
    parts.next().is_none().then_some(seat)
}

/// A number from 1 in its only spelling: no sign, no space, no leading zero.
fn ordinal(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn section(name: &str, rows: u32, seats_per_row: u32, price: i64) -> Section {
        Section { name: name.to_owned(), rows, seats_per_row, price: Money(price) }
    }

    /// Two rows of three, then three rows of two.
    fn hall() -> SeatMap {
        SeatMap::new(&Seating::new(vec![section("Stalls", 2, 3, 900), section("Upper Circle", 3, 2, 400)]).unwrap())
    }

    fn general(total_seats: i64) -> SeatMap {
        SeatMap::new(&Seating::general(total_seats, Money(5000)).unwrap())
    }

    fn wrong_field(sections: Vec<Section>) -> String {
        Seating::new(sections).unwrap_err().field
    }

    #[test]
    fn seats_are_numbered_by_section_row_and_number() {
        let map = hall();
        assert_eq!(map.total_seats(), 12);
        assert_eq!(map.seat(0), Seat { section: "Stalls", row: 1, num: 1, price: Money(900) });
        assert_eq!(map.label(5), "Stalls-2-3");
        assert_eq!(map.seat(6), Seat { section: "Upper Circle", row: 1, num: 1, price: Money(400) });
        assert_eq!(map.label(11), "Upper Circle-3-2");
        assert_eq!(map.rows().collect::<Vec<_>>(), [0..3, 3..6, 6..8, 8..10, 10..12]);
        assert_eq!(map.section("Upper Circle"), Some(6..12));
        assert_eq!(map.section("Circle"), None);
        assert_eq!(map.prices(), Money(400)..=Money(900));
    }

    #[test]
    #[should_panic(expected = "index out of bounds")]
    fn a_seat_that_does_not_exist_is_a_bug() {
        hall().seat(12);
    }

    #[test]
    fn a_public_id_has_one_spelling() {
        let map = hall();
        assert_eq!(map.find("Stalls-2-3"), Some(5));
        for wrong in [
            "",
            "-",
            "--",
            "Stalls",
            "Stalls-2",
            "Stalls-2-",
            "Stalls-2-3-",
            "Stalls-2-3-1",
            "-Stalls-2-3",
            "stalls-2-3",
            "Stalls-02-3",
            "Stalls-2-03",
            "Stalls-+2-3",
            "Stalls-2-+3",
            "Stalls- 2-3",
            "Stalls-2-3 ",
            " Stalls-2-3",
            "Stalls-0-3",
            "Stalls-2-0",
            "Stalls-3-1",
            "Stalls-1-4",
            "Stalls--2-3",
            "Stalls-٢-3",
            "Circle-1-1",
            "Stalls-4294967295-1",
            "Stalls-1-4294967295",
            "Stalls-4294967296-1",
            "Stalls-99999999999999999999-1",
        ] {
            assert_eq!(map.find(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn general_admission_has_exactly_the_seats_asked_for() {
        for total in [1, 2, 49, 50, 51, 99, 101, 500, 2_000, 70_000, 199_951, MOST_SEATS] {
            let map = general(total);
            assert_eq!(i64::from(map.total_seats()), total);
            assert!(map.rows().all(|row| (1..=GENERAL_ROW as usize).contains(&row.len())), "{total}");
        }
        assert_eq!(general(101).rows().collect::<Vec<_>>(), [0..34, 34..68, 68..101]);
        assert_eq!(general(101).find("GA-3-34"), None, "the last row is shorter");
    }

    #[test]
    fn general_admission_names_the_wrong_field() {
        for (total, price, field) in [(0, 0, "total_seats"), (-1, 0, "total_seats"), (1, -1, "price")] {
            assert_eq!(Seating::general(total, Money(price)).unwrap_err().field, field);
        }
        assert_eq!(Seating::general(MOST_SEATS + 1, Money(0)).unwrap_err().field, "total_seats");
    }

    #[test]
    fn a_wrong_section_is_named_by_its_field() {
        let good = || section("A", 10, 10, 0);
        for (wrong, field) in [
            (section("", 1, 1, 0), "section"),
            (section("A", 1, 1, 0), "section"),
            (section("A-1", 1, 1, 0), "section"),
            (section(&"é".repeat(41), 1, 1, 0), "section"),
            (section("B", 0, 1, 0), "rows"),
            (section("B", 10_001, 1, 0), "rows"),
            (section("B", 1, 0, 0), "seats_per_row"),
            (section("B", 1, 10_001, 0), "seats_per_row"),
            (section("B", 1, 1, -1), "price"),
            (section("B", 1, 1, i64::MAX), "price"),
        ] {
            assert_eq!(wrong_field(vec![good(), wrong]), format!("seating[1].{field}"));
        }
        assert!(Seating::new(vec![good(), section(&"é".repeat(40), 1, 1, 0)]).is_ok());
    }

    #[test]
    fn a_section_name_can_be_seen() {
        let seating = |name| Seating::new(vec![section(name, 1, 1, 0)]);
        for visible in ["GA", "Upper Circle", "Bob's \"box\"", "Tribüne 3", "दक्षिण", "B/2\\1", "南"] {
            assert!(seating(visible).is_ok(), "{visible:?}");
        }
        for hidden in
            [" ", " A", "A ", "A  B", "A\tB", "A\n", "\0", "A\u{7f}", "A\u{200b}", "\u{202e}A", "A\u{a0}B", "\u{301}A"]
        {
            assert_eq!(seating(hidden).unwrap_err().field, "seating[0].section", "{hidden:?}");
        }
    }

    #[test]
    fn a_hall_has_one_seat_at_least_and_two_hundred_thousand_at_most() {
        assert_eq!(wrong_field(vec![]), "seating");
        assert!(Seating::new(vec![section("A", 10_000, 20, 0)]).is_ok());
        assert_eq!(wrong_field(vec![section("A", 10_000, 20, 0), section("B", 1, 1, 0)]), "seating");
        let many = |n: usize| (0..n).map(|i| section(&format!("S{i}"), 10_000, 10_000, 0)).collect();
        assert_eq!(wrong_field(many(1_000)), "seating");
        assert_eq!(wrong_field(many(1_001)), "seating");
    }

    #[test]
    fn a_stored_seating_comes_back_as_it_was() {
        for seating in [
            Seating::general(101, Money(7)).unwrap(),
            Seating::new(vec![section("A", 2, 3, 1), section("B", 3, 2, 2)]).unwrap(),
        ] {
            let total = i64::from(seating.total_seats());
            assert_eq!(Seating::restore(seating.sections().to_vec(), total), Ok(seating));
        }
        for total in [0, 2, 5] {
            assert_eq!(Seating::restore(vec![section("A", 2, 2, 1)], total).unwrap_err().field, "total_seats");
        }
    }

    proptest! {
        #[test]
        fn every_seat_is_found_by_its_label(
            sizes in prop::collection::vec((1_u32..8, 1_u32..12), 1..5),
            short in 0_u32..12,
        ) {
            let section = |(i, &(rows, per_row))| section(&format!("S{i}"), rows, per_row, 1);
            let sections = sizes.iter().enumerate().map(section);
            let full = Seating::new(sections.collect()).unwrap();
            let last_row = sizes.last().unwrap().1;
            let total = full.total_seats() - short % last_row;
            let map = SeatMap::new(&Seating::restore(full.sections().to_vec(), i64::from(total)).unwrap());

            prop_assert_eq!(map.total_seats(), total);
            prop_assert!(map.rows().flatten().eq(0..total));
            for n in 0..total {
                prop_assert_eq!(map.find(&map.label(n)), Some(n));
                prop_assert!(map.rows().any(|row| row == map.row_of(n) && row.contains(&n)));
            }
        }
    }
}
