//! Effects that need a trained model or a service of others. Without one they are refused by name, never replaced by something that looks
//! similar.

use super::Built::{Model, Service};
use super::{EffectRow, Form, number, row, slots};
use crate::effects::Slot;

const TEXT: Form = Form::Text { required: true };
const MAYBE: Form = Form::Text { required: false };

/// The rows of this family.
#[rustfmt::skip]
pub(super) static ROWS: &[EffectRow] = &[
    row("adv_redeye", 3, Form::Nothing, Service),
    row("ai", 3, TEXT, Model),
    row("auto_enhance", 3, MAYBE, Model),
    row("background_removal", 2, MAYBE, Model),
    row("enhance", 3, Form::Nothing, Model),
    row("extract", 3, TEXT, Model),
    row("gen_background_replace", 3, MAYBE, Model),
    row("gen_recolor", 3, TEXT, Model),
    row("gen_remove", 3, TEXT, Model),
    row("gen_replace", 3, TEXT, Model),
    row("gen_restore", 3, Form::Nothing, Model),
    row("lightroom", 3, MAYBE, Service),
    row("style_transfer", 3, slots(&[Slot::Word(&["preserve_color"]), number(0, 100, 100)]), Model),
    row("upscale", 3, Form::Nothing, Model),
    row("viesus_correct", 3, MAYBE, Service),
];
