//! The text of a transformation: components joined by `/`, items joined by `,`, each a key and a typed value.
//!
//! Text is split on `/` and `,` before it is percent-decoded. What is read has exactly one canonical spelling, and reading
//! that gives the same value again.

mod length;
mod names;
pub(crate) mod number;
mod output;
mod path;
mod values;

use std::collections::BTreeSet;
use std::fmt;

use percent_encoding::percent_decode_str;

pub use length::{Axis, Expression, Length, Scope};
pub use names::{Definitions, Expanded};
pub use number::Decimal;
pub use output::{Attachment, Dpr, Flag, FormatChoice, Quality, QualityLevel, writable_format};
pub use path::{SplitPath, split_path};
pub use values::{AspectRatio, Border, Compass, CropMode, Gravity, Radius, Turn, Width};

use crate::effects::Effect;
use crate::plan::Colour;
use crate::refusal::Refusal;

/// How long a chain may be. Far beyond what anybody writes, and short enough that planning one costs nothing.
const MAX_COMPONENTS: usize = 100;

/// Whether a key is one of the language, built or not.
#[rustfmt::skip]
fn is_key(key: &str) -> bool {
    matches!(
        key,
        "a" | "ac" | "af" | "ar" | "b" | "bl" | "bo" | "br" | "c" | "co" | "cs" | "d" | "dl" | "dn" | "dpr" | "dr" | "du"
            | "e" | "eo" | "f" | "fl" | "fn" | "fps" | "g" | "h" | "if" | "ki" | "l" | "o" | "p" | "pg" | "q" | "r" | "so"
            | "sp" | "t" | "u" | "vc" | "vs" | "w" | "x" | "y" | "z"
    )
}

/// A chain of components, each of which takes the picture that the one before it gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transformation {
    components: Vec<Component>,
}

/// The items of one component. Their order in the text means nothing, and of two items with one key the last one counts,
/// so each key is one field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Component {
    /// `a_`: turns and mirrorings in order.
    pub turns: Vec<Turn>,
    /// `ar_`: width divided by height.
    pub aspect_ratio: Option<AspectRatio>,
    /// `b_`: colour of new and of transparent area.
    pub background: Option<Colour>,
    /// `bo_`: frame.
    pub border: Option<Border>,
    /// `c_`: resize mode.
    pub crop: Option<CropMode>,
    /// `dpr_`: device pixel ratio, which acts on the whole chain.
    pub dpr: Option<Dpr>,
    /// `e_`: effect.
    pub effect: Option<Effect>,
    /// `f_`: format, which acts on the whole chain.
    pub format: Option<FormatChoice>,
    /// `fl_`: flags.
    pub flags: BTreeSet<Flag>,
    /// `fl_attachment`: delivery as a download.
    pub attachment: Option<Attachment>,
    /// `g_`: gravity.
    pub gravity: Option<Gravity>,
    /// `h_`: height.
    pub height: Option<Length>,
    /// `t_`: names of stored transformations, which come before everything else of the component.
    pub names: Vec<String>,
    /// `pg_`: page or frame counted from one, which acts on the whole chain.
    pub page: Option<u32>,
    /// `q_`: quality, which acts on the whole chain.
    pub quality: Option<Quality>,
    /// `r_`: rounding of corners.
    pub radius: Option<Radius>,
    /// `w_`: width.
    pub width: Option<Width>,
    /// `x_`: horizontal offset.
    pub x: Option<Length>,
    /// `y_`: vertical offset.
    pub y: Option<Length>,
    /// `z_`: zoom.
    pub zoom: Option<Decimal>,
}

