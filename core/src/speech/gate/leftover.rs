//! Short pieces that are left beside bleed.
//!
//! Where an echo's delay jumps, where a recorder lost audio, or where an echo canceller lets go, a
//! few cells repeat nothing although they hold the same echo as their neighbors. Their level tells:
//! the neighbors say how much fainter the echo is than its source, and the source's track says how
//! loud it is now. What is no louder than that is echo. A party's own word is louder, or comes when
//! the source is silent.

use std::ops::Range;

use super::echo::{Echo, EchoFinder};
use super::{CellComparison, GateCell, NOISE_MARGIN};

/// Most cells of a piece: 640 ms, as long as a short word.
const MOST: usize = 5;
/// Bleed cells on either side that tell the echo's gain.
const NEIGHBOURS: usize = 4;
/// Largest power of a piece relative to the echo that is expected (3 dB): what an echo and a voice
/// as loud as it have together. With 2 dB, the tags of 300 made calls were the same.
const LOUDEST: f32 = 2.0;

/// Returns the pieces, as ranges of cells, that hold the talker's echo and nothing else. `echoes`
/// are those of the cells, `bleed` says which of them are bleed, `noise` is the hearer's power of
/// noise.
pub(super) fn pieces(
    finder: &mut EchoFinder,
    comparison: &CellComparison,
    echoes: &[Option<Echo>],
    bleed: &[Option<f32>],
    noise: f32,
) -> Vec<Range<usize>> {
    let cells = comparison.cells;
    let mut found = Vec::new();
    let mut at = 0;
    while at < cells.len() {
        let piece = at..run(cells, bleed, at);
        at = piece.end;
        if bleed[piece.start].is_none() && piece.len() <= MOST {
            let beside = beside(cells, bleed, echoes, &piece);
            if is_echo(finder, comparison, &cells[piece.clone()], &beside, noise) {
                found.push(piece);
            }
        }
    }
    found
}

/// Returns the end of the run of cells that begins at `at`: without a gap, and all bleed or none.
fn run(cells: &[GateCell], bleed: &[Option<f32>], at: usize) -> usize {
    let goes_on = |&i: &usize| {
        i == at || (cells[i].number == cells[i - 1].number + 1 && bleed[i].is_some() == bleed[at].is_some())
    };
    (at..cells.len()).take_while(goes_on).last().map_or(at + 1, |last| last + 1)
}

/// Returns the echoes of the bleed that adjoins a piece on either side.
fn beside(cells: &[GateCell], bleed: &[Option<f32>], echoes: &[Option<Echo>], piece: &Range<usize>) -> Vec<Echo> {
    let (start, end) = (piece.start, piece.end);
    let adjoins = |i: usize, away: usize, edge: usize| {
        (cells[i].number.abs_diff(cells[edge].number) == away && bleed[i].is_some()).then(|| echoes[i]).flatten()
    };
    let before = (1..=NEIGHBOURS.min(start)).map_while(|away| adjoins(start - away, away, start));
    let after = (1..=NEIGHBOURS).map_while(|away| {
        let i = end - 1 + away;
        (i < cells.len()).then(|| adjoins(i, away, end - 1)).flatten()
    });
    before.chain(after).collect()
}

/// Returns `true` if a piece is no louder than the echo that its neighbors let expect.
fn is_echo(
    finder: &mut EchoFinder,
    comparison: &CellComparison,
    piece: &[GateCell],
    beside: &[Echo],
    noise: f32,
) -> bool {
    let Some(nearest) = beside.first() else { return false };
    let sums = beside.iter().fold((0.0, f32::MIN_POSITIVE), |sums, echo| {
        (sums.0 + (echo.power - noise).max(0.0), sums.1 + echo.talker_power())
    });
    let gain = sums.0 / sums.1;
    let powers = piece.iter().map(|cell| {
        let (here, there) = comparison.blocks(cell);
        finder.powers(here, there, nearest.lag)
    });
    let (heard, said) = powers.fold((0.0, 0.0), |sums, (heard, said)| (sums.0 + heard, sums.1 + said));
    heard <= LOUDEST * gain * said + NOISE_MARGIN * noise * piece.len() as f32
}
