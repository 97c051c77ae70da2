//! Converts AMR payloads from RTP (RFC 4867, 4.3 and 4.4) to the storage format.

use super::AmrBand;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Bits of a frame by its type (TS 26.101, tables 2 and A.1b; TS 26.201, table 2). `None` for a
/// type that does not exist.
const NARROW_BITS: [Option<usize>; 16] = [
    Some(95),
    Some(103),
    Some(118),
    Some(134),
    Some(148),
    Some(159),
    Some(204),
    Some(244),
    Some(39),
    Some(43),
    Some(38),
    Some(37),
    None,
    None,
    None,
    Some(0),
];
const WIDE_BITS: [Option<usize>; 16] = [
    Some(132),
    Some(177),
    Some(253),
    Some(285),
    Some(317),
    Some(365),
    Some(397),
    Some(461),
    Some(477),
    Some(40),
    None,
    None,
    None,
    None,
    Some(0),
    Some(0),
];
/// First frame type without speech bits and without a checksum.
const FIRST_WITHOUT_CRC: usize = 9;
/// Header byte of a frame without data, in the storage format.
const NO_DATA: u8 = 15 << 3 | 4;
/// Longest gap that is filled, in frames: 10 minutes, as in every other container.
const MOST_LOST: u32 = 30_000;
/// Maximum number of frames in one packet: 2 seconds, more than any sender collects.
const MOST_FRAMES: usize = 100;

/// Collects the packets of an AMR stream into a recording in the storage format (`.amr`, `.awb`).
///
/// ```
/// # use callweave::{Input, decode::{AmrPackets, decode}};
/// // One channel, bandwidth-efficient: a request (15), then 12.2 kbit/s, good; SDP says all three.
/// let mut packets = AmrPackets::new(false, false);
/// let mut payload = vec![0xF3, 0xC0];
/// payload.resize(32, 0);
/// packets.push(160, &payload)?;
/// packets.push(480, &payload)?; // one packet is missing between
/// let tracks = decode(Input::bytes("call.amr", packets.finish()), &Default::default())?;
/// assert_eq!(tracks[0].samples.len(), 3 * 160);
/// # Ok::<(), callweave::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AmrPackets {
    band: AmrBand,
    octet_aligned: bool,
    crc: bool,
    bytes: Vec<u8>,
    /// Timestamp after the last frame.
    next: Option<u32>,
}

impl AmrPackets {
    /// Creates a collector for AMR-NB or AMR-WB, and for the payload format of SDP's `octet-align`.
    /// Without that parameter the format is bandwidth-efficient.
    pub fn new(wideband: bool, octet_aligned: bool) -> Self {
        let band = if wideband { AmrBand::Wide } else { AmrBand::Narrow };
        Self { band, octet_aligned, crc: false, bytes: band.magic().to_vec(), next: None }
    }

    /// Expects a checksum for each frame (SDP's `crc=1`), which is skipped. Such payloads are
    /// octet-aligned.
    #[must_use]
    pub fn with_crc(self) -> Self {
        Self { octet_aligned: true, crc: true, ..self }
    }

    /// Adds a packet by its RTP timestamp. Frames that have arrived already are dropped. Where
    /// packets are missing (lost, or not sent during silence), the decoder conceals them.
    ///
    /// # Errors
    /// `malformed` for an invalid payload, and for a timestamp more than ten minutes ahead. Nothing
    /// is added then.
    pub fn push(&mut self, timestamp: u32, payload: &[u8]) -> Result<()> {
        let frames = self.frames(payload)?;
        let samples = self.band.samples() as u32;
        let next = self.next.unwrap_or(timestamp);
        // The timestamp wraps. Differences of more than half its range lie in the past.
        let ahead = timestamp.wrapping_sub(next);
        let late = ahead > u32::MAX / 2;
        let behind = if late { next.wrapping_sub(timestamp).div_ceil(samples) as usize } else { 0 };
        let lost = if late { 0 } else { ahead / samples };
        if lost > MOST_LOST {
            return Err(malformed("RTP whose clock jumps")
                .with_mismatch(format!("{lost} frames missing"), format!("at most {MOST_LOST}")));
        }
        self.bytes.extend(std::iter::repeat_n(NO_DATA, lost as usize));
        self.bytes.extend(frames.iter().skip(behind).flatten());
        let end = timestamp.wrapping_add(frames.len() as u32 * samples);
        self.next = Some(if frames.len() > behind { end } else { next });
        Ok(())
    }

