//! Taking metadata out of a finished WebP file: the encoder writes an EXIF block of its own making even when told to write none.

/// Flags of the extended header that announce chunks we take out.
const EXIF_FLAG: u8 = 0x08;
const XMP_FLAG: u8 = 0x04;

/// Removes the EXIF and XMP chunks in place, and the extended header if it announces nothing else. Answers the new length;
/// what lies behind it is meaningless. Bytes that are no well-formed WebP file are left as they are.
pub fn remove_metadata(bytes: &mut [u8]) -> usize {
    rewrite(bytes).unwrap_or(bytes.len())
}

fn rewrite(bytes: &mut [u8]) -> Option<usize> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WEBP" {
        return None;
    }
    // Everything is checked before anything is moved.
    let mut chunks = Vec::new();
    let mut at = 12;
    while at < bytes.len() {
        let kind: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        let length = u32::from_le_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        let end = at.checked_add(8)?.checked_add(length)?.checked_add(length & 1)?;
        if end > bytes.len() {
            return None;
        }
        chunks.push((kind, at..end));
        at = end;
    }
    let mut end = 12;
    for (kind, range) in chunks {
        match &kind {
            b"EXIF" | b"XMP " => continue,
            b"VP8X" => {
                let flags = bytes.get_mut(range.start + 8)?;
                *flags &= !(EXIF_FLAG | XMP_FLAG);
                if *flags == 0 {
                    continue;
                }
            }
            _ => {}
        }
        let length = range.len();
        bytes.copy_within(range, end);
        end += length;
    }
    let length = u32::try_from(end - 8).ok()?;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (kind, content) in chunks {
            body.extend(*kind);
            body.extend((content.len() as u32).to_le_bytes());
            body.extend(*content);
            body.resize(body.len() + content.len() % 2, 0);
        }
        [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
    }

    #[test]
    fn a_still_becomes_a_simple_file() {
        let mut bytes = file(&[(b"VP8X", &[8; 10]), (b"VP8 ", b"pixel"), (b"EXIF", b"secret")]);
        let length = remove_metadata(&mut bytes);
        assert_eq!(&bytes[..length], file(&[(b"VP8 ", b"pixel")]));
    }

    #[test]
    fn other_announcements_stay() {
        let mut bytes = file(&[(b"VP8X", &[0x2c; 10]), (b"ICCP", b"icc"), (b"VP8 ", b"pixel"), (b"XMP ", b"x")]);
        let length = remove_metadata(&mut bytes);
        let mut header = [0x2c; 10];
        header[0] = 0x20;
        assert_eq!(&bytes[..length], file(&[(b"VP8X", &header), (b"ICCP", b"icc"), (b"VP8 ", b"pixel")]));
    }

    #[test]
    fn malformed_files_are_left_alone() {
        let whole = file(&[(b"VP8X", &[8; 10]), (b"EXIF", b"secret")]);
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            let kept = remove_metadata(&mut cut);
            assert!(kept <= length);
        }
    }
}
