#!/usr/bin/env python3
"""Make labelled multi-track phone calls from clean speech.

    make_calls.py --speech DIR --music DIR --out DIR [--calls 120] [--seed 1] [--scenario busy]

Each call is a folder:
    manifest.json   what a service knows: track files, roles, start times to the second (or null)
    truth.json      what was really done: offsets, drift, echo, speech spans, events, tag
    track0.wav ...  one file per participant, as a recorder would leave it
    mono.json       the same call as one mixed recording (mono.wav), as VoIPBin and many PBXs leave it

Speech is cut into utterances where the clean recording is louder than its own
floor; those cuts, placed on the call's timeline, are the speech truth. Noise,
echo, codecs, drift and dropouts are added afterwards, and sounds that are no
speech: clicks, breath, typing, a room full of talkers far away. Echo is near
(hybrid, loudspeaker: 5 to 60 ms) or far (another phone's, after the round trip
of a VoIP or mobile network: 100 to 720 ms, as real calls have it). The same
seed, speech and music give the same calls.

Needs: numpy scipy soundfile soxr (PyPI), lame and ffmpeg (Debian).
"""

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

RATE = 8000  # master rate: telephone band
FRAME = 80  # 10 ms


def db(x):
    return 10.0 ** (x / 20.0)


def load(path):
    x, rate = sf.read(path, dtype="float32", always_2d=True)
    return soxr.resample(x.mean(axis=1), rate, RATE).astype(np.float32)


def frame_db(x):
    n = len(x) // FRAME
    e = np.square(x[: n * FRAME]).reshape(n, FRAME).mean(axis=1)
    return 10 * np.log10(e + 1e-12)


