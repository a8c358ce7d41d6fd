//! Whatever the text, reading and planning end with a value or a refusal, and printing is stable.

#[path = "support/soundness.rs"]
mod soundness;

/// Marsaglia's xorshift: the same texts in every run.
struct Generator(u64);

/// What separates something in the language, and what breaks it.
const PARTS: &[&str] = &[
    "_",
    ",",
    "/",
    ":",
    ".",
    "-",
    "0",
    "9",
    "%",
    "%2C",
    "%FF",
    "$",
    "!",
    "(",
    ")",
    ";",
    "é",
    "\0",
    "v1",
    "iw",
    "rgb:",
    "_add_",
    "_div_",
    "_pow_",
    "if_",
    "if_end",
    "if_else",
    "fl_layer_apply",
    "l_",
    "$a_",
    "e_trim",
    "99999999999999999999",
    "0.000000001",
    "-1",
    "1.0",
    "2.5",
];

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
        (0..self.below(24)).map(|_| self.pick(PARTS)).collect()
    }

    /// One that is known, with some of it replaced, doubled, left out or broken.
    fn mutated(&mut self, known: &[&str]) -> String {
        let mut pieces: Vec<String> = self.pick(known).split('/').map(str::to_owned).collect();
        for _ in 0..self.below(4) {
            let at = self.below(pieces.len());
            let other = self.pick(known).to_owned();
            let others: Vec<&str> = other.split('/').collect();
            match self.below(7) {
                0 => pieces.insert(at, self.pick(&others).to_owned()),
                1 => pieces[at] = self.pick(&others).to_owned(),
                2 if pieces.len() > 1 => drop(pieces.remove(at)),
                3 => {
                    let items: Vec<&str> = other.split(['/', ',']).collect();
                    pieces[at] = format!("{},{}", pieces[at], self.pick(&items));
                }
                4 => {
                    let end = pieces[at].char_indices().nth(self.below(12)).map_or(pieces[at].len(), |(end, _)| end);
                    pieces[at].insert_str(end, self.pick(PARTS));
                }
                5 => pieces[at] = pieces[at].replacen(|digit: char| digit.is_ascii_digit(), self.pick(PARTS), 1),
                _ => pieces[at] = pieces[at].chars().filter(|_| self.below(12) > 0).collect(),
            }
        }
        pieces.join("/")
    }
}

/// The transformations of a vector file, one field of each row.
fn column(text: &'static str, field: usize) -> impl Iterator<Item = &'static str> {
    let row = move |line: &'static str| line.split('|').nth(field).map(str::trim);
    text.lines().filter(|line| !line.starts_with('#')).filter_map(row).filter(|text| !text.is_empty())
}

fn known() -> Vec<&'static str> {
    column(include_str!("vectors/outcomes.txt"), 0)
        .chain(column(include_str!("vectors/flow.txt"), 0))
        .chain(column(include_str!("vectors/canonical.txt"), 0))
        .chain(column(include_str!("vectors/refusals.txt"), 0))
        .chain(column(include_str!("vectors/pictures.txt"), 0))
        .chain(column(include_str!("vectors/built.txt"), 1))
        .collect()
}

#[test]
fn noise_is_read_or_refused() {
    let mut generator = Generator(0x5afe_1191);
    for _ in 0..20_000 {
        soundness::reading(&generator.noise());
    }
}

#[test]
fn mutated_transformations_are_planned_or_refused() {
    let (known, mut generator) = (known(), Generator(0x0dd_ba11));
    let (mut read, mut conditions) = (0, 0);
    for number in 0..30_000_u32 {
        let text = generator.mutated(&known);
        if let Some(transformation) = soundness::reading(&text) {
            soundness::planning(&transformation, &soundness::source(number as u8), (number / 8 % 50) as u8);
            read += 1;
            conditions += usize::from(text.contains("if_"));
        }
    }
    assert!(
        read > 10_000 && conditions > 500,
        "{read} texts were readable, {conditions} with conditions: that tests little"
    );
}

#[test]
fn megabytes_are_read_or_refused() {
    // Repeated until a megabyte is full: components, items, brackets of every kind, arithmetic, and single words.
    let pieces = [
        "e_grayscale/",
        "w_10,",
        "if_w_gt_1/",
        "if_w_gt_1,w_5/",
        "if_w_gt_1/if_else/",
        "l_cat/",
        "l_cat/fl_layer_apply/",
        "t_name/",
        "$a_1/",
        "$a_$a_mul_$a/",
        "w_iw_add_",
        "w_(((",
        "w_1_pow_9_pow_",
        "l_text:Arial_20:a",
        "l_text:Arial_20:%2525",
        "e_tint:1:",
        "br_av:(",
        "fl_attachment.",
        "g_auto:cat_1:",
        "!a!_in_tags_and_",
        "a",
        "_",
        ":",
        "%",
        "é",
        "9",
    ];
    for piece in pieces {
        for head in ["", "w_5/", "if_", "w_", "$v_", "l_fetch:"] {
            let text = format!("{head}{}", piece.repeat((1 << 20) / piece.len()));
            if let Some(transformation) = soundness::reading(&text) {
                soundness::planning(&transformation, &soundness::source(0), 0);
            }
        }
    }
}
