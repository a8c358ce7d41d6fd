//! Layers: `l_` above the picture, `u_` below it.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::identifier::VariableName;
use super::number::Decimal;
use super::values::Border;
use crate::escape::{encoded, encoded_twice};
use crate::refusal::Refusal;

/// Something that is laid over or under the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Whether it lies below.
    pub is_below: bool,
    /// What it is.
    pub source: LayerSource,
}

/// What a layer shows or sounds like. Public ids stand as they are written: colons separate folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerSource {
    /// A stored picture.
    Image(Place, String),
    /// Text.
    Text(TextStyle, Vec<TextPiece>),
    /// A remote picture, its address in base64.
    Fetch(String),
    /// A video.
    Video(Place, String),
    /// Sound.
    Audio(String),
    /// Subtitles, from a raw file.
    Subtitles(Option<TextStyle>, String),
    /// A table of colours, from a raw file.
    Lut(String),
}

/// Where an asset of a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Delivery type `upload`.
    Upload,
    /// Delivery type `private`.
    Private,
    /// Delivery type `authenticated`.
    Authenticated,
    /// Elsewhere; its address in base64.
    Fetch,
}

impl Place {
    /// The place that a text begins with, and the rest.
    fn split(text: &str) -> (Self, &str) {
        let places = [("private:", Self::Private), ("authenticated:", Self::Authenticated), ("fetch:", Self::Fetch)];
        let found = places.into_iter().find_map(|(prefix, place)| Some((place, text.strip_prefix(prefix)?)));
        found.unwrap_or((Self::Upload, text))
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Upload => "",
            Self::Private => "private:",
            Self::Authenticated => "authenticated:",
            Self::Fetch => "fetch:",
        }
    }
}

impl Layer {
    /// Reads the value of `l_` or `u_`, percent-decoded once.
    ///
    /// # Errors
    /// What names nothing and text without a style that can be read is invalid.
    pub fn parse(is_below: bool, value: &str) -> Result<Self, Refusal> {
        let source = LayerSource::parse(value)
            .ok_or_else(|| Refusal::invalid(if is_below { "underlay" } else { "overlay" }, value))?;
        Ok(Self { is_below, source })
    }

    /// The kind of thing that it is, as it is called in addresses.
    pub fn kind(&self) -> &'static str {
        match self.source {
            LayerSource::Image(..) => "image",
            LayerSource::Text(..) => "text",
            LayerSource::Fetch(_) => "fetch",
            LayerSource::Video(..) => "video",
            LayerSource::Audio(_) => "audio",
            LayerSource::Subtitles(..) => "subtitles",
            LayerSource::Lut(_) => "lut",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl LayerSource {
    fn parse(value: &str) -> Option<Self> {
        let (kind, rest) = value.split_once(':').unwrap_or((value, ""));
        match kind {
            "text" => {
                let (style, text) = split_style(rest)?;
                // What a client escapes twice, so that no separator of the chain is seen in it. A percent sign that clients escape only once
                // comes to no text, and stands for itself.
                let text = percent_decode_str(text).decode_utf8().unwrap_or(text.into());
                Some(Self::Text(TextStyle::parse(style)?, text_pieces(&text)))
            }
            "fetch" => address(rest).map(Self::Fetch),
            "video" => {
                let (place, rest) = Place::split(rest);
                let id = if place == Place::Fetch { address(rest) } else { public_id(rest) };
                Some(Self::Video(place, id?))
            }
            "audio" => public_id(rest).map(Self::Audio),
            "lut" => public_id(rest).map(Self::Lut),
            "subtitles" => match rest.split_once(':') {
                Some((style, id)) if matches!(TextStyle::parse(style), Some(TextStyle::Font(_))) => {
                    Some(Self::Subtitles(TextStyle::parse(style), public_id(id)?))
                }
                _ => public_id(rest).map(|id| Self::Subtitles(None, id)),
            },
            _ => {
                let (place, id) = Place::split(value);
                public_id(id).map(|id| Self::Image(place, id))
            }
        }
    }
}

impl fmt::Display for LayerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(place, id) => write!(f, "{}{}", place.prefix(), encoded(id)),
            Self::Text(style, text) => {
                write!(f, "text:{style}:")?;
                text.iter().try_for_each(|piece| piece.fmt(f))
            }
            Self::Fetch(address) => write!(f, "fetch:{address}"),
            Self::Video(place, id) => write!(f, "video:{}{}", place.prefix(), encoded(id)),
            Self::Audio(id) => write!(f, "audio:{}", encoded(id)),
            Self::Lut(id) => write!(f, "lut:{}", encoded(id)),
            Self::Subtitles(None, id) => write!(f, "subtitles:{}", encoded(id)),
            Self::Subtitles(Some(style), id) => write!(f, "subtitles:{style}:{}", encoded(id)),
        }
    }
}

