# Starts a supervised process. Set before: instance, run, name, folder, log_file; the function
# prepare, which exports its environment; "$@" is the command.
setsid=$(command -v setsid) || {
    echo 'missing setsid'
    exit 0
}
[ -n "$boot" ] || {
    echo 'missing proc'
    exit 0
}
sh=$(command -v sh)
home="$runs/$instance/$run"
mkdir -p -- "$home" || exit 1
record="$home/$name.process"
if [ -e "$record" ]; then
    read_record "$record"
    if leader_lives; then
        echo "running $pid"
        exit 0
    fi
    rm -f -- "$record"
fi
[ -n "$folder" ] || folder=$home
[ -n "$log_file" ] || log_file="$home/$name.log"
: >> "$log_file" || exit 1

# The process writes its own supervision file before it becomes the program, so that none ever runs
# that cannot be found again. Descriptor 3 leads to us until then.
inner='
record=$1 log=$2 boot=$3
shift 3
command -v "$1" >/dev/null 2>&1 || {
    echo "missing program" >&3
    exit 127
}
set_fields() {
    shift 19
    started=$1
}
IFS= read -r stat < "/proc/$$/stat"
set_fields ${stat##*) }
set -C
true > "$record" || {
    [ -e "$record" ] && echo "taken" >&3 || echo "unwritable" >&3
    exit 1
}
printf "pid=%s\nstart=%s\nboot=%s\nlog=%s\n" "$$" "$started" "$boot" "$log" >> "$record" || {
    rm -f -- "$record"
    echo "unwritable" >&3
    exit 1
}
echo "started $$ $started $boot $log" >&3
exec 3>&-
exec "$@"
'
answer=$(
    cd -- "$folder" || {
        echo 'missing folder'
        exit 0
    }
    umask "$old_mask"
    export ASSAY_SUPERVISED="/$instance/$run/$name/"
    prepare || exit 1
    exec 3>&1 >> "$log_file" 2>&1 < /dev/null
    "$setsid" --fork "$sh" -c "$inner" "$sh" "$record" "$log_file" "$boot" "$@" || {
        # What the system does not let the shell start ends with 126.
        [ $? -eq 126 ] && echo 'refused' >&3 || echo 'missing setsid' >&3
    }
) || exit 1
echo "$answer"
