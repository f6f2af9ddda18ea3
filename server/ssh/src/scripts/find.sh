# Tells of the runs of an instance and of their processes. Set before: instance; run and name, each
# a name or *.
for home in "$runs/$instance"/$run; do
    [ -d "$home" ] || continue
    echo "run ${home##*/}"
    for record in "$home"/$name.process; do
        [ -f "$record" ] || continue
        read_record "$record"
        life=dead
        leader_lives && life=alive
        found=${record##*/}
        echo "process ${found%.process} $life $pid ${start:-0} ${booted:-none} $log"
    done
done
