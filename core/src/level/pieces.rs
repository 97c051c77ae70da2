//! A stream cut into pieces of a fixed time, so that what is computed of a piece never depends on
//! how the stream came.

use crate::units::Rate;

/// Cuts a track at every n-th part of a second: piece `k` ends at sample `⌈(k + 1) · rate / n⌉`.
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    rate: u64,
    per_second: u64,
    /// Pieces that are complete, and where they end.
    complete: u64,
    end: u64,
    /// What there is of the next one.
    waiting: Vec<f32>,
}

impl Pieces {
    pub(super) fn new(rate: Rate, per_second: u32) -> Self {
        let (rate, per_second) = (rate.hz().into(), per_second.into());
        let mut pieces = Self { rate, per_second, complete: 0, end: 0, waiting: Vec::new() };
        pieces.waiting.reserve_exact(pieces.longest());
        pieces
    }

    /// The most samples that a piece has.
    pub(super) fn longest(&self) -> usize {
        self.rate.div_ceil(self.per_second) as usize
    }

    /// Samples of the piece under way; at least one, at rates below one sample per piece.
    fn length(&self) -> usize {
        let end = ((self.complete + 1) * self.rate).div_ceil(self.per_second);
        end.saturating_sub(self.end).max(1) as usize
    }

    /// Hears the next samples, and hands on every piece that is complete.
    #[inline(always)]
    pub(super) fn push(&mut self, mut samples: &[f32], mut take: impl FnMut(&[f32])) {
        loop {
            let length = self.length();
            let Some((now, rest)) = samples.split_at_checked(length - self.waiting.len()) else {
                self.waiting.extend_from_slice(samples);
                return;
            };
            if self.waiting.is_empty() {
                take(now);
            } else {
                self.waiting.extend_from_slice(now);
                take(&self.waiting);
                self.waiting.clear();
            }
            self.complete += 1;
            self.end += length as u64;
            samples = rest;
        }
    }

    /// What is left: an incomplete piece, or nothing.
    pub(super) fn finish(self) -> Vec<f32> {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_where_their_time_ends() {
        for (hz, per_second, lengths) in [(8000, 100, [80; 4]), (11_025, 100, [111, 110, 110, 110]), (30, 100, [1; 4])]
        {
            let samples = vec![0.0; 500];
            for chunk in [1, 7, 500] {
                let mut pieces = Pieces::new(Rate::new(hz).unwrap(), per_second);
                let mut found = Vec::new();
                samples.chunks(chunk).for_each(|c| pieces.push(c, |piece| found.push(piece.len())));
                assert_eq!(found[..4], lengths, "{hz} Hz by {chunk}");
                assert!(found.iter().all(|&n| n <= pieces.longest()));
                assert_eq!(found.iter().sum::<usize>() + pieces.finish().len(), 500);
            }
        }
    }
}
