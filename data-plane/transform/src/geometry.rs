//! Sizes and windows: pure arithmetic on exact sizes that is rounded once, at its end.

use crate::grammar::{Compass, CropMode};
use crate::refusal::Refusal;

/// Sides beyond this are refused before any limit is asked, so that whole-pixel arithmetic cannot overflow.
const MAX_SIDE: f64 = 2_000_000_000.0;

/// How far, of a length, the last bits of arithmetic may lie beside what is exact.
const NEARLY: f64 = 1e-8;

/// A size in whole pixels; both sides are at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// A size in exact pixels before rounding; both sides are positive and finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExactSize {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
}

/// What a component asks for, in exact pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Request {
    /// Requested width.
    pub width: Option<f64>,
    /// Requested height.
    pub height: Option<f64>,
    /// Requested width divided by height; ignored when both sides are requested.
    pub ratio: Option<f64>,
    /// Whether a single requested side leaves the other as it is.
    pub keep_other_side: bool,
}

/// The two sizes of a resize mode: the picture is scaled to the first, then cut or padded to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Size after scaling.
    pub scaled: Size,
    /// Size after cutting or padding.
    pub output: Size,
}

/// A rectangle inside of a picture, in pixels from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width and height.
    pub size: Size,
}

/// A part of a picture that a window is to hold, in exact pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width, greater than nought.
    pub width: f64,
    /// Height, greater than nought.
    pub height: f64,
}

impl Region {
    /// Number of pixels.
    pub fn area(self) -> f64 {
        self.width * self.height
    }

    /// The middle.
    pub fn center(self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

/// The window around a region: less of what surrounds it the larger `zoom` is, widened to `ratio` if one is given, no larger than the
/// picture and shifted into it.
///
/// # Errors
/// As [`round_side`].
pub fn window_around(picture: Size, region: Region, ratio: Option<f64>, zoom: f64) -> Result<Window, Refusal> {
    let (mut width, mut height) = (region.width / zoom, region.height / zoom);
    if let Some(ratio) = ratio {
        if width < height * ratio { width = height * ratio } else { height = width / ratio }
    }
    let own = picture.exact();
    let shrink = (own.width / width).min(own.height / height).min(1.0);
    let size = ExactSize { width: width * shrink, height: height * shrink }.rounded()?.min(picture);
    let (x, y) = region.center();
    window(picture, size, Placement::Center(x, y))
}

impl Window {
    /// The window of a picture that is this one once the picture is scaled to a size; at least a pixel.
    ///
    /// # Errors
    /// As [`round_side`].
    pub fn before_scaling(self, picture: Size, scaled: Size) -> Result<Self, Refusal> {
        let across = f64::from(picture.width) / f64::from(scaled.width);
        let down = f64::from(picture.height) / f64::from(scaled.height);
        let size = ExactSize { width: f64::from(self.size.width) * across, height: f64::from(self.size.height) * down };
        let size = size.rounded()?.min(picture);
        let x = clamped(f64::from(self.x) * across, f64::from(picture.width - size.width));
        let y = clamped(f64::from(self.y) * down, f64::from(picture.height - size.height));
        Ok(Self { x, y, size })
    }
}

/// A window and the size it is scaled to before it is padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padded {
    /// What is cut from the picture.
    pub window: Window,
    /// What that is scaled to.
    pub scaled: Size,
}

/// What is cut and scaled so that all of a region is seen in a result of some size, which is then padded. Nothing where the largest window
/// of that shape holds the region anyway. That no more than the region itself counts as important is our reading.
///
/// # Errors
/// As [`round_side`].
pub fn padded_around(picture: Size, region: Region, target: ExactSize) -> Result<Option<Padded>, Refusal> {
    let (own, ratio) = (picture.exact(), target.width / target.height);
    let largest = ExactSize { width: own.width.min(own.height * ratio), height: own.height.min(own.width / ratio) };
    if region.width <= largest.width && region.height <= largest.height {
        return Ok(None);
    }
    let width = region.width.max(region.height * ratio);
    let wanted = ExactSize { width: width.min(own.width), height: (width / ratio).min(own.height) };
    let (x, y) = region.center();
    let cut = window(picture, wanted.rounded()?, Placement::Center(x, y))?;
    let scale = target.width / width;
    let scaled = ExactSize { width: wanted.width * scale, height: wanted.height * scale };
    Ok(Some(Padded { window: cut, scaled: scaled.rounded()?.min(target.rounded()?) }))
}

/// What of a region lies inside of a picture; nothing where it misses it.
pub fn within(picture: Size, region: Region) -> Option<Region> {
    let axis = |from: f64, length: f64, side: u32| {
        let (first, last) = (from.max(0.0), (from + length).min(f64::from(side)));
        (last - first >= 0.5).then_some((first, last - first))
    };
    let (x, width) = axis(region.x, region.width, picture.width)?;
    let (y, height) = axis(region.y, region.height, picture.height)?;
    Some(Region { x, y, width, height })
}

/// Where a window is cut. Offsets are exact pixels of the picture that is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Placement {
    /// At a place of the picture, moved by offsets whose direction depends on the place.
    Compass(Compass, f64, f64),
    /// With its top left corner here.
    Corner(f64, f64),
    /// With its centre here.
    Center(f64, f64),
}

