//! The one way to reach anything outside: remote sources of uploads and of fetched assets, and receivers of notifications.
//!
//! Addresses come from strangers. Scheme, port and host are checked at every step of a redirect; the address that a name resolves
//! to is checked by the resolver of the very connection that is made to it, so a name that means something else a moment later gains
//! nothing. What belongs to this installation is not asked over the network: the answer then is the path to look for inside.

pub mod address;

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use plane_kit::{
    domains::covers,
    error::{ApiError, ErrorCode, chain},
    ids::EnvironmentId,
};
use reqwest::{
    Client, Response, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_LENGTH, HeaderMap, HeaderName, LOCATION},
    redirect::Policy,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use url::{Host, Url};

use address::Reachable;

/// Who asks, as a remote server reads it.
const USER_AGENT: &str = concat!("Safelight/", env!("CARGO_PKG_VERSION"));

/// Says whose requests have passed (RFC 8586).
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// How this program calls itself there.
const LOOP_NAME: &str = "safelight";
/// How many shares are remembered. One that nothing is under way of is forgotten first.
const SHARES: u64 = 100_000;
/// How long a share is remembered that nobody asks for; longer than a file may take.
const SHARE_KEPT: Duration = Duration::from_secs(3600);

/// What may be reached outside, and within which limits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutboundConfig {
    /// Schemes of remote addresses: `http`, `https`.
    pub schemes: Vec<String>,
    /// Ports that may be asked; every port when empty.
    pub ports: Vec<u16>,
    /// Networks that may be reached although they are not public, as in `10.1.0.0/16`.
    pub allowed_networks: Vec<String>,
    /// How many redirects are followed.
    pub redirects: usize,
    /// How many remote files may be under way at once.
    pub concurrency: usize,
    /// How long a connection may take to come about, in milliseconds.
    pub connect_ms: u64,
    /// How long a remote server may be silent, in milliseconds.
    pub idle_ms: u64,
    /// How long one remote file may take with all its redirects, in milliseconds.
    pub total_ms: u64,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            schemes: vec!["http".into(), "https".into()],
            ports: vec![80, 443],
            allowed_networks: Vec::new(),
            redirects: 5,
            concurrency: 64,
            connect_ms: 10_000,
            idle_ms: 10_000,
            total_ms: 60_000,
        }
    }
}

impl OutboundConfig {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), String> {
        if let Some(scheme) = self.schemes.iter().find(|scheme| !["http", "https"].contains(&scheme.as_str())) {
            return Err(format!("outbound.schemes may hold http and https, not `{scheme}`"));
        }
        if self.concurrency == 0 {
            return Err("outbound.concurrency must be at least 1".into());
        }
        for (name, value) in [("connect_ms", self.connect_ms), ("idle_ms", self.idle_ms), ("total_ms", self.total_ms)] {
            if value == 0 {
                return Err(format!("outbound.{name} must be at least 1"));
            }
        }
        Reachable::new(&self.allowed_networks).map(drop).map_err(|error| format!("outbound.allowed_networks: {error}"))
    }
}

/// Turns names into addresses.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of a name.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The names of this machine's resolver.
pub struct SystemNames;

#[async_trait]
impl Lookup for SystemNames {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why something outside was not had.
#[derive(Debug)]
pub enum OutboundError {
    /// The address is none.
    Malformed,
    /// The scheme is not among those of the settings.
    Scheme(String),
    /// The port is not among those of the settings.
    Port(u16),
    /// The environment's list of domains does not have the host.
    Domain(String),
    /// The address holds credentials, and would be kept with them.
    Credentials,
    /// The host is not there, or it is not public. Which of the two is nobody's business: names of inner hosts are not told.
    NotPublic,
    /// More redirects than are followed.
    Redirects(usize),
    /// A redirect that does not say where to.
    LostRedirect,
    /// The remote server answered, and not with the file.
    Status(StatusCode),
    /// The remote server took too long.
    TooSlow,
    /// The file is larger than it may be.
    TooLarge {
        /// How much there is at least.
        bytes: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The connection failed. What is inside is for the operator.
    Broken(String),
    /// Too much is under way.
    Busy,
    /// The address is one of this installation's own.
    Own,
}

impl fmt::Display for OutboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a valid address"),
            Self::Scheme(scheme) => write!(f, "the scheme {scheme} is not allowed"),
            Self::Port(port) => write!(f, "the port {port} is not allowed"),
            Self::Domain(host) => write!(f, "the host {host} is not among the allowed fetch domains"),
            Self::Credentials => f.write_str("an address that is kept may not hold credentials"),
            Self::NotPublic => f.write_str("the host has no public address"),
            Self::Redirects(limit) => write!(f, "more than {limit} redirects"),
            Self::LostRedirect => f.write_str("a redirect without a valid address"),
            Self::Status(status) => {
                write!(f, "{} {}", status.as_u16(), status.canonical_reason().unwrap_or("Unknown"))
            }
            Self::TooSlow => f.write_str("the remote server took too long"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "File size too large. Got at least {bytes}. Maximum is {limit}.")
            }
            Self::Broken(_) => f.write_str("the connection failed"),
            Self::Busy => f.write_str("too many remote files are under way; try again"),
            Self::Own => f.write_str("the address is this installation's own"),
        }
    }
}

