//! Plans carried out on real pixels: every step, every format, and what is refused.
#![cfg(feature = "render")]

use std::{io::Cursor, time::Duration};

use image::{
    AnimationDecoder, Delay, DynamicImage, Frame, GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::gif::{GifDecoder, GifEncoder, Repeat},
    imageops::{self, FilterType},
};
use transform::{
    execute::{self, Rendered},
    pixels::Tone,
    plan::{Colour, Decode, Encode, Mix, Plan, Step},
    protocol::{Refused, RefusedKind},
    source::{Format, SourceMeta},
};

const NO_LIMIT: u64 = 1 << 40;
const RED: Colour = Colour { r: 255, g: 0, b: 0, a: 255 };

/// Quarters of four colours over a soft gradient: asymmetric, so that every mirroring and turning shows.
fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgb([220, 30, 30]),
        (false, true) => Rgb([30, 200, 30]),
        (true, false) => Rgb([30, 30, 220]),
        (false, false) => Rgb([200, 200, 40]),
    })
}

/// Waves of many frequencies, on which resamplers differ.
fn waves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let value = |phase: f64| {
            let sum = (x / 37.0 + phase).sin()
                + (y / 23.0).cos()
                + 0.6 * ((x + y) / 11.0 + phase).sin()
                + 0.3 * (x * y / 9000.0).sin();
            (127.0 + 42.0 * sum).clamp(0.0, 255.0) as u8
        };
        Rgb([value(0.0), value(1.0), value(2.0)])
    })
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg(image: impl Into<DynamicImage>, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.into().write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)).unwrap();
    bytes
}

/// Puts an EXIF block with nothing but an orientation behind the start marker.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((exif.len() as u16 + 2).to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// Blocks that move, one position a frame.
fn animation(width: u32, height: u32, delays_ms: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).unwrap();
    for (index, delay) in delays_ms.iter().enumerate() {
        let left = index as u32 * width / delays_ms.len() as u32;
        let picture = RgbaImage::from_fn(width, height, |x, _| {
            if x >= left && x < left + width / 4 { Rgba([250, 20, 20, 255]) } else { Rgba([20, 20, 250, 255]) }
        });
        let delay = Delay::from_saturating_duration(Duration::from_millis(*delay));
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
    drop(encoder);
    bytes
}

fn plan(from: Format, to: Format, steps: Vec<Step>) -> Plan {
    Plan {
        decode: Decode { format: from, page: 0, pages: 1, auto_orient: true },
        steps,
        encode: Encode::plain(to, 90),
        width: 1,
        height: 1,
    }
}

fn render(bytes: &[u8], plan: &Plan) -> Rendered {
    execute::render(bytes, plan, NO_LIMIT).unwrap()
}

fn refusal(outcome: Result<impl Sized, Refused>) -> RefusedKind {
    outcome.err().expect("a refusal").kind
}

/// Carries steps out from PNG to PNG, so that only the steps change anything.
fn after(picture: impl Into<DynamicImage>, steps: Vec<Step>) -> RgbaImage {
    let rendered = render(&encoded(picture, ImageFormat::Png), &plan(Format::Png, Format::Png, steps));
    let picture = image::load_from_memory(&rendered.bytes).unwrap().to_rgba8();
    assert_eq!(picture.dimensions(), (rendered.width, rendered.height));
    picture
}

fn decoded(rendered: &Rendered) -> RgbImage {
    image::load_from_memory(&rendered.bytes).unwrap().to_rgb8()
}

