//! The figures of Safelight beside those of a program that does only the one thing, measured in one run on one machine.
//!
//! Absolute numbers depend on the machine and on what else it does; the ratios hardly do, because both sides of each are
//! measured in turn. `./scripts/bench` builds what is needed and starts this.
#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]

mod assets;
mod calibration;
mod decision;
mod listing;
mod memory;
mod peers;
mod renditions;
mod similarity;
mod uploads;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use safelight_tests::{
    harness::{
        client::Tenant,
        eventually, pictures,
        process::{self, cpu_seconds},
        server::Dev,
    },
    workspace,
};

/// A folder of JPEG files to take instead of drawn ones.
const OWN_PHOTOS: &str = "SAFELIGHT_BENCH_PHOTOS";
/// A folder with a build of libvips for the render workers, as `scripts/libvips` brings it.
const LIBVIPS: &str = "SAFELIGHT_BENCH_LIBVIPS";
/// Rounds of each comparison; the median is reported.
const ROUNDS: usize = 6;
/// Byte-distinct photos for each round of the first figure: 120 in all.
const PHOTOS_A_ROUND: usize = 20;
/// The rendition that the first figure asks for.
const THUMBNAIL: &str = "c_limit,h_512,w_512,q_80";
/// How long each load run takes.
const LOAD: &str = "5s";
/// Connections of the load generator.
const CONNECTIONS: &str = "32";
/// The size of the body of a hit.
const HIT_BYTES: std::ops::Range<usize> = 34_000..36_500;

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let [command, arguments @ ..] = wanted.as_slice()
        && command == "fill"
    {
        return assets::fill(arguments).await;
    }
    let folder = workspace::target_profile_folder().join("bench-data");
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|figure| figure == name);
    let photos = match ["make", "renditions", "peers", "herd", "memory", "growth", "upload"].into_iter().any(is_wanted)
    {
        true => draw_or_take(&folder),
        false => Vec::new(),
    };
    if !photos.is_empty() {
        println!("{} photos, {:.1} MB on average", photos.len(), average_megabytes(&photos));
    }
    let library = std::env::var(LIBVIPS).ok();
    let settings: Vec<(&str, &str)> =
        library.iter().map(|folder| ("SAFELIGHT_RENDER__LIBVIPS_FOLDER", folder.as_str())).collect();
    if is_wanted("make") {
        make(&photos, &settings).await;
    }
    if is_wanted("renditions") {
        renditions::renditions(&photos, &settings).await;
    }
    // Only where it is asked for by name: it takes longer than all figures, and needs photographs.
    if wanted.iter().any(|figure| figure == "calibrate") {
        let own = std::env::var_os(OWN_PHOTOS).expect("calibrate takes SAFELIGHT_BENCH_PHOTOS");
        calibration::calibration(&jpegs(Path::new(&own)), &settings).await;
    }
    // It installs other servers, one of which takes minutes to build.
    if wanted.iter().any(|figure| figure == "peers") {
        peers::peers(&photos, &settings).await;
    }
    if wanted.iter().any(|figure| figure == "growth") {
        memory::growth(&photos, &settings).await;
    }
    if is_wanted("hit") {
        hit(&folder).await;
    }
    if is_wanted("herd") {
        herd(&photos).await;
    }
    if is_wanted("memory") {
        memory::memory(&photos, &settings).await;
    }
    if is_wanted("start") {
        start().await;
    }
    if is_wanted("decision") {
        decision::decision().await;
    }
    if is_wanted("listing") {
        listing::listing().await;
    }
    if is_wanted("assets") {
        assets::assets().await;
    }
    if is_wanted("upload") {
        uploads::uploads(&photos).await;
    }
    if is_wanted("upload-memory") {
        uploads::memory().await;
    }
}

