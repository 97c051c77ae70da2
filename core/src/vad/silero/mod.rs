//! Silero VAD's 8 kHz model as plain loops: no model runtime and no allocation per frame.
//!
//! A frame is 256 samples (32 ms). The layers before the LSTM treat all frames alike and run on
//! sixteen frames in parallel (`encoder`). The LSTM (`lstm`) runs frame by frame, for two tracks of
//! a call in lockstep.
//!
//! The network is computed in f32, or in 16-bit integers on machines with instructions for them
//! (`network`). Every sum has a fixed order or is exact, and frames affect each other only through
//! the state of their own track. The bits therefore do not depend on chunks, blocks or the number
//! of tracks. Probabilities in f32 are within 2e-5 of onnxruntime's on the calls compared.
//!
//! Over minutes the network's state settles, and it detects voices less and less.
//! [`Silero::forgetting`] resets the state after long pauses.

mod arithmetic;
mod encoder;
mod frontend;
#[cfg(target_arch = "x86_64")]
mod integer;
mod lstm;
mod model;
mod network;
mod plan;
mod silence;
mod single;
mod stream;
#[cfg(test)]
mod tests;
mod winograd;

pub(crate) use stream::SileroStream;

use self::arithmetic::{Arithmetic, compute};
use self::encoder::Panel;
use self::lstm::{GROUP, LstmState};
use self::model::{GATE_ROWS, UNITS};
use self::network::Network;
use self::plan::PlanWalk;
use self::silence::{SilenceGate, WARM_UP};
use super::{Detector, same_lanes};
use crate::error::Result;
use crate::simd::SimdRow;
use crate::threads;
use crate::units::Millis;

/// Samples per frame: 32 ms at 8 kHz.
pub const FRAME: usize = 256;

/// Duration of a frame.
pub(crate) const HOP: Millis = Millis(FRAME as f64 / 8.0);

/// Samples before a frame that the model also reads.
const CONTEXT: usize = 32;
/// Samples kept before those of a block.
const BEFORE: usize = WARM_UP * FRAME + CONTEXT;
/// Frames encoded in parallel.
const PANEL: usize = 16;
/// Frames per block: 3 s.
const BLOCK: usize = 96;
/// Frames encoded by each of two threads.
const HALF: usize = BLOCK / 2;
const _: () = assert!(HALF.is_multiple_of(PANEL) && HALF.is_multiple_of(GROUP));
/// Largest accepted magnitude of a sample. Anything beyond is damage, and everything computed from
/// smaller samples is finite.
const SAMPLE_LIMIT: f32 = 32_768.0;

/// Silero VAD over the tracks of one call.
///
/// Input is mono at 8 kHz in [−1, 1]. Output is one probability of speech per frame of 256 samples,
/// in order, delivered in blocks of 96 frames (3 s) and at [`finish`](Detector::finish). The last
/// frame of a track is padded with zeros. Samples that are NaN, infinite or beyond ±32768 count as
/// 0.
///
/// Tracks are independent: they may differ in length and pace. Two tracks pushed together are
/// computed together, which is faster than one after the other.
///
/// A lane needs 230 kB and the detector 0.7 MB. All detectors share 0.9 MB of weights.
pub struct Silero {
    arithmetic: Arithmetic,
    lanes: Vec<SileroTrack>,
    work: Box<SileroScratch>,
    forget: Option<StateReset>,
    rests: bool,
}

/// When a track's state is reset.
#[derive(Clone, Copy)]
struct StateReset {
    /// After this many frames ...
    frames: u32,
    /// ... below this logit.
    logit: f32,
}

impl StateReset {
    fn new(after: Millis, below: f32) -> Self {
        let frames = (after.0 / HOP.0).round().clamp(1.0, f64::from(u32::MAX)) as u32;
        Self { frames, logit: (below / (1.0 - below)).ln() }
    }
}

/// The state of one track.
struct SileroTrack {
    /// The kept frames and their context, followed by at most a block of samples.
    samples: Vec<f32>,
    memory: TrackMemory,
    /// Skips frames in silence.
    gate: Option<SilenceGate>,
    plan: Vec<PlannedFrame>,
    /// Planned frames that are computed.
    done: usize,
    /// Skipped frames after the last planned one.
    trailing: u8,
}

/// A frame to compute.
#[derive(Clone, Copy)]
struct PlannedFrame {
    /// Index among the kept frames.
    frame: u16,
    /// 0 for a frame that is due. Otherwise the distance to the next due frame; the frame was
    /// skipped and answered already, and now only updates the state.
    age: u8,
    /// Number of skipped frames since the last computed one, not counting those planned since.
    rests: u8,
}

/// State carried from frame to frame.
struct TrackMemory {
    state: LstmState,
    /// Frames since the last one that may have been speech.
    quiet: u32,
    /// Skipped frames that the state does not include, as far as they matter.
    rested: u8,
}

