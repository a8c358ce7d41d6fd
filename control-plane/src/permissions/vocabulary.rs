//! What policies can speak of: kinds of entities, actions, features, and which operations of the table they mean. Pure data.
//!
//! The vendor publishes the words (`C/schema`, the catalogue, the examples of its description) and not what they permit here: which
//! operation an action is carried out by is our own reading throughout. Whoever changes a row changes what stored policies mean.

use serde_json::{Map, Value, json};

/// The namespace of every entity type.
pub(crate) const NAMESPACE: &str = "Cloudinary";
/// The kind whose ids name capabilities of the console and the APIs.
pub(crate) const FEATURE: &str = "Feature";
/// The kind of folders. The id of a folder is its path here, as in `clients/acme`.
pub(crate) const FOLDER: &str = "Folder";
/// The kind of assets.
pub(crate) const ASSET: &str = "Asset";
/// The kind of reports, told apart by their `type`.
pub(crate) const REPORT: &str = "Report";
/// The kinds that a principal can be.
pub(crate) const PRINCIPALS: [&str; 4] = ["APIKey", "ProvisioningKey", "User", "Group"];

/// The action and the object of lines of policy, as `plane_kit::policy::PolicyLine` has them: an act, a method or `*`; a path or a
/// group.
pub(crate) type Target = (&'static str, &'static str);

/// What an action on a kind of entity means.
pub(crate) struct Meaning {
    /// The kind.
    pub kind: &'static str,
    /// The action.
    pub action: &'static str,
    /// The operations. Empty: it concerns only the console, and nothing here is permitted or forbidden by it.
    pub targets: &'static [Target],
}

const fn means(kind: &'static str, action: &'static str, targets: &'static [Target]) -> Meaning {
    Meaning { kind, action, targets }
}

