# Read before each of the other scripts. POSIX sh on Linux.
set -u
old_mask=$(umask)
umask 077
runs="$HOME/.assay/runs"
boot=
{ IFS= read -r boot < /proc/sys/kernel/random/boot_id; } 2>/dev/null

# Sets state, session and started (in ticks since the system's start) of process $1.
look_at() {
    stat=
    { IFS= read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
    set_fields ${stat##*) }
}

# What follows the name in /proc/PID/stat.
set_fields() {
    [ $# -ge 20 ] || return 1
    state=$1 session=$4
    shift 19
    started=$1
}

# Sets what stands in the supervision file $1.
read_record() {
    pid=0 start='' booted='' log=''
    while IFS= read -r line; do
        case $line in
            pid=*) pid=${line#pid=} ;;
            start=*) start=${line#start=} ;;
            boot=*) booted=${line#boot=} ;;
            log=*) log=${line#log=} ;;
        esac
    done < "$1"
    case $pid in '' | *[!0-9]*) pid=0 ;; esac
}

# Whether the process that read_record told of is still that process. A number alone says nothing:
# numbers are used again, and start anew with the system.
leader_lives() {
    [ -n "$boot" ] && [ "$booted" = "$boot" ] && look_at "$pid" && [ "$started" = "$start" ] || return 1
    case $state in Z | X) return 1 ;; esac
}

# Prints the living processes of $instance, $run and $name: those of the leader's session while the
# leader lives; those that carry the mark in their environment; and those of its session that write
# to its log, for when the leader is gone and a process has overwritten its environment.
members() {
    is_led=''
    leader_lives && is_led=yes
    marked=$(grep -lF "ASSAY_SUPERVISED=/$instance/$run/$name/" /proc/[0-9]*/environ 2>/dev/null)
    for place in /proc/[0-9]*; do
        member=${place#/proc/}
        look_at "$member" || continue
        case $state in Z | X) continue ;; esac
        case $marked in
            *"/proc/$member/environ"*)
                echo "$member"
                continue
                ;;
        esac
        [ "$session" = "$pid" ] && [ "$booted" = "$boot" ] || continue
        if [ -n "$is_led" ] || [ "/proc/$member/fd/1" -ef "$log" ]; then
            echo "$member"
        fi
    done
}

# SHA-256 of the standard input.
sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        set -- "$(sha256sum)"
    elif command -v shasum >/dev/null 2>&1; then
        set -- "$(shasum -a 256)"
    else
        set -- "$(openssl dgst -sha256 -r)"
    fi
    echo "${1%% *}"
}

can_digest() {
    command -v sha256sum >/dev/null 2>&1 || command -v shasum >/dev/null 2>&1 ||
        command -v openssl >/dev/null 2>&1
}

# What changes when the file $1 does.
key_of() {
    stat -L -c '%s|%y|%z|%i' -- "$1"
}

# Notes the digest $2 of the file $1 beside it, so that it is not computed again.
write_note() {
    { printf '%s|%s\n' "$(key_of "$1")" "$2" > "${1%/*}/.${1##*/}.sha256"; } 2>/dev/null
}
