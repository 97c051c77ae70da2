//! Splits speech into chunks for a transcriber with a length limit, and maps a chunk's time back to
//! the call.

use crate::config::setters;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::timeline::Placement;
use crate::units::{Millis, Span, total};
use crate::vad::Probabilities;

use super::spans::{pad, weakest};

/// How speech is split into chunks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChunkOptions {
    /// Longest chunk including padding, at least 1 s. Default: 30 s.
    pub longest: Millis,
    /// Padding on either side of a chunk, at most a quarter of `longest`. Chunks that are closer
    /// than that share the gap between them. Default: 200 ms.
    pub pad: Millis,
    /// Merges neighboring chunks up to `longest`, keeping at most this much of each pause between
    /// their padding. `None`, the default, makes one chunk per span of speech.
    ///
    /// Used by [`Processed::chunks`](crate::Processed::chunks).
    pub merge_gap: Option<Millis>,
    /// A pause is a run of frames below this probability.
    pub neg_threshold: f32,
}

setters! { ChunkOptions:
    into with_longest(longest: Millis),
    into with_pad(pad: Millis),
    with_neg_threshold(neg_threshold: f32),
}

impl Default for ChunkOptions {
    /// At most 30 s, with 200 ms of padding on either side.
    fn default() -> Self {
        Self { longest: Millis(30_000.0), pad: Millis(200.0), merge_gap: None, neg_threshold: 0.35 }
    }
}

/// Shortest accepted limit; a transcriber has no use for shorter chunks.
const MIN_LONGEST: Millis = Millis(1000.0);
/// Largest share of a chunk that may be padding on either side, so that at least half of it is
/// speech.
const MAX_PAD: f64 = 0.25;

impl ChunkOptions {
    /// Checks that the lengths are in range.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] with the length, its value and the allowed range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |what: &str, found: Millis, expected: String| {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Speech, what);
            Err(error.with_mismatch(found, expected))
        };
        if !(self.longest.0.is_finite() && self.longest >= MIN_LONGEST) {
            return refuse("invalid maximum chunk length", self.longest, format!("{MIN_LONGEST} or more"));
        }
        let most = Millis(MAX_PAD * self.longest.0);
        if !(0.0..=most.0).contains(&self.pad.0) {
            return refuse("invalid chunk padding", self.pad, format!("0 to {most}, a quarter of the longest chunk"));
        }
        if let Some(gap) = self.merge_gap.filter(|gap| gap.0.is_nan() || gap.0 < 0.0) {
            return refuse("invalid pause in merged chunks", gap, "0 ms or more".to_owned());
        }
        Ok(())
    }
}

/// A part of a track to be transcribed on its own.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Chunk {
    /// The part of the track to cut out, in the track's time.
    pub track: Span,
    /// The same part on the call's timeline.
    pub call: Span,
}

impl Chunk {
    /// Converts a time within the chunk, as a transcriber reports it, to the call's time.
    ///
    /// `within` counts from the chunk's first sample.
    pub fn to_call(&self, within: Millis, placement: &Placement) -> Millis {
        placement.to_call(self.track.start + within)
    }
}

/// Splits spans of speech into chunks of at most `longest`.
///
/// Each span becomes one chunk. A longer span is split at the longest pause within the limit; if it
/// has no pause, at the lowest probability in the second half of what fits.
///
/// `spans` must be sorted and disjoint, and `duration` is the track's. The best spans are those of
/// the preset [`asr`](crate::config::SpeechConfig::asr) without its limit and padding, or what the
/// bleed gate keeps of them.
///
/// ```
/// use callweave::speech::{self, ChunkOptions};
/// use callweave::timeline::Placement;
/// use callweave::units::{Millis, Span};
/// use callweave::vad::Probabilities;
///
/// let speech = [Span::new(1_000.0, 4_000.0)];
/// let (none, placement) = (Probabilities::default(), Placement::reference());
/// let chunks = speech::chunks(&speech, &none, Millis(10_000.0), &placement, &ChunkOptions::default());
/// assert_eq!(chunks[0].track, Span::new(800.0, 4_200.0)); // padded by 200 ms
/// ```
pub fn chunks(
    spans: &[Span],
    probabilities: &Probabilities,
    duration: Millis,
    placement: &Placement,
    options: &ChunkOptions,
) -> Vec<Chunk> {
    let longest = options.longest.0.max(1000.0);
    let pad_ms = options.pad.0.clamp(0.0, longest / 4.0);
    let room = longest - 2.0 * pad_ms;
    let mut pieces: Vec<Span> = spans.iter().flat_map(|span| pieces(*span, room, probabilities, options)).collect();
    pad(&mut pieces, Millis(pad_ms), duration);
    pieces.into_iter().map(|track| Chunk { track, call: placement.span_to_call(track) }).collect()
}

