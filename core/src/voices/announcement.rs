//! Finds a recorded announcement that plays in a loop before anyone answers, as in a queue.
//!
//! It is speech whose waveform returns ([`SoundReturns`]) after the same time. Between two plays
//! there is music or silence, and nobody takes a turn. That the same words return is no sign of a
//! recording: parties say the same words again.

use std::iter::zip;
use std::ops::Range;

use super::returns::{SoundReturns, pieces};
use super::separate::without;
use crate::error::{Result, Stage};
use crate::run::Cancel;
use crate::track::Narrowband;
use crate::units::{self, Millis, Rate, Span, total};

/// Spans of speech among which the first play begins, and the most speech before it. After more, a
/// party has spoken.
const BEFORE: (usize, Millis) = (8, Millis(15_000.0));
/// Spans after the first one among which the second play begins, and the longest time from one play
/// to the next.
const NEXT: (usize, Millis) = (40, Millis(180_000.0));
/// Between two plays, nobody speaks for this long. In made conversations, an answer or a further
/// word follows within 2.1 s.
const UNANSWERED: Millis = Millis(3_000.0);
/// Least speech of a play if there are only two plays, and if there are more.
const LEAST_PLAY: [Millis; 2] = [Millis(1_000.0), Millis(250.0)];
/// Least share of a play's pieces that return. Noise may hide the rest.
const RETURNS: f64 = 0.85;
/// Longest sound between two plays that is taken for speech and is none, as in music, and the most
/// time of such sounds, in all or as a share of the play.
const SOUND: Millis = Millis(800.0);
const SOUNDS: (Millis, f64) = (Millis(1_500.0), 0.15);
/// Distance at which the detector's edges may lie from those of another play.
const EDGE: Millis = Millis(250.0);
/// Length of the beginning of a play by which its return is recognized: pauses are included where a
/// span is shorter.
const HEAD: [Millis; 2] = [Millis(500.0), Millis(2_000.0)];
/// Least speech of a last play that is cut off, and after the last play: somebody answers.
const LEAST_CUT: Millis = Millis(1_000.0);
const LEAST_ANSWER: Millis = Millis(1_000.0);
/// Most pairs of spans that are compared, and most plays in one direction.
const MOST_PAIRS: usize = 320;
const MOST_PLAYS: usize = 500;

