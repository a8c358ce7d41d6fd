//! libvips behind a safe face: the only place that calls it.
//!
//! The functions called are variadic: required arguments, then name–value pairs up to a null name. [`call!`] writes the pairs
//! and lets only types through that a C variadic call reads back as they were written. Nothing else of the binding is used,
//! because its option structures name properties which the library we link to does not have.

use std::{
    ffi::{CStr, CString, c_char, c_double, c_int, c_void},
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU64, Ordering},
};

use libvips_rs::bindings as ffi;

use crate::source::Format;

/// What libvips said about a failed call: its message buffer, which is process-wide and is cleared by reading it here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    fn take() -> Self {
        // SAFETY: the buffer is a C string owned by libvips; it is copied before it is cleared, and this process runs one
        // pipeline at a time, so nobody writes to it meanwhile.
        let text = unsafe {
            let text = CStr::from_ptr(ffi::vips_error_buffer()).to_string_lossy().trim().to_owned();
            ffi::vips_error_clear();
            text
        };
        Self(if text.is_empty() { "libvips failed without a message".into() } else { text.replace('\n', "; ") })
    }
}

/// The outcome of a libvips call.
pub type Result<T> = std::result::Result<T, Fault>;

/// A value that may stand in a name–value pair of a variadic call.
trait Argument {}
impl Argument for c_int {}
impl Argument for c_double {}
impl<T> Argument for *mut T {}

fn argument<T: Argument>(value: T) -> T {
    value
}

/// Calls a libvips function with required arguments and name–value pairs; nonzero becomes a [`Fault`].
macro_rules! call {
    ($function:ident($($required:expr),* $(,)?) $(, $name:literal = $value:expr)* $(,)?) => {{
        // SAFETY: every pointer given is alive for the call (images are owned by the caller, out parameters are locals), the
        // pairs have types that are their own variadic promotion, the names are properties of the operation, and the list
        // ends with a null.
        let status = unsafe {
            ffi::$function(
                $($required,)*
                $(concat!($name, "\0").as_ptr().cast::<c_char>(), argument($value),)*
                ptr::null::<c_char>(),
            )
        };
        if status == 0 { Ok(()) } else { Err(Fault::take()) }
    }};
}

/// Calls an operation that makes an image.
macro_rules! make {
    ($function:ident($input:expr $(, $required:expr)* $(,)?) $($rest:tt)*) => {{
        let mut out = ptr::null_mut();
        call!($function($input.raw(), &mut out $(, $required)*) $($rest)*).and_then(|()| Image::own(out))
    }};
}

// Behind the macros, which they use.
mod encoders;
mod rows;

pub use encoders::{Encoder, Save, Subsample};

/// A list of numbers in the form libvips takes them.
struct Doubles(NonNull<ffi::VipsArrayDouble>);

impl Doubles {
    fn new(values: &[f64]) -> Result<Self> {
        // SAFETY: the values are copied before the call returns.
        let array = unsafe { ffi::vips_array_double_new(values.as_ptr(), values.len() as c_int) };
        NonNull::new(array).map(Self).ok_or_else(Fault::take)
    }

    fn raw(&self) -> *mut ffi::VipsArrayDouble {
        self.0.as_ptr()
    }
}

impl Drop for Doubles {
    fn drop(&mut self) {
        // SAFETY: made in `new`, released once; a `VipsArrayDouble` begins with its `VipsArea`.
        unsafe { ffi::vips_area_unref(self.0.as_ptr().cast()) }
    }
}

/// A list of whole numbers in the form libvips takes them.
struct Ints(NonNull<ffi::VipsArrayInt>);

impl Ints {
    fn new(values: &[c_int]) -> Result<Self> {
        // SAFETY: the values are copied before the call returns.
        let array = unsafe { ffi::vips_array_int_new(values.as_ptr(), values.len() as c_int) };
        NonNull::new(array).map(Self).ok_or_else(Fault::take)
    }
}

impl Drop for Ints {
    fn drop(&mut self) {
        // SAFETY: made in `new`, released once; a `VipsArrayInt` begins with its `VipsArea`.
        unsafe { ffi::vips_area_unref(self.0.as_ptr().cast()) }
    }
}

/// Loaders that read formats of ours although libvips does not count them as fuzzed; the worker is confined for this reason.
const ADMITTED_LOADERS: [&CStr; 3] = [c"VipsForeignLoadSvg", c"VipsForeignLoadPdf", c"VipsForeignLoadJxl"];

