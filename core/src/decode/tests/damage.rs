//! Damaged mp3: audio before the damage is bit-identical, audio after it is recovered at its own
//! time.

use super::samples::samples;
use super::*;

/// Returns an mp3 of a constant bit rate without a tag: frames of 144 bytes and 576 samples.
fn plain_mp3(test: &str) -> Option<(Vec<u8>, Vec<f32>)> {
    let dir = folder(test);
    let source = dir.join("a.wav").display().to_string();
    let made = dir.join("a.mp3").display().to_string();
    std::fs::write(&source, wav(1, 1, 8000, 16, &s16(&babble(8000, 6.0, 21)))).unwrap();
    tool("lame", &["--quiet", "-b", "16", &source, &made])?;
    let bytes = std::fs::read(made).unwrap();
    let clean = run_bytes(&bytes).unwrap().0.remove(0);
    assert_eq!(bytes.len() % 144, 0);
    Some((bytes, clean))
}

/// Returns the first and the last sample in which two decodes differ.
fn difference(a: &[f32], b: &[f32]) -> Option<(usize, usize)> {
    let differs = |i: &usize| a.get(*i) != b.get(*i);
    let all = 0..a.len().max(b.len());
    Some((all.clone().find(differs)?, all.rev().find(differs)?))
}

#[test]
fn a_damaged_frame_costs_its_own_time_and_no_more() {
    let Some((bytes, clean)) = plain_mp3("frame") else { return };
    type DamageFn = fn(&mut Vec<u8>, usize);
    let damages: [(&str, DamageFn); 5] = [
        ("sync lost", |b, at| b[at] = 0),
        ("bit rate changed", |b, at| b[at + 2] ^= 0x50),
        ("rate changed", |b, at| b[at + 2] ^= 0x04),
        ("payload garbled", |b, at| b[at + 4..at + 144].fill(0xA5)),
        ("three frames of zeros", |b, at| b[at..at + 3 * 144].fill(0)),
    ];
    for (what, damage) in damages {
        let mut broken = bytes.clone();
        damage(&mut broken, 40 * 144);
        let (planes, info) = run_bytes(&broken).unwrap();
        assert_eq!(planes[0].len(), clean.len(), "{what}: {:?}", info.warnings);
        let (first, last) = difference(&clean, &planes[0]).unwrap();
        let (frame, delay) = (576, 1105);
        assert!(first >= 40 * frame - delay, "{what}: differs from {first} on");
        assert!(last < 50 * frame, "{what}: differs up to {last}");
        if what != "payload garbled" {
            assert!(codes(&info).contains(&"frames_lost"), "{what}: {:?}", info.warnings);
        }
    }
}

#[test]
fn a_lost_header_is_followed_by_no_burst() {
    let Some((bytes, clean)) = plain_mp3("burst") else { return };
    let loudest = |samples: &[f32]| samples.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let frames = bytes.len() / 144;
    for frame in 20..frames - 20 {
        let mut broken = bytes.clone();
        broken[frame * 144] = 0;
        let (planes, _) = run_bytes(&broken).unwrap();
        let (found, most) = (loudest(&planes[0]), loudest(&clean));
        assert!(found < 1.5 * most, "frame {frame}: {found} where {most} is the loudest");
    }
}

#[test]
fn bytes_that_were_put_in_add_no_time() {
    let Some((bytes, clean)) = plain_mp3("inserted") else { return };
    let mut broken = bytes[..40 * 144].to_vec();
    broken.extend([0x55; 61]);
    broken.extend(&bytes[40 * 144..]);
    let (planes, info) = run_bytes(&broken).unwrap();
    assert!(planes[0] == clean);
    assert!(codes(&info).contains(&"resync"), "{:?}", info.warnings);
}

#[test]
fn garbage_before_and_after_is_told_and_left_out() {
    let Some((bytes, clean)) = plain_mp3("around") else { return };
    let mut dirty: Vec<u8> = (0..1000u32).map(|i| ((i * 7919) >> 3) as u8).collect();
    dirty.extend(&bytes);
    dirty.extend([0; 777]);
    let (planes, info) = run_bytes(&dirty).unwrap();
    assert!(planes[0] == clean);
    assert_eq!(codes(&info), ["leading_bytes", "delay_unknown", "trailing_bytes"]);
    let mut tagged = bytes.clone();
    tagged.extend(b"TAG");
    tagged.extend([b' '; 125]);
    let (planes, info) = run_bytes(&tagged).unwrap();
    assert!(planes[0] == clean);
    assert_eq!(codes(&info), ["delay_unknown"]);
}

