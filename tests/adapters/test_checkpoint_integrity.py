"""A checkpoint is opened once: what is cut off is found, what is whole is not taken for torn, and nothing is run."""

import json
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters import checkpoint_integrity
from bot.adapters.checkpoint_integrity import find_damage

pytestmark = pytest.mark.slow

PART = "actor/model_world_size_1_rank_0.pt"


def torch(path: Path, size: int = 20_000, force_zip64: bool = False) -> None:
    """As torch.save does since 1.6: a zip of pickled objects and of the tensors' bytes, without compression."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("archive/data.pkl", b"\x80\x02}."), ("archive/data/0", os.urandom(size))):
            with archive.open(name, "w", force_zip64=force_zip64) as member:
                member.write(content)


def torch_zip64(path: Path) -> None:
    """With the records of a file of more than 4 GB at its end."""
    torch(path)
    content = path.read_bytes()
    at = content.rfind(b"PK\x05\x06")
    count, length, start = struct.unpack_from("<H2L", content, at + 10)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(content[:at] + end64 + locator + end)


def safetensors(path: Path, header: dict[str, object] | None = None) -> None:
    known = header or {
        "__metadata__": {"format": "pt"},
        "model.embed": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        "lm_head": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
    }
    text = json.dumps(known).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\1" * 24)


def index(path: Path) -> None:
    safetensors(path.with_name("model-00001-of-00001.safetensors"))
    path.write_text(json.dumps({"metadata": {}, "weight_map": {"lm_head": "model-00001-of-00001.safetensors"}}))


def written(content: bytes | str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def damage_of(folder: Path) -> str | None:
    """What is found, of the files as they are listed now."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    damage = find_damage(folder, {str(path.relative_to(folder)): path.stat().st_size for path in files})
    return None if damage is None else str(damage)


WHOLE: list[tuple[str, Callable[[Path], None]]] = [
    (PART, torch),
    ("data.pt", torch_zip64),
    ("huggingface/model.safetensors", safetensors),
    ("huggingface/model.safetensors.index.json", index),
    ("config.json", written('{"a": [1, 2]}')),
    ("trainer_state.json", written('{"loss": NaN, "limit": Infinity}')),
    ("legacy.pt", written(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")),
    ("of_another_program.pt", written("weights")),
    ("weights.distcp", written(b"\0" * 100)),
]


@pytest.mark.parametrize(("name", "make"), WHOLE, ids=[name for name, _ in WHOLE])
def test_what_is_whole_opens(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    make(tmp_path / name)
    assert damage_of(tmp_path) is None


def cut(path: Path, share: float = 0.6) -> None:
    os.truncate(path, int(path.stat().st_size * share))


@pytest.mark.parametrize(("name", "make"), WHOLE[:5], ids=[name for name, _ in WHOLE[:5]])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_what_a_full_disk_has_cut_off_does_not(
    tmp_path: Path, name: str, make: Callable[[Path], None], share: float
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    make(tmp_path / name)
    cut(tmp_path / name, share)
    assert f"`{name}` cannot be opened" in (damage_of(tmp_path) or "")


def of_a_later_version(path: Path) -> None:
    """A zip that asks for a version which Python's own reader refuses."""
    torch(path)
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\x01\x02") + 6] = 255
    path.write_bytes(content)


def padded(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Longer than its own description says: something else was written over it."""

    def spoil(path: Path) -> None:
        make(path)
        path.write_bytes(path.read_bytes() + b"\0" * 70_000)

    return spoil


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param(PART, written(b"\0" * 50_000), id="zeros: a disk that was full before a byte came"),
        pytest.param(PART, written(b"\x80\x02}."), id="a part of verl's that is no zip"),
        pytest.param(PART, padded(torch), id="a zip with more behind its end"),
        pytest.param(PART, written(b"PK\x03\x04" + b"\0" * 100 + b"PK\x05\x06" + b"\xff" * 18), id="a zip's end alone"),
        pytest.param(PART, of_a_later_version, id="a zip of a version to come"),
        pytest.param("x.safetensors", padded(safetensors), id="tensors with more behind them"),
        pytest.param("x.safetensors", written(struct.pack("<Q", 2**63) + b"{}"), id="a header of exabytes"),
        pytest.param("x.safetensors", written(struct.pack("<Q", 4) + b"}{}{"), id="a header that is no JSON"),
        pytest.param("x.safetensors", written(struct.pack("<Q", 2) + b"[]"), id="a header of another kind"),
        pytest.param("x.json", written('{"a": [1, 2'), id="JSON without its end"),
        pytest.param("x.json", written(b"\xff\xfe\x00"), id="JSON that is no text"),
        pytest.param("x.json", written("[" * 100_000), id="JSON that is nested without end"),
        pytest.param("x.json", written('{"a": ' + "9" * 100_000), id="a number of many digits, cut off"),
    ],
)
def test_what_is_not_what_its_name_says_is_found(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    make(tmp_path / name)
    assert f"`{name}` cannot be opened" in (damage_of(tmp_path) or "")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        (PART, torch),
        (PART, torch_zip64),
        (PART, of_a_later_version),
        ("x.safetensors", safetensors),
        ("x.safetensors.index.json", index),
    ],
)
def test_whatever_byte_is_spoilt_it_opens_or_is_said_not_to(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    """So that no file makes of itself a mistake of the bot's, which holds its machine to the lease's end."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    make(path)
    whole = path.read_bytes()
    chance = random.Random(7)  # the same bytes each time
    spoilt = [*range(min(len(whole), 200)), *range(max(len(whole) - 400, 0), len(whole))]
    for at in spoilt:
        content = bytearray(whole)
        content[at] = chance.choice((0, 0x7F, 0xFF, chance.randrange(256)))
        path.write_bytes(content)
        found = damage_of(tmp_path) or "cannot be opened"
        assert "cannot be opened" in found or "is missing" in found


def test_what_an_index_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "huggingface").mkdir()
    index(tmp_path / "huggingface" / "model.safetensors.index.json")
    (tmp_path / "huggingface" / "model-00001-of-00001.safetensors").unlink()
    assert damage_of(tmp_path) == "`huggingface/model-00001-of-00001.safetensors` is missing."


def a_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [a_link, a_pipe, a_folder])
def test_only_plain_files_count(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x.json")
    assert str(find_damage(tmp_path, {"x.json": 5})) == "`x.json` is missing."


def test_a_size_that_is_not_as_listed_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("five!")
    assert str(find_damage(tmp_path, {"model.bin": 6})) == "`model.bin` has 5 bytes instead of 6."


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """A pickle that would write a file where it is loaded."""
    trap = tmp_path / "loaded"
    evil = f"cos\nsystem\n(S'touch {trap}'\ntR.".encode()
    with zipfile.ZipFile(tmp_path / "data.pt", "w") as archive:
        archive.writestr("archive/data.pkl", evil)
    (tmp_path / "legacy.pt").write_bytes(b"\x80" + evil)
    assert damage_of(tmp_path) is None
    assert not trap.exists()


def test_no_more_is_read_than_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond it is taken as it is: a model is not lost for its size."""
    monkeypatch.setattr(checkpoint_integrity, "MAX_HEADER_BYTES", 100)
    (tmp_path / "x.json").write_text("[" * 101)
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", 101) + b"}" * 101)
    assert damage_of(tmp_path) is None
    (tmp_path / "x.json").write_text("[" * 99)
    assert damage_of(tmp_path) is not None
