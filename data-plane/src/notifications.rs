//! Notifications: what happened, told to webhooks and to whoever asks for it.
//!
//! What is to be told is written in the transaction of what happened, one row for each address, with a job that sends it. So nothing is
//! told that did not happen, and nothing that happened goes untold because a process was killed.

pub mod event;
pub mod log;
pub mod message;
pub mod notice;
pub mod payload;
pub mod poll;
pub mod send;
pub mod triggers;

use serde::{Deserialize, Serialize};

/// How notifications are sent and kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotificationsConfig {
    /// How long a receiver may take to answer, in milliseconds.
    pub timeout_ms: u64,
    /// The pauses before the next attempts, in seconds; the last one repeats.
    pub retry_seconds: Vec<u32>,
    /// After which time a notification is given up that nobody took, in seconds.
    pub give_up_seconds: u32,
    /// How long the log of what was sent is kept, in days.
    pub log_days: u32,
    /// How long a notification waits for somebody who asks for it, in seconds.
    pub poll_kept_seconds: u32,
}

impl Default for NotificationsConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 10_000,
            retry_seconds: vec![5, 15, 60, 300, 900, 1800, 3600, 7200],
            give_up_seconds: 86_400,
            log_days: 7,
            poll_kept_seconds: 86_400,
        }
    }
}

impl NotificationsConfig {
    /// Checks the ranges. `idle_ms` is how long anything outside may be silent.
    pub fn validate(&self, idle_ms: u64) -> Result<(), String> {
        if self.timeout_ms > idle_ms {
            return Err(format!("notifications.timeout_ms must be at most outbound.idle_ms, which is {idle_ms}"));
        }
        if self.timeout_ms == 0 {
            return Err("notifications.timeout_ms must be at least 1".into());
        }
        if self.retry_seconds.is_empty() {
            return Err("notifications.retry_seconds must hold at least one pause".into());
        }
        if u64::from(self.log_days) * 86_400 < u64::from(self.give_up_seconds) {
            return Err("notifications.log_days must cover notifications.give_up_seconds".into());
        }
        Ok(())
    }
}
