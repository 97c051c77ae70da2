//! Side information of a frame: ISO/IEC 11172-3 2.4.1.7 and 13818-3 2.4.1.7.

use super::bands::bands_of;
use super::bits::FrameBits;
use crate::decode::mpeg::header::FrameHeader;

/// Lines of a granule.
pub(super) const LINES: usize = 576;

/// Window type of a granule's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum WindowKind {
    #[default]
    Long,
    /// From long to short. `low_long`: the lowest two subbands keep the long window.
    Start {
        low_long: bool,
    },
    Short,
    /// The lowest 36 lines long, the rest short.
    Mixed,
    /// From short to long. `low_long` as above.
    Stop {
        low_long: bool,
    },
}

impl WindowKind {
    pub(super) fn is_short(self) -> bool {
        matches!(self, Self::Short | Self::Mixed)
    }

    /// Returns whether the lowest two subbands have the long window and the others another.
    pub(super) fn is_low_long(self) -> bool {
        matches!(self, Self::Mixed | Self::Start { low_long: true } | Self::Stop { low_long: true })
    }
}

/// Side information of one channel of one granule.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GranuleInfo {
    /// Bits of scale factors and Huffman codes (`part2_3_length`).
    pub bits: usize,
    /// Lines coded in pairs (twice `big_values`).
    pub paired: usize,
    pub gain: i32,
    /// Code of the scale factors' bit lengths (`scalefac_compress`).
    pub scale_code: u32,
    pub window: WindowKind,
    /// Huffman table of each region of pairs, and the ends of the first two regions.
    pub tables: [usize; 3],
    pub regions: [usize; 2],
    pub window_gains: [i32; 3],
    /// Whether high bands are amplified (`preflag`).
    pub lifted: bool,
    /// Whether scale factors have double weight (`scalefac_scale`).
    pub coarse: bool,
    /// Huffman table of quadruples (`count1table_select`).
    pub quads: usize,
}

/// Side information of a frame.
#[derive(Debug, Default)]
pub(super) struct SideInfo {
    /// Bytes of earlier frames that it uses (`main_data_begin`).
    pub back: usize,
    /// Scale factor groups that the second granule shares with the first, by channel (`scfsi`).
    pub shared: [[bool; 4]; 2],
    /// By granule and channel.
    pub granules: [[GranuleInfo; 2]; 2],
}

impl SideInfo {
    /// Reads the side information. `None` if it is invalid.
    pub(super) fn read(bytes: &[u8], header: FrameHeader) -> Option<Self> {
        let mut bits = FrameBits::new(bytes, 0);
        let (mut side, channels) = (Self::default(), usize::from(header.channels));
        let mono = channels == 1;
        if header.version1 {
            side.back = bits.read(9) as usize;
            bits.at += if mono { 5 } else { 3 };
            for shared in side.shared.iter_mut().take(channels) {
                *shared = [(); 4].map(|()| bits.flag());
            }
        } else {
            side.back = bits.read(8) as usize;
            bits.at += if mono { 1 } else { 2 };
        }
        for granule in side.granules.iter_mut().take(granules(header)) {
            for channel in granule.iter_mut().take(channels) {
                *channel = GranuleInfo::read(&mut bits, header)?;
            }
        }
        Some(side)
    }
}

/// Returns the number of granules in a frame.
pub(super) fn granules(header: FrameHeader) -> usize {
    if header.version1 { 2 } else { 1 }
}

impl GranuleInfo {
    fn read(bits: &mut FrameBits, header: FrameHeader) -> Option<Self> {
        let mut info = Self { bits: bits.read(12) as usize, ..Self::default() };
        info.paired = 2 * bits.read(9) as usize;
        if info.paired > LINES {
            return None;
        }
        info.gain = bits.read(8) as i32;
        info.scale_code = bits.read(if header.version1 { 4 } else { 9 });
        if bits.flag() {
            info.switched(bits, header)?;
        } else {
            info.tables = [(); 3].map(|()| bits.read(5) as usize);
            let first = bits.read(4) as usize + 1;
            let second = first + bits.read(3) as usize + 1;
            let end = |bands: usize| bands_of(header).long.get(bands).copied().unwrap_or(LINES);
            info.regions = [end(first), end(second)];
        }
        info.lifted = header.version1 && bits.flag();
        info.coarse = bits.flag();
        info.quads = bits.read(1) as usize;
        Some(info)
    }

    /// Reads the fields of a granule with window switching.
    fn switched(&mut self, bits: &mut FrameBits, header: FrameHeader) -> Option<()> {
        let kind = bits.read(2);
        let mixed = bits.flag();
        self.window = match (kind, mixed) {
            (1, low_long) => WindowKind::Start { low_long },
            (2, false) => WindowKind::Short,
            // MPEG-2.5 at 8 kHz: decoders disagree on the bands of mixed blocks.
            (2, true) if bands_of(header).mixed == 0 => return None,
            (2, true) => WindowKind::Mixed,
            (3, low_long) => WindowKind::Stop { low_long },
            _ => return None,
        };
        for table in self.tables.iter_mut().take(2) {
            *table = bits.read(5) as usize;
        }
        self.window_gains = [(); 3].map(|()| bits.read(3) as i32);
        self.regions = [self.first_region(header), LINES];
        Some(())
    }

    /// Returns the end of the first region with window switching: eight long bands, or the short
    /// bands of as many lines.
    fn first_region(&self, header: FrameHeader) -> usize {
        let long = |bands: usize| bands_of(header).long.get(bands).copied().unwrap_or(LINES);
        match self.window {
            // Version 2.5 always counts long bands.
            WindowKind::Short if header.hz < 16_000 => long(6),
            _ if header.hz < 16_000 => long(8),
            WindowKind::Short | WindowKind::Mixed => 36,
            _ => long(8),
        }
    }
}
