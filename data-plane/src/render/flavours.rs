//! Two pools behind one face: workers may use another build of libvips than the system's, one that is faster and reads fewer formats. What it
//! does not read goes to a worker with the system's, which is started when the first such file comes.

use std::{
    io,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use transform::{
    analysis::Analysis,
    container,
    facts::Rectangle,
    plan::{Measure, Plan},
    protocol::TELL_LIBRARY,
    source::{Format, SourceMeta},
};

use super::{
    RenderConfig, RenderError, RenderPool, RenderStats, Rendition, SourceFile, TenantTag, WorkerCommand,
    memory::HEAD_BYTES,
};

/// Formats that only the system's library reads.
const ONLY_SYSTEM: [Format; 3] = [Format::Heic, Format::Jxl, Format::Pdf];

/// The names under which programs ask for libvips and for what it brings along. All three have to be of one build.
const LIBRARIES: [&str; 3] = ["libvips.so.42", "libglib-2.0.so.0", "libgobject-2.0.so.0"];

/// Render workers, by what they read.
#[derive(Debug)]
pub struct Renderers {
    usual: RenderPool,
    /// For what the usual ones do not read, where they use another library.
    system: Option<RenderPool>,
}

impl Renderers {
    /// Starts the workers, once their library has started.
    ///
    /// # Errors
    /// When the folder of the settings holds no such library, or the library cannot be started.
    pub fn start(config: RenderConfig, command: WorkerCommand) -> io::Result<Self> {
        let Some(folder) = config.libvips_folder.clone() else {
            tracing::info!(version = version(&command)?, "render workers use the system's libvips");
            return Ok(Self { usual: RenderPool::start(config, command)?, system: None });
        };
        check(&folder)?;
        let special = WorkerCommand { library_folder: Some(folder), ..command.clone() };
        tracing::info!(version = version(&special)?, "render workers use a libvips of their own");
        let others = RenderConfig { starts_when_asked: true, ..config.clone() };
        Ok(Self { usual: RenderPool::start(config, special)?, system: Some(RenderPool::start(others, command)?) })
    }

    /// Jobs that wait for a worker.
    pub fn queue_len(&self) -> u64 {
        self.sum(|stats| &stats.queue_len)
    }

    /// How many workers have ended since the start, by why.
    pub fn ended(&self) -> [(&'static str, u64); 5] {
        [
            ("crashed", self.sum(|stats| &stats.crashed)),
            ("timed_out", self.sum(|stats| &stats.timed_out)),
            ("costly", self.sum(|stats| &stats.costly)),
            ("recycled", self.sum(|stats| &stats.recycled)),
            ("start_failed", self.sum(|stats| &stats.start_failed)),
        ]
    }

    fn sum(&self, number: impl Fn(&RenderStats) -> &AtomicU64) -> u64 {
        let pools = [Some(&self.usual), self.system.as_ref()];
        pools.into_iter().flatten().map(|pool| number(&pool.stats()).load(Relaxed)).sum()
    }

    fn of(&self, format: Option<Format>) -> &RenderPool {
        match &self.system {
            Some(system) if format.is_some_and(|format| ONLY_SYSTEM.contains(&format)) => system,
            _ => &self.usual,
        }
    }

    fn of_source(&self, source: &SourceFile) -> &RenderPool {
        match self.system {
            None => &self.usual,
            Some(_) => {
                let mut head = [0; HEAD_BYTES];
                // What cannot be read is refused by whichever worker gets it.
                let length = source.head(&mut head).unwrap_or(0);
                self.of(container::sniff(&head[..length]))
            }
        }
    }

    /// As [`RenderPool::render`].
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn render(
        &self,
        tenant: TenantTag,
        cost: u64,
        plan: Plan,
        source: SourceFile,
    ) -> Result<Rendition, RenderError> {
        self.of(Some(plan.decode.format)).render(tenant, cost, plan, source).await
    }

    /// As [`RenderPool::measure`].
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn measure(
        &self,
        tenant: TenantTag,
        cost: u64,
        measure: Measure,
        source: SourceFile,
    ) -> Result<(Option<Rectangle>, Duration), RenderError> {
        self.of(Some(measure.decode.format)).measure(tenant, cost, measure, source).await
    }

    /// As [`RenderPool::probe`].
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn probe(&self, tenant: TenantTag, source: SourceFile) -> Result<SourceMeta, RenderError> {
        self.of_source(&source).probe(tenant, source).await
    }

    /// As [`RenderPool::describe`].
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn describe(&self, tenant: TenantTag, cost: u64, source: SourceFile) -> Result<Analysis, RenderError> {
        self.of_source(&source).describe(tenant, cost, source).await
    }

    /// As [`RenderPool::shutdown`].
    pub async fn shutdown(&self) {
        self.usual.shutdown().await;
        if let Some(system) = &self.system {
            system.shutdown().await;
        }
    }
}

/// Looks whether a folder holds a whole library. Were one of the three the system's, workers would die without a word.
fn check(folder: &Path) -> io::Result<()> {
    match LIBRARIES.iter().find(|name| !folder.join(name).exists()) {
        None => Ok(()),
        Some(name) => {
            let text = format!("render.libvips_folder: {} has no {name}", folder.display());
            Err(io::Error::new(io::ErrorKind::NotFound, text))
        }
    }
}

/// Asks a worker's library for its version.
fn version(command: &WorkerCommand) -> io::Result<String> {
    let mut asking = Command::new(&command.program);
    command.give_library(asking.args(&command.args).arg(TELL_LIBRARY));
    let output = asking.output()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !version.is_empty() {
        return Ok(version);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("libvips does not start ({}): {said}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_whole_library_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LIBRARIES[0]), "").unwrap();
        let error = check(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("render.libvips_folder: ") && error.ends_with("has no libglib-2.0.so.0"), "{error}");
    }

    #[test]
    fn a_program_that_tells_no_version_is_no_worker() {
        let command = WorkerCommand { program: "/bin/false".into(), args: Vec::new(), library_folder: None };
        assert!(version(&command).unwrap_err().to_string().starts_with("libvips does not start"));
    }
}
