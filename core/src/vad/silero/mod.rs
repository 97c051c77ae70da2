//! Silero VAD's 8 kHz model as plain loops: no model runtime, no allocation per frame.
//!
//! A frame is 256 samples (32 ms). Everything up to the LSTM is the same work for every frame and
//! is done for many at once (`encoder`, sixteen frames side by side); the LSTM (`lstm`) goes frame
//! by frame, two tracks of a call in lockstep. Every sum has one fixed order, and no frame's
//! numbers meet another's except through the state of its own track: chunks, blocks and the number
//! of tracks never show in the bits.
//!
//! Probabilities are within 2e-5 of onnxruntime's on the calls it was compared on. Over minutes the
//! network's memory of a track settles, and voices that it heard at first it hears less and less;
//! [`Silero::forgetting`] has it begin anew after long pauses.

mod encoder;
mod frontend;
mod lstm;
mod model;
mod plan;
mod silence;
mod single;
#[cfg(test)]
mod tests;

pub(crate) use single::SileroStream;

use fearless_simd::{Level, Simd, SimdBase, dispatch};

use self::encoder::Panel;
use self::lstm::{GROUP, LstmState};
use self::model::{GATE_ROWS, Model, UNITS};
use self::plan::PlanWalk;
use self::silence::{SilenceGate, WARM_UP};
use super::{Detector, same_lanes};
use crate::error::Result;
use crate::simd::{Cpu, SimdRow};
use crate::threads;
use crate::units::Millis;

/// Samples of a frame: 32 ms at 8 kHz.
pub const FRAME: usize = 256;

/// The time of a frame.
pub(crate) const HOP: Millis = Millis(FRAME as f64 / 8.0);

/// Samples before a frame that it sees too.
const CONTEXT: usize = 32;
/// Samples that are kept before those of a block.
const BEFORE: usize = WARM_UP * FRAME + CONTEXT;
/// Frames that are encoded side by side.
const PANEL: usize = 16;
/// Frames after which a track is computed: 3 s.
const BLOCK: usize = 96;
/// Frames that one of two threads encodes.
const HALF: usize = BLOCK / 2;
const _: () = assert!(HALF.is_multiple_of(PANEL) && HALF.is_multiple_of(GROUP));
/// A sample beyond this is damage, not sound; and everything computed from samples within it is
/// finite.
const SAMPLE_LIMIT: f32 = 32_768.0;

/// Silero VAD over the tracks of one call.
///
/// Input is mono, 8 kHz, in [−1, 1]; output is one probability of speech for each frame of 256
/// samples, in order, delivered in blocks of 96 frames (3 s) and at [`finish`](Detector::finish).
/// The last frame of a track is filled up with zeros. Samples that are NaN, infinite or beyond
/// ±32768 count as 0. Tracks are independent: they may be of different lengths and may be pushed at
/// different paces, but two that are pushed together are computed together, in less time than one
/// after the other.
///
/// A lane needs 230 kB, the detector 0.7 MB; all detectors share 0.9 MB of weights.
pub struct Silero {
    /// None: portable.
    level: Option<Level>,
    lanes: Vec<SileroTrack>,
    work: Box<SileroScratch>,
    forget: Option<StateReset>,
    rests: bool,
}

/// When a track is heard as if it began.
#[derive(Clone, Copy)]
struct StateReset {
    /// After so many frames ...
    frames: u32,
    /// ... below this: a probability before the last step.
    logit: f32,
}

impl StateReset {
    fn new(after: Millis, below: f32) -> Self {
        let frames = (after.0 / HOP.0).round().clamp(1.0, f64::from(u32::MAX)) as u32;
        Self { frames, logit: (below / (1.0 - below)).ln() }
    }
}

/// One track.
struct SileroTrack {
    /// The frames before the next ones and their context, then samples of at most a block.
    samples: Vec<f32>,
    memory: TrackMemory,
    /// Where the network rests in silence.
    gate: Option<SilenceGate>,
    plan: Vec<PlannedFrame>,
    /// Frames of the plan that are computed.
    done: usize,
    /// Frames at rest after the last planned one.
    trailing: u8,
}

/// A frame that is computed.
#[derive(Clone, Copy)]
struct PlannedFrame {
    /// Its place among the frames that are kept.
    frame: u16,
    /// How many frames before the next one that runs it lies, where it has only to bring the
    /// network there: its answer was given when it was at rest. 0: it runs.
    age: u8,
    /// Frames at rest between the last one that ran and the next one that does, before any that is
    /// planned since.
    rests: u8,
}

