//! Both planes as two processes on one database server, brought up from nothing by the program's own commands.

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::{Account, Tenant},
    postgres::Postgres,
    server::{self, Process},
};

/// The region of these tests.
pub const REGION: &str = "here";
/// A key-encryption key, for tests only.
const KEY_ENCRYPTION_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// What `region add` prints.
#[derive(Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract")]
pub struct AddedRegion {
    pub region: String,
    pub token: String,
    pub region_key: String,
    pub trusted_key: String,
}

/// What `account create` prints.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract")]
pub struct CreatedAccount {
    pub account_id: String,
    pub provisioning_api_key: String,
    pub provisioning_api_secret: String,
}

#[derive(Debug, Deserialize)]
struct Ready {
    port: u16,
}

/// A control plane and a data plane on PostgreSQL.
pub struct Planes {
    control: Process,
    data: Process,
    control_port: u16,
    data_port: u16,
    /// The first account.
    pub account: CreatedAccount,
    control_settings: Vec<(String, String)>,
    data_settings: Vec<(String, String)>,
    folder: TempDir,
    // Last, so that the database outlives the servers.
    database: Postgres,
}

impl Planes {
    /// Brings them up: migrations, a region, an account, and the two servers.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Brings them up with settings of the caller's own for the data plane.
    pub async fn start_with_data(settings: &[(&str, &str)]) -> Self {
        let mut planes = Self::start().await;
        if !settings.is_empty() {
            planes.set_data(settings);
            planes.data().stop().await;
            planes.restart_data().await;
        }
        planes
    }

    /// Brings them up with settings of the caller's own for the control plane.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let database = Postgres::start().await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut control_settings = owned(&[
            ("SAFELIGHT_CONTROL__DATABASE_URL", &database.url()),
            ("SAFELIGHT_CONTROL__KEY_ENCRYPTION_KEY", KEY_ENCRYPTION_KEY),
            ("SAFELIGHT_CONTROL__DEFAULT_REGION", REGION),
            ("SAFELIGHT_METERING__WINDOW_SECONDS", "1"),
        ]);
        control_settings.extend(owned(settings));
        let command = |arguments: &[&str], settings: &[(String, String)]| -> String {
            let settings: Vec<(&str, &str)> =
                settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let done = server::run(folder.path(), arguments, &settings);
            assert!(done.status.success(), "safelight {arguments:?}: {}", done.stderr);
            done.stdout
        };
        command(&["migrate"], &control_settings);
        let region: AddedRegion = read(&command(&["region", "add", REGION, "--json"], &control_settings));
        assert_eq!(region.region, REGION);
        let account: CreatedAccount =
            read(&command(&["account", "create", "--name", "First", "--json"], &control_settings));

        let control = launch_control(&folder, &control_settings, 0).await;
        let control_port = control.announced::<Ready>().port;
        let data_settings = owned(&[
            ("SAFELIGHT_REGION__DATABASE_URL", &database.url()),
            ("SAFELIGHT_REGION__CONTROL_URL", &format!("http://127.0.0.1:{control_port}")),
            ("SAFELIGHT_REGION__TOKEN", &region.token),
            ("SAFELIGHT_REGION__REGION_KEY", &region.region_key),
            ("SAFELIGHT_REGION__TRUSTED_KEY", &region.trusted_key),
            ("SAFELIGHT_METERING__WINDOW_SECONDS", "1"),
        ]);
        let data = launch_data(&folder, &data_settings, 0).await;
        let data_port = data.announced::<Ready>().port;
        Self { control, data, control_port, data_port, account, control_settings, data_settings, folder, database }
    }

    /// The control plane's process.
    pub fn control(&mut self) -> &mut Process {
        &mut self.control
    }

    /// The data plane's process.
    pub fn data(&mut self) -> &mut Process {
        &mut self.data
    }

    /// The data plane's data folder.
    pub fn data_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The database.
    pub fn database(&self) -> &Postgres {
        &self.database
    }

    /// Starts the control plane again, on the same port.
    pub async fn restart_control(&mut self) {
        self.control = launch_control(&self.folder, &self.control_settings, self.control_port).await;
    }

    /// Starts the data plane again, on the same port.
    pub async fn restart_data(&mut self) {
        self.data = launch_data(&self.folder, &self.data_settings, self.data_port).await;
    }

    /// Adds settings for the data plane's next start.
    pub fn set_data(&mut self, settings: &[(&str, &str)]) {
        self.data_settings.extend(owned(settings));
    }

    /// Runs a command of the program with the control plane's settings.
    pub fn control_command(&self, arguments: &[&str]) -> server::Finished {
        let settings: Vec<(&str, &str)> =
            self.control_settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        server::run(self.folder.path(), arguments, &settings)
    }

    /// The control plane's address.
    pub fn control_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.control_port)
    }

    /// The data plane's address.
    pub fn data_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.data_port)
    }

    /// A client of the Provisioning API for an account.
    pub fn provisioning(&self, account: &CreatedAccount) -> Account {
        Account::new(
            &self.control_url(),
            &account.account_id,
            &account.provisioning_api_key,
            &account.provisioning_api_secret,
        )
    }

    /// A client of an environment as the Provisioning API described it.
    pub fn tenant(&self, environment: &Value) -> Tenant {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let cloud = text(&environment["cloud_name"]);
        let key = &environment["api_access_keys"][0];
        let delivery = format!("{}/{cloud}", self.data_url());
        Tenant::new(&self.data_url(), &delivery, &cloud, &text(&key["key"]), &text(&key["secret"]))
    }
}

/// Reads what a command printed with `--json`.
pub fn read<T: for<'de> Deserialize<'de>>(printed: &str) -> T {
    serde_json::from_str(printed.trim()).unwrap_or_else(|error| panic!("{error} in {printed:?}"))
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn launch_control(folder: &TempDir, settings: &[(String, String)], port: u16) -> Process {
    let mut command = server::command(folder.path());
    command.args(["control-plane", "--json", "--port", &port.to_string()]).envs(settings.iter().cloned());
    Process::start(command, folder.path(), "control-plane").await
}

async fn launch_data(folder: &TempDir, settings: &[(String, String)], port: u16) -> Process {
    let mut command = server::command(folder.path());
    command.args(["data-plane", "--json", "--region", REGION, "--port", &port.to_string(), "--data"]);
    command.arg(folder.path().join("data")).envs(settings.iter().cloned());
    Process::start(command, folder.path(), "data-plane").await
}
