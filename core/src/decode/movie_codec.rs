//! Codecs of MP4 and MOV: creates a track's stream from its sample entry.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_ALAC, CODEC_ID_FLAC};

use super::amr::{self, AmrBand};
use super::assemble::Assembler;
use super::lend::Lender;
use super::listed::ListedStream;
use super::movie::{MovieParts, SampleEntry, clock, next_file};
use super::mp4::{self, Edit, be};
use super::mpeg;
use super::ogg::opus_private;
use super::opening::{OpenStream, mpeg_in};
use super::packet::{PacketCodec, Symphonia, opus as opus_decoder};
use super::pcm::{Endian, Layout, PcmStream};
use super::source::Source;
use super::spec::{Codec, Container, DecodeNotes, Delay, DelayBasis, Spec};
use super::track::{JoinedParts, TrackPart, TrackParts, TrackStream};
use super::{aac, refusal, second};
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::Rate;

/// Tolerance in seconds within which the edit list's end counts as the track's own end. Lists count
/// in ticks of the movie's clock, often milliseconds or 600ths of a second.
const LOOSE: f64 = 1.0 / 500.0;

/// Opens an MP4 from memory, because its index may be at its end. `head_only` reads only the index
/// and the first frames, if they come first.
pub(crate) fn open_mp4(
    source: &mut Source,
    options: &DecodeOptions,
    head_only: bool,
    notes: &mut DecodeNotes,
) -> Result<OpenStream> {
    if let Some(head) = if head_only { mp4::head_length(source.peek(4096)?) } else { None } {
        source.bind(head);
    }
    let mut bytes = source.read_all(options.max_buffered_bytes)?;
    mp4::end_last_box(&mut bytes);
    if let Some(next) = next_file(&bytes) {
        second::report("mp4", next as u64, notes);
    }
    if let Some(opened) = open(&mut bytes, options, notes)? {
        return Ok(opened);
    }
    if mp4::find(&bytes, &[b"moov"]).is_none() {
        return Err(malformed("an mp4 without its index (never closed, or cut off)").at_byte(bytes.len() as u64));
    }
    Err(refusal::codec(mp4::foreign_codec(&bytes).unwrap_or_else(|| "no audio track".to_owned())))
}

/// Opens the stream of the first audio track. `None` if its codec is not known here.
fn open(bytes: &mut Vec<u8>, options: &DecodeOptions, notes: &mut DecodeNotes) -> Result<Option<OpenStream>> {
    let Some(entry) = SampleEntry::read(bytes) else { return Ok(None) };
    if let Some(layout) = pcm_layout(&entry) {
        return open_pcm(std::mem::take(bytes), &entry, layout).map(Some);
    }
    let band = match &entry.letters {
        b"samr" => Some(AmrBand::Narrow),
        b"sawb" => Some(AmrBand::Wide),
        _ => None,
    };
    if let Some(band) = band {
        return open_amr(std::mem::take(bytes), band).map(Some);
    }
    if is_mpeg(&entry) {
        return open_mpeg(std::mem::take(bytes), options, notes).map(Some);
    }
    let Some(PacketTrack { codec, made, rate, channels, skip, gain }) = packets(&entry, bytes, notes)? else {
        return Ok(None);
    };
    let (ticks, span) = (clock(bytes), span(bytes, rate));
    let samples = span.edit.map_or(skip, |edit| edit.delay(rate));
    let delay = Delay { samples, basis: if samples > 0 { DelayBasis::Tag } else { DelayBasis::None } };
    let declared = span.end.unwrap_or(span.samples).checked_sub(u64::from(samples)).filter(|&n| n > 0);
    let length = bytes.len() as u64;
    let stream = ListedStream {
        parts: MovieParts::open(bytes, 0),
        bytes: std::mem::take(bytes),
        codec: made,
        channels: usize::from(channels),
        rate,
        clock: ticks.0,
        assembler: Assembler::new(usize::from(channels), u64::from(samples)),
        end: span.end,
        scratch: Vec::new(),
        left: length,
        failed: 0,
        gain,
        cut_off: false,
    };
    let spec = Spec { container: Container::Mp4, codec, rate, channels, delay, declared };
    Ok(Some((Box::new(stream), spec)))
}

