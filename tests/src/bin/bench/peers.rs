//! The first figure beside other image servers, each over HTTP from a folder of files, as one worker.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use safelight_tests::{
    harness::{eventually, pictures, process::cpu_seconds, sdk, server::Dev},
    workspace,
};

use super::{
    PHOTOS_A_ROUND, ROUNDS, THUMBNAIL, median,
    renditions::{best_reduction, score},
    spread, upload_all,
};

/// Pictures whose likeness is found.
const COMPARED: usize = 6;
/// What is installed of the two that do not come with a manifest.
const THUMBOR: &str = "thumbor==7.8.0";
const OXIMG: &str = "0.18.1";

/// A server of others.
struct Peer {
    name: &'static str,
    process: Child,
    /// The address of a picture in 512 pixels and quality 80, with `{}` for its name.
    url: String,
}

impl Peer {
    /// Starts a program, given its port, and waits until it makes the first photo.
    async fn start(name: &'static str, url: &str, first: &str, start: impl FnOnce(u16) -> Command) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let mut command = start(port);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(name);
        let peer = Self { name, process, url: format!("http://127.0.0.1:{port}/{url}") };
        eventually(name, Duration::from_secs(30), async || peer.try_get(first).await).await;
        peer
    }

    async fn try_get(&self, name: &str) -> Option<Vec<u8>> {
        let answer = reqwest::get(self.url.replace("{}", name)).await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        Some(answer.bytes().await.ok()?.to_vec())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It fails only where the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn ipx(folder: &Path, first: &str) -> Peer {
    let modules = sdk::modules_of("tests/bench", "sdk/bench");
    Peer::start("ipx", "w_512,h_512,fit_inside,q_80,f_jpeg/{}", first, |port| {
        let mut command = Command::new("node");
        command.arg(modules.join("ipx/bin/ipx.mjs")).args([
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            &port.to_string(),
        ]);
        command.arg("--dir").arg(folder);
        command
    })
    .await
}

async fn thumbor(folder: &Path, first: &str) -> Peer {
    let place = workspace::target_profile_folder().join("sdk/thumbor");
    let program = place.join("bin/thumbor");
    if !program.exists() {
        sdk::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
        sdk::run(Command::new(place.join("bin/pip")).args(["install", "--quiet", THUMBOR]));
    }
    let settings = place.join("thumbor.conf");
    let text = format!(
        "LOADER = 'thumbor.loaders.file_loader'\nFILE_LOADER_ROOT_PATH = '{}'\nQUALITY = 80\n\
         STORAGE = 'thumbor.storages.no_storage'\nALLOW_UNSAFE_URL = True\n",
        folder.display()
    );
    std::fs::write(&settings, text).expect("the settings are written");
    Peer::start("thumbor", "unsafe/fit-in/512x512/{}", first, |port| {
        let mut command = Command::new(&program);
        command.args(["--ip", "127.0.0.1", "--port", &port.to_string(), "--conf"]).arg(&settings);
        command
    })
    .await
}

async fn oximg(name: &'static str, settings: &[(&str, &str)], folder: &Path, first: &str) -> Peer {
    let place = workspace::target_profile_folder().join("sdk/oximg");
    let program = place.join("bin/oximg");
    if !program.exists() {
        let mut command = Command::new("cargo");
        command.args(["install", "--locked", "oximg", "--version", OXIMG, "--root"]).arg(&place);
        sdk::run(command.env("CARGO_TARGET_DIR", place.join("build")));
    }
    Peer::start(name, "resize/512/512/{}", first, |port| {
        let mut command = Command::new(&program);
        command.env("PORT", port.to_string()).env("OXIMG_BIND", "127.0.0.1").env("IMAGES_DIR", folder);
        command.envs(settings.iter().copied());
        command
    })
    .await
}

/// The figures.
pub async fn peers(photos: &[PathBuf], settings: &[(&str, &str)]) {
    let settings: Vec<(&str, &str)> = settings.iter().copied().chain([("SAFELIGHT_RENDER__WORKERS", "1")]).collect();
    let server = Dev::start_with(&[], &settings).await;
    let tenant = server.tenant();
    let names = upload_all(&tenant, photos).await;
    let folder = photos[0].parent().expect("photos lie in a folder");
    let files: Vec<String> =
        photos.iter().map(|photo| photo.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    let fast = [("PRESET", "fast"), ("OXIMG_DCT_MARGIN", "1")];
    let others = [
        ipx(folder, &files[0]).await,
        thumbor(folder, &files[0]).await,
        oximg("oximg", &[], folder, &files[0]).await,
        oximg("oximg, reduced in the decoder, the faster encoder", &fast, folder, &files[0]).await,
    ];

    let one = async |name: &str| tenant.fetch(&format!("image/upload/{THUMBNAIL}/{name}.jpg")).await.delivered();
    let (mut own, mut theirs) = (Vec::new(), [const { Vec::new() }; 4]);
    for round in 0..ROUNDS {
        let part = round * PHOTOS_A_ROUND..(round + 1) * PHOTOS_A_ROUND;
        let before = cpu_seconds(server.ready.pid);
        for name in &names[part.clone()] {
            one(name).await;
        }
        own.push((cpu_seconds(server.ready.pid) - before) / PHOTOS_A_ROUND as f64);
        for (peer, theirs) in others.iter().zip(&mut theirs) {
            let before = cpu_seconds(peer.process.id());
            for file in &files[part.clone()] {
                peer.try_get(file).await.expect("a picture");
            }
            theirs.push((cpu_seconds(peer.process.id()) - before) / PHOTOS_A_ROUND as f64);
        }
    }
    println!(
        "\n   a 512 px JPEG of a 12-megapixel JPEG beside other servers: processor seconds a picture, whole process trees"
    );
    println!("   SSIMULACRA2 to a full decode reduced with Lanczos in linear light, bytes");
    let told = |name: &str, seconds: &[f64], likeness: f64, bytes: usize| {
        let ratios: Vec<f64> = own.iter().zip(seconds).map(|(own, other)| own / other).collect();
        let ratio = format!("ratio {:.3} ({})", median(ratios.clone()), spread(&ratios));
        println!("     {name}: {:.4}; {ratio}; {likeness:.1}, {bytes}", median(seconds.to_vec()));
    };
    let (likeness, bytes) = seen(&photos[..COMPARED], async |at| one(&names[at]).await).await;
    told("safelight", &own, likeness, bytes);
    for (peer, seconds) in others.iter().zip(&theirs) {
        let get = async |at: usize| peer.try_get(&files[at]).await.expect("a picture");
        let (likeness, bytes) = seen(&photos[..COMPARED], get).await;
        told(peer.name, seconds, likeness, bytes);
    }
}

/// How like pictures are to the best there could be, and their bytes on average.
async fn seen(photos: &[PathBuf], get: impl AsyncFn(usize) -> Vec<u8>) -> (f64, usize) {
    let (mut scores, mut bytes) = (Vec::new(), 0);
    for (at, photo) in photos.iter().enumerate() {
        let made = get(at).await;
        bytes += made.len();
        let picture = pictures::decode(&made);
        let reference = best_reduction(&std::fs::read(photo).expect("a photo"), picture.width(), picture.height());
        scores.push(score(&reference, &picture));
    }
    (median(scores), bytes / photos.len())
}
