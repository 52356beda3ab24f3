"""The bed from a command line: `python -m tests.slurm` says how."""

import sys

from tests.slurm.bed import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