/// Loaders that nothing here ever calls. Most of them are blocked as untrusted anyway; which ones is the library's choice
/// and differs between versions.
const BLOCKED_LOADERS: [&CStr; 14] = [
    c"VipsForeignLoadMagick",
    c"VipsForeignLoadOpenslide",
    c"VipsForeignLoadMat",
    c"VipsForeignLoadMatrix",
    c"VipsForeignLoadFits",
    c"VipsForeignLoadCsv",
    c"VipsForeignLoadRaw",
    c"VipsForeignLoadVips",
    c"VipsForeignLoadAnalyze",
    c"VipsForeignLoadNifti",
    c"VipsForeignLoadOpenexr",
    c"VipsForeignLoadPpm",
    c"VipsForeignLoadRad",
    c"VipsForeignLoadJp2k",
];

/// Starts libvips for one picture at a time: one thread, no operation cache, no loaders but those of our formats. May be
/// called more than once.
///
/// # Errors
/// When the library cannot start.
pub fn start() -> Result<()> {
    static STARTED: std::sync::OnceLock<Result<()>> = std::sync::OnceLock::new();
    STARTED
        .get_or_init(|| {
            // SAFETY: runs once; the strings are static; the setters take plain numbers and known class names, and a class
            // the library was built without is ignored.
            unsafe {
                if ffi::vips_init(c"safelight".as_ptr()) != 0 {
                    return Err(Fault::take());
                }
                ffi::vips_concurrency_set(1);
                ffi::vips_cache_set_max(0);
                ffi::vips_cache_set_max_mem(0);
                ffi::vips_cache_set_max_files(0);
                ffi::vips_leak_set(0);
                let domain = c"VIPS".as_ptr();
                ffi::g_log_set_handler(domain, ffi::GLogLevelFlags_G_LOG_LEVEL_WARNING, Some(count), ptr::null_mut());
                ffi::vips_block_untrusted_set(1);
                for loader in BLOCKED_LOADERS {
                    ffi::vips_operation_block_set(loader.as_ptr(), 1);
                }
                for loader in ADMITTED_LOADERS {
                    ffi::vips_operation_block_set(loader.as_ptr(), 0);
                }
            }
            Ok(())
        })
        .clone()
}

/// The version of the library that is loaded: major and minor.
pub fn version() -> (u32, u32) {
    // SAFETY: reads two numbers that the library was built with.
    let (major, minor) = unsafe { (ffi::vips_version(0), ffi::vips_version(1)) };
    (major.max(0) as u32, minor.max(0) as u32)
}

/// Warnings since the start. Decoders warn of damage that they paint over, some only once they are done.
static WARNINGS: AtomicU64 = AtomicU64::new(0);

/// Counts a warning in place of printing it: hostile files would fill the log.
unsafe extern "C" fn count(_: *const c_char, _: ffi::GLogLevelFlags, _: *const c_char, _: ffi::gpointer) {
    WARNINGS.fetch_add(1, Ordering::Relaxed);
}

/// Number of warnings since the start of the process.
pub fn warnings() -> u64 {
    WARNINGS.load(Ordering::Relaxed)
}

/// How a source is opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// First page or frame, from zero.
    pub page: u32,
    /// Number of pages or frames, stacked from top to bottom.
    pub pages: u32,
    /// JPEG only: decode at this fraction of the size: 1, 2, 4 or 8.
    pub shrink: u32,
    /// WebP, SVG and PDF only: decode at this multiple of the size.
    pub scale: f64,
    /// Whether the rows are asked for from top to bottom, once, which needs no memory for the whole picture.
    pub sequential: bool,
}

impl Load {
    /// Everything of the first page, leniently, row by row.
    pub const FIRST_PAGE: Self = Self { page: 0, pages: 1, shrink: 1, scale: 1.0, sequential: true };
}

/// The colour models that steps must tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Eight-bit sRGB, or eight-bit RGB of an embedded profile.
    Rgb,
    /// Eight-bit grey.
    Grey,
    /// Eight-bit CMYK.
    Cmyk,
    /// Sixteen-bit RGB.
    Rgb16,
    /// Sixteen-bit grey.
    Grey16,
    /// Anything else: floating point, Lab.
    Other,
}

/// A picture, or the recipe of one: pixels are computed when something asks for them. `'a` is the life of the encoded bytes
/// that it may still read from.
#[derive(Debug)]
pub struct Image<'a> {
    raw: NonNull<ffi::VipsImage>,
    source: PhantomData<&'a [u8]>,
}

