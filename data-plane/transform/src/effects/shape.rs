//! Effects on the shape of a picture and on what of it can be seen.

use super::Built::{Later, Whole};
use super::{EffectRow, Form, Made, Making, Slot, number, row, slots, step, strength, unsigned};
use crate::pixels::{Pixels, Place};
use crate::plan::{Step, Trim};

const DISTORT: Form = Form::Any(&[
    Form::Several { each: Slot::Length, counts: &[8] },
    Form::Slots { least: 2, slots: &[Slot::Word(&["arc"]), number(-360, 360, 0)] },
]);

/// The rows of this family.
#[rustfmt::skip]
pub(super) static ROWS: &[EffectRow] = &[
    row("anti_removal", 3, strength(1, 100, 50), Later),
    row("bgremoval", 2, slots(&[Slot::Word(&["screen"]), Slot::Colour]), Later),
    row("camera", 3, Form::Text { required: true }, Later),
    row("cut_out", 3, Form::Nothing, Later),
    row("displace", 3, Form::Nothing, Later),
    row("distort", 3, DISTORT, Later),
    row("embed_clipping_path", 3, Form::Text { required: true }, Later),
    row("light", 3, Form::Text { required: true }, Later),
    row("make_transparent", 2, strength(0, 100, 10), Later),
    row("mask", 2, Form::Nothing, Later),
    row("multiply", 2, Form::Nothing, Later),
    row("opacity_threshold", 3, strength(1, 100, 50), Whole(|making| {
        let percent = unsigned(making.number(0, 50)) as u8;
        step(Step::OpacityThreshold { percent })
    })),
    row("overlay", 2, Form::Nothing, Later),
    row("redeye", 3, Form::Nothing, Later),
    row("screen", 2, Form::Nothing, Later),
    row("shear", 3, Form::Slots { least: 2, slots: &[number(-359, 359, 0), number(-359, 359, 0)] }, Later),
    row("swap_image", 3, Form::Text { required: true }, Later),
    row("trim", 1, slots(&[number(0, 100, 10), Slot::Colour]), Whole(trim)),
];

fn trim(making: &Making<'_>) -> Option<Made> {
    let percent = making.number(0, 10).clamp(0, 100) as u8;
    Some(Made::Trim(Trim { percent, colour: making.arguments.colour(1) }))
}

impl Trim {
    /// What lies within the edges of a picture; nothing where all of it is edge.
    pub fn find(self, pixels: &Pixels<'_>) -> Option<Place> {
        let first = pixels.each().next()?;
        let (edge, is_clear) = match self.colour {
            Some(colour) => ([colour.r, colour.g, colour.b], colour.is_transparent()),
            None => ([first[0], first[1], first[2]], first.get(3) == Some(&0)),
        };
        let most = f64::from(self.percent) * 2.55;
        let is_edge = |pixel: &[u8]| {
            let alpha = pixel.get(3).copied().unwrap_or(u8::MAX);
            let is_like = || pixel.iter().zip(edge).all(|(own, edge)| f64::from(own.abs_diff(edge)) <= most);
            alpha == 0 || if is_clear { f64::from(alpha) <= most } else { alpha == u8::MAX && is_like() }
        };
        let width = pixels.width();
        let (mut left, mut right, mut top, mut bottom) = (width, 0, None, 0);
        for (y, row) in pixels.rows().enumerate() {
            let mut seen = row.chunks_exact(pixels.bands()).map(is_edge);
            let Some(begin) = seen.position(|is_edge| !is_edge) else { continue };
            let last = row.chunks_exact(pixels.bands()).rposition(|pixel| !is_edge(pixel)).unwrap_or(begin);
            (left, right) = (left.min(begin), right.max(last));
            top = top.or(Some(y));
            bottom = y;
        }
        let top = top?;
        let length = |from: usize, to: usize| u32::try_from(to - from + 1).unwrap_or(u32::MAX);
        let at = |edge: usize| u32::try_from(edge).unwrap_or(u32::MAX);
        Some(Place { x: at(left), y: at(top), width: length(left, right), height: length(top, bottom) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Colour;

    #[test]
    fn edges_are_found() {
        // Four by three: nearly white around two pixels in the middle row, the other side of one of them transparent.
        let white = [250, 252, 255, 255];
        let mut picture = [white; 12];
        picture[5] = [10, 10, 10, 255];
        picture[6] = [200, 0, 0, 128];
        picture[7] = [0, 0, 0, 0];
        let mut samples = picture.concat();
        let pixels = Pixels::new(&mut samples, 4, 4).unwrap();
        let found = |percent, colour| Trim { percent, colour }.find(&pixels);
        let middle = Some(Place { x: 1, y: 1, width: 2, height: 1 });
        assert_eq!(found(10, None), middle);
        assert_eq!(found(10, Some(Colour::WHITE)), middle);
        // A colour that is not at the edge cuts nothing off, and neither does exact white.
        let whole = Some(Place { x: 0, y: 0, width: 4, height: 3 });
        assert_eq!(
            (found(10, Some(Colour { r: 0, g: 0, b: 255, a: 255 })), found(0, Some(Colour::WHITE))),
            (whole, whole)
        );
        let mut plain = [white; 12].concat();
        assert_eq!(Trim { percent: 10, colour: None }.find(&Pixels::new(&mut plain, 4, 4).unwrap()), None);
    }

    #[test]
    fn transparent_edges_are_edges() {
        let mut samples = [[9, 9, 9, 0], [9, 9, 9, 255], [9, 9, 9, 255], [9, 9, 9, 0]].concat();
        let pixels = Pixels::new(&mut samples, 4, 4).unwrap();
        let found = Trim { percent: 0, colour: None }.find(&pixels);
        assert_eq!(found, Some(Place { x: 1, y: 0, width: 2, height: 1 }));
    }
}