/// Merges the chunks of one party into windows, each a list of parts in the track's time. Half of
/// what is kept of a pause lies on either side of the cut.
pub(crate) fn windows(chunks: &[Chunk], options: &ChunkOptions) -> Vec<Vec<Span>> {
    let mut windows: Vec<Vec<Span>> = Vec::new();
    for piece in chunks.iter().map(|chunk| chunk.track) {
        let room = |window: &&mut Vec<Span>| options.longest - total(window) - piece.duration();
        let joined = options.merge_gap.zip(windows.last_mut()).and_then(|(gap, window)| {
            let pause = (piece.start - window.last()?.end).max(Millis(0.0));
            (room(&window) >= pause.min(gap)).then_some((pause, pause.min(gap), window))
        });
        match joined {
            Some((pause, kept, window)) => join(window, piece, pause, kept),
            None => windows.push(vec![piece]),
        }
    }
    windows
}

/// Adds a part to a window, with what is kept of the pause before it.
fn join(window: &mut Vec<Span>, piece: Span, pause: Millis, kept: Millis) {
    let Some(last) = window.last_mut() else { return };
    if pause <= kept {
        last.end = piece.end;
        return;
    }
    let half = Millis(kept.0 / 2.0);
    last.end = last.end + half;
    window.push(Span { start: piece.start - half, end: piece.end });
}

/// Splits one span into pieces of at most `room` milliseconds. The pauses at the splits are left
/// out.
fn pieces(span: Span, room: f64, probabilities: &Probabilities, options: &ChunkOptions) -> Vec<Span> {
    let mut found = Vec::new();
    let (mut start, end) = (span.start.0, span.end.0);
    while end - start > room {
        let limit = start + room;
        let (cut, next) = longest_pause(start, limit, probabilities, options.neg_threshold).unwrap_or_else(|| {
            let at = weakest(probabilities, start + room / 2.0, limit).clamp(start + room / 2.0, limit);
            (at, at)
        });
        found.push(Span::new(start, cut));
        start = next;
    }
    if end > start {
        found.push(Span::new(start, end));
    }
    found
}

