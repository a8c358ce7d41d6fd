//! Effects on sharpness and texture. Those that look at neighbouring pixels are carried out here, on samples of eight bits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Built::{Area, Faces, Later, Whole};
use super::{EffectRow, Form, Made, Making, Slot, number, range, row, slots, step, strength, unsigned};
use crate::facts::Rectangle;
use crate::geometry::Size;
use crate::pixels::Pixels;
use crate::plan::Step;

/// Filters of `e_art`.
#[rustfmt::skip]
const ART: &[&str] = &[
    "al_dente", "athena", "audrey", "aurora", "daguerre", "eucalyptus", "fes", "frost", "hairspray", "hokusai", "incognito", "linen",
    "peacock", "primavera", "quartz", "red_rock", "refresh", "sizzle", "sonnet", "ukulele", "zorro",
];

const MORPHOLOGY: Form = Form::Any(&[
    Form::Named {
        joined_by: ';',
        arguments: &[
            ("method", Slot::Word(METHODS)),
            ("iterations", number(1, 5, 1)),
            ("kernel", Slot::Word(&["octagon", "diamond", "square", "disk", "plus", "cross", "ring"])),
            ("radius", number(0, 1000, 2)),
        ],
    },
    Form::Slots { least: 1, slots: &[Slot::Word(METHODS)] },
]);
const METHODS: &[&str] = &["dilate", "erode", "convolve"];

const DROPSHADOW: Form = Form::Named {
    joined_by: ';',
    arguments: &[("azimuth", number(0, 360, 215)), ("elevation", number(0, 90, 45)), ("spread", number(0, 100, 50))],
};

/// The rows of this family.
#[rustfmt::skip]
pub(super) static ROWS: &[EffectRow] = &[
    row("art", 2, Form::Slots { least: 1, slots: &[Slot::Word(ART)] }, Later),
    row("blur", 1, strength(1, 2000, 100), Whole(|making| step(Step::Blur { sigma_milli: sigma(making) }))),
    row("blur_faces", 2, strength(1, 2000, 500), Faces(blur_places)),
    row("blur_region", 2, strength(1, 2000, 100), Area(blur_places)),
    row("cartoonify", 2,
        slots(&[number(0, 100, 50), Slot::NumberOr(range(0, 100, 50), &["bw"])]), Later),
    row("dropshadow", 3, DROPSHADOW, Later),
    row("gradient_fade", 2, slots(&[Slot::Word(&["symmetric", "symmetric_pad"]), number(0, 100, 20)]), Later),
    row("morphology", 3, MORPHOLOGY, Later),
    row("oil_paint", 2, strength(0, 100, 30), Later),
    row("ordered_dither", 3, strength(0, 18, 0), Later),
    row("outline", 2,
        slots(&[Slot::Word(&["inner", "inner_fill", "outer", "fill"]), number(1, 100, 5), number(0, 200, 0)]), Later),
    row("pixelate", 2, slots(&[number(1, 200, 1)]), Whole(pixelate)),
    row("pixelate_faces", 2, slots(&[number(1, 200, 1)]), Faces(pixelate)),
    row("pixelate_region", 2, slots(&[number(1, 200, 1)]), Area(pixelate)),
    row("shadow", 2, strength(0, 100, 40), Later),
    // The argument is the gain in hundredths.
    row("sharpen", 1, strength(1, 2000, 100), Whole(|making| step(Step::Sharpen { gain_milli: gain(making) }))),
    row("unsharp_mask", 2, strength(1, 2000, 100),
        Whole(|making| step(Step::Texture { texture: Texture::Unsharp { gain_milli: gain(making) } }))),
    row("vectorize", 3, Form::Text { required: false }, Later),
    row("vignette", 2, strength(0, 100, 20), Whole(vignette)),
];

