# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# SLURM on this machine alone, without systemd: for try_on_one_node. Needs common.sh.

slurm_dir=

# The configuration for a folder: one node, jobs on as many cores as they ask for.
slurm_configuration() {
  cat <<CONF
ClusterName=one
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$1/run/munge.socket
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/run/slurmctld.pid
SlurmdPidFile=$1/run/slurmd.pid
SlurmctldLogFile=$1/log/slurmctld.log
SlurmdLogFile=$1/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=localhost NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=local Nodes=localhost Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
}

# Starts the three daemons with everything in the folder, and waits for the node.
start_slurm() { # FOLDER
  local command
  ((EUID == 0)) || die "SLURM's daemons need root"
  for command in munged slurmctld slurmd sbatch; do
    command -v "$command" >/dev/null || die "no $command: apt-get install slurm-wlm munge"
  done
  slurm_dir=$1
  mkdir -p "$slurm_dir"/{state,spool,run,log}
  chmod 755 "$slurm_dir/.." "$slurm_dir" "$slurm_dir"/*
  dd if=/dev/urandom of="$slurm_dir/run/munge.key" bs=128 count=1 status=none
  chmod 600 "$slurm_dir/run/munge.key"
  munged --key-file="$slurm_dir/run/munge.key" --socket="$slurm_dir/run/munge.socket" \
    --pid-file="$slurm_dir/run/munged.pid" --log-file="$slurm_dir/log/munged.log" \
    --seed-file="$slurm_dir/run/munge.seed"
  export SLURM_CONF=$slurm_dir/slurm.conf
  slurm_configuration "$slurm_dir" >"$SLURM_CONF"
  slurmctld -c
  slurmd -N localhost
  for _ in {1..60}; do
    [[ $(sinfo --noheader --format=%t 2>/dev/null) == idle ]] && return
    sleep 0.5
  done
  die "SLURM does not start; its logs are in $slurm_dir/log: $(tail -n 3 "$slurm_dir"/log/*.log)"
}

# Ends what start_slurm started, by its process numbers, and the jobs that are left.
stop_slurm() {
  local name pid
  [[ -n $slurm_dir ]] || return 0
  timeout 10 scancel --user=root 2>/dev/null || true
  for name in slurmd slurmctld munged; do
    pid=$(cat "$slurm_dir/run/$name.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || continue
    for _ in {1..50}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
  done
}
