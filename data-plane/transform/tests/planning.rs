//! Whole plans, committed as text, and the rules that the planner keeps.

mod support;

use std::fmt::Write as _;

use support::{LIMITS, animation, derived, derived_for, graphic, photo, planned, rows};
use transform::facts::{Facts, Rectangle};
use transform::grammar::Transformation;
use transform::hints::ClientHints;
use transform::key::canonical_text;
use transform::pixels::{Place, Texture};
use transform::plan::{Colour, Measure, Step, Trim};
use transform::planner::{Cost, OutputLimits, PlanRequest, Planned, plan};
use transform::refusal::RefusalKind;
use transform::source::{Format, SourceMeta};

fn source(name: &str) -> SourceMeta {
    match name {
        "photo" => photo(640, 427),
        "graphic" => graphic(400, 300),
        "animation" => animation(320, 240),
        "drawing" => SourceMeta { format: Format::Svg, ..graphic(120, 90) },
        "tilted" => SourceMeta { orientation: 6, ..photo(640, 427) },
        other => panic!("{other}"),
    }
}

fn hints(text: &str) -> ClientHints {
    let mut hints = ClientHints::default();
    for word in text.split(' ') {
        match word.split_once('=').unwrap_or((word, "")) {
            ("avif", _) => hints.avif = true,
            ("webp", _) => hints.webp = true,
            ("save-data", _) => hints.save_data = true,
            ("width", width) => hints.width = width.parse().ok(),
            ("dpr", dpr) => hints.dpr = dpr.parse().ok(),
            ("-", _) => {}
            other => panic!("{other:?}"),
        }
    }
    hints
}

fn present(text: &str) -> &str {
    if text == "-" { "" } else { text }
}

#[test]
fn plans_are_the_committed_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/plans.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let mut found: String =
        text.lines().filter(|line| line.starts_with('#')).fold(String::new(), |head, line| head + line + "\n");
    for row in rows(&text) {
        let extension = Some(present(row[1])).filter(|extension| !extension.is_empty());
        let outcome = match planned(present(row[0]), extension, &source(row[2]), &hints(row[3])) {
            Ok(Planned::Original) => "original".to_owned(),
            Ok(Planned::Derived(derived)) => canonical_text(&derived.plan),
            Ok(Planned::Measure(measure)) => serde_json::to_string(&measure).unwrap(),
            Err(refusal) => panic!("{row:?}: {refusal}"),
        };
        writeln!(found, "{} | {outcome}", row[..4].join(" | ")).unwrap();
    }
    if std::env::var_os("WRITE_VECTORS").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(path).unwrap());
}

#[test]
fn plans_travel_as_json() {
    let plan = derived("a_45,c_pad,h_200,r_10,w_200", &graphic(400, 300)).plan;
    assert_eq!(serde_json::from_str::<transform::plan::Plan>(&canonical_text(&plan)).unwrap(), plan);
}

#[test]
fn the_format_parameter_wins_over_the_extension() {
    let Ok(Planned::Derived(derived)) = planned("f_png", Some("webp"), &photo(64, 48), &ClientHints::default()) else {
        panic!("not derived")
    };
    assert_eq!(derived.plan.encode.format, Format::Png);
}

#[test]
fn extensions_that_cannot_be_written_are_refused_by_name() {
    let refusal = |extension| planned("w_5", Some(extension), &photo(64, 48), &ClientHints::default()).unwrap_err();
    assert_eq!(refusal("mp4").message(), "f_mp4 is not built yet");
    assert_eq!(refusal("heic").message(), "f_heic is not built yet");
    assert_eq!(refusal("foo").message(), "Invalid format in transformation: foo");
}

#[test]
fn sources_that_cannot_be_written_become_what_can() {
    let format = |source: &SourceMeta| derived("w_5", source).plan.encode.format;
    assert_eq!(format(&SourceMeta { format: Format::Heic, ..photo(64, 48) }), Format::Jpg);
    assert_eq!(format(&SourceMeta { format: Format::Svg, ..graphic(64, 48) }), Format::Png);
}

