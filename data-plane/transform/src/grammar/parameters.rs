//! The parameters of the language: their keys, what they are called in refusals, how common they are, and what they take. Advice and
//! reference pages read it here.

use crate::effects;

use super::flags::Flag;
use super::gravity::Gravity;
use super::media;
use super::values::CropMode;

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    /// What stands before the underscore.
    pub key: &'static str,
    /// What it is called in refusals.
    pub name: &'static str,
    /// How common it is: 1 is in almost every integration, 3 is rare.
    pub tier: u8,
    /// What it takes, for people.
    pub takes: &'static str,
    /// Whether arithmetic and variables can stand in its value.
    pub calculates: bool,
}

const fn row(key: &'static str, name: &'static str, tier: u8, calculates: bool, takes: &'static str) -> Parameter {
    Parameter { key, name, tier, takes, calculates }
}

/// All of them, by key.
#[rustfmt::skip]
pub static PARAMETERS: &[Parameter] = &[
    row("a", "angle", 1, true, "degrees, hflip, vflip, auto_left, auto_right, ignore, exif, joined by dots"),
    row("ac", "audio codec", 2, false, "none, aac, vorbis, mp3, opus, pcm24"),
    row("af", "audio frequency", 3, false, "hertz, or iaf"),
    row("ar", "aspect ratio", 1, true, "width:height, or a number greater than 0"),
    row("b", "background", 1, false, "a colour name, rgb: and 3, 4, 6 or 8 hexadecimal digits, auto, blurred, gen_fill"),
    row("bl", "baseline transformation", 3, false, "the name of a transformation"),
    row("bo", "border", 2, false, "<width>px_solid_<colour>"),
    row("br", "bit rate", 2, false, "bits a second, with k or m, and :constant"),
    row("c", "crop", 1, false, "scale, fit, limit, mfit, fill, lfill, fill_pad, crop, thumb, pad, lpad, mpad, auto, auto_pad"),
    row("co", "color", 1, false, "a colour name, or rgb: and 3, 4, 6 or 8 hexadecimal digits"),
    row("cs", "color space", 2, false, "srgb, tinysrgb, cmyk, no_cmyk, keep_cmyk, copy, srgb:truecolor, icc:<public id>"),
    row("d", "default image", 2, false, "a public id with its extension, colons for slashes"),
    row("dl", "delay", 2, false, "milliseconds"),
    row("dn", "density", 2, false, "dots per inch, or idn"),
    row("dpr", "dpr", 1, true, "a number greater than 0, or auto"),
    row("dr", "dynamic range", 3, false, "high"),
    row("du", "duration", 1, true, "seconds, or a percentage with p"),
    row("e", "effect", 1, true, "an effect and its arguments"),
    row("eo", "end offset", 1, true, "seconds, a percentage with p, or auto"),
    row("f", "format", 1, false, "auto, jpg, png, webp, avif, gif, tiff and others"),
    row("fl", "flag", 1, false, "flags, joined by dots"),
    row("fn", "function", 3, false, "remote, wasm, render, select, refine and a source"),
    row("fps", "fps", 2, false, "frames a second, or a range as 24-30, 24- or -30"),
    row("g", "gravity", 1, false, "a direction as north_west, center, auto, face, faces, custom, xy_center, liquid"),
    row("h", "height", 1, true, "pixels, a share with a decimal point, or an expression"),
    row("if", "condition", 2, false, "a comparison as w_gt_300, else, end"),
    row("ki", "keyframe interval", 3, true, "seconds"),
    row("l", "overlay", 1, false, "a public id, text:<style>:<text>, fetch:<base64>, video:, audio:, subtitles:, lut:"),
    row("o", "opacity", 1, true, "0 to 100"),
    row("p", "prefix", 3, false, "text"),
    row("pg", "page", 1, false, "a page, pages as 4-7;9, all, name:<names>, embedded:"),
    row("q", "quality", 1, true, "1 to 100, auto, auto:best, auto:good, auto:eco, auto:low"),
    row("r", "radius", 1, true, "pixels of one to four corners, or max"),
    row("so", "start offset", 1, true, "seconds, a percentage with p, or auto"),
    row("sp", "streaming profile", 2, false, "the name of a profile"),
    row("t", "transformation", 1, false, "names of transformations, joined by dots"),
    row("u", "underlay", 2, false, "as l_"),
    row("vc", "video codec", 1, false, "auto, h264, h265, vp9, vp8, av1, theora, prores, none"),
    row("vs", "video sampling", 2, false, "frames, or seconds with s"),
    row("w", "width", 1, true, "pixels, a share with a decimal point, auto, or an expression"),
    row("x", "x", 1, true, "pixels, a share with a decimal point, or an expression"),
    row("y", "y", 1, true, "pixels, a share with a decimal point, or an expression"),
    row("z", "zoom", 2, true, "a number greater than 0"),
];

