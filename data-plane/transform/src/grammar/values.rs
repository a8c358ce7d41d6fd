//! The typed values of the parameters that shape the picture. Each type reads its own spelling and prints the canonical one.

use std::fmt;

use super::length::{Axis, Length};
use super::number::Decimal;
use crate::plan::Colour;
use crate::refusal::Refusal;

/// How a component reaches its size: `c_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CropMode {
    /// Both axes independently to exactly the size.
    Scale,
    /// Proportionally into the box, up or down.
    Fit,
    /// As `Fit`, never up.
    Limit,
    /// As `Fit`, never down.
    MinimumFit,
    /// Proportionally over the box, the surplus cut at the gravity.
    Fill,
    /// As `Fill`, never up.
    LimitFill,
    /// A window, unscaled.
    Crop,
    /// The region of the gravity, cut and scaled to exactly the size.
    Thumb,
    /// As `Fit`, then the canvas is extended to the size.
    Pad,
    /// As `Limit`, then the canvas is extended to the size.
    LimitPad,
    /// Unscaled; the canvas is extended where the size is larger.
    MinimumPad,
    /// As `Fill`, padded where too much of what is interesting would be cut off.
    FillPad,
    /// The best window of the ratio, scaled to exactly the size.
    Auto,
    /// The same, padded as `FillPad` is.
    AutoPad,
    /// By an add-on.
    ImaggaCrop,
    /// By an add-on.
    ImaggaScale,
}

impl CropMode {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Scale,
        Self::Fit,
        Self::Limit,
        Self::MinimumFit,
        Self::Fill,
        Self::LimitFill,
        Self::Crop,
        Self::Thumb,
        Self::Pad,
        Self::LimitPad,
        Self::MinimumPad,
        Self::FillPad,
        Self::Auto,
        Self::AutoPad,
        Self::ImaggaCrop,
        Self::ImaggaScale,
    ];

    /// Reads the value of `c_`.
    ///
    /// # Errors
    /// Modes that there are not are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let mode = Self::ALL.into_iter().find(|mode| mode.name() == value);
        mode.ok_or_else(|| Refusal::invalid("crop", value))
    }

    /// The value of `c_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Fit => "fit",
            Self::Limit => "limit",
            Self::MinimumFit => "mfit",
            Self::Fill => "fill",
            Self::LimitFill => "lfill",
            Self::Crop => "crop",
            Self::Thumb => "thumb",
            Self::Pad => "pad",
            Self::LimitPad => "lpad",
            Self::MinimumPad => "mpad",
            Self::FillPad => "fill_pad",
            Self::Auto => "auto",
            Self::AutoPad => "auto_pad",
            Self::ImaggaCrop => "imagga_crop",
            Self::ImaggaScale => "imagga_scale",
        }
    }

    /// Whether this build carries the mode out; the others are by a service of others.
    pub fn is_built(self) -> bool {
        !matches!(self, Self::ImaggaCrop | Self::ImaggaScale)
    }

    /// Whether the mode extends the canvas.
    pub fn pads(self) -> bool {
        matches!(self, Self::Pad | Self::LimitPad | Self::MinimumPad)
    }

    /// Whether the mode cuts a window that `g_auto` may place.
    pub fn accepts_automatic_gravity(self) -> bool {
        matches!(
            self,
            Self::Auto | Self::AutoPad | Self::Crop | Self::Fill | Self::FillPad | Self::LimitFill | Self::Thumb
        )
    }
}

/// Requested width: `w_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Width {
    /// A length.
    Length(Length),
    /// What the client says it needs, in pixels of the screen.
    Auto {
        /// The width is rounded up to a multiple of this many pixels.
        step: u32,
        /// Width in pixels when the client says nothing.
        fallback: Option<u32>,
    },
    /// The same, rounded up to one of some widths that are found out.
    Breakpoints {
        /// The smallest and the largest width, kilobytes between two, and how many there are at most, as far as they are said.
        bounds: Vec<u32>,
        /// Width in pixels when the client says nothing.
        fallback: Option<u32>,
        /// Whether the widths are told instead of a picture.
        as_json: bool,
    },
}

