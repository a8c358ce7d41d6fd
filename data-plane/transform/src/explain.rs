//! What a transformation comes to, told to people and programs. Pure.

use serde::Serialize;

use crate::facts::Facts;
use crate::grammar::{Component, Transformation};
use crate::hints::ClientHints;
use crate::plan::{Decode, Measure, Plan, Step};
use crate::planner::{OutputLimits, PlanRequest, Planned, plan};
use crate::refusal::Refusal;
use crate::source::SourceMeta;

/// Limits that only absurd results reach; those of an installation are its own.
const LIMITS: OutputLimits = OutputLimits { max_pixels: 1_000_000_000, max_side: 65_535, max_frames: 1000 };

/// What a transformation comes to. Members that are not known are null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its one spelling.
    pub canonical: Option<String>,
    /// Width of the result in pixels.
    pub width: Option<u32>,
    /// Height of the result in pixels.
    pub height: Option<u32>,
    /// Format of the result.
    pub format: Option<&'static str>,
    /// What is done, in words.
    pub plan: Option<String>,
    /// Why it is refused.
    pub error: Option<String>,
}

/// Explains a transformation as it is written. Without a source it is read and printed, and nothing else.
pub fn explain(text: &str, source: Option<&SourceMeta>, facts: &Facts<'_>) -> Explanation {
    let parsed = match Transformation::parse(text) {
        Ok(parsed) => parsed,
        Err(refusal) => return Explanation { error: Some(refusal.message().to_owned()), ..Explanation::default() },
    };
    let explanation = Explanation { canonical: Some(parsed.canonical()), ..Explanation::default() };
    let notes = notes(&parsed).iter().map(|note| format!("; {note}")).collect::<String>();
    let Some(source) = source else { return explanation };
    match planned(parsed, source, facts) {
        Err(refusal) => Explanation { error: Some(refusal.message().to_owned()), ..explanation },
        Ok(Planned::Original) => Explanation {
            width: Some(source.width),
            height: Some(source.height),
            format: Some(source.format.name()),
            plan: Some("deliver the stored file".to_owned()),
            ..explanation
        },
        Ok(Planned::Measure(measure)) => Explanation {
            plan: Some(format!("{}, cut off the edges, whose place depends on the pixels", begun(&measure))),
            ..explanation
        },
        Ok(Planned::Derived(derived)) => Explanation {
            width: Some(derived.plan.width),
            height: Some(derived.plan.height),
            format: Some(derived.plan.encode.format.name()),
            plan: Some(told(&derived.plan) + &notes),
            ..explanation
        },
    }
}

fn planned(parsed: Transformation, source: &SourceMeta, facts: &Facts<'_>) -> Result<Planned, Refusal> {
    plan(PlanRequest {
        transformation: &parsed.expand(&|_| None)?,
        extension: None,
        source,
        facts,
        hints: &ClientHints::default(),
        limits: &LIMITS,
        default_quality: None,
    })
}

/// What is done before the pixels are asked, in words.
fn begun(measure: &Measure) -> String {
    let mut words = vec![decoded(&measure.decode)];
    words.extend(measure.steps.iter().map(step));
    words.join(", ")
}

fn decoded(decode: &Decode) -> String {
    let page = if decode.page > 0 { format!(" page {}", decode.page + 1) } else { String::new() };
    let frames = if decode.pages > 1 { format!(" {} frames", decode.pages) } else { String::new() };
    format!("decode {}{page}{frames}", decode.format.name())
}

/// Values of a chain that were cut to what is allowed.
pub fn notes(transformation: &Transformation) -> Vec<String> {
    let of_component = |component: &Component| {
        let effect = component.effect.as_ref();
        let cut = effect.map(|effect| (effect.name(), effect.cut()));
        cut.into_iter()
            .flat_map(|(name, cut)| {
                cut.iter().map(move |(given, used)| format!("{given} of e_{name} was cut to {used}"))
            })
            .collect::<Vec<_>>()
    };
    transformation.components().iter().flat_map(of_component).collect()
}

