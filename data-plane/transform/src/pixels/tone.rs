//! Changes of pixels by themselves, or by how often which levels are in the picture.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Pixels;

/// A change of every pixel by itself, or by how often which levels are in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tone {
    /// The levels of the picture, stretched.
    Stretch {
        /// By which rule.
        rule: Stretch,
        /// How much of it is taken, 1 to 100.
        percent: u8,
    },
    /// Each level to the power of one by one and so many hundredths.
    Gamma {
        /// Hundredths, −50 to 150.
        percent: i16,
    },
    /// An S around the middle.
    Contrast {
        /// Hundredths, −100 to 100.
        percent: i16,
    },
    /// White where a pixel is as light as this, black elsewhere.
    BlackWhite {
        /// Hundredths of the lightness.
        percent: u8,
    },
    /// The lightest channel of a pixel by a gain, the others with it.
    Value {
        /// Hundredths, −99 to 100.
        percent: i16,
    },
    /// Away from grey, or towards it; the duller a pixel, the more.
    Vibrance {
        /// Hundredths, −100 to 100.
        percent: i16,
    },
    /// Shadows lightened.
    FillLight {
        /// How much of it is taken, 1 to 100.
        percent: u8,
        /// Whether more than shadows is meant, −100 to 100.
        bias: i16,
    },
}

/// By which rule levels are stretched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stretch {
    /// The lightest becomes white; black stays.
    Brightness,
    /// The darkest becomes black and the lightest white.
    Contrast,
    /// The same for each channel by itself.
    Channels,
    /// As channels, halved, with the middle brought to where a picture taken in daylight has it.
    Outdoor,
    /// The same, with shadows lifted further.
    Indoor,
}

/// How often which levels are in a picture: red, green, blue and lightness.
#[derive(Debug, Clone)]
pub struct Levels([[u64; 256]; 4]);

/// For each channel, what each of its levels becomes.
pub type Tables = [[u8; 256]; 3];

/// So many thousandths of the darkest and of the lightest pixels do not count.
const STRAY_MILLI: u64 = 5;

impl Default for Levels {
    fn default() -> Self {
        Self([[0; 256]; 4])
    }
}

impl Levels {
    /// Counts those of one more picture. What cannot be seen does not count.
    pub fn count(&mut self, pixels: &Pixels<'_>) {
        for pixel in pixels.each() {
            let [r, g, b, ..] = *pixel else { continue };
            if pixel.get(3) == Some(&0) {
                continue;
            }
            for (counts, level) in self.0.iter_mut().zip([r, g, b, luma([r, g, b])]) {
                counts[usize::from(level)] += 1;
            }
        }
    }

    /// The darkest and the lightest level of a channel that count.
    fn ends(&self, channel: usize) -> (f64, f64) {
        let counts = &self.0[channel];
        let stray = counts.iter().sum::<u64>() * STRAY_MILLI / 1000;
        let end = |mut levels: Box<dyn Iterator<Item = usize>>| {
            let mut passed = 0;
            levels.find(|level| {
                passed += counts[*level];
                passed > stray
            })
        };
        match (end(Box::new(0..256)), end(Box::new((0..256).rev()))) {
            (Some(low), Some(high)) => (low as f64, high as f64),
            _ => (0.0, 255.0),
        }
    }

    /// The mean lightness, nought to one.
    fn lightness(&self) -> f64 {
        let counts = &self.0[3];
        let sum: u64 = counts.iter().enumerate().map(|(level, count)| level as u64 * count).sum();
        sum as f64 / (counts.iter().sum::<u64>().max(1) as f64 * 255.0)
    }
}

impl Stretch {
    /// The widest that a picture is pulled apart: what is nearly of one level would be noise.
    const MOST_GAIN: f64 = 4.0;

    /// What a level becomes: stretched between the ends of the channel, then bent.
    fn rule(self, levels: &Levels) -> impl Fn(usize, f64) -> f64 {
        let (dark, light) = levels.ends(3);
        let ends: [(f64, f64); 3] = match self {
            Self::Brightness => [(0.0, light); 3],
            Self::Contrast => [(dark, light); 3],
            Self::Channels => [levels.ends(0), levels.ends(1), levels.ends(2)],
            // Half of what would be pulled apart, so that dusk stays dusk.
            Self::Outdoor | Self::Indoor => std::array::from_fn(|channel| {
                let (low, high) = levels.ends(channel);
                (low / 2.0, (high + 255.0) / 2.0)
            }),
        };
        let wanted = match self {
            Self::Outdoor => Some(0.44),
            Self::Indoor => Some(0.50),
            _ => None,
        };
        let bend = wanted.map_or(1.0, |wanted: f64| {
            let now = levels.lightness().clamp(0.02, 0.98);
            (wanted.ln() / now.ln()).clamp(0.7, 1.25)
        });
        move |channel, level| {
            let (low, high) = ends[channel];
            let range = (high - low).max(255.0 / Self::MOST_GAIN);
            ((level - low) / range).clamp(0.0, 1.0).powf(bend) * 255.0
        }
    }
}

