//! What a preset fixes: upload parameters in one form, whatever form they came in. Pure.

use plane_kit::{destination::Destination, error::ApiError, http::params::Params, nearest::nearest};
use serde_json::{Map, Value, json};

use crate::{
    assets::{
        access_control::{AccessChange, AccessControl},
        coordinates::CoordinatesChange,
        labels::{check_context, check_tags},
        moderation::is_wanted,
    },
    eager::ask::read_items,
    metadata::values::read_pairs,
    transformations::stored::StoredTransformation,
    upload::{
        context::read_context,
        incoming::Incoming,
        parameters::{NOT_BUILT, check_public_id, clean_folder, refuse_not_built, uploaded_type},
        redirect,
    },
};

/// Parameters that are true or false.
const BOOLEANS: [&str; 17] = [
    "colors",
    "exif",
    "image_metadata",
    "media_metadata",
    "phash",
    "backup",
    "async",
    "eager_async",
    "use_filename",
    "unique_filename",
    "use_filename_as_display_name",
    "use_asset_folder_as_public_id_prefix",
    "discard_original_filename",
    "overwrite",
    "invalidate",
    "disallow_public_id",
    "return_delete_token",
];
/// Parameters that are lists.
const LISTS: [&str; 2] = ["tags", "allowed_formats"];
/// Parameters that are text.
const TEXTS: [&str; 15] = [
    "face_coordinates",
    "custom_coordinates",
    "moderation",
    "callback",
    "format",
    "transformation",
    "notification_url",
    "eager_notification_url",
    "public_id",
    "public_id_prefix",
    "display_name",
    "folder",
    "asset_folder",
    "type",
    "filename_override",
];
/// What a call says beside what the preset fixes. Clients send a timestamp as a by-product.
const OF_THE_CALL: [&str; 6] = ["name", "unsigned", "timestamp", "api_key", "signature", "external_id"];

/// Reads what a preset fixes. Only what was said is kept. A name that is no upload parameter is refused with the nearest that is one;
/// one that is not built yet is refused by name, because uploads under the preset would be.
pub fn read(params: &Params) -> Result<Map<String, Value>, ApiError> {
    refuse_not_built(params)?;
    let known = || {
        BOOLEANS
            .into_iter()
            .chain(LISTS)
            .chain(TEXTS)
            .chain(["access_control", "access_mode", "context", "eager", "metadata"])
            .chain(OF_THE_CALL)
            .chain(NOT_BUILT)
    };
    if let Some(unknown) = params.names().find(|name| !known().any(|known| known == *name)) {
        let hint = nearest(unknown, known()).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        return Err(ApiError::invalid(format!("There is no upload parameter {unknown}{hint}")));
    }
    redirect::read(params)?;
    Incoming::read(params)?;
    is_wanted(params)?;
    CoordinatesChange::read(params)?;
    let access = AccessChange::read(params)?;
    let mut settings = Map::new();
    if let Some(mode) = access.mode {
        settings.insert("access_mode".into(), mode.name().into());
    }
    if let Some(rules) = access.rules {
        let shown = AccessControl { rules, ..AccessControl::default() }.shown();
        settings.insert("access_control".into(), shown.into());
    }
    for name in BOOLEANS {
        if let Some(value) = params.boolean(name)? {
            settings.insert(name.into(), value.into());
        }
    }
    for name in TEXTS {
        let Some(text) = params.text(name)? else { continue };
        let text = match name {
            "public_id" => {
                check_public_id(name, &text)?;
                text
            }
            "folder" | "asset_folder" | "public_id_prefix" => clean_folder(name, &text)?,
            "notification_url" | "eager_notification_url" => Destination::parse_standing(name, &text)?.uri(),
            "type" => uploaded_type(name, &text)?.name().to_owned(),
            _ => text,
        };
        settings.insert(name.into(), text.into());
    }
    if let Some(tags) = params.list("tags")? {
        settings.insert("tags".into(), json!(check_tags(tags)?));
    }
    if let Some(formats) = params.list("allowed_formats")? {
        settings.insert("allowed_formats".into(), json!(formats));
    }
    let eager = read_items(params)?;
    if !eager.is_empty() {
        let texts: Vec<String> = eager.iter().map(StoredTransformation::print).collect();
        settings.insert("eager".into(), texts.join("|").into());
    }
    let metadata = read_pairs(params, "metadata")?;
    if !metadata.is_empty() {
        settings.insert("metadata".into(), Value::Object(metadata));
    }
    let context = check_context(read_context(params)?)?;
    if !context.is_empty() {
        settings.insert("context".into(), Value::Object(context));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_in_one_form_and_only_what_was_said() {
        let form =
            "name=p&unsigned=1&timestamp=1&tags=b,a&overwrite=0&context=alt%3Dx%7Cb%3Dc&folder=/a/b/&faces=false";
        let expected =
            json!({"overwrite": false, "folder": "a/b", "tags": ["a", "b"], "context": {"alt": "x", "b": "c"}});
        assert_eq!(Value::Object(read(&Params::from_urlencoded(form)).unwrap()), expected);
        let body =
            br#"{"tags":["b","a"],"overwrite":"false","context":{"alt":"x","b":"c"},"folder":"a/b","type":null}"#;
        assert_eq!(Value::Object(read(&Params::from_json(body).unwrap()).unwrap()), expected);
    }

    #[test]
    fn what_cannot_be_fixed_is_named() {
        for (form, part) in [
            ("overwite=1", "did you mean overwrite?"),
            ("eager=w_many", "eager"),
            ("transformation=w_many", "transformation"),
            ("format=mp4", "format"),
            ("callback=javascript:x", "callback"),
            ("ocr=1", "ocr"),
            ("overwrite=perhaps", "overwrite"),
            ("folder=../a", "folder"),
            ("type=fetch", "fetch"),
            ("public_id=a%3Fb", "public_id"),
            ("tags[]=a%2Cb", "a,b"),
        ] {
            let error = read(&Params::from_urlencoded(form)).unwrap_err();
            assert!(error.message().contains(part), "{form}: {error}");
        }
    }
}
