//! What `auto` means: tables over client hints and stored facts.
//!
//! Nothing here looks at pixels or at the outcome of an encode, so that a rendition is identified before any work is done.

use crate::geometry::Size;
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

/// How near a photograph is to come to the best reduction there is, by SSIMULACRA2, for low, eco, good and best: the same for all formats.
/// `calibration.txt` says by which encoder qualities they do; the levels are our reading.
#[cfg(test)]
const TARGETS: [f64; 4] = [56.0, 66.0, 74.0, 80.0];

/// Results up to this many pixels on the longer side are small: what is lost in them is seen sooner.
const SMALL_SIDE: u32 = 800;

/// The encoder's quality, 1 to 100, for a level and a size of the result. The table stays within JPEG 45 to 92, WebP 40 to 90 and AVIF 35 to
/// 80; formats without loss have 100.
pub fn encoder_quality(format: Format, class: ContentClass, level: QualityLevel, size: Size) -> u8 {
    let is_small = size.width.max(size.height) <= SMALL_SIDE;
    let [low, eco, good, best] = match (format, class) {
        (Format::Jpg, ContentClass::Photo) if is_small => [45, 53, 74, 85],
        (Format::Jpg, ContentClass::Photo) => [45, 53, 71, 81],
        (Format::Jpg, ContentClass::Graphic) => [66, 78, 86, 92],
        (Format::Webp, ContentClass::Photo) => [40, 58, 81, 90],
        (Format::Webp, ContentClass::Graphic) => [62, 74, 84, 90],
        (Format::Avif, ContentClass::Photo) => [43, 53, 62, 80],
        (Format::Avif, ContentClass::Graphic) => [52, 62, 70, 80],
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The score at a quality, between those that were measured.
    fn score(measured: &[(f64, f64)], quality: f64) -> f64 {
        let above = measured.iter().position(|(known, _)| *known >= quality).unwrap_or(measured.len() - 1).max(1);
        let ((low, from), (high, to)) = (measured[above - 1], measured[above]);
        from + (to - from) * (quality - low) / (high - low)
    }

    #[test]
    fn photographs_come_as_near_as_their_level_says() {
        let rows: Vec<Vec<&str>> = include_str!("../calibration.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(" | ").collect())
            .collect();
        let number = |text: &str| text.parse::<f64>().expect("a number");
        for (format, least, most) in [(Format::Jpg, 45, 92), (Format::Webp, 40, 90), (Format::Avif, 35, 80)] {
            for width in [400, 1200] {
                let wanted = width.to_string();
                let of_this = rows.iter().filter(|row| row[0] == format.name() && row[1] == wanted);
                let measured: Vec<(f64, f64)> = of_this.map(|row| (number(row[2]), number(row[3]))).collect();
                let size = Size { width, height: width / 2 };
                let levels = [QualityLevel::Low, QualityLevel::Eco, QualityLevel::Good, QualityLevel::Best];
                for (level, target) in levels.into_iter().zip(TARGETS) {
                    let quality = encoder_quality(format, ContentClass::Photo, level, size);
                    let found = score(&measured, quality.into());
                    let is_bound = (quality == least && found > target) || (quality == most && found < target);
                    assert!(
                        is_bound || (found - target).abs() < 1.6,
                        "{format:?} {width} {level:?}: {found:.1}, {target}"
                    );
                }
            }
        }
    }
}
