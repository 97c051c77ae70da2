//! Separates the voices of a mixed track. A voice is one party among several.
//!
//! An encoder computes embeddings for a bounded number of windows of the track's speech, and
//! similar windows are clustered into voices. A cheap classifier, fitted to this call alone, then
//! assigns every frame to the voice it fits best. Embeddings exist only during the call of
//! [`separate`], and are not part of any result. [`announced`] finds a recorded announcement in a
//! loop, which is no party, by its waveform.

mod announcement;
mod brief;
mod centres;
mod certainty;
mod cluster;
mod doubt;
mod encoder;
mod faint;
mod frames;
mod handover;
mod likeness;
mod mixture;
mod path;
mod pauses;
mod pitch;
mod returns;
mod separate;
mod windows;
mod words;

pub use announcement::announced;
pub use separate::{Separation, separate};
