//! Against symphonia's decoder, which ffmpeg's and libmad's agree with.

use symphonia::core::audio::{Audio, GenericAudioBufferRef};
use symphonia::core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::MpaDecoder;

use super::*;

/// A recording of the fixtures.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Its frames.
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

/// Power of a recording, and of what both decoders differ by, over all its channels.
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

/// Stereo of both kinds, where ffmpeg is there to make it.
#[test]
fn joint_stereo_is_the_references() {
    let sound = "aevalsrc=0.3*sin(2*PI*300*t)+0.4*random(0)*lt(mod(t\\,0.25)\\,0.01)|0.3*sin(2*PI*500*t):d=2";
    for hz in ["8000", "16000", "22050", "24000", "32000", "44100", "48000"] {
        let made = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &format!("{sound}:s={hz}"), "-b:a", "64k"])
            .args(["-c:a", "libmp3lame", "-joint_stereo", "1", "-f", "mp3", "-"])
            .output();
        let Some(made) = made.ok().filter(|made| made.status.success()) else { return eprintln!("skipped: no ffmpeg") };
        let (power, difference) = compared(&made.stdout);
        assert!(power > 1.0 && power / difference > 1e12, "{hz} Hz: {power} {difference}");
    }
}

/// Bytes by chance, in the same way each time.
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
        for _ in 0..20 {
            let mut ours = Layer3::new();
            for frame in frames(&bytes) {
                let mut frame = frame.to_vec();
                for _ in 0..chance.next() % 4 {
                    // The header stays: another says that another decoder is needed.
                    let at = 4 + chance.next() % (frame.len() - 4);
                    frame[at] = chance.next() as u8;
                }
                // Any joint stereo too, with both channels from what is one.
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
    for kind in [WindowKind::Long, WindowKind::Start, WindowKind::Short, WindowKind::Mixed, WindowKind::Stop] {
        for used in [0, 7, 20, 32] {
            let made = [Level::new(), Level::baseline()].map(|level| {
                let (mut filters, mut out) = (ChannelFilters::new(), [0.0; LINES]);
                for _ in 0..3 {
                    let mut rows = rows;
                    dispatch!(level, cpu => filters.run(cpu, kind, used, &mut rows, &mut out));
                }
                out.map(f32::to_bits)
            });
            assert_eq!(made[0], made[1], "{kind:?} {used}");
        }
    }
}
