//! What the client of remote files refuses to reach, with a canary on this machine that must see nothing, and how it bears servers
//! that do not end, do not begin, or do not say the truth.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use data_plane::outbound::{Asker, Lookup, Outbound, OutboundConfig, OutboundError, Purpose, Reached, is_looping};
use plane_kit::ids::EnvironmentId;
use reqwest::header::HeaderMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where the servers of these tests stand that count as public. The canary stands at 127.0.0.1.
const PUBLIC: &str = "127.0.0.2";

/// Names of a world of our own. A name with several entries answers with one after the other, and goes on with the last.
#[derive(Default)]
struct Names(Mutex<HashMap<&'static str, Vec<Vec<IpAddr>>>>);

impl Names {
    fn with(self, name: &'static str, answers: &[&[&str]]) -> Self {
        let answers = answers.iter().map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        self.0.lock().unwrap().insert(name, answers);
        self
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

fn names() -> Names {
    Names::default()
        .with("public.test", &[&[PUBLIC]])
        .with("private.test", &[&["127.0.0.1"]])
        .with("mapped.test", &[&["::ffff:127.0.0.1"]])
        .with("mixed.test", &[&[PUBLIC, "127.0.0.1"]])
        .with("empty.test", &[&[]])
        .with("localhost", &[&["127.0.0.1", "::1"]])
        .with("localhost.", &[&["127.0.0.1", "::1"]])
        .with("metadata.test", &[&["169.254.169.254"]])
        .with("rebinding.test", &[&[PUBLIC], &["127.0.0.1"]])
}

fn config() -> OutboundConfig {
    OutboundConfig {
        ports: Vec::new(),
        allowed_networks: vec![PUBLIC.into()],
        connect_ms: 2000,
        idle_ms: 300,
        total_ms: 1200,
        ..OutboundConfig::default()
    }
}

fn outbound(config: OutboundConfig) -> Outbound {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Outbound::new(config, "http://own.test", Arc::new(names())).unwrap()
}

/// A server that counts who comes, and answers by the path.
async fn server(address: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream));
        }
    });
    (port, visits)
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (kind, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let close = "connection: close\r\n";
    match kind {
        "file" => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{close}content-length: 5\r\n\r\nhello").as_bytes()).await
        }
        "status" => {
            stream.write_all(format!("HTTP/1.1 {rest} Reason\r\n{close}content-length: 0\r\n\r\n").as_bytes()).await
        }
        "redirect" => {
            let (code, to) = rest.split_once('/').unwrap();
            let to = percent_encoding::percent_decode_str(to).decode_utf8().unwrap().into_owned();
            let text = format!("HTTP/1.1 {code} Moved\r\n{close}location: {to}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await
        }
        "lost" => stream.write_all(format!("HTTP/1.1 302 Found\r\n{close}content-length: 0\r\n\r\n").as_bytes()).await,
        "hops" => {
            let left: usize = rest.parse().unwrap();
            let to = if left == 0 { "/file".into() } else { format!("/hops/{}", left - 1) };
            let text = format!("HTTP/1.1 307 Moved\r\n{close}location: {to}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await
        }
        "endless" => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{close}\r\n").as_bytes()).await?;
            loop {
                stream.write_all(&[b'x'; 4096]).await?;
            }
        }
        "large" => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{close}content-length: 999999999\r\n\r\n").as_bytes()).await
        }
        "short" => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{close}content-length: 9\r\n\r\nhello").as_bytes()).await
        }
        "silent" => std::future::pending().await,
        "stuck" => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{close}content-length: 9\r\n\r\nhello").as_bytes()).await?;
            std::future::pending().await
        }
        "drip" => {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{close}\r\n").as_bytes()).await?;
            let mut times = tokio::time::interval(Duration::from_millis(50));
            loop {
                times.tick().await;
                stream.write_all(b"x").await?;
            }
        }
        other => panic!("the server knows no {other}"),
    }
}

/// Somebody who asks; who stands behind a number.
fn asker(number: u128, purpose: Purpose, domains: &[String]) -> Asker<'_> {
    Asker { environment: EnvironmentId(uuid::Uuid::from_u128(number)), purpose, domains }
}

