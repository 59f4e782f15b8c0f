//! What a misspelt word was probably meant to be.

/// Longest word that is compared: known ones are shorter.
const CHARACTERS_MAX: usize = 40;

/// The known word nearest to `word`, if it is near enough to be meant: at most a third of its letters differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > CHARACTERS_MAX {
        return None;
    }
    let room = length.div_ceil(3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= room)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to add, drop, change or swap with their neighbour to get from one word to the other; a change of case is none.
fn distance(left: &str, right: &str) -> usize {
    let letters = |word: &str| word.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (left, right) = (letters(left), letters(right));
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                let best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let is_swap =
                    i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                if is_swap { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_meant() {
        let check = |word: &str, expect: Option<&str>| {
            let known = ["duration", "name", "statusMessage", "status", "count_over_time", "rate"];
            assert_eq!(nearest(word, known), expect, "{word}");
        };
        check("duraton", Some("duration"));
        check("Duration", Some("duration"));
        check("statsu", Some("status"));
        check("statusmesage", Some("statusMessage"));
        check("count_overtime", Some("count_over_time"));
        check("rat", Some("rate"));
        check("foo", None);
        check("", None);
        check(&"rate".repeat(50_000), None);
    }
}
