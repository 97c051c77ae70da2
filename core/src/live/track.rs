//! One track of a live call: runs every stage over each 32 ms, and reports the results.

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::events::SoundLook;
use crate::integrity;
use crate::process::{LiveAnalyzer, LiveSource};
use crate::units::{Millis, Rate};
use crate::vad::SILERO_HOP;

use super::answer::AnswerWatch;
use super::event::{Certainty, Teller, Told};
use super::floor::{FloorChange, PartyState};
use super::hysteresis::Hysteresis;
use super::keep::KeptSamples;
use super::ledger::{SoundLedger, WINDOW_MS};
use super::limit::TrackLimit;
use super::noise::NoiseFloor;
use super::packets::{LinePart, PacketOrder};
use super::samples::SampleReader;
use super::{LiveEventKind, LiveOptions, LivePacket, LiveSamples, SampleEncoding, StreamEvent, StreamOptions};

/// Samples read at once.
const BLOCK: usize = 4096;
/// Number of 32 ms steps after which open or uncertain sounds are examined again: half a second.
const SETTLING: u64 = 16;

/// One track of a live call.
pub(super) struct LiveTrack {
    pub rate: Rate,
    pub source: LiveSource,
    pub teller: Teller,
    pub packets: Option<PacketOrder>,
    pub kept: Option<KeptSamples>,
    pub ended: bool,
    pub analyzer: LiveAnalyzer,
    reader: SampleReader,
    block: Vec<f32>,
    /// Samples of the current 32 ms.
    waiting: Vec<f32>,
    /// Samples before those, and the number of 32 ms steps they make.
    done: u64,
    quanta: u64,
    heard: TrackHearing,
}

/// What is reported about a track.
struct TrackHearing {
    place: usize,
    walk: Hysteresis,
    frames: u64,
    probabilities: Vec<f32>,
    speech: Option<Told>,
    sounds: SoundLedger,
    look: SoundLook,
    changes: [u64; 3],
    digits: bool,
    noise: NoiseFloor,
    dead: DeadWatch,
    /// Set on the called party's track.
    answer: Option<AnswerWatch>,
}

/// Watches whether a track carries a signal.
struct DeadWatch {
    /// Mean square of a signal.
    limit: f32,
    after: f64,
    alive: u64,
    told: Option<Told>,
}

impl LiveTrack {
    pub fn new(
        [place, tracks]: [usize; 2],
        rate: Rate,
        source: LiveSource,
        options: &LiveOptions,
        config: &Config,
    ) -> Result<Self> {
        let speech = &config.speech;
        let stream = StreamOptions {
            threshold: speech.threshold,
            neg_threshold: Some(speech.neg_threshold),
            min_speech_ms: speech.min_speech_ms,
            min_silence_ms: speech.min_silence_ms,
            speech_pad_ms: Millis(0.0),
            ..StreamOptions::default()
        };
        let limit = 10f64.powf(config.outcome.dead_dbov.0 / 10.0) as f32;
        Ok(Self {
            rate,
            source,
            teller: Teller::new(place, tracks),
            packets: None,
            kept: KeptSamples::new(&options.keep)?,
            ended: false,
            analyzer: LiveAnalyzer::new(rate, config)?,
            reader: SampleReader::default(),
            block: Vec::with_capacity(BLOCK),
            waiting: Vec::with_capacity(quantum_end(0, rate) as usize + 1),
            done: 0,
            quanta: 0,
            heard: TrackHearing {
                place,
                walk: Hysteresis::new(&stream),
                frames: 0,
                probabilities: Vec::with_capacity(8),
                speech: None,
                sounds: SoundLedger::default(),
                look: SoundLook::new(Millis(WINDOW_MS)),
                changes: [0; 3],
                digits: config.dtmf_digits,
                noise: NoiseFloor::default(),
                dead: DeadWatch { limit, after: options.dead_after_ms.0, alive: 0, told: None },
                answer: (options.called == Some(place)).then(|| AnswerWatch::new(&config.outcome)),
            },
        })
    }

