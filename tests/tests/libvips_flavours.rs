//! Render workers with another build of libvips than the system's, as `scripts/libvips` brings it.

use std::process::Command;

use image::GenericImageView;
use safelight_tests::{
    harness::{
        pictures, sdk,
        server::{self, Dev},
    },
    workspace,
};

/// One page of 200 × 100 points, half of it black.
const PAGE: &str = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R>>endobj\n\
    4 0 obj<</Length 18>>stream\n0 0 100 100 re f \nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// How many processes that the server has started have a library of this name in memory.
fn workers_with(server: &mut Dev, library: &str) -> usize {
    let server = server.process().pid();
    let of_server = |folder: &std::path::Path| {
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse::<u32>().ok()?;
        let maps = std::fs::read_to_string(folder.join("maps")).ok()?;
        Some(server == parent && maps.contains(library))
    };
    let processes = std::fs::read_dir("/proc").expect("processes can be listed");
    processes.filter(|entry| entry.as_ref().is_ok_and(|entry| of_server(&entry.path()) == Some(true))).count()
}

#[tokio::test]
async fn workers_use_it_and_what_it_does_not_read_goes_to_the_system_s() {
    let folder = workspace::target_profile_folder().join("libvips");
    sdk::run(Command::new(workspace::root().join("scripts/libvips")).arg(&folder));
    let folder = folder.to_str().expect("a path is text");
    let mut server = Dev::start_with(&[], &[("SAFELIGHT_RENDER__LIBVIPS_FOLDER", folder)]).await;
    let tenant = server.tenant();
    tenant.upload(pictures::jpeg(&pictures::photo(640, 480, 1))).public_id("photo").send().await.ok();
    for format in ["jpg", "png", "webp", "avif"] {
        let made =
            tenant.fetch(&format!("image/upload/c_fill,g_auto,h_90,w_120/e_improve/photo.{format}")).await.delivered();
        assert_eq!(pictures::format(&made), format);
        if format != "avif" {
            assert_eq!(pictures::decode(&made).dimensions(), (120, 90), "{format}");
        }
    }
    assert!(workers_with(&mut server, "libvips-cpp.so") > 0);
    // Nobody has needed the system's so far.
    assert_eq!(workers_with(&mut server, "libpoppler"), 0);
    let document = tenant.upload(PAGE).public_id("page").send().await.ok();
    assert_eq!((&document["format"], &document["pages"]), (&"pdf".into(), &1.into()));
    let page = pictures::decode(&tenant.fetch("image/upload/w_100/page.png").await.delivered());
    assert_eq!(page.dimensions(), (100, 50));
    assert!(page.get_pixel(20, 25)[0] < 30 && page.get_pixel(80, 25)[0] > 225);
    assert!(workers_with(&mut server, "libpoppler") > 0);
}

#[test]
fn a_folder_without_the_library_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().to_str().expect("a path is text");
    let told = server::run(folder.path(), &["doctor"], &[("SAFELIGHT_RENDER__LIBVIPS_FOLDER", place)]);
    let text = told.stdout + told.stderr.as_str();
    assert!(text.contains("has no libvips.so.42"), "{text}");
}
