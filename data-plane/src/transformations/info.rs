//! A transformation step by step, in the words that official clients have for its parts. Pure.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// What official clients call a parameter. One that is not among them keeps its letters.
#[rustfmt::skip]
fn long_name(key: &str) -> &str {
    match key {
        "a" => "angle", "ac" => "audio_codec", "af" => "audio_frequency", "ar" => "aspect_ratio", "b" => "background",
        "bo" => "border", "br" => "bit_rate", "c" => "crop", "co" => "color", "cs" => "color_space", "d" => "default_image",
        "dl" => "delay", "dn" => "density", "du" => "duration", "e" => "effect", "eo" => "end_offset",
        "f" => "fetch_format", "fl" => "flags", "fn" => "custom_function", "g" => "gravity", "h" => "height", "if" => "if",
        "ki" => "keyframe_interval", "l" => "overlay", "o" => "opacity", "p" => "prefix", "pg" => "page", "q" => "quality",
        "r" => "radius", "so" => "start_offset", "sp" => "streaming_profile", "t" => "transformation", "u" => "underlay",
        "vc" => "video_codec", "vs" => "video_sampling", "w" => "width", "x" => "x", "y" => "y", "z" => "zoom",
        other => other,
    }
}

/// The steps of a transformation as it is recorded; the last names the format that is asked for behind the chain.
pub fn steps(text: &str) -> Vec<Value> {
    let (chain, format) = match text.rsplit_once('/') {
        Some((chain, format)) if !format.contains('_') => (chain, format),
        _ => (text, ""),
    };
    let mut steps: Vec<Value> = chain.split('/').filter(|piece| !piece.is_empty()).map(step).collect();
    if !format.is_empty() {
        steps.push(json!({"format": format}));
    }
    steps
}

fn step(piece: &str) -> Value {
    let mut parts = Map::new();
    for item in piece.split(',') {
        let (key, value) = item.split_once('_').unwrap_or((item, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        parts.insert(long_name(key).to_owned(), number(&value).unwrap_or_else(|| json!(value)));
    }
    Value::Object(parts)
}

/// A number, where a text is one in its plain form.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return (whole.to_string() == text).then(|| json!(whole));
    }
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !text.ends_with('.');
    text.parse::<f64>().ok().filter(|_| is_plain && !text.starts_with('.')).map(|number| json!(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_the_names_of_the_clients_and_plain_numbers() {
        for (text, expected) in [
            ("c_scale,w_100", json!([{"crop": "scale", "width": 100}])),
            (
                "ar_1.5,c_fill,g_auto/e_sepia:50",
                json!([
                {"aspect_ratio": 1.5, "crop": "fill", "gravity": "auto"}, {"effect": "sepia:50"}]),
            ),
            ("t_my%20name/png", json!([{"transformation": "my name"}, {"format": "png"}])),
            (
                "w_0100,x_-5,y_.5,r_1.,dpr_2.0",
                json!([
                {"width": "0100", "x": -5, "y": ".5", "radius": "1.", "dpr": 2.0}]),
            ),
            ("/png", json!([{"format": "png"}])),
        ] {
            assert_eq!(json!(steps(text)), expected, "{text}");
        }
    }
}
