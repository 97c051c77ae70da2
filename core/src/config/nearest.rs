//! Suggestions for misspelled names.

/// Returns the name closest to `found`, if at most a third of its letters differ. Two swapped
/// neighbors count as one difference.
pub fn nearest<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let letters: Vec<char> = plain(found);
    let off = |name: &str| distance(&letters, &plain(name));
    let (least, name) = names.into_iter().map(|name| (off(name), name)).min_by_key(|(off, _)| *off)?;
    (3 * least <= letters.len().max(3)).then_some(name)
}

/// Returns the Damerau–Levenshtein distance, with each letter moved at most once.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |rows: &[Vec<usize>], i: usize, j: usize| rows.get(i).and_then(|row| row.get(j)).copied();
            let changed = at(&rows, i, j).unwrap_or(0) + usize::from(x != y);
            let dropped = at(&rows, i, j + 1).unwrap_or(0) + 1;
            let added = row.get(j).copied().unwrap_or(0) + 1;
            let swap = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            let swapped = if swap { at(&rows, i - 1, j - 1).map(|n| n + 1) } else { None };
            row.push(changed.min(dropped).min(added).min(swapped.unwrap_or(usize::MAX)));
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

/// Returns a suggestion for a JSON error that names an unknown field in backticks, followed by the
/// known ones.
pub(super) fn hint(refusal: &str) -> Option<String> {
    let mut quoted = refusal.split('`').skip(1).step_by(2);
    let found = quoted.next()?;
    let unknown = refusal.starts_with("unknown field") || refusal.starts_with("unknown variant");
    unknown.then(|| nearest(found, quoted))?.map(|name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let names = ["silero", "webrtc", "minSpeechMs", "minSilenceMs"];
        for (found, meant) in [
            ("slero", Some("silero")),
            ("sliero", Some("silero")),
            ("min_speech_ms", Some("minSpeechMs")),
            ("MinSilenceMS", Some("minSilenceMs")),
            ("pyannote", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, names), meant, "{found}");
        }
        assert_eq!(nearest("x", []), None);
        assert_eq!(distance(&['a', 'b'], &['b', 'a']), 1);
    }

    #[test]
    fn a_refusal_names_what_was_meant() {
        let said = hint("unknown field `speach`, expected one of `decode`, `speech`, `mix`");
        assert_eq!(said.as_deref(), Some("; did you mean `speech`?"));
        assert_eq!(hint("invalid type: `x`"), None);
        assert_eq!(hint("no field"), None);
    }
}
