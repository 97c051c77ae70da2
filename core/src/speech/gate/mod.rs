//! The bleed gate: separates a party's own speech from another party that is faintly audible on the
//! same track.
//!
//! A detector that sees one track cannot know whose voice it contains. The gate compares the placed
//! tracks: a span is bleed where it *repeats another track's waveform*, more faintly than it is
//! there, and contains nothing else. Tracks that are loud at the same time are no evidence of
//! bleed.
//!
//! Speech is judged in cells of 128 ms, using the 256 ms around each cell, against each other
//! track. A cell is bleed if all of these hold:
//!
//! 1. The correlation of the two tracks, with flattened spectra, has one peak at a lag that an echo
//!    can have, up to a second. It exceeds the noise of all lags by a factor that chance does not
//!    reach. At the lag of a certain cell nearby, a lower peak suffices, or none if more than half
//!    of the power is explained there. All lags are searched for some of the call's cells, and for
//!    the rest the lags around those found nearby, because the delay of an echo rarely changes.
//! 2. At that lag the other track explains part of the power (by coherence, 300 to 3400 Hz), at a
//!    gain well below 1.
//! 3. What it does not explain is hardly more than the track's own noise. Anything else is someone
//!    speaking, however softly, and the cell stays speech. So does double talk.
//!
//! A short piece beside bleed that is no louder than the echo to be expected is bleed, too
//! (`leftover`).

mod echo;
mod leftover;
#[cfg(test)]
mod tests;

use crate::config::Config;
use crate::error::{Result, Stage};
use crate::run::Cancel;
use crate::threads;
use crate::timeline::{HeardEcho, Method, Placement};
use crate::track::Narrowband;
use crate::units::{Millis, Span};

use echo::{Echo, EchoBlock, EchoFinder, MIN_Z, WINDOW};

/// Samples per cell: 128 ms at 8 kHz.
const CELL: usize = WINDOW / 2;
/// Samples per millisecond.
const PER_MS: f64 = 8.0;
/// Peak height that is certain. Over 2048 lags, two unrelated voices reach 5.
const SURE_Z: f32 = 7.0;
/// A lower peak counts at the lag of a certain one, within 1.5 ms, at most this many cells (30 s)
/// away.
const SAME_LAG: i32 = 12;
const NEARBY: usize = 30_000 / 128;
/// Largest gain of bleed: at least 6 dB fainter than its source.
const MAX_GAIN: f32 = 0.25;
/// Largest part of bleed that may remain unexplained, apart from noise (7 dB below it). Codecs and
/// the room alter it a little.
const MAX_LEFT: f32 = 0.2;
/// Margin for varying noise: half as much again is still noise.
const NOISE_MARGIN: f32 = 1.5;
/// Corrects a bias: with only fifteen spectra that overlap by half, a window explains a ninth of
/// anything.
const UNBIASED: f32 = 1.125;
/// Shortest bleed between own speech, and shortest own speech between bleed. Shorter pieces belong
/// to their neighbors.
const MIN_MS: f64 = 200.0;
/// Placement uncertainty that the search range covers in any case, in milliseconds.
const ALLOWED_MS: f64 = 40.0;
/// Largest placement uncertainty with which waveforms are compared. An echo in one direction leaves
/// the placement uncertain by its delay, and is still found.
const MAX_UNCERTAIN: Millis = Millis(1_000.0);
/// The same where bleed placed a track: it is there to be found, and only the echo's delay is in
/// doubt. Its transforms have four times as many points.
const MAX_UNCERTAIN_HEARD: Millis = Millis(2_500.0);
/// Up to this many cells, all lags are searched for each; with more, for every second, third or
/// fourth.
const ALL_SEARCHED: usize = 256;
const MAX_APART: usize = 4;
/// Cells compared by one task: about a millisecond of work.
const TASK: usize = 16;
/// Lags of certain cells nearby that are tried, most frequent first.
const LAGS_TRIED: usize = 3;