/// The parameter of a key.
pub fn parameter(key: &str) -> Option<&'static Parameter> {
    let found = PARAMETERS.binary_search_by(|row| row.key.cmp(key)).ok()?;
    PARAMETERS.get(found)
}

/// What a value of a parameter could have been meant to be, and what it may be.
pub(super) fn advice(key: &str, value: &str) -> Option<String> {
    let row = parameter(key)?;
    let word = value.split(':').next().unwrap_or_default();
    let words: Vec<&str> = match key {
        "a" => vec!["hflip", "vflip", "auto_left", "auto_right", "ignore", "exif"],
        "ac" => media::AUDIO_CODECS.to_vec(),
        "c" => CropMode::ALL.iter().map(|mode| mode.name()).collect(),
        "cs" => media::COLOUR_SPACES.to_vec(),
        "e" => effects::all().map(|row| row.name).collect(),
        "f" => vec!["auto", "jpg", "png", "webp", "avif", "gif", "tiff", "svg", "pdf", "jxl", "mp4", "webm"],
        "fl" => Flag::ALL.iter().map(|flag| flag.name()).chain(["attachment"]).collect(),
        "g" => Gravity::WORDS.to_vec(),
        "q" => vec!["auto", "auto:best", "auto:good", "auto:eco", "auto:low"],
        "vc" => media::VIDEO_CODECS.to_vec(),
        _ => Vec::new(),
    };
    let word = if key == "q" { value } else { word };
    let nearest = nearest(word, &words).filter(|near| *near != word);
    let meant = nearest.map(|word| format!("Did you mean {key}_{word}? ")).unwrap_or_default();
    Some(format!("{meant}{key}_ takes {}", row.takes))
}

/// The key that one was meant to be.
pub(super) fn nearest_key(key: &str) -> Option<&'static str> {
    let keys: Vec<&'static str> = PARAMETERS.iter().map(|row| row.key).collect();
    nearest(key, &keys)
}

/// The word that is nearest to another, if it is near enough to be meant.
fn nearest<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    if word.len() > 40 {
        return None;
    }
    let most = if word.len() <= 3 { 1 } else { 2 };
    let folded = word.to_ascii_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&folded, known);
    // Of two that are as near, the one that begins alike is meant.
    let alike = |known: &str| folded.bytes().zip(known.bytes()).take_while(|(one, other)| one == other).count();
    let found = words.iter().copied().min_by_key(|known| (distance(known), std::cmp::Reverse(alike(known))))?;
    (distance(found) <= most).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_key() {
        assert!(PARAMETERS.is_sorted_by_key(|row| row.key));
        assert!(PARAMETERS.iter().all(|row| parameter(row.key).is_some_and(|found| found.key == row.key)));
    }

    #[test]
    fn what_was_meant_is_named() {
        assert!(advice("c", "fil").is_some_and(|text| text.starts_with("Did you mean c_fill? ")));
        assert!(advice("g", "nort_west").is_some_and(|text| text.starts_with("Did you mean g_north_west? ")));
        assert!(advice("e", "spia:50").is_some_and(|text| text.starts_with("Did you mean e_sepia? ")));
        assert!(advice("w", "abc").is_some_and(|text| text.starts_with("w_ takes pixels")));
        assert_eq!(nearest("completely", &["fill", "fit"]), None);
    }
}
