//! What the language has, row by row, and what of it this build carries out. Nobody has to keep that true: each row has an example, and what
//! becomes of the example is asked.

use std::fmt::Write as _;

use serde::Serialize;

use crate::effects::{self, Form, Range, Slot};
use crate::grammar::Transformation;
use crate::grammar::parameters::parameter;

/// The whole table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// How many rows there are of each tier, and how many of them are carried out.
    pub tiers: Vec<Tier>,
    /// The rows, by what they are of.
    pub sections: Vec<Section>,
}

/// Counts of one tier: 1 is in almost every integration, 3 is rare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tier {
    /// The tier.
    pub tier: u8,
    /// How many rows it has.
    pub rows: usize,
    /// How many of them are carried out.
    pub carried_out: usize,
}

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What they are of.
    pub title: &'static str,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One thing that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// How it is written.
    pub example: String,
    /// Its tier.
    pub tier: u8,
    /// What it takes, for people.
    pub takes: String,
    /// Whether it is carried out.
    pub carried_out: bool,
    /// What it is refused with where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_with: Option<String>,
}

/// An example with its tier, and what it takes where that is not what its parameter takes.
type Example = (&'static str, u8, &'static str);

const CROPS: &[Example] = &[
    ("c_scale,w_100", 1, "both axes by themselves"),
    ("c_fit,h_100,w_100", 1, "into the box"),
    ("c_limit,h_100,w_100", 1, "into the box, never larger"),
    ("c_mfit,h_100,w_100", 2, "into the box, never smaller"),
    ("c_fill,h_100,w_100", 1, "over the box, the rest cut off"),
    ("c_lfill,h_100,w_100", 2, "over the box, never larger"),
    ("c_fill_pad,g_auto,h_100,w_100", 3, "over the box, padded where too much were cut off"),
    ("c_crop,h_100,w_100", 1, "a window"),
    ("c_thumb,g_face,h_100,w_100", 1, "the region of the gravity"),
    ("c_pad,h_100,w_100", 1, "into the box, then padded"),
    ("c_lpad,h_100,w_100", 2, "the same, never larger"),
    ("c_mpad,h_100,w_100", 2, "padded, never scaled"),
    ("c_auto,g_auto,h_100,w_100", 2, "the best window of the shape"),
    ("c_auto_pad,g_auto,h_100,w_100", 3, "the same, padded where too much were cut off"),
    ("c_imagga_crop,h_100,w_100", 3, "by a service of others"),
    ("c_imagga_scale,h_100,w_100", 3, "by a service of others"),
];

const GRAVITIES: &[Example] = &[
    ("c_fill,g_north_west,h_100,w_100", 1, "a side, a corner or the centre"),
    ("c_fill,g_auto,h_100,w_100", 1, "what is marked, else what catches the eye"),
    ("c_fill,g_auto:classic,h_100,w_100", 2, "the same"),
    ("c_fill,g_auto:subject,h_100,w_100", 2, "the same, without a model"),
    ("c_fill,g_auto:face,h_100,w_100", 2, "faces that are marked"),
    ("c_fill,g_auto:cat_30,h_100,w_100", 2, "things of a detector"),
    ("c_fill,g_auto:aoi_1_2_3_4,h_100,w_100", 3, "an area of the source"),
    ("c_fill,g_auto:30,h_100,w_100", 3, "how much is kept around it"),
    ("c_fill,g_auto:thirds_0,h_100,w_100", 3, "not moved towards a third"),
    ("c_fill,g_auto:none,h_100,w_100", 3, "marks are not regarded"),
    ("c_crop,g_face,h_100,w_100", 1, "the largest face that is marked"),
    ("c_crop,g_faces,h_100,w_100", 1, "all of them"),
    ("c_crop,g_face:center,h_100,w_100", 1, "else the centre"),
    ("c_crop,g_face:auto,h_100,w_100", 2, "else what catches the eye"),
    ("c_crop,g_custom,h_100,w_100", 2, "what people have marked"),
    ("c_crop,g_custom:face,h_100,w_100", 2, "else a face"),
    ("c_crop,g_custom:adv_face,h_100,w_100", 3, "by a service of others"),
    ("c_crop,g_adv_eyes,h_100,w_100", 3, "by a service of others"),
    ("c_crop,g_region_!name!,h_100,w_100", 2, "a rectangle by its name"),
    ("c_crop,g_xy_center,h_100,w_100,x_50,y_50", 2, "around a point"),
    ("c_scale,g_liquid,h_100,w_100", 3, "seams are taken out"),
    ("c_crop,g_ocr_text,h_100,w_100", 3, "by a service of others"),
    ("c_crop,g_cld-decompose_tile,h_100,w_100", 3, "the largest tile"),
    ("c_crop,g_clipping_path_!name!,h_100,w_100", 3, "a path of the file"),
    ("c_crop,g_cat,h_100,w_100", 3, "things of a detector"),
    ("c_crop,g_body,h_100,w_100", 3, "things of a detector"),
    ("c_crop,g_track_person,h_100,w_100", 3, "things of a detector"),
];

