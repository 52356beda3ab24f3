"""A callback of verl's trainer that saves a checkpoint when the recipe's script asks for one.

verl's trainer reads `trainer.save_freq` at the end of each step and offers no call to save. So a request lowers it to 1
until a checkpoint is saved. (Source: verl 0.9.1, `fit` in `trainer/ppo/v1/trainer_base.py`; the older trainer, with
`trainer.use_v1=False`, knows no such callback.)
"""

import threading
import time

import ray
from verl.trainer.ppo.checkpoint_callback import CheckpointCallback

NAMESPACE, ACTOR = "verlbot", "save-requests"
"""The name in Ray under which `verl_watch.py` keeps the requests."""

POLL_SECONDS = 2.0
"""Time between two looks for a request."""


class SaveOnRequest(CheckpointCallback):
    """Save at the end of the running step when a checkpoint is requested, and say which step was saved."""

    def __init__(self, config=None):
        super().__init__(config)
        self.lock = threading.Lock()
        self.save_interval = config.trainer.save_freq
        self.request = 0
        threading.Thread(target=self.follow_requests, name="save-requests", daemon=True).start()

    def follow_requests(self):
        """Look for requests until the training ends. Ray may be busy: a failed look is no reason to end it."""
        while True:
            time.sleep(POLL_SECONDS)
            try:
                self.take_request(ray.get(find_requests().find_open.remote(), timeout=30))
            except (ValueError, ray.exceptions.RayError):
                continue

    def take_request(self, request):
        """Save at the end of this step, unless that is arranged already."""
        with self.lock:
            if request <= self.request:
                return
            self.request = request
            self.config.trainer.save_freq = 1
        print("verl watch: a checkpoint is requested; verl saves it when the running step ends.", flush=True)

    def on_save(self, trainer, global_step, checkpoint_dir, async_save=False, **_):
        """Answer the request, if there is one, and go back to the interval of the recipe."""
        with self.lock:
            request = self.request
            self.config.trainer.save_freq = self.save_interval
        if not request:
            return
        try:
            is_answered = ray.get(find_requests().answer.remote(request, global_step), timeout=30)
        except (ValueError, ray.exceptions.RayError):
            return
        if is_answered:
            state = "is being written" if async_save else "is saved"
            print(f"verl watch: the checkpoint of step {global_step} that was requested {state}.", flush=True)


def find_requests():
    """Return the actor that keeps the requests.

    Raises:
        ValueError: there is none.
    """
    return ray.get_actor(ACTOR, namespace=NAMESPACE)
