import sys

import callweave

spans = callweave.speech(sys.argv[1], channel=0, unit="s")
print([(round(a, 1), round(b, 1)) for a, b in spans])
