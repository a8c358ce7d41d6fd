//! Conditions, variables, arithmetic and marked rectangles: what is reached, and how large it comes out.

mod support;

use serde_json::{Map, Value};
use support::{LIMITS, photo, rows, size};
use transform::facts::{Facts, Rectangle};
use transform::grammar::Transformation;
use transform::hints::ClientHints;
use transform::plan::Step;
use transform::planner::{PlanRequest, Planned, plan};
use transform::refusal::Refusal;

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

    fn planned(&self, text: &str, (width, height): (u32, u32)) -> Result<Planned, Refusal> {
        let facts = Facts {
            tags: &self.tags,
            context: Some(&self.context),
            metadata: Some(&self.metadata),
            faces: &self.faces,
            custom: &self.custom,
        };
        plan(PlanRequest {
            transformation: &Transformation::parse(text)?.expand(&|_| None)?,
            extension: None,
            source: &photo(width, height),
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
    match Said::read(said).planned(text, source) {
        Ok(Planned::Derived(derived)) => derived.plan.steps,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn chains_go_the_way_that_the_asset_takes() {
    let mut count = 0;
    for row in rows(include_str!("vectors/flow.txt")) {
        let [text, source, said, expected] = row[..] else { panic!("{row:?}") };
        let planned = Said::read(said).planned(text, size(source));
        if let Some(message) = expected.strip_prefix("! ") {
            let refusal = planned.expect_err(text);
            assert!(refusal.message().starts_with(message), "{row:?}: {refusal}");
        } else {
            let found = match planned.unwrap_or_else(|refusal| panic!("{row:?}: {refusal}")) {
                Planned::Derived(derived) => (derived.plan.width, derived.plan.height),
                Planned::Original => size(source),
            };
            assert_eq!(found, size(expected), "{row:?}");
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
