//! Decodes JPEG images. Large ones are reduced by the decoder, which then never has all pixels in memory.

use jpeg_decoder::{Decoder, PixelFormat};

use super::limits::{ImageError, check_memory, check_size};
use super::orientation::Orientation;
use super::pixels::{Channels, Pixels, fit};
use crate::covers::key::CoverSize;

/// The most scans of a progressive image. Encoders make up to about fifty. Each one may be a few bytes, and still takes
/// the time to visit every pixel.
const MAX_SCANS: u64 = 100;

impl From<jpeg_decoder::Error> for ImageError {
    fn from(_: jpeg_decoder::Error) -> Self {
        Self::Unsupported
    }
}

pub(super) fn decode(file: &[u8]) -> Result<(Pixels, Orientation), ImageError> {
    let structure = Structure::read(file)?;
    let (width, height) = (structure.width, structure.height);
    check_size(u32::from(width), u32::from(height))?;
    let longest_side = CoverSize::Original.longest_side();
    let wanted = fit(u32::from(width), u32::from(height), longest_side);
    let side = |side: u32| u16::try_from(side).map_err(|_| ImageError::TooLarge);

    let mut decoder = Decoder::new(file);
    decoder.read_info()?;
    let (width, height) = decoder.scale(side(wanted.0)?, side(wanted.1)?)?;
    let (width, height) = (u32::from(width), u32::from(height));
    // The planes of the components, and the pixels.
    let planes = u64::from(width) * u64::from(height) * structure.components * 2;
    check_memory(planes + structure.coefficient_bytes())?;
    let bytes = decoder.decode()?;
    let info = decoder.info().ok_or(ImageError::Unsupported)?;
    // Drops the coefficients.
    drop(decoder);
    let pixels = match info.pixel_format {
        PixelFormat::RGB24 => Pixels::new(width, height, Channels::Rgb, bytes),
        PixelFormat::L8 => {
            let rgb = bytes.iter().flat_map(|&gray| [gray; 3]).collect();
            Pixels::new(width, height, Channels::Rgb, rgb)
        }
        PixelFormat::CMYK32 => Pixels::new(width, height, Channels::Rgb, rgb_from_cmyk(&bytes)),
        // Only images without loss have 16 bits, and `Structure` rejects these.
        PixelFormat::L16 => None,
    };
    Ok((pixels.ok_or(ImageError::Unsupported)?, structure.orientation))
}

/// The colors without a profile, as most programs show them.
fn rgb_from_cmyk(pixels: &[u8]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks::<4>();
    let mix = |ink: u8, black: u8| {
        let light = u16::from(255 - ink) * u16::from(255 - black);
        u8::try_from((light + 127) / 255).unwrap_or(u8::MAX)
    };
    let rgb = pixels.iter().flat_map(|&[cyan, magenta, yellow, black]| {
        [mix(cyan, black), mix(magenta, black), mix(yellow, black)]
    });
    rgb.collect()
}

/// What the segments of a file say (ITU-T T.81, annex B).
struct Structure {
    width: u16,
    height: u16,
    components: u64,
    /// Samples of all components for each pixel, in 1/16.
    samples_per_pixel_16: u64,
    is_progressive: bool,
    orientation: Orientation,
}

impl Structure {
    /// Reads all segments up to the end of the image. The decoder itself would fill what is missing at the end of
    /// a truncated file.
    fn read(file: &[u8]) -> Result<Self, ImageError> {
        Self::find(file).ok_or(ImageError::Unsupported)
    }

    fn find(file: &[u8]) -> Option<Self> {
        let mut rest = file.strip_prefix(&[0xff, 0xd8])?;
        let mut frame: Option<Self> = None;
        let mut orientation = None;
        let mut scans: u64 = 0;
        loop {
            let (marker, after) = next_marker(rest)?;
            rest = after;
            match marker {
                // Temporary, and restart markers outside a scan.
                0x01 | 0xd0..=0xd7 => continue,
                0xd9 => break,
                _ => {}
            }
            let length = usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?));
            let segment = rest.get(2..length)?;
            rest = rest.get(length..)?;
            match marker {
                // Baseline, extended and progressive with Huffman coding.
                0xc0..=0xc2 if frame.is_none() => frame = Some(Self::from_frame(marker, segment)?),
                // Other processes: without loss, hierarchical, arithmetic coding; or a second frame.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return None,
                0xda => {
                    frame.as_ref()?;
                    scans += 1;
                    rest = after_scan(rest);
                }
                0xe1 if orientation.is_none() => {
                    orientation = segment.strip_prefix(b"Exif\0\0").map(Orientation::from_exif);
                }
                _ => {}
            }
        }
        let frame = frame?;
        let max_scans = if frame.is_progressive { MAX_SCANS } else { frame.components };
        (1..=max_scans).contains(&scans).then_some(())?;
        Some(Self { orientation: orientation.unwrap_or_default(), ..frame })
    }

    /// Reads the header of a frame (section B.2.2).
    fn from_frame(marker: u8, segment: &[u8]) -> Option<Self> {
        let [_, height_high, height_low, width_high, width_low, components, rest @ ..] = segment
        else {
            return None;
        };
        let (rest, _) = rest.as_chunks::<3>();
        let sampling = rest
            .get(..usize::from(*components))?
            .iter()
            .map(|&[_, sampling, _]| (u64::from(sampling >> 4), u64::from(sampling & 15)));
        let largest = sampling.clone().fold((1, 1), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let samples: u64 = sampling.map(|(across, down)| across * down).sum();
        Some(Self {
            width: u16::from_be_bytes([*width_high, *width_low]),
            height: u16::from_be_bytes([*height_high, *height_low]),
            components: u64::from(*components),
            samples_per_pixel_16: (samples * 16).div_ceil(largest.0 * largest.1),
            is_progressive: marker == 0xc2,
            orientation: Orientation::default(),
        })
    }

    /// The memory for the coefficients of all components, of two bytes each. Only progressive images need all at once.
    fn coefficient_bytes(&self) -> u64 {
        if !self.is_progressive {
            return 0;
        }
        u64::from(self.width) * u64::from(self.height) * self.samples_per_pixel_16 * 2 / 16
    }
}

/// Finds the next marker. Returns its code and what follows it. Skips bytes before it, as decoders do.
fn next_marker(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        rest = &rest[memchr::memchr(0xff, rest)?..];
        let fill = rest.iter().take_while(|&&byte| byte == 0xff).count();
        let code = *rest.get(fill)?;
        rest = &rest[fill + 1..];
        if code != 0 {
            return Some((code, rest));
        }
    }
}

/// Skips the coded data of a scan, with its restart markers. Returns what begins with the next marker; empty if
/// there is none.
fn after_scan(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr(0xff, rest) {
        rest = &rest[at..];
        match rest.get(1) {
            Some(0x00 | 0xd0..=0xd7) => rest = &rest[2..],
            Some(0xff) => rest = &rest[1..],
            Some(_) => return rest,
            None => break,
        }
    }
    &[]
}
