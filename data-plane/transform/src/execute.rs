//! Carrying plans out: encoded bytes and a [`Plan`] in, encoded bytes out; or only the facts of a source.
//!
//! The order of work is what makes it fast. The first reduction happens inside the decoder where the format can do that;
//! colours are converted and EXIF orientation is applied behind the reduction; rows stream from decoder to encoder unless a
//! step needs them in another order, and then it is the reduced picture that is kept in memory.

mod ours;
mod png_rows;

pub use ours::measure;

use crate::{
    container::{self, Container},
    drawing, mask,
    plan::{Chroma, Colour, Decode, Encode, Mix, Plan, Step},
    profile,
    protocol::{Refused, RefusedKind},
    source::{Format, SourceMeta},
    vips::{self, Encoded, Encoder, Fault, Image, Load, Model, Save, Subsample},
    webp,
};

/// The reduction that must be left to the resampler when the JPEG decoder reduces first: the decoder's own filter is a box, and
/// the good filter needs something to work on. libvips' thumbnails leave 2. Leaving anything above 1 takes 14 to 24 percent less
/// time where it makes a difference (12 megapixels to 480, 512, 800 and 1000 pixels), and against a reduction of the fully
/// decoded picture loses at most 0.5 dB and 0.001 of structural similarity.
pub const SHRINK_MARGIN: f64 = 1.0;

/// The same for WebP, whose decoder can scale by any factor but gains little by it.
const WEBP_MARGIN: f64 = 2.0;

/// JPEGs up to this many pixels are decoded at an eighth of their size to see whether the decoder complains. At twelve megapixels
/// that would take two thirds of the time of a rendition, which an upload should not wait for.
const DAMAGE_CHECK_PIXELS: u64 = 4_000_000;

/// Scans of a JPEG: each passes over all of its pixels. Encoders write about ten.
const MOST_SCANS: u32 = 100;

/// A blur wider than this is done on a reduced picture: nothing finer than the blur survives it anyway, and its cost would
/// grow with its width.
const DIRECT_BLUR_SIGMA: f64 = 8.0;

/// A finished rendition.
#[derive(Debug)]
pub struct Rendered {
    /// The encoded picture.
    pub bytes: Encoded,
    /// Width in pixels, of one frame.
    pub width: u32,
    /// Height in pixels, of one frame.
    pub height: u32,
    /// Number of frames.
    pub frames: u32,
}

/// Finds the facts of a source.
///
/// Checked for damage, cheaply: the checksums of a PNG, and a JPEG of moderate size is decoded at an eighth of its size, which
/// reads all of its entropy-coded data (where damage shows) but skips nearly all arithmetic. Other formats, and larger
/// JPEGs, are checked no further than their structure.
///
/// # Errors
/// [`RefusedKind::NotAnImage`] for bytes without a readable header, [`RefusedKind::Truncated`] for a file that lacks its end,
/// [`RefusedKind::TooManyPixels`] beyond `max_pixels` over all frames, decided on the header.
pub fn probe(bytes: &[u8], max_pixels: u64) -> Result<SourceMeta, Refused> {
    start()?;
    let format = sniff(bytes)?;
    let container = container::inspect(format, bytes);
    if !container.whole {
        return Err(Refused::new(RefusedKind::Truncated, format!("the end of the {} file is missing", format.name())));
    }
    if container.hollow {
        let text = format!("the data of the {} file cannot hold the pixels that its header claims", format.name());
        return Err(Refused::new(RefusedKind::Truncated, text));
    }
    if container.scans > MOST_SCANS {
        let text = format!("{} scans are more than the allowed {MOST_SCANS}", container.scans);
        return Err(Refused::new(RefusedKind::TooManyPixels, text));
    }
    if format == Format::Svg {
        drawing::check(bytes)?;
    }
    let image = open(format, bytes, 0)?;
    let pages = image.pages();
    let pixels = limit_pixels(&container, &image, pages, max_pixels)?;
    let orientation = image.orientation();
    let (width, height) = turned(orientation, (image.width(), image.height()));
    let damaged = container.damaged || format == Format::Jpg && pixels <= DAMAGE_CHECK_PIXELS && complains(bytes);
    Ok(SourceMeta {
        format,
        width,
        height,
        pages,
        animated: format.has_animation() && pages > 1,
        // The renderer of PDF draws on white paper and answers with an alpha band that is opaque everywhere.
        has_alpha: format != Format::Pdf && image.has_alpha(),
        orientation,
        foreign_profile: has_foreign_profile(&image),
        progressive: container.progressive,
        damaged,
    })
}

