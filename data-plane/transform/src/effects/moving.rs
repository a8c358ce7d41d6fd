//! Effects of sound and moving pictures.

use super::Built::Moving;
use super::{EffectRow, Form, Slot, number, row, slots, strength};

const VOLUME: Form = Form::Any(&[
    Form::Slots { least: 0, slots: &[Slot::NumberOr(super::range(-100, 400, 0), &["mute", "auto"])] },
    Form::Slots { least: 1, slots: &[Slot::Decibels] },
]);

/// Whole bounds: the last place of 1.1 is no limit that matters.
const ZOOMPAN: Form = Form::Named {
    joined_by: ';',
    arguments: &[
        ("mode", Slot::Word(&["ztc", "ztl", "ztr", "ofc", "ofl", "ofr", "plr", "prl"])),
        ("maxzoom", number(1, 8, 1)),
        ("du", number(1, 30, 4)),
        ("fps", number(5, 60, 25)),
        ("from", Slot::Text),
        ("to", Slot::Text),
    ],
};

const PROGRESSBAR: Form = Form::Any(&[
    Form::Named {
        joined_by: ':',
        arguments: &[
            ("type", Slot::Word(&["bar", "frame"])),
            ("color", Slot::Colour),
            ("width", number(1, 10_000, 10)),
        ],
    },
    Form::Slots { least: 1, slots: &[Slot::Word(&["bar", "frame"]), Slot::Colour, number(1, 10_000, 10)] },
]);

const PREVIEW: Form = Form::Named {
    joined_by: ':',
    arguments: &[
        ("duration", number(0, 100_000, 5)),
        ("max_seg", number(1, 1000, 1)),
        ("min_seg_dur", number(0, 100_000, 5)),
    ],
};

/// The rows of this family.
#[rustfmt::skip]
pub(super) static ROWS: &[EffectRow] = &[
    row("accelerate", 2, strength(-50, 100, 0), Moving),
    row("boomerang", 2, Form::Nothing, Moving),
    row("deshake", 3, slots(&[Slot::OneOf(&[16, 32, 48, 64])]), Moving),
    row("fade", 2, strength(-100_000, 100_000, 1000), Moving),
    row("loop", 2, slots(&[number(0, 100_000, 0)]), Moving),
    row("noise", 3, strength(0, 100, 0), Moving),
    row("preview", 3, PREVIEW, Moving),
    row("progressbar", 3, PROGRESSBAR, Moving),
    row("reverse", 2, Form::Nothing, Moving),
    row("transition", 3, Form::Nothing, Moving),
    row("volume", 2, VOLUME, Moving),
    row("zoompan", 3, ZOOMPAN, Moving),
];
