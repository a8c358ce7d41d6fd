//! What the bytes of a file say about it without a decoder: its format, whether it is whole, how many pixels its frames claim.
//!
//! The checks are linear walks over lengths and markers. They allocate nothing, trust no length and never fail: what cannot
//! be followed is reported as truncated.

use crate::source::Format;

/// How many leading bytes [`sniff`] may look at.
pub const SNIFF_LENGTH: usize = 4096;

/// What a walk over the container found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Container {
    /// Whether the file reaches its own end marker. `true` for formats whose end cannot be found without a decoder.
    pub whole: bool,
    /// Whether the rows are stored in several passes (progressive JPEG, interlaced PNG).
    pub progressive: bool,
    /// Whether a checksum inside is wrong (PNG).
    pub damaged: bool,
    /// Whether the data are too short for the pixels that the header claims, however well they were compressed (PNG).
    pub hollow: bool,
    /// How often the decoder passes over the picture (JPEG), at least once.
    pub scans: u32,
    /// Pixels of all frames together where the container tells (GIF: screen size times frames), otherwise zero.
    pub claimed_pixels: u64,
}

impl Container {
    const WHOLE: Self =
        Self { whole: true, progressive: false, damaged: false, hollow: false, scans: 1, claimed_pixels: 0 };
    const TRUNCATED: Self = Self { whole: false, ..Self::WHOLE };
}

/// Names the format by the first bytes of a file; names and declared media types play no part.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    let head = &bytes[..bytes.len().min(SNIFF_LENGTH)];
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        Some(Format::Jpg)
    } else if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        Some(Format::Gif)
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        Some(Format::Webp)
    } else if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| head.starts_with(*magic)) {
        Some(Format::Tiff)
    } else if head.starts_with(&[0xff, 0x0a]) || head.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") {
        Some(Format::Jxl)
    } else if head.get(4..8) == Some(b"ftyp") {
        sniff_brands(head)
    } else if head.starts_with(b"%PDF-") {
        Some(Format::Pdf)
    } else if looks_like_svg(head) {
        Some(Format::Svg)
    } else {
        None
    }
}

/// Tells AVIF from HEIC by the brands of the `ftyp` box; a generic major brand (`mif1`) leaves it to the compatible ones.
fn sniff_brands(head: &[u8]) -> Option<Format> {
    let length = be32(head, 0)? as usize;
    let brands = head.get(8..length.min(head.len()))?;
    // The four bytes after the major brand are a version, which equals no brand.
    brands.chunks_exact(4).find_map(|brand| match brand {
        b"avif" | b"avis" => Some(Format::Avif),
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"hevm" | b"hevs" => Some(Format::Heic),
        _ => None,
    })
}

fn looks_like_svg(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    text.starts_with(b"<") && text.windows(4).any(|window| window == b"<svg")
}

/// Walks the container of a file whose format is known.
pub fn inspect(format: Format, bytes: &[u8]) -> Container {
    let found = match format {
        Format::Jpg => inspect_jpeg(bytes),
        Format::Png => inspect_png(bytes),
        Format::Gif => inspect_gif(bytes),
        Format::Webp => inspect_riff(bytes),
        Format::Avif | Format::Heic => inspect_boxes(bytes),
        Format::Tiff | Format::Jxl | Format::Svg | Format::Pdf => Some(Container::WHOLE),
    };
    found.unwrap_or(Container::TRUNCATED)
}

/// Follows the segments up to the first scan, then looks for the end marker behind it. Thumbnails inside EXIF have an end
/// marker of their own, so the search must not begin earlier; inside a scan the marker's bytes cannot occur by chance. It may
/// be followed by anything (cameras append videos and depth maps).
fn inspect_jpeg(bytes: &[u8]) -> Option<Container> {
    let mut at = 2;
    let (mut progressive, mut components) = (false, 0);
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let marker = bytes[at];
        at += 1;
        match marker {
            0x01 | 0xd0..=0xd8 => continue,
            0xd9 => return None,
            0xc2 | 0xc6 | 0xca | 0xce => progressive = true,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        if marker == 0xda {
            // A scan of all components is the only one.
            let several = progressive || bytes.get(at + 2).is_some_and(|own| *own < components);
            at += length.max(2);
            let scan = bytes.get(at..)?;
            let whole = scan.windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
            let scans = if several { 1 + further_scans(scan) } else { 1 };
            return Some(Container { whole, progressive, scans, ..Container::WHOLE });
        }
        // Frame headers are all of that group but the tables for Huffman and arithmetic codes, and an extension.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            components = bytes.get(at + 7).copied().unwrap_or(0);
        }
        at += length.max(2);
    }
}

