//! Sending a notification: signed anew for each attempt, and tried for a day.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    secret::Secret,
    signature::{Algorithm, sign_notification, sign_webhook},
};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::NotificationsConfig;
use crate::{
    Plane,
    jobs::{
        Claim, Job, Lane,
        patience::SPENT,
        runner::{Ended, JobError},
    },
    outbound::{Asker, OutboundError, Purpose},
    tables::notifications::{Entity, Model},
};

/// The job that sends one notification.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Send {
    /// Which.
    pub notification: Uuid,
}

impl Job for Send {
    const KIND: &'static str = "notification";
    const LANE: Lane = Lane::Send;
}

/// How an attempt went.
#[derive(Debug)]
enum Attempt {
    /// The receiver took it.
    Taken(StatusCode),
    /// It did not, and may later.
    Failed(Option<StatusCode>, String),
    /// It says that it never will.
    Gone(StatusCode),
    /// It is not tried any more.
    Ended(&'static str),
}

/// Sends a notification once, and says when it is tried again.
pub async fn carry(plane: &Plane, claim: &Claim) -> Result<Ended, JobError> {
    let Send { notification } = claim.read()?;
    let Some(row) = Entity::find_by_id(notification).one(plane.database.reader()).await? else {
        claim.finish(plane.database.writer()).await?;
        return Ok(Ended::GivenUp);
    };
    let attempt = match claim.is_spent {
        true => Attempt::Ended(SPENT),
        false => attempt(plane, claim, &row).await?,
    };
    let now = plane.clock.now();
    let config = &plane.settings.notifications;
    let attempts = row.attempts.saturating_add(1);
    let created_at = row.created_at;
    let mut change = row.into_active_model();
    change.attempts = Set(attempts);
    change.last_attempt_at = Set(Some(now));
    let transaction = plane.database.begin().await?;
    let (is_ours, ended) = match attempt {
        Attempt::Taken(status) => {
            change.last_status = Set(Some(i32::from(status.as_u16())));
            change.last_error = Set(None);
            change.delivered_at = Set(Some(now));
            (claim.finish(&transaction).await?, Ended::Done)
        }
        Attempt::Gone(status) => {
            change.last_status = Set(Some(i32::from(status.as_u16())));
            change.last_error = Set(Some("the receiver answers that it is gone".into()));
            change.given_up_at = Set(Some(now));
            (claim.finish(&transaction).await?, Ended::GivenUp)
        }
        Attempt::Ended(why) => {
            change.last_error = Set(Some(why.into()));
            change.given_up_at = Set(Some(now));
            (claim.finish(&transaction).await?, Ended::GivenUp)
        }
        Attempt::Failed(status, error) => {
            change.last_status = Set(status.map(|status| i32::from(status.as_u16())));
            change.last_error = Set(Some(error.clone()));
            match next_attempt(config, attempts, created_at, now) {
                Some(until) => (claim.postpone(&transaction, until, &error).await?, Ended::PutOff),
                None => {
                    change.given_up_at = Set(Some(now));
                    (claim.finish(&transaction).await?, Ended::GivenUp)
                }
            }
        }
    };
    if !is_ours {
        transaction.rollback().await?;
        return Ok(Ended::Lost);
    }
    change.update(&transaction).await?;
    transaction.commit().await?;
    Ok(ended)
}

/// When a notification is tried again; never, when that would be too late.
fn next_attempt(
    config: &NotificationsConfig,
    attempts: i32,
    created_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let done = usize::try_from(attempts.max(1) - 1).unwrap_or(0);
    let pause = config.retry_seconds.get(done).or(config.retry_seconds.last()).copied().unwrap_or(60);
    let next = now + TimeDelta::seconds(pause.into());
    (next <= created_at + TimeDelta::seconds(config.give_up_seconds.into())).then_some(next)
}

async fn attempt(plane: &Plane, claim: &Claim, row: &Model) -> Result<Attempt, JobError> {
    let now = plane.clock.now();
    let later = |why: &str| Ok(Attempt::Failed(None, why.to_owned()));
    let Some(tenant) = plane.tenants.find_by_id(claim.environment).filter(|tenant| tenant.is_active()) else {
        return later("the environment is switched off");
    };
    let Some((api_key, secret)) = tenant.notification_key(now) else {
        return later("the environment has no enabled access key to sign with");
    };
    let body = signed_text(&row.body, api_key)?;
    let Some(headers) = headers(row.id, &body, now.timestamp(), secret, tenant.signing_algorithm()) else {
        return Err(JobError::Failed("the signature cannot stand in a header".into()));
    };
    let asker = Asker { environment: claim.environment, purpose: Purpose::Notification, domains: &[] };
    let timeout = Duration::from_millis(plane.settings.notifications.timeout_ms);
    match plane.outbound.post(&row.uri, asker, headers, body, timeout).await {
        Ok(status) if status.is_success() => Ok(Attempt::Taken(status)),
        Ok(StatusCode::GONE) => Ok(Attempt::Gone(StatusCode::GONE)),
        Ok(status) if status.is_redirection() => {
            Ok(Attempt::Failed(Some(status), format!("{} and redirects are not followed", status.as_u16())))
        }
        Ok(status) => Ok(Attempt::Failed(Some(status), format!("the receiver answered {}", status.as_u16()))),
        // Nothing was tried.
        Err(OutboundError::Busy) => Err(JobError::Failed("too much is being sent".into())),
        Err(error) => Ok(Attempt::Failed(None, error.to_string())),
    }
}

/// What is signed and sent: the text with the key that it is signed with.
pub fn signed_text(body: &str, api_key: &str) -> Result<String, serde_json::Error> {
    let mut text: Map<String, Value> = serde_json::from_str(body)?;
    text.insert("signature_key".into(), api_key.into());
    Ok(Value::Object(text).to_string())
}

/// The vendor's headers, and those of Standard Webhooks beside them. The id is the same for every attempt.
fn headers(id: Uuid, body: &str, timestamp: i64, secret: &Secret, algorithm: Algorithm) -> Option<HeaderMap> {
    let id = format!("msg_{}", id.as_simple());
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("x-cld-timestamp", timestamp.to_string()),
        ("x-cld-signature", sign_notification(body, timestamp, secret, algorithm)),
        ("webhook-signature", sign_webhook(&id, body, timestamp, secret)),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-id", id),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spread_and_end_after_a_day() {
        let config = NotificationsConfig::default();
        let at = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap();
        let mut moments = vec![0];
        let mut now = at(0);
        for attempts in 1.. {
            let Some(next) = next_attempt(&config, attempts, at(0), now) else { break };
            moments.push(next.timestamp());
            now = next;
        }
        assert_eq!(moments[..6], [0, 5, 20, 80, 380, 1280]);
        assert_eq!(moments.len(), 19);
        assert!(moments.last().is_some_and(|last| (79_200..=86_400).contains(last)), "{moments:?}");
    }
}
