//! `safelight user …`

use clap::{Args, Subcommand};
use plane_kit::ids::AccountId;
use serde_json::json;

use super::{Outcome, account::control, data_plane::listening_url, print};
use crate::{installation, settings::Given};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a link by which a person accepts to be a user; the user is made if the account has none of that address
    ///
    /// The link works once and for seven days, and earlier ones of the user stop working. A user that is there keeps its name and role.
    /// The link begins with control.public_url or, if that is not set, with the address where `safelight dev` listened last or this
    /// machine would listen.
    Invite(InviteArguments),
}

#[derive(Debug, Args)]
pub struct InviteArguments {
    /// Id of the account
    #[arg(long, value_name = "ID")]
    account: AccountId,
    /// Address of the person
    #[arg(long)]
    email: String,
    /// What the account calls the person
    #[arg(long)]
    name: String,
    /// Role: master_admin, admin, billing, technical_admin, reports, media_library_admin or media_library_user
    #[arg(long)]
    role: String,
    /// Answer with one line of JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(given: Given, command: Command) -> Outcome {
    let Command::Invite(arguments) = command;
    let settings = installation::load(given)?;
    let control = control(&settings).await?;
    let InviteArguments { account, email, name, role, json } = arguments;
    let reached_at = listening_url(&settings, settings.http.port);
    let made = control.invite_user(account, &name, &email, &role, &reached_at).await?;
    let (user, email, url) = (made.user, made.email, made.url.expose());
    let expires_at = made.expires_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    if json {
        let user = user.to_string();
        print(json!({"user_id": user, "email": email, "invitation_url": url, "expires_at": expires_at}));
    } else {
        print(format_args!("user id      {user}\nemail        {email}\nexpires      {expires_at}\n\n{url}"));
    }
    Ok(())
}
