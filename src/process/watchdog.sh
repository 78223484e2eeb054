# Waits on a pipe that only the host holds. Its end without "bye" means that the host was killed: then all that the run has is ended and removed.
# Arguments: the run's id, its directory, and sockets (or directories of sockets).
trap '' HUP INT QUIT TERM PIPE
run=$1 dir=$2
shift 2
while read -r word; do
  if [ "$word" = bye ]; then exit 0; fi
done

# Groups, unless their leader's id is another process's by now.
groups() {
  [ -f "$dir/processes" ] || return 0
  while read -r pid start; do
    if [ "${pid:-0}" -le 1 ]; then continue; fi
    if [ "$start" != 0 ] && [ -r "/proc/$pid/stat" ] && read -r stat <"/proc/$pid/stat"; then
      set -- ${stat##*) }
      if [ "${20:-$start}" != "$start" ]; then continue; fi
    fi
    kill -KILL "-$pid"
  done <"$dir/processes"
}

# Processes that have the marker, one a line. The name in two parts, so that this script is not found by it.
name=EPHEMERAL_
marked() {
  if [ -r /proc/self/environ ]; then
    grep -slaF "${name}PROCESS=$run." /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
  else
    ps -A -E -ww -o pid=,command= | while read -r pid rest; do
      case $rest in *"${name}PROCESS=$run."*) echo "$pid" ;; esac
    done
  fi
}

# With its group, all of which is the run's: the host may have been killed before it wrote that down.
end() {
  if read -r stat <"/proc/$1/stat"; then
    pid=$1
    set -- ${stat##*) }
    if [ "${3:-0}" -gt 1 ] && [ "$3" != $$ ]; then kill -KILL "-$3"; fi
    set -- "$pid"
  fi
  kill -KILL "$1"
}

# Twice nobody, for one may have been between fork and exec.
rounds=0 quiet=0
while [ $quiet -lt 2 ] && [ $rounds -lt 200 ]; do
  groups
  found=$(marked)
  quiet=$((quiet + 1)) rounds=$((rounds + 1))
  for pid in $found; do
    end "$pid" && quiet=0
  done
done

for path; do
  if [ -d "$path" ]; then
    for socket in "$path"/*; do
      if [ -S "$socket" ]; then rm -f "$socket"; fi
    done
    rmdir "$path"
  else
    rm -f "$path"
  fi
done
rm -rf "$dir" || rm -rf "$dir"
