//! `safelight audit`

use clap::Args;
use control_plane::AuditFilter;
use plane_kit::ids::AccountId;

use super::{Failure, Outcome, account::control, print};
use crate::{installation, settings::Given};

/// Records that are read at once.
const PAGE: u64 = 500;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Id of the account; without it what belongs to no account is printed, as regions that were added
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
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

pub async fn run(given: Given, arguments: Arguments) -> Outcome {
    let mut filter = AuditFilter { actor: arguments.actor, operation: arguments.operation, ..AuditFilter::default() };
    if let Some(text) = &arguments.since {
        filter = filter.since(text).ok_or_else(|| Failure::new(format!("--since {text} is no day or moment")))?;
    }
    if let Some((name, value)) = filter.impossible() {
        return Err(Failure::new(format!("--{name} {value}: no record has such a value")));
    }
    let settings = installation::load(given)?;
    let control = control(&settings).await?;
    let mut behind = None;
    loop {
        let (records, end) = control.audit_log(arguments.account, &filter, behind, PAGE).await?;
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