/// One placed track, as input of the gate.
#[derive(Clone, Copy)]
pub struct GateInput<'a> {
    /// Detected speech in the track's time, sorted and disjoint.
    pub spans: &'a [Span],
    /// The track's samples at 8 kHz.
    pub samples: &'a dyn Narrowband,
    /// The track's placement.
    pub placement: &'a Placement,
}

/// One track's speech after the gate, in the track's time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gated {
    /// The party's own speech.
    pub own: Vec<Span>,
    /// Other parties' speech.
    pub bleed: Vec<BleedSpan>,
}

/// A span of a track in which another track is audible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BleedSpan {
    /// When it is audible, in the time of the track that contains it.
    pub span: Span,
    /// Index of the input that it comes from.
    pub from: usize,
}

/// Separates the spans of placed tracks into own speech and bleed.
///
/// Together, the results are the given spans, some of them cut. Tracks are not compared if their
/// uncertainties add up to more than a second, or if the gate is off (`speech.bleedGate`).
///
/// ```
/// use callweave::speech::{self, GateInput};
/// use callweave::timeline::Placement;
/// use callweave::{Config, units::Span};
///
/// let (spans, samples, placement) = ([Span::new(0.0, 500.0)], vec![0i16; 8_000], Placement::reference());
/// let alone = GateInput { spans: &spans, samples: &samples, placement: &placement };
/// let gated = speech::gate(&[alone], &Config::default());
/// assert_eq!(gated[0].own, spans); // nobody else is there to bleed
/// ```
pub fn gate(tracks: &[GateInput], config: &Config) -> Vec<Gated> {
    sort_all(tracks, config, &Cancel::default()).0
}

/// Like [`gate`], but can be cancelled.
///
/// # Errors
/// [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
pub fn gate_until(tracks: &[GateInput], config: &Config, cancel: &Cancel) -> Result<Vec<Gated>> {
    gate_with_echoes(tracks, config, cancel).map(|(gated, _)| gated)
}

/// Like [`gate_until`], and also returns the echoes that it rests on.
///
/// # Errors
/// [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
pub(crate) fn gate_with_echoes(
    tracks: &[GateInput],
    config: &Config,
    cancel: &Cancel,
) -> Result<(Vec<Gated>, Vec<HeardEcho>)> {
    let gated = sort_all(tracks, config, cancel);
    cancel.check(Stage::Speech).map(|()| gated)
}

fn sort_all(tracks: &[GateInput], config: &Config, cancel: &Cancel) -> (Vec<Gated>, Vec<HeardEcho>) {
    let all = tracks.iter().map(|track| (cells(track.spans, track.samples.len()), Vec::new()));
    let mut judged: Vec<(Vec<GateCell>, Vec<HeardEcho>)> = all.collect();
    if config.speech.bleed_gate
        && judged.iter().any(|(cells, _)| !cells.is_empty())
        && let Some(uncertainty) = largest_uncertainty(tracks)
    {
        let slack = (uncertainty.0 - ALLOWED_MS).max(0.0);
        let anywhere = EchoFinder::anywhere((slack * PER_MS) as usize, config.portable);
        let finders = EchoFinders { anywhere, nearby: EchoFinder::nearby(config.portable), cancel: cancel.clone() };
        judged = threads::map(judged.into_iter().enumerate().collect(), |(hearer, (mut cells, mut sure))| {
            if !cells.is_empty() {
                sure = judge(&finders, tracks, hearer, &mut cells);
            }
            (cells, sure)
        });
    }
    let gated = tracks.iter().zip(&judged).map(|(track, (cells, _))| sort(track.spans, cells)).collect();
    (gated, judged.into_iter().flat_map(|(_, sure)| sure).collect())
}

/// Returns the uncertainty of two tracks relative to each other.
fn uncertainty(a: &GateInput, b: &GateInput) -> Millis {
    a.placement.uncertainty + b.placement.uncertainty
}

/// Returns the largest uncertainty between two comparable tracks, or `None` if no two are
/// comparable.
fn largest_uncertainty(tracks: &[GateInput]) -> Option<Millis> {
    let pairs = tracks.iter().enumerate().flat_map(|(i, a)| tracks.iter().skip(i + 1).map(move |b| (a, b)));
    pairs.filter(|(a, b)| comparable(a, b)).map(|(a, b)| uncertainty(a, b)).reduce(Millis::max)
}

