//! `safelight environment …`

use clap::{Args, Subcommand};
use plane_kit::{http::params::Params, ids::AccountId};
use serde_json::Value;

use super::{Failure, Outcome, account::control, print};
use crate::{installation, settings::Given};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the settings of a product environment, or change some of them
    Settings(SettingsArguments),
}

#[derive(Debug, Args)]
pub struct SettingsArguments {
    /// Id of the account
    #[arg(long, value_name = "ID")]
    account: AccountId,
    /// Cloud name of the product environment
    #[arg(long, value_name = "NAME")]
    cloud: String,
    /// A setting and its value; lists are joined by commas, an empty one is written NAME=
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is changed by NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

pub async fn run(given: Given, command: Command) -> Outcome {
    let Command::Settings(arguments) = command;
    let settings = installation::load(given)?;
    let mut changes = Params::new();
    for (name, value) in &arguments.set {
        changes.set(name, Value::String(value.clone()));
    }
    let control = control(&settings).await?;
    let found = control.environment_settings(arguments.account, &arguments.cloud, &changes).await;
    let found = found.map_err(|error| Failure::new(error.message().to_owned()))?;
    let found = serde_json::to_value(found).map_err(|error| Failure::new(error.to_string()))?;
    if arguments.json {
        print(found);
        return Ok(());
    }
    for (name, value) in found.as_object().into_iter().flatten() {
        let shown = match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        print(format_args!("{name} = {shown}"));
    }
    Ok(())
}
