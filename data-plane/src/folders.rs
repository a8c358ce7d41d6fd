//! Folders of one tenant: made with what is stored in them, or by themselves.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    database::Database,
    ids::{EnvironmentId, uuid_at},
    policy::Scope,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement,
    sea_query::{Condition, Expr, ExprTrait, Func, OnConflict, SimpleExpr},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    assets::{ActsFor, happening::Happening, list::starts_with},
    audit,
    permitted::Permitted,
    tables::{
        asset_versions, assets,
        folders::{ActiveModel, Column, Entity, Model},
    },
};

/// A folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// Its path, without slashes around it.
    pub path: String,
    /// The last piece of its path.
    pub name: String,
    /// Its id.
    pub external_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What lies in a folder itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// How many assets.
    pub assets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last of them was uploaded.
    pub last_uploaded_at: Option<DateTime<Utc>>,
}

/// What kept a folder from being changed.
#[derive(Debug)]
pub enum FolderError {
    /// There is none of that path.
    NotFound,
    /// There is one of the new path.
    Taken,
    /// There are assets in it.
    NotEmpty,
    /// The database failed.
    Database(DbErr),
}

impl From<DbErr> for FolderError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Model> for Folder {
    fn from(row: Model) -> Self {
        let name = row.path.rsplit('/').next().unwrap_or_default().to_owned();
        let external_id = row.external_id.unwrap_or_default();
        Self { name, external_id, created_at: row.created_at, path: row.path }
    }
}

/// The folders of one tenant, as far as the witness is for them.
pub struct FolderStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
    scope: Scope,
}

/// What a transaction does with an environment's tree of folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It puts something into a folder; others may do so, too.
    Into,
    /// It moves or takes away folders, and nobody else does anything with them meanwhile.
    Move,
}

/// Holds the tree until the transaction ends; before any name is locked, so that nobody waits in a circle. So what is put into a folder
/// that is moved or taken away is there in time or comes afterwards. SQLite has one writer, which is enough.
pub async fn hold(transaction: &DatabaseTransaction, environment: EnvironmentId, hold: Hold) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let call = match hold {
        Hold::Into => "SELECT pg_advisory_xact_lock_shared($1)",
        Hold::Move => "SELECT pg_advisory_xact_lock($1)",
    };
    // Environments whose numbers are alike wait for each other now and then, which harms nobody.
    let number = (environment.0.as_u128() as u64).cast_signed();
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, call, [number.into()]);
    transaction.execute_raw(statement).await.map(drop)
}

/// Writes a folder and those above it, as far as they are not there.
pub async fn put<C: ConnectionTrait>(
    connection: &C,
    environment: EnvironmentId,
    path: &str,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    if path.is_empty() {
        return Ok(0);
    }
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let rows = ends.map(|end| {
        let path = &path[..end];
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        ActiveModel {
            environment_id: Set(environment.0),
            path: Set(path.to_owned()),
            external_id: Set(Some(uuid_at(now))),
            parent: Set(Some(parent.to_owned())),
            name: Set(Some(name.to_owned())),
            created_at: Set(now),
        }
    });
    Entity::insert_many(rows)
        .on_conflict(OnConflict::columns([Column::EnvironmentId, Column::Path]).do_nothing().to_owned())
        .exec_without_returning(connection)
        .await
}

/// A folder and everything below it, as a condition on a column.
fn within<C: ColumnTrait>(column: C, path: &str) -> Condition {
    Condition::any().add(column.eq(path)).add(starts_with(column, &format!("{path}/")))
}