impl Transformation {
    /// Reads a transformation, still percent-encoded and without version or public id. Empty components are ignored.
    ///
    /// # Errors
    /// Items without a known key are refused as components, unreadable values by parameter, and everything that the
    /// language knows and this build does not carry out by name.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let pieces: Vec<&str> = text.split('/').filter(|piece| !piece.is_empty()).collect();
        Self::of(&pieces, Component::parse)
    }

    /// Reads the pieces one by one.
    fn of(pieces: &[&str], read: impl Fn(&str) -> Result<Component, Refusal>) -> Result<Self, Refusal> {
        let count = pieces.len();
        if count > MAX_COMPONENTS {
            return Err(too_many(count));
        }
        Ok(Self { components: pieces.iter().map(|piece| read(piece)).collect::<Result<_, _>>()? })
    }

    /// The same with one more component behind it.
    pub fn then(mut self, component: Component) -> Self {
        self.components.push(component);
        self
    }

    /// The components in order.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Whether there is nothing to do at all.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// Whether it says how the file is handed over and nothing about its contents; all that raw files may carry.
    pub fn is_delivery_only(&self) -> bool {
        self.components.iter().all(Component::is_delivery_only)
    }

    /// How the file is offered as a download, if it is. The last one counts.
    pub fn attachment(&self) -> Option<&Attachment> {
        self.components.iter().rev().find_map(|component| component.attachment.as_ref())
    }

    /// Whether the answer may be cached forever.
    pub fn immutable_cache(&self) -> bool {
        self.has_flag(Flag::ImmutableCache)
    }

    /// Whether any component carries the flag.
    pub fn has_flag(&self, flag: Flag) -> bool {
        self.components.iter().any(|component| component.flags.contains(&flag))
    }

    /// The one spelling of this transformation: items sorted by key, values in their shortest form.
    pub fn canonical(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, component) in self.components.iter().enumerate() {
            let separator = if index == 0 { "" } else { "/" };
            write!(f, "{separator}{component}")?;
        }
        Ok(())
    }
}

impl Component {
    /// Reads one path piece.
    ///
    /// # Errors
    /// As [`Transformation::parse`].
    pub fn parse(piece: &str) -> Result<Self, Refusal> {
        if is_component(piece) { Self::of_items(piece) } else { Err(Refusal::component(piece)) }
    }

    /// Reads a piece that [`is_component`].
    fn of_items(piece: &str) -> Result<Self, Refusal> {
        let mut component = Self::default();
        for item in piece.split(',') {
            component.read(item)?;
        }
        Ok(component)
    }

    /// Whether it says how the file is handed over and nothing about its contents.
    pub fn is_delivery_only(&self) -> bool {
        // Taken apart without a rest, so that a new field has to say here what it is. Every delivery asks this.
        let Self {
            turns,
            aspect_ratio,
            background,
            border,
            crop,
            dpr,
            effect,
            format,
            flags,
            attachment: _,
            gravity,
            height,
            names,
            page,
            quality,
            radius,
            width,
            x,
            y,
            zoom,
        } = self;
        flags.iter().all(|flag| flag.is_delivery_only())
            && (turns.is_empty() && names.is_empty())
            && (aspect_ratio.is_none() && background.is_none() && border.is_none() && crop.is_none() && dpr.is_none())
            && (effect.is_none() && format.is_none() && gravity.is_none() && height.is_none() && page.is_none())
            && (quality.is_none()
                && radius.is_none()
                && width.is_none()
                && x.is_none()
                && y.is_none()
                && zoom.is_none())
    }

    /// The first item that depends on who asks.
    fn depends_on_client(&self) -> Option<&'static str> {
        match self {
            Self { format: Some(FormatChoice::Auto), .. } => Some("f_auto"),
            Self { dpr: Some(Dpr::Auto), .. } => Some("dpr_auto"),
            Self { width: Some(Width::Auto { .. }), .. } => Some("w_auto"),
            _ => None,
        }
    }

    fn read(&mut self, item: &str) -> Result<(), Refusal> {
        let Some((key, raw)) = item.split_once('_').filter(|_| !item.starts_with('$')) else {
            return Err(not_built_item(item));
        };
        let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| Refusal::component(item))?;
        let value: &str = &decoded;
        match key {
            "a" => self.turns = Turn::parse_list(value)?,
            "ar" => self.aspect_ratio = Some(AspectRatio::parse(value)?),
            "b" => self.background = Some(values::parse_background(value)?),
            "bo" => self.border = Some(Border::parse(value)?),
            "c" => self.crop = Some(CropMode::parse(value)?),
            "dpr" => self.dpr = Some(Dpr::parse(value)?),
            "e" => self.effect = Some(Effect::parse(value)?),
            "f" => self.format = Some(FormatChoice::parse(value)?),
            // Download names are encoded twice, so flags decode their parts themselves.
            "fl" => output::parse_flags(raw, &mut self.flags, &mut self.attachment)?,
            "g" => self.gravity = Some(Gravity::parse(value)?),
            "h" => self.height = Some(Length::parse_side("height", value, Axis::Vertical)?),
            "pg" => self.page = Some(values::parse_page(value)?),
            "q" => self.quality = Some(Quality::parse(value)?),
            "r" => self.radius = Some(Radius::parse(value)?),
            "t" => self.names = names::parse(value)?,
            "w" => self.width = Some(Width::parse(value)?),
            "x" => self.x = Some(Length::parse("x", value, Axis::Horizontal)?),
            "y" => self.y = Some(Length::parse("y", value, Axis::Vertical)?),
            "z" => self.zoom = Some(values::parse_positive("z", "zoom", value)?),
            _ => return Err(not_built_item(item)),
        }
        Ok(())
    }
}