impl Error for OutboundError {}

impl OutboundError {
    /// The refusal of an API call that named `url`.
    pub fn about(self, url: &str) -> ApiError {
        if matches!(self, Self::Busy) {
            return ApiError::new(ErrorCode::Busy, "Too many remote files are under way; try again")
                .with_retry_after(1);
        }
        let error = ApiError::new(ErrorCode::InvalidFile, format!("Error in loading {url} - {self}"));
        match self {
            Self::Broken(detail) => error.with_operator_text(detail),
            _ => error,
        }
    }
}

/// A refusal of the resolver, on its way through the HTTP client.
#[derive(Debug, thiserror::Error)]
#[error("the host has no public address")]
struct Unreachable;

/// Gives the HTTP client only addresses that it may connect to. A name of which any address is not reachable is not reached at all.
struct GuardedNames {
    names: Arc<dyn Lookup>,
    reachable: Arc<Reachable>,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reachable) = (Arc::clone(&self.names), Arc::clone(&self.reachable));
        Box::pin(async move {
            let addresses = names.lookup(name.as_str()).await.map_err(|_| Unreachable)?;
            if addresses.is_empty() || addresses.iter().any(|address| !reachable.includes(*address)) {
                return Err(Unreachable.into());
            }
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// What a remote file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// An upload that somebody signed, or that a preset allows.
    Upload,
    /// A delivery, which anybody may ask for.
    Fetch,
    /// A notification that is sent.
    Notification,
}

/// For whom a remote file is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The environment.
    pub environment: EnvironmentId,
    /// What for.
    pub purpose: Purpose,
    /// The domains that it allows, all when it names none.
    pub domains: &'a [String],
}

/// Reaches what is outside.
pub struct Outbound {
    client: Client,
    reachable: Arc<Reachable>,
    config: OutboundConfig,
    own: Option<Url>,
    slots: Arc<Semaphore>,
    /// What one environment may have under way for one purpose, so that none keeps the others from theirs, and what anybody may ask
    /// for keeps nobody from uploading.
    shares: moka::sync::Cache<(EnvironmentId, Purpose), Arc<Semaphore>>,
}

/// Where an address led to.
pub enum Reached {
    /// To this installation: the path of its own delivery, with the query.
    Inside(String, Slot),
    /// To a remote server that answered with success, or that nothing changed.
    Remote(Remote),
}

/// The answer of a remote server.
pub struct Remote {
    response: Response,
    deadline: Instant,
    bytes: u64,
    _slot: Slot,
}

/// The right to have a file under way.
pub struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_share: OwnedSemaphorePermit,
}

impl Outbound {
    /// `public_url` is the address of this installation's own delivery.
    pub fn new(config: OutboundConfig, public_url: &str, names: Arc<dyn Lookup>) -> Result<Self, OutboundError> {
        let broken = |error: &dyn Error| OutboundError::Broken(error.to_string());
        let reachable = Arc::new(Reachable::new(&config.allowed_networks).map_err(OutboundError::Broken)?);
        let client = Client::builder()
            .user_agent(USER_AGENT)
            // A proxy of the process's environment would be connected to instead of the address that was checked.
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .dns_resolver(GuardedNames { names, reachable: Arc::clone(&reachable) })
            // A connection that is kept would outlive the check of its address, and strangers could have any number of them kept.
            .pool_max_idle_per_host(0)
            .connect_timeout(Duration::from_millis(config.connect_ms))
            .read_timeout(Duration::from_millis(config.idle_ms))
            .build()
            .map_err(|error| broken(&error))?;
        let slots = Arc::new(Semaphore::new(config.concurrency));
        let shares = moka::sync::Cache::builder().max_capacity(SHARES).time_to_idle(SHARE_KEPT).build();
        Ok(Self { client, reachable, own: Url::parse(public_url).ok(), config, slots, shares })
    }

