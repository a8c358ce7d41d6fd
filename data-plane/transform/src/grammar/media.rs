//! The parameters of sound and moving pictures, and of what is read from layered and vector files.

use std::fmt;

use super::number::Decimal;
use super::values::positive_integer;
use crate::escape::encoded;
use crate::refusal::Refusal;

/// One word of a fixed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word(&'static str);

impl Word {
    fn parse(list: &[&'static str], value: &str) -> Option<Self> {
        list.iter().find(|word| **word == value).map(|word| Self(word))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Audio codecs of `ac_`.
pub const AUDIO_CODECS: &[&str] = &["none", "aac", "vorbis", "mp3", "opus", "pcm24"];
/// Video codecs of `vc_`.
pub const VIDEO_CODECS: &[&str] = &["auto", "h264", "h265", "vp9", "vp8", "av1", "theora", "prores", "none"];
/// Colour spaces of `cs_` that stand alone.
pub const COLOUR_SPACES: &[&str] = &["srgb", "tinysrgb", "cmyk", "no_cmyk", "keep_cmyk", "copy", "srgb:truecolor"];

/// The parameters of a component that say how sound and moving pictures are read, cut and written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Media {
    /// `ac_`: audio codec.
    pub audio_codec: Option<Word>,
    /// `af_`: highest audio frequency.
    pub audio_frequency: Option<AudioFrequency>,
    /// `br_`: highest bit rate.
    pub bit_rate: Option<BitRate>,
    /// `dl_`: milliseconds between frames.
    pub delay: Option<u32>,
    /// `dr_high`: the range of brightness is kept.
    pub dynamic_range: Option<Word>,
    /// `du_`: how long it lasts.
    pub duration: Option<Time>,
    /// `eo_`: where it ends.
    pub end: Option<Time>,
    /// `fps_`: frames a second.
    pub frame_rate: Option<FrameRate>,
    /// `ki_`: seconds between key frames.
    pub key_interval: Option<Decimal>,
    /// `so_`: where it begins.
    pub start: Option<Time>,
    /// `sp_`: streaming profile.
    pub streaming_profile: Option<String>,
    /// `vc_`: video codec and what is said of it.
    pub video_codec: Option<VideoCodec>,
    /// `vs_`: how many frames an animation takes.
    pub sampling: Option<Sampling>,
}

impl Media {
    /// Reads an item.
    ///
    /// # Errors
    /// Values that the parameter does not have are invalid.
    pub fn read(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let invalid = |name| Refusal::invalid(name, value);
        match key {
            "ac" => {
                self.audio_codec = Some(Word::parse(AUDIO_CODECS, value).ok_or_else(|| invalid("audio codec"))?);
            }
            "af" => {
                self.audio_frequency = Some(AudioFrequency::parse(value).ok_or_else(|| invalid("audio frequency"))?)
            }
            "br" => self.bit_rate = Some(BitRate::parse(value).ok_or_else(|| invalid("bit rate"))?),
            "dl" => self.delay = Some(positive_integer(value).ok_or_else(|| invalid("delay"))?),
            "dr" => self.dynamic_range = Some(Word::parse(&["high"], value).ok_or_else(|| invalid("dynamic range"))?),
            "du" => self.duration = Some(Time::parse(value).ok_or_else(|| invalid("duration"))?),
            "eo" => self.end = Some(Time::parse(value).ok_or_else(|| invalid("end offset"))?),
            "fps" => self.frame_rate = Some(FrameRate::parse(value).ok_or_else(|| invalid("fps"))?),
            "ki" => {
                let interval = Decimal::parse(value).filter(|interval| interval.is_positive());
                self.key_interval = Some(interval.ok_or_else(|| invalid("keyframe interval"))?);
            }
            "so" => self.start = Some(Time::parse(value).ok_or_else(|| invalid("start offset"))?),
            "sp" => {
                let is_name = !value.is_empty() && !value.chars().any(char::is_control);
                self.streaming_profile =
                    Some(is_name.then(|| value.to_owned()).ok_or_else(|| invalid("streaming profile"))?);
            }
            "vc" => self.video_codec = Some(VideoCodec::parse(value).ok_or_else(|| invalid("video codec"))?),
            "vs" => self.sampling = Some(Sampling::parse(value).ok_or_else(|| invalid("video sampling"))?),
            other => return Err(Refusal::component(other)),
        }
        Ok(())
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is said, by key.
    pub fn items(&self) -> Vec<(&'static str, String)> {
        let mut items = Vec::new();
        let mut push = |key, value: Option<&dyn fmt::Display>| {
            items.extend(value.map(|value| (key, value.to_string())));
        };
        push("ac", shown(&self.audio_codec));
        push("af", shown(&self.audio_frequency));
        push("br", shown(&self.bit_rate));
        push("dl", shown(&self.delay));
        push("dr", shown(&self.dynamic_range));
        push("du", shown(&self.duration));
        push("eo", shown(&self.end));
        push("fps", shown(&self.frame_rate));
        push("ki", shown(&self.key_interval));
        push("so", shown(&self.start));
        push("sp", shown(&self.streaming_profile.as_deref().map(encoded)));
        push("vc", shown(&self.video_codec));
        push("vs", shown(&self.sampling));
        items
    }
}

fn shown<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
    value.as_ref().map(|value| value as &dyn fmt::Display)
}

/// The highest audio frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFrequency {
    /// That of the source.
    Initial,
    /// So many hertz.
    Hertz(u32),
}

impl AudioFrequency {
    fn parse(value: &str) -> Option<Self> {
        match value {
            "iaf" => Some(Self::Initial),
            _ => positive_integer(value).filter(|hertz| *hertz <= 192_000).map(Self::Hertz),
        }
    }
}

impl fmt::Display for AudioFrequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initial => f.write_str("iaf"),
            Self::Hertz(hertz) => hertz.fmt(f),
        }
    }
}

