"""The bed from a command line: `python -m tests.verl install`, `… run RECIPE`."""

import sys

from tests.verl.bed import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