#[test]
fn only_consulted_headers_vary_the_answer() {
    let headers = |text: &str| derived(text, &photo(640, 427)).vary.headers();
    assert!(headers("w_300,f_webp,q_80").is_empty());
    assert!(headers("w_300").is_empty());
    assert_eq!(headers("f_auto"), ["Accept"]);
    assert_eq!(headers("q_auto"), ["Save-Data"]);
    assert!(headers("q_auto:eco").is_empty());
    assert_eq!(headers("dpr_auto,w_5"), ["Sec-CH-DPR", "DPR"]);
    assert!(headers("dpr_auto").is_empty());
    assert_eq!(headers("w_auto"), ["Sec-CH-Width", "Width", "Sec-CH-Viewport-Width", "Viewport-Width"]);
    assert_eq!(headers("dpr_auto,f_auto,q_auto,w_auto").len(), 8);
}

#[test]
fn avif_is_not_chosen_for_large_results() {
    let hints = ClientHints { avif: true, webp: true, ..ClientHints::default() };
    let format = |text: &str, source: &SourceMeta| derived_for(text, source, &hints).plan.encode.format;
    assert_eq!(format("f_auto", &photo(4000, 4000)), Format::Avif);
    assert_eq!(format("f_auto", &photo(4001, 4000)), Format::Webp);
    // The result's size counts, not the source's.
    assert_eq!(format("f_auto,w_400", &photo(6000, 4000)), Format::Avif);
    assert_eq!(format("f_auto,w_5000", &photo(400, 400)), Format::Webp);
    // What was asked for by name is done.
    assert_eq!(format("f_avif", &photo(4001, 4000)), Format::Avif);
    // Without the exception for its size, the result must be planned for the format that replaces it.
    let only_avif = ClientHints { avif: true, ..ClientHints::default() };
    let plan = derived_for("f_auto,r_max", &photo(5000, 4000), &only_avif).plan;
    assert_eq!((plan.encode.format, plan.steps.len()), (Format::Jpg, 2));
}

#[test]
fn global_parameters_act_wherever_they_stand() {
    let plan = |text: &str| derived(text, &animation(320, 240)).plan;
    assert_eq!(plan("f_png/w_100/f_jpg").encode.format, Format::Jpg);
    assert_eq!(plan("q_10/w_100/q_20/f_jpg").encode.quality, 20);
    assert_eq!(plan("w_100/pg_3/pg_4").decode.page, 2);
    assert_eq!(plan("w_100/dpr_2"), plan("dpr_3,w_200/dpr_1.0"));
}

#[test]
fn animations_are_cut_to_the_limit_of_frames() {
    let source = SourceMeta { pages: 1000, ..animation(10, 10) };
    let derived = derived("w_5", &source);
    assert_eq!(derived.plan.decode.pages, 100);
    assert_eq!(derived.cost, Cost { source_pixels: 10_000, output_pixels: 2500 });
}

#[test]
fn limits_count_all_frames() {
    let limits = OutputLimits { max_pixels: 10_000, ..LIMITS };
    let transformation = Transformation::parse("w_50").unwrap().expand(&|_| None).unwrap();
    let hints = ClientHints::default();
    let result = |source: &SourceMeta| {
        plan(PlanRequest {
            transformation: &transformation,
            extension: None,
            source,
            facts: &transform::facts::Facts::default(),
            hints: &hints,
            limits: &limits,
            default_quality: None,
        })
    };
    assert!(result(&photo(100, 100)).is_ok());
    let refusal = result(&animation(100, 100)).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::TooLarge);
    assert_eq!(
        refusal.message(),
        "Maximum image size is 0.01 Megapixels. Requested 0.03 Megapixels (50x50 x 10 frames)"
    );
}

#[test]
fn a_large_picture_on_the_way_is_refused_even_if_the_result_is_small() {
    let refusal = planned("w_9000,h_9000/w_10", None, &photo(640, 427), &ClientHints::default()).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::TooLarge);
    // A source beyond the limits may be made smaller.
    assert!(planned("w_10", None, &photo(20_000, 20_000), &ClientHints::default()).is_ok());
}