/// Fetches all of a file, as an upload does.
async fn fetch(outbound: &Outbound, url: &str, domains: &[String]) -> Result<Vec<u8>, OutboundError> {
    const LIMIT: u64 = 100_000;
    match outbound.get(url, asker(0, Purpose::Upload, domains), HeaderMap::new()).await? {
        Reached::Inside(path, _) => Ok(format!("inside {path}").into_bytes()),
        Reached::Remote(mut remote) => {
            remote.check_length(LIMIT)?;
            let mut bytes = Vec::new();
            while let Some(chunk) = remote.chunk(LIMIT).await? {
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        }
    }
}

/// Addresses that must not be reached, with `{port}` for the canary's, and the kind of refusal.
const FORBIDDEN: &[(&str, &str)] = &[
    ("http://127.0.0.1:{port}/file", "NotPublic"),
    ("http://127.1:{port}/file", "NotPublic"),
    ("http://127.0.1:{port}/file", "NotPublic"),
    ("http://2130706433:{port}/file", "NotPublic"),
    ("http://0x7f000001:{port}/file", "NotPublic"),
    ("http://0x7f.0.0.1:{port}/file", "NotPublic"),
    ("http://0177.0.0.1:{port}/file", "NotPublic"),
    ("http://017700000001:{port}/file", "NotPublic"),
    ("http://127.0.0.1.:{port}/file", "NotPublic"),
    ("http://127.000.000.001:{port}/file", "NotPublic"),
    ("http://%31%32%37.0.0.1:{port}/file", "NotPublic"),
    ("http://①②⑦.⓪.⓪.①:{port}/file", "NotPublic"),
    ("http://127。0。0。1:{port}/file", "NotPublic"),
    ("http://１２７.0.0.1:{port}/file", "NotPublic"),
    ("HTTP://127.0.0.1:{port}/file", "NotPublic"),
    (" http://127.0.0.1:{port}/file", "NotPublic"),
    ("http:127.0.0.1:{port}/file", "NotPublic"),
    ("http:\\\\127.0.0.1:{port}/file", "NotPublic"),
    ("http://user:password@127.0.0.1:{port}/file", "NotPublic"),
    ("http://public.test@127.0.0.1:{port}/file", "NotPublic"),
    ("http://public.test:80@127.0.0.1:{port}/file", "NotPublic"),
    ("http://127.0.0.1:{port}/file#@public.test", "NotPublic"),
    ("http://127.0.0.1:{port}/file?@public.test", "NotPublic"),
    ("http://127.0.0.1:{port}\\@public.test/file", "NotPublic"),
    ("http://127.0.0.1\t:{port}/file", "NotPublic"),
    ("http://0.0.0.0:{port}/file", "NotPublic"),
    ("http://0:{port}/file", "NotPublic"),
    ("http://127.255.255.254:{port}/file", "NotPublic"),
    ("http://[::1]:{port}/file", "NotPublic"),
    ("http://[0:0:0:0:0:0:0:1]:{port}/file", "NotPublic"),
    ("http://[::]:{port}/file", "NotPublic"),
    ("http://[::ffff:127.0.0.1]:{port}/file", "NotPublic"),
    ("http://[::ffff:7f00:1]:{port}/file", "NotPublic"),
    ("http://[::127.0.0.1]:{port}/file", "NotPublic"),
    ("http://[64:ff9b::127.0.0.1]:{port}/file", "NotPublic"),
    ("http://[64:ff9b:1::127.0.0.1]:{port}/file", "NotPublic"),
    ("http://[2002:7f00:1::]:{port}/file", "NotPublic"),
    ("http://[2001:0:7f00:1::1]:{port}/file", "NotPublic"),
    ("http://[2a00:1450::5efe:127.0.0.1]:{port}/file", "NotPublic"),
    ("http://[fe80::1]:{port}/file", "NotPublic"),
    ("http://[fc00::1]:{port}/file", "NotPublic"),
    ("http://[fd00:ec2::254]/latest/meta-data/", "NotPublic"),
    ("http://[ff02::1]:{port}/file", "NotPublic"),
    ("http://[::1%25lo]:{port}/file", "Malformed"),
    ("http://169.254.169.254/latest/meta-data/", "NotPublic"),
    ("http://0xa9fea9fe/latest/meta-data/", "NotPublic"),
    ("http://100.100.100.200/latest/meta-data/", "NotPublic"),
    ("http://192.0.0.192/", "NotPublic"),
    ("http://168.63.129.16/", "NotPublic"),
    ("http://10.0.0.1/", "NotPublic"),
    ("http://172.16.0.1/", "NotPublic"),
    ("http://192.168.0.1/", "NotPublic"),
    ("http://198.18.0.1/", "NotPublic"),
    ("http://224.0.0.1/", "NotPublic"),
    ("http://255.255.255.255/", "NotPublic"),
    ("http://localhost:{port}/file", "NotPublic"),
    ("http://LOCALHOST:{port}/file", "NotPublic"),
    ("http://localhost.:{port}/file", "NotPublic"),
    ("http://private.test:{port}/file", "NotPublic"),
    ("http://mapped.test:{port}/file", "NotPublic"),
    ("http://mixed.test:{port}/file", "NotPublic"),
    ("http://metadata.test/", "NotPublic"),
    ("http://empty.test:{port}/file", "NotPublic"),
    ("http://unknown.test:{port}/file", "NotPublic"),
    ("file:///etc/passwd", "Scheme"),
    ("gopher://127.0.0.1:{port}/_GET", "Scheme"),
    ("ftp://127.0.0.1:{port}/file", "Scheme"),
    ("dict://127.0.0.1:{port}/stat", "Scheme"),
    ("ldap://127.0.0.1:{port}/", "Scheme"),
    ("data:text/plain,hello", "Scheme"),
    ("javascript:alert(1)", "Scheme"),
    ("unix:/var/run/docker.sock", "Scheme"),
    ("http://", "Malformed"),
    ("http://127.0.0.1:99999/", "Malformed"),
    ("http://127.0.0.1%00.public.test/", "Malformed"),
    ("//127.0.0.1:{port}/file", "Malformed"),
    ("127.0.0.1:{port}/file", "Malformed"),
];

fn kind(error: &OutboundError) -> String {
    let text = format!("{error:?}");
    text.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_is_not_public_is_not_reached_by_any_spelling_nor_by_a_redirect() {
    assert!(FORBIDDEN.len() >= 60);
    let (canary, visits) = server("127.0.0.1").await;
    let (public, _) = server(PUBLIC).await;
    let outbound = outbound(config());
    let mut wrong = Vec::new();
    for (url, expected) in FORBIDDEN {
        let url = url.replace("{port}", &canary.to_string());
        match fetch(&outbound, &url, &[]).await {
            Err(error) if kind(&error) == *expected => {}
            other => wrong.push(format!("{url}: expected {expected}, got {other:?}")),
        }
        // The same by way of a server that may be asked. What is relative there is that server's own.
        if *expected == "Malformed" || url.starts_with([' ', '/']) || url.contains('\t') || url.starts_with("http:1") {
            continue;
        }
        for code in [301, 302, 303, 307, 308] {
            let to = percent_encoding::utf8_percent_encode(&url, percent_encoding::NON_ALPHANUMERIC);
            let by_way = format!("http://public.test:{public}/redirect/{code}/{to}");
            match fetch(&outbound, &by_way, &[]).await {
                Err(error) if kind(&error) == *expected => {}
                // A header is no text outside ASCII.
                Err(OutboundError::LostRedirect) if !url.is_ascii() => {}
                other => wrong.push(format!("{code} to {url}: expected {expected}, got {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(visits.load(Ordering::SeqCst), 0, "the canary was reached");
}

#[tokio::test]
async fn a_name_that_becomes_another_address_gains_nothing() {
    let (canary, visits) = server("127.0.0.1").await;
    let outbound = outbound(config());
    // The name meant a public address when it was first asked for; every later connection asks anew.
    let first = fetch(&outbound, &format!("http://rebinding.test:{canary}/file"), &[]).await;
    assert!(matches!(first, Err(OutboundError::Broken(_))), "nobody listens at {PUBLIC}:{canary}: {first:?}");
    let second = fetch(&outbound, &format!("http://rebinding.test:{canary}/file"), &[]).await;
    assert!(matches!(second, Err(OutboundError::NotPublic)), "{second:?}");
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_they_may_go() {
    let (public, _) = server(PUBLIC).await;
    let outbound = outbound(config());
    let get = async |path: &str| fetch(&outbound, &format!("http://public.test:{public}/{path}"), &[]).await;
    assert_eq!(get("file").await.unwrap(), b"hello");
    assert_eq!(get("hops/4").await.unwrap(), b"hello");
    assert!(matches!(get("hops/5").await, Err(OutboundError::Redirects(5))));
    assert!(matches!(get("lost").await, Err(OutboundError::LostRedirect)));
    assert!(matches!(get("redirect/302/http:%2F%2F%5B").await, Err(OutboundError::LostRedirect)));
    let inside = get("redirect/302/http:%2F%2Fown.test%2Fdemo%2Fimage%2Fupload%2Fa.jpg?x").await.unwrap();
    assert_eq!(inside, b"inside /demo/image/upload/a.jpg?x", "what is our own is not asked over the network");
    assert_eq!(fetch(&outbound, "https://own.test/demo", &[]).await.unwrap(), b"inside /demo");
}

#[tokio::test]
async fn schemes_ports_and_domains_are_held_at_every_step() {
    let (public, visits) = server(PUBLIC).await;
    let usual = outbound(OutboundConfig { ports: vec![80, 443], ..config() });
    for port in [22, 25, 8080, public] {
        let refused = fetch(&usual, &format!("http://public.test:{port}/file"), &[]).await;
        assert!(matches!(refused, Err(OutboundError::Port(named)) if named == port), "{port}: {refused:?}");
    }
    let strict = outbound(OutboundConfig { schemes: vec!["https".into()], ..config() });
    let refused = fetch(&strict, &format!("http://public.test:{public}/file"), &[]).await;
    assert!(matches!(refused, Err(OutboundError::Scheme(ref scheme)) if scheme == "http"), "{refused:?}");
    assert_eq!(visits.load(Ordering::SeqCst), 0);

    let open = outbound(config());
    let domains = ["other.test".to_owned()];
    let refused = fetch(&open, &format!("http://public.test:{public}/file"), &domains).await;
    assert!(matches!(refused, Err(OutboundError::Domain(ref host)) if host == "public.test"), "{refused:?}");
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    let domains = ["public.test".to_owned()];
    assert!(fetch(&open, &format!("http://public.test:{public}/file"), &domains).await.is_ok());
    let away = format!("http://public.test:{public}/redirect/302/http:%2F%2F{PUBLIC}:{public}%2Ffile");
    assert!(matches!(fetch(&open, &away, &domains).await, Err(OutboundError::Domain(_))));
}

#[tokio::test]
async fn servers_that_do_not_end_or_do_not_say_the_truth_are_left() {
    let (public, _) = server(PUBLIC).await;
    let outbound = outbound(config());
    let mut wrong = Vec::new();
    for (path, expected) in [
        ("status/404", "Status"),
        ("status/500", "Status"),
        ("status/204", ""),
        ("endless", "TooLarge"),
        ("large", "TooLarge"),
        ("short", "Broken"),
        ("silent", "TooSlow"),
        ("stuck", "TooSlow"),
        ("drip", "TooSlow"),
    ] {
        let outcome = fetch(&outbound, &format!("http://public.test:{public}/{path}"), &[]).await;
        let found = outcome.as_ref().err().map(kind).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{path}: expected {expected}, got {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn more_than_may_be_under_way_is_told_to_come_again() {
    let (public, _) = server(PUBLIC).await;
    let outbound = outbound(OutboundConfig { concurrency: 8, ..config() });
    let url = format!("http://public.test:{public}/file");
    let get = async |number, purpose| outbound.get(&url, asker(number, purpose, &[]), HeaderMap::new()).await;
    // One environment has an eighth of all for what anybody may ask for, and a quarter for its uploads.
    let mut held = vec![get(1, Purpose::Fetch).await.unwrap()];
    assert!(matches!(get(1, Purpose::Fetch).await, Err(OutboundError::Busy)));
    held.push(get(1, Purpose::Upload).await.unwrap());
    held.push(get(1, Purpose::Upload).await.unwrap());
    assert!(matches!(get(1, Purpose::Upload).await, Err(OutboundError::Busy)));
    for number in 2..7 {
        held.push(get(number, Purpose::Upload).await.unwrap());
    }
    assert!(matches!(get(9, Purpose::Upload).await, Err(OutboundError::Busy)), "all of them");
    held.clear();
    assert!(get(1, Purpose::Fetch).await.is_ok());
}

#[tokio::test]
async fn what_is_kept_by_its_address_may_not_hold_credentials() {
    let (public, visits) = server(PUBLIC).await;
    let outbound = outbound(config());
    let url = format!("http://user:password@public.test:{public}/file");
    let fetched = outbound.get(&url, asker(1, Purpose::Fetch, &[]), HeaderMap::new()).await;
    assert!(matches!(fetched, Err(OutboundError::Credentials)));
    assert_eq!(visits.load(Ordering::SeqCst), 0);
    assert!(outbound.get(&url, asker(1, Purpose::Upload, &[]), HeaderMap::new()).await.is_ok());
}

#[test]
fn requests_of_servers_like_this_are_known() {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    for (value, expected) in [
        ("safelight", true),
        ("other, safelight", true),
        ("safelight; id=1", true),
        ("other", false),
        ("safelights", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("cdn-loop"), HeaderValue::from_static(value));
        assert_eq!(is_looping(&headers), expected, "{value}");
    }
}
