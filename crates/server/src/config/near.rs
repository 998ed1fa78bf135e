//! Names that look like another name: what somebody meant who has slipped.

/// The known name that is so few slips away, if there is one: with more of them it is another word.
pub(super) fn nearest<'a>(word: &str, slips_max: usize, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.map(|name| (slips(word, name), name)).filter(|(slips, _)| *slips <= slips_max).min().map(|(_, name)| name)
}

/// Letters left out, added, changed or swapped with their neighbour: the optimal string alignment distance.
fn slips(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let mut least =
                (last[column] + usize::from(letter != wanted)).min(last[column + 1] + 1).min(next[column] + 1);
            let swapped = row > 0 && column > 0 && *letter == other[column - 1] && one[row - 1] == *wanted;
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        let cases =
            [("", "", 0), ("abc", "", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("ab", "xab", 1)];
        for (one, other, expected) in cases {
            assert_eq!((slips(one, other), slips(other, one)), (expected, expected), "{one} {other}");
        }
        assert_eq!(slips("http_adr", "http_addr"), 1);
        assert_eq!(slips("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["http_addr", "limits", "lab"];
        assert_eq!(nearest("htpt_addr", 2, known.into_iter()), Some("http_addr"));
        assert_eq!(nearest("limit", 2, known.into_iter()), Some("limits"));
        assert_eq!(nearest("colour", 2, known.into_iter()), None);
    }
}
