//! Why a chain is not run to its end.

use crate::plan::Measure;
use crate::refusal::{Place, Refusal};

/// Why a chain is not run to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It cannot be carried out.
    Refused(Refusal),
    /// The pixels have to be asked first.
    Measure(Box<Measure>),
}

impl Stop {
    /// The same with its place in the chain.
    pub(super) fn at(self, component: usize) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.at(Place { component, item: None }, None)),
            Self::Measure(measure) => Self::Measure(measure),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
