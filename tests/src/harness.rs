//! Starts servers and databases, makes pictures, and speaks the wire.

mod children;
pub mod client;
pub mod clips;
pub mod hostile;
pub mod many;
pub mod pictures;
pub mod planes;
pub mod postgres;
pub mod process;
pub mod receiver;
pub mod remote;
pub mod sdk;
pub mod server;

use std::time::{Duration, Instant};

/// How long to wait between two questions.
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks until the answer is there, and fails the test with `what` at the deadline.
pub async fn eventually<T>(what: &str, deadline: Duration, ask: impl AsyncFnMut() -> Option<T>) -> T {
    let answer = eventually_or(what, deadline, ask).await;
    answer.unwrap_or_else(|| panic!("after {deadline:?} there was still not: {what}"))
}

/// Asks until the answer is there or the deadline has passed, for tests with more to say about the failure. This is the only place
/// of the tests that waits.
pub async fn eventually_or<T>(what: &str, deadline: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if started.elapsed() >= deadline {
            eprintln!("given up after {deadline:?}: {what}");
            return None;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
