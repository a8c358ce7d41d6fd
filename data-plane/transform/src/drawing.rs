//! What a drawing says of its size, where the library does not.

use roxmltree::{Document, ParsingOptions};

use crate::protocol::{Refused, RefusedKind};

/// The longest side that the library can speak of, in pixels. What is longer it reports as one pixel.
const LONGEST: f64 = 10_000_000.0;

/// Refuses a drawing whose size is beyond all numbers. One that cannot be read here is left to the library, which reads more.
///
/// # Errors
/// [`RefusedKind::TooManyPixels`].
pub fn check(bytes: &[u8]) -> Result<(), Refused> {
    let text = String::from_utf8_lossy(bytes);
    let options = ParsingOptions { allow_dtd: true, nodes_limit: 1_000_000 };
    let Ok(document) = Document::parse_with_options(&text, options) else { return Ok(()) };
    let root = document.root_element();
    for name in ["width", "height"] {
        let said = root.attribute(name).unwrap_or_default();
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
