//! Reading of vector files and the facts that most vectors share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use transform::facts::Facts;
use transform::grammar::Transformation;
use transform::hints::ClientHints;
use transform::planner::{OutputLimits, PlanRequest, Planned, PlannedDerived, plan};
use transform::refusal::Refusal;
use transform::source::{Format, SourceMeta};

/// Limits that no ordinary vector reaches.
pub const LIMITS: OutputLimits = OutputLimits { max_pixels: 50_000_000, max_side: 16_384, max_frames: 100 };

/// The rows of a vector file: fields between `|`, trimmed; blank lines and lines that begin with `#` are left out.
pub fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split('|').map(str::trim).collect())
}

/// Reads `640x427`.
pub fn size(text: &str) -> (u32, u32) {
    let (width, height) = text.split_once('x').expect("a size");
    (width.parse().expect("a width"), height.parse().expect("a height"))
}

/// A photo without peculiarities.
pub fn photo(width: u32, height: u32) -> SourceMeta {
    SourceMeta::still(Format::Jpg, width, height)
}

/// A palette animation of ten frames.
pub fn animation(width: u32, height: u32) -> SourceMeta {
    SourceMeta { format: Format::Gif, pages: 10, animated: true, has_alpha: true, ..photo(width, height) }
}

/// A lossless picture with transparency.
pub fn graphic(width: u32, height: u32) -> SourceMeta {
    SourceMeta { format: Format::Png, has_alpha: true, ..photo(width, height) }
}

/// Parses and plans.
pub fn planned(
    text: &str,
    extension: Option<&str>,
    source: &SourceMeta,
    hints: &ClientHints,
) -> Result<Planned, Refusal> {
    let transformation = Transformation::parse(text)?.expand(&|_| None)?;
    plan(PlanRequest {
        transformation: &transformation,
        extension,
        source,
        facts: &Facts::default(),
        hints,
        limits: &LIMITS,
        default_quality: None,
    })
}

/// Parses and plans what must come out as something derived.
pub fn derived_for(text: &str, source: &SourceMeta, hints: &ClientHints) -> PlannedDerived {
    match planned(text, None, source, hints) {
        Ok(Planned::Derived(derived)) => *derived,
        other => panic!("{text}: {other:?}"),
    }
}

/// The same for a client that says nothing.
pub fn derived(text: &str, source: &SourceMeta) -> PlannedDerived {
    derived_for(text, source, &ClientHints::default())
}