/// What is done to neighbouring pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Texture {
    /// Blocks of one colour.
    Pixelate {
        /// Side of a block in pixels.
        side: u32,
        /// The parts of the picture where it happens; none for all of it.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        places: Vec<Place>,
    },
    /// A blur of some parts.
    BlurPlaces {
        /// Thousandths of a pixel.
        sigma_milli: u32,
        /// The parts of the picture where it happens.
        places: Vec<Place>,
    },
    /// What a narrow blur takes away is added once more, in flat areas too.
    Unsharp {
        /// Thousandths of the gain.
        gain_milli: u32,
    },
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least one.
    pub width: u32,
    /// Height, at least one.
    pub height: u32,
}

impl From<Rectangle> for Place {
    fn from(Rectangle { x, y, width, height }: Rectangle) -> Self {
        Self { x, y, width, height }
    }
}

impl Place {
    /// All of a picture.
    fn whole(size: Size) -> Self {
        Self { x: 0, y: 0, width: size.width, height: size.height }
    }
}

/// Width of the blur of an unsharp mask, in thousandths of a pixel.
const UNSHARP_SIGMA_MILLI: u32 = 1000;

/// A strength of 60 is a sigma of one pixel; below 0.3 pixels a blur would not be visible.
fn sigma(making: &Making<'_>) -> u32 {
    unsigned((making.number(0, 100).saturating_mul(1000) + 30) / 60).max(300)
}

/// The gain in thousandths of an argument in hundredths.
fn gain(making: &Making<'_>) -> u32 {
    unsigned(making.number(0, 100).saturating_mul(10))
}

/// The parts that are meant, or nothing at all where faces were meant and none are known.
fn places(making: &Making<'_>) -> Option<Vec<Place>> {
    let whole = Place::whole(making.picture);
    match &making.places {
        None => Some(Vec::new()),
        Some(places) if places.is_empty() => None,
        Some(places) => {
            let places: Vec<Place> = places.iter().copied().map(Place::from).collect();
            Some(if places.contains(&whole) { Vec::new() } else { places })
        }
    }
}

fn blur_places(making: &Making<'_>) -> Option<Made> {
    let (sigma_milli, places) = (sigma(making), places(making)?);
    step(match places.is_empty() {
        true => Step::Blur { sigma_milli },
        false => Step::Texture { texture: Texture::BlurPlaces { sigma_milli, places } },
    })
}

/// Without a number a block is the hundredth part of the longer side.
fn pixelate(making: &Making<'_>) -> Option<Made> {
    let chosen = making.picture.width.max(making.picture.height).div_ceil(100);
    let side = unsigned(making.number(0, i64::from(chosen)));
    let places = places(making)?;
    (side > 1).then_some(Made::Step(Step::Texture { texture: Texture::Pixelate { side, places } }))
}

fn vignette(making: &Making<'_>) -> Option<Made> {
    let percent = unsigned(making.number(0, 20)) as u8;
    (percent > 0).then_some(Made::Transparent(Step::Vignette { percent }))
}

impl Texture {
    /// The blur that has to be at hand, in thousandths of a pixel.
    pub fn needs_blur(&self) -> Option<u32> {
        match self {
            Self::Pixelate { .. } => None,
            Self::BlurPlaces { sigma_milli, .. } => Some(*sigma_milli),
            Self::Unsharp { .. } => Some(UNSHARP_SIGMA_MILLI),
        }
    }

