//! Effects at work: on which part of a picture, and where its pixels have to be asked first.

use super::{Stage, side};
use crate::effects::{Effect, Made};
use crate::facts::Rectangle;
use crate::geometry::{self, Region, Size};
use crate::grammar::{Axis, Component, Length, Width};
use crate::plan::{Measure, Trim};
use crate::planner::stop::Stop;
use crate::refusal::Refusal;

impl Stage<'_> {
    /// Carries the effect out.
    pub(super) fn effect(&mut self) -> Result<(), Stop> {
        let Some(effect) = &self.component.effect else { return Ok(()) };
        let places = match effect {
            effect if effect.takes_faces() => Some(
                self.marked(self.setting.facts.faces)?.into_iter().map(|face| whole(face, self.picture.size)).collect(),
            ),
            effect if effect.takes_area() && !self.sizes_are_of_crop() => self.area()?.map(|area| vec![area]),
            _ => None,
        };
        match effect.make((self.picture.size.width, self.picture.size.height), self.component.colour, places)? {
            None => {}
            Some(Made::Step(step)) => self.picture.steps.push(step),
            Some(Made::Transparent(step)) => {
                self.picture.steps.push(step);
                self.picture.has_alpha = true;
            }
            Some(Made::Trim(trim)) => self.trim(trim)?,
        }
        Ok(())
    }

    /// Cuts off the edges, once it is known where they are. A picture that is all edge stays.
    fn trim(&mut self, trim: Trim) -> Result<(), Stop> {
        let decode = self.setting.decode.clone();
        let measure = Measure { decode, steps: self.picture.steps.clone(), trim };
        let known = self.setting.facts.measured.iter().find(|(known, _)| *known == measure);
        match known {
            None => Err(Stop::Measure(Box::new(measure))),
            Some((_, None)) => Ok(()),
            Some((_, Some(Rectangle { x, y, width, height }))) => {
                let size = Size { width: *width, height: *height }.min(self.picture.size);
                self.picture.extract(geometry::Window { x: *x, y: *y, size });
                Ok(())
            }
        }
    }

    /// Whether sizes and offsets say how the picture is resized, and not where an effect acts.
    pub(super) fn sizes_are_of_crop(&self) -> bool {
        self.component.crop.is_some() || !self.component.effect.as_ref().is_some_and(Effect::takes_area)
    }

    /// The area that the component says: from its offsets to as far as its sides reach, no further than the picture. Nothing where it says
    /// none.
    fn area(&self) -> Result<Option<Rectangle>, Refusal> {
        let Component { x, y, width, height, .. } = self.component;
        if x.is_none() && y.is_none() && width.is_none() && height.is_none() {
            return Ok(None);
        }
        let scope = self.scope();
        let Size { width: right, height: bottom } = self.picture.size;
        let from = |parameter, length: &Option<Length>, axis| {
            Ok::<f64, Refusal>(self.offset(parameter, length.as_ref(), axis, &scope)?.unwrap_or(0.0))
        };
        let (left, top) = (from("x", x, Axis::Horizontal)?, from("y", y, Axis::Vertical)?);
        let across = match width {
            Some(Width::Length(length)) => side("width", length, Axis::Horizontal, &scope)?,
            Some(_) => return Err(Refusal::conflict("w_auto says no area of an effect")),
            None => f64::from(right),
        };
        let down = match height {
            Some(length) => side("height", length, Axis::Vertical, &scope)?,
            None => f64::from(bottom),
        };
        let region = geometry::within(self.picture.size, Region { x: left, y: top, width: across, height: down });
        let said =
            || format_args!("{across:.0}x{down:.0} at {left:.0},{top:.0} lies outside of {right}x{bottom}").to_string();
        region.map(|region| Some(whole(region, self.picture.size))).ok_or_else(|| Refusal::invalid("region", said()))
    }
}

/// The whole pixels that a region touches, at least one, all of them inside of the picture.
fn whole(region: Region, picture: Size) -> Rectangle {
    let edge = |from: f64, length: f64, side: u32| {
        // The casts saturate; both ends are cut to the picture.
        let first = (from.floor() as u32).min(side - 1);
        let last = ((from + length).ceil() as u32).clamp(first + 1, side);
        (first, last - first)
    };
    let ((x, width), (y, height)) =
        (edge(region.x, region.width, picture.width), edge(region.y, region.height, picture.height));
    Rectangle { x, y, width, height }
}
