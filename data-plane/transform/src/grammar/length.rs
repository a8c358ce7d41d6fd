//! Lengths: the values of `w_`, `h_`, `x_` and `y_`, arithmetic over the picture's own sizes included.

use std::fmt;

use super::number::Decimal;
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
    /// Arithmetic over current and original sizes.
    Expression(Expression),
}

/// What lengths are relative to when a component is reached. All sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scope {
    /// Width of the picture that enters the component.
    pub width: u32,
    /// Height of the picture that enters the component.
    pub height: u32,
    /// Width of the original.
    pub initial_width: u32,
    /// Height of the original.
    pub initial_height: u32,
    /// Device pixel ratio.
    pub dpr: Decimal,
}

impl Length {
    /// Reads a length; `parameter` is its name in refusals.
    ///
    /// # Errors
    /// Text that is neither a number nor an expression is invalid; variables are not built.
    pub fn parse(parameter: &str, value: &str, axis: Axis) -> Result<Self, Refusal> {
        if let Some(number) = Decimal::parse(value) {
            return Ok(if value.contains('.') { Self::Fraction(number) } else { Self::Pixels(pixels(value)) });
        }
        Expression::parse(parameter, value, axis).map(Self::Expression)
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
    /// A division by nought and a result that is not finite are invalid.
    pub fn resolve(&self, parameter: &str, axis: Axis, scope: &Scope) -> Result<f64, Refusal> {
        match self {
            Self::Pixels(pixels) => Ok(scope.dpr.times(*pixels as f64)),
            Self::Fraction(fraction) => Ok(fraction.times(f64::from(match axis {
                Axis::Horizontal => scope.width,
                Axis::Vertical => scope.height,
            }))),
            Self::Expression(expression) => expression
                .evaluate(scope)
                .filter(|value| value.is_finite())
                .ok_or_else(|| Refusal::invalid(parameter, expression)),
        }
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

/// Arithmetic: operands joined by operators, `pow` binding tighter than `mul div mod`, those tighter than `add sub`, equals
/// from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    first: Operand,
    rest: Vec<(Operator, Operand)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    Number(Decimal),
    Named(Name),
}

/// Predefined values that are known without pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Width,
    Height,
    Ratio,
    InitialWidth,
    InitialHeight,
    InitialRatio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

impl Expression {
    /// Reads an expression. One that begins with an operator takes the axis' own current size as its left operand.
    ///
    /// # Errors
    /// Variables and predefined values that need more than sizes are not built; anything else that is no expression is
    /// invalid.
    pub fn parse(parameter: &str, value: &str, axis: Axis) -> Result<Self, Refusal> {
        let invalid = || Refusal::invalid(parameter, value);
        let mut words = value.split('_').peekable();
        let first = match words.peek() {
            Some(word) if Operator::parse(word).is_some() => Operand::Named(match axis {
                Axis::Horizontal => Name::Width,
                Axis::Vertical => Name::Height,
            }),
            _ => Operand::parse(words.next().unwrap_or_default())?.ok_or_else(invalid)?,
        };
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            let operator = Operator::parse(word).ok_or_else(invalid)?;
            let operand = Operand::parse(words.next().ok_or_else(invalid)?)?.ok_or_else(invalid)?;
            rest.push((operator, operand));
        }
        Ok(Self { first, rest })
    }

    /// The value in `f64`, or `None` after a division by nought. An expression of plain numbers is a pixel count like any
    /// other and is multiplied by the device pixel ratio; one over sizes of the picture is not.
    fn evaluate(&self, scope: &Scope) -> Option<f64> {
        let mut values = vec![self.first.value(scope)];
        let mut operators: Vec<Operator> = Vec::new();
        for (operator, operand) in &self.rest {
            while let Some(top) = operators.pop_if(|top| top.precedence() >= operator.precedence()) {
                apply(top, &mut values)?;
            }
            operators.push(*operator);
            values.push(operand.value(scope));
        }
        while let Some(top) = operators.pop() {
            apply(top, &mut values)?;
        }
        let value = values.pop()?;
        let constant = !self.operands().any(|operand| matches!(operand, Operand::Named(_)));
        Some(if constant { scope.dpr.times(value) } else { value })
    }

    fn operands(&self) -> impl Iterator<Item = &Operand> {
        std::iter::once(&self.first).chain(self.rest.iter().map(|(_, operand)| operand))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.rest.iter().try_for_each(|(operator, operand)| write!(f, "_{}_{operand}", operator.word()))
    }
}

impl Operand {
    fn parse(word: &str) -> Result<Option<Self>, Refusal> {
        let name = match word {
            "w" => Name::Width,
            "h" => Name::Height,
            "ar" => Name::Ratio,
            "iw" | "ow" => Name::InitialWidth,
            "ih" | "oh" => Name::InitialHeight,
            "iar" => Name::InitialRatio,
            "tar" | "du" | "idu" | "fc" | "pc" | "cp" | "px" | "py" | "ils" | "tags" | "idn" | "iaf" => {
                return Err(Refusal::not_built(word));
            }
            _ if word.starts_with('$') || word.starts_with("ctx:") || word.starts_with("md:") => {
                return Err(Refusal::not_built(word));
            }
            _ => return Ok(Decimal::parse(word).map(Self::Number)),
        };
        Ok(Some(Self::Named(name)))
    }

    fn value(self, scope: &Scope) -> f64 {
        let (width, height) = (f64::from(scope.width), f64::from(scope.height));
        let (initial_width, initial_height) = (f64::from(scope.initial_width), f64::from(scope.initial_height));
        match self {
            Self::Number(number) => number.value(),
            Self::Named(Name::Width) => width,
            Self::Named(Name::Height) => height,
            Self::Named(Name::Ratio) => width / height,
            Self::Named(Name::InitialWidth) => initial_width,
            Self::Named(Name::InitialHeight) => initial_height,
            Self::Named(Name::InitialRatio) => initial_width / initial_height,
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number(number) => return number.fmt(f),
            Self::Named(Name::Width) => "w",
            Self::Named(Name::Height) => "h",
            Self::Named(Name::Ratio) => "ar",
            Self::Named(Name::InitialWidth) => "iw",
            Self::Named(Name::InitialHeight) => "ih",
            Self::Named(Name::InitialRatio) => "iar",
        })
    }
}

impl Operator {
    const ALL: [Self; 6] = [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::Modulo, Self::Power];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "sub",
            Self::Multiply => "mul",
            Self::Divide => "div",
            Self::Modulo => "mod",
            Self::Power => "pow",
        }
    }

    fn precedence(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 0,
            Self::Multiply | Self::Divide | Self::Modulo => 1,
            Self::Power => 2,
        }
    }
}

/// Replaces the two topmost values by the operator's result; `None` after a division by nought.
fn apply(operator: Operator, values: &mut Vec<f64>) -> Option<()> {
    let right = values.pop()?;
    let left = values.pop()?;
    values.push(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right != 0.0 => left / right,
        Operator::Modulo if right != 0.0 => left % right,
        Operator::Divide | Operator::Modulo => return None,
        Operator::Power => left.powf(right),
    });
    Some(())
}
