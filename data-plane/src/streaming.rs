//! Streaming profiles: named lists of the renditions that a video is streamed in. They are kept; video will use them.

pub mod store;

use plane_kit::{
    error::{ApiError, ErrorCode},
    http::params::{Params, invalid_value, missing},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use transform::grammar::check_items;
use uuid::Uuid;

use crate::{
    delivery::url::{SPELLING_LIMIT, refused},
    tables::streaming_profiles::Model,
};

/// The longest name, and the longest name shown to people, in characters.
const LONGEST: usize = 255;
/// How many renditions a profile may have.
const MOST: usize = 50;

/// The profiles that are there by themselves, each with its renditions.
const PREDEFINED: [(&str, &[Rung]); 7] = [
    ("4k", &[R2160, R1440, R1080, R720, R540, R360, R270, R240]),
    ("full_hd", &[R1080, R720, R540, R360, R270, R240]),
    ("hd", &[R720, R540, R360, R270, R240]),
    ("sd", &[S480, S360, S240]),
    ("full_hd_wifi", &[R1080, R720, R540]),
    ("full_hd_lean", &[R1080, R720, R360, R270, R240]),
    ("hd_lean", &[R720, R360, R270, R240]),
];

/// Width, height, codec and bit rate of a rendition. The first two profiles are observed; what the others have of them, and `sd`, is our
/// reading.
type Rung = (u32, u32, &'static str, &'static str);

const R2160: Rung = (3840, 2160, "h264:high:4.0", "35m");
const R1440: Rung = (2560, 1440, "h264:high:4.0", "16m");
const R1080: Rung = (1920, 1080, "h264:high:4.0", "8500k");
const R720: Rung = (1280, 720, "h264:main:3.1", "5500k");
const R540: Rung = (960, 540, "h264:main:3.1", "3500k");
const R360: Rung = (640, 360, "h264:baseline:3.0", "2m");
const R270: Rung = (480, 270, "h264:baseline:3.0", "800k");
const R240: Rung = (320, 240, "h264:baseline:3.0", "192k");
const S480: Rung = (640, 480, "h264:baseline:3.0", "2m");
const S360: Rung = (480, 360, "h264:baseline:3.0", "800k");
const S240: Rung = (320, 240, "h264:baseline:3.0", "192k");

/// A streaming profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its name shown to people.
    pub display_name: Option<String>,
    /// Whether it is there by itself.
    pub predefined: bool,
    /// Its id.
    pub external_id: Uuid,
    /// The transformation of each rendition.
    pub representations: Vec<String>,
}

impl Profile {
    /// The profile of a name that is there by itself.
    pub fn predefined(name: &str) -> Option<Self> {
        let (name, rungs) = PREDEFINED.iter().find(|(known, _)| *known == name)?;
        let transformation =
            |(width, height, codec, rate): &Rung| format!("br_{rate},c_limit,h_{height},vc_{codec},w_{width}");
        let digest = Sha256::digest(format!("streaming profile {name}"));
        let external_id = Uuid::from_slice(&digest[..16]).unwrap_or_default();
        let representations = rungs.iter().map(transformation).collect();
        Some(Self { name: (*name).to_owned(), display_name: None, predefined: true, external_id, representations })
    }

    /// All that are there by themselves.
    pub fn all_predefined() -> impl Iterator<Item = Self> {
        PREDEFINED.iter().filter_map(|(name, _)| Self::predefined(name))
    }

    /// A profile as it is kept.
    pub fn of_row(row: Model) -> Self {
        let texts = row.representations.as_array().into_iter().flatten();
        Self {
            predefined: Self::predefined(&row.name).is_some(),
            representations: texts.filter_map(|text| text.as_str().map(str::to_owned)).collect(),
            name: row.name,
            display_name: row.display_name,
            external_id: row.external_id,
        }
    }

    /// The form in which its renditions are kept.
    pub fn kept(&self) -> Value {
        json!(self.representations)
    }
}