#[test]
fn tags_around_the_frames_change_nothing() {
    let sample = samples().into_iter().find(|s| s.file == "untagged.mp3").unwrap();
    let bytes = sample.bytes();
    let clean = run_bytes(&bytes).unwrap().0.remove(0);
    let id3v2 = [b"ID3\x04\0\0\0\0\x02\x01", &[0xFF; 257][..]].concat();
    let id3v1 = [b"TAG", &[b' '; 125][..]].concat();
    // An item of ten bytes, with and without the optional header before it.
    let item = b"\x01\0\0\0\0\0\0\0T\0x";
    let block = |flags: u32| {
        let size = (item.len() as u32 + 32).to_le_bytes();
        [b"APETAGEX\xD0\x07\0\0", &size[..], &1u32.to_le_bytes(), &flags.to_le_bytes(), &[0; 8]].concat()
    };
    let ape = [&block(0xA000_0000)[..], item, &block(0x8000_0000)].concat();
    for (what, file) in [
        ("ID3v2", [&id3v2[..], &bytes].concat()),
        ("two ID3v2", [&id3v2[..], &id3v2, &bytes].concat()),
        ("ID3v1", [&bytes[..], &id3v1].concat()),
        ("APE", [&bytes[..], &ape].concat()),
        ("all", [&id3v2[..], &bytes, &ape, &id3v1].concat()),
    ] {
        let (planes, info) = run_bytes(&file).unwrap();
        assert!(planes[0] == clean, "{what}: {} of {} samples", planes[0].len(), clean.len());
        assert_eq!(codes(&info), ["delay_unknown"], "{what}");
    }
}

#[test]
fn the_tag_of_fraunhofer_counts_and_is_not_heard() {
    let sample = samples().into_iter().find(|s| s.file == "untagged.mp3").unwrap();
    let bytes = sample.bytes();
    let first = bytes.windows(2).position(|w| w[0] == 0xFF && w[1] >= 0xE0).unwrap();
    let bytes = &bytes[first..];
    let clean = run_bytes(bytes).unwrap().0.remove(0);
    let mut tag = bytes[..144].to_vec();
    tag[4..].fill(0);
    tag[36..54].copy_from_slice(b"VBRI\0\x01\0\0\0\x64\0\0\0\0\0\0\0\0");
    tag[50..54].copy_from_slice(&(bytes.len() as u32 / 144).to_be_bytes());
    let file = [&tag[..], bytes].concat();
    let (planes, info) = run_bytes(&file).unwrap();
    assert!(planes[0] == clean);
    assert_eq!(codes(&info), ["delay_unknown"]);
    let head = probe_head(Input::bytes("a", file), &DecodeOptions::default()).unwrap().head.unwrap();
    assert_eq!(head.declared_duration_ms.unwrap(), info.duration_ms);
}

#[test]
fn a_file_cut_off_anywhere_is_a_prefix() {
    let Some((bytes, clean)) = plain_mp3("cut") else { return };
    for length in [300, 1000, 5000, 5001, 5183, 5184, 6000] {
        let (planes, _) = run_bytes(&bytes[..length]).unwrap();
        let whole = (length / 144 * 576).saturating_sub(1105);
        assert!(planes[0] == clean[..whole], "cut at {length}: {} samples", planes[0].len());
    }
}

#[test]
fn concatenated_files_keep_all_their_parts() {
    let dir = folder("concatenated");
    let source = dir.join("a.wav").display().to_string();
    let made = dir.join("a.mp3").display().to_string();
    std::fs::write(&source, wav(1, 1, 16_000, 16, &s16(&babble(16_000, 3.0, 22)))).unwrap();
    if tool("lame", &["--quiet", "-b", "64", &source, &made]).is_none() {
        return;
    }
    let one = std::fs::read(made).unwrap();
    let single = run_bytes(&one).unwrap().0.remove(0);
    let (planes, info) = run_bytes(&[&one[..], &one[..]].concat()).unwrap();
    assert!(planes[0] == [&single[..], &single[..]].concat());
    assert_eq!(codes(&info), Vec::<&str>::new());
    assert_eq!(single.len(), 48_000);
}