    /// Returns how much has been analyzed, on the call's timeline. An incomplete 32 ms step does
    /// not count.
    pub fn reached(&self) -> f64 {
        self.rate.millis(self.done).0 + self.teller.offset
    }

    /// The number of samples so far, with the silence in place of lost packets.
    pub fn samples(&self) -> u64 {
        self.done + self.waiting.len() as u64
    }

    /// Returns `true` if the track has samples.
    pub fn has_begun(&self) -> bool {
        self.done > 0 || !self.waiting.is_empty()
    }

    /// Takes the next samples, or none of them if they exceed the limit.
    pub fn push(
        &mut self,
        samples: LiveSamples<'_>,
        limit: &TrackLimit,
        floor: &mut dyn FnMut(FloorChange),
    ) -> Result<()> {
        limit.check(self.samples() + samples.count() as u64)?;
        if let Some(kept) = self.kept.as_mut().filter(|_| !samples.is_empty()) {
            kept.accept(samples)?;
        }
        self.source.whole &= samples.is_whole() || samples.is_empty();
        match samples {
            LiveSamples::F32(all) => all.chunks(BLOCK).try_for_each(|p| self.part(LiveSamples::F32(p), floor)),
            LiveSamples::I16(all) => all.chunks(BLOCK).try_for_each(|p| self.part(LiveSamples::I16(p), floor)),
            LiveSamples::Bytes(encoding, all) => {
                all.chunks(BLOCK).try_for_each(|p| self.part(LiveSamples::Bytes(encoding, p), floor))
            }
        }
    }

    /// Takes a packet in the given encoding.
    pub fn packet(
        &mut self,
        packet: LivePacket<'_>,
        encoding: SampleEncoding,
        window: Millis,
        limit: &TrackLimit,
        floor: &mut dyn FnMut(FloorChange),
    ) -> Result<()> {
        let order = self.packets.take();
        let mut order = order.unwrap_or_else(|| PacketOrder::new(self.rate, window, encoding.width()));
        let taken = order.push(packet, &mut |part| self.line(part, encoding, limit, floor));
        self.packets = Some(order);
        taken
    }

    /// Takes a part of the sequence that packets form. Silence is taken as far as the limit allows.
    fn line(
        &mut self,
        part: LinePart<'_>,
        encoding: SampleEncoding,
        limit: &TrackLimit,
        floor: &mut dyn FnMut(FloorChange),
    ) -> Result<()> {
        let silent = match part {
            LinePart::Payload(bytes) => return self.push(LiveSamples::Bytes(encoding, bytes), limit, floor),
            LinePart::Silence(samples) => samples,
        };
        let within = limit.check(self.samples() + silent);
        let mut left = limit.room(self.samples(), silent);
        let silence = [encoding.silence(); 512];
        while left > 0 {
            let now = silence.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let part = &silence[..now];
            if let Some(kept) = &mut self.kept {
                kept.accept(LiveSamples::Bytes(encoding, &[]))?;
                kept.push(part, None)?;
            }
            self.take(part, floor)?;
            left -= now as u64;
        }
        within
    }

    fn part(&mut self, samples: LiveSamples<'_>, floor: &mut dyn FnMut(FloorChange)) -> Result<()> {
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        let taken = self.reader.read(samples, &mut block).and_then(|()| {
            if let Some(kept) = &mut self.kept {
                kept.push(&block, samples.law())?;
            }
            self.take(&block, floor)
        });
        self.block = block;
        taken
    }

    /// Processes samples 32 ms at a time.
    fn take(&mut self, mut samples: &[f32], floor: &mut dyn FnMut(FloorChange)) -> Result<()> {
        loop {
            let length = (quantum_end(self.quanta, self.rate) - self.done) as usize;
            let Some((now, rest)) = samples.split_at_checked(length - self.waiting.len()) else {
                self.waiting.extend_from_slice(samples);
                return Ok(());
            };
            if self.waiting.is_empty() {
                self.quantum(now, floor)?;
            } else {
                let mut whole = std::mem::take(&mut self.waiting);
                whole.extend_from_slice(now);
                let heard = self.quantum(&whole, floor);
                whole.clear();
                self.waiting = whole;
                heard?;
            }
            samples = rest;
        }
    }

