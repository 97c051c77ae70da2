//! Converts a granule's lines to the samples of 32 subbands: ISO/IEC 11172-3 2.4.3.4.10.
//!
//! All subbands are transformed in parallel by the same steps. There are no fused operations and
//! every sum has a fixed order, so the samples are the same on any machine.

use std::sync::LazyLock;

use fearless_simd::{Simd, SimdBase, f32x16};

use super::bands::{FIRST_MIXED, ScaleBands};
use super::side::{LINES, WindowKind};
use super::turn::{cosine, sine};

/// Number of subbands, and samples per subband in a granule.
pub(super) const SUBBANDS: usize = 32;
pub(super) const SLOTS: usize = 18;
/// Samples by time slot, then subband. Before the transform: lines by index in their subband.
pub(super) type SubbandRows = [[f32; SUBBANDS]; SLOTS];

/// Subbands per SIMD vector.
const SIDE: usize = 16;
/// Lines of a mixed block with long windows.
const MIXED_LINES: usize = 36;
/// Samples of one window of a short block.
const SHORT: usize = 12;

/// Twiddle factors (cosine and sine) of each frequency.
type Turns = [(f32, f32); SLOTS / 2];

static TABLES: LazyLock<HybridTables> = LazyLock::new(HybridTables::new);

/// Constant factors.
struct HybridTables {
    /// Alias reduction butterflies: cs and ca (table B.9).
    alias: [(f32, f32); 8],
    before: Turns,
    after: Turns,
    /// Cosines and sines of ninths of a turn.
    ninths: Turns,
    /// Windows of long blocks: normal, start and stop.
    windows: [[f32; 2 * SLOTS]; 3],
    /// Transform of a short block, including its window.
    short: [[f32; SHORT / 2]; SHORT],
}

impl HybridTables {
    fn new() -> Self {
        const C: [f64; 8] = [-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037];
        let turns = |place: &dyn Fn(usize) -> (usize, usize)| {
            std::array::from_fn(|n| {
                let (k, of) = place(n);
                (cosine(k, of) as f32, sine(k, of) as f32)
            })
        };
        let half_sine = |i: usize, length: usize| sine(2 * i + 1, 4 * length) as f32;
        let (long, short) = (|i| half_sine(i, 2 * SLOTS), |i| half_sine(i, SHORT));
        let start = |i: usize| match i {
            0..18 => long(i),
            18..24 => 1.0,
            24..30 => short(i - 18),
            _ => 0.0,
        };
        Self {
            alias: C.map(|c| {
                let size = (1.0 + c * c).sqrt();
                ((1.0 / size) as f32, (c / size) as f32)
            }),
            before: turns(&|n| (4 * n + 1, 144)),
            after: turns(&|n| (4 * n, 144)),
            ninths: turns(&|n| (8 * n, 72)),
            windows: [
                std::array::from_fn(long),
                std::array::from_fn(start),
                std::array::from_fn(|i| start(2 * SLOTS - 1 - i)),
            ],
            short: std::array::from_fn(|i| {
                std::array::from_fn(|k| (cosine((2 * i + 7) * (2 * k + 1), 48) * sine(2 * i + 1, 48)) as f32)
            }),
        }
    }

    fn window(&self, kind: WindowKind) -> &[f32; 2 * SLOTS] {
        match kind {
            WindowKind::Start { .. } => &self.windows[1],
            WindowKind::Stop { .. } => &self.windows[2],
            _ => &self.windows[0],
        }
    }
}

/// Returns how many lines the lower subbands are made of, those that aliasing mixes in included.
pub(super) fn lines_of(subbands: usize, kind: WindowKind, bands: &ScaleBands) -> usize {
    let frequencies = subbands * SLOTS / 3;
    match kind {
        // A band of short windows is whole or not there.
        _ if kind.is_short() => 3 * bands.short.iter().find(|&&edge| edge >= frequencies).unwrap_or(&(LINES / 3)),
        _ => ((subbands + 1) * SLOTS).min(LINES),
    }
}

/// Arranges the first lines by subband. Lines of the three short windows are interleaved.
pub(super) fn arrange(
    lines: &[f32; LINES],
    until: usize,
    kind: WindowKind,
    bands: &ScaleBands,
    rows: &mut SubbandRows,
) {
    let (longs, first) = match kind {
        WindowKind::Short => (0, 0),
        WindowKind::Mixed => (MIXED_LINES, FIRST_MIXED),
        _ => (LINES, bands.short.len()),
    };
    for (subband, lines) in lines[..longs.min(until)].as_chunks::<SLOTS>().0.iter().enumerate() {
        for (row, &line) in rows.iter_mut().zip(lines) {
            row[subband] = line;
        }
    }
    for edges in bands.short.windows(2).skip(first).take_while(|edges| 3 * edges[0] < until) {
        let width = edges[1] - edges[0];
        for (window, lines) in lines[3 * edges[0]..3 * edges[1]].chunks_exact(width).enumerate() {
            for (frequency, &line) in (edges[0]..).zip(lines) {
                let place = 3 * frequency + window;
                rows[place % SLOTS][place / SLOTS] = line;
            }
        }
    }
}