/// Carries out a plan.
///
/// # Errors
/// As [`probe`], except that what is truncated or damaged is decoded as far as it goes; [`RefusedKind::Failed`] when the plan
/// does not fit the source or the encoder; [`RefusedKind::Damaged`] when pixels cannot be decoded at all.
pub fn render(bytes: &[u8], plan: &Plan, max_pixels: u64) -> Result<Rendered, Refused> {
    let is_drawing = [plan.decode.format, plan.encode.format, sniff(bytes)?] == [Format::Svg; 3];
    if is_drawing && plan.steps.is_empty() {
        let bytes = Encoded::copied(&drawing::cleaned(bytes)?);
        return Ok(Rendered { bytes, width: plan.width, height: plan.height, frames: 1 });
    }
    draw(bytes, plan, max_pixels)?.encode(&plan.encode)
}

/// The first frame as its picture of so many pixels is, eight bits a band, colours not multiplied by alpha: the samples and how many
/// bands there are.
///
/// # Errors
/// As [`render`].
pub(crate) fn miniature(bytes: &[u8], side: u32, max_pixels: u64) -> Result<(Encoded, u32), Refused> {
    let decode = Decode { format: sniff(bytes)?, page: 0, pages: 1, auto_orient: true };
    let plan = only_pixels(decode, vec![Step::Resize { width: side, height: side }], (side, side));
    let mut canvas = draw(bytes, &plan, max_pixels)?;
    canvas.unpremultiply()?;
    let frame = &canvas.frames[0];
    Ok((frame.samples().map_err(undecodable)?, frame.bands()))
}

/// A plan whose result is not written.
fn only_pixels(decode: Decode, steps: Vec<Step>, (width, height): (u32, u32)) -> Plan {
    // A format that takes all frames.
    let encode = Encode { strip_profile: true, ..Encode::plain(Format::Webp, 100) };
    Plan { decode, steps, encode, width, height }
}

/// Carries a plan out as far as its pixels.
fn draw<'a>(bytes: &'a [u8], plan: &Plan, max_pixels: u64) -> Result<Canvas<'a>, Refused> {
    start()?;
    let format = sniff(bytes)?;
    if format != plan.decode.format {
        let text = format!("the source is {}, the plan is for {}", format.name(), plan.decode.format.name());
        return Err(Refused::new(RefusedKind::Failed, text));
    }
    if !plan.encode.format.is_writable() {
        let text = format!("{} is not written here", plan.encode.format.name());
        return Err(Refused::new(RefusedKind::UnsupportedFormat, text));
    }
    check_output(plan)?;
    // Only of a GIF the header read below may cost more than its length suggests.
    let container =
        if format == Format::Gif { container::inspect(format, bytes) } else { container::inspect(Format::Tiff, bytes) };
    let header = open(format, bytes, plan.decode.page)?;
    let available = header.pages().saturating_sub(plan.decode.page).max(1);
    let pages = if plan.encode.format.has_animation() { plan.decode.pages.clamp(1, available) } else { 1 };
    limit_pixels(&container, &header, pages, max_pixels)?;

    let orientation = if plan.decode.auto_orient { header.orientation() } else { 1 };
    let (reduction, rest) = match plan.steps.split_first() {
        Some((Step::Resize { width, height }, rest)) => (Some(turned(orientation, (*width, *height))), rest),
        _ => (None, plan.steps.as_slice()),
    };
    let quick = reduction.filter(|_| format == Format::Png).and_then(|to| png_rows::reduced(bytes, &header, to));
    let mut canvas = if let Some(image) = quick {
        Canvas { random_access: true, ..Canvas::new(image, 1)? }
    } else {
        let load = choose_load(format, (header.width(), header.height()), reduction, plan.decode.page, pages);
        let image = if load == (Load { page: plan.decode.page, ..Load::FIRST_PAGE }) {
            header
        } else {
            Image::load(format, bytes, load).map_err(not_an_image)?
        };
        let mut canvas = Canvas::new(image, pages)?;
        if let Some((width, height)) = reduction {
            canvas.resize(width, height)?;
        }
        canvas
    };
    canvas.settle_colours(plan)?;
    canvas.orient(orientation)?;
    for step in rest {
        canvas.apply(step)?;
    }
    Ok(canvas)
}

