//! Parses names: the file name in a URL, an id in a file name.

/// Returns the file name at the end of a URL, without query and fragment, percent-decoded. Returns
/// `None` if the URL ends in a slash.
pub(super) fn url_file_name(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let (_, name) = path.rsplit_once('/')?;
    Some(percent_decoded(name)).filter(|n| !n.is_empty())
}

/// Returns the last segment of a path or URL, or the whole text if it contains no slash.
pub(super) fn last_segment(text: &str) -> String {
    if text.contains("://") {
        return url_file_name(text).unwrap_or_default();
    }
    text.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Decodes `%XX` in a text. Keeps invalid escapes.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|d| d as u8)
}

/// Returns a file name without its extension.
pub(super) fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// Returns `true` if a name contains an id as a separate word, not as part of a longer run of
/// letters and digits.
pub(super) fn holds_word(name: &str, id: &str) -> bool {
    let word = |c: char| c.is_alphanumeric();
    name.match_indices(id).any(|(at, _)| {
        let before = name.get(..at).and_then(|t| t.chars().next_back());
        let after = name.get(at + id.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_url() {
        let name = |url| url_file_name(url);
        assert_eq!(name("http://host/a/b-1.mp3?sign=x/y#z").as_deref(), Some("b-1.mp3"));
        assert_eq!(name("https://host/%5BAnna%5D_1.wav").as_deref(), Some("[Anna]_1.wav"));
        assert_eq!(name("https://host/100%.wav").as_deref(), Some("100%.wav"));
        assert_eq!(name("https://host"), None);
        assert_eq!(name("https://host/"), None);
        assert_eq!(last_segment("a/b.mp3"), "b.mp3");
        assert_eq!(last_segment("b.mp3"), "b.mp3");
        assert_eq!(percent_decoded("%2B66%2fa~"), "+66/a~");
    }

    #[test]
    fn ids_are_words_of_their_own() {
        assert!(holds_word("call_96f3-1_in.wav", "96f3-1"));
        assert!(holds_word("[Anna]_1-2_20200101000000(77).wav", "77"));
        assert!(!holds_word("1608130650.mp3", "160813065"));
        assert!(!holds_word("é1.mp3", "1"));
    }
}