impl Tone {
    /// Whether the levels of the picture have to be counted.
    pub fn needs_levels(self) -> bool {
        matches!(self, Self::Stretch { .. })
    }

    /// What each level of each channel becomes, if that is all there is to it.
    pub fn tables(self, levels: &Levels) -> Option<Tables> {
        let of = |change: &dyn Fn(usize, f64) -> f64| -> Tables {
            std::array::from_fn(|channel| std::array::from_fn(|level| eight_bits(change(channel, level as f64))))
        };
        Some(match self {
            Self::Stretch { rule, percent } => {
                let (rule, share) = (rule.rule(levels), f64::from(percent) / 100.0);
                of(&|channel, level| rule(channel, level) * share + level * (1.0 - share))
            }
            Self::Gamma { percent } => {
                let power = 1.0 / (1.0 + f64::from(percent) / 100.0);
                of(&|_, level| (level / 255.0).powf(power) * 255.0)
            }
            Self::Contrast { percent } => {
                let steepness = f64::from(percent.abs()) / 10.0;
                let sigmoid = |value: f64| 1.0 / (1.0 + (-steepness * (value - 0.5)).exp());
                let (low, high) = (sigmoid(0.0), sigmoid(1.0));
                if percent > 0 {
                    of(&|_, level| (sigmoid(level / 255.0) - low) / (high - low) * 255.0)
                } else {
                    // The same S, seen from the other axis.
                    of(&|_, level| {
                        let value = level / 255.0 * (high - low) + low;
                        (0.5 - (1.0 / value - 1.0).ln() / steepness) * 255.0
                    })
                }
            }
            _ => return None,
        })
    }

    /// Does it. `tables` is what [`Tone::tables`] gave.
    pub fn apply(self, pixels: &mut Pixels<'_>, tables: Option<&Tables>) {
        if let Some([red, green, blue]) = tables {
            pixels.recolour(|[r, g, b]| [red[usize::from(r)], green[usize::from(g)], blue[usize::from(b)]]);
            return;
        }
        match self {
            Self::BlackWhite { percent } => {
                let threshold = f64::from(percent) * 2.55;
                pixels.recolour(|pixel| if f64::from(luma(pixel)) >= threshold { [255; 3] } else { [0; 3] });
            }
            Self::Value { percent } => {
                let gain = 1.0 + f64::from(percent) / 100.0;
                pixels.recolour(|pixel| {
                    let lightest = f64::from(pixel.into_iter().max().unwrap_or(0));
                    // No lighter than the lightest channel may become, so that the colour stays what it is.
                    let gain = if lightest > 0.0 { gain.min(255.0 / lightest) } else { gain };
                    pixel.map(|channel| eight_bits(f64::from(channel) * gain))
                });
            }
            Self::Vibrance { percent } => {
                let amount = f64::from(percent) / 100.0;
                pixels.recolour(|pixel| {
                    let (low, high) = (pixel.into_iter().min().unwrap_or(0), pixel.into_iter().max().unwrap_or(0));
                    let dullness = 1.0 - f64::from(high - low) / f64::from(high.max(1));
                    let (gain, grey) = (1.0 + amount * dullness, f64::from(luma(pixel)));
                    pixel.map(|channel| eight_bits(grey + (f64::from(channel) - grey) * gain))
                });
            }
            Self::FillLight { percent, bias } => {
                let (share, bias) = (f64::from(percent) / 100.0, f64::from(bias) / 200.0);
                pixels.recolour(|pixel| {
                    let shadow = (1.0 - f64::from(luma(pixel)) / 255.0 + bias).clamp(0.0, 1.0);
                    let amount = shadow * shadow * share;
                    pixel.map(|channel| {
                        let dark = 1.0 - f64::from(channel) / 255.0;
                        eight_bits((1.0 - dark * (1.0 - amount) - dark * dark * amount) * 255.0)
                    })
                });
            }
            Self::Stretch { .. } | Self::Gamma { .. } | Self::Contrast { .. } => {}
        }
    }
}

/// Lightness of a pixel.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    // The weights of sRGB in parts of 65 536, which add up to all of it.
    ((u32::from(r) * 13_933 + u32::from(g) * 46_871 + u32::from(b) * 4732 + 32_768) >> 16) as u8
}

/// The nearest level; the cast saturates.
fn eight_bits(value: f64) -> u8 {
    value.round() as u8
}

