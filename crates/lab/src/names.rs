//! The nearest right name for a wrong one, so that a refusal can suggest it.

/// A name further than this from what was typed is a guess, not a suggestion.
const FURTHEST_SUGGESTION: usize = 4;

/// The candidate with the smallest edit distance, if any is near.
pub(crate) fn closest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(typed, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= FURTHEST_SUGGESTION)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in bytes, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_near_and_nonsense_is_not() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(closest("jion", ["join", "status"].into_iter()), Some("join"));
        assert_eq!(closest("zzzzzzzzzz", ["join", "status"].into_iter()), None);
    }
}