/// Length of a movie's track.
struct MovieSpan {
    edit: Option<Edit>,
    /// Samples of the track by its clock, and the end of the recording's own, if an edit list gives
    /// it.
    samples: u64,
    end: Option<u64>,
}

fn span(bytes: &[u8], rate: Rate) -> MovieSpan {
    let (scale, ticks) = clock(bytes);
    let samples = (u128::from(ticks) * u128::from(rate.hz()) / u128::from(scale)) as u64;
    let edit = mp4::edit(bytes);
    let loose = (LOOSE * f64::from(rate.hz())) as u64 + 1;
    let end = edit.and_then(|edit| edit.end(rate));
    let end = end.map(|end| if end.abs_diff(samples) > loose { end } else { end.max(samples) });
    MovieSpan { edit, samples, end }
}

/// A packet codec and its parameters from the sample entry.
struct PacketTrack {
    codec: Codec,
    made: Box<dyn PacketCodec>,
    rate: Rate,
    channels: u16,
    /// Samples before the recording's own, used without an edit list.
    skip: u32,
    /// Gain factor from the codec's header.
    gain: f32,
}

fn packets(entry: &SampleEntry, bytes: &[u8], notes: &mut DecodeNotes) -> Result<Option<PacketTrack>> {
    let none = || {
        let letters = String::from_utf8_lossy(&entry.letters).into_owned();
        Error::new(ErrorKind::Malformed, Stage::Decode, "an mp4 whose sample entry lacks what the codec needs")
            .with_mismatch(format!("no description of {letters}"), "a dOps, dfLa, alac or esds box")
    };
    Ok(Some(match &entry.letters {
        b"Opus" => opus(entry.child(b"dOps").ok_or_else(none)?)?,
        b"fLaC" => flac(entry.child(b"dfLa").ok_or_else(none)?)?,
        b"mp4a" => advanced(entry, bytes, specific_config(entry.child(b"esds").ok_or_else(none)?), notes)?,
        b"alac" => alac(entry.child(b"alac").ok_or_else(none)?.get(4..).ok_or_else(none)?)?,
        _ => return Ok(None),
    }))
}

/// Creates an AAC decoder from the `AudioSpecificConfig` and the first frames.
fn advanced(entry: &SampleEntry, bytes: &[u8], config: Option<&[u8]>, notes: &mut DecodeNotes) -> Result<PacketTrack> {
    let config = config.ok_or_else(|| malformed("AAC without its configuration"))?;
    let mut parts = MovieParts::open(bytes, 0);
    let whole = |part: &TrackPart| part.of(bytes).len() as u64 == part.length;
    let first = std::iter::from_fn(|| parts.next(bytes)).take(aac::FRAMES).filter(whole);
    let first: Vec<&[u8]> = first.map(|part| part.of(bytes)).collect();
    let track = high_efficiency(config, &first)?.map_or_else(|| low_complexity(entry, config), Ok)?;
    if mp4::edit(bytes).is_none() {
        let message = "codec delay unknown (no edit list says it): none removed; encoders put 1024 samples or more";
        notes.add(Warning::new("delay_unknown", message));
    }
    Ok(track)
}

fn low_complexity(entry: &SampleEntry, config: &[u8]) -> Result<PacketTrack> {
    let made = aac::decoder(config)?;
    let (hz, channels) = aac::shape(config);
    let (hz, channels) = (hz.unwrap_or(entry.hz), channels.unwrap_or(entry.channels).max(1));
    let rate =
        Rate::new(hz).map_err(|_| malformed("a header without a sample rate").with_mismatch(hz, "1 to 768000 Hz"))?;
    Ok(PacketTrack { codec: Codec::AacLc, made: Box::new(made), rate, channels, skip: 0, gain: 1.0 })
}

