//! Reads the time formats of providers.

use crate::call::Moment;

/// Reads a time in RFC 3339, or a date and a time without an offset (`2018.01.29 16:08:23`), to
/// which the given offset applies. The date may also have `-` or `/`, the space may be a `T`, and
/// seconds may have a fraction.
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

/// Returns the time between two moments in milliseconds, or `None` if the second is before the
/// first.
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
    }

    #[test]
    fn a_duration_is_never_negative() {
        let at = Moment::from_unix_seconds;
        assert_eq!(between(at(10.0), at(21.0)), Some(11_000.0));
        assert_eq!(between(at(21.0), at(10.0)), None);
        assert_eq!(between(None, at(10.0)), None);
    }
}
