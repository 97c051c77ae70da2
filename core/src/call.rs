//! The call: its direction, legs, roles and facts, and the possible outcomes and tags.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::Millis;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All values, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the value's name, as in the report.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the value with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name() == name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::error::Error;

            /// Parses a name as written in reports and configurations.
            fn from_str(name: &str) -> crate::error::Result<Self> {
                Self::from_name(name).ok_or_else(|| crate::error::unknown_name(name, Self::ALL.iter().map(|value| value.name())))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use named;

named! {
    /// Who speaks on a track.
    #[derive(Default)]
    Role {
        /// The customer.
        Customer = "customer",
        /// The agent who answered or placed the call.
        Agent = "agent",
        /// An agent to whom the call was transferred.
        Transfer = "transfer",
        /// One of several participants in a conference.
        Participant = "participant",
        /// Several parties on one track.
        Mixed = "mixed",
        /// Not known.
        #[default]
        Unknown = "unknown",
    }
}

impl Role {
    /// Returns the role's position in a mix: customer, agent, transfer, then all others.
    pub const fn order(self) -> u8 {
        match self {
            Self::Customer => 0,
            Self::Agent => 1,
            Self::Transfer => 2,
            Self::Participant | Self::Mixed | Self::Unknown => 3,
        }
    }

    /// Parses a role's name.
    ///
    /// `caller` and `callee` become customer or agent by the call's direction: for
    /// [`Direction::In`] the caller is the customer. Without a direction they have no role.
    pub fn parse(name: &str, direction: Option<Direction>) -> Option<Self> {
        match (name, direction) {
            ("caller", Some(Direction::In)) | ("callee", Some(Direction::Out)) => Some(Self::Customer),
            ("caller", Some(Direction::Out)) | ("callee", Some(Direction::In)) => Some(Self::Agent),
            ("caller" | "callee", _) => Some(Self::Unknown),
            _ => Self::from_name(name),
        }
    }
}

named! {
    /// The call's direction, seen from the contact center.
    Direction {
        /// The customer called.
        In = "in",
        /// The agent called.
        Out = "out",
        /// Both ends are extensions of the same organization.
        Internal = "internal",
    }
}

named! {
    /// What happened in a call.
    ///
    /// The rules are tried in a fixed order; see [`outcome`](crate::outcome).
    Outcome {
        /// Someone spoke and no earlier rule matched.
        Conversation = "conversation",
        /// One party never speaks while the other speaks and waits.
        SilentParty = "silent_party",
        /// One track carries no signal while the other party talks.
        OneWayAudio = "one_way_audio",
        /// One party talks without leaving room for an answer.
        Monologue = "monologue",
        /// One side speaks; the other presses keys and never speaks.
        IvrOnly = "ivr_only",
        /// A greeting is followed by a beep, or is too long for a person's; after it that side is
        /// silent.
        Voicemail = "voicemail",
        /// The line rang and nobody spoke.
        NoAnswer = "no_answer",
        /// Busy or congestion tones, and nobody spoke.
        Busy = "busy",
        /// Fax or modem tones from a party that never speaks.
        Fax = "fax",
        /// No rule matched.
        Unknown = "unknown",
    }
}

named! {
    /// The call's tag: one of the four values of the provider's API.
    Tag {
        /// An ordinary conversation.
        Normal = "normal",
        /// A conversation too short to matter.
        Short = "short",
        /// Misdialled or unsolicited.
        WrongOrSpam = "wrong_or_spam",
        /// Everything else.
        Other = "other",
    }
}

named! {
    /// The kind of a fact that the phone system reports about a call.
    FactKind {
        /// The call was answered. No conversation takes place before this.
        Answer = "answer",
        /// A party was put on hold, or put the other party on hold.
        Hold = "hold",
        /// The hold ended.
        Resume = "resume",
        /// Recording was paused.
        Pause = "pause",
        /// Recording resumed.
        Unpause = "unpause",
        /// A party was muted.
        Mute = "mute",
        /// A party was unmuted.
        Unmute = "unmute",
        /// A party consults someone else while the other waits.
        Consult = "consult",
        /// More than two parties are connected.
        Conference = "conference",
        /// A party was transferred; another leg begins.
        Transfer = "transfer",
        /// A key was pressed, signaled outside the audio (RFC 4733 or SIP INFO).
        Key = "key",
        /// The call, or one party's part of it, ended.
        Hangup = "hangup",
    }
}

impl FactKind {
    /// Returns the kind that ends this one, if it lasts.
    pub const fn ended_by(self) -> Option<Self> {
        match self {
            Self::Hold => Some(Self::Resume),
            Self::Pause => Some(Self::Unpause),
            Self::Mute => Some(Self::Unmute),
            _ => None,
        }
    }
}

/// The time of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FactTime {
    /// A calendar time.
    At(Moment),
    /// A time on the call's timeline.
    OnCall(Millis),
}

