//! Writes a mix in any audio format.

use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::flac::Flac;
use super::pipeline::{BlockSteps, run_steps};
use super::wav::Wav;
use super::{AudioShape, Encode, PartialFile, write_error};
use crate::config::{Format, hex};
use crate::error::{Error, Result, Stage};
use crate::mix::Mixer;
use crate::run::RunOptions;
use crate::threads;
use crate::units::Rate;

/// Samples per channel of a block, where one is mixed while others are written: some milliseconds of
/// work.
const AHEAD: usize = 1 << 15;

/// Writes a mix to a file. The same mix gives the same bytes.
///
/// # Errors
/// - [`Io`](crate::ErrorKind::Io) if the file cannot be written.
/// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) for a WAV file beyond 4 GB.
/// - [`Unsupported`](crate::ErrorKind::Unsupported) for FLAC with more than 8 channels.
/// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
pub fn write_audio(path: impl AsRef<Path>, mixer: &mut Mixer, format: Format, run: &RunOptions) -> Result<()> {
    write(path.as_ref(), mixer, format, run, |_| {}, |_| {})
}

/// Like [`write_audio`], and passes the mixer to a listener after every block. Returns the file's
/// SHA-256 in hexadecimal.
///
/// # Errors
/// Those of [`write_audio`].
pub fn write_audio_heard(
    path: impl AsRef<Path>,
    mixer: &mut Mixer,
    format: Format,
    run: &RunOptions,
    heard: impl FnMut(&Mixer) + Send,
) -> Result<String> {
    let mut hash = Sha256::new();
    write(path.as_ref(), mixer, format, run, |bytes| hash.update(bytes), heard)?;
    Ok(hex(&hash.finalize()))
}

/// Writes a mix to any writer, sequentially, without seeking.
///
/// # Errors
/// Those of [`write_audio`].
pub fn write_audio_to(to: impl Write + Send, mixer: &mut Mixer, format: Format, run: &RunOptions) -> Result<()> {
    let failed = |e| Error::io(Stage::Export, e);
    encode(to, AudioWriter::new(mixer, format)?, run, |_| {}, |_| {}, failed)
}

/// Writes a mix to a file, passing every byte to `seen`, and the mixer to `heard` after every block.
fn write(
    path: &Path,
    mixer: &mut Mixer,
    format: Format,
    run: &RunOptions,
    seen: impl FnMut(&[u8]) + Send,
    heard: impl FnMut(&Mixer) + Send,
) -> Result<()> {
    let writer = AudioWriter::new(mixer, format)?;
    let (part, mut file) = PartialFile::create(path)?;
    encode(&mut file, writer, run, seen, heard, |e| write_error(e, path))?;
    drop(file);
    part.finish()
}

/// Writes one channel to a file, sample for sample. Returns the file's SHA-256 in hexadecimal.
///
/// # Errors
/// Those of [`write_audio`].
pub(crate) fn write_samples(
    path: &Path,
    samples: &[i16],
    rate: Rate,
    format: Format,
    run: &RunOptions,
) -> Result<String> {
    let mut encoder = encoder(AudioShape { channels: 1, rate, frames: samples.len() as u64 }, format)?;
    let (part, mut file) = PartialFile::create(path)?;
    let (mut hash, mut bytes) = (Sha256::new(), Vec::new());
    encoder.header(samples.len() as u64, &mut bytes);
    for block in samples.chunks(AHEAD) {
        run.check(Stage::Export)?;
        encoder.encode(block, &mut bytes);
        hash.update(&bytes);
        file.write_all(&bytes).map_err(|e| write_error(e, path))?;
        bytes.clear();
    }
    encoder.finish(&mut bytes);
    hash.update(&bytes);
    file.write_all(&bytes).map_err(|e| write_error(e, path))?;
    drop(file);
    part.finish()?;
    Ok(hex(&hash.finalize()))
}

