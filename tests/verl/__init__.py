"""Real verl on this machine's CPU: its trainer, its workers, its Ray and the recipes' own scripts.

verl's own, as pinned by `recipes/lib/verl-setup.sh`: its configuration and its checks, the V1 trainer, FSDP2 workers,
checkpoints and resuming, rewards, agent loops and tools, the sample queue, the loggers; under them Ray, PyTorch and
transformers. Stand-ins, in `stand_ins/`: a "cpu" platform, by verl's own door for platforms, and in place of vLLM a
Ray actor in which transformers generates. The model has 100,000 weights and knows nothing. So nothing here says how
fast a recipe is, how much memory of a GPU it takes, what vLLM, NCCL or flash-attn do, or that a model learns.

`make test-verl` runs the tests; `python -m tests.verl run ppo` runs one recipe.
"""