/// The highest bit rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BitRate {
    /// Of picture and sound together.
    All {
        /// Bits a second.
        bits: u64,
        /// Whether it is always so many.
        is_constant: bool,
    },
    /// `av:…`: of each, as it is written.
    Each(String),
}

impl BitRate {
    fn parse(value: &str) -> Option<Self> {
        if let Some(each) = value.strip_prefix("av:") {
            let is_text = !each.is_empty() && !each.chars().any(char::is_control);
            return is_text.then(|| Self::Each(each.to_owned()));
        }
        let (number, is_constant) = match value.strip_suffix(":constant") {
            Some(number) => (number, true),
            None => (value, false),
        };
        let (number, unit) = match number.strip_suffix(['k', 'm']) {
            Some(digits) if number.ends_with('k') => (digits, 1e3),
            Some(digits) => (digits, 1e6),
            None => (number, 1.0),
        };
        let bits = Decimal::parse(number).filter(|number| number.is_positive())?.times(unit).round();
        // The largest decimal in millions is far inside of the type.
        (bits >= 1.0).then_some(Self::All { bits: bits as u64, is_constant })
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each(each) => write!(f, "av:{}", encoded(each)),
            Self::All { bits, is_constant } => {
                match bits {
                    bits if bits % 1_000_000 == 0 => write!(f, "{}m", bits / 1_000_000)?,
                    bits if bits % 1000 == 0 => write!(f, "{}k", bits / 1000)?,
                    bits => write!(f, "{bits}")?,
                }
                f.write_str(if *is_constant { ":constant" } else { "" })
            }
        }
    }
}

/// A place in time, or how long something lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Seconds.
    Seconds(Decimal),
    /// Hundredths of the whole.
    Percent(Decimal),
    /// What the picture suggests.
    Auto,
}

