//! Bytes after a recording: a second one, a tag, anything. A second recording is read, or a warning
//! says that it is not; and no sample of the first is lost.

use super::samples::{read, samples};
use super::*;

#[test]
fn a_second_recording_is_read_or_told() {
    let mut told = Vec::new();
    for sample in samples() {
        let (name, one) = (&sample.file, sample.bytes());
        let (alone, info) = run(sample.input(&one), &DecodeOptions::default()).unwrap();
        assert!(!codes(&info).contains(&"trailing_bytes"), "{name}: {:?}", info.warnings);
        let (both, info) = run(sample.input(&[&one[..], &one].concat()), &DecodeOptions::default()).unwrap();
        let length = alone[0].len();
        if both[0].len() > length + length / 2 {
            continue;
        }
        let behind = info.warnings.iter().find(|warning| warning.code == "trailing_bytes");
        assert_eq!(behind.and_then(|warning| warning.at_byte), Some(one.len() as u64), "{name}: {:?}", info.warnings);
        assert!(both == alone, "{name}: the second changes the first");
        told.push(sample.file);
    }
    for file in ["s16.flac", "aac.m4a", "alac.caf", "s16.caf", "ulaw.au", "s16.aiff", "ulaw.w64"] {
        assert!(told.iter().any(|name| name == file), "{file} of {told:?}");
    }
}

#[test]
fn a_second_recording_may_be_of_another_format_and_come_in_pieces() {
    let flac = read("s16.flac");
    for other in ["ulaw.au", "aac.m4a", "alac.caf"] {
        let both = [&flac[..], &read(other)].concat();
        for step in [1, 5] {
            let input = Input::reader("two", Dribble(both.clone(), step));
            let (planes, _) = run(input, &DecodeOptions::default()).unwrap();
            assert!(planes == run_bytes(&flac).unwrap().0, "{other}");
        }
    }
    let both = [&read("ulaw.au")[..], &[0; 3], &flac].concat();
    let (_, info) = run(Input::reader("two", Dribble(both, 3)), &DecodeOptions::default()).unwrap();
    let [warning] = &info.warnings[..] else { panic!("{:?}", info.warnings) };
    assert_eq!((warning.code.as_ref(), warning.at_byte), ("trailing_bytes", Some(read("ulaw.au").len() as u64 + 3)));
    assert!(warning.message.contains("FLAC"), "{warning:?}");
}

/// The sample's first frame alone, as a file of its own.
fn one_frame() -> Vec<u8> {
    let mut file = read("s16.flac");
    let second = |at: &usize| file[*at..].starts_with(b"\xFF\xF8") && file[at + 4] == 1;
    let end = (42..file.len() - 4).find(second).unwrap();
    file.truncate(end);
    // The number of samples in the stream information.
    file[22..26].copy_from_slice(&1024u32.to_be_bytes());
    file
}

#[test]
fn the_last_frame_of_a_flac_is_found_before_whatever_follows() {
    let noise: Vec<u8> = s16(&babble(8000, 2.0, 5));
    let tag = [&b"TAG"[..], &[0; 125]].concat();
    for file in [read("s16.flac"), one_frame()] {
        let (alone, info) = run_bytes(&file).unwrap();
        assert!(info.warnings.is_empty() && alone[0].len() >= 1024, "{:?}", info.warnings);
        for behind in [&tag[..], &[7], &[0x55; 3 << 20], &noise, b"\xFF\xF8\xC9\x08\x00", &read("ulaw.au"), &file] {
            for step in [1, 3] {
                let both = [&file[..], behind].concat();
                let input = if behind.len() > 1 << 20 {
                    Input::bytes("two", both)
                } else {
                    Input::reader("two", Dribble(both, step))
                };
                let (planes, info) = run(input, &DecodeOptions::default()).unwrap();
                assert!(planes == alone, "{} bytes: {} samples", behind.len(), planes[0].len());
                let [warning] = &info.warnings[..] else { panic!("{} bytes: {:?}", behind.len(), info.warnings) };
                let told = (warning.code.as_ref(), warning.at_byte);
                assert_eq!(told, ("trailing_bytes", Some(file.len() as u64)), "{warning:?}");
            }
        }
        let three = [&file[..], &tag, &file].concat();
        let (planes, info) = run_bytes(&three).unwrap();
        assert!(planes == alone && codes(&info) == ["trailing_bytes"], "{:?}", info.warnings);
        // A last frame that is damaged is none.
        let mut broken = [&file[..], &tag].concat();
        broken[file.len() - 9] ^= 1;
        let codes_of = |result: Result<(Vec<Vec<f32>>, SourceInfo)>| result.map(|(_, info)| codes(&info).join(" "));
        assert!(codes_of(run_bytes(&broken)).is_ok_and(|codes| codes.contains("truncated")));
    }
}

#[test]
fn nothing_is_read_after_the_end() {
    for name in ["ulaw.au", "s16.aiff", "s16.caf", "s16.flac", "aac.m4a"] {
        let mut decoder = Decoder::open(Input::bytes(name, read(name).repeat(2)), &DecodeOptions::default()).unwrap();
        while decoder.next_block().unwrap().is_some() {}
        assert!(decoder.next_block().unwrap().is_none(), "{name}");
    }
}
