//! Discontinuous transmission (DTX) in both codecs: how a receiver handles a frame, and whether the
//! encoder appended hangover frames to the speech (TS 26.093 and 26.193, 6.1).

use super::{AmrBand, FrameKind};

/// Frames without a silence descriptor after which comfort noise is muted.
const MOST_EMPTY: i16 = 50;
/// Hangover: speech frames before a silence descriptor.
const HANGOVER: i16 = 7;
/// Frames after which the encoder is assumed to have added a hangover.
const ELAPSED: i16 = 24 + 7 - 1;

/// How the receiver handles a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DtxPhase {
    Speech,
    Noise,
    Mute,
}

/// The receiver's DTX state.
#[derive(Debug, Clone)]
pub(super) struct DtxReceiver {
    band: AmrBand,
    pub(super) phase: DtxPhase,
    pub(super) since_descriptor: i16,
    hangover: i16,
    elapsed: i16,
    /// Whether the current frame is a silence descriptor, and whether it has data.
    pub(super) is_descriptor: bool,
    pub(super) has_data: bool,
    pub(super) hangover_added: bool,
    /// Whether any silence descriptor has been received.
    pub(super) updated: bool,
}

impl DtxReceiver {
    /// Creates a receiver in the standard's initial phase: narrowband in noise, wideband in speech.
    pub(super) fn new(band: AmrBand) -> Self {
        Self {
            band,
            phase: if band == AmrBand::Narrow { DtxPhase::Noise } else { DtxPhase::Speech },
            since_descriptor: 0,
            hangover: HANGOVER,
            elapsed: i16::MAX,
            is_descriptor: false,
            has_data: false,
            hangover_added: false,
            updated: false,
        }
    }

    /// Returns the phase for a frame.
    pub(super) fn receive(&mut self, kind: FrameKind) -> DtxPhase {
        use FrameKind::{DescriptorBad, DescriptorFirst, DescriptorUpdate, Lost, NoData, SpeechBad};
        let descriptor = matches!(kind, DescriptorFirst | DescriptorUpdate | DescriptorBad);
        let silent = self.phase != DtxPhase::Speech;
        let phase = if descriptor || silent && matches!(kind, NoData | SpeechBad | Lost) {
            let muted = self.phase == DtxPhase::Mute && matches!(kind, DescriptorBad | DescriptorFirst | Lost | NoData);
            self.since_descriptor = self.since_descriptor.saturating_add(1);
            // In narrowband, a descriptor with data is never late.
            let in_time = self.band == AmrBand::Narrow && kind == DescriptorUpdate;
            let stale = !in_time && self.since_descriptor > MOST_EMPTY;
            if muted || stale { DtxPhase::Mute } else { DtxPhase::Noise }
        } else {
            self.since_descriptor = 0;
            DtxPhase::Speech
        };
        // In narrowband, a missing frame within speech is a lost speech frame.
        let nothing = kind == NoData && (self.band == AmrBand::Wide || phase != DtxPhase::Speech);
        self.count_hangover(kind, descriptor || nothing);
        if phase != DtxPhase::Speech {
            (self.is_descriptor, self.has_data) = (descriptor, kind == DescriptorUpdate);
            self.hangover_added &= kind != DescriptorBad;
        }
        phase
    }

    /// Tracks whether the encoder has added a hangover to the speech.
    fn count_hangover(&mut self, kind: FrameKind, encoder_silent: bool) {
        if !self.updated && kind == FrameKind::DescriptorUpdate {
            self.elapsed = 0;
        }
        self.elapsed = self.elapsed.saturating_add(1);
        self.hangover_added = false;
        if !encoder_silent {
            self.hangover = HANGOVER;
        } else if self.elapsed > ELAPSED {
            (self.hangover_added, self.elapsed, self.hangover) = (true, 0, 0);
        } else if self.hangover == 0 {
            self.elapsed = 0;
        } else {
            self.hangover -= 1;
        }
    }

    /// Ends a noise frame. A descriptor with data restarts the count.
    pub(super) fn end_noise(&mut self) {
        if self.is_descriptor && (self.has_data || self.hangover_added) {
            (self.since_descriptor, self.updated) = (0, true);
        }
    }
}
