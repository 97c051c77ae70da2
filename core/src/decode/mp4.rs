//! Reads the parts of an MP4 besides its sample tables: the samples before and after the
//! recording's own, the location of the index, and the name of an unsupported codec.

use crate::units::Rate;

/// The range of decoded samples that belongs to the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Edit {
    /// Apple's comment: samples before the recording, and samples of the recording.
    Gapless { delay: u32, length: u64 },
    /// An edit list: the start within the media, in the media's time scale, and the duration in
    /// seconds.
    List { start: u64, scale: u32, seconds: f64 },
}

impl Edit {
    /// Returns the number of samples before the recording's own.
    pub(crate) fn delay(&self, rate: Rate) -> u32 {
        match *self {
            Self::Gapless { delay, .. } => delay,
            Self::List { start, scale, .. } => {
                (start as f64 * f64::from(rate.hz()) / f64::from(scale)).round().min(f64::from(u32::MAX)) as u32
            }
        }
    }

    /// Returns the end of the recording's own samples among all decoded samples, if known.
    pub(crate) fn end(&self, rate: Rate) -> Option<u64> {
        let length = match *self {
            Self::Gapless { length, .. } => length,
            Self::List { seconds, .. } => (seconds * f64::from(rate.hz())).round() as u64,
        };
        (length > 0).then(|| u64::from(self.delay(rate)).saturating_add(length))
    }
}

/// Reads the gapless comment or the edit list.
pub(crate) fn edit(bytes: &[u8]) -> Option<Edit> {
    let moov = find(bytes, &[b"moov"])?;
    if let Some(gapless) = gapless(moov) {
        return Some(gapless);
    }
    let movie_scale = scale_of(find(moov, &[b"mvhd"])?)?;
    let audio = audio_track(moov)?;
    let scale = scale_of(find(audio, &[b"mdia", b"mdhd"])?)?;
    let list = find(audio, &[b"edts", b"elst"])?;
    let wide = *list.first()? == 1;
    let entries = list.get(8..)?.chunks_exact(if wide { 20 } else { 12 });
    let mut entries = entries.map(|e| {
        let (duration, start) =
            if wide { (be(e, 0, 8), be(e, 8, 8) as i64) } else { (be(e, 0, 4), i64::from(be(e, 4, 4) as i32)) };
        (duration, start)
    });
    // An empty edit (start −1) only delays the track relative to others.
    let (duration, start) = entries.find(|&(_, start)| start >= 0)?;
    Some(Edit::List { start: start as u64, scale, seconds: duration as f64 / f64::from(movie_scale) })
}

/// Reads the time scale of an `mvhd` or `mdhd` box.
pub(crate) fn scale_of(body: &[u8]) -> Option<u32> {
    let at = if *body.first()? == 1 { 20 } else { 12 };
    Some(be(body, at, 4) as u32).filter(|&scale| scale > 0)
}

pub(crate) fn be(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes.get(at..).and_then(|b| b.get(..length)).unwrap_or_default().iter().fold(0, |v, &b| v << 8 | u64::from(b))
}

/// Iterates over the boxes in some bytes.
pub(crate) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = bytes.get(4..8)?.first_chunk::<4>().copied()?;
        let (size, head) = match be(bytes, 0, 4) {
            0 => (bytes.len() as u64, 8),
            1 => (be(bytes, 8, 8), 16),
            size => (size, 8),
        };
        let size = usize::try_from(size).ok().filter(|&size| size >= head)?.min(bytes.len());
        let body = bytes.get(head..size)?;
        bytes = bytes.get(size..)?;
        Some((kind, body))
    })
}

pub(crate) fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, wanted| boxes(bytes).find(|(kind, _)| kind == *wanted).map(|(_, body)| body))
}

/// Reads Apple's `iTunSMPB`: hexadecimal numbers in a text, of which the second is the delay, the
/// third the padding and the fourth the recording's length.
fn gapless(moov: &[u8]) -> Option<Edit> {
    let at = moov.windows(8).position(|w| w == b"iTunSMPB")?;
    let after = moov.get(at + 8..)?.get(..200.min(moov.len() - at - 8))?;
    let text = after.iter().position(|&b| b == b' ').and_then(|from| after.get(from..))?;
    let text: String =
        text.iter().take_while(|b| b.is_ascii_hexdigit() || **b == b' ').map(|&b| char::from(b)).collect();
    let mut numbers = text.split_ascii_whitespace().map(|n| u64::from_str_radix(n, 16).ok());
    let (_, delay, _, length) = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
    Some(Edit::Gapless { delay: u32::try_from(delay).ok().filter(|&d| d < 1 << 20)?, length })
}

/// Returns the name of the audio track's codec, by its sample entry's type, if it is not supported.
pub(crate) fn foreign_codec(bytes: &[u8]) -> Option<String> {
    let entry = find(audio_track(find(bytes, &[b"moov"])?)?, &[b"mdia", b"minf", b"stbl", b"stsd"])?;
    let letters = entry.get(12..16)?.first_chunk::<4>()?;
    let name = match letters {
        b"mp4a" => return None,
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"spex" => "Speex",
        b"nmos" => "Nellymoser",
        b"agsm" => "GSM in mp4",
        b"ima4" => "IMA ADPCM of QuickTime",
        b"sevs" => "EVS",
        b"enca" => "encrypted audio",
        letters if letters.iter().all(u8::is_ascii_graphic) => {
            return Some(format!("codec {}", String::from_utf8_lossy(letters)));
        }
        _ => return None,
    };
    Some(name.to_owned())
}

