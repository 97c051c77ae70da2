//! Compares with symphonia's decoder, with which ffmpeg's and libmad's agree.

use symphonia::core::audio::{Audio, GenericAudioBufferRef};
use symphonia::core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::MpaDecoder;

use super::*;

/// Reads a recording of the fixtures.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Splits a recording into its frames.
fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let header = FrameHeader::parse(&bytes[at..]).filter(|h| h.bytes > 0 && h.layer == 3);
        match header.and_then(|h| bytes.get(at..at + h.bytes)) {
            Some(frame) => {
                frames.push(frame);
                at += frame.len();
            }
            None => at += 1,
        }
    }
    frames
}

fn reference() -> MpaDecoder {
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_MP3);
    MpaDecoder::try_new(&params, &AudioDecoderOptions::default().gapless(false)).unwrap()
}

/// Returns the power of a recording, and of both decoders' difference, over all channels.
fn compared(bytes: &[u8]) -> (f64, f64) {
    let (mut ours, mut theirs) = (Layer3::new(), reference());
    let (mut power, mut difference) = (0.0, 0.0);
    for frame in frames(bytes) {
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::from(576u64), frame);
        let decoded = theirs.decode_ref(&packet).is_ok();
        assert_eq!(ours.decode(frame).is_some(), decoded);
        let GenericAudioBufferRef::F32(buffer) = theirs.last_decoded() else { panic!("no f32") };
        for channel in 0..if decoded { buffer.num_planes() } else { 0 } {
            let plane = buffer.plane(channel).unwrap();
            assert_eq!(plane.len(), ours.plane(channel).len());
            for (a, b) in plane.iter().zip(ours.plane(channel)) {
                power += f64::from(*a).powi(2);
                difference += (f64::from(*a) - f64::from(*b)).powi(2);
            }
        }
    }
    (power, difference)
}

#[test]
fn samples_are_the_references_to_120_db() {
    let names = ["mpeg1", "mpeg2", "mpeg2.5", "untagged", "vbr"].map(|name| format!("codecs/{name}.mp3"));
    for name in names.iter().map(String::as_str).chain(["keypad-hold/agent.mp3", "keypad-hold/customer.mp3"]) {
        let (power, difference) = compared(&fixture(name));
        let db = 10.0 * (power / difference).log10();
        assert!(power > 1.0 && db > 120.0, "{name}: {db} dB");
    }
}

/// Tests both kinds of joint stereo, if ffmpeg is available to encode them.
#[test]
fn joint_stereo_is_the_references() {
    let sound = "aevalsrc=0.3*sin(2*PI*300*t)+0.4*random(0)*lt(mod(t\\,0.25)\\,0.01)|0.3*sin(2*PI*500*t):d=2";
    for hz in ["8000", "16000", "22050", "24000", "32000", "44100", "48000"] {
        let made = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &format!("{sound}:s={hz}"), "-b:a", "64k"])
            .args(["-c:a", "libmp3lame", "-joint_stereo", "1", "-f", "mp3", "-"])
            .output();
        let Some(made) = made.ok().filter(|made| made.status.success()) else {
            return crate::decode::tests::skipped("no ffmpeg");
        };
        let (power, difference) = compared(&made.stdout);
        assert!(power > 1.0 && power / difference > 1e12, "{hz} Hz: {power} {difference}");
    }
}

/// Random bytes, the same in each run.
struct Chance(u32);

impl Chance {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize
    }
}

#[test]
fn no_damage_breaks_it_and_all_is_finite() {
    for (seed, name) in (1..).zip(["codecs/mpeg1.mp3", "codecs/mpeg2.5.mp3", "codecs/vbr.mp3", "keypad-hold/agent.mp3"])
    {
        let bytes = fixture(name);
        let mut chance = Chance(seed);
        for round in 0..20 {
            let mut ours = Layer3::new();
            ours.reset(SAMPLINGS[round % 3]);
            for frame in frames(&bytes) {
                let mut frame = frame.to_vec();
                for _ in 0..chance.next() % 4 {
                    // The header stays: another stream would need another decoder.
                    let at = 4 + chance.next() % (frame.len() - 4);
                    frame[at] = chance.next() as u8;
                }
                // Any joint stereo mode too, with both channels from a mono recording.
                frame[3] = if chance.next().is_multiple_of(2) { frame[3] } else { 0x40 | (chance.next() as u8 & 0x30) };
                if ours.decode(&frame).is_some() {
                    assert!(ours.plane(0).iter().chain(ours.plane(1)).all(|x| x.is_finite()));
                }
            }
        }
    }
}

