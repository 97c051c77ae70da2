//! Finds the n-th smallest of many numbers without copying them.

/// Returns the value below which `below` of the numbers lie, or `None` if there are not as many.
///
/// The numbers are given as bits in their order, like those of non-negative floats. Each pass
/// counts 16 bits, the highest of `digits` first, among the numbers that share the bits already
/// known. As soon as few enough share them, they are copied. It needs half a megabyte, however many
/// numbers there are.
pub(crate) fn smallest<I: Iterator<Item = u64>>(values: impl Fn() -> I, digits: u32, mut below: usize) -> Option<u64> {
    let mut known = 0;
    let mut counts = vec![0usize; COUNTS];
    for digit in (0..digits).rev() {
        counts.fill(0);
        let of = values().map(|bits| bits >> (16 * digit)).filter(|bits| bits >> 16 == known);
        of.for_each(|bits| counts[usize::from(bits as u16)] += 1);
        let found = counts.iter().position(|&count| {
            let here = below < count;
            below -= if here { 0 } else { count };
            here
        })?;
        known = known << 16 | found as u64;
        if counts[found] <= COUNTS {
            drop(counts);
            let mut few = Vec::new();
            values().filter(|bits| bits >> (16 * digit) == known).for_each(|bits| few.push(bits));
            return Some(*few.select_nth_unstable(below).1);
        }
    }
    Some(known)
}

/// Numbers that one pass counts, and most numbers that are copied.
const COUNTS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_are_found_without_sorting() {
        let values: Vec<f32> = (1..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 * 1e-7).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f32::total_cmp);
        let narrow = |below| smallest(|| values.iter().map(|v| u64::from(v.to_bits())), 2, below);
        let wide = |below| smallest(|| values.iter().map(|&v| f64::from(v).sqrt().to_bits()), 4, below);
        for below in [0, 1, 399, 2000, 3998] {
            assert_eq!(narrow(below), Some(u64::from(sorted[below].to_bits())), "{below}");
            assert_eq!(wide(below), Some(f64::from(sorted[below]).sqrt().to_bits()), "{below}");
        }
        assert_eq!((narrow(3999), wide(3999)), (None, None));
        assert_eq!(smallest(|| [7; 9].into_iter(), 1, 8), Some(7));
        // More equal numbers than are copied.
        let many = |below| smallest(|| std::iter::repeat_n(7 << 16 | 7, 70_000).chain([1 << 20]), 4, below);
        assert_eq!([0, 69_999, 70_000, 70_001].map(many), [Some(7 << 16 | 7), Some(7 << 16 | 7), Some(1 << 20), None]);
    }
}
