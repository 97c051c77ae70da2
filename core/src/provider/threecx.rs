//! 3CX: only file names, `[Name]_FROM-TO_YYYYMMDDHHMMSS(id).wav`, and no documents.
//!
//! The time is the server's local time, without an offset. The name does not say which side is the
//! customer; a number of up to [`MAX_EXTENSION`] digits is taken to be an extension.

use super::names::{last_segment, stem};
use super::offset::check_offset;
use super::parties::{NamedParty, party};
use super::{CallDescription, Kind, Options, Recording, StartBasis, times};
use crate::call::{Call, Direction, Leg, Role};
use crate::error::{Result, Warning};

/// Most digits of an extension. 3CX allows 2 to 6 and suggests 3; longer numbers belong to the
/// public network.
pub const MAX_EXTENSION: usize = 5;

/// A parsed recording name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreecxFileName {
    /// The name in brackets.
    pub name: String,
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// The server's local time, `YYYYMMDDHHMMSS`.
    pub local_time: String,
    /// The number in parentheses.
    pub id: String,
}

impl ThreecxFileName {
    /// Parses a file name, or the last segment of a path or URL.
    pub fn parse(name: &str) -> Option<Self> {
        let name = last_segment(name);
        let rest = stem(&name).strip_prefix('[')?;
        let (name, rest) = rest.rsplit_once("]_")?;
        let (parties, rest) = rest.rsplit_once('_')?;
        let (from, to) = parties.split_once('-')?;
        let (local_time, rest) = rest.split_once('(')?;
        let id = rest.strip_suffix(')')?;
        let digits = local_time.len() == 14 && local_time.bytes().all(|b| b.is_ascii_digit());
        let owned = str::to_owned;
        digits.then(|| Self {
            name: owned(name),
            from: owned(from),
            to: owned(to),
            local_time: owned(local_time),
            id: owned(id),
        })
    }

    /// Returns the direction by the lengths of the numbers, or `None` if both could be external.
    pub fn direction(&self) -> Option<Direction> {
        match (is_extension(&self.from), is_extension(&self.to)) {
            (true, true) => Some(Direction::Internal),
            (true, false) => Some(Direction::Out),
            (false, true) => Some(Direction::In),
            (false, false) => None,
        }
    }

    /// Returns the customer, if it is a number, and the agent, by the direction.
    fn customer_and_agent(&self) -> (Option<String>, Option<String>) {
        let number = |text: &String| Some(text.clone()).filter(|text| party(text) == NamedParty::Phone);
        match self.direction() {
            Some(Direction::In) => (number(&self.from), Some(self.to.clone())),
            Some(Direction::Out) => (number(&self.to), Some(self.from.clone())),
            Some(Direction::Internal) => (None, Some(self.from.clone())),
            None => (None, None),
        }
    }

    /// Returns the time with its separators.
    fn written_time(&self) -> String {
        let part = |from: usize, to: usize| self.local_time.get(from..to).unwrap_or_default();
        let date = [part(0, 4), part(4, 6), part(6, 8)].join("-");
        format!("{date} {}", [part(8, 10), part(10, 12), part(12, 14)].join(":"))
    }
}

