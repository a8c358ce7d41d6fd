//! Reducing a picture by our own hand: Lanczos with three lobes over rows as they come, so that no more of the source is kept than the
//! rows under the kernel.
//!
//! The library's way through floating point for pictures with alpha takes longer than decoding a PNG does, and its way through eight bits
//! rounds between the axes. Here both axes work on the same 32-bit numbers, colours weighed by alpha on the way, and are rounded once.

/// The lobes of the kernel to each side.
const LOBES: f64 = 3.0;

/// Numbers of a row that are summed side by side: as many as stay in registers.
const BLOCK: usize = 64;

/// Numbers that are read of a pixel, whatever its bands.
const LANES: usize = 4;

/// Numbers that the rows under the kernel may be. More is a reduction by thousands, or of rows that are very long.
const MOST_KEPT: usize = 8 << 20;

/// For each place of the result, which places of the source it is made of.
#[derive(Debug)]
struct Kernel {
    /// Places that each place of the result is made of.
    taps: usize,
    /// The first of them.
    first: Vec<usize>,
    /// Their weights, one place of the result after another.
    weights: Vec<f32>,
}

impl Kernel {
    fn new(from: usize, to: usize) -> Self {
        let factor = from as f64 / to as f64;
        let reach = LOBES * factor;
        let taps = Self::taps(from, to);
        let (mut first, mut weights) = (Vec::with_capacity(to), vec![0.0; to * taps]);
        for (at, own) in weights.chunks_exact_mut(taps).enumerate() {
            let centre = (at as f64 + 0.5) * factor - 0.5;
            let (low, high) = ((centre - reach).ceil() as i64, (centre + reach).floor() as i64);
            let start = low.clamp(0, (from - taps) as i64);
            let weight = |place: i64| lanczos((place as f64 - centre) / factor);
            let sum: f64 = (low..=high).map(weight).sum();
            for place in low..=high {
                // Beside the picture its edge goes on.
                let inside = place.clamp(0, from as i64 - 1) - start;
                own[inside as usize] += (weight(place) / sum) as f32;
            }
            first.push(start as usize);
        }
        Self { taps, first, weights }
    }

    fn taps(from: usize, to: usize) -> usize {
        ((2.0 * LOBES * from as f64 / to as f64).ceil() as usize + 1).min(from)
    }

    fn of(&self, at: usize) -> (usize, &[f32]) {
        (self.first[at], &self.weights[at * self.taps..(at + 1) * self.taps])
    }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    if x.abs() < LOBES { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

/// A reduction on its way.
#[derive(Debug)]
pub struct Reduction {
    bands: usize,
    has_alpha: bool,
    across: Kernel,
    down: Kernel,
    /// The rows that came last, in turn; of colours and alpha their product.
    rows: Vec<f32>,
    /// Numbers of a row, with what is read behind its end.
    padded: usize,
    /// A row reduced downwards.
    row: Vec<f32>,
    came: usize,
    made: usize,
    samples: Vec<u8>,
}

impl Reduction {
    /// From a size to one that is larger in neither direction, of one to four bands of which the last may be alpha. Nothing for any other, and
    /// where the rows under the kernel would take too much memory.
    pub fn new(from: (u32, u32), to: (u32, u32), bands: u32, has_alpha: bool) -> Option<Self> {
        let fits = |from: u32, to: u32| (1..=from).contains(&to);
        if !fits(from.0, to.0) || !fits(from.1, to.1) || !(1..=4).contains(&bands) || has_alpha && bands < 2 {
            return None;
        }
        let [width, height, to_width, to_height, bands] =
            [from.0, from.1, to.0, to.1, bands].map(|number| number as usize);
        let padded = (width * bands + LANES).next_multiple_of(BLOCK);
        if Kernel::taps(height, to_height).saturating_mul(padded) > MOST_KEPT
            || Kernel::taps(width, to_width) > MOST_KEPT
        {
            return None;
        }
        let (across, down) = (Kernel::new(width, to_width), Kernel::new(height, to_height));
        Some(Self {
            bands,
            has_alpha,
            rows: vec![0.0; padded * down.taps],
            padded,
            row: vec![0.0; padded],
            across,
            down,
            came: 0,
            made: 0,
            samples: Vec::with_capacity(to_width * to_height * bands),
        })
    }

    /// Takes the next row, samples of eight bits, colours not multiplied by alpha.
    pub fn push(&mut self, row: &[u8]) {
        self.keep(row);
        while self.is_due() {
            self.make_row();
        }
    }

    fn keep(&mut self, row: &[u8]) {
        let taps = self.down.taps;
        let slot = self.came % taps * self.padded;
        let kept = &mut self.rows[slot..slot + self.padded];
        if self.has_alpha {
            match self.bands {
                4 => weigh::<4>(row, kept),
                3 => weigh::<3>(row, kept),
                _ => weigh::<2>(row, kept),
            }
        } else {
            for (kept, sample) in kept.iter_mut().zip(row) {
                *kept = f32::from(*sample);
            }
        }
        self.came += 1;
    }

    fn is_due(&self) -> bool {
        self.down.first.get(self.made).is_some_and(|first| self.came >= first + self.down.taps)
    }

    /// The samples of the result, row after row, as far as rows came.
    pub fn finish(self) -> Vec<u8> {
        self.samples
    }

    fn make_row(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was asked for what the function was compiled for.
            return unsafe { self.make_row_of_wide_registers() };
        }
        self.make_row_of_any_registers();
    }

    /// The same sums in the same order, so that every processor makes the same picture.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn make_row_of_wide_registers(&mut self) {
        self.make_row_of_any_registers();
    }

