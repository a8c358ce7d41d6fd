//! A PostgreSQL of the test's own: made in a temporary folder, reached through a socket in it, gone at the end.

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{children, eventually};

const START_LIMIT: Duration = Duration::from_secs(30);

/// A running cluster with one database.
pub struct Postgres {
    server: Child,
    folder: TempDir,
}

impl Postgres {
    /// Makes and starts a cluster. Needs the server programs of a PostgreSQL; Debian's package `postgresql` brings them.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a temporary folder");
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).expect("root can give a folder away");
        }
        let data = folder.path().join("data");
        let output = as_owner(&programs().join("initdb"), owner)
            .arg("-D")
            .arg(&data)
            .args(["-U", "safelight", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .current_dir(folder.path())
            .output()
            .expect("initdb starts");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let log = std::fs::File::create(folder.path().join("log")).expect("the log can be made");
        // What is killed in these tests is Safelight, never the database, so its own safety would only cost time.
        let mut command = as_owner(&programs().join("postgres"), owner);
        command
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "max_connections=60", "-c", "shared_buffers=32MB"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        // SIGQUIT is PostgreSQL's word for ending at once.
        let server = children::spawn(command, libc::SIGQUIT).expect("postgres starts");
        let mut cluster = Self { server, folder };
        eventually("a PostgreSQL that takes connections", START_LIMIT, async || {
            if let Ok(Some(status)) = cluster.server.try_wait() {
                panic!("postgres ended ({status}): {}", cluster.log());
            }
            cluster.admin("createdb", &["safelight"]).then_some(())
        })
        .await;
        cluster
    }

    /// The address of the database.
    pub fn url(&self) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://safelight@{host}/safelight")
    }

    /// Vacuums and analyses everything, as autovacuum does in its own time.
    pub fn vacuum(&self) {
        assert!(self.admin("vacuumdb", &["--analyze", "--quiet", "safelight"]), "vacuumdb: {}", self.log());
    }

    fn admin(&self, program: &str, arguments: &[&str]) -> bool {
        let output = Command::new(programs().join(program))
            .arg("-h")
            .arg(self.folder.path())
            .args(["-U", "safelight"])
            .args(arguments)
            .output();
        output.is_ok_and(|output| output.status.success())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SAFETY: sends a signal to a process that this harness started; no memory is involved.
        unsafe { libc::kill(self.server.id() as i32, libc::SIGQUIT) };
        let _ = self.server.wait();
    }
}

/// The folder of the newest server programs.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|entry| entry.path().join("bin")).filter(|folder| folder.join("initdb").is_file());
    let version = |folder: &PathBuf| -> u32 {
        let name = folder.parent().and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().parse().unwrap_or_default()
    };
    folders
        .max_by_key(version)
        .expect("PostgreSQL's server programs are installed (Debian: apt-get install postgresql)")
}

/// PostgreSQL refuses to run as root, so root lends the cluster to the user `postgres`, which its package made.
fn owner() -> Option<(u32, u32)> {
    // SAFETY: asks for a number; no memory is involved.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the list of users is readable");
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("the user `postgres` exists");
    let mut ids = line.split(':').skip(2).map(|id| id.parse().expect("user and group are numbers"));
    Some((ids.next().expect("a user id"), ids.next().expect("a group id")))
}

fn as_owner(program: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}