/// What is remembered of a track from frame to frame.
struct TrackMemory {
    state: LstmState,
    /// Frames since the last one that may have been speech.
    quiet: u32,
    /// Frames at rest that the state knows nothing of, as many as are of use.
    rested: u8,
}

/// Room for the intermediate results of a block.
struct SileroScratch {
    /// For a whole block and, where two threads share it, for its second half.
    encoding: [Encoding; 2],
    /// Of two tracks.
    gates: [Vec<[SimdRow; GATE_ROWS]>; 2],
}

/// Room for what lies before the LSTM.
struct Encoding {
    panel: Panel,
    features: Vec<[f32; UNITS]>,
}

impl Silero {
    /// A detector for `lanes` tracks.
    ///
    /// `portable` forbids fused multiply-adds and uses the instructions that every machine of the
    /// target has: the same bits everywhere, at about a quarter of the speed. Otherwise the best
    /// of AVX-512, AVX2 and NEON is used; these agree with each other bit for bit.
    pub fn new(lanes: usize, portable: bool) -> Self {
        Self::at_level(lanes, (!portable).then(Level::new))
    }

    /// The same, beginning each track anew after so long without a probability of at least `below`,
    /// and again after as long.
    #[must_use]
    pub fn forgetting(mut self, after: Millis, below: f32) -> Self {
        self.forget = Some(StateReset::new(after, below));
        self
    }

    /// The same, resting where energy says that nothing can be speech: such a frame's probability is
    /// 0. The network begins again with the frames since the track last began anew. Where it begins
    /// anew after more than 4 s ([`forgetting`](Self::forgetting)), or never, it does not rest.
    #[must_use]
    pub fn resting(mut self) -> Self {
        self.rests = true;
        self.lanes.fill_with(|| SileroTrack::new(true));
        self
    }

    fn at_level(lanes: usize, level: Option<Level>) -> Self {
        let gates = || vec![[SimdRow::default(); GATE_ROWS]; BLOCK];
        let encoding = |frames| Encoding { panel: Panel::new(), features: vec![[0.0; UNITS]; frames] };
        Self {
            level,
            lanes: std::iter::repeat_with(|| SileroTrack::new(false)).take(lanes).collect(),
            work: Box::new(SileroScratch { encoding: [encoding(BLOCK), encoding(HALF)], gates: [gates(), gates()] }),
            forget: None,
            rests: false,
        }
    }