/// Reads a name.
pub fn read_name(name: &str) -> Result<String, ApiError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_fit) {
        true => Ok(name.to_owned()),
        false => Err(ApiError::invalid(format!(
            "Invalid value {} for parameter name: 1 to {LONGEST} letters, digits, `_` and `-`",
            name.escape_debug()
        ))),
    }
}

/// Reads a name shown to people.
pub fn read_display_name(params: &Params) -> Result<Option<String>, ApiError> {
    let name = params.text("display_name")?;
    match name.as_ref().is_some_and(|name| name.chars().count() > LONGEST) {
        true => Err(ApiError::invalid(format!("Invalid value for parameter display_name: longer than {LONGEST}"))),
        false => Ok(name),
    }
}

/// Reads the renditions: a list, or its JSON text, of transformations or of objects that hold one. Nothing where nothing is said.
pub fn read_representations(params: &Params) -> Result<Option<Vec<String>>, ApiError> {
    const NAME: &str = "representations";
    let list = match params.get(NAME) {
        None => return Ok(None),
        Some(Value::Array(list)) => list.clone(),
        Some(value @ Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Array(list)) => list,
            _ => return Err(invalid_value(NAME, value)),
        },
        Some(value) => return Err(invalid_value(NAME, value)),
    };
    if list.is_empty() {
        return Err(missing(NAME));
    }
    if list.len() > MOST {
        return Err(ApiError::invalid(format!("Invalid value for parameter {NAME}: at most {MOST} renditions")));
    }
    let read = |item: &Value| {
        let text = item.as_str().or_else(|| item.get("transformation").and_then(Value::as_str));
        let text = text.ok_or_else(|| invalid_value(NAME, item))?.trim_matches('/');
        let naming = |why: &str| {
            ApiError::new(ErrorCode::InvalidTransformation, format!("Invalid value for parameter {NAME}: {why}"))
        };
        if text.is_empty() {
            return Err(naming("a transformation is empty"));
        }
        if text.len() > SPELLING_LIMIT {
            return Err(naming(&format!("a transformation is longer than {SPELLING_LIMIT} characters")));
        }
        // What its parameters mean, video will say.
        check_items(text).map_err(|refusal| naming(refused(refusal).message()))?;
        Ok(text.to_owned())
    };
    list.iter().map(read).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renditions_come_as_a_list_or_as_its_text() {
        let expected = Some(vec!["c_scale,w_100/vc_h264,br_2500k".to_owned(), "w_50".to_owned()]);
        for body in [
            r#"{"representations": [{"transformation": "c_scale,w_100/vc_h264,br_2500k"}, "w_50"]}"#,
            r#"{"representations": "[{\"transformation\":\"c_scale,w_100/vc_h264,br_2500k\"},{\"transformation\":\"w_50/\"}]"}"#,
        ] {
            let params = Params::from_json(body.as_bytes()).unwrap();
            assert_eq!(read_representations(&params).unwrap(), expected, "{body}");
        }
        assert_eq!(read_representations(&Params::new()).unwrap(), None);
        for (text, part) in [
            ("[]", "representations"),
            ("{}", "representations"),
            ("nonsense", "nonsense"),
            ("[7]", "7"),
            ("[{\"transformation\":\"\"}]", "empty"),
            ("[\"hello\"]", "hello"),
            ("[\"w_1,hello\"]", "hello"),
        ] {
            let mut params = Params::new();
            params.set("representations", json!(text));
            let error = read_representations(&params).unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn predefined_profiles_hold_what_can_be_read() {
        let all: Vec<Profile> = Profile::all_predefined().collect();
        assert_eq!(all.len(), 7);
        for profile in &all {
            assert!(profile.predefined && !profile.representations.is_empty());
            for text in &profile.representations {
                check_items(text).unwrap();
            }
        }
        assert_ne!(all[0].external_id, all[1].external_id);
    }
}
