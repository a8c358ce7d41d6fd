//! Many assets at once, written as rows: what has to be looked through when somebody lists them. Their bytes are nowhere.
//!
//! Every thousandth asset lies in the same folder and under the same beginning of public ids; every hundredth has the same tag, every
//! ten thousandth the same rare one; a tenth has something derived; one in fifty waits for people.

use std::ops::Range;

use plane_kit::{database::Database, ids::EnvironmentId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

/// How many assets are written in one transaction.
const AT_ONCE: u64 = 50_000;
/// When the first one was made, in Unix seconds; each is a second younger than the one before.
pub const BEGIN: i64 = 1_700_000_000;

/// How the values of a row are written.
struct Dialect(DbBackend);

impl Dialect {
    fn numbers(&self, numbers: &Range<u64>) -> String {
        let (first, last) = (numbers.start, numbers.end - 1);
        match self.0 {
            DbBackend::Postgres => format!("(SELECT generate_series({first}::bigint, {last}::bigint) AS i) AS n"),
            _ => format!(
                "(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n) AS n"
            ),
        }
    }

    /// An id of its own for each number of a kind.
    fn id(&self, kind: u32, environment: EnvironmentId) -> String {
        let tail = &environment.0.simple().to_string()[26..];
        match self.0 {
            DbBackend::Postgres => format!("('{kind:08x}' || lpad(to_hex(i), 18, '0') || '{tail}')::uuid"),
            _ => format!("unhex('{kind:08x}' || printf('%018x', i) || '{tail}')"),
        }
    }

    fn environment(&self, environment: EnvironmentId) -> String {
        match self.0 {
            DbBackend::Postgres => format!("'{}'::uuid", environment.0),
            _ => format!("x'{}'", environment.0.simple()),
        }
    }

    fn moment(&self) -> String {
        match self.0 {
            DbBackend::Postgres => format!("to_timestamp({BEGIN} + i)"),
            _ => format!("strftime('%Y-%m-%dT%H:%M:%S', {BEGIN} + i, 'unixepoch') || '+00:00'"),
        }
    }

    fn json(&self, text: &str) -> String {
        match self.0 {
            DbBackend::Postgres => format!("({text})::json"),
            _ => text.to_owned(),
        }
    }

    /// A number as text of at least seven digits.
    fn digits(&self, number: &str) -> String {
        match self.0 {
            DbBackend::Postgres => format!("lpad(({number})::text, 7, '0')"),
            _ => format!("printf('%07d', {number})"),
        }
    }
}

/// Writes the assets of these numbers.
pub async fn assets(database: &Database, environment: EnvironmentId, numbers: Range<u64>) -> Result<(), DbErr> {
    let mut begin = numbers.start;
    while begin < numbers.end {
        let end = (begin + AT_ONCE).min(numbers.end);
        let transaction = database.begin().await?;
        for statement in statements(&Dialect(database.backend()), environment, &(begin..end)) {
            transaction.execute_unprepared(&statement).await?;
        }
        transaction.commit().await?;
        begin = end;
    }
    Ok(())
}

fn statements(dialect: &Dialect, environment: EnvironmentId, numbers: &Range<u64>) -> Vec<String> {
    let of = dialect.environment(environment);
    let (asset, version, derived) =
        (dialect.id(1, environment), dialect.id(2, environment), dialect.id(3, environment));
    let (moment, from) = (dialect.moment(), dialect.numbers(numbers));
    let (album, number) = (dialect.digits("i % 1000"), dialect.digits("i"));
    let kind = "CASE WHEN i % 10 = 9 THEN 'raw' ELSE 'image' END";
    let public_id = format!("'album' || {album} || '/picture' || {number}");
    let folder = format!("'albums/' || {album}");
    let tags = dialect.json("'[\"rare' || (i % 10000) || '\",\"tag' || (i % 100) || '\"]'");
    let context = dialect.json("'{\"place\":\"place' || (i % 1000) || '\"}'");
    let empty = dialect.json("'{}'");
    let source = dialect.json(
        "'{\"format\":\"jpg\",\"width\":640,\"height\":480,\"pages\":1,\"animated\":false,\"has_alpha\":false,\"orientation\":1,\"foreign_profile\":false,\"progressive\":false,\"damaged\":false}'",
    );
    let key = format!("'{}' || {number}", environment.0.simple());
    vec![
        format!(
            "INSERT INTO asset_names (environment_id, resource_type, delivery_type, public_id, last_version) \
             SELECT {of}, {kind}, 'upload', {public_id}, {BEGIN} + i FROM {from}"
        ),
        format!(
            "INSERT INTO assets (id, environment_id, resource_type, delivery_type, public_id, display_name, asset_folder, \
             original_filename, version_id, tags, context, metadata, coordinates, moderation_kind, moderation_status, \
             moderation_updated_at, created_at) \
             SELECT {asset}, {of}, {kind}, 'upload', {public_id}, 'picture' || {number}, {folder}, 'picture', {version}, {tags}, \
             {context}, {empty}, {empty}, CASE WHEN i % 50 = 0 THEN 'manual' END, CASE WHEN i % 50 = 0 THEN 'pending' END, \
             CASE WHEN i % 50 = 0 THEN {moment} END, {moment} FROM {from}"
        ),
        format!(
            "INSERT INTO asset_versions (id, environment_id, asset_id, version, format, bytes, md5, sha256, source, origin, epoch, \
             uploaded_at) SELECT {version}, {of}, {asset}, {BEGIN} + i, CASE WHEN i % 10 = 9 THEN '' ELSE 'jpg' END, 1000, '', '', \
             CASE WHEN i % 10 = 9 THEN NULL ELSE {source} END, 'upload', 0, {moment} FROM {from}"
        ),
        format!(
            "INSERT INTO asset_tags (asset_id, tag, environment_id, resource_type, created_at) \
             SELECT {asset}, 'tag' || (i % 100), {of}, {kind}, {moment} FROM {from}"
        ),
        format!(
            "INSERT INTO asset_tags (asset_id, tag, environment_id, resource_type, created_at) \
             SELECT {asset}, 'rare' || (i % 10000), {of}, {kind}, {moment} FROM {from}"
        ),
        format!(
            "INSERT INTO asset_context (asset_id, key, value, value_start, environment_id, resource_type, created_at) \
             SELECT {asset}, 'place', 'place' || (i % 1000), 'place' || (i % 1000), {of}, {kind}, {moment} FROM {from}"
        ),
        format!(
            "INSERT INTO folders (environment_id, path, external_id, parent, name, created_at) \
             SELECT {of}, {folder}, {derived}, 'albums', {album}, {moment} FROM {from} WHERE i < 1000"
        ),
        format!(
            "INSERT INTO renditions (key, environment_id, version_id, format, width, height, bytes, generation, created_at) \
             SELECT {key}, {of}, {version}, 'jpg', 100, 75, 500, 0, {moment} FROM {from} WHERE i % 10 = 0"
        ),
        format!(
            "INSERT INTO derived_assets (id, environment_id, version_id, rendition_key, transformation, extension, created_at) \
             SELECT {derived}, {of}, {version}, {key}, 'w_' || (i % 200), 'jpg', {moment} FROM {from} WHERE i % 10 = 0"
        ),
    ]
}
