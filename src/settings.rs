//! All settings of the program, one section a room.

use std::path::PathBuf;

use control_plane::ControlConfig;
use data_plane::{
    Settings as DataSettings,
    config::{DeliveryConfig, MeteringConfig, RegionConfig, StorageConfig, UploadConfig},
    jobs::JobsConfig,
    media::probe::MediaConfig,
    notifications::NotificationsConfig,
    outbound::OutboundConfig,
    render::RenderConfig,
};
use plane_kit::{
    config::{ConfigError, Layers},
    telemetry::LogFormat,
};
use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Settings {
    /// HTTP.
    pub http: HttpConfig,
    /// Log.
    pub log: LogConfig,
    /// Data folder.
    pub data: DataConfig,
    /// Control plane.
    pub control: ControlConfig,
    /// Region of a data plane.
    pub region: RegionConfig,
    /// Object store.
    pub storage: StorageConfig,
    /// Delivery.
    pub delivery: DeliveryConfig,
    /// Uploads.
    pub uploads: UploadConfig,
    /// What is reached outside.
    pub outbound: OutboundConfig,
    /// What is carried out later.
    pub jobs: JobsConfig,
    /// Notifications.
    pub notifications: NotificationsConfig,
    /// Counting.
    pub metering: MeteringConfig,
    /// Render workers.
    pub render: RenderConfig,
    /// Sound and moving pictures.
    pub media: MediaConfig,
}

/// How the process listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HttpConfig {
    /// Address.
    pub bind: String,
    /// Port; 0 picks a free one.
    pub port: u16,
    /// HTTP worker threads; 0 means one a core.
    pub workers: usize,
    /// How long a drain waits for answers under way, in seconds.
    pub drain_seconds: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { bind: "127.0.0.1".into(), port: 7788, workers: 0, drain_seconds: 30 }
    }
}

/// What is logged and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// Which events, as in `info,data_plane=debug`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,sea_orm_migration=warn,actix_server=warn".into() }
    }
}

/// Where the node keeps its own files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DataConfig {
    /// The data folder, used by one process at a time.
    pub folder: String,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { folder: ".safelight".into() }
    }
}

impl Settings {
    /// Checks every section.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.control.validate()?;
        let sections = [
            self.region.validate(),
            self.storage.validate(),
            self.delivery.validate(),
            self.uploads.validate(),
            self.outbound.validate(),
            self.jobs.validate(),
            self.notifications.validate(self.outbound.idle_ms),
            self.metering.validate(),
            self.render.validate(),
            self.media.validate(),
        ];
        sections.into_iter().collect::<Result<(), String>>().map_err(ConfigError::Invalid)
    }

    /// HTTP worker threads.
    pub fn http_workers(&self) -> usize {
        match self.http.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }

    /// The data folder.
    pub fn data_folder(&self) -> PathBuf {
        PathBuf::from(&self.data.folder)
    }

    /// The sections of a data plane.
    pub fn data_plane(&self) -> DataSettings {
        DataSettings {
            region: self.region.clone(),
            storage: self.storage.clone(),
            delivery: self.delivery.clone(),
            uploads: self.uploads.clone(),
            outbound: self.outbound.clone(),
            jobs: self.jobs.clone(),
            notifications: self.notifications.clone(),
            metering: self.metering.clone(),
            render: self.render.clone(),
            media: self.media.clone(),
        }
    }
}

/// What may stand with every command and says where settings come from.
#[derive(Debug, Default, clap::Args)]
pub struct Given {
    /// Configuration file (TOML); the environment (`SAFELIGHT_…`) and flags win over it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder. Commands on an installation take the one that a `safelight dev` has there, unless a control database is configured
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
}

/// What a command says for itself: defaults of its own, and flags.
#[derive(Default)]
pub struct Says {
    defaults: Vec<(&'static str, serde_json::Value)>,
    flags: Vec<(&'static str, &'static str, serde_json::Value)>,
}

impl Says {
    /// A default that this command has instead of the usual one.
    pub fn preset(mut self, key: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.defaults.push((key, value.into()));
        self
    }

    /// A flag, if it was given.
    pub fn flag<T: Into<serde_json::Value>>(mut self, flag: &'static str, key: &'static str, value: Option<T>) -> Self {
        self.flags.extend(value.map(|value| (flag, key, value.into())));
        self
    }
}

/// Lays defaults, file, environment and flags on each other.
pub fn layers(given: Given, says: Says) -> Result<Layers, ConfigError> {
    let mut layers = Layers::new::<Settings>()?;
    for (key, value) in &says.defaults {
        layers.preset(key, value.clone())?;
    }
    if let Some(file) = given.config {
        layers.file(&file)?;
    }
    let tests_and_tools = ["SAFELIGHT_BIN", "SAFELIGHT_REFRESH"];
    let variables = std::env::vars()
        .filter(|(name, _)| !tests_and_tools.contains(&name.as_str()) && !name.starts_with("SAFELIGHT_TEST_"));
    layers.environment(variables)?;
    for (flag, key, value) in says.flag("--data", "data.folder", given.data).flags {
        layers.flag(flag, key, value)?;
    }
    Ok(layers)
}

/// The checked settings.
pub fn load(given: Given, says: Says) -> Result<Settings, ConfigError> {
    let settings: Settings = layers(given, says)?.finish()?;
    settings.validate()?;
    Ok(settings)
}
