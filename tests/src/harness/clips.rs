//! Sound and moving pictures for tests, made by ffmpeg.

use std::{path::Path, process::Command};

/// A second of moving picture and sound: MP4 with H.264 and AAC, 320 by 180, 25 frames a second.
pub fn mp4() -> Vec<u8> {
    made("clip.mp4", &[TEST_PICTURE, TONE].concat(), &["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"])
}

/// The same picture without sound, as WebM.
pub fn webm() -> Vec<u8> {
    made("clip.webm", TEST_PICTURE, &["-c:v", "libvpx"])
}

/// A second of sound alone, as MP3.
pub fn mp3() -> Vec<u8> {
    made("tone.mp3", TONE, &["-c:a", "libmp3lame", "-b:a", "64k"])
}

/// A picture in a container that videos come in, too.
pub fn avif() -> Vec<u8> {
    let still = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=1:duration=1"];
    made("still.avif", &still, &["-frames:v", "1", "-c:v", "libaom-av1", "-still-picture", "1"])
}

/// A playlist, which names another file.
pub fn playlist(names: &str) -> Vec<u8> {
    format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{names}\n#EXT-X-ENDLIST\n").into_bytes()
}

const TEST_PICTURE: &[&str] = &["-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=1"];
const TONE: &[&str] = &["-f", "lavfi", "-i", "sine=frequency=440:duration=1"];

fn made(name: &str, sources: &[&str], how: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    ffmpeg(sources, how, &path);
    std::fs::read(&path).expect("ffmpeg has written it")
}

fn ffmpeg(sources: &[&str], how: &[&str], to: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(sources).args(how).args(["-fflags", "+bitexact"]).arg(to);
    let output = command.output().expect("ffmpeg starts; scripts/test installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
