//! `safelight region …`

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Outcome, account::control, print};
use crate::{installation, settings::Given};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a region and print what its data planes need
    Add(AddArguments),
}

#[derive(Debug, Args)]
pub struct AddArguments {
    /// Name: lower-case letters, digits, `-` and `_`
    name: String,
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(given: Given, command: Command) -> Outcome {
    let Command::Add(arguments) = command;
    let settings = installation::load(given)?;
    let region = control(&settings).await?.add_region(&arguments.name).await?;
    let token = region.token.as_ref().ok_or_else(|| Failure::new("the region exists already"))?.expose().to_owned();
    let (key, trusted) = (region.region_key.expose().to_owned(), region.trusted_key);
    if arguments.json {
        print(json!({"region": region.name, "token": token, "region_key": key, "trusted_key": trusted}));
    } else {
        print(format_args!(
            "# For the data planes of {}. The token is shown this once.\nSAFELIGHT_REGION__TOKEN='{token}'\n\
             SAFELIGHT_REGION__REGION_KEY='{key}'\nSAFELIGHT_REGION__TRUSTED_KEY='{trusted}'",
            region.name
        ));
    }
    Ok(())
}
