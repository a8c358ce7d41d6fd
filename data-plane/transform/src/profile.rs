//! Recognising the sRGB profile, which needs no conversion and no place in a delivered file.

/// Whether an ICC profile is one of the many that describe plain sRGB. They differ in bytes (writers, dates, tone curves of a
/// few or a thousand points) but agree in colour space and description, so these are what is compared.
pub fn is_srgb(profile: &[u8]) -> bool {
    if profile.get(16..20) != Some(b"RGB ") {
        return false;
    }
    let Some(description) = description(profile) else { return false };
    let description = description.trim().to_ascii_lowercase();
    // "c2" and its kin name the profiles that large sites cut down to a few hundred bytes; the last one is what the JPEG XL
    // decoder writes for a picture that is marked as sRGB without a profile.
    description.starts_with("srgb")
        || matches!(description.as_str(), "c2" | "c2ci" | "sip-srgb" | "rgb_d65_srg_rel_srg")
}

/// The profile's description: ASCII in version 2, the first record of a multi-language list in version 4.
fn description(profile: &[u8]) -> Option<String> {
    let be32 = |at: usize| Some(u32::from_be_bytes(profile.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize);
    let count = be32(128)?.min(100);
    let start = (0..count).map(|index| 132 + 12 * index).find(|at| profile.get(*at..at + 4) == Some(b"desc"))?;
    let tag = profile.get(be32(start + 4)?..)?;
    let be32 = |at: usize| Some(u32::from_be_bytes(tag.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize);
    match tag.get(..4)? {
        b"desc" => {
            let text = tag.get(12..12usize.checked_add(be32(8)?)?)?;
            Some(text.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect())
        }
        b"mluc" => {
            let (length, offset) = (be32(20)?, be32(24)?);
            let text = tag.get(offset..offset.checked_add(length)?)?;
            Some(String::from_utf16_lossy(
                &text.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>(),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(space: &[u8; 4], tag: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        bytes[16..20].copy_from_slice(space);
        bytes.extend(1u32.to_be_bytes());
        bytes.extend(b"desc");
        bytes.extend(144u32.to_be_bytes());
        bytes.extend((tag.len() as u32).to_be_bytes());
        bytes.extend(tag);
        bytes
    }

    fn ascii(text: &str) -> Vec<u8> {
        let mut tag = b"desc\0\0\0\0".to_vec();
        tag.extend((text.len() as u32 + 1).to_be_bytes());
        tag.extend(text.as_bytes());
        tag.push(0);
        tag
    }

    #[test]
    fn both_spellings_are_read() {
        assert!(is_srgb(&profile(b"RGB ", &ascii("sRGB IEC61966-2.1"))));
        assert!(!is_srgb(&profile(b"RGB ", &ascii("Display P3"))));
        assert!(!is_srgb(&profile(b"GRAY", &ascii("sRGB"))));
        let mut tag = b"mluc\0\0\0\0".to_vec();
        for word in [1u32, 12, 0x656e_5553, 8, 28] {
            tag.extend(word.to_be_bytes());
        }
        tag.extend("sRGB".encode_utf16().flat_map(u16::to_be_bytes));
        assert!(is_srgb(&profile(b"RGB ", &tag)));
    }

    #[test]
    fn lying_lengths_are_no_profile() {
        assert!(!is_srgb(&[]));
        assert!(!is_srgb(&[0xff; 200]));
        let whole = profile(b"RGB ", &ascii("sRGB"));
        for length in 0..whole.len() - 1 {
            is_srgb(&whole[..length]);
        }
    }
}