/// Mean distance of two pictures' samples.
fn distance(left: &RgbImage, right: &RgbImage) -> f64 {
    assert_eq!(left.dimensions(), right.dimensions());
    let sum: u64 = left.as_raw().iter().zip(right.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / left.as_raw().len() as f64
}

fn rgb(picture: &RgbaImage) -> RgbImage {
    DynamicImage::ImageRgba8(picture.clone()).to_rgb8()
}

#[test]
fn probing_finds_the_facts() {
    let meta = execute::probe(&jpeg(quarters(64, 48), 90), NO_LIMIT).unwrap();
    let plain = SourceMeta {
        format: Format::Jpg,
        width: 64,
        height: 48,
        pages: 1,
        animated: false,
        has_alpha: false,
        orientation: 1,
        foreign_profile: false,
        progressive: false,
        damaged: false,
    };
    assert_eq!(meta, plain);
    let png = encoded(RgbaImage::from_pixel(9, 7, Rgba([1, 2, 3, 4])), ImageFormat::Png);
    let meta = execute::probe(&png, NO_LIMIT).unwrap();
    assert_eq!((meta.format, meta.width, meta.height, meta.has_alpha), (Format::Png, 9, 7, true));
    let gif = execute::probe(&animation(40, 20, &[50, 100, 150]), NO_LIMIT).unwrap();
    assert_eq!((gif.width, gif.height, gif.pages, gif.animated), (40, 20, 3, true));
    let webp = execute::probe(&encoded(quarters(33, 21), ImageFormat::WebP), NO_LIMIT).unwrap();
    assert_eq!((webp.format, webp.width, webp.height), (Format::Webp, 33, 21));
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'><rect width='9' height='9'/></svg>";
    let svg = execute::probe(svg, NO_LIMIT).unwrap();
    assert_eq!((svg.format, svg.width, svg.height, svg.has_alpha), (Format::Svg, 30, 20, true));
}

#[test]
fn sizes_are_those_of_the_picture_as_seen() {
    let stored = jpeg(quarters(64, 32), 95);
    for orientation in 1..=8 {
        let meta = execute::probe(&with_orientation(&stored, orientation), NO_LIMIT).unwrap();
        let expected = if orientation >= 5 { (32, 64) } else { (64, 32) };
        assert_eq!((meta.width, meta.height, meta.orientation), (expected.0, expected.1, orientation));
    }
}

#[test]
fn orientation_is_applied_before_and_behind_a_reduction() {
    let upright = DynamicImage::ImageRgb8(quarters(256, 128));
    let stored = jpeg(upright.clone(), 95);
    for orientation in 1..=8u8 {
        let mut expected = upright.clone();
        expected.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
        let bytes = with_orientation(&stored, orientation);
        let whole = decoded(&render(&bytes, &plan(Format::Jpg, Format::Png, vec![])));
        assert!(distance(&whole, &expected.to_rgb8()) < 3.0, "orientation {orientation}");
        let (width, height) = (expected.width() / 4, expected.height() / 4);
        let small = decoded(&render(&bytes, &plan(Format::Jpg, Format::Png, vec![Step::Resize { width, height }])));
        let expected = expected.resize_exact(width, height, FilterType::Lanczos3).to_rgb8();
        assert!(distance(&small, &expected) < 4.0, "orientation {orientation}, reduced");
        let mut as_stored = plan(Format::Jpg, Format::Png, vec![]);
        as_stored.decode.auto_orient = false;
        assert_eq!(decoded(&render(&bytes, &as_stored)).dimensions(), (256, 128));
    }
}

#[test]
fn reductions_are_close_to_a_good_filter_on_the_whole_picture() {
    let original = waves(1200, 900);
    let bytes = jpeg(original.clone(), 95);
    // Factors on both sides of the decoder's steps, whole ones, and one that is not the same in both directions.
    for (width, height) in
        [(600, 450), (590, 443), (400, 300), (300, 225), (150, 113), (140, 105), (37, 28), (500, 100), (1201, 901)]
    {
        let rendered = render(&bytes, &plan(Format::Jpg, Format::Png, vec![Step::Resize { width, height }]));
        let expected = imageops::resize(&original, width, height, FilterType::Lanczos3);
        let distance = distance(&decoded(&rendered), &expected);
        // The picture is full of what a box filter does badly; photographs come ten times closer.
        assert!(distance < 4.5, "{width}x{height}: mean distance {distance}");
    }
}

#[test]
fn every_size_is_hit_exactly() {
    let bytes = encoded(quarters(131, 97), ImageFormat::Png);
    for width in [1, 2, 3, 7, 50, 64, 65, 66, 130, 131, 132, 300] {
        for height in [1, 5, 48, 49, 96, 97, 98, 201] {
            let rendered = render(&bytes, &plan(Format::Png, Format::Png, vec![Step::Resize { width, height }]));
            assert_eq!(decoded(&rendered).dimensions(), (width, height));
        }
    }
}

#[test]
fn windows_are_cut_where_they_are_said_to_be() {
    let picture = quarters(40, 30);
    let cut = after(picture.clone(), vec![Step::Extract { x: 13, y: 7, width: 20, height: 11 }]);
    assert_eq!(rgb(&cut), imageops::crop_imm(&picture, 13, 7, 20, 11).to_image());
    let outside = plan(Format::Png, Format::Png, vec![Step::Extract { x: 30, y: 0, width: 20, height: 11 }]);
    assert_eq!(refusal(execute::render(&encoded(picture, ImageFormat::Png), &outside, NO_LIMIT)), RefusedKind::Failed);
}

#[test]
fn attention_finds_the_odd_spot() {
    let mut picture = RgbImage::from_pixel(200, 100, Rgb([128, 128, 128]));
    for (x, y) in (0..20).flat_map(|x| (0..20).map(move |y| (x, y))) {
        picture.put_pixel(
            160 + x,
            40 + y,
            if (x / 3 + y / 3) % 2 == 0 { Rgb([255, 60, 0]) } else { Rgb([20, 0, 200]) },
        );
    }
    let window = after(picture, vec![Step::Attention { width: 60, height: 60 }]);
    assert_eq!(window.dimensions(), (60, 60));
    assert!(window.pixels().filter(|pixel| pixel.0[..3] != [128, 128, 128]).count() > 300);
}

#[test]
fn canvases_take_their_colour() {
    let place = |background| Step::Embed { x: 5, y: 3, width: 30, height: 20, background };
    let opaque = after(quarters(10, 10), vec![place(RED)]);
    assert_eq!(
        (opaque.dimensions(), opaque[(0, 0)], opaque[(5, 3)]),
        ((30, 20), Rgba([255, 0, 0, 255]), Rgba([220, 30, 30, 255]))
    );
    let clear = after(quarters(10, 10), vec![place(Colour::TRANSPARENT)]);
    assert_eq!((clear[(0, 0)].0[3], clear[(5, 3)]), (0, Rgba([220, 30, 30, 255])));
    let grey = after(GrayImage::from_pixel(10, 10, image::Luma([77])), vec![place(RED)]);
    assert_eq!((grey[(0, 0)], grey[(6, 6)]), (Rgba([255, 0, 0, 255]), Rgba([77, 77, 77, 255])));
}

#[test]
fn transparency_is_flattened_onto_the_colour() {
    let half = RgbaImage::from_pixel(8, 8, Rgba([0, 0, 255, 128]));
    let flat = after(half.clone(), vec![Step::Flatten { background: RED }]);
    let Rgba([red, green, blue, alpha]) = flat[(4, 4)];
    assert!(red.abs_diff(127) <= 1 && green == 0 && blue.abs_diff(128) <= 1 && alpha == 255, "{:?}", flat[(4, 4)]);
    // Without the step, JPEG still does not turn what is transparent black.
    let clear = encoded(RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0])), ImageFormat::Png);
    let picture = decoded(&render(&clear, &plan(Format::Png, Format::Jpg, vec![])));
    assert!(picture[(4, 4)].0.iter().all(|value| *value > 250));
}

