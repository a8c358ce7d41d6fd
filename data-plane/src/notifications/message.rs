//! What is told, and writing it down.

use chrono::{DateTime, Utc};
use plane_kit::{
    destination::Destination,
    ids::{EnvironmentId, uuid_at},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use serde_json::{Map, Value, json};

use super::{event::Event, send::Send};
use crate::{
    jobs::{self, Order},
    tables::{notifications, poll_messages},
};

/// Something to be told.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its type.
    pub event: Event,
    /// What is said of it, without what every notification says.
    pub body: Map<String, Value>,
    /// The request that it comes from, 32 hexadecimal digits.
    pub request: String,
    /// The batch of the call, if it has one.
    pub batch: Option<String>,
    /// Who did it, as in `key:814…`.
    pub actor: String,
}

impl Message {
    /// The JSON text that is told, but for the key that it is signed with.
    fn text(&self, now: DateTime<Utc>) -> String {
        let moment = now.format("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let mut text = Map::new();
        text.insert("notification_type".into(), self.event.name().into());
        text.insert("timestamp".into(), moment.clone().into());
        text.insert("request_id".into(), self.request.as_str().into());
        text.extend(self.body.clone());
        if let Some(batch) = &self.batch {
            text.insert("batch_id".into(), batch.as_str().into());
        }
        let (source, id) = match self.actor.split_once(':') {
            Some(("key", id)) => ("api", id),
            Some((source, id)) => (source, id),
            None => (self.actor.as_str(), ""),
        };
        let context = json!({"triggered_at": moment, "triggered_by": {"source": source, "id": id}});
        text.insert("notification_context".into(), context);
        Value::Object(text).to_string()
    }
}

/// Writes down what is to be told to each of these, into the transaction of what happened.
pub async fn put<C: ConnectionTrait>(
    connection: &C,
    environment: EnvironmentId,
    message: &Message,
    to: &[Destination],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if to.is_empty() {
        return Ok(());
    }
    let text = message.text(now);
    for destination in to {
        let id = uuid_at(now);
        match destination {
            Destination::Webhook(uri) => {
                let row = notifications::ActiveModel {
                    id: Set(id),
                    environment_id: Set(environment.0),
                    event_type: Set(message.event.name().into()),
                    uri: Set(uri.clone()),
                    body: Set(text.clone()),
                    request_id: Set(message.request.clone()),
                    batch_id: Set(message.batch.clone()),
                    attempts: Set(0),
                    last_status: Set(None),
                    last_error: Set(None),
                    last_attempt_at: Set(None),
                    delivered_at: Set(None),
                    given_up_at: Set(None),
                    created_at: Set(now),
                };
                notifications::Entity::insert(row).exec_without_returning(connection).await?;
                jobs::put(connection, environment, Order::of(&Send { notification: id })?, now).await?;
            }
            Destination::Poll(channel) => {
                let row = poll_messages::ActiveModel {
                    id: Set(id),
                    environment_id: Set(environment.0),
                    channel: Set(channel.clone()),
                    batch_id: Set(message.batch.clone()),
                    body: Set(text.clone()),
                    receipt: Set(None),
                    visible_at: Set(now),
                    created_at: Set(now),
                };
                poll_messages::Entity::insert(row).exec_without_returning(connection).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_every_notification_says() {
        let message = Message {
            event: Event::Upload,
            body: json!({"public_id": "cat"}).as_object().cloned().unwrap_or_default(),
            request: "r".into(),
            batch: Some("b".into()),
            actor: "key:814".into(),
        };
        let text = message.text(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        assert_eq!(
            crate::notifications::send::signed_text(&text, "814").unwrap(),
            r#"{"notification_type":"upload","timestamp":"2023-11-14T22:13:20+00:00","request_id":"r","public_id":"cat","batch_id":"b","notification_context":{"triggered_at":"2023-11-14T22:13:20+00:00","triggered_by":{"source":"api","id":"814"}},"signature_key":"814"}"#
        );
    }
}
