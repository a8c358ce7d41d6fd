//! `safelight policy …`: what rules of access keys come to, without an installation.

use clap::{Args, Subcommand};
use plane_kit::{
    operations::{FolderOf, Operation, Plane, operations},
    policy::{
        Effect, Explanation, Place, PolicyBook, PolicyLine, Principal, Region, RoleLink,
        rule::KeyRules,
        rules_subject,
        template::{TEMPLATES, Template},
    },
};
use serde_json::json;

use super::{Failure, Outcome, print};

/// The key that the rules are tried on.
const SUBJECT: &str = "key:tried";
/// A role that permits everything, as a key has it in its own environment.
const ROLE: &str = "role:environment_admin";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what a key with these rules may do
    ///
    /// With METHOD and PATH it answers for one call and ends with status 1 if that is denied; without them it lists every operation
    /// that is allowed, and where.
    Test(TestArguments),
}

#[derive(Debug, Args)]
pub struct TestArguments {
    /// A rule; may be repeated: `GET /usage`, `@upload in clients/acme`, `deny DELETE *`
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    /// The rules of a template instead
    #[arg(long, conflicts_with = "rules", value_name = "NAME")]
    template: Option<String>,
    /// HTTP method of a call
    #[arg(requires = "path")]
    method: Option<String>,
    /// Path of a call, with or without version and cloud name
    path: Option<String>,
    /// The folder that the call is about; the root when absent
    #[arg(long, requires = "path")]
    folder: Option<String>,
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: Command) -> Outcome {
    let Command::Test(arguments) = command;
    let rules = match &arguments.template {
        Some(name) => KeyRules::parse(template(name)?.rules.iter().copied())?,
        None => KeyRules::parse(arguments.rules.iter().map(String::as_str))?,
    };
    let mut lines = vec![PolicyLine::new(ROLE, "*", "*", Effect::Allow)];
    lines.extend(rules.lines(&rules_subject(SUBJECT)));
    let book = PolicyBook::new(&lines, &[RoleLink { member: SUBJECT.to_owned(), role: ROLE.to_owned() }]);
    let principal = Principal::unversioned(SUBJECT, &book);
    match (&arguments.method, &arguments.path) {
        (Some(method), Some(path)) => one_call(&principal, method, path, &arguments),
        _ => every_operation(&principal, arguments.json),
    }
}

fn template(name: &str) -> Outcome<&'static Template> {
    Template::named(name).ok_or_else(|| {
        let known: Vec<_> = TEMPLATES.iter().map(|template| template.name).collect();
        Failure::new(format!("no template `{name}`; there are {}", known.join(", ")))
    })
}

/// Answers for one call; a denial is a failure, so that scripts can ask.
fn one_call(principal: &Principal<'_>, method: &str, path: &str, arguments: &TestArguments) -> Outcome {
    let operation = operations()
        .resolve(Plane::Data, method, path)
        .ok_or_else(|| Failure::new(operations().unknown(Plane::Data, method, path)))?;
    let folder = arguments.folder.as_deref().unwrap_or_default();
    let place = if operation.folder == FolderOf::Nothing { Place::None } else { Place::In(folder) };
    let explanation = Explanation::of(principal, operation, place);
    let decision = if explanation.permitted() { "allow" } else { "deny" };
    if arguments.json {
        print(json!({
            "decision": decision,
            "operation": explanation.operation,
            "permission": explanation.permission,
            "reason": explanation.reason(),
            "line": explanation.line().map(ToString::to_string),
            "would_allow": explanation.would_allow(),
        }));
    } else {
        print(format_args!("{decision}  {} ({})", explanation.operation, explanation.permission));
        print(explanation.reason());
        for advice in explanation.would_allow() {
            print(format_args!("to allow it: {advice}"));
        }
    }
    if explanation.permitted() { Ok(()) } else { Err(Failure::new(format!("denied: {}", explanation.reason()))) }
}

fn every_operation(principal: &Principal<'_>, as_json: bool) -> Outcome {
    let allowed: Vec<(&Operation, Vec<String>)> =
        operations().of(Plane::Data).filter_map(|operation| Some((operation, places(principal, operation)?))).collect();
    if as_json {
        let list: Vec<_> =
            allowed.iter().map(|(operation, places)| json!({"operation": operation.id, "in": places})).collect();
        print(json!({"allowed": list}));
        return Ok(());
    }
    for (operation, places) in &allowed {
        let place = if places.is_empty() { String::new() } else { format!("  in {}", places.join("; ")) };
        print(format_args!("{:32} {:6} {}{place}", operation.id, operation.method(), operation.path()));
    }
    let all = operations().of(Plane::Data).count();
    print(format_args!("{} of {all} operations are allowed", allowed.len()));
    Ok(())
}

/// Where an operation is allowed: an empty list is everywhere, nothing is nowhere.
fn places(principal: &Principal<'_>, operation: &Operation) -> Option<Vec<String>> {
    if operation.folder == FolderOf::Nothing {
        return Explanation::of(principal, operation, Place::None).permitted().then(Vec::new);
    }
    let scope = Explanation::scope(principal, operation);
    if scope.is_everywhere() {
        return Some(Vec::new());
    }
    (!scope.is_nowhere()).then(|| scope.permitted().iter().map(Region::to_string).collect())
}