/// An event that the phone system reports about a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// What happened.
    pub kind: FactKind,
    /// The party concerned: a role, or the party of one of the tracks. `None` means the whole call.
    pub party: Option<String>,
    /// When it happened.
    pub time: FactTime,
    /// The reason, if one is given.
    pub reason: Option<String>,
    /// The key, for [`FactKind::Key`].
    pub key: Option<char>,
}

impl Fact {
    /// Creates a fact.
    pub const fn new(kind: FactKind, time: FactTime) -> Self {
        Self { kind, party: None, time, reason: None, key: None }
    }

    /// Sets the party concerned: a role, or the party of one of the tracks.
    #[must_use]
    pub fn of(mut self, party: impl Into<String>) -> Self {
        self.party = Some(party.into());
        self
    }
}

/// A calendar time with the precision of its source.
///
/// Parsed from Unix seconds or RFC 3339. Written as RFC 3339 with the offset it was read with, or
/// UTC if it had none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    unix_ms: i64,
    resolution: Millis,
    offset_s: i32,
}

impl Moment {
    /// The latest accepted second: the end of the year 9998. Providers use later times for "never".
    const LAST_S: f64 = 253_370_764_799.0;

    /// Creates a moment from Unix time in seconds. Whole seconds have a resolution of one second,
    /// fractions one of a millisecond.
    pub fn from_unix_seconds(seconds: f64) -> Option<Self> {
        let plausible = seconds.is_finite() && (0.0..=Self::LAST_S).contains(&seconds);
        plausible.then(|| Self {
            unix_ms: (seconds * 1000.0).round() as i64,
            resolution: Millis(if seconds.fract() == 0.0 { 1000.0 } else { 1.0 }),
            offset_s: 0,
        })
    }

    /// Parses RFC 3339. The resolution is a millisecond if the text has fractions of a second, else
    /// one second.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
        let offset = pieces.to_numeric_offset()?;
        let moment = jiff::civil::DateTime::from_parts(pieces.date(), pieces.time()?);
        let unix_ms = offset.to_timestamp(moment).ok()?.as_millisecond();
        let resolution = Millis(if text.contains('.') { 1.0 } else { 1000.0 });
        Some(Self { unix_ms, resolution, offset_s: offset.seconds() })
    }

    /// Sets the offset from UTC, in seconds east. The instant stays the same.
    #[must_use]
    pub fn with_offset_seconds(mut self, offset_s: i32) -> Self {
        self.offset_s = offset_s;
        self
    }

    /// Returns milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_ms(self) -> i64 {
        self.unix_ms
    }

    /// Returns the resolution: how far the true time may lie on either side.
    pub fn resolution(self) -> Millis {
        self.resolution
    }

    /// Sets the resolution to at least this, for a source known to be less precise.
    #[must_use]
    pub fn no_finer_than(mut self, resolution: Millis) -> Self {
        self.resolution = Millis(self.resolution.0.max(resolution.0));
        self
    }

    /// Formats the moment as RFC 3339 with its offset.
    pub fn to_rfc3339(self) -> String {
        let offset = jiff::tz::Offset::from_seconds(self.offset_s).unwrap_or(jiff::tz::Offset::UTC);
        match jiff::Timestamp::from_millisecond(self.unix_ms) {
            Ok(time) if self.offset_s == 0 => time.to_string(),
            Ok(time) => time.display_with_offset(offset).to_string(),
            Err(_) => String::new(),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum MomentText {
            Seconds(f64),
            Text(String),
        }
        let (moment, found) = match MomentText::deserialize(deserializer)? {
            MomentText::Seconds(s) => (Self::from_unix_seconds(s), s.to_string()),
            MomentText::Text(t) => (Self::from_rfc3339(&t), format!("\"{t}\"")),
        };
        moment.ok_or_else(|| {
            serde::de::Error::custom(format!("not a moment: found {found}, expected Unix seconds or RFC 3339"))
        })
    }
}

