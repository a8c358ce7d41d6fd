//! The brackets of a chain: conditions with what is done under them, and layers with what they are made by.

use super::{Branch, Component, Flag};
use crate::refusal::{Place, Refusal};

/// A part of a chain. Numbers are indices of components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A component.
    Step(usize),
    /// What is done where the condition of a component holds, and what else.
    If {
        /// The component that asks.
        asks: usize,
        /// What is done where it holds.
        then: Vec<Node>,
        /// What is done where it does not.
        otherwise: Vec<Node>,
    },
    /// A layer that is made by components of its own.
    Layer {
        /// The component that names it.
        opens: usize,
        /// What it is made by.
        inner: Vec<Node>,
        /// The component that places it.
        closes: usize,
    },
}

/// Checks that all brackets match.
pub(super) fn check(components: &[Component]) -> Result<(), Refusal> {
    let has_brackets = |component: &Component| {
        component.branch.is_some() || component.opens_layer() || component.flags.contains_key(&Flag::LayerApply)
    };
    if components.iter().any(has_brackets) { nodes(components).map(drop) } else { Ok(()) }
}

/// The parts of a chain.
pub(super) fn nodes(components: &[Component]) -> Result<Vec<Node>, Refusal> {
    Brackets::of(components)?.within(0, components.len())
}

/// The same chain with the end of each condition said: one of a component alone becomes a block.
pub(super) fn closed(components: &[Component]) -> Result<Vec<Component>, Refusal> {
    if !components.iter().any(|component| component.branch.is_some()) {
        return Ok(components.to_vec());
    }
    let brackets = Brackets::of(components)?;
    let bare = |branch: Branch| Component { branch: Some(branch), ..Component::default() };
    let (mut closed, mut open, mut next) = (Vec::new(), 0, 0);
    while next < components.len() {
        let component = &components[next];
        let is_inline = matches!(component.branch, Some(Branch::If(_))) && brackets.ends[next].is_none();
        if !is_inline {
            closed.push(component.clone());
        } else if !component.has_parameters() {
            open += 1;
            closed.push(component.clone());
        } else {
            let asked = Component { variables: component.variables.clone(), ..bare(Branch::End) };
            closed.push(Component { branch: component.branch.clone(), ..asked });
            closed.push(Component { branch: None, variables: Vec::new(), ..component.clone() });
            if let Some(other) = components.get(next + 1)
                && other.branch == Some(Branch::Else)
                && other.has_parameters()
            {
                closed.push(other.clone());
                next += 1;
            }
            closed.push(bare(Branch::End));
        }
        next += 1;
    }
    closed.extend((0..open).map(|_| bare(Branch::End)));
    closed.retain(|component| *component != Component::default());
    Ok(closed)
}

/// Which brackets belong together.
struct Brackets<'a> {
    components: &'a [Component],
    /// Where the condition ends that a component asks.
    ends: Vec<Option<usize>>,
    /// Where the layer is placed that a component names.
    closes: Vec<Option<usize>>,
}

impl<'a> Brackets<'a> {
    fn of(components: &'a [Component]) -> Result<Self, Refusal> {
        let (mut ends, mut closes) = (vec![None; components.len()], vec![None; components.len()]);
        let (mut asking, mut named) = (Vec::new(), Vec::new());
        let mut unended = left_open(components);
        for (index, component) in components.iter().enumerate() {
            match component.branch {
                Some(Branch::If(_)) => asking.push(index),
                Some(Branch::End) => match ended_by(&mut asking, &mut unended, components) {
                    Some(asks) => ends[asks] = Some(index),
                    None => return Err(unmatched(index, "if_end ends no condition")),
                },
                _ => {}
            }
            if component.opens_layer() {
                named.push(index);
            }
            if component.flags.contains_key(&Flag::LayerApply) {
                match named.pop() {
                    Some(opens) => closes[opens] = Some(index),
                    None => return Err(unmatched(index, "fl_layer_apply closes no layer")),
                }
            }
        }
        Ok(Self { components, ends, closes })
    }

