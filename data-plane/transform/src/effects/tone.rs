//! Effects of tone and colour, by the rules that we choose where the language gives none. What is linear in the channels of a pixel is a mix of
//! them; the rest is a [`Tone`].

use super::Built::{Later, Whole};
use super::{EffectRow, Form, Made, Making, Slot, number, range, row, slots, step, strength};
use crate::pixels::{Stretch, Tone};
use crate::plan::{Colour, Mix, Step};

/// Weights of the channels in lightness, of sRGB.
const LUMA: [f64; 3] = [0.2126, 0.7152, 0.0722];
/// Old photographs.
const SEPIA: [[f64; 3]; 3] = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]];
/// The colour where `co_` says none.
const GREY: Colour = Colour { r: 128, g: 128, b: 128, a: 255 };

/// Conditions of `e_simulate_colorblind`.
#[rustfmt::skip]
const COLOUR_BLINDNESS: &[&str] = &[
    "deuteranopia", "protanopia", "tritanopia", "tritanomaly", "deuteranomaly", "cone_monochromacy", "rod_monochromacy",
];

const CONTRAST: Form = Form::Any(&[
    strength(-100, 100, 0),
    Form::Named {
        joined_by: ';',
        arguments: &[("level", number(-100, 200, 0)), ("type", Slot::Word(&["sigmoidal", "linear"]))],
    },
]);

const RECOLOR: Form = Form::Several { each: number(-1000, 1000, 0), counts: &[9, 16] };

const THEME: Form =
    Form::Named { joined_by: ':', arguments: &[("color", Slot::Colour), ("photosensitivity", number(0, 200, 100))] };

/// Whether it is equalised first, how much of it is taken, and up to ten colours with their places.
#[rustfmt::skip]
const TINT: Form = slots(&[
    Slot::Word(&["equalize"]), number(0, 100, 60),
    Slot::Colour, Slot::Place, Slot::Colour, Slot::Place, Slot::Colour, Slot::Place, Slot::Colour, Slot::Place, Slot::Colour, Slot::Place,
    Slot::Colour, Slot::Place, Slot::Colour, Slot::Place, Slot::Colour, Slot::Place, Slot::Colour, Slot::Place, Slot::Colour, Slot::Place,
]);

/// The rows of this family.
#[rustfmt::skip]
pub(super) static ROWS: &[EffectRow] = &[
    row("assist_colorblind", 3, slots(&[Slot::NumberOr(range(1, 100, 10), &["xray"])]), Later),
    row("auto_brightness", 2, strength(0, 100, 100), Whole(|m| stretch(m, Stretch::Brightness))),
    row("auto_color", 2, strength(0, 100, 100), Whole(|m| stretch(m, Stretch::Channels))),
    row("auto_contrast", 2, strength(0, 100, 100), Whole(|m| stretch(m, Stretch::Contrast))),
    row("blackwhite", 2, strength(0, 100, 50), Whole(|m| toned(Tone::BlackWhite { percent: percent(m, 50) }))),
    row("blue", 3, strength(-100, 100, 0), Whole(|m| mixed(one_channel(2, m.number(0, 0))))),
    row("brightness", 1, strength(-99, 100, 80), Whole(|m| mixed(brightness(m.number(0, 80))))),
    row("brightness_hsb", 3, strength(-99, 100, 80), Whole(|m| changing(m, 80, |percent| Tone::Value { percent }))),
    row("colorize", 1, strength(0, 100, 100), Whole(|m| mixed(colorize(m.number(0, 100), m.colour.unwrap_or(GREY))))),
    row("contrast", 2, CONTRAST, Whole(contrast)),
    row("fill_light", 3, slots(&[number(0, 100, 100), number(-100, 100, 0)]), Whole(|m| {
        let tone = Tone::FillLight { percent: percent(m, 100), bias: m.number(1, 0) as i16 };
        if percent(m, 100) == 0 { None } else { toned(tone) }
    })),
    row("gamma", 3, strength(-50, 150, 0), Whole(|m| changing(m, 0, |percent| Tone::Gamma { percent }))),
    row("grayscale", 1, Form::Nothing, Whole(|_| step(Step::Grayscale))),
    row("green", 3, strength(-100, 100, 0), Whole(|m| mixed(one_channel(1, m.number(0, 0))))),
    row("hue", 2, strength(-100, 100, 80), Whole(|m| mixed(hue(m.number(0, 80))))),
    row("improve", 1, slots(&[Slot::Word(&["outdoor", "indoor"]), number(0, 100, 100)]), Whole(improve)),
    row("negate", 2, Form::Nothing, Whole(|_| mixed(negate()))),
    row("recolor", 3, RECOLOR, Whole(recolor)),
    row("red", 3, strength(-100, 100, 0), Whole(|m| mixed(one_channel(0, m.number(0, 0))))),
    row("replace_color", 2, Form::Slots { least: 1, slots: &[Slot::Colour, number(0, 100, 50), Slot::Colour] }, Later),
    row("saturation", 1, strength(-100, 100, 80), Whole(|m| mixed(saturation(m.number(0, 80))))),
    row("sepia", 1, strength(1, 100, 80), Whole(|m| mixed(sepia(m.number(0, 80))))),
    row("simulate_colorblind", 3, slots(&[Slot::Word(COLOUR_BLINDNESS)]), Later),
    row("theme", 3, THEME, Later),
    row("tint", 2, TINT, Later),
    row("vibrance", 2, strength(-100, 100, 20), Whole(|m| changing(m, 20, |percent| Tone::Vibrance { percent }))),
];

