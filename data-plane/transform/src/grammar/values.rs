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
}

impl CropMode {
    const ALL: [Self; 11] = [
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
    ];

    /// Reads the value of `c_`.
    ///
    /// # Errors
    /// Modes of the language that are not carried out are not built, all others invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        match Self::ALL.into_iter().find(|mode| mode.name() == value) {
            Some(mode) => Ok(mode),
            None if matches!(value, "auto" | "auto_pad" | "fill_pad" | "imagga_crop" | "imagga_scale") => {
                Err(Refusal::not_built(format_args!("c_{value}")))
            }
            None => Err(unreadable("c", "crop", value)),
        }
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
        }
    }

    /// Whether the mode extends the canvas.
    pub fn pads(self) -> bool {
        matches!(self, Self::Pad | Self::LimitPad | Self::MinimumPad)
    }

    /// Whether the mode cuts a window that `g_auto` may place.
    pub fn accepts_automatic_gravity(self) -> bool {
        matches!(self, Self::Crop | Self::Fill | Self::LimitFill | Self::Thumb)
    }
}

/// Where windows are cut and pictures are placed: `g_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gravity {
    /// A side, a corner or the centre.
    Compass(Compass),
    /// The most interesting area.
    Auto,
    /// The window's centre lies at x, y.
    XyCenter,
}

/// The nine places of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the directions")]
pub enum Compass {
    NorthWest,
    North,
    NorthEast,
    West,
    Center,
    East,
    SouthWest,
    South,
    SouthEast,
}

impl Compass {
    const ALL: [Self; 9] = [
        Self::NorthWest,
        Self::North,
        Self::NorthEast,
        Self::West,
        Self::Center,
        Self::East,
        Self::SouthWest,
        Self::South,
        Self::SouthEast,
    ];

    /// The value of `g_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NorthWest => "north_west",
            Self::North => "north",
            Self::NorthEast => "north_east",
            Self::West => "west",
            Self::Center => "center",
            Self::East => "east",
            Self::SouthWest => "south_west",
            Self::South => "south",
            Self::SouthEast => "south_east",
        }
    }
}

impl Gravity {
    /// Reads the value of `g_`. `auto:classic` is the heuristic that `auto` stands for here, so both are the same.
    ///
    /// # Errors
    /// Detectors, stored coordinates and tuned automatic gravity are not built; names of objects cannot be told from
    /// misspelled words by their form, so a plain word outside of the language is invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        if let Some(compass) = Compass::ALL.into_iter().find(|compass| compass.name() == value) {
            return Ok(Self::Compass(compass));
        }
        match value {
            "auto" | "auto:classic" => return Ok(Self::Auto),
            "xy_center" => return Ok(Self::XyCenter),
            _ => {}
        }
        let first = value.split(':').next().unwrap_or_default();
        let known = matches!(
            first,
            "auto"
                | "face"
                | "faces"
                | "custom"
                | "adv_face"
                | "adv_faces"
                | "adv_eyes"
                | "liquid"
                | "ocr_text"
                | "cld-decompose_tile"
                | "body"
                | "track_person"
                | "cat"
                | "dog"
                | "person"
                | "shoe"
        ) || first.starts_with("region_")
            || first.starts_with("clipping_path_")
            || first.starts_with('$');
        Err(if known { Refusal::not_built(format_args!("g_{value}")) } else { Refusal::invalid("gravity", value) })
    }
}

impl fmt::Display for Gravity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compass(compass) => compass.name(),
            Self::Auto => "auto",
            Self::XyCenter => "xy_center",
        })
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
}

impl Width {
    const DEFAULT_STEP: u32 = 100;

