//! `safelight config …`

use clap::Subcommand;

use super::{Outcome, print};
use crate::settings::{Given, Says, Settings, layers};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every setting with its value and where it came from; secrets are not shown
    Show,
}

pub fn run(given: Given, command: Command) -> Outcome {
    let Command::Show = command;
    let layers = layers(given, Says::default())?;
    layers.finish::<Settings>()?.validate()?;
    let lines = layers.describe();
    let width = lines.iter().map(|(key, ..)| key.len()).max().unwrap_or(0);
    for (key, value, origin) in lines {
        print(format_args!("{key:width$}  {value}  ({origin})"));
    }
    Ok(())
}