const PARAMETERS: &[Example] = &[
    ("a_45", 1, ""),
    ("a_hflip", 1, ""),
    ("a_auto_left,c_fill,h_100,w_200", 3, ""),
    ("a_ignore", 2, ""),
    ("a_exif", 3, ""),
    ("a_hflip.45", 2, ""),
    ("ac_aac", 2, ""),
    ("af_44100", 3, ""),
    ("ar_16:9,c_fill,w_100", 1, ""),
    ("b_red", 1, ""),
    ("b_auto,c_pad,h_100,w_100", 2, ""),
    ("b_blurred,c_pad,h_100,w_100", 2, ""),
    ("b_gen_fill,c_pad,h_100,w_100", 3, ""),
    ("bl_name", 3, ""),
    ("bo_4px_solid_black", 2, ""),
    ("br_500k", 2, ""),
    ("br_av:video_(value_500k);audio_(value_100k)", 3, ""),
    ("co_red,e_colorize", 1, ""),
    ("cs_srgb", 2, ""),
    ("cs_tinysrgb", 3, ""),
    ("cs_cmyk", 3, ""),
    ("cs_srgb:truecolor", 3, ""),
    ("cs_icc:profile.icc", 3, ""),
    ("cs_copy", 3, ""),
    ("d_placeholder.png", 2, ""),
    ("dl_100", 2, ""),
    ("dn_150", 2, ""),
    ("dpr_2,w_100", 1, ""),
    ("dr_high", 3, ""),
    ("du_3", 1, ""),
    ("eo_5", 1, ""),
    ("fn_wasm:code.wasm", 3, ""),
    ("fps_24", 2, ""),
    ("h_100", 1, ""),
    ("if_w_gt_100/w_100/if_end", 2, ""),
    ("ki_2", 3, ""),
    ("l_logo/fl_layer_apply", 1, ""),
    ("o_50", 1, ""),
    ("p_name", 3, ""),
    ("pg_2", 2, ""),
    ("pg_1-3", 2, ""),
    ("r_20", 1, ""),
    ("r_10:20:30:40", 2, ""),
    ("r_max", 1, ""),
    ("so_2", 1, ""),
    ("sp_full_hd", 2, ""),
    ("t_name", 1, ""),
    ("u_background/fl_layer_apply", 2, ""),
    ("vc_h264", 1, ""),
    ("vs_10", 2, ""),
    ("w_100", 1, ""),
    ("w_0.5", 1, ""),
    ("w_iw_div_2", 1, ""),
    ("w_auto", 2, ""),
    ("w_auto:breakpoints", 3, ""),
    ("c_crop,h_100,w_100,x_10,y_10", 1, ""),
    ("c_thumb,g_face,h_100,w_100,z_0.7", 2, ""),
    ("$size_100/w_$size", 2, "a variable"),
];

