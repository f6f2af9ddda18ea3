# Runs a Docker Engine until standard input ends, kills it, and leaves nothing: it lives in namespaces of its own
# for processes and mounts, so that the kernel ends its containers and takes its mounts away.
#
#   supervise.sh FOLDER DATA BRIDGE ADDRESS ARGUMENT…
folder=$1 data=$2 bridge=$3 address=$4
shift 4
exec 3<&0 2>&1
echo '{}' > "$folder/daemon.json"
mkdir -p "$data"
# A bridge of its own keeps it apart from another Docker Engine of this machine.
ip link add "$bridge" type bridge && ip address add "$address" dev "$bridge" && ip link set "$bridge" up

unshare --mount --pid --fork --kill-child --mount-proc sh -c '
  folder=$1; shift
  # Another containerd and the machine'"'"'s own settings are not for this one.
  for hidden in /run/containerd /etc/docker; do
    [ ! -d "$hidden" ] || mount -t tmpfs none "$hidden"
  done
  dockerd "$@" > "$folder/dockerd.log" 2>&1 < /dev/null 3<&- &
  daemon=$!
  (
    read -r _ <&3
    kill -KILL "$daemon"
  ) &
  wait "$daemon" 2> /dev/null
' sh "$folder" --config-file "$folder/daemon.json" --data-root "$data" \
  --host "unix://$folder/docker.sock" --exec-root "$folder/x" --pidfile "$folder/pid" \
  --bridge "$bridge" --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
  --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$bridge" "$@"

ip link delete "$bridge"
find /sys/fs/cgroup -depth -type d -path "*/$bridge*" -exec rmdir {} \; 2> /dev/null
# Why it ended, should nobody have asked it to.
tail -n 5 "$folder/dockerd.log"
rm -rf "$data" "$folder"
