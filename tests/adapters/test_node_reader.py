"""The program that reads a run's files where they are: bounded, whatever the files hold."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.adapters import node_reader

REQUEST: dict[str, Any] = {
    "reader": "samples",
    "step": None,
    "order": "best",
    "count": 3,
    "seed": 7,
    "score_keys": ["score", "reward"],
    "max_bytes": 20_000,
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def write(path: Path, rows: list[Any], end: str = "\n") -> None:
    path.write_text(
        "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows) + end
    )


def row(score: Any, output: str = "answer", **more: Any) -> dict[str, Any]:
    return {"input": "prompt", "output": output, "gts": "42", "score": score, "step": 4, **more}


def numbers(answer: dict[str, Any]) -> list[int]:
    return [sample["number"] for sample in answer["samples"]]


@pytest.mark.parametrize(("order", "expected"), [("best", [2, 4, 1]), ("worst", [3, 1, 4])])
def test_the_best_and_the_worst_answers_of_a_step_are_found(
    tmp_path: Path, folder: int, order: str, expected: list[int]
) -> None:
    write(tmp_path / "4.jsonl", [row(0.1), row(1.0), row(-2.0), row(0.5)])
    answer = node_reader.pick_samples(folder, {**REQUEST, "order": order})
    assert numbers(answer) == expected
    assert answer["scores"] == {"count": 4, "low": -2.0, "mean": pytest.approx(-0.1), "high": 1.0}


def test_the_same_seed_gives_the_same_random_answers_and_another_gives_others(tmp_path: Path, folder: int) -> None:
    write(tmp_path / "4.jsonl", [row(0.0) for _ in range(500)])
    first, again, other = (
        numbers(node_reader.pick_samples(folder, {**REQUEST, "order": "random", "seed": seed})) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("line", "score"),
    [
        ('{"input": "a", "score": 0.5, "step": 1}', 0.5),
        ('{"input":"a","score":-1e-3,"step":1}', -0.001),
        ('{"score": true}', 1.0),
        ('{"reward": 3}', 3.0),
        ('{"output": "my \\"score\\": 9, honestly", "score": 0.25}', 0.25),
        ('{"score": 0.25, "note": "and \\"score\\": 9"}', 0.25),
        ('{"score": NaN}', None),
        ('{"score": null}', None),
        ('{"score": "high"}', None),
        ('{"score": 1e999}', None),
        ("no JSON", None),
        ("", None),
    ],
)
def test_a_score_is_found_without_parsing_the_line(line: str, score: float | None) -> None:
    assert node_reader.find_score(line.encode(), [b'"score":', b'"reward":']) == score


def test_answers_without_a_score_come_last(tmp_path: Path, folder: int) -> None:
    write(tmp_path / "4.jsonl", [row(None), row(float("nan")), row(-5.0)])
    assert numbers(node_reader.pick_samples(folder, REQUEST)) == [3, 1, 2]


@pytest.mark.parametrize(
    "names",
    [[], ["notes.txt"], ["-1.jsonl"], ["1234567890.jsonl"], ["٣.jsonl"], ["4.jsonl.part"]],
    ids=str,
)
def test_a_folder_without_a_step_has_no_samples(tmp_path: Path, folder: int, names: list[str]) -> None:
    for name in names:
        write(tmp_path / name, [row(1.0)])
    assert node_reader.pick_samples(folder, REQUEST) == {"steps": [], "step": None}


def test_a_line_that_is_still_being_written_is_no_answer(tmp_path: Path, folder: int) -> None:
    write(tmp_path / "4.jsonl", [row(0.1), '{"input": "half", "score": 9'], end="")
    assert numbers(node_reader.pick_samples(folder, REQUEST)) == [1]


def test_a_line_that_is_no_document_is_counted_and_left_out(tmp_path: Path, folder: int) -> None:
    write(tmp_path / "4.jsonl", ["[1]", "[" * 100_000, row(0.1), "null"])
    answer = node_reader.pick_samples(folder, {**REQUEST, "count": 9})
    assert (numbers(answer), answer["total"]) == ([3], 4)


def test_long_texts_are_cut_in_their_middle_so_that_an_answer_fits(tmp_path: Path, folder: int) -> None:
    texts = ["a" * 30_000, "中" * 30_000, "\0" * 10_000, '"' * 10_000]
    write(
        tmp_path / "4.jsonl", [row(1.0, f"begin {text} end", **{f"key{n}": text for n in range(60)}) for text in texts]
    )
    answer = node_reader.pick_samples(folder, {**REQUEST, "count": 4})
    assert len(json.dumps(answer["samples"], ensure_ascii=False).encode()) <= 20_000
    assert numbers(answer) == [1, 2, 3, 4]
    for sample in answer["samples"]:
        assert sample["cut"]
        assert sample["fields"]["output"].startswith("begin")
        assert sample["fields"]["output"].endswith("end")


def test_a_line_that_is_too_long_costs_no_other(tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_reader, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(node_reader, "MAX_LINE_BYTES", 2_000)
    write(tmp_path / "4.jsonl", [row(0.1), row(9.0, "x" * 50_000), row(0.2), row(0.3, "y" * 1_500)])
    answer = node_reader.pick_samples(folder, REQUEST)
    assert [sample["fields"]["score"] for sample in answer["samples"]] == [0.3, 0.2, 0.1]


def test_a_search_that_takes_too_long_says_how_much_it_has_read(tmp_path: Path, folder: int) -> None:
    write(tmp_path / "4.jsonl", [row(float(number)) for number in range(1_000)])
    seconds = count()
    clock: Callable[[], float] = lambda: float(next(seconds))  # noqa: E731
    answer = node_reader.pick_samples(folder, REQUEST, clock)
    assert answer["total"] < 1_000
    assert 0 < answer["share"] < 1
    assert len(answer["samples"]) == 3


def test_neither_a_link_nor_a_pipe_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(json.dumps(row(1.0)) + "\n")
    rollouts = tmp_path / "rollouts"
    rollouts.mkdir()
    (rollouts / "4.jsonl").symlink_to(tmp_path / "secret")
    request = {**REQUEST, "path": str(rollouts)}
    assert "error" in node_reader.main(request)
    (rollouts / "4.jsonl").unlink()
    os.mkfifo(rollouts / "4.jsonl")
    assert node_reader.main(request)["samples"] == []


METRICS: dict[str, Any] = {
    "reader": "metrics",
    "prefix": "metrics",
    "name": "",
    "identity": "",
    "offset": 0,
    "max_bytes": 100,
}


def follow(folder: int, part: dict[str, Any]) -> dict[str, Any]:
    known = {key: part.get(key, METRICS[key]) for key in ("name", "identity", "offset")}
    return node_reader.read_new_lines(folder, {**METRICS, **known})


def test_a_restart_that_empties_the_file_is_read_from_its_beginning(tmp_path: Path, folder: int) -> None:
    (tmp_path / "metrics.jsonl").write_text("one\ntwo\nthree\n")
    part = follow(folder, {})
    assert part["text"] == "one\ntwo\nthree\n"
    (tmp_path / "metrics.jsonl").write_text("1\n")
    assert follow(folder, part)["text"] == "1\n"


def test_a_restart_whose_file_has_grown_longer_by_now_is_read_from_its_beginning(tmp_path: Path, folder: int) -> None:
    (tmp_path / "metrics.jsonl").write_text("one\n")
    part = follow(folder, {})
    (tmp_path / "metrics.jsonl").write_text("uno\ndos\n")
    assert follow(folder, part)["text"] == "uno\ndos\n"


def test_a_long_file_comes_in_parts_and_a_line_that_fits_into_none_is_skipped(tmp_path: Path, folder: int) -> None:
    lines = [*(f"line {number}" for number in range(30)), "x" * 350, "last"]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    texts, part = [], dict[str, Any]()
    for _ in range(20):
        part = follow(folder, part)
        texts.append(part["text"])
        if not part["more"]:
            break
    found = "".join(texts).split("\n")
    assert found[:30] == lines[:30]
    assert found[-2:] == ["last", ""]
    assert max(map(len, texts)) <= 100


def test_the_rest_of_an_old_file_is_read_before_a_newer_one(tmp_path: Path, folder: int) -> None:
    (tmp_path / "metrics-1.jsonl").write_text("one\n")
    os.utime(tmp_path / "metrics-1.jsonl", (1, 1))
    part = follow(folder, {})
    (tmp_path / "metrics-1.jsonl").write_text("one\ntwo\n")
    os.utime(tmp_path / "metrics-1.jsonl", (1, 1))
    (tmp_path / "metrics-2.jsonl").write_text("again\n")
    part = follow(folder, part)
    assert part["text"] == "two\n"
    assert follow(folder, part)["text"] == "again\n"


def test_the_program_answers_between_marks_and_a_missing_folder_is_no_error(tmp_path: Path) -> None:
    request = json.dumps({**METRICS, "path": str(tmp_path / "none")})
    done = subprocess.run(
        [sys.executable, "-c", Path(node_reader.__file__).read_text(), request], capture_output=True, check=True
    )
    assert done.stdout.decode() == "verlbot-begin\n{}\nverlbot-end\n"


def write_logs(folder: Path, texts: dict[str, str]) -> None:
    """Write logs into Ray's newest session, which a link of Ray's names."""
    logs = folder / "session_2026-03-01_08-00-00_120_90" / "logs"
    logs.mkdir(parents=True)
    (folder / "session_latest").symlink_to(f"/tmp/ray/{logs.parent.name}")  # as Ray writes it
    for number, (name, text) in enumerate(texts.items()):
        (logs / name).write_text(text)
        os.utime(logs / name, (number, number))


def read_names(answer: dict[str, Any]) -> list[str]:
    return [log["name"] for log in answer["logs"]]


def test_the_logs_of_named_processes_come_first_then_rays_server_then_the_newest(tmp_path: Path, folder: int) -> None:
    names = ["python-core-worker-c3_7.log", "raylet.out", "worker-a1-01000000-7.err", "worker-b2-01000000-8.err"]
    others = ["worker-e5-01000000-9.out", "dashboard.log", "notes.txt", "worker-f6-01000000-10.err"]
    write_logs(tmp_path, dict.fromkeys([*names, *others], "a line\n") | {"worker-f6-01000000-10.err": ""})
    answer = node_reader.read_process_logs(folder, {"pids": [7], "max_bytes": 65_536})
    named, server = ["worker-a1-01000000-7.err", "python-core-worker-c3_7.log"], ["raylet.out"]
    assert read_names(answer) == [*named, *server, "worker-e5-01000000-9.out", "worker-b2-01000000-8.err"]


def test_long_logs_are_read_from_their_ends_and_all_of_them_together_are_bounded(tmp_path: Path, folder: int) -> None:
    text = "".join(f"line {number} \x01\n" for number in range(50_000))
    write_logs(tmp_path, {f"worker-a{pid}-01000000-{pid}.err": text for pid in range(1, 200)})
    answer = node_reader.read_process_logs(folder, {"pids": [7], "max_bytes": 65_536})
    assert node_reader.measure(answer) <= 65_536
    assert read_names(answer)[0] == "worker-a7-01000000-7.err"
    first, *_, last = answer["logs"][0]["text"].splitlines()
    assert (first.startswith("line 4"), last) == (True, "line 49999 \x01")
    assert 1 < len(answer["logs"]) <= node_reader.MAX_PROCESS_LOGS


def test_no_link_leads_out_of_rays_folder(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere" / "logs"
    secret.mkdir(parents=True)
    (secret / "raylet.out").write_text("a secret\n")
    ray = tmp_path / "ray"
    write_logs(ray, {"raylet.err": "a line\n"})
    session = ray / "session_2026-03-01_08-00-00_120_90"
    (session / "logs" / "raylet.out").symlink_to(secret / "raylet.out")
    request = {"reader": "processes", "path": str(ray), "pids": [], "max_bytes": 65_536}
    assert read_names(node_reader.main(request)) == ["raylet.err"]
    (session / "logs").rename(session / "old")
    (session / "logs").symlink_to(secret)
    assert "logs" not in node_reader.main(request)
    (ray / "session_latest").unlink()
    (ray / "session_latest").symlink_to(secret.parent)
    assert "logs" not in node_reader.main(request)


def test_a_line_whose_beginning_is_too_far_back_is_left_out(tmp_path: Path, folder: int) -> None:
    write_logs(tmp_path, {"worker-a7-01000000-7.err": "x" * 99_999, "raylet.out": "y" * 99_999 + "\na line\n"})
    answer = node_reader.read_process_logs(folder, {"pids": [7], "max_bytes": 65_536})
    assert answer["logs"] == [{"name": "raylet.out", "text": "a line\n"}]
