//! Decoded pixels, and how they are reduced.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::limits::ImageError;
use crate::covers::key::CoverSize;

/// The channels of a pixel, of 8 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    /// Red, green and blue.
    Rgb,
    /// Red, green and blue, multiplied by alpha, and alpha.
    PremultipliedRgba,
}

impl Channels {
    pub(super) const fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::PremultipliedRgba => 4,
        }
    }
}

/// An image of at least one pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    width: u32,
    height: u32,
    channels: Channels,
    bytes: Vec<u8>,
}

impl Pixels {
    /// Wraps the rows of an image. `None` if their length is wrong or there are none.
    pub(super) fn new(width: u32, height: u32, channels: Channels, bytes: Vec<u8>) -> Option<Self> {
        let pixels = (width as usize).checked_mul(height as usize)?;
        let is_valid = pixels > 0 && pixels.checked_mul(channels.count()) == Some(bytes.len());
        is_valid.then_some(Self { width, height, channels, bytes })
    }

    /// An image with these pixels.
    pub(super) fn from_fn(
        width: u32,
        height: u32,
        channels: Channels,
        pixel: impl Fn(u32, u32) -> [u8; 4],
    ) -> Self {
        let mut bytes = Vec::with_capacity(width as usize * height as usize * channels.count());
        for y in 0..height {
            for x in 0..width {
                bytes.extend_from_slice(&pixel(x, y)[..channels.count()]);
            }
        }
        Self { width, height, channels, bytes }
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn channels(&self) -> Channels {
        self.channels
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The channels of one pixel; alpha is 255 if there is none.
    pub(super) fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y as usize * self.width as usize + x as usize) * self.channels.count();
        let pixel = &self.bytes[at..at + self.channels.count()];
        [pixel[0], pixel[1], pixel[2], pixel.get(3).copied().unwrap_or(255)]
    }

    /// Removes the alpha channel if every pixel is opaque.
    pub(super) fn without_needless_alpha(self) -> Self {
        let needed = self.channels == Channels::PremultipliedRgba
            && self.bytes.chunks_exact(4).any(|pixel| pixel[3] != 255);
        if needed || self.channels == Channels::Rgb {
            return self;
        }
        Self::from_fn(self.width, self.height, Channels::Rgb, |x, y| self.at(x, y))
    }

    /// Red, green, blue and alpha, as files store them: not multiplied.
    pub(super) fn to_straight_rgba(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.width as usize * self.height as usize * 4);
        for pixel in self.bytes.chunks_exact(self.channels.count()) {
            let alpha = pixel.get(3).copied().unwrap_or(255);
            let divide = |channel: u8| {
                let alpha = u16::from(alpha);
                let straight = (u16::from(channel) * 255 + alpha / 2).checked_div(alpha);
                u8::try_from(straight.unwrap_or(0)).unwrap_or(255)
            };
            bytes.extend([divide(pixel[0]), divide(pixel[1]), divide(pixel[2]), alpha]);
        }
        bytes
    }

    /// The image reduced so that its longest side has at most this length. `None` if it is small enough already.
    pub(super) fn reduced_to(&self, longest_side: u32) -> Result<Option<Self>, ImageError> {
        let (width, height) = fit(self.width, self.height, longest_side);
        if (width, height) == (self.width, self.height) {
            return Ok(None);
        }
        let pixel_type = match self.channels {
            Channels::Rgb => PixelType::U8x3,
            Channels::PremultipliedRgba => PixelType::U8x4,
        };
        let source = ImageRef::new(self.width, self.height, &self.bytes, pixel_type)
            .map_err(|_| ImageError::Unsupported)?;
        let mut reduced = Image::new(width, height, pixel_type);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            // The pixels are multiplied by alpha already.
            .use_alpha(false);
        Resizer::new()
            .resize(&source, &mut reduced, &options)
            .map_err(|_| ImageError::Unsupported)?;
        let mut bytes = reduced.into_vec();
        if self.channels == Channels::PremultipliedRgba {
            // The filter overshoots at edges, but no color can be brighter than its alpha.
            for pixel in bytes.chunks_exact_mut(4) {
                let alpha = pixel[3];
                pixel[..3].iter_mut().for_each(|channel| *channel = (*channel).min(alpha));
            }
        }
        Ok(Self::new(width, height, self.channels, bytes))
    }
}

