//! From a transformation and stored facts to a concrete plan.
//!
//! Planning is a pure function: it resolves what acts on the whole chain (device pixel ratio, format, quality, page),
//! then turns one component after the other into steps. Spellings that mean the same picture give the same plan.

mod chain;
mod region;
mod stop;

use crate::autos::{self, ContentClass};
use crate::facts::Facts;
use crate::geometry::Size;
use crate::grammar::{
    self, Background, Component, Decimal, Dpr, Expanded, Flag, FormatChoice, Node, Pages, Quality, QualityLevel,
    Settled, Turn, writable_format,
};
use crate::hints::{ClientHints, Vary};
use crate::plan::{Chroma, Colour, Decode, Encode, Measure, Plan};
use crate::refusal::Refusal;
use crate::source::{Format, SourceMeta};

use stop::Stop;

/// Everything a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The transformation of the URL.
    pub transformation: &'a Expanded,
    /// The extension of the public id, without its dot; asks for a format unless the transformation does.
    pub extension: Option<&'a str>,
    /// What is known of the stored source.
    pub source: &'a SourceMeta,
    /// What is said of the asset by its owner.
    pub facts: &'a Facts<'a>,
    /// What the client says about itself.
    pub hints: &'a ClientHints,
    /// How large a result may be.
    pub limits: &'a OutputLimits,
    /// The quality where the transformation says none. Nothing is that of [`autos::DEFAULT_LEVEL`].
    pub default_quality: Option<Quality>,
}

/// How large a result, and every picture on the way to it, may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// Pixels of all frames together.
    pub max_pixels: u64,
    /// Pixels of the longer side.
    pub max_side: u32,
    /// Frames of an animation; further ones are cut off.
    pub max_frames: u32,
}

/// What is delivered.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// The stored bytes as they are.
    Original,
    /// Something made from them.
    Derived(Box<PlannedDerived>),
    /// Something that the pixels have to be asked for first; what they answer stands among the facts the next time.
    Measure(Box<Measure>),
}

/// A plan and what is known before it is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedDerived {
    /// The recipe.
    pub plan: Plan,
    /// Which client hints it depended on.
    pub vary: Vary,
    /// Estimated effort.
    pub cost: Cost,
}

/// Estimated effort of carrying out a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Pixels of the source that are decoded, over all frames.
    pub source_pixels: u64,
    /// Pixels of the result that are encoded, over all frames.
    pub output_pixels: u64,
}

impl Cost {
    /// One number for fair queues: pixels read and written.
    pub fn weight(self) -> u64 {
        self.source_pixels.saturating_add(self.output_pixels)
    }
}

impl OutputLimits {
    /// Checks a picture of this size with this many frames.
    ///
    /// # Errors
    /// A picture beyond a limit is too large; the refusal names its size.
    pub fn check(&self, size: Size, frames: u32) -> Result<(), Refusal> {
        let Size { width, height } = size;
        if width.max(height) > self.max_side {
            return Err(Refusal::too_large(format!(
                "Maximum side is {} pixels. Requested {width}x{height}",
                self.max_side
            )));
        }
        let pixels = size.pixels().saturating_mul(u64::from(frames));
        if pixels > self.max_pixels {
            let megapixels = |pixels: u64| pixels as f64 / 1e6;
            let of_frames = if frames > 1 { format!(" x {frames} frames") } else { String::new() };
            return Err(Refusal::too_large(format!(
                "Maximum image size is {} Megapixels. Requested {:.2} Megapixels ({width}x{height}{of_frames})",
                megapixels(self.max_pixels),
                megapixels(pixels),
            )));
        }
        Ok(())
    }
}

