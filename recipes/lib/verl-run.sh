# Shell functions for the `run` of verl's recipes: check numbers, open the run's folder, join the nodes by Ray, and
# train. Read it with `.` after `set -euo pipefail`, and call its functions in this order.
# Nothing here may evaluate a variable: no eval, no unquoted expansion.

fail() {
  printf 'verl recipe: %s\n' "$1" >&2
  exit 1
}

# How long MLflow may take to say which run this one continues.
mlflow_seconds=20

# check_numbers NAME…: fails unless these variables hold whole numbers, and those that this file uses.
# bash's arithmetic would run a command hidden in a number, so call it before any arithmetic.
check_numbers() {
  local name
  for name in "$@" SAMPLE_STEPS SAVE_GRACE_SECONDS WORKERS_TIMEOUT_SECONDS SKYPILOT_NUM_NODES SKYPILOT_NUM_GPUS_PER_NODE SKYPILOT_NODE_RANK; do
    case "${!name}" in
      '' | *[!0-9]* | 0?*) fail "$name must be a whole number, not '${!name}'." ;;
    esac
  done
}

# Makes the run's folder, and finds out which loggers verl has.
open_run_folder() {
  case "$CHECKPOINT_DIR" in
    \~/*) CHECKPOINT_DIR="$HOME/${CHECKPOINT_DIR#\~/}" ;;
    /*) ;;
    *) fail "CHECKPOINT_DIR must begin with / or ~/, not be '$CHECKPOINT_DIR'." ;;
  esac
  run_dir="$CHECKPOINT_DIR/$VERLBOT_RUN_ID"
  mkdir -p "$run_dir"
  # Exported before Ray starts, and on every node, because verl's logger runs where Ray puts it. The time in
  # the name keeps a restart from emptying the file.
  VERL_FILE_LOGGER_PATH="$run_dir/metrics-$(date -u +%Y%m%dT%H%M%SZ).jsonl"
  export VERL_FILE_LOGGER_PATH
  # The team's own code, where SkyPilot has fetched it: also for Ray's workers, on every node.
  if [ -n "${GIT_URL:-}" ]; then
    export PYTHONPATH="$PYTHONPATH:$PWD"
  fi
  # For whoever adds `tensorboard` to the loggers: a restart writes beside what is there.
  export TENSORBOARD_DIR="${TENSORBOARD_DIR:-$run_dir/tensorboard}"
  loggers=console,file
  # A run that is started again goes on with its own curves.
  local tracker_run="${TRACKER_RUN:-$VERLBOT_RUN_ID}"
  if [ -n "${WANDB_API_KEY:-}" ]; then
    loggers="$loggers,wandb"
    export WANDB_RUN_ID="${WANDB_RUN_ID:-$tracker_run}" WANDB_RESUME="${WANDB_RESUME:-allow}"
    [ -z "$TRACKER_ENTITY" ] || export WANDB_ENTITY="$TRACKER_ENTITY"
  fi
  if [ -n "${SWANLAB_API_KEY:-}" ]; then
    loggers="$loggers,swanlab"
    export SWANLAB_RUN_ID="${SWANLAB_RUN_ID:-$tracker_run}" SWANLAB_RESUME="${SWANLAB_RESUME:-allow}"
    [ -z "$TRACKER_ENTITY" ] || export SWANLAB_WORKSPACE="$TRACKER_ENTITY"
  fi
  if [ -n "${MLFLOW_TRACKING_URI:-}" ]; then
    loggers="$loggers,mlflow"
    # MLflow names its runs itself, and one run of it takes no changed settings: what continues one is its child.
    local parent="${TRACKER_RUN:-$(find_mlflow_run)}"
    [ -z "$parent" ] || export MLFLOW_RUN_CONTEXT="{\"mlflow.parentRunId\": \"$parent\"}"
  fi
}

# find_mlflow_run: prints the id of the run of MLflow that this run began when it was first started; nothing for none.
# Without the bot each run has the name `manual`, so that the first one found would be another's.
find_mlflow_run() {
  local found code=0
  [ "$VERLBOT_RUN_ID" != manual ] || return 0
  found="$(
    MLFLOW_HTTP_REQUEST_MAX_RETRIES=1 MLFLOW_HTTP_REQUEST_TIMEOUT=10 \
      timeout -k 1 "$mlflow_seconds" python3 - "$TRACKER_PROJECT" "$VERLBOT_RUN_ID" <<'PY'
import re
import sys

project, name = sys.argv[1:]
try:
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name(project)
    runs = experiment and client.search_runs(
        [experiment.experiment_id],
        f"attributes.run_name = '{name}'",
        order_by=["attributes.start_time ASC"],
        max_results=1,
    )
    found = [str(run.info.run_id) for run in runs or []]
    # The id becomes part of a JSON document.
    print(*(run for run in found if re.fullmatch("[0-9a-zA-Z_-]{1,64}", run)))
except Exception as error:
    print(f"MLflow does not say whether it has a run named {name}: {type(error).__name__}.", file=sys.stderr)
PY
  )" || code=$?
  case "$code" in
    0) printf '%s' "$found" ;;
    # The codes of `timeout` where it ended the program.
    124 | 137) printf 'verl recipe: MLflow does not say within %s seconds whether it has a run named %s.\n' "$mlflow_seconds" "$VERLBOT_RUN_ID" >&2 ;;
  esac
}

# Keeps the files of samples of the newest steps alone: with long answers, each has hundreds of megabytes.
prune_samples() {
  local folder file
  local files
  for folder in "$run_dir/rollouts" "$run_dir/validations"; do
    mapfile -t files < <(find "$folder" -maxdepth 1 -name '*.jsonl' -printf '%f\n' 2>/dev/null | sort -rn)
    for file in "${files[@]:$SAMPLE_STEPS}"; do
      rm -f -- "$folder/$file"
    done
  done
}

# Keeps the newest checkpoints alone. verl counts only those of its own process, so that each restart would leave more.
# One that is newer than the newest whole one is being written; a node without verl's word on that keeps one more.
prune_checkpoints() {
  local steps step newest kept="$checkpoints_kept"
  mapfile -t steps < <(find "$run_dir" -maxdepth 1 -name 'global_step_*' -printf '%f\n' | sed -n 's/^global_step_\([0-9]\{1,9\}\)$/\1/p' | sort -rn)
  newest="$(cat "$run_dir/$tracker" 2>/dev/null)" || { newest=999999999; kept=$((kept + 1)); }
  for step in "${steps[@]}"; do
    if [ "$step" -le "$newest" ]; then
      kept=$((kept - 1))
      [ "$kept" -ge 0 ] || rm -rf -- "$run_dir/global_step_$step"
    fi
  done
}

prune_files() {
  while sleep 20; do
    [ "$SAMPLE_STEPS" -eq 0 ] || prune_samples
    [ "$checkpoints_kept" -eq 0 ] || prune_checkpoints
  done
}

# count_checkpoints_kept WORD…: finds how many checkpoints verl keeps by its settings; 0 for all of them.
count_checkpoints_kept() {
  local word
  checkpoints_kept=2
  for word in "$@"; do
    case "${word##+}" in
      trainer.max_actor_ckpt_to_keep=* | trainer.max_ckpt_to_keep=*) checkpoints_kept="${word##*=}" ;;
    esac
  done
  case "$checkpoints_kept" in
    '' | *[!0-9]* | 0* | ?????*) checkpoints_kept=0 ;;
  esac
}

modules="$(mktemp -d)"
ray_log="$modules/ray.log"
tracker=latest_checkpointed_iteration.txt
# Each program that this script starts carries the mark, so that it is found even when its parent has ended.
export VERLBOT_MARK="$$-$(date +%s%N)"
# Where the script on each node finds the exit code of the training.
export VERLBOT_END_FILE="$modules/end"
# Ray's workers find verl_saving.py by it.
export PYTHONPATH="$modules${PYTHONPATH:+:$PYTHONPATH}"
checkpoints_kept=0
ray_pid=''
pruner_pid=''
watch_pid=''
verl_pid=''
node_lost_code=68
# How long Ray may take to find out that a node has died.
loss_seconds=30
ray_starts=0
# How often Ray is started on a node, if it ends within so many seconds of its start.
max_ray_starts=3
ray_start_seconds=90
# What verl takes of CPUs: its sample queue 9, and each GPU's worker 3. Without these it waits for ever.
queue_cpus=9
gpu_cpus=3
# How long Ray may take to end by itself.
stop_seconds=6

# start_ray WORD…: starts Ray on this node with these words.
start_ray() {
  ray_words=("$@")
  # Slurm names a job's GPUs to every maker's libraries, and verl refuses two names at once.
  if [ -n "${CUDA_VISIBLE_DEVICES:-}${HIP_VISIBLE_DEVICES:-}" ]; then
    unset ROCR_VISIBLE_DEVICES
  fi
  ray_starts=$((ray_starts + 1))
  ray_began=$SECONDS
  ray start "$@" --node-ip-address "$node_ip" --num-gpus "$SKYPILOT_NUM_GPUS_PER_NODE" \
    --dashboard-agent-listen-port 52366 --disable-usage-stats --block >"$ray_log" 2>&1 &
  ray_pid=$!
}

# Starts Ray again where it has ended soon after its start, as it does on a machine that is too busy at first.
restart_ray() {
  if [ "$ray_starts" -ge "$max_ray_starts" ] || [ $((SECONDS - ray_began)) -ge "$ray_start_seconds" ]; then
    cat "$ray_log" >&2
    return 1
  fi
  printf 'verl watch: Ray did not start on this node; it is started again.\n' >&2
  start_ray "${ray_words[@]}"
}

# runs PID: whether this is a process of ours that has not ended.
runs() {
  [ -n "$1" ] && kill -0 "$1" 2>/dev/null
}

# await_end PID SECONDS: waits until a process has ended, at most so long.
await_end() {
  local until=$((SECONDS + $2))
  while runs "$1" && [ "$SECONDS" -lt "$until" ]; do
    sleep 0.1
  done
  ! runs "$1"
}

# list_processes: prints the number, the parent and the time of start of each process.
list_processes() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed 's/ (.*) / /' | awk '{ print $1, $3, $21 }'
}

# list_below PID…: prints the number and the time of start of these processes and of all below them.
list_below() {
  list_processes | awk -v roots=" $* " '
    { parent[$1] = $2; start[$1] = $3 }
    END {
      for (pid in parent) {
        for (above = pid; above > 1; above = parent[above]) {
          if (index(roots, " " above " ")) { print pid, start[pid]; break }
        }
      }
    }'
}

# list_living LINES: prints the numbers of those of these processes that have not ended.
list_living() {
  list_processes | wanted="$1" awk '
    BEGIN { count = split(ENVIRON["wanted"], line, "\n"); while (count) known[line[count--]] = 1 }
    ($1 " " $3) in known { print $1 }'
}

# Prints the processes that carry this script's mark, except the one that looks. A program that changes its title
# loses the mark.
list_marked() {
  env -u VERLBOT_MARK grep -lszxF "VERLBOT_MARK=$VERLBOT_MARK" /proc/[0-9]*/environ | cut -d/ -f3
}