/// Encodes and writes a mix. With more than one thread, blocks are mixed and encoded while others
/// are written.
fn encode(
    mut to: impl Write + Send,
    mut writer: AudioWriter,
    run: &RunOptions,
    mut seen: impl FnMut(&[u8]) + Send,
    mut heard: impl FnMut(&Mixer) + Send,
    failed: impl Fn(std::io::Error) -> Error + Copy + Sync,
) -> Result<()> {
    let mut header = Vec::new();
    writer.encoder.header(writer.mixer.frames_left(), &mut header);
    seen(&header);
    to.write_all(&header).map_err(failed)?;
    let mut make = |bytes: &mut Vec<u8>| {
        run.check(Stage::Export)?;
        writer.make(bytes, &mut heard)
    };
    if threads::count() > 1 {
        let write = |bytes: &[u8]| {
            run.check(Stage::Export)?;
            to.write_all(bytes).map_err(failed)
        };
        run_steps(BlockSteps { make, read: seen, write })?;
    } else {
        let (mut bytes, mut more) = (Vec::new(), true);
        while more {
            more = make(&mut bytes)?;
            seen(&bytes);
            to.write_all(&bytes).map_err(failed)?;
        }
    }
    to.flush().map_err(failed)
}

/// Returns the encoder of a format.
fn encoder(shape: AudioShape, format: Format) -> Result<Box<dyn Encode + Send>> {
    Ok(match format {
        Format::Wav => Box::new(Wav::new(shape, false)?),
        Format::WavUlaw => Box::new(Wav::new(shape, true)?),
        Format::Flac => Box::new(Flac::new(shape)?),
    })
}

/// Returns channels of equal length as the bytes of a file, sample for sample.
///
/// # Errors
/// Those of [`write_audio`].
pub(crate) fn encode_audio(channels: &[Vec<i16>], rate: Rate, format: Format) -> Result<Vec<u8>> {
    let frames = channels.iter().map(Vec::len).min().unwrap_or(0);
    let count = u16::try_from(channels.len()).unwrap_or(u16::MAX);
    let mut encoder = encoder(AudioShape { channels: count, rate, frames: frames as u64 }, format)?;
    let (mut bytes, mut block) = (Vec::new(), Vec::new());
    encoder.header(frames as u64, &mut bytes);
    for start in (0..frames).step_by(AHEAD) {
        block.clear();
        for frame in start..frames.min(start + AHEAD) {
            block.extend(channels.iter().filter_map(|channel| channel.get(frame)));
        }
        encoder.encode(&block, &mut bytes);
    }
    encoder.finish(&mut bytes);
    Ok(bytes)
}

/// Mixes and encodes.
struct AudioWriter<'m, 'a> {
    mixer: &'m mut Mixer<'a>,
    encoder: Box<dyn Encode + Send>,
    /// Fewest samples per channel made at once.
    frames: usize,
}

impl<'m, 'a> AudioWriter<'m, 'a> {
    fn new(mixer: &'m mut Mixer<'a>, format: Format) -> Result<Self> {
        let encoder = encoder(AudioShape::of(mixer), format)?;
        let frames = if threads::count() > 1 { AHEAD } else { 1 };
        Ok(Self { mixer, encoder, frames })
    }