/// Makes the plan of a delivery.
///
/// # Errors
/// Sizes that come out as nought, windows outside of the picture, pages that do not exist and formats that are unknown are
/// invalid; combinations without a meaning conflict; what cannot be carried out yet is not built; results beyond the
/// limits are too large.
pub fn plan(request: PlanRequest<'_>) -> Result<Planned, Refusal> {
    let PlanRequest { transformation, extension, source, .. } = request;
    let stored_extension = extension.is_none_or(|name| Format::from_name(name) == Some(source.format));
    if stored_extension && transformation.is_delivery_only() {
        return Ok(Planned::Original);
    }
    let nodes = transformation.nodes()?;
    // What acts on the whole chain may stand where it is reached or not, and where it is reached may depend on it. So the chain is run with
    // what is reached in any case, and again with what it met, until it meets what it was run with.
    let always = |node: &Node| match node {
        Node::Step(index) => transformation.components()[*index].as_settled(),
        _ => None,
    };
    let mut met: Vec<Settled> = nodes.iter().filter_map(always).collect();
    // Whoever decided on the way decided about the answer.
    let mut vary = Vary::default();
    for _ in 0..MOST_RUNS {
        let mut reached = Vec::new();
        let run = run(&request, &nodes, &met, &mut vary, &mut reached);
        let run = match run {
            Ok(run) => Ok(run),
            Err(Stop::Refused(refusal)) => Err(refusal),
            // It has not met what stands behind; with the answer the next one does.
            Err(Stop::Measure(measure)) => return Ok(Planned::Measure(measure)),
        };
        if transformation.is_plain() || reached == met {
            return finish(&request, run?, &reached, vary);
        }
        met = reached;
    }
    Err(Refusal::conflict("What acts on the whole chain (dpr_, f_, q_, pg_) depends on itself here"))
}

/// How often a chain is run at most until what acts on all of it is settled.
const MOST_RUNS: usize = 4;

/// A chain that was run.
struct Run {
    frames: u32,
    format: Format,
    source: Size,
    decode: Decode,
    picture: chain::Picture,
}

/// Runs the chain with what `met` says of all of it. What is met now stands in `reached`, however far it came.
fn run(
    request: &PlanRequest<'_>,
    nodes: &[Node],
    met: &[Settled],
    vary: &mut Vary,
    reached: &mut Vec<Settled>,
) -> Result<Run, Stop> {
    let PlanRequest { transformation, extension, source, facts, hints, limits, .. } = *request;
    let page = first(met, |component| match component.pages {
        Some(Pages::One(page)) => Some(page),
        _ => None,
    });
    if let Some(page) = page.filter(|page| *page > source.pages) {
        return Err(Refusal::invalid("page", page).into());
    }
    let output = Output::choose(met, extension, source)?;
    let auto_orient = !(source.orientation > 1 && ignores_orientation(met));
    let mut setting = chain::Setting {
        source: source_size(source, auto_orient),
        source_has_alpha: source.has_alpha,
        pages: source.pages,
        page: page.unwrap_or(1),
        facts,
        is_upright: source.orientation <= 1 || auto_orient,
        decode: Decode {
            format: source.format,
            page: page.map_or(0, |page| page.saturating_sub(1)),
            pages: 1,
            auto_orient,
        },
        dpr: device_pixel_ratio(met, hints, vary),
        hints,
        limits,
        format: Format::Jpg,
        frames: 1,
    };
    // Only the size of the result can rule AVIF out, and no size depends on the format: planning once more settles it.
    let mut output_pixels = 0;
    let picture = loop {
        let animation = source.animated && source.pages > 1 && page.is_none();
        setting.format = match output {
            Output::Fixed(format) => format,
            Output::Auto => autos::image_format(hints, source, animation, output_pixels),
        };
        let animated = animation && keeps_frames(met, output, source, setting.format);
        setting.frames = if animated { source.pages.min(limits.max_frames).max(1) } else { 1 };
        setting.decode.pages = setting.frames;
        let picture = chain::run(transformation.components(), nodes, &setting, vary, reached)?;
        let pixels = picture.size.pixels();
        let settled = output != Output::Auto || setting.format != Format::Avif || pixels <= autos::AVIF_MAX_PIXELS;
        if settled {
            break picture;
        }
        output_pixels = pixels;
    };
    vary.accept |= output == Output::Auto;
    let chain::Setting { source, format, frames, decode, .. } = setting;
    Ok(Run { frames, format, source, decode, picture })
}