    fn quantum(&mut self, samples: &[f32], floor: &mut dyn FnMut(FloorChange)) -> Result<()> {
        self.heard.probabilities.clear();
        self.analyzer.push(samples, &mut self.heard.probabilities)?;
        self.done += samples.len() as u64;
        self.quanta += 1;
        let now = self.rate.millis(self.done).0;
        self.heard.quantum(now, &self.analyzer, self.quanta, &mut self.teller, floor);
        Ok(())
    }

    /// Ends the track. Waiting packets beyond the limit are dropped with a warning.
    pub fn end(
        &mut self,
        encoding: Option<SampleEncoding>,
        limit: &TrackLimit,
        floor: &mut dyn FnMut(FloorChange),
    ) -> Result<()> {
        if let (Some(mut order), Some(encoding)) = (self.packets.take(), encoding) {
            let released = order.finish(&mut |part| self.line(part, encoding, limit, floor));
            self.packets = Some(order);
            match released {
                Err(e) if e.kind() == ErrorKind::LimitExceeded => {
                    let said = format!("the last packets were dropped: {e}");
                    self.source.warnings.push(Warning::new("packets_dropped", said));
                }
                other => other?,
            }
        }
        if self.reader.is_cut() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                Stage::Input,
                "the track ends in the middle of a sample",
            )
            .with_mismatch("part of a sample", "a whole sample"));
        }
        self.ended = true;
        let rest = std::mem::take(&mut self.waiting);
        self.heard.probabilities.clear();
        self.analyzer.push(&rest, &mut self.heard.probabilities)?;
        self.analyzer.end(&mut self.heard.probabilities)?;
        self.done += rest.len() as u64;
        let now = self.rate.millis(self.done).0;
        self.heard.finish(now, &self.analyzer, &mut self.teller, floor);
        Ok(())
    }

    /// Returns what is known about the track besides its audio.
    pub fn described(&self) -> LiveSource {
        LiveSource { warnings: self.warnings(), ..self.source.clone() }
    }

    /// Returns the warnings about its samples and its packets.
    pub fn warnings(&self) -> Vec<Warning> {
        let packets = self.packets.as_ref().and_then(|order| order.counts.warning());
        self.source.warnings.iter().cloned().chain(self.reader.warnings()).chain(packets).collect()
    }
}

/// Returns the sample at which a 32 ms step ends.
fn quantum_end(quantum: u64, rate: Rate) -> u64 {
    let samples = SILERO_HOP.0 as u64 * u64::from(rate.hz()) * (quantum + 1);
    samples.div_ceil(1000)
}

impl TrackHearing {
    fn quantum(
        &mut self,
        now: f64,
        analyzer: &LiveAnalyzer,
        quanta: u64,
        teller: &mut Teller,
        floor: &mut dyn FnMut(FloorChange),
    ) {
        self.speech(now, f64::INFINITY, teller, floor);
        let Some(power) = analyzer.power() else { return };
        let (track, known) = (self.place, now + teller.offset);
        if let Some(loud) = self.noise.push(power, now) {
            let what = loud.map_or(PartyState::Loud, |since| PartyState::Quiet(since + teller.offset));
            floor(FloorChange { known, track, what });
        }
        self.dead.push(power, now, quanta, teller);
        let changes = analyzer.changes();
        let news = changes != std::mem::replace(&mut self.changes, changes);
        if news || (quanta.is_multiple_of(SETTLING) && self.sounds.is_unsettled()) {
            self.sounds(now, analyzer, teller);
        }
        if let Some(answer) = &mut self.answer {
            answer.judge(&self.sounds, now, teller);
        }
    }