/// In words.
impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stretch { rule, percent } => {
                let what = match rule {
                    Stretch::Brightness => "the lightest to white",
                    Stretch::Contrast => "levels apart",
                    Stretch::Channels => "levels of each channel apart",
                    Stretch::Outdoor => "levels apart, for daylight",
                    Stretch::Indoor => "levels apart, for rooms",
                };
                write!(f, "pull {what}, {percent} % of it")
            }
            Self::Gamma { percent } => write!(f, "gamma of {}", 1.0 + f64::from(*percent) / 100.0),
            Self::Contrast { percent } => write!(f, "contrast by an S of {percent} %"),
            Self::BlackWhite { percent } => write!(f, "white from {percent} % of lightness, else black"),
            Self::Value { percent } => write!(f, "lightest channel by {percent} %"),
            Self::Vibrance { percent } => write!(f, "vibrance by {percent} %"),
            Self::FillLight { percent, bias } => write!(f, "lighten shadows, {percent} % of it, bias {bias}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(tone: Tone, pixel: [u8; 3]) -> [u8; 3] {
        let mut samples = pixel.to_vec();
        let mut pixels = Pixels::new(&mut samples, 1, 3).unwrap();
        let tables = tone.tables(&Levels::default());
        tone.apply(&mut pixels, tables.as_ref());
        [samples[0], samples[1], samples[2]]
    }

    #[test]
    fn pixels_change_as_their_tones_say() {
        assert_eq!(changed(Tone::Gamma { percent: 100 }, [64, 128, 255]), [128, 181, 255]);
        assert_eq!(changed(Tone::Gamma { percent: -50 }, [64, 128, 255]), [16, 64, 255]);
        // An S keeps its ends and the middle, and the other way round takes it back.
        let steep = changed(Tone::Contrast { percent: 60 }, [0, 64, 255]);
        assert!(steep[0] == 0 && steep[1] < 50 && steep[2] == 255, "{steep:?}");
        let back = changed(Tone::Contrast { percent: -60 }, steep);
        assert!(back[1].abs_diff(64) <= 1, "{back:?}");
        assert_eq!(changed(Tone::BlackWhite { percent: 50 }, [200, 200, 200]), [255; 3]);
        assert_eq!(changed(Tone::BlackWhite { percent: 90 }, [200, 200, 200]), [0; 3]);
        assert_eq!(changed(Tone::Value { percent: 100 }, [100, 50, 25]), [200, 100, 50]);
        assert_eq!(changed(Tone::Value { percent: 100 }, [200, 100, 0]), [255, 127, 0]);
        // The vivid one stays, the dull one does not, and grey has no colour to be raised.
        assert_eq!(changed(Tone::Vibrance { percent: 100 }, [255, 0, 0]), [255, 0, 0]);
        let vivid = changed(Tone::Vibrance { percent: 100 }, [140, 120, 120]);
        assert!(vivid[0] > 150 && vivid[1] < 120, "{vivid:?}");
        assert_eq!(changed(Tone::Vibrance { percent: 100 }, [90; 3]), [90; 3]);
        let lifted = changed(Tone::FillLight { percent: 100, bias: 0 }, [40; 3]);
        assert!((60..90).contains(&lifted[0]), "{lifted:?}");
        assert_eq!(changed(Tone::FillLight { percent: 100, bias: 0 }, [255; 3]), [255; 3]);
    }

    #[test]
    fn levels_are_pulled_apart() {
        let mut dull: Vec<u8> = (0..100).flat_map(|at| [60 + at, 80 + at, 100 + at]).collect();
        let mut pixels = Pixels::new(&mut dull, 100, 3).unwrap();
        let mut levels = Levels::default();
        levels.count(&pixels);
        let ends = |rule, percent| {
            let tables = Tone::Stretch { rule, percent }.tables(&levels).unwrap();
            [(60, 159), (80, 179), (100, 199)]
                .map(|(low, high)| (low, high))
                .iter()
                .zip(tables)
                .map(|((low, high), table)| (table[*low as usize], table[*high as usize]))
                .collect::<Vec<_>>()
        };
        assert_eq!(ends(Stretch::Channels, 100), [(0, 255); 3]);
        let common = ends(Stretch::Contrast, 100);
        assert!(common[0].0 == 0 && common[2].1 == 255 && common[1].0 > 0, "{common:?}");
        assert_eq!(ends(Stretch::Brightness, 100)[0].0, 87);
        let half = ends(Stretch::Channels, 50);
        assert_eq!(half[0], (30, 207));
        let (outdoor, indoor) = (ends(Stretch::Outdoor, 100), ends(Stretch::Indoor, 100));
        assert!(outdoor[0].0 < 60 && outdoor[2].1 > 199 && indoor[0].0 >= outdoor[0].0, "{outdoor:?} {indoor:?}");
        let tables = Tone::Stretch { rule: Stretch::Channels, percent: 100 }.tables(&levels);
        Tone::Stretch { rule: Stretch::Channels, percent: 100 }.apply(&mut pixels, tables.as_ref());
        assert_eq!((dull[..3].to_vec(), dull[297..].to_vec()), (vec![0; 3], vec![255; 3]));
    }
}