/// Returns `true` if two tracks' places are known well enough to compare them.
fn comparable(a: &GateInput, b: &GateInput) -> bool {
    let heard = [a, b].iter().any(|track| track.placement.method == Method::Bleed);
    uncertainty(a, b) <= if heard { MAX_UNCERTAIN_HEARD } else { MAX_UNCERTAIN }
}

/// The finders for all lags and for those around a known lag, of which each task makes its own.
struct EchoFinders {
    anywhere: EchoFinder,
    nearby: EchoFinder,
    /// Stops the comparison when set.
    cancel: Cancel,
}

/// 128 ms of a track that contain speech.
#[derive(Debug, Clone, Copy)]
struct GateCell {
    /// The cell's index on the track.
    number: usize,
    /// The track that it repeats, and the share of its power that this explains.
    from: Option<(usize, f32)>,
}

/// Returns the cells that spans touch, on a track of this many samples.
fn cells(spans: &[Span], samples: usize) -> Vec<GateCell> {
    let mut cells: Vec<GateCell> = Vec::new();
    for span in spans {
        let first = (span.start.0.max(0.0) * PER_MS) as usize / CELL;
        let end = ((span.end.0.max(0.0) * PER_MS).ceil() as usize).min(samples).div_ceil(CELL);
        let first = cells.last().map_or(first, |last| first.max(last.number + 1));
        cells.extend((first..end).map(|number| GateCell { number, from: None }));
    }
    cells
}

/// Compares a track's cells with every other track, and returns the certain echoes.
fn judge(finders: &EchoFinders, tracks: &[GateInput], hearer: usize, cells: &mut [GateCell]) -> Vec<HeardEcho> {
    let mut sure = Vec::new();
    let Some(own) = tracks.get(hearer) else { return sure };
    let noise = finders.nearby.clone().noise(own.samples);
    for (from, talker) in tracks.iter().enumerate().filter(|(from, _)| *from != hearer) {
        if !comparable(own, talker) {
            continue;
        }
        let (echoes, searched) = echoes(finders, own, talker, cells);
        sure.extend(searched.into_iter().map(|(number, lag)| HeardEcho {
            hearer,
            talker: from,
            at: Millis((number * CELL + CELL / 2) as f64 / PER_MS),
            delay: Millis(f64::from(lag) / PER_MS),
        }));
        let mut shares: Vec<Option<f32>> = (0..cells.len()).map(|i| is_bleed(i, cells, &echoes, noise)).collect();
        let comparison = CellComparison { hearer: own, talker, cells, cancel: &finders.cancel };
        for piece in leftover::pieces(&mut finders.nearby.clone(), &comparison, &echoes, &shares, noise) {
            // It explains nothing: whatever another track explains goes first.
            shares[piece].fill(Some(0.0));
        }
        for (cell, share) in cells.iter_mut().zip(shares) {
            if let Some(share) = share
                && cell.from.is_none_or(|(_, best)| share > best)
            {
                cell.from = Some((from, share));
            }
        }
    }
    sure
}

/// Finds for each cell its echo of another track, if it is at least 6 dB fainter than its source.
/// Also returns the cell numbers and lags of the certain ones, by time, among those for which all
/// lags were searched.
fn echoes(
    finders: &EchoFinders,
    hearer: &GateInput,
    talker: &GateInput,
    cells: &[GateCell],
) -> (Vec<Option<Echo>>, Vec<(usize, i32)>) {
    let comparison = CellComparison { hearer, talker, cells, cancel: &finders.cancel };
    let apart = cells.len().div_ceil(ALL_SEARCHED).clamp(1, MAX_APART);
    let mut echoes: Vec<Option<Echo>> = vec![None; cells.len()];
    let searched: Vec<_> = (0..cells.len()).step_by(apart).map(|i| (i, Vec::new())).collect();
    for (i, echo) in comparison.echoes(&finders.anywhere, &searched) {
        echoes[i] = echo;
    }
    let sure = sure_lags(cells, &echoes);
    let near = cells.iter().enumerate().map(|(i, cell)| (i, lags_nearby(&sure, cell.number)));
    let near: Vec<_> = near.filter(|(_, lags)| !lags.is_empty()).collect();
    for (i, echo) in comparison.echoes(&finders.nearby, &near) {
        echoes[i] = better(echoes[i], echo);
    }
    (echoes, sure)
}