fn finish(request: &PlanRequest<'_>, run: Run, met: &[Settled], mut vary: Vary) -> Result<Planned, Refusal> {
    let Run { frames, format, source: size, decode, picture } = run;
    let source = request.source;
    let animated_before = if source.animated { decode.page } else { 0 };
    let cost = Cost {
        // Of an animation, what stands before the frames that are wanted is decoded as well.
        source_pixels: size.pixels().saturating_mul(u64::from(frames) + u64::from(animated_before)),
        output_pixels: picture.size.pixels().saturating_mul(u64::from(frames)),
    };
    let plan = Plan {
        decode,
        encode: encode(met, (format, picture.size), source, request.hints, request.default_quality, &mut vary)?,
        width: picture.size.width,
        height: picture.size.height,
        steps: picture.into_steps(format, last_opaque_background(met)),
    };
    if format == Format::Svg {
        check_drawing(&plan)?;
    }
    Ok(Planned::Derived(Box::new(PlannedDerived { plan, vary, cost })))
}

/// A drawing comes from a drawing, and only as it is: nothing here draws with lines.
fn check_drawing(plan: &Plan) -> Result<(), Refusal> {
    if plan.decode.format != Format::Svg {
        return Err(Refusal::not_built("f_svg of a picture made of pixels"));
    }
    if !plan.steps.is_empty() {
        return Err(Refusal::not_built("f_svg of a drawing that is changed"));
    }
    Ok(())
}

/// Where the delivered format comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Fixed(Format),
    Auto,
}

impl Output {
    /// The last `f_` counts, then the extension, then the stored format.
    fn choose(met: &[Settled], extension: Option<&str>, source: &SourceMeta) -> Result<Self, Refusal> {
        Ok(match (last(met, |component| component.format), extension) {
            (Some(FormatChoice::Auto), _) => Self::Auto,
            (Some(choice), _) => choice.writable()?.map_or(Self::Auto, Self::Fixed),
            (None, Some(name)) => Self::Fixed(writable_format(name)?),
            // A drawing that is to be cleaned stays one.
            (None, None) if source.format == Format::Svg && is_only_cleaned(met) => Self::Fixed(Format::Svg),
            (None, None) => Self::Fixed(autos::stored_format(source)),
        })
    }
}

/// Whether a drawing is to be cleaned and nothing else is said of it.
fn is_only_cleaned(met: &[Settled]) -> bool {
    let says_more = |component: &Settled| {
        let bare = Component { flags: Default::default(), attachment: None, ..Component::clone(component) };
        bare != Component::default()
    };
    has_flag(met, Flag::Sanitize) && !has_flag(met, Flag::Rasterize) && !met.iter().any(says_more)
}

/// The value of the first component that has one.
fn first<T>(met: &[Settled], mut value: impl FnMut(&Component) -> Option<T>) -> Option<T> {
    met.iter().find_map(|component| value(component))
}

/// The value of the last component that has one.
fn last<T>(met: &[Settled], mut value: impl FnMut(&Component) -> Option<T>) -> Option<T> {
    met.iter().rev().find_map(|component| value(component))
}

fn ignores_orientation(met: &[Settled]) -> bool {
    met.iter().any(|component| component.turns.contains(&Turn::Ignore))
}

/// The size the source has when it enters the chain. The stored facts speak of the picture as it is shown, and orientations
/// from five on lay it on its side.
fn source_size(source: &SourceMeta, auto_orient: bool) -> Size {
    let shown = Size { width: source.width.max(1), height: source.height.max(1) };
    if auto_orient || source.orientation < 5 { shown } else { shown.turned() }
}

/// The ratio that multiplies every absolute length. Without a size in the chain there is nothing to sharpen.
fn device_pixel_ratio(met: &[Settled], hints: &ClientHints, vary: &mut Vary) -> Decimal {
    let sized = met.iter().any(|component| component.width.is_some() || component.height.is_some());
    match last(met, |component| component.dpr).filter(|_| sized) {
        None => Decimal::ONE,
        Some(Dpr::Fixed(ratio)) => ratio,
        Some(Dpr::Auto) => {
            vary.dpr = true;
            autos::device_pixel_ratio(hints)
        }
    }
}

