# Sends a signal to all processes of a supervised one, and prints which they are. Set before:
# instance, run, name; signal, or nothing to only look.
pid=0 start='' booted='' log=''
record="$runs/$instance/$run/$name.process"
[ -f "$record" ] && read_record "$record"
found=$(members)
if [ -n "$found" ] && [ -n "$signal" ]; then
    # The group first: it reaches those that were born meanwhile.
    leader_lives && kill -s "$signal" -- "-$pid" 2>/dev/null
    for member in $found; do
        kill -s "$signal" -- "$member" 2>/dev/null
    done
fi
echo $found
