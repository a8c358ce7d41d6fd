//! Pictures made for the tests: what a camera, a design tool and a joke look like to a decoder.

use std::io::Cursor;

use image::{
    DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{
        gif::{GifEncoder, Repeat},
        jpeg::JpegEncoder,
    },
};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Side of the tile of noise that the pictures are made from.
const TILE: usize = 512;
/// The quality that cameras use.
const CAMERA_QUALITY: u8 = 90;

/// The largest picture of a common camera: 12 megapixels.
pub const CAMERA: (u32, u32) = (4032, 3024);

/// A photo-like picture: broad gradients, structure of every size, edges, and a sensor's noise. Equal seeds make equal pictures.
pub fn photo(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut random = StdRng::seed_from_u64(seed);
    let tile: Vec<u8> = (0..TILE * TILE).map(|_| random.random()).collect();
    let at = |x: u32, y: u32| i32::from(tile[(y as usize % TILE) * TILE + x as usize % TILE]) - 128;
    // Smooth noise: between the tile's values, which stand a power of two apart.
    let smooth = |x: u32, y: u32, shift: u32| {
        let (fx, fy) = ((x & ((1 << shift) - 1)) as i32, (y & ((1 << shift) - 1)) as i32);
        let (cx, cy, side) = (x >> shift, y >> shift, 1 << shift);
        let top = at(cx, cy) * (side - fx) + at(cx + 1, cy) * fx;
        let bottom = at(cx, cy + 1) * (side - fx) + at(cx + 1, cy + 1) * fx;
        (top * (side - fy) + bottom * fy) >> (2 * shift)
    };
    let tint: [i32; 3] = [random.random_range(-40..40), random.random_range(-40..40), random.random_range(-40..40)];
    let horizon = height * random.random_range(35..65) / 100;
    RgbImage::from_fn(width, height, |x, y| {
        let broad = smooth(x, y, 8) + smooth(x + 97, y + 31, 6) / 2;
        let fine = smooth(x + 11, y + 77, 4) / 3 + smooth(x, y, 2) / 5;
        let sensor = at(x.wrapping_mul(7) + y, y.wrapping_mul(3) + x / 5) / 15;
        let hill = horizon as i32 + smooth(x, 0, 7) / 2;
        let is_sky = (y as i32) < hill;
        let light = if is_sky { 190 - (y * 70 / height) as i32 + broad / 6 } else { 95 + broad / 2 + fine };
        let channel = |index: usize| {
            let sky_tint = if is_sky { [-30, 0, 35][index] } else { [10, 15, -25][index] };
            (light + tint[index] / 2 + sky_tint + sensor).clamp(0, 255) as u8
        };
        Rgb([channel(0), channel(1), channel(2)])
    })
}

/// A picture as a camera would have stored it.
pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    jpeg_with_quality(picture, CAMERA_QUALITY)
}

/// A picture as JPEG of a chosen quality.
pub fn jpeg_with_quality(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).expect("a picture can be encoded");
    bytes
}

/// A small photo-like JPEG, different for every seed.
pub fn small_jpeg(seed: u64) -> Vec<u8> {
    jpeg(&photo(320, 240, seed))
}

/// The same picture with a remark in its file, so that its bytes differ from those of every other number.
pub fn remarked(jpeg: &[u8], number: u64) -> Vec<u8> {
    let remark = format!("remark {number}");
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend_from_slice(&[0xFF, 0xFE]);
    bytes.extend_from_slice(&(remark.len() as u16 + 2).to_be_bytes());
    bytes.extend_from_slice(remark.as_bytes());
    bytes.extend_from_slice(&jpeg[2..]);
    bytes
}