impl<'a> FolderStore<'a> {
    /// The folders of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment(), scope: witness.scope() }
    }

    /// The folder of a path.
    pub async fn find(&self, path: &str) -> Result<Folder, FolderError> {
        let row = Entity::find_by_id((self.environment.0, path.to_owned())).one(self.database.reader()).await?;
        row.map(Folder::from).ok_or(FolderError::NotFound)
    }

    /// The folder of an id.
    pub async fn find_by_id(&self, id: Uuid) -> Result<Folder, FolderError> {
        let query = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        let row = query.filter(Column::ExternalId.eq(id)).one(self.database.reader()).await?;
        row.map(Folder::from).ok_or(FolderError::NotFound)
    }

    /// A page of the folders in a folder, by their names, behind `after`, and how many there are in all. Shown are those that the witness
    /// is for, and those that lead to one.
    pub async fn children(&self, parent: &str, after: Option<&str>, limit: u64) -> Result<(Vec<Folder>, u64), DbErr> {
        let mut query =
            Entity::find().filter(Column::EnvironmentId.eq(self.environment.0)).filter(Column::Parent.eq(parent));
        if !self.scope.is_everywhere() {
            query = query.filter(shown(&self.scope, parent));
        }
        let total = query.clone().count(self.database.reader()).await?;
        if let Some(after) = after {
            query = query.filter(Column::Name.gt(after));
        }
        let rows = query.order_by_asc(Column::Name).limit(limit).all(self.database.reader()).await?;
        Ok((rows.into_iter().map(Folder::from).collect(), total))
    }

    /// The folders below a folder, at any depth, by their paths; at most `limit`.
    pub async fn descendants(&self, path: &str, limit: u64) -> Result<Vec<Folder>, DbErr> {
        let mut query = Entity::find()
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(starts_with(Column::Path, &format!("{path}/")));
        if !self.scope.is_everywhere() {
            query = query.filter(permitted(&self.scope));
        }
        let rows = query.order_by_asc(Column::Path).limit(limit).all(self.database.reader()).await?;
        Ok(rows.into_iter().map(Folder::from).collect())
    }

    /// The folders above a folder, the nearest last.
    pub async fn ancestors(&self, path: &str) -> Result<Vec<Folder>, DbErr> {
        let paths: Vec<&str> = path.match_indices('/').map(|(at, _)| &path[..at]).collect();
        let query = Entity::find()
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(Column::Path.is_in(paths))
            .order_by_asc(Column::Path);
        Ok(query.all(self.database.reader()).await?.into_iter().map(Folder::from).collect())
    }

    /// What lies in a folder itself.
    pub async fn content(&self, path: &str) -> Result<Content, DbErr> {
        if !self.scope.permits(path) {
            // It leads to one that may be looked into, and that is all that is told of it.
            return Ok(Content::default());
        }
        let in_folder = assets::Entity::find()
            .filter(assets::Column::EnvironmentId.eq(self.environment.0))
            .filter(assets::Column::AssetFolder.eq(path))
            .select_only()
            .column(assets::Column::VersionId);
        let bytes = Expr::col(asset_versions::Column::Bytes).sum().cast_as("bigint");
        let found: Option<(i64, Option<i64>, Option<DateTime<Utc>>)> = asset_versions::Entity::find()
            .filter(asset_versions::Column::EnvironmentId.eq(self.environment.0))
            .filter(asset_versions::Column::Id.in_subquery(sea_orm::QueryTrait::into_query(in_folder)))
            .select_only()
            .expr_as(Expr::col(asset_versions::Column::Id).count(), "assets")
            .expr_as(bytes, "bytes")
            .expr_as(Expr::col(asset_versions::Column::UploadedAt).max(), "last")
            .into_tuple()
            .one(self.database.reader())
            .await?;
        let (assets, bytes, last_uploaded_at) = found.unwrap_or_default();
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Content { assets: number(assets), bytes: number(bytes.unwrap_or(0)), last_uploaded_at })
    }

    /// Makes a folder and those above it. One that is there is the answer as it is.
    pub async fn create(&self, path: Permitted<String>, now: DateTime<Utc>) -> Result<Folder, FolderError> {
        let Permitted { thing: path, by, told } = path;
        let transaction = self.database.begin().await?;
        hold(&transaction, self.environment, Hold::Into).await?;
        if put(&transaction, self.environment, &path, now).await? > 0 {
            let entry = Entry::made("create_folder", target(&path), json!({"path": path}));
            self.audit(&transaction, &by, entry, now).await?;
            told.of(&transaction, &by, Happening::FolderMade(&path), now).await?;
        }
        transaction.commit().await?;
        self.find(&path).await
    }

    /// Gives a folder another path, and with it everything below it. Answers how many assets moved.
    pub async fn rename(&self, from: Permitted<String>, to: &str, now: DateTime<Utc>) -> Result<u64, FolderError> {
        let Permitted { thing: from, by, told } = from;
        let transaction = self.database.begin().await?;
        hold(&transaction, self.environment, Hold::Move).await?;
        let key = (self.environment.0, from.clone());
        if Entity::find_by_id(key).lock_exclusive().one(&transaction).await?.is_none() {
            return Err(FolderError::NotFound);
        }
        let (parent, name) = to.rsplit_once('/').unwrap_or(("", to));
        put(&transaction, self.environment, parent, now).await?;
        if Entity::find_by_id((self.environment.0, to.to_owned())).one(&transaction).await?.is_some() {
            return Err(FolderError::Taken);
        }
        Entity::update_many()
            .col_expr(Column::Path, Expr::value(to))
            .col_expr(Column::Parent, Expr::value(parent))
            .col_expr(Column::Name, Expr::value(name))
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(Column::Path.eq(from.as_str()))
            .exec(&transaction)
            .await?;
        let below = starts_with(Column::Path, &format!("{from}/"));
        Entity::update_many()
            .col_expr(Column::Parent, moved(Column::Parent, &from, to))
            .col_expr(Column::Path, moved(Column::Path, &from, to))
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(below)
            .exec(&transaction)
            .await?;
        let assets = assets::Entity::update_many()
            .col_expr(assets::Column::AssetFolder, moved(assets::Column::AssetFolder, &from, to))
            .filter(assets::Column::EnvironmentId.eq(self.environment.0))
            .filter(within(assets::Column::AssetFolder, &from))
            .exec(&transaction)
            .await?;
        let (before, after) = (json!({"path": from}), json!({"path": to, "moved_assets": assets.rows_affected}));
        self.audit(&transaction, &by, Entry::changed("update_folder", target(&from), before, after), now).await?;
        told.of(&transaction, &by, Happening::FolderMoved { from: &from, to }, now).await?;
        transaction.commit().await?;
        Ok(assets.rows_affected)
    }

    /// Takes a folder away with all folders below it, if no asset lies in any of them. Answers their paths.
    pub async fn delete(&self, path: Permitted<String>, now: DateTime<Utc>) -> Result<Vec<String>, FolderError> {
        let Permitted { thing: path, by, told } = path;
        let transaction = self.database.begin().await?;
        hold(&transaction, self.environment, Hold::Move).await?;
        let mine = Condition::all().add(Column::EnvironmentId.eq(self.environment.0)).add(within(Column::Path, &path));
        let rows =
            Entity::find().filter(mine.clone()).order_by_asc(Column::Path).lock_exclusive().all(&transaction).await?;
        if rows.is_empty() {
            return Err(FolderError::NotFound);
        }
        let is_used = self.holds(&transaction, &path).await?;
        if is_used {
            return Err(FolderError::NotEmpty);
        }
        Entity::delete_many().filter(mine).exec(&transaction).await?;
        let paths: Vec<String> = rows.into_iter().map(|row| row.path).collect();
        let entry = Entry::removed("delete_folder", target(&path), json!({"paths": paths}));
        self.audit(&transaction, &by, entry, now).await?;
        told.of(&transaction, &by, Happening::FolderDeleted(&path), now).await?;
        transaction.commit().await?;
        Ok(paths)
    }

    /// Whether assets lie in a folder or below it.
    pub async fn holds_assets(&self, path: &str) -> Result<bool, DbErr> {
        self.holds(self.database.reader(), path).await
    }

    async fn holds<C: ConnectionTrait>(&self, connection: &C, path: &str) -> Result<bool, DbErr> {
        let one = assets::Entity::find()
            .filter(assets::Column::EnvironmentId.eq(self.environment.0))
            .filter(within(assets::Column::AssetFolder, path))
            .select_only()
            .column(assets::Column::Id)
            .limit(1);
        Ok(one.into_tuple::<Uuid>().one(connection).await?.is_some())
    }

    /// Whether there is a folder of a path.
    pub async fn exists(&self, path: &str) -> Result<bool, DbErr> {
        let row = Entity::find_by_id((self.environment.0, path.to_owned())).one(self.database.reader()).await?;
        Ok(row.is_some())
    }

    async fn audit(
        &self,
        transaction: &DatabaseTransaction,
        by: &Origin,
        entry: Entry,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        audit::put(transaction, self.region, self.environment, by, entry, now).await
    }
}

