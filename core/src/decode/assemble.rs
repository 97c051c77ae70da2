//! Places decoded packets in time: drops what lies before and after the recording's own samples,
//! and inserts silence for missing packets.

use super::block::{Block, FRAMES};

/// The samples of a recording under way.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    channels: usize,
    /// The place of the next sample to be added, counted from the codec's first.
    at: u64,
    /// Where the recording's own samples begin.
    from: u64,
    /// Samples that wait to be given out, and how many of them have been.
    queue: Vec<Vec<f32>>,
    given: usize,
    /// Silence that follows the queue's last sample.
    silence: u64,
}

impl Assembler {
    /// For so many channels, dropping so many samples at the beginning.
    pub(crate) fn new(channels: usize, drop: u64) -> Self {
        Self { channels, from: drop, queue: vec![Vec::new(); channels], ..Self::default() }
    }

    /// The place of the next sample to be added.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Samples wait to be given out: nothing may be added before they are.
    pub(crate) fn is_due(&self) -> bool {
        self.silence > 0 || self.given < self.queue.first().map_or(0, Vec::len)
    }

    /// Adds silence, which is given out before whatever is added after it.
    pub(crate) fn add_silence(&mut self, samples: u64) {
        let dropped = self.from.saturating_sub(self.at).min(samples);
        self.at += samples;
        self.silence += samples - dropped;
    }

    /// Goes back by so many samples, where damage has put too many there: as many of those that
    /// follow are dropped.
    pub(crate) fn go_back(&mut self, samples: u64) {
        self.from = self.from.max(self.at);
        self.at = self.at.saturating_sub(samples);
    }

    /// Adds samples up to, at most, the place `end`. Silence that is due must have been given out.
    pub(crate) fn add(&mut self, planes: &[Vec<f32>], end: Option<u64>) {
        let samples = planes.first().map_or(0, Vec::len);
        let offset = |place: u64| usize::try_from(place.saturating_sub(self.at)).unwrap_or(samples).min(samples);
        let first = offset(self.from);
        let last = end.map_or(samples, offset).max(first);
        for (channel, queue) in self.queue.iter_mut().enumerate() {
            // A packet of one channel in a recording of two is heard on both.
            let plane = planes.get(channel).or(planes.last());
            queue.extend_from_slice(plane.and_then(|p| p.get(first..last)).unwrap_or_default());
        }
        self.at += samples as u64;
    }

    /// Moves what is due to a block: the queue first, then the silence after it.
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
