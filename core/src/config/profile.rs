//! Profiles: what is known about a trunk or a recorder under one name, such as the party on each
//! channel and the settings that differ from the defaults.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::call::{Direction, Role};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::json;

use super::nearest::nearest;
use super::presets::PRESETS;
use super::{Config, hex};

/// A named bundle of configuration for the calls of one trunk or recorder.
///
/// ```
/// use callweave::config::Profile;
/// use callweave::{Direction, Role};
///
/// let profile = Profile::preset("vicidial")?;
/// assert_eq!(profile.roles(Some(Direction::In)), [Role::Agent, Role::Customer]);
/// let config = profile.config()?;
/// assert_eq!(config.profile.unwrap().name(), "vicidial");
/// # Ok::<(), callweave::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    name: String,
    sources: Vec<String>,
    channels: Vec<String>,
    config: Map<String, Value>,
}

/// A profile as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WholeProfile {
    name: String,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    config: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Self::of_value(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Profile {
    /// Creates a profile from a name and differences from the default configuration.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an invalid configuration.
    pub fn new(name: impl Into<String>, config: Map<String, Value>) -> Result<Self> {
        Self { name: name.into(), config, ..Self::default() }.checked()
    }

    /// Parses a profile from JSON: an object with `name`, and optionally `channels`, `config` and
    /// `sources`.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) with the invalid field.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::of_value(serde_json::from_str(text).map_err(not_a_profile)?)
    }

    /// A profile as it is written: by the name of a preset, or whole.
    ///
    /// # Errors
    /// As [`Profile::from_json`].
    pub(crate) fn of_value(value: Value) -> Result<Self> {
        match value {
            Value::String(name) => Self::preset(&name),
            value => {
                let whole = serde_json::from_value(value).map_err(not_a_profile)?;
                let WholeProfile { name, sources, channels, config } = whole;
                Self { name, sources, channels, config }.checked()
            }
        }
    }

    /// Returns the profile as JSON.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if serialization fails, which is a defect.
    pub fn to_json(&self) -> Result<String> {
        json::text(self)
    }

    /// A profile that comes with callweave.
    ///
    /// # Errors
    /// `invalid_argument` with the names there are, and the one that was most likely meant.
    pub fn preset(name: &str) -> Result<Self> {
        let found = PRESETS.iter().find(|preset| preset.name == name);
        let preset = found.ok_or_else(|| unknown("no such profile", name, Self::presets()))?;
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        let (name, config) = (name.to_owned(), Map::new());
        Ok(Self { name, sources: texts(preset.sources), channels: texts(preset.channels), config })
    }

    /// Returns the names of the built-in profiles.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|preset| preset.name)
    }

    /// The profile's name, as in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sources of its statements, or the data to which it was fitted.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// The same with other sources.
    #[must_use]
    pub fn with_sources(self, sources: Vec<String>) -> Self {
        Self { sources, ..self }
    }

    /// The role on each channel of a recording with this many channels. `caller` and `callee`
    /// become customer or agent by the call's direction. Empty if unknown.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// The same with other parties on the channels of a recording.
    ///
    /// ```
    /// use callweave::Role;
    /// use callweave::config::Profile;
    ///
    /// let profile = Profile::new("trunk", serde_json::Map::new())?.with_channels(["agent", "customer"])?;
    /// assert_eq!(profile.roles(None), [Role::Agent, Role::Customer]);
    /// # Ok::<(), callweave::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_argument` for what is no role, `caller` or `callee`.
    pub fn with_channels(self, channels: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        Self { channels: channels.into_iter().map(Into::into).collect(), ..self }.checked()
    }

    /// Differences from the default configuration.
    pub fn changes(&self) -> &Map<String, Value> {
        &self.config
    }

    /// Returns the SHA-256 of the profile in hexadecimal.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if serialization fails, which is a defect.
    pub fn hash(&self) -> Result<String> {
        Ok(hex(&Sha256::digest(self.to_json()?)))
    }

    /// Returns the default configuration with the profile's changes.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an invalid configuration.
    pub fn config(&self) -> Result<Config> {
        self.under(&Config::default())
    }

    /// Returns the profile's configuration with the changes of another on top. A field with its
    /// default value counts as unchanged; in [`Config::from_json`], what is given is a change.
    ///
    /// # Errors
    /// Those of [`Profile::config`], and `invalid_argument` for a configuration that has another
    /// profile.
    pub fn under(&self, config: &Config) -> Result<Config> {
        match &config.profile {
            Some(profile) => self.refuse_another(profile).map(|()| config.clone()),
            None => match config.changes()? {
                Value::Object(changes) => self.merged(changes),
                _ => Ok(config.clone()),
            },
        }
    }

    /// Refuses a configuration's profile that is not this one: a blend of two is neither.
    pub(super) fn refuse_another(&self, profile: &Self) -> Result<()> {
        if self == profile {
            return Ok(());
        }
        let found = match (self.name(), profile.name()) {
            (name, other) if name == other => format!("two that are both named {name} and differ"),
            (name, other) => format!("{name}, and {other} of the configuration"),
        };
        Err(refused("two profiles").with_mismatch(found, "one of them"))
    }

    /// Returns the profile's configuration with other fields on top.
    pub(super) fn merged(&self, mut fields: Map<String, Value>) -> Result<Config> {
        fields.remove("profile");
        let mut merged = self.config.clone();
        lay_over(&mut merged, fields);
        let config = Config { profile: Some(self.clone()), ..super::of_fields(merged)? };
        config.validate()?;
        Ok(config)
    }

    /// Whether the profile has a map of confidence.
    pub(super) fn has_confidence_map(&self) -> bool {
        self.config.get("confidenceMap").and_then(Value::as_array).is_some_and(|map| !map.is_empty())
    }

    /// Whether the profile sets a field of a part of the configuration to a value that is not
    /// null.
    pub(super) fn has(&self, part: &str, field: &str) -> bool {
        self.config.get(part).and_then(|part| part.get(field)).is_some_and(|value| !value.is_null())
    }

    /// Returns the roles on the channels of a recording, or none if they are unknown.
    pub fn roles(&self, direction: Option<Direction>) -> Vec<Role> {
        let role = |name: &String| Role::parse(name, direction).unwrap_or_default();
        self.channels.iter().map(role).collect()
    }

    /// Checks that the profile is valid.
    fn checked(self) -> Result<Self> {
        if self.name.trim().is_empty() {
            return Err(refused("a profile without a name"));
        }
        if let Some(name) = ["profile", "mix"].into_iter().find(|&name| self.config.contains_key(name)) {
            return Err(refused("a profile's configuration").with_mismatch(name, "how calls are read and heard alone"));
        }
        if let Some(name) = self.channels.iter().find(|name| Role::parse(name, None).is_none()) {
            let names = Role::ALL.iter().map(|role| role.name()).chain(["caller", "callee"]);
            return Err(unknown("no such party of a channel", name, names));
        }
        self.merged(Map::new()).map(|_| self)
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Config, why)
}