#[test]
fn transparent_pixels_do_not_bleed_when_resampled() {
    // Opaque white beside fully transparent pure red: no trace of the red may reach visible pixels.
    let picture =
        RgbaImage::from_fn(64, 64, |x, _| if x < 32 { Rgba([255, 255, 255, 255]) } else { Rgba([255, 0, 0, 0]) });
    let steps = [
        vec![Step::Resize { width: 21, height: 21 }],
        vec![Step::Blur { sigma_milli: 2000 }],
        vec![Step::Blur { sigma_milli: 20_000 }],
        vec![Step::Rotate { millidegrees: 30_000, width: 88, height: 88, background: Colour::TRANSPARENT }],
    ];
    for steps in steps {
        for pixel in after(picture.clone(), steps.clone()).pixels().filter(|pixel| pixel.0[3] > 16) {
            assert!(pixel.0[1] > 225 && pixel.0[2] > 225, "{pixel:?} after {steps:?}");
        }
    }
}

/// A PNG as other programs write it.
fn png_of(colours: png::ColorType, depth: png::BitDepth, palette: &[u8], alpha: &[u8], samples: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 48, 32);
    encoder.set_color(colours);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette);
    }
    if !alpha.is_empty() {
        encoder.set_trns(alpha);
    }
    encoder.write_header().unwrap().write_image_data(samples).unwrap();
    bytes
}

#[test]
fn every_kind_of_png_is_reduced_as_it_is_shown() {
    use png::{BitDepth::*, ColorType::*};
    let bits = |bytes: usize| -> Vec<u8> { (0..bytes * 32).map(|at| (at * 37 % 251) as u8).collect() };
    let picture: DynamicImage = waves(48, 32).into();
    let clear = |at: usize| (at % 256) as u8;
    let soft = picture
        .to_rgba8()
        .into_raw()
        .iter()
        .enumerate()
        .map(|(at, s)| if at % 4 == 3 { clear(at) } else { *s })
        .collect();
    let soft = DynamicImage::ImageRgba8(RgbaImage::from_raw(48, 32, soft).unwrap());
    let kinds = [
        encoded(picture.clone(), ImageFormat::Png),
        encoded(picture.to_luma8(), ImageFormat::Png),
        encoded(soft.to_luma_alpha8(), ImageFormat::Png),
        encoded(soft, ImageFormat::Png),
        encoded(picture.to_rgb16(), ImageFormat::Png),
        png_of(Grayscale, One, &[], &[], &bits(6)),
        png_of(Grayscale, Four, &[], &[], &bits(24)),
        png_of(Grayscale, Two, &[], &[0, 2], &bits(12)),
        png_of(Grayscale, Eight, &[], &[0, 37], &bits(48)),
        png_of(Rgb, Eight, &[], &[0, 0, 0, 37, 0, 74], &bits(144)),
        png_of(Indexed, Two, &[250, 0, 0, 0, 250, 0, 0, 0, 250, 9, 9, 9], &[], &bits(12)),
        png_of(Indexed, Two, &[250, 0, 0, 0, 250, 0, 0, 0, 250, 9, 9, 9], &[255, 0, 128], &bits(12)),
    ];
    let made = |bytes: &[u8], steps: Vec<Step>| {
        image::load_from_memory(&render(bytes, &plan(Format::Png, Format::Png, steps)).bytes).unwrap().to_rgba8()
    };
    let resize = Step::Resize { width: 20, height: 11 };
    // Newer libraries reduce what is opaque by themselves, in eight bits.
    let bound = if transform::vips::version() >= (8, 16) { 24 } else { 1 };
    for (at, bytes) in kinds.iter().enumerate() {
        let ours = made(bytes, vec![resize.clone()]);
        // What is turned first is decoded by the library.
        let theirs = made(bytes, vec![Step::FlipHorizontal, resize.clone(), Step::FlipHorizontal]);
        for (x, y, pixel) in ours.enumerate_pixels() {
            let other = theirs.get_pixel(x, y);
            let apart = pixel.0.iter().zip(other.0).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            assert!(apart <= bound, "kind {at} at {x} {y}: {pixel:?} and {other:?}");
        }
    }
}

