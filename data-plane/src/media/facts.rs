//! What is known of sound and moving pictures, read from what ffprobe says. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::sniff::{is_of_pictures, is_webm};

/// What is known of a file with sound or moving pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaFacts {
    /// Length in seconds.
    pub duration: f64,
    /// Bits a second, all streams together.
    pub bit_rate: u64,
    /// The moving picture, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoFacts>,
    /// The sound, if there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioFacts>,
}

/// What is known of a moving picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// Width in pixels as it is shown, that is after its rotation.
    pub width: u32,
    /// Height in pixels as it is shown, that is after its rotation.
    pub height: u32,
    /// Degrees, clockwise, by which it is turned to be shown.
    pub rotation: i32,
    /// Frames a second.
    pub frame_rate: f64,
    /// Number of frames, where the container says it.
    pub frames: Option<u64>,
    /// How it is compressed.
    pub stream: VideoStream,
}

/// How a moving picture is compressed, as the wire shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VideoStream {
    /// Layout of a pixel.
    #[schema(example = "yuv420p")]
    pub pix_format: String,
    /// Codec.
    #[schema(example = "h264")]
    pub codec: String,
    /// Level of the codec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<i64>,
    /// Profile of the codec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "High")]
    pub profile: Option<String>,
    /// Bits a second; a text, as everybody expects it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1500000")]
    pub bit_rate: Option<String>,
    /// Display aspect ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "16:9")]
    pub dar: Option<String>,
    /// Unit of its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1/30000")]
    pub time_base: Option<String>,
}

/// How sound is compressed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AudioFacts {
    /// Codec.
    #[schema(example = "aac")]
    pub codec: String,
    /// Bits a second; a text, as everybody expects it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "128000")]
    pub bit_rate: Option<String>,
    /// Samples a second.
    pub frequency: u64,
    /// Number of channels.
    pub channels: u64,
    /// How they are arranged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "stereo")]
    pub channel_layout: Option<String>,
}

/// What ffprobe's answer says of a file that has `head` as its first bytes and `extension` in its name: its format, and its facts.
/// Nothing where there is neither sound nor a moving picture.
pub fn read(answer: &Value, head: &[u8], extension: Option<&str>) -> Option<(String, MediaFacts)> {
    let container = answer.get("format")?;
    if container["tags"]["major_brand"].as_str().is_some_and(is_of_pictures) {
        return None;
    }
    let streams = answer.get("streams")?.as_array()?;
    let of_kind = |kind: &'static str| {
        let is_shown = move |stream: &&Value| {
            // The picture of a record's cover moves not.
            text(stream, "codec_type").as_deref() == Some(kind) && stream["disposition"]["attached_pic"] != 1
        };
        streams.iter().find(is_shown)
    };
    let (video, audio) = (of_kind("video").and_then(video), of_kind("audio").and_then(audio));
    if video.is_none() && audio.is_none() {
        return None;
    }
    let duration = number(container, "duration")
        .unwrap_or_else(|| streams.iter().filter_map(|stream| number(stream, "duration")).fold(0.0, f64::max));
    let facts = MediaFacts {
        duration: if duration.is_finite() { duration.max(0.0) } else { 0.0 },
        bit_rate: number(container, "bit_rate").unwrap_or(0.0) as u64,
        video,
        audio,
    };
    let name = text(container, "format_name")?;
    Some((format(&name, container, head, extension, facts.video.is_some()), facts))
}

/// The usual extension of a container. Several share a demuxer; then the file's own name decides if it is one of them.
fn format(demuxer: &str, container: &Value, head: &[u8], extension: Option<&str>, has_video: bool) -> String {
    let among = |names: &[&str]| extension.filter(|extension| names.contains(extension)).map(str::to_owned);
    let brand = container["tags"]["major_brand"].as_str().unwrap_or_default().trim().to_owned();
    match demuxer.split(',').next().unwrap_or_default() {
        "mov" => among(&["mp4", "mov", "m4v", "m4a", "3gp", "3g2", "mj2"]).unwrap_or_else(|| {
            let known = match brand.as_str() {
                "qt" => "mov",
                "M4A" => "m4a",
                "M4V" => "m4v",
                brand if brand.starts_with("3gp") => "3gp",
                brand if brand.starts_with("3g2") => "3g2",
                _ => "mp4",
            };
            known.to_owned()
        }),
        "matroska" if is_webm(head) => "webm".into(),
        "matroska" => among(&["mkv", "mka"]).unwrap_or_else(|| "mkv".into()),
        "ogg" => among(&["ogg", "ogv", "oga", "opus", "spx"]).unwrap_or_else(|| {
            let usual = if has_video { "ogv" } else { "ogg" };
            usual.into()
        }),
        "asf" => if has_video { "wmv" } else { "wma" }.into(),
        "mpegts" => among(&["ts", "m2ts", "mts"]).unwrap_or_else(|| "ts".into()),
        "mpeg" => among(&["mpg", "mpeg"]).unwrap_or_else(|| "mpg".into()),
        other => other.to_owned(),
    }
}