/// Whether an animated source stays animated. GIF always does; WebP is a still picture unless a flag, an automatic format
/// or the stored format says otherwise.
fn keeps_frames(met: &[Settled], output: Output, source: &SourceMeta, format: Format) -> bool {
    let asked = || has_flag(met, Flag::Animated) || has_flag(met, Flag::AnimatedWebp);
    match format {
        Format::Gif => true,
        _ => format.has_animation() && (output == Output::Auto || source.format == format || asked()),
    }
}

/// What transparency is flattened on at the end, when the format carries none.
fn last_opaque_background(met: &[Settled]) -> Colour {
    let opaque = |component: &Component| match component.background {
        Some(Background::Colour(colour)) if colour.is_opaque() => Some(colour),
        _ => None,
    };
    last(met, opaque).unwrap_or(Colour::WHITE)
}

/// Whether any component carries the flag.
fn has_flag(met: &[Settled], flag: Flag) -> bool {
    met.iter().any(|component| component.flags.contains_key(&flag))
}

/// How the result is written. Fields that an encoder does not read have one fixed value, so that they never tell two equal
/// pictures apart.
fn encode(
    met: &[Settled],
    (format, size): (Format, Size),
    source: &SourceMeta,
    hints: &ClientHints,
    default_quality: Option<Quality>,
    vary: &mut Vary,
) -> Result<Encode, Refusal> {
    let class = ContentClass::of(source);
    let asked_for = last(met, |component| component.quality);
    let (quality, chroma) = match asked_for {
        Some(Quality::Auto { level, sensitive, chroma }) => {
            vary.save_data |= level > QualityLevel::Eco;
            let level = autos::quality_level(level, sensitive, hints.save_data);
            (autos::encoder_quality(format, class, level, size), chroma)
        }
        // What nobody asked for does not depend on who asks.
        asked => match asked.or(default_quality) {
            Some(Quality::Fixed { quality, chroma }) => (quality, chroma),
            Some(Quality::Auto { level, chroma, .. }) => (autos::encoder_quality(format, class, level, size), chroma),
            Some(other) => return Err(Refusal::not_built(format_args!("q_{other}"))),
            None => (autos::encoder_quality(format, class, autos::DEFAULT_LEVEL, size), grammar::Chroma::Auto),
        },
    };
    let chroma = match chroma {
        _ if !matches!(format, Format::Jpg | Format::Webp | Format::Avif) => Chroma::Auto,
        grammar::Chroma::Auto => Chroma::Auto,
        grammar::Chroma::Subsampled => Chroma::Subsampled,
        grammar::Chroma::Full => Chroma::Full,
        grammar::Chroma::Half => return Err(Refusal::not_built("Chroma of 4:2:2")),
    };
    if format == Format::Svg {
        return Ok(Encode::plain(Format::Svg, 100));
    }
    let is_srgb =
        met.iter().any(|component| component.colour_space.as_ref().is_some_and(grammar::ColourSpace::is_srgb));
    let keep_metadata = has_flag(met, Flag::KeepIptc);
    if keep_metadata && matches!(asked_for, Some(Quality::Auto { .. })) {
        return Err(Refusal::conflict("fl_keep_iptc cannot be used with q_auto"));
    }
    let is_true_colour = has_flag(met, Flag::Png24) || has_flag(met, Flag::Png32);
    let has_palette = has_flag(met, Flag::Png8) || (quality < 100 && !is_true_colour);
    let progressive = met.iter().rev().find_map(|component| component.flags.get(&Flag::Progressive));
    Ok(Encode {
        palette: format == Format::Gif || (format == Format::Png && has_palette),
        chroma,
        strip_profile: has_flag(met, Flag::StripProfile) || is_srgb,
        progressive: matches!(format, Format::Jpg | Format::Png)
            && progressive.is_some_and(|how| how.as_deref() != Some("none")),
        keep_metadata,
        ..Encode::plain(format, quality)
    })
}
