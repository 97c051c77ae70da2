//! Packets into a line of samples: late ones in their place, those that never come as silence.

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::units::{Millis, Rate};

/// One packet of a track, as RTP numbers them (RFC 3550).
#[derive(Debug, Clone, Copy)]
pub struct LivePacket<'a> {
    /// Counts packets, modulo 2¹⁶.
    pub sequence: u16,
    /// The time of its first sample, in samples, modulo 2³².
    pub timestamp: u32,
    /// The samples, in the encoding of its track; none: it only takes its number.
    pub payload: &'a [u8],
}

/// Bytes of an RTP header without its lists.
const HEADER: usize = 12;
/// The version of RTP.
const VERSION: u8 = 2;

impl<'a> LivePacket<'a> {
    /// A packet of RTP (RFC 3550), and its payload type.
    ///
    /// # Errors
    /// `malformed` where it is none.
    pub fn from_rtp(bytes: &'a [u8]) -> Result<(Self, u8)> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Malformed, Stage::Input, "a packet").with_mismatch(what, "RTP, version 2")
        };
        let (&head, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| wrong("less than its header"))?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, ..] = head;
        if flags >> 6 != VERSION {
            return Err(wrong("another version"));
        }
        let listed = usize::from(flags & 15) * 4;
        let mut payload = rest.get(listed..).ok_or_else(|| wrong("a list of sources that is cut"))?;
        if flags & 0x10 != 0 {
            let (&[_, _, a, b], rest) = payload.split_first_chunk::<4>().ok_or_else(|| wrong("a cut extension"))?;
            let words = usize::from(u16::from_be_bytes([a, b]));
            payload = rest.get(4 * words..).ok_or_else(|| wrong("a cut extension"))?;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(payload.last().copied().unwrap_or(0));
            let kept = payload.len().checked_sub(padding).filter(|_| padding > 0);
            payload = kept.and_then(|kept| payload.get(..kept)).ok_or_else(|| wrong("padding longer than itself"))?;
        }
        let sequence = u16::from_be_bytes([s0, s1]);
        Ok((Self { sequence, timestamp: u32::from_be_bytes([t0, t1, t2, t3]), payload }, kind & 0x7F))
    }
}

/// How the packets of a track came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct PacketCounts {
    /// Packets that came, those that came twice included.
    pub received: u64,
    /// Packets that never came in time: silence is in their place.
    pub lost: u64,
    /// Packets that came after their time was over. They count as lost too.
    pub late: u64,
    /// Packets that came again.
    pub repeated: u64,
    /// Packets that came before one with a lower number.
    pub reordered: u64,
    /// Jumps of the timestamp without one of the sequence: nothing was sent meanwhile.
    pub pauses: u64,
    /// Jumps that are no pause, backwards or longer than an hour: the clock began anew.
    pub restarts: u64,
}

impl PacketCounts {
    /// What is to be said of them in the report.
    pub(super) fn warning(&self) -> Option<Warning> {
        let Self { received, lost, late, .. } = self;
        let sent = received - self.repeated - late + lost;
        (*lost > 0).then(|| {
            let said = format!("{lost} of {sent} packets did not come in time, {late} of them late: silence instead");
            Warning::new("packets_lost", said)
        })
    }
}

/// A part of the line, in order.
pub(super) enum LinePart<'a> {
    /// Samples of a packet.
    Payload(&'a [u8]),
    /// So many samples of nothing.
    Silence(u64),
}

/// A packet that waits for those before it.
#[derive(Debug)]
struct WaitingPacket {
    sequence: u64,
    /// Where its first sample lies.
    position: i64,
    payload: Vec<u8>,
}

/// Puts the packets of one track in order.
#[derive(Debug)]
pub(super) struct PacketOrder {
    /// How long a missing packet is waited for, in samples.
    window: i64,
    /// The longest jump that is a pause, in samples.
    longest: i64,
    /// Bytes of a sample.
    width: usize,
    /// By number.
    waiting: Vec<WaitingPacket>,
    /// Payloads that were given, whose room the next that wait take.
    spare: Vec<Vec<u8>>,
    /// Packets that wait without taking memory.
    room: usize,
    /// The last numbers that were waited for in vain.
    given_up: Vec<u64>,
    /// The number that comes next, and the sample; `None` before the first packet.
    next: Option<(u64, i64)>,
    /// The last timestamp, unrolled, and the one that it was.
    clock: (i64, u32),
    /// What is added to a timestamp, so that the line goes on where the clock began anew.
    shift: i64,
    /// The highest number so far.
    highest: u64,
    pub counts: PacketCounts,
}

/// Numbers begin here, so that packets before the first have one too.
const FIRST: u64 = 1 << 32;
/// Jumps up to an hour are pauses.
const LONGEST: Millis = Millis(3_600_000.0);
/// The usual time of a packet (RFC 3551): room is made for as many as a window holds.
const PACKET: Millis = Millis(20.0);
/// The most packets that wait, whatever the window.
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

    /// Takes a packet, and gives what is in order by it.
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

    /// The track ends: what waits comes now, and what is missing before it never does.
    pub fn finish(&mut self, line: &mut impl FnMut(LinePart<'_>) -> Result<()>) -> Result<()> {
        self.release(true, line)
    }

    /// A packet's number and place, unrolled.
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

    /// Gives what is in order; with `all`, or where the window is over, past what is missing.
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

    /// Takes note of packets that did not come.
    fn give_up(&mut self, from: u64, to: u64) {
        self.counts.lost += to - from;
        let lost = from.max(to.saturating_sub(MOST_WAITING as u64))..to;
        let kept = MOST_WAITING - (lost.end - lost.start) as usize;
        let excess = self.given_up.len().saturating_sub(kept);
        self.given_up.drain(..excess);
        self.given_up.extend(lost);
    }

    /// Gives a packet whose turn it is, `at` being the sample that comes next.
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
