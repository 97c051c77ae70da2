//! The header `Retry-After` (RFC 9110, 10.2.3).

use crate::units::Millis;

/// The longest accepted pause: one day. A longer one is taken for a mistake.
const LONGEST_MS: f64 = 86_400_000.0;

/// Returns how long a server asks to wait in its `Retry-After`: seconds, or a date, which is
/// compared with `now_ms` (Unix milliseconds). Returns zero for a date in the past, and `None` for
/// a value that cannot be read.
pub fn retry_after(value: &str, now_ms: i64) -> Option<Millis> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => seconds as f64 * 1000.0,
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_millisecond();
            date.saturating_sub(now_ms).max(0) as f64
        }
    };
    Some(Millis(wait.min(LONGEST_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let now_ms = 784_111_767_000; // Sun, 06 Nov 1994 08:49:27 GMT
        for (value, wait) in [
            ("120", Some(120_000.0)),
            (" 0 ", Some(0.0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(10_000.0)),
            ("Sun, 06 Nov 1994 08:49:17 GMT", Some(0.0)),
            ("99999999999", Some(86_400_000.0)),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("1.5", None),
        ] {
            assert_eq!(retry_after(value, now_ms), wait.map(Millis), "{value}");
        }
    }
}
