//! `safelight dev`: both planes in one process on one port, with everything made at the first start.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use clap::{Args, ValueEnum};
use control_plane::{AccountCredentials, ControlPlane, EnvironmentCredentials};
use data_plane::{
    DataPlane, Opening, Plane,
    presets::{self, Preset},
};
use plane_kit::{
    clock::{Clock, SystemClock},
    seal::SealingKey,
    seam::snapshot::TrustedKey,
    telemetry::{metrics::Metrics, start_logging},
};
use serde::Serialize;
use serde_json::Map;
use tokio::sync::watch;

use super::{
    Failure, Outcome,
    control_plane::close_unclaimed_clouds,
    data_plane::{confined_command, listening_url, settle_public_url, worker_command},
    migrate::open_regional,
    print,
};
use crate::{
    app::{Planes, Showcase, upload_address},
    data_folder::{DataFolder, write_private},
    installation::{self, REGION},
    keys, local_ca, samples, serve,
    settings::{Given, Says, Settings, load},
};

/// The account that the first start makes.
const ACCOUNT: &str = "Development";
/// The product environment that the first start makes.
const CLOUD_NAME: &str = "demo";
/// The unsigned preset that the first start makes.
const PRESET: &str = "unsigned";
/// How much of a rate class is let through at once.
const RATE_BURST: u32 = 100_000;
/// The file with the variables of the official SDKs.
const ENVIRONMENT_FILE: &str = ".env.safelight";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Port; 0 picks a free one
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on
    #[arg(long)]
    bind: Option<String>,
    /// Print one line of JSON when ready, and nothing else on standard output
    #[arg(long)]
    json: bool,
    /// Which assets the first start makes
    #[arg(long, value_enum, default_value_t = Seed::Demo)]
    seed: Seed,
    /// Empty the data folder first
    #[arg(long)]
    reset: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Seed {
    /// A few samples
    Demo,
    /// No assets
    None,
}

/// What `--json` prints. New members are only ever added.
#[derive(Debug, Serialize)]
struct Ready {
    ready_ms: u128,
    pid: u32,
    port: u16,
    data_dir: PathBuf,
    api_url: String,
    delivery_url: String,
    console_url: Option<String>,
    metrics_url: String,
    docs_url: String,
    ca_certificate: PathBuf,
    account_id: String,
    provisioning_api_key: String,
    provisioning_api_secret: String,
    cloud_name: String,
    api_key: String,
    api_secret: String,
    upload_preset: String,
    cloudinary_url: String,
    cloudinary_account_url: String,
    owner_login_url: Option<String>,
}

pub async fn run(given: Given, arguments: Arguments) -> Outcome {
    let started = Instant::now();
    let says = Says::default()
        .preset("metering.window_seconds", 1)
        .preset("metering.call_records_seconds", 1)
        .preset("control.default_region", REGION)
        .preset("region.name", REGION)
        // Here everything comes from one address and one account, and tests are wrong on purpose.
        .preset("control.rates.calls_burst", RATE_BURST)
        .preset("control.rates.key_creations_burst", RATE_BURST)
        .preset("control.rates.failed_attempts_burst", RATE_BURST)
        .preset("region.failed_attempts_burst", RATE_BURST)
        .preset("control.rates.signups_burst", RATE_BURST)
        .preset("control.anonymous_signup", true)
        // Sources and receivers of notifications that are being developed run on this machine, at any port.
        .preset("outbound.allowed_networks", vec!["127.0.0.0/8", "::1"])
        .preset("outbound.ports", Vec::<u16>::new())
        .flag("--port", "http.port", arguments.port)
        .flag("--bind", "http.bind", arguments.bind.clone());
    let mut settings = load(given, says)?;
    start_logging(settings.log.format, &settings.log.filter).map_err(Failure::new)?;
    let socket = serve::bind(&settings)?;
    let port = socket.local_addr()?.port();
    let api_url = listening_url(&settings, port);
    settle_public_url(&mut settings, port);
    let folder = DataFolder::open(&settings.data_folder(), arguments.reset)?;
    installation::leave_address(folder.path(), &api_url)?;
    let tls = local_ca::open(&folder.path().join("tls"), &certificate_names(&settings))?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new()?;
    let control = open_control(&mut settings, &folder, &clock).await?;
    let (account, environment) = first_tenant(&control).await?;
    let data = open_data(&settings, &folder, &control, &clock, &metrics).await?;
    let (stop, stopping) = watch::channel(false);
    let background = data.start(&stopping);
    furnish(&data, &environment, arguments.seed, clock.as_ref()).await?;

    let delivery_url = format!("{}/{CLOUD_NAME}", settings.delivery.public_url);
    let showcase = Showcase {
        delivery_url: delivery_url.clone(),
        upload_preset: PRESET.into(),
        has_samples: arguments.seed == Seed::Demo,
    };
    close_unclaimed_clouds(control.clone());
    let planes = Planes {
        control: Some(control),
        data: Some(Arc::clone(&data)),
        showcase: Some(showcase),
        metrics,
        draining: Arc::default(),
    };
    let running = serve::start(&settings, socket, Some(tls.server), planes)?;
    let ready =
        ready(&settings, &folder, api_url, port, delivery_url, tls.certificate, &account, &environment, started);
    let written = write_environment_file(&ready);
    if arguments.json {
        print(serde_json::to_string(&ready)?);
    } else {
        print(banner(&ready, arguments.seed));
    }
    if let Err(error) = written {
        tracing::warn!(%error, "{ENVIRONMENT_FILE} could not be written here");
    }
    running.until_stopped().await?;
    stop.send_replace(true);
    background.finish(&data).await;
    Ok(())
}

