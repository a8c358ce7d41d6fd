//! Figures of memory: the most that is held at once, and whether what is held grows.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use futures::StreamExt;
use safelight_tests::harness::{
    client::Tenant,
    process::{Peak, Sampler},
    server::{self, Dev},
};

use super::{PHOTOS_A_ROUND, ROUNDS, THUMBNAIL, upload_all};

/// Requests under way at once while memory is measured.
const CONCURRENT: usize = 8;
/// How long the server works until it counts as warm, and how long it works from then on.
const WARM: Duration = Duration::from_secs(180);
const LONG: Duration = Duration::from_secs(600);
/// What the server may keep of results, small enough to be full when it is warm.
const CACHE: &str = "SAFELIGHT_DELIVERY__MEMORY_CACHE_BYTES";
const KEPT: &str = "8000000";

/// Figure 4: the most memory that the process tree holds while pictures are made.
pub async fn memory(photos: &[PathBuf], settings: &[(&str, &str)]) {
    let server = Dev::start_with(&[], settings).await;
    let tenant = server.tenant();
    let names = upload_all(&tenant, &photos[..ROUNDS * PHOTOS_A_ROUND / 2]).await;
    let sampler = Sampler::start(server.ready.pid);
    let requests = futures::stream::iter(&names).map(|name| {
        let path = format!("image/upload/{THUMBNAIL}/{name}.jpg");
        let tenant = &tenant;
        async move { tenant.fetch(&path).await.delivered().len() }
    });
    let made = requests.buffer_unordered(CONCURRENT).count().await;
    let peak = sampler.finish();
    let shown = server::run(server.folder(), &["config", "show"], &[]).stdout;
    let settings =
        shown.lines().filter(|line| line.contains("workers") || line.contains("cache") || line.contains("queue"));
    println!("\n4. {made} pictures at {CONCURRENT} concurrent requests: peak of the tree's proportional set size");
    println!(
        "   {:.0} MB in {} processes, {:.1} MB of it in memory files that nobody maps; wanted at most 150 MB",
        peak.megabytes, peak.processes, peak.unmapped_megabytes
    );
    println!(
        "   {} cores; {}",
        std::thread::available_parallelism().map_or(1, usize::from),
        settings.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
    );
}

/// The memory that is held after a while of work, and after ten more minutes of it.
pub async fn growth(photos: &[PathBuf], settings: &[(&str, &str)]) {
    let settings: Vec<(&str, &str)> = settings.iter().copied().chain([(CACHE, KEPT)]).collect();
    let server = Dev::start_with(&[], &settings).await;
    let tenant = server.tenant();
    let names = upload_all(&tenant, &photos[..PHOTOS_A_ROUND * 2]).await;
    let mut asked = work(&tenant, &names, 0, WARM).await;
    let warm = at_rest(&server).await;
    asked = work(&tenant, &names, asked, LONG).await;
    let after = at_rest(&server).await;
    println!(
        "\n   memory of the tree at rest after {} and {} more minutes, {asked} pictures in all",
        WARM.as_secs() / 60,
        LONG.as_secs() / 60
    );
    println!(
        "   {:.1} MB and {:.1} MB: {:+.1} percent, wanted at most +1",
        warm.megabytes,
        after.megabytes,
        (after.megabytes / warm.megabytes - 1.0) * 100.0
    );
}

/// Asks for pictures that nobody has asked for before, several at once, for a time. Answers how many were asked for, with those before.
async fn work(tenant: &Tenant, names: &[String], before: usize, time: Duration) -> usize {
    let until = Instant::now() + time;
    let numbers = (before..).take_while(|_| Instant::now() < until);
    let requests = futures::stream::iter(numbers).map(|number| async move {
        let (name, side) = (&names[number % names.len()], 300 + number / names.len());
        tenant.fetch(&format!("image/upload/c_limit,h_{side},q_80,w_{side}/{name}.jpg")).await.delivered();
    });
    before + requests.buffer_unordered(CONCURRENT).count().await
}

/// What is held a moment after the last request.
async fn at_rest(server: &Dev) -> Peak {
    tokio::time::sleep(Duration::from_secs(5)).await;
    let sampler = Sampler::start(server.ready.pid);
    tokio::time::sleep(Duration::from_millis(200)).await;
    sampler.finish()
}