def spans_of(mask):
    """[start, end) index pairs of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges.reshape(-1, 2)


def activity(x, below=32.0, join=20, least=8):
    """Spans (in 10 ms frames) within `below` dB of the 95th percentile and 12 dB over the floor,
    short gaps joined."""
    level = frame_db(x)
    loud, floor = np.percentile(level, 95), np.percentile(level, 3)
    if loud - floor < 30:  # too noisy to cut by level: no truth to be had from it
        return []
    mask = level > max(loud - below, floor + 12)
    spans = []
    for s, e in spans_of(mask):
        if spans and s - spans[-1][1] <= join:
            spans[-1][1] = e
        else:
            spans.append([s, e])
    return [(s, e) for s, e in spans if e - s >= least]


def utterances(folder):
    """{voice: [(samples at -26 dB active level, spans in frames)]} from each file of a folder."""
    voices = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() not in (".wav", ".flac", ".mp3"):
            continue
        x = load(path)
        found = activity(x)
        if not found:
            continue
        active = np.concatenate([x[s * FRAME : e * FRAME] for s, e in found])
        x = x * (db(-26) / (np.sqrt(np.mean(np.square(active))) + 1e-9))
        voice = path.parent.name if path.parent != Path(folder) else path.stem
        for s, e in found:
            if 25 <= e - s <= 900:
                voices.setdefault(voice, []).append(x[s * FRAME : e * FRAME])
    return {v: u for v, u in voices.items() if sum(map(len, u)) > 4 * RATE}


@dataclass
class Leg:
    role: str
    audio: np.ndarray
    speech: list = field(default_factory=list)  # seconds on the call's timeline
    events: list = field(default_factory=list)  # {"kind", "start", "end", "detail"}

    def put(self, at, x, gain=1.0):
        i = int(at * RATE)
        n = min(len(x), len(self.audio) - i)
        if n > 0:
            self.audio[i : i + n] += gain * x[:n]
        return max(n, 0) / RATE

    def say(self, at, x):
        """Place one utterance; its truth is the whole utterance (its inner gaps are under
        0.2 s)."""
        d = self.put(at, x)
        if d > 0:
            self.speech.append([at, at + d])
        return d

    def event(self, kind, at, x, detail=""):
        d = self.put(at, x)
        if d > 0:
            self.events.append({"kind": kind, "start": at, "end": at + d, "detail": detail})
        return d


def tone(freqs, seconds, level=-20.0):
    t = np.arange(int(seconds * RATE)) / RATE
    x = sum(np.sin(2 * np.pi * f * t) for f in freqs) * db(level) * np.sqrt(2) / len(freqs)
    ramp = np.minimum(1, np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / 40)
    return (x * ramp).astype(np.float32)


def noise(rng, n):
    """Line noise of unit level: white to pink, a third of it with mains hum."""
    spectrum = np.fft.rfft(rng.standard_normal(max(n, 16)))
    f = np.fft.rfftfreq(max(n, 16), 1 / RATE)
    spectrum *= np.maximum(f, 60.0) ** -rng.uniform(0, 1)
    x = np.fft.irfft(spectrum, max(n, 16))[:n]
    x /= np.sqrt(np.mean(np.square(x))) + 1e-12
    if rng.random() < 0.33:
        t, mains = np.arange(n) / RATE, rng.choice([50.0, 60.0])
        x = 0.7 * x + sum(np.sin(2 * np.pi * mains * k * t + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5))
    return x.astype(np.float32)


def breath(rng):
    n = int(rng.uniform(0.15, 0.6) * RATE)
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * (np.fft.rfftfreq(n, 1 / RATE) > rng.uniform(300, 900)), n)
    return (x * np.hanning(n) ** 0.7 * db(rng.uniform(-52, -36))).astype(np.float32)


def click(rng):
    n = int(rng.uniform(0.001, 0.006) * RATE) + 4
    return (rng.standard_normal(n) * np.linspace(1, 0, n) ** 2 * db(rng.uniform(-40, -18))).astype(np.float32)


def echo(x, level, rng):
    """The other party as it comes back: late, never early, through a short response; returns it and
    its delay in seconds."""
    late = rng.uniform(0.005, 0.06) if rng.random() < 0.45 else rng.uniform(0.1, 0.72)
    taps = rng.standard_normal(24) * np.exp(-np.arange(24) / rng.uniform(2, 8))
    taps[0] = 2.0 * np.sign(taps[0])
    y = np.convolve(x, taps / np.sqrt(np.sum(taps**2)))[: len(x)]
    lag = int(late * RATE)
    y = np.concatenate([np.zeros(lag), y[: len(y) - lag]])
    if late > 0.08 and rng.random() < 0.4:  # a jitter buffer that adapts: the delay jumps
        at, jump = (
            int(len(y) * rng.uniform(0.2, 0.8)),
            int(rng.uniform(0.01, 0.06) * RATE) * (1 if rng.random() < 0.5 else -1),
        )
        y[at:] = np.roll(y, jump)[at:]
    if rng.random() < 0.3:  # cancelled now and then: heard in stretches
        on = np.repeat(rng.random(1 + len(y) // RATE) < 0.6, RATE)[: len(y)]
        y = y * np.convolve(on, np.ones(400) / 400, "same")
    return (db(level) * y).astype(np.float32), late


def cadence(freqs, on, off, repeats, level=-20.0):
    gap = np.zeros(int(off * RATE), np.float32)
    return np.concatenate([np.concatenate([tone(freqs, on, level), gap]) for _ in range(repeats)])[: -len(gap) or None]


RINGBACK = {"th": ([420], 1.0, 5.0), "cn": ([450], 1.0, 4.0), "us": ([440, 480], 2.0, 4.0)}
BUSY = {"th": ([400], 0.5, 0.5), "cn": ([450], 0.35, 0.35), "us": ([480, 620], 0.5, 0.5)}
DTMF = {
    k: (r, c)
    for (k, r, c) in zip(
        "123A456B789C*0#D", [697] * 4 + [770] * 4 + [852] * 4 + [941] * 4, [1209, 1336, 1477, 1633] * 4
    )
}


class Maker:
    def __init__(self, voices, music, rng):
        self.voices, self.music, self.rng = voices, music, rng

    def legs(self, seconds, roles=("customer", "agent")):
        return [Leg(r, np.zeros(int(seconds * RATE), np.float32)) for r in roles]

    def cast(self, n):
        names = self.rng.permutation(sorted(self.voices))[:n]
        return [self.voices[v] for v in names]

    def pick(self, voice, most=8.0):
        fit = [u for u in voice if len(u) <= most * RATE] or voice
        return fit[self.rng.integers(len(fit))][: int(most * RATE)]

    def talk(self, legs, voices, t, until, first=0, overlap=0.12):
        """Turn taking from t to until; now and then the next turn starts before this one ends."""
        who = first
        while t < until:
            for _ in range(self.rng.integers(1, 4)):
                d = legs[who].say(t, self.pick(voices[who], min(8.0, max(0.4, until - t))))
                if d > 2.5 and self.rng.random() < 0.08:  # backchannel
                    other = (who + 1) % len(legs)
                    legs[other].say(t + self.rng.uniform(0.5, d - 1.2), self.pick(voices[other], 0.7))
                t += d + self.rng.uniform(0.25, 0.9)
                if t >= until:
                    break
            t += -self.rng.uniform(0.3, 0.9) if self.rng.random() < overlap else self.rng.uniform(0.1, 1.2)
            who = (who + 1) % len(legs)
        return t

    # One scenario a method; each returns (legs, outcome).
    def normal(self):
        total = self.rng.uniform(22, 40) if self.rng.random() < 0.25 else self.rng.uniform(45, 150)
        legs = self.legs(total)
        self.talk(legs, self.cast(2), self.rng.uniform(1.5, 8), total - 1.5, first=1)
        return legs, "conversation"

    def long(self):
        """Ten minutes and more: where clocks drift apart."""
        total = self.rng.uniform(600, 900)
        legs = self.legs(total)
        self.talk(legs, self.cast(2), self.rng.uniform(1.5, 8), total - 1.5, first=1)
        return legs, "conversation"

    def transfer(self):
        total = self.rng.uniform(80, 160)
        cut = total * self.rng.uniform(0.4, 0.6)
        legs = self.legs(total, ("customer", "agent", "transfer"))
        a, b, c = self.cast(3)
        self.talk(legs[:2], [a, b], self.rng.uniform(1.5, 8), cut - 2, first=1)
        self.talk([legs[0], legs[2]], [a, c], cut + 2, total - 1.5, first=1)
        legs[1].ends, legs[2].begins = cut, cut
        return legs, "conversation"

    def hold(self):
        total = self.rng.uniform(90, 170)
        legs = self.legs(total)
        voices = self.cast(2)
        s, e = total * 0.3, total * self.rng.uniform(0.55, 0.7)
        self.talk(legs, voices, self.rng.uniform(1.5, 8), s - 1.5, first=1)
        m = self.music[self.rng.integers(len(self.music))]
        at = self.rng.integers(0, max(1, len(m) - int((e - s) * RATE)))
        legs[1].event("music", s, m[at : at + int((e - s) * RATE)])
        self.talk(legs, voices, e + 1, total - 1.5, first=1)
        return legs, "conversation"

    def keypad(self):
        legs, outcome = self.normal()
        end = len(legs[0].audio) / RATE
        t = self.rng.uniform(5, end / 2)
        for k in self.rng.choice(list("0123456789#*"), self.rng.integers(3, 17)):
            legs[0].event("dtmf", t, tone(DTMF[k], self.rng.uniform(0.07, 0.2), -14), str(k))
            t += self.rng.uniform(0.25, 0.5)
        return legs, outcome

    def short(self):
        total = self.rng.uniform(4.5, 16)
        legs = self.legs(total)
        a, b = self.cast(2)
        t = self.rng.uniform(0.5, 2)
        t += legs[1].say(t, self.pick(b, 1.6)) + self.rng.uniform(0.3, 1.0)
        if t < total - 0.6:
            legs[0].say(t, self.pick(a, 1.0))
        return legs, "conversation_short"

    def silent_caller(self):
        total = self.rng.uniform(12, 40)
        legs = self.legs(total)
        (b,) = self.cast(1)
        t = 1.0
        for k in range(self.rng.integers(2, 4)):
            if k > 1 and t > total - 3:
                break
            t += legs[1].say(t, self.pick(b, 2.0)) + self.rng.uniform(2.5, 4)
        return legs, "silent_party"

    def robocall(self):
        total = self.rng.uniform(20, 60)
        legs = self.legs(total)
        a, b = self.cast(2)
        legs[1].say(0.7, self.pick(b, 1.5))
        t = 0.9  # talks over the greeting, never pauses for an answer
        while t < total - 1:
            t += legs[0].say(t, self.pick(a, total - t)) + self.rng.uniform(0.15, 0.35)
        return legs, "monologue"

    def fax(self):
        total = self.rng.uniform(10, 25)
        legs = self.legs(total)
        (b,) = self.cast(1)
        legs[1].say(1.0, self.pick(b, 2.0))
        t = 1.5
        while t < total - 1:
            t += legs[0].event("fax", t, tone([1100], 0.5, -16), "cng") + 3.0
        return legs, "fax"

    def no_answer(self):
        freqs, on, off = RINGBACK[self.rng.choice(list(RINGBACK))]
        n = int(self.rng.integers(3, 7))
        total = n * (on + off) + 1
        legs = self.legs(total)
        if self.rng.random() < 0.35:  # a song instead of ringing, as in much of Asia
            m = self.music[self.rng.integers(len(self.music))]
            at = self.rng.integers(0, max(1, len(m) - int(total * RATE)))
            legs[1].event("music", 0.5, m[at : at + int((total - 1) * RATE)])
        else:
            legs[1].event("ringback", 0.5, cadence(freqs, on, off, n))
        return legs, "no_answer"

    def busy(self):
        freqs, on, off = BUSY[self.rng.choice(list(BUSY))]
        n = int(self.rng.integers(6, 14))
        legs = self.legs(n * (on + off) + 1)
        legs[1].event("busy", 0.4, cadence(freqs, on, off, n, -18))
        return legs, "busy"

    def voicemail(self):
        """A greeting in one go; with or without a tone; the caller leaves a message, hangs up, or
        waits in silence."""
        total = self.rng.uniform(14, 45)
        legs = self.legs(total)
        a, b = self.cast(2)
        t = self.rng.uniform(0.3, 2)
        if self.rng.random() < 0.35:  # recorded from dialling on
            freqs, on, off = RINGBACK[self.rng.choice(list(RINGBACK))]
            t += legs[1].event("ringback", t, cadence(freqs, on, off, int(self.rng.integers(1, 3)))) + self.rng.uniform(
                0.2, 1
            )
            total += t
            for leg in legs:
                leg.audio = np.concatenate([leg.audio, np.zeros(int(t * RATE), np.float32)])
        for _ in range(self.rng.integers(2, 5)):
            t += legs[1].say(t, self.pick(b, 3.5)) + self.rng.uniform(0.1, 0.5)
        if self.rng.random() < 0.65:
            f = self.rng.uniform(380, 1500)
            x = tone([f], self.rng.uniform(0.15, 0.75), self.rng.uniform(-26, -12))
            if self.rng.random() < 0.3:
                x = x + tone([3 * f], (len(x) + 0.5) / RATE, -36)[: len(x)] if 3 * f < 3800 else x
            t += self.rng.uniform(0.1, 1.2)
            t += legs[1].event("beep", t, x)
        ending = self.rng.random()
        if ending < 0.45:  # leaves a message
            while t < total - 1.5:
                t += legs[0].say(t + 0.5, self.pick(a, 5.0)) + 0.7
        else:  # hangs up soon, or stays on the line and says nothing
            total = min(total, t + (self.rng.uniform(0.3, 2) if ending < 0.75 else self.rng.uniform(3, 9)))
            for leg in legs:
                leg.audio = leg.audio[: int(total * RATE)]
        legs[1].prompt = True
        return legs, "voicemail"

    def muted(self):
        """A party talks, pauses, asks again; the other line is open and nobody speaks on it."""
        total = self.rng.uniform(14, 45)
        legs = self.legs(total)
        who = int(self.rng.integers(0, 2))
        (a,) = self.cast(1)
        t = 1.0
        while t < total - 3:
            t += legs[who].say(t, self.pick(a, 2.5)) + self.rng.uniform(1.5, 5)
        return legs, "silent_party"

    def one_way(self):
        """A conversation of which one track recorded nothing: digital silence."""
        legs, _ = self.normal()
        dead = legs[int(self.rng.integers(0, 2))]
        dead.audio[:] = 0
        dead.speech, dead.dead = [], True
        return legs, "one_way_audio"

    def ivr_only(self):
        """Announcements and keys, nobody on the customer's side says a word."""
        total = self.rng.uniform(20, 60)
        legs = self.legs(total)
        (b,) = self.cast(1)
        t = 1.0
        while t < total - 4:
            for _ in range(self.rng.integers(2, 4)):
                t += legs[1].say(t, self.pick(b, 3.0)) + self.rng.uniform(0.2, 0.5)
            t += 0.3
            k = str(self.rng.choice(list("0123456789#*")))
            t += legs[0].event("dtmf", t, tone(DTMF[k], 0.15, -14), k) + self.rng.uniform(0.5, 1.5)
        legs[1].prompt = True
        return legs, "ivr_only"

    def queue(self):
        """Announcements in a loop, with music or nothing between them, until somebody answers. One
        utterance may be the whole announcement."""
        a, b, c = self.cast(3)
        said, t = [], 0.0
        for _ in range(self.rng.integers(1, 5)):
            x = self.pick(c, 5.0)
            said.append((t, x))
            t += len(x) / RATE + self.rng.uniform(0.25, 0.9)
        period, plays = t + self.rng.uniform(4, 20), int(self.rng.integers(2, 6))
        begin = self.rng.uniform(0.5, 3)
        answered = begin + (plays - 1) * period + t + self.rng.uniform(1, 6)
        total = answered + self.rng.uniform(30, 90)
        legs = self.legs(total, ("customer", "agent", "agent"))
        m = self.music[self.rng.integers(len(self.music))] if self.rng.random() < 0.6 else None
        for n in range(plays):
            at = begin + n * period
            for late, x in said:
                legs[2].say(at + late, x)
            if m is not None and n + 1 < plays:
                legs[2].event("music", at + t, m[: int((period - t) * RATE)])
        self.talk(legs[:2], [a, b], answered, total - 1.5, first=1)
        legs[2].prompt = True
        return legs, "conversation"

    # Kinds of no weight are made only if asked for, so that a seed makes the same calls as before.
    MIX = [
        ("normal", 22),
        ("long", 2),
        ("transfer", 10),
        ("hold", 12),
        ("keypad", 8),
        ("short", 16),
        ("silent_caller", 5),
        ("muted", 5),
        ("one_way", 4),
        ("ivr_only", 4),
        ("robocall", 4),
        ("fax", 4),
        ("no_answer", 4),
        ("busy", 3),
        ("voicemail", 6),
        ("queue", 0),
    ]

    def call(self, name=None):
        names, weights = zip(*self.MIX)
        name = name or str(self.rng.choice(names, p=np.array(weights) / sum(weights)))
        while True:
            legs, outcome = getattr(self, name)()
            who = [w for _, w in sorted((s, k) for k, leg in enumerate(legs) for s, _ in leg.speech)]
            if outcome != "conversation" or sum(a != b for a, b in zip(who, who[1:])) >= 3:
                return name, legs, outcome