/// A disc with soft edges on nothing.
pub fn alpha_png(width: u32, height: u32) -> Vec<u8> {
    let radius = f64::from(width.min(height)) / 2.0;
    let picture = RgbaImage::from_fn(width, height, |x, y| {
        let (dx, dy) = (f64::from(x) - f64::from(width) / 2.0, f64::from(y) - f64::from(height) / 2.0);
        let inside = (radius - dx.hypot(dy)).clamp(0.0, 16.0) / 16.0;
        Rgba([(x * 255 / width) as u8, (y * 255 / height) as u8, 128, (inside * 255.0) as u8])
    });
    encode(&DynamicImage::from(picture), ImageFormat::Png)
}

/// A square that moves.
pub fn animated_gif(width: u32, height: u32, frames: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).expect("a repetition can be stated");
    for index in 0..frames {
        let left = index * width / (frames + 1);
        let picture = RgbaImage::from_fn(width, height, |x, y| {
            let is_inside = x >= left && x < left + width / 4 && y >= height / 4 && y < height * 3 / 4;
            if is_inside { Rgba([220, 40, 40, 255]) } else { Rgba([20, 30, 60, 255]) }
        });
        encoder.encode_frame(Frame::new(picture)).expect("a frame can be encoded");
    }
    drop(encoder);
    bytes
}

/// A picture in a format.
pub fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a picture can be encoded");
    bytes.into_inner()
}

/// A PNG whose header claims a size that its data do not have: what a decompression bomb begins with.
pub fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    for chunk in [header.as_slice(), b"IDAT\x78\x9c\x03\x00\x00\x00\x00\x01", b"IEND"] {
        bytes.extend_from_slice(&(chunk.len() as u32 - 4).to_be_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(&crc32(chunk).to_be_bytes());
    }
    bytes
}

/// A PNG with one more chunk behind its header: the name, and the data.
pub fn png_with_chunk(png: &[u8], chunk: &[u8]) -> Vec<u8> {
    // The signature of eight bytes, and the header of thirteen with its length, name and checksum.
    let (head, rest) = png.split_at(8 + 13 + 12);
    let length = (chunk.len() as u32 - 4).to_be_bytes();
    [head, &length, chunk, &crc32(chunk).to_be_bytes(), rest].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Width and height of an encoded picture, and the picture itself.
pub fn decode(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).unwrap_or_else(|error| panic!("{error}: {} bytes", bytes.len()))
}

/// The format that the bytes are in, whatever they are called.
pub fn format(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => "jpg",
        [0x89, b'P', b'N', b'G', ..] => "png",
        [b'G', b'I', b'F', b'8', ..] => "gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', _, ..] => "avif",
        _ => "unknown",
    }
}

/// The same JPEG with EXIF that names the maker and the model of the camera.
pub fn with_exif(jpeg: &[u8], make: &str, model: &str) -> Vec<u8> {
    let texts = [make, model].map(|text| [text.as_bytes(), b"\0"].concat());
    // The header, a directory of two entries and no next one; texts stand behind.
    let mut tiff = b"II\x2a\0\x08\0\0\0\x02\0".to_vec();
    let mut place = 8 + 2 + 2 * 12 + 4;
    for (tag, text) in [(0x010f_u16, &texts[0]), (0x0110, &texts[1])] {
        tiff.extend(tag.to_le_bytes());
        tiff.extend(2_u16.to_le_bytes());
        let count = u32::try_from(text.len()).expect("a short text");
        tiff.extend(count.to_le_bytes());
        match <[u8; 4]>::try_from([text.as_slice(), &[0; 4]].concat().get(..4).unwrap_or_default()) {
            Ok(inline) if text.len() <= 4 => tiff.extend(inline),
            _ => {
                tiff.extend(u32::try_from(place).expect("a near place").to_le_bytes());
                place += text.len();
            }
        }
    }
    tiff.extend([0; 4]);
    for text in texts.iter().filter(|text| text.len() > 4) {
        tiff.extend(text);
    }
    let segment = [b"Exif\0\0".as_slice(), &tiff].concat();
    let length = u16::try_from(segment.len() + 2).expect("a short segment");
    [&jpeg[..2], &[0xff, 0xe1], &length.to_be_bytes(), &segment, &jpeg[2..]].concat()
}