/// Creates an HE-AAC decoder. `None` if the stream is not HE-AAC.
#[cfg(feature = "he-aac")]
fn high_efficiency(config: &[u8], first: &[&[u8]]) -> Result<Option<PacketTrack>> {
    if !aac::announces_replication(config)? && !aac::carry_replication(first.iter().copied()) {
        return Ok(None);
    }
    let (made, hz, channels) = super::he_aac::HeAac::new(config, first.iter().copied())?;
    let rate = Rate::new(hz)?;
    Ok(Some(PacketTrack { codec: Codec::HeAac, made: Box::new(made), rate, channels, skip: 0, gain: 1.0 }))
}

#[cfg(not(feature = "he-aac"))]
fn high_efficiency(config: &[u8], first: &[&[u8]]) -> Result<Option<PacketTrack>> {
    aac::check_config(config)?;
    aac::check_frames(first.iter().copied())?;
    Ok(None)
}

/// Reads the `dOps` box, an Opus header with big-endian numbers.
fn opus(body: &[u8]) -> Result<PacketTrack> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(be(body, 1, 1) as u8);
    head.extend((be(body, 2, 2) as u16).to_le_bytes());
    head.extend((be(body, 4, 4) as u32).to_le_bytes());
    head.extend((be(body, 8, 2) as u16).to_le_bytes());
    head.extend(body.get(10..).unwrap_or_default());
    let (channels, skip, gain) = opus_private(&head)?;
    let made = opus_decoder(channels)?;
    Ok(PacketTrack { codec: Codec::Opus, made, rate: Rate::new(48_000)?, channels, skip, gain })
}

/// Reads the `dfLa` box, whose first block is FLAC's STREAMINFO.
fn flac(body: &[u8]) -> Result<PacketTrack> {
    let info = body.get(8..42).ok_or_else(|| malformed("FLAC without its STREAMINFO"))?;
    // 20 bits of rate, then 3 of channels minus one.
    let field = be(info, 10, 4);
    let (rate, channels) = (Rate::new((field >> 12) as u32)?, (field >> 9 & 7) as u16 + 1);
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_FLAC).with_extra_data(Box::from(info));
    Ok(PacketTrack {
        codec: Codec::Flac,
        made: Box::new(Symphonia::new(Codec::Flac, params)?),
        rate,
        channels,
        skip: 0,
        gain: 1.0,
    })
}

/// Creates an ALAC decoder from its 24-byte configuration.
pub(crate) fn alac_codec(config: &[u8]) -> Result<(Symphonia, Rate, u16)> {
    let config = config.get(..24).ok_or_else(|| malformed("ALAC without its configuration"))?;
    let (channels, hz) = (be(config, 9, 1) as u16, be(config, 20, 4) as u32);
    let rate = Rate::new(hz).ok().filter(|_| channels > 0).ok_or_else(|| malformed("the ALAC header is invalid"))?;
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_ALAC).with_extra_data(Box::from(config));
    Ok((Symphonia::new(Codec::Alac, params)?, rate, channels))
}

fn alac(config: &[u8]) -> Result<PacketTrack> {
    let (made, rate, channels) = alac_codec(config)?;
    Ok(PacketTrack { codec: Codec::Alac, made: Box::new(made), rate, channels, skip: 0, gain: 1.0 })
}

