//! What new and transparent area is filled with: `b_`.

use std::fmt;

use super::number::Decimal;
use crate::escape::encoded;
use crate::plan::Colour;
use crate::refusal::Refusal;

/// What new and transparent area is filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Background {
    /// A colour.
    Colour(Colour),
    /// Colours taken from the picture.
    Auto {
        /// Where from, one of [`MODES`].
        mode: &'static str,
        /// How many, of a gradient.
        colours: Option<u8>,
        /// In which direction a gradient runs, one of [`DIRECTIONS`].
        direction: Option<&'static str>,
        /// Which colours they may be, as they are written; none for any.
        palette: Vec<String>,
    },
    /// The picture itself, larger and blurred.
    Blurred {
        /// How much, 1 to 2000.
        intensity: Option<Decimal>,
        /// How much brighter, −300 to 100.
        brightness: Option<Decimal>,
    },
    /// What a model makes up, with its arguments.
    Generated(String),
}

/// Where automatic colours come from.
pub const MODES: [&str; 8] = [
    "border",
    "predominant",
    "border_contrast",
    "predominant_contrast",
    "border_gradient",
    "predominant_gradient",
    "border_gradient_contrast",
    "predominant_gradient_contrast",
];

/// In which direction a gradient runs.
pub const DIRECTIONS: [&str; 4] = ["horizontal", "vertical", "diagonal_desc", "diagonal_asc"];

impl Background {
    /// Reads the value of `b_`.
    ///
    /// # Errors
    /// Words that are no colour, modes that there are not and arguments of other kinds are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        Self::read(value).ok_or_else(|| Refusal::invalid("background", value))
    }

    fn read(value: &str) -> Option<Self> {
        if let Some(colour) = Colour::from_url(value) {
            return Some(Self::Colour(colour));
        }
        let mut arguments = value.split(':');
        match arguments.next()? {
            "auto" => {
                let (mut mode, mut colours, mut direction, mut palette) = (None, None, None, Vec::new());
                for argument in arguments {
                    if let Some(known) = MODES.into_iter().find(|known| *known == argument) {
                        mode = mode.is_none().then_some(Some(known))?;
                    } else if let Some(known) = DIRECTIONS.into_iter().find(|known| *known == argument) {
                        direction = direction.is_none().then_some(Some(known))?;
                    } else if matches!(argument, "2" | "4") {
                        colours = colours.is_none().then_some(argument.parse().ok())?;
                    } else {
                        let list = argument.strip_prefix("palette_").filter(|_| palette.is_empty())?;
                        palette = list.split('_').map(colour_text).collect::<Option<_>>()?;
                    }
                }
                Some(Self::Auto { mode: mode.unwrap_or(MODES[0]), colours, direction, palette })
            }
            "blurred" => {
                let mut number = |min: i64, max: i64| match arguments.next() {
                    None => Some(None),
                    Some(text) => {
                        Decimal::parse(text).map(|number| Some(number.clamp(Decimal::whole(min), Decimal::whole(max))))
                    }
                };
                let (intensity, brightness) = (number(1, 2000)?, number(-300, 100)?);
                arguments.next().is_none().then_some(Self::Blurred { intensity, brightness })
            }
            "gen_fill" => Some(Self::Generated(value.strip_prefix("gen_fill:").unwrap_or_default().to_owned())),
            _ => None,
        }
    }
}

/// A colour of a palette: a name, or digits without `rgb:`.
fn colour_text(text: &str) -> Option<String> {
    let is_colour = Colour::from_url(text).or_else(|| Colour::from_url(&format!("rgb:{text}"))).is_some();
    is_colour.then(|| text.to_ascii_lowercase())
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Colour(colour) => colour.fmt(f),
            Self::Auto { mode, colours, direction, palette } => {
                write!(f, "auto:{mode}")?;
                colours.iter().try_for_each(|colours| write!(f, ":{colours}"))?;
                direction.iter().try_for_each(|direction| write!(f, ":{direction}"))?;
                if palette.is_empty() { Ok(()) } else { write!(f, ":palette_{}", palette.join("_")) }
            }
            Self::Blurred { intensity, brightness } => {
                f.write_str("blurred")?;
                intensity.iter().try_for_each(|intensity| write!(f, ":{intensity}"))?;
                brightness.iter().try_for_each(|brightness| write!(f, ":{brightness}"))
            }
            Self::Generated(arguments) if arguments.is_empty() => f.write_str("gen_fill"),
            Self::Generated(arguments) => write!(f, "gen_fill:{}", encoded(arguments)),
        }
    }
}
