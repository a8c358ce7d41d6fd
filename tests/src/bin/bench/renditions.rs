//! Renditions beside those of sharp: processor time, bytes, and how near they come to the best reduction there is.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use image::{DynamicImage, ImageBuffer, Rgb, Rgb32FImage, imageops::FilterType};
use safelight_tests::{
    harness::{client::Tenant, pictures, sdk, server::Dev},
    workspace,
};
use ssimulacra2::{ColorPrimaries, TransferCharacteristic, compute_frame_ssimulacra2};

use super::{PHOTOS_A_ROUND, ROUNDS, THUMBNAIL, cpu_seconds, median, spread, upload_all};

/// Pictures whose likeness is found; that takes longer than everything else here.
const COMPARED: usize = 10;
/// Width and height of a drawing with transparency: three megapixels.
const GRAPHIC: (u32, u32) = (2000, 1500);
/// Drawings of a round.
const GRAPHICS_A_ROUND: usize = 6;
/// Photographs for which automatic quality is stated.
const QUALITY_PHOTOS: usize = 20;

/// sharp, installed below the target folder.
struct Sharp {
    script: PathBuf,
    scratch: tempfile::TempDir,
}

impl Sharp {
    fn install() -> Self {
        let modules = sdk::modules_of("tests/bench", "sdk/bench");
        let script = modules.parent().expect("modules stand in a folder").join("sharp.mjs");
        std::fs::copy(workspace::root().join("tests/bench/sharp.mjs"), &script).expect("the script is copied");
        Self { script, scratch: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Processor seconds of one picture.
    fn run(&self, operation: &str, files: &[PathBuf]) -> f64 {
        let mut command = Command::new("node");
        command.arg(&self.script).arg(operation).arg(self.scratch.path()).args(files);
        sdk::run(&mut command).trim().parse().expect("the script prints a number")
    }

    fn made(&self, operation: &str, file: &Path) -> Vec<u8> {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        std::fs::read(self.scratch.path().join(format!("{name}.{operation}"))).expect("sharp wrote its picture")
    }
}

/// Figures of renditions.
pub async fn renditions(photos: &[PathBuf], settings: &[(&str, &str)]) {
    let sharp = Sharp::install();
    let server = Dev::start_with(&[], settings).await;
    let tenant = server.tenant();
    let names = upload_all(&tenant, photos).await;
    let one = async |path: String| tenant.fetch(&format!("image/upload/{path}")).await.delivered();
    one(format!("c_limit,h_64,w_64/{}.jpg", names[0])).await;

    let rounds = |at: usize| at * PHOTOS_A_ROUND..(at + 1) * PHOTOS_A_ROUND;
    let ours = async |transformation: &str, extension: &str, round: usize| {
        let before = cpu_seconds(server.ready.pid);
        for name in &names[rounds(round)] {
            one(format!("{transformation}/{name}{extension}")).await;
        }
        (cpu_seconds(server.ready.pid) - before) / PHOTOS_A_ROUND as f64
    };
    let (mut own, mut theirs, mut filled, mut avif, mut their_avif) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        own.push(ours(THUMBNAIL, ".jpg", round).await);
        theirs.push(sharp.run("thumbnail", &photos[rounds(round)]));
        filled.push(ours("c_fill,g_auto,h_384,w_512/f_webp,q_auto", "", round).await);
        avif.push(ours("c_limit,f_avif,h_512,q_auto,w_512", "", round).await);
        their_avif.push(sharp.run("avif", &photos[rounds(round)]));
    }
    println!("\n2. renditions beside sharp: processor seconds a picture, ours with the whole server");
    compare("   a 512 px JPEG of a 12-megapixel JPEG", &own, &theirs, "sharp");
    compare("   c_fill,g_auto,f_webp,q_auto at 512 px", &filled, &own, "the first");
    compare("   AVIF at 512 px", &avif, &own, "the first");
    compare("   AVIF at 512 px", &avif, &their_avif, "sharp");

    let mut likeness = (Vec::new(), Vec::new());
    for (photo, name) in photos.iter().zip(&names).take(COMPARED) {
        let made = one(format!("{THUMBNAIL}/{name}.jpg")).await;
        let other = sharp.made("thumbnail", photo);
        let picture = pictures::decode(&made);
        let reference = best_reduction(&std::fs::read(photo).expect("a photo"), picture.width(), picture.height());
        likeness.0.push(score(&reference, &picture));
        likeness.1.push(score(&reference, &pictures::decode(&other)));
    }
    println!(
        "   SSIMULACRA2 of the first to a full decode reduced with Lanczos in linear light: safelight {:.2}, sharp {:.2}",
        median(likeness.0),
        median(likeness.1)
    );
    graphics(&server, &tenant, &sharp).await;
    qualities(&tenant, photos, &names).await;
}

fn compare(what: &str, ours: &[f64], theirs: &[f64], whose: &str) {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(own, other)| own / other).collect();
    println!(
        "{what}: safelight {:.4}, {whose} {:.4}; ratio {:.3} ({})",
        median(ours.to_vec()),
        median(theirs.to_vec()),
        median(ratios.clone()),
        spread(&ratios)
    );
}