const FLAGS: &[(&str, u8)] = &[
    ("alpha", 3),
    ("alternate:lang_de", 3),
    ("animated", 2),
    ("any_format", 3),
    ("apng", 2),
    ("attachment", 1),
    ("awebp", 2),
    ("c2pa", 3),
    ("clip", 3),
    ("clip_evenodd", 3),
    ("cutter", 2),
    ("draco", 3),
    ("force_icc", 3),
    ("force_strip", 2),
    ("getinfo", 2),
    ("group4", 3),
    ("hlsv3", 3),
    ("ignore_aspect_ratio", 2),
    ("ignore_mask_channels", 3),
    ("immutable_cache", 3),
    ("keep_attribution", 2),
    ("keep_dar", 3),
    ("keep_iptc", 2),
    ("lossy", 2),
    ("mono", 2),
    ("no_overflow", 2),
    ("no_stream", 3),
    ("original", 3),
    ("png24", 2),
    ("png32", 2),
    ("png8", 2),
    ("preserve_transparency", 2),
    ("progressive", 2),
    ("rasterize", 2),
    ("region_relative", 2),
    ("relative", 1),
    ("replace_image", 3),
    ("sanitize", 2),
    ("splice", 2),
    ("sprite", 2),
    ("streaming_attachment", 3),
    ("strip_profile", 2),
    ("text_disallow_overflow", 3),
    ("text_no_trim", 3),
    ("tiff8_lzw", 3),
    ("tiled", 2),
    ("truncate_ts", 3),
    ("waveform", 2),
];

#[rustfmt::skip]
const FORMATS: &[(&str, u8)] = &[
    ("auto", 1), ("avif", 1), ("gif", 1), ("jpg", 1), ("png", 1), ("webp", 1), ("mp4", 1), ("webm", 1), ("mov", 1),
    ("jxl", 2), ("svg", 2), ("pdf", 2), ("tiff", 2), ("m3u8", 2), ("mpd", 2), ("mp3", 2), ("aac", 2), ("wav", 2), ("ogg", 2), ("flac", 2),
    ("heic", 3), ("bmp", 3), ("ico", 3), ("jp2", 3), ("wdp", 3), ("psd", 3), ("eps", 3), ("glb", 3), ("mkv", 3), ("avi", 3), ("vtt", 3),
];

const QUALITIES: &[Example] = &[
    ("q_80", 1, ""),
    ("q_auto", 1, ""),
    ("q_auto:best", 1, ""),
    ("q_auto:good", 1, ""),
    ("q_auto:eco", 1, ""),
    ("q_auto:low", 1, ""),
    ("q_80:420", 2, ""),
    ("q_80:422", 2, ""),
    ("q_80:444", 2, ""),
    ("q_auto:good:444", 3, ""),
    ("q_auto:good:sensitive", 3, ""),
    ("q_80:qmax_20", 3, ""),
    ("q_jpegmini", 3, ""),
];

/// The table as this build is.
pub fn coverage() -> Coverage {
    let examples = |title, rows: &[Example]| {
        let rows = rows.iter().map(|(example, tier, takes)| Row::of((*example).to_owned(), *tier, takes)).collect();
        Section { title, rows }
    };
    let named = |title, key: &str, rows: &[(&str, u8)]| {
        let rows = rows.iter().map(|(name, tier)| Row::of(format!("{key}_{name}"), *tier, "")).collect();
        Section { title, rows }
    };
    let mut sections = vec![
        examples("Parameters", PARAMETERS),
        examples("Crop modes", CROPS),
        examples("Gravities", GRAVITIES),
        examples("Quality", QUALITIES),
        named("Formats", "f", FORMATS),
        named("Flags", "fl", FLAGS),
    ];
    sections.extend(effects::families().into_iter().map(|(title, rows)| {
        Section {
            title,
            rows: rows
                .iter()
                .map(|row| Row::of(format!("e_{}{}", row.name, example_of(row.form)), row.tier, &row.form.to_string()))
                .collect(),
        }
    }));
    let of_tier = |tier| {
        let rows: Vec<&Row> =
            sections.iter().flat_map(|section| &section.rows).filter(|row| row.tier == tier).collect();
        Tier { tier, rows: rows.len(), carried_out: rows.iter().filter(|row| row.carried_out).count() }
    };
    let tiers = [1, 2, 3].map(of_tier).into();
    Coverage { tiers, sections }
}