/// Reduces aliasing between neighboring subbands below `until`.
#[inline(always)]
fn unalias(rows: &mut SubbandRows, until: usize) {
    let (low, high) = rows.split_at_mut(SLOTS / 2);
    for (i, &(cs, ca)) in TABLES.alias.iter().enumerate() {
        let (below, above) = (&mut high[SLOTS / 2 - 1 - i], &mut low[i]);
        for subband in 1..until.min(SUBBANDS) {
            let (under, over) = (below[subband - 1], above[subband]);
            below[subband - 1] = under * cs - over * ca;
            above[subband] = over * cs + under * ca;
        }
    }
}

/// Transforms the lower `subbands` (16 or 32) of a granule in place, and adds the overlap of the
/// previous one. `used`: number of subbands before the all-zero rest.
#[inline(always)]
pub(super) fn transform<S: Simd>(
    cpu: S,
    kind: WindowKind,
    used: usize,
    subbands: usize,
    rows: &mut SubbandRows,
    overlap: &mut SubbandRows,
) {
    let used = match kind {
        WindowKind::Short => used,
        WindowKind::Mixed => {
            unalias(rows, 2);
            used.max(2)
        }
        _ => {
            unalias(rows, used.min(subbands) + 1);
            (used + 1).min(SUBBANDS)
        }
    };
    let (mut rows, mut overlap) = (Halves(rows), Halves(overlap));
    for side in 0..subbands / SIDE {
        if side * SIDE >= used {
            rows.take_over(&mut overlap, side);
        } else if kind.is_low_long() && side == 0 {
            low_long(cpu, kind, &mut rows, &mut overlap);
        } else {
            windowed(cpu, kind, &mut rows, &mut overlap, side);
        }
    }
}

/// Accesses sixteen subbands of the rows at a time.
struct Halves<'a>(&'a mut SubbandRows);

impl Halves<'_> {
    #[inline(always)]
    fn load<S: Simd>(&self, cpu: S, row: usize, side: usize) -> f32x16<S> {
        f32x16::load_array_ref(cpu, &self.0[row].as_chunks::<SIDE>().0[side])
    }

    #[inline(always)]
    fn store<S: Simd>(&mut self, row: usize, side: usize, value: f32x16<S>) {
        value.store_array(&mut self.0[row].as_chunks_mut::<SIDE>().0[side]);
    }

    /// Handles silent subbands: outputs the overlap and clears it.
    #[inline(always)]
    fn take_over(&mut self, overlap: &mut Halves, side: usize) {
        for (slot, (row, over)) in self.0.iter_mut().zip(overlap.0.iter_mut()).enumerate() {
            let (row, over) = (&mut row[side * SIDE..][..SIDE], &mut over[side * SIDE..][..SIDE]);
            for (subband, (to, over)) in row.iter_mut().zip(over).enumerate() {
                *to = if slot % 2 == 1 && subband % 2 == 1 { -*over } else { *over };
                *over = 0.0;
            }
        }
    }

    /// Adds the previous overlap to the first half, stores the second half as the next overlap, and
    /// inverts the frequency of odd subbands.
    #[inline(always)]
    fn overlap<S: Simd>(
        &mut self,
        cpu: S,
        overlap: &mut Halves,
        side: usize,
        slot: usize,
        [now, next]: [f32x16<S>; 2],
    ) {
        let sum = now + overlap.load(cpu, slot, side);
        let signs: [f32; SIDE] = std::array::from_fn(|i| if i % 2 == 1 { -1.0 } else { 1.0 });
        let sum = if slot % 2 == 1 { sum * f32x16::load_array_ref(cpu, &signs) } else { sum };
        self.store(slot, side, sum);
        overlap.store(slot, side, next);
    }
}