impl Clone for Image<'_> {
    fn clone(&self) -> Self {
        // SAFETY: the object is alive; another reference to it is what a clone is.
        unsafe { ffi::g_object_ref(self.raw().cast()) };
        Self { raw: self.raw, source: PhantomData }
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        // SAFETY: gives back the one reference this value owns.
        unsafe { ffi::g_object_unref(self.raw().cast()) }
    }
}

impl<'a> Image<'a> {
    fn own(raw: *mut ffi::VipsImage) -> Result<Self> {
        NonNull::new(raw).map(|raw| Self { raw, source: PhantomData }).ok_or_else(Fault::take)
    }

    fn raw(&self) -> *mut ffi::VipsImage {
        self.raw.as_ptr()
    }

    /// Opens encoded bytes with the loader of a format. Only the header is read.
    ///
    /// # Errors
    /// When the header cannot be read or asks for something the loader refuses.
    pub fn load(format: Format, bytes: &'a [u8], load: Load) -> Result<Self> {
        let data = bytes.as_ptr().cast::<c_void>().cast_mut();
        let length = bytes.len() as ffi::size_t;
        let access =
            if load.sequential { ffi::VipsAccess_VIPS_ACCESS_SEQUENTIAL } else { ffi::VipsAccess_VIPS_ACCESS_RANDOM }
                as c_int;
        let (page, pages) = (load.page as c_int, load.pages as c_int);
        let mut out = ptr::null_mut();
        match format {
            Format::Jpg => {
                call!(vips_jpegload_buffer(data, length, &mut out), "shrink" = load.shrink as c_int, "access" = access)
            }
            Format::Png => call!(vips_pngload_buffer(data, length, &mut out), "access" = access),
            Format::Webp => call!(
                vips_webpload_buffer(data, length, &mut out),
                "page" = page,
                "n" = pages,
                "scale" = load.scale,
                "access" = access
            ),
            Format::Gif => {
                call!(vips_gifload_buffer(data, length, &mut out), "page" = page, "n" = pages, "access" = access)
            }
            Format::Avif | Format::Heic => {
                call!(vips_heifload_buffer(data, length, &mut out), "page" = page, "n" = pages, "access" = access)
            }
            Format::Tiff => {
                call!(vips_tiffload_buffer(data, length, &mut out), "page" = page, "n" = pages, "access" = access)
            }
            Format::Jxl => call!(vips_jxlload_buffer(data, length, &mut out), "access" = access),
            Format::Svg => call!(vips_svgload_buffer(data, length, &mut out), "scale" = load.scale, "access" = access),
            Format::Pdf => call!(
                vips_pdfload_buffer(data, length, &mut out),
                "page" = page,
                "n" = pages,
                "scale" = load.scale,
                "access" = access
            ),
        }?;
        Self::own(out)
    }

