//! Samples of a picture: rows from top to bottom, RGB or RGB and alpha, eight bits each, colours not multiplied by alpha.

mod texture;
mod tone;

use serde::{Deserialize, Serialize};

pub use texture::Texture;
pub use tone::{Levels, Stretch, Tone};

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

/// The samples of one picture.
#[derive(Debug)]
pub struct Pixels<'a> {
    samples: &'a mut [u8],
    width: usize,
    bands: usize,
}

impl<'a> Pixels<'a> {
    /// Samples of a width, in three or four bands. Nothing where they are no whole rows of that.
    pub fn new(samples: &'a mut [u8], width: usize, bands: usize) -> Option<Self> {
        let row = width.checked_mul(bands)?;
        let fits = matches!(bands, 3 | 4) && row > 0 && samples.len().is_multiple_of(row);
        fits.then_some(Self { samples, width, bands })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.samples.len() / self.width / self.bands
    }

    /// Three, or four with alpha.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// All samples.
    pub fn samples_mut(&mut self) -> &mut [u8] {
        self.samples
    }

    /// The pixels one by one.
    pub fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.samples.chunks_exact(self.bands)
    }

    /// The rows, from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.samples.chunks_exact(self.width * self.bands)
    }

    /// Changes the colour of every pixel; alpha stays.
    pub fn recolour(&mut self, change: impl Fn([u8; 3]) -> [u8; 3]) {
        for pixel in self.samples.chunks_exact_mut(self.bands) {
            if let [r, g, b, ..] = pixel {
                [*r, *g, *b] = change([*r, *g, *b]);
            }
        }
    }

    /// The mean of a part, which lies inside: of colours as far as they are seen, and of alpha.
    pub fn mean(&self, place: Place) -> [u8; 4] {
        let (mut sums, mut alphas, mut count) = ([0_u64; 3], 0_u64, 0_u64);
        for pixel in self.rows_of(place).flat_map(|row| row.chunks_exact(self.bands)) {
            let alpha = pixel.get(3).map_or(255, |alpha| u64::from(*alpha));
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*sample) * alpha;
            }
            alphas += alpha;
            count += 1;
        }
        let mean = |sum: u64, weight: u64| {
            u8::try_from((sum + weight / 2).checked_div(weight).unwrap_or(0)).unwrap_or(u8::MAX)
        };
        let [r, g, b] = sums.map(|sum| mean(sum, alphas));
        [r, g, b, mean(alphas, count)]
    }

    /// Gives a part, which lies inside, one colour and alpha.
    pub fn fill(&mut self, place: Place, colour: [u8; 4]) {
        let (bands, row) = (self.bands, self.width * self.bands);
        for y in place.y as usize..(place.y + place.height) as usize {
            let from = y * row + place.x as usize * bands;
            for pixel in self.samples[from..from + place.width as usize * bands].chunks_exact_mut(bands) {
                pixel.copy_from_slice(&colour[..bands]);
            }
        }
    }

    /// Puts a colour behind everything, which may shine through itself. Without an alpha band nothing changes.
    pub fn put_behind(&mut self, [r, g, b, alpha]: [u8; 4]) {
        for pixel in self.samples.chunks_exact_mut(self.bands) {
            let [red, green, blue, own] = pixel else { return };
            // Of the colour behind, what the pixel leaves of it is seen.
            let seen = f64::from(alpha) * (1.0 - f64::from(*own) / 255.0);
            let sum = f64::from(*own) + seen;
            let over = |front: u8, back: u8| match sum > 0.0 {
                true => ((f64::from(front) * f64::from(*own) + f64::from(back) * seen) / sum).round() as u8,
                false => 0,
            };
            (*red, *green, *blue) = (over(*red, r), over(*green, g), over(*blue, b));
            *own = sum.round() as u8;
        }
    }

    /// Paints a colour beside what is seen: where a mask says so, and what is there already keeps its share. Without an alpha band nothing
    /// changes.
    pub fn paint_beside(&mut self, mask: &[u8], [r, g, b, alpha]: [u8; 4]) {
        for (pixel, share) in self.samples.chunks_exact_mut(self.bands).zip(mask) {
            let [red, green, blue, own] = pixel else { return };
            let (before, added) = (u32::from(*own), u32::from(alpha) * u32::from(*share) / 255);
            let sum = before + added;
            if added == 0 {
                continue;
            }
            let beside = |old: u8, new: u8| ((u32::from(old) * before + u32::from(new) * added + sum / 2) / sum) as u8;
            (*red, *green, *blue) = (beside(*red, r), beside(*green, g), beside(*blue, b));
            *own = sum.min(255) as u8;
        }
    }

    /// Makes what is less opaque than so many hundredths transparent, and the rest opaque.
    pub fn cut_alpha(&mut self, percent: u8) {
        let least = f64::from(percent) * 2.55;
        for pixel in self.samples.chunks_exact_mut(self.bands) {
            if let [_, _, _, alpha] = pixel {
                *alpha = if f64::from(*alpha) < least { 0 } else { 255 };
            }
        }
    }

    /// A part, cut to the picture.
    pub fn clipped(&self, place: Place) -> Place {
        let (width, height) = (self.width as u32, self.height() as u32);
        let (x, y) = (place.x.min(width), place.y.min(height));
        Place { x, y, width: place.width.min(width - x), height: place.height.min(height - y) }
    }

    fn rows_of(&self, place: Place) -> impl Iterator<Item = &[u8]> {
        let row = self.width * self.bands;
        (place.y as usize..(place.y + place.height) as usize).map(move |y| {
            let from = y * row + place.x as usize * self.bands;
            &self.samples[from..from + place.width as usize * self.bands]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_rows_are_pixels() {
        let mut samples = [0; 12];
        assert!(Pixels::new(&mut samples, 2, 3).is_some_and(|pixels| pixels.height() == 2));
        assert!(Pixels::new(&mut samples, 3, 4).is_some_and(|pixels| pixels.height() == 1));
        for (width, bands) in [(5, 3), (0, 3), (2, 2), (4, 1)] {
            assert!(Pixels::new(&mut samples, width, bands).is_none(), "{width} {bands}");
        }
    }

    #[test]
    fn what_stands_behind_is_seen_through_what_is_before() {
        let mut samples = [200, 0, 0, 255, 200, 0, 0, 0, 200, 0, 0, 128];
        Pixels::new(&mut samples, 3, 4).unwrap().put_behind([0, 0, 100, 128]);
        assert_eq!(samples, [200, 0, 0, 255, 0, 0, 100, 128, 134, 0, 33, 192]);
    }

    #[test]
    fn what_is_painted_beside_leaves_the_rest() {
        let mut samples = [10, 20, 30, 255, 9, 9, 9, 0, 100, 0, 0, 128];
        Pixels::new(&mut samples, 3, 4).unwrap().paint_beside(&[0, 255, 127], [200, 0, 0, 255]);
        assert_eq!(samples, [10, 20, 30, 255, 200, 0, 0, 255, 150, 0, 0, 255]);
    }

    #[test]
    fn alpha_is_cut_at_a_threshold() {
        let mut samples = [1, 2, 3, 127, 1, 2, 3, 128];
        Pixels::new(&mut samples, 2, 4).unwrap().cut_alpha(50);
        assert_eq!(samples, [1, 2, 3, 0, 1, 2, 3, 255]);
    }
}
