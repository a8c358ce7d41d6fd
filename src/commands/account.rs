//! `safelight account …`

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use control_plane::ControlPlane;
use plane_kit::clock::SystemClock;
use serde_json::json;

use super::{Outcome, print};
use crate::{
    keys,
    settings::{Says, Settings, load},
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an account with a provisioning key
    Create(CreateArguments),
}

#[derive(Debug, Args)]
pub struct CreateArguments {
    /// Name of the account
    #[arg(long)]
    name: String,
    /// Plan: Free, Plus or Unlimited
    #[arg(long, default_value = "Unlimited")]
    plan: String,
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

/// Opens the control plane of the settings, for a command.
pub async fn control(settings: &Settings) -> Outcome<ControlPlane> {
    let key = keys::configured(settings)?;
    Ok(ControlPlane::open(settings.control.clone(), key, Arc::new(SystemClock)).await?)
}

pub async fn run(file: Option<PathBuf>, command: Command) -> Outcome {
    let Command::Create(arguments) = command;
    let settings = load(file, Says::default())?;
    let account = control(&settings).await?.create_account(&arguments.name, &arguments.plan).await?;
    let (id, key, secret) = (account.account.id.to_string(), account.api_key, account.api_secret.expose().to_owned());
    if arguments.json {
        print(json!({"account_id": id, "provisioning_api_key": key, "provisioning_api_secret": secret}));
    } else {
        print(format_args!(
            "account id                {id}\nprovisioning API key      {key}\nprovisioning API secret   {secret}\n\n\
             CLOUDINARY_ACCOUNT_URL='account://{key}:{secret}@{id}'"
        ));
    }
    Ok(())
}
