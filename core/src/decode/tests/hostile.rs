//! Small files that claim much, as `tests/hostile/files.py` makes them: each is rejected, or costs
//! little.

use super::*;

fn hostile(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../fixtures/hostile/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Returns the seconds that a file decodes to and its warnings' codes, or why it is rejected.
fn outcome(name: &str) -> std::result::Result<(f64, Vec<String>), Error> {
    let mut decoder = Decoder::open(Input::bytes(name, hostile(name)), &DecodeOptions::default())?;
    while decoder.next_block()?.is_some() {}
    let info = decoder.finish()?;
    Ok((info.duration_ms.seconds(), info.warnings.into_iter().map(|w| w.code.into_owned()).collect()))
}

#[test]
fn a_header_that_asks_for_gigabytes_is_refused_before_a_decoder_sees_it() {
    for name in ["vorbis-codebooks.ogg", "vorbis-codebooks.mkv"] {
        let error = outcome(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{name}: {error}");
        assert!(error.to_string().contains("decode.maxDecoderBytes"), "{error}");
        assert!(probe_head(Input::bytes(name, hostile(name)), &DecodeOptions::default()).unwrap().problem.is_some());
    }
}

#[test]
fn tables_of_mp4_that_lead_nowhere_cost_what_they_hit() {
    // These tables lead a naive reader beyond all bytes, and into a run without entries.
    for name in ["place-behind.mp4", "run-size.mp4"] {
        let (seconds, codes) = outcome(name).unwrap();
        assert!((0.3..2.0).contains(&seconds), "{name}: {seconds} s");
        assert!(codes.iter().any(|code| code == "packet_failed" || code == "truncated"), "{name}: {codes:?}");
    }
}

#[test]
fn bytes_that_a_table_names_again_and_again_are_decoded_once() {
    let mut bytes = std::fs::read(format!("{}/../fixtures/codecs/front.m4a", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let clean = decode(Input::bytes("a.m4a", bytes.clone()), &DecodeOptions::default()).unwrap();
    // Every sample as long as the file: its first packet, then the same bytes for each of the
    // others.
    let sizes = bytes.windows(4).position(|w| w == b"stsz").unwrap();
    let length = bytes.len() as u32 / 2;
    bytes[sizes + 8..sizes + 12].copy_from_slice(&length.to_be_bytes());
    let mut decoder = Decoder::open(Input::bytes("a.m4a", bytes), &DecodeOptions::default()).unwrap();
    while decoder.next_block().unwrap().is_some() {}
    let info = decoder.finish().unwrap();
    assert!(info.duration_ms.seconds() < clean[0].samples.len() as f64 / 16_000.0);
    assert!(info.warnings.iter().any(|w| w.code == "truncated" || w.code == "damaged"), "{:?}", info.warnings);
}

#[test]
fn hours_that_are_only_claimed_are_left_out_and_told() {
    for name in ["positions-jump.ogg", "times-jump.mkv", "places-jump.flac"] {
        let (seconds, codes) = outcome(name).unwrap();
        assert!(seconds <= 660.0, "{name}: {seconds} s");
        assert!(codes.iter().any(|code| code == "time_broken"), "{name}: {codes:?}");
    }
}

#[test]
fn rates_below_the_limit_are_refused_unless_asked_for() {
    for name in ["slow.flac", "one-hertz.zip"] {
        let error = outcome(name).unwrap_err();
        assert!(error.to_string().contains("decode.minRateHz"), "{name}: {error}");
    }
    let options = DecodeOptions { min_rate_hz: 1, ..DecodeOptions::default() };
    assert!(Decoder::open(Input::bytes("slow.flac", hostile("slow.flac")), &options).is_ok());
}

#[test]
fn audio_that_its_bytes_cannot_hold_is_refused() {
    // An hour of silence in one packet's bytes: FLAC frames of one value, eight channels.
    let options = DecodeOptions { max_ms_per_byte: Millis(1e-9), ..DecodeOptions::default() };
    let quiet = wav(1, 1, 8000, 8, &vec![0x80; (1 << 24) + 1]);
    let error = decode(Input::bytes("quiet.wav", quiet), &options).unwrap_err();
    assert!(error.to_string().contains("decode.maxMsPerByte"), "{error}");
}

#[test]
fn one_budget_is_shared_by_all_members_of_an_archive() {
    let member = wav(1, 1, 8000, 16, &s16(&babble(8000, 2.0, 7)));
    let zip = archive::tests::zip(&[("a.wav", &member, true, false), ("b.wav", &member, true, false)]);
    let strict = |set: &dyn Fn(&mut DecodeOptions)| {
        let mut options = DecodeOptions::default();
        set(&mut options);
        decode(Input::bytes("two.zip", zip.clone()), &options).map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(strict(&|o| o.max_samples = 32_000), Ok(()));
    assert!(strict(&|o| o.max_samples = 31_999).unwrap_err().contains("decode.maxSamples"));
    assert_eq!(strict(&|o| o.max_total_duration_ms = Millis(4_000.0)), Ok(()));
    assert!(strict(&|o| o.max_total_duration_ms = Millis(3_998.0)).unwrap_err().contains("maxTotalDurationMs"));
    let unpacked = 2 * member.len() as u64;
    assert_eq!(strict(&|o| o.max_members_bytes = unpacked), Ok(()));
    assert!(strict(&|o| o.max_members_bytes = unpacked - 1).unwrap_err().contains("decode.maxMembersBytes"));
}

#[test]
fn members_in_the_same_bytes_and_archives_in_archives_are_refused() {
    let member = wav(1, 1, 8000, 16, &s16(&babble(8000, 1.0, 8)));
    let mut twice = archive::tests::zip(&[("a.wav", &member, false, false), ("b.wav", &member, false, false)]);
    // The second entry of the directory points to the first member.
    let entries: Vec<usize> = (0..twice.len() - 4).filter(|&at| twice[at..].starts_with(b"PK\x01\x02")).collect();
    let first: [u8; 4] = twice[entries[0] + 42..][..4].try_into().unwrap();
    twice[entries[1] + 42..][..4].copy_from_slice(&first);
    let error = expand(Input::bytes("twice.zip", twice), &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("overlap"), "{error}");
    let inner = archive::tests::zip(&[("a.wav", &member, false, false)]);
    let outer = archive::tests::zip(&[("inner.zip", &inner, true, false)]);
    let mut members = expand(Input::bytes("outer.zip", outer), &DecodeOptions::default()).unwrap();
    let error = Decoder::open(members.remove(0), &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("a zip archive"), "{error}");
}

#[test]
fn samples_that_are_no_audio_are_clipped_and_counted() {
    let samples = [0.5f32, 3e38, -1e20, 0.25];
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut decoder =
        Decoder::open(Input::bytes("loud.wav", wav(3, 1, 8000, 32, &bytes)), &Default::default()).unwrap();
    assert_eq!(decoder.next_block().unwrap().unwrap().channel(0), [0.5, 1e3, -1e3, 0.25]);
    let warnings = decoder.finish().unwrap().warnings;
    assert!(warnings.iter().any(|w| w.code == "samples_out_of_range" && w.message.starts_with("2 ")), "{warnings:?}");
}

#[test]
fn searching_hears_who_cancels() {
    let cancel = crate::run::Cancel::default();
    cancel.cancel();
    let options = DecodeOptions::default();
    let input = Input::bytes("noise", vec![0x55; 1 << 20]).alone(&options, &cancel);
    assert_eq!(Decoder::open(input, &options).unwrap_err().kind(), ErrorKind::Cancelled);
}
