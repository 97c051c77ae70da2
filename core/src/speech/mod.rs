//! From probabilities of speech to who speaks when: spans, turns, chunks for transcribers, the
//! bleed gate, background, and the level floor.
//!
//! [`detect()`] finds speech on one track. [`spans()`], [`located`], [`gate()`], [`turns()`] and
//! [`chunks()`] are its steps, for probabilities from any detector.

mod background;
mod chunks;
mod detect;
mod edges;
mod faint;
mod gate;
mod spans;
mod turns;

pub(crate) use background::background;
pub(crate) use chunks::windows;
pub use chunks::{Chunk, ChunkOptions, chunks};
pub use detect::{Detected, detect, detect_with};
pub use edges::located;
pub(crate) use faint::{LegInput, faint_voices, floors, reaches};
pub(crate) use gate::gate_with_echoes;
pub use gate::{BleedSpan, GateInput, Gated, gate, gate_until};
pub use spans::spans;
pub use turns::{Turn, turns};
