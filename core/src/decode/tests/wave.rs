//! Wav files as they occur: every width, every kind of wrong header.

use super::*;
use crate::track::to_f32;

fn mono(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&x| to_f32(x)).collect()
}

/// Sets the header's data size (byte 40) and its RIFF size (byte 4).
fn with_sizes(mut file: Vec<u8>, riff: u32, data: u32) -> Vec<u8> {
    file[4..8].copy_from_slice(&riff.to_le_bytes());
    file[40..44].copy_from_slice(&data.to_le_bytes());
    file
}

#[test]
fn wrong_sizes_lose_no_sample() {
    let samples = babble(8000, 1.5, 4);
    let file = wav(1, 1, 8000, 16, &s16(&samples));
    for (riff, data, warning) in [
        (0, 0, Some("header_size_wrong")),
        (36 + 24_000, 0, Some("header_size_wrong")),
        (0xFFFF_FFFF, 0xFFFF_FFFF, Some("header_size_wrong")),
        (0x7FFF_F024, 0x7FFF_F000, Some("header_size_wrong")),
        (36, 24_000, Some("header_size_wrong")),
        (36 + 24_000, 24_000, None),
        (0, 24_000, None),
    ] {
        let (planes, info) = run_bytes(&with_sizes(file.clone(), riff, data)).unwrap();
        assert!(planes[0] == mono(&samples), "sizes {riff:#x} {data:#x}");
        assert_eq!(codes(&info).first().copied(), warning, "sizes {riff:#x} {data:#x}");
    }
}

#[test]
fn bytes_after_the_end_are_told() {
    let samples = babble(8000, 0.5, 7);
    let file = wav(1, 1, 8000, 16, &s16(&samples));
    let told = |after: &[u8]| {
        let (planes, info) = run_bytes(&[&file[..], after].concat()).unwrap();
        assert!(planes[0] == mono(&samples));
        info.warnings.into_iter().map(|warning| (warning.code.into_owned(), warning.at_byte)).collect::<Vec<_>>()
    };
    assert_eq!(told(&file), [("trailing_bytes".to_owned(), Some(file.len() as u64))], "a second recording");
    assert!(told(&[]).is_empty() && told(&[0]).is_empty(), "a pad byte is no loss");
}

#[test]
fn a_file_that_ends_early_gives_its_whole_samples() {
    let samples = babble(8000, 1.0, 5);
    let file = wav(1, 1, 8000, 16, &s16(&samples));
    let (planes, info) = run_bytes(&file[..44 + 5001]).unwrap();
    assert!(planes[0] == mono(&samples[..2500]));
    assert_eq!(codes(&info), ["truncated"]);
    assert_eq!((info.bytes, info.duration_ms.0), (5045, 312.5));
}