#[test]
fn a_frame_without_its_earlier_bytes_is_silent_and_the_next_is_not_damaged() {
    let bytes = fixture("keypad-hold/agent.mp3");
    let all = frames(&bytes);
    let (mut late, mut whole) = (Layer3::new(), Layer3::new());
    for frame in &all[..200] {
        whole.decode(frame);
    }
    let mut same = 0;
    for frame in &all[200..260] {
        assert_eq!((late.decode(frame), whole.decode(frame)), (Some(576), Some(576)));
        same = if late.plane(0) == whole.plane(0) { same + 1 } else { 0 };
    }
    assert!(same > 40, "{same} of the last frames are the same");
}

#[test]
fn registers_of_any_width_give_the_same_samples() {
    let mut chance = Chance(5);
    let mut rows = [[0.0; SUBBANDS]; SLOTS];
    rows.as_flattened_mut().iter_mut().for_each(|x| *x = chance.next() as f32 / 1e7 - 0.8);
    let windows = [true, false].map(|low_long| [WindowKind::Start { low_long }, WindowKind::Stop { low_long }]);
    let others = [WindowKind::Long, WindowKind::Short, WindowKind::Mixed];
    for (kind, sampling) in windows.into_iter().flatten().chain(others).flat_map(|kind| SAMPLINGS.map(|s| (kind, s))) {
        for used in [0, 7, 20, 32] {
            let made = [Level::new(), Level::baseline()].map(|level| {
                let (mut filters, mut out) = (ChannelFilters::new(sampling), [0.0; LINES]);
                for _ in 0..3 {
                    let mut rows = rows;
                    dispatch!(level, cpu => filters.run(cpu, kind, used, &mut rows, &mut out));
                }
                out.map(f32::to_bits)
            });
            assert_eq!(made[0], made[1], "{kind:?} {used} {sampling:?}");
        }
    }
}

const SAMPLINGS: [Sampling; 3] = [Sampling::All, Sampling::Even, Sampling::Odd];

/// Writes numbers with their bit lengths, most significant bit first.
fn with_bits(numbers: &[(u32, usize)]) -> Vec<u8> {
    let bits = numbers.iter().flat_map(|&(number, count)| (0..count).rev().map(move |i| (number >> i & 1) as u8));
    let bits: Vec<u8> = bits.collect();
    bits.chunks(8).map(|eight| eight.iter().enumerate().fold(0, |byte, (i, bit)| byte | bit << (7 - i))).collect()
}

/// Builds a mono frame of MPEG-1 at 44.1 kHz and 128 kbit/s that uses `back` bytes of earlier
/// frames. Each granule has the given number of bits, all zeros, which table 1 decodes to ones, and
/// scale factors of four bits and three.
fn full_frame(back: u32, shared: u32, bits: [u32; 2]) -> Vec<u8> {
    let mut side = vec![(back, 9), (0, 5), (shared, 4)];
    for bits in bits {
        // Pairs by table 1, gain 210: a line of 1 stays 1.
        side.extend([(bits, 12), (20, 9), (210, 8), (15, 4), (0, 1), (1, 5), (1, 5), (1, 5), (7, 4), (7, 3), (0, 3)]);
    }
    let mut frame = [&[0xFF, 0xFB, 0x90, 0xC0][..], &with_bits(&side)].concat();
    assert_eq!(frame.len(), header::LEN + 17);
    frame.resize(FrameHeader::parse(&frame).unwrap().bytes, 0);
    frame
}

/// Returns whether each granule of the last frame has sound, beyond the filters' earlier state.
fn sounding(layer3: &Layer3) -> [bool; 2] {
    [0, 1].map(|granule| layer3.plane(0)[granule * LINES..][..LINES].iter().any(|&x| x != 0.0))
}

#[test]
fn a_granule_whose_factors_take_more_than_its_bits_is_silent_alone() {
    let mut ours = Layer3::new();
    assert_eq!(ours.decode(&full_frame(0, 0, [40, 400])), Some(1152));
    assert_eq!(sounding(&ours), [false, true]);
    let mut ours = Layer3::new();
    assert_eq!(ours.decode(&full_frame(0, 0, [400, 40])), Some(1152));
    assert_eq!(sounding(&ours), [true, true], "the second granule holds what the first left");
    assert_eq!(ours.lines[1][0], [0.0; LINES]);
}