fn is_extension(text: &str) -> bool {
    (1..=MAX_EXTENSION).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Describes a call by the name of its file, or returns `None` for another kind of name. The
/// recording's path is the name, so that [`locate`](super::locate) finds it in its folder.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an invalid UTC offset in the options.
pub fn describe(name: &str, options: &Options) -> Result<Option<CallDescription>> {
    check_offset(options.local_offset_s.unwrap_or_default())?;
    let Some(read) = ThreecxFileName::parse(name) else { return Ok(None) };
    let started_at = options.local_offset_s.and_then(|offset_s| times::read(&read.written_time(), offset_s));
    let why = if options.local_offset_s.is_some() {
        "no time at all"
    } else {
        "the server's own, its offset from UTC not known"
    };
    let unread = Warning::new("time_without_zone", format!("the file name's time {} is {why}", read.local_time));
    let warnings = if started_at.is_none() { vec![unread] } else { Vec::new() };
    let direction = read.direction();
    let (customer, agent) = read.customer_and_agent();
    let mut recording = Recording {
        leg: Leg { role: Role::Mixed, started_at, recording_id: Some(read.id.clone()), ..Leg::default() },
        start_basis: started_at.map(|_| StartBasis::FileName),
        path: Some(name.to_owned()),
        ..Recording::default()
    };
    for (field, value) in
        [("name", read.name), ("from", read.from), ("to", read.to), ("localTime", read.local_time.clone())]
    {
        recording.extra.insert(field.to_owned(), value.into());
    }
    Ok(Some(CallDescription {
        kind: Kind::Threecx,
        call: Call {
            id: Some(format!("{}({})", read.local_time, read.id)),
            provider: Some(Kind::Threecx.name().to_owned()),
            direction,
            started_at,
            ..Call::default()
        },
        recordings: vec![recording],
        customer,
        agent,
        extra: serde_json::Map::new(),
        warnings,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "[Anna Lee]_0812345678-204_20260520081400(1734).wav";

    #[test]
    fn a_name_is_read() {
        let read = ThreecxFileName::parse(NAME).unwrap();
        assert_eq!((read.name.as_str(), read.from.as_str(), read.to.as_str()), ("Anna Lee", "0812345678", "204"));
        assert_eq!((read.local_time.as_str(), read.id.as_str()), ("20260520081400", "1734"));
        assert_eq!(ThreecxFileName::parse("https://h/%5BA%5D_1-2_20260520081400(7).wav?x").unwrap().id, "7");
        assert_eq!(ThreecxFileName::parse("[A]_[B]_+6681-204_20260520081400(7).wav").unwrap().name, "A]_[B");
        for other in
            ["", "call.wav", "[A]_1-2_2026(7).wav", "[A]_12_20260520081400(7).wav", "[A]_1-2_20260520081400.wav"]
        {
            assert_eq!(ThreecxFileName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_direction_follows_from_the_extension() {
        let direction = |from: &str, to: &str| {
            ThreecxFileName::parse(&format!("[A]_{from}-{to}_20260520081400(7).wav")).unwrap().direction()
        };
        assert_eq!(direction("0812345678", "204"), Some(Direction::In));
        assert_eq!(direction("204", "0812345678"), Some(Direction::Out));
        assert_eq!(direction("204", "205"), Some(Direction::Internal));
        assert_eq!(direction("0812345678", "021234567"), None);
        assert_eq!(direction("anonymous", "204"), Some(Direction::In));
    }

    #[test]
    fn a_call_is_described_with_and_without_the_servers_offset() {
        let call = describe(NAME, &Options { local_offset_s: Some(25_200) }).unwrap().unwrap();
        assert_eq!(call.call.started_at.unwrap().to_rfc3339(), "2026-05-20T08:14:00+07:00");
        assert_eq!((call.customer.as_deref(), call.agent.as_deref()), (Some("0812345678"), Some("204")));
        assert_eq!(call.call.id.as_deref(), Some("20260520081400(1734)"));
        assert!(call.warnings.is_empty());
        let call = describe(NAME, &Options::default()).unwrap().unwrap();
        assert_eq!((call.call.started_at, &*call.warnings[0].code), (None, "time_without_zone"));
        assert_eq!(call.recordings[0].extra["localTime"], "20260520081400");
        assert_eq!(describe("call.wav", &Options::default()).unwrap(), None);
        let odd = describe(&NAME.replace("202605", "202699"), &Options { local_offset_s: Some(0) }).unwrap().unwrap();
        assert!(odd.warnings[0].message.ends_with("is no time at all"));
        assert!(describe(NAME, &Options { local_offset_s: Some(i32::MAX) }).is_err());
        let hidden = describe("[A]_anonymous-204_20260520081400(7).wav", &Options::default()).unwrap().unwrap();
        assert_eq!(hidden.customer, None);
    }
}