/// Returns the stretch of a track in which a recorded announcement plays in a loop: from the first
/// play to the end of the last. `None` if there is none, or if nobody speaks after it.
///
/// `speech` holds the spans of speech in the track's time, sorted. `sounds` (tones, music) are not
/// speech.
///
/// # Errors
/// `cancelled`.
pub fn announced(samples: &dyn Narrowband, speech: &[Span], sounds: &[Span], cancel: &Cancel) -> Result<Option<Span>> {
    let spoken = without(speech, sounds);
    let mut sound = SoundReturns::new(samples);
    let firsts = (0..spoken.len().min(BEFORE.0)).take_while(|&first| total(&spoken[..first]) <= BEFORE.1);
    let pairs = firsts.flat_map(|first| candidates(&spoken, first).map(move |next| (first, next)));
    for (first, next) in pairs.take(MOST_PAIRS) {
        cancel.check(Stage::Speech)?;
        let found = AnnouncementLoop::of(&mut sound, &spoken, first, next).and_then(|found| found.stretch(&spoken));
        if found.is_some_and(|stretch| is_answered(&spoken, stretch)) {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Returns the spans with which the next play may begin: after a time in which nobody speaks.
fn candidates(spoken: &[Span], first: usize) -> impl Iterator<Item = usize> {
    let near = move |&n: &usize| spoken[n].start - spoken[first].start <= NEXT.1;
    let mut unanswered = false;
    (first + 1..spoken.len()).take(NEXT.0).take_while(near).filter(move |&n| {
        unanswered |= spoken[n].start - spoken[n - 1].end >= UNANSWERED;
        unanswered
    })
}

fn is_answered(spoken: &[Span], stretch: Span) -> bool {
    let after = Span { start: stretch.end, end: Millis(f64::INFINITY) };
    total(&clipped(spoken, after)) >= LEAST_ANSWER
}

/// Plays of one announcement.
struct AnnouncementLoop {
    /// The pieces of one play whose waveform returns, in samples.
    play: Vec<Range<usize>>,
    /// How much later than that the first play is, 0 or less, in samples.
    first: i64,
    /// Where the last play ends, in samples. It may be cut off.
    end: i64,
    /// The number of whole plays.
    count: usize,
}

impl AnnouncementLoop {
    /// Returns the loop of which two plays, one after the other, begin with two spans.
    fn of(sound: &mut SoundReturns, spoken: &[Span], first: usize, next: usize) -> Option<Self> {
        let (start, after) = (spoken[first].start, spoken[next].start);
        let [least, most] = HEAD;
        let head = samples_of(Span { start, end: start + spoken[first].duration().max(least).min(most) });
        let period = sound.lag(&head, sample(after) as i64 - sample(start) as i64)?;
        // What the detector hears just before the next play is its beginning.
        let said = clipped(spoken, Span { start, end: start + time(period) - EDGE });
        let parts: Vec<Range<usize>> = said.iter().flat_map(|&span| pieces(&samples_of(span))).collect();
        let returning = sound.returning(&parts, period);
        let returned = zip(parts, returning).filter_map(|(part, returns)| returns.then_some(part));
        let play = until_pause(returned.collect());
        let end = play.last()?.end as i64 + period;
        let mut found = Self { play, first: 0, end, count: 2 };
        if !found.is_waited(spoken, 0, period) {
            return None;
        }
        found.precede(sound, spoken, &head, period);
        found.follow(sound, spoken, &head, period);
        let least = LEAST_PLAY[usize::from(found.count > 2)];
        (millis(&found.play) >= least).then_some(found)
    }

    /// Counts the plays before the first one known, each about as long before.
    fn precede(&mut self, sound: &mut SoundReturns, spoken: &[Span], head: &Range<usize>, period: i64) {
        for _ in 0..MOST_PLAYS {
            let Some(lag) = sound.lag(head, self.first - period) else { return };
            let whole = self.is_whole(&sound.returning(&self.play, lag));
            if !whole || !self.is_waited(spoken, lag, self.first) {
                return;
            }
            (self.first, self.count) = (lag, self.count + 1);
        }
    }

    /// Counts the plays after the second one, each about as long after. The last may be cut off.
    fn follow(&mut self, sound: &mut SoundReturns, spoken: &[Span], head: &Range<usize>, period: i64) {
        let mut last = period;
        for _ in 0..MOST_PLAYS {
            let Some(lag) = sound.lag(head, last + period) else { return };
            let returning = sound.returning(&self.play, lag);
            let whole = self.is_whole(&returning);
            let begun = returning.iter().take_while(|&&returns| returns).count();
            let played =
                if whole { returning.iter().rposition(|&returns| returns).map_or(0, |n| n + 1) } else { begun };
            let played = &self.play[..played.min(self.play.len())];
            let enough = whole || millis(played) >= LEAST_CUT;
            let Some(piece) = played.last().filter(|_| enough && self.is_waited(spoken, last, lag)) else { return };
            self.end = piece.end as i64 + lag;
            if !whole {
                return;
            }
            (last, self.count) = (lag, self.count + 1);
        }
    }

    /// Returns `true` if nearly all pieces of the play return.
    fn is_whole(&self, returning: &[bool]) -> bool {
        let count = returning.iter().filter(|&&returns| returns).count();
        count as f64 >= RETURNS * self.play.len() as f64
    }

    /// Returns `true` if from one play to the next nobody takes a turn: the play is all that is
    /// said, but for short sounds.
    fn is_waited(&self, spoken: &[Span], from: i64, to: i64) -> bool {
        let Some((start, end)) = self.start(from).zip(self.start(to)) else { return false };
        let heard = clipped(spoken, Span { start, end });
        let pieces = self.play.iter().filter_map(|piece| moved(piece, from));
        let wide = |piece: Span| Span { start: piece.start - EDGE, end: piece.end + EDGE };
        let others = pieces.fold(heard.clone(), |left, piece| units::without(&left, wide(piece)));
        let (most, share) = SOUNDS;
        let are_sounds = others.iter().all(|span| span.duration() <= SOUND)
            && total(&others) <= most.max(Millis(share * millis(&self.play).0));
        let starts = heard.iter().map(|span| span.start).chain([end]);
        let ends = [start].into_iter().chain(heard.iter().map(|span| span.end));
        are_sounds && zip(ends, starts).any(|(end, start)| start - end >= UNANSWERED)
    }

    /// Returns where the play at a lag begins, if that is on the track.
    fn start(&self, lag: i64) -> Option<Millis> {
        self.play.first().and_then(|piece| moved(piece, lag)).map(|span| span.start)
    }

    /// Returns the stretch of all plays, with the rests of spans at its edges.
    fn stretch(&self, spoken: &[Span]) -> Option<Span> {
        let (start, end) = (self.start(self.first)?, time(self.end));
        let cut = |at: Millis| spoken.iter().find(|span| span.start < at && at < span.end);
        let before = cut(start).filter(|span| start - span.start <= EDGE);
        let after = cut(end).filter(|span| span.end - end <= EDGE);
        Some(Span { start: before.map_or(start, |span| span.start), end: after.map_or(end, |span| span.end) })
    }
}

/// Returns the pieces before the first long pause. What returns after it is music that begins again
/// after each play.
fn until_pause(mut pieces: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let pause = |pair: &[Range<usize>]| time(pair[1].start as i64 - pair[0].end as i64) >= UNANSWERED;
    let end = pieces.windows(2).position(pause).map_or(pieces.len(), |last| last + 1);
    pieces.truncate(end);
    pieces
}

/// Returns the parts of spans within a stretch.
fn clipped(spans: &[Span], stretch: Span) -> Vec<Span> {
    spans.iter().filter_map(|span| span.overlap(&stretch)).collect()
}

fn sample(at: Millis) -> usize {
    Rate::NARROWBAND.sample_at(at) as usize
}

fn samples_of(span: Span) -> Range<usize> {
    sample(span.start)..sample(span.end)
}

fn time(samples: i64) -> Millis {
    Millis(samples as f64 * 1000.0 / f64::from(Rate::NARROWBAND.hz()))
}

/// Returns the duration of pieces.
fn millis(pieces: &[Range<usize>]) -> Millis {
    time(pieces.iter().map(ExactSizeIterator::len).sum::<usize>() as i64)
}

/// Returns a range of samples at a lag, if it is not before the track.
fn moved(range: &Range<usize>, lag: i64) -> Option<Span> {
    let span = Span { start: time(range.start as i64 + lag), end: time(range.end as i64 + lag) };
    (span.start.0 >= 0.0).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::super::returns::made;
    use super::*;

    /// A track: what sounds (by seed) from when to when, in seconds. What has no seed is silent.
    /// Every entry is a span of speech.
    fn track(heard: &[(u32, f64, f64)]) -> (Vec<f32>, Vec<Span>) {
        let end = heard.iter().map(|said| said.2).fold(0.0, f64::max);
        let mut samples: Vec<f32> = made(999, (end * 8000.0) as usize + 8000).iter().map(|x| 0.01 * x).collect();
        for &(seed, from, to) in heard {
            let at = (from * 8000.0) as usize;
            let sound = made(seed, ((to - from) * 8000.0) as usize);
            samples[at..at + sound.len()].iter_mut().zip(sound).for_each(|(x, y)| *x += y);
        }
        (samples, heard.iter().map(|said| Span::new(said.1 * 1000.0, said.2 * 1000.0)).collect())
    }

    /// Where announcements play, in seconds.
    fn found(heard: &[(u32, f64, f64)], sounds: &[Span]) -> Option<(f64, f64)> {
        let (samples, speech) = track(heard);
        let found = announced(&samples, &speech, sounds, &Cancel::default()).unwrap();
        found.map(|span| (span.start.seconds(), span.end.seconds()))
    }

    /// Two parties in turns of 2 s from a second on.
    fn talk(from: f64) -> Vec<(u32, f64, f64)> {
        (0..6).map(|n| (100 + n, from + 2.5 * f64::from(n), from + 2.5 * f64::from(n) + 2.0)).collect()
    }

    /// Plays of an announcement of two sentences, each 8 s after the last, then a conversation.
    fn queue(plays: u32) -> Vec<(u32, f64, f64)> {
        let play = |n: u32| [(1, 1.0 + 8.0 * f64::from(n), 2.5), (2, 3.1 + 8.0 * f64::from(n), 1.0)];
        let all = (0..plays).flat_map(play).map(|(seed, at, length)| (seed, at, at + length));
        all.map(|(seed, from, to)| (seed, from, if seed == 1 { to - 0.7 } else { to }))
            .chain(talk(8.0 * f64::from(plays)))
            .collect()
    }

    #[test]
    fn an_announcement_that_plays_again_until_somebody_answers_is_found() {
        assert_eq!(found(&queue(2), &[]), Some((1.0, 12.1)));
        assert_eq!(found(&queue(4), &[]), Some((1.0, 28.1)));
        // Something in the music is taken for speech.
        let mut music = queue(3);
        music.insert(2, (50, 7.3, 7.9));
        music.insert(5, (51, 15.3, 15.7));
        assert_eq!(found(&music, &[]), Some((1.0, 20.1)));
        // Somebody says a word before it.
        music.insert(0, (52, 0.1, 0.6));
        assert_eq!(found(&music, &[]), Some((1.0, 20.1)));
    }

    #[test]
    fn a_short_one_must_play_three_times() {
        let heard = |plays: u32| -> Vec<(u32, f64, f64)> {
            let play = |n: u32| (1, 1.0 + 6.0 * f64::from(n), 1.8 + 6.0 * f64::from(n));
            (0..plays).map(play).chain(talk(6.0 * f64::from(plays))).collect()
        };
        assert_eq!(found(&heard(2), &[]), None);
        assert_eq!(found(&heard(3), &[]), Some((1.0, 13.8)));
        // Not after the same time.
        let late = [vec![(1, 1.0, 1.8), (1, 7.0, 7.8), (1, 15.0, 15.8)], talk(18.0)].concat();
        assert_eq!(found(&late, &[]), None);
    }

    #[test]
    fn the_last_play_may_be_cut_off() {
        let mut heard = queue(2);
        heard.truncate(4);
        heard.extend([(1, 17.0, 18.5)]);
        heard.extend(talk(18.6));
        let (start, end) = found(&heard, &[]).unwrap();
        assert!(start == 1.0 && (18.2..=18.6).contains(&end), "{end}");
    }

    #[test]
    fn what_parties_say_again_is_no_announcement() {
        // The same words are another waveform.
        assert_eq!(found(&[vec![(1, 1.0, 4.0), (2, 9.0, 12.0)], talk(14.0)].concat(), &[]), None);
        // Somebody answers between, for a second or more.
        assert_eq!(found(&[vec![(1, 1.0, 4.0), (2, 4.5, 5.5), (1, 9.0, 12.0)], talk(14.0)].concat(), &[]), None);
        // Nobody waits for 3 s.
        assert_eq!(found(&[vec![(1, 1.0, 4.0), (1, 6.5, 9.5)], talk(10.0)].concat(), &[]), None);
        // A conversation went before.
        let later: Vec<_> = queue(3).into_iter().map(|(seed, from, to)| (seed, from + 30.0, to + 30.0)).collect();
        assert_eq!(found(&[talk(0.1), talk(15.1), later].concat(), &[]), None);
    }

    #[test]
    fn music_alone_and_a_loop_that_nobody_ends_are_none() {
        let music: Vec<(u32, f64, f64)> =
            (0..8).map(|n| (200 + n, 6.0 * f64::from(n), 6.0 * f64::from(n) + 1.0)).collect();
        assert_eq!(found(&music, &[]), None);
        // A song that begins again is cut out as music.
        let song = [vec![(1, 1.0, 7.0), (1, 12.0, 18.0)], talk(20.0)].concat();
        assert_eq!(found(&song, &[Span::new(900.0, 19_000.0)]), None);
        let mut unanswered = queue(3);
        unanswered.truncate(6);
        assert_eq!(found(&unanswered, &[]), None);
        assert_eq!(found(&[], &[]), None);
    }
}