# Ends all that this script has started, and no other Ray: `ray stop` would end SkyPilot's too.
stop_all() {
  local code=$? pid pids tries below
  set +e
  trap '' INT TERM
  if runs "$watch_pid"; then
    # The watch tells the other nodes.
    printf '%s\n' "$code" >"$VERLBOT_END_FILE"
    await_end "$watch_pid" 3
  fi
  below="$(list_below $verl_pid $watch_pid $pruner_pid $ray_pid)"
  for pid in $verl_pid $watch_pid $pruner_pid $ray_pid; do
    kill "$pid" 2>/dev/null
  done
  await_end "$ray_pid" "$stop_seconds"
  # Ray lets actors outlive a SIGTERM, and Python's forkservers outlive everything.
  for tries in 1 2 3 4 5; do
    pids="$(list_marked; list_living "$below")"
    [ -n "$pids" ] || break
    kill -KILL $pids 2>/dev/null
    sleep 0.1
  done
  # The last checkpoint is one more than are kept.
  if [ "$code" -eq 0 ] && [ "$checkpoints_kept" -gt 0 ]; then
    prune_checkpoints
  fi
  rm -rf -- "$modules"
}

# Asks for a checkpoint before the end. verl can save only between two steps, which may take longer than there is.
terminate() {
  trap '' INT TERM
  if runs "$verl_pid" && runs "$watch_pid"; then
    rm -f -- "$save_answer"  # of an earlier request
    : >"$save_request"
    local until=$((SECONDS + SAVE_GRACE_SECONDS))
    while [ ! -s "$save_answer" ] && [ "$SECONDS" -lt "$until" ] && runs "$verl_pid"; do
      sleep 0.1
    done
    if [ -s "$save_answer" ]; then
      printf 'verl watch: ended by a signal; the checkpoint of step %s is saved.\n' "$(cat "$save_answer")" >&2
    else
      printf 'verl watch: ended by a signal before the running step was done; what came after the newest checkpoint is lost.\n' >&2
    fi
  fi
  exit 143
}

