//! What is kept of calls: who changed what (audit records), and how often what was asked (call records). Secrets never.

use std::borrow::Cow;

use actix_web::HttpRequest;
use chrono::{DateTime, Timelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::edge::RequestId,
    ids::{AccountId, EnvironmentId, uuid_at},
};

/// A member whose name holds one of these words, in any case, is not shown.
const UNSHOWN: [&str; 4] = ["secret", "password", "token", "signature"];
/// A state may be this long, in bytes of its JSON text; of a longer one only the length is kept.
const LONGEST_STATE: usize = 16 * 1024;
/// The actor of calls that were too many to be told apart.
pub const OTHER: &str = "other";

/// Who makes a change, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `key:…`, `provisioning_key:…`, `user:…`, `preset:…`, `anonymous`, `operator` or `program`.
    pub actor: Cow<'static, str>,
    /// Address of the connection's other end; empty when there is none.
    pub address: String,
    /// The request, 32 hexadecimal digits; empty when there is none.
    pub request: String,
}

impl Origin {
    /// The operator at the command line.
    pub const OPERATOR: Self =
        Self { actor: Cow::Borrowed("operator"), address: String::new(), request: String::new() };
    /// The program on its own behalf.
    pub const PROGRAM: Self = Self { actor: Cow::Borrowed("program"), address: String::new(), request: String::new() };

    /// Somebody who sent a request. The address is that of the connection: what headers say of it anybody can write.
    pub fn of(actor: impl Into<Cow<'static, str>>, request: &HttpRequest) -> Self {
        Self {
            actor: actor.into(),
            address: request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default(),
            request: RequestId::of(request).to_string(),
        }
    }
}

/// The state of a thing as it may be shown: without secrets, of bounded length, and without what no database keeps. There is no
/// other way to one, not even from the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value")]
pub struct State(Value);

impl State {
    /// What of a thing may be shown.
    pub fn of(thing: Value) -> Self {
        let shown = without_secrets(thing);
        let length = shown.to_string().len();
        if length <= LONGEST_STATE { Self(shown) } else { Self(json!({"left_out_bytes": length})) }
    }

    /// The state as JSON.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl From<Value> for State {
    fn from(thing: Value) -> Self {
        Self::of(thing)
    }
}

/// Takes every member out whose name speaks of a secret, at any depth, and every zero byte.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let shown = members.into_iter().filter(|(name, _)| !is_secret(name));
            Value::Object(shown.map(|(name, value)| (without_zero(name), without_secrets(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets).collect()),
        Value::String(text) => Value::String(without_zero(text)),
        plain => plain,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    UNSHOWN.iter().any(|word| name.contains(word))
}

fn without_zero(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// What a change was: the part of a record that the place of the change knows.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The operation, by its id in the table of operations; what an operator does has names of its own.
    pub operation: &'static str,
    /// What was changed, as in `image/upload/cats/tom` or `access_key 814…`.
    pub target: String,
    /// The state before; none when it is new.
    pub before: Option<State>,
    /// The state after; none when it is gone.
    pub after: Option<State>,
}

impl Entry {
    /// Something that was made.
    pub fn made(operation: &'static str, target: String, after: Value) -> Self {
        Self { operation, target, before: None, after: Some(State::of(after)) }
    }

    /// Something that was changed.
    pub fn changed(operation: &'static str, target: String, before: Value, after: Value) -> Self {
        Self { operation, target, before: Some(State::of(before)), after: Some(State::of(after)) }
    }

    /// Something that was taken away.
    pub fn removed(operation: &'static str, target: String, before: Value) -> Self {
        Self { operation, target, before: Some(State::of(before)), after: None }
    }
}

/// One change: who, what, when, from where, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// A UUIDv7; what makes it the same record however often it is sent.
    pub id: Uuid,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The account, where the place of the change knows it. Data planes do not.
    pub account: Option<AccountId>,
    /// The product environment, if it was a change of one.
    pub environment: Option<EnvironmentId>,
    /// Where it happened; empty on the control plane.
    pub region: String,
    /// Who did it.
    pub actor: String,
    /// The operation.
    pub operation: String,
    /// What was changed.
    pub target: String,
    /// Address of the connection's other end, or empty.
    pub address: String,
    /// The request, or empty.
    pub request: String,
    /// The state before.
    pub before: Option<State>,
    /// The state after.
    pub after: Option<State>,
}

