//! The part of EBML (RFC 8794) that Matroska needs: elements, variable-length numbers, and the
//! frames of a block.

/// Parses an element's ID and size, and the length of both. The size is `None` if unknown.
pub(super) fn element(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let first = *bytes.first()?;
    let id_length = first.leading_zeros() as usize + 1;
    let id = bytes.get(..id_length.min(4)).filter(|_| id_length <= 4)?;
    let id = id.iter().fold(0u32, |id, &b| id << 8 | u32::from(b));
    let (size, size_length) = number(bytes.get(id_length..)?)?;
    Some((id, size, id_length + size_length))
}

/// Parses a variable-length number and its length. The number is `None` if all its bits are ones,
/// which means unknown.
pub(super) fn number(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let value =
        bytes.get(1..length)?.iter().fold(u64::from(first) & (0x7F >> (length - 1)), |v, &b| v << 8 | u64::from(b));
    let ones = (1u64 << (7 * length)) - 1;
    Some((Some(value).filter(|&v| v != ones), length))
}

/// Iterates over the elements within some bytes.
pub(super) fn children(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, size, head) = element(bytes)?;
        let rest = bytes.get(head..)?;
        let size = size.and_then(|s| usize::try_from(s).ok()).unwrap_or(rest.len()).min(rest.len());
        let (body, rest) = rest.split_at(size);
        bytes = rest;
        Some((id, body))
    })
}

pub(super) fn integer(body: &[u8]) -> u64 {
    body.iter().take(8).fold(0, |v, &b| v << 8 | u64::from(b))
}

pub(super) fn float(body: &[u8]) -> f64 {
    match *body {
        [a, b, c, d] => f64::from(f32::from_be_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => 0.0,
    }
}

/// Returns the frames of a block: one, or several with lacing.
pub(super) fn laced(body: &[u8], flags: u8) -> Vec<Vec<u8>> {
    let lacing = flags >> 1 & 3;
    if lacing == 0 {
        return vec![body.to_vec()];
    }
    let Some((&count, mut rest)) = body.split_first() else { return Vec::new() };
    let mut sizes = Vec::new();
    for i in 0..usize::from(count) {
        let size = match lacing {
            1 => {
                let run = rest.iter().take_while(|&&b| b == 255).count();
                let last = rest.get(run).copied().unwrap_or(0);
                rest = rest.get(run + 1..).unwrap_or_default();
                Some(run * 255 + usize::from(last))
            }
            3 => number(rest).and_then(|(value, length)| {
                rest = rest.get(length..).unwrap_or_default();
                let value = value? as i64;
                // EBML lacing: the first size is absolute, the others are signed differences with a
                // bias.
                let bias = (1i64 << (7 * length - 1)) - 1;
                let size = if i == 0 { value } else { *sizes.last()? as i64 + value - bias };
                usize::try_from(size).ok()
            }),
            _ => Some(body.len().saturating_sub(1) / (usize::from(count) + 1)),
        };
        let Some(size) = size else { return Vec::new() };
        sizes.push(size);
    }
    let mut frames = Vec::new();
    for size in sizes {
        let (frame, after) = rest.split_at(size.min(rest.len()));
        frames.push(frame.to_vec());
        rest = after;
    }
    frames.push(rest.to_vec());
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length() {
        assert_eq!(number(&[0x81]), Some((Some(1), 1)));
        assert_eq!(number(&[0x40, 0x02]), Some((Some(2), 2)));
        assert_eq!(number(&[0xFF]), Some((None, 1)));
        assert_eq!(number(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), Some((None, 8)));
        assert_eq!(number(&[0x00, 1]), None);
        assert_eq!(element(&[0x1F, 0x43, 0xB6, 0x75, 0x85]), Some((0x1F43_B675, Some(5), 5)));
    }

    #[test]
    fn frames_laced_in_three_ways() {
        let expected = [vec![1], vec![2, 2], vec![3, 3, 3]];
        assert_eq!(laced(&[2, 1, 2, 1, 2, 2, 3, 3, 3], 0x02), expected, "Xiph");
        assert_eq!(laced(&[2, 0x81, 0xC0, 1, 2, 2, 3, 3, 3], 0x06), expected, "EBML");
        assert_eq!(laced(&[1, 7, 7, 8, 8], 0x04), [[7, 7], [8, 8]], "fixed");
        assert_eq!(laced(&[9], 0x00), [[9]]);
    }
}