/// Returns the longest run of frames below a probability that begins after `from` and before `to`;
/// of equal ones, the first.
fn longest_pause(from: f64, to: f64, probabilities: &Probabilities, below: f32) -> Option<(f64, f64)> {
    let hop = probabilities.hop.0;
    let mut best: Option<(f64, f64)> = None;
    let mut i = (from / hop).floor() as usize + 1;
    while i as f64 * hop <= to {
        let quiet = probabilities.values.get(i..)?.iter().take_while(|&&p| p < below).count();
        let pause = (i as f64 * hop, (i + quiet) as f64 * hop);
        if quiet > 0 && best.is_none_or(|best| pause.1 - pause.0 > best.1 - best.0) {
            best = Some(pause);
        }
        i += quiet.max(1);
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timeline::{Knot, Method};

    fn voice(values: Vec<f32>) -> Probabilities {
        Probabilities { hop: Millis(10.0), values }
    }

    #[test]
    fn windows_hold_what_fits_and_shorten_pauses() {
        let chunk = |start, end| Chunk { track: Span::new(start, end), call: Span::new(start, end) };
        let chunks = [chunk(0.0, 4000.0), chunk(4300.0, 5000.0), chunk(20_000.0, 24_000.0), chunk(24_000.0, 26_000.0)];
        let merged = |gap, longest| {
            let options = ChunkOptions { longest: Millis(longest), merge_gap: gap, ..ChunkOptions::default() };
            windows(&chunks, &options)
        };
        assert_eq!(merged(None, 30_000.0).len(), 4);
        let cut = [Span::new(0.0, 5250.0), Span::new(19_750.0, 26_000.0)];
        assert_eq!(merged(Some(Millis(500.0)), 30_000.0), [cut.to_vec()]);
        assert_eq!(merged(Some(Millis(0.0)), 30_000.0)[0].len(), 3, "no pause is kept");
        let short = merged(Some(Millis(500.0)), 10_000.0);
        assert_eq!(short, [vec![cut[0], Span::new(19_750.0, 24_000.0)], vec![Span::new(24_000.0, 26_000.0)]]);
    }

    fn options(longest: f64, pad: f64) -> ChunkOptions {
        ChunkOptions { longest: Millis(longest), pad: Millis(pad), ..ChunkOptions::default() }
    }

    fn tracks(chunks: &[Chunk]) -> Vec<(f64, f64)> {
        chunks.iter().map(|c| (c.track.start.0, c.track.end.0)).collect()
    }

    #[test]
    fn a_span_that_fits_is_one_chunk_with_its_padding() {
        let got = chunks(
            &[Span::new(1000.0, 9000.0)],
            &voice(vec![0.9; 1000]),
            Millis(10_000.0),
            &Placement::reference(),
            &ChunkOptions::default(),
        );
        assert_eq!(tracks(&got), [(800.0, 9200.0)]);
    }

    #[test]
    fn a_long_span_is_cut_in_the_longest_pause_of_what_fits() {
        let mut p = vec![0.9; 600];
        p[100..110].fill(0.1);
        p[150..180].fill(0.1); // the longest within the first two seconds
        p[190..195].fill(0.1);
        p[300..399].fill(0.1); // longer, but too late for the first cut
        let got = chunks(
            &[Span::new(0.0, 5500.0)],
            &voice(p),
            Millis(6000.0),
            &Placement::reference(),
            &options(2000.0, 0.0),
        );
        assert_eq!(tracks(&got), [(0.0, 1500.0), (1800.0, 3000.0), (3990.0, 5500.0)]);
    }

    #[test]
    fn the_way_back_knows_lost_audio() {
        let knots = [(0.0, 500.0), (3000.0, 3500.0), (3000.0, 4500.0), (9000.0, 10_500.0)];
        let knots = knots.map(|(t, c)| Knot { track: Millis(t), call: Millis(c) }).to_vec();
        let placement = Placement::through(knots, Method::Bleed, 0.9, Millis(10.0));
        let got = chunks(
            &[Span::new(1000.0, 5000.0)],
            &voice(vec![0.9; 900]),
            Millis(9000.0),
            &placement,
            &options(30_000.0, 0.0),
        );
        assert_eq!(got[0].call, Span::new(1500.0, 6500.0));
        assert_eq!(got[0].to_call(Millis(500.0), &placement), Millis(2000.0));
        assert_eq!(got[0].to_call(Millis(3000.0), &placement), Millis(5500.0), "after the loss of a second");
    }

    proptest! {
        #[test]
        fn chunks_keep_their_limit_and_leave_out_only_pauses(
            values in prop::collection::vec(0.0f32..1.0, 600),
            from in 0.0..3000.0f64,
            length in 0.0..3000.0f64,
            longest in 1000.0..2500.0f64,
            padding in 0.0..200.0f64,
        ) {
            let voice = voice(values);
            let span = Span::new(from, from + length);
            let got = chunks(&[span], &voice, Millis(6000.0), &Placement::reference(), &options(longest, padding));
            for chunk in &got {
                prop_assert!(chunk.track.duration().0 <= longest + 1e-6 && chunk.track.duration().0 > 0.0);
            }
            for pair in got.windows(2) {
                prop_assert!(pair[0].track.end.0 <= pair[1].track.start.0 + 1e-6);
            }
            for (i, &p) in voice.values.iter().enumerate().filter(|(_, p)| **p >= 0.35) {
                let frame = Span::new(i as f64 * 10.0, (i + 1) as f64 * 10.0);
                let wanted = frame.overlap(&span).map_or(0.0, |s| s.duration().0);
                let kept: f64 = got.iter().filter_map(|c| c.track.overlap(&frame)).map(|s| s.duration().0).sum();
                prop_assert!(kept + 1e-6 >= wanted, "frame {i} of {p}: {kept} of {wanted} ms");
            }
        }
    }
}
