//! Sizes and windows against the vectors, and each rule of placement by itself.

mod support;

use support::{derived, photo, rows, size};
use transform::geometry::{ExactSize, Size, layout};
use transform::grammar::CropMode;
use transform::plan::Step;

#[test]
fn modes_reach_the_sizes_of_the_table() {
    for row in rows(include_str!("vectors/geometry.txt")) {
        let [source, requested, mode, scaled, output] = row[..] else { panic!("{row:?}") };
        let ((width, height), (w, h)) = (size(source), size(requested));
        let target = ExactSize { width: f64::from(w), height: f64::from(h) };
        let layout = layout(CropMode::parse(mode).unwrap(), Size { width, height }, target).unwrap();
        assert_eq!((layout.output.width, layout.output.height), size(output), "{row:?}");
        if scaled != "-" {
            assert_eq!((layout.scaled.width, layout.scaled.height), size(scaled), "{row:?}");
        }
        let plan = derived(&format!("c_{mode},h_{h},w_{w}"), &photo(width, height)).plan;
        assert_eq!((plan.width, plan.height), size(output), "{row:?}");
    }
}

#[test]
fn url_parts_reach_their_sizes() {
    for row in rows(include_str!("vectors/url_parts.txt")) {
        let [text, source, output] = row[..] else { panic!("{row:?}") };
        let (width, height) = size(source);
        let plan = derived(text, &photo(width, height)).plan;
        assert_eq!((plan.width, plan.height), size(output), "{row:?}");
    }
}

fn extract(text: &str) -> (u32, u32, u32, u32) {
    match derived(text, &photo(640, 427)).plan.steps.last() {
        Some(Step::Extract { x, y, width, height }) => (*x, *y, *width, *height),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn compass_gravities_place_the_window() {
    let expected = [
        ("north_west", (0, 0)),
        ("north", (270, 0)),
        ("north_east", (540, 0)),
        ("west", (0, 163)),
        ("center", (270, 163)),
        ("east", (540, 163)),
        ("south_west", (0, 327)),
        ("south", (270, 327)),
        ("south_east", (540, 327)),
    ];
    for (gravity, (x, y)) in expected {
        assert_eq!(extract(&format!("c_crop,g_{gravity},h_100,w_100")), (x, y, 100, 100), "{gravity}");
    }
}

#[test]
fn offsets_point_away_from_the_side_of_the_gravity() {
    let expected = [
        ("north_west", (10, 5)),
        ("north", (280, 5)),
        ("north_east", (530, 5)),
        ("west", (10, 168)),
        ("center", (280, 168)),
        ("east", (530, 168)),
        ("south_west", (10, 322)),
        ("south", (280, 322)),
        ("south_east", (530, 322)),
    ];
    for (gravity, (x, y)) in expected {
        assert_eq!(extract(&format!("c_crop,g_{gravity},h_100,w_100,x_10,y_5")), (x, y, 100, 100), "{gravity}");
    }
}

#[test]
fn a_window_placed_by_gravity_is_shifted_inside() {
    assert_eq!(extract("c_crop,g_north_west,h_100,w_100,x_600,y_-20"), (540, 0, 100, 100));
    assert_eq!(extract("c_crop,g_xy_center,h_100,w_100,x_0,y_427"), (0, 327, 100, 100));
}

#[test]
fn a_window_placed_by_its_corner_is_intersected() {
    assert_eq!(extract("c_crop,h_150,w_150,x_80,y_30"), (80, 30, 150, 150));
    assert_eq!(extract("c_crop,h_100,w_100,x_600,y_-20"), (600, 0, 40, 80));
    assert_eq!(extract("c_crop,h_1000,w_1000,x_40"), (40, 0, 600, 427));
}

#[test]
fn without_gravity_and_offsets_the_window_is_centred() {
    assert_eq!(extract("c_crop,h_100,w_100"), (270, 163, 100, 100));
    assert_eq!(extract("c_thumb,h_100,w_100"), (25, 0, 100, 100));
}

#[test]
fn the_centre_is_given_in_the_picture_that_enters() {
    // 640x427 is scaled to 150x100 first, so 320 becomes 75.
    assert_eq!(extract("c_fill,g_xy_center,h_100,w_100,x_320,y_200"), (25, 0, 100, 100));
}

#[test]
fn fractional_offsets_are_of_the_current_side() {
    assert_eq!(extract("c_crop,h_100,w_100,x_0.5,y_0.5"), (320, 213, 100, 100));
}

#[test]
fn offsets_are_multiplied_by_the_device_pixel_ratio() {
    assert_eq!(extract("c_crop,dpr_2,h_50,w_50,x_10,y_5"), (20, 10, 100, 100));
}

#[test]
fn pads_place_the_picture_at_the_gravity() {
    let embed = |text: &str| match derived(text, &photo(640, 427)).plan.steps.last() {
        Some(Step::Embed { x, y, .. }) => (*x, *y),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(embed("c_pad,h_200,w_200"), (0, 33));
    assert_eq!(embed("c_pad,g_north,h_200,w_200"), (0, 0));
    assert_eq!(embed("c_pad,g_south,h_200,w_200"), (0, 67));
    assert_eq!(embed("c_mpad,g_south_east,h_600,w_700,x_10,y_20"), (50, 153));
}
