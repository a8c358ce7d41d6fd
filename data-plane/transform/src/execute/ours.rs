//! What is done to samples in our own code, between what libvips does: frames are brought to RGB of eight bits, changed one after another, and
//! given back.

use super::{Canvas, draw, only_pixels, undecodable};
use crate::{
    facts::Rectangle,
    mask,
    pixels::{Levels, Pixels, Place, Texture, Tone},
    plan::{Colour, Measure},
    protocol::{Refused, RefusedKind},
    resample::Reduction,
    vips::{self, Image, Model},
};

/// The library from which on reducing eight bits without alpha is its own affair: it has vector instructions for that, and takes a third
/// of the time that it took before.
const FAST_REDUCTION: (u32, u32) = (8, 16);

/// The most that reduced frames may take together. Larger ones go on as rows.
pub(super) const KEPT_BYTES: u64 = 64 << 20;

/// What lies within the edges of what a source becomes; nothing where it is all edge.
///
/// # Errors
/// As [`render`].
pub fn measure(bytes: &[u8], measure: &Measure, max_pixels: u64) -> Result<Option<Rectangle>, Refused> {
    let plan = only_pixels(measure.decode.clone(), measure.steps.clone(), (1, 1));
    let mut canvas = draw(bytes, &plan, max_pixels)?;
    let mut within: Option<Rectangle> = None;
    canvas.look(|pixels| {
        // What any frame shows stays.
        let found = measure.trim.find(pixels).map(|Place { x, y, width, height }| Rectangle { x, y, width, height });
        within = match (within, found) {
            (Some(one), Some(other)) => Some(one.around(other)),
            (one, other) => one.or(other),
        };
    })?;
    Ok(within)
}

impl Canvas<'_> {
    /// Reduces the frames by our own hand where that is faster; whether it did.
    pub(super) fn reduce(&mut self, to: (u32, u32)) -> Result<bool, Refused> {
        let first = &self.frames[0];
        let bytes = u64::from(to.0) * u64::from(to.1) * u64::from(first.bands()) * self.frames.len() as u64;
        let ours = first.has_alpha() || vips::version() < FAST_REDUCTION;
        if !ours || self.premultiplied || !first.has_bytes() || bytes > KEPT_BYTES {
            return Ok(false);
        }
        for frame in &mut self.frames {
            let from = (frame.width(), frame.height());
            let Some(mut reduction) = Reduction::new(from, to, frame.bands(), frame.has_alpha()) else {
                return Ok(false);
            };
            frame.rows(|row| reduction.push(row)).map_err(undecodable)?;
            *frame = frame.with_samples(&reduction.finish(), to)?;
        }
        self.random_access = true;
        Ok(true)
    }

    /// Hands the samples of each frame to a change of ours.
    pub(super) fn repaint(&mut self, mut change: impl FnMut(&mut Pixels<'_>)) -> Result<(), Refused> {
        self.settle_pixels()?;
        for frame in &mut self.frames {
            let mut samples = frame.samples().map_err(undecodable)?;
            change(&mut pixels_of(frame, &mut samples)?);
            *frame = frame.with_samples(&samples, (frame.width(), frame.height()))?;
        }
        self.random_access = true;
        Ok(())
    }

    /// Shows the samples of each frame.
    pub(super) fn look(&mut self, mut see: impl FnMut(&Pixels<'_>)) -> Result<(), Refused> {
        self.settle_pixels()?;
        for frame in &self.frames {
            let mut samples = frame.samples().map_err(undecodable)?;
            see(&pixels_of(frame, &mut samples)?);
        }
        Ok(())
    }

    /// Brings the frames to RGB of eight bits, with alpha or without, not multiplied by it.
    pub(super) fn settle_pixels(&mut self) -> Result<(), Refused> {
        self.unpremultiply()?;
        if self.frames[0].model() != Model::Rgb {
            self.each(Image::to_rgb)?;
        }
        // Some files have more bands than any colour.
        if self.frames[0].bands() > 4 { self.each(|frame| frame.take_bands(0, 3)) } else { Ok(()) }
    }

    pub(super) fn tone(&mut self, tone: Tone) -> Result<(), Refused> {
        // One count for all frames, so that an animation does not flicker.
        let mut levels = Levels::default();
        if tone.needs_levels() {
            self.materialise()?;
            self.look(|pixels| levels.count(pixels))?;
        }
        let tables = tone.tables(&levels);
        self.repaint(|pixels| tone.apply(pixels, tables.as_ref()))
    }

    pub(super) fn texture(&mut self, texture: &Texture) -> Result<(), Refused> {
        self.settle_pixels()?;
        let Some(sigma_milli) = texture.needs_blur() else { return self.repaint(|pixels| texture.apply(pixels, &[])) };
        self.materialise()?;
        // One after another, so that never more than one frame is there several times.
        for at in 0..self.frames.len() {
            let mut soft = Canvas { frames: vec![self.frames[at].clone()], delays: None, ..*self };
            soft.blur(f64::from(sigma_milli) / 1000.0)?;
            soft.settle_pixels()?;
            let blurred = soft.frames[0].samples().map_err(undecodable)?;
            let frame = &mut self.frames[at];
            let mut samples = frame.samples().map_err(undecodable)?;
            texture.apply(&mut pixels_of(frame, &mut samples)?, &blurred);
            *frame = frame.with_samples(&samples, (frame.width(), frame.height()))?;
        }
        Ok(())
    }

    /// Draws a frame along a rounded edge.
    pub(super) fn frame(&mut self, margin: u32, radii: Option<[u32; 4]>, colour: Colour) -> Result<(), Refused> {
        let (width, height) = self.size();
        let (outer_width, outer_height) = (width + 2 * margin, height + 2 * margin);
        self.unpremultiply()?;
        self.admit(Colour { a: 0, ..colour })?;
        let clear = self.background(Colour::TRANSPARENT);
        let place = (margin as i32, margin as i32);
        self.each(|frame| frame.embed(place, (outer_width, outer_height), &clear))?;
        let ring = mask::ring(width, height, margin, radii);
        self.repaint(|pixels| pixels.paint_beside(&ring, [colour.r, colour.g, colour.b, colour.a]))
    }
}

fn pixels_of<'s>(frame: &Image<'_>, samples: &'s mut [u8]) -> Result<Pixels<'s>, Refused> {
    let (width, bands) = (frame.width() as usize, frame.bands() as usize);
    Pixels::new(samples, width, bands)
        .ok_or_else(|| Refused::new(RefusedKind::Failed, format!("{bands} bands of samples are no colours")))
}