/// The names that the local certificate is for.
fn certificate_names(settings: &Settings) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let public = settings.delivery.public_url.split("://").nth(1).unwrap_or_default();
    let host = match public.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => public.split(['/', ':']).next().unwrap_or_default(),
    };
    for name in [settings.http.bind.as_str(), host] {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

async fn open_control(settings: &mut Settings, folder: &DataFolder, clock: &Arc<dyn Clock>) -> Outcome<ControlPlane> {
    let key = keys::configured_or_local(settings, folder.path())?;
    if settings.control.database_url.is_empty() {
        settings.control.database_url = folder.sqlite(installation::CONTROL_DATABASE);
    }
    Ok(ControlPlane::open(settings.control.clone(), key, Arc::clone(clock)).await?)
}

/// The account and the environment of the first start, made when they are not there.
async fn first_tenant(control: &ControlPlane) -> Outcome<(AccountCredentials, EnvironmentCredentials)> {
    control.ensure_region(REGION).await?;
    let account = match control.find_account(ACCOUNT).await? {
        Some(account) => account,
        None => control.create_account(ACCOUNT, "Unlimited").await?,
    };
    let environment = match control.find_environment(account.account.id, CLOUD_NAME).await? {
        Some(environment) => environment,
        None => control.create_environment_for(account.account.id, "Demo", Some(CLOUD_NAME), Some(REGION)).await?,
    };
    Ok((account, environment))
}

async fn open_data(
    settings: &Settings,
    folder: &DataFolder,
    control: &ControlPlane,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Outcome<DataPlane> {
    let region = control.ensure_region(REGION).await?;
    let database_url = match settings.region.database_url.as_str() {
        "" => folder.sqlite(installation::REGIONAL_DATABASE),
        url => url.to_owned(),
    };
    let opening = Opening {
        settings: settings.data_plane(),
        data: folder.path(),
        database: open_regional(&database_url, REGION).await?,
        link: control.link_for_region(REGION),
        region_key: SealingKey::parse(region.region_key.expose())?,
        trusted: TrustedKey::parse(&region.trusted_key)?,
        clock: Arc::clone(clock),
        metrics: Arc::clone(metrics),
        worker: worker_command()?,
        confined: confined_command()?,
    };
    Ok(Plane::open(opening).await?)
}

/// The preset and the samples, made when they are not there.
async fn furnish(data: &DataPlane, environment: &EnvironmentCredentials, seed: Seed, clock: &dyn Clock) -> Outcome {
    data.tenants
        .find_or_ask(CLOUD_NAME)
        .await
        .ok_or_else(|| Failure::new(format!("the product environment {CLOUD_NAME} did not reach the data plane")))?;
    let preset = Preset { name: PRESET.into(), unsigned: true, settings: Map::new() };
    presets::ensure(data, environment.id, &preset, clock.now()).await?;
    if seed == Seed::Demo {
        let missing = data_plane::samples::missing(data, environment.id, &samples::NAMES).await?;
        if !missing.is_empty() {
            for (name, bytes) in samples::draw()?.into_iter().filter(|(name, _)| missing.contains(name)) {
                data_plane::samples::ensure(data, environment.id, name, bytes).await?;
            }
        }
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "everything that a first user is told")]
fn ready(
    settings: &Settings,
    folder: &DataFolder,
    api_url: String,
    port: u16,
    delivery_url: String,
    ca_certificate: PathBuf,
    account: &AccountCredentials,
    environment: &EnvironmentCredentials,
    started: Instant,
) -> Ready {
    let host = settings.delivery.public_url.split("://").nth(1).unwrap_or_default().to_owned();
    let (key, secret) = (&environment.api_key, environment.api_secret.expose());
    let (account_key, account_secret) = (&account.api_key, account.api_secret.expose());
    Ready {
        ready_ms: started.elapsed().as_millis(),
        pid: std::process::id(),
        port,
        data_dir: folder.path().to_owned(),
        delivery_url,
        console_url: None,
        metrics_url: format!("{api_url}/metrics"),
        docs_url: format!("{api_url}/docs/"),
        ca_certificate,
        account_id: account.account.id.to_string(),
        provisioning_api_key: account_key.clone(),
        provisioning_api_secret: account_secret.to_owned(),
        cloud_name: CLOUD_NAME.into(),
        api_key: key.clone(),
        api_secret: secret.to_owned(),
        upload_preset: PRESET.into(),
        cloudinary_url: format!(
            "cloudinary://{key}:{secret}@{CLOUD_NAME}?upload_prefix={api_url}&cname={host}\
             &secure_distribution={host}&secure_cname={host}"
        ),
        cloudinary_account_url: format!("account://{account_key}:{account_secret}@{}", account.account.id),
        owner_login_url: None,
        api_url,
    }
}

/// The variables of the official SDKs, quoted for a shell.
fn write_environment_file(ready: &Ready) -> std::io::Result<()> {
    let text = format!(
        "CLOUDINARY_URL='{}'\nCLOUDINARY_ACCOUNT_URL='{}'\nNODE_EXTRA_CA_CERTS='{}'\n",
        ready.cloudinary_url,
        ready.cloudinary_account_url,
        ready.ca_certificate.display()
    );
    write_private(Path::new(ENVIRONMENT_FILE), &text)
}

fn banner(ready: &Ready, seed: Seed) -> String {
    let samples = match seed {
        Seed::Demo => samples::NAMES.join(", "),
        Seed::None => "none".to_owned(),
    };
    let picture = match seed {
        Seed::Demo => format!(
            "curl -o landscape-400.jpg '{}/image/upload/c_fill,g_auto,h_300,w_400/{}.jpg'",
            ready.delivery_url,
            samples::NAMES[0]
        ),
        Seed::None => {
            format!("curl -u '{}:{}' '{}/v1_1/{CLOUD_NAME}/usage'", ready.api_key, ready.api_secret, ready.api_url)
        }
    };
    let upload = format!(
        "printf hello | curl -F upload_preset={PRESET} -F 'file=@-;filename=hello.txt' '{}'",
        upload_address(&ready.delivery_url).replace("/image/upload", "/auto/upload")
    );
    format!(
        "\nSafelight is running ({} ms). Data: {}\n\n\
         \x20 start here  {}/\n\
         \x20 API         {}\n\
         \x20 delivery    {}\n\
         \x20 metrics     {}\n\
         \x20 docs        {}\n\n\
         The same port answers https under a certificate of this machine. The variables below are also in\n\
         ./{ENVIRONMENT_FILE}: set -a; . ./{ENVIRONMENT_FILE}; set +a\n\n\
         export CLOUDINARY_URL='{}'\n\
         export CLOUDINARY_ACCOUNT_URL='{}'\n\
         export NODE_EXTRA_CA_CERTS='{}'\n\n\
         \x20 unsigned preset  {PRESET}\n\
         \x20 samples          {samples}\n\n\
         Try:\n\n{upload}\n\n{picture}\n",
        ready.ready_ms,
        ready.data_dir.display(),
        ready.api_url,
        ready.api_url,
        ready.delivery_url,
        ready.metrics_url,
        ready.docs_url,
        ready.cloudinary_url,
        ready.cloudinary_account_url,
        ready.ca_certificate.display(),
    )
}
