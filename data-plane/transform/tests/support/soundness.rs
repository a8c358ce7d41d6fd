//! What holds of every text: reading and planning end with a value or a refusal, and printing is stable. Tests with drawn texts and fuzz
//! targets ask the same.
#![allow(dead_code, reason = "each program uses its own part")]

use serde_json::{Map, Value, json};
use transform::explain::told;
use transform::facts::{Facts, Rectangle};
use transform::grammar::{Expanded, Transformation, split_path};
use transform::hints::ClientHints;
use transform::planner::{OutputLimits, PlanRequest, Planned, plan};
use transform::source::{Format, SourceMeta};

/// Limits that drawn texts reach.
const LIMITS: OutputLimits = OutputLimits { max_pixels: 50_000_000, max_side: 16_384, max_frames: 100 };
/// How often the pixels are asked for one plan.
const MEASURES: usize = 4;

/// Reads a text and what it prints. Nothing where it is refused.
pub fn reading(text: &str) -> Option<Transformation> {
    let pieces: Vec<&str> = text.split('/').collect();
    if let Ok(split) = split_path(&pieces) {
        assert!(split.public_id <= pieces.len());
    }
    let transformation = Transformation::parse(text).ok()?;
    let canonical = transformation.canonical();
    let again = Transformation::parse(&canonical).unwrap_or_else(|refusal| panic!("{text} as {canonical}: {refusal}"));
    assert_eq!(again, transformation, "{text}");
    assert_eq!(again.canonical(), canonical, "{text}");
    Some(transformation)
}

/// Sources with something peculiar each, by a number.
pub fn source(number: u8) -> SourceMeta {
    let still = SourceMeta::still;
    match number % 8 {
        0 => still(Format::Jpg, 640, 427),
        1 => SourceMeta { has_alpha: true, ..still(Format::Png, 1, 30_000) },
        2 => SourceMeta { pages: 10, animated: true, has_alpha: true, ..still(Format::Gif, 65_535, 1) },
        3 => still(Format::Jpg, u32::MAX, u32::MAX),
        4 => SourceMeta { orientation: 6, progressive: true, ..still(Format::Jpg, 427, 640) },
        5 => SourceMeta { pages: 300, animated: true, ..still(Format::Webp, 320, 240) },
        6 => SourceMeta { pages: 40, ..still(Format::Pdf, 612, 792) },
        _ => still(Format::Svg, 24, 24),
    }
}

/// Plans a chain for a source whose owner has said much of it, twice from its two spellings. `edges` decides what pixels answer.
pub fn planning(transformation: &Transformation, source: &SourceMeta, edges: u8) {
    let again = Transformation::parse(&transformation.canonical()).expect("what is printed is read");
    let nothing_stored = |transformation: Transformation| transformation.expand(&|_| None);
    let (Ok(one), Ok(other)) = (nothing_stored(transformation.clone()), nothing_stored(again)) else { return };
    let says_much =
        ClientHints { avif: true, webp: true, dpr: Some(1e300), width: Some(u32::MAX), ..ClientHints::default() };
    for hints in [ClientHints::default(), says_much] {
        let planned = planned(&one, source, &hints, edges);
        assert_eq!(planned, self::planned(&other, source, &hints, edges), "{}", transformation.canonical());
        if let Some(Planned::Derived(derived)) = planned {
            let plan = derived.plan;
            let canonical = transformation.canonical();
            assert!(plan.width > 0 && plan.height > 0, "{canonical}");
            assert!(plan.width.max(plan.height) <= LIMITS.max_side, "{canonical}");
            assert!(derived.cost.output_pixels <= LIMITS.max_pixels, "{canonical}");
            assert!(!told(&plan).is_empty());
        }
    }
}

fn planned(transformation: &Expanded, source: &SourceMeta, hints: &ClientHints, edges: u8) -> Option<Planned> {
    let tags = ["sale".to_owned(), "in_stock".to_owned()];
    let context: Map<String, Value> =
        [("k".to_owned(), json!("v")), ("n".to_owned(), json!("12"))].into_iter().collect();
    let metadata: Map<String, Value> = [("id".to_owned(), json!(["a", "b"]))].into_iter().collect();
    let marked =
        [Rectangle { x: 10, y: 20, width: 200, height: 100 }, Rectangle { x: u32::MAX, y: 0, width: 1, height: 9 }];
    let mut measured = Vec::new();
    loop {
        let facts = Facts {
            tags: &tags,
            context: Some(&context),
            metadata: Some(&metadata),
            faces: &marked,
            custom: &marked[..1],
            measured: &measured,
        };
        let request = PlanRequest {
            transformation,
            extension: None,
            source,
            facts: &facts,
            hints,
            limits: &LIMITS,
            default_quality: None,
        };
        match plan(request).ok()? {
            Planned::Measure(measure) if measured.len() < MEASURES => {
                let found = Rectangle { x: edges.into(), y: 0, width: u32::from(edges) + 1, height: 7 };
                measured.push((*measure, (edges > 0).then_some(found)));
            }
            planned => return Some(planned),
        }
    }
}