/// Drawings with transparency.
async fn graphics(server: &Dev, tenant: &Tenant, sharp: &Sharp) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut files, mut names) = (Vec::new(), Vec::new());
    for at in 0..ROUNDS * GRAPHICS_A_ROUND {
        let photo = DynamicImage::ImageRgb8(pictures::photo(GRAPHIC.0, GRAPHIC.1, at as u64)).to_rgba8();
        let cut = ImageBuffer::from_fn(GRAPHIC.0, GRAPHIC.1, |x, y| {
            let mut pixel = *photo.get_pixel(x, y);
            pixel[3] = (((x + y) / 3 + at as u32) % 512).min(255) as u8;
            pixel
        });
        let bytes = pictures::encode(&cut.into(), image::ImageFormat::Png);
        let (name, path) = (format!("graphic{at}"), folder.path().join(format!("{at}.png")));
        std::fs::write(&path, &bytes).expect("a drawing is kept");
        tenant.upload(bytes).public_id(&name).send().await.ok();
        files.push(path);
        names.push(name);
    }
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let part = round * GRAPHICS_A_ROUND..(round + 1) * GRAPHICS_A_ROUND;
        let before = cpu_seconds(server.ready.pid);
        for name in &names[part.clone()] {
            tenant.fetch(&format!("image/upload/f_webp,q_80,w_800/{name}")).await.delivered();
        }
        own.push((cpu_seconds(server.ready.pid) - before) / GRAPHICS_A_ROUND as f64);
        theirs.push(sharp.run("graphic", &files[part]));
    }
    compare("   a 3-megapixel PNG with alpha to an 800 px WebP", &own, &theirs, "sharp");
}

/// Bytes and likeness of automatic quality beside a fixed one.
async fn qualities(tenant: &Tenant, photos: &[PathBuf], names: &[String]) {
    println!("   q_auto:good beside q_80, {QUALITY_PHOTOS} photographs at 800 px: bytes, SSIMULACRA2");
    for format in ["jpg", "webp", "avif"] {
        let (mut bytes, mut scores) = ([0_usize; 2], [Vec::new(), Vec::new()]);
        for (photo, name) in photos.iter().zip(names).take(QUALITY_PHOTOS) {
            let mut reference = None;
            for (at, quality) in ["q_auto:good", "q_80"].into_iter().enumerate() {
                let path = format!("image/upload/c_limit,f_{format},{quality},w_800/{name}");
                let made = tenant.fetch(&path).await.delivered();
                bytes[at] += made.len();
                let picture = shown(tenant, format, made).await;
                let reference = reference.get_or_insert_with(|| {
                    best_reduction(&std::fs::read(photo).expect("a photo"), picture.width(), picture.height())
                });
                scores[at].push(score(reference, &picture));
            }
        }
        let [automatic, fixed] = scores.map(median);
        println!(
            "     {format}: {} and {} bytes (ratio {:.2}), {automatic:.1} and {fixed:.1}",
            bytes[0] / QUALITY_PHOTOS,
            bytes[1] / QUALITY_PHOTOS,
            bytes[0] as f64 / bytes[1] as f64
        );
    }
}

/// A made picture, decoded; what this program cannot decode the server does.
pub async fn shown(tenant: &Tenant, format: &str, made: Vec<u8>) -> DynamicImage {
    if format != "avif" {
        return pictures::decode(&made);
    }
    tenant.upload(made).public_id("shown").send().await.ok();
    pictures::decode(&tenant.fetch("image/upload/q_100/shown.png").await.delivered())
}

/// The picture decoded whole and reduced with Lanczos in linear light, as light from nought to one.
pub fn best_reduction(photo: &[u8], width: u32, height: u32) -> Rgb32FImage {
    let decoded = pictures::decode(photo).to_rgb8();
    let linear: Rgb32FImage = ImageBuffer::from_fn(decoded.width(), decoded.height(), |x, y| {
        let Rgb(pixel) = *decoded.get_pixel(x, y);
        Rgb(pixel.map(|sample| to_linear(f32::from(sample) / 255.0)))
    });
    image::imageops::resize(&linear, width, height, FilterType::Lanczos3)
}

fn to_linear(value: f32) -> f32 {
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// How like a picture is to what it should be: 100 for equal ones.
pub fn score(reference: &Rgb32FImage, picture: &DynamicImage) -> f64 {
    let picture = picture.to_rgb8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let shown: Vec<[f32; 3]> = picture.pixels().map(|pixel| pixel.0.map(|sample| f32::from(sample) / 255.0)).collect();
    let shown = ssimulacra2::Rgb::new(shown, width, height, TransferCharacteristic::SRGB, ColorPrimaries::BT709);
    let wanted: Vec<[f32; 3]> = reference.pixels().map(|pixel| pixel.0.map(|sample| sample.clamp(0.0, 1.0))).collect();
    let wanted = ssimulacra2::Rgb::new(wanted, width, height, TransferCharacteristic::Linear, ColorPrimaries::BT709);
    let (wanted, shown) = (wanted.expect("a picture"), shown.expect("a picture"));
    compute_frame_ssimulacra2(wanted, shown).expect("two pictures of one size")
}