    /// Computes all whole frames of the lanes that have at least `least`, two lanes at a time.
    fn compute(&mut self, least: usize, out: &mut [Vec<f32>]) {
        let forget = self.forget;
        let lanes = self.lanes.iter_mut().zip(out).filter(|(lane, _)| lane.frames() >= least);
        let mut lanes: Vec<_> = lanes.collect();
        for pair in lanes.chunks_mut(2) {
            pair.iter_mut().for_each(|(lane, _)| lane.plan(forget));
            let parts = pair.iter().map(|(lane, _)| lane.plan.len().div_ceil(BLOCK)).max().unwrap_or(0);
            for part in 0..parts {
                let (model, SileroScratch { encoding, gates }) = (Model::shared(), &mut *self.work);
                for ((lane, _), gates) in pair.iter().zip(&mut *gates) {
                    encode(self.level, model, &lane.samples, lane.part(part), encoding, gates);
                }
                match self.level {
                    None => {
                        dispatch!(Level::baseline(), simd => Cpu::<_, false>(simd).follow(model, forget, gates, pair, part))
                    }
                    Some(level) => {
                        dispatch!(level, simd => Cpu::<_, true>(simd).follow(model, forget, gates, pair, part))
                    }
                }
            }
            for (lane, out) in pair {
                PlanWalk::new(lane, out, forget, parts).finish();
                let start = out.len() - lane.frames();
                match self.level {
                    None => {
                        dispatch!(Level::baseline(), simd => Cpu::<_, false>(simd).probabilities(&mut out[start..]))
                    }
                    Some(level) => dispatch!(level, simd => Cpu::<_, true>(simd).probabilities(&mut out[start..])),
                }
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

    /// Afterwards the detector is as new, for another call.
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

    /// Whole frames that wait.
    fn frames(&self) -> usize {
        (self.samples.len() - BEFORE) / FRAME
    }

    /// Takes as many samples as are missing from a block off the front of `input`.
    fn take(&mut self, input: &mut &[f32]) {
        let missing = BEFORE + BLOCK * FRAME - self.samples.len();
        let (head, tail) = input.split_at(missing.min(input.len()));
        self.samples.extend(head.iter().copied().map(sound));
        *input = tail;
    }
}

impl TrackMemory {
    const START: Self = Self { state: LstmState::START, quiet: 0, rested: 0 };

    /// Takes note of a frame's answer.
    fn heard(&mut self, logit: f32, forget: Option<StateReset>) {
        self.rested = 0;
        self.note(logit, forget);
    }

    /// Takes note of a frame at rest. A track that begins anew has nothing to find its way by.
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

/// Whether the network can catch up with all frames at rest: a track begins anew soon enough.
fn may_rest(forget: Option<StateReset>) -> bool {
    forget.is_some_and(|forget| forget.frames <= WARM_UP as u32 + 1)
}

/// A sample, or 0 in place of damage.
fn sound(sample: f32) -> f32 {
    if sample.abs() <= SAMPLE_LIMIT { sample } else { 0.0 }
}

/// The gates' inputs of planned frames of a lane, at most a block of them; many in halves where
/// there is a thread for each.
fn encode(
    level: Option<Level>,
    model: &Model,
    samples: &[f32],
    plan: &[PlannedFrame],
    [whole, second]: &mut [Encoding; 2],
    gates: &mut [[SimdRow; GATE_ROWS]],
) {
    let work = |plan: &[PlannedFrame], room: &mut Encoding, gates: &mut [[SimdRow; GATE_ROWS]]| match level {
        None => dispatch!(Level::baseline(), simd => Cpu::<_, false>(simd).inputs(model, samples, plan, room, gates)),
        Some(level) => dispatch!(level, simd => Cpu::<_, true>(simd).inputs(model, samples, plan, room, gates)),
    };
    if plan.len() <= HALF || threads::count() == 1 {
        return work(plan, whole, gates);
    }
    let (gates, later) = gates.split_at_mut(HALF);
    let (plan, rest) = plan.split_at(HALF);
    threads::join(|| work(plan, whole, gates), || work(rest, second, later));
}

impl<S: Simd, const FUSED: bool> Cpu<S, FUSED> {
    /// The gates' inputs of planned frames, from the samples of a track.
    #[inline(always)]
    fn inputs(
        self,
        model: &Model,
        samples: &[f32],
        plan: &[PlannedFrame],
        room: &mut Encoding,
        gates: &mut [[SimdRow; GATE_ROWS]],
    ) {
        let panels = room.features[..plan.len().next_multiple_of(PANEL)].as_chunks_mut().0;
        for (plan, features) in plan.chunks(PANEL).zip(panels) {
            self.encode(model, samples, plan, &mut room.panel, features);
        }
        let groups = plan.len().div_ceil(GROUP);
        let (features, gates) = (room.features.as_chunks().0, gates.as_chunks_mut().0);
        self.input_gates(model, &features[..groups], &mut gates[..groups]);
    }

    /// Appends the logits of frames of one lane or two up to the last of a part of their plans, from
    /// the inputs of the gates.
    #[inline(always)]
    fn follow(
        self,
        model: &Model,
        forget: Option<StateReset>,
        gates: &[Vec<[SimdRow; GATE_ROWS]>; 2],
        lanes: &mut [(&mut SileroTrack, &mut Vec<f32>)],
        part: usize,
    ) {
        if let [(a, a_out), (b, b_out)] = lanes {
            let (mut a, mut b) = (PlanWalk::new(a, a_out, forget, part), PlanWalk::new(b, b_out, forget, part));
            while let (Some(i), Some(j)) = (a.due(), b.due()) {
                let mut states = [a.state(), b.state()];
                let [a_logit, b_logit] = self.step(model, [&gates[0][i], &gates[1][j]], &mut states);
                a.heard(a_logit);
                b.heard(b_logit);
            }
        }
        for ((lane, out), gates) in lanes.iter_mut().zip(gates) {
            let mut walk = PlanWalk::new(lane, out, forget, part);
            while let Some(i) = walk.due() {
                let [logit] = self.step(model, [&gates[i]], &mut [walk.state()]);
                walk.heard(logit);
            }
        }
    }

    /// Probabilities in place of logits; 0 where the network rested.
    #[inline(always)]
    fn probabilities(self, logits: &mut [f32]) {
        for logits in logits.chunks_mut(16) {
            let mut row = SimdRow::default();
            row.0[..logits.len()].copy_from_slice(logits);
            let probabilities = self.sigmoid(self.load(&row)).to_array();
            for (logit, probability) in logits.iter_mut().zip(probabilities) {
                *logit = if *logit == f32::NEG_INFINITY { 0.0 } else { probability };
            }
        }
    }
}