pub(crate) fn start() -> Result<(), Refused> {
    vips::start().map_err(|fault| Refused::new(RefusedKind::Failed, fault.to_string()))
}

pub(crate) fn sniff(bytes: &[u8]) -> Result<Format, Refused> {
    container::sniff(bytes)
        .ok_or_else(|| Refused::new(RefusedKind::NotAnImage, "the bytes are no image of a known format"))
}

pub(crate) fn open(format: Format, bytes: &[u8], page: u32) -> Result<Image<'_>, Refused> {
    Image::load(format, bytes, Load { page, ..Load::FIRST_PAGE }).map_err(not_an_image)
}

fn not_an_image(fault: Fault) -> Refused {
    Refused::new(RefusedKind::NotAnImage, format!("the header cannot be read: {fault}"))
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::new(RefusedKind::Failed, fault.to_string())
    }
}

/// Pixels of all pages together, unless they are too many.
fn limit_pixels(container: &Container, image: &Image<'_>, pages: u32, max_pixels: u64) -> Result<u64, Refused> {
    let one = u64::from(image.width()) * u64::from(image.height());
    let pixels = one.saturating_mul(u64::from(pages)).max(if pages > 1 { container.claimed_pixels } else { 0 });
    if pixels > max_pixels {
        let text = format!("{pixels} pixels are more than the allowed {max_pixels}");
        return Err(Refused::new(RefusedKind::TooManyPixels, text));
    }
    Ok(pixels)
}

/// What the encoders can write at most, so that the refusal says so instead of an encoder's number.
fn check_output(plan: &Plan) -> Result<(), Refused> {
    let most = match plan.encode.format {
        Format::Webp => 16_383,
        Format::Avif => 16_384,
        Format::Jpg => 65_500,
        _ => 65_535,
    };
    if plan.width.max(plan.height) > most {
        let text = format!("a {} cannot be larger than {most} pixels on a side", plan.encode.format.name());
        return Err(Refused::new(RefusedKind::Failed, text));
    }
    Ok(())
}

/// Swaps the axes for the orientations that lie on their side.
fn turned(orientation: u8, (width, height): (u32, u32)) -> (u32, u32) {
    if orientation >= 5 { (height, width) } else { (width, height) }
}

fn has_foreign_profile(image: &Image<'_>) -> bool {
    image.profile().is_some_and(|bytes| !profile::is_srgb(bytes))
}

/// Whether the JPEG decoder warns about the entropy-coded data, or gives up on it.
fn complains(bytes: &[u8]) -> bool {
    let before = vips::warnings();
    // The image is gone at the end of the statement; some warnings come only then.
    let visited =
        Image::load(Format::Jpg, bytes, Load { shrink: 8, ..Load::FIRST_PAGE }).and_then(|image| image.visit());
    visited.is_err() || vips::warnings() > before
}

/// Lets the decoder do the part of the first reduction that it does cheaply. `reduction` is in the axes of the stored picture.
fn choose_load(format: Format, source: (u32, u32), reduction: Option<(u32, u32)>, page: u32, pages: u32) -> Load {
    let mut load = Load { page, pages, ..Load::FIRST_PAGE };
    let Some(target) = reduction else { return load };
    let factor = |width: u32, height: u32| {
        let (across, down) =
            (f64::from(width) / f64::from(target.0.max(1)), f64::from(height) / f64::from(target.1.max(1)));
        across.min(down)
    };
    match format {
        Format::Jpg => {
            // The decoder rounds sizes up. A reduction that it would complete alone goes one level down, because then the
            // rounding, not the resampler, would decide the outermost pixels.
            let left = |shrink: u32| factor(source.0.div_ceil(shrink), source.1.div_ceil(shrink));
            load.shrink = [8, 4, 2].into_iter().find(|shrink| left(*shrink) > SHRINK_MARGIN).unwrap_or(1);
        }
        Format::Webp if pages == 1 => load.scale = (WEBP_MARGIN / factor(source.0, source.1)).min(1.0),
        // Drawings are drawn at the size wanted, larger as well as smaller.
        Format::Svg | Format::Pdf => load.scale = (1.0 / factor(source.0, source.1)).clamp(0.001, 1000.0),
        _ => {}
    }
    load
}

