//! What a source shows and what its file says of it, found by a worker.

use std::collections::BTreeMap;

use crate::{
    analysis::{Analysis, SIDE, look},
    execute::{miniature, open, sniff, start},
    labels,
    protocol::{Refused, RefusedKind},
    source::Format,
    vips::{Image, Model},
};

/// Longest text of one thing that a file says, in characters.
const LONGEST: usize = 2_000;
/// How much of one kind is told, in bytes. Several kinds have to fit into a message, with what JSON adds.
const MOST_BYTES: usize = 96 * 1024;
/// Millimetres of an inch.
const INCH: f64 = 25.4;

/// Describes a source.
///
/// # Errors
/// As [`crate::execute::render`]. What the file says of itself and cannot be read is left out.
pub fn describe(bytes: &[u8], max_pixels: u64) -> Result<Analysis, Refused> {
    start()?;
    let format = sniff(bytes)?;
    let (samples, bands) = miniature(bytes, SIDE, max_pixels)?;
    let seen = look(&samples, bands as usize, SIDE as usize);
    let mut analysis = seen.ok_or_else(|| Refused::new(RefusedKind::Failed, "the miniature is not whole"))?;
    let image = open(format, bytes, 0)?;
    analysis.exif = kept(image.blob(c"exif-data").map(labels::exif).unwrap_or_default());
    let mut said = of_header(format, &image, bytes);
    said.extend(image.blob(c"iptc-data").map(labels::iptc).unwrap_or_default());
    said.extend(image.blob(c"xmp-data").map(labels::xmp).unwrap_or_default());
    analysis.labels = kept(said);
    Ok(analysis)
}

/// What the header says.
fn of_header(format: Format, image: &Image<'_>, bytes: &[u8]) -> BTreeMap<String, String> {
    let model = match image.model() {
        Model::Grey | Model::Grey16 => "Gray",
        Model::Cmyk => "CMYK",
        _ => "RGB",
    };
    let (across, down) = image.resolution();
    let per_inch = |per_millimetre: f64| (per_millimetre * INCH).round().to_string();
    let mut said = BTreeMap::from([("Colorspace".to_owned(), model.to_owned()), ("DPI".to_owned(), per_inch(across))]);
    if format == Format::Png && across > 0.0 {
        said.insert("PixelsPerUnitX".into(), (across * 1000.0).round().to_string());
        said.insert("PixelsPerUnitY".into(), (down * 1000.0).round().to_string());
        said.insert("PixelUnits".into(), "meters".into());
    }
    // A JPEG of the usual kind begins with its version, and the unit and numbers of its resolution.
    if let (
        Format::Jpg,
        Some([0xff, 0xd8, 0xff, 0xe0, _, _, b'J', b'F', b'I', b'F', 0, major, minor, unit, rest @ ..]),
    ) = (format, bytes.get(..18))
    {
        let number = |at: usize| rest.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
        let unit = match unit {
            1 => "inches",
            2 => "cm",
            _ => "None",
        };
        said.insert("JFIFVersion".into(), format!("{major}.{minor:02}"));
        said.insert("ResolutionUnit".into(), unit.into());
        said.insert("XResolution".into(), number(0).to_string());
        said.insert("YResolution".into(), number(2).to_string());
    }
    said
}

/// Bounds what a file can say, and leaves out what no text holds everywhere.
fn kept(said: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut room = MOST_BYTES;
    let clean = |text: &str| -> String {
        text.chars().filter(|c| !c.is_control() || *c == '\n' || *c == '\t').take(LONGEST).collect()
    };
    let said = said.iter().map(|(name, text)| (clean(name), clean(text)));
    let fits = |(name, text): &(String, String)| {
        room = room.saturating_sub(name.len() + text.len());
        room > 0
    };
    said.take_while(fits).filter(|(name, text)| !name.is_empty() && !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_is_bounded_and_clean() {
        let said = kept(BTreeMap::from([("a\0".into(), "x\0y\u{1}z".into()), ("b".into(), "\0".into())]));
        assert_eq!(said, BTreeMap::from([("a".to_owned(), "xyz".to_owned())]));
        let long = (0..1000).map(|at| (format!("{at:04}"), "x".repeat(LONGEST * 2))).collect();
        let bytes: usize = kept(long).iter().map(|(name, text)| name.len() + text.len()).sum();
        assert!((MOST_BYTES / 2..=MOST_BYTES).contains(&bytes), "{bytes}");
    }
}