head_answers() {
  timeout 20 ray health-check --address "$head_address" >/dev/null 2>&1
}

# Whether the head's Ray still listens. A node that is gone would let a connection hang for minutes.
head_listens() {
  (: <"/dev/tcp/${head_address%:*}/${head_address##*:}") 2>/dev/null &
  local pid=$!
  await_end "$pid" 5 || kill -KILL "$pid" 2>/dev/null || true
  wait "$pid"
}

wait_for_head() {
  until head_answers; do
    if [ -n "$ray_pid" ] && ! runs "$ray_pid"; then
      restart_ray || fail 'Ray did not start on the head node.'
    fi
    if [ "$SECONDS" -ge "$WORKERS_TIMEOUT_SECONDS" ]; then
      fail "Ray on the head node ($head_address) did not answer within $WORKERS_TIMEOUT_SECONDS seconds."
    fi
    sleep 2
  done
}

# Stays on a node that is not the head until the training ends, and exits as the training did.
follow_head() {
  local code missed=0
  until [ -s "$VERLBOT_END_FILE" ]; do
    if ! runs "$ray_pid"; then
      restart_ray || fail "Ray on node $SKYPILOT_NODE_RANK ended before the training did."
    fi
    if head_listens; then
      missed=0
    else
      missed=$((missed + 1))
    fi
    # One more second for the head's last word.
    if [ "$missed" -ge 3 ]; then
      sleep 1
      if [ ! -s "$VERLBOT_END_FILE" ]; then
        printf 'verl watch: node lost: the head node (%s) is gone, and did not say how the training ended.\n' "$head_address" >&2
        exit "$node_lost_code"
      fi
    fi
    sleep 1
  done
  code="$(cat "$VERLBOT_END_FILE")"
  [ "$code" = 0 ] || printf 'verl watch: the training ended with exit code %s; see the log of the head node.\n' "$code" >&2
  exit "$code"
}