/// A path with another beginning.
fn moved<C: ColumnTrait>(column: C, from: &str, to: &str) -> SimpleExpr {
    let rest = Func::cust("substr").arg(Expr::col(column)).arg(i32::try_from(from.chars().count()).unwrap_or(0) + 1);
    Expr::val(to).binary(sea_orm::sea_query::BinOper::Custom("||"), rest)
}

/// Which folders in a folder a witness for some folders is shown: those that it is for, and those that lead to one.
fn shown(scope: &Scope, parent: &str) -> Condition {
    let prefix = if parent.is_empty() { String::new() } else { format!("{parent}/") };
    let mut any = Condition::any();
    for region in scope.permitted() {
        let Some(top) = region.folder else {
            // Everywhere but in some: what is left out lies at or above the folder in question, or leads nowhere else.
            let left_out =
                region.without.into_iter().fold(Condition::any(), |all, path| all.add(within(Column::Path, path)));
            any = any.add(left_out.not());
            continue;
        };
        let mut inside = Condition::all().add(within(Column::Path, top));
        for path in region.without {
            inside = inside.add(within(Column::Path, path).not());
        }
        any = any.add(inside);
        if let Some(rest) = top.strip_prefix(&prefix) {
            let next = rest.split('/').next().unwrap_or_default();
            any = any.add(Column::Path.eq(format!("{prefix}{next}")));
        }
    }
    any.add(Expr::val(1).eq(0))
}

/// The folders that a scope is for, as a condition on their paths.
fn permitted(scope: &Scope) -> Condition {
    let mut any = Condition::any();
    for region in scope.permitted() {
        let mut inside = match region.folder {
            Some(top) => Condition::all().add(within(Column::Path, top)),
            None => Condition::all(),
        };
        for path in region.without {
            inside = inside.add(within(Column::Path, path).not());
        }
        any = any.add(inside);
    }
    any.add(Expr::val(1).eq(0))
}

fn target(path: &str) -> String {
    format!("folder {path}")
}
