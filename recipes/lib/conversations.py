"""Conversations to learn from, as verl's SFT trainer reads them.

Usage, on each node: python3 conversations.py TRAIN_FILE TEST_FILE BATCH_SIZE FOLDER

Writes FOLDER/train.parquet and FOLDER/test.parquet, with a column `messages`. A row of a file holds `messages`, or
`prompt` (a text or messages) and `response`. Without TEST_FILE, the last twentieth of TRAIN_FILE validates; without
both, the problems of GSM8K and their worked solutions are taken.
"""

import os
import sys

from team_rows import UnusableRow, describe_error, fail, is_conversation, list_columns, read_rows, write_rows

GSM8K = ("openai/gsm8k", "main")
"""The data set that is taken where no file is named."""

TEST_SHARE = 20
"""One row in so many validates where no file for that is named; at least a batch."""


def main(words):
    """Write both files."""
    train, test, batch_size, folder = words
    for split, place, rows in read_splits(train, test, int(batch_size)):
        # verl's SFT trainer drops what fills no batch: it would train on nothing, or validate to NaN.
        if len(rows) < int(batch_size):
            fail(f"{place} has too few rows for one batch: {len(rows)}, and BATCH_SIZE is {batch_size}.")
        write_rows(rows, place, convert_row, os.path.join(folder, f"{split}.parquet"))
    return 0


def read_splits(train, test, batch_size):
    """Return the rows to train on and those to validate on: each with its name in a path, its name to people, rows."""
    if test and not train:
        fail("TEST_FILE is named and TRAIN_FILE is not: name both, or none for GSM8K.")
    if not train:
        return [(split, f"the {split} rows of {GSM8K[0]}", read_gsm8k(split)) for split in ("train", "test")]
    rows = read_rows(train)
    if test:
        return [("train", train, rows), ("test", test, read_rows(test))]
    count = max(len(rows) // TEST_SHARE, batch_size)
    return [
        ("train", f"{train} without its last {count} rows", rows[:-count]),
        ("test", f"the end of {train}", rows[-count:]),
    ]


def read_gsm8k(split):
    """Return the problems of GSM8K with their worked solutions."""
    from datasets import load_dataset  # noqa: PLC0415  # for this data set alone

    try:
        rows = load_dataset(*GSM8K, split=split)
    except Exception as error:  # whatever a network may do
        fail(f"{GSM8K[0]} cannot be downloaded: {describe_error(error)}")
    return [{"prompt": row["question"], "response": row["answer"]} for row in rows]


def convert_row(row, _):
    """Return a row in verl's columns.

    Raises:
        UnusableRow: it has no messages, or none of an assistant.

    >>> convert_row({"prompt": "1 + 1?", "response": "2", "source": "mine"}, 0)["messages"][1]
    {'role': 'assistant', 'content': '2'}
    """
    if not isinstance(row, dict):
        raise UnusableRow("is no object with `messages`, or `prompt` and `response`.")
    messages = row["messages"] if row.get("messages") is not None else join_response(row)
    if not is_conversation(messages):
        raise UnusableRow('has no list of messages such as [{"role": "user", "content": "…"}].')
    if not any(message["role"] == "assistant" and message["content"].strip() for message in messages):
        raise UnusableRow("has no message of an `assistant`: there is nothing to learn.")
    # A name or a tool call of some messages alone would be another column in verl's file.
    return {"messages": [{"role": message["role"], "content": message["content"]} for message in messages]}


def join_response(row):
    """Return the prompt and the response of a row as messages."""
    missing = [name for name in ("prompt", "response") if not row.get(name)]
    if missing:
        raise UnusableRow(f"has neither `messages` nor `{missing[0]}`; it has: {list_columns(row)}.")
    prompt, response = row["prompt"], row["response"]
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if not isinstance(asked, list):
        raise UnusableRow("has a `prompt` that is neither a text nor messages.")
    return [*asked, {"role": "assistant", "content": response}]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
