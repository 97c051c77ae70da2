//! RIFF WAVE files as phone systems leave them: unclosed, piped, truncated, with wrong sizes or
//! missing pad bytes.
//!
//! The header is trusted only as far as the data confirms it. Every repair is a warning.

use super::pcm::{Endian, Layout};
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// The header, and the location of the samples.
#[derive(Debug)]
pub(crate) struct RiffWave {
    pub(crate) container: Container,
    pub(crate) format: WaveFormat,
    /// Bytes of samples that the header promises. `None` if it does not know (never closed, or
    /// piped).
    pub(crate) promised: Option<u64>,
}

/// The `fmt ` chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaveFormat {
    pub(crate) tag: u16,
    pub(crate) channels: u16,
    pub(crate) rate: Rate,
    pub(crate) block_align: u16,
    pub(crate) bits: u16,
    /// The header's bits per sample, which need not be whole bytes.
    pub(crate) coded_bits: u16,
    pub(crate) endian: Endian,
}

/// A byte after the last chunk, which some writers add to an odd length.
const PAD: u64 = 1;

/// Returns whether a size is a placeholder for an unknown size: all ones (ffmpeg into a pipe), or
/// just below 2 GiB (sox).
fn is_unknown(size: u64) -> bool {
    size >= 0x7FFF_0000 && (size <= 0x8000_0000 || size >= 0xFFFF_0000) && size <= 0xFFFF_FFFF
}

/// Reads up to the first sample.
pub(crate) fn open(source: &mut Source, notes: &mut DecodeNotes) -> Result<RiffWave> {
    let start = source.position();
    let head = bytes::<12>(source)?.ok_or_else(|| malformed("a wav file's header is cut off", start))?;
    let (container, endian) = match &head[..4] {
        b"RIFX" => (Container::Rifx, Endian::Big),
        b"RF64" => (Container::Rf64, Endian::Little),
        b"BW64" => (Container::Bw64, Endian::Little),
        _ => (Container::Wav, Endian::Little),
    };
    let riff_size = u64::from(number32(&head[4..8], endian));
    let mut format = None;
    let mut sizes64 = None;
    loop {
        let at = source.position();
        let Some(chunk) = bytes::<8>(source)? else {
            return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "a wav header without samples").at_byte(at));
        };
        let id: [u8; 4] = [chunk[0], chunk[1], chunk[2], chunk[3]];
        let size = u64::from(number32(&chunk[4..8], endian));
        match &id {
            b"data" => {
                let format = format.ok_or_else(|| malformed("a data chunk before any fmt chunk", at))?;
                let declared = Declared { riff: riff_size, riff_start: start, size, sizes64 };
                let promised = declared.bytes_of_samples(source, notes)?;
                return Ok(RiffWave { container, format, promised });
            }
            b"fmt " => format = Some(read_format(source, size, endian, at)?),
            b"ds64" => sizes64 = read_sizes64(source, size)?,
            _ if !is_chunk_id(&id) => return Err(malformed("no chunk at the expected position", at)),
            _ => {
                source.skip(size)?;
            }
        }
        skip_pad(source, size, notes)?;
    }
}

/// The header's sizes.
struct Declared {
    riff: u64,
    riff_start: u64,
    size: u64,
    sizes64: Option<u64>,
}

