//! Byte ranges: one range, or the whole.

use std::ops::Range;

/// What a `Range` header asks for of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Everything: no header, several ranges, another unit, or nonsense.
    Whole,
    /// This part, which lies inside.
    Part(Range<u64>),
    /// Nothing that lies inside.
    Outside,
}

/// Reads a `Range` header for a body of `length` bytes.
pub fn asked(header: Option<&str>, length: u64) -> Asked {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Asked::Whole;
    };
    if last.contains(',') {
        return Asked::Whole;
    }
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.is_empty() => first..length,
        (Err(_), Ok(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return Asked::Whole,
    };
    if range.start >= length || range.is_empty() { Asked::Outside } else { Asked::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let cases = [
            (None, Asked::Whole),
            (Some("bytes=0-0"), Asked::Part(0..1)),
            (Some("bytes=2-"), Asked::Part(2..10)),
            (Some("bytes=-3"), Asked::Part(7..10)),
            (Some("bytes=-30"), Asked::Part(0..10)),
            (Some("bytes=5-99"), Asked::Part(5..10)),
            (Some("bytes=10-"), Asked::Outside),
            (Some("bytes=10-20"), Asked::Outside),
            (Some("bytes=-0"), Asked::Outside),
            (Some("bytes=5-2"), Asked::Whole),
            (Some("bytes=0-1,3-4"), Asked::Whole),
            (Some("bytes=x-y"), Asked::Whole),
            (Some("items=0-1"), Asked::Whole),
            (Some("bytes=0-18446744073709551615"), Asked::Part(0..10)),
        ];
        for (header, expected) in cases {
            assert_eq!(asked(header, 10), expected, "{header:?}");
        }
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::Outside);
    }
}
