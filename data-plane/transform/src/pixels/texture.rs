//! Changes of pixels by their neighbours.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Pixels, Place};

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

/// Width of the blur of an unsharp mask, in thousandths of a pixel.
const UNSHARP_SIGMA_MILLI: u32 = 1000;

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
