//! Rows as the decoder delivers them.

use std::{ffi::c_int, ptr::NonNull, slice};

use libvips_rs::bindings as ffi;

use super::{Fault, Image, Result};

/// Rows that are asked for at once: what decoders deliver at once, or a multiple of it.
const STRIP: u32 = 16;

/// A window on the pixels of an image, which lives as long as the image does.
struct Region(NonNull<ffi::VipsRegion>);

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: made by us, released once.
        unsafe { ffi::g_object_unref(self.0.as_ptr().cast()) }
    }
}

impl Image<'_> {
    /// Hands over the rows from top to bottom, the bands of a pixel side by side.
    ///
    /// # Errors
    /// When a sample has more than eight bits, and when pixels cannot be decoded.
    pub fn rows(&self, mut take: impl FnMut(&[u8])) -> Result<()> {
        if !self.has_bytes() {
            return Err(Fault("the samples have more than eight bits".into()));
        }
        let (width, height) = (self.width(), self.height());
        let length = width as usize * self.bands() as usize;
        // SAFETY: the image is alive, and stays so for longer than the region, which holds a reference of its own.
        let region = unsafe { ffi::vips_region_new(self.raw()) };
        let region = Region(NonNull::new(region).ok_or_else(Fault::take)?);
        for top in (0..height).step_by(STRIP as usize) {
            let strip = STRIP.min(height - top);
            let wanted = ffi::VipsRect { left: 0, top: top as c_int, width: width as c_int, height: strip as c_int };
            // SAFETY: the region is alive and the window lies inside of its image.
            if unsafe { ffi::vips_region_prepare(region.0.as_ptr(), &wanted) } != 0 {
                return Err(Fault::take());
            }
            for y in top..top + strip {
                // SAFETY: a prepared region holds at least the window that was asked for: `data` is the first pixel of `valid`, which
                // begins at or before the window, rows lie `bpl` bytes apart, and a sample is a byte. Nothing writes to it until the
                // next call.
                let row = unsafe {
                    let region = region.0.as_ref();
                    let down = (y as c_int - region.valid.top) as usize * region.bpl as usize;
                    let across = (-region.valid.left) as usize * length / width as usize;
                    slice::from_raw_parts(region.data.add(down + across), length)
                };
                take(row);
            }
        }
        Ok(())
    }
}