impl Size {
    /// Number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The same size, lying on its side.
    pub fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }

    /// The size with each side no longer than the other's.
    pub fn min(self, other: Self) -> Self {
        Self { width: self.width.min(other.width), height: self.height.min(other.height) }
    }

    /// The size with each side no shorter than the other's.
    pub fn max(self, other: Self) -> Self {
        Self { width: self.width.max(other.width), height: self.height.max(other.height) }
    }

    fn exact(self) -> ExactSize {
        ExactSize { width: f64::from(self.width), height: f64::from(self.height) }
    }
}

/// Rounds a side to the nearest pixel, halves up, at least one.
///
/// # Errors
/// A side that no picture can have is too large; a value that is no number is invalid.
pub fn round_side(side: f64) -> Result<u32, Refusal> {
    if side.is_nan() {
        return Err(Refusal::invalid("size", side));
    }
    if side > MAX_SIDE {
        return Err(Refusal::too_large(format!("Requested side of {side:.0} pixels is too large")));
    }
    // A half that arithmetic has missed by its last bits is one. Negative values and fractions saturate at nought, which the minimum lifts to
    // one.
    Ok(((side + 0.5 + side.abs() * NEARLY).floor() as u32).max(1))
}

impl ExactSize {
    /// The size in whole pixels.
    ///
    /// # Errors
    /// As [`round_side`].
    pub fn rounded(self) -> Result<Size, Refusal> {
        Ok(Size { width: round_side(self.width)?, height: round_side(self.height)? })
    }
}

/// The exact size that a request means for a picture, the missing side derived; `None` when nothing was requested.
pub fn target(source: Size, request: Request) -> Option<ExactSize> {
    let own = source.exact();
    let (width, height) = match (request.width, request.height, request.ratio) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some(ratio)) => (width, width / ratio),
        (None, Some(height), Some(ratio)) => (height * ratio, height),
        (Some(width), None, None) if request.keep_other_side => (width, own.height),
        (None, Some(height), None) if request.keep_other_side => (own.width, height),
        (Some(width), None, None) => (width, width * own.height / own.width),
        (None, Some(height), None) => (height * own.width / own.height, height),
        (None, None, Some(ratio)) if ratio > 1.0 => (own.width, own.width / ratio),
        (None, None, Some(ratio)) if ratio < 1.0 => (own.height * ratio, own.height),
        (None, None, Some(_)) => (own.width.min(own.height), own.width.min(own.height)),
        (None, None, None) => return None,
    };
    Some(ExactSize { width, height })
}

/// The sizes that a mode scales, and then cuts or pads, a picture to.
///
/// # Errors
/// As [`round_side`].
pub fn layout(mode: CropMode, source: Size, target: ExactSize) -> Result<Layout, Refusal> {
    let requested = target.rounded()?;
    let whole = |size: Size| Layout { scaled: size, output: size };
    Ok(match mode {
        CropMode::ImaggaCrop | CropMode::ImaggaScale => {
            return Err(Refusal::not_available(format_args!("c_{}", mode.name())));
        }
        CropMode::Scale => whole(requested),
        CropMode::Fit => whole(proportional(source, target, Cover::Inside, Change::Any)?),
        CropMode::Limit => whole(proportional(source, target, Cover::Inside, Change::Shrink)?),
        CropMode::MinimumFit => whole(proportional(source, target, Cover::Inside, Change::Enlarge)?),
        // A covering picture is never smaller than what is cut from it, even where the last bit was rounded away.
        CropMode::Fill | CropMode::Thumb | CropMode::Auto | CropMode::FillPad | CropMode::AutoPad => {
            let scaled = proportional(source, target, Cover::Outside, Change::Any)?.max(requested);
            Layout { scaled, output: requested }
        }
        CropMode::LimitFill => {
            let scaled = proportional(source, target, Cover::Outside, Change::Shrink)?;
            Layout { scaled, output: requested.min(scaled) }
        }
        CropMode::Crop => Layout { scaled: source, output: requested.min(source) },
        CropMode::Pad => {
            let scaled = proportional(source, target, Cover::Inside, Change::Any)?.min(requested);
            Layout { scaled, output: requested }
        }
        CropMode::LimitPad => {
            let scaled = proportional(source, target, Cover::Inside, Change::Shrink)?.min(requested);
            Layout { scaled, output: requested }
        }
        CropMode::MinimumPad => Layout { scaled: source, output: requested.max(source) },
    })
}

