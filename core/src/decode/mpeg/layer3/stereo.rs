//! Reconstructs two channels from joint stereo: ISO/IEC 11172-3 2.4.3.4.9 and 13818-3 2.4.3.2.

use std::ops::Range;

use super::bands::{FIRST_MIXED, ScaleBands};
use super::scale::{NO_PLACE, ScaleFactors, power_of_2};
use super::side::{GranuleInfo, LINES, WindowKind};

/// Joint stereo modes, from the last byte of a frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct JointStereo {
    /// Middle and side channels.
    pub middle: bool,
    /// Where the second channel is zero, its scale factors are intensity positions of the first.
    pub intensity: bool,
}

impl JointStereo {
    pub(super) fn of(frame: &[u8]) -> Self {
        let mode = frame.get(3).copied().unwrap_or(0);
        let joint = mode >> 6 == 1;
        Self { middle: joint && mode & 0x20 != 0, intensity: joint && mode & 0x10 != 0 }
    }
}

/// Left share at each MPEG-1 intensity position: t / (1 + t) with t = tan(position · π/12).
const LEFT: [f32; 7] = [0.0, 0.211_324_87, 0.366_025_4, 0.5, 0.633_974_6, 0.788_675_1, 1.0];

/// Computes left and right of a granule's channels. `info` and `places` are the second channel's.
pub(super) fn part_channels(
    joint: JointStereo,
    version1: bool,
    info: &GranuleInfo,
    places: &ScaleFactors,
    bands: &ScaleBands,
    [one, two]: &mut [[f32; LINES]; 2],
) {
    if !joint.intensity {
        if joint.middle {
            part_middle(one, two);
        }
        return;
    }
    // Whether the second channel is zero from here up, for each window.
    let mut silent = [true; 3];
    for part in parts(info.window, bands).into_iter().rev() {
        let (Some(one), Some(two)) = (one.get_mut(part.lines.clone()), two.get_mut(part.lines)) else { continue };
        let above = part.window.map_or(silent == [true; 3], |window| silent[window]);
        let here = above && two.iter().all(|&line| line == 0.0);
        match part.window {
            Some(window) => silent[window] = here,
            None => silent = [here; 3],
        }
        match shares(version1, info.scale_code, places[part.factor]).filter(|_| here) {
            Some(shares) => part_by(shares, one, two),
            None if joint.middle => part_middle(one, two),
            None => {}
        }
    }
}

/// Lines of one scale factor band, in a short block those of one window.
struct BandPart {
    lines: Range<usize>,
    window: Option<usize>,
    /// Index of its scale factor. The last band uses that of the band before.
    factor: usize,
}

fn parts(kind: WindowKind, bands: &ScaleBands) -> Vec<BandPart> {
    let (longs, first) = match kind {
        WindowKind::Short => (0, 0),
        WindowKind::Mixed => (bands.mixed, FIRST_MIXED),
        _ => (22, 13),
    };
    let long = bands.long.windows(2).take(longs).enumerate();
    let long = long.map(|(i, edges)| BandPart { lines: edges[0]..edges[1], window: None, factor: i.min(20) });
    let short = bands.short.windows(2).skip(first).enumerate().flat_map(|(i, edges)| {
        let (width, band) = (edges[1] - edges[0], if i + first == 12 { i - 1 } else { i });
        (0..3).map(move |window| BandPart {
            lines: 3 * edges[0] + window * width..3 * edges[0] + (window + 1) * width,
            window: Some(window),
            factor: longs + 3 * band + window,
        })
    });
    long.chain(short).collect()
}

/// Returns the shares of the first channel for left and right. `None` for the illegal position.
fn shares(version1: bool, scale_code: u32, place: u8) -> Option<(f32, f32)> {
    if version1 {
        return LEFT.get(usize::from(place)).map(|&left| (left, 1.0 - left));
    }
    let steps = i32::from(place.div_ceil(2)) * if scale_code & 1 == 0 { 1 } else { 2 };
    match place {
        NO_PLACE => None,
        _ if place % 2 == 1 => Some((power_of_2(-steps), 1.0)),
        _ => Some((1.0, power_of_2(-steps))),
    }
}

fn part_by((left, right): (f32, f32), one: &mut [f32], two: &mut [f32]) {
    for (one, two) in one.iter_mut().zip(two) {
        (*one, *two) = (left * *one, right * *one);
    }
}

fn part_middle(middle: &mut [f32], side: &mut [f32]) {
    for (one, two) in middle.iter_mut().zip(side) {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        (*one, *two) = ((*one + *two) * half, (*one - *two) * half);
    }
}