/// The frames of a picture on their way through the steps. All have one size.
struct Canvas<'a> {
    frames: Vec<Image<'a>>,
    delays: Option<Vec<i32>>,
    repetitions: Option<i32>,
    /// Whether colours are multiplied by alpha at the moment.
    premultiplied: bool,
    /// Whether rows can be read in any order.
    random_access: bool,
    /// Whether the embedded profile is written with the result.
    keep_profile: bool,
}

impl<'a> Canvas<'a> {
    fn new(image: Image<'a>, pages: u32) -> Result<Self, Refused> {
        let (mut delays, mut repetitions) = (None, None);
        let frames = if pages > 1 {
            delays = image.ints(c"delay").map(|mut delays| {
                delays.resize(pages as usize, delays.last().copied().unwrap_or(100));
                delays
            });
            repetitions = image.int(c"loop");
            let (width, height) = (image.width(), image.height() / pages);
            (0..pages).map(|page| image.extract(0, page * height, width, height)).collect::<vips::Result<_>>()?
        } else {
            vec![image]
        };
        Ok(Self { frames, delays, repetitions, premultiplied: false, random_access: false, keep_profile: false })
    }

    fn size(&self) -> (u32, u32) {
        (self.frames[0].width(), self.frames[0].height())
    }

    fn has_alpha(&self) -> bool {
        self.frames[0].has_alpha()
    }