TAGS = {"conversation": "normal", "conversation_short": "short", "fax": "wrong_or_spam"}  # anything else: other
CODECS = ["wav", "wav", "mulaw", "mp3-8k", "mp3-16k", "mp3-16k"]
LAME_DELAY = 1105  # decoder output lags by this when the file carries no LAME tag


def surround(leg, rng, voices):
    """Sounds of a line that are nobody's speech: clicks, breath, typing, many talkers far away. No
    truth comes of them."""
    n = len(leg.audio) / RATE
    for _ in range(rng.integers(0, 1 + int(n / 8))):
        leg.put(rng.uniform(0, n), click(rng) if rng.random() < 0.4 else breath(rng))
    if rng.random() < 0.15:
        t = rng.uniform(0, max(0.1, n - 3))
        for _ in range(rng.integers(8, 40)):
            leg.put(t, click(rng), 0.5)
            t += rng.uniform(0.06, 0.3)
    if rng.random() < 0.15:
        names = list(voices)
        room = np.zeros(len(leg.audio), np.float32)
        for _ in range(7):
            at = 0
            while at < len(room):
                u = voices[names[rng.integers(len(names))]]
                u = u[rng.integers(len(u))][: len(room) - at]
                room[at : at + len(u)] += u
                at += len(u) + 1
        leg.audio += room * db(rng.uniform(-46, -34))


