//! Eager transformations: what an upload or a call of explicit wants made before anybody asks for it.
//!
//! With an upload they are all there or nothing is: they are made from the staged file before the version has a row, and the rows of
//! both come in one transaction. With `eager_async` a job makes them, and what became of each is told when it ends.

pub mod ask;
pub mod job;
pub mod make;
