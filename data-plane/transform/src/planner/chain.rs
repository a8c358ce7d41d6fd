//! The chain of components as steps over a picture whose size and transparency are known at every point.

mod affect;
mod anchor;

use crate::autos;
use crate::facts::Facts;
use crate::geometry::{self, Placement, Request, Size};
use crate::grammar::{
    Axis, Background, Border, Branch, Compass, Component, CropMode, Decimal, Flag, Length, Node, Radius, Scope,
    Settled, Turn, Variables, Width,
};
use crate::hints::{ClientHints, Vary};
use crate::plan::{Colour, Decode, Step};
use crate::refusal::Refusal;
use crate::source::Format;

use super::OutputLimits;
use super::region::Way;
use super::stop::Stop;
use anchor::Anchor;

/// Longer side in pixels to which a picture is shrunk before it is turned by an odd angle.
const MAX_TURNED_SIDE: u32 = 3000;

/// What holds for the whole chain.
pub(super) struct Setting<'a> {
    /// Size of the picture that enters the chain.
    pub source: Size,
    /// Whether it may be transparent.
    pub source_has_alpha: bool,
    /// Whether the picture enters as it is shown, which is what people have marked things in.
    pub is_upright: bool,
    /// What is read of the source.
    pub decode: Decode,
    /// Pages of the source.
    pub pages: u32,
    /// The page that is taken, counted from one.
    pub page: u32,
    /// What is said of the asset.
    pub facts: &'a Facts<'a>,
    /// Device pixel ratio.
    pub dpr: Decimal,
    /// What the client says about itself.
    pub hints: &'a ClientHints,
    /// Limits of every picture on the way.
    pub limits: &'a OutputLimits,
    /// The delivered format.
    pub format: Format,
    /// Number of delivered frames.
    pub frames: u32,
}

/// The picture as the steps so far leave it.
pub(super) struct Picture {
    /// Size of one frame.
    pub size: Size,
    has_alpha: bool,
    steps: Vec<Step>,
    /// Where the original lies in it; nothing once that is not followed any more.
    way: Option<Way>,
}

/// Runs all components that are reached and checks the result against the limits. They stand in `met`, however far it came.
pub(super) fn run(
    components: &[Component],
    nodes: &[Node],
    setting: &Setting<'_>,
    vary: &mut Vary,
    met: &mut Vec<Settled>,
) -> Result<Picture, Stop> {
    let (size, has_alpha) = (setting.source, setting.source_has_alpha);
    let picture = Picture { size, has_alpha, steps: Vec::new(), way: setting.is_upright.then_some(Way::ORIGINAL) };
    let mut course = Course { components, setting, picture, variables: Variables::default(), met };
    course.met.clear();
    course.nodes(nodes, vary)?;
    setting.limits.check(course.picture.size, setting.frames)?;
    Ok(course.picture)
}

/// A chain that is run.
struct Course<'a> {
    components: &'a [Component],
    setting: &'a Setting<'a>,
    picture: Picture,
    variables: Variables,
    met: &'a mut Vec<Settled>,
}

impl Course<'_> {
    fn nodes(&mut self, nodes: &[Node], vary: &mut Vary) -> Result<(), Stop> {
        nodes.iter().try_for_each(|node| self.node(node, vary))
    }

    fn node(&mut self, node: &Node, vary: &mut Vary) -> Result<(), Stop> {
        match node {
            Node::Step(index) => self.step(*index, vary).map_err(|stop| stop.at(index + 1)),
            Node::If { asks, then, otherwise } => {
                let Some(Branch::If(condition)) = &self.components[*asks].branch else { return Ok(()) };
                let holds = condition.holds(&self.scope()).map_err(|refusal| Stop::from(refusal).at(asks + 1))?;
                if holds {
                    // What stands beside a condition is under it.
                    self.assign(*asks).map_err(|refusal| Stop::from(refusal).at(asks + 1))?;
                }
                self.nodes(if holds { then } else { otherwise }, vary)
            }
            Node::Layer { opens, .. } => {
                Ok(self.components[*opens].check_built().map_err(|refusal| Stop::from(refusal).at(opens + 1))?)
            }
        }
    }

    fn assign(&mut self, index: usize) -> Result<(), Refusal> {
        for assignment in &self.components[index].variables {
            let Some(assigned) = &assignment.value else { continue };
            let value = assigned.evaluate(&self.scope())?;
            self.variables.set(&assignment.name, value);
        }
        Ok(())
    }

    fn step(&mut self, index: usize, vary: &mut Vary) -> Result<(), Stop> {
        if !matches!(self.components[index].branch, Some(Branch::If(_))) {
            self.assign(index)?;
        }
        let component = self.components[index].settle(&self.scope())?;
        self.met.push(component.clone());
        component.check_built()?;
        let Self { setting, picture, variables, .. } = self;
        Stage { component: &component, setting, picture, variables }.run(vary)?;
        Ok(())
    }

    fn scope(&self) -> Scope<'_> {
        scope(self.setting, &self.picture, &self.variables)
    }
}