/// Items sorted by key, as official clients emit them.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items: Vec<String> = Vec::new();
        let mut push = |key: &str, value: Option<&dyn fmt::Display>| {
            items.extend(value.map(|value| format!("{key}_{value}")));
        };
        let joined = |words: Vec<String>| (!words.is_empty()).then(|| words.join("."));
        let turns = joined(self.turns.iter().map(Turn::to_string).collect());
        let flags = joined(self.flags.iter().map(|flag| flag.name().to_owned()).collect());
        push("a", displayed(&turns));
        push("ar", displayed(&self.aspect_ratio));
        push("b", displayed(&self.background));
        push("bo", displayed(&self.border));
        push("c", displayed(&self.crop.map(CropMode::name)));
        push("dpr", displayed(&self.dpr));
        push("e", displayed(&self.effect));
        push("f", displayed(&self.format));
        push("fl", displayed(&flags));
        push("fl", displayed(&self.attachment));
        push("g", displayed(&self.gravity));
        push("h", displayed(&self.height));
        push("pg", displayed(&self.page));
        push("q", displayed(&self.quality));
        push("r", displayed(&self.radius));
        push("t", displayed(&(!self.names.is_empty()).then_some(names::Joined(&self.names))));
        push("w", displayed(&self.width));
        push("x", displayed(&self.x));
        push("y", displayed(&self.y));
        push("z", displayed(&self.zoom));
        f.write_str(&items.join(","))
    }
}

/// The refusal of a chain of more than [`MAX_COMPONENTS`].
fn too_many(count: usize) -> Refusal {
    Refusal::too_large(format!("Maximum is {MAX_COMPONENTS} transformation components. Requested {count}"))
}

fn displayed<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
    value.as_ref().map(|value| value as &dyn fmt::Display)
}

/// Names an item whose key is not built: up to its first argument separator, so that long texts stay out of the answer.
fn not_built_item(item: &str) -> Refusal {
    let end = if item.starts_with('$') { item.find('_') } else { item.find(':') };
    Refusal::not_built(&item[..end.unwrap_or(item.len())])
}

/// Checks that a chain is nothing but items of the language, whether they are built or not, and whatever their values are.
///
/// # Errors
/// A piece that holds anything else is refused as a component.
pub fn check_items(text: &str) -> Result<(), Refusal> {
    match text.split('/').find(|piece| !piece.is_empty() && !is_component(piece)) {
        Some(piece) => Err(Refusal::component(piece)),
        None => Ok(()),
    }
}

/// Whether a piece is nothing but items of the language.
fn is_component(piece: &str) -> bool {
    piece.split(',').all(is_transformation_item)
}

/// Whether an item begins with a known key, mentions a variable or belongs to a condition.
fn is_transformation_item(item: &str) -> bool {
    match item.strip_prefix('$') {
        Some(name) => !name.is_empty(),
        None => item.split_once('_').is_some_and(|(key, _)| is_key(key)),
    }
}

/// Whether an item has the form of a parameter, whatever its key: one to three lower-case letters and an underscore.
fn looks_like_item(item: &str) -> bool {
    item.split_once('_')
        .is_some_and(|(key, _)| (1..=3).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_lowercase()))
}
