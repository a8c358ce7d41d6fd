//! Transformations that an environment knows: those that it gave a name, and every one that something was made by.
//!
//! A name is resolved before a delivery is decided about and planned, so what is stored under it shares its renditions with whoever
//! writes the same out. How often each was delivered is counted in memory and written in passing: it is there for people to look at,
//! and nothing is billed by it.

pub mod allowed;
pub mod cleanup;
pub mod definitions;
pub mod info;
pub mod record;
pub mod recorded;
pub mod spelling;
pub mod store;
pub mod stored;
pub mod uses;
