//! Switches: `fl_`.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::escape::encoded;
use crate::refusal::Refusal;

/// Switches, each with what is said of it behind a colon.
pub type Flags = BTreeMap<Flag, Option<String>>;

macro_rules! flags {
    ($($(#[$doc:meta])* $flag:ident $word:literal,)*) => {
        /// Switches of `fl_`, without the download name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Flag {
            $($(#[$doc])* $flag,)*
        }

        impl Flag {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$flag,)*];

            /// The word behind `fl_`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$flag => $word,)*
                }
            }
        }
    };
}

flags! {
    /// Colour and transparency of a video side by side.
    Alpha "alpha",
    /// A further sound track of an adaptive stream.
    Alternate "alternate",
    /// An animated source stays animated in a format that is still by default.
    Animated "animated",
    /// Automatic quality may choose a palette.
    AnyFormat "any_format",
    /// The same as `animated`, for PNG.
    AnimatedPng "apng",
    /// The same as `animated`, for WebP.
    AnimatedWebp "awebp",
    /// A signed statement of origin.
    Provenance "c2pa",
    /// Transparent outside of a stored path.
    Clip "clip",
    /// The same by the rule of even and odd.
    ClipEvenOdd "clip_evenodd",
    /// Only the shape of the layer is left of the picture.
    Cutter "cutter",
    /// A compressed model.
    Draco "draco",
    /// A colour profile is always embedded.
    ForceIcc "force_icc",
    /// What is stored has no metadata.
    ForceStrip "force_strip",
    /// What is known of the picture instead of the picture.
    GetInfo "getinfo",
    /// Black and white fax compression.
    Group4 "group4",
    /// Version 3 of HLS.
    HlsV3 "hlsv3",
    /// One given side leaves the other as it is.
    IgnoreAspectRatio "ignore_aspect_ratio",
    /// A mask is no transparency.
    IgnoreMaskChannels "ignore_mask_channels",
    /// The answer may be cached forever. No matter of pixels.
    ImmutableCache "immutable_cache",
    /// Copyright is kept.
    KeepAttribution "keep_attribution",
    /// The shape of a video's pixels is kept.
    KeepDar "keep_dar",
    /// All metadata is kept.
    KeepIptc "keep_iptc",
    /// Closes a layer.
    LayerApply "layer_apply",
    /// Loss is allowed where a format has none.
    Lossy "lossy",
    /// One channel of sound.
    Mono "mono",
    /// A layer enlarges nothing.
    NoOverflow "no_overflow",
    /// Not delivered before it is whole.
    NoStream "no_stream",
    /// As it is stored.
    Original "original",
    /// PNG of 24 bits.
    Png24 "png24",
    /// PNG of 32 bits.
    Png32 "png32",
    /// PNG with a palette.
    Png8 "png8",
    /// `f_auto` chooses a format with transparency for a transparent source, which it does anyway.
    PreserveTransparency "preserve_transparency",
    /// Coarse first, fine later.
    Progressive "progressive",
    /// Vectors become pixels first.
    Rasterize "rasterize",
    /// Shares of a layer are of each region.
    RegionRelative "region_relative",
    /// Shares of a layer are of the picture below.
    Relative "relative",
    /// The first picture of a document is replaced.
    ReplaceImage "replace_image",
    /// Scripts go.
    Sanitize "sanitize",
    /// A video behind a video.
    Splice "splice",
    /// Small pictures of a video with their times.
    Sprite "sprite",
    /// A download that begins before it is whole.
    StreamingAttachment "streaming_attachment",
    /// The colour profile is converted to sRGB and dropped.
    StripProfile "strip_profile",
    /// Text that leaves the picture is refused.
    TextDisallowOverflow "text_disallow_overflow",
    /// Text keeps the room around its ink.
    TextNoTrim "text_no_trim",
    /// TIFF of 8 bits with LZW.
    Tiff8Lzw "tiff8_lzw",
    /// A layer is repeated.
    Tiled "tiled",
    /// Times of a stream are believed.
    TruncateTs "truncate_ts",
    /// A picture of the sound.
    Waveform "waveform",
}

impl Flag {
    /// Whether the flag speaks of the answer and not of the picture.
    pub fn is_delivery_only(self) -> bool {
        self == Self::ImmutableCache
    }

    /// Whether this build does what it asks for.
    pub fn is_built(self) -> bool {
        matches!(
            self,
            Self::Animated
                | Self::AnimatedWebp
                | Self::IgnoreAspectRatio
                | Self::ImmutableCache
                | Self::KeepIptc
                | Self::Png8
                | Self::Png24
                | Self::Png32
                | Self::PreserveTransparency
                | Self::Progressive
                | Self::Rasterize
                | Self::Sanitize
                | Self::StripProfile
        )
    }

    /// Whether something can be said behind a colon.
    fn takes(self, argument: &str) -> bool {
        match self {
            Self::Progressive => matches!(argument, "semi" | "steep" | "none"),
            Self::Splice => argument.starts_with("transition"),
            Self::Alternate | Self::StreamingAttachment => !argument.is_empty(),
            _ => false,
        }
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
/// Unknown flags, and arguments that a flag does not take, are invalid.
pub fn parse_flags(raw: &str, flags: &mut Flags, attachment: &mut Option<Attachment>) -> Result<(), Refusal> {
    let is_at = |start: &usize| *start == 0 || raw.as_bytes()[start - 1] == b'.';
    let list = match raw.find("attachment:").filter(is_at) {
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
    for word in split_outside_of_brackets(list) {
        let (name, argument) = word.split_once(':').map_or((word, None), |(name, argument)| (name, Some(argument)));
        if word == "attachment" {
            attachment.get_or_insert(Attachment { name: None });
            continue;
        }
        let invalid = || Refusal::invalid("flag", word);
        let flag = Flag::ALL.iter().find(|flag| flag.name() == name).ok_or_else(invalid)?;
        let argument = argument
            .map(|argument| percent_decode_str(argument).decode_utf8().map_err(|_| invalid()))
            .transpose()?
            .map(|argument| argument.into_owned());
        if argument.as_deref().is_some_and(|argument| !flag.takes(argument) || argument.chars().any(char::is_control)) {
            return Err(invalid());
        }
        flags.insert(*flag, argument);
    }
    Ok(())
}

/// The words between dots that stand in no brackets.
fn split_outside_of_brackets(list: &str) -> Vec<&str> {
    let (mut words, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'.' if depth == 0 => {
                words.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    words.push(&list[begin..]);
    words
}

/// The values of `fl_` that say the same: first of all those of which nothing more is said, in one.
pub fn printed(flags: &Flags) -> Vec<String> {
    let bare: Vec<&str> =
        flags.iter().filter(|(_, argument)| argument.is_none()).map(|(flag, _)| flag.name()).collect();
    let said = flags.iter().filter_map(|(flag, argument)| {
        Some(format!("{}:{}", flag.name(), encoded(argument.as_deref()?).to_string().replace('.', "%2E")))
    });
    let bare = (!bare.is_empty()).then(|| bare.join("."));
    bare.into_iter().chain(said).collect()
}
