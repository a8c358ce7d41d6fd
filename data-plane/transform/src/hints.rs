//! What a client says about itself in request headers, reduced to what may change a picture, and which of it was asked for.

/// The request headers that may change a delivered picture, in a normal form.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClientHints {
    /// Accepts AVIF.
    pub avif: bool,
    /// Accepts WebP.
    pub webp: bool,
    /// Accepts JPEG XL.
    pub jxl: bool,
    /// Asks for small files.
    pub save_data: bool,
    /// Device pixels per CSS pixel; finite and greater than nought.
    pub dpr: Option<f64>,
    /// Width of the place of the picture in device pixels.
    pub width: Option<u32>,
    /// Width of the window in CSS pixels.
    pub viewport_width: Option<u32>,
}

impl ClientHints {
    /// Reads the hints from all headers of a request, names in lower case. Of a name that occurs twice the first one counts.
    /// Unreadable values count as absent.
    pub fn from_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut found = Self::default();
        let mut accept = None;
        let mut save_data = None;
        // The newer names, which begin with `sec-ch-`, go before the older ones.
        let (mut dpr, mut width, mut viewport_width) = ([None; 2], [None; 2], [None; 2]);
        for (name, value) in headers {
            let place = match name {
                "accept" => &mut accept,
                "save-data" => &mut save_data,
                "sec-ch-dpr" => &mut dpr[0],
                "dpr" => &mut dpr[1],
                "sec-ch-width" => &mut width[0],
                "width" => &mut width[1],
                "sec-ch-viewport-width" => &mut viewport_width[0],
                "viewport-width" => &mut viewport_width[1],
                _ => continue,
            };
            place.get_or_insert(value);
        }
        let number = |[newer, older]: [Option<&str>; 2]| {
            let text = newer.or(older)?;
            text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0)
        };
        // A cast from `f64` saturates, and a width beyond `u32` is refused by every limit.
        let pixels = |values| number(values).map(|value: f64| value.ceil() as u32);
        if let Some(accept) = accept {
            found.avif = accepts(accept, "image/avif");
            found.webp = accepts(accept, "image/webp");
            found.jxl = accepts(accept, "image/jxl");
        }
        found.save_data = save_data.is_some_and(|value| value.trim().eq_ignore_ascii_case("on"));
        found.dpr = number(dpr);
        found.width = pixels(width);
        found.viewport_width = pixels(viewport_width);
        found
    }
}

/// Whether an `Accept` header names the media type itself and does not weigh it with nought. Wildcards do not count: every
/// client sends them.
fn accepts(accept: &str, media_type: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        let refused = parts
            .filter_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")))
            .any(|weight| weight.trim().parse::<f64>().is_ok_and(|weight| weight <= 0.0));
        named && !refused
    })
}

/// Which hints an answer depended on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Vary {
    /// The accepted formats.
    pub accept: bool,
    /// The wish for small files.
    pub save_data: bool,
    /// The device pixel ratio.
    pub dpr: bool,
    /// The widths of picture and window.
    pub width: bool,
}

impl Vary {
    /// Whether every client gets the same answer.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The names of all headers that were consulted, as they stand in a `Vary` header.
    pub fn headers(self) -> Vec<&'static str> {
        let groups: [(bool, &[&str]); 4] = [
            (self.accept, &["Accept"]),
            (self.save_data, &["Save-Data"]),
            (self.dpr, &["Sec-CH-DPR", "DPR"]),
            (self.width, &["Sec-CH-Width", "Width", "Sec-CH-Viewport-Width", "Viewport-Width"]),
        ];
        groups.iter().filter(|(consulted, _)| *consulted).flat_map(|(_, names)| names.iter().copied()).collect()
    }
}
