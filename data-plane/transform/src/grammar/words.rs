//! Pieces of a value: what stands between two exclamation marks is one, whatever it holds.

/// The parts of a value between separators that do not stand within a `!literal!`.
pub(super) fn split(value: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut begin, mut is_literal) = (Vec::new(), 0, false);
    for (at, character) in value.char_indices() {
        if character == '!' {
            is_literal = !is_literal;
        } else if character == separator && !is_literal {
            parts.push(&value[begin..at]);
            begin = at + character.len_utf8();
        }
    }
    parts.push(&value[begin..]);
    parts
}

/// What a `!literal!` holds, if a value is one and nothing else.
pub(super) fn literal(value: &str) -> Option<&str> {
    let text = value.strip_prefix('!')?.strip_suffix('!')?;
    (!text.contains('!')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_not_split() {
        assert_eq!(split("a_!b_c!_in_tags", '_'), ["a", "!b_c!", "in", "tags"]);
        assert_eq!(split("", '_'), [""]);
        assert_eq!(split("!open_end", '_'), ["!open_end"]);
        assert_eq!(literal("!a b!"), Some("a b"));
        assert_eq!((literal("!!"), literal("!"), literal("!a!b!")), (Some(""), None, None));
    }
}
