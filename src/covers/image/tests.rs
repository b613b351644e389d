//! Tests of whole files.

use proptest::prelude::*;

use super::orientation::tests::exif;
use super::*;

mod files;

use files::{
    JpegKind, files, gif_animation, interlaced_png, jpeg, photo, png, png_header, rgb_png, rgba,
    small_files, webp,
};

/// Decodes a file that this program wrote.
fn decoded(file: &Bytes) -> Pixels {
    decode(file).expect("an image of our own").0
}

fn assert_near(pixel: [u8; 4], expected: [u8; 4], context: &str) {
    let near = pixel.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) <= 24);
    assert!(near, "{context}: {pixel:?} is not {expected:?}");
}

#[test]
fn every_format_becomes_three_sizes() {
    for (name, file) in files() {
        let images = process(&file).expect(name);
        assert_eq!((images.width, images.height), (300, 200), "{name}");
        for (size, expected) in CoverSize::ALL.into_iter().zip([(160, 107), (300, 200), (300, 200)])
        {
            let image = decoded(images.file(size));
            assert_eq!((image.width(), image.height()), expected, "{name}");
            assert_near(
                image.at(5, 5),
                if name == "GIF" { [255, 0, 0, 255] } else { [250, 10, 10, 255] },
                name,
            );
        }
    }
}

#[test]
fn large_images_are_reduced_and_keep_their_shape() {
    let mut flat_webp = Vec::new();
    let pixels = [250, 10, 10].repeat(4000 * 2000);
    let encoder = WebPEncoder::new(&mut flat_webp);
    encoder.encode(&pixels, 4000, 2000, image_webp::ColorType::Rgb8).expect("a WebP image");
    for file in [jpeg(4000, 2000, JpegKind::Baseline, None), rgb_png(4000, 2000), flat_webp] {
        let images = process(&file).expect("an image");
        assert_eq!((images.width, images.height), (1600, 800));
        let sizes = CoverSize::ALL.map(|size| {
            let image = decoded(images.file(size));
            assert_near(
                image.at(image.width() / 8, image.height() / 8),
                [250, 10, 10, 255],
                "corner",
            );
            (image.width(), image.height())
        });
        assert_eq!(sizes, [(160, 80), (480, 240), (1600, 800)]);
    }
}

#[test]
fn only_transparent_images_become_webp() {
    for (name, file) in files() {
        let images = process(&file).expect(name);
        for size in CoverSize::ALL {
            let is_webp = images.file(size).starts_with(b"RIFF");
            assert_eq!(is_webp, name == "transparent WebP", "{name}");
        }
    }
    let image = decoded(process(&webp(300, 200, true)).expect("an image").file(CoverSize::Small));
    assert_eq!(image.at(150, 50), [0; 4]);
    assert_near(image.at(5, 5), [250, 10, 10, 255], "the opaque half");
}

#[test]
fn the_orientation_of_exif_is_applied() {
    // Where the red corner of the file is shown: at the right, at the bottom.
    let corners = [
        (false, false),
        (true, false),
        (true, true),
        (false, true),
        (false, false),
        (true, false),
        (true, true),
        (false, true),
    ];
    for (value, (right, bottom)) in (1..=8).zip(corners) {
        for big_endian in [true, false] {
            let file = jpeg(320, 200, JpegKind::Baseline, Some(&exif(value, big_endian)));
            let images = process(&file).expect("an image");
            let expected = if value >= 5 { (200, 320) } else { (320, 200) };
            assert_eq!((images.width, images.height), expected, "{value}");
            for size in CoverSize::ALL {
                let image = decoded(images.file(size));
                let x = if right { image.width() - 4 } else { 3 };
                let y = if bottom { image.height() - 4 } else { 3 };
                assert_near(image.at(x, y), [250, 10, 10, 255], &format!("orientation {value}"));
            }
        }
    }
}

#[test]
fn metadata_is_removed() {
    let secret = b"52.5200 N, 13.4050 E";
    let tiff = [&exif(1, true)[..], secret].concat();
    let mut png_with_text = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut png_with_text, 300, 200);
    encoder.set_color(::png::ColorType::Rgb);
    encoder
        .add_text_chunk("Location".to_owned(), String::from_utf8_lossy(secret).into_owned())
        .expect("a text");
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&photo(300, 200)).expect("a PNG image");
    writer.finish().expect("an end");
    let mut webp_with_exif = Vec::new();
    let mut encoder = WebPEncoder::new(&mut webp_with_exif);
    encoder.set_exif_metadata(tiff.clone());
    encoder.encode(&rgba(300, 200), 300, 200, image_webp::ColorType::Rgba8).expect("a WebP image");
    for file in [jpeg(300, 200, JpegKind::Baseline, Some(&tiff)), png_with_text, webp_with_exif] {
        assert!(memchr::memmem::find(&file, secret).is_some());
        let images = process(&file).expect("an image");
        for size in CoverSize::ALL {
            let file = images.file(size);
            assert!(memchr::memmem::find(file, secret).is_none());
            assert!(memchr::memmem::find(file, b"Exif").is_none());
        }
    }
}

