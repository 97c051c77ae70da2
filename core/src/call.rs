//! The domain: a call, its legs, who they are, and what a call can come to. No input or output
//! here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::Millis;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value's name, as in the report.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value of a name, if it is one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name() == name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::error::Error;

            /// Reads a name as the report and the configuration write it.
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
    /// Who is heard on a track.
    #[derive(Default)]
    Role {
        /// The customer.
        Customer = "customer",
        /// The agent who took or made the call.
        Agent = "agent",
        /// An agent to whom the call was transferred.
        Transfer = "transfer",
        /// One of several people in a conference.
        Participant = "participant",
        /// Several parties in one signal.
        Mixed = "mixed",
        /// Nobody said who it is.
        #[default]
        Unknown = "unknown",
    }
}

impl Role {
    /// Where the role stands in a mix: customer, agent, transfer, then everybody else.
    pub const fn order(self) -> u8 {
        match self {
            Self::Customer => 0,
            Self::Agent => 1,
            Self::Transfer => 2,
            Self::Participant | Self::Mixed | Self::Unknown => 3,
        }
    }

    /// The role of a name; `caller` and `callee` mean customer or agent by the call's direction
    /// (in: the caller is the customer; without a direction they mean nothing).
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
    /// Who called whom, seen from the service.
    Direction {
        /// The customer called.
        In = "in",
        /// The agent called.
        Out = "out",
        /// A call between extensions of the same house.
        Internal = "internal",
    }
}

named! {
    /// What was heard to happen in a call.
    Outcome {
        /// Somebody spoke, and none of the others.
        Conversation = "conversation",
        /// One party never speaks while the other speaks and waits.
        SilentParty = "silent_party",
        /// One track is dead while the other party talks.
        OneWayAudio = "one_way_audio",
        /// One party talks without leaving room for an answer.
        Monologue = "monologue",
        /// Announcements and keys, nobody answers in speech.
        IvrOnly = "ivr_only",
        /// A greeting, a beep, then one side alone.
        Voicemail = "voicemail",
        /// It rang and nobody spoke.
        NoAnswer = "no_answer",
        /// Busy or congestion tones and nobody spoke.
        Busy = "busy",
        /// Fax or modem tones from a party who never speaks.
        Fax = "fax",
        /// Nothing that can be named.
        Unknown = "unknown",
    }
}

named! {
    /// The four tags of the service's API.
    Tag {
        /// A call to be listened to.
        Normal = "normal",
        /// Too short to hold anything.
        Short = "short",
        /// Not meant for this house.
        WrongOrSpam = "wrong_or_spam",
        /// None of the others.
        Other = "other",
    }
}

named! {
    /// What a phone system knows of a call.
    FactKind {
        /// The call was answered: nobody speaks to anybody before.
        Answer = "answer",
        /// A party was put on hold, or put the other on hold.
        Hold = "hold",
        /// The hold ended.
        Resume = "resume",
        /// The recording was paused.
        Pause = "pause",
        /// The recording went on.
        Unpause = "unpause",
        /// A party was muted.
        Mute = "mute",
        /// The mute ended.
        Unmute = "unmute",
        /// A party asks somebody else meanwhile.
        Consult = "consult",
        /// More than two parties are connected.
        Conference = "conference",
        /// A party was transferred: another leg begins.
        Transfer = "transfer",
        /// A key was pressed, told beside the audio (RFC 4733, SIP INFO).
        Key = "key",
        /// The call, or a party's part of it, ended.
        Hangup = "hangup",
    }
}

impl FactKind {
    /// What ends what this begins, if it lasts.
    pub const fn ended_by(self) -> Option<Self> {
        match self {
            Self::Hold => Some(Self::Resume),
            Self::Pause => Some(Self::Unpause),
            Self::Mute => Some(Self::Unmute),
            _ => None,
        }
    }
}

/// When something was, as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FactTime {
    /// A moment of the calendar.
    At(Moment),
    /// A time on the call's timeline.
    OnCall(Millis),
}

/// Something that a phone system knows of a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// What it is.
    pub kind: FactKind,
    /// The party whom it concerns: a role, or a party of one of the tracks; `None`: the call.
    pub party: Option<String>,
    /// When it was.
    pub time: FactTime,
    /// Why.
    pub reason: Option<String>,
    /// The key, where one was pressed.
    pub key: Option<char>,
}