/// Buffers for the intermediate results of a block.
struct SileroScratch {
    /// One for a whole block; the other for its second half when two threads share it.
    encoding: [Encoding; 2],
    /// One per track.
    gates: [Vec<[SimdRow; GATE_ROWS]>; 2],
}

/// Buffers for the layers before the LSTM.
struct Encoding {
    panel: Panel,
    features: Vec<[f32; UNITS]>,
}

impl Silero {
    /// Creates a detector for `lanes` tracks.
    ///
    /// `portable` avoids fused multiply-adds and uses only instructions that every machine of the
    /// target has. The bits are then the same everywhere, at a quarter of the speed or less.
    /// Otherwise machines with AVX-512 and its VNNI compute in 16-bit integers, and others in f32 by
    /// AVX2 or NEON. Those of one kind agree bit for bit.
    pub fn new(lanes: usize, portable: bool) -> Self {
        Self::by(lanes, Arithmetic::new(portable))
    }

    /// Returns the arithmetic that a detector uses on this machine: `int16`, `f32` or `portable`.
    pub fn arithmetic(portable: bool) -> &'static str {
        Arithmetic::new(portable).name()
    }

    /// Arranges the network's weights before several threads need them at once.
    pub(crate) fn prepare(portable: bool) {
        Arithmetic::new(portable).prepare();
    }

    /// Resets the state of each track after this long without a probability of at least `below`,
    /// and again after each further such period.
    #[must_use]
    pub fn forgetting(mut self, after: Millis, below: f32) -> Self {
        self.forget = Some(StateReset::new(after, below));
        self
    }

    /// Skips frames that cannot be speech by their energy; their probability is 0.
    ///
    /// The network resumes with the frames since the last reset. If resets are more than 4 s apart
    /// ([`forgetting`](Self::forgetting)), or there are none, no frame is skipped.
    #[must_use]
    pub fn resting(mut self) -> Self {
        self.rests = true;
        self.lanes.fill_with(|| SileroTrack::new(true));
        self
    }

    fn by(lanes: usize, arithmetic: Arithmetic) -> Self {
        let gates = || vec![[SimdRow::default(); GATE_ROWS]; BLOCK];
        let encoding = |frames| Encoding { panel: Panel::new(), features: vec![[0.0; UNITS]; frames] };
        Self {
            arithmetic,
            lanes: std::iter::repeat_with(|| SileroTrack::new(false)).take(lanes).collect(),
            work: Box::new(SileroScratch { encoding: [encoding(BLOCK), encoding(HALF)], gates: [gates(), gates()] }),
            forget: None,
            rests: false,
        }
    }

    /// Computes all complete frames of the lanes that have at least `least`, two lanes at a time.
    fn compute(&mut self, least: usize, out: &mut [Vec<f32>]) {
        let forget = self.forget;
        let lanes = self.lanes.iter_mut().zip(out).filter(|(lane, _)| lane.frames() >= least);
        let mut lanes: Vec<_> = lanes.collect();
        for pair in lanes.chunks_mut(2) {
            pair.iter_mut().for_each(|(lane, _)| lane.plan(forget));
            let parts = pair.iter().map(|(lane, _)| lane.plan.len().div_ceil(BLOCK)).max().unwrap_or(0);
            for part in 0..parts {
                let SileroScratch { encoding, gates } = &mut *self.work;
                for ((lane, _), gates) in pair.iter().zip(&mut *gates) {
                    encode(self.arithmetic, &lane.samples, lane.part(part), encoding, gates);
                }
                compute!(self.arithmetic, network => follow(network, forget, gates, pair, part));
            }
            for (lane, out) in pair {
                PlanWalk::new(lane, out, forget, parts).finish();
                let start = out.len() - lane.frames();
                compute!(self.arithmetic, network => network.probabilities(&mut out[start..]));
                lane.samples.drain(..lane.frames() * FRAME);
            }
        }
    }
}

impl Detector for Silero {
    fn hop(&self) -> Millis {
        HOP
    }

    fn push(&mut self, lanes: &[&[f32]], out: &mut [Vec<f32>]) -> Result<()> {
        same_lanes(self.lanes.len(), lanes.len())?;
        same_lanes(self.lanes.len(), out.len())?;
        let mut lanes = lanes.to_vec();
        loop {
            let mut full = false;
            for (lane, samples) in self.lanes.iter_mut().zip(&mut lanes) {
                lane.take(samples);
                full |= lane.frames() == BLOCK;
            }
            if !full {
                return Ok(());
            }
            self.compute(BLOCK, out);
        }
    }

    /// The detector is then reset for another call.
    fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()> {
        same_lanes(self.lanes.len(), out.len())?;
        for lane in &mut self.lanes {
            let pending = lane.samples.len() - BEFORE;
            lane.samples.resize(BEFORE + pending.next_multiple_of(FRAME), 0.0);
        }
        self.compute(1, out);
        self.lanes.fill_with(|| SileroTrack::new(self.rests));
        Ok(())
    }
}