/// Returns the layout of uncompressed samples and G.711.
fn pcm_layout(entry: &SampleEntry) -> Option<Layout> {
    let little = entry.child(b"enda").is_some_and(|body| be(body, 0, 2) == 1);
    let order = |little| if little { Endian::Little } else { Endian::Big };
    let whole = |bits| match bits {
        8 => Some(Codec::PcmS8),
        16 => Some(Codec::PcmS16),
        24 => Some(Codec::PcmS24),
        32 => Some(Codec::PcmS32),
        _ => None,
    };
    let real = |bits| if bits == 64 { Codec::PcmF64 } else { Codec::PcmF32 };
    // ISO/IEC 23003-5: flags, of which the lowest bit means little-endian, and the width.
    let config = entry.child(b"pcmC").map(|body| (be(body, 4, 1) & 1 == 1, be(body, 5, 1) as u16));
    let (codec, endian) = match &entry.letters {
        b"ulaw" => (Codec::Ulaw, Endian::Big),
        b"alaw" => (Codec::Alaw, Endian::Big),
        b"sowt" => (whole(entry.bits)?, Endian::Little),
        b"twos" => (whole(entry.bits)?, Endian::Big),
        b"raw " | b"NONE" if entry.bits == 8 => (Codec::PcmU8, Endian::Big),
        b"raw " | b"NONE" => (whole(entry.bits)?, Endian::Big),
        b"in24" => (Codec::PcmS24, order(little)),
        b"in32" => (Codec::PcmS32, order(little)),
        b"fl32" => (Codec::PcmF32, order(little)),
        b"fl64" => (Codec::PcmF64, order(little)),
        b"lpcm" if entry.flags & 1 == 1 => (real(entry.bits), order(entry.flags & 2 == 0)),
        b"lpcm" if entry.bits == 8 && entry.flags & 4 == 0 => (Codec::PcmU8, Endian::Big),
        b"lpcm" => (whole(entry.bits)?, order(entry.flags & 2 == 0)),
        b"ipcm" => (whole(config?.1)?, order(config?.0)),
        b"fpcm" => (real(config?.1), order(config?.0)),
        _ => return None,
    };
    Some(Layout { codec, endian, channels: entry.channels })
}

fn open_pcm(bytes: Vec<u8>, entry: &SampleEntry, layout: Layout) -> Result<OpenStream> {
    let hz = if entry.hz > 0 { entry.hz } else { clock(&bytes).0 };
    let rate = Rate::new(hz).ok().filter(|_| layout.channels > 0).ok_or_else(|| {
        malformed("the sample entry is invalid")
            .with_mismatch(format!("{} channels at {hz} Hz", layout.channels), "1 or more channels, 1 to 768000 Hz")
    })?;
    let span = span(&bytes, rate);
    let start = span.edit.map_or(0, |edit| u64::from(edit.delay(rate)));
    let declared = Some(span.end.unwrap_or(span.samples).saturating_sub(start)).filter(|&n| n > 0);
    let parts = MovieParts::open(&bytes, layout.frame_bytes());
    let source = Source::new(Box::new(JoinedParts::new(bytes, parts)), None, u64::MAX, false)?;
    let stream = Box::new(PcmStream::new(layout, None));
    let stream = TrackStream::new(Lender::default(), source, stream, start..span.end.unwrap_or(u64::MAX));
    let stream = stream.promising(span.samples);
    let (codec, channels, delay) = (layout.codec, layout.channels, Delay::default());
    Ok((Box::new(stream), Spec { container: Container::Mp4, codec, rate, channels, delay, declared }))
}

/// Returns whether it is MPEG audio of any layer: by the entry's type, or by the object type in its
/// descriptors (MPEG-2 or MPEG-1 part 3; ISO/IEC 14496-1, table 5).
fn is_mpeg(entry: &SampleEntry) -> bool {
    match &entry.letters {
        b".mp3" | b".mp2" | b".mp1" | b"ms\0\x55" | b"ms\0\x50" => true,
        b"mp4a" => entry.child(b"esds").and_then(object_type).is_some_and(|kind| matches!(kind, 0x69 | 0x6B)),
        _ => false,
    }
}

/// Returns the object type of an elementary stream.
fn object_type(esds: &[u8]) -> Option<u8> {
    decoder_config(esds)?.first().copied()
}

