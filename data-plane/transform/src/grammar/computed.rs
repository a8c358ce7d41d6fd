//! Values that are known only when their component is reached: they hold variables or have to be calculated.

use std::fmt;

use super::expression::Expression;
use super::identifier::VariableName;
use super::number::Decimal;
use super::scope::{Scope, Value};
use super::words;
use crate::escape::encoded;
use crate::refusal::Refusal;

/// Arguments joined by colons, at least one of which has to be worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed(Vec<Argument>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Argument {
    /// As it stands.
    Text(String),
    /// What this comes to.
    Expression(Expression),
    /// Text with variables in it.
    Mixed(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(VariableName),
}

impl Computed {
    /// Reads a value that is none as it stands. `calculates` says whether its parameter takes arithmetic. Nothing where there is nothing to
    /// be worked out.
    pub fn parse(value: &str, calculates: bool) -> Option<Self> {
        if calculates
            && let Some(expression) = Expression::parse(value, None)
            && !expression.is_number()
        {
            return Some(Self(vec![Argument::Expression(expression)]));
        }
        let arguments: Vec<Argument> = words::split(value, ':')
            .into_iter()
            .map(|text| Argument::parse(text, calculates))
            .collect::<Option<_>>()?;
        let is_computed = arguments.iter().any(|argument| !matches!(argument, Argument::Text(_)));
        is_computed.then_some(Self(arguments))
    }

    /// The value here, as it would be written; numbers rounded where the parameter needs whole ones.
    ///
    /// # Errors
    /// As of expressions.
    pub fn resolve(&self, scope: &Scope<'_>, is_whole: bool) -> Result<String, Refusal> {
        let texts: Vec<String> =
            self.0.iter().map(|argument| argument.resolve(scope, is_whole)).collect::<Result<_, _>>()?;
        Ok(texts.join(":"))
    }

    /// Whether it needs anything that is said of the asset by its owner.
    pub fn needs_facts(&self) -> bool {
        self.0.iter().any(|argument| matches!(argument, Argument::Expression(expression) if expression.needs_facts()))
    }
}

impl fmt::Display for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, argument) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{argument}")?;
        }
        Ok(())
    }
}

impl Argument {
    fn parse(text: &str, calculates: bool) -> Option<Self> {
        if let Some(expression) = Expression::parse(text, None)
            && !expression.is_number()
            && (calculates || expression.as_variable().is_some())
        {
            return Some(Self::Expression(expression));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let length = VariableName::length_in(&rest[at + 1..]);
            let name = VariableName::parse(&rest[at + 1..][..length])?;
            if at > 0 {
                pieces.push(Piece::Text(rest[..at].to_owned()));
            }
            pieces.push(Piece::Variable(name));
            rest = &rest[at + 1 + length..];
        }
        if pieces.is_empty() {
            return Some(Self::Text(text.to_owned()));
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Some(Self::Mixed(pieces))
    }

    fn resolve(&self, scope: &Scope<'_>, is_whole: bool) -> Result<String, Refusal> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Expression(expression) => Ok(match expression.evaluate(scope)? {
                Value::Number(number) if is_whole => Decimal::nearest(number.value).rounded().to_string(),
                value => value.text(),
            }),
            Self::Mixed(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => Ok(text.clone()),
                    Piece::Variable(name) => Ok(scope.variable(name)?.text()),
                })
                .collect(),
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", encoded(text)),
            Self::Expression(expression) => expression.fmt(f),
            Self::Mixed(pieces) => pieces.iter().try_for_each(|piece| match piece {
                Piece::Text(text) => write!(f, "{}", encoded(text)),
                Piece::Variable(name) => write!(f, "${name}"),
            }),
        }
    }
}