impl Fact {
    /// Something that was at a time.
    pub const fn new(kind: FactKind, time: FactTime) -> Self {
        Self { kind, party: None, time, reason: None, key: None }
    }

    /// The same, of a party: a role or a party of one of the tracks.
    #[must_use]
    pub fn of(mut self, party: impl Into<String>) -> Self {
        self.party = Some(party.into());
        self
    }
}

/// A moment of the calendar, as exact as its source was.
///
/// Read from Unix seconds or RFC 3339; written as RFC 3339 with the offset it came with (UTC where
/// it had none).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    unix_ms: i64,
    resolution: Millis,
    offset_s: i32,
}

impl Moment {
    /// The latest second that is accepted: the end of the year 9998. Later ones are providers' way
    /// to say "never".
    const LAST_S: f64 = 253_370_764_799.0;

    /// A moment of Unix time in seconds; whole seconds are exact to one second, others to a
    /// millisecond.
    pub fn from_unix_seconds(seconds: f64) -> Option<Self> {
        let plausible = seconds.is_finite() && (0.0..=Self::LAST_S).contains(&seconds);
        plausible.then(|| Self {
            unix_ms: (seconds * 1000.0).round() as i64,
            resolution: Millis(if seconds.fract() == 0.0 { 1000.0 } else { 1.0 }),
            offset_s: 0,
        })
    }

    /// A moment written in RFC 3339. With a fraction of a second it is exact to a millisecond,
    /// without to one second.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
        let offset = pieces.to_numeric_offset()?;
        let moment = jiff::civil::DateTime::from_parts(pieces.date(), pieces.time()?);
        let unix_ms = offset.to_timestamp(moment).ok()?.as_millisecond();
        let resolution = Millis(if text.contains('.') { 1.0 } else { 1000.0 });
        Some(Self { unix_ms, resolution, offset_s: offset.seconds() })
    }

    /// The same moment, told with another offset from UTC, in seconds east.
    #[must_use]
    pub fn with_offset_seconds(mut self, offset_s: i32) -> Self {
        self.offset_s = offset_s;
        self
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_ms(self) -> i64 {
        self.unix_ms
    }

    /// How far the true moment may lie on either side.
    pub fn resolution(self) -> Millis {
        self.resolution
    }

    /// The same moment, where its source is known to be no more exact than this.
    #[must_use]
    pub fn no_finer_than(mut self, resolution: Millis) -> Self {
        self.resolution = Millis(self.resolution.0.max(resolution.0));
        self
    }

    /// The moment in RFC 3339, with its offset.
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

/// Where a recording begins on the call's timeline, as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownOffset {
    /// Call time of the first sample.
    #[serde(rename = "offsetMs")]
    pub offset: Millis,
    /// Half the width of the interval that holds it nine times in ten; 0 is exact.
    #[serde(rename = "offsetUncertaintyMs")]
    pub uncertainty: Millis,
}

impl KnownOffset {
    /// The largest offset and uncertainty that make sense: a day.
    const MAX: Millis = Millis(86_400_000.0);

    /// An offset of so many milliseconds, give or take; `None` where these make no sense.
    pub fn new(offset: Millis, uncertainty: Millis) -> Option<Self> {
        let sensible = offset.0.abs() <= Self::MAX.0 && (0.0..=Self::MAX.0).contains(&uncertainty.0);
        sensible.then_some(Self { offset, uncertainty })
    }
}

/// One participant's recording, as the provider describes it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leg {
    /// Who is heard.
    pub role: Role,
    /// The party's telephone number, mail address or name.
    pub party: Option<String>,
    /// When the recording began.
    pub started_at: Option<Moment>,
    /// The channel of the file that holds this leg; `None`: all of them.
    pub channel: Option<u16>,
    /// The provider's id of the recording.
    pub recording_id: Option<String>,
    /// Where the recording begins on the call's timeline, if the caller knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<KnownOffset>,
}

/// What is known of a call besides its audio.
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
    /// What the phone system knows of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// The name of its recorder's profile: one of callweave's, or that of the configuration.
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