    /// Returns the recording so far, for decoding as `.amr` or `.awb`.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the frames of a payload, each in the storage format.
    fn frames(&self, payload: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut bits = PayloadBits { bytes: payload, at: 0 };
        // The codec mode request of the receiver does not matter for a recording.
        bits.take(if self.octet_aligned { 8 } else { 4 })?;
        let heads = self.heads(&mut bits)?;
        if self.crc {
            let checked = heads.iter().filter(|&&(kind, _)| kind < FIRST_WITHOUT_CRC).count();
            (0..checked).try_for_each(|_| bits.take(8).map(drop))?;
        }
        heads.into_iter().map(|(kind, good)| self.frame(kind, good, &mut bits)).collect()
    }

    /// Reads the table of contents: the type of each frame, and whether it is undamaged.
    fn heads(&self, bits: &mut PayloadBits) -> Result<Vec<(usize, bool)>> {
        let mut heads = Vec::new();
        loop {
            let head = bits.take(6)?;
            if self.octet_aligned {
                bits.take(2)?;
            }
            heads.push((usize::from(head >> 1 & 15), head & 1 == 1));
            if head >> 5 == 0 {
                return Ok(heads);
            }
            if heads.len() == MOST_FRAMES {
                return Err(malformed("an AMR payload of more frames than senders gather"));
            }
        }
    }

    fn frame(&self, kind: usize, good: bool, bits: &mut PayloadBits) -> Result<Vec<u8>> {
        let sizes = if self.band == AmrBand::Narrow { &NARROW_BITS } else { &WIDE_BITS };
        let Some(mut left) = sizes.get(kind).copied().flatten() else {
            return Err(malformed("an AMR payload with a frame of no known type").with_mismatch(kind, "0 to 9 or 15"));
        };
        let mut frame = vec![(kind as u8) << 3 | u8::from(good) << 2];
        while left > 0 {
            let count = left.min(8);
            frame.push(bits.take(count)? << (8 - count));
            left -= count;
        }
        if self.octet_aligned {
            bits.at = bits.at.next_multiple_of(8);
        }
        Ok(frame)
    }
}

