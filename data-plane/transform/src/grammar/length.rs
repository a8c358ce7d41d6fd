//! Lengths: the values of `w_`, `h_`, `x_` and `y_`, arithmetic over the picture's own sizes included.

use std::fmt;

use super::expression::Expression;
use super::number::Decimal;
use super::predefined::Name;
use super::scope::{Kind, Number, Scope, Value};
use crate::refusal::Refusal;

/// Pixel counts are cut to this, so that no sum of them can overflow; every limit refuses it.
const MAX_PIXELS: i64 = 1_000_000_000_000;

/// The axis a length belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Left to right.
    Horizontal,
    /// Top to bottom.
    Vertical,
}

/// A length as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Length {
    /// Pixels, written without a decimal point. Multiplied by the device pixel ratio.
    Pixels(i64),
    /// A multiple of the current picture's side, written with a decimal point.
    Fraction(Decimal),
    /// Arithmetic over sizes, facts and variables.
    Expression(Expression),
}

impl Length {
    /// Reads a length; `parameter` is its name in refusals.
    ///
    /// # Errors
    /// Text that is neither a number nor an expression is invalid.
    pub fn parse(parameter: &str, value: &str, axis: Axis) -> Result<Self, Refusal> {
        if let Some(number) = Decimal::parse(value) {
            return Ok(if value.contains('.') { Self::Fraction(number) } else { Self::Pixels(pixels(value)) });
        }
        let own = match axis {
            Axis::Horizontal => Name::Width,
            Axis::Vertical => Name::Height,
        };
        Expression::parse(value, Some(own)).map(Self::Expression).ok_or_else(|| Refusal::invalid(parameter, value))
    }

    /// Reads the length of a side, which must be greater than nought.
    ///
    /// # Errors
    /// As [`Length::parse`]; nought and negative numbers are invalid.
    pub fn parse_side(parameter: &str, value: &str, axis: Axis) -> Result<Self, Refusal> {
        let length = Self::parse(parameter, value, axis)?;
        match &length {
            Self::Pixels(pixels) if *pixels < 1 => Err(Refusal::invalid(parameter, value)),
            Self::Fraction(fraction) if !fraction.is_positive() => Err(Refusal::invalid(parameter, value)),
            _ => Ok(length),
        }
    }

    /// The exact length in pixels. Always finite.
    ///
    /// # Errors
    /// As of expressions; one that comes to a text is invalid.
    pub fn resolve(&self, parameter: &str, axis: Axis, scope: &Scope<'_>) -> Result<f64, Refusal> {
        let share = |fraction: Decimal| {
            fraction.times(f64::from(match axis {
                Axis::Horizontal => scope.width,
                Axis::Vertical => scope.height,
            }))
        };
        match self {
            Self::Pixels(pixels) => Ok(scope.dpr.times(*pixels as f64)),
            Self::Fraction(fraction) => Ok(share(*fraction)),
            Self::Expression(expression) => {
                let value = expression.evaluate(scope).map_err(|refusal| refusal.of_value(parameter, expression))?;
                Ok(match value {
                    Value::Number(Number { value, kind: Kind::Count }) => scope.dpr.times(value),
                    Value::Number(Number { value, kind: Kind::Fraction }) => share(Decimal::nearest(value)),
                    Value::Number(Number { value, kind: Kind::Picture }) => value,
                    // A text of digits is read as it would be in this place.
                    Value::Text(text) => match Decimal::parse(&text) {
                        Some(number) if text.contains('.') => share(number),
                        Some(number) => scope.dpr.times(number.value()),
                        None => return Err(Refusal::invalid(parameter, text)),
                    },
                })
            }
        }
    }

    /// Whether it needs anything that is said of the asset by its owner.
    pub fn needs_facts(&self) -> bool {
        matches!(self, Self::Expression(expression) if expression.needs_facts())
    }
}

/// A fraction always keeps its decimal point: without it, it would be read as pixels.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixels(pixels) => write!(f, "{pixels}"),
            Self::Fraction(fraction) => {
                let text = fraction.to_string();
                let tail = if text.contains('.') { "" } else { ".0" };
                write!(f, "{text}{tail}")
            }
            Self::Expression(expression) => expression.fmt(f),
        }
    }
}

/// The whole number in the digits of `value`, which [`Decimal::parse`] has accepted, beyond that type's range.
fn pixels(value: &str) -> i64 {
    let digits = value.trim_start_matches(['-', '+']);
    let magnitude = digits.bytes().fold(0, |sum: i64, byte| (sum * 10 + i64::from(byte - b'0')).min(MAX_PIXELS));
    if value.starts_with('-') { -magnitude } else { magnitude }
}
