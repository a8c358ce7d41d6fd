//! Cedar text to lines of policy: parsed and checked by the cedar-policy crate, compiled here. Pure.
//!
//! What compiles is the subset that the vendor's own examples use. `permit` and `forbid`; a principal that is unconstrained, one key
//! or user (`==`), the members of a group (`in`) or of one kind (`is`); any action, one, or a list; a resource that is unconstrained,
//! of one kind (`is`), one feature (`==`) or a folder (`in`); and one `when` that asks for folders by
//! `resource.ancestor_ids.contains("…")` or for the type of a report. Everything else is refused with its name and its place,
//! because a statement that is kept has to mean what it says.
//!
//! The id of a folder is its path. Lines hold for a folder and all that lies in it, so `resource == Cloudinary::Folder::"a"`, which
//! speaks of the folder alone, is refused: it would permit more than it says. `resource in` means what lines do.

use std::sync::OnceLock;

use cedar_policy::{
    ActionConstraint, Effect as CedarEffect, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint,
    Schema, ValidationMode, Validator, ffi::DetailedError,
};
use plane_kit::{
    nearest::nearest,
    operations::{Act, operations},
    policy::{Effect, PolicyLine},
};
use serde_json::Value;

use super::vocabulary::{
    ASSET, FEATURE, FEATURES, FOLDER, MEANINGS, NAMESPACE, REPORT, Target, feature, report_type, schema,
};

/// A policy may be this long, in bytes.
pub(crate) const LONGEST_POLICY: usize = 10_240;
/// A policy may hold this many statements.
const MOST_STATEMENTS: usize = 50;
/// The vendor's code for a policy that Cedar itself refuses.
pub(crate) const CEDAR_CODE: &str = "ACCOUNTS_00002";
/// Our code for what Cedar knows and this server cannot decide.
pub(crate) const SUBSET_CODE: &str = "SAFELIGHT_00001";

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// A sentence that names the construct, and where it stands.
    pub message: String,
    /// [`CEDAR_CODE`] or [`SUBSET_CODE`].
    pub code: &'static str,
}

/// Everything that is wrong with a policy; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", in_a_row(.0))]
pub(crate) struct Complaints(pub Vec<Complaint>);

/// The messages in one text.
fn in_a_row(complaints: &[Complaint]) -> String {
    complaints.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl Complaints {
    fn subset(message: String) -> Self {
        Self(vec![Complaint { message, code: SUBSET_CODE }])
    }
}

/// Whom a statement concerns. Kinds are those of [`super::vocabulary::PRINCIPALS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Every principal of the scope.
    Anyone,
    /// Every principal of a kind.
    Kind(String),
    /// One principal, by its kind and id.
    One(String, String),
    /// The users of a group, by its id.
    MembersOf(String),
}

/// A part of what a statement permits or forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// An act, a method or `*`.
    pub action: &'static str,
    /// A path, a group or `*`.
    pub object: &'static str,
    /// The path of the folder under which it holds; everywhere when absent.
    pub folder: Option<String>,
}

impl Grant {
    /// The line of policy of a subject. `substitutes` are the values that stand for placeholders, as in `("<folder_id>", "a/b")`.
    pub(crate) fn line(&self, subject: &str, effect: Effect, substitutes: &[(String, String)]) -> PolicyLine {
        let mut line = PolicyLine::new(subject, self.action, self.object, effect);
        if let Some(folder) = &self.folder {
            let substitute = substitutes.iter().find(|(placeholder, _)| placeholder == folder);
            let path = substitute.map_or(folder.as_str(), |(_, path)| path.as_str());
            line.folder = format!("/{}", path.trim_matches('/'));
        }
        line
    }
}

/// A compiled statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Permit or forbid.
    pub effect: Effect,
    /// Whom it concerns.
    pub who: Who,
    /// What it permits or forbids; nothing when it concerns only the console.
    pub grants: Vec<Grant>,
}

/// Parses, checks against the schema, and compiles.
pub(crate) fn check(text: &str) -> Result<Vec<Statement>, Complaints> {
    let policies = parse(text)?;
    let validated = validator()?.validate(&policies, ValidationMode::Strict);
    let mut wrong: Vec<Complaint> = Vec::new();
    // A statement is checked for every kind of principal and resource that it can be about; once is enough to read.
    for error in validated.validation_errors().map(|error| complaint(text, &DetailedError::from(error))) {
        if !wrong.contains(&error) {
            wrong.push(error);
        }
    }
    if wrong.is_empty() { compile_all(text, &policies) } else { Err(Complaints(wrong)) }
}