    #[inline(always)]
    fn make_row_of_any_registers(&mut self) {
        let (first, weights) = self.down.of(self.made);
        self.made += 1;
        sum_rows(&self.rows, self.padded, first, weights, &mut self.row);
        let (row, kernel, samples) = (&self.row, &self.across, &mut self.samples);
        match (self.bands, self.has_alpha) {
            (4, true) => sum_pixels::<4, true>(row, kernel, samples),
            (4, false) => sum_pixels::<4, false>(row, kernel, samples),
            (3, true) => sum_pixels::<3, true>(row, kernel, samples),
            (3, false) => sum_pixels::<3, false>(row, kernel, samples),
            (2, true) => sum_pixels::<2, true>(row, kernel, samples),
            (2, false) => sum_pixels::<2, false>(row, kernel, samples),
            _ => sum_pixels::<1, false>(row, kernel, samples),
        }
    }
}

/// Colours times alpha, and alpha.
#[inline]
fn weigh<const BANDS: usize>(row: &[u8], kept: &mut [f32]) {
    for (kept, pixel) in kept.chunks_exact_mut(BANDS).zip(row.chunks_exact(BANDS)) {
        let alpha = f32::from(pixel[BANDS - 1]);
        for (kept, sample) in kept.iter_mut().zip(&pixel[..BANDS - 1]) {
            *kept = f32::from(*sample) * alpha;
        }
        kept[BANDS - 1] = alpha;
    }
}

/// A row reduced downwards: of each place the sum of the rows under the kernel.
#[inline(always)]
fn sum_rows(rows: &[f32], padded: usize, first: usize, weights: &[f32], sums: &mut [f32]) {
    let under: Vec<(&[f32], f32)> = weights
        .iter()
        .enumerate()
        .filter(|(_, weight)| **weight != 0.0)
        .map(|(at, weight)| (&rows[(first + at) % weights.len() * padded..][..padded], *weight))
        .collect();
    for (block, sums) in sums.chunks_exact_mut(BLOCK).enumerate() {
        let place = block * BLOCK..(block + 1) * BLOCK;
        let mut sum = [0.0; BLOCK];
        for (row, weight) in &under {
            for (sum, value) in sum.iter_mut().zip(&row[place.clone()]) {
                *sum += value * weight;
            }
        }
        sums.copy_from_slice(&sum);
    }
}

