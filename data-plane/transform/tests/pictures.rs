//! What transformations look like: each row of the vectors is carried out on a picture with a bit of everything, and the result, made small,
//! is compared with the committed one as far as eyes would tell them apart.
#![cfg(feature = "render")]

mod support;

use std::fmt::Write as _;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage, imageops};
use support::{LIMITS, rows};
use transform::execute;
use transform::facts::{Facts, Rectangle};
use transform::grammar::Transformation;
use transform::hints::ClientHints;
use transform::planner::{PlanRequest, Planned, plan};
use transform::source::{Format, SourceMeta};

/// Columns and rows of the small picture that is compared.
const GRID: (u32, u32) = (10, 8);
/// How far a channel of it may be from the committed one, of 255: what another version of the library rounds otherwise.
const TOLERANCE: u8 = 5;

/// A sky that grows lighter, a hill, a red house with a white door, a dark tree, and fine stripes; around it a plain white edge.
fn scene(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let within =
            |left: f64, top: f64, right: f64, bottom: f64| (left..right).contains(&u) && (top..bottom).contains(&v);
        let colour = |r: f64, g: f64, b: f64| Rgba([r as u8, g as u8, b as u8, 255]);
        if !within(0.05, 0.05, 0.95, 0.95) {
            return colour(255.0, 255.0, 255.0);
        }
        if (u - 0.75).hypot(v - 0.4) < 0.16 {
            return colour(20.0, 70.0 + 60.0 * u, 30.0);
        }
        if within(0.36, 0.62, 0.42, 0.8) {
            return colour(240.0, 240.0, 230.0);
        }
        if within(0.2, 0.4, 0.5, 0.8) {
            return colour(190.0 + 40.0 * v, 40.0, 35.0);
        }
        if v > 0.86 {
            let stripe = if x % 4 < 2 { 70.0 } else { 180.0 };
            return colour(stripe, stripe, stripe);
        }
        if v > 0.65 + 0.1 * (u * 6.0).sin() {
            return colour(120.0, 150.0 - 60.0 * v, 60.0);
        }
        colour(90.0 + 100.0 * v, 140.0 + 90.0 * v, 230.0)
    })
}

/// The same, cut out as a disc that fades at its rim.
fn cut_out(width: u32, height: u32) -> RgbaImage {
    let mut picture = scene(width, height);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (u, v) = (f64::from(x) / f64::from(width) - 0.5, f64::from(y) / f64::from(height) - 0.5);
        pixel[3] = ((0.5 - u.hypot(v)) * 8.0 * 255.0).clamp(0.0, 255.0) as u8;
    }
    picture
}

fn png(picture: RgbaImage, keeps_alpha: bool) -> Vec<u8> {
    let picture = DynamicImage::ImageRgba8(picture);
    let picture = if keeps_alpha { picture } else { DynamicImage::ImageRgb8(picture.to_rgb8()) };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Carries a transformation out on one of the two sources; the result is a PNG unless it says `f_`.
fn made(text: &str, source: &str) -> DynamicImage {
    let bytes = match source {
        "scene" => png(scene(300, 200), false),
        "disc" => png(cut_out(240, 240), true),
        other => panic!("{other}"),
    };
    let meta: SourceMeta = execute::probe(&bytes, u64::MAX).unwrap();
    let transformation = Transformation::parse(text).expect(text).expand(&|_| None).expect(text);
    let faces = [Rectangle { x: 60, y: 80, width: 90, height: 80 }];
    let mut measured = Vec::new();
    let derived = loop {
        let planned = plan(PlanRequest {
            transformation: &transformation,
            extension: Some("png"),
            source: &meta,
            facts: &Facts { faces: &faces, measured: &measured, ..Facts::default() },
            hints: &ClientHints::default(),
            limits: &LIMITS,
            default_quality: None,
        });
        match planned.unwrap_or_else(|refusal| panic!("{text}: {refusal}")) {
            Planned::Derived(derived) => break derived,
            Planned::Measure(measure) => {
                let within = execute::measure(&bytes, &measure, u64::MAX).expect(text);
                measured.push((*measure, within));
            }
            Planned::Original => panic!("{text} does nothing"),
        }
    };
    let rendered =
        execute::render(&bytes, &derived.plan, u64::MAX).unwrap_or_else(|refused| panic!("{text}: {refused}"));
    assert_eq!((rendered.width, rendered.height), (derived.plan.width, derived.plan.height), "{text}");
    let format = match derived.plan.encode.format {
        Format::Jpg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        _ => ImageFormat::Png,
    };
    image::load_from_memory_with_format(&rendered.bytes, format).expect(text)
}

/// A picture made small: each cell the mean of what is seen in it.
fn grid(picture: &DynamicImage) -> Vec<u8> {
    let mut picture = picture.to_rgba8();
    // Colours count as far as they are seen.
    picture.pixels_mut().for_each(|pixel| {
        let alpha = u16::from(pixel[3]);
        (0..3).for_each(|band| pixel[band] = (u16::from(pixel[band]) * alpha / 255) as u8);
    });
    imageops::resize(&picture, GRID.0, GRID.1, imageops::FilterType::Triangle).into_raw()
}

#[test]
fn pictures_look_as_the_committed_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/pictures.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let mut found: String =
        text.lines().filter(|line| line.starts_with('#')).fold(String::new(), |head, line| head + line + "\n");
    let (mut failures, mut count) = (Vec::new(), 0);
    for row in rows(&text) {
        let picture = made(row[0], row[1]);
        if let Ok(folder) = std::env::var("LOOK_AT_PICTURES") {
            picture.save(format!("{folder}/{count:03}.png")).unwrap();
        }
        let size = format!("{}x{}", picture.width(), picture.height());
        let grid = grid(&picture);
        let printed = grid.iter().fold(String::new(), |text, sample| text + &format!("{sample:02x}"));
        let committed = row.get(3).copied().unwrap_or_default();
        let known: Vec<u8> = committed
            .as_bytes()
            .chunks(2)
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let most = grid.iter().zip(&known).map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(u8::MAX);
        if row.get(2) != Some(&size.as_str()) || known.len() != grid.len() || most > TOLERANCE {
            failures.push(format!("{} of {}: {size}, {most} of 255 apart", row[0], row[1]));
        }
        writeln!(found, "{} | {} | {size} | {printed}", row[0], row[1]).unwrap();
        count += 1;
    }
    if std::env::var_os("WRITE_VECTORS").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 70, "{count}");
}
