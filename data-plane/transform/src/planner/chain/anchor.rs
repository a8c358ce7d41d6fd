//! Where a window is cut: what gravities come to, by what people have marked and by what catches the eye.

use super::Stage;
use crate::facts::Rectangle;
use crate::geometry::Region;
use crate::grammar::{AutoGravity, Compass, CropMode, CustomFallback, Decimal, FaceFallback, Gravity};
use crate::planner::region;
use crate::refusal::Refusal;

/// Where a window is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Compass(Compass),
    /// The most interesting area.
    Auto,
    /// At x, y.
    XyCenter,
    /// Around what people have marked.
    Region(Region),
}

impl Stage<'_> {
    /// What places the window. Frames of an animation must not jump, so there only what people have marked does.
    pub(super) fn gravity(&self, mode: CropMode) -> Result<Option<Anchor>, Refusal> {
        if matches!(mode, CropMode::FillPad | CropMode::AutoPad) {
            if !matches!(self.component.gravity, Some(Gravity::Auto(_))) {
                return Err(Refusal::conflict("c_fill_pad and c_auto_pad need g_auto"));
            }
            if self.setting.frames > 1 {
                return Err(Refusal::conflict("c_fill_pad and c_auto_pad do not take animated images"));
            }
        }
        let anchor = match &self.component.gravity {
            None => return Ok(None),
            Some(Gravity::Compass(compass)) => Anchor::Compass(*compass),
            Some(Gravity::XyCenter) => Anchor::XyCenter,
            Some(Gravity::Auto(_)) if !mode.accepts_automatic_gravity() => {
                return Err(Refusal::conflict(
                    "Automatic cropping supports only auto, auto_pad, crop, fill, fill_pad, lfill, thumb",
                ));
            }
            Some(Gravity::Auto(auto)) => self.automatic(auto),
            Some(Gravity::Faces { .. }) if self.setting.frames > 1 => Anchor::Compass(Compass::Center),
            Some(Gravity::Faces { all, or }) => self.faces(*all, *or)?,
            Some(Gravity::Custom { or }) => match (region::largest(&self.marked(self.setting.facts.custom)?), or) {
                (Some(region), _) => Anchor::Region(region),
                (None, Some(CustomFallback::Face)) => self.faces(false, FaceFallback::North)?,
                (None, Some(CustomFallback::Faces)) => self.faces(true, FaceFallback::North)?,
                (None, _) => Anchor::Compass(Compass::Center),
            },
            Some(other) => return Err(Refusal::not_built(format_args!("g_{other}"))),
        };
        if anchor == Anchor::Auto && !mode.accepts_automatic_gravity() {
            return Ok(Some(Anchor::Compass(Compass::Center)));
        }
        let zoomed = self.component.zoom.filter(|zoom| *zoom != Decimal::ONE);
        match zoomed {
            Some(zoom)
                if matches!(anchor, Anchor::Auto | Anchor::XyCenter)
                    && matches!(mode, CropMode::Thumb | CropMode::Crop) =>
            {
                Err(Refusal::not_built(format_args!("z_{zoom} around a region")))
            }
            _ if anchor == Anchor::Auto && self.setting.frames > 1 => Ok(Some(Anchor::Compass(Compass::Center))),
            _ => Ok(Some(anchor)),
        }
    }

    /// What is interesting: the area that is said, what people have marked, faces that they have, or else what catches the eye.
    fn automatic(&self, auto: &AutoGravity) -> Anchor {
        let Some(way) = self.picture.way else { return Anchor::Auto };
        let seen = |rectangles: &[Rectangle]| -> Vec<Region> {
            rectangles.iter().filter_map(|one| way.of(*one, self.picture.size)).collect()
        };
        let said = auto.area().and_then(|area| way.of(area, self.picture.size));
        let custom = || if auto.regards_marks() { region::largest(&seen(self.setting.facts.custom)) } else { None };
        let faces = || match self.setting.frames {
            1 => region::around(&seen(self.setting.facts.faces)),
            _ => None,
        };
        said.or_else(custom).or_else(faces).map_or(Anchor::Auto, Anchor::Region)
    }

    /// The faces that people have marked, or what stands in for them.
    fn faces(&self, all: bool, or: FaceFallback) -> Result<Anchor, Refusal> {
        let faces = self.marked(self.setting.facts.faces)?;
        let found = if all { region::around(&faces) } else { region::largest(&faces) };
        Ok(match (found, or) {
            (Some(region), _) => Anchor::Region(region),
            (None, FaceFallback::North) => Anchor::Compass(Compass::North),
            (None, FaceFallback::Center) => Anchor::Compass(Compass::Center),
            (None, FaceFallback::Auto) => Anchor::Auto,
        })
    }

    /// What is seen of marked rectangles in the picture as it is.
    pub(super) fn marked(&self, rectangles: &[Rectangle]) -> Result<Vec<Region>, Refusal> {
        match self.picture.way {
            _ if rectangles.is_empty() => Ok(Vec::new()),
            Some(way) => Ok(rectangles.iter().filter_map(|one| way.of(*one, self.picture.size)).collect()),
            None => Err(Refusal::not_built("Marked regions behind a turn or an automatic crop")),
        }
    }
}
