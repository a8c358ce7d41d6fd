//! `safelight data-plane`

use std::{sync::Arc, time::Instant};

use clap::Args;
use data_plane::{Opening, Plane, render::WorkerCommand};
use plane_kit::{
    clock::SystemClock,
    seal::SealingKey,
    seam::{client::HttpLink, snapshot::TrustedKey},
    secret::Secret,
    telemetry::{metrics::Metrics, start_logging},
};
use serde_json::json;
use tokio::sync::watch;

use super::{Failure, Outcome, migrate::open_regional, print};
use crate::{
    app::Planes,
    data_folder::DataFolder,
    serve,
    settings::{Given, Says, Settings, load},
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the region
    #[arg(long)]
    region: String,
    /// Port; 0 picks a free one
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on
    #[arg(long)]
    bind: Option<String>,
    /// Print one line of JSON when ready
    #[arg(long)]
    json: bool,
}

/// How the server starts its render workers: as itself.
pub fn worker_command() -> Outcome<WorkerCommand> {
    Ok(WorkerCommand { program: std::env::current_exe()?, args: vec!["render-worker".into()], library_folder: None })
}

/// How this program confines itself and becomes another.
pub fn confined_command() -> Outcome<WorkerCommand> {
    Ok(WorkerCommand { program: std::env::current_exe()?, args: vec!["confined".into()], library_folder: None })
}

fn required<'a>(key: &str, value: &'a str) -> Outcome<&'a str> {
    match value {
        "" => Err(Failure::new(format!("{key} must be set; `safelight region add` prints it"))),
        value => Ok(value),
    }
}

/// The address that the process listens on.
pub fn listening_url(settings: &Settings, port: u16) -> String {
    // An address that means every interface is no address to hand out.
    let host = match settings.http.bind.as_str() {
        "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
        bind if bind.contains(':') => format!("[{bind}]"),
        bind => bind.to_owned(),
    };
    format!("http://{host}:{port}")
}

/// The public address: as it is set, or where the process listens.
pub fn settle_public_url(settings: &mut Settings, port: u16) {
    if settings.delivery.public_url.is_empty() {
        settings.delivery.public_url = listening_url(settings, port);
    }
}

pub async fn run(given: Given, arguments: Arguments) -> Outcome {
    let started = Instant::now();
    let says = Says::default()
        .flag("--region", "region.name", Some(arguments.region))
        .flag("--port", "http.port", arguments.port)
        .flag("--bind", "http.bind", arguments.bind);
    let mut settings = load(given, says)?;
    start_logging(settings.log.format, &settings.log.filter).map_err(Failure::new)?;
    let region = settings.region.clone();
    let base = match region.control_url.as_str() {
        "" => return Err(Failure::new("region.control_url must be set: the address of the control plane")),
        base => base,
    };
    let token = Secret::new(required("region.token", &region.token)?);
    let region_key = SealingKey::parse(required("region.region_key", &region.region_key)?)?;
    let trusted = TrustedKey::parse(required("region.trusted_key", &region.trusted_key)?)?;
    let socket = serve::bind(&settings)?;
    let address = socket.local_addr()?;
    settle_public_url(&mut settings, address.port());
    let folder = DataFolder::open(&settings.data_folder(), false)?;
    let database_url = match region.database_url.as_str() {
        "" => folder.sqlite(&format!("region-{}.db", region.name)),
        url => url.to_owned(),
    };
    let metrics = Metrics::new()?;
    let plane = Plane::open(Opening {
        settings: settings.data_plane(),
        data: folder.path(),
        database: open_regional(&database_url, &region.name).await?,
        link: Arc::new(HttpLink::new(base, &region.name, token)?),
        region_key,
        trusted,
        clock: Arc::new(SystemClock),
        metrics: Arc::clone(&metrics),
        worker: worker_command()?,
        confined: confined_command()?,
    })
    .await?;
    let (stop, stopping) = watch::channel(false);
    let background = plane.start(&stopping);
    let planes =
        Planes { control: None, data: Some(Arc::clone(&plane)), showcase: None, metrics, draining: Arc::default() };
    let running = serve::start(&settings, socket, None, planes)?;
    if arguments.json {
        print(json!({
            "ready_ms": started.elapsed().as_millis(),
            "pid": std::process::id(),
            "port": address.port(),
            "region": region.name,
            "delivery_url": settings.delivery.public_url,
        }));
    }
    tracing::info!(%address, region = region.name, "the data plane is ready");
    running.until_stopped().await?;
    stop.send_replace(true);
    background.finish(&plane).await;
    Ok(())
}
