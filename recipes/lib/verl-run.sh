# Shell functions for the `run` of verl's recipes: check numbers, open the run's folder, join the nodes by Ray, and
# train. Read it with `.` after `set -euo pipefail`, and call its functions in this order.
# Nothing here may evaluate a variable: no eval, no unquoted expansion.

fail() {
  printf 'verl recipe: %s\n' "$1" >&2
  exit 1
}

# check_numbers NAME…: fails unless these variables hold whole numbers, and those that this file uses.
# bash's arithmetic would run a command hidden in a number, so call it before any arithmetic.
check_numbers() {
  local name
  for name in "$@" SAMPLE_STEPS WORKERS_TIMEOUT_SECONDS SKYPILOT_NUM_NODES SKYPILOT_NUM_GPUS_PER_NODE SKYPILOT_NODE_RANK; do
    case "${!name}" in
      '' | *[!0-9]* | 0?*) fail "$name must be a whole number, not '${!name}'." ;;
    esac
  done
}

# Makes the run's folder, and finds out what verl resumes from and which loggers it has.
open_run_folder() {
  case "$CHECKPOINT_DIR" in
    \~/*) CHECKPOINT_DIR="$HOME/${CHECKPOINT_DIR#\~/}" ;;
    /*) ;;
    *) fail "CHECKPOINT_DIR must begin with / or ~/, not be '$CHECKPOINT_DIR'." ;;
  esac
  run_dir="$CHECKPOINT_DIR/$VERLBOT_RUN_ID"
  mkdir -p "$run_dir"
  # A run that has saved a checkpoint continues from it. verl writes the number of its newest checkpoint once that
  # is complete.
  resume=(trainer.resume_mode=auto)
  local newest=latest_checkpointed_iteration.txt checkpoint
  if [ -n "$RESUME_FROM" ] && [ ! -e "$run_dir/$newest" ]; then
    checkpoint="$CHECKPOINT_DIR/$RESUME_FROM"
    case "$RESUME_FROM" in
      */global_step_*) ;;
      *) checkpoint="$checkpoint/global_step_$(cat "$checkpoint/$newest")" || fail "There is no checkpoint of $RESUME_FROM." ;;
    esac
    [ -d "$checkpoint" ] || fail "There is no checkpoint $checkpoint."
    resume=(trainer.resume_mode=resume_path trainer.resume_from_path="$checkpoint")
  fi
  # Exported before Ray starts, and on every node, because verl's logger runs where Ray puts it. The time in
  # the name keeps a restart from emptying the file.
  VERL_FILE_LOGGER_PATH="$run_dir/metrics-$(date -u +%Y%m%dT%H%M%SZ).jsonl"
  export VERL_FILE_LOGGER_PATH
  loggers=console,file
  if [ -n "${WANDB_API_KEY:-}" ]; then
    loggers="$loggers,wandb"
  fi
}

# Keeps the files of samples of the newest steps alone: with long answers, each has hundreds of megabytes.
prune_samples() {
  local folder file
  local files
  while sleep 20; do
    for folder in "$run_dir/rollouts" "$run_dir/validations"; do
      mapfile -t files < <(find "$folder" -maxdepth 1 -name '*.jsonl' -printf '%f\n' 2>/dev/null | sort -rn)
      for file in "${files[@]:$SAMPLE_STEPS}"; do
        rm -f -- "$folder/$file"
      done
    done
  done
}

ray_log="$(mktemp)"
ray_pid=''
pruner_pid=''

start_ray() {
  ray start "$@" --node-ip-address "$node_ip" --num-gpus "$SKYPILOT_NUM_GPUS_PER_NODE" \
    --dashboard-agent-listen-port 52366 --disable-usage-stats --block >"$ray_log" 2>&1 &
  ray_pid=$!
}

# Ends the pruning of samples, and the Ray that start_ray started, and no other: `ray stop` would end SkyPilot's too.
stop_ray() {
  if [ -n "$pruner_pid" ]; then
    kill "$pruner_pid" 2>/dev/null || true
  fi
  if [ -n "$ray_pid" ]; then
    kill "$ray_pid" 2>/dev/null || true
    wait "$ray_pid" || true
  fi
}