fn public_id(text: &str) -> Option<String> {
    let is_id = !text.is_empty() && !text.chars().any(char::is_control) && !text.contains('$');
    is_id.then(|| text.to_owned())
}

/// A style and what stands behind it. The colour of an outline may hold a colon.
fn split_style(text: &str) -> Option<(&str, &str)> {
    let end = match text.find("_solid_rgb:") {
        Some(at) if text.find(':') == Some(at + "_solid_rgb".len()) => {
            let begin = at + "_solid_rgb:".len();
            begin + text[begin..].find(':')?
        }
        _ => text.find(':')?,
    };
    Some((&text[..end], &text[end + 1..]))
}

/// An address in the base64 of addresses, with or without padding, and perhaps an extension behind it.
fn address(text: &str) -> Option<String> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.');
    (!text.is_empty() && text.bytes().all(is_base64)).then(|| text.to_owned())
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPiece {
    /// As it stands.
    Plain(String),
    /// `$(name)`: what a variable holds.
    Variable(VariableName),
}

fn text_pieces(text: &str) -> Vec<TextPiece> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find("$(") {
        let name =
            rest[at + 2..].split_once(')').and_then(|(name, _)| VariableName::parse(name).map(|parsed| (parsed, name)));
        plain.push_str(&rest[..at]);
        match name {
            Some((parsed, name)) => {
                if !plain.is_empty() {
                    pieces.push(TextPiece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(TextPiece::Variable(parsed));
                rest = &rest[at + 3 + name.len()..];
            }
            None => {
                plain.push_str("$(");
                rest = &rest[at + 2..];
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(TextPiece::Plain(plain));
    }
    pieces
}

impl fmt::Display for TextPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(&encoded_twice(text)),
            Self::Variable(name) => write!(f, "$({name})"),
        }
    }
}

/// How text looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextStyle {
    /// A font and its options.
    Font(Box<Font>),
    /// As a text that was made before: its public id.
    Stored(String),
    /// What a variable holds.
    Variable(VariableName),
}

/// A font and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Font {
    /// Family, or the public id of a font file.
    pub family: String,
    /// Pixels of the em.
    pub size: FontSize,
    /// Weight: a word or a number of hundreds; nothing is normal.
    pub weight: Option<&'static str>,
    /// Whether it is italic.
    pub is_italic: bool,
    /// `underline` or `strikethrough`.
    pub decoration: Option<&'static str>,
    /// How lines lie beside each other; nothing is to the left.
    pub alignment: Option<&'static str>,
    /// Whether it has an outline.
    pub has_stroke: bool,
    /// The outline, where the style says it itself.
    pub stroke: Option<Border>,
    /// Pixels between letters.
    pub letter_spacing: Option<Decimal>,
    /// Pixels between lines.
    pub line_spacing: Option<Decimal>,
    /// How edges are smoothed.
    pub antialias: Option<&'static str>,
    /// How outlines are moved to pixels.
    pub hinting: Option<&'static str>,
}

/// Pixels of the em.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FontSize {
    /// So many.
    Pixels(Decimal),
    /// What a variable holds.
    Variable(VariableName),
}

const WEIGHTS: &[&str] = &["bold", "thin", "light", "100", "200", "300", "400", "500", "600", "700", "800", "900"];
const DECORATIONS: &[&str] = &["underline", "strikethrough"];
const ALIGNMENTS: &[&str] = &["center", "right", "start", "end", "justify"];
const SMOOTHINGS: &[&str] = &["none", "gray", "subpixel", "fast", "good", "best"];
const HINTINGS: &[&str] = &["none", "slight", "medium", "full"];

