//! Layer III: ISO/IEC 11172-3 2.4.3.4 and 13818-3, and the unofficial version 2.5. The arithmetic
//! is the same on every machine, with SIMD registers of any width.

mod bands;
mod bits;
mod half;
mod huffman;
mod huffman_tables;
mod hybrid;
mod scale;
mod side;
mod stereo;
mod synthesis;
mod synthesis_window;
#[cfg(test)]
mod tests;
mod turn;

use fearless_simd::{Level, Simd, dispatch};

use self::bands::{ScaleBands, bands_of};
use self::bits::FrameBits;
use self::half::{HALF_LINES, HalfFilterBank, LOWER};
use self::huffman::read_lines;
use self::hybrid::{SLOTS, SUBBANDS, SubbandRows, arrange, lines_of, transform};
use self::scale::{FactorSource, NO_PLACE, ScaleFactors, scale};
use self::side::{GranuleInfo, LINES, SideInfo, WindowKind, granules};
use self::stereo::{JointStereo, part_channels};
use self::synthesis::FilterBank;
use super::header::{self, FrameHeader};
use super::sampling::Sampling;

/// Zeros after a frame's bytes, so that a word can be read at any position.
const PADDING: usize = 8;

/// Decodes consecutive frames.
pub(super) struct Layer3 {
    /// Bit reservoir: bytes of earlier frames that were not read.
    unread: Vec<u8>,
    /// Main data of the current frame.
    data: Vec<u8>,
    lines: Box<[[[f32; LINES]; 2]; 2]>,
    /// The lines of the granule that is filtered, by subband.
    rows: Box<SubbandRows>,
    channels: [ChannelFilters; 2],
    planes: [Vec<f32>; 2],
    sampling: Sampling,
}

/// Filter state of a channel.
struct ChannelFilters {
    overlap: Box<SubbandRows>,
    synthesis: SubbandSynthesis,
}

/// The filter bank of all samples, or of every second one.
enum SubbandSynthesis {
    All(FilterBank),
    Half(HalfFilterBank),
}

/// Parameters of the lines of one granule and channel.
#[derive(Clone, Copy)]
struct GranuleLines {
    info: GranuleInfo,
    factors: ScaleFactors,
    /// Intensity positions, which take the place of scale factors.
    places: ScaleFactors,
    /// Number of lines before the all-zero rest.
    used: usize,
}

impl ChannelFilters {
    fn new(sampling: Sampling) -> Self {
        let synthesis = match sampling {
            Sampling::All => SubbandSynthesis::All(FilterBank::new()),
            half => SubbandSynthesis::Half(HalfFilterBank::new(half == Sampling::Odd)),
        };
        Self { overlap: Box::new([[0.0; SUBBANDS]; SLOTS]), synthesis }
    }

    /// Returns the number of subbands that are filtered.
    fn subbands(&self) -> usize {
        match self.synthesis {
            SubbandSynthesis::All(_) => SUBBANDS,
            SubbandSynthesis::Half(_) => LOWER,
        }
    }
}

impl Layer3 {
    pub(super) fn new() -> Self {
        Self {
            unread: Vec::new(),
            data: Vec::new(),
            lines: Box::new([[[0.0; LINES]; 2]; 2]),
            rows: Box::new([[0.0; SUBBANDS]; SLOTS]),
            channels: [Sampling::All; 2].map(ChannelFilters::new),
            planes: Default::default(),
            sampling: Sampling::All,
        }
    }

    /// Resets all state of earlier frames, and sets which samples are made from here on.
    pub(super) fn reset(&mut self, sampling: Sampling) {
        self.unread.clear();
        self.sampling = sampling;
        self.channels = [sampling; 2].map(ChannelFilters::new);
    }

    /// Clears the bit reservoir and keeps the filters' state.
    pub(super) fn forget_bytes(&mut self) {
        self.unread.clear();
    }

    /// Returns the samples of a channel of the last frame.
    pub(super) fn plane(&self, channel: usize) -> &[f32] {
        self.planes.get(channel).map_or(&[], Vec::as_slice)
    }

    /// Decodes a whole frame, and returns the samples made per channel, or `None` if it is damaged.
    /// A granule is silent if its main data lies in frames that were never seen, or if its side
    /// information contradicts its length.
    pub(super) fn decode(&mut self, frame: &[u8]) -> Option<usize> {
        let decoded = self.read(frame);
        if decoded.is_none() {
            self.forget_bytes();
        }
        let (header, read) = decoded?;
        let joint = JointStereo::of(frame);
        let bands = bands_of(header);
        let channels = usize::from(header.channels);
        for plane in self.planes.iter_mut().take(channels) {
            plane.resize(self.sampling.count(header.samples()), 0.0);
        }
        for (granule, read) in read.iter().enumerate().take(granules(header)) {
            let lines = &mut self.lines[granule];
            for (lines, read) in lines.iter_mut().zip(read).take(channels) {
                let heard = lines_of(self.channels[0].subbands(), read.info.window, bands);
                scale(lines, read.used.min(heard), &read.info, &read.factors, bands);
            }
            if joint != JointStereo::default() {
                part_channels(joint, header.version1, &read[1].info, &read[1].places, bands, lines);
            }
            let joint_used = read[0].used.max(read[1].used);
            for (channel, read) in read.iter().enumerate().take(channels) {
                let used = if joint == JointStereo::default() { read.used } else { joint_used };
                let (filters, plane) = (&mut self.channels[channel], &mut self.planes[channel]);
                let out = plane.chunks_exact_mut(self.sampling.count(LINES)).nth(granule)?;
                filters.filter(&self.lines[granule][channel], read.info.window, used, bands, &mut self.rows, out);
            }
        }
        Some(self.sampling.count(header.samples()))
    }

