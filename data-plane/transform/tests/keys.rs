//! Identity: which spellings share a rendition, and what is counted once.

mod support;

use support::{animation, derived, graphic, photo};
use transform::key::{RenditionKey, count_key};
use transform::source::SourceMeta;

const VERSION: [u8; 16] = [7; 16];

fn key(text: &str, source: &SourceMeta) -> RenditionKey {
    RenditionKey::new(&derived(text, source).plan, &VERSION, "engine-1")
}

#[test]
fn spellings_of_one_picture_share_a_key() {
    let photo = photo(640, 427);
    let same = [
        ("w_300,h_200", "h_200,w_300"),
        ("c_scale,w_300", "w_300"),
        ("dpr_2,w_150", "w_300"),
        ("w_150/dpr_2.0", "w_300"),
        ("w_0300", "w_300"),
        ("w_iw_sub_340", "w_300"),
        ("w_300", "fl_attachment:a,w_300"),
        ("w_300", "fl_immutable_cache/w_300"),
        ("c_thumb,h_90,w_90", "c_fill,g_center,h_90,w_90"),
        ("c_fill,g_auto,h_90,w_90", "c_fill,g_auto:classic,h_90,w_90"),
        ("c_limit,w_2000", "c_crop,h_427,w_640"),
        ("b_red,c_pad,h_9,w_9", "b_rgb:f00,c_pad,h_9,w_9"),
        ("f_jpg,w_9", "w_9"),
        ("f_jpeg,w_9", "w_9"),
        ("q_auto,w_9", "w_9"),
        ("a_450", "a_90"),
        ("c_thumb,h_90,w_90,z_2", "c_thumb,h_90,w_90"),
        ("w_300/w_300", "w_300"),
        ("a_ignore,w_9", "w_9"),
        ("ar_1.5,c_fill,w_90", "c_fill,h_60,w_90"),
    ];
    for (one, other) in same {
        assert_eq!(key(one, &photo), key(other, &photo), "{one} {other}");
    }
    // Chroma is nothing to a format without it.
    assert_eq!(key("q_80:444,w_9", &graphic(40, 30)), key("q_80,w_9", &graphic(40, 30)));
    // An animation has no automatic gravity.
    let animation = animation(40, 30);
    assert_eq!(key("c_fill,g_auto,h_9,w_9", &animation), key("c_fill,h_9,w_9", &animation));
}

#[test]
fn different_pictures_have_different_keys() {
    let photo = photo(640, 427);
    let keys = [
        "w_300",
        "w_301",
        "h_300",
        "w_300,q_80",
        "w_300,f_png",
        "w_300/e_blur",
        "e_blur/w_300",
        "fl_strip_profile,w_300",
    ]
    .map(|text| key(text, &photo));
    for (index, one) in keys.iter().enumerate() {
        assert!(!keys[index + 1..].contains(one), "{index}");
    }
}

#[test]
fn keys_depend_on_version_and_engine() {
    let plan = derived("w_300", &photo(640, 427)).plan;
    let key = RenditionKey::new(&plan, &VERSION, "engine-1");
    assert_eq!(key.to_string().len(), 64);
    assert_ne!(key, RenditionKey::new(&plan, &[8; 16], "engine-1"));
    assert_ne!(key, RenditionKey::new(&plan, &VERSION, "engine-2"));
}

/// A changed key makes every rendition anew, so a change must be meant.
#[test]
fn keys_stay_as_they_are() {
    let key = key("c_fill,g_auto,h_200,q_78,w_300", &photo(640, 427));
    assert_eq!(key.to_string(), "249c458b1795ca55fd0654eee245938cce345c53049c002d81b04919b6636a04");
    assert_eq!(key.etag(0), "dc8a283994e61059e8e05c7e89743e18");
}

#[test]
fn entity_tags_follow_the_generation() {
    let key = key("w_300", &photo(640, 427));
    assert_eq!(key.etag(0).len(), 32);
    assert_eq!(key.etag(3), key.etag(3));
    assert_ne!(key.etag(0), key.etag(1));
    assert!(!key.to_string().starts_with(&key.etag(0)));
}

#[test]
fn counting_is_once_for_plan_version_and_epoch() {
    let plan = derived("w_300", &photo(640, 427)).plan;
    let counted = count_key(&VERSION, &plan, 1);
    assert_eq!(counted, count_key(&VERSION, &derived("c_scale,w_300", &photo(640, 427)).plan, 1));
    assert_ne!(counted, count_key(&VERSION, &plan, 2));
    assert_ne!(counted, count_key(&[8; 16], &plan, 1));
    assert_ne!(counted, count_key(&VERSION, &derived("w_301", &photo(640, 427)).plan, 1));
    assert_eq!(counted[6] >> 4, 8, "UUID version");
    assert_eq!(counted[8] >> 6, 0b10, "UUID variant");
}