#[test]
fn truncated_files_are_unsupported() {
    for (name, file) in files() {
        let step = file.len() / 150 + 1;
        for length in (0..file.len()).step_by(step).chain([file.len() - 1, file.len() - 2]) {
            assert_eq!(
                process(&file[..length]),
                Err(ImageError::Unsupported),
                "{name}, {length} of {}",
                file.len()
            );
        }
    }
}

/// The prefix codes of such a file can need more than a gigabyte.
#[test]
fn long_webp_data_without_loss_is_too_large() {
    let mut random = 1_u32;
    let mut noise = |pixels: usize| -> Vec<u8> {
        let byte = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random.to_be_bytes()[0]
        };
        std::iter::repeat_with(byte).take(4 * pixels).collect()
    };
    for (side, expected) in [(200, None), (400, Some(ImageError::TooLarge))] {
        let pixels = noise((side * side) as usize);
        let mut file = Vec::new();
        let encoder = WebPEncoder::new(&mut file);
        encoder.encode(&pixels, side, side, image_webp::ColorType::Rgba8).expect("a WebP image");
        assert_eq!(process(&file).err(), expected, "{} bytes", file.len());
    }
}

#[test]
fn bytes_after_the_image_are_ignored() {
    for (name, mut file) in files() {
        file.extend_from_slice(b"PK\x03\x04 an archive, <script>alert(1)</script>");
        let images = process(&file).expect(name);
        for size in CoverSize::ALL {
            assert!(memchr::memmem::find(images.file(size), b"script").is_none(), "{name}");
        }
    }
}

#[test]
fn other_files_are_unsupported() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\"/>";
    let prefixed = |start: &[u8]| [start, &[0; 1000]].concat();
    for file in [
        &b""[..],
        b"\xff\xd8\xff",
        svg,
        b"<?xml version=\"1.0\"?><svg/>",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"%PDF-1.7\n",
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x20ftypavif",
        b"GIF89a<svg/>",
        &[0; 4096],
        &prefixed(b"\x89PNG\r\n\x1a\n"),
        &prefixed(b"GIF89a"),
        &prefixed(b"RIFF\xe4\x03\0\0WEBP"),
        &prefixed(b"RIFF\xe4\x03\0\0WAVE"),
        &prefixed(b"\xff\xd8\xff\xe0"),
    ] {
        assert_eq!(
            process(file),
            Err(ImageError::Unsupported),
            "{:?}",
            &file[..file.len().min(20)]
        );
    }
}

#[test]
fn images_of_too_many_pixels_are_too_large_by_their_header() {
    let with_sides = |mut file: Vec<u8>, at: usize, sides: [[u8; 2]; 2]| {
        file[at..at + 4].copy_from_slice(&sides.concat());
        file
    };
    let mut jpeg_file = jpeg(16, 16, JpegKind::Baseline, None);
    let frame = memchr::memmem::find(&jpeg_file, &[0xff, 0xc0]).expect("a frame");
    jpeg_file = with_sides(jpeg_file, frame + 5, [60_000_u16.to_be_bytes(); 2]);
    let gif_file = with_sides(gif_animation(16, 16), 6, [[0xff; 2]; 2]);
    let mut webp_file = webp(16, 16, true);
    // The bits of both sides less one, 14 bits each, and the flag of alpha.
    let sides: u32 = 0x3ffe | (0x3ffe << 14) | (1 << 28);
    webp_file[21..25].copy_from_slice(&sides.to_le_bytes());
    for (name, file) in [
        ("PNG", png_header(60_000, 60_000)),
        ("largest PNG", png_header(0x7fff_ffff, 0x7fff_ffff)),
        ("tall PNG", png_header(1, 1_000_000)),
        ("wide PNG", png_header(1_000_000, 1)),
        ("just too large", png_header(8_000, 5_001)),
        ("JPEG", jpeg_file),
        ("GIF", gif_file),
        ("WebP", webp_file),
    ] {
        assert_eq!(process(&file), Err(ImageError::TooLarge), "{name}");
    }
    assert_eq!(process(&png_header(0, 5)), Err(ImageError::Unsupported));
    assert_eq!(process(&png_header(8_000, 5_000)), Err(ImageError::Unsupported), "no pixels");
}

#[test]
fn files_of_more_than_ten_mebibytes_are_too_large() {
    let mut file = rgb_png(16, 16);
    file.resize(MAX_FILE_BYTES, 0);
    assert!(process(&file).is_ok());
    file.push(0);
    assert_eq!(process(&file), Err(ImageError::TooLarge));
    assert_eq!(process(&vec![b'<'; MAX_FILE_BYTES + 1]), Err(ImageError::TooLarge));
}