    fn sounds(&mut self, now: f64, analyzer: &LiveAnalyzer, teller: &mut Teller) {
        let from = (now - WINDOW_MS).max(0.0);
        analyzer.events_since(Millis(from), &mut self.look);
        self.sounds.update(&self.look.sounds, from, now, self.digits, teller);
    }

    /// Detects speech in the new frames of a track that ends at a time.
    fn speech(&mut self, now: f64, end: f64, teller: &mut Teller, floor: &mut dyn FnMut(FloorChange)) {
        for at in 0..self.probabilities.len() {
            let Some(&p) = self.probabilities.get(at) else { break };
            let time = |frame: u64| frame as f64 * SILERO_HOP.0;
            let event = self.walk.push(time(self.frames), time(self.frames + 1).min(end), p);
            self.frames += 1;
            self.spoke(event, now, teller, floor);
        }
    }

    /// Reports speech: at its beginning, and again once it is certain.
    fn spoke(&mut self, event: Option<StreamEvent>, now: f64, teller: &mut Teller, floor: &mut dyn FnMut(FloorChange)) {
        let (track, known, offset) = (self.place, now + teller.offset, teller.offset);
        match event {
            Some(StreamEvent::SpeechStart { at, .. }) => {
                let told = self.speech.take().unwrap_or_else(|| teller.unsaid(LiveEventKind::Speech, at.0));
                teller.tell(&told, Certainty::Confirmed, now);
                self.speech = Some(told);
                if let Some(answer) = &mut self.answer {
                    answer.spoke(at.0, now, teller);
                }
                floor(FloorChange { known, track, what: PartyState::Spoke(at.0 + offset) });
            }
            Some(StreamEvent::SpeechEnd { span, .. }) => {
                if let Some(told) = self.speech.take() {
                    teller.tell(&Told { end: Some(span.end.0), ..told }, Certainty::Confirmed, now);
                }
                if let Some(answer) = &mut self.answer {
                    answer.paused(span.end.0);
                }
                floor(FloorChange { known, track, what: PartyState::Paused(span.end.0 + offset) });
            }
            None => match (self.walk.begun(), self.speech.is_some()) {
                (Some(at), false) => {
                    self.speech = Some(teller.begin(LiveEventKind::Speech, at, Certainty::Provisional, now));
                }
                (None, true) => {
                    if let Some(told) = self.speech.take() {
                        teller.tell(&told, Certainty::Withdrawn, now);
                    }
                }
                _ => {}
            },
        }
    }

    fn finish(&mut self, now: f64, analyzer: &LiveAnalyzer, teller: &mut Teller, floor: &mut dyn FnMut(FloorChange)) {
        self.speech(now, now, teller, floor);
        for event in self.walk.finish(now).into_iter().flatten() {
            self.spoke(Some(event), now, teller, floor);
        }
        if let Some(told) = self.speech.take() {
            teller.tell(&told, Certainty::Withdrawn, now);
        }
        self.sounds(now, analyzer, teller);
        self.sounds.finish(now, teller);
        self.dead.finish(now, teller);
        floor(FloorChange { known: now + teller.offset, track: self.place, what: PartyState::Ended });
    }
}

impl DeadWatch {
    fn push(&mut self, power: f32, now: f64, quanta: u64, teller: &mut Teller) {
        self.alive += u64::from(power > self.limit);
        let dead = now >= self.after && integrity::is_dead(self.alive as f64 / quanta as f64);
        match (dead, self.told.take()) {
            (true, None) => self.told = Some(teller.begin(LiveEventKind::DeadTrack, 0.0, Certainty::Provisional, now)),
            (false, Some(told)) => teller.tell(&told, Certainty::Withdrawn, now),
            (_, told) => self.told = told,
        }
    }

    fn finish(&mut self, now: f64, teller: &mut Teller) {
        if let Some(told) = self.told.take() {
            teller.tell(&Told { end: Some(now), ..told }, Certainty::Confirmed, now);
        }
    }
}