/// The photos of all figures that take some.
fn draw_or_take(folder: &Path) -> Vec<PathBuf> {
    match std::env::var_os(OWN_PHOTOS) {
        Some(own) => own_photos(Path::new(&own), &folder.join("own-photos")),
        None => photos(&folder.join("photos")),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("{least:.3}–{most:.3}")
}

/// The JPEG files of a folder.
fn jpegs(from: &Path) -> Vec<PathBuf> {
    let is_jpeg = |path: &PathBuf| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jpg"));
    let files = std::fs::read_dir(from).expect("the folder of photos can be read").flatten();
    let mut own: Vec<PathBuf> = files.map(|file| file.path()).filter(is_jpeg).collect();
    own.sort();
    assert!(!own.is_empty(), "no .jpg in {}", from.display());
    own
}

/// The JPEG files of a folder under names of their own, in turn until there are enough.
fn own_photos(from: &Path, folder: &Path) -> Vec<PathBuf> {
    let own = jpegs(from);
    std::fs::create_dir_all(folder).expect("a folder for the photos");
    let paths: Vec<PathBuf> = (0..ROUNDS * PHOTOS_A_ROUND).map(|at| folder.join(format!("{at:03}.jpg"))).collect();
    for (path, photo) in paths.iter().zip(own.iter().cycle()) {
        std::fs::copy(photo, path).expect("a photo is copied");
    }
    paths
}

/// Photos that differ in every byte of their content; made once and kept.
fn photos(folder: &Path) -> Vec<PathBuf> {
    std::fs::create_dir_all(folder).expect("a folder for the photos");
    let paths: Vec<PathBuf> = (0..ROUNDS * PHOTOS_A_ROUND).map(|seed| folder.join(format!("{seed:03}.jpg"))).collect();
    let missing: Vec<(u64, &PathBuf)> = (0..).zip(&paths).filter(|(_, path)| !path.is_file()).collect();
    if !missing.is_empty() {
        println!("drawing {} photos …", missing.len());
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for part in missing.chunks(missing.len().div_ceil(threads).max(1)) {
            scope.spawn(move || {
                for (seed, path) in part {
                    let (width, height) = pictures::CAMERA;
                    let bytes = pictures::jpeg(&pictures::photo(width, height, 1000 + seed));
                    // Renamed when whole, so that an interrupted run leaves no half photo.
                    let partial = path.with_extension("part");
                    std::fs::write(&partial, bytes)
                        .and_then(|()| std::fs::rename(&partial, path))
                        .expect("a photo is kept");
                }
            });
        }
    });
    paths
}

fn average_megabytes(photos: &[PathBuf]) -> f64 {
    let sizes = photos.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len() as f64);
    sizes.sum::<f64>() / photos.len() as f64 / 1e6
}

async fn upload_all(tenant: &Tenant, photos: &[PathBuf]) -> Vec<String> {
    let mut names = Vec::new();
    for path in photos {
        let name = path.file_stem().expect("a photo has a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(path).expect("a photo can be read");
        tenant.upload(bytes).public_id(&name).send().await.ok();
        names.push(name);
    }
    names
}

/// Figure 1: processor time of making a thumbnail through the whole server, beside `vipsthumbnail` over the same files.
async fn make(photos: &[PathBuf], settings: &[(&str, &str)]) {
    let server = Dev::start_with(&[], settings).await;
    let tenant = server.tenant();
    let names = upload_all(&tenant, photos).await;
    let scratch = tempfile::tempdir().expect("a temporary folder");
    // Both have made one picture before the first round, so neither pays for its start in it.
    tenant.fetch("image/upload/c_limit,h_64,w_64/000.jpg").await.delivered();
    vipsthumbnail(&photos[..1], scratch.path());

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut our_likeness, mut their_likeness, mut our_bytes, mut their_bytes) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..ROUNDS {
        let part = round * PHOTOS_A_ROUND..(round + 1) * PHOTOS_A_ROUND;
        let before = cpu_seconds(server.ready.pid);
        let mut made = Vec::new();
        for name in &names[part.clone()] {
            made.push(tenant.fetch(&format!("image/upload/{THUMBNAIL}/{name}.jpg")).await.delivered());
        }
        ours.push((cpu_seconds(server.ready.pid) - before) / PHOTOS_A_ROUND as f64);
        theirs.push(vipsthumbnail(&photos[part.clone()], scratch.path()) / PHOTOS_A_ROUND as f64);
        // One picture a round is compared, because the reference takes longer than everything else here.
        let (photo, own) = (&photos[part.start], &made[0]);
        let name = format!("{}.thumb.jpg", names[part.start]);
        let other = std::fs::read(scratch.path().join(name)).expect("vipsthumbnail wrote its picture");
        let size = pictures::decode(own);
        let reference = similarity::reference(&std::fs::read(photo).expect("a photo"), size.width(), size.height());
        assert_eq!(size.width().max(size.height()), 512);
        our_likeness.push(similarity::ssim(&reference, own));
        their_likeness.push(similarity::ssim(&reference, &other));
        our_bytes += own.len();
        their_bytes += other.len();
    }
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(own, other)| own / other).collect();
    println!("\n1. a 512 px JPEG of a 12-megapixel JPEG: processor seconds a picture, whole process tree");
    println!(
        "   safelight {:.4} ({})   vipsthumbnail {:.4} ({})",
        median(ours.clone()),
        spread(&ours),
        median(theirs.clone()),
        spread(&theirs)
    );
    println!("   ratio {:.3} ({}), wanted at most 0.85", median(ratios.clone()), spread(&ratios));
    println!(
        "   likeness to a full decode with Lanczos (SSIM): safelight {:.4}, vipsthumbnail {:.4}; bytes {} and {}",
        median(our_likeness),
        median(their_likeness),
        our_bytes / ROUNDS,
        their_bytes / ROUNDS
    );
}