    /// Reads the value of `w_`.
    ///
    /// # Errors
    /// As for other sides; computed breakpoints are not built.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let invalid = || Refusal::invalid("width", value);
        let mut arguments = value.split(':');
        if arguments.next() != Some("auto") {
            return Length::parse_side("width", value, Axis::Horizontal).map(Self::Length);
        }
        let mut positive = || match arguments.next() {
            None => Ok(None),
            Some(text) if text.starts_with("breakpoints") => Err(Refusal::not_built("w_auto:breakpoints")),
            Some(text) => positive_integer(text).map(Some).ok_or_else(invalid),
        };
        let step = positive()?.unwrap_or(Self::DEFAULT_STEP);
        let fallback = positive()?;
        if arguments.next().is_some() { Err(invalid()) } else { Ok(Self::Auto { step, fallback }) }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => length.fmt(f),
            Self::Auto { step, fallback: None } => write!(f, "auto:{step}"),
            Self::Auto { step, fallback: Some(fallback) } => write!(f, "auto:{step}:{fallback}"),
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
    /// Nought, negative numbers and other text are invalid; expressions are not built.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let (width, height) = match value.split_once(':') {
            Some((width, height)) => (Decimal::parse(width), Decimal::parse(height)),
            None => (Decimal::parse(value), Some(Decimal::ONE)),
        };
        match (width, height) {
            (Some(width), Some(height)) if width.is_positive() && height.is_positive() => Ok(Self { width, height }),
            _ => Err(unreadable("ar", "aspect ratio", value)),
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
    /// Negative radii and more than four are invalid; expressions are not built.
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
            _ => return Err(unreadable("r", "radius", value)),
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
}

impl Turn {
    /// Reads the dot-joined list of `a_`. Digits on both sides of a dot are two turns, never a decimal angle.
    ///
    /// # Errors
    /// Words and numbers outside of the language are invalid; turns by the requested ratio and expressions are not built.
    pub fn parse_list(value: &str) -> Result<Vec<Self>, Refusal> {
        value
            .split('.')
            .map(|word| match word {
                "hflip" => Ok(Self::FlipHorizontal),
                "vflip" => Ok(Self::FlipVertical),
                "ignore" => Ok(Self::Ignore),
                "exif" | "auto" => Ok(Self::Exif),
                "auto_left" | "auto_right" => Err(Refusal::not_built(format_args!("a_{word}"))),
                _ => match word.parse::<i32>() {
                    Ok(degrees) => Ok(Self::Degrees(u16::try_from(degrees.rem_euclid(360)).unwrap_or_default())),
                    Err(_) => Err(unreadable("a", "angle", value)),
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
    /// Anything but a solid frame of a width of nought or more is invalid; variables are not built.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        value
            .split_once("px_solid_")
            .and_then(|(width, colour)| {
                let width = Decimal::parse(width).filter(|width| *width >= Decimal::ZERO)?;
                Some(Self { width, colour: Colour::from_url(colour)? })
            })
            .ok_or_else(|| unreadable("bo", "border", value))
    }
}

impl fmt::Display for Border {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}px_solid_{}", self.width, self.colour)
    }
}

/// Reads the colour of `b_`.
///
/// # Errors
/// Colours taken from the picture, blurred and generated backgrounds are not built; other words are invalid.
pub fn parse_background(value: &str) -> Result<Colour, Refusal> {
    let mode = value.split(':').next().unwrap_or_default();
    match Colour::from_url(value) {
        Some(colour) => Ok(colour),
        None if matches!(mode, "auto" | "blurred" | "gen_fill") => Err(Refusal::not_built(format_args!("b_{mode}"))),
        None => Err(unreadable("b", "background", value)),
    }
}

/// Reads a number greater than nought, as `z_` takes it.
///
/// # Errors
/// Other text is invalid; expressions are not built.
pub fn parse_positive(key: &str, parameter: &str, value: &str) -> Result<Decimal, Refusal> {
    Decimal::parse(value).filter(|number| number.is_positive()).ok_or_else(|| unreadable(key, parameter, value))
}

/// Reads the page of `pg_`, counted from one.
///
/// # Errors
/// Ranges, lists and names of pages are not built; nought and other text are invalid.
pub fn parse_page(value: &str) -> Result<u32, Refusal> {
    if let Some(page) = positive_integer(value) {
        return Ok(page);
    }
    let list = value.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b'-'))
        && value.contains([';', '-']);
    if list || value == "all" || value.starts_with("name:") || value.starts_with("embedded:") {
        return Err(Refusal::not_built(format_args!("pg_{value}")));
    }
    Err(unreadable("pg", "page", value))
}

/// A whole number from 1 to `u32::MAX`, digits only.
pub(super) fn positive_integer(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// The refusal of a value that its parameter does not read: expressions and variables belong to the language, the rest does
/// not.
pub(super) fn unreadable(key: &str, parameter: &str, value: &str) -> Refusal {
    let expression =
        || value.contains('_') && super::length::Expression::parse(parameter, value, Axis::Horizontal).is_ok();
    if value.contains('$') || matches!(value, "iar" | "ar" | "tar" | "idn") || expression() {
        Refusal::not_built(format_args!("{key}_{value}"))
    } else {
        Refusal::invalid(parameter, value)
    }
}