/// Reads the bits of a payload, most significant first.
struct PayloadBits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl PayloadBits<'_> {
    /// Reads a number of at most 8 bits.
    fn take(&mut self, count: usize) -> Result<u8> {
        let (byte, within) = (self.at / 8, self.at % 8);
        let short = || malformed("an AMR payload that ends early").at_byte(self.bytes.len() as u64);
        let high = *self.bytes.get(byte).ok_or_else(short)?;
        let low = self.bytes.get(byte + 1).copied();
        if within + count > 8 && low.is_none() {
            return Err(short());
        }
        let both = u16::from(high) << 8 | u16::from(low.unwrap_or(0));
        self.at += count;
        Ok((both << within >> (16 - count)) as u8)
    }
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::Malformed, Stage::Decode, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Input, decode};

    fn sample(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/../fixtures/codecs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// Returns the frames of a file in the storage format.
    fn stored(band: AmrBand, file: &[u8]) -> Vec<Vec<u8>> {
        let mut rest = &file[band.magic().len()..];
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let (frame, after) = rest.split_at(band.frame_bytes(rest).unwrap());
            frames.push(frame.to_vec());
            rest = after;
        }
        frames
    }

    /// Packs frames into a payload, as RFC 4867 defines it.
    fn packed(band: AmrBand, frames: &[Vec<u8>], octet_aligned: bool, crc: bool) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        let mut put = |value: u32, count: usize| bits.extend((0..count).rev().map(|i| value >> i & 1 == 1));
        put(15 << if octet_aligned { 4 } else { 0 }, if octet_aligned { 8 } else { 4 });
        for (i, frame) in frames.iter().enumerate() {
            put(u32::from(i + 1 < frames.len()), 1);
            put(u32::from(frame[0] >> 2 & 31), 5);
            put(0, if octet_aligned { 2 } else { 0 });
        }
        for frame in frames.iter().filter(|frame| crc && frame[0] >> 3 < 9) {
            put(u32::from(frame[1]), 8);
        }
        let sizes = if band == AmrBand::Narrow { &NARROW_BITS } else { &WIDE_BITS };
        for frame in frames {
            let count = sizes[usize::from(frame[0] >> 3)].unwrap();
            for bit in 0..if octet_aligned { count.next_multiple_of(8) } else { count } {
                put(u32::from(frame[1 + bit / 8] >> (7 - bit % 8) & 1), 1);
            }
        }
        bits.chunks(8)
            .map(|b| b.iter().enumerate().fold(0, |byte, (i, &bit)| byte | u8::from(bit) << (7 - i)))
            .collect()
    }

    #[test]
    fn every_mode_comes_out_of_both_forms_as_it_went_in() {
        for (band, name) in [(AmrBand::Narrow, "modes.amr"), (AmrBand::Wide, "modes.awb")] {
            let file = sample(name);
            let frames = stored(band, &file);
            for (octet_aligned, crc) in [(false, false), (true, false), (true, true)] {
                for gathered in [1, 3, 12] {
                    let mut packets = AmrPackets::new(band == AmrBand::Wide, octet_aligned);
                    packets.crc = crc;
                    let mut clock = u32::MAX - 1000;
                    for few in frames.chunks(gathered) {
                        packets.push(clock, &packed(band, few, octet_aligned, crc)).unwrap();
                        clock = clock.wrapping_add((few.len() * band.samples()) as u32);
                    }
                    assert!(packets.finish() == file, "{name}, {gathered} in a packet");
                }
            }
        }
    }

    #[test]
    fn lost_packets_take_their_time_and_late_ones_come_once() {
        let frames = stored(AmrBand::Narrow, &sample("modes.amr"));
        let payload = |from: usize, to: usize| packed(AmrBand::Narrow, &frames[from..to], false, false);
        let mut packets = AmrPackets::new(false, false);
        for (at, from, to) in [(0, 0, 2), (5, 5, 6), (2, 2, 3), (5, 5, 6), (5, 5, 8)] {
            packets.push(at * 160, &payload(from, to)).unwrap();
        }
        let all = packets.finish();
        let heads = [&frames[..2], &vec![vec![NO_DATA]; 3], &frames[5..8]].concat();
        assert_eq!(all[6..], heads.concat());
        assert_eq!(decode(Input::bytes("a.amr", all), &Default::default()).unwrap()[0].samples.len(), 8 * 160);
    }

    #[test]
    fn what_is_no_payload_is_refused_and_adds_nothing() {
        let frames = stored(AmrBand::Narrow, &sample("modes.amr"));
        let good = packed(AmrBand::Narrow, &frames[..1], false, false);
        let mut packets = AmrPackets::new(false, false);
        packets.push(0, &good).unwrap();
        let before = packets.bytes.clone();
        for (clock, bad) in
            [(160, &[][..]), (160, &good[..4]), (160, &[0xF6, 0x40]), (160, &[0xFF; 90]), (1 << 30, &good)]
        {
            assert_eq!(packets.push(clock, bad).unwrap_err().kind(), ErrorKind::Malformed, "{bad:?}");
        }
        assert_eq!(packets.bytes, before);
    }

    /// Compares a stream sent by ffmpeg, which supports only the octet-aligned format.
    #[test]
    fn what_ffmpeg_sends_is_the_file_it_read() {
        use std::process::{Command, Stdio};
        for (wide, name) in [(false, "modes.amr"), (true, "modes.awb")] {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
            let to = format!("rtp://{}", socket.local_addr().unwrap());
            let path = format!("{}/../fixtures/codecs/{name}", env!("CARGO_MANIFEST_DIR"));
            let sent = Command::new("ffmpeg")
                .args(["-v", "error", "-i", &path, "-c:a", "copy", "-f", "rtp", &to])
                .stdout(Stdio::null())
                .status();
            if !sent.is_ok_and(|status| status.success()) {
                return crate::decode::tests::skipped("no ffmpeg that sends AMR");
            }
            let (mut packets, mut room) = (AmrPackets::new(wide, true), [0; 2048]);
            while let Ok(length) = socket.recv(&mut room) {
                // RTP without extensions: 12 bytes, with the timestamp in the middle. Other packets
                // are RTCP.
                if room[0] == 0x80 && room[1] & 0x7F >= 96 {
                    packets.push(u32::from_be_bytes(room[4..8].try_into().unwrap()), &room[12..length]).unwrap();
                }
                socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
            }
            let (ours, file) = (packets.finish(), sample(name));
            // ffmpeg does not send frames that it is still collecting at the end.
            assert!(file.starts_with(&ours) && ours.len() > file.len() * 9 / 10, "{name}: {} bytes", ours.len());
        }
    }
}