#[test]
fn one_component_works_in_a_fixed_order() {
    let steps = derived("a_90,b_red,bo_1px_solid_blue,e_blur,w_100", &graphic(400, 300)).plan.steps;
    let kinds: Vec<&str> = steps
        .iter()
        .map(|step| match step {
            Step::Resize { .. } => "resize",
            Step::Blur { .. } => "blur",
            Step::Flatten { .. } => "flatten",
            Step::Embed { .. } => "embed",
            Step::QuarterTurn { .. } => "turn",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["resize", "blur", "flatten", "embed", "turn"]);
}

#[test]
fn large_pictures_shrink_before_an_odd_turn() {
    let steps = derived("a_10", &photo(6000, 3000)).plan.steps;
    assert_eq!(steps[0], Step::Resize { width: 3000, height: 1500 });
}

#[test]
fn radii_are_clamped_and_sharpened() {
    let corners = |text: &str| match derived(text, &graphic(400, 300)).plan.steps.last() {
        Some(Step::RoundCorners { radii }) => Some(*radii),
        _ => None,
    };
    assert_eq!(corners("r_20"), Some([20; 4]));
    assert_eq!(corners("r_1:2:3:9999"), Some([1, 2, 3, 150]));
    assert_eq!(corners("dpr_2,r_20,w_100"), Some([40; 4]));
    assert_eq!(corners("dpr_2,r_20"), Some([20; 4]));
    assert_eq!(corners("r_0"), None);
}

#[test]
fn effects_become_steps() {
    let step = |text: &str| derived(text, &photo(64, 48)).plan.steps;
    assert_eq!(step("e_grayscale"), [Step::Grayscale]);
    assert_eq!(step("e_blur"), [Step::Blur { sigma_milli: 1667 }]);
    assert_eq!(step("e_blur:2000"), [Step::Blur { sigma_milli: 33_333 }]);
    assert_eq!(step("e_blur:1"), [Step::Blur { sigma_milli: 300 }]);
    assert_eq!(step("e_sharpen"), [Step::Sharpen { gain_milli: 1000 }]);
    assert_eq!(step("e_sharpen:99999"), [Step::Sharpen { gain_milli: 20_000 }]);
    assert_eq!(step("e_blur,e_grayscale"), [Step::Grayscale]);
}

#[test]
fn a_half_transparent_background_is_seen_where_the_picture_shines_through() {
    let half = Colour { r: 255, g: 0, b: 0, a: 128 };
    let resized = Step::Resize { width: 10, height: 8 };
    let steps = |source: &SourceMeta| derived("b_rgb:ff000080,w_10", source).plan.steps;
    assert_eq!(steps(&photo(64, 48)), std::slice::from_ref(&resized));
    assert_eq!(steps(&graphic(64, 48)), [resized, Step::Behind { background: half }]);
}

#[test]
fn a_frame_follows_the_rounding() {
    let red = Colour { r: 255, g: 0, b: 0, a: 255 };
    for source in [photo(64, 48), graphic(64, 48)] {
        let derived = derived("bo_5px_solid_red,f_png,r_8:0", &source).plan;
        let radii = [8, 0, 8, 0];
        let frame = Step::Frame { margin: 5, radii: Some(radii), colour: red };
        assert_eq!((derived.steps, derived.width), (vec![Step::RoundCorners { radii }, frame], 74));
    }
}

#[test]
fn an_effect_takes_the_area_that_its_component_says() {
    let step = |text: &str| derived(text, &photo(200, 100)).plan.steps;
    let places = |text: &str| match step(text).as_slice() {
        [Step::Texture { texture: Texture::Pixelate { places, .. } }] => places.clone(),
        steps => panic!("{text}: {steps:?}"),
    };
    let place = |x, y, width, height| vec![Place { x, y, width, height }];
    assert_eq!(places("e_pixelate_region:8,h_20,w_30,x_10,y_5"), place(10, 5, 30, 20));
    assert_eq!(places("e_pixelate_region:8,h_0.5,w_0.25,x_0.5,y_0.1"), place(100, 10, 50, 50));
    assert_eq!(places("e_pixelate_region:8,w_500,x_150"), place(150, 0, 50, 100));
    assert_eq!(places("e_pixelate_region:8"), []);
    assert_eq!(places("e_pixelate_region:8,h_500,w_500"), []);
    // No further than the picture, and never beside it.
    assert_eq!(places("e_pixelate_region:8,x_0.997"), place(199, 0, 1, 100));
    assert_eq!(places("e_pixelate_region:8,x_0.99,y_0.99"), place(198, 99, 2, 1));
    // An area is no size that a picture could lie across.
    assert!(matches!(step("a_auto_right,e_pixelate_region:8,h_20,w_10").as_slice(), [Step::Texture { .. }]));
    // With a crop they are the crop's.
    assert!(matches!(
        step("c_scale,e_pixelate_region:8,h_50,w_100").as_slice(),
        [Step::Resize { .. }, Step::Texture { .. }]
    ));
    let refusal = planned("e_pixelate_region:8,h_5,w_5,x_200", None, &photo(200, 100), &ClientHints::default());
    assert!(
        refusal
            .unwrap_err()
            .message()
            .starts_with("Invalid region in transformation: 5x5 at 200,0 lies outside of 200x100")
    );
}

/// What acts on the whole chain and stands behind a trim is met in the run that knows the edges.
#[test]
fn a_trim_stops_nothing_that_stands_behind_it() {
    for text in ["if_w_gt_50/c_scale,w_100/if_end/e_trim/dpr_2.0", "$a_1/c_pad,h_80,w_80/e_trim/f_png"] {
        let transformation = Transformation::parse(text).unwrap().expand(&|_| None).unwrap();
        let mut measured = Vec::new();
        let derived = loop {
            let planned = plan(PlanRequest {
                transformation: &transformation,
                extension: None,
                source: &photo(200, 100),
                facts: &Facts { measured: &measured, ..Facts::default() },
                hints: &ClientHints::default(),
                limits: &LIMITS,
                default_quality: None,
            });
            match planned.unwrap_or_else(|refusal| panic!("{text}: {refusal}")) {
                Planned::Measure(measure) => measured.push((*measure, None)),
                Planned::Derived(derived) => break derived,
                Planned::Original => panic!("{text}"),
            }
            assert!(measured.len() < 4, "{text}");
        };
        assert!(matches!((derived.plan.width, derived.plan.height), (200, 100) | (80, 80)), "{text}: {derived:?}");
    }
}

#[test]
fn what_lies_behind_a_trim_is_planned_once_its_edges_are_known() {
    let transformation = Transformation::parse("w_100/e_trim:20/c_scale,w_0.5/e_trim:5:white").unwrap();
    let transformation = transformation.expand(&|_| None).unwrap();
    let source = photo(200, 100);
    let outcome = |measured: &[(Measure, Option<Rectangle>)]| {
        plan(PlanRequest {
            transformation: &transformation,
            extension: None,
            source: &source,
            facts: &Facts { measured, ..Facts::default() },
            hints: &ClientHints::default(),
            limits: &LIMITS,
            default_quality: None,
        })
        .unwrap()
    };
    let Planned::Measure(first) = outcome(&[]) else { panic!("nothing is known yet") };
    assert_eq!(first.steps, [Step::Resize { width: 100, height: 50 }]);
    assert_eq!(first.trim, Trim { percent: 20, colour: None });
    let within = Rectangle { x: 10, y: 5, width: 80, height: 30 };
    let Planned::Measure(second) = outcome(&[((*first).clone(), Some(within))]) else { panic!("one is known") };
    assert_eq!(second.steps.len(), 3);
    assert_eq!(second.trim, Trim { percent: 5, colour: Some(Colour::WHITE) });
    // A picture that is all edge stays as it is.
    let Planned::Derived(derived) = outcome(&[(*first, Some(within)), (*second, None)]) else {
        panic!("both are known")
    };
    assert_eq!((derived.plan.width, derived.plan.height), (40, 15));
    let expected = [
        Step::Resize { width: 100, height: 50 },
        Step::Extract { x: 10, y: 5, width: 80, height: 30 },
        Step::Resize { width: 40, height: 15 },
    ];
    assert_eq!(derived.plan.steps, expected);
}

#[test]
fn drawings_come_from_drawings_as_they_are() {
    let drawing = source("drawing");
    for (text, source) in [("f_svg", photo(640, 427)), ("f_svg,w_60", drawing.clone()), ("e_sepia,f_svg", drawing)] {
        let refusal = planned(text, None, &source, &ClientHints::default()).expect_err(text);
        assert_eq!(refusal.kind(), RefusalKind::NotBuilt, "{text}: {}", refusal.message());
        assert!(refusal.message().contains("f_svg of"), "{text}: {}", refusal.message());
    }
}
