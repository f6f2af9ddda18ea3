# Removes a run's folder when nothing of the run lives. Set before: instance, run.
home="$runs/$instance/$run"
for record in "$home"/*.process; do
    [ -f "$record" ] || continue
    read_record "$record"
    name=${record##*/}
    name=${name%.process}
    if [ -n "$(members)" ]; then
        echo "alive $pid $name"
        exit 0
    fi
done
rm -rf -- "$home" || exit 1
rmdir -- "$runs/$instance" 2>/dev/null
echo removed