def record(leg, others, rng, folder, i, late, plain, stops, one):
    """Turn one leg into the file a recorder leaves; returns (file name, truth of the track)."""
    begins, ends = getattr(leg, "begins", 0.0), getattr(leg, "ends", len(leg.audio) / RATE)
    first = min([a for a, _ in leg.speech] + [e["start"] for e in leg.events], default=ends)
    latest = max(0.0, min(6, (ends - begins) / 6, first - begins - 0.1))  # nobody speaks before their recorder runs
    offset = begins + (rng.uniform(0, latest) if late else 0.0)
    if stops and not hasattr(leg, "ends"):  # recorders stop when their party hangs up, not together
        last = max([b for _, b in leg.speech] + [e["end"] for e in leg.events], default=begins)
        ends = max(last + 0.2, ends - rng.exponential(1.2)) if rng.random() < 0.6 else ends
        ends = min(ends, len(leg.audio) / RATE)
    drift = 0.0 if not late or plain else rng.choice([0.0, 0.0, rng.uniform(-150, 150)])
    bleed = None if plain or rng.random() < 0.45 or getattr(leg, "dead", False) else rng.uniform(-48, -22)
    gain, back = rng.uniform(-12, 8), {}
    x = leg.audio * db(gain)
    if bleed is not None:
        for o in others:
            heard, back[o.role] = echo(o.audio, bleed, rng)
            x = x + heard
    x = x[int(offset * RATE) : int(ends * RATE)]
    if abs(drift) > 0:
        x = soxr.resample(x, RATE, RATE * (1 + drift * 1e-6)).astype(np.float32)
    floor = rng.uniform(-75, -48)
    hiss = noise(rng, len(x))
    if rng.random() < 0.3:  # discontinuous transmission: comfort noise between words
        talk = np.zeros(len(leg.audio), bool)
        for s, e in leg.speech:
            talk[int(s * RATE) : int((e + 0.2) * RATE)] = True
        talk = talk[int(offset * RATE) :][: len(x)]
        hiss[: len(talk)] *= np.where(talk, 1, db(-rng.uniform(8, 25))).astype(np.float32)
    x = np.zeros_like(x) if getattr(leg, "dead", False) else np.clip(x + hiss * db(floor), -1, 1)
    dropouts = []  # [second in the track's file, seconds lost there]
    if not plain and not one and rng.random() < 0.2:  # the recorder lost packets: time is missing
        keep, lost = [], 0.0
        cuts = np.sort(rng.uniform(0.1, 0.9, rng.integers(1, 4))) * len(x) / RATE
        last = 0
        for at, gone in zip(cuts, rng.uniform(0.02, 0.2, len(cuts))):
            if int(at * RATE) <= last:
                continue
            keep.append(x[last : int(at * RATE)])
            last = int((at + gone) * RATE)
            dropouts.append([at - lost, gone])
            lost += gone
        x = np.concatenate([*keep, x[last:]])
    if (
        not plain and not one and not dropouts and rng.random() < 0.06
    ):  # silence was not sent and the recorder did not fill it in: time shrinks
        talk = np.zeros(len(x), bool)
        for s, e in leg.speech + [[v["start"], v["end"]] for v in leg.events]:
            talk[max(0, int((s - offset - 0.3) * RATE)) : max(0, int((e - offset + 0.3) * RATE))] = True
        keep, last, lost = [], 0, 0.0
        for s, e in spans_of(~talk):
            gone = int((e - s) * rng.uniform(0.2, 0.9))
            if gone > 0.2 * RATE and rng.random() < 0.7:
                keep.append(x[last:s])
                last = s + gone
                dropouts.append([s / RATE - lost, gone / RATE])
                lost += gone / RATE
        x = np.concatenate([*keep, x[last:]])
    codec = "wav" if plain else one or str(rng.choice(CODECS))
    name = f"track{i}.{'mp3' if codec.startswith('mp3') else 'wav'}"
    path = folder / name
    if codec == "wav":
        sf.write(path, x, RATE, subtype="PCM_16")
    elif codec == "mulaw":
        sf.write(path, x, RATE, subtype="ULAW")
    else:
        rate, kbps = (RATE, 16) if codec == "mp3-8k" else (16000, 32)
        with tempfile.NamedTemporaryFile(suffix=".wav") as t:
            sf.write(t.name, soxr.resample(x, RATE, rate) if rate != RATE else x, rate, subtype="PCM_16")
            subprocess.run(
                ["lame", "--quiet", "-m", "m", "-b", str(kbps), "--resample", str(rate / 1000), t.name, str(path)],
                check=True,
            )
    return name, {
        "file": name,
        "role": leg.role,
        "offsetSec": offset,
        "driftPpm": drift,
        "bleedDb": bleed,
        "echoSec": back,
        "gainDb": gain,
        "noiseDb": floor,
        "codec": codec,
        "dropouts": dropouts,
        "durationSec": len(x) / RATE,
        "prompt": getattr(leg, "prompt", False),
        "speech": leg.speech,
        "events": leg.events,
    }