    fn each(&mut self, step: impl Fn(&Image<'a>) -> vips::Result<Image<'a>>) -> Result<(), Refused> {
        for frame in &mut self.frames {
            *frame = step(frame)?;
        }
        Ok(())
    }

    fn premultiply(&mut self) -> Result<(), Refused> {
        if self.has_alpha() && !self.premultiplied {
            self.each(Image::premultiply)?;
            self.premultiplied = true;
        }
        Ok(())
    }

    fn unpremultiply(&mut self) -> Result<(), Refused> {
        if self.premultiplied {
            self.each(Image::unpremultiply)?;
            self.premultiplied = false;
        }
        Ok(())
    }

    /// Computes what is pending, frame after frame, as the decoder delivers them.
    fn materialise(&mut self) -> Result<(), Refused> {
        for frame in &mut self.frames {
            *frame = frame.materialise().map_err(undecodable)?;
        }
        self.random_access = true;
        Ok(())
    }

    fn need_random_access(&mut self) -> Result<(), Refused> {
        if self.random_access { Ok(()) } else { self.materialise() }
    }

    fn resize(&mut self, width: u32, height: u32) -> Result<(), Refused> {
        let (from_width, from_height) = self.size();
        if (from_width, from_height) == (width, height) {
            return Ok(());
        }
        if width == 0 || height == 0 {
            return Err(Refused::new(RefusedKind::Failed, "a picture cannot be resized to nothing"));
        }
        if self.reduce((width, height))? {
            return Ok(());
        }
        self.premultiply()?;
        let across = f64::from(width) / f64::from(from_width);
        let down = f64::from(height) / f64::from(from_height);
        self.each(|frame| exactly(frame.resize(across, down)?, width, height))
    }

    /// Brings the colours to eight bits, and to sRGB unless the profile is kept with the result.
    fn settle_colours(&mut self, plan: &Plan) -> Result<(), Refused> {
        let model = self.frames[0].model();
        let foreign = has_foreign_profile(&self.frames[0]);
        let grey = matches!(model, Model::Grey | Model::Grey16);
        let format_keeps = match plan.encode.format {
            Format::Jpg | Format::Png | Format::Tiff => true,
            // These write grey as RGB, which a grey profile does not describe.
            Format::Webp | Format::Avif => !grey,
            _ => false,
        };
        // A step that mixes given colours in, or leaves the colour model, needs to know what the numbers mean.
        let steps_keep = |step: &Step| match step {
            Step::Resize { .. } | Step::Extract { .. } | Step::Attention { .. } | Step::QuarterTurn { .. } => true,
            Step::FlipHorizontal | Step::FlipVertical | Step::Blur { .. } | Step::Opacity { .. } => true,
            Step::Grayscale | Step::Mix { .. } | Step::Tone { .. } | Step::Vignette { .. } => false,
            Step::Behind { .. } | Step::Frame { .. } => model == Model::Rgb,
            Step::Texture { .. } | Step::OpacityThreshold { .. } => model == Model::Rgb,
            Step::Flatten { .. } | Step::Embed { .. } | Step::Rotate { .. } => model == Model::Rgb,
            Step::Sharpen { .. } | Step::RoundCorners { .. } | Step::RoundEllipse => model != Model::Cmyk,
        };
        let keep = !plan.encode.strip_profile && format_keeps && plan.steps.iter().all(steps_keep);
        self.keep_profile = false;
        match model {
            Model::Cmyk if keep && plan.encode.format == Format::Jpg => {
                self.keep_profile = foreign;
                return Ok(());
            }
            Model::Rgb | Model::Grey if keep || !foreign => {
                self.keep_profile = foreign;
                return Ok(());
            }
            // Sixteen bits become eight by dropping bits, which changes no meaning.
            Model::Rgb16 | Model::Grey16 if keep || !foreign => {
                self.keep_profile = foreign;
                self.unpremultiply()?;
                return self.each(|frame| if grey { frame.to_grey() } else { frame.to_rgb() });
            }
            _ => {}
        }
        self.unpremultiply()?;
        if foreign {
            // A profile that cannot be used is as good as none.
            self.each(|frame| frame.to_rgb_by_profile().or_else(|_| frame.to_rgb()))
        } else {
            self.each(Image::to_rgb)
        }
    }

    /// Turns the stored picture the way EXIF says it is to be seen.
    fn orient(&mut self, orientation: u8) -> Result<(), Refused> {
        let (turns, mirrored) = match orientation {
            2 => (0, true),
            3 => (2, false),
            4 => (2, true),
            5 => (1, true),
            6 => (1, false),
            7 => (3, true),
            8 => (3, false),
            _ => return Ok(()),
        };
        if turns != 0 {
            self.need_random_access()?;
            self.each(|frame| frame.quarter_turn(turns))?;
        }
        if mirrored { self.each(Image::flip_horizontal) } else { Ok(()) }
    }

    fn apply(&mut self, step: &Step) -> Result<(), Refused> {
        match *step {
            Step::Resize { width, height } => self.resize(width, height),
            Step::Extract { x, y, width, height } => self.each(|frame| frame.extract(x, y, width, height)),
            Step::Attention { width, height } => self.attention(width, height),
            Step::Embed { x, y, width, height, background } => {
                self.unpremultiply()?;
                self.admit(background)?;
                let background = self.background(background);
                self.each(|frame| frame.embed((x as i32, y as i32), (width, height), &background))
            }
            Step::Flatten { background } => self.flatten(background),
            Step::QuarterTurn { turns } => {
                self.need_random_access()?;
                self.each(|frame| frame.quarter_turn(turns))
            }
            Step::Rotate { millidegrees, width, height, background } => {
                self.admit(background)?;
                self.premultiply()?;
                self.need_random_access()?;
                let background = self.background(background);
                self.each(|frame| frame.rotate(f64::from(millidegrees) / 1000.0, width, height, &background))
            }
            Step::FlipHorizontal => self.each(Image::flip_horizontal),
            Step::FlipVertical => {
                self.need_random_access()?;
                self.each(Image::flip_vertical)
            }
            Step::Grayscale => {
                self.unpremultiply()?;
                self.each(Image::to_grey)
            }
            Step::Mix { mix } => self.mix(mix),
            Step::Opacity { percent } => {
                let (width, height) = self.size();
                let alpha = (u32::from(percent) * 255 + 50) / 100;
                let pixels = width as usize * height as usize;
                self.cut_out(&vec![u8::try_from(alpha).unwrap_or(u8::MAX); pixels])
            }
            Step::Tone { tone } => self.tone(tone),
            Step::Texture { ref texture } => self.texture(texture),
            Step::Behind { background: Colour { r, g, b, a } } => {
                self.repaint(|pixels| pixels.put_behind([r, g, b, a]))
            }
            Step::OpacityThreshold { percent } => self.repaint(|pixels| pixels.cut_alpha(percent)),
            Step::Frame { margin, radii, colour } => self.frame(margin, radii, colour),
            Step::Vignette { percent } => {
                let (width, height) = self.size();
                self.cut_out(&mask::vignette(width, height, percent))
            }
            Step::Blur { sigma_milli } => self.blur(f64::from(sigma_milli) / 1000.0),
            Step::Sharpen { gain_milli } => self.sharpen(f64::from(gain_milli) / 1000.0),
            Step::RoundCorners { radii } => {
                let (width, height) = self.size();
                self.cut_out(&mask::round_corners(width, height, radii))
            }
            Step::RoundEllipse => {
                let (width, height) = self.size();
                self.cut_out(&mask::ellipse(width, height))
            }
        }
    }

    /// The first frame decides for all, so that an animation does not jump.
    fn attention(&mut self, width: u32, height: u32) -> Result<(), Refused> {
        self.unpremultiply()?;
        self.materialise()?;
        let (left, top) = self.frames[0].attention(width, height)?.offset();
        let (x, y) = (left.unsigned_abs(), top.unsigned_abs());
        self.each(|frame| frame.extract(x, y, width, height))
    }

    /// Gives the frames the bands that a colour needs.
    fn admit(&mut self, colour: Colour) -> Result<(), Refused> {
        let is_grey = colour.r == colour.g && colour.g == colour.b;
        if !is_grey && self.frames[0].model() == Model::Grey {
            self.unpremultiply()?;
            self.each(Image::to_rgb)?;
        }
        if colour.a < 255 && !self.has_alpha() {
            self.each(Image::add_alpha)?;
        }
        Ok(())
    }

    /// A colour as one value for each band of the frames as they are now.
    fn background(&self, colour: Colour) -> Vec<f64> {
        let weight = if self.premultiplied { f64::from(colour.a) / 255.0 } else { 1.0 };
        let mut values: Vec<f64> =
            [colour.r, colour.g, colour.b].iter().map(|value| f64::from(*value) * weight).collect();
        if self.frames[0].model() == Model::Grey {
            values.truncate(1);
        }
        if self.has_alpha() {
            values.push(f64::from(colour.a));
        }
        values
    }

    fn flatten(&mut self, background: Colour) -> Result<(), Refused> {
        if !self.has_alpha() {
            return Ok(());
        }
        self.unpremultiply()?;
        self.admit(Colour { a: 255, ..background })?;
        let mut background = self.background(background);
        background.pop();
        self.each(|frame| frame.flatten(&background))
    }

    fn mix(&mut self, mix: Mix) -> Result<(), Refused> {
        self.unpremultiply()?;
        if self.frames[0].model() != Model::Rgb {
            self.each(Image::to_rgb)?;
        }
        let exact = |value: i32| f64::from(value) / 1000.0;
        let gains: Vec<f64> = mix.milli.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).map(exact).collect();
        let added: Vec<f64> = mix.milli.iter().map(|[.., added]| exact(*added) * 255.0).collect();
        if !self.has_alpha() {
            return self.each(|frame| frame.mix(&gains, &added));
        }
        // Colour and alpha are read separately, which would compute everything before them twice.
        self.materialise()?;
        self.each(|frame| {
            let colours = frame.bands() - 1;
            frame.take_bands(0, colours)?.mix(&gains, &added)?.join_bands(&frame.take_bands(colours, 1)?)
        })
    }

