"""What the list of a checkpoint's files tells: whether it is whole, and whether there is too much of it."""

from collections.abc import Iterator
from itertools import count

import pytest

from bot.core.frameworks.verl.checkpoint_files import (
    MAX_PATH_BYTES,
    MAX_PATH_DEPTH,
    CheckpointFiles,
    collect_files,
    find_flaw,
)
from tests.builders import refusal_of


def parts(folder: str, kind: str, world: int, *ranks: int) -> dict[str, int]:
    """What these ranks have written; all of them where none is named."""
    return {f"{folder}{kind}_world_size_{world}_rank_{rank}.pt": 9 for rank in ranks or range(world)}


def saved(folder: str = "actor/", world: int = 2) -> dict[str, int]:
    """What verl writes of a model of so many ranks."""
    kinds = [parts(folder, kind, world) for kind in ("model", "optim", "extra_state")]
    return {f"{folder}huggingface/config.json": 9, **kinds[0], **kinds[1], **kinds[2]}


WHOLE = {**saved(), "data.pt": 9}


def without(listing: CheckpointFiles, *paths: str) -> CheckpointFiles:
    return {path: size for path, size in listing.items() if path not in paths}


@pytest.mark.parametrize(
    "listing",
    [
        pytest.param(WHOLE, id="verl's, of two ranks"),
        pytest.param({**WHOLE, **saved("critic/", 2)}, id="with its critic"),
        pytest.param({**saved(""), "data.pt": 9}, id="of a trainer without a folder for its actor"),
        pytest.param(saved("actor/", 16), id="of sixteen ranks"),
        pytest.param(
            without(saved(), *parts("actor/", "optim", 2), *parts("actor/", "extra_state", 2)), id="models alone"
        ),
        pytest.param({**parts("actor/", "model", 1), "actor_huggingface/config.json": 9}, id="as verl 0.2 wrote it"),
        pytest.param(
            {**parts("actor/", "optim", 2), "actor/huggingface/model.safetensors": 9}, id="the model as Hugging Face's"
        ),
        pytest.param(
            {**saved(), **parts("actor/", "model", 8, 1, 5)}, id="parts of an earlier number of ranks beside it"
        ),
        pytest.param({"actor/dist_ckpt/__0_0.distcp": 9, "data.pt": 9}, id="Megatron's, of which nothing is known"),
        pytest.param({"model.json": 9}, id="another program's"),
        pytest.param({"model.bin": 0, "notes.txt": 0}, id="another program's, with empty files"),
    ],
)
def test_a_checkpoint_is_whole_where_nothing_contradicts(listing: CheckpointFiles) -> None:
    assert find_flaw(listing) is None


@pytest.mark.parametrize(
    ("listing", "flaw"),
    [
        pytest.param({}, "There is no such folder on its cluster, or it is empty.", id="an empty folder"),
        pytest.param({"data.pt": 9}, "It has no weights", id="one that verl has cleared"),
        pytest.param({"data.pt": 9, **saved("critic/")}, "It has no weights", id="the critic's alone"),
        pytest.param(
            without(WHOLE, "actor/model_world_size_2_rank_1.pt"),
            "`actor/model_world_size_2_rank_1.pt` is missing.",
            id="a rank that was killed",
        ),
        pytest.param(
            without(WHOLE, "actor/optim_world_size_2_rank_0.pt"),
            "`actor/optim_world_size_2_rank_0.pt` is missing.",
            id="an optimizer that was not saved whole",
        ),
        pytest.param(
            without(WHOLE, "actor/extra_state_world_size_2_rank_1.pt"),
            "`actor/extra_state_world_size_2_rank_1.pt` is missing.",
            id="nor the state beside it",
        ),
        pytest.param(
            {**WHOLE, **parts("critic/", "model", 2, 0), "critic/huggingface/config.json": 9},
            "`critic/model_world_size_2_rank_1.pt` is missing.",
            id="a critic that is torn",
        ),
        pytest.param(
            without(WHOLE, "actor/huggingface/config.json"), "`actor/huggingface` is missing.", id="no tokenizer"
        ),
        pytest.param(
            {**parts("actor/", "optim", 2), "actor/huggingface/config.json": 9},
            "`actor/model_world_size_2_rank_0.pt` is missing.",
            id="an optimizer without its model",
        ),
        pytest.param(
            {**WHOLE, "actor/model_world_size_2_rank_1.pt": 0},
            "`actor/model_world_size_2_rank_1.pt` is empty.",
            id="a full disk: a file without a byte",
        ),
        pytest.param(
            {**WHOLE, "actor/huggingface/config.json": 0}, "config.json` is empty.", id="an empty file of JSON"
        ),
        pytest.param(
            {"actor/model_world_size_999999_rank_7.pt": 9},
            "`actor/model_world_size_999999_rank_0.pt` is missing.",
            id="a number that somebody made up",
        ),
        pytest.param(
            {"<!channel>/`x`\n.pt": 0}, "`??channel?/?x??.pt` is empty.", id="a name that is made for people to read"
        ),
    ],
)
def test_what_is_missing_is_named(listing: CheckpointFiles, flaw: str) -> None:
    assert flaw in str(find_flaw(listing) or "")


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        pytest.param("actor/" + "x" * 255, False, id="as long as a name may be"),
        pytest.param("x" * (MAX_PATH_BYTES + 1), True, id="too long"),
        pytest.param("é" * (MAX_PATH_BYTES // 2 + 1), True, id="too long in bytes"),
        pytest.param("/".join("x" * (MAX_PATH_DEPTH + 1)), True, id="too deep"),
        pytest.param("actor/.partial/model.pt", False, id="what is on its way, and no file of it"),
    ],
)
def test_paths_have_a_bound(path: str, refused: bool) -> None:
    assert (refusal_of(lambda: collect_files([(path, 1)], 10)) is not None) is refused


def test_of_millions_of_files_no_more_is_read_than_to_the_one_that_is_too_much() -> None:
    read: list[int] = []

    def endless() -> Iterator[tuple[str, int]]:
        for number in count():
            read.append(number)
            yield f"{number}", 1

    refused = refusal_of(lambda: collect_files(endless(), 1000))
    assert "more than 1000 files" in str(refused)
    assert len(read) == 1001


def test_of_millions_of_folders_no_more_is_read_either() -> None:
    deep = (f"{number}/" * MAX_PATH_DEPTH for number in count())
    refused = refusal_of(lambda: collect_files(((f"{path[:-1]}", 1) for path in deep), 100))
    assert "more than 100 folders" in str(refused)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../../verlbot/valkey.log", id="upwards"),
        pytest.param("actor/../../x", id="upwards from below"),
        pytest.param("/etc/passwd", id="from the root"),
        pytest.param("actor//x", id="with nothing between"),
        pytest.param("./x", id="where it is"),
        pytest.param("actor/", id="a folder"),
        pytest.param("a\0b", id="with a zero byte"),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    """Its cluster says what is in the list, and may be made to say anything."""
    assert "leads out of its folder" in str(refusal_of(lambda: collect_files([(path, 1)], 10)))


def test_of_the_same_path_the_first_counts() -> None:
    assert collect_files([("data.pt", 1), ("data.pt", 2)], 10) == {"data.pt": 1}
