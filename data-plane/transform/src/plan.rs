//! What the planner decides and the executor carries out: a flat list of steps over whole pixels.
//!
//! A plan is concrete: no names, no autos, no fractions are left in it. It serialises (it travels to a render worker) and
//! its canonical text is what a rendition is identified by, so every field here must change the picture or not exist.

use serde::{Deserialize, Serialize};

use crate::pixels::{Texture, Tone};
use crate::source::Format;

/// A complete, concrete recipe from stored bytes to delivered bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is read from the source.
    pub decode: Decode,
    /// What is done to the pixels, in order.
    pub steps: Vec<Step>,
    /// How the result is written.
    pub encode: Encode,
    /// Width of the result in pixels (of one frame, for animations).
    pub width: u32,
    /// Height of the result in pixels (of one frame, for animations).
    pub height: u32,
}

/// What is read from the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decode {
    /// The stored format; chooses the loader, which is never chosen by a file name.
    pub format: Format,
    /// First page or frame, counted from zero.
    pub page: u32,
    /// Number of pages or frames; more than one makes an animation.
    pub pages: u32,
    /// Whether the EXIF orientation is applied (it is dropped in any case).
    pub auto_orient: bool,
}

/// What is found out of the pixels before a plan can be finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What is read from the source.
    pub decode: Decode,
    /// What is done before the picture is looked at.
    pub steps: Vec<Step>,
    /// Where its edges are looked for.
    pub trim: Trim,
}

/// What counts as the edge of a picture: what is transparent, or like a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trim {
    /// How far a channel may be from the colour, in hundredths of a full one.
    pub percent: u8,
    /// The colour; nothing for that of the top left pixel.
    pub colour: Option<Colour>,
}

/// One step over the pixels of every frame. Sizes and offsets are whole pixels of the picture as it is when the step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Scales both axes independently to exactly this size.
    Resize {
        /// Target width in pixels.
        width: u32,
        /// Target height in pixels.
        height: u32,
    },
    /// Cuts a window that lies inside the picture.
    Extract {
        /// Left edge.
        x: u32,
        /// Top edge.
        y: u32,
        /// Window width.
        width: u32,
        /// Window height.
        height: u32,
    },
    /// Cuts the most interesting window of this size (libvips' attention strategy).
    Attention {
        /// Window width, at most the picture's.
        width: u32,
        /// Window height, at most the picture's.
        height: u32,
    },
    /// Places the picture on a larger canvas.
    Embed {
        /// Left edge of the picture on the canvas.
        x: u32,
        /// Top edge of the picture on the canvas.
        y: u32,
        /// Canvas width.
        width: u32,
        /// Canvas height.
        height: u32,
        /// Colour of the new area.
        background: Colour,
    },
    /// Blends transparency onto a colour and drops the alpha channel.
    Flatten {
        /// Colour below the picture.
        background: Colour,
    },
    /// Turns clockwise by this many quarter turns (1, 2 or 3).
    QuarterTurn {
        /// Number of quarter turns.
        turns: u8,
    },
    /// Turns clockwise by any angle; the canvas grows to the given size.
    Rotate {
        /// Thousandths of a degree, clockwise, 0 to 359 999.
        millidegrees: u32,
        /// Canvas width after the turn.
        width: u32,
        /// Canvas height after the turn.
        height: u32,
        /// Colour of the new corners.
        background: Colour,
    },
    /// Mirrors left and right.
    FlipHorizontal,
    /// Mirrors top and bottom.
    FlipVertical,
    /// Luma only.
    Grayscale,
    /// Mixes the channels of each pixel, alpha kept.
    Mix {
        /// The mix.
        mix: Mix,
    },
    /// Multiplies alpha.
    Opacity {
        /// Hundredths, 0 to 99.
        percent: u8,
    },
    /// Changes every pixel by itself, or by how often which levels are in the picture.
    Tone {
        /// How.
        tone: Tone,
    },
    /// Looks at neighbouring pixels.
    Texture {
        /// How.
        texture: Texture,
    },
    /// Makes what is less opaque than this transparent, and the rest opaque.
    OpacityThreshold {
        /// Hundredths, 1 to 100.
        percent: u8,
    },
    /// Fades towards the corners.
    Vignette {
        /// How far inwards, in hundredths of the way to the middle, 1 to 100.
        percent: u8,
    },
    /// Draws a frame along the rounded edge of a picture. The canvas grows by the margin on all sides.
    Frame {
        /// Width of the frame in pixels.
        margin: u32,
        /// Radii of the picture as it is; nothing for an ellipse.
        radii: Option<[u32; 4]>,
        /// Colour of the frame.
        colour: Colour,
    },
    /// Puts a colour that shines through behind the picture.
    Behind {
        /// The colour.
        background: Colour,
    },
    /// Gaussian blur.
    Blur {
        /// Thousandths of a pixel.
        sigma_milli: u32,
    },
    /// Sharpens the lightness channel.
    Sharpen {
        /// Thousandths of the gain.
        gain_milli: u32,
    },
    /// Makes the corners transparent outside quarter circles of these radii (clockwise from top left).
    RoundCorners {
        /// Radii in pixels: top left, top right, bottom right, bottom left.
        radii: [u32; 4],
    },
    /// Makes everything outside the inscribed ellipse transparent.
    RoundEllipse,
}