#[test]
fn turns_and_mirrors_are_exact() {
    let picture = quarters(30, 20);
    assert_eq!(rgb(&after(picture.clone(), vec![Step::QuarterTurn { turns: 1 }])), imageops::rotate90(&picture));
    assert_eq!(rgb(&after(picture.clone(), vec![Step::QuarterTurn { turns: 2 }])), imageops::rotate180(&picture));
    assert_eq!(rgb(&after(picture.clone(), vec![Step::QuarterTurn { turns: 3 }])), imageops::rotate270(&picture));
    assert_eq!(rgb(&after(picture.clone(), vec![Step::FlipHorizontal])), imageops::flip_horizontal(&picture));
    assert_eq!(rgb(&after(picture.clone(), vec![Step::FlipVertical])), imageops::flip_vertical(&picture));
}

#[test]
fn any_angle_turns_clockwise_around_the_middle() {
    let picture = quarters(40, 40);
    let step = |millidegrees, width, height| Step::Rotate { millidegrees, width, height, background: RED };
    // A quarter turn by the general way must be the quarter turn.
    assert!(distance(&rgb(&after(picture.clone(), vec![step(90_000, 40, 40)])), &imageops::rotate90(&picture)) < 0.5);
    let turned = after(picture, vec![step(45_000, 57, 57)]);
    assert_eq!((turned.dimensions(), turned[(0, 0)]), ((57, 57), Rgba([255, 0, 0, 255])));
    // What was on the top left points up now, what was on the top right to the right.
    assert_eq!(
        (turned[(28, 10)].0[..3].to_vec(), turned[(46, 28)].0[..3].to_vec()),
        (vec![220, 30, 30], vec![30, 200, 30])
    );
    let clear = after(
        quarters(40, 40),
        vec![Step::Rotate { millidegrees: 45_000, width: 57, height: 57, background: Colour::TRANSPARENT }],
    );
    assert_eq!((clear[(0, 0)].0[3], clear[(28, 28)].0[3]), (0, 255));
}

#[test]
fn grey_keeps_alpha_and_loses_colour() {
    let picture = RgbaImage::from_fn(16, 16, |x, y| Rgba([x as u8 * 16, 40, 200, y as u8 * 16]));
    let grey = after(picture.clone(), vec![Step::Grayscale]);
    for (pixel, original) in grey.pixels().zip(picture.pixels()) {
        assert!(pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2] && pixel.0[3] == original.0[3]);
    }
}

#[test]
fn blur_smooths_by_its_width() {
    let edge = RgbImage::from_fn(400, 40, |x, _| if x < 200 { Rgb([0; 3]) } else { Rgb([255; 3]) });
    for sigma in [2.0f64, 7.0, 20.0, 40.0] {
        let blurred = after(edge.clone(), vec![Step::Blur { sigma_milli: (sigma * 1000.0) as u32 }]);
        // Behind an edge, a Gaussian lets through what its distribution function says; the logistic curve is close to it.
        let deviations = (sigma + 0.5) / sigma;
        let expected = 255.0 / (1.0 + (-1.702 * deviations).exp());
        let sample = f64::from(blurred[(200 + sigma as u32, 20)].0[0]);
        assert!((sample - expected).abs() < 12.0, "sigma {sigma}: {sample}, expected {expected}");
    }
}

#[test]
fn sharpening_steepens_edges_and_keeps_alpha() {
    let soft = after(quarters(40, 40), vec![Step::Blur { sigma_milli: 1500 }]);
    let contrast = |picture: &RgbaImage| (0..39).map(|x| picture[(x, 5)].0[1].abs_diff(picture[(x + 1, 5)].0[1])).max();
    let sharp = after(soft.clone(), vec![Step::Sharpen { gain_milli: 4000 }]);
    assert!(contrast(&sharp) > contrast(&soft));
    let veiled = RgbaImage::from_fn(40, 40, |x, y| Rgba([soft[(x, y)].0[0], soft[(x, y)].0[1], soft[(x, y)].0[2], 99]));
    assert!(after(veiled, vec![Step::Sharpen { gain_milli: 4000 }]).pixels().all(|pixel| pixel.0[3] == 99));
}