    fn within(&self, begin: usize, end: usize) -> Result<Vec<Node>, Refusal> {
        let mut nodes = Vec::new();
        let mut next = begin;
        while next < end {
            let component = &self.components[next];
            let (node, behind) = match component.branch {
                Some(Branch::If(_)) => self.asked(next, end)?,
                Some(Branch::Else) => return Err(unmatched(next, "if_else belongs to no condition")),
                // What stands beside it comes behind the condition.
                Some(Branch::End) => (Node::Step(next), next + 1),
                None => match self.closes[next] {
                    Some(closes) if closes > next && closes < end => {
                        let inner = self.within(next + 1, closes)?;
                        (Node::Layer { opens: next, inner, closes }, closes + 1)
                    }
                    Some(closes) if closes != next => {
                        return Err(unmatched(closes, "fl_layer_apply closes a layer of another branch"));
                    }
                    // Without anything that places it, the component says it all.
                    _ => (Node::Step(next), next + 1),
                },
            };
            nodes.push(node);
            next = behind;
        }
        Ok(nodes)
    }

    fn asked(&self, asks: usize, end: usize) -> Result<(Node, usize), Refusal> {
        let component = &self.components[asks];
        let own: Vec<Node> = component.has_parameters().then_some(Node::Step(asks)).into_iter().collect();
        let (body_end, behind) = match self.ends[asks] {
            Some(ends) if ends < end => (ends, ends + 1),
            Some(ends) => return Err(unmatched(ends, "if_end ends a condition of another branch")),
            // A condition that shares its component with what is done under it, and is ended nowhere, is of this component alone.
            None if !own.is_empty() => {
                let is_other = |other: &Component| other.branch == Some(Branch::Else) && other.has_parameters();
                let other = Some(asks + 1).filter(|next| *next < end && is_other(&self.components[*next]));
                let otherwise: Vec<Node> = other.map(Node::Step).into_iter().collect();
                let behind = other.unwrap_or(asks) + 1;
                return Ok((Node::If { asks, then: own, otherwise }, behind));
            }
            // One that is still open ends with the chain.
            None => (end, end),
        };
        let other = self.else_within(asks + 1, body_end);
        let mut then = own;
        then.extend(self.within(asks + 1, other.unwrap_or(body_end))?);
        let mut otherwise = Vec::new();
        if let Some(other) = other {
            otherwise.extend(self.components[other].has_parameters().then_some(Node::Step(other)));
            otherwise.extend(self.within(other + 1, body_end)?);
        }
        // What stands beside the end comes behind it.
        if behind > body_end && self.components[body_end].has_parameters() {
            let wrapped = Node::If { asks, then, otherwise };
            return Ok((wrapped, body_end));
        }
        Ok((Node::If { asks, then, otherwise }, behind))
    }

    /// The `if_else` that belongs to a condition with this body.
    fn else_within(&self, begin: usize, end: usize) -> Option<usize> {
        let mut next = begin;
        while next < end {
            match self.components[next].branch {
                Some(Branch::Else) => return Some(next),
                Some(Branch::If(_)) => match self.ends[next] {
                    Some(ends) => next = ends,
                    None if self.components[next].has_parameters() => {
                        let is_other = |other: &Component| other.branch == Some(Branch::Else) && other.has_parameters();
                        if next + 1 < end && is_other(&self.components[next + 1]) {
                            next += 1;
                        }
                    }
                    None => return None,
                },
                _ => {}
            }
            next += 1;
        }
        None
    }
}

/// How many conditions that cannot be of their component alone would stay open if each end were of the last one that is.
fn left_open(components: &[Component]) -> usize {
    let mut asking: Vec<bool> = Vec::new();
    for component in components {
        match component.branch {
            Some(Branch::If(_)) => asking.push(component.has_parameters()),
            Some(Branch::End) => drop(asking.pop()),
            _ => {}
        }
    }
    asking.into_iter().filter(|may_be_alone| !may_be_alone).count()
}

/// The condition that an `if_end` ends: the last one that is open. Where others would stay open, one that may be of its component alone leaves
/// the end to one around it that may not.
fn ended_by(asking: &mut Vec<usize>, unended: &mut usize, components: &[Component]) -> Option<usize> {
    let may_be_alone = |index: &usize| components[*index].has_parameters();
    while *unended > 0 && asking.last().is_some_and(may_be_alone) && !asking.iter().all(may_be_alone) {
        asking.pop();
        *unended -= 1;
    }
    asking.pop()
}

fn unmatched(index: usize, sentence: &str) -> Refusal {
    Refusal::conflict(sentence).at(Place { component: index + 1, item: None }, None)
}