fn not_a_profile(error: serde_json::Error) -> Error {
    refused("not a profile").with_mismatch(&error, "the name of a preset, or an object with a name").caused_by(error)
}

/// The refusal of a name that is none of a list, with the one that was most likely meant.
fn unknown(why: &str, name: &str, known: impl Iterator<Item = &'static str>) -> Error {
    let known: Vec<&str> = known.collect();
    let meant = nearest(name, known.iter().copied()).map(|meant| format!("; did you mean `{meant}`?"));
    let expected = format!("one of {}{}", known.join(", "), meant.unwrap_or_default());
    refused(why).with_mismatch(format!("`{name}`"), expected)
}

/// Puts fields on top of others, object by object.
fn lay_over(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Object(under)), Value::Object(over)) => lay_over(under, over),
            (_, value) => _ = under.insert(name, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Millis;

    #[test]
    fn every_preset_is_a_profile_with_sources() {
        for name in Profile::presets() {
            let profile = Profile::preset(name).unwrap().checked().unwrap();
            assert!(profile.sources.iter().all(|source| source.starts_with("https://")), "{name}");
            assert!(!profile.sources.is_empty() && profile.channels.len() == 2, "{name}");
            assert_eq!(Profile::from_json(&profile.to_json().unwrap()).unwrap(), profile);
        }
        let meant = Profile::preset("freswitch").unwrap_err().to_string();
        assert_eq!(
            meant,
            "config: no such profile: found `freswitch`, expected one of twilio-conference, vicidial, freeswitch, \
             genesys-audiohook; \
             did you mean `freeswitch`?"
        );
        assert!(!Profile::preset("none").unwrap_err().to_string().contains("mean"));
    }

    #[test]
    fn the_callers_choice_goes_before_the_profiles_and_that_before_the_default() {
        let json = r#"{"profile": {"name": "trunk", "config": {"speech": {"threshold": 0.6, "minSpeechMs": 200}}},
                       "speech": {"threshold": 0.7}}"#;
        let config = Config::from_json(json).unwrap();
        assert_eq!((config.speech.threshold, config.speech.min_speech_ms), (0.7, Millis(200.0)));
        assert_eq!(config.profile.as_ref().unwrap().name, "trunk");
        let again = Config::from_json(&serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config, "a configuration that was written reads back");
        let named = Config::from_json(r#"{"profile": "vicidial"}"#).unwrap();
        assert_ne!(named.hash().unwrap(), Config::default().hash().unwrap());
    }

    #[test]
    fn a_given_field_that_equals_the_default_goes_before_the_profiles() {
        let trunk = r#"{"name": "trunk", "config": {"speech": {"threshold": 0.6}, "voices": false,
                        "confidenceMap": [[0.5, 0.4]]}}"#;
        let given = r#""speech": {"threshold": 0.5}, "voices": true, "confidenceMap": [[0, 0], [1, 1]]"#;
        let profile = Profile::from_json(trunk).unwrap();
        let within = Config::from_json(&format!(r#"{{"profile": {trunk}, {given}}}"#)).unwrap();
        let beside = Config::from_json_over(&format!("{{{given}}}"), Some(profile.clone())).unwrap();
        for config in [&within, &beside] {
            assert_eq!((config.speech.threshold, config.voices, config.confidence_map.len()), (0.5, true, 2));
            let again = Config::from_json(&serde_json::to_string(config).unwrap()).unwrap();
            assert_eq!(&again, config, "a configuration that was written reads back");
            assert_eq!(&profile.under(config).unwrap(), config, "the profile that it has changes nothing again");
        }
        let none = Config::from_json_over(r#"{"confidenceMap": []}"#, Some(profile.clone())).unwrap_err();
        assert!(none.to_string().contains("[[0, 0], [1, 1]]"), "written, it would be as not given: {none}");
        let unsaid = Config::from_json_over("{}", Some(profile)).unwrap();
        assert_eq!((unsaid.speech.threshold, unsaid.voices, unsaid.confidence_map.len()), (0.6, false, 1));
    }

    #[test]
    fn two_profiles_are_refused() {
        let vicidial = Profile::preset("vicidial").unwrap();
        let trunk = Profile::from_json(r#"{"name": "trunk", "config": {"voices": false}}"#).unwrap();
        let named = format!(r#"{{"profile": {}}}"#, trunk.to_json().unwrap());
        let same_name = Profile::new("trunk", Map::new()).unwrap();
        for (beside, said) in [(vicidial, "vicidial, and trunk of the configuration"), (same_name, "both named trunk")]
        {
            let error = Config::from_json_over(&named, Some(beside.clone())).unwrap_err();
            assert!(error.kind() == ErrorKind::InvalidArgument && error.to_string().contains(said), "{error}");
            let under = beside.under(&trunk.config().unwrap()).unwrap_err();
            assert_eq!(under.to_string(), error.to_string());
        }
        assert_eq!(Config::from_json_over(&named, Some(trunk.clone())).unwrap(), trunk.config().unwrap());
    }

    #[test]
    fn nonsense_is_refused() {
        for (json, said) in [
            (r#"{"name": " "}"#, "without a name"),
            (r#"{"name": "a", "config": {"mix": {}}}"#, "mix"),
            (r#"{"name": "a", "config": {"speach": {}}}"#, "speech"),
            (r#"{"name": "a", "config": {"speech": {"threshold": 7}}}"#, "speech.threshold"),
            (r#"{"name": "a", "channels": ["boss"]}"#, "boss"),
            (r#"{"name": "a", "chanels": []}"#, "not a profile"),
            (r#""none""#, "none"),
            (r#"{"name": "a", "config": {"speech": 7}}"#, "SpeechConfig"),
            (r#"{"name": "a", "config": 7}"#, "not a profile"),
        ] {
            let error = Profile::from_json(json).unwrap_err().to_string();
            assert!(error.contains(said), "{json}: {error}");
            let whole = Config::from_json(&format!(r#"{{"profile": {json}}}"#)).unwrap_err().to_string();
            assert_eq!((whole.as_str(), whole.matches("config: ").count()), (error.as_str(), 1), "said once");
        }
        assert!(Config::from_json(r#"{"profile": "none"}"#).is_err());
    }
}
