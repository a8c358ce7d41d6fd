//! Which files are sound or moving pictures, by their first bytes. Pure.

/// Containers by what they begin with.
const BEGINNINGS: [&[u8]; 6] = [
    // Matroska and WebM.
    &[0x1a, 0x45, 0xdf, 0xa3],
    b"OggS",
    b"fLaC",
    b"FLV\x01",
    b"#!AMR",
    // ASF: WMV and WMA.
    &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11],
];
/// The brands of `ftyp` boxes that hold pictures.
const PICTURES: [&[u8]; 11] =
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx "];
/// Distance of packets in an MPEG transport stream.
const PACKET: usize = 188;

/// Whether the first bytes are those of a container of sound or moving pictures.
pub fn is_media(head: &[u8]) -> bool {
    let boxes: &[&[u8]] = &[b"moov", b"mdat", b"wide", b"free", b"skip"];
    let kind = head.get(4..8).unwrap_or_default();
    let brand = head.get(8..12).unwrap_or_default();
    let is_iso = kind == b"ftyp" && !PICTURES.contains(&brand) || boxes.contains(&kind) && head[0] == 0;
    let is_chunked = (head.starts_with(b"RIFF") && matches!(brand, b"AVI " | b"WAVE"))
        || (head.starts_with(b"FORM") && matches!(brand, b"AIFF" | b"AIFC"));
    let is_stream = head.len() > PACKET * 2 && [0, PACKET, PACKET * 2].iter().all(|at| head[*at] == 0x47);
    let is_program = head.starts_with(&[0, 0, 1, 0xba]);
    is_iso
        || is_chunked
        || is_stream
        || is_program
        || is_mpeg_audio(head)
        || BEGINNINGS.iter().any(|known| head.starts_with(known))
}

/// Whether it is MP3 or AAC: a tag of a known version, or a whole header of a frame. Two bytes alone are those of too much else.
fn is_mpeg_audio(head: &[u8]) -> bool {
    match *head {
        [b'I', b'D', b'3', version @ 2..=4, _, _, a, b, c, d, ..] => {
            version > 0 && [a, b, c, d].iter().all(|size| size & 0x80 == 0)
        }
        // The sync word; then layer III with a bit rate and a sampling rate that there are,
        [0xff, 0xfa | 0xfb | 0xf2 | 0xf3, rates, ..] => !matches!(rates >> 4, 0 | 15) && rates >> 2 & 3 != 3,
        // or the header of AAC with a sampling rate that there is.
        [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, rates, ..] => rates >> 2 & 15 < 13,
        _ => false,
    }
}

/// Whether a brand of `ftyp` is that of pictures.
pub fn is_of_pictures(brand: &str) -> bool {
    PICTURES.contains(&brand.as_bytes())
}

/// Whether a Matroska file says that it is WebM.
pub fn is_webm(head: &[u8]) -> bool {
    head.get(..64.min(head.len())).unwrap_or_default().windows(4).any(|text| text == b"webm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_from_everything_else() {
        let mut stream = vec![0; 600];
        [0, 188, 376].iter().for_each(|at| stream[*at] = 0x47);
        let media: [&[u8]; 9] = [
            b"\0\0\0\x20ftypisom\0\0\0\0",
            b"\0\0\0\x08wide\0\0\0\0mdat",
            b"RIFF\0\0\0\0AVI LIST",
            b"RIFF\0\0\0\0WAVEfmt ",
            b"ID3\x04\0\0\0\0\x01\x7f",
            &[0xff, 0xfb, 0x90, 0x64],
            &[0x1a, 0x45, 0xdf, 0xa3, 0],
            b"fLaC",
            &stream,
        ];
        for head in media {
            assert!(is_media(head), "{head:?}");
        }
        let others: [&[u8]; 11] = [
            b"",
            b"\0\0\0\x20ftypavif\0\0\0\0",
            b"\0\0\0\x18ftypheic\0\0\0\0",
            b"RIFF\0\0\0\0WEBPVP8 ",
            &[0xff, 0xd8, 0xff, 0xe0],
            b"GGGGGGGGGG",
            b"#EXTM3U\n",
            b"ID3 text,csv",
            &[0xff, 0xfb, 0xff, 0xff],
            b"\0\0\0\x20ftyphevc\0\0\0\0",
            b"free text that is longer than eight",
        ];
        for head in others {
            assert!(!is_media(head), "{head:?}");
        }
        assert!(is_webm(b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm"));
        assert!(!is_webm(b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x88matroska"));
    }
}
