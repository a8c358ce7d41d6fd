//! The operations of both planes, by the committed table `openapi/operations.txt`.
//!
//! Key rules, roles, refusals and tests speak of operations and never of spelled paths: whoever may not delete may not do it under
//! another spelling either. A test holds the table against the routes of both planes, so a route without a row does not land.

use std::{collections::HashMap, sync::OnceLock};

use crate::nearest::nearest;

/// The table. `#` begins a line that explains.
const TABLE: &str = include_str!("../../openapi/operations.txt");

/// Where an operation is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Provisioning, permissions, and what regions ask.
    Control,
    /// Upload and administration of one product environment.
    Data,
}

/// What kind of act an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Changes nothing.
    Read,
    /// Makes or changes something.
    Write,
    /// Takes something away.
    Destroy,
}

impl Act {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Destroy];

    /// The name in tables, rules and permissions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destroy => "destroy",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.name() == name)
    }
}

/// What a folder condition on an operation is decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderOf {
    /// Nothing: the operation has no folder, and a condition never fits it.
    Nothing,
    /// The folder of the asset that the call names.
    Asset,
    /// The folder that the call names.
    Folder,
    /// What a list shows.
    List,
    /// Each thing that the call touches.
    Bulk,
}

/// One way to write an operation: a method, and a path in which `:name` stands for one piece and a last `:name` may stand for
/// several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelling {
    /// HTTP method, upper case.
    pub method: &'static str,
    /// Path behind the cloud name or the account, as in `/resources/:resource_type`.
    pub path: &'static str,
}

impl Spelling {
    fn parse(text: &'static str) -> Option<Self> {
        let (method, path) = text.trim().split_once(' ')?;
        path.starts_with('/').then_some(Self { method, path })
    }

    /// Whether a path of a request is spelled so, and how many of its pieces stand literally in the spelling.
    fn fits(&self, method: &str, path: &str) -> Option<usize> {
        if self.method != method {
            return None;
        }
        let (mut wanted, mut given) = (pieces(self.path).peekable(), pieces(path).peekable());
        let mut literal = 0;
        while let Some(piece) = wanted.next() {
            let value = given.next().filter(|value| !value.is_empty())?;
            if piece.starts_with(':') {
                // A public id, a folder or a transformation has slashes of its own.
                if wanted.peek().is_none() && is_tail(piece) {
                    return Some(literal);
                }
            } else if piece == value {
                literal += 1;
            } else {
                return None;
            }
        }
        given.peek().is_none().then_some(literal)
    }
}

/// An operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its place in the table.
    pub number: usize,
    /// Where it is carried out.
    pub plane: Plane,
    /// Its name, unique over both planes.
    pub id: &'static str,
    /// What kind of act it is.
    pub act: Act,
    /// What it acts on, as in `upload_preset`.
    pub resource: &'static str,
    /// The group that it belongs to, as in `upload_presets`.
    pub feature: &'static str,
    /// What a folder condition is decided about.
    pub folder: FolderOf,
    /// All its spellings, the canonical one first.
    pub spellings: Vec<Spelling>,
}

impl Operation {
    /// The canonical method.
    pub fn method(&self) -> &'static str {
        self.spellings.first().map_or("", |spelling| spelling.method)
    }

    /// The canonical path.
    pub fn path(&self) -> &'static str {
        self.spellings.first().map_or("", |spelling| spelling.path)
    }

    /// The permission that it needs, as in `upload_presets:write`.
    pub fn permission(&self) -> String {
        format!("{}:{}", self.feature, self.act.name())
    }
}

/// The whole table.
#[derive(Debug, Default)]
pub struct Operations {
    all: Vec<Operation>,
    by_shape: HashMap<String, usize>,
}

/// A line of the table cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of operations cannot be read at `{0}`")]
pub struct TableError(String);

/// The table of both planes.
pub fn operations() -> &'static Operations {
    static OPERATIONS: OnceLock<Operations> = OnceLock::new();
    // The committed text is read by a test too; were it unreadable here, nothing would be an operation and all would be refused.
    OPERATIONS.get_or_init(|| Operations::parse(TABLE).unwrap_or_default())
}