def mono(legs, tracks, rng, folder):
    """The call as one mixed recording on its own timeline, from the first sample of the earliest
    track on."""
    x = sum(leg.audio * db(t["gainDb"] + rng.uniform(-3, 3)) for leg, t in zip(legs, tracks))
    x = np.clip(x + noise(rng, len(x)) * db(rng.uniform(-72, -50)), -1, 1)
    kind = str(rng.choice(["wav", "wav", "mulaw", "mp3"]))
    name = "mono.mp3" if kind == "mp3" else "mono.wav"
    if kind == "mp3":
        with tempfile.NamedTemporaryFile(suffix=".wav") as t:
            sf.write(t.name, x, RATE, subtype="PCM_16")
            subprocess.run(
                ["lame", "--quiet", "-m", "m", "-b", "16", "--resample", "8", t.name, str(folder / name)], check=True
            )
    else:
        sf.write(folder / name, x, RATE, subtype="ULAW" if kind == "mulaw" else "PCM_16")
    (folder / "mono.json").write_text(
        json.dumps({"id": folder.name, "direction": "in", "tracks": [{"path": name, "role": "mixed"}]}) + "\n"
    )


def rounded(x):
    if isinstance(x, float):
        return round(x, 4)
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [rounded(v) for v in x]
    return x.item() if hasattr(x, "item") else x


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--speech", required=True)
    ap.add_argument("--music", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--calls", type=int, default=120)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--scenario", choices=[n for n, _ in Maker.MIX], help="make only this kind of call")
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    maker = Maker(utterances(a.speech), [load(p) * 0.5 for p in sorted(Path(a.music).rglob("*.wav"))], rng)
    epoch = 1_608_130_600
    for k in range(a.calls):
        name, legs, outcome = maker.call(a.scenario)
        folder = Path(a.out) / f"{k:03d}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        plain = k % 10 == 0  # every tenth call is clean wav
        early = rng.integers(0, min(2, len(legs)))  # one recorder runs from the start, the others join
        for leg in legs:
            if not plain and not getattr(leg, "dead", False):
                surround(leg, rng, maker.voices)
        one = (
            str(rng.choice(CODECS)) if rng.random() < 0.25 else None
        )  # one machine recorded all: one beginning, end and codec
        tracks = [
            record(leg, [o for o in legs if o is not leg], rng, folder, i, not one and i != early, plain, not one, one)[
                1
            ]
            for i, leg in enumerate(legs)
        ]
        mono(legs, tracks, rng, folder)
        timed = rng.random() < 0.5
        start = epoch + 1000 * k + rng.uniform(0, 1)
        manifest = {
            "id": folder.name,
            "direction": "in",
            "tracks": [
                {"path": t["file"], "role": t["role"], "startedAt": int(start + t["offsetSec"]) if timed else None}
                for t in tracks
            ],
        }
        truth = {
            "id": folder.name,
            "scenario": name,
            "outcome": outcome.removesuffix("_short"),
            "tag": TAGS.get(outcome, "other"),
            "durationSec": len(legs[0].audio) / RATE,
            "timed": bool(timed),
            "tracks": tracks,
        }
        (folder / "manifest.json").write_text(json.dumps(rounded(manifest), indent=1) + "\n")
        (folder / "truth.json").write_text(json.dumps(rounded(truth), indent=1) + "\n")


if __name__ == "__main__":
    main()
