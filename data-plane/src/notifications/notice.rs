//! Who is told of a call's changes: the address that the call names, or else the environment's triggers.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use plane_kit::{
    audit::Origin,
    destination::{ANONYMOUS, Destination, check_batch},
    error::ApiError,
    http::params::Params,
};
use sea_orm::{DatabaseTransaction, DbErr};

use super::{
    event::Event,
    message::{Message, put},
    payload::{bodies, eager},
    triggers,
};
use crate::{
    DataPlane,
    assets::{
        early::Early,
        happening::{Happening, Herald},
    },
    permitted::Told,
    tenants::Tenant,
};

/// Tells of what a call changes.
pub struct Notice {
    plane: DataPlane,
    tenant: Arc<Tenant>,
    /// Where the call itself wants it told; this stands in the place of the triggers.
    to: Option<Destination>,
    batch: Option<String>,
    eager_to: Option<Destination>,
    api_key: Option<String>,
    deletion: Event,
}

/// What a call says of how it is told.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Where to.
    pub to: Option<Destination>,
    /// Its batch.
    pub batch: Option<String>,
    /// Where it wants told what was made ahead while it waited.
    pub eager_to: Option<Destination>,
}

impl Wishes {
    /// Reads `notification_url` and `batch_id`.
    pub fn read(params: &Params) -> Result<Self, ApiError> {
        let batch = params.text("batch_id")?;
        if let Some(batch) = &batch {
            check_batch("batch_id", batch)?;
        }
        let to = params.text("notification_url")?;
        let to = to.map(|text| Destination::parse("notification_url", &text)).transpose()?;
        if to == Some(Destination::Poll(ANONYMOUS.into())) && batch.is_none() {
            return Err(ApiError::invalid("notification_url poll://* needs batch_id, by which it is asked for"));
        }
        let eager_to = params.text("eager_notification_url")?;
        let eager_to = eager_to.map(|text| Destination::parse("eager_notification_url", &text)).transpose()?;
        Ok(Self { to, batch, eager_to })
    }
}

impl Notice {
    /// Tells whom the call wants told, or else the triggers.
    pub fn new(plane: &DataPlane, tenant: &Arc<Tenant>, api_key: Option<&str>, wishes: Wishes) -> Self {
        let (plane, tenant) = (DataPlane::clone(plane), Arc::clone(tenant));
        let Wishes { to, batch, eager_to } = wishes;
        Self { plane, tenant, to, batch, eager_to, api_key: api_key.map(str::to_owned), deletion: Event::Delete }
    }

    /// The same, for a deletion by token.
    pub fn by_token(mut self) -> Self {
        self.deletion = Event::DeleteByToken;
        self
    }

    /// What the stores take.
    pub fn told(self) -> Told {
        Told::by(self)
    }
}

/// Where an event of an environment is told that no call wants told elsewhere.
pub async fn addressees(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    to: Option<&Destination>,
    event: Event,
) -> Result<Vec<Destination>, DbErr> {
    match to {
        Some(to) => Ok(vec![to.clone()]),
        None => {
            let mut to = triggers::destinations(transaction, tenant.id(), event).await?;
            let standing = tenant.snapshot.settings.notification_url.as_deref();
            let standing = standing.and_then(|url| Destination::parse_standing("notification_url", url).ok());
            to.extend(standing.filter(|standing| !to.contains(standing)));
            Ok(to)
        }
    }
}

#[async_trait]
impl Herald for Notice {
    async fn announce(
        &self,
        transaction: &DatabaseTransaction,
        by: &Origin,
        happening: Happening<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        for (event, body) in bodies(happening, self.deletion, &self.plane.links, &self.tenant, self.api_key.as_deref())
        {
            let to = addressees(transaction, &self.tenant, self.to.as_ref(), event).await?;
            let message = Message {
                event,
                body,
                request: by.request.clone(),
                batch: self.batch.clone(),
                actor: by.actor.to_string(),
            };
            put(transaction, self.tenant.id(), &message, &to, now).await?;
        }
        let (Happening::Uploaded { asset, early, .. }, Some(to)) = (happening, &self.eager_to) else {
            return Ok(());
        };
        if early.is_empty() || !early.iter().all(Early::is_made) {
            return Ok(());
        }
        let message = Message {
            event: Event::Eager,
            body: eager(&self.plane.links, &self.tenant, asset, early),
            request: by.request.clone(),
            batch: self.batch.clone(),
            actor: by.actor.to_string(),
        };
        put(transaction, self.tenant.id(), &message, std::slice::from_ref(to), now).await
    }
}

/// When a notice goes, its change is through or was not made: whoever sends has a look.
impl Drop for Notice {
    fn drop(&mut self) {
        self.plane.jobs.wake();
        self.plane.poll_waits.wake(self.tenant.id());
    }
}
