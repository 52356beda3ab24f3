"""A Slurm cluster on one machine, on which the real SkyPilot launches real processes.

Debian's packages, no Docker, no systemd, no internet once it is up. Each node is a host name and a
`/tmp` of its own; all share one network namespace that holds nothing but a loopback device, and one
home directory. The one way in is SSH to a port on 127.0.0.1. GPUs are device files that are only
counted. `python -m tests.slurm up`, `down`, `install`; root on Debian.
"""
