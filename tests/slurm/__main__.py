"""`python -m tests.slurm install | up | down`."""

import sys

from tests.slurm.bed import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
