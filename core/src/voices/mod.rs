//! Who speaks on a mixed track: a voice is one party among several.
//!
//! An encoder hears a bounded number of windows of the track's speech; windows that sound alike are
//! one voice. What the windows do not cover is given to the voice that each frame fits best, by a
//! cheap classifier that is made of this call alone. Embeddings live as long as the call of
//! [`separate`] and leave it in no form.

mod brief;
mod centres;
mod cluster;
mod doubt;
mod encoder;
mod frames;
mod handover;
mod likeness;
mod mixture;
mod path;
mod separate;
mod windows;

pub use separate::separate;
