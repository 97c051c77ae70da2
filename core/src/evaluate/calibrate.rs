//! From an evaluation to a profile: how often placements of a confidence are right on these calls.

use serde_json::{Map, Value};

use crate::config::Profile;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;
use crate::report::rounded;

use super::SCHEMA_VERSION;
use super::tally::{ConfidenceBin, Evaluation};

/// Fewer placements than this say too little for a fit. With 50, a share is known to 0.13 on either
/// side (Wilson's 95 % interval of a half), half of the largest error of confidence that was
/// measured on made calls (31 % said, 58 % right; `core/docs/evaluate.md`).
const MIN_PLACEMENTS: u64 = 50;
/// What was said counts for as much as so many placements, so that a bin of few says little. Four
/// are what the centre of a 95 % interval adds to a share (Agresti, Coull, "Approximate is better
/// than 'exact' for interval estimation of binomial proportions", The American Statistician 52,
/// 1998).
const PRIOR_PLACEMENTS: f64 = 4.0;

/// A profile whose map of confidence is fitted to an evaluation: the rising map that is nearest to
/// the shares that were right (pool adjacent violators; Ayer et al., "An empirical distribution
/// function for sampling with incomplete information", 1955), each drawn a little to what was said.
///
/// # Errors
/// `invalid_argument` for an evaluation of fewer than 50 placements or of a configuration that has
/// a map already.
pub fn calibrate(name: impl Into<String>, evaluation: &Evaluation) -> Result<Profile> {
    if evaluation.calibrated {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "calibrated already").with_mismatch(
            "an evaluation by a configuration with a map of confidence",
            "one without: a map fitted over another would be applied twice",
        ));
    }
    let counts = evaluation.confidence_fine.iter().map(|bin| bin.right.of);
    let placements = counts.fold(0, u64::saturating_add);
    if placements < MIN_PLACEMENTS {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "too little to calibrate by").with_mismatch(
            format!("{placements} placements"),
            format!("at least {MIN_PLACEMENTS}: more calls, or seeds"),
        ));
    }
    let map = json::tree(&fitted(&evaluation.confidence_fine))?;
    let config = Map::from_iter([("confidenceMap".to_owned(), map)]);
    let source = format!(
        "fitted to {placements} placements of {} calls, seed {}, by callweave {}",
        evaluation.calls.used, evaluation.seed, evaluation.library.version
    );
    Ok(Profile::new(name, config)?.with_sources(vec![source]))
}

/// Pairs of what is said and what is right, both rising.
fn fitted(bins: &[ConfidenceBin]) -> Vec<(f64, f64)> {
    // Blocks of bins: the sum of what was said, of what was right, and of the weights.
    let mut blocks: Vec<(Vec<f64>, f64, f64)> = Vec::new();
    for bin in bins {
        let weight = bin.right.of as f64 + PRIOR_PLACEMENTS;
        let right = bin.right.count as f64 + PRIOR_PLACEMENTS * bin.said;
        blocks.push((vec![bin.said], right, weight));
        while let [.., before, last] = blocks.as_mut_slice()
            && before.1 / before.2 >= last.1 / last.2
        {
            before.0.append(&mut last.0);
            (before.1, before.2) = (before.1 + last.1, before.2 + last.2);
            blocks.pop();
        }
    }
    let pairs =
        blocks.iter().flat_map(|(said, right, weight)| said.iter().map(move |&said| (said, rounded(right / weight))));
    let mut map: Vec<(f64, f64)> = Vec::new();
    for (said, right) in pairs {
        if map.last().is_none_or(|last| said > last.0) {
            map.push((said, right));
        }
    }
    map
}

impl Evaluation {
    /// Reads an evaluation.
    ///
    /// # Errors
    /// `invalid_argument` for anything else, and for one of another schema version.
    pub fn from_json(text: &str) -> Result<Self> {
        let refused = || Error::new(ErrorKind::InvalidArgument, Stage::Config, "not an evaluation");
        let unread = |e: serde_json::Error| refused().with_mismatch(&e, "as `evaluate` writes it").caused_by(e);
        let value: Value = serde_json::from_str(text).map_err(unread)?;
        let version = value.get("schemaVersion");
        if version.and_then(Value::as_u64) != Some(u64::from(SCHEMA_VERSION)) {
            let found = version.map_or_else(|| "no schemaVersion".to_owned(), |found| format!("schemaVersion {found}"));
            return Err(refused().with_mismatch(found, format!("schemaVersion {SCHEMA_VERSION}")));
        }
        serde_json::from_value(value).map_err(unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Share;
    use proptest::prelude::*;

    fn bin(said: f64, count: u64, of: u64) -> ConfidenceBin {
        ConfidenceBin { from: said, to: said, said, right: Share::new(count, of) }
    }

    #[test]
    fn a_map_follows_what_was_right_and_never_falls() {
        let map = fitted(&[bin(0.3, 20, 100), bin(0.6, 90, 100), bin(0.7, 60, 100), bin(0.97, 950, 1000)]);
        assert_eq!(map.iter().map(|pair| pair.0).collect::<Vec<_>>(), [0.3, 0.6, 0.7, 0.97]);
        assert!((map[0].1 - 0.204).abs() < 0.001, "20 of 100, drawn a little to 0.3: {map:?}");
        assert_eq!(map[1].1, map[2].1, "what falls is pooled");
        assert!((map[3].1 - 0.95).abs() < 0.001, "{map:?}");
        assert!((fitted(&[bin(0.9, 0, 1)])[0].1 - 0.72).abs() < 1e-9, "one placement says little");
    }

    proptest! {
        #[test]
        fn any_counts_make_a_valid_profile(counts in prop::collection::vec((0.0f64..1.0, 0u64..50, 0u64..50), 1..15)) {
            let mut bins: Vec<ConfidenceBin> = counts.iter().map(|&(said, a, b)| bin(said, a.min(b), a.max(b))).collect();
            bins.sort_by(|a, b| a.said.total_cmp(&b.said));
            let config = Map::from_iter([("confidenceMap".to_owned(), json::tree(&fitted(&bins)).unwrap())]);
            prop_assert!(Profile::new("any", config).is_ok());
        }
    }
}
