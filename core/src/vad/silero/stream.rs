//! Runs Silero VAD on one track, frame by frame as its samples arrive.

use super::arithmetic::{Arithmetic, compute};
use super::model::GATE_ROWS;
use super::network::Network;
use super::silence::SilenceGate;
use super::single::FrameScratch;
use super::{CONTEXT, FRAME, StateReset, TrackMemory, may_rest, sound};
use crate::simd::SimdRow;
use crate::units::Millis;

/// Silero VAD over one track of 8 kHz samples as they arrive. Each probability is available as soon
/// as its 256 samples are there. Allocates nothing after its creation.
pub(crate) struct SileroStream {
    arithmetic: Arithmetic,
    forget: Option<StateReset>,
    /// The context of the next frame, followed by the samples received of it.
    samples: [f32; CONTEXT + FRAME],
    filled: usize,
    /// Detects silence. The network runs there too, because catching up later would take time when
    /// it matters and need four seconds of samples.
    gate: Option<SilenceGate>,
    /// Boxed because rows are aligned to cache lines, which objects of other languages are not.
    scratch: Box<StreamScratch>,
}

/// The state and the buffers of a stream.
struct StreamScratch {
    memory: TrackMemory,
    frame: FrameScratch,
    gates: [SimdRow; GATE_ROWS],
}

impl SileroStream {
    /// Creates a stream. With `forget`, the state resets after this long below a probability.
    ///
    /// Its probabilities equal those of a detector that skips silence
    /// ([`Silero::resting`](super::Silero::resting)).
    pub(crate) fn new(portable: bool, forget: Option<(Millis, f32)>) -> Self {
        Self::with_gate(Arithmetic::new(portable), forget, Some(SilenceGate::new()))
    }

    pub(super) fn with_gate(arithmetic: Arithmetic, forget: Option<(Millis, f32)>, gate: Option<SilenceGate>) -> Self {
        Self {
            arithmetic,
            forget: forget.map(|(after, below)| StateReset::new(after, below)),
            gate,
            samples: [0.0; CONTEXT + FRAME],
            filled: CONTEXT,
            scratch: Box::new(StreamScratch {
                memory: TrackMemory::START,
                frame: FrameScratch::new(),
                gates: [SimdRow::default(); GATE_ROWS],
            }),
        }
    }

    /// Takes the next samples, and passes the probability of every complete frame to `each`.
    pub(crate) fn push(&mut self, mut samples: &[f32], mut each: impl FnMut(f32)) {
        while !samples.is_empty() {
            let (now, rest) = samples.split_at((CONTEXT + FRAME - self.filled).min(samples.len()));
            for (to, &sample) in self.samples[self.filled..].iter_mut().zip(now) {
                *to = sound(sample);
            }
            self.filled += now.len();
            samples = rest;
            if self.filled == CONTEXT + FRAME {
                each(self.frame());
            }
        }
    }

    /// Passes the probability of the last, incomplete frame to `each`, as if silence followed.
    pub(crate) fn finish(&mut self, each: impl FnMut(f32)) {
        if self.filled > CONTEXT {
            self.push(&[0.0; FRAME][..CONTEXT + FRAME - self.filled], each);
        }
        self.reset();
    }

    /// Resets the stream for another track.
    pub(crate) fn reset(&mut self) {
        self.samples = [0.0; CONTEXT + FRAME];
        self.filled = CONTEXT;
        self.gate = self.gate.as_ref().map(|_| SilenceGate::new());
        self.scratch.memory = TrackMemory::START;
    }

    fn frame(&mut self) -> f32 {
        let Self { samples, scratch, .. } = self;
        let gate = self.gate.as_mut().filter(|_| may_rest(self.forget));
        let runs = gate.is_none_or(|gate| gate.runs(samples));
        let StreamScratch { memory, frame, gates } = &mut **scratch;
        let (logit, [probability]) = compute!(self.arithmetic, network => {
            Network::encode_one(network, samples, frame);
            Network::input_gates_of_one(network, &frame.features, gates);
            let [logit] = Network::step(network, [gates], &mut [&mut memory.state]);
            let mut answer = [logit];
            network.probabilities(&mut answer);
            (logit, answer)
        });
        if runs {
            self.scratch.memory.heard(logit, self.forget);
        } else {
            self.scratch.memory.rests(self.forget);
        }
        self.samples.copy_within(FRAME.., 0);
        self.filled = CONTEXT;
        if runs { probability } else { 0.0 }
    }
}
