//! The bleed gate: telling a party's own speech from the other party, heard faintly on the same
//! track.
//!
//! A detector that hears one track alone cannot know whose voice it is. The gate has the other
//! tracks, in their places: what a track holds is bleed where it *repeats another track's
//! waveform*, fainter than it is there, with nothing of its own left over. That two tracks are loud
//! at the same moments proves nothing and never gates.
//!
//! Speech is judged in cells of 128 ms, each by the 256 ms about it, against each other track:
//!
//! 1. The correlation of the two, spectra flattened, has one peak within the lags that an echo can
//!    have, up to a second, standing out of the noise of all lags by a factor that chance does not
//!    reach; or, at the lag of a sure cell nearby, a lower one or none at all where more than half
//!    of the power is explained there. All lags are searched for some cells of the call, and for
//!    the rest those about the lags found nearby: a path's delay may jump, but not often.
//! 2. At that lag the other track explains (by coherence, 300 to 3400 Hz) a part of the power, at a
//!    gain well below 1.
//! 3. What it does not explain is the track's own noise, and hardly more: anything else is somebody
//!    speaking, however softly, and the cell stays speech. So does double talk.

mod echo;
#[cfg(test)]
mod tests;

use crate::config::Config;
use crate::error::{Result, Stage};
use crate::run::Cancel;
use crate::threads;
use crate::timeline::Placement;
use crate::track::Narrowband;
use crate::units::{Millis, Span};

use echo::{Echo, EchoBlock, EchoFinder, MIN_Z, WINDOW};

/// Samples of a cell: 128 ms at 8 kHz.
const CELL: usize = WINDOW / 2;
/// Samples in a millisecond.
const PER_MS: f64 = 8.0;
/// A peak so high is no chance: over 2048 lags, two voices that have nothing to do with each other
/// reach 5.
const SURE_Z: f32 = 7.0;
/// A lower peak counts at the lag of a sure one, give or take 1.5 ms, within so many cells (30 s).
const SAME_LAG: i32 = 12;
const NEARBY: usize = 30_000 / 128;
/// Bleed is at least 6 dB fainter than where it comes from.
const MAX_GAIN: f32 = 0.25;
/// What bleed leaves over, noise apart, is at most this part of it (7 dB below): codecs and the
/// room change it a little.
const MAX_LEFT: f32 = 0.2;
/// Noise varies: half as much again is still noise.
const NOISE_MARGIN: f32 = 1.5;
/// A window explains a ninth of anything by having only fifteen spectra, half of each shared with
/// the next.
const UNBIASED: f32 = 1.125;
/// Neither bleed between own speech nor own speech between bleed is shorter than this: it belongs
/// to its neighbours.
const MIN_MS: f64 = 200.0;
/// Uncertainty that the search for an echo has room for anyway, in milliseconds.
const ALLOWED_MS: f64 = 40.0;
/// Placements more uncertain than this are no ground to compare waveforms on. An echo one way
/// leaves the placement uncertain by as much as its way may take, and is heard all the same.
const MAX_UNCERTAIN: Millis = Millis(1_000.0);
/// Cells for which all lags are searched: with so many or fewer all, of more every second, third or
/// fourth.
const ALL_SEARCHED: usize = 256;
const MAX_APART: usize = 4;
/// Lags of sure cells nearby that are tried, those of most cells first.
const LAGS_TRIED: usize = 3;

/// One track, in its place, as the gate sees it.
#[derive(Clone, Copy)]
pub struct GateInput<'a> {
    /// Where the detector heard speech, in the track's time, in order and apart.
    pub spans: &'a [Span],
    /// The track at 8 kHz.
    pub samples: &'a dyn Narrowband,
    /// Where it lies.
    pub placement: &'a Placement,
}

/// What the gate made of one track's spans, in the track's time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gated {
    /// The party's own speech.
    pub own: Vec<Span>,
    /// Another party's.
    pub bleed: Vec<BleedSpan>,
}