    /// Takes a slot, of all and of what the asker may have of them.
    fn slot(&self, asker: Asker<'_>) -> Result<Slot, OutboundError> {
        let part = match asker.purpose {
            Purpose::Upload | Purpose::Notification => 4,
            Purpose::Fetch => 8,
        };
        let share = self.shares.get_with((asker.environment, asker.purpose), || {
            Arc::new(Semaphore::new((self.config.concurrency / part).max(1)))
        });
        let of_share = share.try_acquire_owned().map_err(|_| OutboundError::Busy)?;
        let of_all = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| OutboundError::Busy)?;
        Ok(Slot { _of_all: of_all, _of_share: of_share })
    }

    /// The path within our own delivery that an address means, if it is one of ours.
    pub fn own_path(&self, url: &str) -> Option<String> {
        Url::parse(url).ok().filter(|url| self.is_own(url)).map(|url| path_of(&url))
    }

    /// The host of our own delivery.
    pub fn own_host(&self) -> Option<String> {
        self.own.as_ref().and_then(|own| own.host_str().map(str::to_owned))
    }

    /// Asks for a file. `headers` are those of a conditional request. Redirects are followed as far as every step may be.
    pub async fn get(&self, url: &str, asker: Asker<'_>, headers: HeaderMap) -> Result<Reached, OutboundError> {
        let slot = self.slot(asker)?;
        let deadline = Instant::now() + Duration::from_millis(self.config.total_ms);
        let mut url = Url::parse(url).map_err(|_| OutboundError::Malformed)?;
        let holds_credentials = !url.username().is_empty() || url.password().is_some();
        if holds_credentials && asker.purpose == Purpose::Fetch {
            return Err(OutboundError::Credentials);
        }
        for _ in 0..=self.config.redirects {
            if self.is_own(&url) {
                return Ok(Reached::Inside(path_of(&url), slot));
            }
            self.check(&url, asker.domains)?;
            let request = self.client.get(url.clone()).headers(headers.clone()).header(CDN_LOOP, LOOP_NAME).send();
            let response = timeout_at(deadline, request).await.map_err(|_| OutboundError::TooSlow)?.map_err(failed)?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
                url = location.and_then(|location| url.join(location).ok()).ok_or(OutboundError::LostRedirect)?;
                continue;
            }
            if !status.is_success() && status != StatusCode::NOT_MODIFIED {
                return Err(OutboundError::Status(status));
            }
            return Ok(Reached::Remote(Remote { response, deadline, bytes: 0, _slot: slot }));
        }
        Err(OutboundError::Redirects(self.config.redirects))
    }

    /// Sends a text and answers with the status. Redirects are not followed: what is sent is meant for who was named. The receiver may
    /// take until `patience` has passed; what it says beside its status nobody reads.
    pub async fn post(
        &self,
        url: &str,
        asker: Asker<'_>,
        headers: HeaderMap,
        body: String,
        patience: Duration,
    ) -> Result<StatusCode, OutboundError> {
        let _slot = self.slot(asker)?;
        let deadline = Instant::now() + patience;
        let url = Url::parse(url).map_err(|_| OutboundError::Malformed)?;
        if self.is_own(&url) {
            return Err(OutboundError::Own);
        }
        self.check(&url, asker.domains)?;
        let request = self.client.post(url).headers(headers).header(CDN_LOOP, LOOP_NAME).body(body).send();
        let response = timeout_at(deadline, request).await.map_err(|_| OutboundError::TooSlow)?.map_err(failed)?;
        Ok(response.status())
    }

    /// Checks what the address itself says. An address without a name is checked here, because no resolver is asked for it.
    fn check(&self, url: &Url, domains: &[String]) -> Result<(), OutboundError> {
        if !self.config.schemes.iter().any(|scheme| scheme == url.scheme()) {
            return Err(OutboundError::Scheme(url.scheme().to_owned()));
        }
        let port = url.port_or_known_default().ok_or(OutboundError::Malformed)?;
        if !self.config.ports.is_empty() && !self.config.ports.contains(&port) {
            return Err(OutboundError::Port(port));
        }
        let host = url.host().ok_or(OutboundError::Malformed)?;
        if !domains.is_empty() && !covers(domains, &host.to_string()) {
            return Err(OutboundError::Domain(host.to_string()));
        }
        let is_reachable = match host {
            Host::Domain(_) => true,
            Host::Ipv4(address) => self.reachable.includes(address.into()),
            Host::Ipv6(address) => self.reachable.includes(address.into()),
        };
        if is_reachable { Ok(()) } else { Err(OutboundError::NotPublic) }
    }

    /// Whether an address is one of this installation's own delivery.
    fn is_own(&self, url: &Url) -> bool {
        let Some(own) = &self.own else {
            return false;
        };
        let is_web = matches!(url.scheme(), "http" | "https");
        // Both schemes are served at the port that the public address names; one that it leaves out is the scheme's.
        let is_same_port = match own.port() {
            Some(port) => url.port_or_known_default() == Some(port),
            None => url.port().is_none(),
        };
        let host = |url: &Url| url.host_str().map(|host| host.trim_end_matches('.').to_owned());
        let is_same_host = host(url) == host(own) || (is_loopback(url) && is_loopback(own));
        is_web && is_same_port && is_same_host
    }
}

