//! `safelight key …`

use std::io::BufRead;

use clap::{Args, Subcommand};
use plane_kit::{ids::AccountId, secret::Secret};
use serde_json::json;

use super::{Failure, Outcome, account::control, print};
use crate::{installation, settings::Given};

/// No more than this is read of standard input, in bytes; a longer secret is refused anyway.
const LONGEST_LINE: u64 = 1024;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take over an access key that was made elsewhere; its secret is read from standard input
    ///
    /// What was signed with the key in the past stays valid: URLs that are out in the world go on being delivered. The secret is the
    /// first line of standard input and never an argument, because arguments are seen by everybody on the machine and kept in the
    /// shell's history. From a file: safelight key import … API_KEY < secret.txt
    Import(ImportArguments),
}

#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Id of the account
    #[arg(long, value_name = "ID")]
    account: AccountId,
    /// Cloud name of the product environment
    #[arg(long, value_name = "NAME")]
    cloud: String,
    /// What people call the key; unique within the product environment
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// The public half of the key: 1 to 32 digits
    api_key: String,
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(given: Given, command: Command) -> Outcome {
    let Command::Import(arguments) = command;
    let settings = installation::load(given)?;
    let secret = read_secret(std::io::stdin().lock())?;
    let control = control(&settings).await?;
    let ImportArguments { account, cloud, name, api_key, json } = arguments;
    let key = control.import_key(account, &cloud, &name, &api_key, secret).await?;
    if json {
        print(json!({"cloud_name": key.cloud_name, "name": key.name, "api_key": key.api_key}));
    } else {
        print(format_args!("cloud name   {}\nname         {}\nAPI key      {}", key.cloud_name, key.name, key.api_key));
    }
    Ok(())
}

/// The first line, without its end.
fn read_secret(input: impl BufRead) -> Outcome<Secret> {
    let mut line = String::new();
    input.take(LONGEST_LINE).read_line(&mut line)?;
    let secret = line.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::new("the secret of the key is read from standard input, and nothing stands there"));
    }
    Ok(Secret::new(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_the_first_line() {
        for (input, expected) in [
            ("s3cret-", Some("s3cret-")),
            ("s3cret\n", Some("s3cret")),
            ("s3cret\r\nmore\n", Some("s3cret")),
            (" s3cret\n", Some(" s3cret")),
            ("", None),
            ("\n", None),
        ] {
            let read = read_secret(input.as_bytes()).ok();
            assert_eq!(read.as_ref().map(Secret::expose), expected, "{input:?}");
        }
    }
}