#[test]
fn codes_may_reach_beyond_the_last_bit_of_a_frame_and_granules_may_not() {
    let room = 8 * (full_frame(0, 0, [400, 400]).len() - header::LEN - 17) as u32;
    let mut ours = Layer3::new();
    // Of 101 bits, the scale factors take 74 and five pairs of ones 25. The sixth pair ends beyond.
    assert_eq!(ours.decode(&full_frame(0, 0, [room - 101, 101])), Some(1152));
    assert_eq!(ours.lines[1][0].iter().filter(|&&x| x != 0.0).count(), 12);
    assert_eq!(ours.decode(&full_frame(0, 0, [room - 100, 101])), None);
}

#[test]
fn a_granule_that_shares_factors_with_one_that_is_missing_is_silent() {
    for (shared, sounds) in [(0, true), (0b0100, false)] {
        let mut ours = Layer3::new();
        // The main data of the first granule was never seen.
        assert_eq!(ours.decode(&full_frame(50, shared, [400, 400])), Some(1152));
        assert_eq!(sounding(&ours), [false, sounds], "shared {shared}");
    }
}

#[test]
fn the_lowest_two_subbands_keep_the_long_window_where_the_frame_says_so() {
    let mut chance = Chance(9);
    let mut rows = [[0.0; SUBBANDS]; SLOTS];
    rows.as_flattened_mut().iter_mut().for_each(|x| *x = chance.next() as f32 / 1e7 - 0.8);
    let transformed = |kind| {
        let (mut rows, mut overlap) = (rows, [[0.0; SUBBANDS]; SLOTS]);
        dispatch!(Level::new(), cpu => transform(cpu, kind, SUBBANDS, SUBBANDS, &mut rows, &mut overlap));
        [rows, overlap]
    };
    let long = transformed(WindowKind::Long);
    for window in [|low_long| WindowKind::Start { low_long }, |low_long| WindowKind::Stop { low_long }] {
        let (plain, low) = (transformed(window(false)), transformed(window(true)));
        for (half, row) in [0, 1].into_iter().flat_map(|half| (0..SLOTS).map(move |row| (half, row))) {
            assert_eq!(low[half][row][..2], long[half][row][..2]);
            assert_eq!(low[half][row][2..], plain[half][row][2..]);
        }
        assert!(
            (0..SLOTS).any(|row| plain[1][row][..2] != long[1][row][..2] || plain[0][row][..2] != long[0][row][..2])
        );
    }
}

#[test]
fn the_largest_place_of_its_bits_is_none_in_the_second_version() {
    let bytes = with_bits(&[(0b011_0100, 7), (0, 25)]);
    let mut info = GranuleInfo { scale_code: 2 * 7, ..GranuleInfo::default() };
    let source = FactorSource { version1: false, places: true, shared: [false; 4], first: None };
    let (factors, places) = source.read(&mut FrameBits::new(&bytes, 0), &mut info).unwrap();
    // 7 = 36·0 + 6·1 + 1: groups of 7, 7 and 7 with 0, 1 and 1 bits.
    assert_eq!(factors[..14], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0]);
    assert_eq!(places[..7], [NO_PLACE; 7]);
    assert_eq!(places[7..14], [0, NO_PLACE, NO_PLACE, 0, NO_PLACE, 0, 0]);
}

/// Makes random samples of subbands.
fn random_rows(chance: &mut Chance) -> SubbandRows {
    let mut rows = [[0.0; SUBBANDS]; SLOTS];
    rows.as_flattened_mut().iter_mut().for_each(|x| *x = chance.next() as f32 / 8_388_608.0 - 1.0);
    rows
}

/// Returns how far the difference of two signals lies below the first, in dB.
fn likeness<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> f64 {
    let (power, difference) = pairs.fold((0.0, 0.0), |(power, difference), (a, b)| {
        (power + f64::from(*a).powi(2), difference + (f64::from(*a) - f64::from(*b)).powi(2))
    });
    assert!(power > 1.0, "no sound");
    10.0 * (power / difference).log10()
}

#[test]
fn a_filter_bank_of_the_lower_half_gives_every_second_sample() {
    for odd in [false, true] {
        let mut chance = Chance(3);
        let (mut whole, mut half) = (FilterBank::new(), HalfFilterBank::new(odd));
        let (mut all, mut second) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let mut rows = random_rows(&mut chance);
            let (mut out, mut half_out) = ([0.0; LINES], [0.0; HALF_LINES]);
            // The upper half is not read.
            dispatch!(Level::new(), cpu => half.push(cpu, &rows, &mut half_out));
            rows.iter_mut().for_each(|row| row[LOWER..].fill(0.0));
            dispatch!(Level::new(), cpu => whole.push(cpu, &rows, &mut out));
            all.extend(out);
            second.extend(half_out);
        }
        let db = likeness(all.iter().skip(usize::from(odd)).step_by(2).zip(&second));
        assert!(db > 120.0, "odd {odd}: {db} dB");
    }
}

