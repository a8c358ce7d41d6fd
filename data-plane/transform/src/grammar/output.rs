//! The typed values of the parameters that describe the delivered file: format, quality, device pixel ratio and flags.

use std::collections::BTreeSet;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::number::Decimal;
use super::values::{positive_integer, unreadable};
use crate::plan::Chroma;
use crate::refusal::Refusal;
use crate::source::Format;

/// The delivered format: `f_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormatChoice {
    /// Exactly this one.
    Fixed(Format),
    /// The best one that the client accepts.
    Auto,
}

/// Formats of the language that are not written, by the names that are not [`Format`]s.
const FORMATS_NOT_BUILT: &[&str] = &[
    "bmp",
    "ico",
    "jp2",
    "jpc",
    "j2k",
    "wdp",
    "jxr",
    "hdp",
    "flif",
    "djvu",
    "psd",
    "ai",
    "eps",
    "eps3",
    "ept",
    "ps",
    "indd",
    "tga",
    "arw",
    "cr2",
    "cr3",
    "dng",
    "nef",
    "glb",
    "gltf",
    "gltz",
    "fbx",
    "obj",
    "usdz",
    "mp4",
    "webm",
    "mov",
    "ogv",
    "mkv",
    "flv",
    "avi",
    "3gp",
    "3g2",
    "wmv",
    "mpeg",
    "mpg",
    "ts",
    "m2ts",
    "mts",
    "mxf",
    "m3u8",
    "mpd",
    "mp3",
    "aac",
    "m4a",
    "wav",
    "ogg",
    "opus",
    "flac",
    "aiff",
    "amr",
    "vtt",
    "srt",
    "transcript",
];

impl FormatChoice {
    /// Reads the value of `f_`.
    ///
    /// # Errors
    /// Known formats that are not written are not built, unknown ones invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        match value {
            "auto" | "auto:image" => Ok(Self::Auto),
            "auto:video" | "auto:animated" => Err(Refusal::not_built(format_args!("f_{value}"))),
            _ => writable_format(value).map(Self::Fixed),
        }
    }
}

impl fmt::Display for FormatChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(format) => format.name(),
            Self::Auto => "auto",
        })
    }
}

/// Reads the name of a format that this build writes; also used for the extension of a public id.
///
/// # Errors
/// Known formats that are not written are not built, unknown ones invalid.
pub fn writable_format(name: &str) -> Result<Format, Refusal> {
    match Format::from_name(name) {
        Some(format) if format.is_writable() => Ok(format),
        None if !FORMATS_NOT_BUILT.contains(&name.to_ascii_lowercase().as_str()) => {
            Err(unreadable("f", "format", name))
        }
        _ => Err(Refusal::not_built(format_args!("f_{name}"))),
    }
}

/// Encoder quality: `q_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// The encoder's own scale.
    Fixed {
        /// 1 to 100.
        quality: u8,
        /// Chroma subsampling; [`Chroma::Auto`] when not given.
        chroma: Chroma,
    },
    /// From the table by content.
    Auto {
        /// How much is given up for size.
        level: QualityLevel,
        /// One notch better than the level.
        sensitive: bool,
        /// Chroma subsampling; [`Chroma::Auto`] when not given.
        chroma: Chroma,
    },
}

/// How much an automatic quality gives up for size, most frugal first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the language's own")]
pub enum QualityLevel {
    Low,
    Eco,
    Good,
    Best,
}

impl QualityLevel {
    const ALL: [Self; 4] = [Self::Low, Self::Eco, Self::Good, Self::Best];

    /// The word behind `q_auto:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Eco => "eco",
            Self::Good => "good",
            Self::Best => "best",
        }
    }

    /// One notch better, up to the best.
    pub fn better(self) -> Self {
        match self {
            Self::Low => Self::Eco,
            Self::Eco => Self::Good,
            Self::Good | Self::Best => Self::Best,
        }
    }
}

impl Quality {
    /// Reads the value of `q_`.
    ///
    /// # Errors
    /// Numbers outside of 1 to 100 and unknown words are invalid; 4:2:2, quantiser caps and add-ons are not built.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let not_built = || Refusal::not_built(format_args!("q_{value}"));
        let mut words = value.split(':');
        let first = words.next().unwrap_or_default();
        let mut level = None;
        let mut sensitive = false;
        let mut chroma = None;
        for word in words {
            let named = QualityLevel::ALL.into_iter().find(|level| level.name() == word);
            match word {
                "420" if chroma.is_none() => chroma = Some(Chroma::Subsampled),
                "444" if chroma.is_none() => chroma = Some(Chroma::Full),
                "422" => return Err(not_built()),
                _ if word.starts_with("qmax_") => return Err(not_built()),
                "sensitive" if first == "auto" => sensitive = true,
                _ if first == "auto" && level.is_none() && named.is_some() => level = named,
                _ if first == "jpegmini" => {}
                _ => return Err(unreadable("q", "quality", value)),
            }
        }
        let chroma = chroma.unwrap_or(Chroma::Auto);
        match first {
            "auto" => Ok(Self::Auto { level: level.unwrap_or(QualityLevel::Good), sensitive, chroma }),
            "jpegmini" => Err(not_built()),
            _ => positive_integer(first)
                .and_then(|quality| u8::try_from(quality).ok())
                .filter(|quality| *quality <= 100)
                .map(|quality| Self::Fixed { quality, chroma })
                .ok_or_else(|| unreadable("q", "quality", value)),
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chroma = match self {
            Self::Fixed { quality, chroma } => {
                write!(f, "{quality}")?;
                chroma
            }
            Self::Auto { level, sensitive, chroma } => {
                write!(f, "auto:{}{}", level.name(), if *sensitive { ":sensitive" } else { "" })?;
                chroma
            }
        };
        f.write_str(match chroma {
            Chroma::Auto => "",
            Chroma::Subsampled => ":420",
            Chroma::Full => ":444",
        })
    }
}