#[test]
fn every_kind_of_png_is_decoded() {
    use ::png::{BitDepth, ColorType};
    let (width, height) = (64, 64);
    let pixels = (width * height) as usize;
    let sixteen: Vec<u8> = photo(width, height).into_iter().flat_map(|byte| [byte, 0]).collect();
    for (name, file, expected) in [
        (
            "gray",
            png(width, height, ColorType::Grayscale, BitDepth::Eight, &vec![120; pixels]),
            [120, 120, 120, 255],
        ),
        (
            "1 bit",
            png(width, height, ColorType::Grayscale, BitDepth::One, &vec![0xff; pixels / 8]),
            [255; 4],
        ),
        (
            "16 bits",
            png(width, height, ColorType::Rgb, BitDepth::Sixteen, &sixteen),
            [250, 10, 10, 255],
        ),
        (
            "RGBA",
            png(width, height, ColorType::Rgba, BitDepth::Eight, &rgba(width, height)),
            [250, 10, 10, 255],
        ),
        (
            "gray and alpha",
            png(
                width,
                height,
                ColorType::GrayscaleAlpha,
                BitDepth::Eight,
                &[7, 255].repeat(pixels),
            ),
            [7, 7, 7, 255],
        ),
    ] {
        let images = process(&file).expect(name);
        assert_near(decoded(images.file(CoverSize::Original)).at(3, 3), expected, name);
    }
}

#[test]
fn interlaced_images_are_put_together() {
    for (width, height) in [(1, 1), (3, 5), (4, 1), (8, 8), (33, 17), (1, 40)] {
        let gray = |x: u32, y: u32| (x * 5 + y * 11) as u8;
        let (pixels, _) = decode(&interlaced_png(width, height, gray)).expect("an image");
        assert_eq!((pixels.width(), pixels.height()), (width, height));
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            assert_eq!(pixels.at(x, y)[0], gray(x, y), "{x}, {y} of {width} x {height}");
        }
    }
}

#[test]
fn cmyk_images_are_converted() {
    let mut file = Vec::new();
    let magenta = [0, 255, 0, 0].repeat(64 * 64);
    Encoder::new(&mut file, 95)
        .encode(&magenta, 64, 64, jpeg_encoder::ColorType::CmykAsYcck)
        .expect("an image");
    let images = process(&file).expect("an image");
    assert_near(
        decoded(images.file(CoverSize::Original)).at(30, 30),
        [255, 0, 255, 255],
        "magenta",
    );
}

#[test]
fn an_animation_is_its_first_frame() {
    let images = process(&gif_animation(40, 30)).expect("an image");
    assert_near(decoded(images.file(CoverSize::Original)).at(20, 15), [255, 0, 0, 255], "red");
}

#[test]
fn a_frame_of_webp_that_is_larger_than_its_image_is_unsupported() {
    // A frame with loss, of which only the header is read: 16,383 pixels wide and high.
    let frame = [&[0x10, 0, 0, 0x9d, 0x01, 0x2a][..], &[0xff; 4], &[0; 64]].concat();
    let chunk = |name: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).expect("a length").to_le_bytes();
        [name, &length, data].concat()
    };
    let extended = |flags: u8| chunk(b"VP8X", &[flags, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
    let frame = chunk(b"VP8 ", &frame);
    // The position, the size (10 pixels each), the duration and the flags of the frame.
    let place = [0, 0, 0, 0, 0, 0, 9, 0, 0, 9, 0, 0, 0, 0, 0, 0];
    let animation =
        [chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &[&place[..], &frame].concat())].concat();
    for content in [[extended(0), frame].concat(), [extended(2), animation].concat()] {
        let file = chunk(b"RIFF", &[b"WEBP", &content[..]].concat());
        assert_eq!(decode(&file).map(|image| image.1), Err(ImageError::Unsupported));
    }
}

#[test]
fn images_with_many_scans_are_unsupported() {
    let file = jpeg(64, 64, JpegKind::Progressive, None);
    let scan = memchr::memmem::find(&file, &[0xff, 0xda]).expect("a scan");
    let end = file.len() - 2;
    let last = memchr::memmem::rfind(&file, &[0xff, 0xda]).expect("a scan");
    assert!(last > scan, "several scans");
    let many = [&file[..end], &file[last..end].repeat(200), &file[end..]].concat();
    assert!(process(&file).is_ok());
    assert_eq!(process(&many), Err(ImageError::Unsupported));
}

proptest! {
    #[test]
    fn damaged_images_never_panic(
        which in 0..7_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = small_files()[which].clone();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(images) = process(&file) {
            for size in CoverSize::ALL {
                let image = decoded(images.file(size));
                prop_assert!(image.width().max(image.height()) <= size.longest_side());
            }
        }
    }
}