#[test]
fn the_lower_half_is_transformed_as_in_the_whole() {
    let kinds = [
        WindowKind::Long,
        WindowKind::Start { low_long: false },
        WindowKind::Start { low_long: true },
        WindowKind::Short,
        WindowKind::Mixed,
        WindowKind::Stop { low_long: false },
        WindowKind::Stop { low_long: true },
    ];
    let mut chance = Chance(4);
    let (mut overlap, mut lower_overlap) = ([[0.0; SUBBANDS]; SLOTS], [[0.0; SUBBANDS]; SLOTS]);
    for (kind, used) in kinds.into_iter().flat_map(|kind| [0, 3, 15, 16, 17, 32].map(|used| (kind, used))) {
        let mut rows = random_rows(&mut chance);
        rows.iter_mut().for_each(|row| row[used..].fill(0.0));
        let mut lower = rows;
        // What aliasing does not mix in is not read.
        lower.iter_mut().for_each(|row| row[LOWER + 1..].fill(f32::NAN));
        dispatch!(Level::new(), cpu => {
            transform(cpu, kind, used, SUBBANDS, &mut rows, &mut overlap);
            transform(cpu, kind, used, LOWER, &mut lower, &mut lower_overlap);
        });
        for slot in 0..SLOTS {
            assert_eq!(rows[slot][..LOWER], lower[slot][..LOWER], "{kind:?} {used}");
            assert_eq!(overlap[slot][..LOWER], lower_overlap[slot][..LOWER], "{kind:?} {used}");
            assert_eq!(lower_overlap[slot][LOWER..], [0.0; LOWER]);
        }
    }
}

/// Returns how a recording at half the rate differs from the whole decoder with its upper subbands
/// silent, on its last channel. Its frames have one granule.
fn half_compared(bytes: &[u8], odd: bool) -> (f64, usize) {
    let (mut whole, mut half, mut bank) = (Layer3::new(), Layer3::new(), FilterBank::new());
    half.reset(if odd { Sampling::Odd } else { Sampling::Even });
    let (mut all, mut second, mut shorts) = (Vec::new(), Vec::new(), 0);
    for frame in frames(bytes) {
        let header = FrameHeader::parse(frame).unwrap();
        assert_eq!((whole.decode(frame), half.decode(frame)), (Some(576), Some(288)));
        let last = usize::from(header.channels) - 1;
        let mut rows = *whole.rows;
        rows.iter_mut().for_each(|row| row[LOWER..].fill(0.0));
        let mut out = [0.0; LINES];
        dispatch!(Level::new(), cpu => bank.push(cpu, &rows, &mut out));
        all.extend(out);
        second.extend_from_slice(half.plane(last));
        let side = &frame[header::LEN + if header.has_crc { 2 } else { 0 }..];
        let side = SideInfo::read(&side[..header.side_info()], header).unwrap();
        shorts += usize::from(side.granules[0][last].window.is_short());
    }
    (likeness(all.iter().skip(usize::from(odd)).step_by(2).zip(&second)), shorts)
}

#[test]
fn a_decoder_of_every_second_sample_leaves_the_upper_subbands_out() {
    let speech = fixture("tencent-dual/000-339708930-12360-5b0c7c1e93a44f5d8a430d1f6a2be7c1-000-1779261106.mp3");
    let mut all = vec![(speech, 0)];
    let clicks = "aevalsrc=0.3*sin(2*PI*300*t)+0.4*random(0)*lt(mod(t\\,0.25)\\,0.01)|0.3*sin(2*PI*500*t)+0.2*random(1)*lt(mod(t\\,0.3)\\,0.01):d=2";
    for (hz, joint) in [("16000", "0"), ("16000", "1"), ("22050", "1"), ("24000", "1")] {
        let made = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &format!("{clicks}:s={hz}"), "-b:a", "64k"])
            .args(["-write_xing", "0", "-c:a", "libmp3lame", "-joint_stereo", joint, "-f", "mp3", "-"])
            .output();
        let Some(made) = made.ok().filter(|made| made.status.success()) else {
            crate::decode::tests::skipped("no ffmpeg");
            break;
        };
        all.push((made.stdout, 5));
    }
    for ((bytes, least), odd) in all.iter().flat_map(|recording| [false, true].map(|odd| (recording, odd))) {
        let (db, shorts) = half_compared(bytes, odd);
        assert!(db > 120.0 && shorts >= *least, "{db} dB, {shorts} short blocks");
    }
}
