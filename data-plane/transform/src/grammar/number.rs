//! Decimal numbers as they are written in URLs, kept exactly so that equal values are equal.

use std::fmt;

/// One billionth: the resolution of [`Decimal`].
const SCALE: i64 = 1_000_000_000;

/// Largest whole part; larger numbers are cut to it, which is far beyond every limit of a picture.
const MAX_WHOLE: i64 = 999_999_999;

/// A signed decimal with nine places. `2`, `2.0` and `02.00` are the same number and print the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

impl Decimal {
    /// One.
    pub const ONE: Self = Self(SCALE);
    /// Nought.
    pub const ZERO: Self = Self(0);

    /// A whole number, cut to the range of the type.
    pub fn whole(value: i64) -> Self {
        Self(value.clamp(-MAX_WHOLE, MAX_WHOLE) * SCALE)
    }

    /// The nearest one of a finite number, cut to the range of the type.
    pub fn nearest(value: f64) -> Self {
        let bound = MAX_WHOLE as f64;
        // The cast saturates, and the bound keeps it far from that.
        Self((value.clamp(-bound, bound) * SCALE as f64).round() as i64)
    }

    /// Reads `12`, `-12`, `+12`, `1.5` or `.5`. Digits beyond the ninth place are dropped; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None if digits.is_empty() => return None,
            None => (digits, ""),
        };
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let whole = whole.bytes().fold(0, |sum: i64, byte| (sum * 10 + i64::from(byte - b'0')).min(MAX_WHOLE));
        let mut place = SCALE;
        let mut value = whole * SCALE;
        for byte in fraction.bytes().take(9) {
            place /= 10;
            value += i64::from(byte - b'0') * place;
        }
        Some(Self(if negative { -value } else { value }))
    }

    /// The product with a finite number. Multiplies before it divides, so that halves of whole pixels stay exact.
    pub fn times(self, factor: f64) -> f64 {
        self.0 as f64 * factor / SCALE as f64
    }

    /// The nearest `f64`.
    pub fn value(self) -> f64 {
        self.times(1.0)
    }

    /// The nearest whole number, halves up.
    pub fn rounded(self) -> i64 {
        (self.0 + SCALE / 2).div_euclid(SCALE)
    }

    /// Whether it is greater than nought.
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }
}

/// The shortest spelling: no leading or trailing noughts, no sign for nought.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let scale = SCALE.unsigned_abs();
        let fraction = format!("{:09}", magnitude % scale);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{fraction}", magnitude / scale)
    }
}