/// A track whose cells are compared with another track.
struct CellComparison<'a> {
    hearer: &'a GateInput<'a>,
    talker: &'a GateInput<'a>,
    cells: &'a [GateCell],
    cancel: &'a Cancel,
}

impl CellComparison<'_> {
    /// Finds the echoes in cells, each near the lags given or at any lag, until cancelled.
    fn echoes(&self, finder: &EchoFinder, asked: &[(usize, Vec<i32>)]) -> impl Iterator<Item = (usize, Option<Echo>)> {
        let of_task = |asked: &[(usize, Vec<i32>)]| {
            let mut finder = finder.clone();
            let going_on = asked.iter().take_while(|_| !self.cancel.is_cancelled());
            going_on.map(|(i, lags)| (*i, self.echo(&mut finder, &self.cells[*i], lags))).collect::<Vec<_>>()
        };
        threads::map(asked.chunks(TASK).collect(), of_task).into_iter().flatten()
    }

    fn echo(&self, finder: &mut EchoFinder, cell: &GateCell, lags: &[i32]) -> Option<Echo> {
        let (here, there) = self.blocks(cell);
        finder.echo(here, there, lags).filter(|echo| echo.gain <= MAX_GAIN)
    }

    /// Returns the window around a cell on the hearer's track, and the same moment on the talker's.
    fn blocks(&self, cell: &GateCell) -> (EchoBlock<'_>, EchoBlock<'_>) {
        let half = (WINDOW / 2) as i64;
        let middle = cell.number * CELL + CELL / 2;
        let call = self.hearer.placement.to_call(Millis(middle as f64 / PER_MS));
        let there = (self.talker.placement.to_track(call).0 * PER_MS).round() as i64;
        let here = EchoBlock { track: self.hearer.samples, at: middle as i64 - half };
        (here, EchoBlock { track: self.talker.samples, at: there.saturating_sub(half) })
    }
}

/// Returns the echo that explains more. Sound that repeats within a window is found at several
/// lags.
fn better(a: Option<Echo>, b: Option<Echo>) -> Option<Echo> {
    match (a, b) {
        (Some(x), Some(y)) => Some(if y.explained >= x.explained { y } else { x }),
        _ => a.or(b),
    }
}

/// Returns the indices and lags of cells with a certain echo.
fn sure_lags(cells: &[GateCell], echoes: &[Option<Echo>]) -> Vec<(usize, i32)> {
    let sure = |(cell, echo): (&GateCell, &Option<Echo>)| {
        echo.filter(|echo| echo.z >= SURE_Z).map(|echo| (cell.number, echo.lag))
    };
    cells.iter().zip(echoes).filter_map(sure).collect()
}

/// Returns the most frequent lags of certain cells near this one, most frequent first.
fn lags_nearby(sure: &[(usize, i32)], number: usize) -> Vec<i32> {
    let from = sure.partition_point(|s| s.0 + NEARBY < number);
    let mut lags: Vec<(i32, usize)> = Vec::new();
    for &(_, lag) in sure[from..].iter().take_while(|s| s.0 <= number + NEARBY) {
        match lags.iter_mut().find(|l| (l.0 - lag).abs() <= SAME_LAG) {
            Some(known) => known.1 += 1,
            None => lags.push((lag, 1)),
        }
    }
    lags.sort_by_key(|l| std::cmp::Reverse(l.1));
    lags.truncate(LAGS_TRIED);
    lags.into_iter().map(|l| l.0).collect()
}

