//! What `auto` means: tables over client hints and stored facts.
//!
//! Nothing here looks at pixels or at the outcome of an encode, so that a rendition is identified before any work is done.

use crate::grammar::{Decimal, QualityLevel};
use crate::hints::ClientHints;
use crate::source::{Format, SourceMeta};

/// Output pixels above which AVIF takes too long to encode while somebody waits.
pub const AVIF_MAX_PIXELS: u64 = 16_000_000;

/// The level when a URL says nothing about quality.
pub const DEFAULT_LEVEL: QualityLevel = QualityLevel::Good;

/// The format of `f_auto`.
///
/// `animation` says that all frames of an animated source are delivered; `output_pixels` is the size of the result. JPEG XL
/// is not offered: it is not written.
pub fn image_format(hints: &ClientHints, source: &SourceMeta, animation: bool, output_pixels: u64) -> Format {
    match (hints.avif, hints.webp) {
        (_, true) if animation => Format::Webp,
        (_, false) if animation => Format::Gif,
        (true, _) if output_pixels <= AVIF_MAX_PIXELS => Format::Avif,
        (_, true) => Format::Webp,
        _ if source.has_alpha && source.format.has_alpha() => Format::Png,
        _ => Format::Jpg,
    }
}

/// The format when a URL names none: the stored one, or the nearest one that can be written.
pub fn stored_format(source: &SourceMeta) -> Format {
    match source.format {
        format if format.is_writable() => format,
        _ if source.has_alpha => Format::Png,
        _ => Format::Jpg,
    }
}

/// What kind of picture it is, as far as the stored facts tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentClass {
    /// Continuous tones.
    Photo,
    /// Flat areas and sharp edges, where the artefacts of strong compression are seen first.
    Graphic,
}

impl ContentClass {
    /// Classifies a source: transparency, palettes, lossless and vector formats speak for graphics.
    pub fn of(source: &SourceMeta) -> Self {
        let graphic_format = matches!(source.format, Format::Gif | Format::Png | Format::Svg | Format::Pdf);
        if source.has_alpha || graphic_format { Self::Graphic } else { Self::Photo }
    }
}

/// The level that counts after the client's wish for small files, which never improves a picture; `sensitive` then is one
/// notch better.
pub fn quality_level(level: QualityLevel, sensitive: bool, save_data: bool) -> QualityLevel {
    let level = if save_data { level.min(QualityLevel::Eco) } else { level };
    if sensitive { level.better() } else { level }
}

/// The encoder's quality, 1 to 100, for a level. The table stays within JPEG 45 to 92, WebP 40 to 90 and AVIF 35 to 80;
/// formats without loss have 100.
pub fn encoder_quality(format: Format, class: ContentClass, level: QualityLevel) -> u8 {
    let [low, eco, good, best] = match (format, class) {
        (Format::Jpg, ContentClass::Photo) => [56, 68, 78, 86],
        (Format::Jpg, ContentClass::Graphic) => [66, 78, 86, 92],
        (Format::Webp, ContentClass::Photo) => [52, 64, 76, 84],
        (Format::Webp, ContentClass::Graphic) => [62, 74, 84, 90],
        (Format::Avif, ContentClass::Photo) => [38, 46, 56, 66],
        (Format::Avif, ContentClass::Graphic) => [46, 54, 64, 74],
        _ => [100; 4],
    };
    match level {
        QualityLevel::Low => low,
        QualityLevel::Eco => eco,
        QualityLevel::Good => good,
        QualityLevel::Best => best,
    }
}

/// The ratio of `dpr_auto`: the client's, rounded up to a whole number from one to five; one when it says nothing.
pub fn device_pixel_ratio(hints: &ClientHints) -> Decimal {
    let ratio = hints.dpr.map_or(1.0, |ratio| ratio.ceil().clamp(1.0, 5.0));
    Decimal::whole(ratio as i64)
}

/// The width of `w_auto` in device pixels: the client's, rounded up to a multiple of `step`, or else the fallback; `None`
/// when there is neither. The window's width stands in for the picture's.
pub fn width(hints: &ClientHints, step: u32, fallback: Option<u32>) -> Option<u32> {
    match hints.width.or(hints.viewport_width) {
        Some(width) => Some(width.div_ceil(step.max(1)).saturating_mul(step)),
        None => fallback,
    }
}
