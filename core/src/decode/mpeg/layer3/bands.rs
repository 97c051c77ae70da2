//! Scale factor bands: ISO/IEC 11172-3, table B.8, and ISO/IEC 13818-3, table B.2. The bands of the
//! unofficial version 2.5 are those of all common decoders.

use crate::decode::mpeg::header::FrameHeader;

/// Boundaries of the scale factor bands in a granule's 576 lines.
pub(super) struct ScaleBands {
    pub long: [usize; 23],
    /// Bands of one of the three windows of a short block.
    pub short: [usize; 14],
    /// Number of long bands (36 lines) in a mixed block. 0: undefined.
    pub mixed: usize,
}

/// First short band of a mixed block.
pub(super) const FIRST_MIXED: usize = 3;

const HZ_44100: ScaleBands = ScaleBands {
    long: [0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 52, 62, 74, 90, 110, 134, 162, 196, 238, 288, 342, 418, 576],
    short: [0, 4, 8, 12, 16, 22, 30, 40, 52, 66, 84, 106, 136, 192],
    mixed: 8,
};
const HZ_48000: ScaleBands = ScaleBands {
    long: [0, 4, 8, 12, 16, 20, 24, 30, 36, 42, 50, 60, 72, 88, 106, 128, 156, 190, 230, 276, 330, 384, 576],
    short: [0, 4, 8, 12, 16, 22, 28, 38, 50, 64, 80, 100, 126, 192],
    mixed: 8,
};
const HZ_32000: ScaleBands = ScaleBands {
    long: [0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 54, 66, 82, 102, 126, 156, 194, 240, 296, 364, 448, 550, 576],
    short: [0, 4, 8, 12, 16, 22, 30, 42, 58, 78, 104, 138, 180, 192],
    mixed: 8,
};
const LONG_16000: [usize; 23] =
    [0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576];
const HZ_22050: ScaleBands =
    ScaleBands { long: LONG_16000, short: [0, 4, 8, 12, 18, 24, 32, 42, 56, 74, 100, 132, 174, 192], mixed: 6 };
const HZ_24000: ScaleBands = ScaleBands {
    long: [0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 114, 136, 162, 194, 232, 278, 332, 394, 464, 540, 576],
    short: [0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 136, 180, 192],
    mixed: 6,
};
const HZ_16000: ScaleBands =
    ScaleBands { long: LONG_16000, short: [0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 134, 174, 192], mixed: 6 };
const HZ_8000: ScaleBands = ScaleBands {
    long: [0, 12, 24, 36, 48, 60, 72, 88, 108, 132, 160, 192, 232, 280, 336, 400, 476, 566, 568, 570, 572, 574, 576],
    short: [0, 8, 16, 24, 36, 52, 72, 96, 124, 160, 162, 164, 166, 192],
    mixed: 0,
};

/// Returns the bands of a stream.
pub(super) fn bands_of(header: FrameHeader) -> &'static ScaleBands {
    match header.hz {
        44_100 => &HZ_44100,
        48_000 => &HZ_48000,
        32_000 => &HZ_32000,
        22_050 => &HZ_22050,
        24_000 => &HZ_24000,
        8_000 => &HZ_8000,
        // Version 2.5 uses the bands of 16 kHz at 11,025 and 12,000 Hz.
        _ => &HZ_16000,
    }
}
