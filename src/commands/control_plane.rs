//! `safelight control-plane`

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use control_plane::ControlPlane;
use plane_kit::telemetry::{metrics::Metrics, start_logging};
use serde_json::json;

use super::{Failure, Outcome, account::control, print};
use crate::{
    app::Planes,
    serve,
    settings::{Given, Says, load},
};

#[derive(Debug, Args)]
pub struct Arguments {
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

/// How often clouds are looked for that nobody has claimed.
const CLAIMS_LOOKED_AT: Duration = Duration::from_secs(600);

/// Closes clouds that nobody has claimed, as long as the process lives.
pub fn close_unclaimed_clouds(control: ControlPlane) {
    actix_web::rt::spawn(async move {
        let mut ticks = tokio::time::interval(CLAIMS_LOOKED_AT);
        loop {
            ticks.tick().await;
            if let Err(error) = control.close_unclaimed_clouds().await {
                tracing::warn!(error = plane_kit::error::chain(&error), "unclaimed clouds could not be closed");
            }
        }
    });
}

pub async fn run(given: Given, arguments: Arguments) -> Outcome {
    let started = Instant::now();
    let says = Says::default().flag("--port", "http.port", arguments.port).flag("--bind", "http.bind", arguments.bind);
    let settings = load(given, says)?;
    start_logging(settings.log.format, &settings.log.filter).map_err(Failure::new)?;
    let socket = serve::bind(&settings)?;
    let address = socket.local_addr()?;
    let control = control(&settings).await?;
    close_unclaimed_clouds(control.clone());
    let planes = Planes {
        control: Some(control),
        data: None,
        showcase: None,
        metrics: Metrics::new()?,
        draining: Arc::default(),
    };
    let running = serve::start(&settings, socket, None, planes)?;
    let ready_ms = started.elapsed().as_millis();
    if arguments.json {
        print(json!({"ready_ms": ready_ms, "pid": std::process::id(), "port": address.port()}));
    }
    tracing::info!(%address, "the control plane is ready");
    running.until_stopped().await
}