impl Time {
    fn parse(value: &str) -> Option<Self> {
        let number = |text: &str| Decimal::parse(text).filter(|number| *number >= Decimal::ZERO);
        match value {
            "auto" => Some(Self::Auto),
            _ => match value.strip_suffix(['p', '%']) {
                Some(percent) => number(percent).map(Self::Percent),
                None => number(value).map(Self::Seconds),
            },
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => seconds.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}p"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// Frames a second: exactly so many, or within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameRate {
    /// Exactly.
    Exactly(Decimal),
    /// At least and at most, as far as they are said.
    Between(Option<Decimal>, Option<Decimal>),
}

impl FrameRate {
    fn parse(value: &str) -> Option<Self> {
        let number = |text: &str| Decimal::parse(text).filter(|number| number.is_positive());
        match value.split_once('-') {
            None => number(value).map(Self::Exactly),
            Some(("", most)) => Some(Self::Between(None, Some(number(most)?))),
            Some((least, "")) => Some(Self::Between(Some(number(least)?), None)),
            Some((least, most)) => {
                let (least, most) = (number(least)?, number(most)?);
                (least <= most).then_some(Self::Between(Some(least), Some(most)))
            }
        }
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(rate) => rate.fmt(f),
            Self::Between(least, most) => {
                least.iter().try_for_each(|least| least.fmt(f))?;
                f.write_str("-")?;
                most.iter().try_for_each(|most| most.fmt(f))
            }
        }
    }
}

/// A video codec with its profile, its level and whether frames may refer forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoCodec {
    codec: Word,
    arguments: Vec<Word>,
}

const PROFILES: &[&str] = &[
    "auto",
    "baseline",
    "basic",
    "main",
    "high",
    "high444",
    "3.0",
    "3.1",
    "4.0",
    "4.1",
    "4.2",
    "5.0",
    "5.1",
    "5.2",
    "bframes_no",
];

impl VideoCodec {
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split(':');
        let codec = Word::parse(VIDEO_CODECS, words.next()?)?;
        let arguments: Vec<Word> = words.map(|word| Word::parse(PROFILES, word)).collect::<Option<_>>()?;
        let takes = if matches!(codec.0, "h264" | "h265") { 3 } else { 0 };
        (arguments.len() <= takes).then_some(Self { codec, arguments })
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codec.fmt(f)?;
        self.arguments.iter().try_for_each(|argument| write!(f, ":{argument}"))
    }
}

/// How many frames an animation takes from a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// So many.
    Frames(u32),
    /// One every so many seconds.
    Every(Decimal),
}

impl Sampling {
    fn parse(value: &str) -> Option<Self> {
        match value.strip_suffix('s') {
            Some(seconds) => Decimal::parse(seconds).filter(|number| number.is_positive()).map(Self::Every),
            None => positive_integer(value).map(Self::Frames),
        }
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(frames) => frames.fmt(f),
            Self::Every(seconds) => write!(f, "{seconds}s"),
        }
    }
}

/// `cs_`: the colour space of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColourSpace {
    /// One by name.
    Named(Word),
    /// `icc:<public id>`: that of a profile that is an asset.
    Profile(String),
}

impl ColourSpace {
    /// Reads the value of `cs_`.
    ///
    /// # Errors
    /// Other words are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let profile = value.strip_prefix("icc:").filter(|id| !id.is_empty());
        profile
            .map(|id| Self::Profile(id.to_owned()))
            .or_else(|| Word::parse(COLOUR_SPACES, value).map(Self::Named))
            .ok_or_else(|| Refusal::invalid("color space", value))
    }

    /// Whether the result is to be sRGB.
    pub fn is_srgb(&self) -> bool {
        matches!(self, Self::Named(Word("srgb")))
    }
}

impl fmt::Display for ColourSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(word) => word.fmt(f),
            Self::Profile(id) => write!(f, "icc:{}", encoded(id)),
        }
    }
}

/// `dn_`: density in dots per inch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Density {
    /// That of the original.
    Initial,
    /// So many.
    Dots(u32),
}

