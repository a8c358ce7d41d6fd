//! Reading and printing of transformations, and where they end in a path.

mod support;

use std::fmt::Write as _;

use support::rows;
use transform::grammar::{Attachment, Transformation, split_path};
use transform::hints::ClientHints;
use transform::plan::Colour;

#[test]
fn paths_are_split() {
    for row in rows(include_str!("vectors/paths.txt")) {
        let pieces: Vec<&str> = row[0].split('/').collect();
        let split = split_path(&pieces);
        if let Some(message) = row[1].strip_prefix("! ") {
            let refusal = split.expect_err(row[0]);
            assert!(refusal.message().starts_with(message), "{row:?}: {refusal}");
            continue;
        }
        let [_, spelling, version, public_id] = row[..] else { panic!("{row:?}") };
        let split = split.expect(row[0]);
        assert_eq!(split.spelling, spelling, "{row:?}");
        assert_eq!(split.version.map_or("-".to_owned(), |version| version.to_string()), version, "{row:?}");
        assert_eq!(pieces[split.public_id..].join("/"), public_id, "{row:?}");
        assert_eq!(split.transformation, Transformation::parse(spelling).unwrap(), "{row:?}");
    }
}

#[test]
fn a_path_without_pieces_has_no_public_id() {
    assert_eq!(split_path(&[]).unwrap().public_id, 0);
    assert_eq!(split_path(&["", ""]).unwrap().public_id, 2);
}

#[test]
fn there_is_one_canonical_spelling() {
    for row in rows(include_str!("vectors/canonical.txt")) {
        let [text, canonical] = row[..] else { panic!("{row:?}") };
        let parsed = Transformation::parse(text);
        if let Some(message) = canonical.strip_prefix("! ") {
            let refusal = parsed.expect_err(text);
            assert!(refusal.message().starts_with(message), "{row:?}: {refusal}");
            continue;
        }
        let parsed = parsed.expect(text);
        assert_eq!(parsed.canonical(), canonical, "{row:?}");
        assert_eq!(Transformation::parse(canonical).unwrap(), parsed, "{row:?}");
    }
}

/// Every spelling that official clients emit is read.
#[test]
fn serialisations_of_official_clients_are_understood() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/serialisations.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let mut found = String::from("# transformation | its canonical spelling\n");
    for row in rows(&text) {
        let outcome = match Transformation::parse(row[0]) {
            Ok(transformation) => transformation.canonical(),
            Err(refusal) => panic!("{row:?}: {refusal}"),
        };
        writeln!(found, "{} | {outcome}", row[0]).unwrap();
    }
    if std::env::var_os("WRITE_VECTORS").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(path).unwrap());
}

#[test]
fn refusals_name_the_token() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/refusals.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let mut found = String::from("# transformation | kind | message\n");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let text = line.split(" | ").next().unwrap_or_default();
        let planned = support::planned(text, None, &support::photo(640, 427), &ClientHints::default());
        let Err(refusal) = planned else {
            eprintln!("not refused: {text}");
            continue;
        };
        writeln!(found, "{text} | {:?} | {}", refusal.kind(), refusal.message()).unwrap();
    }
    if std::env::var_os("WRITE_VECTORS").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(path).unwrap());
}

#[test]
fn refusals_fit_into_a_header() {
    let refusal = Transformation::parse(&format!("w_%0D%0ASet-Cookie:%20a%C3%A9{}", "x".repeat(5000))).unwrap_err();
    assert!(refusal.message().len() <= 512, "{}", refusal.message());
    assert!(refusal.message().starts_with(r"Invalid width in transformation: \r\nSet-Cookie: a\u{e9}xxx"));
    assert!(refusal.message().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
}

#[test]
fn delivery_flags_are_no_matter_of_pixels() {
    let attachment = |text: &str| Transformation::parse(text).unwrap().attachment().cloned();
    assert_eq!(attachment("w_300"), None);
    assert_eq!(attachment("w_300/fl_attachment"), Some(Attachment { name: None }));
    assert_eq!(
        attachment("fl_attachment:my%20file%252Etxt"),
        Some(Attachment { name: Some("my file.txt".to_owned()) })
    );

    let only_delivery = |text: &str| Transformation::parse(text).unwrap().is_delivery_only();
    assert!(only_delivery(""));
    assert!(only_delivery("fl_attachment:a.b/fl_immutable_cache"));
    assert!(!only_delivery("fl_attachment,w_300"));
    assert!(!only_delivery("fl_strip_profile"));
    assert!(Transformation::parse("w_3,fl_immutable_cache").unwrap().immutable_cache());
}

#[test]
fn text_is_split_before_it_is_decoded() {
    let refusal = Transformation::parse("w_300%2Fh_200").unwrap_err();
    assert!(refusal.message().starts_with("Invalid width in transformation: 300/h_200 (component 1, item 1)"));
}

#[test]
fn colours_have_names_and_digits() {
    let colour = |r, g, b, a| Some(Colour { r, g, b, a });
    assert_eq!(Colour::from_url("RebeccaPurple"), colour(0x66, 0x33, 0x99, 255));
    assert_eq!(Colour::from_url("aliceblue"), colour(0xf0, 0xf8, 0xff, 255));
    assert_eq!(Colour::from_url("yellowgreen"), colour(0x9a, 0xcd, 0x32, 255));
    assert_eq!(Colour::from_url("rgb:1a2"), colour(0x11, 0xaa, 0x22, 255));
    assert_eq!(Colour::from_url("rgb:1a28"), colour(0x11, 0xaa, 0x22, 0x88));
    assert_eq!(Colour::from_url("rgb:102030"), colour(0x10, 0x20, 0x30, 255));
    assert_eq!(Colour::from_url("rgb:10203040"), colour(0x10, 0x20, 0x30, 0x40));
    assert_eq!(Colour::from_url("transparent"), Some(Colour::TRANSPARENT));
    assert_eq!(Colour::from_url("none"), Some(Colour::TRANSPARENT));
    for wrong in ["", "rgb:", "rgb:12", "rgb:12345", "rgb:+12", "#fff", "fff", "rebecca"] {
        assert_eq!(Colour::from_url(wrong), None, "{wrong}");
    }
}

/// What the official clients' builders print, and what was meant by it.
#[test]
fn what_builders_print_is_what_they_mean() {
    let (mut count, mut failures) = (0, Vec::new());
    for row in rows(include_str!("vectors/built.txt")) {
        let [_client, printed, meant] = row[..] else { panic!("{row:?}") };
        let canonical = Transformation::parse(printed).map(|parsed| parsed.canonical());
        let canonical = canonical.unwrap_or_else(|refusal| refusal.message().to_owned());
        if canonical != meant {
            failures.push(format!("{printed}: {canonical}, and not {meant}"));
        }
        count += 1;
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count > 1000, "{count}");
}
