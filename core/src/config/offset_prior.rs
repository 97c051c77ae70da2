//! How far apart the recorders of two parties start, as measured.

use serde::{Deserialize, Serialize};

use crate::call::Role;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Millis;

/// How much later the recording of one party starts than that of another, as measured on calls of
/// one recorder.
///
/// ```
/// use callweave::Role;
/// use callweave::config::{AlignOptions, OffsetPrior};
/// use callweave::units::Millis;
///
/// let prior = OffsetPrior::new(Role::Customer, Role::Agent, Millis(850.0), Millis(120.0), 40);
/// let align = AlignOptions::default().with_offset_prior(Some(prior));
/// assert_eq!(align.offset_prior.unwrap().mean, Millis(850.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OffsetPrior {
    /// The party whose recording starts later, if the mean is positive.
    pub of: Role,
    /// The party after whose recording it starts.
    pub after: Role,
    /// The mean of the time between the two starts.
    #[serde(rename = "meanMs")]
    pub mean: Millis,
    /// Its standard deviation.
    #[serde(rename = "spreadMs")]
    pub spread: Millis,
    /// The number of calls on which both were measured.
    pub calls: u32,
}

impl OffsetPrior {
    /// The parties that have a recording of their own.
    const PARTIES: [Role; 4] = [Role::Customer, Role::Agent, Role::Transfer, Role::Participant];
    /// The largest mean and spread: the longest search for a placement.
    const MAX: f64 = 3_600_000.0;

    /// Creates a prior for the start of `of` relative to that of `after`.
    pub const fn new(of: Role, after: Role, mean: Millis, spread: Millis, calls: u32) -> Self {
        Self { of, after, mean, spread, calls }
    }

    /// Checks the values.
    pub(super) fn validate(&self) -> Result<()> {
        let refuse = |field: &str, found: String, expected: &str| {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, format!("align.offsetPrior.{field}"));
            Err(error.with_mismatch(found, expected))
        };
        for (field, role) in [("of", self.of), ("after", self.after)] {
            if !Self::PARTIES.contains(&role) {
                return refuse(field, role.to_string(), "customer, agent, transfer or participant");
            }
        }
        if self.of == self.after {
            return refuse("after", self.after.to_string(), "another party than `of`");
        }
        if !(-Self::MAX..=Self::MAX).contains(&self.mean.0) {
            return refuse("meanMs", self.mean.to_string(), "within an hour");
        }
        if !(0.0..=Self::MAX).contains(&self.spread.0) {
            return refuse("spreadMs", self.spread.to_string(), "0 ms to an hour");
        }
        // The spread of one call is not known.
        if self.calls < 2 { refuse("calls", self.calls.to_string(), "2 or more") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_prior_is_read_written_and_checked() {
        let read = |prior: &str| Config::from_json(&format!(r#"{{"align": {{"offsetPrior": {prior}}}}}"#));
        let good = r#"{"of": "customer", "after": "agent", "meanMs": 850, "spreadMs": 120, "calls": 40}"#;
        let config = read(good).unwrap();
        let told: serde_json::Value = serde_json::from_str(good).unwrap();
        assert_eq!(config.changes().unwrap()["align"]["offsetPrior"], told);
        assert_eq!(Config::from_json(&serde_json::to_string(&config).unwrap()).unwrap(), config);
        assert!(!serde_json::to_string(&Config::default()).unwrap().contains("offsetPrior"), "nothing where none is");
        for (from, to, said) in [
            ("\"customer\"", "\"mixed\"", "align.offsetPrior.of: found mixed"),
            ("\"customer\"", "\"agent\"", "another party than `of`"),
            ("850", "-3600001", "align.offsetPrior.meanMs"),
            ("120", "-1", "align.offsetPrior.spreadMs"),
            ("40", "1", "align.offsetPrior.calls: found 1, expected 2 or more"),
            (", \"calls\": 40", "", "calls"),
            ("\"of\"", "\"from\"", "from"),
        ] {
            let error = read(&good.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let profile = format!(r#"{{"name": "trunk", "config": {{"align": {{"offsetPrior": {good}}}}}}}"#);
        let none = Config::from_json(&format!(r#"{{"profile": {profile}, "align": {{"offsetPrior": null}}}}"#));
        assert!(none.unwrap_err().to_string().contains("none over a profile's"));
    }
}