fn scope<'a>(setting: &'a Setting<'_>, picture: &Picture, variables: &'a Variables) -> Scope<'a> {
    Scope {
        width: picture.size.width,
        height: picture.size.height,
        initial_width: setting.source.width,
        initial_height: setting.source.height,
        pages: setting.pages,
        page: setting.page,
        dpr: setting.dpr,
        facts: setting.facts,
        variables,
    }
}

impl Picture {
    /// The steps, closed by a flattening when the format cannot carry the transparency that is left.
    pub(super) fn into_steps(mut self, format: Format, background: Colour) -> Vec<Step> {
        if self.has_alpha && !format.has_alpha() {
            self.steps.push(Step::Flatten { background });
        }
        self.steps
    }

    fn resize(&mut self, size: Size) {
        if size != self.size {
            self.steps.push(Step::Resize { width: size.width, height: size.height });
            self.way = self.way.map(|way| way.scaled(self.size, size));
            self.size = size;
        }
    }

    fn extract(&mut self, window: geometry::Window) {
        if window.size == self.size {
            return;
        }
        let Size { width, height } = window.size;
        let mut step = Step::Extract { x: window.x, y: window.y, width, height };
        // A window of a window is a window.
        if let Some(Step::Extract { x, y, .. }) = self.steps.last() {
            step = Step::Extract { x: x + window.x, y: y + window.y, width, height };
            self.steps.pop();
        }
        self.steps.push(step);
        self.way = self.way.map(|way| way.placed(-f64::from(window.x), -f64::from(window.y)));
        self.size = window.size;
    }

    fn attention(&mut self, size: Size) {
        if size != self.size {
            self.steps.push(Step::Attention { width: size.width, height: size.height });
            self.way = None;
            self.size = size;
        }
    }

    fn embed(&mut self, canvas: Size, (x, y): (u32, u32), background: Colour) {
        if canvas != self.size {
            self.steps.push(Step::Embed { x, y, width: canvas.width, height: canvas.height, background });
            self.way = self.way.map(|way| way.placed(f64::from(x), f64::from(y)));
            self.size = canvas;
            self.has_alpha |= !background.is_opaque();
        }
    }

    fn quarter_turn(&mut self, turns: u8) {
        self.way = None;
        if turns % 2 == 1 {
            self.size = self.size.turned();
        }
        let before = match self.steps.last() {
            Some(Step::QuarterTurn { turns }) => Some(*turns),
            _ => None,
        };
        if before.is_some() {
            self.steps.pop();
        }
        let turns = (before.unwrap_or(0) + turns) % 4;
        if turns > 0 {
            self.steps.push(Step::QuarterTurn { turns });
        }
    }

    /// Mirrors; mirroring the same way twice in a row is nothing.
    fn flip(&mut self, step: Step) {
        self.way = None;
        if self.steps.last() == Some(&step) {
            self.steps.pop();
        } else {
            self.steps.push(step);
        }
    }
}

/// One component at work.
struct Stage<'a> {
    component: &'a Component,
    setting: &'a Setting<'a>,
    picture: &'a mut Picture,
    variables: &'a Variables,
}

