#!/usr/bin/env python3
"""Writes NOTICE: what is compiled into the program and the packages, with the licence texts that
ask to be passed on.

    tests/notice.py            writes it
    tests/notice.py --check    fails where what it lists is not what Cargo.lock says

The texts are those of the crates' own packages, as Cargo has fetched them."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = {"callweave", "callweave-python", "callweave-node"}
HEAD = """callweave
Licensed under either of MIT (LICENSE-MIT) or Apache-2.0 (LICENSE-APACHE), at your option.

Compiled into the program and the packages, besides the crates below:

- The C sources of the WebRTC project's voice detector (BSD-3-Clause, Copyright (c) 2011 The WebRTC project authors), as libfvad
  (BSD-3-Clause, Copyright (c) 2016 Daniel Pirch) passes them on, within the crate webrtc-vad (feature `webrtc`).
- The Opus codec in Rust, the crate ropus (feature `opus`): a port of libopus (BSD-3-Clause, Copyright 2001-2023 Xiph.Org, Skype
  Limited, Octasic, Jean-Marc Valin, Timothy B. Terriberry, CSIRO, Gregory Maxwell, Mark Borgerding, Erik de Castro Lopo,
  Mozilla, Amazon).
- Silero VAD's 8 kHz weights (MIT, Copyright (c) 2020-present Silero Team), core/src/vad/silero/silero-8k.LICENSE.
- The weights of Resemblyzer's GE2E voice encoder (Apache-2.0, Copyright 2019 Resemble.AI), as half precision,
  core/src/voices/encoder/ge2e.LICENSE.

- The tables of adaptive multi-rate speech, taken from opencore-amr (Apache-2.0, Copyright (c) 1998-2009 PacketVideo), are
  figures of 3GPP TS 26.073 and TS 26.173: (C) 2004 and 2007, 3GPP Organizational Partners (ARIB, ATIS, CCSA, ETSI, TTA, TTC);
  permission to distribute, modify and use them under the standard license terms has been obtained from the copyright holder.
- oxideav-adpcm, oxideav-g7231, oxideav-g729 (MIT, Copyright (c) 2026 Karpeles Lab Inc.): G.726, G.723.1 and G.729; oxideav-aac
  (the same): HE-AAC (feature `he-aac`).

symphonia and its crates (MPL-2.0) are used unmodified. Their source is published as crates in the versions below; the licence is at
https://mozilla.org/MPL/2.0/.

What the build scripts of the two run: that of `webrtc-vad` compiles its C sources with the system's C compiler, after it has
asked `git submodule update --init` for them in the crate's folder where that is no clone (in a package from the registry this
fails, and changes nothing). That of `ropus` looks for a folder `reference` beside the crate's, and only where it holds the
weights of a neural network compiles and runs a C program that writes them out; in a package from the registry there is none, and
it writes an empty file. Each is left out with its feature. Other build scripts look at the compiler's version and the target.
"""


def metadata():
    command = ["cargo", "metadata", "--format-version=1", "--all-features", "--locked"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def compiled(data):
    """The packages that a package of ours is linked with, without those of tests and builds."""
    packages = {p["id"]: p for p in data["packages"]}
    nodes = {n["id"]: n for n in data["resolve"]["nodes"]}
    waiting = [i for i, p in packages.items() if p["name"] in OURS]
    seen = set(waiting)
    while waiting:
        for dep in nodes[waiting.pop()]["deps"]:
            linked = any(kind["kind"] is None for kind in dep["dep_kinds"])
            if linked and dep["pkg"] not in seen:
                seen.add(dep["pkg"])
                waiting.append(dep["pkg"])
    found = [packages[i] for i in seen if packages[i]["source"] is not None]
    return sorted(found, key=lambda p: (p["name"], p["version"]))


def line(package):
    return f"{package['name']} {package['version']} ({package['license'].replace('/', ' OR ')})"


def texts(package):
    """Its licence texts: of several, those of the freer one are enough, and Apache-2.0 is passed on
    once."""
    folder = Path(package["manifest_path"]).parent
    files = sorted(
        p
        for p in [*folder.iterdir(), *folder.glob("resources/*/*")]
        if re.match(r"(?i)(licen[sc]e|copying|copyright|notice|unlicense)", p.name) and p.is_file()
    )
    mit = [p for p in files if re.search(r"(?i)mit|bsd|isc|zlib", p.name)]
    return [p.read_text(errors="replace").strip() for p in (mit or files)]


def main():
    path = ROOT / "NOTICE"
    packages = compiled(metadata())
    lines = [line(p) for p in packages]
    if "--check" in sys.argv:
        listed = [text for text in path.read_text().splitlines() if re.match(r"\S+ \d\S* \(.+\)$", text)]
        if listed != lines:
            print("NOTICE is not what is compiled in; tests/notice.py writes it:", set(listed) ^ set(lines))
            return 1
        return 0
    by_text = {}
    for package in packages:
        for text in texts(package) or [
            f"{package['license']}; the package holds no text of it. {package['repository']}"
        ]:
            by_text.setdefault(text, []).append(package["name"])
    whole = HEAD + "\nCrates\n\n" + "\n".join(lines) + "\n"
    for text, names in by_text.items():
        whole += "\n" + "-" * 80 + "\n" + ", ".join(sorted(set(names))) + "\n\n" + text + "\n"
    for target in (path, ROOT / "bindings-python/NOTICE"):
        target.write_text(whole)
    print(f"{len(packages)} crates, {len(by_text)} texts, {len(whole)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
