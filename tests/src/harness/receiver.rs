//! A receiver of notifications: a web server that keeps what it is sent, and answers as it is told.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// How long a notification may take to arrive.
const LIMIT: Duration = Duration::from_secs(20);

/// What was sent once.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path.
    pub path: String,
    /// Headers by their names in lower case.
    pub headers: HashMap<String, String>,
    /// The bytes of the body.
    pub body: String,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a notification is JSON")
    }

    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[derive(Debug, Default)]
struct Desk {
    received: Vec<Received>,
    /// The next answers of a path; then it is 200.
    answers: HashMap<String, VecDeque<u16>>,
}

/// The server. It ends with its value.
pub struct Receiver {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Starts one on this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let desk = Arc::new(Mutex::new(Desk::default()));
        let served = Arc::clone(&desk);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, Arc::clone(&served)));
            }
        });
        Self { address, desk, task }
    }

    /// The address of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers a path with these statuses first.
    pub fn answer(&self, path: &str, statuses: &[u16]) {
        let mut desk = self.desk.lock().expect("nobody panicked");
        desk.answers.entry(path.to_owned()).or_default().extend(statuses);
    }

    /// Answers a path with 200 from now on.
    pub fn heal(&self, path: &str) {
        self.desk.lock().expect("nobody panicked").answers.remove(path);
    }

    /// What a path was sent so far.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let desk = self.desk.lock().expect("nobody panicked");
        desk.received.iter().filter(|received| received.path == path).cloned().collect()
    }

    /// Waits until a path was sent so many.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        super::eventually(&format!("{count} notifications at {path}"), LIMIT, async || {
            let received = self.received(path);
            (received.len() >= count).then_some(received)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(stream: TcpStream, desk: Arc<Mutex<Desk>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut path, mut headers) = (String::new(), HashMap::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        } else if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        } else if line.is_empty() {
            break;
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8(body).unwrap_or_default();
    let status = {
        let mut desk = desk.lock().expect("nobody panicked");
        let status = desk.answers.get_mut(&path).and_then(VecDeque::pop_front).unwrap_or(200);
        desk.received.push(Received { path, headers, body });
        status
    };
    let head = format!("HTTP/1.1 {status} Answer\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}
