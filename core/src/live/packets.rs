//! Converts packets to a continuous sequence of samples: late ones are put in their place, missing
//! ones become silence.

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::{Millis, Rate};

/// A packet of a track, numbered like RTP (RFC 3550).
#[derive(Debug, Clone, Copy)]
pub struct LivePacket<'a> {
    /// Packet counter, modulo 2¹⁶.
    pub sequence: u16,
    /// Time of its first sample, in samples, modulo 2³².
    pub timestamp: u32,
    /// Samples in the track's encoding. If empty, the packet contributes only its number.
    pub payload: &'a [u8],
}

/// Bytes of an RTP header without its lists.
const HEADER: usize = 12;
/// The RTP version.
const VERSION: u8 = 2;

impl<'a> LivePacket<'a> {
    /// Parses an RTP packet (RFC 3550), and returns it with its payload type.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if the bytes are not an RTP packet.
    pub fn from_rtp(bytes: &'a [u8]) -> Result<(Self, u8)> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Malformed, Stage::Input, "not an RTP packet").with_mismatch(what, "RTP version 2")
        };
        let (&head, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| wrong("fewer bytes than a header"))?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, ..] = head;
        if flags >> 6 != VERSION {
            return Err(wrong("another version"));
        }
        let listed = usize::from(flags & 15) * 4;
        let mut payload = rest.get(listed..).ok_or_else(|| wrong("a truncated list of sources"))?;
        if flags & 0x10 != 0 {
            let (&[_, _, a, b], rest) =
                payload.split_first_chunk::<4>().ok_or_else(|| wrong("a truncated header extension"))?;
            let words = usize::from(u16::from_be_bytes([a, b]));
            payload = rest.get(4 * words..).ok_or_else(|| wrong("a truncated header extension"))?;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(payload.last().copied().unwrap_or(0));
            let kept = payload.len().checked_sub(padding).filter(|_| padding > 0);
            payload =
                kept.and_then(|kept| payload.get(..kept)).ok_or_else(|| wrong("padding longer than the payload"))?;
        }
        let sequence = u16::from_be_bytes([s0, s1]);
        Ok((Self { sequence, timestamp: u32::from_be_bytes([t0, t1, t2, t3]), payload }, kind & 0x7F))
    }
}

/// Statistics of a track's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct PacketCounts {
    /// Packets received, including duplicates.
    pub received: u64,
    /// Packets that did not arrive in time and were replaced by silence.
    pub lost: u64,
    /// Packets that arrived too late. They also count as lost.
    pub late: u64,
    /// Duplicate packets.
    pub repeated: u64,
    /// Packets that arrived before one with a lower number.
    pub reordered: u64,
    /// Jumps of the timestamp without a jump of the sequence: nothing was sent in between.
    pub pauses: u64,
    /// Jumps that are not pauses, backward or longer than an hour: the sender's clock restarted.
    pub restarts: u64,
}

impl PacketCounts {
    /// Returns the warning about lost packets for the report.
    pub(super) fn warning(&self) -> Option<Warning> {
        let Self { received, lost, late, .. } = self;
        let sent = received - self.repeated - late + lost;
        (*lost > 0).then(|| {
            let said = format!("{lost} of {sent} packets missing, {late} of them late: replaced by silence");
            Warning::new("packets_lost", said)
        })
    }
}

/// A part of the sequence, in order.
pub(super) enum LinePart<'a> {
    /// Samples of a packet.
    Payload(&'a [u8]),
    /// This many samples of silence.
    Silence(u64),
}

/// A packet waiting for those before it.
#[derive(Debug)]
struct WaitingPacket {
    sequence: u64,
    /// Position of its first sample.
    position: i64,
    payload: Vec<u8>,
}

/// Puts the packets of one track in order.
#[derive(Debug)]
pub(super) struct PacketOrder {
    /// How long to wait for a missing packet, in samples.
    window: i64,
    /// Longest jump that is a pause, in samples.
    longest: i64,
    /// Bytes per sample.
    width: usize,
    /// Sorted by number.
    waiting: Vec<WaitingPacket>,
    /// Buffers of released packets, for reuse.
    spare: Vec<Vec<u8>>,
    /// Packets that can wait without an allocation.
    room: usize,
    /// The last numbers that did not arrive in time.
    given_up: Vec<u64>,
    /// The next number and sample, or `None` before the first packet.
    next: Option<(u64, i64)>,
    /// The last timestamp, unwrapped and as received.
    clock: (i64, u32),
    /// Added to timestamps so that the sequence continues where the sender's clock restarted.
    shift: i64,
    /// The highest number so far.
    highest: u64,
    pub counts: PacketCounts,
}

/// Initial number, so that packets before the first have one too.
const FIRST: u64 = 1 << 32;
/// Jumps up to an hour are pauses.
const LONGEST: Millis = Millis(3_600_000.0);
/// Usual duration of a packet (RFC 3551), to reserve memory for a whole window.
const PACKET: Millis = Millis(20.0);
/// Most packets waiting, whatever the window.
const MOST_WAITING: usize = 1024;