impl Density {
    /// Reads the value of `dn_`.
    ///
    /// # Errors
    /// What is no whole number greater than nought is invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        match value {
            "idn" => Ok(Self::Initial),
            _ => positive_integer(value).map(Self::Dots).ok_or_else(|| Refusal::invalid("density", value)),
        }
    }
}

impl fmt::Display for Density {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initial => f.write_str("idn"),
            Self::Dots(dots) => dots.fmt(f),
        }
    }
}

/// `pg_`: what is read of a file of several pages, frames or layers, all counted from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pages {
    /// One.
    One(u32),
    /// Ranges, each to its end or to the last.
    Ranges(Vec<(u32, Option<u32>)>),
    /// All, each on its own.
    All,
    /// Layers or paths by name.
    Named(Vec<String>),
    /// Pictures within layers: their index, or their names.
    Embedded(String),
}

impl Pages {
    /// Reads the value of `pg_`.
    ///
    /// # Errors
    /// Nought, ranges that run backwards and other text are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        Self::read(value).ok_or_else(|| Refusal::invalid("page", value))
    }

    fn read(value: &str) -> Option<Self> {
        if let Some(page) = positive_integer(value) {
            return Some(Self::One(page));
        }
        let is_text = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if value == "all" {
            return Some(Self::All);
        }
        if let Some(names) = value.strip_prefix("name:") {
            let names: Vec<String> = names.split(';').map(str::to_owned).collect();
            return names.iter().all(|name| is_text(name)).then_some(Self::Named(names));
        }
        if let Some(embedded) = value.strip_prefix("embedded:") {
            return is_text(embedded).then(|| Self::Embedded(embedded.to_owned()));
        }
        let range = |text: &str| match text.split_once('-') {
            None => positive_integer(text).map(|page| (page, Some(page))),
            Some((first, "")) => positive_integer(first).map(|first| (first, None)),
            Some((first, last)) => {
                let (first, last) = (positive_integer(first)?, positive_integer(last)?);
                (first <= last).then_some((first, Some(last)))
            }
        };
        let ranges: Vec<(u32, Option<u32>)> = value.split(';').map(range).collect::<Option<_>>()?;
        Some(match ranges[..] {
            [(first, Some(last))] if first == last => Self::One(first),
            _ => Self::Ranges(ranges),
        })
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(page) => page.fmt(f),
            Self::All => f.write_str("all"),
            Self::Named(names) => {
                let names: Vec<String> = names.iter().map(|name| encoded(name).to_string()).collect();
                write!(f, "name:{}", names.join(";"))
            }
            Self::Embedded(embedded) => write!(f, "embedded:{}", encoded(embedded)),
            Self::Ranges(ranges) => {
                for (index, (first, last)) in ranges.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ";" })?;
                    match last {
                        Some(last) if last == first => first.fmt(f)?,
                        Some(last) => write!(f, "{first}-{last}")?,
                        None => write!(f, "{first}-")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// `fn_`: a function of the tenant's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Whether it runs on the original.
    pub is_first: bool,
    kind: Word,
    source: String,
}

const FUNCTIONS: &[&str] = &["remote", "wasm", "render", "select", "refine"];

impl Function {
    /// Reads the value of `fn_`.
    ///
    /// # Errors
    /// Kinds that there are not are invalid.
    pub fn parse(value: &str) -> Result<Self, Refusal> {
        let (is_first, rest) = match value.strip_prefix("pre:") {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let (kind, source) = rest.split_once(':').unwrap_or((rest, ""));
        let kind = Word::parse(FUNCTIONS, kind).filter(|_| !source.chars().any(char::is_control));
        let kind = kind.ok_or_else(|| Refusal::invalid("function", value))?;
        Ok(Self { is_first, kind, source: source.to_owned() })
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_first { "pre:" } else { "" }, self.kind)?;
        if self.source.is_empty() { Ok(()) } else { write!(f, ":{}", encoded(&self.source)) }
    }
}
