//! Encoders and their settings.

use std::{
    ffi::{c_char, c_int},
    ptr::{self, NonNull},
};

use libvips_rs::bindings as ffi;

use super::{Encoded, Fault, Image, Result, argument};

/// With adaptive filters a photograph comes out half a percent larger at this level than at 6, in half the time.
const PNG_COMPRESSION: c_int = 4;

/// Palette pictures are not filtered, and gain from the search that photographs do not gain from.
const PALETTE_COMPRESSION: c_int = 6;

/// Adaptive row filters shrink photographs by two fifths.
const PNG_FILTER: c_int = ffi::VipsForeignPngFilter_VIPS_FOREIGN_PNG_FILTER_ALL as c_int;

/// Effort of the palette search, 1 to 10.
const PALETTE_EFFORT: c_int = 4;

/// An encoder with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoder {
    /// Baseline JPEG.
    Jpeg {
        /// Chroma subsampling.
        subsample: Subsample,
        /// Whether a second pass fits the entropy code to the picture.
        optimise: bool,
    },
    /// PNG.
    Png {
        /// Whether the colours are reduced to a palette.
        palette: bool,
    },
    /// Lossy WebP, which always subsamples.
    Webp {
        /// 0 is the fastest, 6 the smallest.
        effort: u8,
        /// Whether chroma is subsampled with care for edges.
        sharp_chroma: bool,
    },
    /// GIF.
    Gif {
        /// Effort of the palette search, 1 to 10.
        effort: u8,
    },
    /// AVIF.
    Avif {
        /// 0 is the fastest, 9 the smallest.
        effort: u8,
        /// Chroma subsampling.
        subsample: Subsample,
    },
    /// TIFF with lossless compression.
    Tiff,
}

/// Chroma subsampling of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsample {
    /// The encoder's own rule.
    Auto,
    /// 4:2:0.
    On,
    /// 4:4:4.
    Off,
}

impl Subsample {
    fn raw(self) -> c_int {
        (match self {
            Self::Auto => ffi::VipsForeignSubsample_VIPS_FOREIGN_SUBSAMPLE_AUTO,
            Self::On => ffi::VipsForeignSubsample_VIPS_FOREIGN_SUBSAMPLE_ON,
            Self::Off => ffi::VipsForeignSubsample_VIPS_FOREIGN_SUBSAMPLE_OFF,
        }) as c_int
    }
}

/// How a picture is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Save {
    /// The encoder.
    pub encoder: Encoder,
    /// Quality on the encoder's own scale, 1 to 100.
    pub quality: u8,
    /// Whether JPEG and PNG come coarse first and fine later.
    pub progressive: bool,
    /// Whether no metadata at all is written, the colour profile included.
    pub strip: bool,
}

impl Image<'_> {
    /// Encodes the picture.
    ///
    /// # Errors
    /// When the pixels cannot be computed or the encoder refuses them.
    pub fn save(&self, save: &Save) -> Result<Encoded> {
        let image = self.raw();
        let (mut data, mut length) = (ptr::null_mut(), 0);
        let strip = c_int::from(save.strip);
        let interlace = c_int::from(save.progressive);
        let quality = c_int::from(save.quality);
        match save.encoder {
            Encoder::Jpeg { subsample, optimise } => call!(
                vips_jpegsave_buffer(image, &mut data, &mut length),
                "Q" = quality,
                "subsample-mode" = subsample.raw(),
                "optimize-coding" = c_int::from(optimise),
                "interlace" = interlace,
                "strip" = strip
            ),
            Encoder::Png { palette: false } => call!(
                vips_pngsave_buffer(image, &mut data, &mut length),
                "compression" = PNG_COMPRESSION,
                "filter" = PNG_FILTER,
                "interlace" = interlace,
                "strip" = strip
            ),
            Encoder::Png { palette: true } => call!(
                vips_pngsave_buffer(image, &mut data, &mut length),
                "compression" = PALETTE_COMPRESSION,
                "palette" = 1,
                "Q" = quality,
                "effort" = PALETTE_EFFORT,
                "interlace" = interlace,
                "strip" = strip
            ),
            Encoder::Webp { effort, sharp_chroma } => call!(
                vips_webpsave_buffer(image, &mut data, &mut length),
                "Q" = quality,
                "effort" = c_int::from(effort),
                "smart-subsample" = c_int::from(sharp_chroma),
                "strip" = strip
            ),
            Encoder::Gif { effort } => call!(
                vips_gifsave_buffer(image, &mut data, &mut length),
                "effort" = c_int::from(effort),
                "strip" = strip
            ),
            Encoder::Avif { effort, subsample } => call!(
                vips_heifsave_buffer(image, &mut data, &mut length),
                "compression" = ffi::VipsForeignHeifCompression_VIPS_FOREIGN_HEIF_COMPRESSION_AV1 as c_int,
                "Q" = quality,
                "bitdepth" = 8,
                "effort" = c_int::from(effort),
                "subsample-mode" = subsample.raw(),
                "strip" = strip
            ),
            Encoder::Tiff => call!(
                vips_tiffsave_buffer(image, &mut data, &mut length),
                "compression" = ffi::VipsForeignTiffCompression_VIPS_FOREIGN_TIFF_COMPRESSION_LZW as c_int,
                "strip" = strip
            ),
        }?;
        let data = NonNull::new(data.cast::<u8>()).ok_or_else(Fault::take)?;
        Ok(Encoded { data, length: length as usize })
    }
}
