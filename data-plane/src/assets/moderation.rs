//! Moderation: whether people have looked at an asset, and what they said. Pure.

use chrono::{DateTime, Utc};
use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde_json::json;

/// Kinds of the wire that are carried out by services outside or by learned models, and are not built.
const NOT_BUILT: [&str; 14] = [
    "webpurify",
    "aws_rek",
    "aws_rek_video",
    "perception_point",
    "google_video_moderation",
    "duplicate",
    "metascan",
    "adult",
    "adult_rekognition",
    "virus",
    "rekognition",
    "azure",
    "openai",
    "ai_vision_moderation",
];
/// The kind in which people decide.
pub const MANUAL: &str = "manual";

/// What was said of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nobody has looked yet.
    Pending,
    /// It may be seen.
    Approved,
    /// It may not; nobody gets it delivered.
    Rejected,
}

impl Status {
    const ALL: [Self; 3] = [Self::Pending, Self::Approved, Self::Rejected];

    /// Its name on the wire and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Reads a parameter.
    pub fn parse(parameter: &str, name: &str) -> Result<Self, ApiError> {
        Self::from_name(name).ok_or_else(|| {
            ApiError::invalid(format!("Invalid value {name} for parameter {parameter}: pending, approved or rejected"))
        })
    }
}

/// The moderation of an asset by people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moderation {
    /// What was said.
    pub status: Status,
    /// When.
    pub updated_at: DateTime<Utc>,
}

/// Reads `moderation`: whether people are to look at an asset. Kinds that are not built are refused by name.
pub fn is_wanted(params: &Params) -> Result<bool, ApiError> {
    let Some(kinds) = params.text("moderation")?.filter(|kinds| !kinds.is_empty()) else {
        return Ok(false);
    };
    for kind in kinds.split('|') {
        let name = kind.split(':').next().unwrap_or_default();
        check_kind("moderation", name)?;
    }
    Ok(true)
}

/// Refuses a kind that is not built, and one that there is not.
pub fn check_kind(parameter: &str, name: &str) -> Result<(), ApiError> {
    match name {
        MANUAL => Ok(()),
        name if NOT_BUILT.contains(&name) => Err(ApiError::not_built(format!("The moderation kind {name}"))),
        name => Err(invalid_value(parameter, &json!(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_moderate_and_others_are_refused_by_name() {
        let read = |form: &str| is_wanted(&Params::from_urlencoded(form));
        assert!(read("moderation=manual").unwrap() && !read("").unwrap() && !read("moderation=").unwrap());
        for (form, part) in [
            ("moderation=aws_rek", "aws_rek is not built"),
            ("moderation=duplicate:0.8", "duplicate is not built"),
            ("moderation=manual|webpurify", "webpurify is not built"),
            ("moderation=banana", "banana"),
        ] {
            assert!(read(form).unwrap_err().message().contains(part), "{form}");
        }
    }
}