/// Three channels from three, in rows.
type Matrix = [[f64; 3]; 3];

const SAME: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// A mix of the channels, unless it changes nothing.
fn mixed(mix: Mix) -> Option<Made> {
    (!mix.is_nothing()).then_some(Made::Step(Step::Mix { mix }))
}

fn toned(tone: Tone) -> Option<Made> {
    step(Step::Tone { tone })
}

/// The first argument in hundredths.
fn percent(making: &Making<'_>, otherwise: i64) -> u8 {
    making.number(0, otherwise).clamp(0, 100) as u8
}

/// A tone by its number, which changes nothing where it is nought.
fn changing(making: &Making<'_>, otherwise: i64, tone: fn(i16) -> Tone) -> Option<Made> {
    let percent = making.number(0, otherwise) as i16;
    if percent == 0 { None } else { toned(tone(percent)) }
}

fn stretch(making: &Making<'_>, rule: Stretch) -> Option<Made> {
    let percent = percent(making, 100);
    if percent == 0 { None } else { toned(Tone::Stretch { rule, percent }) }
}

fn improve(making: &Making<'_>) -> Option<Made> {
    let percent = making.number(1, 100).clamp(0, 100) as u8;
    let rule = if making.arguments.word(0) == Some("indoor") { Stretch::Indoor } else { Stretch::Outdoor };
    if percent == 0 { None } else { toned(Tone::Stretch { rule, percent }) }
}

/// A number alone is the level of a sigmoidal contrast. A linear one is a gain around the middle, in hundredths.
fn contrast(making: &Making<'_>) -> Option<Made> {
    if making.arguments.word(1) == Some("linear") {
        let gain = hundredths(making.number(0, 100).clamp(1, 200));
        return mixed(Mix::of(SAME.map(|row| row.map(|value| value * gain)), [(1.0 - gain) / 2.0; 3]));
    }
    let percent = making.number(0, 0).clamp(-100, 100) as i16;
    if percent == 0 { None } else { toned(Tone::Contrast { percent }) }
}

/// A mix as it is written, in rows. Of four by four numbers the last row and column are alpha's, which is not mixed into colours.
fn recolor(making: &Making<'_>) -> Option<Made> {
    let numbers = making.arguments.numbers();
    let side = if numbers.len() == 16 { 4 } else { 3 };
    let entry = |row: usize, column: usize| numbers.get(row * side + column).copied().unwrap_or(0.0);
    mixed(Mix::of(std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column))), [0.0; 3]))
}

/// So much of one mix and the rest of another.
fn blend(one: Matrix, other: Matrix, share: f64) -> Matrix {
    let blended = |row: usize, column: usize| one[row][column] * share + other[row][column] * (1.0 - share);
    std::array::from_fn(|row| std::array::from_fn(|column| blended(row, column)))
}

fn hundredths(argument: i64) -> f64 {
    argument as f64 / 100.0
}