    /// Does it. `blurred` is the same picture, blurred, where [`Texture::needs_blur`] says so.
    pub fn apply(&self, pixels: &mut Pixels<'_>, blurred: &[u8]) {
        match self {
            Self::Pixelate { side, places } => {
                let (width, height) = (pixels.width() as u32, pixels.height() as u32);
                let whole = [Place { x: 0, y: 0, width, height }];
                for place in if places.is_empty() { &whole[..] } else { places } {
                    blocks(pixels, pixels.clipped(*place), *side);
                }
            }
            Self::BlurPlaces { places, .. } => {
                let (bands, row) = (pixels.bands(), pixels.bands() * pixels.width());
                for place in places {
                    let place = pixels.clipped(*place);
                    let (from, length) = (place.x as usize * bands, place.width as usize * bands);
                    for y in place.y as usize..(place.y + place.height) as usize {
                        let range = y * row + from..y * row + from + length;
                        pixels.samples_mut()[range.clone()].copy_from_slice(&blurred[range]);
                    }
                }
            }
            Self::Unsharp { gain_milli } => {
                let gain = i64::from(*gain_milli);
                let bands = pixels.bands();
                let both = pixels.samples_mut().chunks_exact_mut(bands).zip(blurred.chunks_exact(bands));
                for (pixel, blurred) in both {
                    // Alpha has no sharpness.
                    for (sample, blurred) in pixel.iter_mut().zip(blurred).take(3) {
                        let (own, soft) = (i64::from(*sample), i64::from(*blurred));
                        *sample = (own + ((own - soft) * gain + 500).div_euclid(1000)).clamp(0, 255) as u8;
                    }
                }
            }
        }
    }
}

/// Gives every block of a part the mean of its pixels, seen colours only. The last blocks of a row or column may be smaller.
fn blocks(pixels: &mut Pixels<'_>, place: Place, side: u32) {
    let (right, bottom) = (place.x + place.width, place.y + place.height);
    for top in (place.y..bottom).step_by(side as usize) {
        for left in (place.x..right).step_by(side as usize) {
            let block = Place { x: left, y: top, width: side.min(right - left), height: side.min(bottom - top) };
            pixels.fill(block, pixels.mean(block));
        }
    }
}

/// In words.
impl fmt::Display for Texture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |f: &mut fmt::Formatter<'_>, places: &[Place]| {
            places.iter().try_for_each(|Place { x, y, width, height }| write!(f, " {width}x{height} at {x},{y}"))
        };
        match self {
            Self::Pixelate { side, places } => {
                write!(f, "pixelate in blocks of {side} px")?;
                shown(f, places)
            }
            Self::BlurPlaces { sigma_milli, places } => {
                write!(f, "blur with a sigma of {} px", f64::from(*sigma_milli) / 1000.0)?;
                shown(f, places)
            }
            Self::Unsharp { gain_milli } => {
                write!(f, "sharpen by an unsharp mask with a gain of {}", f64::from(*gain_milli) / 1000.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_mean_of_what_is_seen() {
        let mut samples = vec![0, 0, 0, 255, 200, 100, 50, 255, 9, 9, 9, 0, 100, 100, 100, 255];
        let mut pixels = Pixels::new(&mut samples, 4, 4).unwrap();
        Texture::Pixelate { side: 2, places: Vec::new() }.apply(&mut pixels, &[]);
        assert_eq!(samples, [100, 50, 25, 255, 100, 50, 25, 255, 100, 100, 100, 128, 100, 100, 100, 128]);
    }

    #[test]
    fn parts_are_blurred_and_the_rest_stays() {
        let mut samples = vec![1; 3 * 9];
        let blurred = vec![7; 3 * 9];
        let mut pixels = Pixels::new(&mut samples, 3, 3).unwrap();
        let places = vec![Place { x: 1, y: 1, width: 2, height: 1 }];
        Texture::BlurPlaces { sigma_milli: 1000, places }.apply(&mut pixels, &blurred);
        let changed: Vec<usize> =
            samples.iter().enumerate().filter(|(_, sample)| **sample == 7).map(|(at, _)| at).collect();
        assert_eq!(changed, (12..18).collect::<Vec<_>>());
    }

    #[test]
    fn an_unsharp_mask_adds_what_a_blur_takes_away() {
        let mut samples = vec![100, 100, 100, 250, 10, 0];
        let mut pixels = Pixels::new(&mut samples, 2, 3).unwrap();
        Texture::Unsharp { gain_milli: 1500 }.apply(&mut pixels, &[80, 120, 100, 200, 20, 0]);
        assert_eq!(samples, [130, 70, 100, 255, 0, 0]);
    }
}
