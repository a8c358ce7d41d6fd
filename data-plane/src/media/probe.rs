//! ffprobe, which looks into sound and moving pictures: a child with a vector of arguments and no shell, that reads one file and nothing
//! else, confined as a render worker is, within limits of time, memory and output.

use std::{fs::File, io, os::fd::AsRawFd, process::Stdio, time::Duration};

use plane_kit::error::{ApiError, ErrorCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{io::AsyncReadExt, process::Command, sync::Semaphore};

use super::facts::{MediaFacts, read};
use crate::render::WorkerCommand;

/// What files may be. Playlists and lists of other files are not among them: those would have other files read.
const FORMATS: &str =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,mp3,wav,w64,flac,aac,asf,aiff,amr,mxf,caf";
/// What is asked for.
const ENTRIES: &str = "format=format_name,duration,bit_rate:format_tags=major_brand:stream=codec_type,codec_name,profile,level,\
    width,height,pix_fmt,avg_frame_rate,r_frame_rate,bit_rate,nb_frames,duration,display_aspect_ratio,time_base,sample_rate,channels,\
    channel_layout:stream_disposition=attached_pic:stream_tags=rotate:stream_side_data=rotation";
/// Longest answer in bytes.
const ANSWER: u64 = 1 << 20;
/// How a child ends that could not become ffprobe, as shells have it.
pub const NOT_STARTED: u8 = 127;

/// How files with sound and moving pictures are looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// The program, by its name on the path or by its place.
    pub ffprobe: String,
    /// How long it may take for one file, in milliseconds.
    pub probe_timeout_ms: u64,
    /// How many may run at once.
    pub probes_at_once: usize,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self { ffprobe: "ffprobe".into(), probe_timeout_ms: 15_000, probes_at_once: 4 }
    }
}

impl MediaConfig {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self { ffprobe, .. } if ffprobe.is_empty() => Err("media.ffprobe must name a program".into()),
            Self { probe_timeout_ms: 0, .. } => Err("media.probe_timeout_ms must be at least 1".into()),
            Self { probes_at_once: 0 | 1001.., .. } => Err("media.probes_at_once must be between 1 and 1000".into()),
            _ => Ok(()),
        }
    }
}

/// Why nothing is known of a file.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It is none of the containers, or it is damaged.
    #[error("Unsupported video format or file")]
    Refused,
    /// Too many others are looked into.
    #[error("too many files are being looked into")]
    Busy,
    /// It took too long.
    #[error("the file could not be looked into in time")]
    TimedOut,
    /// The program does not start.
    #[error("{program} does not start")]
    Unavailable {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
}

impl From<ProbeError> for ApiError {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Refused => Self::new(ErrorCode::InvalidFile, error.to_string()),
            ProbeError::Busy => {
                Self::new(ErrorCode::Busy, "Too many videos are being looked into; try again").with_retry_after(5)
            }
            ProbeError::TimedOut => {
                Self::new(ErrorCode::InvalidFile, "Unsupported video format or file: it takes too long to look into")
            }
            ProbeError::Unavailable { .. } => Self::unavailable("Video and audio cannot be looked into now", 30)
                .with_operator_text(plane_kit::error::chain(&error)),
        }
    }
}

/// Looks into files, so many at once.
#[derive(Debug)]
pub struct MediaProbe {
    config: MediaConfig,
    confined: WorkerCommand,
    room: Semaphore,
}

impl MediaProbe {
    /// Nothing is started before there is a file. `confined` is a program that confines itself and becomes the one that its further
    /// arguments name, or ends with [`NOT_STARTED`].
    pub fn new(config: MediaConfig, confined: WorkerCommand) -> Self {
        let room = Semaphore::new(config.probes_at_once);
        Self { config, confined, room }
    }

    /// Whether the program starts, and which version it is.
    pub async fn version(&self) -> Result<String, ProbeError> {
        let output =
            Command::new(&self.config.ffprobe).arg("-version").stdin(Stdio::null()).kill_on_drop(true).output();
        let limit = Duration::from_millis(self.config.probe_timeout_ms);
        let output = tokio::time::timeout(limit, output).await.map_err(|_| ProbeError::TimedOut)?;
        let output = output.map_err(|source| self.unavailable(source))?;
        if !output.status.success() {
            return Err(self.unavailable(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().split(" Copyright").next().unwrap_or_default().to_owned())
    }

    /// The format of a file and what is known of it. `head` are its first bytes, `extension` that of its name.
    pub async fn probe(
        &self,
        file: &File,
        head: &[u8],
        extension: Option<&str>,
    ) -> Result<(String, MediaFacts), ProbeError> {
        let limit = Duration::from_millis(self.config.probe_timeout_ms);
        let place = tokio::time::timeout(limit, self.room.acquire()).await;
        let _place = place.ok().and_then(Result::ok).ok_or(ProbeError::Busy)?;
        let answer = tokio::time::timeout(limit, self.ask(file)).await.map_err(|_| ProbeError::TimedOut)??;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| ProbeError::Refused)?;
        read(&answer, head, extension).ok_or(ProbeError::Refused)
    }

    async fn ask(&self, file: &File) -> Result<Vec<u8>, ProbeError> {
        let failed = |source| self.unavailable(source);
        // The file has no name; its descriptor is opened anew, so that it can be read from any place, moves nobody else's, and writes nothing.
        let stdin = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(failed)?;
        let mut child = Command::new(&self.confined.program)
            .args(&self.confined.args)
            .arg(&self.config.ffprobe)
            .args(["-v", "error", "-hide_banner", "-of", "json", "-show_entries", ENTRIES])
            .args(["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i", "file:/dev/fd/0"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut answer = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(ANSWER).read_to_end(&mut answer).await.map_err(failed)?;
        }
        match child.wait().await.map_err(failed)?.code() {
            Some(0) => Ok(answer),
            Some(code) if code == i32::from(NOT_STARTED) => Err(self.unavailable(io::ErrorKind::NotFound.into())),
            _ => Err(ProbeError::Refused),
        }
    }

    fn unavailable(&self, source: io::Error) -> ProbeError {
        ProbeError::Unavailable { program: self.config.ffprobe.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        assert_eq!(MediaConfig::default().validate(), Ok(()));
        for config in [
            MediaConfig { ffprobe: String::new(), ..MediaConfig::default() },
            MediaConfig { probe_timeout_ms: 0, ..MediaConfig::default() },
            MediaConfig { probes_at_once: 0, ..MediaConfig::default() },
        ] {
            assert!(config.validate().unwrap_err().starts_with("media."), "{config:?}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_our_fault_and_no_file_s() {
        let nowhere = WorkerCommand { program: "/nowhere/safelight".into(), args: Vec::new(), library_folder: None };
        let probe = MediaProbe::new(MediaConfig::default(), nowhere);
        let file = tempfile::tempfile().unwrap();
        let error = ApiError::from(probe.probe(&file, b"", None).await.unwrap_err());
        assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
    }
}