/// Our reading of actions. Reading an asset includes downloading it, because the vendor's policy "view and download" says no more
/// than `read`; moving one is renaming it, because moving it between folders is an update of its fields.
pub(crate) const MEANINGS: &[Meaning] = &[
    means(ASSET, "create", &[("POST", "/:resource_type/upload"), ("POST", "/eval"), ("write", "@generation")]),
    means(ASSET, "read", &[("read", "@assets"), ("read", "@search"), ("read", "@tags"), ("read", "@archives")]),
    means(
        ASSET,
        "list",
        &[
            ("GET", "/resources"),
            ("GET", "/resources/:resource_type"),
            ("GET", "/resources/:resource_type/:type"),
            ("read", "@search"),
        ],
    ),
    means(
        ASSET,
        "update",
        &[("write", "@assets"), ("write", "@tags"), ("write", "@metadata"), ("POST", "/:resource_type/explicit")],
    ),
    means(ASSET, "update_tags", &[("write", "@tags")]),
    means(ASSET, "update_metadata", &[("write", "@metadata")]),
    means(ASSET, "move", &[("POST", "/:resource_type/rename")]),
    means(ASSET, "download", &[("GET", "/:resource_type/download"), ("*", "@archives")]),
    means(ASSET, "delete", &[("destroy", "@assets"), ("destroy", "@backups")]),
    means(ASSET, "restore", &[("read", "@backups"), ("write", "@backups")]),
    means(ASSET, "moderate", &[]),
    means(ASSET, "share", &[]),
    means(FOLDER, "create", &[("POST", "/folders/:folder_path")]),
    means(FOLDER, "read", &[("read", "@folders")]),
    means(FOLDER, "list", &[("GET", "/folders"), ("PUT", "/folders/descendants"), ("GET", "/folders/search")]),
    means(FOLDER, "update", &[("PUT", "/folders/:folder_path")]),
    means(FOLDER, "move", &[("PUT", "/folders/:folder_path")]),
    means(FOLDER, "delete", &[("destroy", "@folders")]),
    means(FOLDER, "share", &[("*", "@people")]),
    means("Collection", "create", &[]),
    means("Collection", "read", &[]),
    means("Collection", "update", &[]),
    means("Collection", "delete", &[]),
    means("Collection", "share", &[]),
    means("UploadPreset", "create", &[("POST", "@upload_presets")]),
    means("UploadPreset", "read", &[("read", "@upload_presets")]),
    means("UploadPreset", "update", &[("PUT", "@upload_presets")]),
    means("UploadPreset", "delete", &[("destroy", "@upload_presets")]),
    means("UploadMapping", "create", &[("POST", "@upload_mappings")]),
    means("UploadMapping", "read", &[("read", "@upload_mappings")]),
    means("UploadMapping", "update", &[("PUT", "@upload_mappings")]),
    means("UploadMapping", "delete", &[("destroy", "@upload_mappings")]),
    means("Transformation", "create", &[("POST", "@transformations")]),
    means("Transformation", "read", &[("read", "@transformations")]),
    means("Transformation", "update", &[("PUT", "@transformations")]),
    means("Transformation", "delete", &[("destroy", "@transformations")]),
    means("StreamingProfile", "create", &[("POST", "@streaming_profiles")]),
    means("StreamingProfile", "read", &[("read", "@streaming_profiles")]),
    means("StreamingProfile", "update", &[("PUT", "@streaming_profiles")]),
    means("StreamingProfile", "delete", &[("destroy", "@streaming_profiles")]),
    means("MetadataField", "create", &[("POST", "/metadata_fields"), ("POST", "/metadata_rules")]),
    means("MetadataField", "read", &[("read", "@metadata_fields"), ("read", "@metadata_rules")]),
    means("MetadataField", "update", &[("write", "@metadata_fields"), ("PUT", "@metadata_rules")]),
    means("MetadataField", "delete", &[("destroy", "@metadata_fields"), ("destroy", "@metadata_rules")]),
    means("Trigger", "create", &[("POST", "@triggers")]),
    means("Trigger", "read", &[("read", "@triggers"), ("read", "@notifications")]),
    means("Trigger", "update", &[("PUT", "@triggers"), ("write", "@notifications")]),
    means("Trigger", "delete", &[("destroy", "@triggers")]),
    means(REPORT, "read", &[("read", "@usage"), ("read", "@billing"), ("read", "@video_analytics")]),
    means("ProductEnvironment", "create", &[("POST", "@environments")]),
    means("ProductEnvironment", "read", &[("read", "@environments"), ("read", "@service"), ("read", "@settings")]),
    means("ProductEnvironment", "update", &[("PUT", "@environments")]),
    means("ProductEnvironment", "update_settings", &[]),
    means("ProductEnvironment", "delete", &[("destroy", "@environments")]),
    means("Account", "read", &[]),
    means("Account", "update", &[]),
    means("APIKey", "create", &[("POST", "@access_keys")]),
    means("APIKey", "read", &[("read", "@access_keys")]),
    means("APIKey", "update", &[("PUT", "@access_keys")]),
    means("APIKey", "delete", &[("destroy", "@access_keys")]),
    means("User", "create", &[("POST", "@users")]),
    means("User", "read", &[("read", "@users")]),
    means("User", "update", &[("PUT", "@users")]),
    means("User", "delete", &[("destroy", "@users")]),
    means("Group", "create", &[("POST", "/user_groups")]),
    means("Group", "read", &[("read", "@user_groups")]),
    means(
        "Group",
        "update",
        &[
            ("PUT", "/user_groups/:group_id"),
            ("POST", "/user_groups/:group_id/users/:user_id"),
            ("DELETE", "/user_groups/:group_id/users/:user_id"),
        ],
    ),
    means("Group", "delete", &[("DELETE", "/user_groups/:group_id")]),
    means("Role", "create", &[("POST", "/permissions/roles")]),
    means("Role", "read", &[("read", "@permissions")]),
    means("Role", "update", &[("PUT", "/permissions/roles/:role_id")]),
    means("Role", "delete", &[("DELETE", "/permissions/roles/:role_id")]),
    means(
        "Role",
        "assign",
        &[("PUT", "/permissions/roles/:role_id/principals"), ("PUT", "/permissions/principal_roles")],
    ),
    means("Policy", "create", &[("POST", "/permissions/policies/custom")]),
    means("Policy", "read", &[("read", "@permissions")]),
    means("Policy", "update", &[("PUT", "/permissions/policies/custom/:policy_id")]),
    means("Policy", "delete", &[("DELETE", "/permissions/policies/custom/:policy_id")]),
];

