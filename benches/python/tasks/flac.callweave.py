import sys

import callweave

callweave.normalize(sys.argv[1], sys.argv[2], rate="source", level="-23lufs")
