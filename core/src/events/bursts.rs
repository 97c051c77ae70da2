//! Finds bursts: runs of frames whose power lies in one or two steady peaks. All tones except DTMF
//! are built from them.

use super::extent::{Extent, Spread};
use super::short::ShortList;
use super::spectrum::{self, Analyser, BIN_HZ, FIRST_BIN, Frame, LAST_BIN, LONG, RATE, REACH};
use super::tones::SUPERVISORY_HZ;

/// Smallest share of a frame's power in its one or two strongest peaks that opens a run.
const OPEN_SHARE: f32 = 0.7;
/// The same share in coarse frames that call for a closer look.
const NOTICE_SHARE: f32 = 0.8;
/// Smallest share of a long window's power in the lines of a tone.
const PURE: f32 = 0.7;
/// The same share for a tone that sounds alone.
const ALONE: f32 = 0.9;
/// Largest deviation of a steady tone's level.
const STEADY_DB: f32 = 1.5;
/// Lines closer than three bins of a frame beat within it.
const BEAT_HZ: f32 = 3.0 * BIN_HZ;
/// Smallest power of a second peak relative to the first (13 dB below).
const SECOND: f32 = 0.05;
/// Smallest share of power that must stay in a run's peaks.
const STAY_SHARE: f32 = 0.55;
/// A frame this far below the run's mean is outside the run (12 dB).
const FALL: f32 = 1.0 / 16.0;
/// Frames without the tone that do not end a run (32 ms): phase reversals of an answering tone, a
/// lost packet.
const PATIENCE: u32 = 4;
/// Frames of another tone that end a run at once.
const CHANGE: u32 = 2;
/// Lowest mean square of a tone's peaks (-62 dBov).
const FAINT: f32 = 6.3e-7;
/// Shortest burst: 60 ms.
const MIN: u64 = 60 * RATE as u64 / 1000;
/// Lines weaker than this relative to the strongest are not part of the tone (17 dB below).
const LINE: f32 = 0.02;

/// A line of a tone's spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpectralLine {
    /// Frequency in Hz.
    pub hz: f32,
    /// Mean square.
    pub power: f32,
}

/// The lines of a burst, at most three.
pub type SpectralLines = ShortList<SpectralLine, 3>;

/// A run of steady tone.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// First sample.
    pub start: u64,
    /// The sample after the last.
    pub end: u64,
    /// Mean frequency of the strongest peak, in Hz, at the resolution of a frame.
    pub hz: f32,
    /// Standard deviation of that frequency in Hz. Infinite if it was seen too rarely.
    pub wobble_hz: f32,
    /// Standard deviation of the level, in dB.
    pub wobble_db: f32,
    /// Mean square of the tone.
    pub level: f32,
    /// Share of all power that the long window found in `lines`. 0 if the run was too short for it.
    pub purity: f32,
    /// The lines of a long window by rising frequency. Empty if the run was too short for it.
    pub lines: SpectralLines,
}

impl Burst {
    /// Returns the length in seconds.
    pub fn seconds(&self) -> f32 {
        (self.end - self.start) as f32 / RATE as f32
    }

    /// Returns `true` if the burst is a tone of one or two lines and nothing else.
    pub fn is_pure(&self) -> bool {
        matches!(self.lines.len(), 1 | 2) && self.purity >= ALONE
    }

    /// Returns `true` if its level is steady, like a generator's. Network tones may have two lines
    /// so close that they beat.
    pub fn is_steady(&self) -> bool {
        let beats = matches!(*self.lines, [a, b] if b.hz - a.hz < BEAT_HZ && b.hz <= SUPERVISORY_HZ.1);
        beats || self.wobble_db <= STEADY_DB
    }

    /// Returns the frequency if the tone is one pure line.
    pub fn single(&self) -> Option<f32> {
        match *self.lines {
            [] => Some(self.hz),
            [line] => Some(line.hz),
            _ => None,
        }
    }
}

/// The one or two peaks of a frame.
#[derive(Debug, Clone, Copy)]
struct SpectralPeaks {
    first: usize,
    second: Option<usize>,
    power: f32,
}

impl SpectralPeaks {
    fn of(frame: &Frame) -> Self {
        let first = spectrum::strongest(&frame.power, FIRST_BIN, LAST_BIN);
        let strongest = spectrum::around(&frame.power, first);
        // Pure already, or two peaks no stronger than this would not make it so.
        if strongest >= 0.9 * frame.total || 2.0 * strongest < OPEN_SHARE * frame.total {
            return Self { first, second: None, power: strongest };
        }
        let below = spectrum::strongest(&frame.power, FIRST_BIN, first.saturating_sub(2 * REACH).max(FIRST_BIN));
        let above = spectrum::strongest(&frame.power, (first + 2 * REACH).min(LAST_BIN), LAST_BIN);
        let second = if frame.power[below] > frame.power[above] { below } else { above };
        let power = spectrum::around(&frame.power, second);
        if power < SECOND * strongest || second.abs_diff(first) < 2 * REACH {
            return Self { first, second: None, power: strongest };
        }
        Self { first, second: Some(second), power: strongest + power }
    }

    fn power_in(&self, frame: &Frame) -> f32 {
        spectrum::around(&frame.power, self.first) + self.second.map_or(0.0, |k| spectrum::around(&frame.power, k))
    }
}

/// Notices a tone in coarse frames: four consecutive frames hold nearly all power in the same one
/// or two peaks.
#[derive(Clone, Default)]
pub struct Notice {
    peaks: Option<SpectralPeaks>,
    frames: u32,
}

impl Notice {
    /// Coarse frames that a tone must fill to be noticed (128 ms). The shortest tone in the tables
    /// has 190 ms.
    pub const FRAMES: u32 = 4;

