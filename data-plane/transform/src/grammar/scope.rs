//! What the text of a component is read against when the component is reached.

use super::identifier::VariableName;
use super::number::Decimal;
use super::predefined::Name;
use crate::facts::Facts;
use crate::refusal::Refusal;

/// The picture as it is, the original, what is said of the asset, and the variables. All sizes in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Width of the picture that enters the component.
    pub width: u32,
    /// Height of the picture that enters the component.
    pub height: u32,
    /// Width of the original.
    pub initial_width: u32,
    /// Height of the original.
    pub initial_height: u32,
    /// Pages of the original.
    pub pages: u32,
    /// The page that is taken, counted from one.
    pub page: u32,
    /// Device pixel ratio.
    pub dpr: Decimal,
    /// What is said of the asset.
    pub facts: &'a Facts<'a>,
    /// What variables hold.
    pub variables: &'a Variables,
}

impl Scope<'_> {
    /// A predefined value.
    ///
    /// # Errors
    /// What is not known without looking at pixels, or of a picture, is not built.
    pub fn named(&self, name: Name) -> Result<f64, Refusal> {
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let (initial_width, initial_height) = (f64::from(self.initial_width), f64::from(self.initial_height));
        Ok(match name {
            Name::Width => width,
            Name::Height => height,
            Name::Ratio => width / height,
            Name::InitialWidth => initial_width,
            Name::InitialHeight => initial_height,
            Name::InitialRatio => initial_width / initial_height,
            Name::Faces => self.facts.faces.len() as f64,
            Name::Pages => f64::from(self.pages),
            Name::Page => f64::from(self.page),
            Name::TrimmedRatio
            | Name::Duration
            | Name::InitialDuration
            | Name::LayerX
            | Name::LayerY
            | Name::Illustration
            | Name::InitialDensity
            | Name::InitialFrequency => return Err(Refusal::not_built(name.word())),
        })
    }

    /// What a variable holds.
    ///
    /// # Errors
    /// A variable that was not set is invalid.
    pub fn variable(&self, name: &VariableName) -> Result<&Value, Refusal> {
        self.variables.get(name).ok_or_else(|| Refusal::invalid("variable", format_args!("${name} is not set")))
    }
}

/// What variables hold at a point of a chain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variables(Vec<(VariableName, Value)>);

impl Variables {
    /// What one holds.
    pub fn get(&self, name: &VariableName) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Sets one.
    pub fn set(&mut self, name: &VariableName, value: Value) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, held)) => *held = value,
            None => self.0.push((name.clone(), value)),
        }
    }
}

/// What a variable holds, or an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(Number),
    /// A text; a list is one whose parts are joined by colons.
    Text(String),
}

/// A number, and what it is good for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    /// The number; finite.
    pub value: f64,
    /// What it is good for.
    pub kind: Kind,
}

/// What a number is good for, as a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A count of pixels, which the device pixel ratio multiplies.
    Count,
    /// A share of a side: it was written with a decimal point.
    Fraction,
    /// Pixels that come of a picture's own size, which nothing multiplies.
    Picture,
}

impl Kind {
    /// What a calculation with both is good for.
    pub fn with(self, other: Self) -> Self {
        if self == Self::Picture || other == Self::Picture { Self::Picture } else { Self::Count }
    }
}

impl Value {
    /// The number that it is. A text of digits is one, and nothing is nought.
    ///
    /// # Errors
    /// Another text is invalid; `within` says where it stands.
    pub fn number(&self, within: impl FnOnce() -> String) -> Result<Number, Refusal> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) if text.is_empty() => Ok(Number { value: 0.0, kind: Kind::Count }),
            Self::Text(text) => Decimal::parse(text)
                .map(|number| Number { value: number.value(), kind: Kind::Count })
                .ok_or_else(|| Refusal::invalid("expression", format_args!("{}: `{text}` is not a number", within()))),
        }
    }

    /// How it stands in the place of what mentions it.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(Number { value, kind }) => {
                let text = Decimal::nearest(*value).to_string();
                let is_whole = !text.contains('.');
                if *kind == Kind::Fraction && is_whole { format!("{text}.0") } else { text }
            }
        }
    }
}
