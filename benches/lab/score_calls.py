#!/usr/bin/env python3
"""Score reports against the truth of made calls.

    score_calls.py CALLS_DIR [--json FILE] -- COMMAND...
    e.g. score_calls.py calls -- target/release/callweave process --json --dtmf-digits

COMMAND gets a manifest's path as its last argument and prints the report as JSON; the fields
read here are those of core/report.schema.json. Prints the figures as JSON; exits 1 if any call
failed.

Placement is judged as a listener of the mix would: wherever both tracks hold sound, how far apart
the two end up that belong together. Speech and events are judged in each track's own time, so a
misplaced track is not punished twice.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

HOP = 0.01  # seconds a frame of speech scoring
GRID = 0.05  # seconds between samples of a placement
BURSTS = ("dtmf", "fax", "beep")  # one event each; the other kinds are trains
LABELLED = ("dtmf", "fax", "beep", "ringback", "busy", "music")


class Clock:
    """Track seconds ⇄ call seconds, sampled over the track."""

    def __init__(self, seconds, call_time):
        self.track = np.arange(0, seconds + GRID, GRID)
        self.call = np.maximum.accumulate(call_time(self.track))

    def to_track(self, t):
        return float(np.interp(t, self.call, self.track))


def true_clock(track):
    at = np.array([d[0] for d in track["dropouts"]] or [np.inf])
    lost = np.array([d[1] for d in track["dropouts"]] or [0.0])
    return Clock(
        track["durationSec"],
        lambda u: (
            track["offsetSec"] + (u + (lost[:, None] * (at[:, None] <= u)).sum(axis=0)) / (1 + track["driftPpm"] * 1e-6)
        ),
    )


def reported_clock(alignment, seconds):
    """Linear between knots [trackMs, callMs]; the last slope goes on; two knots at one trackMs are
    a loss."""
    knots = np.array(alignment.get("knots") or [[0, alignment["offsetMs"]]], float) / 1000
    if len(knots) == 1:
        knots = np.vstack([knots, knots[0] + 1])

    def call_time(u):
        i = np.clip(np.searchsorted(knots[:, 0], u, side="right") - 1, 0, len(knots) - 1)
        j = np.minimum(i, len(knots) - 2)
        run = knots[j + 1, 0] - knots[j, 0]
        slope = np.where(run > 0, (knots[j + 1, 1] - knots[j, 1]) / np.where(run > 0, run, 1), 1.0)
        return knots[i, 1] + (u - knots[i, 0]) * slope

    return Clock(seconds, call_time)


def mask(spans, n):
    m = np.zeros(n, bool)
    for s, e in spans:
        m[max(0, round(s / HOP)) : max(0, round(e / HOP))] = True
    return m


def overlap(a, b):
    return min(a[1], b[1]) - max(a[0], b[0])


class Track:
    """One track: what is true and what was reported, spans in track seconds."""

    def __init__(self, truth, report):
        self.truth, self.report = truth, report
        seconds, reported = truth["durationSec"], report["source"]["durationMs"] / 1000
        if abs(seconds - reported) > 0.3:
            raise ValueError(f"track {report['index']}: {reported:.2f} s reported, {seconds:.2f} s recorded")
        self.frames = int(seconds / HOP)
        self.true, self.mine = true_clock(truth), reported_clock(report["alignment"], seconds)
        into = self.true.to_track
        self.speech = [(into(s), into(e)) for s, e in truth["speech"]]
        self.events = [(e["kind"], (into(e["start"]), into(e["end"])), e["detail"]) for e in truth["events"]]
        self.events = [e for e in self.events if e[1][1] - e[1][0] >= 0.04]  # the rest was not recorded
        into = self.mine.to_track
        self.got_speech = [(into(x["startMs"] / 1000), into(x["endMs"] / 1000)) for x in report["speech"]]
        self.got_events = [
            (x["kind"], (into(x["startMs"] / 1000), into(x["endMs"] / 1000)), x.get("detail"))
            for x in report.get("events", [])
            if x["kind"] in LABELLED
        ]


class Scores:
    def __init__(self):
        self.align = defaultdict(list)  # evidence → [(median error, worst 5 %, confidence)]
        self.shortcuts = defaultdict(list)  # evidence → [(error if all begin together, if all end together)]
        self.sure = []  # (confidence, within 250 ms)
        self.stamps = []  # error of whole-second timestamps alone, where that is the evidence
        self.frames, self.talk = Counter(), []
        self.tags, self.outcomes, self.events = Counter(), Counter(), defaultdict(Counter)
        self.failed = []

    def add(self, truth, manifest, report):
        if len(report["tracks"]) != len(truth["tracks"]):
            raise ValueError(f"{len(report['tracks'])} tracks reported, {len(truth['tracks'])} given")
        tracks = [Track(t, r) for t, r in zip(truth["tracks"], report["tracks"])]
        started = [t["startedAt"] for t in manifest["tracks"]]
        for t, start in zip(tracks[1:], started[1:]):
            self.placement(truth, tracks[0], t, None if start is None else start - started[0])
        for t in tracks:
            self.speech(t)
            self.sounds(t, tracks)
        self.tags[truth["tag"], report["tag"]["value"]] += 1
        self.outcomes[truth["outcome"], report["outcome"]["value"]] += 1

    def placement(self, truth, a, b, stamp):
        t = b.true.call[(b.true.call >= a.true.call[0]) & (b.true.call <= a.true.call[-1])]
        if len(t) * GRID < 1:
            return
        error = np.abs(np.interp(t, b.true.call, b.mine.call) - np.interp(t, a.true.call, a.mine.call))

        def heard(by, other, far):  # seconds of the other's speech loud enough on this track, by near or far echo
            bleed, late = by.truth["bleedDb"], (by.truth.get("echoSec") or {}).get(other.truth["role"], 0.0)
            if bleed is None or bleed - 26 - by.truth["noiseDb"] < -8 or (late > 0.08) != far:
                return 0.0
            return sum(max(0, overlap((s, e), (t[0], t[-1]))) for s, e in other.truth["speech"])

        turns = sorted([(s, 0) for s, _ in a.truth["speech"]] + [(s, 1) for s, _ in b.truth["speech"]])
        changes = sum(x[1] != y[1] for x, y in zip(turns, turns[1:]))
        evidence = (
            "bleed"
            if max(heard(a, b, False), heard(b, a, False)) >= 10
            else "far_echo"
            if max(heard(a, b, True), heard(b, a, True)) >= 10
            else "timestamps"
            if truth["timed"]
            else "turns"
            if len(t) * GRID >= 60 and changes >= 8
            else "nothing"
        )
        sure = min(
            [
                x.report["alignment"].get("confidence") or 0
                for x in (a, b)
                if x.report["alignment"]["method"] != "reference"
            ],
            default=1.0,
        )
        apart = np.interp(t, b.true.call, b.true.track) - np.interp(t, a.true.call, a.true.track)

        def shortcut(offset):
            return float(np.median(np.abs(offset + apart)))

        self.shortcuts[evidence].append((shortcut(0.0), shortcut(a.truth["durationSec"] - b.truth["durationSec"])))
        self.align[evidence].append((float(np.median(error)), float(np.percentile(error, 95)), sure))
        self.sure.append((evidence, sure, float(np.median(error)) <= 0.25))
        if evidence == "timestamps":
            self.stamps.append(shortcut(stamp))

    def speech(self, t):
        want, got = mask(t.speech, t.frames), mask(t.got_speech, t.frames)
        sound = mask([e[1] for e in t.events], t.frames) & ~want
        music = mask([e[1] for e in t.got_events if e[0] == "music"], t.frames)
        self.frames += Counter(
            tp=(got & want).sum(),
            fp=(got & ~want).sum(),
            fn=(~got & want).sum(),
            want=want.sum(),
            quiet=(~want).sum(),
            sound=sound.sum(),
            sound_fp=(got & sound).sum(),
            music_fp=(music & want).sum(),
        )
        if want.sum() * HOP > 2:
            self.talk.append(abs(got.sum() - want.sum()) / want.sum())

    def sounds(self, t, tracks):
        left = list(t.got_events)
        for kind, span, detail in t.events:
            hit = next(
                (
                    x
                    for x in left
                    if x[0] == kind
                    and overlap(x[1], span) > 0.3 * (span[1] - span[0])
                    and (kind != "dtmf" or x[2] == detail)
                ),
                None,
            )
            self.events[kind]["found" if hit else "missed"] += 1
            if hit and kind in BURSTS:
                left.remove(hit)
        own = [(k, s) for k, s, _ in t.events]
        bled = [
            (k, tuple(map(t.true.to_track, map(lambda u, o=o: float(np.interp(u, o.true.track, o.true.call)), s))))
            for o in tracks
            if o is not t
            for k, s, _ in o.events
        ]
        for kind, span, _ in left:
            if kind in BURSTS:  # an unmatched burst is false, unless it is another track's, bled
                false = not any(k == kind and overlap(span, s) > -0.1 for k, s in bled)
            else:
                false = not any(k == kind and overlap(span, s) > 0 for k, s in own + bled)
            self.events[kind]["false"] += false

    def summary(self):
        c, n = self.frames, sum(self.tags.values())

        def ms(x):
            return round(1000 * float(x), 1)

        def share(rows):
            return {f"{a}->{b}": v for (a, b), v in sorted(rows.items()) if a != b}

        def right(rows):
            return round(sum(v for (a, b), v in rows.items() if a == b) / max(1, n), 4)

        placed = {}
        for evidence, rows in sorted(self.align.items()):
            error = np.array([r[0] for r in rows])
            placed[evidence] = {
                "n": len(rows),
                "median_ms": ms(np.median(error)),
                "p95_ms": ms(np.percentile(error, 95)),
                "within_100ms": round(float((error < 0.1).mean()), 3),
                "worst_5_percent_of_call_median_ms": ms(np.median([r[1] for r in rows])),
                "within_250ms": round(float((error <= 0.25).mean()), 3),
                "shortcuts_within_250ms": {
                    k: round(float((np.array([s[i] for s in self.shortcuts[evidence]]) <= 0.25).mean()), 3)
                    for i, k in enumerate(("begin_together", "end_together"))
                },
                "confident_and_wrong": sum(e > 0.25 and conf >= 0.8 for e, _, conf in rows),
            }
        if self.stamps and "timestamps" in placed:
            placed["timestamps"]["timestamps_alone_median_ms"] = ms(np.median(self.stamps))
        bins = {}
        for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
            rows = [r for r in self.sure if low <= r[1] < high]
            if rows:
                m, hits = len(rows), int(sum(r[2] for r in rows))
                centre, half = (hits + 1.92) / (m + 3.84), 1.96 * np.sqrt(hits * (m - hits) / m + 0.96) / (m + 3.84)
                bins[f"{low:g}-{min(high, 1):g}"] = {
                    "n": m,
                    "said": round(float(np.mean([r[1] for r in rows])), 2),
                    "within_250ms": round(hits / m, 2),
                    "interval_95": [round(float(centre - half), 2), round(float(centre + half), 2)],
                }
        doubt = [1 - r[1] for r in self.sure if r[1] >= 0.8]
        bins["at_0.8_and_more"] = {
            "wrong": int(sum(not r[2] for r in self.sure if r[1] >= 0.8)),
            "expected_wrong": round(float(sum(doubt)), 1),
            "most_that_chance_explains": round(
                float(sum(doubt) + 1.65 * np.sqrt(sum(d * (1 - d) for d in doubt)) + 0.5), 1
            ),
        }
        return {
            "failed": len(self.failed),
            "alignment": placed,
            "confidence": bins,
            "speech": {
                "f1": round(2 * c["tp"] / max(1, 2 * c["tp"] + c["fp"] + c["fn"]), 4),
                "false_alarm": round(c["fp"] / max(1, c["quiet"]), 4),
                "miss": round(c["fn"] / max(1, c["tp"] + c["fn"]), 4),
                "tones_or_music_called_speech": round(c["sound_fp"] / max(1, c["sound"]), 4),
                "speech_called_music": round(c["music_fp"] / max(1, c["want"]), 4),
                "talk_time_error_median": round(float(np.median(self.talk or [0])), 4),
            },
            "events": {k: {x: v for x, v in e.items() if v} for k, e in sorted(self.events.items())},
            "tags": {
                "n": n,
                "accuracy": right(self.tags),
                "confusions": share(self.tags),
                "normal_called_otherwise": sum(v for (a, b), v in self.tags.items() if a == "normal" != b),
            },
            "outcomes": {"accuracy": right(self.outcomes), "confusions": share(self.outcomes)},
        }


def main():
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    ap = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], usage="score_calls.py CALLS_DIR [--json FILE] -- COMMAND..."
    )
    ap.add_argument("calls")
    ap.add_argument("--json", help="keep the figures in this file too")
    a, command = ap.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    manifests = sorted(Path(a.calls).glob("*/manifest.json"))
    if not command or not manifests:
        ap.error("no command" if not command else f"no calls in {a.calls}")
    scores, audio = Scores(), 0.0
    for manifest in manifests:
        truth = json.loads((manifest.parent / "truth.json").read_text())
        audio += truth["durationSec"]
        try:
            run = subprocess.run([*command, str(manifest)], capture_output=True, text=True, timeout=120)
            if run.returncode:
                raise ValueError(f"exit {run.returncode}: {run.stderr.strip()[-300:]}")
            scores.add(truth, json.loads(manifest.read_text()), json.loads(run.stdout))
        except (ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as e:
            scores.failed.append(f"{truth['id']}: {type(e).__name__}: {e}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = scores.summary()
    out["cpu_seconds_per_call_hour"] = round(3600 * (used.ru_utime + used.ru_stime) / max(1e-9, audio), 2)
    print(json.dumps(out, indent=1))
    for line in scores.failed[:20]:
        print("FAILED", line, file=sys.stderr)
    if a.json:
        Path(a.json).write_text(json.dumps(out, indent=1) + "\n")
    sys.exit(bool(scores.failed))


if __name__ == "__main__":
    main()
