//! Files that nobody draws: cut off, damaged, lying about their size, and made to cost.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat};

use super::pictures::{animated_gif, encode, jpeg, photo, png_that_claims, png_with_chunk};

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is a picture after all, and is shown.
    Shown,
    /// It is refused, with a text that holds this.
    Refused(&'static str),
    /// Either: where the damage lies decides.
    Told,
}

/// A file with what should become of it.
#[derive(Debug)]
pub struct Case {
    /// What is wrong with it.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// What should become of it.
    pub fate: Fate,
}

/// A drawing of eight pixels a side in four inks, which no encoder here writes.
const CMYK: &str = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3OFBtUVdfYmdoZz5NcXlwZH\
hcZWdj/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQEC\
AwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dX\
Z3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4E\
QwBNAFkASwAAPwD0Cuaq9Xd1/9k=";

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, fate: Fate| cases.push(Case { name: name.to_owned(), bytes, fate });
    let picture = DynamicImage::ImageRgb8(photo(320, 240, 5));
    let whole = [
        ("jpg", jpeg(&picture.to_rgb8())),
        ("png", encode(&picture, ImageFormat::Png)),
        ("webp", encode(&picture, ImageFormat::WebP)),
        ("gif", animated_gif(120, 90, 6)),
        ("tiff", tiff(&Tiff { side: 64, ..Tiff::default() })),
    ];
    for (name, bytes) in &whole {
        for percent in [1, 10, 50, 99] {
            let kept = (bytes.len() * percent / 100).max(3);
            // Of the first hundredth not even the header may be there.
            let fate = if percent == 1 || *name == "tiff" { Fate::Told } else { Fate::Refused("") };
            add(&format!("{name} cut off at {percent} percent"), bytes[..kept].to_vec(), fate);
        }
        for seed in 0..12 {
            add(&format!("{name} with flipped bits, {seed}"), flipped(bytes, seed), Fate::Told);
        }
        for (other, tail) in &whole {
            if other != name {
                let mut mixed = bytes[..16].to_vec();
                mixed.extend(&tail[16..]);
                add(&format!("a {other} that begins as {name}"), mixed, Fate::Told);
            }
        }
    }
    add("nothing", Vec::new(), Fate::Refused(""));
    add("a text", b"Once there was a picture.".to_vec(), Fate::Refused("image"));
    add("noughts", vec![0; 10_000], Fate::Refused("image"));

    // Sizes.
    for (width, height) in [(0, 10), (10, 0), (0, 0), (u32::MAX, u32::MAX), (1 << 31, 1)] {
        add(&format!("png of {width}x{height}"), png_that_claims(width, height), Fate::Refused(""));
    }
    add("png of gigapixels", png_that_claims(60_000, 60_000), Fate::Refused("pixels"));
    add("png of 90 megapixels that are not there", png_that_claims(10_000, 9_000), Fate::Refused("cannot hold"));
    // The library makes a pixel of it.
    add("gif of nothing", gif(0, 0, 1), Fate::Told);
    add("gif of thousands of large frames", gif(5_000, 5_000, 4_000), Fate::Refused("pixels"));
    add("gif of thousands of small frames", gif(8, 8, 5_000), Fate::Told);
    add("jpeg of 65,500 pixels a side", jpeg_that_claims(65_500, 65_500, 1), Fate::Refused(""));
    add("jpeg of nothing", jpeg_that_claims(0, 0, 1), Fate::Refused(""));
    add("jpeg of a thousand scans", jpeg_that_claims(9_000, 9_000, 1_000), Fate::Refused("1000 scans"));
    add("jpeg of two thousand small scans", jpeg_that_claims(1_000, 1_000, 2_000), Fate::Refused("2000 scans"));

    let mut hidden = jpeg_that_claims(9_000, 9_000, 1_000);
    let behind_first = hidden.windows(2).position(|pair| pair == [0xFF, 0xDA]).expect("a scan") + 12;
    hidden.splice(behind_first..behind_first, [0xFF, 0xFE, 0, 4, 0xFF, 0xD9]);
    add("jpeg of a thousand scans behind a comment that looks like the end", hidden, Fate::Refused("1000 scans"));

    // Depths, inks, profiles and what files say of themselves.
    add("png of sixteen bits", encode(&picture.to_rgb16().into(), ImageFormat::Png), Fate::Shown);
    add("png of sixteen bits with alpha", encode(&picture.to_rgba16().into(), ImageFormat::Png), Fate::Shown);
    add("jpeg of four inks", STANDARD.decode(CMYK).expect("a constant"), Fate::Shown);
    add("tiff of four inks", tiff(&Tiff { samples: 4, photometric: 5, ..Tiff::default() }), Fate::Shown);
    let whole_jpeg = &whole[0].1;
    let mut noise = Noise(9);
    let garbage: Vec<u8> = (0..5_000).map(|_| noise.byte()).collect();
    let profile = |first: &[u8]| [b"ICC_PROFILE\0\x01\x01", first].concat();
    add("jpeg with a profile of noise", with_segment(whole_jpeg, 0xE2, &profile(&garbage)), Fate::Shown);
    add("jpeg with an empty profile", with_segment(whole_jpeg, 0xE2, &profile(b"")), Fate::Shown);
    add("jpeg with a part of a profile", with_segment(whole_jpeg, 0xE2, b"ICC_PROFILE\0\x07\xFFabc"), Fate::Shown);
    for (name, exif) in [
        ("noise", garbage.clone()),
        ("nothing", Vec::new()),
        ("a directory behind the end", b"II*\0\xFF\xFF\xFF\x7F".to_vec()),
        ("a directory that follows itself", [b"II*\0\x08\0\0\0\0\0", &8_u32.to_le_bytes()[..]].concat()),
        ("an orientation of 77", orientation(77)),
        ("a directory of 65,535 entries", b"II*\0\x08\0\0\0\xFF\xFF".to_vec()),
    ] {
        let segment = [b"Exif\0\0", exif.as_slice()].concat();
        add(&format!("jpeg with EXIF of {name}"), with_segment(whole_jpeg, 0xE1, &segment), Fate::Shown);
    }
    let noisy = [(b"iCCP", [b"name\0\0", garbage.as_slice()].concat()), (b"eXIf", garbage.clone())];
    for (name, data) in noisy {
        let chunk = [&name[..], &data].concat();
        let bytes = png_with_chunk(&whole[1].1, &chunk);
        add(&format!("png with noise in {}", String::from_utf8_lossy(name)), bytes, Fate::Told);
    }

    // Pages.
    add("tiff", tiff(&Tiff::default()), Fate::Shown);
    for (name, lie) in [
        ("that follows itself", Tiff { next: Some(8), ..Tiff::default() }),
        ("whose next page lies behind the end", Tiff { next: Some(0x7FFF_FFF0), ..Tiff::default() }),
        ("whose samples lie behind the end", Tiff { strip: Some(0x7FFF_FFF0), ..Tiff::default() }),
        ("of 65,535 samples a pixel", Tiff { samples: 65_535, ..Tiff::default() }),
        ("of an unknown compression", Tiff { compression: 9_999, ..Tiff::default() }),
        ("of gigapixels", Tiff { side: 100_000, ..Tiff::default() }),
    ] {
        add(&format!("tiff {name}"), tiff(&lie), Fate::Told);
    }

    let nested = "<a>".repeat(50_000);
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", nested.as_bytes()].concat();
    add("jpeg with XMP of fifty thousand levels", with_segment(whole_jpeg, 0xE1, &xmp[..60_000]), Fate::Shown);

    // Drawings.
    let svg = |inside: &str| {
        let head = "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"100\" height=\"80\">";
        format!("{head}{inside}</svg>").into_bytes()
    };
    let doubled = |levels: u32| {
        let level =
            |at: u32| format!("<g id=\"g{}\"><use xlink:href=\"#g{at}\"/><use xlink:href=\"#g{at}\"/></g>", at + 1);
        let levels: String = (0..levels).map(level).collect();
        format!("<defs><rect id=\"g0\" width=\"9\" height=\"9\"/>{levels}</defs><use xlink:href=\"#g{}\"/>", 30)
    };
    add("svg of a thousand million rectangles", svg(&doubled(30)), Fate::Told);
    add(
        "svg of a hundred thousand levels",
        svg(&format!("{}{}", "<g>".repeat(100_000), "</g>".repeat(100_000))),
        Fate::Told,
    );
    add("svg that uses itself", svg("<g id=\"a\"><use xlink:href=\"#a\"/></g>"), Fate::Told);
    let laughs: String =
        (1..12).map(|at| format!("<!ENTITY e{at} \"{}\">", format!("&e{};", at - 1).repeat(10))).collect();
    let text = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY e0 \"ha\">{laughs}]><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text>&e11;</text></svg>"
    );
    add("svg of entities", text.into_bytes(), Fate::Told);
    add(
        "svg of a wide blur",
        svg(
            "<filter id=\"f\"><feGaussianBlur stdDeviation=\"1e9\"/></filter><rect width=\"99\" height=\"79\" filter=\"url(#f)\"/>",
        ),
        Fate::Told,
    );
    add(
        "svg that names a file",
        svg("<image xlink:href=\"file:///etc/passwd\" width=\"9\" height=\"9\"/>"),
        Fate::Told,
    );
    let large =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1e9\" height=\"1e9\"><rect width=\"5\" height=\"5\"/></svg>";
    add("svg of a thousand million pixels a side", large.as_bytes().to_vec(), Fate::Refused(""));
    let pattern = "<pattern id=\"p\" width=\"1e-9\" height=\"1e-9\"><rect width=\"1\" height=\"1\"/></pattern><rect width=\"99\" height=\"79\" fill=\"url(#p)\"/>";
    add("svg of a tiny pattern", svg(pattern), Fate::Told);
    cases
}