impl Declared {
    /// Returns the number of sample bytes that follow, and binds the source to them. `None` if only
    /// the end of the input shows it.
    fn bytes_of_samples(&self, source: &mut Source, notes: &mut DecodeNotes) -> Result<Option<u64>> {
        let at = source.position();
        let size = match self.sizes64 {
            Some(size) if self.size == 0xFFFF_FFFF || self.size == 0 => size,
            _ => self.size,
        };
        let from64 = self.sizes64 == Some(size);
        let wrong = |message: String| Warning::new("header_size_wrong", message).at_byte(at - 4);
        if size == 0 || (size == u64::MAX && from64) {
            if source.peek(1)?.is_empty() || (size == 0 && another_chunk_follows(source)?) {
                return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "a wav header without samples").at_byte(at));
            }
            notes.add(wrong("the header says 0 bytes of samples (never closed): what follows is taken".into()));
            return Ok(None);
        }
        let end = source.size_hint();
        let beyond = end.is_some_and(|end| at.saturating_add(size) > end);
        if is_unknown(size) && !from64 && end.is_none_or(|_| beyond) {
            notes.add(wrong(format!("the header says {size:#x} bytes of samples (piped): what follows is taken")));
            return Ok(None);
        }
        let riff_end = self.riff_start.saturating_add(8).saturating_add(self.riff);
        if self.sizes64.is_none() && self.riff != 0 && !is_unknown(self.riff) && at.saturating_add(size) > riff_end {
            let inside = riff_end.saturating_sub(at);
            notes.add(wrong(format!("{size} bytes of samples in a file that says it has room for {inside}")));
        }
        if let Some(left) = end.and_then(|end| end.checked_sub(riff_end)).filter(|&left| left > PAD)
            && self.sizes64.is_none()
            && self.riff != 0
            && at.saturating_add(size) <= riff_end
        {
            let message = format!("{left} bytes after the end that the header says are not read");
            notes.add(Warning::new("trailing_bytes", message).at_byte(riff_end));
        }
        source.bind(size);
        Ok(Some(size))
    }
}

/// Returns whether a chunk with a known name and a size that fits follows. Then a `data` chunk of
/// size 0 is really empty.
fn another_chunk_follows(source: &mut Source) -> Result<bool> {
    let known: [&[u8; 4]; 7] = [b"LIST", b"bext", b"JUNK", b"fact", b"id3 ", b"ID3 ", b"cue "];
    let end = source.size_hint();
    let at = source.position();
    let Some((head, _)) = source.peek(8)?.split_first_chunk::<8>() else { return Ok(false) };
    let size = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
    Ok(known.iter().any(|id| head.starts_with(*id)) && end.is_none_or(|end| at + 8 + size <= end))
}

fn is_chunk_id(id: &[u8]) -> bool {
    id.len() == 4 && id.iter().all(|b| (0x20..0x7F).contains(b)) && id.iter().any(u8::is_ascii_alphanumeric)
}

/// Skips the pad byte after a chunk of odd size, if it is present.
fn skip_pad(source: &mut Source, size: u64, notes: &mut DecodeNotes) -> Result<()> {
    if size.is_multiple_of(2) {
        return Ok(());
    }
    let at = source.position();
    let next = source.peek(5)?;
    let (without, with) = (next.get(..4).is_some_and(is_chunk_id), next.get(1..5).is_some_and(is_chunk_id));
    if without && !with {
        notes.add(Warning::new("pad_missing", "a chunk of odd size without its pad byte").at_byte(at));
    } else {
        source.consume(1);
    }
    Ok(())
}

fn read_sizes64(source: &mut Source, size: u64) -> Result<Option<u64>> {
    let Some(sizes) = bytes::<16>(source)? else { return Ok(None) };
    source.skip(size.saturating_sub(16))?;
    let (_, data) = sizes.split_at(8);
    Ok(data.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)))
}

/// Reads the body of a format chunk.
pub(crate) fn read_format(source: &mut Source, size: u64, endian: Endian, at: u64) -> Result<WaveFormat> {
    let cut = || malformed("the fmt chunk is cut off", at);
    let body = source.peek(usize::try_from(size).unwrap_or(40).min(40))?;
    let body = body.get(..body.len().min(usize::try_from(size).unwrap_or(40))).unwrap_or_default().to_vec();
    let field = |i: usize| body.get(i..i + 2).map(|b| number16(b, endian));
    let (Some(mut tag), Some(channels), Some(block_align)) = (field(0), field(2), field(12)) else { return Err(cut()) };
    let hz = body.get(4..8).map(|b| number32(b, endian)).ok_or_else(cut)?;
    let coded_bits = field(14).unwrap_or(0);
    let mut bits = coded_bits;
    if tag == 0xFFFE {
        // EXTENSIBLE: the sub-format's identifier begins with the actual tag.
        tag = field(24).ok_or_else(cut)?;
    }
    source.skip(size)?;
    if channels == 0 || Rate::new(hz).is_err() {
        return Err(malformed("the fmt chunk is invalid", at)
            .with_mismatch(format!("{channels} channels at {hz} Hz"), "1 or more channels, 1 to 768000 Hz"));
    }
    if bits == 0 || bits % 8 != 0 {
        // 12 bits in 16, or a short chunk without the field: the block size gives the stored width
        // of a sample.
        bits = (block_align / channels).saturating_mul(8);
    }
    Ok(WaveFormat { tag, channels, rate: Rate::new(hz)?, block_align, bits, coded_bits, endian })
}

