//! The chain of components as steps over a picture whose size and transparency are known at every point.

use crate::autos;
use crate::geometry::{self, Placement, Request, Size};
use crate::grammar::{
    Axis, Border, Compass, Component, CropMode, Decimal, Flag, Gravity, Length, Radius, Scope, Turn, Width,
};
use crate::hints::{ClientHints, Vary};
use crate::plan::{Colour, Step};
use crate::refusal::Refusal;
use crate::source::Format;

use super::OutputLimits;

/// Longer side in pixels to which a picture is shrunk before it is turned by an odd angle.
const MAX_TURNED_SIDE: u32 = 3000;

/// What holds for the whole chain.
pub(super) struct Setting<'a> {
    /// Size of the picture that enters the chain.
    pub source: Size,
    /// Whether it may be transparent.
    pub source_has_alpha: bool,
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
}

/// Runs all components and checks the result against the limits.
pub(super) fn run(components: &[Component], setting: &Setting<'_>, vary: &mut Vary) -> Result<Picture, Refusal> {
    let mut picture = Picture { size: setting.source, has_alpha: setting.source_has_alpha, steps: Vec::new() };
    for component in components {
        Stage { component, setting, picture: &mut picture }.run(vary)?;
    }
    setting.limits.check(picture.size, setting.frames)?;
    Ok(picture)
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
        self.size = window.size;
    }

    fn attention(&mut self, size: Size) {
        if size != self.size {
            self.steps.push(Step::Attention { width: size.width, height: size.height });
            self.size = size;
        }
    }

    fn embed(&mut self, canvas: Size, (x, y): (u32, u32), background: Colour) {
        if canvas != self.size {
            self.steps.push(Step::Embed { x, y, width: canvas.width, height: canvas.height, background });
            self.size = canvas;
            self.has_alpha |= !background.is_opaque();
        }
    }

    fn quarter_turn(&mut self, turns: u8) {
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
}