#[test]
fn mixing_changes_colours_and_keeps_alpha() {
    let swapped = Mix::of([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.5]], [0.0, 0.0, 0.1]);
    let expected = |[r, g, b]: [u8; 3]| [g, r, (f64::from(b) * 0.5 + 25.5).round() as u8];
    let mixed = after(quarters(40, 40), vec![Step::Mix { mix: swapped }]);
    for at in [(5, 5), (35, 5), (5, 35), (35, 35)] {
        let [r, g, b, a] = mixed[at].0;
        assert_eq!(([r, g, b], a), (expected(quarters(40, 40)[at].0), 255), "{at:?}");
    }
    let veiled = RgbaImage::from_pixel(20, 20, Rgba([200, 100, 50, 99]));
    assert_eq!(after(veiled, vec![Step::Mix { mix: swapped }])[(9, 9)].0, [100, 200, 51, 99]);
    // What comes out beyond a channel is cut, and grey becomes coloured.
    let loud = Mix::of([[3.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]], [0.0; 3]);
    let grey = GrayImage::from_pixel(20, 20, image::Luma([120]));
    assert_eq!(after(grey, vec![Step::Mix { mix: loud }])[(3, 3)].0, [255, 0, 120, 255]);
}

#[test]
fn opacity_multiplies_what_there_is() {
    let half = after(quarters(40, 40), vec![Step::Opacity { percent: 50 }]);
    assert_eq!(half[(5, 5)].0, [220, 30, 30, 128]);
    let veiled = RgbaImage::from_pixel(20, 20, Rgba([9, 99, 199, 100]));
    assert_eq!(after(veiled, vec![Step::Opacity { percent: 40 }])[(9, 9)].0, [9, 99, 199, 40]);
}

#[test]
fn rounding_cuts_corners_out() {
    let corners = after(quarters(60, 40), vec![Step::RoundCorners { radii: [10, 0, 20, 0] }]);
    let alpha = |x: u32, y: u32| corners[(x, y)].0[3];
    assert_eq!((alpha(0, 0), alpha(59, 0), alpha(59, 39), alpha(0, 39), alpha(30, 20)), (0, 255, 0, 255, 255));
    let ellipse = after(RgbaImage::from_pixel(60, 40, Rgba([9, 99, 199, 128])), vec![Step::RoundEllipse]);
    assert_eq!((ellipse[(0, 0)].0[3], ellipse[(30, 20)]), (0, Rgba([9, 99, 199, 128])));
}

#[test]
fn steps_follow_one_another() {
    let steps = vec![
        Step::Resize { width: 120, height: 90 },
        Step::Attention { width: 80, height: 80 },
        Step::RoundCorners { radii: [12; 4] },
        Step::Rotate { millidegrees: 10_000, width: 93, height: 93, background: Colour::TRANSPARENT },
        Step::Sharpen { gain_milli: 1000 },
        Step::Embed { x: 4, y: 4, width: 101, height: 101, background: Colour::TRANSPARENT },
        Step::QuarterTurn { turns: 3 },
        Step::Blur { sigma_milli: 500 },
        Step::Grayscale,
        Step::Flatten { background: RED },
        Step::Resize { width: 50, height: 51 },
    ];
    let picture = render(&jpeg(waves(800, 600), 90), &plan(Format::Jpg, Format::Jpg, steps));
    assert_eq!(decoded(&picture).dimensions(), (50, 51));
}

#[test]
fn every_format_is_written() {
    let original = waves(300, 200);
    let bytes = encoded(original.clone(), ImageFormat::Png);
    let expected = imageops::resize(&original, 150, 100, FilterType::Lanczos3);
    for format in [Format::Jpg, Format::Png, Format::Webp, Format::Gif, Format::Avif, Format::Tiff] {
        let rendered = render(&bytes, &plan(Format::Png, format, vec![Step::Resize { width: 150, height: 100 }]));
        let meta = execute::probe(&rendered.bytes, NO_LIMIT).unwrap();
        assert_eq!((meta.format, meta.width, meta.height, meta.pages), (format, 150, 100, 1));
        // Back to PNG, which the test can read.
        let back = decoded(&render(&rendered.bytes, &plan(format, Format::Png, vec![])));
        let distance = distance(&back, &expected);
        let most = if format == Format::Gif { 12.0 } else { 5.0 };
        assert!(distance < most, "{}: mean distance {distance}", format.name());
    }
    for format in [Format::Heic, Format::Svg, Format::Pdf, Format::Jxl] {
        let outcome = execute::render(&bytes, &plan(Format::Png, format, vec![]), NO_LIMIT);
        assert_eq!(refusal(outcome), RefusedKind::UnsupportedFormat);
    }
}

#[test]
fn alpha_survives_where_the_format_has_it() {
    let picture = RgbaImage::from_fn(40, 40, |x, _| if x < 20 { Rgba([200, 10, 10, 255]) } else { Rgba([0, 0, 0, 0]) });
    let bytes = encoded(picture, ImageFormat::Png);
    for format in [Format::Png, Format::Webp, Format::Gif, Format::Avif, Format::Tiff] {
        let rendered = render(&bytes, &plan(Format::Png, format, vec![Step::Resize { width: 20, height: 20 }]));
        let back = render(&rendered.bytes, &plan(format, Format::Png, vec![]));
        let back = image::load_from_memory(&back.bytes).unwrap().to_rgba8();
        assert_eq!((back[(3, 10)].0[3], back[(17, 10)].0[3]), (255, 0), "{}", format.name());
    }
}