/// Our reading of the types of reports. The first two are of the console.
pub(crate) const REPORT_TYPES: &[(&str, &[Target])] = &[
    ("delivery", &[]),
    ("errors", &[]),
    ("env_usage", &[("read", "@usage")]),
    ("account_usage", &[("read", "@billing")]),
    ("video_analytics", &[("read", "@video_analytics")]),
];

/// Our reading of features. Empty: it concerns only the console.
pub(crate) const FEATURES: &[(&str, &[Target])] = &[
    ("cld::global::ml::access", &[]),
    ("cld::global::folders::create", &[("POST", "/folders/:folder_path")]),
    ("cld::global::search::view", &[("read", "@search")]),
    ("cld::global::moderation::view", &[]),
    ("cld::global::collections::view", &[]),
    ("cld::global::collections::manage", &[]),
    ("cld::global::api_keys::view", &[("read", "@access_keys")]),
    ("cld::global::api_keys::manage", &[("*", "@access_keys")]),
    ("cld::global::upload_settings::access", &[("read", "@upload_presets"), ("read", "@upload_mappings")]),
    ("cld::global::upload_settings::manage", &[("*", "@upload_presets"), ("*", "@upload_mappings")]),
    ("cld::global::transformations::view", &[("read", "@transformations"), ("read", "@streaming_profiles")]),
    ("cld::global::transformations::manage", &[("*", "@transformations"), ("*", "@streaming_profiles")]),
    ("cld::global::metadata::view", &[("read", "@metadata_fields"), ("read", "@metadata_rules")]),
    ("cld::global::metadata::manage", &[("*", "@metadata_fields"), ("*", "@metadata_rules")]),
    ("cld::global::webhooks::view", &[("read", "@triggers"), ("read", "@notifications")]),
    ("cld::global::webhooks::manage", &[("*", "@triggers"), ("*", "@notifications")]),
    ("cld::global::analysis::use", &[("*", "@analysis")]),
    ("cld::global::generation::use", &[("*", "@generation")]),
    ("cld::global::backups::manage", &[("*", "@backups")]),
    ("cld::global::people::manage", &[("*", "@people")]),
    ("cld::global::reports::usage::view", &[("read", "@usage")]),
    ("cld::global::reports::errors::view", &[]),
    ("cld::global::reports::delivery::view", &[]),
    ("cld::global::reports::video::view", &[("read", "@video_analytics")]),
    ("cld::global::billing::view", &[("read", "@billing")]),
    (
        "cld::global::product_environments::view",
        &[("read", "@environments"), ("read", "@service"), ("read", "@settings")],
    ),
    ("cld::global::product_environments::create", &[("POST", "@environments")]),
    ("cld::global::product_environments::update", &[("PUT", "@environments")]),
    ("cld::global::product_environments::delete", &[("destroy", "@environments")]),
    ("cld::global::users::view", &[("read", "@users")]),
    ("cld::global::users::create", &[("POST", "@users")]),
    ("cld::global::users::update", &[("PUT", "@users")]),
    ("cld::global::users::delete", &[("destroy", "@users")]),
    ("cld::global::groups::view", &[("read", "@user_groups")]),
    ("cld::global::groups::create", &[("POST", "/user_groups")]),
    (
        "cld::global::groups::update",
        &[
            ("PUT", "/user_groups/:group_id"),
            ("POST", "/user_groups/:group_id/users/:user_id"),
            ("DELETE", "/user_groups/:group_id/users/:user_id"),
        ],
    ),
    ("cld::global::groups::delete", &[("DELETE", "/user_groups/:group_id")]),
    ("cld::global::roles::view", &[("read", "@permissions")]),
    ("cld::global::roles::manage", &[("*", "@permissions")]),
    ("cld::global::account::view", &[]),
    ("cld::global::account::update", &[]),
];

