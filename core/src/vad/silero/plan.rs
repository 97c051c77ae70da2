//! Plans the frames of a block on which the network runs, and walks over them.

use super::lstm::LstmState;
use super::silence::WARM_UP;
use super::{BLOCK, CONTEXT, FRAME, PlannedFrame, SileroTrack, StateReset, TrackMemory, may_rest};

impl SileroTrack {
    /// Plans all complete frames.
    ///
    /// Whether a reset occurs among them is only known up to the first frame that runs. Frames
    /// planned beyond it may turn out to be unneeded.
    pub(super) fn plan(&mut self, forget: Option<StateReset>) {
        self.plan.clear();
        let (mut rests, mut rested, mut known) = (0, self.memory.rested, Some(self.memory.quiet));
        for frame in WARM_UP..WARM_UP + self.frames() {
            let samples = &self.samples[frame * FRAME..][..CONTEXT + FRAME];
            let gate = self.gate.as_mut().filter(|_| may_rest(forget));
            if gate.is_none_or(|gate| gate.runs(samples)) {
                let ages = (0..=std::mem::take(&mut rested)).rev();
                self.plan.extend(ages.map(|age| PlannedFrame {
                    frame: (frame - usize::from(age)) as u16,
                    age,
                    rests: std::mem::take(&mut rests),
                }));
                known = None;
                continue;
            }
            rests += 1;
            rested = (rested + 1).min(WARM_UP as u8);
            known = known.map(|quiet| quiet + 1);
            if forget.is_some_and(|forget| known == Some(forget.frames)) {
                (rested, known) = (0, Some(0));
            }
        }
        self.trailing = rests;
    }

    /// Returns a part of the plan, at most a block.
    pub(super) fn part(&self, part: usize) -> &[PlannedFrame] {
        self.plan.chunks(BLOCK).nth(part).unwrap_or_default()
    }
}

/// A walk over a track's planned frames, with the track's state.
pub(super) struct PlanWalk<'a> {
    plan: &'a mut [PlannedFrame],
    /// Number of planned frames already walked over.
    done: &'a mut usize,
    /// Beginning of its part of the plan.
    start: usize,
    trailing: u8,
    memory: &'a mut TrackMemory,
    logits: &'a mut Vec<f32>,
    forget: Option<StateReset>,
}

impl<'a> PlanWalk<'a> {
    /// Continues where the last walk over the same plan ended, up to the end of a part.
    pub(super) fn new(
        track: &'a mut SileroTrack,
        logits: &'a mut Vec<f32>,
        forget: Option<StateReset>,
        part: usize,
    ) -> Self {
        let SileroTrack { plan, done, trailing, memory, .. } = track;
        let (start, end) = (part * BLOCK, ((part + 1) * BLOCK).min(plan.len()));
        Self { plan: &mut plan[..end], done, start, trailing: *trailing, memory, logits, forget }
    }

    /// Returns the index, within the part, of the frame that is due. Records all skipped frames
    /// before it.
    pub(super) fn due(&mut self) -> Option<usize> {
        loop {
            let planned = self.plan.get_mut(*self.done)?;
            let (rests, age) = (std::mem::take(&mut planned.rests), planned.age);
            self.rest(rests);
            // A track that began anew since then has forgotten those before.
            if age <= self.memory.rested {
                return Some(*self.done - self.start);
            }
            *self.done += 1;
        }
    }

    pub(super) fn state(&mut self) -> &mut LstmState {
        &mut self.memory.state
    }

    /// Takes the logit of the frame that was due.
    pub(super) fn heard(&mut self, logit: f32) {
        if self.plan.get(*self.done).is_some_and(|planned| planned.age == 0) {
            self.memory.heard(logit, self.forget);
            self.logits.push(logit);
        }
        *self.done += 1;
    }

    /// Records the skipped frames after the plan.
    pub(super) fn finish(mut self) {
        self.rest(self.trailing);
        *self.done = 0;
    }

    fn rest(&mut self, frames: u8) {
        for _ in 0..frames {
            self.memory.rests(self.forget);
            self.logits.push(f32::NEG_INFINITY);
        }
    }
}
