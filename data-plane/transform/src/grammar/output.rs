//! The typed values of the parameters that describe the delivered file: format, quality and device pixel ratio.

use std::fmt;

use super::number::Decimal;
use super::values::positive_integer;
use crate::refusal::Refusal;
use crate::source::Format;

/// The delivered format: `f_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormatChoice {
    /// Exactly this one.
    Fixed(Format),
    /// Exactly this one, which is no picture that is written here.
    Other(&'static str),
    /// The best one that the client accepts.
    Auto,
    /// The best video that it plays.
    AutoVideo,
    /// The best animated picture that it shows.
    AutoAnimated,
}

/// Formats of the language that are no [`Format`]s, by name. None of them is written.
#[rustfmt::skip]
const OTHER_FORMATS: &[&str] = &[
    "bmp", "ico", "jp2", "jpc", "j2k", "wdp", "jxr", "hdp", "flif", "djvu", "psd", "ai", "eps", "eps3", "ept", "ps", "indd",
    "tga", "arw", "cr2", "cr3", "dng", "nef", "glb", "gltf", "gltz", "fbx", "obj", "usdz", "mp4", "webm", "mov", "ogv", "mkv",
    "flv", "avi", "3gp", "3g2", "wmv", "mpeg", "mpg", "ts", "m2ts", "mts", "mxf", "m3u8", "mpd", "mp3", "aac", "m4a", "wav",
    "ogg", "opus", "flac", "aiff", "amr", "vtt", "srt", "transcript",
];

impl FormatChoice {
    /// Reads the value of `f_`.
    ///
    /// # Errors
    /// Formats that there are not are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let folded = value.to_ascii_lowercase();
        match value {
            "auto" | "auto:image" => Ok(Self::Auto),
            "auto:video" => Ok(Self::AutoVideo),
            "auto:animated" => Ok(Self::AutoAnimated),
            _ => Format::from_name(value)
                .map(Self::Fixed)
                .or_else(|| OTHER_FORMATS.iter().find(|name| **name == folded).map(|name| Self::Other(name)))
                .ok_or_else(|| Refusal::invalid("format", value)),
        }
    }

    /// The format, if it is one that this build writes.
    ///
    /// # Errors
    /// Others are not built.
    pub fn writable(self) -> Result<Option<Format>, Refusal> {
        match self {
            Self::Auto => Ok(None),
            // Of a drawing, cleaned; what else is refused where the source is known.
            Self::Fixed(format) if format.is_writable() || format == Format::Svg => Ok(Some(format)),
            other => Err(Refusal::not_built(format_args!("f_{other}"))),
        }
    }
}

impl fmt::Display for FormatChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(format) => format.name(),
            Self::Other(name) => name,
            Self::Auto => "auto",
            Self::AutoVideo => "auto:video",
            Self::AutoAnimated => "auto:animated",
        })
    }
}

/// Reads the name of a format that this build writes; also used for the extension of a public id.
///
/// # Errors
/// Known formats that are not written are not built, unknown ones invalid.
pub fn writable_format(name: &str) -> Result<Format, Refusal> {
    let format = FormatChoice::parse(name)?.writable()?;
    format.ok_or_else(|| Refusal::invalid("format", name))
}

/// How finely colour is sampled beside brightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    /// The encoder's rule by quality.
    Auto,
    /// 4:2:0.
    Subsampled,
    /// 4:2:2.
    Half,
    /// 4:4:4.
    Full,
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
    /// The encoder's own scale, within a largest quantiser, of video.
    Quantised {
        /// 1 to 100.
        quality: u8,
        /// 1 to 100.
        most: u8,
    },
    /// By an add-on: 0 is best, 1 high, 2 medium.
    Mini(u8),
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
    /// Numbers outside of 1 to 100 and unknown words are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        Self::read(value).ok_or_else(|| Refusal::invalid("quality", value))
    }

    fn read(value: &str) -> Option<Self> {
        let mut words = value.split(':');
        let first = words.next()?;
        let (mut level, mut sensitive, mut chroma, mut quantiser, mut mini) = (None, false, None, None, None);
        for word in words {
            let named = QualityLevel::ALL.into_iter().find(|level| level.name() == word);
            let most = word.strip_prefix("qmax_");
            match word {
                "420" if chroma.is_none() => chroma = Some(Chroma::Subsampled),
                "422" if chroma.is_none() => chroma = Some(Chroma::Half),
                "444" if chroma.is_none() => chroma = Some(Chroma::Full),
                "0" | "1" | "2" if first == "jpegmini" && mini.is_none() => mini = word.parse().ok(),
                "sensitive" if first == "auto" => sensitive = true,
                _ if first == "auto" && level.is_none() && named.is_some() => level = named,
                _ => {
                    quantiser =
                        Some(positive_integer(most.filter(|_| quantiser.is_none())?).filter(|most| *most <= 100)?)
                }
            }
        }
        let chroma = chroma.unwrap_or(Chroma::Auto);
        match first {
            "auto" if quantiser.is_none() => {
                Some(Self::Auto { level: level.unwrap_or(QualityLevel::Good), sensitive, chroma })
            }
            "jpegmini" if quantiser.is_none() && chroma == Chroma::Auto => Some(Self::Mini(mini.unwrap_or(0))),
            _ => {
                let quality = positive_integer(first).and_then(|quality| u8::try_from(quality).ok())?;
                (quality <= 100).then_some(match quantiser {
                    None => Self::Fixed { quality, chroma },
                    Some(most) => Self::Quantised { quality, most: u8::try_from(most).ok()? },
                })
            }
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
            Self::Quantised { quality, most } => return write!(f, "{quality}:qmax_{most}"),
            Self::Mini(level) => return write!(f, "jpegmini:{level}"),
        };
        f.write_str(match chroma {
            Chroma::Auto => "",
            Chroma::Subsampled => ":420",
            Chroma::Half => ":422",
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
    /// Nought, negative numbers and other text are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        if value == "auto" { Ok(Self::Auto) } else { super::values::parse_positive("dpr", value).map(Self::Fixed) }
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