/// Numbers that look like chance and are the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    fn byte(&mut self) -> u8 {
        (self.next() % 256) as u8
    }
}

/// The file with a few bits turned over: with every third seed in its first bytes, where the header is.
fn flipped(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut noise = Noise(seed + 1);
    let mut bytes = bytes.to_vec();
    let within = if seed.is_multiple_of(3) { bytes.len().min(80) } else { bytes.len() };
    for _ in 0..=seed {
        let (at, bit) = (noise.next() % within, noise.next() % 8);
        bytes[at] ^= 1 << bit;
    }
    bytes
}

/// A JPEG with one more segment behind its beginning.
fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, data, &jpeg[2..]].concat()
}

/// EXIF that says nothing but how the picture is turned.
fn orientation(value: u16) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend(value.to_le_bytes());
    exif.extend([0; 6]);
    exif
}

/// A GIF of one colour: so many frames, each of the whole size, of which the data hold one pixel.
fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    bytes.extend(&size);
    bytes.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    for _ in 0..frames {
        bytes.extend([0x21, 0xF9, 4, 0, 1, 0, 0, 0, 0x2C, 0, 0, 0, 0]);
        bytes.extend(&size);
        bytes.extend([0, 2, 2, 0x44, 0x01, 0]);
    }
    bytes.push(0x3B);
    bytes
}