    /// Reads the lines of a frame's granules.
    fn read(&mut self, frame: &[u8]) -> Option<(FrameHeader, [[GranuleLines; 2]; 2])> {
        let header = FrameHeader::parse(frame)?;
        let start = header::LEN + if header.has_crc { 2 } else { 0 };
        let (side, main) = frame.get(start..)?.split_at_checked(header.side_info())?;
        let side = SideInfo::read(side, header)?;
        let missing = 8 * self.gather(side.back, main);
        let end = 8 * (self.data.len() - PADDING);
        let (mut read, mut at) = ([[GranuleLines::NONE; 2]; 2], 0);
        let joint = JointStereo::of(frame);
        let mut first = [None; 2];
        for granule in 0..granules(header) {
            let is_there = at >= missing;
            let channels = read[granule].iter_mut().zip(&mut self.lines[granule]).enumerate();
            for (channel, (read, lines)) in channels.take(usize::from(header.channels)) {
                let info = side.granules[granule][channel];
                let start = at.saturating_sub(missing);
                at += info.bits;
                if is_there && start + info.bits > end {
                    return None;
                }
                let source = FactorSource {
                    version1: header.version1,
                    places: channel > 0 && joint.intensity,
                    shared: if granule > 0 { side.shared[channel] } else { [false; 4] },
                    first: first[channel],
                };
                let data = is_there.then(|| FrameBits::new(&self.data, start));
                let found = data.and_then(|bits| GranuleLines::read(bits, info, &source, lines));
                first[channel] = found.as_ref().map(|found| found.factors);
                *read = found.unwrap_or_else(|| GranuleLines::silent(info, lines));
            }
        }
        let consumed = at.saturating_sub(missing).div_ceil(8);
        self.unread.clear();
        self.unread.extend_from_slice(self.data.get(consumed..end / 8).unwrap_or_default());
        Some((header, read))
    }

    /// Joins the frame's main data from the bit reservoir and its own bytes. Returns the number of
    /// missing bytes.
    fn gather(&mut self, back: usize, main: &[u8]) -> usize {
        let from = self.unread.len().saturating_sub(back);
        self.data.clear();
        self.data.extend_from_slice(&self.unread[from..]);
        let missing = back - self.data.len();
        self.data.extend_from_slice(main);
        self.data.extend_from_slice(&[0; PADDING]);
        missing
    }
}

impl GranuleLines {
    /// Reads one granule and channel. `None` if its scale factors are not available or take more
    /// than all of its bits.
    fn read(
        mut bits: FrameBits,
        mut info: GranuleInfo,
        source: &FactorSource,
        lines: &mut [f32; LINES],
    ) -> Option<Self> {
        let end = bits.at + info.bits;
        let (factors, places) = source.read(&mut bits, &mut info)?;
        let fits = bits.at <= end;
        fits.then(|| Self { info, factors, places, used: read_lines(&mut bits, &info, end, lines) })
    }

    fn silent(info: GranuleInfo, lines: &mut [f32; LINES]) -> Self {
        lines.fill(0.0);
        Self { info, ..Self::NONE }
    }

    const NONE: Self = Self {
        info: GranuleInfo {
            bits: 0,
            paired: 0,
            gain: 0,
            scale_code: 0,
            window: WindowKind::Long,
            tables: [0; 3],
            regions: [0; 2],
            window_gains: [0; 3],
            lifted: false,
            coarse: false,
            quads: 0,
        },
        factors: [0; 39],
        places: [NO_PLACE; 39],
        used: 0,
    };
}

impl ChannelFilters {
    /// Converts the lines of a granule to samples.
    fn filter(
        &mut self,
        lines: &[f32; LINES],
        kind: WindowKind,
        used: usize,
        bands: &ScaleBands,
        rows: &mut SubbandRows,
        out: &mut [f32],
    ) {
        if used > 0 {
            arrange(lines, lines_of(self.subbands(), kind, bands), kind, bands, rows);
        } else {
            *rows = [[0.0; SUBBANDS]; SLOTS];
        }
        // Short windows are spread over the lines of their band.
        let used = if kind.is_short() && used > 0 { SUBBANDS } else { used.div_ceil(SLOTS) };
        dispatch!(Level::new(), cpu => self.run(cpu, kind, used, rows, out));
    }

    #[inline(always)]
    fn run<S: Simd>(&mut self, cpu: S, kind: WindowKind, used: usize, rows: &mut SubbandRows, out: &mut [f32]) {
        transform(cpu, kind, used, self.subbands(), rows, &mut self.overlap);
        match &mut self.synthesis {
            SubbandSynthesis::All(bank) => {
                if let Some(out) = out.first_chunk_mut::<LINES>() {
                    bank.push(cpu, rows, out);
                }
            }
            SubbandSynthesis::Half(bank) => {
                if let Some(out) = out.first_chunk_mut::<HALF_LINES>() {
                    bank.push(cpu, rows, out);
                }
            }
        }
    }
}
