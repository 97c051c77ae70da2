//! Leaves out windows of distant talkers: people in a room behind a party are no party.

use super::likeness::VoiceWindow;

/// Windows this far, in dB, below the loud ones are faint ...
const BELOW: f32 = 22.0;
/// ... if no window has a level within this many dB above the loudest of them ...
const GAP: f32 = 6.0;
/// ... and if they have together at most this share of the seconds. A party who is faint throughout
/// speaks more.
const MOST: f32 = 0.25;
/// Share of the seconds that is loud.
const LOUD: f32 = 0.1;

/// Returns the windows that are not faint.
pub(super) fn without(windows: &[VoiceWindow]) -> Vec<VoiceWindow> {
    let mut by_level: Vec<(f32, f32)> = windows.iter().map(|window| (window.level, window.weight())).collect();
    by_level.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f32 = by_level.iter().map(|(_, weight)| weight).sum();
    let mut seconds = 0.0;
    let sums = by_level.iter().map(|&(level, weight)| {
        seconds += weight;
        (level, seconds)
    });
    let sums: Vec<(f32, f32)> = sums.collect();
    let loud = sums.iter().find(|(_, sum)| *sum >= LOUD * total).map_or(f32::MIN, |(level, _)| *level);
    let gaps = sums.windows(2).filter(|pair| pair[1].0 < loud - BELOW && pair[0].1 >= (1.0 - MOST) * total);
    let widest = gaps.map(|pair| (pair[0].0 - pair[1].0, pair[0].0)).max_by(|a, b| a.0.total_cmp(&b.0));
    let limit = widest.filter(|(gap, _)| *gap >= GAP).map_or(f32::MIN, |(_, level)| level);
    windows.iter().filter(|window| window.level >= limit).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(levels: &[(f32, usize)]) -> Vec<f32> {
        let levels = levels.iter().flat_map(|&(level, count)| std::iter::repeat_n(level, count));
        let window = |(n, level)| VoiceWindow { level, ..VoiceWindow::made(200 * n, 200 * n + 160, [0.0; 256]) };
        let windows: Vec<VoiceWindow> = levels.enumerate().map(window).collect();
        let mut left: Vec<f32> = without(&windows).iter().map(|window| window.level).collect();
        left.dedup();
        left
    }

    #[test]
    fn talkers_in_a_room_are_left_out() {
        assert_eq!(left(&[(-52.0, 4), (-20.0, 10), (-30.0, 10)]), [-20.0, -30.0]);
    }

    #[test]
    fn a_soft_party_stays() {
        assert_eq!(left(&[(-40.0, 4), (-20.0, 20)]), [-40.0, -20.0], "softer by less than that");
        assert_eq!(left(&[(-46.0, 4), (-41.0, 4), (-20.0, 40)]), [-46.0, -41.0, -20.0], "no gap below");
        assert_eq!(left(&[(-52.0, 8), (-20.0, 20)]), [-52.0, -20.0], "much speech");
        assert_eq!(left(&[]), [0.0; 0]);
    }
}
