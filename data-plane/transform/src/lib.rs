//! The transformation language of delivery URLs.
//!
//! Parsing, geometry and planning are pure: text and stored facts in, a [`plan::Plan`] or a [`refusal::Refusal`] out; no I/O, no
//! clock, no randomness. Only the modules behind the feature `render` touch pixels, and they run in render workers, never in
//! a server process.

pub mod analysis;
pub mod autos;
pub mod colour;
pub mod coverage;
pub mod effects;
mod escape;
pub mod explain;
pub mod facts;
pub mod geometry;
pub mod grammar;
pub mod hints;
pub mod key;
pub mod pixels;
pub mod plan;
pub mod planner;
pub mod refusal;
pub mod resample;
pub mod source;

pub mod container;
pub mod protocol;

#[cfg(feature = "render")]
pub mod confine;
#[cfg(feature = "render")]
mod describe;
#[cfg(feature = "render")]
mod drawing;
#[cfg(feature = "render")]
pub mod execute;
#[cfg(feature = "render")]
mod labels;
#[cfg(feature = "render")]
mod mask;
#[cfg(feature = "render")]
mod profile;
#[cfg(feature = "render")]
pub mod vips;
#[cfg(feature = "render")]
mod webp;
#[cfg(feature = "render")]
pub mod worker;
