//! Joins spans of speech into turns.

use crate::units::{Millis, Span};

/// A span in which one party has the turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// The party's index in the list of spans.
    pub party: usize,
    /// When the turn begins and ends, on the call's timeline.
    pub span: Span,
}

/// Joins each party's spans into turns, sorted by their beginnings.
///
/// Spans are joined across pauses of at most `pause`, unless another party begins to speak in the
/// pause.
///
/// ```
/// use callweave::{speech, units::{Millis, Span}};
///
/// let agent = vec![Span::new(0.0, 900.0), Span::new(1200.0, 2000.0)];
/// let customer = vec![Span::new(2500.0, 3000.0)];
/// let turns = speech::turns(&[agent, customer], Millis(1500.0));
/// assert_eq!((turns.len(), turns[0].span), (2, Span::new(0.0, 2000.0)));
/// ```
pub fn turns(parties: &[Vec<Span>], pause: Millis) -> Vec<Turn> {
    let mut all = Vec::new();
    for (party, spans) in parties.iter().enumerate() {
        let taken = |from: Millis, to: Millis| {
            let others = parties.iter().enumerate().filter(|(other, _)| *other != party);
            others.flat_map(|(_, spans)| spans).any(|s| s.start >= from && s.start < to)
        };
        let mut current: Option<Span> = None;
        for span in spans {
            current = Some(match current {
                Some(turn) if (span.start - turn.end) <= pause && !taken(turn.end, span.start) => {
                    Span { start: turn.start, end: turn.end.max(span.end) }
                }
                Some(turn) => {
                    all.push(Turn { party, span: turn });
                    *span
                }
                None => *span,
            });
        }
        all.extend(current.map(|span| Turn { party, span }));
    }
    all.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.party.cmp(&b.party)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_join_pauses_that_nobody_takes() {
        let span = |a: f64, b: f64| Span::new(a, b);
        // A: 0-1000, 2000-3000 (B is silent between)   4000-5000 (B began at 3200)
        let a = vec![span(0.0, 1000.0), span(2000.0, 3000.0), span(4000.0, 5000.0)];
        let b = vec![span(3200.0, 3900.0)];
        let got: Vec<_> =
            turns(&[a, b], Millis(1500.0)).iter().map(|t| (t.party, t.span.start.0, t.span.end.0)).collect();
        assert_eq!(got, [(0, 0.0, 3000.0), (1, 3200.0, 3900.0), (0, 4000.0, 5000.0)]);
    }
}
