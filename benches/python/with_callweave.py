# Where two parties speak, as JSON, and a mix of two channels at 16 kHz: CUSTOMER AGENT OUT.
import json
import sys

import callweave

customer, agent, out = sys.argv[1:]
config = callweave.Config(mix=callweave.MixConfig(rate=16_000))
call = callweave.process([customer, agent], config, roles=["customer", "agent"], threads=1)
call.write(out, page=False)
print(json.dumps([[(span.start_ms, span.end_ms) for span in track.speech] for track in call.report.tracks]))
