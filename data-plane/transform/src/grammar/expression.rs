//! Arithmetic over sizes, facts of the asset and variables.

use std::fmt;

use super::identifier::VariableName;
use super::number::Decimal;
use super::predefined::Name;
use super::scope::{Kind, Number, Scope, Value};
use super::words;
use crate::escape::encoded_literal;
use crate::refusal::Refusal;

/// Operands joined by operators, `pow` binding tighter than `mul div mod`, those tighter than `add sub`, equals from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    first: Operand,
    rest: Vec<(Operator, Operand)>,
}

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Number(Decimal),
    Named(Name),
    Variable(VariableName),
    /// `ctx:!key!`
    Context(String),
    /// `md:!external_id!`
    Metadata(String),
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
    /// Reads an expression, or nothing where there is none. One that begins with an operator takes `own` as its left operand: the
    /// parameter's current value.
    pub fn parse(value: &str, own: Option<Name>) -> Option<Self> {
        let mut words = words::split(value, '_').into_iter().peekable();
        let first = match (words.peek(), own) {
            (Some(word), Some(own)) if Operator::parse(word).is_some() => Operand::Named(own),
            _ => Operand::parse(words.next()?)?,
        };
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            rest.push((Operator::parse(word)?, Operand::parse(words.next()?)?));
        }
        Some(Self { first, rest })
    }

    /// Whether it is a number as it stands.
    pub fn is_number(&self) -> bool {
        self.rest.is_empty() && matches!(self.first, Operand::Number(_))
    }

    /// The variable that it is, if it is one and nothing else.
    pub fn as_variable(&self) -> Option<&VariableName> {
        match &self.first {
            Operand::Variable(name) if self.rest.is_empty() => Some(name),
            _ => None,
        }
    }

    /// Whether it needs anything that is said of the asset by its owner.
    pub fn needs_facts(&self) -> bool {
        self.operands()
            .any(|operand| matches!(operand, Operand::Context(_) | Operand::Metadata(_) | Operand::Named(Name::Faces)))
    }

    /// What it comes to: a number, or the text that its one operand is.
    ///
    /// # Errors
    /// Unknown variables, a division by nought and results that are not finite are invalid; values that are not known here are not built.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        if self.rest.is_empty() {
            return self.first.value(scope);
        }
        let number = |operand: &Operand| operand.value(scope)?.number(|| self.to_string());
        let first = number(&self.first)?;
        let (mut values, mut kind) = (vec![first.value], first.kind);
        let mut operators: Vec<Operator> = Vec::new();
        let invalid = || Refusal::invalid("expression", self);
        for (operator, operand) in &self.rest {
            while let Some(top) = operators.pop_if(|top| top.precedence() >= operator.precedence()) {
                apply(top, &mut values).ok_or_else(invalid)?;
            }
            operators.push(*operator);
            let next = number(operand)?;
            values.push(next.value);
            kind = kind.with(next.kind);
        }
        while let Some(top) = operators.pop() {
            apply(top, &mut values).ok_or_else(invalid)?;
        }
        let value = values.pop().filter(|value| value.is_finite()).ok_or_else(invalid)?;
        // What was calculated is a count, however it was written.
        let kind = if kind == Kind::Fraction { Kind::Count } else { kind };
        Ok(Value::Number(Number { value, kind }))
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
    fn parse(word: &str) -> Option<Self> {
        if let Some(name) = word.strip_prefix('$') {
            return VariableName::parse(name).map(Self::Variable);
        }
        if let Some(key) = word.strip_prefix("ctx:") {
            return words::literal(key).map(|key| Self::Context(key.to_owned()));
        }
        if let Some(key) = word.strip_prefix("md:") {
            return words::literal(key).map(|key| Self::Metadata(key.to_owned()));
        }
        match Name::parse(word) {
            Some(name) => Some(Self::Named(name)),
            None => Decimal::parse(word).map(Self::Number),
        }
    }

    fn value(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        Ok(match self {
            Self::Number(number) => Value::Number(Number { value: number.value(), kind: Kind::Count }),
            Self::Named(name) => Value::Number(Number {
                value: scope.named(*name)?,
                kind: if name.is_count() { Kind::Count } else { Kind::Picture },
            }),
            Self::Variable(name) => scope.variable(name)?.clone(),
            Self::Context(key) => Value::Text(scope.facts.context(key)),
            Self::Metadata(key) => Value::Text(scope.facts.metadata(key)),
        })
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Named(name) => f.write_str(name.word()),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Context(key) => write!(f, "ctx:!{}!", encoded_literal(key)),
            Self::Metadata(key) => write!(f, "md:!{}!", encoded_literal(key)),
        }
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