# Prints the network device that has this node's address. NCCL and Gloo may choose another one, such as Docker's
# bridge, over which no other node is reached.
find_device() {
  python3 - "$node_ip" <<'PY'
import fcntl
import socket
import struct
import sys

READ_ADDRESS = 0x8915  # SIOCGIFADDR of Linux
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
    for _, name in socket.if_nameindex():
        try:
            reply = fcntl.ioctl(asker, READ_ADDRESS, struct.pack("256s", name.encode()))
        except OSError:  # it has no address
            continue
        if socket.inet_ntoa(reply[20:24]) == sys.argv[1]:
            print(name)
            break
PY
}

# Lets NCCL and Gloo use the device of the node's own address, unless the task or the image has chosen one.
choose_device() {
  local device
  device="$(find_device)" || device=''
  if [ -n "$device" ]; then
    export NCCL_SOCKET_IFNAME="${NCCL_SOCKET_IFNAME:-=$device}" GLOO_SOCKET_IFNAME="${GLOO_SOCKET_IFNAME:-$device}"
  fi
}

# join_nodes WORD…: returns on the head node, once all nodes have joined; any other node stays here until the training
# ends, and exits. The words are what the recipe is called with.
join_nodes() {
  # 6379 is every Ray's default and 6380 that of SkyPilot's own Ray; its dashboard agent has 52365.
  local node_ips
  mapfile -t node_ips <<<"$SKYPILOT_NODE_IPS"
  head_address="${node_ips[0]}:6390"
  node_ip="${node_ips[$SKYPILOT_NODE_RANK]}"
  if [ "$SKYPILOT_NUM_NODES" -gt 1 ]; then
    choose_device
  fi
  count_checkpoints_kept "$@"
  prune_files >/dev/null 2>&1 &
  pruner_pid=$!

  if [ "$SKYPILOT_NODE_RANK" -ne 0 ]; then
    wait_for_head
    start_ray --address "$head_address"
    follow_head
  fi

  # The dashboard asks for no password and can start jobs, so it listens on this node alone; see it through
  # `ssh -L 8265:localhost:8265 CLUSTER`.
  start_ray --head --port 6390 --dashboard-host 127.0.0.1 --dashboard-port 8265
  wait_for_head
  # In the background, since bash answers a signal only between two commands.
  ask_ray join "$SKYPILOT_NUM_NODES" "$WORKERS_TIMEOUT_SECONDS" "$SKYPILOT_NUM_GPUS_PER_NODE" "$queue_cpus" "$gpu_cpus" &
  wait "$!" || exit 1
  # Else verl might find SkyPilot's Ray.
  export RAY_ADDRESS="$head_address"
}

