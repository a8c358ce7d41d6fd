//! Conditions: `if_w_gt_300_and_!sale!_in_tags`, `if_else` and `if_end`.

use std::fmt;

use super::expression::Expression;
use super::number::Decimal;
use super::scope::{Scope, Value};
use super::words;
use crate::escape::encoded_literal;
use crate::refusal::Refusal;

/// What `if_` says in a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Branch {
    /// What follows is carried out where this holds.
    If(Condition),
    /// What follows is carried out where what was asked before did not hold.
    Else,
    /// Here it ends.
    End,
}

/// Comparisons joined by `and` and `or`, of which `and` binds tighter: any of the lists, all of which hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(Vec<Vec<Comparison>>);

/// Two operands and how they are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    left: Side,
    relation: Relation,
    right: Side,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Side {
    /// A number, a predefined value, a variable, or what is calculated of them.
    Expression(Expression),
    /// `!text!`; a list is one with colons in it.
    Text(String),
    /// `3:4`
    Ratio(Decimal, Decimal),
    /// `tags`
    Tags,
    /// `pgnames`: the names of a layered picture's layers.
    PageNames,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    In,
    NotIn,
}

impl Branch {
    /// Reads the value of `if_`.
    ///
    /// # Errors
    /// What is no condition is invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        match value {
            "else" => Ok(Self::Else),
            "end" => Ok(Self::End),
            _ => Condition::parse(value).map(Self::If).ok_or_else(|| Refusal::invalid("condition", value)),
        }
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::If(condition) => condition.fmt(f),
            Self::Else => f.write_str("else"),
            Self::End => f.write_str("end"),
        }
    }
}

impl Condition {
    fn parse(value: &str) -> Option<Self> {
        let mut any = vec![Vec::new()];
        let words = words::split(value, '_');
        let mut rest = words.as_slice();
        loop {
            let relation = rest.iter().position(|word| Relation::parse(word).is_some())?;
            let left = Side::parse(&rest[..relation].join("_"))?;
            let end = rest[relation + 1..].iter().position(|word| matches!(*word, "and" | "or"));
            let end = end.map_or(rest.len(), |end| relation + 1 + end);
            let right = Side::parse(&rest[relation + 1..end].join("_"))?;
            any.last_mut()?.push(Comparison { left, relation: Relation::parse(rest[relation])?, right });
            match rest.get(end) {
                None => return Some(Self(any)),
                Some(&"or") => any.push(Vec::new()),
                Some(_) => {}
            }
            rest = &rest[end + 1..];
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// As of expressions; lists of pages are not built.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Refusal> {
        for all in &self.0 {
            let mut holds = true;
            for comparison in all {
                holds = comparison.holds(scope)?;
                if !holds {
                    break;
                }
            }
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether it needs anything that is said of the asset by its owner.
    pub fn needs_facts(&self) -> bool {
        let needs = |side: &Side| match side {
            Side::Tags => true,
            Side::Expression(expression) => expression.needs_facts(),
            Side::Text(_) | Side::Ratio(..) | Side::PageNames => false,
        };
        self.0.iter().flatten().any(|comparison| needs(&comparison.left) || needs(&comparison.right))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, all) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "_or_" })?;
            for (index, Comparison { left, relation, right }) in all.iter().enumerate() {
                let and = if index == 0 { "" } else { "_and_" };
                write!(f, "{and}{left}_{}_{right}", relation.word())?;
            }
        }
        Ok(())
    }
}

impl Comparison {
    fn holds(&self, scope: &Scope<'_>) -> Result<bool, Refusal> {
        if matches!(self.relation, Relation::In | Relation::NotIn) {
            let wanted = self.left.list(scope)?;
            let there = self.right.list(scope)?;
            // `in` asks for all, `nin` for none.
            return Ok(match self.relation {
                Relation::In => wanted.iter().all(|one| there.contains(one)),
                _ => !wanted.iter().any(|one| there.contains(one)),
            });
        }
        let (left, right) = (self.left.value(scope)?, self.right.value(scope)?);
        // Texts that are written out are compared as they stand, and so is what is no number.
        let is_text = |side: &Side, value: &Value| {
            matches!(side, Side::Text(_) | Side::Tags) || value.number(String::new).is_err()
        };
        if matches!(self.relation, Relation::Equal | Relation::Unequal)
            && (is_text(&self.left, &left) || is_text(&self.right, &right))
        {
            return Ok((left.text() == right.text()) == (self.relation == Relation::Equal));
        }
        let within = || format!("{}_{}_{}", self.left, self.relation.word(), self.right);
        let (left, right) = (left.number(within)?.value, right.number(within)?.value);
        Ok(match self.relation {
            Relation::Equal => left == right,
            Relation::Unequal => left != right,
            Relation::Less => left < right,
            Relation::Greater => left > right,
            Relation::LessOrEqual => left <= right,
            Relation::GreaterOrEqual | Relation::In | Relation::NotIn => left >= right,
        })
    }
}

impl Side {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "tags" => return Some(Self::Tags),
            "pgnames" => return Some(Self::PageNames),
            _ => {}
        }
        if let Some(text) = words::literal(text) {
            return Some(Self::Text(text.to_owned()));
        }
        if let Some(expression) = Expression::parse(text, None) {
            return Some(Self::Expression(expression));
        }
        let (width, height) = text.split_once(':')?;
        let positive = |text: &str| Decimal::parse(text).filter(|number| number.is_positive());
        Some(Self::Ratio(positive(width)?, positive(height)?))
    }

    fn value(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        use super::scope::{Kind, Number};
        Ok(match self {
            Self::Expression(expression) => expression.evaluate(scope)?,
            Self::Text(text) => Value::Text(text.clone()),
            Self::Ratio(width, height) => {
                Value::Number(Number { value: width.value() / height.value(), kind: Kind::Count })
            }
            Self::Tags => Value::Text(scope.facts.tags.join(":")),
            Self::PageNames => return Err(Refusal::not_built("pgnames")),
        })
    }

    fn list(&self, scope: &Scope<'_>) -> Result<Vec<String>, Refusal> {
        if let Self::Tags = self {
            return Ok(scope.facts.tags.to_vec());
        }
        let text = self.value(scope)?.text();
        Ok(text.split(':').filter(|one| !one.is_empty()).map(str::to_owned).collect())
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(expression) => expression.fmt(f),
            Self::Text(text) => write!(f, "!{}!", encoded_literal(text)),
            Self::Ratio(width, height) => write!(f, "{width}:{height}"),
            Self::Tags => f.write_str("tags"),
            Self::PageNames => f.write_str("pgnames"),
        }
    }
}

impl Relation {
    #[rustfmt::skip]
    const ALL: [(&'static str, Self); 8] = [
        ("eq", Self::Equal), ("ne", Self::Unequal), ("lt", Self::Less), ("gt", Self::Greater), ("lte", Self::LessOrEqual),
        ("gte", Self::GreaterOrEqual), ("in", Self::In), ("nin", Self::NotIn),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, relation)| *relation)
    }

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, relation)| *relation == self).map_or("", |(word, _)| word)
    }
}
