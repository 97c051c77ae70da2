//! From how likely speech is to who speaks when: spans, turns, chunks for transcribers, and the gate that knows bleed from
//! speech.

mod chunks;
mod detect;
mod gate;
mod spans;
mod turns;

pub use chunks::{Chunk, ChunkOptions, chunks};
pub use detect::{Detected, detect};
pub use gate::{BleedSpan, GateInput, Gated, gate};
pub use spans::spans;
pub use turns::{Turn, turns};
