//! Places decoded packets in time: drops samples before and after the recording's own, and inserts
//! silence for missing packets.

use super::block::{Block, FRAMES};

/// Assembles the samples of a recording.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    channels: usize,
    /// Position of the next sample to be added, counted from the codec's first.
    at: u64,
    /// Start of the recording's own samples.
    from: u64,
    /// Samples to be returned, and the number of those returned already.
    queue: Vec<Vec<f32>>,
    given: usize,
    /// Silence after the queue's last sample.
    silence: u64,
}

impl Assembler {
    /// Creates an assembler that drops this many samples at the start.
    pub(crate) fn new(channels: usize, drop: u64) -> Self {
        Self { channels, from: drop, queue: vec![Vec::new(); channels], ..Self::default() }
    }

    /// Returns the position of the next sample to be added.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Returns whether samples wait to be returned. Nothing may be added before they are.
    pub(crate) fn is_due(&self) -> bool {
        self.silence > 0 || self.given < self.queue.first().map_or(0, Vec::len)
    }

    /// Adds silence, which is returned before anything added after it.
    pub(crate) fn add_silence(&mut self, samples: u64) {
        let dropped = self.from.saturating_sub(self.at).min(samples);
        self.at += samples;
        self.silence += samples - dropped;
    }

    /// Goes back by this many samples after damage has added too many. As many of the following
    /// samples are dropped.
    pub(crate) fn go_back(&mut self, samples: u64) {
        self.from = self.from.max(self.at);
        self.at = self.at.saturating_sub(samples);
    }

    /// Adds samples up to position `end` at most. Waiting silence must have been returned.
    pub(crate) fn add(&mut self, planes: &[Vec<f32>], end: Option<u64>) {
        let samples = planes.first().map_or(0, Vec::len);
        let offset = |place: u64| usize::try_from(place.saturating_sub(self.at)).unwrap_or(samples).min(samples);
        let first = offset(self.from);
        let last = end.map_or(samples, offset).max(first);
        for (channel, queue) in self.queue.iter_mut().enumerate() {
            // A mono packet in a stereo recording goes to both channels.
            let plane = planes.get(channel).or(planes.last());
            queue.extend_from_slice(plane.and_then(|p| p.get(first..last)).unwrap_or_default());
        }
        self.at += samples as u64;
    }

    /// Moves waiting samples to a block: the queue first, then the silence after it.
    pub(crate) fn give(&mut self, block: &mut Block) {
        block.clear(self.channels);
        let left = self.queue.first().map_or(0, Vec::len) - self.given;
        let step = left.min(FRAMES);
        for (plane, queue) in block.planes.iter_mut().zip(&mut self.queue) {
            plane.extend_from_slice(queue.get(self.given..self.given + step).unwrap_or_default());
        }
        self.given += step;
        if step == left {
            self.queue.iter_mut().for_each(Vec::clear);
            self.given = 0;
        }
        if step == 0 {
            let step = self.silence.min(FRAMES as u64);
            block.planes.iter_mut().for_each(|plane| plane.resize(step as usize, 0.0));
            self.silence -= step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_dropped_and_what_is_missing_is_silence() {
        let mut assembler = Assembler::new(1, 3);
        let mut block = Block::default();
        let mut all = Vec::new();
        let mut drain = |assembler: &mut Assembler| {
            while assembler.is_due() {
                assembler.give(&mut block);
                all.extend_from_slice(&block.planes[0]);
            }
        };
        assembler.add(&[vec![1.0, 2.0]], None);
        assembler.add(&[vec![3.0, 4.0]], None);
        drain(&mut assembler);
        assembler.add_silence(2);
        drain(&mut assembler);
        assembler.add(&[vec![7.0, 8.0, 9.0]], Some(8));
        drain(&mut assembler);
        assert_eq!(all, [4.0, 0.0, 0.0, 7.0, 8.0]);
        assert_eq!(assembler.at(), 9);
    }

    #[test]
    fn samples_too_many_are_made_up_for() {
        let mut assembler = Assembler::new(1, 0);
        let mut block = Block::default();
        assembler.add(&[vec![1.0, 2.0, 9.0, 9.0]], None);
        assembler.go_back(2);
        assembler.add(&[vec![3.0, 4.0, 5.0]], None);
        assembler.give(&mut block);
        assert_eq!((assembler.at(), &block.planes[0][..]), (5, &[1.0, 2.0, 9.0, 9.0, 5.0][..]));
    }
}