/// Device pixel ratio: `dpr_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dpr {
    /// This ratio, greater than nought.
    Fixed(Decimal),
    /// The client's.
    Auto,
}

impl Dpr {
    /// Reads the value of `dpr_`.
    ///
    /// # Errors
    /// Nought, negative numbers and other text are invalid; expressions are not built.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        if value == "auto" {
            Ok(Self::Auto)
        } else {
            super::values::parse_positive("dpr", "dpr", value).map(Self::Fixed)
        }
    }
}

impl fmt::Display for Dpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(ratio) => ratio.fmt(f),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// Switches of `fl_`, without the download name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// An animated source stays animated in a format that is still by default.
    Animated,
    /// The same, for WebP.
    AnimatedWebp,
    /// One given side leaves the other as it is.
    IgnoreAspectRatio,
    /// The answer may be cached forever. No matter of pixels.
    ImmutableCache,
    /// `f_auto` chooses a format with transparency for a transparent source, which it does anyway.
    PreserveTransparency,
    /// The colour profile is converted to sRGB and dropped.
    StripProfile,
}

/// Flags of the language that are not carried out, by name.
const FLAGS_NOT_BUILT: &[&str] = &[
    "layer_apply",
    "relative",
    "region_relative",
    "no_overflow",
    "tiled",
    "cutter",
    "text_no_trim",
    "text_disallow_overflow",
    "splice",
    "alternate",
    "streaming_attachment",
    "apng",
    "any_format",
    "lossy",
    "png8",
    "png24",
    "png32",
    "progressive",
    "force_icc",
    "force_strip",
    "keep_iptc",
    "keep_attribution",
    "keep_dar",
    "ignore_mask_channels",
    "getinfo",
    "clip",
    "clip_evenodd",
    "group4",
    "tiff8_lzw",
    "rasterize",
    "replace_image",
    "sanitize",
    "original",
    "c2pa",
    "draco",
    "hlsv3",
    "mono",
    "no_stream",
    "truncate_ts",
    "sprite",
    "alpha",
    "waveform",
];

impl Flag {
    const ALL: [Self; 6] = [
        Self::Animated,
        Self::AnimatedWebp,
        Self::IgnoreAspectRatio,
        Self::ImmutableCache,
        Self::PreserveTransparency,
        Self::StripProfile,
    ];

    /// The word behind `fl_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Animated => "animated",
            Self::AnimatedWebp => "awebp",
            Self::IgnoreAspectRatio => "ignore_aspect_ratio",
            Self::ImmutableCache => "immutable_cache",
            Self::PreserveTransparency => "preserve_transparency",
            Self::StripProfile => "strip_profile",
        }
    }

    /// Whether the flag speaks of the answer and not of the picture.
    pub fn is_delivery_only(self) -> bool {
        self == Self::ImmutableCache
    }
}

/// Delivery as a download: `fl_attachment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// File name without extension; `None` asks for the asset's own name.
    pub name: Option<String>,
}

/// What a download name keeps unescaped inside of a flag.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'!');

impl Attachment {
    /// Reads a name as it stands in the path. A period arrives encoded once or twice, because an unencoded one would end the
    /// flag in other readers.
    fn parse_name(raw: &str) -> Result<String, Refusal> {
        let invalid = || Refusal::invalid("attachment name", raw);
        let once = percent_decode_str(raw).decode_utf8().map_err(|_| invalid())?;
        let name = percent_decode_str(&once).decode_utf8().map_err(|_| invalid())?;
        let allowed = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '!' | ' ' | '.');
        if name.is_empty() || !name.chars().all(allowed) { Err(invalid()) } else { Ok(name.into_owned()) }
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attachment")?;
        match &self.name {
            None => Ok(()),
            Some(name) => write!(f, ":{}", utf8_percent_encode(name, NAME).to_string().replace("%2E", "%252E")),
        }
    }
}

/// Reads one `fl_` value, still percent-encoded, into the flags of its component. The download name is taken off before the
/// list is split on dots, because it may hold dots itself.
///
/// # Errors
/// Known flags that are not carried out are not built, unknown ones invalid.
pub fn parse_flags(raw: &str, flags: &mut BTreeSet<Flag>, attachment: &mut Option<Attachment>) -> Result<(), Refusal> {
    let named = raw.find("attachment:").filter(|start| *start == 0 || raw.as_bytes()[start - 1] == b'.');
    let list = match named {
        Some(start) => {
            let name = Attachment::parse_name(&raw[start + "attachment:".len()..])?;
            *attachment = Some(Attachment { name: Some(name) });
            if start == 0 {
                return Ok(());
            }
            &raw[..start - 1]
        }
        None => raw,
    };
    for word in list.split('.') {
        let name = word.split(':').next().unwrap_or_default();
        if word == "attachment" {
            attachment.get_or_insert(Attachment { name: None });
        } else if let Some(flag) = Flag::ALL.into_iter().find(|flag| flag.name() == word) {
            flags.insert(flag);
        } else if FLAGS_NOT_BUILT.contains(&name) {
            return Err(Refusal::not_built(format_args!("fl_{name}")));
        } else {
            return Err(Refusal::invalid("flag", word));
        }
    }
    Ok(())
}
