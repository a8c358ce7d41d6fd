//! The text of a transformation: components joined by `/`, items joined by `,`, each a key and a typed value.
//!
//! Text is split on `/` and `,` before it is percent-decoded. What is read has exactly one canonical spelling, and reading
//! that gives the same value again.

mod background;
mod computed;
mod condition;
mod expression;
mod flags;
mod gravity;
mod identifier;
mod layer;
mod length;
mod media;
mod names;
pub(crate) mod number;
mod output;
pub mod parameters;
mod path;
mod predefined;
mod scope;
mod structure;
mod values;
mod variable;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use percent_encoding::percent_decode_str;

pub use background::Background;
pub use computed::Computed;
pub use condition::{Branch, Condition};
pub use expression::Expression;
pub use flags::{Attachment, Flag, Flags};
pub use gravity::{AutoGravity, Compass, CustomFallback, FaceFallback, Gravity};
pub use identifier::VariableName;
pub use layer::{Layer, LayerSource};
pub use length::{Axis, Length};
pub use media::{ColourSpace, Density, Function, Media, Pages};
pub use names::{Definitions, Expanded};
pub use number::Decimal;
pub use output::{Chroma, Dpr, FormatChoice, Quality, QualityLevel, writable_format};
pub use path::{SplitPath, split_path};
pub use scope::{Scope, Value, Variables};
pub use structure::Node;
pub use values::{AspectRatio, Border, CropMode, Radius, Turn, Width};
pub use variable::{Assigned, Assignment};

use crate::effects::Effect;
use crate::escape::encoded;
use crate::plan::Colour;
use crate::refusal::{Place, Refusal};

/// How long a chain may be. Far beyond what anybody writes, and short enough that planning one costs nothing.
const MAX_COMPONENTS: usize = 100;
/// How long its text may be; several times what an address may hold.
const MAX_BYTES: usize = 16_000;

