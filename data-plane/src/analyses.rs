//! What pictures show and what their files say, as calls are told of it.

pub mod find;

use serde::Serialize;
use serde_json::{Map, Value, json};
use transform::analysis::Analysis;
use utoipa::ToSchema;

use crate::{assets::analyses::Questions, media::facts::MediaFacts};

/// What was found of what was wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct AnalysisView {
    /// Colours with their shares in percent, the most frequent first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>, example = json!([["#162E02", 6.7]]))]
    pub colors: Option<Vec<(String, f64)>>,
    /// The same by names, with their shares in percent: `google` knows twelve, `cloudinary` more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"google": [["green", 57.5]], "cloudinary": [["olive", 41.0]]}))]
    pub predominant: Option<Value>,
    /// Whether there is no colour in it; comes with the colours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grayscale: Option<bool>,
    /// Whether any pixel shines through; comes with the colours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semi_transparent: Option<bool>,
    /// 16 hexadecimal digits; of pictures that look alike they differ in few bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ba19c8ab5fa05a59")]
    pub phash: Option<String>,
    /// EXIF.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub exif: Option<Value>,
    /// EXIF, IPTC, XMP and what the header says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub image_metadata: Option<Value>,
    /// The same; of sound and moving pictures their streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub media_metadata: Option<Value>,
}

impl AnalysisView {
    /// Shows what is wanted. What there is not, as the colours of a sound, is left out.
    pub fn new(wanted: Questions, analysis: Option<&Analysis>, media: Option<&MediaFacts>) -> Self {
        let said = analysis.map(|analysis| {
            // What the header says of resolution and version stands behind what EXIF says.
            let all = analysis.labels.iter().chain(&analysis.exif);
            Value::Object(all.map(|(name, text)| (name.clone(), text.as_str().into())).collect())
        });
        let analysis = analysis.filter(|analysis| **analysis != Analysis::default());
        let colours = analysis.filter(|_| wanted.colors);
        Self {
            colors: colours.map(|analysis| analysis.colors.clone()),
            predominant: colours.map(|analysis| json!({"google": analysis.google, "cloudinary": analysis.cloudinary})),
            grayscale: colours.map(|analysis| analysis.grayscale),
            semi_transparent: colours.map(|analysis| analysis.semi_transparent),
            phash: analysis.filter(|_| wanted.phash).map(|analysis| analysis.phash.clone()),
            exif: analysis.filter(|_| wanted.exif).map(|analysis| json!(analysis.exif)),
            image_metadata: said.clone().filter(|_| wanted.image_metadata),
            media_metadata: said.or_else(|| media.map(streams)).filter(|_| wanted.media_metadata),
        }
    }
}

/// The streams of sound and moving pictures.
fn streams(media: &MediaFacts) -> Value {
    let mut said = Map::new();
    let mut say = |name: &str, value: Option<Value>| said.extend(value.map(|value| (name.to_owned(), value)));
    if let Some(audio) = &media.audio {
        say("audio_codec", Some(audio.codec.as_str().into()));
        say("audio_bit_rate", audio.bit_rate.as_deref().map(Value::from));
        say("audio_frequency", Some(audio.frequency.into()));
        say("channels", Some(audio.channels.into()));
        say("channel_layout", audio.channel_layout.as_deref().map(Value::from));
    }
    if let Some(video) = &media.video {
        say("pix_format", Some(video.stream.pix_format.as_str().into()));
        say("codec", Some(video.stream.codec.as_str().into()));
        say("level", video.stream.level.map(Value::from));
        say("profile", video.stream.profile.as_deref().map(Value::from));
        say("video_bit_rate", video.stream.bit_rate.as_deref().map(Value::from));
        say("dar", video.stream.dar.as_deref().map(Value::from));
    }
    Value::Object(said)
}
