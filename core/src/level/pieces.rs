//! Cuts a stream into pieces of fixed duration, so that results per piece do not depend on how the
//! stream arrives.

use crate::units::Rate;

/// Cuts a track at every n-th part of a second. Piece `k` ends at sample `⌈(k + 1) · rate / n⌉`.
#[derive(Debug, Clone)]
pub(super) struct Pieces {
    rate: u64,
    per_second: u64,
    /// Number of complete pieces, and the end of the last one.
    complete: u64,
    end: u64,
    /// The samples of the next piece so far.
    waiting: Vec<f32>,
}

impl Pieces {
    pub(super) fn new(rate: Rate, per_second: u32) -> Self {
        let (rate, per_second) = (rate.hz().into(), per_second.into());
        let mut pieces = Self { rate, per_second, complete: 0, end: 0, waiting: Vec::new() };
        pieces.waiting.reserve_exact(pieces.longest());
        pieces
    }

    /// Returns the length of the longest piece.
    pub(super) fn longest(&self) -> usize {
        self.rate.div_ceil(self.per_second) as usize
    }

    /// Returns the length of the current piece, at least one sample at rates below one sample per
    /// piece.
    fn length(&self) -> usize {
        let end = ((self.complete + 1) * self.rate).div_ceil(self.per_second);
        end.saturating_sub(self.end).max(1) as usize
    }

    /// Takes the next samples, and passes every complete piece to `take`.
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

    /// Returns the incomplete last piece, or nothing.
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
