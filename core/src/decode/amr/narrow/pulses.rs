//! Pulses of the fixed codebooks (TS 26.090, 5.7.2 and 6.1.3).

use super::tables::START;
use super::{NarrowMode, SUB_FRAME};

/// Fixed codebook vector of a subframe.
pub(super) type Innovation = [i16; SUB_FRAME];

/// Inverse of the 3-bit Gray code.
const GRAY: [usize; 8] = [0, 1, 3, 2, 5, 6, 4, 7];

/// Removes the lowest bits from an index and returns them.
fn take(index: &mut u16, bits: u32) -> usize {
    let value = *index & ((1 << bits) - 1);
    *index >>= bits;
    usize::from(value)
}

/// Returns the number of parameters of an innovation.
pub(super) fn parameters(mode: NarrowMode) -> usize {
    match mode {
        NarrowMode::Rate1020 => 7,
        NarrowMode::Rate1220 => 10,
        _ => 2,
    }
}

/// Decodes a subframe's innovation from its parameters: index and signs, or more at 10.2 and 12.2
/// kbit/s.
pub(super) fn decode(mode: NarrowMode, sub_frame: usize, parameters: &[u16]) -> Innovation {
    let index = parameters.first().copied().unwrap_or(0);
    let signs = parameters.get(1).copied().unwrap_or(0);
    match mode {
        NarrowMode::Rate475 | NarrowMode::Rate515 => signed(signs, &two_of_nine(sub_frame, index)),
        NarrowMode::Rate590 => signed(signs, &two_of_eleven(index)),
        NarrowMode::Rate670 => signed(signs, &three(index)),
        NarrowMode::Rate740 | NarrowMode::Rate795 => signed(signs, &four(index)),
        NarrowMode::Rate1020 => eight(parameters),
        NarrowMode::Rate1220 => ten(parameters),
    }
}

/// Places pulses of ±1, Q13.
fn signed(mut signs: u16, places: &[usize]) -> Innovation {
    let mut code = [0; SUB_FRAME];
    for &place in places {
        let pulse = if take(&mut signs, 1) == 1 { 8191 } else { -8192 };
        if let Some(at) = code.get_mut(place) {
            *at = pulse;
        }
    }
    code
}

fn two_of_nine(sub_frame: usize, mut index: u16) -> [usize; 2] {
    let (first, second) = (take(&mut index, 3), take(&mut index, 3));
    let set = 8 * take(&mut index, 1) + 2 * (sub_frame % 4);
    [first * 5 + usize::from(START[set]), second * 5 + usize::from(START[set + 1])]
}

fn two_of_eleven(mut index: u16) -> [usize; 2] {
    let (track, place) = (take(&mut index, 1), take(&mut index, 3));
    let first = place * 5 + track * 2 + 1;
    let track = take(&mut index, 2);
    let place = take(&mut index, 3) * 5;
    [first, place + if track == 3 { 4 } else { track }]
}

fn three(mut index: u16) -> [usize; 3] {
    let first = take(&mut index, 3) * 5;
    let mut other = |offset: usize| {
        let track = take(&mut index, 1);
        take(&mut index, 3) * 5 + track * 2 + offset
    };
    [first, other(1), other(2)]
}

fn four(mut index: u16) -> [usize; 4] {
    let mut place = || GRAY[take(&mut index, 3)] * 5;
    let (a, b, c) = (place(), place() + 1, place() + 2);
    let track = take(&mut index, 1);
    [a, b, c, GRAY[take(&mut index, 3)] * 5 + 3 + track]
}

/// Places two pulses on one track. The second has the opposite sign if it is before the first.
fn place_two(code: &mut Innovation, first: usize, second: usize, pulse: i16) {
    if let Some(at) = code.get_mut(first) {
        *at = pulse;
    }
    if let Some(at) = code.get_mut(second) {
        *at += if second < first { -pulse } else { pulse };
    }
}

fn eight(parameters: &[u16]) -> Innovation {
    let field = |i: usize| parameters.get(i).copied().map_or(0, usize::from);
    let mut places = [0; 8];
    // Three positions: five values each in the upper bits, and a bit of each in the lower.
    let mut three = |field: usize, at: [usize; 3]| {
        let (upper, lower) = ((field >> 3).min(124), field & 7);
        let rest = upper % 25;
        places[at[0]] = rest % 5 * 2 + (lower & 1);
        places[at[1]] = rest / 5 * 2 + (lower >> 1 & 1);
        places[at[2]] = upper / 25 * 2 + (lower >> 2);
    };
    three(field(4), [0, 4, 1]);
    three(field(5), [2, 6, 5]);
    // Two positions as one of 25 pairs in five bits.
    let (upper, lower) = (((field(6) >> 2) * 25 + 12) >> 5, field(6) & 3);
    let inner = if upper / 5 % 2 == 1 { 4 - upper % 5 } else { upper % 5 };
    (places[3], places[7]) = (inner * 2 + (lower & 1), upper / 5 * 2 + (lower >> 1));
    let mut code = [0; SUB_FRAME];
    for track in 0..4 {
        let pulse = if field(track) == 0 { 8191 } else { -8191 };
        place_two(&mut code, places[track] * 4 + track, places[track + 4] * 4 + track, pulse);
    }
    code
}

fn ten(parameters: &[u16]) -> Innovation {
    let field = |i: usize| parameters.get(i).copied().map_or(0, usize::from);
    let mut code = [0; SUB_FRAME];
    for track in 0..5 {
        let (first, second) = (field(track), field(track + 5));
        let pulse = if first >> 3 & 1 == 0 { 4096 } else { -4096 };
        place_two(&mut code, GRAY[first & 7] * 5 + track, GRAY[second & 7] * 5 + track, pulse);
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_gives_as_many_pulses_as_its_codebook_has() {
        for (mode, pulses) in [
            (NarrowMode::Rate475, 2),
            (NarrowMode::Rate590, 2),
            (NarrowMode::Rate670, 3),
            (NarrowMode::Rate740, 4),
            (NarrowMode::Rate795, 4),
        ] {
            for index in 0..1 << 13 {
                let code = decode(mode, usize::from(index) % 4, &[index, index >> 3]);
                let found = code.iter().filter(|&&x| x != 0).count();
                assert!(found == pulses || (pulses == 2 && found == 1), "{mode:?}, {index}: {found}");
            }
        }
        for seed in 0..1000u16 {
            let parameters: [u16; 10] =
                std::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i as u16 * 977) & 1023);
            for (mode, most) in [(NarrowMode::Rate1020, 8 * 8191), (NarrowMode::Rate1220, 10 * 4096)] {
                let sum: i32 = decode(mode, 0, &parameters).iter().map(|&x| i32::from(x).abs()).sum();
                assert!(sum <= most, "{mode:?}: {sum}");
            }
        }
    }
}