# ask_ray COMMAND WORD…: asks our Ray; see verl_watch.py.
ask_ray() {
  local command="$1"
  shift
  python3 "$modules/verl_watch.py" "$command" "$head_address" "$@"
}

# Finds the checkpoint that verl continues from: the run's own newest, or else that of RESUME_FROM. verl would look on
# one node alone, and begin anew without a word where it finds none.
find_checkpoint() {
  local gpus=$((SKYPILOT_NUM_NODES * SKYPILOT_NUM_GPUS_PER_NODE)) folder step=NEWEST
  checkpoint="$(ask_ray resume "$run_dir" "$step" "$gpus")" || exit 1
  if [ -z "$checkpoint" ] && [ -n "$RESUME_FROM" ]; then
    folder="$CHECKPOINT_DIR/$RESUME_FROM"
    case "$RESUME_FROM" in
      */global_step_*)
        step="${folder##*/global_step_}"
        folder="${folder%/global_step_*}"
        case "$step" in
          '' | *[!0-9]* | ??????????*) fail "RESUME_FROM must be RUN or RUN/global_step_N, not '$RESUME_FROM'." ;;
        esac
        ;;
    esac
    checkpoint="$(ask_ray resume "$folder" "$step" "$gpus")" || exit 1
    [ -n "$checkpoint" ] || fail "There is no checkpoint of $RESUME_FROM."
  fi
  resume=(trainer.resume_mode=disable)
  if [ -n "$checkpoint" ]; then
    resume=(trainer.resume_mode=resume_path trainer.resume_from_path="$checkpoint")
    printf 'verl watch: resuming from %s\n' "$checkpoint"
  fi
}

# train WORD…: trains by reinforcement, with these settings.
train() {
  local samples=()
  if [ "$SAMPLE_STEPS" -gt 0 ]; then
    samples=(trainer.rollout_data_dir="$run_dir/rollouts" trainer.validation_data_dir="$run_dir/validations")
  fi
  trainer=(-m verl.trainer.main_ppo)
  run_trainer \
    trainer.max_actor_ckpt_to_keep=2 \
    trainer.checkpoint_callback_class=verl_saving.SaveOnRequest \
    "${samples[@]}" \
    "$@"
}

# train_on_conversations WORD…: trains under supervision, with these settings.
train_on_conversations() {
  trainer=("$modules/verl_sft.py")
  run_trainer trainer.max_ckpt_to_keep=2 "$@"
}

# run_trainer WORD…: runs the trainer with these settings; the last of one name counts. With save_freq and test_freq on,
# verl saves and validates after the last step too.
run_trainer() {
  local code=0
  find_checkpoint
  # An empty file with this name, on the head node, asks for a checkpoint at the end of the running step.
  save_request="$run_dir/save-request"
  save_answer="$modules/saved"
  rm -f -- "$save_request"
  ask_ray watch "$SKYPILOT_NUM_NODES" "$save_request" "$save_answer" &
  watch_pid=$!
  python3 "${trainer[@]}" \
    trainer.nnodes="$SKYPILOT_NUM_NODES" \
    trainer.n_gpus_per_node="$SKYPILOT_NUM_GPUS_PER_NODE" \
    trainer.total_epochs="$EPOCHS" \
    trainer.save_freq="$SAVE_EVERY_STEPS" \
    trainer.test_freq="$TEST_EVERY_STEPS" \
    trainer.default_local_dir="$run_dir" \
    "${resume[@]}" \
    trainer.project_name="$TRACKER_PROJECT" \
    trainer.experiment_name="$VERLBOT_RUN_ID" \
    trainer.logger="[$loggers]" \
    "$@" &
  verl_pid=$!
  wait -n "$verl_pid" "$watch_pid" || code=$?
  if runs "$verl_pid"; then
    [ "$code" -ne "$node_lost_code" ] || exit "$code"
    printf 'verl watch: the watch over the nodes has ended with code %s; the training continues without it.\n' "$code" >&2
    code=0
    wait "$verl_pid" || code=$?
  elif [ "$code" -ne 0 ] && [ "$SKYPILOT_NUM_NODES" -gt 1 ] && await_end "$watch_pid" "$loss_seconds"; then
    # verl may fail by the death of a node before Ray knows of it.
    wait "$watch_pid" || code=$?
  fi
  return "$code"
}

trap stop_all EXIT
trap terminate INT TERM
