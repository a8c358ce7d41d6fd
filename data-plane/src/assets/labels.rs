//! Tags and context: what they may be, how a change of them is applied, and the rows by which assets are found by them.

use plane_kit::error::ApiError;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::tables::{asset_context, asset_tags, assets};

/// The longest tag, and the longest key of context, in characters.
pub const LONGEST: usize = 255;
/// The most tags of one asset, and the most pairs of its context.
pub const MOST: usize = 1000;
/// How many rows go into one statement; databases bound the values in one.
const ROWS_AT_ONCE: usize = 500;
/// The longest value of context, in characters.
const LONGEST_VALUE: usize = 10_000;

/// What becomes of an asset's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagChange {
    /// These come beside what is there.
    Add(Vec<String>),
    /// These go.
    Remove(Vec<String>),
    /// These and no others.
    Replace(Vec<String>),
}

impl TagChange {
    /// The tags afterwards, sorted.
    pub fn applied_to(&self, tags: &[String]) -> Vec<String> {
        let mut tags: Vec<String> = match self {
            Self::Add(more) => tags.iter().chain(more).cloned().collect(),
            Self::Remove(gone) => tags.iter().filter(|tag| !gone.contains(tag)).cloned().collect(),
            Self::Replace(tags) => tags.clone(),
        };
        tags.sort();
        tags.dedup();
        tags
    }
}

/// What becomes of an asset's context.
#[derive(Debug, Clone, PartialEq)]
pub enum ContextChange {
    /// These pairs come beside what is there; of one key the new value stays.
    Merge(Map<String, Value>),
    /// These pairs and no others.
    Replace(Map<String, Value>),
}

impl ContextChange {
    /// The context afterwards.
    pub fn applied_to(&self, context: &Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::Merge(more) => {
                let mut merged = context.clone();
                merged.extend(more.clone());
                merged
            }
            Self::Replace(context) => context.clone(),
        }
    }
}

/// Tags as they are kept: without blanks around them, sorted, each once. A tag holds no comma, because lists of tags are joined by it.
pub fn check_tags(tags: Vec<String>) -> Result<Vec<String>, ApiError> {
    let mut tags: Vec<String> = tags.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
    tags.sort();
    tags.dedup();
    if tags.len() > MOST {
        return Err(ApiError::invalid(format!("Invalid value for parameter tags: at most {MOST}")));
    }
    for tag in &tags {
        if tag.chars().count() > LONGEST {
            return Err(ApiError::invalid(format!(
                "Invalid value for parameter tags: a tag has at most {LONGEST} characters"
            )));
        }
        if tag.contains(',') || tag.chars().any(char::is_control) {
            return Err(ApiError::invalid(format!(
                "Invalid value {} for parameter tags: a tag holds no comma and no control character",
                tag.escape_debug()
            )));
        }
    }
    Ok(tags)
}

/// Checks the pairs of a context.
pub fn check_context(context: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    if context.len() > MOST {
        return Err(ApiError::invalid(format!("Invalid value for parameter context: at most {MOST} pairs")));
    }
    for (key, value) in &context {
        if key.is_empty() || key.chars().count() > LONGEST || key.chars().any(char::is_control) {
            return Err(ApiError::invalid(format!(
                "Invalid value {} for parameter context: a key has 1 to {LONGEST} characters, none of them a control character",
                key.escape_debug()
            )));
        }
        let text = text_of(value);
        if text.chars().count() > LONGEST_VALUE || text.contains('\0') {
            return Err(ApiError::invalid(format!(
                "Invalid value for parameter context: the value of {key} has at most {LONGEST_VALUE} characters, none of them a zero byte"
            )));
        }
    }
    Ok(context)
}

/// A value of context as it is searched.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The part of a value that its index holds.
pub fn start_of(value: &str) -> String {
    value.chars().take(LONGEST).collect()
}

/// Takes away the rows by which an asset is found.
pub(super) async fn take_labels<C: ConnectionTrait>(connection: &C, asset: Uuid) -> Result<(), DbErr> {
    asset_tags::Entity::delete_many().filter(asset_tags::Column::AssetId.eq(asset)).exec(connection).await?;
    asset_context::Entity::delete_many().filter(asset_context::Column::AssetId.eq(asset)).exec(connection).await?;
    Ok(())
}

/// Writes the rows by which an asset is found.
pub(super) async fn put_labels<C: ConnectionTrait>(
    connection: &C,
    asset: &assets::Model,
    tags: &[String],
    context: &Map<String, Value>,
) -> Result<(), DbErr> {
    let found = tags.iter().filter(|tag| (1..=LONGEST).contains(&tag.chars().count()));
    let rows: Vec<_> = found
        .map(|tag| asset_tags::ActiveModel {
            asset_id: Set(asset.id),
            tag: Set(tag.clone()),
            environment_id: Set(asset.environment_id),
            resource_type: Set(asset.resource_type.clone()),
            created_at: Set(asset.created_at),
        })
        .collect();
    for rows in rows.chunks(ROWS_AT_ONCE) {
        asset_tags::Entity::insert_many(rows.to_vec()).exec_without_returning(connection).await?;
    }
    let found = context.iter().filter(|(key, _)| (1..=LONGEST).contains(&key.chars().count()));
    let rows: Vec<_> = found
        .map(|(key, value)| {
            let value = text_of(value);
            asset_context::ActiveModel {
                asset_id: Set(asset.id),
                key: Set(key.clone()),
                value_start: Set(start_of(&value)),
                value: Set(value),
                environment_id: Set(asset.environment_id),
                resource_type: Set(asset.resource_type.clone()),
                created_at: Set(asset.created_at),
            }
        })
        .collect();
    for rows in rows.chunks(ROWS_AT_ONCE) {
        asset_context::Entity::insert_many(rows.to_vec()).exec_without_returning(connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn changes_of_tags_leave_them_sorted_and_each_once() {
        let tags = texts(&["b", "c"]);
        assert_eq!(TagChange::Add(texts(&["a", "c"])).applied_to(&tags), texts(&["a", "b", "c"]));
        assert_eq!(TagChange::Remove(texts(&["c", "x"])).applied_to(&tags), texts(&["b"]));
        assert_eq!(TagChange::Replace(texts(&["z", "y", "z"])).applied_to(&tags), texts(&["y", "z"]));
    }

    #[test]
    fn tags_and_context_are_held_to_their_limits() {
        assert_eq!(check_tags(texts(&[" b ", "a", "", "b"])).unwrap(), texts(&["a", "b"]));
        for (tags, part) in [
            (texts(&["a,b"]), "comma"),
            (texts(&["a\nb"]), "a\\nb"),
            (vec!["x".repeat(256)], "255"),
            ((0..1001).map(|n| n.to_string()).collect(), "1000"),
        ] {
            let error = check_tags(tags).unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
        let pair = |key: &str, value: &str| Map::from_iter([(key.to_owned(), Value::String(value.to_owned()))]);
        assert!(check_context(pair("alt", "a, b")).is_ok());
        for (context, part) in [
            (pair("", "x"), "1 to 255"),
            (pair("a\u{1}", "x"), "control"),
            (pair("alt", "a\0b"), "alt"),
            (pair("alt", &"x".repeat(10_001)), "10000"),
        ] {
            let error = check_context(context).unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
    }
}
