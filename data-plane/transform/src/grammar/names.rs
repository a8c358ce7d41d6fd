//! Named transformations: `t_name` stands for a chain that was stored under the name.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Component, MAX_COMPONENTS, Transformation, structure, too_many};
use crate::refusal::Refusal;

/// How deep names may lie in each other.
const DEEPEST: usize = 10;
/// What stays as it is in the canonical spelling of a name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~').remove(b':').remove(b'!');

/// What is stored under names.
pub type Definitions<'a> = &'a dyn Fn(&str) -> Option<Arc<Transformation>>;

/// A transformation in which no name is left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expanded {
    transformation: Transformation,
    had_names: bool,
}

impl Expanded {
    /// Whether what it means depends on what is stored under names.
    pub fn had_names(&self) -> bool {
        self.had_names
    }
}

impl Deref for Expanded {
    type Target = Transformation;

    fn deref(&self) -> &Transformation {
        &self.transformation
    }
}

impl Transformation {
    /// The names it mentions, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.components.iter().flat_map(|component| &component.names).map(String::as_str)
    }

    /// Puts what is stored under each name in its place. What shares a component with a name comes behind it.
    ///
    /// # Errors
    /// A name under which nothing is stored, names that lie in each other without end or too deep, and chains that become too long
    /// are refused.
    pub fn expand(self, definitions: Definitions<'_>) -> Result<Expanded, Refusal> {
        if self.names().next().is_none() {
            return Ok(Expanded { transformation: self, had_names: false });
        }
        let mut components = Vec::new();
        expand_into(&mut components, &self, definitions, &mut Vec::new())?;
        structure::check(&components)?;
        Ok(Expanded { transformation: Transformation { components }, had_names: true })
    }

    /// The first thing in it that depends on who asks.
    pub fn depends_on_client(&self) -> Option<&'static str> {
        self.components.iter().find_map(Component::depends_on_client)
    }
}

fn expand_into(
    into: &mut Vec<Component>,
    chain: &Transformation,
    definitions: Definitions<'_>,
    within: &mut Vec<String>,
) -> Result<(), Refusal> {
    // Its conditions end with it: none takes in what stands around the name, and none is ended by that.
    for component in structure::closed(&chain.components)? {
        // What it asks and sets comes before what is stored, and everything else behind that.
        let before = Component {
            branch: component.branch.clone(),
            variables: component.variables.clone(),
            ..Component::default()
        };
        let is_named = !component.names.is_empty();
        if is_named && before != Component::default() {
            into.push(before);
        }
        for name in &component.names {
            if within.contains(name) {
                return Err(Refusal::name(name, "stands for itself"));
            }
            if within.len() >= DEEPEST {
                return Err(Refusal::name(name, format_args!("lies more than {DEEPEST} names deep")));
            }
            let stored = definitions(name).ok_or_else(|| Refusal::unknown_name(name))?;
            within.push(name.clone());
            expand_into(into, &stored, definitions, within)?;
            within.pop();
        }
        let mut rest = Component { names: Vec::new(), ..component.clone() };
        if is_named {
            (rest.branch, rest.variables) = (None, Vec::new());
        }
        if rest != Component::default() {
            into.push(rest);
        }
        if into.len() > MAX_COMPONENTS {
            return Err(too_many(into.len()));
        }
    }
    Ok(())
}

/// The names of `t_a.b`, in order.
pub(super) fn parse(value: &str) -> Result<Vec<String>, Refusal> {
    let is_fit = |name: &str| !name.is_empty() && !name.chars().any(char::is_control);
    match value.split('.').all(is_fit) {
        true => Ok(value.split('.').map(str::to_owned).collect()),
        false => Err(Refusal::unknown_name(value)),
    }
}

/// Names in their canonical spelling.
pub(super) struct Joined<'a>(pub(super) &'a [String]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", utf8_percent_encode(name, PLAIN))?;
        }
        Ok(())
    }
}