/// The width and height of an image that is reduced so that its longest side has at most this length.
pub(super) fn fit(width: u32, height: u32, longest_side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= longest_side {
        return (width, height);
    }
    let scale = |side: u32| {
        let (side, longest) = (u64::from(side), u64::from(longest));
        let scaled = (side * u64::from(longest_side) + longest / 2) / longest;
        u32::try_from(scaled).unwrap_or(longest_side).max(1)
    };
    (scale(width), scale(height))
}

/// Collects the rows of an image in any order, and reduces it by a whole factor, so that a large image is never in
/// memory as a whole. The result has at least the size that was asked for.
pub(super) struct Reducer {
    width: u32,
    height: u32,
    channels: Channels,
    factor: u32,
    reduced_width: u32,
    reduced_height: u32,
    reduced: Reduced,
}

/// The pixels of the result.
enum Reduced {
    /// Nothing is reduced: the channels of each pixel.
    Channels(Vec<u8>),
    /// The sums of the channels of each reduced pixel. At most `MAX_FACTOR`² values of 255 fit.
    Sums(Vec<u16>),
}

/// 16² · 255 fits into 16 bits.
const MAX_FACTOR: u32 = 16;

impl Reducer {
    /// A reducer for an image of this size. The result is at least as large as the largest size of a cover, if the
    /// image is.
    pub(super) fn new(width: u32, height: u32, channels: Channels) -> Self {
        Self::with_longest_side(width, height, channels, CoverSize::Original.longest_side())
    }

    /// `longest_side` is the least length of the longest side of the result, if the image is larger.
    fn with_longest_side(width: u32, height: u32, channels: Channels, longest_side: u32) -> Self {
        let factor = (width.max(height) / longest_side).clamp(1, MAX_FACTOR);
        let (reduced_width, reduced_height) = (width.div_ceil(factor), height.div_ceil(factor));
        let len = reduced_width as usize * reduced_height as usize * channels.count();
        let reduced = match factor {
            1 => Reduced::Channels(vec![0; len]),
            _ => Reduced::Sums(vec![0; len]),
        };
        Self { width, height, channels, factor, reduced_width, reduced_height, reduced }
    }

    /// Adds a row of pixels with red, green, blue and alpha, which is not multiplied.
    pub(super) fn add_row(&mut self, y: u32, pixels: impl Iterator<Item = [u8; 4]>) {
        self.add(y, 0, 1, pixels);
    }

    /// Adds every `step`th pixel of a row, from `start` on.
    pub(super) fn add(
        &mut self,
        y: u32,
        start: u32,
        step: u32,
        pixels: impl Iterator<Item = [u8; 4]>,
    ) {
        if y >= self.height {
            return;
        }
        let count = self.channels.count();
        let row_len = self.reduced_width as usize * count;
        let row_start = (y / self.factor) as usize * row_len;
        let (channels, factor) = (self.channels, self.factor);
        let columns = (start..self.width).step_by(step as usize);
        let pixels = columns.zip(pixels.map(|pixel| premultiply(pixel, channels)));
        match &mut self.reduced {
            Reduced::Channels(all) => {
                let row = &mut all[row_start..row_start + row_len];
                for (x, pixel) in pixels {
                    let at = x as usize * count;
                    row[at..at + count].copy_from_slice(&pixel[..count]);
                }
            }
            Reduced::Sums(all) => {
                let row = &mut all[row_start..row_start + row_len];
                for (x, pixel) in pixels {
                    let at = (x / factor) as usize * count;
                    for (sum, channel) in row[at..at + count].iter_mut().zip(pixel) {
                        *sum += u16::from(channel);
                    }
                }
            }
        }
    }

    /// The reduced image. Pixels that were not added are black, or transparent.
    pub(super) fn finish(self) -> Pixels {
        let (width, height, channels) = (self.reduced_width, self.reduced_height, self.channels);
        let bytes = match self.reduced {
            Reduced::Channels(bytes) => bytes,
            Reduced::Sums(ref sums) => self.averages(sums),
        };
        Pixels { width, height, channels, bytes }
    }

