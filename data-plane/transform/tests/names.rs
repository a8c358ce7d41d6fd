//! Named transformations: what stands in the place of a name, and what is refused.

use std::collections::HashMap;
use std::sync::Arc;

use transform::grammar::Transformation;
use transform::refusal::RefusalKind;

fn stored(definitions: &[(&str, &str)]) -> HashMap<String, Arc<Transformation>> {
    let parsed = |(name, text): &(&str, &str)| ((*name).to_owned(), Arc::new(Transformation::parse(text).unwrap()));
    definitions.iter().map(parsed).collect()
}

#[test]
fn a_stored_chain_stands_in_the_place_of_its_name() {
    let stored = stored(&[
        ("small", "c_fill,h_10,w_10/e_grayscale"),
        ("grey", "e_grayscale"),
        ("both", "t_small/t_grey"),
        ("my name", "w_7"),
        ("dl", "fl_attachment"),
        ("tall", "if_h_gt_1,w_10"),
        ("open", "if_w_gt_9000/e_grayscale"),
    ]);
    for (text, expected) in [
        ("t_small", "c_fill,h_10,w_10/e_grayscale"),
        ("w_50/t_small/r_3", "w_50/c_fill,h_10,w_10/e_grayscale/r_3"),
        ("r_3,t_small", "c_fill,h_10,w_10/e_grayscale/r_3"),
        ("t_grey.small", "e_grayscale/c_fill,h_10,w_10/e_grayscale"),
        ("t_grey,t_small", "c_fill,h_10,w_10/e_grayscale"),
        ("t_both", "c_fill,h_10,w_10/e_grayscale/e_grayscale"),
        ("t_my%20name", "w_7"),
        ("w_3", "w_3"),
        // A condition of a component is over what the name stands for, and nothing else.
        ("if_w_gt_300,t_grey/r_3", "if_w_gt_300/e_grayscale/if_end/r_3"),
        (
            "if_w_gt_300,t_grey,w_9/if_else,t_small/r_3",
            "if_w_gt_300/e_grayscale/w_9/if_else/c_fill,h_10,w_10/e_grayscale/if_end/r_3",
        ),
        ("$a_1,t_grey", "$a_1/e_grayscale"),
        // What is stored ends its own conditions.
        ("if_w_gt_9/t_tall/if_end/r_3", "if_w_gt_9/if_h_gt_1/w_10/if_end/if_end/r_3"),
        ("t_open/w_20", "if_w_gt_9000/e_grayscale/if_end/w_20"),
    ] {
        let expanded =
            Transformation::parse(text).unwrap().expand(&|name| stored.get(name).cloned()).expect("it is stored");
        assert_eq!(expanded.canonical(), expected, "{text}");
        assert_eq!(expanded.had_names(), text.contains("t_"), "{text}");
        assert_eq!(expanded.names().count(), 0, "{text}");
    }
    // A name says nothing of what is behind it; what is behind it may be no more than how the file is handed over.
    let by_name = Transformation::parse("t_dl").unwrap();
    assert!(!by_name.is_delivery_only());
    assert!(by_name.expand(&|name| stored.get(name).cloned()).unwrap().is_delivery_only());
}

#[test]
fn names_without_an_end_are_refused() {
    let mut definitions: Vec<(String, String)> =
        (0..20).map(|depth| (format!("d{depth}"), format!("t_d{}", depth + 1))).collect();
    let wide = ["t_wide0"; 50].join("/");
    definitions.extend([
        ("a".into(), "t_b".into()),
        ("b".into(), "w_1/t_a".into()),
        ("wide".into(), wide.clone()),
        ("wide0".into(), ["t_wide1"; 50].join("/")),
        ("wide1".into(), ["w_1"; 50].join("/")),
        ("lost".into(), "t_nobody".into()),
    ]);
    let definitions: Vec<(&str, &str)> =
        definitions.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let stored = stored(&definitions);
    for (text, kind, message) in [
        ("t_a", RefusalKind::Invalid, "Invalid transformation a: it stands for itself"),
        ("t_d0", RefusalKind::Invalid, "Invalid transformation d10: it lies more than 10 names deep"),
        ("t_wide", RefusalKind::TooLarge, "Maximum is 100 transformation components. Requested 101"),
        ("t_lost", RefusalKind::Invalid, "Unknown transformation nobody"),
    ] {
        let refusal = Transformation::parse(text).unwrap().expand(&|name| stored.get(name).cloned()).unwrap_err();
        assert_eq!((refusal.kind(), refusal.message()), (kind, message), "{text}");
    }
}

#[test]
fn what_depends_on_who_asks_is_named() {
    for (text, found) in [
        ("w_100/f_auto", Some("f_auto")),
        ("dpr_auto,w_100", Some("dpr_auto")),
        ("c_scale,w_auto", Some("w_auto")),
        ("q_auto,w_100/f_png,dpr_2.0", None),
    ] {
        assert_eq!(Transformation::parse(text).unwrap().depends_on_client(), found, "{text}");
    }
}
