"""verl's SFT trainer, which also saves a checkpoint when the recipe's script asks for one.

Its `fit` reads the trainer's own `save_freq` at the end of each step, as the PPO trainer's reads the configuration's.
(Source: verl 0.9.1, `trainer/sft_trainer_ray.py`.)
"""

from types import SimpleNamespace

from verl.trainer import sft_trainer_ray
from verl_saving import SaveOnRequest


class SFTTrainer(sft_trainer_ray.SFTTrainer):
    """The trainer, whose checkpoints answer requests."""

    def fit(self):
        """Train to the end."""
        callback = SaveOnRequest(SimpleNamespace(trainer=self))
        save_checkpoint = self.ckpt_handler.save_checkpoint

        def save_and_answer(step):
            save_checkpoint(step=step)
            callback.on_save(self, step, self.ckpt_handler.default_local_dir)

        self.ckpt_handler.save_checkpoint = save_and_answer
        super().fit()


if __name__ == "__main__":
    sft_trainer_ray.SFTTrainer = SFTTrainer
    sft_trainer_ray.main()