/// Scans behind the first, up to the end marker. What is coded holds no markers but those of restarts; the segments between scans hold anything,
/// and are passed over by their lengths.
fn further_scans(coded: &[u8]) -> u32 {
    let (mut scans, mut at) = (0, 0);
    while let Some([first, second]) = coded.get(at..at + 2) {
        match (first, second) {
            (0xff, 0xd9) => break,
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            (0xff, 0xff) => at += 1,
            (0xff, marker) => {
                scans += u32::from(*marker == 0xda);
                let length =
                    coded.get(at + 2..at + 4).map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]])));
                at += 2 + length.max(2);
            }
            _ => at += 1,
        }
    }
    scans
}

/// Bytes that deflate makes of one, at the very most.
const MOST_INFLATED: u64 = 1032;

fn inspect_png(bytes: &[u8]) -> Option<Container> {
    let mut found = Container::WHOLE;
    let mut at = 8;
    let (mut claimed, mut stored) = (0, 0);
    loop {
        let length = be32(bytes, at)? as usize;
        let kind = bytes.get(at + 4..at + 8)?;
        let end = at.checked_add(8)?.checked_add(length)?;
        let body = bytes.get(at + 8..end)?;
        let sum = be32(bytes, end)?;
        found.damaged |= crc32(&bytes[at + 4..end]) != sum;
        if kind == b"IHDR" {
            found.progressive = body.get(12).copied().unwrap_or(0) != 0;
            claimed = samples_of_png(body);
        }
        if kind == b"IDAT" {
            stored += length as u64;
        }
        if kind == b"IEND" {
            found.hollow = claimed > stored.saturating_mul(MOST_INFLATED);
            return Some(found);
        }
        at = end + 4;
    }
}

/// Bytes that the rows of a PNG take before they are compressed, by its header.
fn samples_of_png(header: &[u8]) -> u64 {
    let (Some(width), Some(height)) = (be32(header, 0), be32(header, 4)) else { return 0 };
    let samples: u64 = match header.get(9) {
        Some(2) => 3,
        Some(4) => 2,
        Some(6) => 4,
        _ => 1,
    };
    let bits = u64::from(width) * samples * u64::from(header.get(8).copied().unwrap_or(0));
    u64::from(height).saturating_mul(1 + bits.div_ceil(8))
}

fn inspect_gif(bytes: &[u8]) -> Option<Container> {
    let word = |at: usize| Some(u64::from(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])));
    let palette = |flags: u8| if flags & 0x80 != 0 { 3usize << ((flags & 7) + 1) } else { 0 };
    let skip_blocks = |mut at: usize| loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    };
    let screen = word(6)?.checked_mul(word(8)?)?;
    let mut frames = 0u64;
    let mut at = 13 + palette(*bytes.get(10)?);
    loop {
        match *bytes.get(at)? {
            0x3b => return Some(Container { claimed_pixels: screen.saturating_mul(frames), ..Container::WHOLE }),
            0x21 => at = skip_blocks(at + 2)?,
            0x2c => {
                frames += 1;
                at = skip_blocks(at + 11 + palette(*bytes.get(at + 9)?))?;
            }
            _ => return None,
        }
    }
}

fn inspect_riff(bytes: &[u8]) -> Option<Container> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    Some(Container { whole: u64::from(length) + 8 <= bytes.len() as u64, ..Container::WHOLE })
}