/// `e_sepia`: as an old photograph, to so many hundredths.
fn sepia(strength: i64) -> Mix {
    Mix::of(blend(SEPIA, SAME, hundredths(strength)), [0.0; 3])
}

/// `e_brightness`: all channels by a gain; −99 leaves a hundredth, 100 doubles.
fn brightness(strength: i64) -> Mix {
    let gain = 1.0 + hundredths(strength);
    Mix::of(SAME.map(|row| row.map(|value| value * gain)), [0.0; 3])
}

/// `e_saturation`: away from grey, or towards it; −100 is grey.
fn saturation(strength: i64) -> Mix {
    Mix::of(blend(SAME, [LUMA; 3], 1.0 + hundredths(strength)), [0.0; 3])
}

/// `e_hue`: around the grey axis, lightness kept; 100 is half a turn.
fn hue(strength: i64) -> Mix {
    let (sine, cosine) = (hundredths(strength) * std::f64::consts::PI).sin_cos();
    // The rotation that keeps lightness, as filters of browsers have it.
    let turned: Matrix = [[-0.2126, -0.7152, 0.9278], [0.143, 0.140, -0.283], [-0.7874, 0.7152, 0.0722]];
    let entry = |row: usize, column: usize| {
        LUMA[column] + cosine * (SAME[row][column] - LUMA[column]) + sine * turned[row][column]
    };
    Mix::of(std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column))), [0.0; 3])
}

/// `e_negate`: each channel turned round.
fn negate() -> Mix {
    Mix::of(SAME.map(|row| row.map(|value| -value)), [1.0; 3])
}

/// `e_colorize`: with the colour of `co_`, to so many hundredths.
fn colorize(strength: i64, colour: Colour) -> Mix {
    let share = hundredths(strength);
    let offsets = [colour.r, colour.g, colour.b].map(|channel| f64::from(channel) / 255.0 * share);
    Mix::of(SAME.map(|row| row.map(|value| value * (1.0 - share))), offsets)
}

/// `e_red`, `e_green`, `e_blue`: one channel by a gain.
fn one_channel(channel: usize, strength: i64) -> Mix {
    let mut matrix = SAME;
    matrix[channel][channel] += hundredths(strength);
    Mix::of(matrix, [0.0; 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(mix: Mix, pixel: [u8; 3]) -> [i64; 3] {
        mix.milli.map(|[r, g, b, offset]| {
            let sum = [r, g, b].iter().zip(pixel).map(|(gain, value)| i64::from(*gain) * i64::from(value)).sum::<i64>();
            ((sum + i64::from(offset) * 255) as f64 / 1000.0).round() as i64
        })
    }

    #[test]
    fn mixes_do_what_their_effects_say() {
        let grey = Colour { r: 128, g: 128, b: 128, a: 255 };
        let pixel = [200, 100, 50];
        assert_eq!(mixed(negate(), pixel), [55, 155, 205]);
        assert_eq!(mixed(brightness(50), pixel), [300, 150, 75]);
        assert_eq!(mixed(brightness(-99), pixel), [2, 1, 1]);
        assert_eq!(mixed(colorize(100, grey), pixel), [128, 128, 128]);
        assert_eq!(mixed(colorize(50, Colour { r: 255, g: 0, b: 0, a: 255 }), pixel), [228, 50, 25]);
        assert_eq!(mixed(one_channel(0, 50), pixel), [300, 100, 50]);
        assert_eq!(mixed(one_channel(2, -100), pixel), [200, 100, 0]);
        // Grey stays grey whatever its saturation and its hue, and no saturation is grey.
        for strength in [-100, -30, 30, 100] {
            assert_eq!(mixed(saturation(strength), [90; 3]), [90; 3], "{strength}");
            assert_eq!(mixed(hue(strength), [90; 3]), [90; 3], "{strength}");
        }
        let [r, g, b] = mixed(saturation(-100), pixel);
        assert!(r == g && g == b, "{r} {g} {b}");
        assert_eq!(mixed(hue(0), pixel), [200, 100, 50]);
        let [r, g, b] = mixed(sepia(100), [128; 3]);
        assert!(r > g && g > b, "{r} {g} {b}");
    }
}
