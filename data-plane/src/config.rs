//! Settings of a data plane. Each room owns a struct; every key has a default.

use serde::{Deserialize, Serialize};

/// Which region this is and where its control plane is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegionConfig {
    /// Name of the region, lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Database of the region, `sqlite://PATH` or `postgres://…`; empty means a SQLite file in the data folder.
    pub database_url: String,
    /// Address of the control plane, as in `http://control:7780`.
    pub control_url: String,
    /// The region's token, as `region add` printed it.
    pub token: String,
    /// The region's sealing key, 64 hexadecimal digits, as `region add` printed it.
    pub region_key: String,
    /// The control plane's snapshot key that this region trusts, 64 hexadecimal digits, as `region add` printed it.
    pub trusted_key: String,
    /// Wrong credentials from one address in a second; right ones are never counted. 0 switches the class off.
    pub failed_attempts_per_second: u32,
    /// Wrong credentials from one address at once.
    pub failed_attempts_burst: u32,
}

impl Default for RegionConfig {
    fn default() -> Self {
        Self {
            name: "default".into(),
            database_url: String::new(),
            control_url: String::new(),
            token: String::new(),
            region_key: String::new(),
            trusted_key: String::new(),
            failed_attempts_per_second: 1,
            failed_attempts_burst: 20,
        }
    }
}

impl RegionConfig {
    /// Checks what can be checked without asking anybody.
    pub fn validate(&self) -> Result<(), String> {
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if self.name.is_empty() || !self.name.bytes().all(is_name) {
            return Err(format!("region.name must be lower-case letters, digits, `-` and `_`, not `{}`", self.name));
        }
        Ok(())
    }
}

/// Where objects are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StorageConfig {
    /// `fs`, `s3`, `gcs` or `memory` (for tests; nothing survives).
    pub backend: String,
    /// Folder of the `fs` backend, or prefix within the bucket; empty means `objects` in the data folder, or no prefix.
    pub root: String,
    /// Bucket of `s3` and `gcs`.
    pub bucket: String,
    /// Endpoint of an S3-compatible server; empty means the provider's own.
    pub endpoint: String,
    /// Region of the bucket, for `s3`.
    pub bucket_region: String,
    /// Access key id, for `s3`; empty means the environment's own credentials.
    pub access_key_id: String,
    /// Secret access key, for `s3`.
    pub access_key_secret: String,
    /// How many object operations may be under way at once.
    pub concurrency: usize,
    /// How long one object operation may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            backend: "fs".into(),
            root: String::new(),
            bucket: String::new(),
            endpoint: String::new(),
            bucket_region: "auto".into(),
            access_key_id: String::new(),
            access_key_secret: String::new(),
            concurrency: 256,
            timeout_ms: 60_000,
        }
    }
}

impl StorageConfig {
    /// Checks that the backend is known and has what it needs.
    pub fn validate(&self) -> Result<(), String> {
        match self.backend.as_str() {
            "fs" | "memory" => {}
            "s3" | "gcs" if self.bucket.is_empty() => {
                return Err(format!("storage.bucket must be set for the backend `{}`", self.backend));
            }
            "s3" | "gcs" => {}
            other => return Err(format!("storage.backend must be fs, s3, gcs or memory, not `{other}`")),
        }
        if self.concurrency == 0 {
            return Err("storage.concurrency must be at least 1".into());
        }
        Ok(())
    }
}

/// How renditions leave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryConfig {
    /// Address under which clients reach delivery, without the cloud name, as in `https://media.example.com`; answers carry
    /// links that begin with it. Empty means the address that the process listens on.
    pub public_url: String,
    /// Bytes of renditions kept in memory.
    pub memory_cache_bytes: u64,
    /// How long an asset's row may be remembered, in milliseconds; at most 2000.
    pub row_cache_ms: u64,
    /// Days that clients and caches may keep what they got.
    pub max_age_days: u32,
    /// Largest output in pixels, all frames together.
    pub output_pixels: u64,
    /// Longest side of an output in pixels.
    pub output_side: u32,
    /// How long the copy of a fetched file is delivered before its remote server is asked whether it has changed, in seconds.
    pub fetch_keep_seconds: u32,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            memory_cache_bytes: 64 * 1024 * 1024,
            row_cache_ms: 1000,
            max_age_days: 30,
            output_pixels: 50_000_000,
            output_side: 16_384,
            fetch_keep_seconds: 7 * 86_400,
        }
    }
}

impl DeliveryConfig {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), String> {
        if self.row_cache_ms > 2000 {
            return Err("delivery.row_cache_ms must be at most 2000; an overwrite must show within two seconds".into());
        }
        let url = &self.public_url;
        if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!("delivery.public_url must begin with http:// or https://, not `{url}`"));
        }
        if url.ends_with('/') {
            return Err("delivery.public_url must not end with a slash".into());
        }
        Ok(())
    }
}

/// How uploads are taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadConfig {
    /// How many bytes of a file are staged before its credentials have been seen, unless it has a place among the large ones.
    pub unverified_bytes: u64,
    /// How many larger files are staged at once whose credentials come behind them.
    pub unverified_large_files: usize,
    /// How many seconds a signed request stays valid.
    pub signature_age_seconds: i64,
    /// Objects without a row are removed when they are older than this, in seconds.
    pub sweep_grace_seconds: u64,
    /// How long an upload in chunks is kept after its last chunk, in seconds.
    pub chunks_kept_seconds: u32,
    /// How often the sweeper runs, in seconds.
    pub sweep_interval_seconds: u64,
}

impl Default for UploadConfig {
    fn default() -> Self {
        Self {
            unverified_bytes: 20_000_000,
            unverified_large_files: 4,
            signature_age_seconds: 3600,
            sweep_grace_seconds: 3600,
            chunks_kept_seconds: 86_400,
            sweep_interval_seconds: 600,
        }
    }
}

impl UploadConfig {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), String> {
        if self.sweep_interval_seconds == 0 {
            return Err("uploads.sweep_interval_seconds must be at least 1".into());
        }
        if u64::from(self.chunks_kept_seconds) < self.sweep_grace_seconds {
            return Err("uploads.chunks_kept_seconds must be at least uploads.sweep_grace_seconds".into());
        }
        Ok(())
    }
}

/// How usage is summed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MeteringConfig {
    /// Length of a window in seconds.
    pub window_seconds: u64,
    /// How long calls of access keys are counted in memory before they are kept, in seconds.
    pub call_records_seconds: u32,
    /// Rows of one counter file; a full file is followed by another.
    pub counter_slots: u32,
}

impl Default for MeteringConfig {
    fn default() -> Self {
        Self { window_seconds: 10, call_records_seconds: 600, counter_slots: 4096 }
    }
}

impl MeteringConfig {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), String> {
        if self.window_seconds == 0 {
            return Err("metering.window_seconds must be at least 1".into());
        }
        if self.counter_slots < 16 {
            return Err("metering.counter_slots must be at least 16".into());
        }
        Ok(())
    }
}