/// Whether a key is one of the language.
fn is_key(key: &str) -> bool {
    parameters::parameter(key).is_some()
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
    /// `if_`: whether it is carried out.
    pub branch: Option<Branch>,
    /// `$name_`: variables, in order.
    pub variables: Vec<Assignment>,
    /// Values by key that are known only when the component is reached. Their fields are empty.
    pub computed: BTreeMap<&'static str, Computed>,
    /// `a_`: turns and mirrorings in order.
    pub turns: Vec<Turn>,
    /// `ar_`: width divided by height.
    pub aspect_ratio: Option<AspectRatio>,
    /// `b_`: what fills new and transparent area.
    pub background: Option<Background>,
    /// `bl_`: a stored chain that comes first and whose result is kept.
    pub baseline: Option<String>,
    /// `bo_`: frame.
    pub border: Option<Border>,
    /// `c_`: resize mode.
    pub crop: Option<CropMode>,
    /// `co_`: colour of what the effect or the layer draws.
    pub colour: Option<Colour>,
    /// `cs_`: colour space of the result.
    pub colour_space: Option<ColourSpace>,
    /// `d_`: what is delivered where there is nothing.
    pub default_image: Option<String>,
    /// `dn_`: density.
    pub density: Option<Density>,
    /// `dpr_`: device pixel ratio, which acts on the whole chain.
    pub dpr: Option<Dpr>,
    /// `e_`: effect.
    pub effect: Option<Effect>,
    /// `f_`: format, which acts on the whole chain.
    pub format: Option<FormatChoice>,
    /// `fl_`: flags.
    pub flags: Flags,
    /// `fl_attachment`: delivery as a download.
    pub attachment: Option<Attachment>,
    /// `fn_`: a function of the tenant's own.
    pub function: Option<Function>,
    /// `g_`: gravity.
    pub gravity: Option<Gravity>,
    /// `h_`: height.
    pub height: Option<Length>,
    /// `l_` or `u_`: something laid over or under the picture.
    pub layer: Option<Layer>,
    /// What is said of sound and moving pictures.
    pub media: Media,
    /// `t_`: names of stored transformations, which come before everything else of the component.
    pub names: Vec<String>,
    /// `o_`: hundredths of opacity.
    pub opacity: Option<u8>,
    /// `p_`: what names of classes in sprites begin with.
    pub prefix: Option<String>,
    /// `pg_`: pages, which act on the whole chain.
    pub pages: Option<Pages>,
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

/// A component in which nothing is left to be worked out.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled(Component);

impl Deref for Settled {
    type Target = Component;

    fn deref(&self) -> &Component {
        &self.0
    }
}

impl Transformation {
    /// Reads a transformation, still percent-encoded and without version or public id. Empty components are ignored.
    ///
    /// # Errors
    /// Items without a known key are refused as components, unreadable values by parameter, and brackets that do not match as conflicts. A
    /// refusal says where it stands.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let pieces: Vec<&str> = text.split('/').filter(|piece| !piece.is_empty()).collect();
        Self::of(&pieces)
    }

    /// Reads the pieces one by one.
    fn of(pieces: &[&str]) -> Result<Self, Refusal> {
        let count = pieces.len();
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if length > MAX_BYTES {
            let text = format!("Maximum length of a transformation is {MAX_BYTES} characters. Requested {length}");
            return Err(Refusal::too_large(text));
        }
        if count > MAX_COMPONENTS {
            return Err(too_many(count));
        }
        let read = |(index, piece): (usize, &&str)| Component::parse_at(piece, index + 1);
        let components: Vec<Component> = pieces.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        structure::check(&components)?;
        Ok(Self { components })
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

    /// Its components by their brackets: what is done under a condition, and what a layer is made by.
    ///
    /// # Errors
    /// Brackets that do not match are conflicts.
    pub fn nodes(&self) -> Result<Vec<Node>, Refusal> {
        structure::nodes(&self.components)
    }

    /// Whether there is nothing to do at all.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// Whether everything in it is known as it stands: it has no conditions, variables and layers.
    pub fn is_plain(&self) -> bool {
        self.components.iter().all(Component::is_plain)
    }

    /// Whether what comes of it depends on what is said of the asset by its owner.
    pub fn needs_facts(&self) -> bool {
        self.components.iter().any(Component::needs_facts)
    }

    /// Whether what comes of it may depend on how wide or how fine the asker's screen is.
    pub fn follows_the_screen(&self) -> bool {
        self.components.iter().any(|component| {
            matches!(component.width, Some(Width::Auto { .. } | Width::Breakpoints { .. }))
                || component.dpr == Some(Dpr::Auto)
                || component.computed.contains_key("w")
                || component.computed.contains_key("dpr")
        })
    }

    /// How often the pixels have to be asked at least once each, as far as that can be seen.
    pub fn measures(&self) -> usize {
        self.components.iter().filter(|component| component.effect.as_ref().is_some_and(Effect::measures)).count()
    }

    /// Whether the pixels may have to be asked before it is planned.
    pub fn may_measure(&self) -> bool {
        self.components.iter().any(|component| {
            component.effect.as_ref().is_some_and(Effect::measures) || component.computed.contains_key("e")
        })
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
        self.components.iter().any(|component| component.flags.contains_key(&Flag::ImmutableCache))
    }

    /// The first thing in it that this build does not carry out, whatever the picture.
    pub fn gap(&self) -> Option<Refusal> {
        self.components.iter().find_map(|component| component.check_built().err())
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
    /// Reads one path piece, which stands at a place of its chain that is counted from one.
    fn parse_at(piece: &str, place: usize) -> Result<Self, Refusal> {
        if !is_component(piece) {
            let (item, advice) = misspelled(piece);
            return Err(Refusal::component(piece).at(Place { component: place, item }, advice.as_deref()));
        }
        let mut component = Self::default();
        // Of two items with one key the last one counts.
        let mut last: BTreeMap<&'static str, (usize, &str)> = BTreeMap::new();
        for (index, item) in piece.split(',').enumerate() {
            let at = |refusal: Refusal| refusal.at(Place { component: place, item: Some(index + 1) }, None);
            if let Some(assignment) = variable_of(item) {
                component.assign(&decoded(assignment).ok_or_else(|| at(Refusal::component(item)))?).map_err(at)?;
                continue;
            }
            let (key, raw) = item.split_once('_').unwrap_or((item, ""));
            let Some(parameter) = parameters::parameter(key) else { return Err(at(Refusal::component(item))) };
            if key == "fl" {
                // Download names are encoded twice, so flags decode their parts themselves.
                let read = flags::parse_flags(raw, &mut component.flags, &mut component.attachment);
                read.map_err(|refusal| {
                    let advice = parameters::advice(key, raw.split('.').next_back().unwrap_or_default());
                    refusal.at(Place { component: place, item: Some(index + 1) }, advice.as_deref())
                })?;
                continue;
            }
            // Both lay something on the picture.
            let slot = if key == "u" { "l" } else { parameter.key };
            last.insert(slot, (index, item));
        }
        for (index, item) in last.into_values() {
            let (key, raw) = item.split_once('_').unwrap_or((item, ""));
            let placed = Place { component: place, item: Some(index + 1) };
            let value = decoded(raw).ok_or_else(|| Refusal::component(item).at(placed, None))?;
            component.read(key, &value).map_err(|refusal| {
                let advice = parameters::advice(key, &value);
                refusal.at(placed, advice.as_deref())
            })?;
        }
        Ok(component)
    }

    fn assign(&mut self, item: &str) -> Result<(), Refusal> {
        let assignment = Assignment::parse(item)?;
        let is_mention = assignment.value.is_none();
        if !is_mention || !self.variables.iter().any(|known| known.name == assignment.name) {
            self.variables.push(assignment);
        }
        Ok(())
    }

    /// Reads an item: as it stands, or else as something to be worked out.
    fn read(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let Err(refusal) = self.read_literal(key, value) else { return Ok(()) };
        let parameter = parameters::parameter(key).filter(|row| !matches!(row.key, "if" | "t"));
        let computed = parameter.and_then(|row| Some((row.key, Computed::parse(value, row.calculates)?)));
        let (key, computed) = computed.ok_or(refusal)?;
        self.computed.insert(key, computed);
        Ok(())
    }

    fn read_literal(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let text = |name: &str| match value.is_empty() || value.contains('$') || value.chars().any(char::is_control) {
            true => Err(Refusal::invalid(name, value)),
            false => Ok(value.to_owned()),
        };
        match key {
            "a" => self.turns = Turn::parse_list(value)?,
            "ar" => self.aspect_ratio = Some(AspectRatio::parse(value)?),
            "b" => self.background = Some(Background::parse(value)?),
            "bl" => self.baseline = Some(text("baseline transformation")?),
            "bo" => self.border = Some(Border::parse(value)?),
            "c" => self.crop = Some(CropMode::parse(value)?),
            "co" => self.colour = Some(Colour::from_url(value).ok_or_else(|| Refusal::invalid("color", value))?),
            "cs" => self.colour_space = Some(ColourSpace::parse(value)?),
            "d" => self.default_image = Some(text("default image")?),
            "dn" => self.density = Some(Density::parse(value)?),
            "dpr" => self.dpr = Some(Dpr::parse(value)?),
            "e" => self.effect = Some(Effect::parse(value)?),
            "f" => self.format = Some(FormatChoice::parse(value)?),
            "fn" => self.function = Some(Function::parse(value)?),
            "g" => self.gravity = Some(Gravity::parse(value)?),
            "h" => self.height = Some(Length::parse_side("height", value, Axis::Vertical)?),
            "if" => self.branch = Some(Branch::parse(value)?),
            "l" => self.layer = Some(Layer::parse(false, value)?),
            "u" => self.layer = Some(Layer::parse(true, value)?),
            "o" => self.opacity = Some(values::parse_opacity(value)?),
            "p" => self.prefix = Some(text("prefix")?),
            "pg" => self.pages = Some(Pages::parse(value)?),
            "q" => self.quality = Some(Quality::parse(value)?),
            "r" => self.radius = Some(Radius::parse(value)?),
            "t" => self.names = names::parse(value)?,
            "w" => self.width = Some(Width::parse(value)?),
            "x" => self.x = Some(Length::parse("x", value, Axis::Horizontal)?),
            "y" => self.y = Some(Length::parse("y", value, Axis::Vertical)?),
            "z" => self.zoom = Some(values::parse_positive("zoom", value)?),
            _ => self.media.read(key, value)?,
        }
        Ok(())
    }

    /// The same with everything worked out that is known only here.
    ///
    /// # Errors
    /// Variables that are not set, arithmetic without a result and values that a parameter does not take are invalid.
    pub fn settle(&self, scope: &Scope<'_>) -> Result<Settled, Refusal> {
        let mut settled = Self { computed: BTreeMap::new(), variables: Vec::new(), branch: None, ..self.clone() };
        for (key, computed) in &self.computed {
            let is_whole = matches!(*key, "a" | "q" | "pg" | "dn");
            let value = computed.resolve(scope, is_whole)?;
            settled.read_literal(key, &value)?;
        }
        Ok(Settled(settled))
    }

    /// The component as it stands, if nothing in it has to be worked out.
    pub fn as_settled(&self) -> Option<Settled> {
        (self.is_plain() || self.computed.is_empty())
            .then(|| Settled(Self { variables: Vec::new(), branch: None, ..self.clone() }))
    }

    /// Whether it says anything beside its condition.
    pub(crate) fn has_parameters(&self) -> bool {
        let empty = Self { branch: self.branch.clone(), ..Self::default() };
        *self != empty
    }

    /// Whether it names a layer, or a variable that does.
    pub(crate) fn opens_layer(&self) -> bool {
        self.layer.is_some() || self.computed.contains_key("l") || self.computed.contains_key("u")
    }

    /// Whether everything in it is known as it stands, and it is part of nothing that is not.
    fn is_plain(&self) -> bool {
        self.branch.is_none()
            && self.variables.is_empty()
            && self.computed.is_empty()
            && !self.opens_layer()
            && !self.flags.contains_key(&Flag::LayerApply)
    }

    fn needs_facts(&self) -> bool {
        let lengths = [&self.height, &self.x, &self.y];
        let width = match &self.width {
            Some(Width::Length(length)) => length.needs_facts(),
            _ => false,
        };
        matches!(&self.branch, Some(Branch::If(condition)) if condition.needs_facts())
            || self.variables.iter().any(|one| one.value.as_ref().is_some_and(Assigned::needs_facts))
            || self.computed.values().any(Computed::needs_facts)
            // What places a window may turn out to be what is marked.
            || self.computed.contains_key("g")
            || lengths.into_iter().flatten().any(Length::needs_facts)
            || width
            || self.effect.as_ref().is_some_and(Effect::takes_faces)
            || matches!(self.gravity, Some(Gravity::Auto(_) | Gravity::Faces { .. } | Gravity::Custom { .. }))
    }

    /// Whether it says how the file is handed over and nothing about its contents.
    pub fn is_delivery_only(&self) -> bool {
        let delivery = Self {
            attachment: self.attachment.clone(),
            flags: self
                .flags
                .iter()
                .filter(|(flag, _)| flag.is_delivery_only())
                .map(|(flag, _)| (*flag, None))
                .collect(),
            ..Self::default()
        };
        *self == delivery
    }

    /// The first item that depends on who asks.
    fn depends_on_client(&self) -> Option<&'static str> {
        match self {
            Self { format: Some(FormatChoice::Auto), .. } => Some("f_auto"),
            Self { dpr: Some(Dpr::Auto), .. } => Some("dpr_auto"),
            // What a variable holds may be that.
            Self { computed, .. } if computed.contains_key("f") => Some("f_ of a variable"),
            Self { computed, .. } if computed.contains_key("dpr") => Some("dpr_ of a variable"),
            Self { width: Some(Width::Auto { .. } | Width::Breakpoints { .. }), .. } => Some("w_auto"),
            _ => None,
        }
    }

    /// Refuses by name what this build does not carry out, whatever the picture.
    ///
    /// # Errors
    /// The first such thing, by key, is not built.
    pub fn check_built(&self) -> Result<(), Refusal> {
        let not_built = |token: String| Err(Refusal::not_built(token));
        let printed = |key: &str, value: &dyn fmt::Display| {
            let text = value.to_string();
            let end = text.find(':').unwrap_or(text.len());
            format!("{key}_{}", &text[..end])
        };
        match &self.background {
            None | Some(Background::Colour(_)) => {}
            Some(Background::Generated(_)) => return Err(Refusal::not_available("b_gen_fill")),
            Some(other) => return not_built(printed("b", other)),
        }
        if let Some(mode) = self.crop.filter(|mode| !mode.is_built()) {
            return Err(Refusal::not_available(format_args!("c_{}", mode.name())));
        }
        if let Some(effect) = &self.effect {
            effect.check_built()?;
        }
        if let Some(format) = self.format {
            format.writable()?;
        }
        if let Some(flag) = self.flags.keys().find(|flag| !flag.is_built() && **flag != Flag::LayerApply) {
            return not_built(format!("fl_{}", flag.name()));
        }
        match &self.gravity {
            None | Some(Gravity::Compass(_) | Gravity::XyCenter) => {}
            Some(Gravity::Auto(auto)) => {
                if let Some(thing) = auto.unknown_thing() {
                    return Err(Refusal::not_available(format_args!("g_auto:{thing}")));
                }
            }
            Some(
                Gravity::Faces { .. }
                | Gravity::Custom { or: None | Some(CustomFallback::Face | CustomFallback::Faces) },
            ) => {}
            Some(other @ (Gravity::Objects(..) | Gravity::TrackPerson(_) | Gravity::Custom { .. })) => {
                return Err(Refusal::not_available(format_args!("g_{other}")));
            }
            Some(other) => return not_built(format!("g_{other}")),
        }
        match &self.pages {
            None | Some(Pages::One(_)) => {}
            Some(pages) => return not_built(format!("pg_{pages}")),
        }
        match &self.quality {
            Some(quality @ (Quality::Mini(_) | Quality::Quantised { .. })) => return not_built(format!("q_{quality}")),
            Some(
                quality @ (Quality::Fixed { chroma: Chroma::Half, .. } | Quality::Auto { chroma: Chroma::Half, .. }),
            ) => return not_built(format!("q_{quality}")),
            _ => {}
        }
        if let Some(Width::Breakpoints { .. }) = self.width {
            return not_built("w_auto:breakpoints".to_owned());
        }
        for key in ["l", "u"] {
            if let Some(layer) = self.computed.get(key) {
                return not_built(printed(key, layer));
            }
        }
        if let Some(layer) = &self.layer {
            let key = if layer.is_below { "u" } else { "l" };
            return not_built(printed(key, layer));
        }
        let space = self.colour_space.as_ref().filter(|space| !space.is_srgb());
        let unbuilt: [(&str, Option<&dyn fmt::Display>); 6] = [
            ("bl", displayed(&self.baseline)),
            ("cs", displayed(&space)),
            ("d", displayed(&self.default_image)),
            ("dn", displayed(&self.density)),
            ("fn", displayed(&self.function)),
            ("p", displayed(&self.prefix)),
        ];
        if let Some((key, value)) = unbuilt.into_iter().find_map(|(key, value)| Some((key, value?))) {
            return not_built(printed(key, value));
        }
        match self.media.items().first() {
            Some((key, value)) => not_built(printed(key, value)),
            None => Ok(()),
        }
    }
}

/// What is told of a piece that is no component: which item is none, and what it could have been meant to be.
fn misspelled(piece: &str) -> (Option<usize>, Option<String>) {
    let Some((index, item)) = piece.split(',').enumerate().find(|(_, item)| !is_transformation_item(item)) else {
        return (None, None);
    };
    let key = item.split_once('_').map(|(key, _)| key);
    let meant = key.filter(|_| looks_like_item(item)).and_then(parameters::nearest_key);
    (Some(index + 1), meant.map(|key| format!("Did you mean {key}_?")))
}

fn decoded(raw: &str) -> Option<String> {
    percent_decode_str(raw).decode_utf8().ok().map(|text| text.into_owned())
}

/// The condition first, then variables in their order, then items sorted by key, as official clients emit them.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items: Vec<(&str, String)> = Vec::new();
        let mut push = |key: &'static str, value: Option<&dyn fmt::Display>| {
            items.extend(value.map(|value| (key, value.to_string())));
        };
        let turns: Vec<String> = self.turns.iter().map(Turn::to_string).collect();
        let turns = (!turns.is_empty()).then(|| turns.join("."));
        push("a", displayed(&turns));
        push("ar", displayed(&self.aspect_ratio));
        push("b", displayed(&self.background));
        push("bl", displayed(&self.baseline.as_deref().map(encoded)));
        push("bo", displayed(&self.border));
        push("c", displayed(&self.crop.map(CropMode::name)));
        push("co", displayed(&self.colour));
        push("cs", displayed(&self.colour_space));
        push("d", displayed(&self.default_image.as_deref().map(encoded)));
        push("dn", displayed(&self.density));
        push("dpr", displayed(&self.dpr));
        push("e", displayed(&self.effect));
        push("f", displayed(&self.format));
        push("fn", displayed(&self.function));
        push("g", displayed(&self.gravity));
        push("h", displayed(&self.height));
        push(if self.layer.as_ref().is_some_and(|layer| layer.is_below) { "u" } else { "l" }, displayed(&self.layer));
        push("o", displayed(&self.opacity));
        push("p", displayed(&self.prefix.as_deref().map(encoded)));
        push("pg", displayed(&self.pages));
        push("q", displayed(&self.quality));
        push("r", displayed(&self.radius));
        push("t", displayed(&(!self.names.is_empty()).then_some(names::Joined(&self.names))));
        push("w", displayed(&self.width));
        push("x", displayed(&self.x));
        push("y", displayed(&self.y));
        push("z", displayed(&self.zoom));
        items.extend(flags::printed(&self.flags).into_iter().map(|value| ("fl", value)));
        items.extend(self.attachment.iter().map(|attachment| ("fl", attachment.to_string())));
        items.extend(self.media.items());
        items.extend(self.computed.iter().map(|(key, computed)| (*key, computed.to_string())));
        items.sort_by_key(|(key, _)| *key);
        let branch = self.branch.iter().map(|branch| format!("if_{branch}"));
        let variables = self.variables.iter().map(Assignment::to_string);
        let others = items.into_iter().map(|(key, value)| format!("{key}_{value}"));
        let all: Vec<String> = branch.chain(variables).chain(others).collect();
        f.write_str(&all.join(","))
    }
}

/// The refusal of a chain of more than [`MAX_COMPONENTS`].
fn too_many(count: usize) -> Refusal {
    Refusal::too_large(format!("Maximum is {MAX_COMPONENTS} transformation components. Requested {count}"))
}

fn displayed<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
    value.as_ref().map(|value| value as &dyn fmt::Display)
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
    match variable_of(item) {
        Some(name) => !name.is_empty(),
        None => item.split_once('_').is_some_and(|(key, _)| is_key(key)),
    }
}

/// What stands behind the sign of a variable, which some clients escape.
fn variable_of(item: &str) -> Option<&str> {
    item.strip_prefix('$').or_else(|| item.strip_prefix("%24"))
}

/// Whether an item has the form of a parameter, whatever its key: one to three lower-case letters and an underscore.
fn looks_like_item(item: &str) -> bool {
    item.split_once('_')
        .is_some_and(|(key, _)| (1..=3).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_lowercase()))
}
