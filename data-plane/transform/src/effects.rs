//! The effect table of `e_`: one row per effect says how its argument is written, which range it has, and which step it
//! becomes. A further effect is one more row and one more test vector.

use std::fmt;

use crate::grammar::number::Decimal;
use crate::plan::Step;
use crate::refusal::Refusal;

/// The numeric argument of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Smallest value; smaller ones are clamped, because live URLs contain them.
    pub min: i64,
    /// Largest value; larger ones are clamped.
    pub max: i64,
    /// The value when the URL gives none.
    pub default: i64,
}

/// One effect: its name in the URL, its argument and its meaning.
#[derive(Debug)]
pub struct EffectRow {
    /// The name behind `e_`.
    pub name: &'static str,
    /// The argument, or `None` when the effect takes none.
    pub argument: Option<Argument>,
    /// The step for an argument that lies in the range (0 when the effect takes none).
    step: fn(i64) -> Step,
}

/// Every effect that is carried out.
pub static EFFECTS: &[EffectRow] = &[
    EffectRow { name: "grayscale", argument: None, step: |_| Step::Grayscale },
    EffectRow { name: "blur", argument: Some(Argument { min: 1, max: 2000, default: 100 }), step: blur },
    EffectRow {
        name: "sharpen",
        argument: Some(Argument { min: 1, max: 2000, default: 100 }),
        // The argument is the gain in hundredths.
        step: |strength| Step::Sharpen { gain_milli: milli(strength.saturating_mul(10)) },
    },
];

/// Effects of the language that are not carried out yet; they are refused by name.
static NOT_BUILT: &[&str] = &[
    "accelerate",
    "adv_redeye",
    "ai",
    "anti_removal",
    "art",
    "assist_colorblind",
    "auto_brightness",
    "auto_color",
    "auto_contrast",
    "auto_enhance",
    "background_removal",
    "bgremoval",
    "blackwhite",
    "blue",
    "blur_faces",
    "blur_region",
    "boomerang",
    "brightness",
    "brightness_hsb",
    "camera",
    "cartoonify",
    "colorize",
    "contrast",
    "cut_out",
    "deshake",
    "displace",
    "distort",
    "dropshadow",
    "embed_clipping_path",
    "enhance",
    "extract",
    "fade",
    "fill_light",
    "gamma",
    "gen_background_replace",
    "gen_recolor",
    "gen_remove",
    "gen_replace",
    "gen_restore",
    "gradient_fade",
    "green",
    "hue",
    "improve",
    "light",
    "lightroom",
    "loop",
    "make_transparent",
    "mask",
    "morphology",
    "multiply",
    "negate",
    "noise",
    "oil_paint",
    "opacity_threshold",
    "ordered_dither",
    "outline",
    "overlay",
    "pixelate",
    "pixelate_faces",
    "pixelate_region",
    "preview",
    "progressbar",
    "recolor",
    "red",
    "redeye",
    "replace_color",
    "reverse",
    "saturation",
    "screen",
    "sepia",
    "shadow",
    "shear",
    "simulate_colorblind",
    "style_transfer",
    "swap_image",
    "theme",
    "tint",
    "transition",
    "trim",
    "unsharp_mask",
    "upscale",
    "vectorize",
    "vibrance",
    "viesus_correct",
    "vignette",
    "volume",
    "zoompan",
];

/// An effect with its argument, ready to become a step.
#[derive(Debug, Clone, Copy)]
pub struct Effect {
    row: &'static EffectRow,
    argument: i64,
}

impl Effect {
    /// Reads the value of `e_`: `name` or `name:argument`.
    ///
    /// # Errors
    /// An unknown name, an argument that is no number and too many arguments are invalid; a known name without a row is
    /// not built. Numbers outside of the range are clamped to it.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let (name, argument) = match value.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (value, None),
        };
        let Some(row) = EFFECTS.iter().find(|row| row.name == name) else {
            let known = NOT_BUILT.contains(&name) || name.starts_with('$');
            return Err(if known {
                Refusal::not_built(format_args!("e_{name}"))
            } else {
                Refusal::invalid("effect", value)
            });
        };
        let argument = match (row.argument, argument) {
            (None, None) => 0,
            (Some(range), None) => range.default,
            (Some(_), Some(text)) if text.starts_with('$') => {
                return Err(Refusal::not_built(format_args!("e_{value}")));
            }
            (Some(range), Some(text)) => {
                let number = Decimal::parse(text).ok_or_else(|| Refusal::invalid("effect", value))?;
                number.rounded().clamp(range.min, range.max)
            }
            (None, Some(_)) => return Err(Refusal::invalid("effect", value)),
        };
        Ok(Self { row, argument })
    }

    /// The effect's name behind `e_`.
    pub fn name(self) -> &'static str {
        self.row.name
    }

    /// The step that carries the effect out.
    pub fn step(self) -> Step {
        (self.row.step)(self.argument)
    }
}

impl PartialEq for Effect {
    fn eq(&self, other: &Self) -> bool {
        self.row.name == other.row.name && self.argument == other.argument
    }
}

impl Eq for Effect {}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row.argument {
            None => f.write_str(self.row.name),
            Some(_) => write!(f, "{}:{}", self.row.name, self.argument),
        }
    }
}

/// A strength of 60 is a sigma of one pixel; below 0.3 pixels a blur would not be visible.
fn blur(strength: i64) -> Step {
    let sigma_milli = milli((strength.saturating_mul(1000) + 30) / 60).max(300);
    Step::Blur { sigma_milli }
}

/// The ranges of the table keep every strength far inside of `u32`.
fn milli(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