/// A plan in words.
pub fn told(plan: &Plan) -> String {
    let mut words = vec![decoded(&plan.decode)];
    words.extend(plan.steps.iter().map(step));
    let palette = if plan.encode.palette { " with a palette" } else { "" };
    let progressive = if plan.encode.progressive { ", coarse first" } else { "" };
    words.push(format!(
        "encode {} at quality {}{palette}{progressive}",
        plan.encode.format.name(),
        plan.encode.quality
    ));
    words.join(", ")
}

fn step(step: &Step) -> String {
    match step {
        Step::Resize { width, height } => format!("resize to {width}x{height}"),
        Step::Extract { x, y, width, height } => format!("cut {width}x{height} at {x},{y}"),
        Step::Attention { width, height } => format!("cut the most interesting {width}x{height}"),
        Step::Embed { x, y, width, height, background } => {
            format!("place at {x},{y} on {width}x{height} of {background}")
        }
        Step::Flatten { background } => format!("flatten onto {background}"),
        Step::QuarterTurn { turns } => format!("turn by {} degrees", u32::from(*turns) * 90),
        Step::Rotate { millidegrees, width, height, background } => {
            format!("turn by {} degrees on {width}x{height} of {background}", f64::from(*millidegrees) / 1000.0)
        }
        Step::FlipHorizontal => "mirror left and right".to_owned(),
        Step::FlipVertical => "mirror top and bottom".to_owned(),
        Step::Grayscale => "make grey".to_owned(),
        Step::Mix { mix } => format!("mix channels by {:?} thousandths", mix.milli),
        Step::Opacity { percent } => format!("make {percent} % opaque"),
        Step::Tone { tone } => tone.to_string(),
        Step::Texture { texture } => texture.to_string(),
        Step::OpacityThreshold { percent } => format!("opaque from {percent} %, else transparent"),
        Step::Vignette { percent } => format!("fade the corners, {percent} % inwards"),
        Step::Frame { margin, colour, .. } => format!("draw a frame of {margin} px in {colour} along the edge"),
        Step::Behind { background } => format!("put {background} behind"),
        Step::Blur { sigma_milli } => format!("blur with a sigma of {} px", f64::from(*sigma_milli) / 1000.0),
        Step::Sharpen { gain_milli } => format!("sharpen with a gain of {}", f64::from(*gain_milli) / 1000.0),
        Step::RoundCorners { radii } => format!("round corners by {radii:?} px"),
        Step::RoundEllipse => "cut out an ellipse".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Format;

    #[test]
    fn what_is_read_is_told_and_what_is_not_is_named() {
        let photo = SourceMeta::still(Format::Jpg, 640, 427);
        let explained = |text| explain(text, Some(&photo), &Facts::default());
        let scaled = explained("w_300,c_scale");
        assert_eq!(scaled.canonical.as_deref(), Some("c_scale,w_300"));
        assert_eq!((scaled.width, scaled.height, scaled.format), (Some(300), Some(200), Some("jpg")));
        assert_eq!(scaled.plan.as_deref(), Some("decode jpg, resize to 300x200, encode jpg at quality 74"));
        let refused = explained("c_scale,w_abc");
        assert_eq!((refused.canonical, refused.width), (None, None));
        assert!(refused.error.is_some_and(|error| error.starts_with("Invalid width in transformation: abc")));
        let cut = explained("e_hue:290");
        assert!(cut.plan.is_some_and(|plan| plan.ends_with("; 290 of e_hue was cut to 100")));
        let unbuilt = explained("l_logo");
        assert_eq!(unbuilt.canonical.as_deref(), Some("l_logo"));
        assert!(unbuilt.error.is_some_and(|error| error.contains("not built")));
        assert_eq!(explained("").width, Some(640));
        let unknown = explain("c_scale,w_0.5", None, &Facts::default());
        assert_eq!((unknown.canonical.as_deref(), unknown.width, unknown.error), (Some("c_scale,w_0.5"), None, None));
    }
}
