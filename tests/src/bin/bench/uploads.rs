//! Figures of durable uploads beside a loop that keeps the same bytes and does nothing else.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use futures::{StreamExt, stream};
use safelight_tests::harness::{client::Tenant, pictures, process::Sampler, server::Dev};

use super::{PHOTOS_A_ROUND, ROUNDS, median, spread};

/// Small pictures of which memory is measured: those after which it should not grow any more, and all.
const SETTLED: usize = 1_000;
const SMALL: usize = 10_000;
/// Bytes of a part of the large file, and how many parts it has.
const PART: usize = 20_000_000;
const PARTS: usize = 100;
/// How many uploads are under way at once, in turn.
const AT_ONCE: [usize; 2] = [1, 4];

/// Figure 9: photos that are uploaded and synced, beside a loop that writes, syncs and renames them.
pub async fn uploads(photos: &[PathBuf]) {
    println!("\n9. durable uploads, beside a loop that writes, syncs and renames the same bytes");
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let tenant = server.tenant();
    let bare = tempfile::tempdir().expect("a folder");
    for at_once in AT_ONCE {
        let (mut loops, mut uploads, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for (round, photos) in photos.chunks(PHOTOS_A_ROUND).take(ROUNDS).enumerate() {
            let bodies: Vec<Vec<u8>> = photos.iter().map(|path| std::fs::read(path).expect("a photo")).collect();
            let kept = keep(bare.path(), &bodies, at_once);
            let uploaded = upload(&tenant, bodies, at_once, &format!("{at_once}-{round}")).await;
            loops.push(kept);
            uploads.push(uploaded);
            ratios.push(uploaded / kept);
        }
        println!(
            "   {at_once} at once: {:.1} a second, the loop {:.1}, ratio {:.3} ({}), wanted at least 0.6",
            median(uploads),
            median(loops),
            median(ratios.clone()),
            spread(&ratios)
        );
    }
}

/// Files a second that a bare loop keeps.
fn keep(folder: &Path, bodies: &[Vec<u8>], at_once: usize) -> f64 {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for (thread, part) in bodies.chunks(bodies.len().div_ceil(at_once)).enumerate() {
            scope.spawn(move || {
                for (index, body) in part.iter().enumerate() {
                    let (staged, named) =
                        (folder.join(format!("{thread}-{index}.part")), folder.join(format!("{thread}-{index}")));
                    let mut file = File::create(&staged).expect("a file");
                    file.write_all(body).expect("it is written");
                    file.sync_all().expect("it is synced");
                    std::fs::rename(&staged, &named).expect("it is named");
                    File::open(folder).and_then(|folder| folder.sync_all()).expect("the folder is synced");
                }
            });
        }
    });
    bodies.len() as f64 / started.elapsed().as_secs_f64()
}

/// Files a second that are uploaded.
async fn upload(tenant: &Tenant, bodies: Vec<Vec<u8>>, at_once: usize, name: &str) -> f64 {
    let count = bodies.len() as f64;
    let started = Instant::now();
    let calls = stream::iter(bodies.into_iter().enumerate()).map(|(index, body)| async move {
        let stored = tenant.upload(body).public_id(&format!("{name}-{index}")).send().await.ok();
        assert!(stored["width"].is_u64(), "{stored}");
    });
    calls.buffer_unordered(at_once).collect::<Vec<()>>().await;
    count / started.elapsed().as_secs_f64()
}

/// Figure 10: memory while many small pictures and one large file are uploaded.
pub async fn memory() {
    println!("\n10. memory of the process tree while {SMALL} small pictures and a file of 2 GB are uploaded");
    let limit = [("SAFELIGHT_CONTROL__LIMITS__UPLOAD_BYTES", "4000000000")];
    let server = Dev::start_with(&["--seed", "none"], &limit).await;
    let tenant = server.tenant();
    let some: Vec<Vec<u8>> = (0..16).map(pictures::small_jpeg).collect();
    let small = async |range: std::ops::Range<usize>| {
        let bodies = range.clone().map(|at| some[at % some.len()].clone()).collect();
        upload(&tenant, bodies, 4, &format!("small-{}", range.start)).await
    };
    let sampler = Sampler::start(server.ready.pid);
    small(0..SETTLED).await;
    let settled = sampler.finish().megabytes;
    let sampler = Sampler::start(server.ready.pid);
    small(SETTLED..SMALL).await;
    let all = sampler.finish().megabytes;
    println!(
        "   small: {settled:.0} MB up to the first {SETTLED}, {all:.0} MB after them, growth {:.1} %, wanted at most 5 %",
        (all / settled - 1.0) * 100.0
    );
    let sampler = Sampler::start(server.ready.pid);
    for part in 0..PARTS {
        let first = part * PART;
        let range = format!("bytes {first}-{}/{}", first + PART - 1, PART * PARTS);
        let bytes = vec![u8::try_from(part).expect("a small number"); PART];
        let sent = tenant.upload(bytes).action("raw/upload").public_id("large");
        sent.header("x-unique-upload-id", "large").header("content-range", &range).send().await.ok();
    }
    let large = sampler.finish().megabytes;
    let part = PART as f64 / 1e6;
    println!(
        "   large: {large:.0} MB, {:+.0} MB beside the small ones, wanted at most a part ({part:.0} MB)",
        large - all
    );
}
