# Shell functions for the `setup` of verl's recipes. Read it with `.` after `set -euo pipefail`.
# Nothing here may evaluate a variable: no eval, no unquoted expansion.

install_verl() {
  # The image's Python belongs to Ubuntu, which refuses pip otherwise.
  export PIP_BREAK_SYSTEM_PACKAGES=1
  # The extra asks for just the torch and vLLM that the image holds, so pip leaves those as they are.
  # Older versions of hydra-core execute whatever a `_target_` of an override names.
  local packages=('verl[vllm]==0.9.1' 'hydra-core>=1.3.8,<1.4')
  # verl brings W&B and TensorBoard itself. SwanLab 0.6 took only ids of 21 characters for its runs.
  [ -z "${SWANLAB_API_KEY:-}" ] || packages+=('swanlab>=0.10,<1')
  [ -z "${MLFLOW_TRACKING_URI:-}" ] || packages+=('mlflow-skinny>=2.20,<4')
  python3 -m pip install --no-input "${packages[@]}"
}

# write_problems FOLDER: writes a data set of Hugging Face's into the folder, train.parquet and test.parquet, unless
# they are there. The Python on its standard input defines DATASET, the words that name the data set; TASK, which
# follows each problem; and split_example(example), which returns a problem and its answer.
write_problems() {
  { cat; cat <<'PY'; } | python3 - "$1"


import os
import sys

from datasets import load_dataset


def row(example, index, split):
    problem, answer = split_example(example)
    return {
        "data_source": DATASET[0],
        "prompt": [{"role": "user", "content": f"{problem}\n\n{TASK}"}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": {"split": split, "index": index},
    }


folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
for split in ("train", "test"):
    path = os.path.join(folder, f"{split}.parquet")
    if os.path.exists(path):
        continue
    rows = load_dataset(*DATASET, split=split)
    rows = rows.map(row, with_indices=True, fn_kwargs={"split": split}, remove_columns=rows.column_names)
    # Renamed when whole, since nodes may share the home folder.
    part = f"{path}.{os.uname().nodename}.{os.getpid()}"
    rows.to_parquet(part)
    os.replace(part, path)
PY
}
