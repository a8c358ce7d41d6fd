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
    /// Reads the hints. `header` looks a header up by its lower-case name. Unreadable values count as absent.
    pub fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let number = |names: [&str; 2]| {
            let text = names.into_iter().find_map(&header)?;
            text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0)
        };
        // A cast from `f64` saturates, and a width beyond `u32` is refused by every limit.
        let pixels = |names| number(names).map(|value: f64| value.ceil() as u32);
        let accept = header("accept").unwrap_or_default();
        Self {
            avif: accepts(accept, "image/avif"),
            webp: accepts(accept, "image/webp"),
            jxl: accepts(accept, "image/jxl"),
            save_data: header("save-data").is_some_and(|value| value.trim().eq_ignore_ascii_case("on")),
            dpr: number(["sec-ch-dpr", "dpr"]),
            width: pixels(["sec-ch-width", "width"]),
            viewport_width: pixels(["sec-ch-viewport-width", "viewport-width"]),
        }
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
