//! Rectangles that people have marked in an original, in the picture that has become of it.

use crate::facts::Rectangle;
use crate::geometry::{Region, Size};

/// Where a point of the original lies in the picture: it was scaled and then moved. Turns are not followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    scale: (f64, f64),
    moved: (f64, f64),
}

impl Way {
    /// The original itself.
    pub(super) const ORIGINAL: Self = Self { scale: (1.0, 1.0), moved: (0.0, 0.0) };

    /// The picture was scaled.
    pub(super) fn scaled(self, from: Size, to: Size) -> Self {
        let (x, y) = (f64::from(to.width) / f64::from(from.width), f64::from(to.height) / f64::from(from.height));
        Self { scale: (self.scale.0 * x, self.scale.1 * y), moved: (self.moved.0 * x, self.moved.1 * y) }
    }

    /// The picture was placed so, to the right and down.
    pub(super) fn placed(self, x: f64, y: f64) -> Self {
        Self { scale: self.scale, moved: (self.moved.0 + x, self.moved.1 + y) }
    }

    /// What is seen of a rectangle of the original; nothing where it lies outside.
    pub(super) fn of(self, rectangle: Rectangle, picture: Size) -> Option<Region> {
        let edge = |at: u32, length: u32, scale: f64, moved: f64, side: u32| {
            let first = (f64::from(at) * scale + moved).max(0.0);
            let last = ((f64::from(at) + f64::from(length)) * scale + moved).min(f64::from(side));
            (last > first).then_some((first, last - first))
        };
        let (x, width) = edge(rectangle.x, rectangle.width, self.scale.0, self.moved.0, picture.width)?;
        let (y, height) = edge(rectangle.y, rectangle.height, self.scale.1, self.moved.1, picture.height)?;
        Some(Region { x, y, width, height })
    }
}

/// The largest of some regions.
pub(super) fn largest(regions: &[Region]) -> Option<Region> {
    regions.iter().copied().reduce(|one, other| if other.area() > one.area() { other } else { one })
}

/// The box around all of some regions.
pub(super) fn around(regions: &[Region]) -> Option<Region> {
    regions.iter().copied().reduce(|one, other| {
        let (x, y) = (one.x.min(other.x), one.y.min(other.y));
        let right = (one.x + one.width).max(other.x + other.width);
        let bottom = (one.y + one.height).max(other.y + other.height);
        Region { x, y, width: right - x, height: bottom - y }
    })
}