/// Whether a proportionally scaled picture lies inside of the target or covers it.
#[derive(Clone, Copy, PartialEq)]
enum Cover {
    Inside,
    Outside,
}

/// In which direction a proportional scaling may go.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Any,
    Shrink,
    Enlarge,
}

/// Scales with one factor for both axes. Multiplies before it divides: the exact rationals matter where a half is rounded.
fn proportional(source: Size, target: ExactSize, cover: Cover, change: Change) -> Result<Size, Refusal> {
    let own = source.exact();
    let width_is_tighter = target.width * own.height <= target.height * own.width;
    let by_width = width_is_tighter == (cover == Cover::Inside);
    let (enlarges, scaled) = if by_width {
        let height = target.width * own.height / own.width;
        (target.width > own.width, ExactSize { width: target.width, height })
    } else {
        let width = target.height * own.width / own.height;
        (target.height > own.height, ExactSize { width, height: target.height })
    };
    match change {
        Change::Shrink if enlarges => Ok(source),
        Change::Enlarge if !enlarges => Ok(source),
        _ => scaled.rounded(),
    }
}

/// The window that is cut from a picture. A window placed by compass or centre is shifted inside of the picture; one placed
/// by its corner is intersected with it.
///
/// # Errors
/// A window placed by its corner that misses the picture is invalid.
pub fn window(picture: Size, requested: Size, placement: Placement) -> Result<Window, Refusal> {
    let size = requested.min(picture);
    let free = (f64::from(picture.width - size.width), f64::from(picture.height - size.height));
    match placement {
        Placement::Compass(compass, dx, dy) => {
            let (x, y) = place(compass, free, dx, dy);
            Ok(Window { x, y, size })
        }
        Placement::Center(x, y) => {
            let x = clamped(x - f64::from(size.width) / 2.0, free.0);
            let y = clamped(y - f64::from(size.height) / 2.0, free.1);
            Ok(Window { x, y, size })
        }
        Placement::Corner(x, y) => {
            let horizontal = intersect(x, requested.width, picture.width);
            let vertical = intersect(y, requested.height, picture.height);
            let (Some((x, width)), Some((y, height))) = (horizontal, vertical) else {
                return Err(Refusal::invalid(
                    "crop region",
                    format_args!(
                        "{}x{} at {x:.0},{y:.0} lies outside of {}x{}",
                        requested.width, requested.height, picture.width, picture.height
                    ),
                ));
            };
            Ok(Window { x, y, size: Size { width, height } })
        }
    }
}

/// Where a picture lies on a canvas that is at least as large: left and top edge in pixels.
pub fn position(canvas: Size, picture: Size, compass: Compass, dx: f64, dy: f64) -> (u32, u32) {
    let free = (
        f64::from(canvas.width.saturating_sub(picture.width)),
        f64::from(canvas.height.saturating_sub(picture.height)),
    );
    place(compass, free, dx, dy)
}

/// The size of the box around a picture that was turned clockwise by this many degrees.
///
/// # Errors
/// As [`round_side`].
pub fn turned_box(picture: Size, degrees: f64) -> Result<Size, Refusal> {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let own = picture.exact();
    ExactSize {
        width: own.width * cosine.abs() + own.height * sine.abs(),
        height: own.width * sine.abs() + own.height * cosine.abs(),
    }
    .rounded()
}

/// Places something that has `free` pixels of play on each axis; offsets point towards the middle.
fn place(compass: Compass, free: (f64, f64), dx: f64, dy: f64) -> (u32, u32) {
    use Compass::*;
    let x = match compass {
        NorthWest | West | SouthWest => dx,
        North | Center | South => free.0 / 2.0 + dx,
        NorthEast | East | SouthEast => free.0 - dx,
    };
    let y = match compass {
        NorthWest | North | NorthEast => dy,
        West | Center | East => free.1 / 2.0 + dy,
        SouthWest | South | SouthEast => free.1 - dy,
    };
    (clamped(x, free.0), clamped(y, free.1))
}

/// The whole pixel at or before an offset, between nought and `free`.
fn clamped(offset: f64, free: f64) -> u32 {
    offset.floor().clamp(0.0, free) as u32
}

/// Start and length of the part of `[start, start + length)` that lies in `[0, side)`; `None` when there is none.
fn intersect(start: f64, length: u32, side: u32) -> Option<(u32, u32)> {
    let start = start.floor();
    let end = (start + f64::from(length)).min(f64::from(side));
    let start = start.max(0.0);
    (end > start).then_some((start as u32, (end - start) as u32))
}
