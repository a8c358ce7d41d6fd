//! The effects of `e_`: one row per effect says how its arguments are written, which ranges they have, and which step it becomes. A further
//! effect that is carried out is one more step in its row and one more test vector.

mod table;
mod tone;

use std::fmt;

use crate::colour::print_bare;
use crate::escape::encoded;
use crate::grammar::number::Decimal;
use crate::plan::{Colour, Mix, Step};
use crate::refusal::Refusal;

pub use table::EFFECTS;

/// One effect: its name in the URL, its arguments and its meaning.
#[derive(Debug)]
pub struct EffectRow {
    /// The name behind `e_`.
    pub name: &'static str,
    /// How common it is: 1 is in almost every integration, 3 is rare.
    pub tier: u8,
    /// How its arguments are written.
    pub form: Form,
    /// What carries it out, or what it is refused by.
    pub built: Built,
}

/// How arguments are written, joined by colons.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// There are none.
    Nothing,
    /// One number, which is always printed.
    Strength(Range),
    /// Some, in this order; those at the end may be left out.
    Slots(&'static [Slot]),
    /// As it says itself; what is read is kept as it is.
    Free,
}

/// A number. Smaller and larger ones are clamped, because live URLs contain them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
    /// The value when the URL gives none.
    pub default: i64,
}

/// One argument.
#[derive(Debug, Clone, Copy)]
pub enum Slot {
    /// A number.
    Number(Range),
    /// A colour, its digits with or without `rgb:`.
    Colour,
    /// One of these words. Where another stands, the argument was left out and the next one is meant.
    Word(&'static [&'static str]),
}

/// Whether an effect is carried out.
#[derive(Debug, Clone, Copy)]
pub enum Built {
    /// By the step for its number, which is nought where it takes none.
    Step(fn(i64) -> Step),
    /// By a mix of the channels, for its number and the colour of `co_`.
    Mix(fn(i64, Colour) -> Mix),
    /// Not yet.
    Later,
    /// Only by a trained model, and there is none.
    Model,
    /// Only by a service of others.
    Service,
    /// It is of sound and moving pictures.
    Video,
}

/// The colour where `co_` says none.
const GREY: Colour = Colour { r: 128, g: 128, b: 128, a: 255 };

/// An effect with its arguments.
#[derive(Debug, Clone)]
pub struct Effect {
    row: &'static EffectRow,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Argument {
    Number(Decimal),
    Colour(Colour),
    Word(&'static str),
    Text(String),
}

impl Effect {
    /// Reads the value of `e_`: `name`, or `name:argument…`.
    ///
    /// # Errors
    /// An unknown name, arguments of another kind and too many of them are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let (name, arguments) = match value.split_once(':') {
            Some((name, arguments)) => (name, Some(arguments)),
            None => (value, None),
        };
        let invalid = || Refusal::invalid("effect", value);
        let row = EFFECTS.iter().find(|row| row.name == name).ok_or_else(invalid)?;
        let arguments = row.form.read(arguments).ok_or_else(invalid)?;
        Ok(Self { row, arguments })
    }

    /// The effect's name behind `e_`.
    pub fn name(&self) -> &'static str {
        self.row.name
    }

    /// The step that carries the effect out, with the colour of `co_` where it takes one. Nothing where it changes nothing.
    ///
    /// # Errors
    /// Effects that are not carried out are not built.
    pub fn step(&self, colour: Option<Colour>) -> Result<Option<Step>, Refusal> {
        let number = match self.arguments.first() {
            Some(Argument::Number(number)) => number.rounded(),
            _ => 0,
        };
        match self.row.built {
            Built::Step(step) => Ok(Some(step(number))),
            Built::Mix(mix) => {
                let mix = mix(number, colour.unwrap_or(GREY));
                Ok((!mix.is_nothing()).then_some(Step::Mix { mix }))
            }
            Built::Later | Built::Video => Err(Refusal::not_built(format_args!("e_{}", self.row.name))),
            Built::Model | Built::Service => Err(Refusal::not_available(format_args!("e_{}", self.row.name))),
        }
    }
}

impl Form {
    fn read(self, arguments: Option<&str>) -> Option<Vec<Argument>> {
        match (self, arguments) {
            (Self::Nothing, None) => Some(Vec::new()),
            (Self::Nothing, Some(_)) => None,
            (Self::Strength(range), None) => Some(vec![Argument::Number(Decimal::whole(range.default))]),
            (Self::Strength(range), Some(text)) => Some(vec![range.read(text)?]),
            (Self::Slots(_) | Self::Free, None) => Some(Vec::new()),
            (Self::Free, Some(text)) => {
                let is_text = !text.is_empty() && !text.chars().any(char::is_control) && !text.contains('$');
                is_text.then(|| vec![Argument::Text(text.to_owned())])
            }
            (Self::Slots(slots), Some(text)) => {
                let mut slots = slots.iter();
                let bare = text.replace("rgb:", "");
                bare.split(':')
                    .map(|word| {
                        loop {
                            match (slots.next()?, word) {
                                (Slot::Word(words), word) => match words.iter().find(|known| **known == word) {
                                    Some(word) => return Some(Argument::Word(word)),
                                    None => continue,
                                },
                                (Slot::Number(range), word) => return range.read(word),
                                (Slot::Colour, word) => return colour(word).map(Argument::Colour),
                            }
                        }
                    })
                    .collect()
            }
        }
    }
}

impl Range {
    fn read(self, text: &str) -> Option<Argument> {
        let number = Decimal::parse(text)?.clamp(Decimal::whole(self.min), Decimal::whole(self.max));
        Some(Argument::Number(number))
    }
}

/// A colour as arguments have it: its digits stand bare.
fn colour(text: &str) -> Option<Colour> {
    Colour::from_url(text).or_else(|| Colour::from_url(&format!("rgb:{text}")))
}

impl PartialEq for Effect {
    fn eq(&self, other: &Self) -> bool {
        self.row.name == other.row.name && self.arguments == other.arguments
    }
}

impl Eq for Effect {}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row.name)?;
        self.arguments.iter().try_for_each(|argument| write!(f, ":{argument}"))
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Colour(colour) => f.write_str(&print_bare(*colour)),
            Self::Word(word) => f.write_str(word),
            Self::Text(text) => write!(f, "{}", encoded(text)),
        }
    }
}
