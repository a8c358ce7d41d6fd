//! `safelight audit`

use std::path::PathBuf;

use clap::Args;
use control_plane::AuditFilter;
use plane_kit::ids::AccountId;

use super::{Failure, Outcome, account::control, print};
use crate::settings::{Says, load};

/// Records that are read at once.
const PAGE: u64 = 500;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Id of the account
    #[arg(long, value_name = "ID")]
    account: String,
    /// Only since this day (`2026-11-24`) or moment (`2026-11-24T12:00:00Z`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only by this actor, as in `key:814799152538476`
    #[arg(long)]
    actor: Option<String>,
    /// Only this operation, as in `destroy`
    #[arg(long)]
    operation: Option<String>,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

pub async fn run(file: Option<PathBuf>, arguments: Arguments) -> Outcome {
    let account: AccountId = arguments.account.parse()?;
    let mut filter = AuditFilter { actor: arguments.actor, operation: arguments.operation, ..AuditFilter::default() };
    if let Some(text) = &arguments.since {
        filter = filter.since(text).ok_or_else(|| Failure::new(format!("--since {text} is no day or moment")))?;
    }
    let settings = load(file, Says::default())?;
    let control = control(&settings).await?;
    let mut behind = None;
    loop {
        let (records, end) = control.audit_log(account, &filter, behind, PAGE).await?;
        for record in records {
            if arguments.json {
                print(serde_json::to_string(&record)?);
            } else {
                let place = record.region.as_deref().unwrap_or("control");
                let address = record.address.as_deref().unwrap_or("-");
                let (at, actor, target) = (record.at, record.actor, record.target);
                print(format_args!("{at}  {place}  {address}  {actor}  {}  {target}", record.operation));
            }
        }
        behind = end;
        if behind.is_none() {
            return Ok(());
        }
    }
}
