//! Determines whether a track is at its noise level, from what has arrived of it so far.

/// Number of levels, 1 dB each, down from full scale.
const BINS: usize = 101;
/// The noise is the 10th percentile of the frames, without digital silence.
const TENTH: u64 = 10;
/// Distance above its noise from which a track is loud, and level below which the noise does not
/// matter, in decibels; the same as for silences in a report.
const ABOVE_NOISE_DB: f64 = 9.0;
const FAINT_DB: f64 = -60.0;

/// Follows the noise level of a track, frame by frame.
#[derive(Debug)]
pub(super) struct NoiseFloor {
    counts: [u64; BINS],
    all: u64,
    /// Start of its silence, or `None` while it is loud.
    quiet: Option<f64>,
    /// End of the last frame, and whether it was loud.
    last: (f64, bool),
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self { counts: [0; BINS], all: 0, quiet: Some(0.0), last: (0.0, false) }
    }
}

impl NoiseFloor {
    /// Takes the mean square of the frame that ends at a time. Returns a change, if there is one:
    /// `Some(None)` if the track is now loud, `Some(Some(since))` if it is silent. A single loud
    /// frame is a click.
    pub fn push(&mut self, power: f32, now: f64) -> Option<Option<f64>> {
        let db = 10.0 * f64::from(power).log10();
        if power > 0.0 {
            let bin = (-db).clamp(0.0, (BINS - 1) as f64) as usize;
            self.counts[bin] += 1;
            self.all += 1;
        }
        let loud = power > 0.0 && db > (self.noise_db() + ABOVE_NOISE_DB).max(FAINT_DB);
        let before = std::mem::replace(&mut self.last, (now, loud));
        match (self.quiet, loud) {
            (Some(_), true) if before.1 => {
                self.quiet = None;
                Some(None)
            }
            (None, false) => {
                self.quiet = Some(before.0);
                Some(Some(before.0))
            }
            _ => None,
        }
    }

    /// Returns the level below which a tenth of the frames lie.
    fn noise_db(&self) -> f64 {
        let mut left = self.all / TENTH;
        for (bin, &count) in self.counts.iter().enumerate().rev() {
            if left < count {
                return -(bin as f64);
            }
            left -= count;
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_over_noise_is_loud_and_a_click_is_not() {
        let mut floor = NoiseFloor::default();
        let mut changes = Vec::new();
        for frame in 0..300 {
            let loud = (100..150).contains(&frame) || frame == 200;
            let power = if loud { 1e-3 } else { 1e-5 };
            changes.extend(floor.push(power, (frame + 1) as f64).map(|change| (frame, change)));
        }
        // Whoever hears nothing but noise at first cannot know that it is noise.
        let later: Vec<_> = changes.into_iter().filter(|change| change.0 > 20).collect();
        assert_eq!(later, [(101, None), (150, Some(150.0))]);
    }

    #[test]
    fn digital_silence_is_quiet_and_says_nothing_of_the_noise() {
        let mut floor = NoiseFloor::default();
        assert!((0..1_000).all(|frame| floor.push(0.0, frame as f64).is_none()));
        assert_eq!(floor.all, 0);
    }
}