/// Parses and compiles what [`check`] has accepted before.
pub(crate) fn compile(text: &str) -> Result<Vec<Statement>, Complaints> {
    compile_all(text, &parse(text)?)
}

fn parse(text: &str) -> Result<PolicySet, Complaints> {
    if text.len() > LONGEST_POLICY {
        return Err(Complaints::subset(format!("a policy is at most {LONGEST_POLICY} bytes long")));
    }
    let policies: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        Complaints(errors.iter().map(|error| complaint(text, &DetailedError::from(error))).collect())
    })?;
    if policies.num_of_templates() > 0 {
        return Err(Complaints::subset("a template slot (`?principal`, `?resource`) cannot be filled here".to_owned()));
    }
    match policies.num_of_policies() {
        0 => Err(Complaints::subset("the policy holds no statement".to_owned())),
        count if count > MOST_STATEMENTS => {
            Err(Complaints::subset(format!("{count} statements; a policy may have {MOST_STATEMENTS}")))
        }
        _ => Ok(policies),
    }
}

/// The validator over our own schema. A test loads the schema; were it unreadable here, every policy would be refused.
fn validator() -> Result<&'static Validator, Complaints> {
    static VALIDATOR: OnceLock<Option<Validator>> = OnceLock::new();
    let loaded = VALIDATOR.get_or_init(|| Schema::from_json_value(schema()).ok().map(Validator::new));
    loaded.as_ref().ok_or_else(|| Complaints::subset("the schema of this server cannot be loaded".to_owned()))
}

/// An error of the crate as a complaint, with line and column when it says where.
fn complaint(text: &str, error: &DetailedError) -> Complaint {
    let mut message = error.message.clone();
    if let Some(label) = error.source_locations.first() {
        message.push_str(&place(text, label.loc.start));
    }
    if let Some(help) = &error.help {
        message.push_str(&format!(" ({help})"));
    }
    Complaint { message, code: CEDAR_CODE }
}

/// A place in the text in words. Bytes that are no boundary of a character count as the one before.
fn place(text: &str, offset: usize) -> String {
    let before = (0..=offset.min(text.len())).rev().find_map(|at| text.get(..at)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!(" at line {line}, column {column}")
}

fn compile_all(text: &str, policies: &PolicySet) -> Result<Vec<Statement>, Complaints> {
    // Ids are `policy0`, `policy1` and so on, in the order of the text.
    let number = |policy: &Policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(0);
    let mut ordered: Vec<&Policy> = policies.policies().collect();
    ordered.sort_by_key(|policy| number(policy));
    let (mut statements, mut wrong, mut from) = (Vec::new(), Vec::new(), 0);
    for policy in ordered {
        let source = policy.to_cedar().unwrap_or_default();
        let start = text.get(from..).and_then(|rest| rest.find(&source)).map_or(from, |at| from + at);
        match statement(policy) {
            Ok(statement) => statements.push(statement),
            Err(Outside { construct, word }) => {
                let offset = start + source.find(&word).unwrap_or(0);
                let message = format!("{construct} is not supported{}", place(text, offset));
                wrong.push(Complaint { message, code: SUBSET_CODE });
            }
        }
        from = start + source.len();
    }
    if wrong.is_empty() { Ok(statements) } else { Err(Complaints(wrong)) }
}

/// A construct outside the subset, and the word by which it is found in the text.
struct Outside {
    construct: String,
    word: String,
}

impl Outside {
    fn new(construct: impl Into<String>, word: impl Into<String>) -> Self {
        Self { construct: construct.into(), word: word.into() }
    }
}

/// The resource of a statement.
enum Resource {
    Any,
    Kinds(&'static [&'static str]),
    Kind(String),
    Feature(String),
}

