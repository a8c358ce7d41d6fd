//! What automatic quality is set by: for each format, width and encoder quality, how near the result comes to the best reduction there is, and
//! how many bytes it takes. The median of some photographs.

use std::path::{Path, PathBuf};

use safelight_tests::harness::{pictures, server::Dev};

use super::{
    median,
    renditions::{best_reduction, score, shown},
    upload_all,
};

/// Widths of results.
const WIDTHS: [u32; 2] = [400, 1200];
/// Encoder qualities that are looked at, by format.
const QUALITIES: [(&str, &[u8]); 3] = [
    ("jpg", &[45, 55, 65, 72, 78, 84, 90]),
    ("webp", &[40, 52, 64, 72, 78, 84, 90]),
    ("avif", &[35, 42, 49, 56, 63, 70, 78]),
];

/// Prints the table.
pub async fn calibration(photos: &[PathBuf], settings: &[(&str, &str)]) {
    let server = Dev::start_with(&[], settings).await;
    let tenant = server.tenant();
    let names = upload_all(&tenant, photos).await;
    println!("# format | width | encoder quality | SSIMULACRA2 | bytes; the median of {} photographs", photos.len());
    for width in WIDTHS {
        let mut references = Vec::new();
        for (photo, name) in photos.iter().zip(&names) {
            let made = tenant.fetch(&format!("image/upload/c_scale,w_{width}/{name}.png")).await.delivered();
            let picture = pictures::decode(&made);
            references.push(best_reduction(&read(photo), picture.width(), picture.height()));
        }
        for (format, qualities) in QUALITIES {
            for quality in qualities {
                let (mut scores, mut bytes) = (Vec::new(), Vec::new());
                for (reference, name) in references.iter().zip(&names) {
                    let path = format!("image/upload/c_scale,f_{format},q_{quality},w_{width}/{name}");
                    let made = tenant.fetch(&path).await.delivered();
                    bytes.push(made.len() as f64);
                    scores.push(score(reference, &shown(&tenant, format, made).await));
                }
                println!("{format} | {width} | {quality} | {:.1} | {:.0}", median(scores), median(bytes));
            }
        }
    }
}

fn read(photo: &Path) -> Vec<u8> {
    std::fs::read(photo).expect("a photo")
}
