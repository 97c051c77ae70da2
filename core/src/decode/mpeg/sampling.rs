//! Which samples a decoder of layer III makes: all, or every second one from the lower half of the
//! subbands.

/// The samples of a granule that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sampling {
    #[default]
    All,
    /// Those at even positions.
    Even,
    /// Those at odd positions.
    Odd,
}

impl Sampling {
    /// Returns every second sample, among them the one at a position.
    pub(super) fn second(position: u64) -> Self {
        if position.is_multiple_of(2) { Self::Even } else { Self::Odd }
    }

    /// Returns how many of an even number of samples are made.
    pub(super) fn count(self, samples: usize) -> usize {
        if self == Self::All { samples } else { samples / 2 }
    }

    /// Returns how many samples are made before a position.
    pub(super) fn before(self, position: u64) -> u64 {
        match self {
            Self::All => position,
            Self::Even => position.div_ceil(2),
            Self::Odd => position / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_before_a_position_are_counted() {
        for position in 0..40 {
            for (sampling, made) in [
                (Sampling::All, (0..position).count()),
                (Sampling::Even, (0..position).filter(|at| at % 2 == 0).count()),
                (Sampling::Odd, (0..position).filter(|at| at % 2 == 1).count()),
            ] {
                assert_eq!(sampling.before(position), made as u64, "{sampling:?} {position}");
            }
            // The sample at the position is made.
            let second = Sampling::second(position);
            assert_eq!(second.before(position + 1), second.before(position) + 1);
        }
        assert_eq!((Sampling::All.count(576), Sampling::Odd.count(576)), (576, 288));
    }
}
