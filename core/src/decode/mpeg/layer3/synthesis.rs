//! Converts the samples of 32 subbands to audio: ISO/IEC 11172-3 2.4.3.2.2, figure A.2.
//!
//! There are no fused operations and every sum has a fixed order, so the samples are the same on
//! any machine.

use std::sync::LazyLock;

use fearless_simd::{Simd, SimdBase, f32x16};

use super::hybrid::{SLOTS, SUBBANDS, SubbandRows};
use super::side::LINES;
use super::synthesis_window::WINDOW;
use super::turn::cosine;

/// Previous slots that the window covers.
pub(super) const BEFORE: usize = 15;
/// Values per slot before windowing.
const VALUES: usize = 2 * SUBBANDS;
/// Half of the subbands, summed in one SIMD vector.
const HALF: usize = SUBBANDS / 2;

static TABLES: LazyLock<SynthesisTables> = LazyLock::new(SynthesisTables::new);

/// Constant factors.
struct SynthesisTables {
    /// Cosines of even and of odd frequencies, by half a subband.
    even: [[f32; HALF]; HALF],
    odd: [[f32; HALF]; HALF],
    /// The window in sixteen rows.
    window: [[f32; SUBBANDS]; 16],
}

impl SynthesisTables {
    fn new() -> Self {
        let cosines = |odd: usize| {
            std::array::from_fn(|k| std::array::from_fn(|p| cosine((2 * p + odd) * (2 * k + 1), 128) as f32))
        };
        Self {
            even: cosines(0),
            odd: cosines(1),
            window: std::array::from_fn(|row| std::array::from_fn(|j| window(SUBBANDS * row + j))),
        }
    }
}

/// Returns a factor of the window, from 0 to 511.
pub(super) fn window(i: usize) -> f32 {
    // The second half mirrors the first, with the opposite sign except at multiples of 64.
    let value = WINDOW[i.min(512 - i)] as f32 / 65_536.0;
    if i > 256 && !i.is_multiple_of(64) { -value } else { value }
}

/// Synthesis filter bank state of a channel.
pub(super) struct FilterBank {
    slots: Box<[[f32; VALUES]; BEFORE + SLOTS]>,
}

impl FilterBank {
    pub(super) fn new() -> Self {
        Self { slots: Box::new([[0.0; VALUES]; BEFORE + SLOTS]) }
    }

    /// Synthesizes the samples of a granule.
    #[inline(always)]
    pub(super) fn push<S: Simd>(&mut self, cpu: S, rows: &SubbandRows, out: &mut [f32; LINES]) {
        let tables = &*TABLES;
        for (row, slot) in rows.iter().zip(&mut self.slots[BEFORE..]) {
            *slot = values(cpu, tables, row);
        }
        for (slot, out) in out.as_chunks_mut::<SUBBANDS>().0.iter_mut().enumerate() {
            for (half, out) in out.as_chunks_mut::<HALF>().0.iter_mut().enumerate() {
                let mut sum = f32x16::splat(cpu, 0.0);
                for (age, window) in tables.window.iter().enumerate() {
                    // Slots alternate between the first and the second half of their values.
                    let values = self.slots[BEFORE + slot - age].as_chunks::<HALF>().0;
                    let values = f32x16::load_array_ref(cpu, &values[age % 2 * 2 + half]);
                    sum += values * f32x16::load_array_ref(cpu, &window.as_chunks::<HALF>().0[half]);
                }
                sum.store_array(out);
            }
        }
        self.slots.copy_within(SLOTS.., 0);
    }
}

/// Computes V(i) = Σ S(k) cos(π/64 (16 + i)(2k + 1)) at 64 positions from 32 sums, because the
/// others equal them up to sign. Sums of even frequencies run over S(k) + S(31 − k), those of odd
/// frequencies over the differences.
#[inline(always)]
fn values<S: Simd>(cpu: S, tables: &SynthesisTables, samples: &[f32; SUBBANDS]) -> [f32; VALUES] {
    let (mut even, mut odd) = (f32x16::splat(cpu, 0.0), f32x16::splat(cpu, 0.0));
    for k in 0..HALF {
        let (a, b) = (samples[k], samples[SUBBANDS - 1 - k]);
        even += f32x16::load_array_ref(cpu, &tables.even[k]) * (a + b);
        odd += f32x16::load_array_ref(cpu, &tables.odd[k]) * (a - b);
    }
    let (even, odd) = (even.to_array(), odd.to_array());
    let mut sums = [0.0; SUBBANDS];
    for (pair, (even, odd)) in sums.as_chunks_mut().0.iter_mut().zip(even.into_iter().zip(odd)) {
        *pair = [even, odd];
    }
    let mut values = [0.0; VALUES];
    values[..HALF].copy_from_slice(&sums[HALF..]);
    for i in 1..SUBBANDS {
        values[HALF + i] = -sums[SUBBANDS - i];
    }
    for i in 0..HALF {
        values[HALF + SUBBANDS + i] = -sums[i];
    }
    values
}