/// A recording's offset on the call's timeline, as given by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownOffset {
    /// Call time of the recording's first sample.
    #[serde(rename = "offsetMs")]
    pub offset: Millis,
    /// Half the width of the 90 % interval around `offset`; 0 means exact.
    #[serde(rename = "offsetUncertaintyMs")]
    pub uncertainty: Millis,
}

impl KnownOffset {
    /// The largest accepted offset and uncertainty: one day.
    const MAX: Millis = Millis(86_400_000.0);

    /// Creates an offset with its uncertainty. Returns `None` if either is out of range.
    pub fn new(offset: Millis, uncertainty: Millis) -> Option<Self> {
        let sensible = offset.0.abs() <= Self::MAX.0 && (0.0..=Self::MAX.0).contains(&uncertainty.0);
        sensible.then_some(Self { offset, uncertainty })
    }
}

/// One party's recording, as the provider describes it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leg {
    /// Who speaks.
    pub role: Role,
    /// The party's telephone number, email address or name.
    pub party: Option<String>,
    /// When the recording began.
    pub started_at: Option<Moment>,
    /// The channel that holds this leg. `None` means all channels.
    pub channel: Option<u16>,
    /// The provider's id of the recording.
    pub recording_id: Option<String>,
    /// The recording's offset on the call's timeline, if the caller knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<KnownOffset>,
}

/// What is known about a call besides its audio.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The call's id at its provider.
    pub id: Option<String>,
    /// The provider's name, lower case.
    pub provider: Option<String>,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// When the call began.
    pub started_at: Option<Moment>,
    /// What the phone system reports about the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Name of the recorder's profile: a preset, or the configuration's profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_an_unknown_one_is_told_the_known() {
        for &tag in Tag::ALL {
            assert_eq!(tag.to_string().parse::<Tag>().unwrap(), tag);
        }
        let error = "out bound".parse::<Direction>().unwrap_err();
        assert_eq!((error.found(), error.expected()), (Some("out bound"), Some("in, out or internal")));
    }

    #[test]
    fn caller_and_callee_mean_customer_and_agent_by_direction() {
        assert_eq!(Role::parse("caller", Some(Direction::In)), Some(Role::Customer));
        assert_eq!(Role::parse("callee", Some(Direction::In)), Some(Role::Agent));
        assert_eq!(Role::parse("caller", Some(Direction::Out)), Some(Role::Agent));
        assert_eq!(Role::parse("callee", None), Some(Role::Unknown));
        assert_eq!(Role::parse("boss", None), None);
    }

    #[test]
    fn moments_know_how_exact_they_are() {
        let seconds: Moment = serde_json::from_str("1608130637").unwrap();
        let text: Moment = serde_json::from_str("\"2020-12-16T22:57:17.250+08:00\"").unwrap();
        assert_eq!((seconds.unix_ms(), seconds.resolution()), (1_608_130_637_000, Millis(1000.0)));
        assert_eq!((text.unix_ms(), text.resolution()), (1_608_130_637_250, Millis(1.0)));
        assert_eq!(seconds.to_rfc3339(), "2020-12-16T14:57:17Z");
        assert_eq!(text.to_rfc3339(), "2020-12-16T22:57:17.25+08:00");
        assert_eq!(text.no_finer_than(Millis(250.0)).resolution(), Millis(250.0));
        assert_eq!(seconds.no_finer_than(Millis(250.0)), seconds);
    }

    #[test]
    fn what_is_no_moment_is_refused_with_its_text() {
        for wrong in ["\"yesterday\"", "-1", "1e300", "\"9999-99-99T00:00:00Z\"", "\"2020-12-16\"", "true"] {
            assert!(serde_json::from_str::<Moment>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_read_back() {
        for &outcome in Outcome::ALL {
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
        }
        assert_eq!(serde_json::to_string(&Tag::WrongOrSpam).unwrap(), "\"wrong_or_spam\"");
    }
}