/// A row reduced across, colours brought back from their product with alpha, and rounded.
#[inline(always)]
fn sum_pixels<const BANDS: usize, const ALPHA: bool>(row: &[f32], kernel: &Kernel, samples: &mut Vec<u8>) {
    for (first, weights) in kernel.first.iter().zip(kernel.weights.chunks_exact(kernel.taps)) {
        let mut sum = [0.0; LANES];
        let pixels = row[first * BANDS..].windows(LANES).step_by(BANDS);
        for (pixel, weight) in pixels.zip(weights) {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += value * weight;
            }
        }
        if ALPHA {
            let alpha = sum[BANDS - 1];
            let share = if alpha > 0.0 { 1.0 / alpha } else { 0.0 };
            sum[..BANDS - 1].iter_mut().for_each(|colour| *colour *= share);
        }
        // The conversion ends at nought and 255.
        samples.extend(sum[..BANDS].iter().map(|value| (value + 0.5) as u8));
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Pixel, Rgb, Rgba, imageops::FilterType};

    use super::*;

    fn reduced(from: (u32, u32), to: (u32, u32), bands: u32, has_alpha: bool, samples: &[u8]) -> Vec<u8> {
        let mut reduction = Reduction::new(from, to, bands, has_alpha).expect("a reduction");
        samples.chunks_exact((from.0 * bands) as usize).for_each(|row| reduction.push(row));
        reduction.finish()
    }

    /// Something of every frequency, the same each time.
    fn grain(at: u32) -> u8 {
        (at.wrapping_mul(2_654_435_761) >> 24) as u8 / 4 + (at / 7 % 190) as u8
    }

    #[test]
    fn agrees_with_another_resampler() {
        for (from, to) in [((97, 61), (40, 23)), ((64, 64), (63, 64)), ((50, 90), (50, 9)), ((120, 11), (1, 1))] {
            let samples: Vec<u8> = (0..from.0 * from.1 * 3).map(grain).collect();
            let ours = reduced(from, to, 3, false, &samples);
            let picture = ImageBuffer::<Rgb<u8>, _>::from_raw(from.0, from.1, samples).unwrap();
            let theirs = image::imageops::resize(&picture, to.0, to.1, FilterType::Lanczos3);
            for (x, y, pixel) in theirs.enumerate_pixels() {
                // Theirs cuts the kernel at the edge, where ours goes on with the last pixel.
                let inside = |at: u32, to: u32, from: u32| to == from || at > 2 && at + 3 < to;
                if inside(x, to.0, from.0) && inside(y, to.1, from.1) {
                    let at = ((y * to.0 + x) * 3) as usize;
                    for (own, other) in ours[at..at + 3].iter().zip(pixel.channels()) {
                        assert!(own.abs_diff(*other) <= 1, "{from:?} to {to:?} at {x} {y}: {own} and {other}");
                    }
                }
            }
        }
    }

    #[test]
    fn one_colour_stays_to_its_edges() {
        for (bands, has_alpha) in [(1, false), (2, true), (2, false), (3, false), (3, true), (4, true), (4, false)] {
            let pixel = &[200, 100, 3, 90][..bands as usize];
            let samples = pixel.repeat(31 * 17);
            let ours = reduced((31, 17), (7, 5), bands, has_alpha, &samples);
            assert_eq!(ours, pixel.repeat(7 * 5), "{bands} {has_alpha}");
        }
    }

    #[test]
    fn what_is_transparent_lends_no_colour() {
        // A red square in a green picture, of which the green is not seen.
        let picture = ImageBuffer::from_fn(64, 64, |x, y| match (16..48).contains(&x) && (16..48).contains(&y) {
            true => Rgba([255, 0, 0, 255]),
            false => Rgba([0, 255, 0, 0]),
        });
        let ours = reduced((64, 64), (15, 15), 4, true, &picture.into_raw());
        for pixel in ours.chunks_exact(4) {
            assert!(pixel[3] == 0 || pixel[..3] == [255, 0, 0], "{pixel:?}");
        }
        assert!(ours.chunks_exact(4).any(|pixel| (1..255).contains(&pixel[3])), "some edge is soft");
    }

    #[test]
    fn wide_registers_change_nothing() {
        let samples: Vec<u8> = (0..83 * 41 * 4).map(grain).collect();
        let mut any = Reduction::new((83, 41), (31, 17), 4, true).unwrap();
        let wide = reduced((83, 41), (31, 17), 4, true, &samples);
        for row in samples.chunks_exact(83 * 4) {
            any.keep(row);
            while any.is_due() {
                any.make_row_of_any_registers();
            }
        }
        assert_eq!(any.finish(), wide);
    }

    #[test]
    fn only_reductions_of_known_bands() {
        for (from, to, bands, has_alpha) in [
            ((10, 10), (11, 10), 3, false),
            ((10, 10), (10, 11), 3, false),
            ((10, 10), (0, 5), 3, false),
            ((0, 0), (0, 0), 3, false),
            ((10, 10), (5, 5), 5, true),
            ((10, 10), (5, 5), 1, true),
            ((1, 10_000_000), (1, 1), 4, true),
            ((10_000_000, 10), (1, 1), 4, true),
        ] {
            assert!(Reduction::new(from, to, bands, has_alpha).is_none(), "{from:?} {to:?} {bands}");
        }
    }
}
