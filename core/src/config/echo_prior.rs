//! How late the echo of a trunk comes back, as measured.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Millis;

/// Which echo the calls of one trunk have: how much of it is near, and how late far echo comes.
///
/// ```
/// use callweave::config::{AlignOptions, EchoPrior};
/// use callweave::units::Millis;
///
/// let mobile = EchoPrior::new(0.1).with_far(Millis(420.0), Millis(60.0));
/// let align = AlignOptions::default().with_echo_prior(Some(mobile));
/// assert_eq!(align.echo_prior.unwrap().far, Some(Millis(420.0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EchoPrior {
    /// Share of echoes that are near: from a hybrid, a side tone or a loudspeaker. The others come
    /// from the other party's phone.
    pub near_share: f64,
    /// The mean delay of far echo. `None` for anything from 100 to 750 ms.
    #[serde(rename = "farMs", default, skip_serializing_if = "Option::is_none")]
    pub far: Option<Millis>,
    /// Its standard deviation from call to call.
    #[serde(rename = "farSpreadMs", default, skip_serializing_if = "Option::is_none")]
    pub far_spread: Option<Millis>,
}

impl EchoPrior {
    /// The shortest and the longest delay of far echo in milliseconds: a far echo begins at 100 ms
    /// (`align::path`), and a second is the longest that the bleed gate looks for.
    const FAR: (f64, f64) = (100.0, 1_000.0);

    /// Creates a prior with a share of near echo.
    pub const fn new(near_share: f64) -> Self {
        Self { near_share, far: None, far_spread: None }
    }

    /// The same with the delay of far echo, and its spread.
    #[must_use]
    pub const fn with_far(self, delay: Millis, spread: Millis) -> Self {
        Self { far: Some(delay), far_spread: Some(spread), ..self }
    }

    /// Checks the values.
    pub(super) fn validate(&self) -> Result<()> {
        let refuse = |field: &str, found: String, expected: &str| {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, format!("align.echoPrior.{field}"));
            Err(error.with_mismatch(found, expected))
        };
        let (from, to) = Self::FAR;
        if !(0.0..=1.0).contains(&self.near_share) {
            return refuse("nearShare", self.near_share.to_string(), "0 to 1");
        }
        match (self.far, self.far_spread) {
            (None, None) => Ok(()),
            (Some(_), None) => refuse("farSpreadMs", "none".into(), "a spread beside farMs"),
            (None, Some(_)) => refuse("farMs", "none".into(), "a delay beside farSpreadMs"),
            (Some(far), _) if !(from..=to).contains(&far.0) => refuse("farMs", far.to_string(), "100 ms to 1 s"),
            (_, Some(spread)) if !(0.0..=to).contains(&spread.0) => {
                refuse("farSpreadMs", spread.to_string(), "0 ms to 1 s")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Profile};

    #[test]
    fn a_prior_is_read_written_and_checked() {
        let read = |prior: &str| Config::from_json(&format!(r#"{{"align": {{"echoPrior": {prior}}}}}"#));
        let good = r#"{"nearShare": 0.25, "farMs": 420, "farSpreadMs": 60}"#;
        for written in [good, r#"{"nearShare": 0.5}"#] {
            let config = read(written).unwrap();
            let told: serde_json::Value = serde_json::from_str(written).unwrap();
            assert_eq!(config.changes().unwrap()["align"]["echoPrior"], told);
            assert_eq!(Config::from_json(&serde_json::to_string(&config).unwrap()).unwrap(), config);
            assert_ne!(config.hash().unwrap(), Config::default().hash().unwrap());
        }
        assert!(!serde_json::to_string(&Config::default()).unwrap().contains("echoPrior"), "nothing where none is");
        for (from, to, said) in [
            ("0.25", "1.5", "align.echoPrior.nearShare: found 1.5, expected 0 to 1"),
            ("420", "40", "align.echoPrior.farMs: found 40 ms, expected 100 ms to 1 s"),
            ("420", "1e300", "align.echoPrior.farMs"),
            ("420", "null", "align.echoPrior.farMs: found none"),
            ("60", "-1", "align.echoPrior.farSpreadMs: found -1 ms"),
            (", \"farSpreadMs\": 60", "", "align.echoPrior.farSpreadMs: found none"),
            ("\"nearShare\": 0.25, ", "", "nearShare"),
            ("farMs", "far", "far"),
        ] {
            let error = read(&good.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let profile = format!(r#"{{"name": "trunk", "config": {{"align": {{"echoPrior": {good}}}}}}}"#);
        let of_profile = Profile::from_json(&profile).unwrap().config().unwrap();
        assert_eq!(of_profile.align.echo_prior, read(good).unwrap().align.echo_prior);
        let none = Config::from_json(&format!(r#"{{"profile": {profile}, "align": {{"echoPrior": null}}}}"#));
        assert!(none.unwrap_err().to_string().contains("align.echoPrior: found none over a profile's"));
    }
}
