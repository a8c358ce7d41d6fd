//! Every effect of the language.

use super::{Built, EffectRow, Form, Range, Slot, tone};
use crate::plan::Step;

use Built::{Later, Model, Service, Video};
use Form::{Free, Nothing};

const fn strength(min: i64, max: i64, default: i64) -> Form {
    Form::Strength(Range { min, max, default })
}

const fn number(min: i64, max: i64, default: i64) -> Slot {
    Slot::Number(Range { min, max, default })
}

const fn row(name: &'static str, tier: u8, form: Form, built: Built) -> EffectRow {
    EffectRow { name, tier, form, built }
}

/// Filters of `e_art`.
#[rustfmt::skip]
const ART: &[&str] = &[
    "al_dente", "athena", "audrey", "aurora", "daguerre", "eucalyptus", "fes", "frost", "hairspray", "hokusai", "incognito", "linen",
    "peacock", "primavera", "quartz", "red_rock", "refresh", "sizzle", "sonnet", "ukulele", "zorro",
];
/// Conditions of `e_simulate_colorblind`.
#[rustfmt::skip]
const COLOUR_BLINDNESS: &[&str] = &[
    "deuteranopia", "protanopia", "tritanopia", "tritanomaly", "deuteranomaly", "cone_monochromacy", "rod_monochromacy",
];