fn statement(policy: &Policy) -> Result<Statement, Outside> {
    let effect = match policy.effect() {
        CedarEffect::Permit => Effect::Allow,
        CedarEffect::Forbid => Effect::Deny,
    };
    let who = who(&policy.principal_constraint())?;
    let actions = actions(&policy.action_constraint())?;
    let (resource, mut folders) = resource(&policy.resource_constraint())?;
    let mut reports = None;
    if let Some(condition) = condition(policy)? {
        let is_taken = !folders.is_empty();
        match (condition, &resource) {
            (Condition::Folders(_), _) if is_taken => {
                return Err(Outside::new("a condition beside a folder in the scope", "when"));
            }
            (Condition::Folders(named), Resource::Kind(kind)) if kind == ASSET || kind == FOLDER => folders = named,
            (Condition::ReportTypes(named), Resource::Kind(kind)) if kind == REPORT => reports = Some(named),
            _ => return Err(Outside::new("a condition on a resource of no, or of another kind", "when")),
        }
    }
    let targets = match reports {
        Some(types) => of_reports(&types, actions.as_deref())?,
        None => targets(&resource, actions.as_deref())?,
    };
    Ok(Statement { effect, who, grants: grants(&targets, &folders) })
}

fn grants(targets: &[Target], folders: &[String]) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    for &(action, object) in targets {
        let places: Vec<Option<String>> =
            if folders.is_empty() { vec![None] } else { folders.iter().cloned().map(Some).collect() };
        for folder in places {
            let grant = Grant { action, object, folder };
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
    }
    grants
}

/// The kind of an entity, which has to be one of ours, and its id.
fn kind_of(uid: &EntityUid) -> Result<(String, String), Outside> {
    let type_name = uid.type_name();
    let id: &str = uid.id().as_ref();
    Ok((kind(&type_name.to_string())?, id.to_owned()))
}

/// The last name of a type of the namespace.
fn kind(type_name: &str) -> Result<String, Outside> {
    let inner = type_name.strip_prefix(NAMESPACE).and_then(|rest| rest.strip_prefix("::"));
    match inner {
        Some(kind) => Ok(kind.to_owned()),
        None => Err(Outside::new(format!("the entity type `{type_name}`"), type_name)),
    }
}

fn who(constraint: &PrincipalConstraint) -> Result<Who, Outside> {
    match constraint {
        PrincipalConstraint::Any => Ok(Who::Anyone),
        PrincipalConstraint::Is(type_name) => Ok(Who::Kind(kind(&type_name.to_string())?)),
        PrincipalConstraint::Eq(uid) => {
            let (kind, id) = kind_of(uid)?;
            Ok(Who::One(kind, id))
        }
        PrincipalConstraint::In(uid) => match kind_of(uid)? {
            (kind, id) if kind == "Group" => Ok(Who::MembersOf(id)),
            (kind, _) => Err(Outside::new(format!("`principal in` an entity of the kind {kind}"), "in")),
        },
        PrincipalConstraint::IsIn(type_name, _) => Err(Outside::new(format!("`principal is {type_name} in`"), "is")),
    }
}

/// The actions by their ids; none when there is no constraint.
fn actions(constraint: &ActionConstraint) -> Result<Option<Vec<String>>, Outside> {
    let named = |uid: &EntityUid| {
        let (kind, id) = kind_of(uid)?;
        if kind == "Action" { Ok(id) } else { Err(Outside::new(format!("an action of the kind {kind}"), "action")) }
    };
    match constraint {
        ActionConstraint::Any => Ok(None),
        ActionConstraint::Eq(uid) => Ok(Some(vec![named(uid)?])),
        ActionConstraint::In(uids) => uids.iter().map(named).collect::<Result<_, _>>().map(Some),
    }
}

/// The resource, and the folder that the scope names.
fn resource(constraint: &ResourceConstraint) -> Result<(Resource, Vec<String>), Outside> {
    match constraint {
        ResourceConstraint::Any => Ok((Resource::Any, Vec::new())),
        ResourceConstraint::Is(type_name) => Ok((Resource::Kind(kind(&type_name.to_string())?), Vec::new())),
        ResourceConstraint::Eq(uid) => match kind_of(uid)? {
            (kind, id) if kind == FEATURE => Ok((Resource::Feature(id), Vec::new())),
            (kind, id) if kind == FOLDER => {
                Err(Outside::new(format!("one Folder without what lies in it (write `resource in {uid}`)"), id))
            }
            (kind, id) => Err(Outside::new(format!("one {kind} by its id (`resource == {uid}`)"), id)),
        },
        ResourceConstraint::In(uid) => match kind_of(uid)? {
            (kind, id) if kind == FOLDER => Ok((Resource::Kinds(&[ASSET, FOLDER]), vec![folder(&id)?])),
            (kind, id) => Err(Outside::new(format!("`resource in` an entity of the kind {kind}"), id)),
        },
        ResourceConstraint::IsIn(type_name, uid) => match (kind(&type_name.to_string())?, kind_of(uid)?) {
            (kind, (within, id)) if within == FOLDER && (kind == ASSET || kind == FOLDER) => {
                Ok((Resource::Kind(kind), vec![folder(&id)?]))
            }
            (kind, (_, id)) => Err(Outside::new(format!("`resource is {kind} in {uid}`"), id)),
        },
    }
}

