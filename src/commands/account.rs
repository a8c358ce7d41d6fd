//! `safelight account …`

use std::sync::Arc;

use clap::{Args, Subcommand};
use control_plane::{ControlPlane, OperatedAccount};
use plane_kit::{clock::SystemClock, ids::AccountId};
use serde_json::json;

use super::{Failure, Outcome, print};
use crate::{
    installation, keys,
    settings::{Given, Settings},
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an account with a provisioning key
    Create(CreateArguments),
    /// List all accounts, the closed ones among them
    List(ListArguments),
    /// Switch an account and all its product environments off
    Suspend(NamedArguments),
    /// Take a suspended account back
    Resume(NamedArguments),
    /// Switch an account off for good: its keys are disabled and its product environments deleted
    Close(CloseArguments),
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

#[derive(Debug, Args)]
pub struct ListArguments {
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct NamedArguments {
    /// The account's id, 32 hexadecimal digits
    id: String,
}

#[derive(Debug, Args)]
pub struct CloseArguments {
    /// The account's id, 32 hexadecimal digits
    id: String,
    /// Say that it is meant: a closed account is not taken back
    #[arg(long)]
    yes: bool,
}

/// Opens the control plane of the settings, for a command.
pub async fn control(settings: &Settings) -> Outcome<ControlPlane> {
    let keys = keys::configured(settings)?;
    Ok(ControlPlane::open(settings.control.clone(), keys, Arc::new(SystemClock)).await?)
}

pub async fn run(given: Given, command: Command) -> Outcome {
    let settings = installation::load(given)?;
    match command {
        Command::Create(arguments) => create(&settings, arguments).await,
        Command::List(arguments) => list(&settings, arguments).await,
        Command::Suspend(arguments) => {
            let id = read_id(&arguments.id)?;
            control(&settings).await?.set_account_enabled(id, false).await?;
            print(format_args!("account {id} is suspended"));
            Ok(())
        }
        Command::Resume(arguments) => {
            let id = read_id(&arguments.id)?;
            control(&settings).await?.set_account_enabled(id, true).await?;
            print(format_args!("account {id} is active"));
            Ok(())
        }
        Command::Close(arguments) => {
            let id = read_id(&arguments.id)?;
            if !arguments.yes {
                return Err(Failure::new(format!(
                    "closing account {id} deletes its product environments and is not undone; say --yes if it is meant"
                )));
            }
            control(&settings).await?.close_account(id).await?;
            print(format_args!("account {id} is closed"));
            Ok(())
        }
    }
}

fn read_id(text: &str) -> Outcome<AccountId> {
    text.parse().map_err(|_| Failure::new(format!("`{text}` is no account id: 32 hexadecimal digits")))
}

async fn create(settings: &Settings, arguments: CreateArguments) -> Outcome {
    let account = control(settings).await?.create_account(&arguments.name, &arguments.plan).await?;
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

async fn list(settings: &Settings, arguments: ListArguments) -> Outcome {
    let accounts = control(settings).await?.accounts().await?;
    if arguments.json {
        print(json!({"accounts": accounts.iter().map(OperatedAccount::from).collect::<Vec<_>>()}));
        return Ok(());
    }
    for account in &accounts {
        let (standing, created) = (account.standing().name(), account.created_at.format("%Y-%m-%d"));
        print(format_args!("{}  {standing:9}  {:9}  {created}  {}", account.id, account.plan, account.name));
    }
    Ok(())
}