/// A stretch of a track in which another is heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BleedSpan {
    /// When, in the time of the track that hears it.
    pub span: Span,
    /// The place among the inputs of the track that it comes from.
    pub from: usize,
}

/// Sorts the spans of placed tracks into own speech and bleed; together they are the spans that
/// were given, some of them cut.
///
/// A track whose place is too uncertain (a second, both tracks' uncertainties together) is not
/// compared; nor is anything in a configuration without the gate (`speech.bleedGate`).
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
    sort_all(tracks, config, &Cancel::default())
}

/// [`gate`] that can be stopped.
///
/// # Errors
/// `cancelled`.
pub fn gate_until(tracks: &[GateInput], config: &Config, cancel: &Cancel) -> Result<Vec<Gated>> {
    let gated = sort_all(tracks, config, cancel);
    cancel.check(Stage::Speech).map(|()| gated)
}

fn sort_all(tracks: &[GateInput], config: &Config, cancel: &Cancel) -> Vec<Gated> {
    let mut judged: Vec<Vec<GateCell>> = tracks.iter().map(|track| cells(track.spans, track.samples.len())).collect();
    if config.speech.bleed_gate
        && let Some(uncertainty) = comparable(tracks)
    {
        let slack = (uncertainty.0 - ALLOWED_MS).max(0.0);
        judged = threads::map(judged.into_iter().enumerate().collect(), |(hearer, mut cells)| {
            if !cells.is_empty() {
                let anywhere = EchoFinder::anywhere((slack * PER_MS) as usize, config.portable);
                let nearby = EchoFinder::nearby(config.portable);
                let cancel = cancel.clone();
                judge(&mut EchoFinders { anywhere, nearby, cancel }, tracks, hearer, &mut cells);
            }
            cells
        });
    }
    tracks.iter().zip(&judged).map(|(track, cells)| sort(track.spans, cells)).collect()
}

/// How uncertain two tracks are to each other.
fn uncertainty(a: &GateInput, b: &GateInput) -> Millis {
    a.placement.uncertainty + b.placement.uncertainty
}

/// The largest uncertainty of two tracks that can be compared; `None` where no two can.
fn comparable(tracks: &[GateInput]) -> Option<Millis> {
    let pairs = tracks.iter().enumerate().flat_map(|(i, a)| tracks.iter().skip(i + 1).map(move |b| uncertainty(a, b)));
    pairs.filter(|&u| u <= MAX_UNCERTAIN).reduce(Millis::max)
}

/// What all lags are searched with, and those about a known one.
struct EchoFinders {
    anywhere: EchoFinder,
    nearby: EchoFinder,
    /// Cells are compared until it is set.
    cancel: Cancel,
}

/// 128 ms of a track in which there is speech.
#[derive(Debug, Clone, Copy)]
struct GateCell {
    /// Its place on the track.
    number: usize,
    /// The track that it repeats, and how much of its power that explains.
    from: Option<(usize, f32)>,
}

/// The cells that spans touch on a track of so many samples.
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

/// Compares a track's cells with every other track.
fn judge(finders: &mut EchoFinders, tracks: &[GateInput], hearer: usize, cells: &mut [GateCell]) {
    let Some(own) = tracks.get(hearer) else { return };
    let noise = finders.nearby.noise(own.samples);
    for (from, talker) in tracks.iter().enumerate().filter(|(from, _)| *from != hearer) {
        if uncertainty(own, talker) > MAX_UNCERTAIN {
            continue;
        }
        let echoes = echoes(finders, own, talker, cells);
        let shares: Vec<Option<f32>> = (0..cells.len()).map(|i| is_bleed(i, cells, &echoes, noise)).collect();
        for (cell, share) in cells.iter_mut().zip(shares) {
            if let Some(share) = share
                && cell.from.is_none_or(|(_, best)| share > best)
            {
                cell.from = Some((from, share));
            }
        }
    }
}

