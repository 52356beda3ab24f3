"""Recipe files: each is a recipe that can be planned and shown, or is refused in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.recipe import Recipe
from bot.errors import UserError
from bot.slack.views import answers
from bot.slack.views.recipe_views import describe_recipe
from tests.fuzz.documents import yaml_texts
from tests.fuzz.target import Check, Target
from tests.hostile import refuse_unsafe

NAME = "toy"

SHORT = """
name: toy
resources: {accelerators: "H100:8", cpus: 1+, infra: k8s, image_id: docker:x, ports: 8000}
num_nodes: 1
envs: {STEPS: "60", MODEL: small, MODE: fast, DEBUG: false, RATE: "0.1", CHECKPOINT_DIR: ~/c, RESUME_FROM: ""}
secrets: {HF_TOKEN: null}
setup: echo setup
run: |
  python3 train.py "$@"
_metadata:
  verlbot:
    title: Toy
    description: One.
    overrides: true
    parameters:
      nodes: {type: integer, minimum: 1, maximum: 8, sets: num_nodes, meaning: machines}
      steps: {type: integer, meaning: steps, unit: steps}
      model: {type: text, pattern: "[a-z]+", shape: a word, meaning: a model}
      mode: {type: choice, choices: [fast, slow], meaning: a mode}
      debug: {type: flag, meaning: a flag}
      rate: {type: number, minimum: 0, maximum: 1, meaning: a rate}
    secrets: {HF_TOKEN: for models}
    budget_dollars: 1
    lease_hours: 1
    metrics: [critic/rewards/mean]
    findings_off: [plateau]
    checkpoints: {variable: CHECKPOINT_DIR, mount: /checkpoints, resume: RESUME_FROM}
"""

TEXTS = [SHORT, *(path.read_text() for path in sorted(SOURCE_RECIPES.glob("*.yaml")))]


@contextmanager
def opened() -> Iterator[Check]:
    with TemporaryDirectory() as folder:
        (Path(folder) / "lib").symlink_to(SOURCE_RECIPES / "lib")
        yield lambda text: check(Path(folder), text)


def check(folder: Path, text: str) -> None:
    (folder / f"{NAME}.yaml").write_bytes(text.encode(errors="surrogatepass"))
    recipes = RecipeFolder(folder)
    try:
        recipe = recipes.get(NAME)
    except UserError as error:
        refuse_unsafe(answers.render_user_error(error))
        return
    show(recipes, recipe)


def show(recipes: RecipeFolder, recipe: Recipe) -> None:
    """What is done with a recipe that is taken."""
    refuse_unsafe(describe_recipe(recipe))
    try:
        made = build_launch_plan(recipe, (), (), f"{NAME}-7f3a")
    except UserError as error:
        refuse_unsafe(answers.render_user_error(error))
        return
    assert recipes.to_yaml(made.task)
    assert made.hash
    assert made.nodes >= 0
    assert isinstance(made.gpus + made.infra + made.checkpoints, str)


TARGET = Target(
    name="recipe-files",
    promise="a recipe that can be planned and shown, or a refusal in words",
    examples=yaml_texts(TEXTS),
    opened=opened,
    slice=20,
)
