//! One port for plain HTTP and TLS.
//!
//! The first byte of a connection decides: a TLS record begins with 0x16, no HTTP method does. This is a service in front of
//! actix's own HTTP service on actix-server, so there is no proxy hop.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::{HttpService, Protocol};
use actix_rt::net::TcpStream;
pub use actix_server::{Server, ServerHandle};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, ServiceResponse},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a connection may take to say its first byte and to shake hands.
const OPENING_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection stays open between two requests. It is longer than clients and proxies keep an idle connection to
/// us (a load balancer or nginx 60 seconds, hyper 90): the side that waits less long is the one that closes, and when that is
/// the server, a request on its way meets a closed connection.
const KEEP_ALIVE: Duration = Duration::from_secs(100);
/// The first byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// How a plane listens.
pub struct Listening {
    /// The bound socket.
    pub socket: TcpListener,
    /// HTTP worker threads, at least one.
    pub workers: usize,
    /// What answers TLS on the same port; without it the port speaks plain HTTP only.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How long a drain waits for answers under way, in seconds.
    pub drain_seconds: u64,
    /// Turns true when the drain begins: connections without a request are closed then, and the others after their answer.
    pub drains: watch::Receiver<bool>,
}

/// Starts serving `app` and returns at once. The application's errors of set-up are those of actix.
pub fn serve<F, I, S, B>(listening: Listening, app: F) -> io::Result<(Server, ServerHandle)>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, actix_http::Request> + 'static,
    S: ServiceFactory<actix_http::Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    let acceptor = listening.tls.map(TlsAcceptor::from);
    let address = listening.socket.local_addr()?;
    let server = Server::build()
        .workers(listening.workers.max(1))
        .backlog(2048)
        .disable_signals()
        .shutdown_timeout(listening.drain_seconds)
        .listen("http", listening.socket, move || {
            let acceptor = acceptor.clone();
            let drains = listening.drains.clone();
            let app = map_config(app(), |()| AppConfig::default());
            let http = HttpService::build()
                .client_request_timeout(Duration::from_secs(30))
                .keep_alive(KEEP_ALIVE)
                .graceful_shutdown_signal(move || {
                    let mut drains = drains.clone();
                    async move {
                        // Whoever could begin a drain is gone: there will be none.
                        if drains.wait_for(|begun| *begun).await.is_err() {
                            std::future::pending::<()>().await;
                        }
                    }
                })
                .local_addr(address)
                .finish(app)
                .map_err(|error| tracing::debug!(%error, "a connection ended early"));
            fn_service(move |stream: TcpStream| open(stream, acceptor.clone())).and_then(http)
        })?
        .run();
    let handle = server.handle();
    Ok((server, handle))
}

type Opened = (Connection, Protocol, Option<SocketAddr>);

async fn open(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> Result<Opened, ()> {
    let peer = stream.peer_addr().ok();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection could not be opened");
        return Err(());
    }
    let Some(acceptor) = acceptor else {
        return Ok((Connection::Plain(stream), Protocol::Http1, peer));
    };
    let opening = async move {
        let mut first = [0_u8; 1];
        let is_tls = stream.peek(&mut first).await? == 1 && first[0] == TLS_HANDSHAKE;
        if is_tls {
            Ok::<_, io::Error>(Connection::Tls(Box::new(acceptor.accept(stream).await?)))
        } else {
            Ok(Connection::Plain(stream))
        }
    };
    match tokio::time::timeout(OPENING_LIMIT, opening).await {
        Ok(Ok(connection)) => Ok((connection, Protocol::Http1, peer)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection could not be opened");
            Err(())
        }
        Err(_) => Err(()),
    }
}

/// A connection of either kind.
enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