/// Whether a format may be called so.
pub fn is_extension(text: &str) -> bool {
    const KNOWN: [&str; 36] = [
        "mp4", "mov", "m4v", "m4a", "3gp", "3g2", "mj2", "webm", "mkv", "mka", "ogg", "ogv", "oga", "opus", "spx",
        "wmv", "wma", "asf", "ts", "m2ts", "mts", "mpg", "mpeg", "avi", "flv", "mp3", "wav", "w64", "flac", "aac",
        "aiff", "amr", "mxf", "caf", "m3u8", "mpd",
    ];
    KNOWN.contains(&text.to_ascii_lowercase().as_str())
}

fn video(stream: &Value) -> Option<VideoFacts> {
    let (width, height) = (number(stream, "width")? as u32, number(stream, "height")? as u32);
    if width == 0 || height == 0 {
        return None;
    }
    // The side data turn counterclockwise, the older tag clockwise.
    let turned =
        stream["side_data_list"].as_array().and_then(|all| all.iter().find_map(|one| one["rotation"].as_i64()));
    let tagged = stream["tags"]["rotate"].as_str().and_then(|text| text.parse::<i64>().ok());
    let rotation = turned.map(|degrees| -degrees).or(tagged).unwrap_or(0).rem_euclid(360) as i32;
    let (width, height) = if rotation % 180 == 90 { (height, width) } else { (width, height) };
    let ratio = |name: &str| {
        let text = text(stream, name)?;
        let (above, below) = text.split_once('/')?;
        let (above, below): (f64, f64) = (above.parse().ok()?, below.parse().ok()?);
        (above > 0.0 && below > 0.0).then(|| above / below)
    };
    let frame_rate = ratio("avg_frame_rate").or_else(|| ratio("r_frame_rate")).unwrap_or(0.0);
    Some(VideoFacts {
        width,
        height,
        rotation,
        frame_rate: (frame_rate * 1000.0).round() / 1000.0,
        frames: number(stream, "nb_frames").map(|frames| frames as u64),
        stream: VideoStream {
            pix_format: text(stream, "pix_fmt").unwrap_or_default(),
            codec: text(stream, "codec_name")?,
            level: stream["level"].as_i64().filter(|level| *level > 0),
            profile: text(stream, "profile").filter(|profile| profile != "unknown"),
            bit_rate: text(stream, "bit_rate"),
            dar: text(stream, "display_aspect_ratio").filter(|ratio| ratio != "0:1"),
            time_base: text(stream, "time_base"),
        },
    })
}

fn audio(stream: &Value) -> Option<AudioFacts> {
    Some(AudioFacts {
        codec: text(stream, "codec_name")?,
        bit_rate: text(stream, "bit_rate"),
        frequency: number(stream, "sample_rate").unwrap_or(0.0) as u64,
        channels: number(stream, "channels").unwrap_or(0.0) as u64,
        channel_layout: text(stream, "channel_layout"),
    })
}

fn text(of: &Value, name: &str) -> Option<String> {
    of[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A number, which ffprobe writes as a number in some places and as a text in others.
fn number(of: &Value, name: &str) -> Option<f64> {
    let value = &of[name];
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_turned_phone_video_is_as_tall_as_it_is_shown() {
        let answer = json!({
            "streams": [
                {"codec_type": "audio", "codec_name": "aac", "sample_rate": "44100", "channels": 2, "channel_layout": "stereo",
                 "bit_rate": "128000"},
                {"codec_type": "video", "codec_name": "h264", "profile": "High", "level": 31, "width": 1920, "height": 1080,
                 "pix_fmt": "yuv420p", "avg_frame_rate": "30000/1001", "nb_frames": "299", "bit_rate": "1500000",
                 "time_base": "1/30000", "display_aspect_ratio": "16:9", "side_data_list": [{"rotation": -90}]},
            ],
            "format": {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "9.976", "bit_rate": "1630000",
                       "tags": {"major_brand": "qt  "}},
        });
        let (format, facts) = read(&answer, b"", None).unwrap();
        assert_eq!((format.as_str(), facts.duration, facts.bit_rate), ("mov", 9.976, 1_630_000));
        let video = facts.video.unwrap();
        assert_eq!((video.width, video.height, video.rotation, video.frames), (1080, 1920, 90, Some(299)));
        assert_eq!(video.frame_rate, 29.97);
        assert_eq!(facts.audio.unwrap().frequency, 44_100);
        assert_eq!(read(&answer, b"", Some("m4v")).unwrap().0, "m4v");
        assert_eq!(read(&answer, b"", Some("exe")).unwrap().0, "mov");
    }

    #[test]
    fn the_cover_of_a_record_is_no_video() {
        let answer = json!({
            "streams": [
                {"codec_type": "audio", "codec_name": "mp3", "sample_rate": "44100", "channels": 1, "duration": "2.5"},
                {"codec_type": "video", "codec_name": "png", "width": 600, "height": 600, "disposition": {"attached_pic": 1}},
            ],
            "format": {"format_name": "mp3", "duration": "nan"},
        });
        let (format, facts) = read(&answer, b"", None).unwrap();
        assert_eq!((format.as_str(), facts.duration, facts.video), ("mp3", 2.5, None));
        let nothing = json!({"streams": [{"codec_type": "subtitle"}], "format": {"format_name": "srt"}});
        assert_eq!(read(&nothing, b"", None), None);
        assert_eq!(read(&json!({}), b"", None), None);
    }
}
