"""`python -m tests.threats`, which `make threats` runs."""

import sys

from tests.threats.mutants import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