/// Runs one `vipsthumbnail` over the files and returns the processor time it used.
fn vipsthumbnail(photos: &[PathBuf], folder: &Path) -> f64 {
    let before = process::children_cpu_seconds();
    let output = Command::new("vipsthumbnail")
        .args(["--size", "512x512", "--output"])
        .arg(folder.join("%s.thumb.jpg[Q=80,strip]"))
        .args(photos)
        .env("VIPS_CONCURRENCY", "1")
        .output()
        .expect("vipsthumbnail runs (Debian: libvips-tools)");
    assert!(output.status.success(), "vipsthumbnail: {}", String::from_utf8_lossy(&output.stderr));
    process::children_cpu_seconds() - before
}

/// What a load run found.
struct Load {
    per_second: f64,
    requests: f64,
}

/// Loads an address from the second core.
fn wrk(url: &str) -> Load {
    let output = Command::new("taskset")
        .args(["-c", "1", "wrk", "-t", "1", "-c", CONNECTIONS, "-d", LOAD, url])
        .output()
        .expect("wrk runs (Debian: wrk)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && !text.contains("Non-2xx") && !text.contains("Socket errors"),
        "wrk {url}: {text}"
    );
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let per_second = text.lines().find_map(|line| number(line.strip_prefix("Requests/sec:")?));
    let requests = text.lines().find_map(|line| number(line.split_once(" requests in")?.0));
    Load { per_second: per_second.expect("wrk says its rate"), requests: requests.expect("wrk says its requests") }
}

/// A quality at which a picture has the size of body that the figure is about.
async fn hit_path(tenant: &Tenant) -> (String, Vec<u8>) {
    for quality in (30..=95).step_by(5) {
        for width in [480, 400, 560, 640] {
            let path = format!("image/upload/c_scale,w_{width}/q_{quality}/hit.jpg");
            let body = tenant.fetch(&path).await.delivered();
            if HIT_BYTES.contains(&body.len()) {
                return (path, body);
            }
        }
    }
    panic!("no rendition of about 35 KB was found");
}

