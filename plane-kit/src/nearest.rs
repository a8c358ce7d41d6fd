//! The known word that looks most like an unknown one, for errors that help.

/// The known word with the smallest edit distance, if it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.into_iter().map(|name| (distance(word, name), name)).min()?;
    (best.0 <= word.len().max(4) / 2).then_some(best.1)
}

/// How many characters have to be changed, added or left out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_one_that_can_be_meant() {
        let known = ["upload_presets", "transformations", "usage"];
        assert_eq!(nearest("upload_preset", known), Some("upload_presets"));
        assert_eq!(nearest("usge", known), Some("usage"));
        assert_eq!(nearest("zzzzzzzz", known), None);
    }
}