    fn blur(&mut self, sigma: f64) -> Result<(), Refused> {
        if sigma <= 0.0 {
            return Ok(());
        }
        self.premultiply()?;
        if sigma <= DIRECT_BLUR_SIGMA {
            return self.each(|frame| frame.blur(sigma));
        }
        let (width, height) = self.size();
        let reduce = |length: u32| (f64::from(length) * DIRECT_BLUR_SIGMA / 2.0 / sigma).ceil().max(1.0) as u32;
        let (small_width, small_height) = (reduce(width), reduce(height));
        self.resize(small_width, small_height)?;
        // The axes may round differently; one mean factor is what a round blur can honour.
        let factor = (f64::from(small_width) / f64::from(width) + f64::from(small_height) / f64::from(height)) / 2.0;
        self.materialise()?;
        self.each(|frame| frame.blur(sigma * factor))?;
        self.resize(width, height)
    }

    fn sharpen(&mut self, gain: f64) -> Result<(), Refused> {
        self.unpremultiply()?;
        if !self.has_alpha() {
            return self.each(|frame| frame.sharpen(gain));
        }
        // Colour and alpha are read separately, which would compute everything before them twice.
        self.materialise()?;
        self.each(|frame| {
            let colours = frame.bands() - 1;
            frame.take_bands(0, colours)?.sharpen(gain)?.join_bands(&frame.take_bands(colours, 1)?)
        })
    }

