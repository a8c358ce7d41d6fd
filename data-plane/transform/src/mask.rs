//! Antialiased masks for rounded pictures: one byte a pixel, row by row, 255 where the picture stays.

/// Quarter circles at the corners: top left, top right, bottom right, bottom left. Radii too large for the sides are scaled
/// down together, as CSS does, so that circles on one side never overlap.
pub fn round_corners(width: u32, height: u32, radii: [u32; 4]) -> Vec<u8> {
    let mut mask = vec![255; width as usize * height as usize];
    let [top_left, top_right, bottom_right, bottom_left] = radii.map(f64::from);
    let fit = [
        (f64::from(width), top_left + top_right),
        (f64::from(width), bottom_left + bottom_right),
        (f64::from(height), top_left + bottom_left),
        (f64::from(height), top_right + bottom_right),
    ]
    .into_iter()
    .filter(|(_, taken)| *taken > 0.0)
    .map(|(side, taken)| side / taken)
    .fold(1.0, f64::min);
    let corners =
        [(top_left, false, false), (top_right, true, false), (bottom_right, true, true), (bottom_left, false, true)];
    for (radius, right, bottom) in corners {
        let radius = radius * fit;
        let reach = radius.ceil() as u32;
        for row in 0..reach.min(height) {
            for column in 0..reach.min(width) {
                let distance = (radius - f64::from(column) - 0.5).hypot(radius - f64::from(row) - 0.5);
                let x = if right { width - 1 - column } else { column };
                let y = if bottom { height - 1 - row } else { row };
                let sample = &mut mask[y as usize * width as usize + x as usize];
                // Beyond the centre the corner's square belongs to the picture.
                if f64::from(column) + 0.5 < radius && f64::from(row) + 0.5 < radius {
                    *sample = (*sample).min(coverage(radius - distance));
                }
            }
        }
    }
    mask
}

/// The ellipse that touches all four sides.
pub fn ellipse(width: u32, height: u32) -> Vec<u8> {
    let (across, down) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    let mut mask = Vec::with_capacity(width as usize * height as usize);
    for row in 0..height {
        let y = (f64::from(row) + 0.5 - down) / down;
        for column in 0..width {
            let x = (f64::from(column) + 0.5 - across) / across;
            // The distance to the rim, to first order: the value of the implicit function over the length of its gradient.
            let value = x * x + y * y - 1.0;
            let gradient = 2.0 * (x / across).hypot(y / down);
            mask.push(coverage(if gradient > 0.0 { -value / gradient } else { f64::INFINITY }));
        }
    }
    mask
}

/// What lies between a rounded picture and its outline `margin` pixels further out, on the canvas of the outline. `radii` are those of the
/// picture; nothing for an ellipse. A corner that is square inside is square outside.
pub fn ring(width: u32, height: u32, margin: u32, radii: Option<[u32; 4]>) -> Vec<u8> {
    let (across, down) = (width + 2 * margin, height + 2 * margin);
    let outwards = |radius: u32| if radius == 0 { 0 } else { radius.saturating_add(margin) };
    let (mut outer, inner) = match radii {
        Some(radii) => (round_corners(across, down, radii.map(outwards)), round_corners(width, height, radii)),
        None => (ellipse(across, down), ellipse(width, height)),
    };
    for (y, row) in inner.chunks_exact(width as usize).enumerate() {
        let from = (y + margin as usize) * across as usize + margin as usize;
        for (sample, inside) in outer[from..from + width as usize].iter_mut().zip(row) {
            *sample = sample.saturating_sub(*inside);
        }
    }
    outer
}

/// Fades towards the corners: from so many hundredths of the way between corner and middle, counted from the corner.
pub fn vignette(width: u32, height: u32, percent: u8) -> Vec<u8> {
    let (across, down) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    let reach = f64::from(percent.clamp(1, 100)) / 100.0;
    let mut mask = Vec::with_capacity(width as usize * height as usize);
    for row in 0..height {
        let y = (f64::from(row) + 0.5 - down) / down;
        for column in 0..width {
            let x = (f64::from(column) + 0.5 - across) / across;
            // One at the corners.
            let outwards = ((x * x + y * y) / 2.0).sqrt();
            let faded = ((outwards - (1.0 - reach)) / reach).clamp(0.0, 1.0);
            // Without an edge where it begins and where it ends.
            let smooth = faded * faded * (3.0 - 2.0 * faded);
            mask.push(((1.0 - smooth) * 255.0).round() as u8);
        }
    }
    mask
}

/// How much of a pixel is inside a rim that is this far from its centre, inside counting positive.
fn coverage(inside: f64) -> u8 {
    ((inside + 0.5).clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_cut_and_the_rest_stays() {
        let mask = round_corners(40, 30, [10, 0, 5, 0]);
        let at = |x: usize, y: usize| mask[y * 40 + x];
        assert_eq!((at(0, 0), at(39, 0), at(39, 29), at(0, 29)), (0, 255, 0, 255));
        assert_eq!((at(20, 15), at(0, 10), at(10, 0)), (255, 255, 255));
        let soft = mask.iter().filter(|sample| !matches!(sample, 0 | 255)).count();
        assert!((8..60).contains(&soft), "{soft} samples lie on the rims");
    }

    #[test]
    fn areas_are_those_of_the_shapes() {
        let area = |mask: &[u8]| mask.iter().map(|sample| f64::from(*sample) / 255.0).sum::<f64>();
        let ellipse = area(&ellipse(200, 100));
        assert!((ellipse - std::f64::consts::PI * 5000.0).abs() < 10.0, "{ellipse}");
        let circle = area(&round_corners(100, 100, [50; 4]));
        assert!((circle - std::f64::consts::PI * 2500.0).abs() < 10.0, "{circle}");
        // Too large a radius is the largest that fits.
        assert_eq!(round_corners(100, 100, [5000; 4]), round_corners(100, 100, [50; 4]));
    }

    #[test]
    fn vignettes_fade_outwards() {
        let mask = vignette(100, 60, 50);
        let at = |x: usize, y: usize| mask[y * 100 + x];
        assert_eq!((at(50, 30), at(60, 35)), (255, 255));
        assert!(at(0, 0) < 10 && at(99, 59) < 10 && (100..250).contains(&at(90, 15)), "{} {}", at(0, 0), at(90, 15));
    }

    #[test]
    fn a_ring_and_what_it_surrounds_fill_the_outline() {
        for radii in [Some([6, 0, 4, 2]), None] {
            let ring = ring(30, 20, 5, radii);
            let at = |x: usize, y: usize| ring[y * 40 + x];
            assert_eq!((at(20, 15), at(20, 1), at(1, 15)), (0, 255, 255), "{radii:?}");
            assert_eq!(at(0, 0), 0, "{radii:?}");
        }
    }
}
