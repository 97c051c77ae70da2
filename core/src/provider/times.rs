//! The ways in which providers write a moment.

use crate::call::Moment;
use crate::error::{Error, ErrorKind, Result, Stage};

/// The largest offset from UTC that is accepted, in seconds: 18 hours either way.
const MAX_OFFSET_S: i32 = 18 * 3600;

/// Refuses an offset that no place on earth has.
pub(super) fn check_offset(offset_s: i32) -> Result<()> {
    if offset_s.unsigned_abs() <= MAX_OFFSET_S.unsigned_abs() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "offset from UTC out of range")
        .with_mismatch(format!("{offset_s} s"), format!("-{MAX_OFFSET_S} to {MAX_OFFSET_S} s")))
}

/// An offset from UTC as it is written behind a time, `+08:00`, `-03:30` or `Z`, in seconds east.
///
/// # Errors
/// `invalid_argument` for anything else, or more than 18 hours.
pub fn parse_offset(text: &str) -> Result<i32> {
    let read = || {
        if matches!(text, "Z" | "z") {
            return Some(0);
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        let minutes: i32 = Some(minutes).filter(|part| two_digits(part))?.parse().ok().filter(|m| *m < 60)?;
        let hours: i32 = Some(hours).filter(|part| two_digits(part))?.parse().ok()?;
        Some(sign * (hours * 3600 + minutes * 60))
    };
    let refused = || {
        Error::new(ErrorKind::InvalidArgument, Stage::Config, "no offset from UTC")
            .with_mismatch(format!("\"{text}\""), "such as \"+08:00\"")
    };
    let offset_s = read().ok_or_else(refused)?;
    check_offset(offset_s)?;
    Ok(offset_s)
}

/// A moment in RFC 3339, or as a date and a time without an offset (`2018.01.29 16:08:23`; also with `-` or `/` in the
/// date, `T` for the space, a fraction of a second), which then has the given offset.
pub(super) fn read(text: &str, offset_s: i32) -> Option<Moment> {
    let text = text.trim();
    Moment::from_rfc3339(text).or_else(|| {
        let (date, time) = text.split_once([' ', 'T'])?;
        let date: Vec<&str> = date.split(['.', '-', '/']).collect();
        let time = time.trim();
        let plain = time.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
        let [year, month, day] = date[..] else { return None };
        let sign = if offset_s < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset_s.abs() / 3600, offset_s.abs() / 60 % 60);
        let written = format!("{year}-{month:0>2}-{day:0>2}T{time}{sign}{hours:02}:{minutes:02}");
        if plain { Moment::from_rfc3339(&written) } else { None }
    })
}

/// The time between two moments in milliseconds, if the second is not before the first.
pub(super) fn between(start: Option<Moment>, end: Option<Moment>) -> Option<f64> {
    let ms = end?.unix_ms().checked_sub(start?.unix_ms())?;
    (ms >= 0).then_some(ms as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Millis;

    #[test]
    fn a_time_without_an_offset_gets_one() {
        let at = |text: &str, offset: i32| read(text, offset).map(Moment::to_rfc3339);
        assert_eq!(at("2018.01.29 16:08:23", 28_800).as_deref(), Some("2018-01-29T16:08:23+08:00"));
        assert_eq!(at("2018/1/9 16:08:23", -12_600).as_deref(), Some("2018-01-09T16:08:23-03:30"));
        assert_eq!(at("2021-01-29 05:31:47.870000", 0).as_deref(), Some("2021-01-29T05:31:47.87Z"));
        assert_eq!(at("2021-01-29T05:31:47Z", 28_800).as_deref(), Some("2021-01-29T05:31:47Z"));
        assert_eq!(read("2021-01-29 05:31:47.870000", 0).unwrap().resolution(), Millis(1.0));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", " ", "2018.01.29", "16:08:23", "2018.13.29 16:08:23", "2018.01.29 now", "a b", "2018.01.29 16:08:23Q"]
        {
            assert_eq!(read(text, 0), None, "{text}");
        }
        assert!(check_offset(28_800).is_ok());
        assert!(check_offset(i32::MIN).is_err());
    }

    #[test]
    fn offsets_are_read_as_times_write_them() {
        for (text, offset_s) in [("+08:00", 28_800), ("-03:30", -12_600), ("Z", 0), ("+00:00", 0), ("-18:00", -64_800)]
        {
            assert_eq!(parse_offset(text).unwrap(), offset_s, "{text}");
        }
        for wrong in ["", "8", "08:00", "+8:00", "+08", "+08:60", "+19:00", "+0800", "+-8:00", "CST"] {
            assert_eq!(parse_offset(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn a_duration_is_never_negative() {
        let at = Moment::from_unix_seconds;
        assert_eq!(between(at(10.0), at(21.0)), Some(11_000.0));
        assert_eq!(between(at(21.0), at(10.0)), None);
        assert_eq!(between(None, at(10.0)), None);
    }
}