/// A folder by its id, which is its path.
fn folder(id: &str) -> Result<String, Outside> {
    match id.trim_matches('/') {
        "" => Err(Outside::new("a folder without a name", id)),
        path => Ok(path.to_owned()),
    }
}

/// What a `when` asks for.
enum Condition {
    Folders(Vec<String>),
    ReportTypes(Vec<String>),
}

/// The condition of a statement, if it has one.
fn condition(policy: &Policy) -> Result<Option<Condition>, Outside> {
    if !policy.has_non_scope_constraint() {
        return Ok(None);
    }
    let document = policy.to_json().map_err(|error| Outside::new(format!("a condition ({error})"), "when"))?;
    let clauses = document["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if clauses.iter().any(|clause| clause["kind"] == "unless") {
        return Err(Outside::new("`unless`", "unless"));
    }
    match clauses {
        [] => Ok(None),
        [only] => expression(&only["body"]).map(Some),
        _ => Err(Outside::new("a second `when`", "when")),
    }
}

fn expression(body: &Value) -> Result<Condition, Outside> {
    let (operator, arguments) = parts(body);
    let (left, right) = (&arguments["left"], &arguments["right"]);
    match (operator, attribute(left)) {
        ("||", _) => match (expression(left)?, expression(right)?) {
            (Condition::Folders(a), Condition::Folders(b)) => Ok(Condition::Folders([a, b].concat())),
            (Condition::ReportTypes(a), Condition::ReportTypes(b)) => Ok(Condition::ReportTypes([a, b].concat())),
            _ => Err(Outside::new("`||` between a folder and a type", "||")),
        },
        ("contains", Some("ancestor_ids")) => match right["Value"].as_str() {
            Some(id) => Ok(Condition::Folders(vec![folder(id)?])),
            None => Err(Outside::new("`contains` of what is no text", "contains")),
        },
        ("containsAny", Some("ancestor_ids")) => {
            let folders =
                texts(right).ok_or_else(|| Outside::new("`containsAny` of what is no list of texts", "containsAny"))?;
            folders.iter().map(|id| folder(id)).collect::<Result<_, _>>().map(Condition::Folders)
        }
        ("==", Some("type")) => match right["Value"].as_str() {
            Some(name) if report_type(name).is_some() => Ok(Condition::ReportTypes(vec![name.to_owned()])),
            Some(name) => Err(Outside::new(format!("the type of report `{name}`"), name)),
            None => Err(Outside::new("`resource.type` beside what is no text", "type")),
        },
        ("in", None) if left["Var"] == "resource" => match entity(right) {
            Some((kind, id)) if kind == format!("{NAMESPACE}::{FOLDER}") => Ok(Condition::Folders(vec![folder(id)?])),
            _ => Err(Outside::new("`resource in` what is no folder", "in")),
        },
        (operator, Some(attribute)) => {
            Err(Outside::new(format!("`{operator}` on the attribute `{attribute}`"), attribute))
        }
        (".", None) => Err(Outside::new("an attribute as a condition", arguments["attr"].as_str().unwrap_or("when"))),
        ("Value", _) => Err(Outside::new("a condition that is the same everywhere", "when")),
        (operator, None) => Err(Outside::new(format!("`{operator}`"), operator)),
    }
}

/// The operator of an expression and its arguments: an expression is an object of one member.
fn parts(body: &Value) -> (&str, &Value) {
    let member = body.as_object().and_then(|members| members.iter().next());
    member.map_or(("?", &Value::Null), |(operator, arguments)| (operator.as_str(), arguments))
}

/// The name of the attribute that an expression reads, whosever it is.
fn attribute(expression: &Value) -> Option<&str> {
    let read = &expression["."];
    let is_of_resource = read["left"]["Var"] == "resource";
    let name = read["attr"].as_str()?;
    // An attribute of the principal or of the context is named in the refusal, and is none of those that are understood.
    Some(if is_of_resource || !matches!(name, "ancestor_ids" | "type") { name } else { "of another than the resource" })
}

