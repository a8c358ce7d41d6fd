//! Effects on sharpness and texture. Those that look at neighbouring pixels in our own code are a [`Texture`].

use super::Built::{Area, Faces, Later, Whole};
use super::{EffectRow, Form, Made, Making, Slot, number, range, row, slots, step, strength, unsigned};
use crate::facts::Rectangle;
use crate::pixels::{Place, Texture};
use crate::plan::Step;

/// Filters of `e_art`.
#[rustfmt::skip]
const ART: &[&str] = &[
    "al_dente", "athena", "audrey", "aurora", "daguerre", "eucalyptus", "fes", "frost", "hairspray", "hokusai", "incognito", "linen",
    "peacock", "primavera", "quartz", "red_rock", "refresh", "sizzle", "sonnet", "ukulele", "zorro",
];

const MORPHOLOGY: Form = Form::Any(&[
    Form::Named {
        joined_by: ';',
        arguments: &[
            ("method", Slot::Word(METHODS)),
            ("iterations", number(1, 5, 1)),
            ("kernel", Slot::Word(&["octagon", "diamond", "square", "disk", "plus", "cross", "ring"])),
            ("radius", number(0, 1000, 2)),
        ],
    },
    Form::Slots { least: 1, slots: &[Slot::Word(METHODS)] },
]);
const METHODS: &[&str] = &["dilate", "erode", "convolve"];

const DROPSHADOW: Form = Form::Named {
    joined_by: ';',
    arguments: &[("azimuth", number(0, 360, 215)), ("elevation", number(0, 90, 45)), ("spread", number(0, 100, 50))],
};

/// The rows of this family.
#[rustfmt::skip]
pub(super) static ROWS: &[EffectRow] = &[
    row("art", 2, Form::Slots { least: 1, slots: &[Slot::Word(ART)] }, Later),
    row("blur", 1, strength(1, 2000, 100), Whole(|making| step(Step::Blur { sigma_milli: sigma(making) }))),
    row("blur_faces", 2, strength(1, 2000, 500), Faces(blur_places)),
    row("blur_region", 2, strength(1, 2000, 100), Area(blur_places)),
    row("cartoonify", 2,
        slots(&[number(0, 100, 50), Slot::NumberOr(range(0, 100, 50), &["bw"])]), Later),
    row("dropshadow", 3, DROPSHADOW, Later),
    row("gradient_fade", 2, slots(&[Slot::Word(&["symmetric", "symmetric_pad"]), number(0, 100, 20)]), Later),
    row("morphology", 3, MORPHOLOGY, Later),
    row("oil_paint", 2, strength(0, 100, 30), Later),
    row("ordered_dither", 3, strength(0, 18, 0), Later),
    row("outline", 2,
        slots(&[Slot::Word(&["inner", "inner_fill", "outer", "fill"]), number(1, 100, 5), number(0, 200, 0)]), Later),
    row("pixelate", 2, slots(&[number(1, 200, 1)]), Whole(pixelate)),
    row("pixelate_faces", 2, slots(&[number(1, 200, 1)]), Faces(pixelate)),
    row("pixelate_region", 2, slots(&[number(1, 200, 1)]), Area(pixelate)),
    row("shadow", 2, strength(0, 100, 40), Later),
    // The argument is the gain in hundredths.
    row("sharpen", 1, strength(1, 2000, 100), Whole(|making| step(Step::Sharpen { gain_milli: gain(making) }))),
    row("unsharp_mask", 2, strength(1, 2000, 100),
        Whole(|making| step(Step::Texture { texture: Texture::Unsharp { gain_milli: gain(making) } }))),
    row("vectorize", 3, Form::Text { required: false }, Later),
    row("vignette", 2, strength(0, 100, 20), Whole(vignette)),
];

impl From<Rectangle> for Place {
    fn from(Rectangle { x, y, width, height }: Rectangle) -> Self {
        Self { x, y, width, height }
    }
}

/// A strength of 60 is a sigma of one pixel; below 0.3 pixels a blur would not be visible.
fn sigma(making: &Making<'_>) -> u32 {
    unsigned((making.number(0, 100).saturating_mul(1000) + 30) / 60).max(300)
}

/// The gain in thousandths of an argument in hundredths.
fn gain(making: &Making<'_>) -> u32 {
    unsigned(making.number(0, 100).saturating_mul(10))
}

/// The parts that are meant, or nothing at all where faces were meant and none are known.
fn places(making: &Making<'_>) -> Option<Vec<Place>> {
    let (width, height) = making.picture;
    let whole = Place { x: 0, y: 0, width, height };
    match &making.places {
        None => Some(Vec::new()),
        Some(places) if places.is_empty() => None,
        Some(places) => {
            let places: Vec<Place> = places.iter().copied().map(Place::from).collect();
            Some(if places.contains(&whole) { Vec::new() } else { places })
        }
    }
}

fn blur_places(making: &Making<'_>) -> Option<Made> {
    let (sigma_milli, places) = (sigma(making), places(making)?);
    step(match places.is_empty() {
        true => Step::Blur { sigma_milli },
        false => Step::Texture { texture: Texture::BlurPlaces { sigma_milli, places } },
    })
}

/// Without a number a block is the hundredth part of the longer side.
fn pixelate(making: &Making<'_>) -> Option<Made> {
    let chosen = making.picture.0.max(making.picture.1).div_ceil(100);
    let side = unsigned(making.number(0, i64::from(chosen)));
    let places = places(making)?;
    (side > 1).then_some(Made::Step(Step::Texture { texture: Texture::Pixelate { side, places } }))
}

fn vignette(making: &Making<'_>) -> Option<Made> {
    let percent = unsigned(making.number(0, 20)) as u8;
    (percent > 0).then_some(Made::Transparent(Step::Vignette { percent }))
}
