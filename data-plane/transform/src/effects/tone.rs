//! Effects of tone and colour: each is a mix of the channels of a pixel, by the rules that we choose where the language gives none.

use crate::plan::{Colour, Mix};

/// Weights of the channels in lightness, of sRGB.
const LUMA: [f64; 3] = [0.2126, 0.7152, 0.0722];
/// Old photographs.
const SEPIA: [[f64; 3]; 3] = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]];

/// Three channels from three, in rows.
type Matrix = [[f64; 3]; 3];

const SAME: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// So much of one mix and the rest of another.
fn blend(one: Matrix, other: Matrix, share: f64) -> Matrix {
    let blended = |row: usize, column: usize| one[row][column] * share + other[row][column] * (1.0 - share);
    std::array::from_fn(|row| std::array::from_fn(|column| blended(row, column)))
}

fn hundredths(argument: i64) -> f64 {
    argument as f64 / 100.0
}

/// `e_sepia`: as an old photograph, to so many hundredths.
pub(super) fn sepia(strength: i64, _: Colour) -> Mix {
    Mix::of(blend(SEPIA, SAME, hundredths(strength)), [0.0; 3])
}

/// `e_brightness`: all channels by a gain; −99 leaves a hundredth, 100 doubles.
pub(super) fn brightness(strength: i64, _: Colour) -> Mix {
    let gain = 1.0 + hundredths(strength);
    Mix::of(SAME.map(|row| row.map(|value| value * gain)), [0.0; 3])
}

/// `e_saturation`: away from grey, or towards it; −100 is grey.
pub(super) fn saturation(strength: i64, _: Colour) -> Mix {
    Mix::of(blend(SAME, [LUMA; 3], 1.0 + hundredths(strength)), [0.0; 3])
}

/// `e_hue`: around the grey axis, lightness kept; 100 is half a turn.
pub(super) fn hue(strength: i64, _: Colour) -> Mix {
    let (sine, cosine) = (hundredths(strength) * std::f64::consts::PI).sin_cos();
    // The rotation that keeps lightness, as filters of browsers have it.
    let turned: Matrix = [[-0.2126, -0.7152, 0.9278], [0.143, 0.140, -0.283], [-0.7874, 0.7152, 0.0722]];
    let entry = |row: usize, column: usize| {
        LUMA[column] + cosine * (SAME[row][column] - LUMA[column]) + sine * turned[row][column]
    };
    Mix::of(std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column))), [0.0; 3])
}

/// `e_negate`: each channel turned round.
pub(super) fn negate(_: i64, _: Colour) -> Mix {
    Mix::of(SAME.map(|row| row.map(|value| -value)), [1.0; 3])
}

/// `e_colorize`: with the colour of `co_`, to so many hundredths.
pub(super) fn colorize(strength: i64, colour: Colour) -> Mix {
    let share = hundredths(strength);
    let offsets = [colour.r, colour.g, colour.b].map(|channel| f64::from(channel) / 255.0 * share);
    Mix::of(SAME.map(|row| row.map(|value| value * (1.0 - share))), offsets)
}

/// `e_red`: one channel by a gain.
pub(super) fn red(strength: i64, _: Colour) -> Mix {
    one_channel(0, strength)
}

/// `e_green`: one channel by a gain.
pub(super) fn green(strength: i64, _: Colour) -> Mix {
    one_channel(1, strength)
}

/// `e_blue`: one channel by a gain.
pub(super) fn blue(strength: i64, _: Colour) -> Mix {
    one_channel(2, strength)
}

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
        assert_eq!(mixed(negate(0, grey), pixel), [55, 155, 205]);
        assert_eq!(mixed(brightness(50, grey), pixel), [300, 150, 75]);
        assert_eq!(mixed(brightness(-99, grey), pixel), [2, 1, 1]);
        assert_eq!(mixed(colorize(100, grey), pixel), [128, 128, 128]);
        assert_eq!(mixed(colorize(50, Colour { r: 255, g: 0, b: 0, a: 255 }), pixel), [228, 50, 25]);
        assert_eq!(mixed(red(50, grey), pixel), [300, 100, 50]);
        assert_eq!(mixed(blue(-100, grey), pixel), [200, 100, 0]);
        // Grey stays grey whatever its saturation and its hue, and no saturation is grey.
        for strength in [-100, -30, 30, 100] {
            assert_eq!(mixed(saturation(strength, grey), [90; 3]), [90; 3], "{strength}");
            assert_eq!(mixed(hue(strength, grey), [90; 3]), [90; 3], "{strength}");
        }
        let [r, g, b] = mixed(saturation(-100, grey), pixel);
        assert!(r == g && g == b, "{r} {g} {b}");
        assert_eq!(mixed(hue(0, grey), pixel), [200, 100, 50]);
        let [r, g, b] = mixed(sepia(100, grey), [128; 3]);
        assert!(r > g && g > b, "{r} {g} {b}");
    }
}