impl AuditRecord {
    /// The record of a change that happens now. It is of no account, environment or region yet.
    pub fn new(at: DateTime<Utc>, origin: &Origin, entry: Entry) -> Self {
        Self {
            id: uuid_at(at),
            at,
            account: None,
            environment: None,
            region: String::new(),
            actor: plain(&origin.actor),
            operation: entry.operation.to_owned(),
            target: plain(&entry.target),
            address: origin.address.clone(),
            request: origin.request.clone(),
            before: entry.before,
            after: entry.after,
        }
    }
}

/// A text in which a line ends nowhere, so that a log of lines stays one.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What was decided about calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The key may do that.
    Permitted,
    /// It may not.
    Refused,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Permitted, Self::Refused];

    /// The name on the wire and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Refused => "refused",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// Calls of one kind within an hour, as one node counted them between two flushes. No bodies, no addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Given when the node put it into its outbox; what makes it the same record however often it is sent.
    pub id: Uuid,
    /// The product environment.
    pub environment: EnvironmentId,
    /// Who called; [`OTHER`] when there were too many to be told apart.
    pub actor: String,
    /// The operation, by its id.
    pub operation: String,
    /// The canonical method of the operation.
    pub method: String,
    /// The folder that the call was about, where it was about one and that is known.
    pub folder: Option<String>,
    /// What was decided.
    pub outcome: Outcome,
    /// Start of the hour.
    pub hour: DateTime<Utc>,
    /// How many.
    pub count: i64,
    /// The last of them.
    pub last_at: DateTime<Utc>,
}

/// What a region sends at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditBatch {
    /// Changes.
    #[serde(default)]
    pub records: Vec<AuditRecord>,
    /// Calls.
    #[serde(default)]
    pub calls: Vec<CallRecord>,
}

/// The start of the hour that a moment is in.
pub fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.with_minute(0).and_then(|at| at.with_second(0)).and_then(|at| at.with_nanosecond(0)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_gets_into_a_state() {
        let thing = json!({
            "name": "Root",
            "secret": "s1",
            "API_Secret": "s2",
            "sealedSecret": {"deep": "s3"},
            "keys": [{"api_key": "1", "apiToken": "s4", "rules": [{"Password": "s5", "sign_delivery": true}]}],
            "signature": ["s6"],
        });
        let shown = json!({"name": "Root", "keys": [{"api_key": "1", "rules": [{"sign_delivery": true}]}]});
        assert_eq!(State::of(thing.clone()).into_value(), shown);
        // Nor by way of the wire.
        let read: State = serde_json::from_value(thing).unwrap();
        assert_eq!(read.into_value(), shown);
    }

    #[test]
    fn states_are_bounded_and_can_be_kept() {
        let long = State::of(json!({"text": "x".repeat(LONGEST_STATE)})).into_value();
        assert_eq!(long, json!({"left_out_bytes": LONGEST_STATE + r#"{"text":""}"#.len()}));
        assert_eq!(State::of(json!({"a\0": ["b\0"]})).into_value(), json!({"a\u{fffd}": ["b\u{fffd}"]}));
    }

    #[test]
    fn a_record_is_one_line() {
        let origin = Origin { actor: "preset:a\nb".into(), ..Origin::PROGRAM };
        let at = DateTime::from_timestamp(1_795_435_199, 0).unwrap();
        let record = AuditRecord::new(at, &origin, Entry::removed("destroy", "image/upload/a\r\nb".into(), json!({})));
        assert_eq!(
            (record.actor.as_str(), record.target.as_str()),
            ("preset:a\u{fffd}b", "image/upload/a\u{fffd}\u{fffd}b")
        );
        assert_eq!(hour_of(at).to_rfc3339(), "2026-11-23T11:00:00+00:00");
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<AuditRecord>(&text).unwrap(), record);
    }
}