impl WaveFormat {
    /// Returns the layout of uncompressed samples and G.711, or `None` for any other codec.
    pub(crate) fn layout(&self) -> Result<Option<Layout>> {
        let codec = match (self.tag, self.bits) {
            (1, 8) => Codec::PcmU8,
            (1, 16) => Codec::PcmS16,
            (1, 24) => Codec::PcmS24,
            (1, 32) => Codec::PcmS32,
            (3, 32) => Codec::PcmF32,
            (3, 64) => Codec::PcmF64,
            // Tags of IBM and of voice mail systems.
            (6 | 0x0102, _) => Codec::Alaw,
            (7 | 0x0101, _) => Codec::Ulaw,
            (1 | 3, bits) => {
                return Err(Error::new(ErrorKind::Unsupported, Stage::Decode, "sample width")
                    .with_mismatch(format!("{bits} bits, format tag {}", self.tag), "8, 16, 24, 32 or 64 bits"));
            }
            _ => return Ok(None),
        };
        Ok(Some(Layout { codec, endian: self.endian, channels: self.channels }))
    }

    /// Returns the name of the format tag's codec for messages.
    pub(crate) fn codec_name(&self) -> String {
        let name = match self.tag {
            0x02 => "MS ADPCM",
            0x10 | 0x17 | 0x0203 => "Dialogic ADPCM",
            0x11 | 0x69 => "IMA ADPCM",
            0x14 | 0x40 => "G.726 of Antex",
            0x45 | 0x64 => "G.726",
            0x20 => "Yamaha ADPCM",
            0x22 | 0x1501 => "TrueSpeech",
            0x31 | 0x32 | 0x1500 => "GSM 06.10",
            0x38 | 0x57 => "AMR",
            0x42 | 0x111 => "G.723.1",
            0x50 => "MPEG layer I or II",
            0x55 => "MP3",
            0x58 => "AMR wideband",
            0x61 | 0x62 => "Duck ADPCM",
            0x65 | 0x028F => "G.722",
            0x70 | 0x028E => "Siren or SIPR",
            0x83 | 0x133 => "G.729",
            0xA1 | 0x2000 => "AC-3",
            0xA109 => "Speex",
            0xA100 => "G.723.1 of Verint",
            0xFF | 0x1600 | 0x1610 => "AAC",
            0x160..=0x163 => "Windows Media Audio",
            0x0130 | 0x0135 => "ACELP",
            0x0200 => "Creative ADPCM",
            _ => return format!("format tag {:#06x}", self.tag),
        };
        format!("{name} (format tag {:#06x})", self.tag)
    }
}

/// Reads and consumes the next `N` bytes. Returns `None` at the end.
fn bytes<const N: usize>(source: &mut Source) -> Result<Option<[u8; N]>> {
    let found = source.peek(N)?.first_chunk::<N>().copied();
    source.consume(if found.is_some() { N } else { 0 });
    Ok(found)
}

fn number16(bytes: &[u8], endian: Endian) -> u16 {
    let bytes = bytes.first_chunk::<2>().copied().unwrap_or_default();
    if endian == Endian::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

fn number32(bytes: &[u8], endian: Endian) -> u32 {
    let bytes = bytes.first_chunk::<4>().copied().unwrap_or_default();
    if endian == Endian::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

fn malformed(message: &str, at: u64) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message).at_byte(at)
}
