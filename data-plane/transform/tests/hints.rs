//! Client hints and the tables behind `auto`.

mod support;

use support::{animation, graphic, photo};
use transform::autos::{
    AVIF_MAX_PIXELS, ContentClass, device_pixel_ratio, encoder_quality, image_format, quality_level, width,
};
use transform::grammar::{Decimal, QualityLevel};
use transform::hints::{ClientHints, Vary};
use transform::source::{Format, SourceMeta};

fn read(headers: &[(&str, &'static str)]) -> ClientHints {
    ClientHints::from_headers(headers.iter().copied())
}

const SIZE: transform::geometry::Size = transform::geometry::Size { width: 640, height: 427 };

#[test]
fn headers_are_reduced_to_what_matters() {
    assert_eq!(read(&[]), ClientHints::default());
    let chrome =
        read(&[("accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"), ("dpr", "1.5")]);
    assert_eq!(chrome, ClientHints { avif: true, webp: true, dpr: Some(1.5), ..ClientHints::default() });
    assert_eq!(read(&[("accept", "*/*, image/*")]), ClientHints::default());
    assert_eq!(
        read(&[("accept", "image/webp;q=0, Image/JXL; q=0.2")]),
        ClientHints { jxl: true, ..ClientHints::default() }
    );
    assert!(read(&[("save-data", "On")]).save_data);
    assert!(!read(&[("save-data", "off")]).save_data);
    assert_eq!(read(&[("sec-ch-dpr", "2"), ("dpr", "3")]).dpr, Some(2.0));
    assert_eq!(read(&[("dpr", "-1")]).dpr, None);
    assert_eq!(read(&[("dpr", "NaN")]).dpr, None);
    assert_eq!(read(&[("width", "333.2"), ("viewport-width", "1000")]).width, Some(334));
    assert_eq!(read(&[("sec-ch-viewport-width", "1000")]).viewport_width, Some(1000));
}

#[test]
fn vary_lists_nothing_by_itself() {
    assert!(Vary::default().is_empty());
    assert!(Vary::default().headers().is_empty());
}

#[test]
fn automatic_formats_follow_the_table() {
    let none = ClientHints::default();
    let webp = ClientHints { webp: true, ..none };
    let avif = ClientHints { avif: true, ..none };
    let all = ClientHints { avif: true, webp: true, jxl: true, ..none };
    let (photo, graphic, animation) = (photo(10, 10), graphic(10, 10), animation(10, 10));
    let opaque_png = SourceMeta { has_alpha: false, ..graphic.clone() };
    let small = 100;
    let large = AVIF_MAX_PIXELS + 1;
    let cases = [
        (none, &photo, false, small, Format::Jpg),
        (none, &opaque_png, false, small, Format::Jpg),
        (none, &graphic, false, small, Format::Png),
        (webp, &photo, false, small, Format::Webp),
        (avif, &photo, false, small, Format::Avif),
        (avif, &photo, false, large, Format::Jpg),
        (avif, &graphic, false, large, Format::Png),
        (all, &photo, false, small, Format::Avif),
        (all, &photo, false, large, Format::Webp),
        (all, &animation, true, small, Format::Webp),
        (avif, &animation, true, small, Format::Gif),
        (none, &animation, true, small, Format::Gif),
        (all, &animation, false, small, Format::Avif),
    ];
    for (hints, source, animated, pixels, format) in cases {
        assert_eq!(image_format(&hints, source, animated, pixels), format, "{hints:?} {source:?} {pixels}");
    }
}

#[test]
fn automatic_quality_stays_in_its_bounds_and_falls_with_the_level() {
    use QualityLevel::*;
    for (format, low, high) in [(Format::Jpg, 45, 92), (Format::Webp, 40, 90), (Format::Avif, 35, 80)] {
        for class in [ContentClass::Photo, ContentClass::Graphic] {
            let levels = [Low, Eco, Good, Best].map(|level| encoder_quality(format, class, level, SIZE));
            assert!(levels.is_sorted() && levels[0] < levels[3], "{format:?} {class:?}");
            assert!(levels[0] >= low && levels[3] <= high, "{format:?} {class:?}");
        }
        let of = |class| encoder_quality(format, class, Good, SIZE);
        assert!(of(ContentClass::Graphic) > of(ContentClass::Photo));
    }
    assert_eq!(encoder_quality(Format::Png, ContentClass::Graphic, Low, SIZE), 100);
}

#[test]
fn content_is_classified_by_stored_facts() {
    assert_eq!(ContentClass::of(&photo(1, 1)), ContentClass::Photo);
    assert_eq!(ContentClass::of(&SourceMeta { has_alpha: true, ..photo(1, 1) }), ContentClass::Graphic);
    assert_eq!(ContentClass::of(&SourceMeta { format: Format::Png, ..photo(1, 1) }), ContentClass::Graphic);
}

#[test]
fn saving_data_never_improves_a_picture() {
    use QualityLevel::*;
    assert_eq!(quality_level(Best, false, true), Eco);
    assert_eq!(quality_level(Low, false, true), Low);
    assert_eq!(quality_level(Good, true, false), Best);
    assert_eq!(quality_level(Best, true, false), Best);
}

#[test]
fn device_pixel_ratios_are_rounded_up_and_clamped() {
    let ratio = |dpr| device_pixel_ratio(&ClientHints { dpr, ..ClientHints::default() });
    assert_eq!(ratio(None), Decimal::whole(1));
    assert_eq!(ratio(Some(1.25)), Decimal::whole(2));
    assert_eq!(ratio(Some(0.1)), Decimal::whole(1));
    assert_eq!(ratio(Some(9.0)), Decimal::whole(5));
}

#[test]
fn automatic_widths_are_rounded_up_to_their_step() {
    let hints = |width, viewport_width| ClientHints { width, viewport_width, ..ClientHints::default() };
    assert_eq!(width(&hints(Some(301), Some(5)), 100, None), Some(400));
    assert_eq!(width(&hints(Some(300), None), 100, None), Some(300));
    assert_eq!(width(&hints(None, Some(5)), 20, Some(7)), Some(20));
    assert_eq!(width(&hints(None, None), 100, Some(77)), Some(77));
    assert_eq!(width(&hints(None, None), 100, None), None);
}
