import sys

import callweave

print(callweave.load("file://" + sys.argv[1]).samples.shape[1])
