//! What a picture shows, in numbers: its colours and a hash of its looks. Pure; the pixels come from a worker's miniature.
//!
//! How colours are put together, and what they are called, is our reading, and this is the one place for it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// Width and height of the miniature that is looked at.
pub const SIDE: u32 = 64;
/// How many colours are told.
const COLOURS: usize = 32;
/// Colours that are nearer to each other than this, of 255 a channel, count as one.
const NEAR: f64 = 28.0;
/// Side of the grey picture that the hash is of.
const HASHED: usize = 32;

/// What a picture shows, and what its file says of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Colours, as `#162E02`, with their shares in percent, the most frequent first; with alpha where any pixel shines through.
    pub colors: Vec<(String, f64)>,
    /// The colours by twelve names, with their shares in percent.
    pub google: Vec<(String, f64)>,
    /// The colours by more names, with their shares in percent.
    pub cloudinary: Vec<(String, f64)>,
    /// Whether there is no colour in it.
    pub grayscale: bool,
    /// Whether any pixel shines through.
    pub semi_transparent: bool,
    /// A hash of 64 bits in hexadecimal digits; of pictures that look alike it differs in few bits.
    pub phash: String,
    /// EXIF.
    pub exif: BTreeMap<String, String>,
    /// Everything else that the file says.
    pub labels: BTreeMap<String, String>,
}

/// Twelve names.
const GOOGLE: [(&str, [u8; 3]); 12] = [
    ("black", [0, 0, 0]),
    ("blue", [30, 70, 220]),
    ("brown", [130, 75, 30]),
    ("gray", [128, 128, 128]),
    ("green", [40, 150, 50]),
    ("orange", [245, 135, 30]),
    ("pink", [250, 150, 190]),
    ("purple", [130, 40, 160]),
    ("red", [215, 30, 35]),
    ("teal", [0, 150, 150]),
    ("white", [255, 255, 255]),
    ("yellow", [250, 225, 50]),
];

/// More names.
const CLOUDINARY: [(&str, [u8; 3]); 24] = [
    ("black", [0, 0, 0]),
    ("blue", [0, 0, 255]),
    ("brown", [150, 75, 0]),
    ("coral", [255, 127, 80]),
    ("cyan", [0, 255, 255]),
    ("darkblue", [0, 0, 139]),
    ("darkgreen", [0, 100, 0]),
    ("darkred", [139, 0, 0]),
    ("gold", [255, 215, 0]),
    ("gray", [128, 128, 128]),
    ("green", [0, 160, 0]),
    ("lavender", [200, 180, 235]),
    ("lightblue", [173, 216, 230]),
    ("lightgray", [211, 211, 211]),
    ("lime", [0, 255, 0]),
    ("olive", [128, 128, 0]),
    ("orange", [255, 165, 0]),
    ("pink", [255, 192, 203]),
    ("purple", [128, 0, 128]),
    ("red", [255, 0, 0]),
    ("seagreen", [46, 139, 87]),
    ("teal", [0, 128, 128]),
    ("white", [255, 255, 255]),
    ("yellow", [255, 255, 0]),
];

