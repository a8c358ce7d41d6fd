//! What makes remembered things forgotten at once, for those who read them a moment before as well.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU32, Ordering},
};

/// Into how many groups things are divided.
const GROUPS: usize = 1024;

/// One number for each group of things. It is part of the key under which a thing is remembered, so a reader who began before a change
/// cannot leave what he read where those after the change would find it.
pub struct Generations(Vec<AtomicU32>);

impl Default for Generations {
    fn default() -> Self {
        Self((0..GROUPS).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Generations {
    /// The generation of a thing; to be read before the thing is.
    pub fn of(&self, thing: &impl Hash) -> u32 {
        self.cell(thing).load(Ordering::Acquire)
    }

    /// Forgets a thing; to be called after it was changed.
    pub fn forget(&self, thing: &impl Hash) {
        self.cell(thing).fetch_add(1, Ordering::Release);
    }

    fn cell(&self, thing: &impl Hash) -> &AtomicU32 {
        let mut hasher = DefaultHasher::new();
        thing.hash(&mut hasher);
        &self.0[usize::try_from(hasher.finish() % GROUPS as u64).unwrap_or(0)]
    }
}
