//! The program under test as a child process in a folder of its own.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::Duration,
};

use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    children,
    client::{Account, Tenant},
    eventually,
};
use crate::workspace;

/// How long a start may take: debug binaries on a busy machine of two cores.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a drain may take.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The program: `SAFELIGHT_BIN`, or the one that was built together with the running test.
pub fn program() -> PathBuf {
    let path = std::env::var_os("SAFELIGHT_BIN")
        .map_or_else(|| workspace::target_profile_folder().join("safelight"), PathBuf::from);
    assert!(path.is_file(), "there is no {}; build it first: cargo build --bin safelight", path.display());
    path
}

/// A command of the program with an environment that holds nothing of the caller's settings.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SAFELIGHT_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs a command of the program to its end.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said beside that.
    pub stderr: String,
}

/// Runs the program with these arguments and settings until it ends.
pub fn run(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Finished {
    let output = command(folder).args(arguments).envs(settings.iter().copied()).output().expect("the program starts");
    Finished {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A server that printed its line.
pub struct Process {
    child: Child,
    log: PathBuf,
    line: String,
}

impl Process {
    /// Starts a server and waits for its JSON line. Its log goes to a file in `folder`.
    pub async fn start(mut command: Command, folder: &Path, name: &str) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("the log can be made");
        command.stdout(Stdio::piped()).stderr(file);
        let mut child = children::spawn(command, libc::SIGKILL).expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // The first line is the announcement; whatever else is printed is read and dropped, so that the pipe never fills.
            while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
                let _ = sender.send(std::mem::take(&mut line));
            }
        });
        let mut process = Self { child, log, line: String::new() };
        process.line = eventually("the line that says a server is ready", START_LIMIT, async || {
            if let Ok(line) = receiver.try_recv() {
                return Some(line);
            }
            if let Ok(Some(status)) = process.child.try_wait() {
                panic!("the server ended at its start ({status}):\n{}", process.log_tail());
            }
            None
        })
        .await;
        process
    }

    /// The line it printed, read as `T`.
    pub fn announced<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.line).unwrap_or_else(|error| panic!("{error} in {:?}", self.line))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it at once, as a power cut would, without a word to anybody.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to drain and waits for its end.
    pub async fn stop(&mut self) -> ExitStatus {
        signal(self.pid() as i32, libc::SIGTERM);
        eventually("the end of a server that was asked to drain", STOP_LIMIT, async || {
            self.child.try_wait().ok().flatten()
        })
        .await
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- end of {}\n{}", self.log.display(), self.log_tail());
        }
        // The group, so that render workers end with a server that was stopped in the middle of something.
        signal(-(self.pid() as i32), libc::SIGKILL);
        let _ = self.child.wait();
    }
}

fn signal(pid: i32, signal: i32) {
    // SAFETY: sends a signal to a process that this harness started; no memory is involved.
    unsafe { libc::kill(pid, signal) };
}

/// Whether a process ended because the program said so and not because of a signal.
pub fn ended_by_itself(status: ExitStatus) -> bool {
    status.signal().is_none()
}

/// The line of `safelight dev --json`. Members of what is not built yet are null.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract")]
pub struct DevReady {
    pub ready_ms: u64,
    pub pid: u32,
    pub port: u16,
    pub data_dir: PathBuf,
    pub api_url: String,
    pub delivery_url: String,
    pub console_url: Option<String>,
    pub metrics_url: String,
    pub docs_url: String,
    pub ca_certificate: PathBuf,
    pub account_id: String,
    pub provisioning_api_key: String,
    pub provisioning_api_secret: String,
    pub cloud_name: String,
    pub api_key: String,
    pub api_secret: String,
    pub upload_preset: String,
    pub cloudinary_url: String,
    pub cloudinary_account_url: String,
    pub owner_login_url: Option<String>,
}

/// `safelight dev` in a temporary folder.
pub struct Dev {
    process: Process,
    folder: TempDir,
    settings: Vec<(String, String)>,
    arguments: Vec<String>,
    starts: u32,
    /// What it announced at its last start.
    pub ready: DevReady,
}

impl Dev {
    /// Starts one without samples.
    pub async fn start() -> Self {
        Self::start_with(&["--seed", "none"], &[]).await
    }

    /// Starts one with arguments and settings of the test's own.
    pub async fn start_with(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings: Vec<(String, String)> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let process = Self::launch(folder.path(), &arguments, &settings, 0).await;
        let ready = process.announced();
        Self { process, folder, settings, arguments, starts: 1, ready }
    }

    async fn launch(folder: &Path, arguments: &[String], settings: &[(String, String)], port: u16) -> Process {
        let mut command = command(folder);
        command.args(["dev", "--json", "--port", &port.to_string(), "--data"]).arg(folder.join("data"));
        command.args(arguments).envs(settings.iter().cloned());
        Process::start(command, folder, "dev").await
    }

    /// Starts it again on the same data and port after it ended.
    pub async fn restart(&mut self) {
        assert!(!self.process.is_running(), "it still runs");
        self.process = Self::launch(self.folder.path(), &self.arguments, &self.settings, self.ready.port).await;
        self.ready = self.process.announced();
        self.starts += 1;
    }

    /// Adds settings for the next start.
    pub fn set(&mut self, settings: &[(&str, &str)]) {
        self.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The folder that it runs in; its data are in `data` below.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How often it was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// A client with the key of the first product environment.
    pub fn tenant(&self) -> Tenant {
        Tenant::new(
            &self.ready.api_url,
            &self.ready.delivery_url,
            &self.ready.cloud_name,
            &self.ready.api_key,
            &self.ready.api_secret,
        )
    }

    /// A client of the provisioning API for the account.
    pub fn account(&self) -> Account {
        let ready = &self.ready;
        let (key, secret) = (&ready.provisioning_api_key, &ready.provisioning_api_secret);
        Account::new(&ready.api_url, &ready.account_id, key, secret)
    }

    /// Changes settings of the first product environment.
    pub async fn set_environment(&self, settings: Value) -> Value {
        let account = self.account();
        let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
        let id = environments["sub_accounts"][0]["id"].as_str().expect("an id");
        account.call(Method::PUT, &format!("sub_accounts/{id}/settings"), Some(settings)).await.ok()
    }

    /// The value of a metric, summed over those of its label sets that hold all of `labels` (as in `outcome="stored"`).
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        metric(&self.ready.metrics_url, name, labels).await
    }
}

/// Reads a metric from a `/metrics` address.
pub async fn metric(url: &str, name: &str, labels: &[&str]) -> f64 {
    let text = reqwest::get(url).await.expect("metrics answer").text().await.expect("metrics are text");
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let fitting = lines.filter(|rest| rest.starts_with([' ', '{']) && labels.iter().all(|label| rest.contains(label)));
    fitting.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
