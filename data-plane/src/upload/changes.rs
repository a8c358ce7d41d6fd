//! What is to change of an asset that is there, as parameters say it.

use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde_json::{Value, json};

use super::{
    context::read_context,
    parameters::{clean_folder, refuse_not_built},
};
use crate::assets::{
    access_control::AccessChange,
    change::AssetChanges,
    coordinates::CoordinatesChange,
    labels::{ContextChange, TagChange, check_context, check_tags},
    moderation::{Status, is_wanted},
};

/// The longest name shown to people, in characters.
const LONGEST_DISPLAY_NAME: usize = 255;

/// Refuses what is said of uploads alone. `call` is what it was said to.
pub fn refuse_upload_parameters(params: &Params, call: &str, names: &[&str]) -> Result<(), ApiError> {
    for name in names {
        let is_said = params.get(name).is_some_and(|value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !matches!(text.as_str(), "" | "0" | "false"),
            _ => true,
        });
        if is_said {
            return Err(ApiError::not_built(format!("The parameter {name} of {call}")));
        }
    }
    Ok(())
}

/// Reads what is to change of an asset that is there. `folders_are_free` says that folders do not follow from public ids.
pub fn read_changes(params: &Params, folders_are_free: bool) -> Result<AssetChanges, ApiError> {
    refuse_not_built(params)?;
    // What is to be looked at waits, until it is said what was seen.
    let coordinates = CoordinatesChange::read(params)?;
    let access = AccessChange::read(params)?;
    let moderation = match params.text("moderation_status")? {
        Some(status) => Some(Status::parse("moderation_status", &status)?),
        None => is_wanted(params)?.then_some(Status::Pending),
    };
    let given = |name: &str| params.names().any(|known| known == name);
    // An empty list or text takes all of them away; what is absent, or null, stays.
    let tags = match given("tags") {
        true => Some(TagChange::Replace(check_tags(params.list("tags")?.unwrap_or_default())?)),
        false => None,
    };
    let context = match given("context") {
        true => Some(ContextChange::Replace(check_context(read_context(params)?)?)),
        false => None,
    };
    // An empty text is the root.
    let asset_folder = match given("asset_folder") {
        true => Some(clean_folder("asset_folder", &params.text("asset_folder")?.unwrap_or_default())?),
        false => None,
    };
    if asset_folder.is_some() && !folders_are_free {
        let text =
            "Invalid value for parameter asset_folder: in fixed folder mode the folder follows from the public id";
        return Err(ApiError::invalid(text));
    }
    params.boolean("clear_invalid")?;
    let display_name = params.text("display_name")?;
    if display_name.as_ref().is_some_and(|name| name.chars().count() > LONGEST_DISPLAY_NAME) {
        return Err(invalid_value("display_name", &json!(display_name)));
    }
    Ok(AssetChanges {
        tags,
        context,
        metadata: None,
        coordinates,
        access,
        backup: params.boolean("backup")?,
        moderation,
        display_name,
        asset_folder,
        later: None,
    })
}