    /// A picture of one eight-bit band from its samples, row by row.
    ///
    /// # Errors
    /// When the number of samples is not width times height.
    pub fn from_mask(samples: &[u8], width: u32, height: u32) -> Result<Image<'static>> {
        // SAFETY: the samples are copied before the call returns, and the library checks their number against the size.
        let raw = unsafe {
            ffi::vips_image_new_from_memory_copy(
                samples.as_ptr().cast(),
                samples.len() as ffi::size_t,
                width as c_int,
                height as c_int,
                1,
                ffi::VipsBandFormat_VIPS_FORMAT_UCHAR,
            )
        };
        Image::own(raw)
    }

    /// A picture of the same bands with other samples, of eight bits, and of another size. What the file said of this one is kept.
    ///
    /// # Errors
    /// When the number of samples is not that of the size.
    pub fn with_samples(&self, samples: &[u8], (width, height): (u32, u32)) -> Result<Image<'static>> {
        // SAFETY: the samples are copied before the call returns, and the library checks their number against the size.
        let raw = unsafe {
            ffi::vips_image_new_from_memory_copy(
                samples.as_ptr().cast(),
                samples.len() as ffi::size_t,
                width as c_int,
                height as c_int,
                self.bands() as c_int,
                ffi::VipsBandFormat_VIPS_FORMAT_UCHAR,
            )
        };
        let image = Image::own(raw)?;
        let (across, down) = self.resolution();
        let image = make!(vips_copy(image), "interpretation" = self.interpretation(), "xres" = across, "yres" = down)?;
        for name in self.fields().into_iter().filter(|name| name.to_str().is_ok_and(is_metadata)) {
            // SAFETY: a value of noughts is one that holds nothing, as the call wants it; it is given back once it was copied into the image,
            // which is not shared with anybody yet.
            unsafe {
                let mut value: ffi::GValue = std::mem::zeroed();
                if ffi::vips_image_get(self.raw(), name.as_ptr(), &mut value) == 0 {
                    ffi::vips_image_set(image.raw(), name.as_ptr(), &mut value);
                    ffi::g_value_unset(&mut value);
                } else {
                    Fault::take();
                }
            }
        }
        Ok(image)
    }

    /// The names of everything that is said of the picture, what is built in included.
    fn fields(&self) -> Vec<CString> {
        let mut names = Vec::new();
        // SAFETY: the list is a null-ended array of C strings that is ours to free; the names are copied before.
        unsafe {
            let fields = ffi::vips_image_get_fields(self.raw());
            let mut at = fields;
            while !at.is_null() && !(*at).is_null() {
                names.push(CStr::from_ptr(*at).to_owned());
                at = at.add(1);
            }
            ffi::g_strfreev(fields);
        }
        names
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        // SAFETY: the object is alive.
        unsafe { ffi::vips_image_get_width(self.raw()) }.max(0) as u32
    }

    /// Height in pixels; the sum of the frames' heights while frames are stacked.
    pub fn height(&self) -> u32 {
        // SAFETY: the object is alive.
        unsafe { ffi::vips_image_get_height(self.raw()) }.max(0) as u32
    }

    /// Number of bands, the alpha band included.
    pub fn bands(&self) -> u32 {
        // SAFETY: the object is alive.
        unsafe { ffi::vips_image_get_bands(self.raw()) }.max(0) as u32
    }

    /// Where the left upper corner of the picture this one was cut from lies, seen from this one: zero or negative.
    pub fn offset(&self) -> (i32, i32) {
        // SAFETY: the object is alive.
        unsafe { (ffi::vips_image_get_xoffset(self.raw()), ffi::vips_image_get_yoffset(self.raw())) }
    }

    /// Whether the last band is transparency.
    pub fn has_alpha(&self) -> bool {
        // SAFETY: the object is alive.
        unsafe { ffi::vips_image_hasalpha(self.raw()) != 0 }
    }

    /// Whether samples are plain ones of eight bits.
    pub fn has_bytes(&self) -> bool {
        // SAFETY: the object is alive.
        let (format, coding) =
            unsafe { (ffi::vips_image_get_format(self.raw()), ffi::vips_image_get_coding(self.raw())) };
        format == ffi::VipsBandFormat_VIPS_FORMAT_UCHAR && coding == ffi::VipsCoding_VIPS_CODING_NONE
    }

    /// The colour model.
    pub fn model(&self) -> Model {
        // SAFETY: the object is alive.
        let (interpretation, format) =
            unsafe { (ffi::vips_image_guess_interpretation(self.raw()), ffi::vips_image_get_format(self.raw())) };
        let (bytes, words) =
            (format == ffi::VipsBandFormat_VIPS_FORMAT_UCHAR, format == ffi::VipsBandFormat_VIPS_FORMAT_USHORT);
        match interpretation {
            ffi::VipsInterpretation_VIPS_INTERPRETATION_sRGB if bytes => Model::Rgb,
            ffi::VipsInterpretation_VIPS_INTERPRETATION_B_W if bytes => Model::Grey,
            ffi::VipsInterpretation_VIPS_INTERPRETATION_CMYK if bytes => Model::Cmyk,
            ffi::VipsInterpretation_VIPS_INTERPRETATION_RGB16 if words => Model::Rgb16,
            ffi::VipsInterpretation_VIPS_INTERPRETATION_GREY16 if words => Model::Grey16,
            _ => Model::Other,
        }
    }

    /// EXIF orientation, 1 to 8.
    pub fn orientation(&self) -> u8 {
        // SAFETY: the object is alive; the function answers 1 where nothing sensible is stored.
        u8::try_from(unsafe { ffi::vips_image_get_orientation(self.raw()) }).unwrap_or(1)
    }

    /// Pages or frames of the file this was loaded from, at least one.
    pub fn pages(&self) -> u32 {
        // SAFETY: the object is alive; the function answers 1 where nothing sensible is stored.
        unsafe { ffi::vips_image_get_n_pages(self.raw()) }.max(1) as u32
    }

    fn has(&self, name: &CStr) -> bool {
        // SAFETY: the object is alive; the name is a C string.
        unsafe { ffi::vips_image_get_typeof(self.raw(), name.as_ptr()) != 0 }
    }

    /// A whole number of the metadata.
    pub fn int(&self, name: &CStr) -> Option<i32> {
        let mut value = 0;
        if !self.has(name) {
            return None;
        }
        // SAFETY: the object is alive, the out parameter is a local.
        if unsafe { ffi::vips_image_get_int(self.raw(), name.as_ptr(), &mut value) } == 0 {
            Some(value)
        } else {
            Fault::take();
            None
        }
    }

    /// A list of whole numbers of the metadata.
    pub fn ints(&self, name: &CStr) -> Option<Vec<i32>> {
        let (mut values, mut count) = (ptr::null_mut(), 0);
        if !self.has(name) {
            return None;
        }
        // SAFETY: the object is alive, the out parameters are locals; on success they describe memory owned by the image,
        // which is copied at once.
        unsafe {
            if ffi::vips_image_get_array_int(self.raw(), name.as_ptr(), &mut values, &mut count) != 0
                || values.is_null()
            {
                Fault::take();
                return None;
            }
            Some(slice::from_raw_parts(values, usize::try_from(count).unwrap_or(0)).to_vec())
        }
    }

    /// The embedded colour profile.
    pub fn profile(&self) -> Option<&[u8]> {
        self.blob(c"icc-profile-data")
    }

    /// Bytes of a field.
    pub fn blob(&self, name: &CStr) -> Option<&[u8]> {
        let (mut data, mut length) = (ptr::null(), 0);
        if !self.has(name) {
            return None;
        }
        // SAFETY: the object is alive, the out parameters are locals; on success they describe memory that the image owns and
        // that nobody changes while `self` is borrowed.
        unsafe {
            if ffi::vips_image_get_blob(self.raw(), name.as_ptr(), &mut data, &mut length) != 0 || data.is_null() {
                Fault::take();
                return None;
            }
            Some(slice::from_raw_parts(data.cast(), length as usize))
        }
    }

    /// All samples, row after row, the bands of a pixel side by side.
    ///
    /// # Errors
    /// When pixels cannot be decoded.
    pub fn samples(&self) -> Result<Encoded> {
        let mut length = 0;
        // SAFETY: the object is alive and the out parameter a local; what is returned is ours to free by GLib.
        let data = unsafe { ffi::vips_image_write_to_memory(self.raw(), &mut length) };
        let data = NonNull::new(data.cast()).ok_or_else(Fault::take)?;
        Ok(Encoded { data, length: length as usize })
    }

    /// Samples of a unit of length, a millimetre, across and down.
    pub fn resolution(&self) -> (f64, f64) {
        // SAFETY: reads fields of a live object.
        unsafe { (ffi::vips_image_get_xres(self.raw()), ffi::vips_image_get_yres(self.raw())) }
    }

    /// The same picture with metadata of its own: only what `keep` wants of the optional fields.
    ///
    /// # Errors
    /// When the picture cannot be copied.
    pub fn with_fields(&self, keep: impl Fn(&str) -> bool) -> Result<Self> {
        let copy = make!(vips_copy(self))?;
        for name in copy.fields() {
            if name.to_str().map_or(true, |name| !keep(name)) {
                // Built-in fields such as the width are in the list too; asking to remove them changes nothing.
                // SAFETY: the copy is not shared with anybody yet, so its metadata may be changed.
                unsafe { ffi::vips_image_remove(copy.raw(), name.as_ptr()) };
            }
        }
        Ok(copy)
    }

    /// The same picture as frames of `page_height` rows with their delays in milliseconds and the number of repetitions
    /// (zero is for ever).
    ///
    /// # Errors
    /// When the picture cannot be copied.
    pub fn with_animation(&self, page_height: u32, delays: Option<&[i32]>, repetitions: Option<i32>) -> Result<Self> {
        let copy = make!(vips_copy(self))?;
        // SAFETY: the copy is not shared with anybody yet, so its metadata may be changed; values are copied by the calls.
        unsafe {
            ffi::vips_image_set_int(copy.raw(), c"page-height".as_ptr(), page_height as c_int);
            if let Some(delays) = delays {
                ffi::vips_image_set_array_int(copy.raw(), c"delay".as_ptr(), delays.as_ptr(), delays.len() as c_int);
            }
            if let Some(repetitions) = repetitions {
                ffi::vips_image_set_int(copy.raw(), c"loop".as_ptr(), repetitions);
            }
        }
        Ok(copy)
    }

    /// Computes all pixels now and keeps them, so that they can be read in any order.
    ///
    /// # Errors
    /// When the pixels cannot be decoded or computed.
    pub fn materialise(&self) -> Result<Self> {
        // SAFETY: the object is alive; the answer is a new reference or null.
        Self::own(unsafe { ffi::vips_image_copy_memory(self.raw()) })
    }

    /// Computes all pixels and forgets them: the average is the cheapest thing that needs every one.
    ///
    /// # Errors
    /// When the pixels cannot be decoded.
    pub fn visit(&self) -> Result<()> {
        let mut average = 0.0;
        call!(vips_avg(self.raw(), &mut average))
    }

    /// Scales both axes by factors of their own, with a Lanczos kernel.
    ///
    /// # Errors
    /// When a factor makes an axis vanish or overflow.
    pub fn resize(&self, horizontal: f64, vertical: f64) -> Result<Self> {
        make!(vips_resize(self, horizontal), "vscale" = vertical)
    }

    /// Cuts a window.
    ///
    /// # Errors
    /// When the window does not lie inside.
    pub fn extract(&self, x: u32, y: u32, width: u32, height: u32) -> Result<Self> {
        make!(vips_extract_area(self, x as c_int, y as c_int, width as c_int, height as c_int))
    }

    /// Cuts the window of this size that draws the most attention. The picture must be materialised.
    ///
    /// # Errors
    /// When the window is larger than the picture.
    pub fn attention(&self, width: u32, height: u32) -> Result<Self> {
        let interesting = ffi::VipsInteresting_VIPS_INTERESTING_ATTENTION as c_int;
        make!(vips_smartcrop(self, width as c_int, height as c_int), "interesting" = interesting)
    }

    /// Places the picture on a canvas of a colour, one value for each band.
    ///
    /// # Errors
    /// When the number of values does not fit the bands.
    pub fn embed(&self, (x, y): (i32, i32), (width, height): (u32, u32), background: &[f64]) -> Result<Self> {
        let background = Doubles::new(background)?;
        let extend = ffi::VipsExtend_VIPS_EXTEND_BACKGROUND as c_int;
        make!(
            vips_embed(self, x, y, width as c_int, height as c_int),
            "extend" = extend,
            "background" = background.raw()
        )
    }

    /// Places the picture on a canvas and repeats its edge pixels.
    ///
    /// # Errors
    /// When the canvas cannot be made.
    pub fn extend_edges(&self, width: u32, height: u32) -> Result<Self> {
        let extend = ffi::VipsExtend_VIPS_EXTEND_COPY as c_int;
        make!(vips_embed(self, 0, 0, width as c_int, height as c_int), "extend" = extend)
    }

    /// Blends transparency onto a colour, one value for each colour band, and drops the alpha band.
    ///
    /// # Errors
    /// When the number of values does not fit the bands.
    pub fn flatten(&self, background: &[f64]) -> Result<Self> {
        let background = Doubles::new(background)?;
        make!(vips_flatten(self), "background" = background.raw())
    }

    /// Turns clockwise by quarter turns; the picture must be materialised unless the number is a multiple of four.
    ///
    /// # Errors
    /// When libvips refuses.
    pub fn quarter_turn(&self, turns: u8) -> Result<Self> {
        let angle = match turns % 4 {
            0 => return Ok(self.clone()),
            1 => ffi::VipsAngle_VIPS_ANGLE_D90,
            2 => ffi::VipsAngle_VIPS_ANGLE_D180,
            _ => ffi::VipsAngle_VIPS_ANGLE_D270,
        };
        make!(vips_rot(self, angle))
    }

    /// Mirrors left and right.
    ///
    /// # Errors
    /// When libvips refuses.
    pub fn flip_horizontal(&self) -> Result<Self> {
        make!(vips_flip(self, ffi::VipsDirection_VIPS_DIRECTION_HORIZONTAL))
    }

    /// Mirrors top and bottom; the picture must be materialised.
    ///
    /// # Errors
    /// When libvips refuses.
    pub fn flip_vertical(&self) -> Result<Self> {
        make!(vips_flip(self, ffi::VipsDirection_VIPS_DIRECTION_VERTICAL))
    }

    /// Turns clockwise by an angle in degrees around the middle, onto a canvas of a size whose middle is the same point. A
    /// picture with alpha must be premultiplied, and so must the background.
    ///
    /// # Errors
    /// When the number of background values does not fit the bands.
    pub fn rotate(&self, degrees: f64, width: u32, height: u32, background: &[f64]) -> Result<Self> {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        // Positions are those of pixel centres, so the middle of n pixels is (n - 1) / 2.
        let middle = |length: u32| (f64::from(length) - 1.0) / 2.0;
        let (x, y) = (middle(self.width()), middle(self.height()));
        let right = middle(width) - (cosine * x - sine * y);
        let down = middle(height) - (sine * x + cosine * y);
        let background = Doubles::new(background)?;
        let area = Ints::new(&[0, 0, width as c_int, height as c_int])?;
        // SAFETY: the name is a C string; the answer is an object of ours or null.
        let interpolate = unsafe { ffi::vips_interpolate_new(c"bicubic".as_ptr()) };
        if interpolate.is_null() {
            return Err(Fault::take());
        }
        let rotated = make!(
            vips_affine(self, cosine, -sine, sine, cosine),
            "interpolate" = interpolate,
            "oarea" = area.0.as_ptr(),
            "odx" = right,
            "ody" = down,
            "background" = background.raw(),
            "premultiplied" = 1
        );
        // SAFETY: gives back the reference made above; the operation holds its own.
        unsafe { ffi::g_object_unref(interpolate.cast()) };
        rotated
    }

    /// Gaussian blur of a standard deviation in pixels.
    ///
    /// # Errors
    /// When the mask would be too large.
    pub fn blur(&self, sigma: f64) -> Result<Self> {
        make!(vips_gaussblur(self, sigma), "min-ampl" = BLUR_CUT_OFF)
    }

    /// Sharpens the lightness; `gain` is the slope on edges. Flat areas are left alone, so that noise is not raised.
    ///
    /// # Errors
    /// When the colour model has no lightness.
    pub fn sharpen(&self, gain: f64) -> Result<Self> {
        make!(vips_sharpen(self), "sigma" = 1.0, "m1" = 0.0, "m2" = gain)
    }

    /// Mixes the bands of eight bits: `gains` are as many rows as there are bands, and `added` is added to each, rounded and cut to eight
    /// bits.
    ///
    /// # Errors
    /// When the numbers do not fit the bands.
    pub fn mix(&self, gains: &[f64], added: &[f64]) -> Result<Self> {
        let bands = added.len();
        // SAFETY: the numbers are copied before the call returns.
        let matrix = unsafe {
            ffi::vips_image_new_matrix_from_array(
                bands as c_int,
                (gains.len() / bands.max(1)) as c_int,
                gains.as_ptr(),
                gains.len() as c_int,
            )
        };
        let matrix = Image::own(matrix)?;
        let mixed = make!(vips_recomb(self, matrix.raw()))?;
        let ones = vec![1.0; bands];
        let rounded: Vec<f64> = added.iter().map(|value| value + 0.5).collect();
        let mixed = make!(vips_linear(mixed, ones.as_ptr(), rounded.as_ptr(), bands as c_int), "uchar" = 1)?;
        make!(vips_copy(mixed), "interpretation" = self.interpretation())
    }

    /// Converts to eight-bit sRGB by the numbers alone, alpha kept.
    ///
    /// # Errors
    /// When there is no way from the colour model.
    pub fn to_rgb(&self) -> Result<Self> {
        make!(vips_colourspace(self, ffi::VipsInterpretation_VIPS_INTERPRETATION_sRGB))
    }

    /// Converts to eight-bit grey by the numbers alone, alpha kept.
    ///
    /// # Errors
    /// When there is no way from the colour model.
    pub fn to_grey(&self) -> Result<Self> {
        make!(vips_colourspace(self, ffi::VipsInterpretation_VIPS_INTERPRETATION_B_W))
    }

    /// Converts to eight-bit sRGB through the embedded profile, alpha kept. The result carries libvips' sRGB profile.
    ///
    /// # Errors
    /// When the profile cannot be read or does not fit the picture.
    pub fn to_rgb_by_profile(&self) -> Result<Self> {
        let profile = c"srgb".as_ptr();
        make!(
            vips_icc_transform(self, profile),
            "embedded" = 1,
            "intent" = ffi::VipsIntent_VIPS_INTENT_PERCEPTUAL as c_int
        )
    }

    /// Multiplies the colours by alpha; eight bits stay eight bits, which keeps the resampler on its fast path. The fraction
    /// is cut off rather than rounded, as libvips does in its own thumbnails: a pass less over every source pixel, and what
    /// is opaque comes out exact.
    ///
    /// # Errors
    /// When libvips refuses.
    pub fn premultiply(&self) -> Result<Self> {
        let floating = make!(vips_premultiply(self))?;
        make!(vips_cast(floating, self.band_format()))
    }

    /// The inverse of [`Image::premultiply`].
    ///
    /// # Errors
    /// When libvips refuses.
    pub fn unpremultiply(&self) -> Result<Self> {
        let floating = make!(vips_unpremultiply(self))?;
        let rounded = make!(vips_round(floating, ffi::VipsOperationRound_VIPS_OPERATION_ROUND_RINT))?;
        make!(vips_cast(rounded, self.band_format()))
    }

    fn band_format(&self) -> ffi::VipsBandFormat {
        // SAFETY: the object is alive.
        unsafe { ffi::vips_image_get_format(self.raw()) }
    }

    /// Adds an opaque alpha band.
    ///
    /// # Errors
    /// When libvips refuses.
    pub fn add_alpha(&self) -> Result<Self> {
        make!(vips_addalpha(self))
    }

    /// Takes some bands.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn take_bands(&self, first: u32, count: u32) -> Result<Self> {
        make!(vips_extract_band(self, first as c_int), "n" = count as c_int)
    }

    /// Puts the bands of another picture behind those of this one.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn join_bands(&self, other: &Image<'a>) -> Result<Self> {
        let mut out = ptr::null_mut();
        call!(vips_bandjoin2(self.raw(), other.raw(), &mut out))?;
        Self::own(out)
    }

    /// Multiplies every eight-bit band by a one-band eight-bit mask, 255 counting as one.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn multiply_mask(&self, mask: &Image<'a>) -> Result<Self> {
        let mut product = ptr::null_mut();
        call!(vips_multiply(self.raw(), mask.raw(), &mut product))?;
        let product = Self::own(product)?;
        let scaled = make!(vips_linear1(product, 1.0 / 255.0, 0.5), "uchar" = 1)?;
        make!(vips_copy(scaled), "interpretation" = self.interpretation())
    }

    fn interpretation(&self) -> c_int {
        // SAFETY: the object is alive.
        unsafe { ffi::vips_image_guess_interpretation(self.raw()) as c_int }
    }

    /// Stacks pictures of one size from top to bottom.
    ///
    /// # Errors
    /// When there are none.
    pub fn stack(frames: &[Image<'a>]) -> Result<Self> {
        let mut raw: Vec<_> = frames.iter().map(Image::raw).collect();
        let mut out = ptr::null_mut();
        call!(vips_arrayjoin(raw.as_mut_ptr(), &mut out, raw.len() as c_int), "across" = 1)?;
        Self::own(out)
    }
}