    fn averages(&self, sums: &[u16]) -> Vec<u8> {
        let count = self.channels.count();
        let mut bytes = Vec::with_capacity(sums.len());
        // At the right and the lower edge, fewer pixels of the image make one of the result.
        let covered = |reduced: usize, length: u32| {
            let start = u32::try_from(reduced).unwrap_or(u32::MAX).saturating_mul(self.factor);
            length.saturating_sub(start).clamp(1, self.factor)
        };
        for (y, row) in sums.chunks_exact(self.reduced_width as usize * count).enumerate() {
            let rows = covered(y, self.height);
            for (x, pixel) in row.chunks_exact(count).enumerate() {
                let pixels = rows * covered(x, self.width);
                bytes.extend(pixel.iter().map(|&sum| {
                    u8::try_from((u32::from(sum) + pixels / 2) / pixels).unwrap_or(u8::MAX)
                }));
            }
        }
        bytes
    }
}

/// A pixel whose channels are multiplied by alpha, rounded, if the result has alpha.
fn premultiply([red, green, blue, alpha]: [u8; 4], channels: Channels) -> [u8; 4] {
    let multiply = |channel: u8| {
        let product = u16::from(channel) * u16::from(alpha);
        u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
    };
    match channels {
        Channels::Rgb => [red, green, blue, 255],
        Channels::PremultipliedRgba => [multiply(red), multiply(green), multiply(blue), alpha],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_side_is_reduced_and_no_side_vanishes() {
        for (size, longest, fitted) in [
            ((3000, 4000), 1600, (1200, 1600)),
            ((4000, 3000), 480, (480, 360)),
            ((1600, 100), 1600, (1600, 100)),
            ((100, 50), 160, (100, 50)),
            ((1, 1_000_000), 160, (1, 160)),
            ((32_767, 1), 1600, (1600, 1)),
            ((1601, 1600), 1600, (1600, 1599)),
        ] {
            assert_eq!(fit(size.0, size.1, longest), fitted, "{size:?}");
        }
    }

    #[test]
    fn edges_are_averaged_over_the_pixels_that_exist() {
        let mut reducer = Reducer::with_longest_side(5, 3, Channels::Rgb, 2);
        for y in 0..3 {
            reducer.add_row(y, std::iter::repeat_n([200, 100, 50, 255], 5));
        }
        let reduced = reducer.finish();
        assert_eq!((reduced.width(), reduced.height()), (3, 2));
        assert!(reduced.bytes().chunks_exact(3).all(|pixel| pixel == [200, 100, 50]));
    }

    #[test]
    fn a_transparent_pixel_does_not_color_its_neighbours() {
        let mut reducer = Reducer::with_longest_side(4, 1, Channels::PremultipliedRgba, 2);
        let (red, clear_green) = ([255, 0, 0, 255], [0, 255, 0, 0]);
        reducer.add_row(0, [red, clear_green, red, clear_green].into_iter());
        let reduced = reducer.finish();
        assert_eq!(reduced.to_straight_rgba(), [255, 0, 0, 128, 255, 0, 0, 128]);
    }

    proptest! {
        #[test]
        fn reduced_images_are_at_least_as_large_as_asked(
            width in 1..200_u32, height in 1..200_u32, longest in 1..100_u32, channel: u8, alpha: u8,
        ) {
            for channels in [Channels::Rgb, Channels::PremultipliedRgba] {
                let mut reducer = Reducer::with_longest_side(width, height, channels, longest);
                // The rows come in any order, and so do the pixels of a row.
                for y in (0..height).rev() {
                    for start in [1, 0] {
                        let row = std::iter::repeat([channel, 255, 0, alpha]);
                        reducer.add(y, start, 2, row);
                    }
                }
                let reduced = reducer.finish();
                prop_assert!(reduced.width().max(reduced.height()) >= longest.min(width.max(height)));
                let expected = match channels {
                    Channels::Rgb => [channel, 255, 0, 255],
                    Channels::PremultipliedRgba => {
                        premultiply([channel, 255, 0, alpha], channels)
                    }
                };
                prop_assert_eq!(reduced.at(reduced.width() - 1, reduced.height() - 1), expected);
                prop_assert!(Pixels::new(reduced.width, reduced.height, channels, reduced.bytes).is_some());
            }
        }
    }
}
