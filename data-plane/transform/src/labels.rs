//! What files say of themselves: EXIF, IPTC and XMP, as names and texts. What cannot be read is left out.

use std::collections::BTreeMap;

use exif::{Error, In, Reader, Tag, Value};
use roxmltree::Document;

/// Names and texts.
pub type Labels = BTreeMap<String, String>;

/// Longest XMP that is read, in bytes.
const DEEPEST_XMP: u32 = 100;
/// How much of XMP is read, in bytes.
const LONGEST_XMP: usize = 512 * 1024;
/// How many items of a list are told.
const MOST_ITEMS: usize = 200;
/// Where the lists of XMP have their items.
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// EXIF of the picture itself; that of an embedded thumbnail says nothing of it.
pub fn exif(bytes: &[u8]) -> Labels {
    let bytes = bytes.strip_prefix(b"Exif\0\0").unwrap_or(bytes);
    let read = match Reader::new().continue_on_error(true).read_raw(bytes.to_vec()) {
        Ok(read) => read,
        // A field that cannot be read takes none of the others along.
        Err(Error::PartialResult(partial)) => partial.into_inner().0,
        Err(_) => return Labels::new(),
    };
    let is_shown = |tag: Tag| tag.description().is_some() && !matches!(tag, Tag::MakerNote);
    read.fields()
        .filter(|field| field.ifd_num == In::PRIMARY && is_shown(field.tag))
        .map(|field| {
            let text = match &field.value {
                Value::Ascii(texts) => {
                    let texts =
                        texts.iter().map(|text| String::from_utf8_lossy(text).trim_end_matches('\0').to_owned());
                    texts.collect::<Vec<_>>().join(" ")
                }
                _ => field.display_value().to_string(),
            };
            (field.tag.to_string(), text.trim().to_owned())
        })
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// The application record of IPTC, as it stands alone or in Photoshop's resources.
pub fn iptc(bytes: &[u8]) -> Labels {
    const NAMES: [(u8, &str); 17] = [
        (5, "ObjectName"),
        (15, "Category"),
        (25, "Keywords"),
        (40, "SpecialInstructions"),
        (55, "DateCreated"),
        (80, "By-line"),
        (85, "By-lineTitle"),
        (90, "City"),
        (92, "Sub-location"),
        (95, "Province-State"),
        (101, "Country-PrimaryLocationName"),
        (103, "OriginalTransmissionReference"),
        (105, "Headline"),
        (110, "Credit"),
        (115, "Source"),
        (116, "CopyrightNotice"),
        (120, "Caption-Abstract"),
    ];
    let mut said = Labels::new();
    let mut rest = bytes;
    // A data set: a marker, the record, its number in it, two bytes of length.
    while let Some(begin) = rest.windows(2).position(|two| two == [0x1c, 2]) {
        let Some([_, _, number, high, low, data @ ..]) = rest.get(begin..) else { break };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(text) = data.get(..length) else { break };
        if let Some((_, name)) = NAMES.iter().find(|(known, _)| known == number) {
            let text = String::from_utf8_lossy(text);
            let said = said.entry((*name).to_owned()).or_default();
            if !said.is_empty() {
                said.push_str(", ");
            }
            said.push_str(text.trim());
        }
        rest = &data[length..];
    }
    said
}

/// Whether elements may be nested deeper than any are that say something: the reader goes down with them.
fn is_deep(text: &str) -> bool {
    let mut depth = 0_u32;
    text.split('<').skip(1).any(|tag| {
        match tag.as_bytes() {
            [b'/', ..] => depth = depth.saturating_sub(1),
            [b'?' | b'!', ..] => {}
            _ if tag.split('>').next().is_some_and(|tag| tag.ends_with('/')) => {}
            _ => depth += 1,
        }
        depth > DEEPEST_XMP
    })
}

/// The properties of XMP under their local names: texts, and lists of texts. What is nested deeper is left out.
pub fn xmp(bytes: &[u8]) -> Labels {
    let text = bytes.get(..LONGEST_XMP.min(bytes.len())).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let text = text.map(|text| text.trim_end_matches('\0'));
    let Some(Ok(document)) = text.filter(|text| !is_deep(text)).map(Document::parse) else {
        return Labels::new();
    };
    let mut said = Labels::new();
    let is_description = |node: &roxmltree::Node<'_, '_>| {
        // Those of a structure within another are nested deeper, and each would tell all below it once more.
        node.has_tag_name((RDF, "Description")) && node.parent().is_some_and(|parent| parent.has_tag_name((RDF, "RDF")))
    };
    for description in document.descendants().filter(is_description) {
        for attribute in description.attributes().filter(|attribute| attribute.namespace() != Some(RDF)) {
            if attribute.namespace().is_some() {
                said.insert(attribute.name().to_owned(), attribute.value().trim().to_owned());
            }
        }
        for property in description.children().filter(roxmltree::Node::is_element) {
            let items: Vec<&str> = property
                .descendants()
                .filter(|node| node.has_tag_name((RDF, "li")))
                .filter_map(|item| item.text())
                .map(str::trim)
                .take(MOST_ITEMS)
                .collect();
            let text = match items.is_empty() {
                true => property.text().unwrap_or_default().trim().to_owned(),
                false => items.join(", "),
            };
            if !text.is_empty() {
                said.insert(property.tag_name().name().to_owned(), text);
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iptc_is_read_as_far_as_it_goes() {
        let set = |number: u8, text: &str| {
            let mut bytes = vec![0x1c, 2, number];
            bytes.extend((text.len() as u16).to_be_bytes());
            bytes.extend(text.as_bytes());
            bytes
        };
        let mut bytes =
            [b"8BIM\x04\x04\0\0".to_vec(), set(25, "sea"), set(25, "sun"), set(105, "Kiel"), set(200, "x")].concat();
        let said = Labels::from([("Keywords".into(), "sea, sun".into()), ("Headline".into(), "Kiel".into())]);
        assert_eq!(iptc(&bytes), said);
        bytes.extend([0x1c, 2, 120, 0xff, 0xff, b'a']);
        assert_eq!(iptc(&bytes), said, "a data set that is cut off is left out");
    }

    #[test]
    fn xmp_is_read_with_its_lists_and_nonsense_is_nothing() {
        let text =
            br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
            xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
            <rdf:Description rdf:about="" xmp:CreatorTool="Camera 1">
            <dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>sun</rdf:li></rdf:Bag></dc:subject>
            <dc:format>image/jpeg</dc:format></rdf:Description></rdf:RDF></x:xmpmeta>"#;
        let expected = [("CreatorTool", "Camera 1"), ("format", "image/jpeg"), ("subject", "sea, sun")];
        assert_eq!(xmp(text), expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
        for nonsense in
            [&b"<x"[..], b"\xff\xfe", b"", br#"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#]
        {
            assert!(xmp(nonsense).is_empty());
        }
        assert!(exif(b"Exif\0\0nonsense").is_empty());
    }
}