impl Width {
    const DEFAULT_STEP: u32 = 100;

    /// Reads the value of `w_`.
    ///
    /// # Errors
    /// As for other sides.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let Some(arguments) = value.strip_prefix("auto").filter(|rest| rest.is_empty() || rest.starts_with(':')) else {
            return Length::parse_side("width", value, Axis::Horizontal).map(Self::Length);
        };
        Self::read_auto(arguments.strip_prefix(':')).ok_or_else(|| Refusal::invalid("width", value))
    }

    fn read_auto(arguments: Option<&str>) -> Option<Self> {
        let arguments: Vec<&str> = arguments.map(|text| text.split(':').collect()).unwrap_or_default();
        if let Some(bounds) = arguments.first().and_then(|first| first.strip_prefix("breakpoints")) {
            let bounds: Vec<u32> = match bounds.strip_prefix('_') {
                Some(bounds) => bounds.split('_').map(positive_integer).collect::<Option<_>>()?,
                None if bounds.is_empty() => Vec::new(),
                None => return None,
            };
            let (fallback, as_json) = match arguments[1..] {
                [] => (None, false),
                ["json"] => (None, true),
                [fallback] => (Some(positive_integer(fallback)?), false),
                [fallback, "json"] => (Some(positive_integer(fallback)?), true),
                _ => return None,
            };
            return (bounds.len() <= 4).then_some(Self::Breakpoints { bounds, fallback, as_json });
        }
        let (step, fallback) = match arguments[..] {
            [] => (Self::DEFAULT_STEP, None),
            [step] => (positive_integer(step)?, None),
            [step, fallback] => (positive_integer(step)?, Some(positive_integer(fallback)?)),
            _ => return None,
        };
        Some(Self::Auto { step, fallback })
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => length.fmt(f),
            Self::Auto { step, fallback: None } => write!(f, "auto:{step}"),
            Self::Auto { step, fallback: Some(fallback) } => write!(f, "auto:{step}:{fallback}"),
            Self::Breakpoints { bounds, fallback, as_json } => {
                f.write_str("auto:breakpoints")?;
                bounds.iter().try_for_each(|bound| write!(f, "_{bound}"))?;
                fallback.iter().try_for_each(|fallback| write!(f, ":{fallback}"))?;
                f.write_str(if *as_json { ":json" } else { "" })
            }
        }
    }
}

/// Width divided by height: `ar_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AspectRatio {
    width: Decimal,
    height: Decimal,
}

impl AspectRatio {
    /// Reads `a:b` or one decimal.
    ///
    /// # Errors
    /// Nought, negative numbers and other text are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let (width, height) = match value.split_once(':') {
            Some((width, height)) => (Decimal::parse(width), Decimal::parse(height)),
            None => (Decimal::parse(value), Some(Decimal::ONE)),
        };
        match (width, height) {
            (Some(width), Some(height)) if width.is_positive() && height.is_positive() => Ok(Self { width, height }),
            _ => Err(Refusal::invalid("aspect ratio", value)),
        }
    }

    /// Width divided by height; finite and greater than nought.
    pub fn value(self) -> f64 {
        self.width.value() / self.height.value()
    }
}

impl fmt::Display for AspectRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.height == Decimal::ONE { self.width.fmt(f) } else { write!(f, "{}:{}", self.width, self.height) }
    }
}

/// Corner rounding: `r_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Radius {
    /// Radii in pixels before the device pixel ratio: top left, top right, bottom right, bottom left.
    Corners([Decimal; 4]),
    /// The ellipse inscribed in the picture.
    Max,
}

impl Radius {
    /// Reads `max` or one to four radii.
    ///
    /// # Errors
    /// Negative radii and more than four are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        if value == "max" {
            return Ok(Self::Max);
        }
        let radii: Option<Vec<Decimal>> =
            value.split(':').map(|text| Decimal::parse(text).filter(|radius| *radius >= Decimal::ZERO)).collect();
        Ok(Self::Corners(match radii.as_deref() {
            Some(&[all]) => [all; 4],
            Some(&[falling, rising]) => [falling, rising, falling, rising],
            Some(&[top_left, rising, bottom_right]) => [top_left, rising, bottom_right, rising],
            Some(&[top_left, top_right, bottom_right, bottom_left]) => [top_left, top_right, bottom_right, bottom_left],
            _ => return Err(Refusal::invalid("radius", value)),
        }))
    }
}