impl TextStyle {
    fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('$').filter(|rest| !rest.starts_with('(')) {
            return VariableName::parse(name).map(Self::Variable);
        }
        let words: Vec<&str> = text.split('_').collect();
        let size = words.iter().enumerate().skip(1).find_map(|(at, word)| Some((at, FontSize::parse(word)?)));
        let Some((at, size)) = size else {
            return (!text.is_empty()).then(|| Self::Stored(text.to_owned()));
        };
        let mut font = Font {
            family: words[..at].join("_"),
            size,
            weight: None,
            is_italic: false,
            decoration: None,
            alignment: None,
            has_stroke: false,
            stroke: None,
            letter_spacing: None,
            line_spacing: None,
            antialias: None,
            hinting: None,
        };
        let is_family = !font.family.is_empty() && !font.family.chars().any(char::is_control);
        font.read(&words[at + 1..]).filter(|()| is_family)?;
        Some(Self::Font(Box::new(font)))
    }
}

impl Font {
    fn read(&mut self, words: &[&str]) -> Option<()> {
        let known = |list: &[&'static str], word: &str| list.iter().find(|known| **known == word).copied();
        let number = |word: Option<&&str>| word.and_then(|word| Decimal::parse(word));
        let mut rest = words;
        while let Some((word, behind)) = rest.split_first() {
            rest = behind;
            let mut take = |count: usize| rest = behind.get(count..).unwrap_or_default();
            match *word {
                "normal" | "none" | "left" => {}
                "italic" => self.is_italic = true,
                "stroke" => {
                    self.has_stroke = true;
                    if behind.first() == Some(&"bo") {
                        let length = behind.len().min(4);
                        self.stroke = Some(Border::parse(&behind[1..length].join("_")).ok()?);
                        take(length);
                    }
                }
                "letter" | "line" if behind.first() == Some(&"spacing") => {
                    let value = Some(number(behind.get(1))?);
                    if *word == "letter" {
                        self.letter_spacing = value
                    } else {
                        self.line_spacing = value
                    }
                    take(2);
                }
                "antialias" => {
                    self.antialias = Some(known(SMOOTHINGS, behind.first()?)?);
                    take(1);
                }
                "hinting" => {
                    self.hinting = Some(known(HINTINGS, behind.first()?)?);
                    take(1);
                }
                word => match (known(WEIGHTS, word), known(DECORATIONS, word), known(ALIGNMENTS, word)) {
                    (Some(weight), _, _) => self.weight = Some(weight),
                    (_, Some(decoration), _) => self.decoration = Some(decoration),
                    (_, _, alignment) => self.alignment = Some(alignment?),
                },
            }
        }
        Some(())
    }
}

impl fmt::Display for TextStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let font = match self {
            Self::Stored(id) => return write!(f, "{}", encoded(id)),
            Self::Variable(name) => return write!(f, "${name}"),
            Self::Font(font) => font,
        };
        write!(f, "{}_{}", encoded(&font.family), font.size)?;
        let italic = font.is_italic.then_some("italic");
        let stroke = font.has_stroke.then_some("stroke");
        for word in [font.weight, italic, font.decoration, font.alignment, stroke].into_iter().flatten() {
            write!(f, "_{word}")?;
        }
        font.stroke.iter().try_for_each(|border| write!(f, "_bo_{border}"))?;
        font.letter_spacing.iter().try_for_each(|spacing| write!(f, "_letter_spacing_{spacing}"))?;
        font.line_spacing.iter().try_for_each(|spacing| write!(f, "_line_spacing_{spacing}"))?;
        font.antialias.iter().try_for_each(|word| write!(f, "_antialias_{word}"))?;
        font.hinting.iter().try_for_each(|word| write!(f, "_hinting_{word}"))
    }
}

impl FontSize {
    fn parse(word: &str) -> Option<Self> {
        match word.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')) {
            Some(name) => VariableName::parse(name).map(Self::Variable),
            None => Decimal::parse(word).filter(|size| size.is_positive()).map(Self::Pixels),
        }
    }
}

impl fmt::Display for FontSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixels(pixels) => pixels.fmt(f),
            Self::Variable(name) => write!(f, "$({name})"),
        }
    }
}
