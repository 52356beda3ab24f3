"""Health of a training: findings over its steps, judged one step at a time. Pure.

`detectors` find what looks sick, over the rows of `core.model.finding`; `judge` decides when a finding is opened and
resolved; `stall` judges by time; `detectors.misleading` finds the metrics not to show.
"""
