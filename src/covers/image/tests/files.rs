//! Makes images for tests, with the encoders of the same libraries.

use image_webp::WebPEncoder;
use jpeg_encoder::Encoder;

use super::super::orientation::tests::exif;
use super::super::pixels::{Channels, Pixels};

/// The pixels of a photo: gradients, some detail, and a red corner at the upper left.
pub(super) fn photo(width: u32, height: u32) -> Vec<u8> {
    let pixels = Pixels::from_fn(width, height, Channels::Rgb, |x, y| {
        if x < width / 4 && y < height / 4 {
            return [250, 10, 10, 255];
        }
        let shade = |value: u32| (value % 200) as u8;
        [shade(x / 7), shade(y / 5 + 40), shade((x ^ y) / 3), 255]
    });
    pixels.bytes().to_vec()
}

/// The same, with a transparent right half.
pub(super) fn rgba(width: u32, height: u32) -> Vec<u8> {
    let photo = photo(width, height);
    let (pixels, _) = photo.as_chunks::<3>();
    let columns = (0..width).cycle();
    let rgba = pixels.iter().zip(columns).flat_map(|(&[red, green, blue], x)| {
        [red, green, blue, if x < width / 2 { 255 } else { 0 }]
    });
    rgba.collect()
}

#[derive(Clone, Copy, Debug)]
pub(super) enum JpegKind {
    Baseline,
    Progressive,
    Restarts,
}

pub(super) fn jpeg(width: u16, height: u16, kind: JpegKind, exif: Option<&[u8]>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    match kind {
        JpegKind::Baseline => {}
        JpegKind::Progressive => encoder.set_progressive(true),
        JpegKind::Restarts => encoder.set_restart_interval(4),
    }
    if let Some(exif) = exif {
        encoder.add_app_segment(1, [b"Exif\0\0", exif].concat()).expect("a segment");
    }
    let pixels = photo(width.into(), height.into());
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).expect("a JPEG image");
    file
}

pub(super) fn png(
    width: u32,
    height: u32,
    color: ::png::ColorType,
    depth: ::png::BitDepth,
    data: &[u8],
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(::png::Compression::Fast);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(data).expect("a PNG image");
    writer.finish().expect("an end");
    file
}

pub(super) fn rgb_png(width: u32, height: u32) -> Vec<u8> {
    png(width, height, ::png::ColorType::Rgb, ::png::BitDepth::Eight, &photo(width, height))
}

pub(super) fn webp(width: u32, height: u32, alpha: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let (pixels, color) = if alpha {
        (rgba(width, height), image_webp::ColorType::Rgba8)
    } else {
        (photo(width, height), image_webp::ColorType::Rgb8)
    };
    WebPEncoder::new(&mut file).encode(&pixels, width, height, color).expect("a WebP image");
    file
}

/// An animation of two frames: red, then blue.
pub(super) fn gif_animation(width: u16, height: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder =
        ::gif::Encoder::new(&mut file, width, height, &[255, 0, 0, 0, 0, 255]).expect("a header");
    for color in [0, 1] {
        let buffer = vec![color; usize::from(width) * usize::from(height)].into();
        let frame = ::gif::Frame { width, height, buffer, ..::gif::Frame::default() };
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    file
}

/// One file of each kind, with its name.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("baseline JPEG", jpeg(300, 200, JpegKind::Baseline, None)),
        ("progressive JPEG", jpeg(300, 200, JpegKind::Progressive, None)),
        ("JPEG with restarts", jpeg(300, 200, JpegKind::Restarts, None)),
        ("PNG", rgb_png(300, 200)),
        ("WebP", webp(300, 200, false)),
        ("transparent WebP", webp(300, 200, true)),
        ("GIF", gif_animation(300, 200)),
    ]
}

/// The header of a PNG image with a right checksum, and no pixels.
pub(super) fn png_header(width: u32, height: u32) -> Vec<u8> {
    let pixel = png(1, 1, ::png::ColorType::Grayscale, ::png::BitDepth::Eight, &[0]);
    let mut file = pixel[..33].to_vec();
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32fast::hash(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    [&file[..], &pixel[33..]].concat()
}

/// An interlaced PNG image of gray pixels, of which `gray` tells the value.
pub(super) fn interlaced_png(width: u32, height: u32, gray: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut data = Vec::new();
    for (left, top, across, down) in passes {
        for y in (top..height).step_by(down).filter(|_| left < width) {
            data.push(0);
            data.extend((left..width).step_by(across).map(|x| gray(x, y)));
        }
    }
    let mut png = png_header(width, height)[..33].to_vec();
    png[28] = 1;
    let checksum = crc32fast::hash(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    for (name, data) in [(&b"IDAT"[..], fdeflate::compress_to_vec(&data)), (b"IEND", Vec::new())] {
        png.extend(u32::try_from(data.len()).expect("a length").to_be_bytes());
        let chunk = [name, &data].concat();
        png.extend_from_slice(&chunk);
        png.extend(crc32fast::hash(&chunk).to_be_bytes());
    }
    png
}

/// Small files of each kind, which are quick to decode.
pub(super) fn small_files() -> &'static [Vec<u8>] {
    static FILES: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(|| {
        vec![
            jpeg(24, 16, JpegKind::Baseline, Some(&exif(6, true))),
            jpeg(24, 16, JpegKind::Progressive, None),
            jpeg(24, 16, JpegKind::Restarts, None),
            rgb_png(24, 16),
            webp(24, 16, false),
            webp(24, 16, true),
            gif_animation(24, 16),
        ]
    });
    &FILES
}