    /// Makes the next blocks, or the end of the file if there are none. Returns `false` for the
    /// end. `heard` gets the mixer after every block.
    fn make(&mut self, bytes: &mut Vec<u8>, heard: &mut impl FnMut(&Mixer)) -> Result<bool> {
        bytes.clear();
        let (wanted, mut samples) = (self.frames * usize::from(self.mixer.channels()), 0);
        while samples < wanted && self.mixer.advance()? {
            heard(self.mixer);
            let block = self.mixer.block();
            self.encoder.encode(block, bytes);
            samples += block.len();
        }
        if samples == 0 {
            self.encoder.finish(bytes);
        }
        Ok(samples > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::call::Role;
    use crate::config::MixConfig;
    use crate::decode::{Input, decode};
    use crate::error::ErrorKind;
    use crate::mix::MixInput;
    use crate::run::Cancel;
    use crate::timeline::Placement;
    use crate::units::{Decibels, Millis};

    const FORMATS: [(Format, &str); 3] = [(Format::Wav, "wav"), (Format::WavUlaw, "wav"), (Format::Flac, "flac")];

    /// Takes bytes as a socket does, cancels after the first million, and counts those that come
    /// after.
    struct Socket(Cancel, usize);

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1 += bytes.len();
            if self.1 > 1_000_000 {
                self.0.cancel();
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_mix_ends_soon_after_the_cancel() {
        let (place, samples) = (Placement::reference(), vec![0; 8_000 * 600]);
        let rate = Rate::NARROWBAND;
        let track = MixInput { samples: &samples, rate, role: Role::Agent, placement: &place, gain: Decibels(0.0) };
        for threads in [1, 2] {
            let mut mixer = Mixer::new(&[track], Millis(600_000.0), &MixConfig::default()).unwrap();
            let (cancel, mut written) = (Cancel::default(), 0);
            let run = RunOptions::default().with_cancel(&cancel);
            let ended = threads::apart(Some(threads), || {
                let mut socket = Socket(cancel.clone(), 0);
                let ended = write_audio_to(&mut socket, &mut mixer, Format::Wav, &run);
                written = socket.1;
                ended
            });
            assert_eq!(ended.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
            // The cancel is looked at before every block.
            assert!(written <= 1_000_000 + 2 * AHEAD, "{written} bytes with {threads} threads");
        }
    }

    /// Channels that are hard to encode: a hum, full-scale noise, steps, silence with one click,
    /// and a swell.
    fn channels(frames: usize) -> Vec<Vec<i16>> {
        let mut state = 1u32;
        let noise = (0..frames).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16 / 2
        });
        let hum = (0..frames).map(|i| (9_000.0 * (i as f64 * 0.05).sin()) as i16);
        let steps = (0..frames).map(|i| if i / 100 % 2 == 0 { 28_000 } else { -28_000 });
        let click = (0..frames).map(|i| if i == frames / 2 { 20_000 } else { 0 });
        let swell = (0..frames).map(|i| ((i % 3_000) as f64 * (i as f64 * 0.3).sin()) as i16);
        vec![noise.collect(), hum.collect(), steps.collect(), click.collect(), swell.collect()]
    }

    /// Writes channels as a mix: the file's bytes, its hash, and the samples of the mix,
    /// interleaved.
    fn written(channels: &[Vec<i16>], format: Format, rate: u32) -> (Vec<u8>, String, Vec<i16>) {
        let place = Placement::reference();
        let rate = Rate::new(rate).unwrap();
        let placed =
            |samples| MixInput { samples, rate, role: Role::Participant, placement: &place, gain: Decibels(0.0) };
        let tracks: Vec<MixInput> = channels.iter().map(|samples| placed(samples.as_slice())).collect();
        let config = MixConfig { rate: crate::config::OutputRate::Source, ..MixConfig::default() };
        let mixer = || Mixer::new(&tracks, rate.millis(channels[0].len() as u64), &config).unwrap();
        let mut samples = Vec::new();
        let mut mix = mixer();
        while let Some(block) = mix.next_block().unwrap() {
            samples.extend_from_slice(block);
        }
        let name = format!("callweave-audio-{}-{:?}", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        let hash = write_audio_heard(&path, &mut mixer(), format, &RunOptions::default(), |_| {}).unwrap();
        let hashed = std::fs::read(&path).unwrap();
        write_audio(&path, &mut mixer(), format, &RunOptions::default()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(hashed == bytes, "the same mix, the same bytes");
        (bytes, hash, samples)
    }

    /// What a mix becomes by being written: mu-law keeps the middle of a step.
    fn kept(samples: &[i16], format: Format) -> Vec<i16> {
        let middle = |&x: &i16| {
            let magnitude = i32::from(x.unsigned_abs().min(32_635)) + 132;
            let step = 1 << (27 - magnitude.leading_zeros() as i32).max(3);
            let value = magnitude / step * step + step / 2 - 132;
            (if x < 0 { -value } else { value }) as i16
        };
        if format == Format::WavUlaw { samples.iter().map(middle).collect() } else { samples.to_vec() }
    }

    #[test]
    fn what_is_written_is_read_back_bit_for_bit() {
        for frames in [1, 2, 3, 4, 5, 17, 4_095, 4_096, 4_097, 20_000] {
            let all = channels(frames);
            for (count, rate) in [(1, 8_000), (2, 16_000), (5, 44_100), (3, 11_025)] {
                for (format, name) in FORMATS {
                    let (bytes, hash, samples) = written(&all[..count], format, rate);
                    assert_eq!(hash, hex(&Sha256::digest(&bytes)));
                    let read = decode(Input::bytes(format!("a.{name}"), bytes), &Default::default()).unwrap();
                    let told = format!("{format:?} of {count} channels, {frames} frames");
                    assert_eq!((read.len(), read[0].rate.hz()), (count, rate), "{told}");
                    let kept = kept(&samples, format);
                    for (c, track) in read.iter().enumerate() {
                        let want: Vec<i16> = kept.iter().copied().skip(c).step_by(count).collect();
                        assert!(track.samples == want, "{told}: channel {c}");
                    }
                }
            }
        }
    }

    #[test]
    fn any_number_of_threads_writes_and_hears_the_same() {
        let (place, all) = (Placement::reference(), channels(5 * AHEAD + 17));
        let rate = Rate::NARROWBAND;
        let placed =
            |samples| MixInput { samples, rate, role: Role::Participant, placement: &place, gain: Decibels(0.0) };
        let tracks: Vec<MixInput> = all[..2].iter().map(|samples| placed(samples.as_slice())).collect();
        let path = std::env::temp_dir().join(format!("callweave-threads-{}", std::process::id()));
        for (format, _) in FORMATS {
            let write = |threads: usize| {
                let mut heard = Vec::new();
                let mut mixer = Mixer::new(&tracks, rate.millis(all[0].len() as u64), &MixConfig::default()).unwrap();
                let hash = threads::apart(Some(threads), || {
                    let hear = |mixer: &Mixer| heard.extend_from_slice(mixer.block());
                    write_audio_heard(&path, &mut mixer, format, &RunOptions::default(), hear)
                });
                (hash.unwrap().unwrap(), std::fs::read(&path).unwrap(), heard)
            };
            let alone = write(1);
            assert_eq!(alone.0, hex(&Sha256::digest(&alone.1)));
            assert_eq!(alone.2.len(), 2 * all[0].len());
            assert!(alone == write(2) && alone == write(4), "{format:?}");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn channels_in_memory_are_written_sample_for_sample() {
        let all = channels(70_001);
        for (format, name) in FORMATS {
            let bytes = encode_audio(&all[..2], Rate::NARROWBAND, format).unwrap();
            let read = decode(Input::bytes(format!("a.{name}"), bytes), &Default::default()).unwrap();
            for (track, channel) in read.iter().zip(&all) {
                assert!(track.samples == kept(channel, format), "{format:?}");
            }
        }
    }

    #[test]
    fn ffmpeg_reads_the_same_samples() {
        let all = channels(20_001);
        let path = std::env::temp_dir().join(format!("callweave-ffmpeg-{}", std::process::id()));
        for (count, rate) in [(1, 8_000), (2, 16_000), (5, 44_100)] {
            for (format, _) in FORMATS {
                let (bytes, _, samples) = written(&all[..count], format, rate);
                std::fs::write(&path, bytes).unwrap();
                let run = Command::new("ffmpeg")
                    .args(["-v", "error", "-xerror", "-i"])
                    .arg(&path)
                    .args(["-f", "s16le", "-c:a", "pcm_s16le", "-"])
                    .output();
                let Ok(run) = run else { return crate::decode::tests::skipped("no ffmpeg") };
                assert!(run.stderr.is_empty(), "{format:?}: {}", String::from_utf8_lossy(&run.stderr));
                let read: Vec<i16> = run.stdout.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
                assert!(read == kept(&samples, format), "{format:?} of {count} channels");
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn flac_is_shorter_than_wav_where_there_is_something_to_foretell() {
        let hum = &channels(40_000)[1..2];
        let length = |format| written(hum, format, 8_000).0.len();
        assert!(length(Format::Flac) < length(Format::Wav) / 2);
        assert_eq!(length(Format::Wav), 44 + 80_000);
        assert_eq!(length(Format::WavUlaw), 58 + 40_000);
    }

    #[test]
    fn flac_has_eight_channels_at_most() {
        let place = Placement::reference();
        let placed = MixInput {
            samples: &[1; 80],
            rate: Rate::NARROWBAND,
            role: Role::Agent,
            placement: &place,
            gain: Decibels(0.0),
        };
        let mut mixer = Mixer::new(&[placed; 9], Millis(10.0), &MixConfig::default()).unwrap();
        let path = std::env::temp_dir().join("callweave-never");
        let error = write_audio(&path, &mut mixer, Format::Flac, &RunOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(!path.exists());
    }
}
