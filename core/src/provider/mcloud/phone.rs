//! Converts telephone numbers to E.164: `+`, country code, national number, at most 15 digits.

use crate::error::{Error, ErrorKind, Result, Stage};

/// How numbers are dialled in the country where the call was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialling {
    country_code: String,
    trunk_prefix: String,
}

impl Dialling {
    /// Creates a dialling scheme from a country code (`66`) and a trunk prefix (`0`). The trunk
    /// prefix begins national numbers and is dropped after the country code. It is empty if numbers
    /// keep all digits.
    ///
    /// # Errors
    /// `invalid_argument` if the code is not 1 to 3 digits without a leading 0, or if the prefix is
    /// not 0 to 2 digits.
    pub fn new(country_code: &str, trunk_prefix: &str) -> Result<Self> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let code = (1..=3).contains(&country_code.len()) && digits(country_code) && !country_code.starts_with('0');
        if code && trunk_prefix.len() <= 2 && digits(trunk_prefix) {
            return Ok(Self { country_code: country_code.to_owned(), trunk_prefix: trunk_prefix.to_owned() });
        }
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Provider, "no such way of dialling").with_mismatch(
            format!("country code \"{country_code}\", trunk prefix \"{trunk_prefix}\""),
            "such as \"66\" and \"0\"",
        ))
    }

    /// Returns the scheme of Thailand, where MCloud is: +66, trunk prefix 0.
    pub fn thailand() -> Self {
        Self { country_code: "66".to_owned(), trunk_prefix: "0".to_owned() }
    }
}

/// The minimum number of digits of a subscriber's number without its country code. Shorter numbers
/// are extensions and short codes.
const FEWEST_DIGITS: usize = 7;

/// The maximum number of digits of a number, by E.164.
const MAX_DIGITS: usize = 15;

/// Returns a number in E.164, if possible. A number that begins with `+` or `00` is converted
/// directly, any other by the dialling scheme. A leading `tel:` or `sip:`, a host after an `@`, and
/// the usual marks between digits are ignored. Returns `None` for extensions, masked numbers and
/// names.
pub fn e164(text: &str, dialling: Option<&Dialling>) -> Option<String> {
    let digits_of = |text: &str| -> Option<String> {
        let marks = |c: &char| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}');
        let digits: String = text.chars().filter(marks).collect();
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)
    };
    let text = text.trim();
    let text = ["tel:", "sip:", "sips:"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    let text = text.split('@').next().unwrap_or_default();
    if let Some(number) = text.strip_prefix('+') {
        return checked(&digits_of(&number.replacen("(0)", "", 1))?);
    }
    let digits = digits_of(text)?;
    if let Some(number) = digits.strip_prefix("00") {
        return checked(number);
    }
    let Dialling { country_code, trunk_prefix } = dialling?;
    let national = digits.strip_prefix(trunk_prefix.as_str()).filter(|_| !trunk_prefix.is_empty());
    if let Some(national) = national {
        return national_number(country_code, national);
    }
    match digits.strip_prefix(country_code.as_str()) {
        Some(national) if national.len() >= FEWEST_DIGITS => checked(&digits),
        _ => national_number(country_code, &digits),
    }
}

fn national_number(country_code: &str, national: &str) -> Option<String> {
    (national.len() >= FEWEST_DIGITS).then(|| checked(&format!("{country_code}{national}"))).flatten()
}

/// Returns a complete number with its `+`, if its length and first digit are valid.
fn checked(digits: &str) -> Option<String> {
    let length = (FEWEST_DIGITS + 1..=MAX_DIGITS).contains(&digits.len());
    (length && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_e164_where_they_can() {
        let thai = Dialling::thailand();
        let china = Dialling::new("86", "0").unwrap();
        let america = Dialling::new("1", "1").unwrap();
        for (text, dialling, number) in [
            ("+66812345678", None, Some("+66812345678")),
            ("+44 (0)20 7946-0018", None, Some("+442079460018")),
            ("0066812345678", None, Some("+66812345678")),
            ("0812345678", Some(&thai), Some("+66812345678")),
            ("021234567", Some(&thai), Some("+6621234567")),
            ("66812345678", Some(&thai), Some("+66812345678")),
            ("812345678", Some(&thai), Some("+66812345678")),
            ("+8613800138000", Some(&thai), Some("+8613800138000")),
            ("13800138000", Some(&china), Some("+8613800138000")),
            ("8613800138000", Some(&china), Some("+8613800138000")),
            ("(201) 555-0123", Some(&america), Some("+12015550123")),
            ("12015550123", Some(&america), Some("+12015550123")),
            ("sip:0812345678@host", Some(&thai), Some("+66812345678")),
            ("933255490@zhen04.cc", Some(&thai), Some("+66933255490")),
            ("0812345678", None, None),
            ("8010@zhen04.cc", Some(&thai), None),
            ("204", Some(&thai), None),
            ("138****8000", Some(&china), None),
            ("anonymous", Some(&thai), None),
            ("anna@x.example", Some(&thai), None),
            ("", Some(&thai), None),
            ("+", None, None),
            ("+0812345678", None, None),
            ("+1234567890123456", None, None),
        ] {
            assert_eq!(e164(text, dialling).as_deref(), number, "{text}");
        }
    }

    #[test]
    fn what_is_no_country_is_refused() {
        for (code, prefix) in [("", "0"), ("066", "0"), ("1234", ""), ("6a", "0"), ("66", "000"), ("66", "x")] {
            assert!(Dialling::new(code, prefix).is_err(), "{code} {prefix}");
        }
    }
}
