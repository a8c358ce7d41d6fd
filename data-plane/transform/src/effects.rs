//! The effects of `e_`. Each family has a file of its own, with a row for each effect: how its arguments are written, which ranges they have, and
//! what it comes to. A further effect is a row of its family and one more test vector.

mod arguments;
mod models;
mod moving;
mod shape;
mod texture;
mod tone;

use std::fmt;

use crate::facts::Rectangle;
use crate::grammar::number::Decimal;
use crate::plan::{Colour, Step, Trim};
use crate::refusal::Refusal;

use arguments::Arguments;
pub use arguments::{Form, Range, Slot};

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

/// Whether an effect is carried out.
#[derive(Debug, Clone, Copy)]
pub enum Built {
    /// On the whole picture.
    Whole(fn(&Making<'_>) -> Option<Made>),
    /// On the area of `x_`, `y_`, `w_` and `h_`, which are not the crop's unless it says `c_`.
    Area(fn(&Making<'_>) -> Option<Made>),
    /// On the faces that people have marked.
    Faces(fn(&Making<'_>) -> Option<Made>),
    /// Not yet.
    Later,
    /// Only by a trained model, and there is none.
    Model,
    /// Only by a service of others.
    Service,
    /// It is of sound and moving pictures, which are not transformed yet.
    Moving,
}

/// What an effect is made from.
pub struct Making<'a> {
    arguments: &'a Arguments,
    /// The colour of `co_`.
    pub colour: Option<Colour>,
    /// Width and height of the picture as it is, in pixels.
    pub picture: (u32, u32),
    /// The parts of it that are meant; nothing for all of it.
    pub places: Option<Vec<Rectangle>>,
}

/// What an effect comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    /// A step that leaves the size as it is.
    Step(Step),
    /// The same, and some of the picture may be transparent from then on.
    Transparent(Step),
    /// The edges are cut off, which have to be found first.
    Trim(Trim),
}

/// The families, in the order of the reference.
pub fn families() -> [(&'static str, &'static [EffectRow]); 5] {
    [
        ("Tone and colour", tone::ROWS),
        ("Sharpness, texture and art", texture::ROWS),
        ("Shape, transparency and cleaning", shape::ROWS),
        ("Generative effects and enhancement", models::ROWS),
        ("Sound and moving pictures", moving::ROWS),
    ]
}

/// Every effect of the language.
pub fn all() -> impl Iterator<Item = &'static EffectRow> {
    families().into_iter().flat_map(|(_, rows)| rows)
}

/// An effect with its arguments.
#[derive(Debug, Clone)]
pub struct Effect {
    row: &'static EffectRow,
    arguments: Arguments,
}

impl Effect {
    /// Reads the value of `e_`: `name`, or `name:argument…`.
    ///
    /// # Errors
    /// An unknown name, arguments of another kind, too many and too few of them are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let (name, arguments) = match value.split_once(':') {
            Some((name, arguments)) => (name, Some(arguments)),
            None => (value, None),
        };
        let invalid = || Refusal::invalid("effect", value);
        let row = all().find(|row| row.name == name).ok_or_else(invalid)?;
        let arguments = Arguments::read(row.form, arguments).ok_or_else(invalid)?;
        Ok(Self { row, arguments })
    }

    /// The effect's name behind `e_`.
    pub fn name(&self) -> &'static str {
        self.row.name
    }

    /// Numbers of it that lie beyond their ranges, and what they were cut to.
    pub fn cut(&self) -> &[(Decimal, Decimal)] {
        &self.arguments.cut
    }

    /// Whether it acts on an area that the component says.
    pub fn takes_area(&self) -> bool {
        matches!(self.row.built, Built::Area(_))
    }

    /// Whether it acts on the faces that people have marked.
    pub fn takes_faces(&self) -> bool {
        matches!(self.row.built, Built::Faces(_))
    }

    /// Whether what it comes to has to be found out of the pixels.
    pub fn measures(&self) -> bool {
        self.row.name == "trim"
    }

    /// Refuses an effect that is not carried out.
    ///
    /// # Errors
    /// It is not built, or not available where it would need a trained model or a service of others.
    pub fn check_built(&self) -> Result<(), Refusal> {
        match self.row.built {
            Built::Whole(_) | Built::Area(_) | Built::Faces(_) => Ok(()),
            Built::Later | Built::Moving => Err(Refusal::not_built(format_args!("e_{}", self.row.name))),
            Built::Model | Built::Service => Err(Refusal::not_available(format_args!("e_{}", self.row.name))),
        }
    }

    /// What the effect comes to on a picture. Nothing where it changes nothing. `places` are the parts that it acts on, where it takes any.
    ///
    /// # Errors
    /// As [`Effect::check_built`].
    pub fn make(
        &self,
        picture: (u32, u32),
        colour: Option<Colour>,
        places: Option<Vec<Rectangle>>,
    ) -> Result<Option<Made>, Refusal> {
        self.check_built()?;
        let making = Making { arguments: &self.arguments, colour, picture, places };
        Ok(match self.row.built {
            Built::Whole(make) | Built::Area(make) | Built::Faces(make) => make(&making),
            Built::Later | Built::Moving | Built::Model | Built::Service => None,
        })
    }
}

impl PartialEq for Effect {
    fn eq(&self, other: &Self) -> bool {
        self.row.name == other.row.name && self.arguments == other.arguments
    }
}

impl Eq for Effect {}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.row.name, self.arguments)
    }
}

const fn row(name: &'static str, tier: u8, form: Form, built: Built) -> EffectRow {
    EffectRow { name, tier, form, built }
}

const fn range(min: i64, max: i64, default: i64) -> Range {
    Range { min, max, default }
}

const fn strength(min: i64, max: i64, default: i64) -> Form {
    Form::Strength(range(min, max, default))
}

const fn number(min: i64, max: i64, default: i64) -> Slot {
    Slot::Number(range(min, max, default))
}

const fn slots(slots: &'static [Slot]) -> Form {
    Form::Slots { least: 0, slots }
}

/// The ranges of the tables keep every strength far inside of `u32`.
fn unsigned(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

impl Making<'_> {
    /// The number at a place of the form; the given one where it was left out.
    fn number(&self, place: usize, otherwise: i64) -> i64 {
        self.arguments.number(place).unwrap_or(otherwise)
    }
}

fn step(step: Step) -> Option<Made> {
    Some(Made::Step(step))
}