/// An entity in an expression: its type and its id.
fn entity(expression: &Value) -> Option<(&str, &str)> {
    let entity = &expression["Value"]["__entity"];
    Some((entity["type"].as_str()?, entity["id"].as_str()?))
}

/// A list of texts in an expression.
fn texts(expression: &Value) -> Option<Vec<String>> {
    let items = expression["Set"].as_array().or_else(|| expression["Value"].as_array())?;
    items.iter().map(|item| item["Value"].as_str().or_else(|| item.as_str()).map(str::to_owned)).collect()
}

/// What actions on a resource mean.
fn targets(resource: &Resource, actions: Option<&[String]>) -> Result<Vec<Target>, Outside> {
    match resource {
        Resource::Any => of_anything(actions),
        Resource::Kind(kind) => of_kinds(&[kind.as_str()], actions),
        Resource::Kinds(kinds) => of_kinds(kinds, actions),
        Resource::Feature(id) => {
            let Some(targets) = feature(id) else {
                let hint = nearest(id, FEATURES.iter().map(|(name, _)| *name));
                let hint = hint.map(|name| format!(", did you mean `{name}`?,")).unwrap_or_default();
                return Err(Outside::new(format!("the feature `{id}`{hint}"), id.as_str()));
            };
            match actions {
                None => Ok(targets.to_vec()),
                Some(actions) if actions.iter().all(|action| action == "read") => Ok(reading(targets)),
                Some(_) => Err(Outside::new("an action other than `read` on a feature", "action")),
            }
        }
    }
}

fn of_anything(actions: Option<&[String]>) -> Result<Vec<Target>, Outside> {
    let Some(actions) = actions else {
        return Ok(vec![("*", "*")]);
    };
    let mut targets = Vec::new();
    for action in actions {
        match action.as_str() {
            "read" => targets.push(("read", "@all")),
            "delete" => targets.push(("destroy", "@all")),
            other => {
                let meanings: Vec<_> = MEANINGS.iter().filter(|meaning| meaning.action == other).collect();
                if meanings.is_empty() {
                    return Err(Outside::new(format!("the action `{other}`"), other));
                }
                targets.extend(meanings.iter().flat_map(|meaning| meaning.targets));
            }
        }
    }
    Ok(targets)
}

fn of_kinds(kinds: &[&str], actions: Option<&[String]>) -> Result<Vec<Target>, Outside> {
    let is_asked = |action: &str| actions.is_none_or(|actions| actions.iter().any(|one| one == action));
    let of_kinds = || MEANINGS.iter().filter(|meaning| kinds.contains(&meaning.kind));
    if of_kinds().next().is_none() {
        let named = kinds.join(" and ");
        return Err(Outside::new(format!("every resource of the kind {named}"), named));
    }
    // An action that none of the kinds knows would permit nothing, and forbid nothing, in silence.
    let unknown =
        actions.unwrap_or_default().iter().find(|action| !of_kinds().any(|one| one.action == action.as_str()));
    if let Some(action) = unknown {
        return Err(Outside::new(
            format!("the action `{action}` on the kind {}", kinds.join(" and ")),
            action.as_str(),
        ));
    }
    Ok(of_kinds().filter(|meaning| is_asked(meaning.action)).flat_map(|meaning| meaning.targets).copied().collect())
}

fn of_reports(types: &[String], actions: Option<&[String]>) -> Result<Vec<Target>, Outside> {
    // Whatever the action is, it has to be one that reports know.
    of_kinds(&[REPORT], actions)?;
    Ok(types.iter().filter_map(|name| report_type(name)).flatten().copied().collect())
}

/// The part of targets that only reads.
fn reading(targets: &[Target]) -> Vec<Target> {
    let narrowed = targets.iter().filter_map(|(action, object)| {
        if *action == "*" && object.starts_with('@') {
            return Some(("read", *object));
        }
        let line = PolicyLine::new("", action, object, Effect::Allow);
        let mut covered = operations().iter().filter(|operation| line.covers(operation));
        covered.all(|operation| operation.act == Act::Read).then_some((*action, *object))
    });
    narrowed.collect()
}

#[cfg(test)]
mod tests;