impl fmt::Display for Radius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Corners([a, b, c, d]) if a == b && b == c && c == d => a.fmt(f),
            Self::Corners([a, b, c, d]) => write!(f, "{a}:{b}:{c}:{d}"),
        }
    }
}

/// One turn or mirroring of `a_`; a component holds a list of them, applied in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// Clockwise degrees, 0 to 359.
    Degrees(u16),
    /// Mirrors left and right.
    FlipHorizontal,
    /// Mirrors top and bottom.
    FlipVertical,
    /// The stored orientation is not applied.
    Ignore,
    /// The stored orientation is applied, which happens anyway; an older spelling.
    Exif,
    /// A quarter to the left where the picture lies across what is asked for.
    AutoLeft,
    /// A quarter to the right where it does.
    AutoRight,
}

impl Turn {
    /// Reads the list of `a_`, joined by dots or, by one client, by colons. Digits on both sides of a dot are two turns, never a decimal angle.
    ///
    /// # Errors
    /// Words and numbers outside of the language are invalid.
    pub fn parse_list(value: &str) -> Result<Vec<Self>, Refusal> {
        value
            .split(['.', ':'])
            .map(|word| match word {
                "hflip" => Ok(Self::FlipHorizontal),
                "vflip" => Ok(Self::FlipVertical),
                "ignore" => Ok(Self::Ignore),
                "exif" | "auto" => Ok(Self::Exif),
                "auto_left" => Ok(Self::AutoLeft),
                "auto_right" => Ok(Self::AutoRight),
                _ => match word.parse::<i32>() {
                    Ok(degrees) => Ok(Self::Degrees(u16::try_from(degrees.rem_euclid(360)).unwrap_or_default())),
                    Err(_) => Err(Refusal::invalid("angle", value)),
                },
            })
            .collect()
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Degrees(degrees) => return degrees.fmt(f),
            Self::FlipHorizontal => "hflip",
            Self::FlipVertical => "vflip",
            Self::Ignore => "ignore",
            Self::Exif => "exif",
            Self::AutoLeft => "auto_left",
            Self::AutoRight => "auto_right",
        })
    }
}

/// A frame drawn outside of the picture: `bo_<width>px_solid_<colour>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Border {
    /// Width in pixels before the device pixel ratio.
    pub width: Decimal,
    /// Colour of the frame.
    pub colour: Colour,
}

impl Border {
    /// Reads the value of `bo_`.
    ///
    /// # Errors
    /// Anything but a solid frame of a width of nought or more is invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        value
            .split_once("px_solid_")
            .and_then(|(width, colour)| {
                let width = Decimal::parse(width).filter(|width| *width >= Decimal::ZERO)?;
                Some(Self { width, colour: Colour::from_url(colour)? })
            })
            .ok_or_else(|| Refusal::invalid("border", value))
    }
}

impl fmt::Display for Border {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}px_solid_{}", self.width, self.colour)
    }
}

/// Reads a number greater than nought, as `z_` takes it.
///
/// # Errors
/// Other text is invalid.
pub fn parse_positive(parameter: &str, value: &str) -> Result<Decimal, Refusal> {
    Decimal::parse(value).filter(|number| number.is_positive()).ok_or_else(|| Refusal::invalid(parameter, value))
}

/// Reads the hundredths of `o_`.
///
/// # Errors
/// What is no number is invalid; numbers beyond nought and a hundred are cut to them.
pub fn parse_opacity(value: &str) -> Result<u8, Refusal> {
    let number = Decimal::parse(value).ok_or_else(|| Refusal::invalid("opacity", value))?;
    Ok(u8::try_from(number.rounded().clamp(0, 100)).unwrap_or(100))
}

/// A whole number from 1 to `u32::MAX`, digits only.
pub(super) fn positive_integer(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}
