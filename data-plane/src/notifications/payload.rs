//! The bodies of notifications. That of an upload is the answer to the upload; the vendor's shapes of the others are our reading, and
//! this is the one place for it.

use serde_json::{Map, Value, json};

use super::event::Event;
use crate::{
    analyses::AnalysisView,
    assets::{early::Early, happening::Happening, moderation::MANUAL, record::AssetRecord},
    tenants::Tenant,
    views::{EagerView, Links, UploadResult, wire_time},
};

/// What is told of something that happened. `deletion` is how a deletion is called.
pub fn bodies(
    happening: Happening<'_>,
    deletion: Event,
    links: &Links,
    tenant: &Tenant,
    api_key: Option<&str>,
) -> Vec<(Event, Map<String, Value>)> {
    match happening {
        Happening::Uploaded { asset, early, is_existing, questions, analysis } => {
            let mut result = UploadResult::new(links, tenant, asset, api_key).with_early(links, tenant, asset, early);
            result.existing = is_existing.then_some(true);
            result.analysis = Some(AnalysisView::new(questions, analysis, asset.version.media.as_ref()));
            vec![(Event::Upload, object(json!(result)))]
        }
        Happening::Deleted([]) => Vec::new(),
        Happening::Deleted(assets) => {
            let resources: Vec<Value> = assets.iter().map(identity).collect();
            vec![(deletion, object(json!({"resources": resources})))]
        }
        Happening::Published { from, asset } => {
            let mut body = object(identity(asset));
            body.insert("from_type".into(), from.delivery_type.name().into());
            vec![(Event::Publish, body)]
        }
        Happening::Renamed { from, asset } => {
            let mut body = object(identity(asset));
            body.remove("public_id");
            body.insert("from_public_id".into(), from.public_id.as_str().into());
            body.insert("to_public_id".into(), asset.name.public_id.as_str().into());
            body.insert("from_type".into(), from.delivery_type.name().into());
            vec![(Event::Rename, body)]
        }
        Happening::Changed(pairs) => changes(pairs),
        Happening::FolderMade(path) => vec![(Event::CreateFolder, folder(path))],
        Happening::FolderDeleted(path) => vec![(Event::DeleteFolder, folder(path))],
        Happening::FolderMoved { from, to } => {
            vec![(Event::MoveFolder, object(json!({"from_path": from, "to_path": to})))]
        }
    }
}

/// What is told when a batch of eager transformations is done.
pub fn eager(links: &Links, tenant: &Tenant, asset: &AssetRecord, early: &[Early]) -> Map<String, Value> {
    let mut body = object(identity(asset));
    body.insert("eager".into(), json!(EagerView::all(links, tenant, asset, early)));
    body
}

/// What is told when something that was to happen later did not.
pub fn error(message: &str, public_id: &str, resource_type: &str) -> Map<String, Value> {
    object(json!({"error": {"message": message}, "public_id": public_id, "resource_type": resource_type}))
}

/// How one asset says what changed of it.
type Difference = fn(&AssetRecord, &AssetRecord) -> Option<Value>;

fn changes(pairs: &[(AssetRecord, AssetRecord)]) -> Vec<(Event, Map<String, Value>)> {
    let kinds: [(Event, Difference); 6] = [
        (Event::TagsChanged, tags),
        (Event::ContextChanged, context),
        (Event::MetadataChanged, metadata),
        (Event::AccessChanged, access),
        (Event::DisplayNameChanged, display_name),
        (Event::Move, moved),
    ];
    let told = kinds.into_iter().filter_map(|(event, difference)| {
        let resources: Map<String, Value> = pairs
            .iter()
            .filter_map(|(before, after)| {
                let mut said = object(identity(after));
                said.remove("public_id");
                said.extend(object(difference(before, after)?));
                Some((after.name.public_id.clone(), Value::Object(said)))
            })
            .collect();
        (!resources.is_empty()).then(|| (event, object(json!({"source": "api", "resources": resources}))))
    });
    told.chain(pairs.iter().filter_map(|(before, after)| moderated(before, after))).collect()
}

/// What is told when people have said something of an asset.
fn moderated(before: &AssetRecord, after: &AssetRecord) -> Option<(Event, Map<String, Value>)> {
    let said = after.moderation.filter(|_| before.moderation != after.moderation)?;
    let mut body = object(identity(after));
    body.insert("moderation_kind".into(), MANUAL.into());
    body.insert("moderation_status".into(), said.status.name().into());
    body.insert("moderation_updated_at".into(), wire_time(said.updated_at).into());
    Some((Event::Moderation, body))
}

fn tags(before: &AssetRecord, after: &AssetRecord) -> Option<Value> {
    let beyond = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|tag| !those.contains(tag)).cloned().collect()
    };
    let (added, removed) = (beyond(&after.tags, &before.tags), beyond(&before.tags, &after.tags));
    let has_changed = !added.is_empty() || !removed.is_empty();
    has_changed.then(|| json!({"added": added, "removed": removed, "updated": []}))
}

fn context(before: &AssetRecord, after: &AssetRecord) -> Option<Value> {
    pairs(&before.context, &after.context)
}

fn metadata(before: &AssetRecord, after: &AssetRecord) -> Option<Value> {
    pairs(&before.metadata, &after.metadata)
}

fn pairs(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Value> {
    let pair = |(name, value): (&String, &Value)| json!({"name": name, "value": value});
    let added = after.iter().filter(|(name, _)| !before.contains_key(*name)).map(pair);
    let removed = before.iter().filter(|(name, _)| !after.contains_key(*name)).map(pair);
    let updated = after.iter().filter_map(|(name, value)| {
        let former = before.get(name).filter(|former| *former != value)?;
        Some(json!({"name": name, "previous_value": former, "new_value": value}))
    });
    let (added, removed, updated): (Vec<Value>, Vec<Value>, Vec<Value>) =
        (added.collect(), removed.collect(), updated.collect());
    let has_changed = !added.is_empty() || !removed.is_empty() || !updated.is_empty();
    has_changed.then(|| json!({"added": added, "removed": removed, "updated": updated}))
}

fn display_name(before: &AssetRecord, after: &AssetRecord) -> Option<Value> {
    let (former, new) = (&before.display_name, &after.display_name);
    (former != new).then(|| json!({"previous_display_name": former, "new_display_name": new}))
}

fn access(before: &AssetRecord, after: &AssetRecord) -> Option<Value> {
    let said =
        |asset: &AssetRecord| json!({"access_mode": asset.access.mode.name(), "access_control": asset.access.shown()});
    (before.access != after.access).then(|| json!({"previous": said(before), "new": said(after)}))
}

fn moved(before: &AssetRecord, after: &AssetRecord) -> Option<Value> {
    let (from, to) = (&before.asset_folder, &after.asset_folder);
    (from != to).then(|| json!({"from_asset_folder": from, "to_asset_folder": to}))
}

/// Which asset.
fn identity(asset: &AssetRecord) -> Value {
    json!({
        "resource_type": asset.name.resource_type.name(),
        "type": asset.name.delivery_type.name(),
        "asset_id": asset.id,
        "public_id": asset.name.public_id,
        "version": asset.version.version,
        "display_name": asset.display_name,
        "asset_folder": asset.asset_folder,
    })
}

fn folder(path: &str) -> Map<String, Value> {
    object(json!({"folder_path": path, "folder_name": path.rsplit('/').next().unwrap_or_default()}))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
