//! Conditions, variables, arithmetic and marked rectangles: what is reached, and how large it comes out.

mod support;

use serde_json::{Map, Value};
use support::{animation, graphic, photo, rows, size};
use transform::facts::{Facts, Rectangle};
use transform::grammar::Transformation;
use transform::hints::ClientHints;
use transform::plan::Step;
use transform::planner::{OutputLimits, PlanRequest, Planned, plan};
use transform::refusal::Refusal;
use transform::source::SourceMeta;

/// Limits that only absurd results reach.
const LIMITS: OutputLimits = OutputLimits { max_pixels: 1_000_000_000, max_side: 65_535, max_frames: 1000 };

#[derive(Default)]
struct Said {
    tags: Vec<String>,
    context: Map<String, Value>,
    metadata: Map<String, Value>,
    faces: Vec<Rectangle>,
    custom: Vec<Rectangle>,
}

impl Said {
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        for word in text.split(' ').filter(|word| *word != "-") {
            let (name, value) = word.split_once('=').expect(word);
            match name.split_once(':').unwrap_or((name, "")) {
                ("t", _) => said.tags.push(value.to_owned()),
                ("c", key) => drop(said.context.insert(key.to_owned(), value.into())),
                ("m", id) => drop(said.metadata.insert(id.to_owned(), value.into())),
                ("f", _) => said.faces.push(rectangle(value)),
                ("u", _) => said.custom.push(rectangle(value)),
                other => panic!("{other:?}"),
            }
        }
        said
    }

    fn planned(&self, text: &str, source: &SourceMeta) -> Result<Planned, Refusal> {
        let facts = Facts {
            tags: &self.tags,
            context: Some(&self.context),
            metadata: Some(&self.metadata),
            faces: &self.faces,
            custom: &self.custom,
            measured: &[],
        };
        plan(PlanRequest {
            transformation: &Transformation::parse(text)?.expand(&|_| None)?,
            extension: None,
            source,
            facts: &facts,
            hints: &ClientHints::default(),
            limits: &LIMITS,
            default_quality: None,
        })
    }
}

fn rectangle(text: &str) -> Rectangle {
    let sides: Vec<u32> = text.split(',').map(|side| side.parse().expect(text)).collect();
    let [x, y, width, height] = sides[..] else { panic!("{text}") };
    Rectangle { x, y, width, height }
}

fn steps(said: &str, text: &str, source: (u32, u32)) -> Vec<Step> {
    match Said::read(said).planned(text, &photo(source.0, source.1)) {
        Ok(Planned::Derived(derived)) => derived.plan.steps,
        other => panic!("{text}: {other:?}"),
    }
}

/// What became of a transformation.
enum Outcome {
    Refused(String),
    Sized { result: (u32, u32), resized: Vec<(u32, u32)> },
}

impl Outcome {
    fn of(planned: Result<Planned, Refusal>, source: (u32, u32)) -> Self {
        match planned {
            Err(refusal) => Self::Refused(refusal.message().to_owned()),
            Ok(Planned::Original) => Self::Sized { result: source, resized: Vec::new() },
            Ok(Planned::Measure(measure)) => panic!("{measure:?}"),
            Ok(Planned::Derived(derived)) => {
                let resized = |step: &Step| match step {
                    Step::Resize { width, height } => Some((*width, *height)),
                    _ => None,
                };
                let plan = derived.plan;
                Self::Sized {
                    result: (plan.width, plan.height),
                    resized: plan.steps.iter().filter_map(resized).collect(),
                }
            }
        }
    }

    /// Compares it with `100x50`, with `100x50<100x70` where the picture is scaled before it is cut or padded, or with the beginning of a
    /// refusal behind `! `.
    fn is(&self, expected: &str) -> Result<(), String> {
        let (as_expected, found) = match (self, expected.strip_prefix('!')) {
            (Self::Refused(message), Some(begins)) => (message.starts_with(begins.trim()), message.clone()),
            (Self::Refused(message), None) => (false, message.clone()),
            (Self::Sized { result, .. }, Some(_)) => (false, format!("{result:?}")),
            (Self::Sized { result, resized }, None) => {
                let (wanted, scaled) =
                    expected.split_once('<').map_or((expected, None), |(one, other)| (one, Some(other)));
                // What is scaled to the size it has is not scaled.
                let is_scaled = scaled.is_none_or(|scaled| resized.is_empty() || resized.contains(&size(scaled)));
                (*result == size(wanted) && is_scaled, format!("{result:?}, resized to {resized:?}"))
            }
        };
        if as_expected { Ok(()) } else { Err(found) }
    }
}

