"""What looks sick in a training: findings over its rows, judged one row at a time. Pure.

`window` holds what a detector is given, `gradient`, `policy`, `reward`, `validation` and `response` the detectors,
`watch` when a finding is opened and taken back, `stall` what is judged by time, `misleading` which numbers not to show.
"""
