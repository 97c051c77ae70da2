//! Counts and reports frames that are lost or cannot be decoded.

use super::MAX_LAYER_III;
use super::header::FrameHeader;
use crate::decode::spec::DecodeNotes;
use crate::error::Warning;

/// Lengths of the frames so far, for estimating the number of lost frames.
#[derive(Default)]
pub(super) struct Lengths {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) shortest: usize,
    pub(super) longest: usize,
}

/// A run of consecutive frames that were replaced by silence.
#[derive(Default)]
pub(super) struct Lost {
    pub(super) at: u64,
    pub(super) frames: u64,
    pub(super) silence_due: u64,
}

impl Lengths {
    pub(super) fn count(&mut self, length: usize) {
        self.shortest = if self.frames == 0 { length } else { self.shortest.min(length) };
        self.longest = self.longest.max(length);
        self.frames += 1;
        self.bytes += length as u64;
    }

    /// Estimates the number of frames in a gap. At a constant bit rate it is exact. A gap there
    /// that is no multiple of the frame length held no frames, unless a header begins it.
    pub(super) fn frames_in(&self, gap: u64, header: bool) -> u64 {
        if self.frames == 0 {
            return u64::from(header);
        }
        let mean = self.bytes as f64 / self.frames as f64;
        let frames = (gap as f64 / mean).round();
        let constant = self.longest - self.shortest <= 1;
        let fits = constant && (gap as f64 - frames * mean).abs() <= frames.clamp(1.0, 4.0);
        let plausible = !constant && (self.shortest as u64..=MAX_LAYER_III as u64).contains(&gap);
        if fits || header || plausible { (frames as u64).max(1) } else { 0 }
    }
}

impl Lost {
    /// Ends a run of frames that could not be decoded, with a warning.
    pub(super) fn end(&mut self, stream: FrameHeader, notes: &mut DecodeNotes) {
        if self.frames == 0 {
            return;
        }
        let samples = self.frames * stream.samples() as u64;
        let ms = samples as f64 * 1000.0 / f64::from(stream.hz);
        let message = format!("{} frames cannot be decoded: {ms:.0} ms of silence in their place", self.frames);
        notes.add(Warning::new("packet_failed", message).at_byte(self.at));
        self.frames = 0;
    }
}