/// `640x427`, with a format, and with what is peculiar about it: `jpg tilted`, `png alpha`, `gif 10`.
fn source(text: &str) -> SourceMeta {
    let mut words = text.split(' ');
    let (width, height) = size(words.next().expect("a size"));
    match (words.next(), words.next()) {
        (None, _) | (Some("jpg"), None) => photo(width, height),
        (Some("jpg"), Some("tilted")) => SourceMeta { orientation: 6, ..photo(width, height) },
        (Some("png"), Some("alpha")) => graphic(width, height),
        (Some("png"), None) => SourceMeta { has_alpha: false, ..graphic(width, height) },
        (Some("gif"), Some("10")) => animation(width, height),
        other => panic!("{other:?}"),
    }
}

/// Worked out from the reference alone. The last field says which section decides, and how sure that is.
#[test]
fn outcomes_are_those_of_the_reference() {
    let (mut count, mut failures) = (0, Vec::new());
    for row in rows(include_str!("vectors/outcomes.txt")) {
        let [text, from, said, canonical, expected, _section] = row[..] else { panic!("{row:?}") };
        let source = source(from);
        let outcome = Outcome::of(Said::read(said).planned(text, &source), (source.width, source.height));
        failures.extend(outcome.is(expected).err().map(|found| format!("{row:?}: {found}")));
        if canonical != "-" {
            let printed = Transformation::parse(text).map(|parsed| parsed.canonical());
            let printed = printed.unwrap_or_else(|refusal| refusal.message().to_owned());
            if printed != canonical {
                failures.push(format!("{row:?}: printed as {printed}"));
            }
        }
        count += 1;
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count > 900, "{count}");
}

#[test]
fn chains_go_the_way_that_the_asset_takes() {
    let mut count = 0;
    for row in rows(include_str!("vectors/flow.txt")) {
        let [text, source, said, expected] = row[..] else { panic!("{row:?}") };
        let (width, height) = size(source);
        let outcome = Outcome::of(Said::read(said).planned(text, &photo(width, height)), (width, height));
        if let Err(found) = outcome.is(expected) {
            panic!("{row:?}: {found}");
        }
        let parsed = Transformation::parse(text).expect(text);
        assert_eq!(Transformation::parse(&parsed.canonical()).expect(text), parsed, "{row:?}");
        count += 1;
    }
    assert!(count > 75, "{count}");
}

#[test]
fn windows_lie_around_what_is_marked() {
    let extract = |x, y, width, height| Step::Extract { x, y, width, height };
    // 80x60 at 100,50: its middle is at 140,80.
    assert_eq!(steps("f=100,50,80,60", "c_crop,g_face", (640, 400)), [extract(100, 50, 80, 60)]);
    assert_eq!(steps("f=100,50,80,60", "c_crop,g_face,h_100,w_100", (640, 400)), [extract(90, 30, 100, 100)]);
    // Widened to the ratio, and no further than the picture.
    let thumb = [extract(100, 40, 80, 80), Step::Resize { width: 40, height: 40 }];
    assert_eq!(steps("f=100,50,80,60", "c_thumb,g_face,h_40,w_40", (640, 400)), thumb);
    let near = [extract(0, 0, 160, 160), Step::Resize { width: 40, height: 40 }];
    assert_eq!(steps("f=0,0,80,60", "c_thumb,g_face,h_40,w_40,z_0.5", (640, 400)), near);
    // The largest of several, and the box around all.
    let two = "f=0,0,10,10 f=100,100,20,20";
    assert_eq!(steps(two, "c_crop,g_face", (640, 400)), [extract(100, 100, 20, 20)]);
    assert_eq!(steps(two, "c_crop,g_faces", (640, 400)), [extract(0, 0, 120, 120)]);
    // Where none is marked, the top, the centre, or what catches the eye.
    assert_eq!(steps("-", "c_crop,g_face,h_100,w_100", (640, 400)), [extract(270, 0, 100, 100)]);
    assert_eq!(steps("-", "c_crop,g_face:center,h_100,w_100", (640, 400)), [extract(270, 150, 100, 100)]);
    assert_eq!(steps("-", "c_crop,g_face:auto,h_100,w_100", (640, 400)), [Step::Attention { width: 100, height: 100 }]);
    // A scaled picture has its faces elsewhere.
    let scaled = [Step::Resize { width: 320, height: 200 }, extract(50, 25, 40, 30)];
    assert_eq!(steps("f=100,50,80,60", "w_320/c_crop,g_face", (640, 400)), scaled);
}