/// Whether a field is something that the file says of itself, and not how it is built.
pub fn is_metadata(name: &str) -> bool {
    name.starts_with("exif-") || matches!(name, "iptc-data" | "xmp-data" | "icc-profile-data")
}

/// Where the bell of a blur is cut off, as a fraction of its peak. libvips' own 0.2 blurs visibly less than was asked for.
const BLUR_CUT_OFF: c_double = 0.05;

/// Encoded bytes, or samples, in memory of GLib's.
#[derive(Debug)]
pub struct Encoded {
    data: NonNull<u8>,
    length: usize,
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the encoder gave this pointer and length, and nobody else has them.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.length) }
    }
}

impl DerefMut for Encoded {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.length) }
    }
}

impl Encoded {
    /// Bytes of ours among those of encoders.
    pub fn copied(bytes: &[u8]) -> Self {
        // SAFETY: memory for so many bytes, and at least one, which the allocator ends the process for rather than not give it; it does not
        // overlap what is copied into it.
        unsafe {
            let data = ffi::g_malloc(bytes.len().max(1) as ffi::gsize).cast::<u8>();
            ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
            Self { data: NonNull::new_unchecked(data), length: bytes.len() }
        }
    }

    /// Forgets what lies behind a length; a greater length changes nothing.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        // SAFETY: allocated by GLib for us, freed once.
        unsafe { ffi::g_free(self.data.as_ptr().cast()) }
    }
}