impl Step {
    /// Width and height of what the step makes, where it says so itself.
    pub fn size(&self) -> Option<(u32, u32)> {
        match *self {
            Self::Resize { width, height }
            | Self::Extract { width, height, .. }
            | Self::Attention { width, height }
            | Self::Embed { width, height, .. }
            | Self::Rotate { width, height, .. } => Some((width, height)),
            _ => None,
        }
    }
}

/// A mix of the channels of a pixel: for red, green and blue the gains of red, green and blue and what is added, in thousandths of a full
/// channel. What comes out beyond a channel is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mix {
    /// Thousandths.
    pub milli: [[i32; 4]; 3],
}

impl Mix {
    /// A mix by its gains, in rows, and by what is added to each channel.
    pub fn of(gains: [[f64; 3]; 3], added: [f64; 3]) -> Self {
        // The casts saturate; no gain of the language is anywhere near that.
        let milli = |value: f64| (value * 1000.0).round() as i32;
        let row = |at: usize| [gains[at][0], gains[at][1], gains[at][2], added[at]].map(milli);
        Self { milli: [row(0), row(1), row(2)] }
    }

    /// Whether it changes nothing.
    pub fn is_nothing(self) -> bool {
        self.milli == [[1000, 0, 0, 0], [0, 1000, 0, 0], [0, 0, 1000, 0]]
    }
}

/// A colour with alpha, eight bits a channel, sRGB, not premultiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Colour {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
    /// Alpha: 0 is transparent, 255 opaque.
    pub a: u8,
}

impl Colour {
    /// Opaque white, what transparency is flattened on when nothing else is said.
    pub const WHITE: Self = Self { r: 255, g: 255, b: 255, a: 255 };
    /// Fully transparent.
    pub const TRANSPARENT: Self = Self { r: 0, g: 0, b: 0, a: 0 };
}

/// How the result is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encode {
    /// The delivered format.
    pub format: Format,
    /// Encoder quality, 1 to 100. The encoder's own scale of the format.
    pub quality: u8,
    /// Chroma subsampling, for formats that have it.
    pub chroma: Chroma,
    /// Whether PNG and GIF are reduced to a palette.
    pub palette: bool,
    /// Whether the colour profile is converted to sRGB and dropped.
    pub strip_profile: bool,
    /// Whether the picture comes coarse first and fine later; of JPEG and PNG.
    #[serde(default, skip_serializing_if = "is_false")]
    pub progressive: bool,
    /// Whether what the file says of itself is kept, but for its orientation.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_metadata: bool,
}

/// What was added later stands in the text of a plan only where it changes something, so that renditions keep their keys.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Encode {
    /// A format at a quality, with nothing else said.
    pub fn plain(format: Format, quality: u8) -> Self {
        Self {
            format,
            quality,
            chroma: Chroma::Auto,
            palette: false,
            strip_profile: false,
            progressive: false,
            keep_metadata: false,
        }
    }
}

/// Chroma subsampling of JPEG, WebP and AVIF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chroma {
    /// The encoder's rule by quality.
    Auto,
    /// 4:2:0.
    Subsampled,
    /// 4:4:4.
    Full,
}