/// Returns the `AudioSpecificConfig` of an elementary AAC stream (ISO/IEC 14496-1, 7.2.6.7).
fn specific_config(esds: &[u8]) -> Option<&[u8]> {
    let (tag, config) = descriptor(decoder_config(esds)?.get(13..)?)?;
    (tag == 5).then_some(config)
}

/// Returns the decoder configuration in an elementary stream's descriptors (ISO/IEC 14496-1,
/// 7.2.6.5 and 7.2.6.6).
fn decoder_config(esds: &[u8]) -> Option<&[u8]> {
    let (tag, body) = descriptor(esds.get(4..)?)?;
    let flags = *body.get(2)?;
    let url = if flags & 0x40 != 0 { 1 + usize::from(*body.get(5)?) } else { 0 };
    let before = 3 + if flags & 0x80 != 0 { 2 } else { 0 } + url + if flags & 0x20 != 0 { 2 } else { 0 };
    let (inner, config) = descriptor(body.get(before..)?)?;
    (tag == 3 && inner == 4).then_some(config)
}

/// Parses a descriptor's tag and body. Its length is coded in groups of seven bits.
pub(crate) fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&tag, mut rest) = bytes.split_first()?;
    let mut length = 0usize;
    for _ in 0..4 {
        let (&byte, after) = rest.split_first()?;
        (rest, length) = (after, length << 7 | usize::from(byte & 0x7F));
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((tag, rest.get(..length.min(rest.len()))?))
}

/// Opens MPEG audio. Its frames give everything but the delay.
fn open_mpeg(bytes: Vec<u8>, options: &DecodeOptions, notes: &mut DecodeNotes) -> Result<OpenStream> {
    let edit = mp4::edit(&bytes);
    let parts = MovieParts::open(&bytes, 0);
    let (scale, ticks) = clock(&bytes);
    let mut source = Source::new(Box::new(JoinedParts::new(bytes, parts)), None, u64::MAX, false)?;
    let Some(header) = mpeg::find_first(&mut source, notes)? else {
        return Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "an mp4 of mp3 without mp3 frames"));
    };
    let Some(edit) = edit else {
        let (stream, spec) = mpeg_in(&mut source, header, Container::Mp4, options.assumed_mp3_delay, notes)?;
        return Ok((Box::new(TrackStream::new(Lender::default(), source, stream, 0..u64::MAX)), spec));
    };
    // The edit list gives the delay, so notes on what the frames leave open are dropped.
    let (stream, mut spec) = mpeg_in(&mut source, header, Container::Mp4, 0, &mut DecodeNotes::default())?;
    let samples = edit.delay(spec.rate);
    let length = (u128::from(ticks) * u128::from(spec.rate.hz()) / u128::from(scale)) as u64;
    let end = edit.end(spec.rate).unwrap_or(length);
    spec.delay = Delay { samples, basis: if samples > 0 { DelayBasis::Tag } else { DelayBasis::None } };
    spec.declared = Some(end.saturating_sub(u64::from(samples))).filter(|&n| n > 0);
    let own = u64::from(samples)..edit.end(spec.rate).unwrap_or(u64::MAX);
    Ok((Box::new(TrackStream::new(Lender::default(), source, stream, own)), spec))
}

/// Opens AMR, as frames that each have a header byte.
fn open_amr(bytes: Vec<u8>, band: AmrBand) -> Result<OpenStream> {
    let (scale, ticks) = clock(&bytes);
    let parts = MovieParts::open(&bytes, 0);
    let mut source = Source::new(Box::new(JoinedParts::new(bytes, parts)), None, u64::MAX, false)?;
    let (stream, mut spec) = amr::open_frames(&mut source, band, Container::Mp4)?;
    let samples = (u128::from(ticks) * u128::from(spec.rate.hz()) / u128::from(scale)) as u64;
    spec.declared = Some(samples).filter(|&n| n > 0);
    let stream = TrackStream::new(Lender::default(), source, Box::new(stream), 0..u64::MAX).promising(samples);
    Ok((Box::new(stream), spec))
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message)
}
