//! A web server that files are fetched from. It counts who asks for what, and its files can be changed, taken away and moved.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone)]
enum Entry {
    File { bytes: Vec<u8>, etag: Option<String> },
    Status(u16),
    Moved(String),
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<String, Entry>,
    /// Path and status of every answer.
    answers: Vec<(String, u16)>,
}

/// The server. It ends with its value.
pub struct RemoteFiles {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
    task: tokio::task::JoinHandle<()>,
}

impl RemoteFiles {
    /// Starts one on this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let served = Arc::clone(&shelf);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&served)));
            }
        });
        Self { address, shelf, task }
    }

    /// The address of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn put(&self, path: &str, entry: Entry) {
        self.shelf.lock().expect("nobody panicked").entries.insert(path.to_owned(), entry);
    }

    /// Puts a file there, with an entity tag or without.
    pub fn file(&self, path: &str, bytes: Vec<u8>, etag: Option<&str>) {
        self.put(path, Entry::File { bytes, etag: etag.map(str::to_owned) });
    }

    /// Answers a path with a status.
    pub fn status(&self, path: &str, status: u16) {
        self.put(path, Entry::Status(status));
    }

    /// Sends whoever asks for a path elsewhere.
    pub fn moved(&self, path: &str, to: &str) {
        self.put(path, Entry::Moved(to.to_owned()));
    }

    /// With which statuses a path was answered so far.
    pub fn answers(&self, path: &str) -> Vec<u16> {
        let shelf = self.shelf.lock().expect("nobody panicked");
        shelf.answers.iter().filter(|(asked, _)| asked == path).map(|(_, status)| *status).collect()
    }
}

impl Drop for RemoteFiles {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(stream: TcpStream, shelf: Arc<Mutex<Shelf>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut path, mut condition) = (String::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        } else if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("if-none-match")
        {
            condition = Some(value.to_owned());
        } else if line.is_empty() {
            break;
        }
    }
    let (status, more, body) = {
        let mut shelf = shelf.lock().expect("nobody panicked");
        let (status, more, body) = match shelf.entries.get(&path) {
            None => (404, String::new(), Vec::new()),
            Some(Entry::Status(status)) => (*status, String::new(), Vec::new()),
            Some(Entry::Moved(to)) => (302, format!("location: {to}\r\n"), Vec::new()),
            Some(Entry::File { etag: Some(etag), .. }) if condition.as_ref() == Some(etag) => {
                (304, format!("etag: {etag}\r\n"), Vec::new())
            }
            Some(Entry::File { bytes, etag }) => {
                let etag = etag.as_ref().map(|etag| format!("etag: {etag}\r\n")).unwrap_or_default();
                (200, etag, bytes.clone())
            }
        };
        shelf.answers.push((path, status));
        (status, more, body)
    };
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nconnection: close\r\ncontent-type: image/jpeg\r\n{more}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}
