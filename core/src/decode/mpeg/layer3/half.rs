//! Converts the samples of the lower sixteen subbands to audio at half the rate.
//!
//! If the upper subbands are zero, every second sample of the synthesis ([`super::synthesis`])
//! needs every second of its values and of its window. These values are those of a filter bank of
//! sixteen subbands. As there, the samples are the same on any machine.

use std::sync::LazyLock;

use fearless_simd::{Simd, SimdBase, f32x16};

use super::hybrid::{SLOTS, SUBBANDS, SubbandRows};
use super::side::LINES;
use super::synthesis::{BEFORE, window};
use super::turn::cosine;

/// Number of the lower subbands, and of samples per slot.
pub(super) const LOWER: usize = SUBBANDS / 2;
/// Samples of a granule at half the rate.
pub(super) const HALF_LINES: usize = LINES / 2;
/// Values per slot before windowing.
const VALUES: usize = 2 * LOWER;

/// Factors for the samples at even positions, and for those at odd ones.
static TABLES: LazyLock<[HalfTables; 2]> = LazyLock::new(|| [HalfTables::new(0), HalfTables::new(1)]);

/// Constant factors.
struct HalfTables {
    /// Cosines by subband.
    cosines: [[f32; LOWER]; LOWER],
    /// Every second factor of the window, in sixteen rows.
    window: [[f32; LOWER]; 16],
}

impl HalfTables {
    /// Creates the factors for the samples that begin at position 0 or 1.
    fn new(first: usize) -> Self {
        Self {
            cosines: std::array::from_fn(|k| {
                std::array::from_fn(|r| cosine((2 * r + first) * (2 * k + 1), 4 * SUBBANDS) as f32)
            }),
            window: std::array::from_fn(|row| std::array::from_fn(|m| window(SUBBANDS * row + 2 * m + first))),
        }
    }
}

/// State of a filter bank at half the rate.
pub(super) struct HalfFilterBank {
    slots: Box<[[f32; VALUES]; BEFORE + SLOTS]>,
    odd: bool,
}

impl HalfFilterBank {
    /// Creates a filter bank of the samples at even or odd positions.
    pub(super) fn new(odd: bool) -> Self {
        Self { slots: Box::new([[0.0; VALUES]; BEFORE + SLOTS]), odd }
    }

    /// Synthesizes every second sample of a granule from the lower subbands.
    #[inline(always)]
    pub(super) fn push<S: Simd>(&mut self, cpu: S, rows: &SubbandRows, out: &mut [f32; HALF_LINES]) {
        let tables = &TABLES[usize::from(self.odd)];
        for (row, slot) in rows.iter().zip(&mut self.slots[BEFORE..]) {
            *slot = values(cpu, tables, self.odd, row);
        }
        for (slot, out) in out.as_chunks_mut::<LOWER>().0.iter_mut().enumerate() {
            let mut sum = f32x16::splat(cpu, 0.0);
            for (age, window) in tables.window.iter().enumerate() {
                // Slots alternate between the first and the second half of their values.
                let values = self.slots[BEFORE + slot - age].as_chunks::<LOWER>().0;
                sum += f32x16::load_array_ref(cpu, &values[age % 2]) * f32x16::load_array_ref(cpu, window);
            }
            sum.store_array(out);
        }
        self.slots.copy_within(SLOTS.., 0);
    }
}

/// Computes V(i) = Σ S(k) cos(π/64 (16 + i)(2k + 1)) at the 32 even or odd positions i from 16
/// sums, because the others equal them up to sign.
#[inline(always)]
fn values<S: Simd>(cpu: S, tables: &HalfTables, odd: bool, samples: &[f32; SUBBANDS]) -> [f32; VALUES] {
    let mut sums = f32x16::splat(cpu, 0.0);
    for (cosines, &sample) in tables.cosines.iter().zip(samples) {
        sums += f32x16::load_array_ref(cpu, cosines) * sample;
    }
    let sums = sums.to_array();
    // At even positions, the value between the two halves is zero.
    let middle = usize::from(!odd);
    let mut values = [0.0; VALUES];
    values[..LOWER / 2].copy_from_slice(&sums[LOWER / 2..]);
    for (value, sum) in values[LOWER / 2 + middle..].iter_mut().zip(sums[middle..].iter().rev()) {
        *value = -sum;
    }
    for (value, sum) in values[LOWER + LOWER / 2..].iter_mut().zip(sums) {
        *value = -sum;
    }
    values
}