/// A grey JPEG of spectral selection whose scans all end at once: a decoder that believes them passes over every block of the picture in each.
fn jpeg_that_claims(width: u16, height: u16, scans: usize) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xFF, 0xC2, 0, 11, 8]);
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([1, 1, 0x11, 0]);
    // Two tables of one code each: a difference of nought, and a run of blocks without anything.
    for (class, value) in [(0x00, 0x00), (0x10, 0xE0)] {
        bytes.extend([0xFF, 0xC4, 0, 20, class, 1]);
        bytes.extend([0; 15]);
        bytes.push(value);
    }
    for scan in 0..scans {
        let (from, to) = if scan == 0 { (0, 0) } else { (1, 63) };
        bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, from, to, 0, 0x00, 0x00]);
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}

/// What a TIFF says of itself.
struct Tiff {
    side: u32,
    samples: u16,
    photometric: u16,
    compression: u16,
    next: Option<u32>,
    strip: Option<u32>,
}

impl Default for Tiff {
    fn default() -> Self {
        Self { side: 8, samples: 3, photometric: 2, compression: 1, next: None, strip: None }
    }
}

fn tiff(tiff: &Tiff) -> Vec<u8> {
    const ENTRIES: u16 = 9;
    let behind = 8 + 2 + u32::from(ENTRIES) * 12 + 4;
    let length = (tiff.side.min(64).pow(2)) * u32::from(tiff.samples.min(8));
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend(ENTRIES.to_le_bytes());
    let strip = tiff.strip.unwrap_or(behind);
    for (tag, kind, value) in [
        (256_u16, 4_u16, tiff.side),
        (257, 4, tiff.side),
        (258, 3, 8),
        (259, 3, tiff.compression.into()),
        (262, 3, tiff.photometric.into()),
        (273, 4, strip),
        (277, 3, tiff.samples.into()),
        (278, 4, tiff.side),
        (279, 4, length),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(tiff.next.unwrap_or(0).to_le_bytes());
    bytes.extend((0..length).map(|at| (at * 7 % 256) as u8));
    bytes
}
