//! `safelight doctor`: what would keep this installation from working, and what in an account deserves a second look.

use std::path::Path;

use clap::Args;
use data_plane::{media::probe::MediaProbe, render::flavours::Renderers, storage::Storage};
use plane_kit::{database::Database, ids::AccountId, telemetry::metrics::Metrics};

use super::{
    Failure, Outcome,
    account::control as control_plane,
    data_plane::{confined_command, worker_command},
    print,
};
use crate::{
    installation, samples,
    settings::{Given, Says, Settings, load},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Look in this account too for users who can see a secret that may do more than their roles
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
}

/// Prints one finding and remembers whether it is a bad one.
struct Findings(usize);

impl Findings {
    fn note<T>(&mut self, what: &str, outcome: Outcome<T>) {
        match outcome {
            Ok(_) => print(format_args!("ok    {what}")),
            Err(error) => {
                self.0 += 1;
                print(format_args!("FAIL  {what}: {error}"));
            }
        }
    }
}

pub async fn run(given: Given, arguments: Arguments) -> Outcome {
    let mut findings = Findings(0);
    let loaded = load(given, Says::default());
    let is_configured = loaded.is_ok();
    let mut settings = match loaded {
        Ok(settings) => settings,
        Err(error) => {
            findings.note::<()>("the configuration", Err(error.into()));
            Settings::default()
        }
    };
    // Of a configuration that cannot be read nobody knows which installation it means.
    if is_configured && let Err(error) = installation::complete(&mut settings) {
        findings.note::<()>("the installation in the data folder", Err(error));
    }
    findings.note("the data folder can be written", writable(&settings.data_folder()));
    findings.note("pictures can be rendered", renders(&settings).await);
    look_into_media(&settings).await;
    findings.note("the object store answers", storage(&settings).await);
    if !settings.control.database_url.is_empty() {
        findings.note("the control database answers and is at the newest state", control(&settings).await);
        findings.note("the key-encryption keys are readable", settings.control.sealing_ring().map_err(Failure::from));
    }
    if !settings.region.database_url.is_empty() {
        findings.note("the regional database answers and is at the newest state", regional(&settings).await);
    }
    if is_configured && settings.control.database_url.is_empty() && settings.region.database_url.is_empty() {
        print(format_args!(
            "note  no database was looked at: none is configured, and there is no installation of `safelight dev` in {}",
            settings.data_folder().display()
        ));
    }
    if let Some(account) = arguments.account {
        findings.note("the account was looked through", advise(&settings, account).await);
    }
    match findings.0 {
        0 => Ok(()),
        1 => Err(Failure::new("one check failed")),
        count => Err(Failure::new(format!("{count} checks failed"))),
    }
}

/// Looks whether a file can be made where the folder is or would be.
fn writable(folder: &Path) -> Outcome {
    let existing = folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let probe = existing.join(".safelight-doctor");
    std::fs::write(&probe, b"").map_err(|error| Failure::new(format!("{}: {error}", existing.display())))?;
    std::fs::remove_file(&probe)?;
    Ok(())
}

/// Starts a worker and has it look into a sample.
async fn renders(settings: &Settings) -> Outcome {
    let mut config = settings.render.clone();
    config.workers = 1;
    let pool = Renderers::start(config, worker_command()?)?;
    let (_, bytes) = samples::draw()?.swap_remove(0);
    let source = data_plane::render::SourceFile::from_bytes(&bytes)?;
    let probed = pool.probe(0_u128.into(), source).await;
    pool.shutdown().await;
    probed?;
    Ok(())
}

/// Says whether video and audio can be looked into. Everything else works without.
async fn look_into_media(settings: &Settings) {
    let Ok(confined) = confined_command() else { return };
    match MediaProbe::new(settings.media.clone(), confined).version().await {
        Ok(version) => print(format_args!("ok    video and audio can be looked into ({version})")),
        Err(error) => print(format_args!(
            "note  video and audio cannot be looked into, and uploads of them are refused: {}",
            plane_kit::error::chain(&error)
        )),
    }
}

async fn storage(settings: &Settings) -> Outcome {
    let metrics = Metrics::new()?;
    Ok(Storage::open(&settings.storage, &settings.data_folder(), &metrics)?.check().await?)
}

async fn control(settings: &Settings) -> Outcome {
    let database = Database::open(&settings.control.database_url, "control").await?;
    pending(migrations::pending_control(database.writer()).await?)
}

async fn regional(settings: &Settings) -> Outcome {
    let schema = format!("region_{}", settings.region.name.replace('-', "_"));
    let database = Database::open(&settings.region.database_url, &schema).await?;
    pending(migrations::pending_regional(database.writer()).await?)
}

/// Prints what in an account deserves a second look. That is advice: it makes nothing fail.
async fn advise(settings: &Settings, account: AccountId) -> Outcome {
    // Opening a control plane would bring its database to the newest state, and whoever looks changes nothing.
    if settings.control.database_url.is_empty() {
        return Err(Failure::new("control.database_url is not set"));
    }
    control(settings).await?;
    let control = control_plane(settings).await?;
    let found = control.accounts().await?.into_iter().find(|known| known.id == account);
    let found = found.ok_or_else(|| Failure::new(format!("Cannot find account with id {account}")))?;
    if found.standing().name() != "active" {
        print(format_args!(
            "note  account {account} is {}: its keys are refused and nothing of it is delivered",
            found.standing().name()
        ));
    }
    for found in control.secrets_beyond_roles(account).await? {
        print(format_args!("note  {found}"));
    }
    Ok(())
}

fn pending(names: Vec<String>) -> Outcome {
    match names.as_slice() {
        [] => Ok(()),
        names => Err(Failure::new(format!("not applied yet: {}; run `safelight migrate`", names.join(", ")))),
    }
}