/// Looks at a square of pixels of `bands` bands of eight bits: grey, grey and alpha, RGB, or RGB and alpha. Nothing where they are fewer
/// than a square of `side` has.
pub fn look(samples: &[u8], bands: usize, side: usize) -> Option<Analysis> {
    let pixels: Vec<[u8; 4]> = samples
        .chunks_exact(bands.max(1))
        .map(|pixel| match *pixel {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [r, g, b] => [r, g, b, 255],
            [r, g, b, alpha, ..] => [r, g, b, alpha],
            [] => [0; 4],
        })
        .collect();
    if side == 0 || pixels.len() < side * side {
        return None;
    }
    let pixels = &pixels[..side * side];
    let semi_transparent = pixels.iter().any(|pixel| pixel[3] < 255);
    let clusters = clusters(pixels);
    let total = pixels.len() as f64;
    let share = |count: usize| (count as f64 * 1000.0 / total).round() / 10.0;
    let hex = |[r, g, b, a]: [u8; 4]| match semi_transparent {
        true => format!("#{r:02X}{g:02X}{b:02X}{a:02X}"),
        false => format!("#{r:02X}{g:02X}{b:02X}"),
    };
    let named = |names: &[(&'static str, [u8; 3])]| {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (colour, count) in clusters.iter().filter(|(colour, _)| colour[3] > 0) {
            *counts.entry(nearest(names, *colour)).or_default() += count;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
        let shares = counts.into_iter().map(|(name, count)| (name.to_owned(), share(count)));
        shares.filter(|(_, share)| *share > 0.0).collect()
    };
    Some(Analysis {
        colors: clusters.iter().take(COLOURS).map(|(colour, count)| (hex(*colour), share(*count))).collect(),
        google: named(&GOOGLE),
        cloudinary: named(&CLOUDINARY),
        grayscale: pixels.iter().all(|[r, g, b, _]| r.abs_diff(*g).max(g.abs_diff(*b)) <= 3),
        semi_transparent,
        phash: format!("{:016x}", phash(pixels, side)),
        ..Analysis::default()
    })
}

/// Colours that are alike, put together, with how many pixels have them; the most frequent first.
fn clusters(pixels: &[[u8; 4]]) -> Vec<([u8; 4], usize)> {
    let mut buckets: HashMap<[u8; 4], ([usize; 4], usize)> = HashMap::new();
    for pixel in pixels {
        // What cannot be seen has no colour.
        let pixel = if pixel[3] == 0 { [0; 4] } else { *pixel };
        let (sums, count) = buckets.entry(pixel.map(|channel| channel >> 4)).or_default();
        for (sum, channel) in sums.iter_mut().zip(pixel) {
            *sum += usize::from(channel);
        }
        *count += 1;
    }
    let mean = |sums: [usize; 4], count: usize| sums.map(|sum| (sum as f64 / count as f64).round() as u8);
    let mut found: Vec<([u8; 4], usize)> =
        buckets.into_values().map(|(sums, count)| (mean(sums, count), count)).collect();
    found.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
    let mut clusters: Vec<([u8; 4], usize)> = Vec::new();
    for (colour, count) in found {
        match clusters.iter_mut().find(|(known, _)| distance(*known, colour) < NEAR) {
            Some((_, known)) => *known += count,
            None => clusters.push((colour, count)),
        }
    }
    clusters.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
    clusters
}

fn distance(one: [u8; 4], other: [u8; 4]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}

/// The name whose colour looks most alike.
fn nearest(names: &[(&'static str, [u8; 3])], [r, g, b, _]: [u8; 4]) -> &'static str {
    let seen = lab([r, g, b]);
    let apart = |other: [u8; 3]| lab(other).iter().zip(seen).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    names.iter().min_by(|(_, one), (_, other)| apart(*one).total_cmp(&apart(*other))).map_or("", |(name, _)| *name)
}

/// CIE L*a*b* of an sRGB colour, by the white of D65.
fn lab(rgb: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    let x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047;
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883;
    let [x, y, z] = [x, y, z].map(|t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The usual hash of looks: of the low frequencies of a small grey picture, which lie above their median.
fn phash(pixels: &[[u8; 4]], side: usize) -> u64 {
    let grey: Vec<f64> = (0..HASHED * HASHED)
        .map(|at| {
            let (x, y) = (at % HASHED, at / HASHED);
            let within = |at: usize| (at * side / HASHED)..((at + 1) * side / HASHED).max(at * side / HASHED + 1);
            let (mut sum, mut count) = (0.0, 0.0);
            for row in within(y) {
                for column in within(x) {
                    let [r, g, b, a] = pixels[row * side + column].map(f64::from);
                    // What shines through is seen on white.
                    sum += (0.299 * r + 0.587 * g + 0.114 * b) * a / 255.0 + 255.0 - a;
                    count += 1.0;
                }
            }
            sum / count
        })
        .collect();
    let wave = |frequency: usize, at: usize| {
        (std::f64::consts::PI * frequency as f64 * (2.0 * at as f64 + 1.0) / (2.0 * HASHED as f64)).cos()
    };
    // Across first, then down, so that the work grows with the side and not with its square.
    let across: Vec<f64> = (0..HASHED * 8)
        .map(|at| {
            let (row, frequency) = (at / 8, at % 8 + 1);
            (0..HASHED).map(|x| grey[row * HASHED + x] * wave(frequency, x)).sum()
        })
        .collect();
    let frequencies: Vec<f64> = (0..64)
        .map(|at| {
            let (down, column) = (at / 8 + 1, at % 8);
            (0..HASHED).map(|y| across[y * 8 + column] * wave(down, y)).sum()
        })
        .collect();
    let mut sorted = frequencies.clone();
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[31], sorted[32]);
    frequencies.iter().fold(0, |hash, frequency| hash << 1 | u64::from(*frequency > median))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 64;

    fn square(colour: impl Fn(usize, usize) -> [u8; 4]) -> Vec<u8> {
        (0..SIZE * SIZE).flat_map(|at| colour(at % SIZE, at / SIZE)).collect()
    }

    #[test]
    fn colours_are_counted_and_named() {
        let halves = square(|x, _| if x < SIZE * 3 / 4 { [250, 5, 5, 255] } else { [0, 0, 250, 255] });
        let seen = look(&halves, 4, SIZE).unwrap();
        assert_eq!(seen.colors, [("#FA0505".to_owned(), 75.0), ("#0000FA".to_owned(), 25.0)]);
        assert_eq!(seen.google, [("red".to_owned(), 75.0), ("blue".to_owned(), 25.0)]);
        assert_eq!((seen.grayscale, seen.semi_transparent), (false, false));
        let clear = square(|x, _| if x < SIZE / 2 { [9, 9, 9, 0] } else { [255, 255, 255, 255] });
        let seen = look(&clear, 4, SIZE).unwrap();
        assert_eq!(seen.colors, [("#00000000".to_owned(), 50.0), ("#FFFFFFFF".to_owned(), 50.0)]);
        assert_eq!(
            (seen.google, seen.semi_transparent, seen.grayscale),
            (vec![("white".to_owned(), 50.0)], true, true)
        );
        let grey: Vec<u8> = (0..SIZE * SIZE).map(|at| (at % 256) as u8).collect();
        let seen = look(&grey, 1, SIZE).unwrap();
        assert!(seen.grayscale && seen.colors.len() <= COLOURS, "{seen:?}");
        assert_eq!(look(&grey[..100], 1, SIZE), None);
    }

    #[test]
    fn pictures_that_look_alike_have_hashes_that_are_near() {
        let scene =
            |x: usize, y: usize| ((x * 3 + y * 2) as f64 / 40.0).sin() * 90.0 + (y as f64 / 9.0).cos() * 30.0 + 128.0;
        let grey = |value: f64| [value as u8, value as u8, value as u8, 255];
        let hash = |samples: Vec<u8>| u64::from_str_radix(&look(&samples, 4, SIZE).unwrap().phash, 16).unwrap();
        let one = hash(square(|x, y| grey(scene(x, y))));
        let brighter = hash(square(|x, y| grey((scene(x, y) * 0.9 + 20.0).min(255.0))));
        let noisy = hash(square(|x, y| grey(scene(x, y) + ((x * 7 + y * 13) % 5) as f64)));
        let other = hash(square(|x, y| grey(((x ^ y) % 64) as f64 * 3.0)));
        assert!((one ^ brighter).count_ones() <= 4, "{one:x} {brighter:x}");
        assert!((one ^ noisy).count_ones() <= 8, "{one:x} {noisy:x}");
        assert!((one ^ other).count_ones() > 16, "{one:x} {other:x}");
    }
}
