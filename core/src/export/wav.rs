//! A mix as 16-bit wav, by hound.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::Part;
use crate::control::Control;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::mix::Mixer;

/// The most bytes of samples that a plain wav file holds: its sizes have 32 bits.
const MOST_BYTES: u64 = u32::MAX as u64 - 64;

/// Writes a mix to a file.
///
/// # Errors
/// `io`; `limit_exceeded` beyond 4 GB; `cancelled`.
pub fn write_wav(path: &Path, mixer: &mut Mixer, control: &Control) -> Result<()> {
    let bytes = mixer.frames_left() * u64::from(mixer.channels()) * 2;
    if bytes > MOST_BYTES {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Export, "too long for a wav file")
            .found(format!("{bytes} bytes"), format!("at most {MOST_BYTES}")));
    }
    let spec = WavSpec {
        channels: mixer.channels(),
        sample_rate: mixer.rate().hz(),
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let failed = |e: hound::Error| {
        let error = match e {
            hound::Error::IoError(e) => Error::io(Stage::Export, e),
            other => Error::new(ErrorKind::Internal, Stage::Export, other.to_string()),
        };
        error.in_input(path.display().to_string())
    };
    let part = Part::new(path);
    let mut writer = WavWriter::create(&part.part, spec).map_err(failed)?;
    while let Some(block) = mixer.next_block()? {
        control.check(Stage::Export)?;
        let mut samples = writer.get_i16_writer(block.len() as u32);
        block.iter().for_each(|&x| samples.write_sample(x));
        samples.flush().map_err(failed)?;
    }
    writer.finalize().map_err(failed)?;
    part.finish()
}