impl PacketOrder {
    pub fn new(rate: Rate, window: Millis, width: usize) -> Self {
        let samples = |time: Millis| i64::try_from(rate.sample_at(time)).unwrap_or(i64::MAX);
        let room = ((window.0 / PACKET.0) as usize + 2).min(MOST_WAITING);
        let payload = rate.sample_at(PACKET) as usize * width;
        Self {
            window: samples(window),
            longest: samples(LONGEST),
            width,
            waiting: Vec::with_capacity(room),
            spare: (0..room).map(|_| Vec::with_capacity(payload)).collect(),
            room,
            given_up: Vec::with_capacity(MOST_WAITING),
            next: None,
            clock: (0, 0),
            shift: 0,
            highest: FIRST,
            counts: PacketCounts::default(),
        }
    }

    /// Takes a packet, and passes on what is in order.
    pub fn push(&mut self, packet: LivePacket<'_>, line: &mut impl FnMut(LinePart<'_>) -> Result<()>) -> Result<()> {
        self.counts.received += 1;
        let (sequence, position) = self.place(packet);
        let (next, at) = *self.next.get_or_insert((sequence, position));
        if sequence < next {
            match self.given_up.iter().position(|&lost| lost == sequence) {
                Some(at) => {
                    self.given_up.swap_remove(at);
                    self.counts.late += 1;
                }
                None => self.counts.repeated += 1,
            }
            return Ok(());
        }
        if sequence == next && self.waiting.is_empty() {
            self.counts.reordered += u64::from(sequence < self.highest);
            return self.give(next, at, position, packet.payload, line);
        }
        match self.waiting.binary_search_by_key(&sequence, |waiting| waiting.sequence) {
            Ok(_) => self.counts.repeated += 1,
            Err(place) => {
                self.counts.reordered += u64::from(sequence < self.highest);
                let mut payload = self.spare.pop().unwrap_or_default();
                payload.clear();
                payload.extend_from_slice(packet.payload);
                self.waiting.insert(place, WaitingPacket { sequence, position, payload });
            }
        }
        self.release(false, line)
    }

    /// Ends the track: waiting packets are passed on, and gaps before them become silence.
    pub fn finish(&mut self, line: &mut impl FnMut(LinePart<'_>) -> Result<()>) -> Result<()> {
        self.release(true, line)
    }

    /// Returns a packet's number and position, unwrapped.
    fn place(&mut self, packet: LivePacket<'_>) -> (u64, i64) {
        if self.next.is_none() {
            self.highest = FIRST | u64::from(packet.sequence);
            self.clock = (0, packet.timestamp);
            return (self.highest, 0);
        }
        let step = i64::from(packet.sequence.wrapping_sub(self.highest as u16) as i16);
        let sequence = self.highest.wrapping_add_signed(step);
        let moved = i64::from(packet.timestamp.wrapping_sub(self.clock.1) as i32);
        let position = self.clock.0 + moved;
        if step > 0 {
            (self.highest, self.clock) = (sequence, (position, packet.timestamp));
        }
        (sequence, position)
    }

    /// Passes on what is in order. With `all`, or after the window, skips what is missing.
    fn release(&mut self, all: bool, line: &mut impl FnMut(LinePart<'_>) -> Result<()>) -> Result<()> {
        while let (Some((next, at)), Some(first)) = (self.next, self.waiting.first()) {
            let newest = self.waiting.last().map_or(first.position, |last| last.position);
            let waited = newest + self.shift - at >= self.window || self.waiting.len() > MOST_WAITING;
            if first.sequence > next && !(all || waited) {
                return Ok(());
            }
            let WaitingPacket { sequence, position, payload } = self.waiting.remove(0);
            self.give_up(next, sequence);
            let given = self.give(sequence, at, position, &payload, line);
            if self.spare.len() < self.room {
                self.spare.push(payload);
            }
            given?;
        }
        Ok(())
    }

    /// Records packets that did not arrive.
    fn give_up(&mut self, from: u64, to: u64) {
        self.counts.lost += to - from;
        let lost = from.max(to.saturating_sub(MOST_WAITING as u64))..to;
        let kept = MOST_WAITING - (lost.end - lost.start) as usize;
        let excess = self.given_up.len().saturating_sub(kept);
        self.given_up.drain(..excess);
        self.given_up.extend(lost);
    }

    /// Passes on the next packet. `at` is the next sample.
    fn give(
        &mut self,
        sequence: u64,
        at: i64,
        position: i64,
        payload: &[u8],
        line: &mut impl FnMut(LinePart<'_>) -> Result<()>,
    ) -> Result<()> {
        let expected = self.next.map_or(sequence, |next| next.0);
        if payload.is_empty() {
            self.next = Some((sequence + 1, at));
            return Ok(());
        }
        let mut gap = position + self.shift - at;
        if !(0..=self.longest).contains(&gap) {
            self.counts.restarts += 1;
            self.shift -= gap;
            gap = 0;
        } else if gap > 0 && sequence == expected {
            self.counts.pauses += 1;
        }
        let samples = (payload.len() / self.width) as i64;
        self.next = Some((sequence + 1, at + gap + samples));
        if gap > 0 {
            line(LinePart::Silence(gap as u64))?;
        }
        line(LinePart::Payload(payload.get(..samples as usize * self.width).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests;