fn path_of(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", url.path())
}

/// Whether a request was made by a server like this one, for somebody else. Such a request fetches nothing further: an address that
/// leads back here under a name that is not known to be ours would go round and round.
pub fn is_looping(headers: &actix_web::http::header::HeaderMap) -> bool {
    let passed = headers.get_all(CDN_LOOP.as_str()).filter_map(|value| value.to_str().ok());
    passed.flat_map(|value| value.split(',')).any(|name| name.trim().split(';').next() == Some(LOOP_NAME))
}

/// Whether an address names this machine itself.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

impl Remote {
    /// The status: a success, or that nothing changed.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// A header, if it is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Refuses at once what says that it is too large.
    pub fn check_length(&self, limit: u64) -> Result<(), OutboundError> {
        match self.header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()) {
            Some(bytes) if bytes > limit => Err(OutboundError::TooLarge { bytes, limit }),
            _ => Ok(()),
        }
    }

    /// The next bytes, up to `limit` in all.
    pub async fn chunk(&mut self, limit: u64) -> Result<Option<Bytes>, OutboundError> {
        let chunk = timeout_at(self.deadline, self.response.chunk()).await.map_err(|_| OutboundError::TooSlow)?;
        let chunk = chunk.map_err(failed)?;
        self.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.bytes > limit {
            return Err(OutboundError::TooLarge { bytes: self.bytes, limit });
        }
        Ok(chunk)
    }
}

fn failed(error: reqwest::Error) -> OutboundError {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<Unreachable>() {
            return OutboundError::NotPublic;
        }
        source = inner.source();
    }
    if error.is_timeout() {
        return OutboundError::TooSlow;
    }
    // The address was given by the caller and may hold credentials: it does not go to the log.
    OutboundError::Broken(chain(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_known_in_all_their_forms() {
        for (public_url, url, expected) in [
            ("https://media.example.com", "https://media.example.com/demo/image/upload/a", true),
            ("https://media.example.com", "http://media.example.com/demo", true),
            ("https://media.example.com", "https://MEDIA.example.com/demo", true),
            ("https://media.example.com", "https://media.example.com./demo", true),
            ("https://media.example.com", "https://media.example.com:8443/demo", false),
            ("https://media.example.com", "ftp://media.example.com/demo", false),
            ("https://media.example.com", "https://other.example.com/demo", false),
            ("http://127.0.0.1:7788", "http://localhost:7788/demo", true),
            ("http://127.0.0.1:7788", "http://localhost.:7788/demo", true),
            ("http://127.0.0.1:7788", "https://[::1]:7788/demo", true),
            ("http://127.0.0.1:7788", "http://[::ffff:127.0.0.1]:7788/demo", true),
            ("http://127.0.0.1:7788", "http://0x7f.1:7788/demo", true),
            ("http://127.0.0.1:7788", "http://127.0.0.1:7789/demo", false),
            ("http://127.0.0.1:7788", "http://media.example.com:7788/demo", false),
        ] {
            let outbound =
                Outbound::new(OutboundConfig::default(), public_url, Arc::new(SystemNames)).expect("a client");
            assert_eq!(outbound.is_own(&Url::parse(url).unwrap()), expected, "{public_url} {url}");
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let wrong = |change: fn(&mut OutboundConfig)| {
            let mut config = OutboundConfig::default();
            change(&mut config);
            config.validate().unwrap_err()
        };
        assert!(wrong(|config| config.schemes.push("file".into())).contains("file"));
        assert!(wrong(|config| config.allowed_networks.push("ten".into())).contains("`ten`"));
        assert!(wrong(|config| config.total_ms = 0).contains("total_ms"));
        assert!(OutboundConfig::default().validate().is_ok());
    }
}
