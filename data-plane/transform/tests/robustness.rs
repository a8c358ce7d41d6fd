//! Whatever the text, reading and planning end with a value or a refusal, and printing is stable.

mod support;

use support::{LIMITS, animation, graphic, photo};
use transform::facts::Facts;
use transform::grammar::{Transformation, split_path};
use transform::hints::ClientHints;
use transform::planner::{PlanRequest, Planned, plan};

/// Marsaglia's xorshift: the same texts in every run.
struct Generator(u64);

impl Generator {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn noise(&mut self) -> String {
        const ALPHABET: &[&str] = &[
            "w",
            "h",
            "c",
            "_",
            ",",
            "/",
            ":",
            ".",
            "-",
            "0",
            "1",
            "9",
            "%",
            "%2C",
            "%FF",
            "$",
            "!",
            "(",
            ";",
            "é",
            "\0",
            "v",
            "auto",
            "iw",
            "fl_",
            "e_",
            "rgb:",
            "attachment:",
        ];
        (0..self.below(24)).map(|_| self.pick(ALPHABET)).collect()
    }

    /// Mostly well-formed text, with extreme and broken values among ordinary ones.
    fn transformation(&mut self) -> String {
        const ITEMS: &[&str] = &[
            "w_", "h_", "x_", "y_", "ar_", "c_", "g_", "r_", "a_", "b_", "bo_", "e_", "q_", "f_", "fl_", "dpr_", "z_",
            "pg_",
        ];
        const VALUES: &[&str] = &[
            "1",
            "0",
            "-1",
            "300",
            "0.5",
            "1.0",
            "99999999999999999999",
            "0.000000001",
            "iw",
            "ih_mul_2",
            "w_sub_5000",
            "9_pow_999",
            "w_div_0",
            "auto",
            "auto:50:300",
            "fill",
            "crop",
            "thumb",
            "pad",
            "lpad",
            "mpad",
            "limit",
            "mfit",
            "fit",
            "lfill",
            "scale",
            "north_east",
            "center",
            "xy_center",
            "16:9",
            "max",
            "1:2:3",
            "red",
            "rgb:f0f8",
            "transparent",
            "3px_solid_red",
            "999999999px_solid_red",
            "blur:300",
            "grayscale",
            "sharpen",
            "png",
            "jpg",
            "avif",
            "gif",
            "webp",
            "strip_profile",
            "attachment:a.b",
            "ignore_aspect_ratio",
            "2.5",
            "45",
            "90.hflip",
            "ignore",
            "auto:eco:444",
            "80:420",
        ];
        const WELL_FORMED: &[&str] = &[
            "w_300",
            "h_200",
            "w_1",
            "w_0.5",
            "h_1.7",
            "w_iw_div_2",
            "h_w_mul_2",
            "w_auto:50:300",
            "x_10",
            "y_-20",
            "x_0.3",
            "ar_16:9",
            "ar_0.2",
            "c_fill",
            "c_crop",
            "c_thumb",
            "c_pad",
            "c_lpad",
            "c_mpad",
            "c_limit",
            "c_mfit",
            "c_fit",
            "c_lfill",
            "c_scale",
            "g_auto",
            "g_south_east",
            "g_xy_center",
            "r_20",
            "r_max",
            "r_1:2:3",
            "a_90",
            "a_17.hflip",
            "a_ignore",
            "b_red",
            "b_rgb:ff000080",
            "bo_3px_solid_blue",
            "e_blur:300",
            "e_grayscale",
            "q_80:444",
            "q_auto",
            "q_auto:best:sensitive",
            "f_auto",
            "f_png",
            "f_jpg",
            "fl_strip_profile",
            "fl_awebp",
            "fl_ignore_aspect_ratio",
            "fl_attachment:a%252Eb",
            "dpr_2",
            "dpr_auto",
            "dpr_1.3",
            "z_2",
            "pg_1",
        ];
        let components = 1 + self.below(4);
        let item = |generator: &mut Self| match generator.below(8) {
            0 => format!("{}{}", generator.pick(ITEMS), generator.pick(VALUES)),
            _ => generator.pick(WELL_FORMED).to_owned(),
        };
        let piece = |generator: &mut Self| {
            let items: Vec<String> = (0..1 + generator.below(5)).map(|_| item(generator)).collect();
            items.join(",")
        };
        (0..components).map(|_| piece(self)).collect::<Vec<_>>().join("/")
    }
}

fn check(text: &str) -> bool {
    let pieces: Vec<&str> = text.split('/').collect();
    if let Ok(split) = split_path(&pieces) {
        assert!(split.public_id <= pieces.len());
    }
    let Ok(transformation) = Transformation::parse(text) else { return false };
    let canonical = transformation.canonical();
    let again = Transformation::parse(&canonical).unwrap_or_else(|refusal| panic!("{text} as {canonical}: {refusal}"));
    assert_eq!(again, transformation, "{text}");
    assert_eq!(again.canonical(), canonical, "{text}");
    let nothing_stored = |transformation: Transformation| transformation.expand(&|_| None);
    let (Ok(transformation), Ok(again)) = (nothing_stored(transformation), nothing_stored(again)) else { return true };

    let hints =
        ClientHints { avif: true, webp: true, dpr: Some(1e300), width: Some(u32::MAX), ..ClientHints::default() };
    for source in [photo(640, 427), graphic(1, 30_000), animation(65_535, 1), photo(u32::MAX, u32::MAX)] {
        for hints in [ClientHints::default(), hints] {
            let facts = Facts::default();
            let request = |transformation| PlanRequest {
                transformation,
                extension: None,
                source: &source,
                facts: &facts,
                hints: &hints,
                limits: &LIMITS,
                default_quality: None,
            };
            let planned = plan(request(&transformation));
            assert_eq!(planned, plan(request(&again)), "{text}");
            if let Ok(Planned::Derived(derived)) = planned {
                let plan = derived.plan;
                assert!(plan.width.max(plan.height) <= LIMITS.max_side, "{text}");
                assert!(derived.cost.output_pixels <= LIMITS.max_pixels, "{text}");
            }
        }
    }
    true
}

#[test]
fn noise_is_read_or_refused() {
    let mut generator = Generator(0x5afe_1191);
    for _ in 0..20_000 {
        check(&generator.noise());
    }
}

#[test]
fn mutated_transformations_are_planned_or_refused() {
    let mut generator = Generator(0x0dd_ba11);
    let mut read = 0;
    for _ in 0..40_000 {
        if check(&generator.transformation()) {
            read += 1;
        }
    }
    assert!(read > 10_000, "only {read} texts were readable: the generator tests nothing");
}
