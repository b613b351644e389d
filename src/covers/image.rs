//! Processing of images: decodes JPEG, PNG, GIF and WebP, and encodes the three sizes of a cover.
//!
//! The format is told by content. The size is checked before pixels are decoded. Large images are reduced while
//! they are decoded. The encoded images have no metadata; the orientation is applied to the pixels.

use bytes::Bytes;
use image_webp::WebPEncoder;
use jpeg_encoder::{Encoder, SamplingFactor};

use super::key::CoverSize;

mod gif;
mod jpeg;
mod limits;
mod orientation;
mod pixels;
mod png;
mod webp;

#[cfg(test)]
mod tests;

pub(crate) use limits::ImageError;

use limits::MAX_FILE_BYTES;
use orientation::Orientation;
use pixels::{Channels, Pixels};

/// The quality of JPEG images, from 1 to 100.
const JPEG_QUALITY: u8 = 85;

/// The files of a cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoverImages {
    /// The width of the largest image, in pixels.
    pub(crate) width: u32,
    /// The height of the largest image, in pixels.
    pub(crate) height: u32,
    small: Bytes,
    medium: Bytes,
    original: Bytes,
}

impl CoverImages {
    /// Files that are no whole images.
    #[cfg(test)]
    pub(super) fn for_test(
        small: &'static [u8],
        medium: &'static [u8],
        original: &'static [u8],
    ) -> Self {
        let [small, medium, original] = [small, medium, original].map(Bytes::from_static);
        Self { width: 3, height: 4, small, medium, original }
    }

    /// The length of all images together, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        CoverSize::ALL.into_iter().map(|size| self.file(size).len()).sum()
    }

    /// The encoded image of a size.
    pub(super) fn file(&self, size: CoverSize) -> &Bytes {
        match size {
            CoverSize::Small => &self.small,
            CoverSize::Medium => &self.medium,
            CoverSize::Original => &self.original,
        }
    }
}

/// Decodes an image and makes the files of a cover. Takes up to a second.
pub(crate) fn process(file: &[u8]) -> Result<CoverImages, ImageError> {
    let (original, orientation) = decode(file)?;
    let longest_side = CoverSize::Original.longest_side();
    let original = original.reduced_to(longest_side)?.unwrap_or(original);
    let original = orientation.apply(original).without_needless_alpha();
    let reduced = |image: &Pixels, size: CoverSize| {
        let reduced = image.reduced_to(size.longest_side());
        reduced.map(|reduced| reduced.unwrap_or_else(|| image.clone()))
    };
    let medium = reduced(&original, CoverSize::Medium)?;
    let small = reduced(&medium, CoverSize::Small)?;
    Ok(CoverImages {
        width: original.width(),
        height: original.height(),
        small: encode(&small)?,
        medium: encode(&medium)?,
        original: encode(&original)?,
    })
}

type Decoder = fn(&[u8]) -> Result<(Pixels, Orientation), ImageError>;

/// Checks the size of a file and how it begins. Nothing is decoded.
pub(super) fn check(file: &[u8]) -> Result<(), ImageError> {
    decoder(file).map(drop)
}

/// Decodes a file. The image is at least as large as the largest size of a cover, if the file has so many pixels.
fn decode(file: &[u8]) -> Result<(Pixels, Orientation), ImageError> {
    decoder(file)?(file)
}

fn decoder(file: &[u8]) -> Result<Decoder, ImageError> {
    if file.len() > MAX_FILE_BYTES {
        return Err(ImageError::TooLarge);
    }
    match file {
        [0xff, 0xd8, 0xff, ..] => Ok(jpeg::decode),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(png::decode),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(gif::decode),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(webp::decode),
        _ => Err(ImageError::Unsupported),
    }
}

/// Encodes an opaque image as JPEG, and a transparent one as WebP without loss.
fn encode(image: &Pixels) -> Result<Bytes, ImageError> {
    let mut file = Vec::new();
    match image.channels() {
        Channels::Rgb => {
            let side = |side: u32| u16::try_from(side).map_err(|_| ImageError::TooLarge);
            let mut encoder = Encoder::new(&mut file, JPEG_QUALITY);
            encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
            encoder.set_optimized_huffman_tables(true);
            let (width, height) = (side(image.width())?, side(image.height())?);
            encoder
                .encode(image.bytes(), width, height, jpeg_encoder::ColorType::Rgb)
                .map_err(|_| ImageError::Unsupported)?;
        }
        Channels::PremultipliedRgba => {
            let pixels = image.to_straight_rgba();
            WebPEncoder::new(&mut file)
                .encode(&pixels, image.width(), image.height(), image_webp::ColorType::Rgba8)
                .map_err(|_| ImageError::Unsupported)?;
        }
    }
    Ok(Bytes::from(file))
}
