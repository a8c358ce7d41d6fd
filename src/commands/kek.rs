//! `safelight kek …`

use clap::{Args, Subcommand};
use control_plane::Rotation;
use serde_json::json;

use super::{Outcome, account::control, print};
use crate::{installation, settings::Given};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Seal every stored secret anew under control.key_encryption_key
    Rotate(RotateArguments),
}

#[derive(Debug, Args)]
pub struct RotateArguments {
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(given: Given, command: Command) -> Outcome {
    let Command::Rotate(arguments) = command;
    let settings = installation::load(given)?;
    let rotation = control(&settings).await?.rotate_key_encryption_key().await?;
    if arguments.json {
        let sealed_anew: serde_json::Map<String, serde_json::Value> =
            rotation.sealed_anew.iter().map(|(column, count)| ((*column).to_owned(), json!(count))).collect();
        let earlier: Vec<_> = rotation.earlier.iter().map(|(id, count)| json!({"id": id, "sealed": count})).collect();
        print(json!({"present_key": rotation.present, "sealed_anew": sealed_anew, "earlier_keys": earlier}));
    } else {
        print(in_words(&rotation));
    }
    Ok(())
}

fn in_words(rotation: &Rotation) -> String {
    let mut lines = vec![format!("present key {}", rotation.present)];
    lines.extend(rotation.sealed_anew.iter().map(|(column, count)| format!("{column:34} {count} sealed anew")));
    lines.extend(rotation.earlier.iter().map(|(id, count)| match count {
        0 => format!("earlier key {id}: nothing is sealed under it any more; take it off the settings"),
        1 => format!("earlier key {id}: 1 secret is still sealed under it; run this again"),
        count => format!("earlier key {id}: {count} secrets are still sealed under it; run this again"),
    }));
    lines.join("\n")
}
