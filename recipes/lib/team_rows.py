"""Reads the rows of a team's own file, and writes them as verl reads them."""

import json
import os
import sys


class UnusableRow(ValueError):
    """A row that verl cannot train on, and why."""


def fail(problem):
    """End with a sentence."""
    sys.exit(f"verl recipe: {problem}")


def read_rows(path):
    """Return the rows of a file. JSON is read as it stands: a reader of tables would make dates of texts, and floats
    of whole numbers.
    """
    if not os.path.isfile(path):
        fail(f"There is no file {path} on this node. Is the bucket or volume mounted?")
    try:
        return parse_rows(path)
    except Exception as error:  # whatever a file may hold
        fail(f"{path} cannot be read: {describe_error(error)}")


def parse_rows(path):
    """Return the rows of a file that is there."""
    ending = os.path.splitext(path)[1]
    if ending == ".parquet":
        from datasets import load_dataset  # noqa: PLC0415  # for this kind of file alone

        return list(load_dataset("parquet", data_files=path, split="train"))
    with open(path, encoding="utf-8") as file:
        if ending == ".jsonl":
            return [json.loads(line) for line in file if line.strip()]
        rows = json.load(file)
    if not isinstance(rows, list):
        raise TypeError("it is not a list of rows")
    return rows


def write_rows(rows, place, convert, target):
    """Write rows in verl's columns.

    Args:
        place: what the rows are called to people.
        convert: returns a row in verl's columns, of a row and its index; raises UnusableRow.
    """
    from datasets import Dataset  # noqa: PLC0415  # verl imports own_data.py for its reward alone

    if not rows:
        fail(f"{place} has no rows.")
    converted = []
    for index, row in enumerate(rows):
        try:
            converted.append(convert(row, index))
        except UnusableRow as problem:
            fail(f"Row {index + 1} of {place} {problem}")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Renamed when whole, since nodes may share the home folder.
    part = f"{target}.{os.uname().nodename}.{os.getpid()}"
    try:
        Dataset.from_list(converted).to_parquet(part)
        os.replace(part, target)
    except Exception as error:  # a column of several kinds, or a full disk
        fail(f"{place} cannot be written for verl: {describe_error(error)}")
    finally:
        if os.path.exists(part):
            os.remove(part)
    print(f"verl recipe: {len(converted)} rows of {place}")


def describe_error(error):
    """Return what an exception says, in at most 300 characters."""
    return f"{type(error).__name__}: {str(error)[:300]}"


def is_conversation(messages):
    """Return whether these are messages, each with a role and a text.

    >>> is_conversation([{"role": "user", "content": "Hi"}]), is_conversation(["Hi"]), is_conversation([])
    (True, False, False)
    """
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(
            isinstance(message, dict)
            and isinstance(message.get("role"), str)
            and isinstance(message.get("content"), str)
            for message in messages
        )
    )


def list_columns(row):
    """Return the names of a row's columns."""
    return ", ".join(sorted(map(str, row)))[:300] or "nothing"