/// Adds up the top-level boxes of an ISO base media file.
fn inspect_boxes(bytes: &[u8]) -> Option<Container> {
    let mut at = 0usize;
    while at < bytes.len() {
        let length = match be32(bytes, at)? {
            // Zero means "to the end of the file", one that a 64-bit length follows.
            0 => return Some(Container::WHOLE),
            1 => usize::try_from(u64::from_be_bytes(bytes.get(at + 8..at + 16)?.try_into().ok()?)).ok()?,
            length => length as usize,
        };
        if length < 8 {
            return None;
        }
        at = at.checked_add(length)?;
    }
    (at == bytes.len()).then_some(Container::WHOLE)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Eight tables let the checksum take eight bytes a turn, so that checking a large PNG costs milliseconds.
static CRC_TABLES: [[u32; 256]; 8] = crc_tables();

const fn crc_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0u32; 256]; 8];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 != 0 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        tables[0][index] = value;
        index += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut index = 0;
        while index < 256 {
            let before = tables[table - 1][index];
            tables[table][index] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            index += 1;
        }
        table += 1;
    }
    tables
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut state = u32::MAX;
    let (blocks, rest) = bytes.as_chunks::<8>();
    for block in blocks {
        let mixed = u64::from_le_bytes(*block) ^ u64::from(state);
        state = 0;
        for (position, byte) in mixed.to_le_bytes().into_iter().enumerate() {
            state ^= CRC_TABLES[7 - position][usize::from(byte)];
        }
    }
    for byte in rest {
        state = (state >> 8) ^ CRC_TABLES[0][usize::from(state as u8 ^ byte)];
    }
    !state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_bytes() {
        assert_eq!(sniff(b"\xff\xd8\xff\xe0"), Some(Format::Jpg));
        assert_eq!(sniff(b"RIFF\x10\0\0\0WEBPVP8 "), Some(Format::Webp));
        assert_eq!(sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"), Some(Format::Avif));
        assert_eq!(sniff(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Some(Format::Heic));
        assert_eq!(sniff(b"\xef\xbb\xbf <?xml version='1.0'?><svg/>"), Some(Format::Svg));
        assert_eq!(sniff(b"GIF88a"), None);
        assert_eq!(sniff(b""), None);
    }

    #[test]
    fn checksum_agrees_with_the_published_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn every_prefix_of_a_small_gif_is_truncated() {
        let gif = b"GIF89a\x02\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x02\0\x01\0\0\x02\x02\x44\x0a\0;";
        assert_eq!(inspect(Format::Gif, gif), Container { claimed_pixels: 2, ..Container::WHOLE });
        for length in 0..gif.len() {
            assert!(!inspect(Format::Gif, &gif[..length]).whole, "prefix of {length} bytes");
        }
    }

    #[test]
    fn scans_are_counted_up_to_the_end() {
        let jpeg = |frame: u8, own: u8, coded: &[u8]| {
            let head = [0xff, 0xd8, 0xff, frame, 0, 9, 8, 0, 1, 0, 1, 3, 0, 0xff, 0xda, 0, 3, own];
            inspect(Format::Jpg, &[&head, coded].concat())
        };
        let three = [7, 0xff, 0, 0xff, 0xda, 0, 3, 1, 0xff, 0xda, 0, 3, 1, 0xff, 0xd9, 0xff, 0xda];
        assert_eq!(jpeg(0xc2, 3, &three), Container { progressive: true, scans: 3, ..Container::WHOLE });
        assert_eq!(jpeg(0xc0, 1, &three), Container { scans: 3, ..Container::WHOLE });
        assert_eq!(jpeg(0xc0, 3, &three), Container::WHOLE);
        // An end marker in a comment ends nothing.
        let hidden = [7, 0xff, 0xfe, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 3, 1, 0xff, 0xd9];
        assert_eq!(jpeg(0xc2, 3, &hidden), Container { progressive: true, scans: 2, ..Container::WHOLE });
    }

    #[test]
    fn nothing_is_trusted() {
        for format in [Format::Jpg, Format::Png, Format::Gif, Format::Webp, Format::Avif, Format::Heic] {
            for fill in [0u8, 1, 0x2c, 0xff] {
                inspect(format, &[fill; 64]);
            }
        }
    }
}