impl SileroTrack {
    fn new(rests: bool) -> Self {
        let mut samples = Vec::with_capacity(BEFORE + BLOCK * FRAME);
        samples.resize(BEFORE, 0.0);
        let gate = rests.then(SilenceGate::new);
        let plan = Vec::with_capacity(BLOCK);
        Self { samples, memory: TrackMemory::START, gate, plan, done: 0, trailing: 0 }
    }

    /// Returns the number of complete frames waiting.
    fn frames(&self) -> usize {
        (self.samples.len() - BEFORE) / FRAME
    }

    /// Takes as many samples from the front of `input` as a block still needs.
    fn take(&mut self, input: &mut &[f32]) {
        let missing = BEFORE + BLOCK * FRAME - self.samples.len();
        let (head, tail) = input.split_at(missing.min(input.len()));
        self.samples.extend(head.iter().copied().map(sound));
        *input = tail;
    }
}

impl TrackMemory {
    const START: Self = Self { state: LstmState::START, quiet: 0, rested: 0 };

    /// Records a frame's logit.
    fn heard(&mut self, logit: f32, forget: Option<StateReset>) {
        self.rested = 0;
        self.note(logit, forget);
    }

    /// Records a skipped frame. After a reset there is no state to update.
    fn rests(&mut self, forget: Option<StateReset>) {
        self.rested = (self.rested + 1).min(WARM_UP as u8);
        self.note(f32::NEG_INFINITY, forget);
    }

    fn note(&mut self, logit: f32, forget: Option<StateReset>) {
        let Some(StateReset { frames, logit: least }) = forget else { return };
        self.quiet = if logit < least { self.quiet + 1 } else { 0 };
        if self.quiet == frames {
            *self = Self::START;
        }
    }
}

/// Returns `true` if the network can catch up with all skipped frames, because resets are frequent
/// enough.
fn may_rest(forget: Option<StateReset>) -> bool {
    forget.is_some_and(|forget| forget.frames <= WARM_UP as u32 + 1)
}

/// Returns the sample, or 0 if it is damaged.
fn sound(sample: f32) -> f32 {
    if sample.abs() <= SAMPLE_LIMIT { sample } else { 0.0 }
}

/// Computes the gate inputs of a lane's planned frames, at most a block; in two halves if there is
/// a thread for each.
fn encode(
    arithmetic: Arithmetic,
    samples: &[f32],
    plan: &[PlannedFrame],
    [whole, second]: &mut [Encoding; 2],
    gates: &mut [[SimdRow; GATE_ROWS]],
) {
    let work = |plan: &[PlannedFrame], room: &mut Encoding, gates: &mut [[SimdRow; GATE_ROWS]]| {
        compute!(arithmetic, network => inputs(network, samples, plan, room, gates));
    };
    if plan.len() <= HALF || threads::count() == 1 {
        return work(plan, whole, gates);
    }
    let (gates, later) = gates.split_at_mut(HALF);
    let (plan, rest) = plan.split_at(HALF);
    threads::join(|| work(plan, whole, gates), || work(rest, second, later));
}

/// Computes the gate inputs of planned frames from the samples of a track.
#[inline(always)]
fn inputs(
    network: impl Network,
    samples: &[f32],
    plan: &[PlannedFrame],
    room: &mut Encoding,
    gates: &mut [[SimdRow; GATE_ROWS]],
) {
    let panels = room.features[..plan.len().next_multiple_of(PANEL)].as_chunks_mut().0;
    for (plan, features) in plan.chunks(PANEL).zip(panels) {
        network.encode(samples, plan, &mut room.panel, features);
    }
    let groups = plan.len().div_ceil(GROUP);
    let (features, gates) = (room.features.as_chunks().0, gates.as_chunks_mut().0);
    network.input_gates(&features[..groups], &mut gates[..groups]);
}

/// Appends the logits of frames of one or two lanes, up to the end of a part of their plans, from
/// the gate inputs.
#[inline(always)]
fn follow(
    network: impl Network,
    forget: Option<StateReset>,
    gates: &[Vec<[SimdRow; GATE_ROWS]>; 2],
    lanes: &mut [(&mut SileroTrack, &mut Vec<f32>)],
    part: usize,
) {
    if let [(a, a_out), (b, b_out)] = lanes {
        let (mut a, mut b) = (PlanWalk::new(a, a_out, forget, part), PlanWalk::new(b, b_out, forget, part));
        while let (Some(i), Some(j)) = (a.due(), b.due()) {
            let mut states = [a.state(), b.state()];
            let [a_logit, b_logit] = network.step([&gates[0][i], &gates[1][j]], &mut states);
            a.heard(a_logit);
            b.heard(b_logit);
        }
    }
    for ((lane, out), gates) in lanes.iter_mut().zip(gates) {
        let mut walk = PlanWalk::new(lane, out, forget, part);
        while let Some(i) = walk.due() {
            let [logit] = network.step([&gates[i]], &mut [walk.state()]);
            walk.heard(logit);
        }
    }
}