impl Operations {
    fn parse(table: &'static str) -> Result<Self, TableError> {
        let mut operations = Self::default();
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let operation = row(line, operations.all.len()).ok_or_else(|| TableError(line.to_owned()))?;
            for spelling in &operation.spellings {
                let known = operations.by_shape.insert(shape(spelling.method, spelling.path), operation.number);
                if known.is_some() {
                    return Err(TableError(line.to_owned()));
                }
            }
            operations.all.push(operation);
        }
        Ok(operations)
    }

    /// All operations, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.all.iter()
    }

    /// The operations of one plane.
    pub fn of(&self, plane: Plane) -> impl Iterator<Item = &Operation> {
        self.all.iter().filter(move |operation| operation.plane == plane)
    }

    /// The operation of a name.
    pub fn find(&self, id: &str) -> Option<&Operation> {
        self.all.iter().find(|operation| operation.id == id)
    }

    /// The operation behind a route, by the template of the route, as in `/v1_1/{cloud_name}/usage`.
    pub fn of_route(&self, method: &str, template: &str) -> Option<&Operation> {
        self.by_shape.get(&shape(method, &notation(template))).and_then(|number| self.all.get(*number))
    }

    /// The operation of a template in the table's notation.
    pub fn of_template(&self, method: &str, path: &str) -> Option<&Operation> {
        self.by_shape.get(&shape(method, path)).and_then(|number| self.all.get(*number))
    }

    /// The operation that a request for this path would be, and the one most literally meant when several spellings fit. The
    /// version and the cloud name may stand in front or be left out.
    pub fn resolve(&self, plane: Plane, method: &str, path: &str) -> Option<&Operation> {
        let method = method.to_ascii_uppercase();
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let inner = behind_tenant(plane, path);
        let fitting = self.of(plane).filter_map(|operation| {
            let spelled = operation.spellings.iter().filter_map(|spelling| spelling.fits(&method, inner));
            spelled.max().map(|literal| (literal, operation))
        });
        fitting.max_by_key(|(literal, operation)| (*literal, usize::MAX - operation.number)).map(|(_, found)| found)
    }

    /// The sentence for a call that is no operation, with the one that may have been meant.
    pub fn unknown(&self, plane: Plane, method: &str, path: &str) -> String {
        let wanted = format!("{} {path}", method.to_ascii_uppercase());
        let spellings = self.of(plane).flat_map(|operation| &operation.spellings);
        let known: Vec<String> = spellings.map(|spelling| format!("{} {}", spelling.method, spelling.path)).collect();
        match nearest(&wanted, known.iter().map(String::as_str)) {
            Some(meant) => format!("there is no operation {wanted}; did you mean `{meant}`?"),
            None => format!("there is no operation {wanted}"),
        }
    }

    /// The names of the groups of a plane, sorted.
    pub fn features(&self, plane: Plane) -> Vec<&'static str> {
        let mut names: Vec<_> = self.of(plane).map(|operation| operation.feature).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn row(line: &'static str, number: usize) -> Option<Operation> {
    let mut columns = line.split(" | ").map(str::trim);
    let plane = match columns.next()? {
        "control" => Plane::Control,
        "data" => Plane::Data,
        _ => return None,
    };
    let id = columns.next()?;
    let act = Act::named(columns.next()?)?;
    let (resource, feature) = (columns.next()?, columns.next()?);
    let folder = match columns.next()? {
        "-" => FolderOf::Nothing,
        "asset" => FolderOf::Asset,
        "folder" => FolderOf::Folder,
        "list" => FolderOf::List,
        "bulk" => FolderOf::Bulk,
        _ => return None,
    };
    let mut spellings = vec![Spelling::parse(columns.next()?)?];
    for other in columns.next().into_iter().flat_map(|others| others.split(';')) {
        spellings.push(Spelling::parse(other)?);
    }
    columns.next().is_none().then_some(Operation { number, plane, id, act, resource, feature, folder, spellings })
}

