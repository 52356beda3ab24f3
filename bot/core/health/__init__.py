"""Health of a training: findings over its rows, judged one row at a time. Pure.

`window` has the input of a detector; `gradient`, `policy`, `reward`, `validation` and `response` have the detectors;
`watch` decides when a finding is opened and resolved; `stall` judges by time; `misleading` finds the metrics not to
show.
"""