impl Row {
    /// Asks what becomes of an example. What a parameter takes is said by its own row, unless something else is.
    fn of(example: String, tier: u8, takes: &str) -> Self {
        let said = || example.split_once('_').and_then(|(key, _)| parameter(key)).map(|row| row.takes.to_owned());
        let takes = if takes.is_empty() { said().unwrap_or_default() } else { takes.to_owned() };
        // Names are put in by whoever knows them, so that one alone stands for something that is carried out.
        let refused_with = match Transformation::parse(&example) {
            Ok(parsed) => parsed.gap().map(|refusal| refusal.message().to_owned()),
            Err(refusal) => Some(refusal.message().to_owned()),
        };
        Self { example, tier, takes, carried_out: refused_with.is_none(), refused_with }
    }
}

/// The shortest arguments that a form takes.
fn example_of(form: Form) -> String {
    let one = |slot: Slot| match slot {
        Slot::Number(Range { max, default, .. }) | Slot::NumberOr(Range { max, default, .. }, _) => {
            default.min(max).to_string()
        }
        Slot::OneOf(numbers) => numbers.first().map(ToString::to_string).unwrap_or_default(),
        Slot::Decibels => "-10dB".to_owned(),
        Slot::Length => "10".to_owned(),
        Slot::Colour => "red".to_owned(),
        Slot::Place => "50p".to_owned(),
        Slot::Word(words) => words.first().copied().unwrap_or_default().to_owned(),
        Slot::Text => "text".to_owned(),
    };
    match form {
        Form::Slots { least, slots } => {
            slots.iter().take(least).fold(String::new(), |text, slot| text + ":" + &one(*slot))
        }
        Form::Several { each, counts } => format!(":{}", one(each)).repeat(counts.first().copied().unwrap_or(0)),
        Form::Any(forms) => forms.first().map(|form| example_of(*form)).unwrap_or_default(),
        Form::Text { required: true } => ":text".to_owned(),
        Form::Nothing | Form::Strength(_) | Form::Named { .. } | Form::Text { required: false } => String::new(),
    }
}

/// The table as a page of Markdown.
pub fn page(coverage: &Coverage) -> String {
    let mut page = String::from("# What transformations can do\n\n");
    page.push_str(
        "Everything of the language is read, printed and refused by name where it is not carried out. Tier 1 is in almost every \
         integration, tier 3 is rare. `safelight explain` says what a transformation comes to.\n\n\
         | tier | rows | carried out |\n|---|---|---|\n",
    );
    for Tier { tier, rows, carried_out } in &coverage.tiers {
        let _ = writeln!(page, "| {tier} | {rows} | {carried_out} |");
    }
    for Section { title, rows } in &coverage.sections {
        let done = rows.iter().filter(|row| row.carried_out).count();
        let _ = writeln!(page, "\n## {title} ({done} of {})\n", rows.len());
        page.push_str("| example | tier | takes | |\n|---|---|---|---|\n");
        for row in rows {
            let answer = match &row.refused_with {
                None => "yes",
                Some(message) if message.contains("is not available") => "not available",
                Some(_) => "not yet",
            };
            let takes = row.takes.replace('|', "\\|");
            let _ = writeln!(page, "| `{}` | {} | {takes} | {answer} |", row.example, row.tier);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{CropMode, Flag, parameters};

    #[test]
    fn nothing_of_the_language_is_left_out() {
        let coverage = coverage();
        let examples: Vec<&str> =
            coverage.sections.iter().flat_map(|section| &section.rows).map(|row| row.example.as_str()).collect();
        let begins =
            |text: &str| examples.iter().any(|example| example.split(['/', ',']).any(|item| item.starts_with(text)));
        for parameter in parameters::PARAMETERS {
            assert!(begins(&format!("{}_", parameter.key)), "{}_", parameter.key);
        }
        for flag in Flag::ALL {
            assert!(begins(&format!("fl_{}", flag.name())), "fl_{}", flag.name());
        }
        for mode in CropMode::ALL {
            assert!(begins(&format!("c_{}", mode.name())), "c_{}", mode.name());
        }
    }

    #[test]
    fn examples_are_of_the_language() {
        for row in coverage().sections.iter().flat_map(|section| &section.rows) {
            if let Some(message) = &row.refused_with {
                let by_name = message.contains("is not built yet") || message.contains("is not available");
                assert!(by_name, "{}: {message}", row.example);
            }
        }
    }
}