/// What a feature means; none if there is no such feature.
pub(crate) fn feature(id: &str) -> Option<&'static [Target]> {
    FEATURES.iter().find(|(name, _)| *name == id).map(|(_, targets)| *targets)
}

/// What a type of report means; none if there is no such type.
pub(crate) fn report_type(name: &str) -> Option<&'static [Target]> {
    REPORT_TYPES.iter().find(|(known, _)| *known == name).map(|(_, targets)| *targets)
}

/// The schema in Cedar's JSON form: what `C/schema` answers and what statements are validated against.
pub(crate) fn schema() -> Value {
    let mut kinds: Vec<&str> = PRINCIPALS.to_vec();
    let mut resources_of: Vec<(&str, Vec<&str>)> = Vec::new();
    for meaning in MEANINGS {
        if !kinds.contains(&meaning.kind) {
            kinds.push(meaning.kind);
        }
        match resources_of.iter_mut().find(|(action, _)| *action == meaning.action) {
            Some((_, resources)) => resources.push(meaning.kind),
            None => resources_of.push((meaning.action, vec![meaning.kind])),
        }
    }
    kinds.push(FEATURE);
    let entity_types: Map<String, Value> = kinds.iter().map(|kind| ((*kind).to_owned(), entity_type(kind))).collect();
    let actions: Map<String, Value> = resources_of
        .into_iter()
        .map(|(action, mut resources)| {
            resources.push(FEATURE);
            let applies_to = json!({"principalTypes": PRINCIPALS, "resourceTypes": resources});
            (action.to_owned(), json!({"appliesTo": applies_to}))
        })
        .collect();
    json!({NAMESPACE: {"entityTypes": entity_types, "actions": actions}})
}

/// The parents and the attributes of a kind.
fn entity_type(kind: &str) -> Value {
    let ancestors = json!({"type": "Set", "element": {"type": "String"}, "required": true});
    let text = json!({"type": "String", "required": true});
    let shaped = |attributes: Value| json!({"type": "Record", "attributes": attributes});
    match kind {
        FOLDER => json!({
            "memberOfTypes": [FOLDER],
            "shape": shaped(json!({"ancestor_ids": ancestors, "name": text})),
        }),
        ASSET => json!({
            "memberOfTypes": [FOLDER],
            "shape": shaped(json!({"ancestor_ids": ancestors, "resource_type": text})),
        }),
        "User" => json!({
            "memberOfTypes": ["Group"],
            "shape": shaped(json!({"root": {"type": "Boolean", "required": false}})),
        }),
        REPORT => json!({"shape": shaped(json!({"type": text}))}),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use plane_kit::{
        operations::operations,
        policy::{Effect, PolicyLine},
    };

    use super::*;

    #[test]
    fn every_target_is_an_operation_of_the_table() {
        let of_kinds = MEANINGS.iter().map(|meaning| meaning.targets);
        let of_reports = REPORT_TYPES.iter().map(|(_, targets)| *targets);
        let of_features = FEATURES.iter().map(|(_, targets)| *targets);
        for (action, object) in of_kinds.chain(of_reports).chain(of_features).flatten() {
            let line = PolicyLine::new("role", action, object, Effect::Allow);
            assert!(operations().iter().any(|operation| line.covers(operation)), "{action} {object}");
        }
    }

    #[test]
    fn no_word_is_written_twice() {
        for (at, meaning) in MEANINGS.iter().enumerate() {
            let again = MEANINGS[..at].iter().any(|one| (one.kind, one.action) == (meaning.kind, meaning.action));
            assert!(!again, "{} {}", meaning.kind, meaning.action);
        }
        for (at, (id, _)) in FEATURES.iter().enumerate() {
            assert!(!FEATURES[..at].iter().any(|(one, _)| one == id), "{id}");
        }
    }

    #[test]
    fn the_schema_can_be_loaded() {
        cedar_policy::Schema::from_json_value(schema()).unwrap();
    }
}