/// Every effect of the language, by name.
#[rustfmt::skip]
pub static EFFECTS: &[EffectRow] = &[
    row("accelerate", 2, strength(-50, 100, 0), Video),
    row("adv_redeye", 3, Nothing, Service),
    row("ai", 3, Free, Model),
    row("anti_removal", 3, strength(1, 100, 50), Later),
    row("art", 2, Form::Slots(&[Slot::Word(ART)]), Later),
    row("assist_colorblind", 3, Form::Slots(&[Slot::Word(&["xray"]), number(1, 100, 10)]), Later),
    row("auto_brightness", 2, strength(0, 100, 100), Later),
    row("auto_color", 2, strength(0, 100, 100), Later),
    row("auto_contrast", 2, strength(0, 100, 100), Later),
    row("auto_enhance", 3, Free, Model),
    row("background_removal", 2, Free, Model),
    row("bgremoval", 2, Form::Slots(&[Slot::Word(&["screen"]), Slot::Colour]), Later),
    row("blackwhite", 2, strength(0, 100, 50), Later),
    row("blue", 3, strength(-100, 100, 0), Built::Mix(tone::blue)),
    row("blur", 1, strength(1, 2000, 100), Built::Step(blur)),
    row("blur_faces", 2, strength(1, 2000, 500), Later),
    row("blur_region", 2, strength(1, 2000, 100), Later),
    row("boomerang", 2, Nothing, Video),
    row("brightness", 1, strength(-99, 100, 80), Built::Mix(tone::brightness)),
    row("brightness_hsb", 3, strength(-99, 100, 80), Later),
    row("camera", 3, Free, Later),
    row("cartoonify", 2, Form::Slots(&[number(0, 100, 50), Slot::Word(&["bw"]), number(0, 100, 50)]), Later),
    row("colorize", 1, strength(0, 100, 100), Built::Mix(tone::colorize)),
    row("contrast", 2, Free, Later),
    row("cut_out", 3, Nothing, Later),
    row("deshake", 3, strength(16, 64, 16), Video),
    row("displace", 3, Nothing, Later),
    row("distort", 3, Free, Later),
    row("dropshadow", 3, Free, Later),
    row("embed_clipping_path", 3, Free, Later),
    row("enhance", 3, Nothing, Model),
    row("extract", 3, Free, Model),
    row("fade", 2, strength(-100_000, 100_000, 1000), Video),
    row("fill_light", 3, Form::Slots(&[number(0, 100, 100), number(-100, 100, 0)]), Later),
    row("gamma", 3, strength(-50, 150, 0), Later),
    row("gen_background_replace", 3, Free, Model),
    row("gen_recolor", 3, Free, Model),
    row("gen_remove", 3, Free, Model),
    row("gen_replace", 3, Free, Model),
    row("gen_restore", 3, Nothing, Model),
    row("gradient_fade", 2, Form::Slots(&[Slot::Word(&["symmetric", "symmetric_pad"]), number(0, 100, 20)]), Later),
    row("grayscale", 1, Nothing, Built::Step(|_| Step::Grayscale)),
    row("green", 3, strength(-100, 100, 0), Built::Mix(tone::green)),
    row("hue", 2, strength(-100, 100, 80), Built::Mix(tone::hue)),
    row("improve", 1, Form::Slots(&[Slot::Word(&["outdoor", "indoor"]), number(0, 100, 100)]), Later),
    row("light", 3, Free, Later),
    row("lightroom", 3, Free, Service),
    row("loop", 2, Form::Slots(&[number(0, 100_000, 0)]), Video),
    row("make_transparent", 2, strength(0, 100, 10), Later),
    row("mask", 2, Nothing, Later),
    row("morphology", 3, Free, Later),
    row("multiply", 2, Nothing, Later),
    row("negate", 2, Nothing, Built::Mix(tone::negate)),
    row("noise", 3, strength(0, 100, 0), Video),
    row("oil_paint", 2, strength(0, 100, 30), Later),
    row("opacity_threshold", 3, strength(1, 100, 50), Later),
    row("ordered_dither", 3, strength(0, 18, 0), Later),
    row("outline", 2,
        Form::Slots(&[Slot::Word(&["inner", "inner_fill", "outer", "fill"]), number(1, 100, 5), number(0, 200, 0)]), Later),
    row("overlay", 2, Nothing, Later),
    row("pixelate", 2, Form::Slots(&[number(1, 200, 1)]), Later),
    row("pixelate_faces", 2, Form::Slots(&[number(1, 200, 1)]), Later),
    row("pixelate_region", 2, Form::Slots(&[number(1, 200, 1)]), Later),
    row("preview", 3, Free, Video),
    row("progressbar", 3, Free, Video),
    row("recolor", 3, Free, Later),
    row("red", 3, strength(-100, 100, 0), Built::Mix(tone::red)),
    row("redeye", 3, Nothing, Later),
    row("replace_color", 2, Form::Slots(&[Slot::Colour, number(0, 100, 50), Slot::Colour]), Later),
    row("reverse", 2, Nothing, Video),
    row("saturation", 1, strength(-100, 100, 80), Built::Mix(tone::saturation)),
    row("screen", 2, Nothing, Later),
    row("sepia", 1, strength(1, 100, 80), Built::Mix(tone::sepia)),
    row("shadow", 2, strength(0, 100, 40), Later),
    // The argument is the gain in hundredths.
    row("sharpen", 1, strength(1, 2000, 100),
        Built::Step(|strength| Step::Sharpen { gain_milli: milli(strength.saturating_mul(10)) })),
    row("shear", 3, Form::Slots(&[number(-359, 359, 0), number(-359, 359, 0)]), Later),
    row("simulate_colorblind", 3, Form::Slots(&[Slot::Word(COLOUR_BLINDNESS)]), Later),
    row("style_transfer", 3, Form::Slots(&[Slot::Word(&["preserve_color"]), number(0, 100, 100)]), Model),
    row("swap_image", 3, Free, Later),
    row("theme", 3, Free, Later),
    row("tint", 2, Free, Later),
    row("transition", 3, Nothing, Video),
    row("trim", 1, Form::Slots(&[number(0, 100, 10), Slot::Colour]), Later),
    row("unsharp_mask", 2, strength(1, 2000, 100), Later),
    row("upscale", 3, Nothing, Model),
    row("vectorize", 3, Free, Later),
    row("vibrance", 2, strength(-100, 100, 20), Later),
    row("viesus_correct", 3, Free, Service),
    row("vignette", 2, strength(0, 100, 20), Later),
    row("volume", 2, Free, Video),
    row("zoompan", 3, Free, Video),
];

/// A strength of 60 is a sigma of one pixel; below 0.3 pixels a blur would not be visible.
fn blur(strength: i64) -> Step {
    let sigma_milli = milli((strength.saturating_mul(1000) + 30) / 60).max(300);
    Step::Blur { sigma_milli }
}

/// The ranges of the table keep every strength far inside of `u32`.
fn milli(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
