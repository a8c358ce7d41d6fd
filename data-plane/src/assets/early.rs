//! What is made of an asset before anybody asks for it, as far as the asset's rows and whoever is told know of it.

use super::made::NewRendition;
use crate::{jobs::Order, transformations::spelling::Spelling};

/// A transformation that was asked for ahead, and how it went.
#[derive(Debug, Clone)]
pub struct Early {
    /// How it was asked for.
    pub spelling: Spelling,
    /// How it went.
    pub outcome: Outcome,
}

impl Early {
    /// Whether it is there.
    pub fn is_made(&self) -> bool {
        matches!(self.outcome, Outcome::Made { .. })
    }
}

/// How a transformation that was asked for ahead went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Made {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Size.
        bytes: u64,
        /// Format.
        format: String,
    },
    /// It is made later, as a part of this batch.
    Processing(String),
    /// It cannot be made.
    Failed(String),
}

/// What was made of a version before it had its name, and what is to be made of it later. It becomes true with the version.
#[derive(Debug, Clone, Default)]
pub struct Ahead {
    /// Stored renditions, with each spelling that they were asked for by.
    pub renditions: Vec<(NewRendition, Vec<Spelling>)>,
    /// How each transformation went.
    pub early: Vec<Early>,
    /// The job that makes what was put off.
    pub later: Option<Order>,
}
