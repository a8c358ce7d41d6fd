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
    /// Show what a product environment may do at most, or change some of that; its settings can only narrow it
    Limits(LimitsArguments),
}

#[derive(Debug, Args)]
pub struct LimitsArguments {
    /// Id of the account
    #[arg(long, value_name = "ID")]
    account: AccountId,
    /// Cloud name of the product environment
    #[arg(long, value_name = "NAME")]
    cloud: String,
    /// A limit and its value: upload_bytes and image_pixels, at least 1, or admin_calls_per_hour, of which 0 is no limit
    #[arg(long, value_name = "NAME=VALUE", value_parser = number)]
    set: Vec<(String, u64)>,
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
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

fn number(text: &str) -> Result<(String, u64), String> {
    let (name, value) = pair(text)?;
    let value = value.trim().parse().map_err(|_| format!("{value} is no whole number"))?;
    Ok((name, value))
}

pub async fn run(given: Given, command: Command) -> Outcome {
    match command {
        Command::Settings(arguments) => show_settings(given, arguments).await,
        Command::Limits(arguments) => show_limits(given, arguments).await,
    }
}

async fn show_limits(given: Given, arguments: LimitsArguments) -> Outcome {
    let control = control(&installation::load(given)?).await?;
    let changes = arguments.set.into_iter().collect();
    let found = control.environment_limits(arguments.account, &arguments.cloud, &changes).await;
    let found = found.map_err(|error| Failure::new(error.message().to_owned()))?;
    show(serde_json::to_value(found).map_err(|error| Failure::new(error.to_string()))?, arguments.json)
}

async fn show_settings(given: Given, arguments: SettingsArguments) -> Outcome {
    let settings = installation::load(given)?;
    let mut changes = Params::new();
    for (name, value) in &arguments.set {
        changes.set(name, Value::String(value.clone()));
    }
    let control = control(&settings).await?;
    let found = control.environment_settings(arguments.account, &arguments.cloud, &changes).await;
    let found = found.map_err(|error| Failure::new(error.message().to_owned()))?;
    let found = serde_json::to_value(found).map_err(|error| Failure::new(error.to_string()))?;
    show(found, arguments.json)
}

fn show(found: Value, is_json: bool) -> Outcome {
    if is_json {
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
