//! Drawings as text: what they say of their size, where the library does not, and what is left of them once they are clean.

use svg_hush::{Filter, data_url_filter};
use xml::reader::{EventReader, XmlEvent};

use crate::protocol::{Refused, RefusedKind};

/// The longest side that the library can speak of, in pixels. What is longer it reports as one pixel.
const LONGEST: f64 = 10_000_000.0;

/// Refuses a drawing whose size is beyond all numbers. One that cannot be read here is left to the library, which reads more.
///
/// # Errors
/// [`RefusedKind::TooManyPixels`].
pub fn check(bytes: &[u8]) -> Result<(), Refused> {
    let root = EventReader::new(bytes).into_iter().find_map(|event| match event {
        Ok(XmlEvent::StartElement { attributes, .. }) => Some(attributes),
        _ => None,
    });
    let Some(attributes) = root else { return Ok(()) };
    for name in ["width", "height"] {
        let own = attributes.iter().find(|attribute| attribute.name.local_name == name);
        let said = own.map(|attribute| attribute.value.as_str()).unwrap_or_default();
        let number = said.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '%').trim();
        // Millimetres and inches make it larger yet.
        if number.parse::<f64>().is_ok_and(|number| number > LONGEST) {
            return Err(Refused::new(
                RefusedKind::TooManyPixels,
                format!("a {name} of {said} pixels is more than allowed"),
            ));
        }
    }
    Ok(())
}

/// The drawing without scripts and anything else that does not draw. Of references to elsewhere the path is left, which leads nowhere else than to
/// where the drawing is.
///
/// # Errors
/// [`RefusedKind::NotAnImage`] where it is no XML.
pub fn cleaned(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut filter = Filter::new();
    // Pictures inside stay where they are pictures.
    filter.set_data_url_filter(data_url_filter::allow_standard_images);
    let mut clean = Vec::with_capacity(bytes.len());
    match filter.filter(bytes, &mut clean) {
        Ok(()) => Ok(clean),
        Err(error) => Err(Refused::new(RefusedKind::NotAnImage, format!("the drawing cannot be cleaned: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_draw_is_left_out() {
        let drawing = br##"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="8" onload="alert(1)">
            <script>alert(2)</script><style>rect { fill: url(https://elsewhere.example/a.svg#b) }</style>
            <a xlink:href="javascript:alert(3)"><rect width="4" height="3" fill="red"/></a><use xlink:href="https://elsewhere.example/c.svg#d"/>
            <image xlink:href="file:///etc/passwd"/><foreignObject><iframe src="https://elsewhere.example/"/></foreignObject>
            <image width="1" height="1" xlink:href="data:image/png;base64,iVBORw0KGgo="/></svg>"##;
        let clean = String::from_utf8(cleaned(drawing).unwrap()).unwrap();
        for word in ["script", "alert", "elsewhere", "file:", "foreignObject", "iframe"] {
            assert!(!clean.contains(word), "{word} in {clean}");
        }
        for word in ["<svg", "width=\"9\"", "<rect", "fill=\"red\"", "data:image/png"] {
            assert!(clean.contains(word), "no {word} in {clean}");
        }
        assert_eq!(cleaned(b"<svg><rect></svg>").unwrap_err().kind, RefusedKind::NotAnImage);
    }

    #[test]
    fn sizes_beyond_all_numbers_are_refused() {
        let drawing =
            |width: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"9\"/>");
        for width in ["1e9", "99999999999px", "20000000mm"] {
            assert_eq!(check(drawing(width).as_bytes()).unwrap_err().kind, RefusedKind::TooManyPixels, "{width}");
        }
        for width in ["100%", "5000", "12.5cm", "", "auto"] {
            assert!(check(drawing(width).as_bytes()).is_ok(), "{width}");
        }
    }
}