#[test]
fn a_tag_whose_count_is_wrong_trims_nothing() {
    let dir = folder("count");
    let source = dir.join("a.wav").display().to_string();
    let made = dir.join("a.mp3").display().to_string();
    std::fs::write(&source, wav(1, 1, 16_000, 16, &s16(&babble(16_000, 3.0, 23)))).unwrap();
    if tool("lame", &["--quiet", "-b", "64", &source, &made]).is_none() {
        return;
    }
    let mut bytes = std::fs::read(made).unwrap();
    let clean = run_bytes(&bytes).unwrap().0.remove(0);
    for count in [0u32, 3, 10, 1000] {
        bytes[21..25].copy_from_slice(&count.to_be_bytes());
        let (planes, info) = run_bytes(&bytes).unwrap();
        assert!(planes[0].len() >= clean.len() && planes[0][..clean.len()] == clean, "count {count}");
        assert_eq!(info.warnings.len(), usize::from(count > 0), "count {count}: {:?}", info.warnings);
        assert_eq!(info.codec_delay_basis, DelayBasis::Tag);
    }
}

#[test]
fn room_for_a_tag_that_was_never_written_is_no_audio() {
    let dir = folder("room");
    let source = dir.join("a.wav").display().to_string();
    let made = dir.join("a.mp3").display().to_string();
    std::fs::write(&source, wav(1, 1, 16_000, 16, &s16(&babble(16_000, 3.0, 24)))).unwrap();
    if tool("lame", &["--quiet", "-b", "64", &source, &made]).is_none() {
        return;
    }
    let mut bytes = std::fs::read(made).unwrap();
    let clean = run_bytes(&bytes).unwrap().0.remove(0);
    bytes[4..288].fill(0);
    let (planes, info) = run_bytes(&bytes).unwrap();
    assert!(planes[0][..clean.len()] == clean);
    assert_eq!(codes(&info), ["delay_unknown"]);
}

#[test]
fn a_change_of_rate_or_channels_goes_on_in_the_first_ones() {
    let dir = folder("change");
    let make = |name: &str, rate: u32, channels: u16, kbits: &str| {
        let voice = babble(rate, 3.0, 25);
        let both: Vec<i16> = voice.iter().flat_map(|&x| std::iter::repeat_n(x, usize::from(channels))).collect();
        let (source, made) = (dir.join(format!("{name}.wav")), dir.join(format!("{name}.mp3")));
        std::fs::write(&source, wav(1, channels, rate, 16, &s16(&both))).unwrap();
        let (source, made) = (source.display().to_string(), made.display().to_string());
        tool("lame", &["--quiet", "-b", kbits, &source, &made]).map(|_| std::fs::read(made).unwrap())
    };
    let Some(first) = make("first", 16_000, 1, "64") else { return };
    for (name, rate, channels, kbits, code) in [
        ("half", 8_000, 1, "32", "rate_changed"),
        ("double", 32_000, 1, "64", "rate_changed"),
        ("cd", 44_100, 2, "128", "rate_changed"),
        ("stereo", 16_000, 2, "64", "channels_changed"),
    ] {
        let second = make(name, rate, channels, kbits).unwrap();
        let (planes, info) = run_bytes(&[&first[..], &second, &first].concat()).unwrap();
        assert_eq!((planes.len(), info.sample_rate_hz.hz()), (1, 16_000));
        // Three seconds each, the middle one resampled. Its codec delay is known if it has a tag.
        let close = planes[0].len().abs_diff(9 * 16_000);
        assert!(close <= 1105 * 16_000 / rate as usize * 2, "{name}: {} samples", planes[0].len());
        assert!(codes(&info).contains(&code), "{name}: {:?}", info.warnings);
        let single = run_bytes(&first).unwrap().0.remove(0);
        assert!(planes[0][..48_000] == single && planes[0][planes[0].len() - 48_000..] == single, "{name}");
        let middle = &planes[0][48_000..planes[0].len() - 48_000];
        let loud = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
        assert!((loud(middle) / loud(&single) - 1.0).abs() < 0.2, "{name}: {} {}", loud(middle), loud(&single));
    }
}