impl Stage<'_> {
    /// The order is fixed, whatever the order in the text: size, effect, flattening, corners, frame, turns.
    fn run(&mut self, vary: &mut Vary) -> Result<(), Refusal> {
        self.crop(vary)?;
        if let Some(effect) = self.component.effect {
            self.picture.steps.push(effect.step());
        }
        self.flatten()?;
        if let Some(radius) = self.component.radius {
            self.round_corners(radius)?;
        }
        if let Some(border) = self.component.border {
            self.frame(border)?;
        }
        for turn in &self.component.turns {
            self.turn(*turn)?;
        }
        Ok(())
    }

    fn crop(&mut self, vary: &mut Vary) -> Result<(), Refusal> {
        let component = self.component;
        let scope = self.scope();
        let Some(request) = self.request(&scope, vary)? else { return Ok(()) };
        let target = geometry::target(self.picture.size, request);
        if target.is_none() && component.crop.is_none() {
            return Ok(());
        }
        let mode = component.crop.unwrap_or(CropMode::Scale);
        let gravity = self.gravity(mode)?;
        let Some(target) = target else { return Ok(()) };
        let source = self.picture.size;
        let layout = geometry::layout(mode, source, target)?;
        self.grow_check(layout.scaled)?;
        self.grow_check(layout.output)?;
        let x = self.offset("x", component.x.as_ref(), Axis::Horizontal, &scope)?;
        let y = self.offset("y", component.y.as_ref(), Axis::Vertical, &scope)?;
        let (dx, dy) = (x.unwrap_or(0.0), y.unwrap_or(0.0));

        self.picture.resize(layout.scaled);
        if mode.pads() {
            let compass = match gravity {
                Some(Gravity::Compass(compass)) => compass,
                _ => Compass::Center,
            };
            let place = geometry::position(layout.output, layout.scaled, compass, dx, dy);
            self.picture.embed(layout.output, place, self.new_area());
            return Ok(());
        }
        let placement = match gravity {
            Some(Gravity::Auto) => {
                self.picture.attention(layout.output);
                return Ok(());
            }
            Some(Gravity::Compass(compass)) => Placement::Compass(compass, dx, dy),
            // The centre is given in the picture that entered the component and is scaled with it.
            Some(Gravity::XyCenter) => {
                let horizontal = f64::from(layout.scaled.width) / f64::from(source.width);
                let vertical = f64::from(layout.scaled.height) / f64::from(source.height);
                Placement::Center(
                    x.unwrap_or(f64::from(source.width) / 2.0) * horizontal,
                    y.unwrap_or(f64::from(source.height) / 2.0) * vertical,
                )
            }
            None if mode == CropMode::Crop && (x.is_some() || y.is_some()) => Placement::Corner(dx, dy),
            None => Placement::Compass(Compass::Center, dx, dy),
        };
        // Only a plain crop may ask for more than there is: its corner decides how much of the request lies inside.
        let requested = if mode == CropMode::Crop { target.rounded()? } else { layout.output };
        let window = geometry::window(layout.scaled, requested, placement)?;
        self.picture.extract(window);
        Ok(())
    }

    /// The gravity that places the window. Frames of an animation must not jump, so they have no automatic gravity.
    fn gravity(&self, mode: CropMode) -> Result<Option<Gravity>, Refusal> {
        let gravity = self.component.gravity;
        if gravity == Some(Gravity::Auto) && !mode.accepts_automatic_gravity() {
            return Err(Refusal::conflict(
                "Automatic cropping supports only auto, auto_pad, crop, fill, fill_pad, lfill, thumb",
            ));
        }
        let zoomed = self.component.zoom.filter(|zoom| *zoom != Decimal::ONE);
        let region = matches!(gravity, Some(Gravity::Auto | Gravity::XyCenter));
        match zoomed {
            Some(zoom) if region && matches!(mode, CropMode::Thumb | CropMode::Crop) => {
                Err(Refusal::not_built(format_args!("z_{zoom} around a region")))
            }
            _ if gravity == Some(Gravity::Auto) && self.setting.frames > 1 => {
                Ok(Some(Gravity::Compass(Compass::Center)))
            }
            _ => Ok(gravity),
        }
    }

    /// The sizes that are asked for, resolved; `None` when the width is the client's and the client says nothing.
    fn request(&self, scope: &Scope, vary: &mut Vary) -> Result<Option<Request>, Refusal> {
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
        };
        let height = match &self.component.height {
            None => None,
            Some(length) => Some(side("height", length, Axis::Vertical, scope)?),
        };
        Ok(Some(Request {
            width,
            height,
            ratio: self.component.aspect_ratio.map(|ratio| ratio.value()),
            keep_other_side: self.component.flags.contains(&Flag::IgnoreAspectRatio),
        }))
    }

    /// An offset in exact pixels, or `None` when it is not given.
    fn offset(
        &self,
        parameter: &str,
        length: Option<&Length>,
        axis: Axis,
        scope: &Scope,
    ) -> Result<Option<f64>, Refusal> {
        length.map(|length| length.resolve(parameter, axis, scope)).transpose()
    }

    /// Flattens transparency onto `b_`, which fills new and transparent area alike.
    fn flatten(&mut self) -> Result<(), Refusal> {
        let Some(background) = self.component.background else { return Ok(()) };
        let pads = self.component.crop.is_some_and(CropMode::pads);
        // A half-transparent colour behind padding stays what it is: only the new area has it.
        let is_half = !background.is_opaque();
        if !self.picture.has_alpha || background.is_transparent() || (pads && is_half) {
            return Ok(());
        }
        if !background.is_opaque() {
            return Err(Refusal::not_built(format_args!("b_{background} behind a transparent picture")));
        }
        self.picture.steps.push(Step::Flatten { background });
        self.picture.has_alpha = false;
        Ok(())
    }

    fn round_corners(&mut self, radius: Radius) -> Result<(), Refusal> {
        let Size { width, height } = self.picture.size;
        let step = match radius {
            Radius::Max => Step::RoundEllipse,
            Radius::Corners(radii) => {
                let largest = width.min(height) / 2;
                // The cast saturates; a radius is never longer than half of the shorter side.
                let pixels = |radius: Decimal| ((self.setting.dpr.times(radius.value()) + 0.5) as u32).min(largest);
                let radii = radii.map(pixels);
                if radii == [0; 4] {
                    return Ok(());
                }
                Step::RoundCorners { radii }
            }
        };
        if self.component.border.is_some() {
            return Err(Refusal::not_built("bo_ together with r_"));
        }
        self.picture.steps.push(step);
        self.picture.has_alpha = true;
        Ok(())
    }

    /// Draws a frame around the picture.
    fn frame(&mut self, border: Border) -> Result<(), Refusal> {
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
        self.picture.embed(canvas, (margin, margin), colour);
        Ok(())
    }

    fn turn(&mut self, turn: Turn) -> Result<(), Refusal> {
        match turn {
            Turn::FlipHorizontal => self.picture.flip(Step::FlipHorizontal),
            Turn::FlipVertical => self.picture.flip(Step::FlipVertical),
            // The orientation is a matter of decoding.
            Turn::Ignore | Turn::Exif | Turn::Degrees(0) => {}
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
        self.picture.has_alpha |= !background.is_opaque();
        Ok(())
    }

    /// The colour of area that padding and turning add.
    fn new_area(&self) -> Colour {
        self.component.background.filter(|colour| !colour.is_transparent()).unwrap_or_else(|| self.default_area())
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

    fn scope(&self) -> Scope {
        Scope {
            width: self.picture.size.width,
            height: self.picture.size.height,
            initial_width: self.setting.source.width,
            initial_height: self.setting.source.height,
            dpr: self.setting.dpr,
        }
    }
}

/// A side in exact pixels; an expression may turn out not to be one.
fn side(parameter: &str, length: &Length, axis: Axis, scope: &Scope) -> Result<f64, Refusal> {
    let value = length.resolve(parameter, axis, scope)?;
    if value > 0.0 { Ok(value) } else { Err(Refusal::invalid(parameter, length)) }
}
