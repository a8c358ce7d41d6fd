//! What is known of a stored source without its pixels. Filled once at upload by a render worker's probe and kept with the
//! asset's row, so that planning needs no bytes.

use serde::{Deserialize, Serialize};

/// An image format that Safelight stores or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the formats' own")]
pub enum Format {
    Jpg,
    Png,
    Webp,
    Gif,
    Avif,
    Heic,
    Tiff,
    Jxl,
    Svg,
    Pdf,
}

impl Format {
    /// The name on the wire and the usual file extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
            Self::Heic => "heic",
            Self::Tiff => "tiff",
            Self::Jxl => "jxl",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
        }
    }

    /// Reads a format name or file extension, the usual synonyms included (`jpeg`, `jpe`, `tif`).
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" | "jpe" => Self::Jpg,
            "png" => Self::Png,
            "webp" => Self::Webp,
            "gif" => Self::Gif,
            "avif" => Self::Avif,
            "heic" | "heif" => Self::Heic,
            "tiff" | "tif" => Self::Tiff,
            "jxl" => Self::Jxl,
            "svg" => Self::Svg,
            "pdf" => Self::Pdf,
            _ => return None,
        })
    }

    /// The media type of the format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
            Self::Tiff => "image/tiff",
            Self::Jxl => "image/jxl",
            Self::Svg => "image/svg+xml",
            Self::Pdf => "application/pdf",
        }
    }

    /// Whether the format can carry transparency.
    pub fn has_alpha(self) -> bool {
        !matches!(self, Self::Jpg | Self::Pdf)
    }

    /// Whether the format can carry an animation.
    pub fn has_animation(self) -> bool {
        matches!(self, Self::Gif | Self::Webp)
    }

    /// Whether this build writes the format.
    pub fn is_writable(self) -> bool {
        matches!(self, Self::Jpg | Self::Png | Self::Webp | Self::Gif | Self::Avif | Self::Tiff)
    }
}

/// Facts of a stored image, found by decoding its header (and, at upload, its end).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceMeta {
    /// Format by the bytes, never by the name.
    pub format: Format,
    /// Width in pixels of one frame as it is shown, that is after EXIF orientation.
    pub width: u32,
    /// Height in pixels of one frame as it is shown, that is after EXIF orientation.
    pub height: u32,
    /// Pages or frames, at least one.
    pub pages: u32,
    /// Whether the pages are frames of an animation.
    pub animated: bool,
    /// Whether any transparency channel is present.
    pub has_alpha: bool,
    /// EXIF orientation as stored, 1 to 8.
    pub orientation: u8,
    /// Whether a colour profile other than sRGB is embedded.
    pub foreign_profile: bool,
    /// Whether the source must be decoded whole before its first row is known (progressive or interlaced).
    pub progressive: bool,
    /// Whether the decoder warned about damage inside an otherwise whole file.
    pub damaged: bool,
}

impl SourceMeta {
    /// A still picture of which nothing else is known.
    pub fn still(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            pages: 1,
            animated: false,
            has_alpha: false,
            orientation: 1,
            foreign_profile: false,
            progressive: false,
            damaged: false,
        }
    }
}