/// Figure 2: cached and counted hits a second, beside nginx with the same body in a file.
async fn hit(folder: &Path) {
    let server = Dev::start_with(&["--seed", "none"], &[("SAFELIGHT_HTTP__WORKERS", "1")]).await;
    let tenant = server.tenant();
    tenant.upload(pictures::jpeg(&pictures::photo(1600, 1200, 3))).public_id("hit").send().await.ok();
    let (path, body) = hit_path(&tenant).await;
    process::pin_to_first_core(server.ready.pid);
    let url = tenant.delivery_url(&path);

    let www = folder.join("nginx");
    let mut nginx = Nginx::start(&www, &body).await;
    let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut our_cost, mut their_cost) = (Vec::new(), Vec::new());
    wrk(&url);
    wrk(&nginx.url);
    let before = tenant.settled_usage().await;
    let mut sent = 0.0;
    for _ in 0..ROUNDS {
        let used = cpu_seconds(server.ready.pid);
        let own = wrk(&url);
        our_cost.push((cpu_seconds(server.ready.pid) - used) / own.requests * 1e6);
        let used = cpu_seconds(nginx.process.id());
        let other = wrk(&nginx.url);
        their_cost.push((cpu_seconds(nginx.process.id()) - used) / other.requests * 1e6);
        sent += own.requests;
        ratios.push(own.per_second / other.per_second);
        ours.push(own.per_second);
        theirs.push(other.per_second);
    }
    nginx.stop();
    let counted = tenant.settled_usage().await.requests - before.requests;
    println!(
        "\n2. a hit with a body of {} bytes, one worker on one core, {CONNECTIONS} connections from the other core",
        body.len()
    );
    println!("   requests a second: safelight {:.0}, nginx {:.0}", median(ours), median(theirs));
    println!("   ratio {:.3} ({}), wanted at least 0.5", median(ratios.clone()), spread(&ratios));
    println!("   processor time a request: safelight {:.1} µs, nginx {:.1} µs", median(our_cost), median(their_cost));
    println!("   counted {counted} of {sent:.0} that the load generator read to the end");
}

/// An nginx that serves one file.
struct Nginx {
    process: std::process::Child,
    url: String,
}

impl Nginx {
    async fn start(folder: &Path, body: &[u8]) -> Self {
        std::fs::create_dir_all(folder).expect("a folder for nginx");
        std::fs::write(folder.join("hit.jpg"), body).expect("the body is written");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let at = folder.display();
        let configuration = format!(
            "daemon off; worker_processes 1; worker_cpu_affinity 01; pid {at}/pid; error_log {at}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; types {{ image/jpeg jpg; }}\n\
             open_file_cache max=16 inactive=1h; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
             server {{ listen 127.0.0.1:{port}; root {at}; }} }}\n"
        );
        std::fs::write(folder.join("nginx.conf"), configuration).expect("the configuration is written");
        // Workers that gave up root's rights could not read a folder in root's home.
        let user = if is_root() { "user root;" } else { "" };
        let process = Command::new("nginx")
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .args(["-g", user])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx runs (Debian: nginx-light)");
        let url = format!("http://127.0.0.1:{port}/hit.jpg");
        eventually("nginx", Duration::from_secs(10), async || {
            let answer = reqwest::get(&url).await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        Self { process, url }
    }

    fn stop(&mut self) {
        // SAFETY: sends a signal to a process that this program started; no memory is involved.
        unsafe { libc::kill(self.process.id() as i32, libc::SIGTERM) };
        let _ = self.process.wait();
    }
}

fn is_root() -> bool {
    // SAFETY: asks for a number; no memory is involved.
    unsafe { libc::geteuid() == 0 }
}

/// Figure 3: a hundred identical concurrent misses make one picture and count one.
async fn herd(photos: &[PathBuf]) {
    let server = Dev::start().await;
    let tenant = server.tenant();
    upload_all(&tenant, &photos[..1]).await;
    let before = tenant.settled_usage().await;
    let made = server.metric("safelight_makes_started_total", &[]).await;
    let path = format!("image/upload/{THUMBNAIL}/000.jpg");
    let answers = futures::future::join_all((0..100).map(|_| tenant.fetch(&path))).await;
    let answered = answers.iter().filter(|answer| answer.status == 200).count();
    let made = server.metric("safelight_makes_started_total", &[]).await - made;
    let after = tenant.settled_usage().await;
    println!("\n3. 100 identical concurrent misses: {answered} answered");
    println!("   makes started {made}, wanted 1; ledger {}, wanted 1", after.transformations - before.transformations);
}

/// Figure 5: from exec to the line that says the server is ready, on data that exist.
async fn start() {
    let mut server = Dev::start_with(&["--seed", "demo"], &[]).await;
    server.process().stop().await;
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        server.restart().await;
        seconds.push(started.elapsed().as_secs_f64());
        server.process().stop().await;
    }
    println!("\n5. from exec to ready on an existing data folder");
    println!("   {:.3} s ({}), wanted at most 2", median(seconds.clone()), spread(&seconds));
}
