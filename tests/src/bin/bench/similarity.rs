//! How like two pictures are: the structural similarity of their light, over windows of eight by eight pixels.

use image::{GrayImage, imageops::FilterType};
use safelight_tests::harness::pictures;

const WINDOW: u32 = 8;
const STEP: usize = 4;
/// The constants of the measure's inventors, for eight bits.
const STABILISERS: (f64, f64) = (6.5025, 58.5225);

/// The picture as it should be: decoded whole and scaled with Lanczos.
pub fn reference(photo: &[u8], width: u32, height: u32) -> GrayImage {
    pictures::decode(photo).resize_exact(width, height, FilterType::Lanczos3).to_luma8()
}

/// 1 for equal pictures, less for others.
pub fn ssim(reference: &GrayImage, encoded: &[u8]) -> f64 {
    let other = pictures::decode(encoded).to_luma8();
    assert_eq!(reference.dimensions(), other.dimensions(), "only pictures of one size can be compared");
    let (width, height) = reference.dimensions();
    let (mut sum, mut windows) = (0.0, 0.0);
    for y in (0..height - WINDOW).step_by(STEP) {
        for x in (0..width - WINDOW).step_by(STEP) {
            sum += window(reference, &other, x, y);
            windows += 1.0;
        }
    }
    sum / windows
}

fn window(a: &GrayImage, b: &GrayImage, left: u32, top: u32) -> f64 {
    let (mut sum_a, mut sum_b, mut square_a, mut square_b, mut product) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for y in top..top + WINDOW {
        for x in left..left + WINDOW {
            let (p, q) = (f64::from(a.get_pixel(x, y)[0]), f64::from(b.get_pixel(x, y)[0]));
            sum_a += p;
            sum_b += q;
            square_a += p * p;
            square_b += q * q;
            product += p * q;
        }
    }
    let count = f64::from(WINDOW * WINDOW);
    let (mean_a, mean_b) = (sum_a / count, sum_b / count);
    let (variance_a, variance_b) = (square_a / count - mean_a * mean_a, square_b / count - mean_b * mean_b);
    let covariance = product / count - mean_a * mean_b;
    let (c1, c2) = STABILISERS;
    (2.0 * mean_a * mean_b + c1) * (2.0 * covariance + c2)
        / ((mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2))
}