    /// Makes transparent what a mask leaves out.
    fn cut_out(&mut self, mask: &[u8]) -> Result<(), Refused> {
        let (width, height) = self.size();
        let mask = Image::from_mask(mask, width, height)?;
        if !self.has_alpha() {
            return self.each(|frame| frame.join_bands(&mask));
        }
        if self.premultiplied {
            return self.each(|frame| frame.multiply_mask(&mask));
        }
        self.materialise()?;
        self.each(|frame| {
            let colours = frame.bands() - 1;
            frame.take_bands(0, colours)?.join_bands(&frame.take_bands(colours, 1)?.multiply_mask(&mask)?)
        })
    }

    fn encode(mut self, encode: &Encode) -> Result<Rendered, Refused> {
        if encode.format == Format::Jpg {
            // Plans flatten before they write JPEG; what is transparent here anyway goes onto white, not onto black.
            self.flatten(Colour::WHITE)?;
        }
        self.unpremultiply()?;
        let (width, height) = self.size();
        let frames = self.frames.len() as u32;
        let keep_profile = self.keep_profile;
        let kept = |name: &str| match name {
            "icc-profile-data" => keep_profile,
            // The picture stands upright, and its miniature of before is another picture.
            name if name.ends_with("-Orientation") || name.starts_with("exif-ifd1") => false,
            name => encode.keep_metadata && vips::is_metadata(name),
        };
        let image = if let [frame] = self.frames.as_slice() {
            frame.with_fields(kept)?
        } else {
            Image::stack(&self.frames)?.with_fields(kept)?.with_animation(
                height,
                self.delays.as_deref(),
                self.repetitions,
            )?
        };
        let save = Save {
            encoder: choose_encoder(encode, frames),
            quality: encode.quality.clamp(1, 100),
            progressive: encode.progressive,
            strip: !keep_profile && !encode.keep_metadata,
        };
        let mut bytes = image.save(&save).map_err(undecodable)?;
        if encode.format == Format::Webp && !encode.keep_metadata {
            let length = webp::remove_metadata(&mut bytes);
            bytes.truncate(length);
        }
        Ok(Rendered { bytes, width, height, frames })
    }
}

fn undecodable(fault: Fault) -> Refused {
    Refused::new(RefusedKind::Damaged, fault.to_string())
}

/// Makes up for the pixel by which the resampler's rounding can miss a size.
fn exactly(image: Image<'_>, width: u32, height: u32) -> vips::Result<Image<'_>> {
    let (has_width, has_height) = (image.width(), image.height());
    if (has_width, has_height) == (width, height) {
        return Ok(image);
    }
    image.extract(0, 0, has_width.min(width), has_height.min(height))?.extend_edges(width, height)
}

/// Encoder settings: the efforts are where time grows faster than bytes shrink.
fn choose_encoder(encode: &Encode, frames: u32) -> Encoder {
    let subsample = match encode.chroma {
        Chroma::Auto => Subsample::Auto,
        Chroma::Subsampled => Subsample::On,
        Chroma::Full => Subsample::Off,
    };
    match encode.format {
        Format::Png => Encoder::Png { palette: encode.palette },
        Format::Webp => {
            Encoder::Webp { effort: if frames > 1 { 1 } else { 2 }, sharp_chroma: encode.chroma == Chroma::Full }
        }
        Format::Gif => Encoder::Gif { effort: 4 },
        Format::Avif => Encoder::Avif { effort: avif_effort(), subsample },
        Format::Tiff => Encoder::Tiff,
        _ => Encoder::Jpeg { subsample, optimise: true },
    }
}

/// With the encoder beside libvips 8.14, one step above the fastest saves a quarter of the bytes; the next ones save next to nothing and
/// cost a multiple. The one beside 8.18 is as good at its fastest as that one a step above, for a third of its time.
fn avif_effort() -> u8 {
    if vips::version() >= (8, 18) { 0 } else { 1 }
}