#[test]
fn palettes_make_png_smaller() {
    let bytes = encoded(waves(300, 200), ImageFormat::Png);
    let full = plan(Format::Png, Format::Png, vec![]);
    let mut reduced = full.clone();
    reduced.encode.palette = true;
    assert!(render(&bytes, &reduced).bytes.len() < render(&bytes, &full).bytes.len());
}

#[test]
fn animations_keep_frames_and_delays() {
    let delays = [50, 100, 200, 70];
    let bytes = animation(120, 60, &delays);
    let steps = vec![Step::Resize { width: 60, height: 30 }, Step::Extract { x: 0, y: 0, width: 50, height: 30 }];
    let mut to_gif = plan(Format::Gif, Format::Gif, steps);
    to_gif.decode.pages = 4;
    let rendered = render(&bytes, &to_gif);
    assert_eq!((rendered.width, rendered.height, rendered.frames), (50, 30, 4));
    let frames = GifDecoder::new(Cursor::new(&*rendered.bytes)).unwrap().into_frames().collect_frames().unwrap();
    let found: Vec<u64> = frames.iter().map(|frame| Duration::from(frame.delay()).as_millis() as u64).collect();
    assert_eq!(found, delays);
    for (index, frame) in frames.iter().enumerate() {
        let picture = frame.buffer();
        assert_eq!(picture.dimensions(), (50, 30));
        let middle = (index as u32 * 15 + 7).min(49);
        assert!(picture[(middle, 15)].0[0] > 180, "frame {index} shows its own block");
    }
    // The same as WebP, and a step that reads in another order.
    let mut to_webp =
        plan(Format::Gif, Format::Webp, vec![Step::Resize { width: 60, height: 30 }, Step::QuarterTurn { turns: 1 }]);
    to_webp.decode.pages = 4;
    let rendered = render(&bytes, &to_webp);
    let meta = execute::probe(&rendered.bytes, NO_LIMIT).unwrap();
    assert_eq!((meta.width, meta.height, meta.pages, meta.animated), (30, 60, 4, true));
    let mut still = to_gif;
    still.encode.format = Format::Jpg;
    assert_eq!(render(&bytes, &still).frames, 1);
    still.decode.page = 2;
    assert!(decoded(&render(&bytes, &still))[(36, 15)].0[0] > 150, "the third frame was asked for");
}

#[test]
fn animations_take_every_step() {
    let mut plan = plan(
        Format::Gif,
        Format::Gif,
        vec![
            Step::Attention { width: 40, height: 40 },
            Step::Rotate { millidegrees: 20_000, width: 52, height: 52, background: Colour::TRANSPARENT },
            Step::Sharpen { gain_milli: 500 },
            Step::RoundEllipse,
            Step::FlipVertical,
            Step::Embed { x: 1, y: 1, width: 60, height: 60, background: RED },
        ],
    );
    plan.decode.pages = 3;
    let rendered = render(&animation(120, 60, &[50, 50, 50]), &plan);
    assert_eq!((rendered.width, rendered.height, rendered.frames), (60, 60, 3));
}

#[test]
fn what_is_cut_off_is_truncated() {
    let whole = [
        jpeg(waves(120, 90), 90),
        with_orientation(&jpeg(waves(120, 90), 90), 6),
        encoded(waves(120, 90), ImageFormat::Png),
        encoded(waves(120, 90), ImageFormat::WebP),
        animation(40, 20, &[50, 50]),
    ];
    for bytes in &whole {
        assert!(execute::probe(bytes, NO_LIMIT).is_ok());
        for kept in [bytes.len() / 2, bytes.len() - 1] {
            assert_eq!(refusal(execute::probe(&bytes[..kept], NO_LIMIT)), RefusedKind::Truncated);
        }
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let plan = plan(Format::Png, Format::Png, vec![]);
    for bytes in [&b""[..], b"hello", b"#!/bin/sh\nexit 0\n", &[0; 4096], b"RIFF\x04\0\0\0WAVE"] {
        assert_eq!(refusal(execute::probe(bytes, NO_LIMIT)), RefusedKind::NotAnImage);
        assert_eq!(refusal(execute::render(bytes, &plan, NO_LIMIT)), RefusedKind::NotAnImage);
    }
    // Magic without a header behind it.
    let mut hollow = b"\x89PNG\r\n\x1a\n".to_vec();
    hollow.extend([0; 64]);
    assert!(matches!(refusal(execute::probe(&hollow, NO_LIMIT)), RefusedKind::NotAnImage | RefusedKind::Truncated));
    // A loader is chosen by the bytes, so a plan made for another file fails.
    assert_eq!(refusal(execute::render(&jpeg(quarters(8, 8), 90), &plan, NO_LIMIT)), RefusedKind::Failed);
}

#[test]
fn the_header_decides_on_too_many_pixels() {
    let bytes = encoded(quarters(100, 100), ImageFormat::Png);
    assert!(execute::probe(&bytes, 10_000).is_ok());
    assert_eq!(refusal(execute::probe(&bytes, 9_999)), RefusedKind::TooManyPixels);
    let outcome = execute::render(&bytes, &plan(Format::Png, Format::Png, vec![]), 9_999);
    assert_eq!(refusal(outcome), RefusedKind::TooManyPixels);
    // Frames are counted together.
    let gif = animation(40, 20, &[50; 5]);
    assert!(execute::probe(&gif, 4_000).is_ok());
    assert_eq!(refusal(execute::probe(&gif, 3_999)), RefusedKind::TooManyPixels);
}

#[test]
fn damage_inside_is_flagged_and_still_shown() {
    let mut bytes = jpeg(waves(400, 300), 90);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0);
    let meta = execute::probe(&bytes, NO_LIMIT).unwrap();
    assert!(meta.damaged);
    let picture = render(&bytes, &plan(Format::Jpg, Format::Jpg, vec![Step::Resize { width: 200, height: 150 }]));
    assert_eq!(decoded(&picture).dimensions(), (200, 150));
    let mut bytes = encoded(waves(400, 300), ImageFormat::Png);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert!(execute::probe(&bytes, NO_LIMIT).unwrap().damaged);
}