/// What of each cell is an echo of another track, if it is at least 6 dB fainter than there.
fn echoes(finders: &mut EchoFinders, hearer: &GateInput, talker: &GateInput, cells: &[GateCell]) -> Vec<Option<Echo>> {
    let half = (WINDOW / 2) as i64;
    let compare = |finder: &mut EchoFinder, cell: &GateCell, expected: &[i32]| {
        let middle = cell.number * CELL + CELL / 2;
        let call = hearer.placement.to_call(Millis(middle as f64 / PER_MS));
        let there = (talker.placement.to_track(call).0 * PER_MS).round() as i64;
        let here = EchoBlock { track: hearer.samples, at: middle as i64 - half };
        let there = EchoBlock { track: talker.samples, at: there.saturating_sub(half) };
        finder.echo(here, there, expected).filter(|echo| echo.gain <= MAX_GAIN)
    };
    let apart = cells.len().div_ceil(ALL_SEARCHED).clamp(1, MAX_APART);
    let searched = |i: usize| i.is_multiple_of(apart);
    let mut echoes: Vec<Option<Echo>> = vec![None; cells.len()];
    let cancel = finders.cancel.clone();
    for (i, cell) in cells.iter().enumerate().filter(|(i, _)| searched(*i)).take_while(|_| !cancel.is_cancelled()) {
        echoes[i] = compare(&mut finders.anywhere, cell, &[]);
    }
    let sure = sure_lags(cells, &echoes);
    for (i, cell) in cells.iter().enumerate().take_while(|_| !cancel.is_cancelled()) {
        let lags = lags_nearby(&sure, cell.number);
        if !lags.is_empty() {
            let about = compare(&mut finders.nearby, cell, &lags);
            echoes[i] = better(echoes[i], about);
        }
    }
    echoes
}

/// The echo that explains more: what repeats itself within a window is found at several lags.
fn better(a: Option<Echo>, b: Option<Echo>) -> Option<Echo> {
    match (a, b) {
        (Some(x), Some(y)) => Some(if y.explained >= x.explained { y } else { x }),
        _ => a.or(b),
    }
}

/// The cells' numbers and lags where an echo is sure.
fn sure_lags(cells: &[GateCell], echoes: &[Option<Echo>]) -> Vec<(usize, i32)> {
    let sure = |(cell, echo): (&GateCell, &Option<Echo>)| {
        echo.filter(|echo| echo.z >= SURE_Z).map(|echo| (cell.number, echo.lag))
    };
    cells.iter().zip(echoes).filter_map(sure).collect()
}

/// The lags of most sure cells near one, the likeliest first.
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

/// The share of a cell's power that is explained, if the cell is bleed.
fn is_bleed(i: usize, cells: &[GateCell], echoes: &[Option<Echo>], noise: f32) -> Option<f32> {
    let echo = (*echoes.get(i)?)?;
    let left = (UNBIASED * (echo.power - echo.explained) - NOISE_MARGIN * noise).max(0.0);
    let sure = echo.z >= SURE_Z || (echo.z >= MIN_Z && agrees(i, echo.lag, cells, echoes));
    (sure && left <= MAX_LEFT * echo.explained).then(|| echo.explained / echo.power.max(f32::MIN_POSITIVE))
}

/// Whether a sure cell nearby has the same lag.
fn agrees(i: usize, lag: i32, cells: &[GateCell], echoes: &[Option<Echo>]) -> bool {
    let Some(here) = cells.get(i) else { return false };
    let near = |(cell, echo): (&GateCell, &Option<Echo>)| -> Option<bool> {
        let close = cell.number.abs_diff(here.number) <= NEARBY;
        close.then(|| echo.is_some_and(|e| e.z >= SURE_Z && (e.lag - lag).abs() <= SAME_LAG))
    };
    let after = cells.iter().zip(echoes).skip(i).map_while(near).any(|agrees| agrees);
    after || cells.iter().zip(echoes).take(i).rev().map_while(near).any(|agrees| agrees)
}

/// Cuts spans where their cells change from own speech to bleed and back.
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

/// One span in pieces of one kind each, none too short to stand between others.
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

/// Neighbours of one kind as one piece.
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

/// Gives pieces of one kind that are too short to the piece before them, or after them where they
/// are the first.
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