    /// Takes the next coarse frame, and returns whether a tone sounds.
    pub fn push(&mut self, frame: &Frame) -> bool {
        let least = NOTICE_SHARE * frame.total;
        if frame.total >= FAINT && self.peaks.is_some_and(|p| p.power_in(frame) >= least) {
            self.frames += 1;
        } else {
            self.peaks = tonal_peaks(frame).filter(|p| p.power >= least);
            self.frames = u32::from(self.peaks.is_some());
        }
        self.frames >= Self::FRAMES
    }
}

fn tonal_peaks(frame: &Frame) -> Option<SpectralPeaks> {
    if frame.total < FAINT {
        return None;
    }
    let peaks = SpectralPeaks::of(frame);
    (peaks.power >= OPEN_SHARE * frame.total && peaks.power >= FAINT).then_some(peaks)
}

#[derive(Clone)]
struct ToneRun {
    peaks: SpectralPeaks,
    extent: Extent,
    hz: Spread,
    missed: u32,
    /// Number of missed frames that hold another tone.
    changed: u32,
    lines: Option<(SpectralLines, f32)>,
}

/// Joins tonal frames into bursts.
#[derive(Clone)]
pub struct Bursts {
    run: Option<ToneRun>,
    long: Analyser,
    power: Vec<f32>,
}

impl Bursts {
    /// Creates a finder without any frames.
    pub fn new(portable: bool) -> Self {
        Self { run: None, long: Analyser::new(LONG, portable), power: vec![0.0; LONG / 2 + 1] }
    }

    /// Takes the fine frame whose first sample is `at`, and returns the burst that it ended.
    ///
    /// `recent` holds at least the last `LONG` samples up to the frame's end; fewer at the
    /// beginning of the track.
    pub fn push(&mut self, at: u64, frame: &Frame, recent: &[f32]) -> Option<Burst> {
        if let Some(run) = &mut self.run {
            let level = run.peaks.power_in(frame);
            if level >= STAY_SHARE * frame.total && level >= FALL * run.extent.max() {
                // Missed frames were bridged: they count with the level they had, which is this one
                // at most.
                for _ in 0..run.missed {
                    run.extent.push(level);
                }
                run.missed = 0;
                run.changed = 0;
                run.extent.push(level);
                if level * 4.0 >= run.extent.max() {
                    run.hz.push(
                        spectrum::interpolate(&frame.power, strongest_near(frame, run.peaks.first)) * BIN_HZ,
                        level,
                    );
                }
                if run.lines.is_none() && at >= run.extent.start() + (LONG - spectrum::FRAME) as u64 + 64 {
                    run.lines = Some(lines(&mut self.long, &mut self.power, recent));
                }
                return None;
            }
            run.missed += 1;
            let other = tonal_peaks(frame).is_some_and(|p| p.first.abs_diff(run.peaks.first) > 2 * REACH);
            run.changed = if other { run.changed + 1 } else { 0 };
            if run.missed <= PATIENCE && run.changed < CHANGE {
                return None;
            }
        }
        let ended = self.close();
        if let Some(peaks) = tonal_peaks(frame) {
            let mut extent = Extent::new(at);
            extent.push(peaks.power);
            self.run = Some(ToneRun { peaks, extent, hz: Spread::default(), missed: 0, changed: 0, lines: None });
        }
        ended
    }

    /// Returns `true` if the current run has proved to be a tone and not a vowel.
    pub fn is_tone(&self) -> bool {
        self.run.as_ref().and_then(|run| run.lines.as_ref()).is_some_and(|(_, purity)| *purity >= PURE)
    }

    /// Ends the current run, because no frame follows directly.
    pub fn close(&mut self) -> Option<Burst> {
        let run = self.run.take()?;
        let (start, end) = (run.extent.start(), run.extent.end());
        if end - start < MIN {
            return None;
        }
        let (lines, purity) = run.lines.unwrap_or_default();
        Some(Burst {
            start,
            end,
            hz: run.hz.mean(),
            wobble_hz: if run.hz.count() < 4 { f32::INFINITY } else { run.hz.deviation() },
            wobble_db: run.extent.wobble_db(),
            level: run.extent.mean(),
            purity,
            lines,
        })
    }
}

fn strongest_near(frame: &Frame, bin: usize) -> usize {
    spectrum::strongest(&frame.power, bin.saturating_sub(REACH).max(1), bin + REACH)
}

/// Returns the lines of the last `LONG` of `recent` samples, and the share of the power they hold.
fn lines(long: &mut Analyser, power: &mut [f32], recent: &[f32]) -> (SpectralLines, f32) {
    let Some(samples) = recent.len().checked_sub(LONG).and_then(|skip| recent.get(skip..)) else {
        return Default::default();
    };
    // One window is wanted; the other is the same.
    long.powers([samples, samples], [power, &mut [0.0; LONG / 2 + 1]]);
    let scale = LONG / spectrum::FRAME;
    let (first, last) = (FIRST_BIN * scale, LAST_BIN * scale);
    let total: f32 = power[first..=last].iter().sum();
    let mut found = SpectralLines::default();
    for _ in 0..3 {
        let bin = spectrum::strongest(power, first, last);
        let here = spectrum::around(power, bin);
        if here <= found.first().map_or(0.0, |line| LINE * line.power) {
            break;
        }
        found.push(SpectralLine { hz: spectrum::interpolate(power, bin) * RATE as f32 / LONG as f32, power: here });
        power[bin - REACH..=bin + REACH].fill(0.0);
    }
    let purity = found.iter().map(|line| line.power).sum::<f32>() / total.max(f32::MIN_POSITIVE);
    found.sort_unstable_by(|a, b| a.hz.total_cmp(&b.hz));
    (found, purity.min(1.0))
}
