//! A mix as 16-bit wav.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Part, write_error};
use crate::config::hex;
use crate::control::Control;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::mix::Mixer;

/// Length of the header: RIFF, a plain `fmt ` chunk, and the `data` chunk's own eight bytes.
const HEADER: u32 = 44;
/// The most bytes of samples that a plain wav file holds: its sizes have 32 bits.
const MOST_BYTES: u64 = u32::MAX as u64 - 64;

/// Writes a mix to a file.
///
/// # Errors
/// `io`; `limit_exceeded` beyond 4 GB; `cancelled`.
pub fn write_wav(path: &Path, mixer: &mut Mixer, control: &Control) -> Result<()> {
    write(path, mixer, control, |_| {}, |_| {})
}

/// As [`write_wav`]; returns the SHA-256 of the file, in hexadecimal.
///
/// # Errors
/// As [`write_wav`].
pub fn write_wav_hashed(path: &Path, mixer: &mut Mixer, control: &Control) -> Result<String> {
    write_wav_heard(path, mixer, control, |_| {})
}

/// As [`write_wav_hashed`], with a listener to the blocks as they are written, channels interleaved.
///
/// # Errors
/// As [`write_wav`].
pub fn write_wav_heard(path: &Path, mixer: &mut Mixer, control: &Control, heard: impl FnMut(&[i16])) -> Result<String> {
    let mut hash = Sha256::new();
    write(path, mixer, control, |bytes| hash.update(bytes), heard)?;
    Ok(hex(&hash.finalize()))
}

/// Writes a mix, and shows every byte of it to `seen` and every sample to `heard`.
fn write(
    path: &Path,
    mixer: &mut Mixer,
    control: &Control,
    mut seen: impl FnMut(&[u8]),
    mut heard: impl FnMut(&[i16]),
) -> Result<()> {
    let failed = |e| write_error(e, path);
    let mut bytes = header(mixer)?.to_vec();
    let part = Part::new(path);
    let mut file = File::create(&part.part).map_err(failed)?;
    loop {
        seen(&bytes);
        file.write_all(&bytes).map_err(failed)?;
        let Some(block) = mixer.next_block()? else { break };
        control.check(Stage::Export)?;
        heard(block);
        bytes.resize(2 * block.len(), 0);
        for (out, x) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(block) {
            *out = x.to_le_bytes();
        }
    }
    drop(file);
    part.finish()
}

/// The header of a mix's file.
fn header(mixer: &Mixer) -> Result<[u8; HEADER as usize]> {
    let (channels, rate) = (mixer.channels(), mixer.rate().hz());
    let frame = channels.saturating_mul(2);
    let data = mixer.frames_left().saturating_mul(frame.into());
    let Some(data) = u32::try_from(data).ok().filter(|_| data <= MOST_BYTES) else {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Export, "too long for a wav file")
            .found(format!("{data} bytes"), format!("at most {MOST_BYTES}")));
    };
    let mut header = [0; HEADER as usize];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        header[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&(data + HEADER - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16u32.to_le_bytes());
    put(&1u16.to_le_bytes()); // PCM
    put(&channels.to_le_bytes());
    put(&rate.to_le_bytes());
    put(&rate.saturating_mul(frame.into()).to_le_bytes());
    put(&frame.to_le_bytes());
    put(&16u16.to_le_bytes());
    put(b"data");
    put(&data.to_le_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Role;
    use crate::config::MixConfig;
    use crate::mix::Placed;
    use crate::timeline::Placement;
    use crate::units::{Decibels, Millis, Rate};

    #[test]
    fn a_file_holds_its_header_and_the_mix_and_has_the_hash_that_was_told() {
        let samples: Vec<i16> = (0..10_000).map(|i| (i % 200) as i16 - 100).collect();
        let place = Placement::reference();
        let placed =
            |role| Placed { samples: &samples, rate: Rate::NARROWBAND, role, placement: &place, gain: Decibels(0.0) };
        let tracks = [placed(Role::Customer), placed(Role::Agent)];
        let mixer = || Mixer::new(&tracks, Millis(1250.0), &MixConfig::default()).unwrap();
        let path = std::env::temp_dir().join(format!("callweave-wav-{}.wav", std::process::id()));
        let told = write_wav_hashed(&path, &mut mixer(), &Control::default()).unwrap();
        let hashed = std::fs::read(&path).unwrap();
        write_wav(&path, &mut mixer(), &Control::default()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(hashed, bytes);
        assert_eq!(told, hex(&Sha256::digest(&bytes)));
        assert_eq!(bytes.len(), 44 + 40_000);
        assert_eq!(bytes[..8], [b"RIFF".as_slice(), &40_036u32.to_le_bytes()].concat());
        assert_eq!(bytes[40..44], 40_000u32.to_le_bytes());
        let fields = [1u16, 2, 8000, 0, 32_000, 0, 4, 16].map(u16::to_le_bytes).concat();
        assert_eq!(bytes[20..36], fields);
        let written = bytes[44..].as_chunks::<4>().0.iter().map(|b| i16::from_le_bytes([b[0], b[1]]));
        assert!(written.eq(samples.iter().copied()));
    }
}
