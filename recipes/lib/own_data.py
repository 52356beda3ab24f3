"""A team's own prompts and answers, as verl reads them; and the reward of a run that has no reward file of its own.

Usage, on each node: python3 own_data.py TRAIN_FILE TEST_FILE REWARD_FILE FOLDER

Writes FOLDER/train.parquet and FOLDER/test.parquet. A row of a file holds `prompt`, a text or a list of messages, and
`answer`, a text or a number; or `prompt` and `reward_model`, as verl's own data sets do. verl hands each column of a
row to its rollout as an argument, where another name may stop it: other columns go into `extra_info`.
"""

import ast
import math
import os
import sys
from functools import partial

from team_rows import UnusableRow, fail, is_conversation, list_columns, read_rows, write_rows

KEPT_COLUMNS = ("agent_name", "images", "videos", "audios")
"""Columns that verl 0.9 reads beside the four that are written here."""

SOURCE = "own-data"
"""The name under which validations are reported, where the rows have no `data_source`."""

REWARD_ARGUMENTS = ("data_source", "solution_str", "ground_truth", "extra_info")
"""The names by which verl calls a reward function."""

MAX_WHOLE_FLOAT = 2**53
"""From here on a float does not tell whole numbers apart."""

BOX = "\\boxed{"


def main(words):
    """Convert both files, and check the reward file."""
    train, test, reward, folder = words
    check_reward(reward)
    for path, split in ((train, "train"), (test, "test")):
        convert = partial(convert_row, split)
        write_rows(read_rows(path), path, convert, os.path.join(folder, f"{split}.parquet"))
    return 0


# The reward


def check_reward(path):
    """Fail unless the file is Python that defines `compute_score`. It is not run here."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read(), path)
    except FileNotFoundError:
        fail(f"There is no REWARD_FILE {path} on this node. Is the bucket or volume mounted?")
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        fail(f"REWARD_FILE {path} cannot be read as Python: {error}")
    arguments = ", ".join(REWARD_ARGUMENTS)
    definitions = list(find_definitions(tree.body))
    if not definitions:
        fail(f"REWARD_FILE {path} defines no function compute_score({arguments}).")
    function = definitions[-1]
    if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and not takes_arguments(function.args):
        fail(f"compute_score in REWARD_FILE {path} must take these arguments by name: {arguments}.")


def find_definitions(statements):
    """Yield what a module may bind to `compute_score`, at any depth but within functions and classes.

    >>> code = "try:\\n from a import compute_score\\nexcept E:\\n compute_score = c\\ndef f():\\n compute_score = 1"
    >>> [type(node).__name__ for node in find_definitions(ast.parse(code).body)]
    ['ImportFrom', 'Assign']
    """
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = {statement.name}
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names = {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        else:
            for part in ("body", "orelse", "handlers", "finalbody"):
                for node in getattr(statement, part, []):
                    yield from find_definitions(node.body if isinstance(node, ast.ExceptHandler) else [node])
            continue
        if names & {"compute_score", "*"}:
            yield statement


def takes_arguments(arguments):
    """Return whether a function can be called with the names by which verl calls it."""
    names = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
    return arguments.kwarg is not None or names >= set(REWARD_ARGUMENTS)


# The rows


def convert_row(split, row, index):
    """Return a row in verl's columns.

    Raises:
        UnusableRow: it has no prompt or no answer.

    >>> row = convert_row("train", {"prompt": "1 + 1?", "answer": 2.0, "output": "two"}, 0)
    >>> row["reward_model"], row["extra_info"]
    ({'style': 'rule', 'ground_truth': '2'}, {'output': 'two', 'split': 'train', 'index': 0})
    """
    if not isinstance(row, dict):
        raise UnusableRow("is no object with `prompt` and `answer`.")
    own = {"prompt", "answer", "data_source", "reward_model", "extra_info", *KEPT_COLUMNS}
    extra = {name: value for name, value in row.items() if name not in own}
    extra |= row["extra_info"] if isinstance(row.get("extra_info"), dict) else {}
    return {
        **{name: row[name] for name in KEPT_COLUMNS if name in row},
        "data_source": str(row.get("data_source") or SOURCE),
        "prompt": convert_prompt(row),
        "reward_model": convert_answer(row),
        "extra_info": {**extra, "split": split, "index": index},
    }


def convert_prompt(row):
    """Return the prompt of a row as messages."""
    if "prompt" not in row:
        raise UnusableRow(f"has no `prompt`; it has: {list_columns(row)}.")
    prompt = row["prompt"]
    if isinstance(prompt, str) and prompt.strip():
        return [{"role": "user", "content": prompt}]
    if not prompt or isinstance(prompt, str):
        raise UnusableRow("has an empty `prompt`.")
    if not is_conversation(prompt):
        raise UnusableRow(
            'has a `prompt` that is neither a text nor messages such as [{"role": "user", "content": "…"}].'
        )
    return prompt


def convert_answer(row):
    """Return what the reward function compares a solution with, in verl's column."""
    reward = row.get("reward_model")
    if isinstance(reward, dict) and reward.get("ground_truth") is not None:
        truth = reward["ground_truth"]
        # Lists and objects are for a reward function of the team's own.
        return {**reward, "ground_truth": truth if isinstance(truth, list | dict) else format_answer(truth)}
    if row.get("answer") is None:
        raise UnusableRow(f"has neither `answer` nor `reward_model`; it has: {list_columns(row)}.")
    return {"style": "rule", "ground_truth": format_answer(row["answer"])}


def format_answer(answer):
    """Return an answer as a text.

    >>> format_answer(2), format_answer(2.0), format_answer(2.5), format_answer("2024-05-01")
    ('2', '2', '2.5', '2024-05-01')
    """
    if isinstance(answer, str) and answer.strip():
        return answer
    if isinstance(answer, int) and not isinstance(answer, bool):
        return str(answer)
    if isinstance(answer, float) and math.isfinite(answer):
        is_whole = answer.is_integer() and abs(answer) < MAX_WHOLE_FLOAT
        return str(int(answer)) if is_whole else repr(answer)
    raise UnusableRow(f"has an answer that is neither a text nor a number: {str(answer)[:60]!r}.")


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