#[test]
fn a_header_alone_is_no_audio() {
    let file = wav(1, 1, 8000, 16, &[]);
    for (riff, data) in [(36, 0), (0, 0), (0xFFFF_FFFF, 0xFFFF_FFFF), (36, 1000)] {
        let error = run_bytes(&with_sizes(file.clone(), riff, data)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoAudio, "{error}");
    }
    for length in 12..44 {
        assert!(run_bytes(&file[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn chunks_before_and_after_the_samples() {
    let samples = babble(8000, 0.5, 6);
    let plain = wav(1, 1, 8000, 16, &s16(&samples));
    for pad in [true, false] {
        let mut file = plain[..12].to_vec();
        file.extend(b"JUNK\x03\0\0\0abc");
        file.extend(pad.then_some(0));
        file.extend(&plain[12..36]);
        file.extend(b"LIST\x04\0\0\0INFObext\x02\0\0\0xy");
        file.extend(&plain[36..]);
        file.extend(b"LIST\x04\0\0\0INFO");
        let (planes, info) = run_bytes(&file).unwrap();
        assert!(planes[0] == mono(&samples), "pad {pad}");
        assert_eq!(codes(&info).contains(&"pad_missing"), !pad, "{:?}", info.warnings);
        assert_eq!(info.bytes, file.len() as u64);
    }
    // A data chunk of size 0 with a known chunk after it is really empty.
    let mut empty = with_sizes(plain[..44].to_vec(), 48, 0);
    empty.extend(b"LIST\x04\0\0\0INFO");
    assert_eq!(run_bytes(&empty).unwrap_err().kind(), ErrorKind::NoAudio);
}

#[test]
fn sizes_of_64_bits() {
    let samples = babble(8000, 0.5, 7);
    let plain = wav(1, 1, 8000, 16, &s16(&samples));
    for (id, container) in [(b"RF64", Container::Rf64), (b"BW64", Container::Bw64)] {
        let mut file = id.to_vec();
        file.extend(b"\xFF\xFF\xFF\xFFWAVEds64\x1C\0\0\0");
        file.extend((8000u64 + 72).to_le_bytes());
        file.extend(8000u64.to_le_bytes());
        file.extend(4000u64.to_le_bytes());
        file.extend([0; 4]);
        file.extend(&plain[12..40]);
        file.extend(b"\xFF\xFF\xFF\xFF");
        file.extend(&plain[44..]);
        file.extend(b"LIST\x04\0\0\0INFO");
        let (planes, info) = run_bytes(&file).unwrap();
        assert!(planes[0] == mono(&samples));
        assert_eq!((info.container, info.warnings.len()), (container, 0), "{:?}", info.warnings);
    }
}

#[test]
fn sizes_above_4_gigabytes_are_believed() {
    const SIZE: u64 = 5_000_000_000;
    let samples = babble(8000, 0.5, 7);
    let plain = wav(1, 1, 8000, 16, &s16(&samples));
    let mut file = b"RF64\xFF\xFF\xFF\xFFWAVEds64\x1C\0\0\0".to_vec();
    file.extend((SIZE + 72).to_le_bytes());
    file.extend(SIZE.to_le_bytes());
    file.extend((SIZE / 2).to_le_bytes());
    file.extend([0; 4]);
    file.extend(&plain[12..40]);
    file.extend(b"\xFF\xFF\xFF\xFF");
    file.extend(&plain[44..]);
    let head = probe_head(Input::bytes("a", file.clone()), &DecodeOptions::default()).unwrap().head.unwrap();
    assert_eq!(head.declared_duration_ms.unwrap().0, (SIZE / 2 / 8) as f64);
    let (planes, info) = run_bytes(&file).unwrap();
    assert!(planes[0] == mono(&samples));
    assert_eq!(codes(&info), ["truncated"]);
    assert!(info.warnings[0].message.contains("5000000000 bytes"), "{:?}", info.warnings);
}

#[test]
fn extensible_and_short_formats() {
    let samples = babble(8000, 0.5, 8);
    let plain = wav(1, 1, 8000, 16, &s16(&samples));
    let mut file = plain[..16].to_vec();
    file.extend(40u32.to_le_bytes());
    file.extend(b"\xFE\xFF");
    file.extend(&plain[22..36]);
    file.extend(b"\x16\0\x10\0\x04\0\0\0\x01\0\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71");
    file.extend(&plain[36..]);
    let (planes, info) = run_bytes(&file).unwrap();
    assert!(planes[0] == mono(&samples));
    assert_eq!(info.codec, Codec::PcmS16);
    // A fmt chunk of 14 bytes has no width: the block size gives it.
    let mut short = plain[..16].to_vec();
    short.extend(14u32.to_le_bytes());
    short.extend(&plain[20..34]);
    short.extend(&plain[36..]);
    assert!(run_bytes(&short).unwrap().0[0] == mono(&samples));
}

#[test]
fn codecs_that_are_not_read_are_named() {
    for (tag, name) in [(0x22, "TrueSpeech"), (0x161, "Windows Media"), (0x1234, "format tag 0x1234")] {
        let error = run_bytes(&wav(tag, 1, 8000, 8, &[1; 800])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn nonsense_in_the_fmt_chunk_is_malformed() {
    for (channels, rate) in [(0, 8000), (1, 0), (1, 4_000_000_000)] {
        let mut file = wav(1, 1, 8000, 16, &[1; 800]);
        file[22..24].copy_from_slice(&u16::to_le_bytes(channels));
        file[24..28].copy_from_slice(&u32::to_le_bytes(rate));
        assert_eq!(run_bytes(&file).unwrap_err().kind(), ErrorKind::Malformed);
    }
}