/// The pieces of a path.
pub(crate) fn pieces(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// Whether the last piece of a spelling takes the slashes of what it stands for.
fn is_tail(piece: &str) -> bool {
    matches!(piece, ":public_id" | ":folder_path" | ":transformation")
}

/// Two spellings of one shape would be one route: the names of parameters are taken out.
fn shape(method: &str, path: &str) -> String {
    let mut shape = String::with_capacity(method.len() + path.len() + 1);
    shape.push_str(method);
    shape.push(' ');
    for piece in pieces(path) {
        shape.push('/');
        shape.push_str(if piece.starts_with(':') { ":" } else { piece });
    }
    shape
}

/// The template of a route in the notation of the table.
pub fn notation(template: &str) -> String {
    const ROOTS: [(&str, &str); 5] = [
        ("/v1_1/provisioning/accounts/{account_id}/", "/"),
        ("/v1_1/provisioning/", "/"),
        ("/v2/accounts/{account_id}/permissions/", "/permissions/"),
        ("/v2/accounts/permissions/", "/permissions/"),
        ("/v1_1/{cloud_name}/", "/"),
    ];
    let rooted = ROOTS.iter().find_map(|(root, instead)| Some(format!("{instead}{}", template.strip_prefix(root)?)));
    let path = rooted.unwrap_or_else(|| match template.strip_prefix("/v2/") {
        Some(rest) => format!("/{}", rest.replacen("{cloud_name}/", "", 1)),
        None => template.to_owned(),
    });
    let named = pieces(&path).map(|piece| match piece.strip_prefix('{') {
        Some(parameter) => {
            let name = parameter.split([':', '}']).next().unwrap_or_default();
            format!("/:{name}")
        }
        None => format!("/{piece}"),
    });
    named.collect()
}

/// A path without the version and the name of the tenant, if they stand in it.
fn behind_tenant(plane: Plane, path: &str) -> &str {
    let stripped = match plane {
        Plane::Data => path.strip_prefix("/v1_1/"),
        Plane::Control => path.strip_prefix("/v1_1/provisioning/accounts/"),
    };
    match stripped.and_then(|rest| rest.find('/').map(|at| &rest[at..])) {
        Some(inner) => inner,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_can_be_read() {
        let operations = Operations::parse(TABLE).unwrap();
        assert!(operations.all.len() > 100);
        let mut ids: Vec<_> = operations.iter().map(|operation| operation.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "ids are unique");
        for operation in operations.iter() {
            let takes_away = operation.spellings.iter().any(|spelling| spelling.method == "DELETE");
            assert!(!takes_away || operation.act == Act::Destroy, "{}: a DELETE is destroy", operation.id);
        }
    }

    #[test]
    fn damaged_rows_are_not_read() {
        for line in [
            "data | a | read | x | y | - | GET",
            "data | a | look | x | y | - | GET /a",
            "moon | a | read | x | y | - | GET /a",
            "data | a | read | x | y | somewhere | GET /a",
            "data | a | read | x | y | - | GET /a | GET a",
            "data | a | read | x | y | - | GET /a | GET /b | GET /c",
            "data | a | read | x | y | - | GET /a/:b | GET /a/:c",
        ] {
            assert!(Operations::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn templates_of_routes_are_brought_into_the_notation() {
        for (template, expected) in [
            ("/v1_1/{cloud_name}/usage/{date}", "/usage/:date"),
            ("/v1_1/{cloud_name}/folders/{folder_path:.+}", "/folders/:folder_path"),
            ("/v1_1/provisioning/accounts/{account_id}/users/{user_id}", "/users/:user_id"),
            ("/v1_1/provisioning/clouds", "/clouds"),
            ("/v2/accounts/{account_id}/permissions/roles", "/permissions/roles"),
            ("/v2/accounts/permissions/public/schema", "/permissions/public/schema"),
            ("/v2/notifications/{cloud_name}/messages", "/notifications/messages"),
            ("/v2/{cloud_name}/analysis/analyze/{input_type}", "/analysis/analyze/:input_type"),
            ("/internal/v1/usage/{environment}", "/internal/v1/usage/:environment"),
        ] {
            assert_eq!(notation(template), expected);
        }
    }

    #[test]
    fn a_path_of_a_request_is_the_operation_that_it_means_most_literally() {
        let table = operations();
        for (method, path, expected) in [
            ("GET", "/resources/image", Some("list_resources")),
            ("get", "/v1_1/demo/resources/image/upload/cats/tom", Some("read_resource")),
            ("GET", "/resources/by_asset_folder?asset_folder=a", Some("list_resources_by_asset_folder")),
            ("GET", "/resources/image/tags/red", Some("list_resources_by_tag")),
            ("POST", "/image/upload", Some("upload")),
            ("POST", "/v1_1/demo/upload", Some("upload")),
            ("POST", "/raw/destroy", Some("destroy")),
            ("PUT", "/transformations", Some("update_transformation")),
            ("DELETE", "/folders/a/b/c", Some("delete_folder")),
            ("GET", "/nothing/of/the/kind", None),
            ("POST", "/image//upload", None),
        ] {
            assert_eq!(table.resolve(Plane::Data, method, path).map(|found| found.id), expected, "{method} {path}");
        }
        let found = table.resolve(Plane::Control, "PUT", "/v1_1/provisioning/accounts/0a/sub_accounts/x/access_keys/1");
        assert_eq!(found.map(|found| found.id), Some("update_access_key"));
    }
}