impl Stage<'_> {
    /// The order is fixed, whatever the order in the text: lying along what is asked for, size, effect, opacity, flattening, corners, frame,
    /// turns.
    fn run(&mut self, vary: &mut Vary) -> Result<(), Stop> {
        self.lie_along(vary)?;
        self.crop(vary)?;
        self.effect()?;
        if let Some(percent) = self.component.opacity.filter(|percent| *percent < 100) {
            self.picture.steps.push(Step::Opacity { percent });
            self.picture.has_alpha = true;
        }
        self.flatten()?;
        let radius = self.component.radius.map(|radius| self.rounding(radius)).filter(|radius| *radius != Some([0; 4]));
        if let Some(radii) = radius {
            self.round(radii);
        }
        if let Some(border) = self.component.border {
            self.frame(border, radius)?;
        }
        for turn in &self.component.turns {
            self.turn(*turn)?;
        }
        Ok(())
    }

    /// Turns a picture that lies across what is asked for.
    fn lie_along(&mut self, vary: &mut Vary) -> Result<(), Refusal> {
        if !self.sizes_are_of_crop() {
            return Ok(());
        }
        for turn in &self.component.turns {
            let turns = match turn {
                Turn::AutoLeft => 3,
                Turn::AutoRight => 1,
                _ => continue,
            };
            let Some(request) = self.request(&self.scope(), vary)? else { continue };
            let Some(target) = geometry::target(self.picture.size, request) else { continue };
            let Size { width, height } = self.picture.size;
            let is_across =
                (target.width > target.height && width < height) || (target.width < target.height && width > height);
            if is_across {
                self.picture.quarter_turn(turns);
            }
        }
        Ok(())
    }

    fn crop(&mut self, vary: &mut Vary) -> Result<(), Refusal> {
        if !self.sizes_are_of_crop() {
            return Ok(());
        }
        let component = self.component;
        let scope = self.scope();
        let Some(request) = self.request(&scope, vary)? else { return Ok(()) };
        let target = geometry::target(self.picture.size, request);
        if target.is_none() && component.crop.is_none() {
            return Ok(());
        }
        let mode = component.crop.unwrap_or(CropMode::Scale);
        let gravity = self.gravity(mode)?;
        let zoom = component.zoom.unwrap_or(Decimal::ONE).value();
        let source = self.picture.size;
        let Some(target) = target else {
            // Without a size, what is marked is cut out as it is.
            if let (CropMode::Crop | CropMode::Thumb | CropMode::Auto, Some(Anchor::Region(region))) = (mode, gravity) {
                self.picture.extract(geometry::window_around(source, region, None, zoom)?);
            }
            return Ok(());
        };
        let layout = geometry::layout(mode, source, target)?;
        self.grow_check(layout.output)?;
        // Of what would be too large and is then cut, only the window is scaled.
        let cuts_first = layout.scaled != layout.output && self.grow_check(layout.scaled).is_err();
        let x = self.offset("x", component.x.as_ref(), Axis::Horizontal, &scope)?;
        let y = self.offset("y", component.y.as_ref(), Axis::Vertical, &scope)?;
        let (dx, dy) = (x.unwrap_or(0.0), y.unwrap_or(0.0));
        if let (CropMode::FillPad | CropMode::AutoPad, Some(Anchor::Region(region))) = (mode, gravity)
            && let Some(padded) = geometry::padded_around(source, region, target)?
        {
            self.picture.extract(padded.window);
            self.picture.resize(padded.scaled);
            let place = geometry::position(layout.output, padded.scaled, Compass::Center, 0.0, 0.0);
            self.picture.embed(layout.output, place, self.new_area());
            return Ok(());
        }
        if let (CropMode::Thumb | CropMode::Auto | CropMode::AutoPad, Some(Anchor::Region(region))) = (mode, gravity) {
            let ratio = target.width / target.height;
            self.picture.extract(geometry::window_around(source, region, Some(ratio), zoom)?);
            self.picture.resize(layout.output);
            return Ok(());
        }

        if !cuts_first {
            self.picture.resize(layout.scaled);
        }
        if mode.pads() {
            let compass = match gravity {
                Some(Anchor::Compass(compass)) => compass,
                _ => Compass::Center,
            };
            let place = geometry::position(layout.output, layout.scaled, compass, dx, dy);
            self.picture.embed(layout.output, place, self.new_area());
            return Ok(());
        }
        let horizontal = f64::from(layout.scaled.width) / f64::from(source.width);
        let vertical = f64::from(layout.scaled.height) / f64::from(source.height);
        let placement = match gravity {
            Some(Anchor::Auto) if cuts_first => {
                let window = geometry::Window { x: 0, y: 0, size: layout.output };
                self.picture.attention(window.before_scaling(source, layout.scaled)?.size);
                self.picture.resize(layout.output);
                return Ok(());
            }
            Some(Anchor::Auto) => {
                self.picture.attention(layout.output);
                return Ok(());
            }
            Some(Anchor::Compass(compass)) => Placement::Compass(compass, dx, dy),
            // The centre is given in the picture that entered the component and is scaled with it.
            Some(Anchor::Region(region)) => {
                let (x, y) = region.center();
                Placement::Center(x * horizontal + dx, y * vertical + dy)
            }
            Some(Anchor::XyCenter) => Placement::Center(
                x.unwrap_or(f64::from(source.width) / 2.0) * horizontal,
                y.unwrap_or(f64::from(source.height) / 2.0) * vertical,
            ),
            None if mode == CropMode::Crop && (x.is_some() || y.is_some()) => Placement::Corner(dx, dy),
            None => Placement::Compass(Compass::Center, dx, dy),
        };
        // Only a plain crop may ask for more than there is: its corner decides how much of the request lies inside.
        let requested = if mode == CropMode::Crop { target.rounded()? } else { layout.output };
        let window = geometry::window(layout.scaled, requested, placement)?;
        if cuts_first {
            self.picture.extract(window.before_scaling(source, layout.scaled)?);
            self.picture.resize(layout.output);
        } else {
            self.picture.extract(window);
        }
        Ok(())
    }

    /// The sizes that are asked for, resolved; `None` when the width is the client's and the client says nothing.
    fn request(&self, scope: &Scope<'_>, vary: &mut Vary) -> Result<Option<Request>, Refusal> {
        let width = match &self.component.width {
            None => None,
            Some(Width::Length(length)) => Some(side("width", length, Axis::Horizontal, scope)?),
            Some(Width::Auto { step, fallback }) => {
                vary.width = true;
                match autos::width(self.setting.hints, *step, *fallback) {
                    Some(width) => Some(f64::from(width)),
                    None => return Ok(None),
                }
            }
            Some(Width::Breakpoints { .. }) => return Err(Refusal::not_built("w_auto:breakpoints")),
        };
        let height = match &self.component.height {
            None => None,
            Some(length) => Some(side("height", length, Axis::Vertical, scope)?),
        };
        Ok(Some(Request {
            width,
            height,
            ratio: self.component.aspect_ratio.map(|ratio| ratio.value()),
            keep_other_side: self.component.flags.contains_key(&Flag::IgnoreAspectRatio),
        }))
    }

    /// An offset in exact pixels, or `None` when it is not given.
    fn offset(
        &self,
        parameter: &str,
        length: Option<&Length>,
        axis: Axis,
        scope: &Scope<'_>,
    ) -> Result<Option<f64>, Refusal> {
        length.map(|length| length.resolve(parameter, axis, scope)).transpose()
    }

    /// Flattens transparency onto `b_`, which fills new and transparent area alike.
    fn flatten(&mut self) -> Result<(), Refusal> {
        let Some(background) = self.background() else { return Ok(()) };
        // A half-transparent colour behind padding stays what it is: only the new area has it.
        let pads = self.component.crop.is_some_and(CropMode::pads);
        if !pads || background.is_opaque() {
            self.put_behind(background);
        }
        Ok(())
    }

    /// The radii of `r_` in pixels, none longer than half of the shorter side; nothing for an ellipse.
    fn rounding(&self, radius: Radius) -> Option<[u32; 4]> {
        let Size { width, height } = self.picture.size;
        let largest = width.min(height) / 2;
        match radius {
            Radius::Max => None,
            // The cast saturates; a radius is never longer than half of the shorter side.
            Radius::Corners(radii) => {
                Some(radii.map(|radius| ((self.setting.dpr.times(radius.value()) + 0.5) as u32).min(largest)))
            }
        }
    }

    /// Cuts the corners off: by their radii, or to an ellipse.
    fn round(&mut self, radii: Option<[u32; 4]>) {
        self.picture.steps.push(radii.map_or(Step::RoundEllipse, |radii| Step::RoundCorners { radii }));
        self.picture.has_alpha = true;
    }

    /// Draws a frame around the picture, along its edge where that is rounded.
    fn frame(&mut self, border: Border, rounded: Option<Option<[u32; 4]>>) -> Result<(), Refusal> {
        let exact = self.setting.dpr.times(border.width.value());
        if exact < 0.5 {
            return Ok(());
        }
        let margin = geometry::round_side(exact)?;
        let Size { width, height } = self.picture.size;
        let grown = |side: u32| side.saturating_add(margin.saturating_mul(2));
        let canvas = Size { width: grown(width), height: grown(height) };
        self.grow_check(canvas)?;
        let colour = if border.colour.is_transparent() { self.default_area() } else { border.colour };
        match rounded {
            None => self.picture.embed(canvas, (margin, margin), colour),
            Some(radii) => {
                self.picture.steps.push(Step::Frame { margin, radii, colour });
                self.picture.way = self.picture.way.map(|way| way.placed(f64::from(margin), f64::from(margin)));
                self.picture.size = canvas;
                self.picture.has_alpha = true;
            }
        }
        Ok(())
    }

    /// Puts a colour behind what shines through.
    fn put_behind(&mut self, background: Colour) {
        if !self.picture.has_alpha || background.is_transparent() {
            return;
        }
        self.picture.has_alpha = !background.is_opaque();
        self.picture.steps.push(match background.is_opaque() {
            true => Step::Flatten { background },
            false => Step::Behind { background },
        });
    }

    fn turn(&mut self, turn: Turn) -> Result<(), Refusal> {
        match turn {
            Turn::FlipHorizontal => self.picture.flip(Step::FlipHorizontal),
            Turn::FlipVertical => self.picture.flip(Step::FlipVertical),
            // The orientation is a matter of decoding, and what lies along is turned first.
            Turn::Ignore | Turn::Exif | Turn::AutoLeft | Turn::AutoRight | Turn::Degrees(0) => {}
            Turn::Degrees(90) => self.picture.quarter_turn(1),
            Turn::Degrees(180) => self.picture.quarter_turn(2),
            Turn::Degrees(270) => self.picture.quarter_turn(3),
            Turn::Degrees(degrees) => self.rotate(degrees)?,
        }
        Ok(())
    }

    fn rotate(&mut self, degrees: u16) -> Result<(), Refusal> {
        let largest = geometry::ExactSize { width: f64::from(MAX_TURNED_SIDE), height: f64::from(MAX_TURNED_SIDE) };
        let before = geometry::layout(CropMode::Limit, self.picture.size, largest)?.scaled;
        self.picture.resize(before);
        let size = geometry::turned_box(before, f64::from(degrees))?;
        self.grow_check(size)?;
        let background = self.new_area();
        self.picture.steps.push(Step::Rotate {
            millidegrees: u32::from(degrees) * 1000,
            width: size.width,
            height: size.height,
            background,
        });
        self.picture.size = size;
        self.picture.way = None;
        self.picture.has_alpha |= !background.is_opaque();
        Ok(())
    }

    /// The colour of `b_`.
    fn background(&self) -> Option<Colour> {
        match &self.component.background {
            Some(Background::Colour(colour)) => Some(*colour),
            _ => None,
        }
    }

    /// The colour of area that padding and turning add.
    fn new_area(&self) -> Colour {
        self.background().filter(|colour| !colour.is_transparent()).unwrap_or_else(|| self.default_area())
    }

    /// Transparent where the format carries transparency, otherwise white.
    fn default_area(&self) -> Colour {
        if self.setting.format.has_alpha() { Colour::TRANSPARENT } else { Colour::WHITE }
    }

    /// Refuses a step whose result is larger than its input and beyond the limits. What only shrinks is not refused here: the
    /// source was admitted as it is.
    fn grow_check(&self, size: Size) -> Result<(), Refusal> {
        let now = self.picture.size;
        let grows = size.width > now.width || size.height > now.height;
        if grows { self.setting.limits.check(size, self.setting.frames) } else { Ok(()) }
    }

    fn scope(&self) -> Scope<'_> {
        scope(self.setting, self.picture, self.variables)
    }
}

/// A side in exact pixels; an expression may turn out not to be one.
fn side(parameter: &str, length: &Length, axis: Axis, scope: &Scope<'_>) -> Result<f64, Refusal> {
    let value = length.resolve(parameter, axis, scope)?;
    if value > 0.0 { Ok(value) } else { Err(Refusal::invalid(parameter, length)) }
}
