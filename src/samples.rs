//! Sample pictures that the program draws itself: a photo-like one, one with transparency, an animation.

use std::io::Cursor;

use bytes::Bytes;
use image::{
    Delay, ExtendedColorType, Frame, ImageEncoder, ImageError, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{
        gif::{GifEncoder, Repeat},
        jpeg::JpegEncoder,
        png::PngEncoder,
    },
};

/// Public ids of the samples.
pub const NAMES: [&str; 3] = ["samples/landscape", "samples/logo", "samples/pulse"];

/// Draws all samples: public id and encoded bytes.
pub fn draw() -> Result<Vec<(&'static str, Bytes)>, ImageError> {
    let [landscape_name, logo_name, pulse_name] = NAMES;
    Ok(vec![(landscape_name, landscape()?), (logo_name, logo()?), (pulse_name, pulse()?)])
}

/// Layered hills under an evening sky with film grain, 1600 × 1067.
fn landscape() -> Result<Bytes, ImageError> {
    let (width, height) = (1600_u32, 1067_u32);
    let mut grain = Grain(0x5afe_1191);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let mut colour = mix([255.0, 190.0, 120.0], [70.0, 110.0, 180.0], 1.0 - v * 1.4);
        let sun = ((u - 0.68).powi(2) * 2.2 + (v - 0.42).powi(2)).sqrt();
        colour = mix(colour, [255.0, 240.0, 200.0], (0.16 - sun).max(0.0) * 6.0);
        for layer in 0..5 {
            let depth = layer as f32 / 4.0;
            let ridge = 0.48
                + depth * 0.13
                + 0.05 * (u * (5.0 + 3.0 * depth) + depth * 9.0).sin()
                + 0.018 * (u * (31.0 + 11.0 * depth) + depth * 4.0).sin()
                + 0.006 * (u * 140.0 + depth * 7.0).sin();
            if v > ridge {
                let shade = mix([120.0, 120.0, 150.0], [18.0, 34.0, 30.0], depth);
                colour = mix(colour, shade, 0.85);
            }
        }
        let noise = grain.next() * 14.0;
        Rgb(colour.map(|channel| (channel + noise).clamp(0.0, 255.0) as u8))
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(&picture)?;
    Ok(bytes.into())
}

/// A ring of light on nothing, 800 × 800.
fn logo() -> Result<Bytes, ImageError> {
    let size = 800_u32;
    let picture = RgbaImage::from_fn(size, size, |x, y| {
        let (dx, dy) = (x as f32 - 399.5, y as f32 - 399.5);
        let radius = (dx * dx + dy * dy).sqrt();
        let edge = |at: f32| (at - radius + 0.5).clamp(0.0, 1.0);
        let ring = edge(380.0) - edge(250.0);
        let core = edge(150.0);
        let angle = dy.atan2(dx) / std::f32::consts::TAU + 0.5;
        let colour = mix([200.0, 30.0, 20.0], [255.0, 150.0, 40.0], angle);
        let alpha = (ring + core).clamp(0.0, 1.0) * 255.0;
        let [r, g, b] = colour.map(|channel| channel as u8);
        Rgba([r, g, b, alpha as u8])
    });
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(&picture, size, size, ExtendedColorType::Rgba8)?;
    Ok(bytes.into())
}

/// A dot that breathes, 12 frames of 240 × 240.
fn pulse() -> Result<Bytes, ImageError> {
    let size = 240_u32;
    let mut bytes = Cursor::new(Vec::new());
    {
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
        encoder.set_repeat(Repeat::Infinite)?;
        for step in 0..12 {
            let phase = step as f32 / 12.0 * std::f32::consts::TAU;
            let limit = 60.0 + 40.0 * phase.sin();
            let picture = RgbaImage::from_fn(size, size, |x, y| {
                let (dx, dy) = (x as f32 - 119.5, y as f32 - 119.5);
                let is_inside = (dx * dx + dy * dy).sqrt() < limit;
                if is_inside { Rgba([230, 70, 40, 255]) } else { Rgba([24, 24, 32, 255]) }
            });
            encoder.encode_frame(Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(80, 1)))?;
        }
    }
    Ok(bytes.into_inner().into())
}

fn mix(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    let t = t.clamp(0.0, 1.0);
    [0, 1, 2].map(|channel| a[channel] + (b[channel] - a[channel]) * t)
}

/// A small generator of noise, so that every installation draws the same pictures.
struct Grain(u32);

impl Grain {
    /// A number between -1 and 1.
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}
