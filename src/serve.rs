//! Listening, serving, draining.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering},
};

use actix_web::{App, middleware::from_fn, web};
use plane_kit::http::{edge::edge, listener};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    app::Planes,
    commands::{Failure, Outcome},
    settings::Settings,
};

/// How many ports are tried to name a free one.
const PORTS_TRIED: u16 = 100;

/// Binds the port of the settings. A taken port's message names the next free one.
pub fn bind(settings: &Settings) -> Outcome<TcpListener> {
    let (address, port) = (settings.http.bind.as_str(), settings.http.port);
    match listen(address, port) {
        Ok(socket) => Ok(socket),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let next =
                (port.saturating_add(1)..=port.saturating_add(PORTS_TRIED)).find(|port| listen(address, *port).is_ok());
            let hint = next.map(|next| format!("; {next} is free: --port {next}")).unwrap_or_default();
            Err(Failure::new(format!("port {port} on {address} is taken{hint}")))
        }
        Err(error) => Err(Failure::new(format!("{address}:{port} cannot be listened on: {error}"))),
    }
}

fn listen(address: &str, port: u16) -> std::io::Result<TcpListener> {
    use std::net::ToSocketAddrs;
    let addresses: Vec<SocketAddr> = (address, port).to_socket_addrs()?.collect();
    // `TcpListener` lets a port be taken again at once after its last owner ended.
    TcpListener::bind(addresses.as_slice())
}

/// A server that is running.
pub struct Running {
    server: plane_kit::http::listener::Server,
    handle: plane_kit::http::listener::ServerHandle,
    planes: Planes,
    drain: watch::Sender<bool>,
}

/// Starts serving.
pub fn start(
    settings: &Settings,
    socket: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    planes: Planes,
) -> Outcome<Running> {
    let (drain, drains) = watch::channel(false);
    let listening = listener::Listening {
        socket,
        workers: settings.http_workers(),
        tls,
        drain_seconds: settings.http.drain_seconds,
        drains,
    };
    let served = planes.clone();
    let routes = Arc::new(planes.routes().without_descriptions());
    let reference = web::Data::new(planes.reference());
    let (server, handle) = listener::serve(listening, move || {
        let (planes, routes, reference) = (served.clone(), Arc::clone(&routes), reference.clone());
        App::new().wrap(from_fn(edge)).configure(move |config| planes.configure(&routes, &reference, config))
    })?;
    Ok(Running { server, handle, planes, drain })
}

impl Running {
    /// Serves until the process is asked to end, then drains: answers under way are finished, new ones are not begun.
    pub async fn until_stopped(self) -> Outcome {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = self.server;
        let serving = actix_web::rt::spawn(server);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("draining");
        self.planes.draining.store(true, Ordering::Relaxed);
        self.drain.send_replace(true);
        self.handle.stop(true).await;
        serving.await??;
        Ok(())
    }
}
