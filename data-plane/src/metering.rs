//! Counting.
//!
//! Row-shaped usage is written by the rooms in the transaction of its row ([`outbox`]). Byte-shaped usage is added to counters in
//! memory-mapped files ([`counters`]) that the kernel keeps when the process is killed; windows of them become rows of the same
//! outbox, and the [`shipper`] carries everything to the ledger. Nothing here knows a price.

pub mod counters;
pub mod outbox;
pub mod ship_error;
pub mod shipper;
pub mod ticket;