/// Returns the explained share of a cell's power, if the cell is bleed.
fn is_bleed(i: usize, cells: &[GateCell], echoes: &[Option<Echo>], noise: f32) -> Option<f32> {
    let echo = (*echoes.get(i)?)?;
    let left = (UNBIASED * (echo.power - echo.explained) - NOISE_MARGIN * noise).max(0.0);
    let sure = echo.z >= SURE_Z || (echo.z >= MIN_Z && agrees(i, echo.lag, cells, echoes));
    (sure && left <= MAX_LEFT * echo.explained).then(|| echo.explained / echo.power.max(f32::MIN_POSITIVE))
}

/// Returns `true` if a certain cell nearby has the same lag.
fn agrees(i: usize, lag: i32, cells: &[GateCell], echoes: &[Option<Echo>]) -> bool {
    let Some(here) = cells.get(i) else { return false };
    let near = |(cell, echo): (&GateCell, &Option<Echo>)| -> Option<bool> {
        let close = cell.number.abs_diff(here.number) <= NEARBY;
        close.then(|| echo.is_some_and(|e| e.z >= SURE_Z && (e.lag - lag).abs() <= SAME_LAG))
    };
    let after = cells.iter().zip(echoes).skip(i).map_while(near).any(|agrees| agrees);
    after || cells.iter().zip(echoes).take(i).rev().map_while(near).any(|agrees| agrees)
}

/// Cuts spans where their cells change between own speech and bleed.
fn sort(spans: &[Span], cells: &[GateCell]) -> Gated {
    let mut gated = Gated::default();
    let mut rest = cells;
    for span in spans {
        let end = (span.end.0 * PER_MS).ceil() as usize;
        // A cell may hold the end of one span and the beginning of the next.
        let begin = (span.start.0.max(0.0) * PER_MS) as usize / CELL;
        let skip = rest.partition_point(|cell| cell.number < begin);
        rest = rest.get(skip..).unwrap_or_default();
        let own = &rest[..rest.partition_point(|cell| cell.number * CELL < end)];
        for piece in pieces(*span, own) {
            match piece.from {
                Some(from) => gated.bleed.push(BleedSpan { span: piece.span, from }),
                None => gated.own.push(piece.span),
            }
        }
    }
    gated
}

#[derive(Debug, Clone, Copy)]
struct GatePiece {
    span: Span,
    from: Option<usize>,
}

/// Splits one span into pieces of one kind each, none of them too short.
fn pieces(span: Span, cells: &[GateCell]) -> Vec<GatePiece> {
    let cut = |cell: &GateCell| {
        let at = |number: usize| (number * CELL) as f64 / PER_MS;
        let piece = Span::new(at(cell.number), at(cell.number + 1)).overlap(&span)?;
        Some(GatePiece { span: piece, from: cell.from.map(|(from, _)| from) })
    };
    let mut found = joined(cells.iter().filter_map(cut));
    // What lies beyond the samples is as what lies before.
    match found.last_mut() {
        Some(last) => last.span.end = span.end,
        None => found.push(GatePiece { span, from: None }),
    }
    let found = absorbed(found, |piece| piece.from.is_some());
    absorbed(found, |piece| piece.from.is_none())
}

/// Merges neighboring pieces of one kind.
fn joined(pieces: impl Iterator<Item = GatePiece>) -> Vec<GatePiece> {
    let mut found: Vec<GatePiece> = Vec::new();
    for piece in pieces {
        match found.last_mut() {
            Some(last) if last.from == piece.from => last.span.end = piece.span.end,
            _ => found.push(piece),
        }
    }
    found
}

/// Merges pieces of one kind that are too short into the piece before, or after if they are first.
fn absorbed(mut pieces: Vec<GatePiece>, kind: impl Fn(&GatePiece) -> bool) -> Vec<GatePiece> {
    let short = |piece: &GatePiece| kind(piece) && piece.span.duration().0 < MIN_MS;
    for i in 0..pieces.len() {
        let before = i.checked_sub(1).and_then(|i| pieces.get(i));
        let neighbour = before.or(pieces.get(i + 1)).map(|piece| piece.from);
        if let (true, Some(from)) = (short(&pieces[i]), neighbour) {
            pieces[i].from = from;
        }
    }
    joined(pieces.into_iter())
}