#[test]
fn sixteen_bits_become_eight() {
    let picture = image::ImageBuffer::from_fn(30, 30, |x, _| Rgb([x as u16 * 2184, 32_896, 257]));
    let bytes = encoded(DynamicImage::ImageRgb16(picture), ImageFormat::Png);
    for format in [Format::Png, Format::Jpg] {
        let rendered = render(&bytes, &plan(Format::Png, format, vec![Step::Resize { width: 15, height: 15 }]));
        let back = image::load_from_memory(&rendered.bytes).unwrap();
        assert!(matches!(back, DynamicImage::ImageRgb8(_)));
        assert!(back.to_rgb8()[(7, 7)].0[1].abs_diff(128) < 4);
    }
}

#[test]
fn metadata_does_not_leave() {
    let bytes = with_orientation(&jpeg(quarters(64, 64), 90), 3);
    for format in [Format::Jpg, Format::Webp, Format::Png, Format::Avif, Format::Tiff] {
        let rendered = render(&bytes, &plan(Format::Jpg, format, vec![Step::Resize { width: 32, height: 32 }]));
        assert!(!rendered.bytes.windows(4).any(|window| window == b"Exif"), "{}", format.name());
        assert_eq!(execute::probe(&rendered.bytes, NO_LIMIT).unwrap().orientation, 1);
    }
}

#[test]
fn drawings_are_drawn_at_the_size_wanted() {
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'><rect width='5' height='10' fill='#f00'/></svg>";
    let rendered = render(svg, &plan(Format::Svg, Format::Png, vec![Step::Resize { width: 400, height: 400 }]));
    let picture = image::load_from_memory(&rendered.bytes).unwrap().to_rgba8();
    // An enlarged bitmap would have a soft edge.
    assert_eq!(
        (picture.dimensions(), picture[(198, 9)], picture[(201, 9)].0[3]),
        ((400, 400), Rgba([255, 0, 0, 255]), 0)
    );
}

#[test]
fn drawings_stay_drawings_and_are_cleaned() {
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='8'><script>alert(1)</script><rect width='5' height='8'/></svg>";
    let rendered = render(svg, &plan(Format::Svg, Format::Svg, vec![]));
    let text = String::from_utf8(rendered.bytes.to_vec()).unwrap();
    assert!(text.contains("<rect") && !text.contains("alert"), "{text}");
}

/// An RGB profile of wider primaries than sRGB's (those of Display P3), under a name.
fn wide_profile(name: &str) -> Vec<u8> {
    let fixed = |value: f64| ((value * 65_536.0).round() as i32).to_be_bytes();
    let xyz = |values: [f64; 3]| [b"XYZ \0\0\0\0".to_vec(), values.into_iter().flat_map(fixed).collect()].concat();
    let mut description = b"desc\0\0\0\0".to_vec();
    description.extend((name.len() as u32 + 1).to_be_bytes());
    description.extend(name.as_bytes());
    description.resize(description.len() + 1 + 79, 0);
    let gamma = b"curv\0\0\0\0\0\0\0\x01\x02\x33\0\0".to_vec();
    let tags = [
        (b"desc", description),
        (b"wtpt", xyz([0.9642, 1.0, 0.8249])),
        (b"rXYZ", xyz([0.5151, 0.2412, -0.0011])),
        (b"gXYZ", xyz([0.2920, 0.6922, 0.0419])),
        (b"bXYZ", xyz([0.1571, 0.0666, 0.7841])),
        (b"rTRC", gamma.clone()),
        (b"gTRC", gamma.clone()),
        (b"bTRC", gamma),
    ];
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    let mut data = Vec::new();
    let start = 128 + 4 + 12 * tags.len();
    for (signature, mut content) in tags {
        content.resize(content.len().next_multiple_of(4), 0);
        table.extend(signature);
        table.extend(((start + data.len()) as u32).to_be_bytes());
        table.extend((content.len() as u32).to_be_bytes());
        data.extend(content);
    }
    let mut header = vec![0; 128];
    header[..4].copy_from_slice(&((start + data.len()) as u32).to_be_bytes());
    header[8..12].copy_from_slice(&[2, 0x10, 0, 0]);
    header[12..24].copy_from_slice(b"mntrRGB XYZ ");
    header[36..40].copy_from_slice(b"acsp");
    for (place, value) in [(68, 0.9642), (72, 1.0), (76, 0.8249)] {
        header[place..place + 4].copy_from_slice(&fixed(value));
    }
    [header, table, data].concat()
}

