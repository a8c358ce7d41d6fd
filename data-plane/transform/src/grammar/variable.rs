//! Variables: `$name_value`.

use std::fmt;

use super::expression::Expression;
use super::identifier::VariableName;
use super::number::Decimal;
use super::scope::{Kind, Number, Scope, Value};
use super::words;
use crate::escape::encoded_literal;
use crate::refusal::Refusal;

/// What is written of a variable in a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its name.
    pub name: VariableName,
    /// What it is set to; nothing where it is only mentioned.
    pub value: Option<Assigned>,
}

/// What a variable is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// A number as it stands; with a decimal point it is a share of a side wherever it is used as a length.
    Number {
        /// The number.
        number: Decimal,
        /// Whether it is written with a decimal point.
        is_fraction: bool,
        /// What it is converted to.
        conversion: Option<Conversion>,
    },
    /// What an expression comes to.
    Expression(Expression, Option<Conversion>),
    /// `!text!`; a list is one with colons in it.
    Text(String, Option<Conversion>),
    /// `ref:!public_id!`: another picture.
    Reference(String),
    /// `current`: the picture as it is.
    Current,
}

/// What a value is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// `_to_i`: a whole number.
    Whole,
    /// `_to_f`: a number with a fraction.
    Fraction,
}

impl Conversion {
    fn suffix(conversion: Option<Self>) -> &'static str {
        match conversion {
            None => "",
            Some(Self::Whole) => "_to_i",
            Some(Self::Fraction) => "_to_f",
        }
    }
}

impl Assignment {
    /// Reads an item without its dollar sign, percent-decoded.
    ///
    /// # Errors
    /// A name that is none and a value that is none are invalid.
    pub fn parse(item: &str) -> Result<Self, Refusal> {
        let invalid = || Refusal::invalid("variable", format_args!("${item}"));
        let (name, value) = match item.split_once('_') {
            Some((name, value)) => (name, Some(value)),
            None => (item, None),
        };
        let name = VariableName::parse(name).ok_or_else(invalid)?;
        let value = value.map(|value| Assigned::parse(value).ok_or_else(invalid)).transpose()?;
        Ok(Self { name, value })
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.name)?;
        self.value.iter().try_for_each(|value| write!(f, "_{value}"))
    }
}

impl Assigned {
    fn parse(value: &str) -> Option<Self> {
        if value == "current" {
            return Some(Self::Current);
        }
        if let Some(id) = value.strip_prefix("ref:") {
            return words::literal(id).filter(|id| !id.is_empty()).map(|id| Self::Reference(id.to_owned()));
        }
        let (value, conversion) = match (value.strip_suffix("_to_i"), value.strip_suffix("_to_f")) {
            (Some(value), _) => (value, Some(Conversion::Whole)),
            (_, Some(value)) => (value, Some(Conversion::Fraction)),
            _ => (value, None),
        };
        if let Some(text) = words::literal(value) {
            return Some(Self::Text(text.to_owned(), conversion));
        }
        if let Some(number) = Decimal::parse(value) {
            return Some(Self::Number { number, is_fraction: value.contains('.'), conversion });
        }
        Expression::parse(value, None).map(|expression| Self::Expression(expression, conversion))
    }

    /// What a variable holds that is set to this here.
    ///
    /// # Errors
    /// As of expressions; a text that is no number cannot be converted to one. Pictures in variables are not built.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        let (value, conversion) = match self {
            Self::Number { number, is_fraction, conversion } => {
                let kind = if *is_fraction { Kind::Fraction } else { Kind::Count };
                (Value::Number(Number { value: number.value(), kind }), conversion)
            }
            Self::Expression(expression, conversion) => (expression.evaluate(scope)?, conversion),
            Self::Text(text, conversion) => (Value::Text(text.clone()), conversion),
            Self::Reference(_) | Self::Current => {
                return Err(Refusal::not_built(format_args!("A picture in a variable ({self})")));
            }
        };
        let Some(conversion) = conversion else { return Ok(value) };
        let Number { value, kind } = value.number(|| self.to_string())?;
        Ok(Value::Number(match conversion {
            Conversion::Whole => {
                Number { value: value.trunc(), kind: if kind == Kind::Fraction { Kind::Count } else { kind } }
            }
            Conversion::Fraction => Number { value, kind: Kind::Fraction },
        }))
    }

    /// Whether it needs anything that is said of the asset by its owner.
    pub fn needs_facts(&self) -> bool {
        matches!(self, Self::Expression(expression, _) if expression.needs_facts())
    }
}

impl fmt::Display for Assigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { number, is_fraction, conversion } => {
                let text = number.to_string();
                let point = if *is_fraction && !text.contains('.') { ".0" } else { "" };
                write!(f, "{text}{point}{}", Conversion::suffix(*conversion))
            }
            Self::Expression(expression, conversion) => write!(f, "{expression}{}", Conversion::suffix(*conversion)),
            Self::Text(text, conversion) => {
                write!(f, "!{}!{}", encoded_literal(text), Conversion::suffix(*conversion))
            }
            Self::Reference(id) => write!(f, "ref:!{}!", encoded_literal(id)),
            Self::Current => f.write_str("current"),
        }
    }
}
