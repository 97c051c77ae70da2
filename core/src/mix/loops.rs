//! The loops over the samples of a mix, compiled for the widest registers. Each sample is computed
//! by itself, so any registers give the same.

use fearless_simd::{Level, Simd, dispatch};

use crate::track::{to_f32, to_i16};

/// Adds samples times a gain.
pub(super) fn add(sum: &mut [f32], samples: &[f32], gain: f32) {
    dispatch!(Level::new(), cpu => add_by(cpu, sum, samples, gain));
}

#[inline(always)]
fn add_by<S: Simd>(_: S, sum: &mut [f32], samples: &[f32], gain: f32) {
    sum.iter_mut().zip(samples).for_each(|(sum, x)| *sum += x * gain);
}

/// Appends 16-bit samples.
pub(super) fn extend(out: &mut Vec<f32>, samples: &[i16]) {
    dispatch!(Level::new(), cpu => extend_by(cpu, out, samples));
}

#[inline(always)]
fn extend_by<S: Simd>(_: S, out: &mut Vec<f32>, samples: &[i16]) {
    out.extend(samples.iter().map(|&x| to_f32(x)));
}

/// Converts a channel to 16 bits.
pub(super) fn convert(out: &mut [i16], samples: &[f32]) {
    dispatch!(Level::new(), cpu => convert_by(cpu, out, samples));
}

#[inline(always)]
fn convert_by<S: Simd>(_: S, out: &mut [i16], samples: &[f32]) {
    out.iter_mut().zip(samples).for_each(|(out, &x)| *out = to_i16(x));
}

/// Converts two channels to 16 bits, interleaved.
pub(super) fn interleave(out: &mut [i16], left: &[f32], right: &[f32]) {
    dispatch!(Level::new(), cpu => interleave_by(cpu, out, left, right));
}

#[inline(always)]
fn interleave_by<S: Simd>(_: S, out: &mut [i16], left: &[f32], right: &[f32]) {
    for (out, (&l, &r)) in out.as_chunks_mut::<2>().0.iter_mut().zip(left.iter().zip(right)) {
        *out = [to_i16(l), to_i16(r)];
    }
}