#[inline(always)]
fn long<S: Simd>(cpu: S, window: &[f32; 2 * SLOTS], rows: &mut Halves, overlap: &mut Halves, side: usize) {
    let mut lines = [f32x16::splat(cpu, 0.0); SLOTS];
    for (row, line) in lines.iter_mut().enumerate() {
        *line = rows.load(cpu, row, side);
    }
    let y = cosine_transform(cpu, &lines);
    for slot in 0..SLOTS {
        let now = if slot < SLOTS / 2 { y[slot + SLOTS / 2] } else { -y[SLOTS + SLOTS / 2 - 1 - slot] };
        let next = if slot < SLOTS / 2 { -y[SLOTS / 2 - 1 - slot] } else { -y[slot - SLOTS / 2] };
        rows.overlap(cpu, overlap, side, slot, [now * window[slot], next * window[SLOTS + slot]]);
    }
}

/// Computes y(k) = Σ x(n) cos(π/18 (n + ½)(k + ½)) by a complex transform of nine points, half the
/// length, with its symmetry between points j and 9 − j.
#[inline(always)]
fn cosine_transform<S: Simd>(cpu: S, x: &[f32x16<S>; SLOTS]) -> [f32x16<S>; SLOTS] {
    const N: usize = SLOTS / 2;
    let tables = &*TABLES;
    let zero = f32x16::splat(cpu, 0.0);
    let (mut re, mut im) = ([zero; N], [zero; N]);
    for n in 0..N {
        let (a, b, (cos, sin)) = (x[2 * n], x[SLOTS - 1 - 2 * n], tables.before[n]);
        (re[n], im[n]) = (a * cos + b * sin, b * cos - a * sin);
    }
    let (mut sums, mut differences) = ([(zero, zero); 5], [(zero, zero); 5]);
    let mut first = (re[0], im[0]);
    for j in 1..5 {
        sums[j] = (re[j] + re[N - j], im[j] + im[N - j]);
        differences[j] = (re[j] - re[N - j], im[j] - im[N - j]);
        first = (first.0 + sums[j].0, first.1 + sums[j].1);
    }
    let mut y = [zero; SLOTS];
    put(&mut y, 0, tables.after[0], first);
    for k in 1..5 {
        let (mut a, mut b) = ((re[0], im[0]), (zero, zero));
        for j in 1..5 {
            let (cos, sin) = tables.ninths[j * k % N];
            a = (a.0 + sums[j].0 * cos, a.1 + sums[j].1 * cos);
            b = (b.0 + differences[j].0 * sin, b.1 + differences[j].1 * sin);
        }
        put(&mut y, k, tables.after[k], (a.0 + b.1, a.1 - b.0));
        put(&mut y, N - k, tables.after[N - k], (a.0 - b.1, a.1 + b.0));
    }
    y
}

/// Converts one frequency of the half-length transform to two of the full one.
#[inline(always)]
fn put<S: Simd>(y: &mut [f32x16<S>; SLOTS], k: usize, (cos, sin): (f32, f32), (re, im): (f32x16<S>, f32x16<S>)) {
    y[2 * k] = re * cos + im * sin;
    y[SLOTS - 1 - 2 * k] = re * sin - im * cos;
}

/// Transforms three short windows in sequence.
#[inline(always)]
fn short<S: Simd>(cpu: S, rows: &mut Halves, overlap: &mut Halves, side: usize) {
    let tables = &*TABLES;
    let mut out = [f32x16::splat(cpu, 0.0); 2 * SLOTS];
    for window in 0..3 {
        for (i, factors) in tables.short.iter().enumerate() {
            let to = &mut out[6 + 6 * window + i];
            for (k, &factor) in factors.iter().enumerate() {
                *to += rows.load(cpu, 3 * k + window, side) * factor;
            }
        }
    }
    for slot in 0..SLOTS {
        rows.overlap(cpu, overlap, side, slot, [out[slot], out[SLOTS + slot]]);
    }
}

/// Transforms sixteen subbands with their granule's window.
#[inline(always)]
fn windowed<S: Simd>(cpu: S, kind: WindowKind, rows: &mut Halves, overlap: &mut Halves, side: usize) {
    if kind.is_short() {
        short(cpu, rows, overlap, side);
    } else {
        long(cpu, TABLES.window(kind), rows, overlap, side);
    }
}

/// Transforms the lowest sixteen subbands if the lowest two keep the normal long window (2.4.2.7,
/// `mixed_block_flag`).
#[inline(always)]
fn low_long<S: Simd>(cpu: S, kind: WindowKind, rows: &mut Halves, overlap: &mut Halves) {
    let (mut now, mut next) = (*rows.0, *overlap.0);
    long(cpu, TABLES.window(WindowKind::Long), &mut Halves(&mut now), &mut Halves(&mut next), 0);
    windowed(cpu, kind, rows, overlap, 0);
    for slot in 0..SLOTS {
        rows.0[slot][..2].copy_from_slice(&now[slot][..2]);
        overlap.0[slot][..2].copy_from_slice(&next[slot][..2]);
    }
}