fn with_profile(colour: [u8; 3], profile: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::set_icc_profile(&mut encoder, wide_profile(profile)).unwrap();
    RgbImage::from_pixel(32, 32, Rgb(colour)).write_with_encoder(encoder).unwrap();
    bytes
}

#[test]
fn foreign_profiles_stay_or_are_converted() {
    let wide = with_profile([200, 60, 60], "Wide");
    assert!(execute::probe(&wide, NO_LIMIT).unwrap().foreign_profile);
    let half = vec![Step::Resize { width: 16, height: 16 }];
    for format in [Format::Jpg, Format::Png, Format::Webp, Format::Avif, Format::Tiff] {
        let kept = render(&wide, &plan(Format::Png, format, half.clone()));
        assert!(execute::probe(&kept.bytes, NO_LIMIT).unwrap().foreign_profile, "{}", format.name());
    }
    let kept = decoded(&render(&wide, &plan(Format::Png, Format::Png, half.clone())));
    assert_eq!(kept[(8, 8)], Rgb([200, 60, 60]));
    // The same colour has larger differences in a smaller space.
    let is_converted = |rendered: &Rendered| {
        let Rgb([red, green, _]) = decoded(rendered)[(8, 8)];
        !execute::probe(&rendered.bytes, NO_LIMIT).unwrap().foreign_profile && red > 210 && green < 50
    };
    let mut stripped = plan(Format::Png, Format::Png, half.clone());
    stripped.encode.strip_profile = true;
    assert!(is_converted(&render(&wide, &stripped)));
    assert!(is_converted(&render(&wide, &plan(Format::Png, Format::Gif, half.clone()))));
    let grey = decoded(&render(&wide, &plan(Format::Png, Format::Png, vec![Step::Grayscale])));
    assert_eq!(grey[(8, 8)].0[0], grey[(8, 8)].0[1]);
}

#[test]
fn plain_srgb_is_neither_converted_nor_carried_along() {
    // Known by its name: the primaries of this one would show a conversion.
    let srgb = with_profile([200, 60, 60], "sRGB IEC61966-2.1");
    assert!(!execute::probe(&srgb, NO_LIMIT).unwrap().foreign_profile);
    let rendered = render(&srgb, &plan(Format::Png, Format::Png, vec![Step::Resize { width: 16, height: 16 }]));
    assert_eq!(decoded(&rendered)[(8, 8)], Rgb([200, 60, 60]));
    assert!(!rendered.bytes.windows(4).any(|window| window == b"iCCP"));
}

#[test]
fn what_a_file_says_of_itself_is_kept_where_it_is_asked_for() {
    let source = with_orientation(&jpeg(quarters(64, 48), 90), 6);
    let has_exif = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"Exif\0\0");
    let tone = Step::Tone { tone: Tone::Gamma { percent: 20 } };
    for steps in [vec![Step::Resize { width: 24, height: 32 }], vec![tone]] {
        for (format, keeps) in [(Format::Jpg, true), (Format::Jpg, false), (Format::Webp, true), (Format::Webp, false)]
        {
            let mut plan = plan(Format::Jpg, format, steps.clone());
            plan.encode.keep_metadata = keeps;
            let rendered = execute::render(&source, &plan, NO_LIMIT).unwrap();
            assert_eq!(
                has_exif(&rendered.bytes) || rendered.bytes.windows(4).any(|w| w == b"EXIF"),
                keeps,
                "{format:?}"
            );
            // It stands upright, and must not be turned once more.
            let meta = execute::probe(&rendered.bytes, NO_LIMIT).unwrap();
            assert_eq!((meta.orientation, meta.width < meta.height), (1, true), "{format:?}");
        }
    }
}

#[test]
fn pictures_come_coarse_first_where_it_is_asked_for() {
    let source = jpeg(waves(200, 150), 90);
    for format in [Format::Jpg, Format::Png] {
        for progressive in [false, true] {
            let mut plan = plan(Format::Jpg, format, Vec::new());
            plan.encode.progressive = progressive;
            let rendered = execute::render(&source, &plan, NO_LIMIT).unwrap();
            assert_eq!(execute::probe(&rendered.bytes, NO_LIMIT).unwrap().progressive, progressive, "{format:?}");
        }
    }
}