head_answers() {
  timeout 20 ray health-check --address "$head_address" >/dev/null 2>&1
}

wait_for_head() {
  until head_answers; do
    if [ -n "$ray_pid" ] && ! kill -0 "$ray_pid" 2>/dev/null; then
      cat "$ray_log" >&2
      fail 'Ray did not start on the head node.'
    fi
    if [ "$SECONDS" -ge "$WORKERS_TIMEOUT_SECONDS" ]; then
      fail "Ray on the head node ($head_address) did not answer within $WORKERS_TIMEOUT_SECONDS seconds."
    fi
    sleep 2
  done
}

wait_for_workers() {
  python3 - "$head_address" "$SKYPILOT_NUM_NODES" "$WORKERS_TIMEOUT_SECONDS" <<'PY'
import sys
import time

import ray

address, wanted, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ray.init(address=address, log_to_driver=False, logging_level="ERROR")
end = time.monotonic() + seconds
while (came := sum(node["Alive"] for node in ray.nodes())) < wanted:
    if time.monotonic() >= end:
        sys.exit(f"verl recipe: only {came} of {wanted} nodes joined Ray within {seconds} seconds.")
    time.sleep(2)
PY
}

# Returns on the head node, once all nodes have joined; any other node stays here until the training ends, and exits.
join_nodes() {
  trap stop_ray EXIT
  trap 'exit 143' INT TERM
  if [ "$SAMPLE_STEPS" -gt 0 ]; then
    prune_samples >/dev/null 2>&1 &
    pruner_pid=$!
  fi
  # 6379 is every Ray's default and 6380 that of SkyPilot's own Ray; its dashboard agent has 52365.
  local node_ips
  mapfile -t node_ips <<<"$SKYPILOT_NODE_IPS"
  head_address="${node_ips[0]}:6390"
  node_ip="${node_ips[$SKYPILOT_NODE_RANK]}"

  if [ "$SKYPILOT_NODE_RANK" -ne 0 ]; then
    wait_for_head
    start_ray --address "$head_address"
    # Ray ends here by itself a minute after the head's has.
    wait "$ray_pid" || true
    ray_pid=''
    if head_answers; then
      cat "$ray_log" >&2
      fail "Ray on node $SKYPILOT_NODE_RANK ended before the training did."
    fi
    exit 0
  fi

  # The dashboard asks for no password and can start jobs, so it listens on this node alone; see it through
  # `ssh -L 8265:localhost:8265 CLUSTER`.
  start_ray --head --port 6390 --dashboard-host 127.0.0.1 --dashboard-port 8265
  wait_for_head
  wait_for_workers
  # Else verl might find SkyPilot's Ray.
  export RAY_ADDRESS="$head_address"
}

# train WORD…: runs verl with these settings; the last of one name counts. With save_freq and test_freq on, verl
# saves and validates after the last step too.
train() {
  local samples=()
  if [ "$SAMPLE_STEPS" -gt 0 ]; then
    samples=(trainer.rollout_data_dir="$run_dir/rollouts" trainer.validation_data_dir="$run_dir/validations")
  fi
  python3 -m verl.trainer.main_ppo \
    trainer.nnodes="$SKYPILOT_NUM_NODES" \
    trainer.n_gpus_per_node="$SKYPILOT_NUM_GPUS_PER_NODE" \
    trainer.total_epochs="$EPOCHS" \
    trainer.save_freq="$SAVE_EVERY_STEPS" \
    trainer.test_freq="$TEST_EVERY_STEPS" \
    trainer.default_local_dir="$run_dir" \
    "${resume[@]}" \
    trainer.max_actor_ckpt_to_keep=2 \
    trainer.project_name=verlbot \
    trainer.experiment_name="$VERLBOT_RUN_ID" \
    trainer.logger="[$loggers]" \
    "${samples[@]}" \
    "$@"
}