/// Ends the last box where the bytes end. A truncated box would be skipped as a whole.
pub(crate) fn end_last_box(bytes: &mut [u8]) {
    let length = bytes.len();
    let mut at = 0;
    while let Some(head) = bytes.get(at..).filter(|rest| rest.len() >= 8) {
        let (size, field) = match be(head, 0, 4) {
            1 => (be(head, 8, 8), 8..16),
            size => (size, 0..4),
        };
        let left = (length - at) as u64;
        if size > left {
            let right = left.to_be_bytes();
            let field = field.start + at..field.end + at;
            if let Some((field, right)) = bytes.get_mut(field.clone()).zip(right.get(8 - field.len()..)) {
                field.copy_from_slice(right);
            }
        }
        let Some(next) = usize::try_from(size).ok().filter(|&size| size >= 8).and_then(|size| at.checked_add(size))
        else {
            return;
        };
        at = next;
    }
}

/// Returns the first audio track of a movie.
pub(crate) fn audio_track(moov: &[u8]) -> Option<&[u8]> {
    boxes(moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, body)| body)
        .find(|trak| find(trak, &[b"mdia", b"hdlr"]).is_some_and(|hdlr| hdlr.get(8..12) == Some(b"soun")))
}

/// Returns the length of the index and the first frames, if the index comes before the samples.
/// `None` if these bytes do not show that.
pub(crate) fn head_length(bytes: &[u8]) -> Option<u64> {
    /// Bytes of frames that show which kind of AAC it is.
    const FRAMES: u64 = 16 << 10;
    let mut at = 0;
    loop {
        let kind = bytes.get(at..)?.get(4..8)?;
        let size = match be(bytes, at, 4) {
            1 => be(bytes, at + 8, 8),
            size => size,
        };
        let end = (at as u64).checked_add(size).filter(|_| size >= 8)?;
        match kind {
            b"moov" => return end.checked_add(FRAMES),
            b"mdat" | b"moof" => return None,
            _ => at = usize::try_from(end).ok()?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gapless_comment() {
        let mut moov = b"....iTunSMPB\0\0\0\0data\0\0\0\x01\0\0\0\0".to_vec();
        moov.extend(b" 00000000 00000840 000001CA 00000000003F31F6 00000000");
        assert_eq!(gapless(&moov), Some(Edit::Gapless { delay: 2112, length: 0x3F_31F6 }));
        assert_eq!(gapless(b"iTunSMPB"), None);
    }

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(8 + body.len() as u32).to_be_bytes()[..], kind, body].concat()
    }

    #[test]
    fn codecs_that_are_not_read_are_named() {
        let movie = |letters: &[u8; 4]| {
            let table = boxed(b"stbl", &boxed(b"stsd", &[&[0; 7][..], &[1], &[0; 4], letters, &[0; 28]].concat()));
            let media = [boxed(b"hdlr", b"\0\0\0\0\0\0\0\0soun"), boxed(b"minf", &table)].concat();
            boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &media)))
        };
        for (letters, name) in [(b"sevs", "EVS"), (b"enca", "encrypted audio")] {
            assert_eq!(foreign_codec(&movie(letters)).as_deref(), Some(name));
        }
        assert_eq!(foreign_codec(&movie(b"mp4a")), None);
        assert_eq!(foreign_codec(&movie(b"qdm2")).as_deref(), Some("codec qdm2"));
    }

    #[test]
    fn a_box_that_is_cut_off_ends_with_the_bytes() {
        let mut wide = [&1u32.to_be_bytes()[..], b"mdat", &1000u64.to_be_bytes(), &[7; 20]].concat();
        let mut narrow = [boxed(b"free", b"..."), boxed(b"mdat", &[7; 50])[..40].to_vec()].concat();
        end_last_box(&mut wide);
        end_last_box(&mut narrow);
        assert_eq!((be(&wide, 8, 8), be(&narrow, 11, 4)), (36, 40));
        assert_eq!((be(&wide, 0, 4), be(&narrow, 0, 4)), (1, 11));
        for nothing in [&mut [][..], &mut [0; 7], &mut [0; 20], &mut [0xFF; 30]] {
            end_last_box(nothing);
        }
    }

    #[test]
    fn where_the_index_ends() {
        let (kind, index, samples) = (boxed(b"ftyp", b"M4A "), boxed(b"moov", &[0; 100]), boxed(b"mdat", &[0; 50]));
        assert_eq!(head_length(&[&kind[..], &index, &samples].concat()), Some(12 + 108 + (16 << 10)));
        assert_eq!(head_length(&[&kind[..], &samples, &index].concat()), None, "the index stands behind the samples");
        for nothing in [&[][..], &kind, b"\0\0\0\0moov", &[0xFF; 40]] {
            assert_eq!(head_length(nothing), None);
        }
    }
}
