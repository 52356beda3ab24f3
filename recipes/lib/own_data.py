"""A team's own prompts and answers, as verl reads them; and the reward of a run that has no reward file of its own.

Usage, on each node: python3 own_data.py TRAIN_FILE TEST_FILE REWARD_FILE FOLDER

Writes FOLDER/train.parquet and FOLDER/test.parquet. A row of a file holds `prompt`, a text or a list of messages, and
`answer`, a text or a number; or `prompt` and `reward_model`, as verl's own data sets do. Other columns stay.
"""

import ast
import os
import sys

FORMATS = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}
SOURCE = "own-data"
"""The name under which validations are reported, where the rows have no `data_source`."""

BOX = "\\boxed{"


def main(words):
    """Convert both files, and check the reward file."""
    train, test, reward, folder = words
    check_reward(reward)
    os.makedirs(folder, exist_ok=True)
    for path, split in ((train, "train"), (test, "test")):
        write_split(path, split, os.path.join(folder, f"{split}.parquet"))
    return 0


def fail(problem):
    """End with a sentence."""
    sys.exit(f"verl recipe: {problem}")


def check_reward(path):
    """Fail unless the file is Python that defines `compute_score`. It is not run here."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read(), path)
    except FileNotFoundError:
        fail(f"There is no REWARD_FILE {path} on this node. Is the bucket or volume mounted?")
    except (OSError, SyntaxError, ValueError) as error:
        fail(f"REWARD_FILE {path} cannot be read as Python: {error}")
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names |= {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    if "compute_score" not in names:
        arguments = "data_source, solution_str, ground_truth, extra_info"
        fail(f"REWARD_FILE {path} defines no function compute_score({arguments}).")


def write_split(path, split, target):
    """Write one file in verl's columns."""
    # verl imports this file for its reward, and needs no data sets then.
    from datasets import Dataset, load_dataset  # noqa: PLC0415

    kind = FORMATS.get(os.path.splitext(path)[1])
    if kind is None:
        fail(f"{path} must end in .jsonl, .json or .parquet.")
    if not os.path.isfile(path):
        fail(f"There is no file {path} on this node. Is the bucket or volume mounted?")
    try:
        rows = load_dataset(kind, data_files=path, split="train")
    except Exception as error:  # whatever a file may hold
        fail(f"{path} cannot be read: {type(error).__name__}: {str(error)[:300]}")
    if not len(rows):
        fail(f"{path} has no rows.")
    converted = []
    for index, row in enumerate(rows):
        problem, verl_row = convert_row(row, split, index)
        if problem:
            fail(f"Row {index + 1} of {path} {problem}")
        converted.append(verl_row)
    # Renamed when whole, since nodes may share the home folder.
    part = f"{target}.{os.uname().nodename}.{os.getpid()}"
    Dataset.from_list(converted).to_parquet(part)
    os.replace(part, target)
    print(f"verl recipe: {len(converted)} rows of {path}")


def convert_row(row, split, index):
    """Return no problem and the row in verl's columns; or what is wrong with it, and nothing.

    >>> convert_row({"prompt": "1 + 1?", "answer": 2}, "train", 0)[1]["reward_model"]
    {'style': 'rule', 'ground_truth': '2'}
    >>> convert_row({"question": "1 + 1?"}, "train", 0)[0]
    'has no `prompt`; it has: question.'
    """
    prompt = row.get("prompt")
    if isinstance(prompt, str) and prompt.strip():
        prompt = [{"role": "user", "content": prompt}]
    if not prompt:
        return f"has no `prompt`; it has: {', '.join(sorted(row)) or 'nothing'}.", None
    if not is_conversation(prompt):
        return 'has a `prompt` that is neither a text nor messages such as [{"role": "user", "content": "…"}].', None
    reward = row.get("reward_model")
    if not (isinstance(reward, dict) and reward.get("ground_truth") is not None):
        if row.get("answer") is None:
            return f"has neither `answer` nor `reward_model`; it has: {', '.join(sorted(row))}.", None
        reward = {"style": "rule", "ground_truth": str(row["answer"])}
    extra = row.get("extra_info")
    extra = {**(extra if isinstance(extra, dict) else {}), "split": split, "index": index}
    source = str(row.get("data_source") or SOURCE)
    others = {key: value for key, value in row.items() if key != "answer"}
    return None, {**others, "data_source": source, "prompt": prompt, "reward_model": reward, "extra_info": extra}


def is_conversation(prompt):
    """Return whether these are messages, each with a role and a text.

    >>> is_conversation([{"role": "user", "content": "Hi"}]), is_conversation(["Hi"]), is_conversation(7)
    (True, False, False)
    """
    return isinstance(prompt, list) and all(
        isinstance(message, dict) and isinstance(message.get("role"), str) and isinstance(message.get("content"), str)
        for message in prompt
    )


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    """Return 1 where the last box of the solution holds the answer, else 0.

    >>> compute_score("own-data", "so \\\\boxed{7}", "7"), compute_score("own-data", "7", "7")
    (1.0, 0.0)
    """
    return float(find_boxed(solution_str) == str(ground_truth).strip())


def find_boxed(text):
    """Return what the last box of a text holds; None where there is none.

    >>> find_boxed("\\\\boxed{1} or \\\\boxed{\\\\frac{1}{2}}"), find_boxed("\\\\boxed{1")
    ('\\\\frac{1}{2}', None)
    """
    start = text.rfind(BOX)
    if start < 0:
        return None
    depth, begin = 1, start + len(BOX)
    for index in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if not depth:
            return text[begin:index].strip()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
