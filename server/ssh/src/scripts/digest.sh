# Tells the size and the SHA-256 of a file. Set before: path; size, or nothing: a file of another
# size is not read; note: yes to keep the digest beside the file.
can_digest || {
    echo 'missing sha256sum'
    exit 0
}
[ -e "$path" ] || {
    echo none
    exit 0
}
[ -f "$path" ] || {
    echo 'not a file'
    exit 0
}
key=$(key_of "$path") || exit 1
if [ -n "$size" ] && [ "$size" != "${key%%|*}" ]; then
    echo "other ${key%%|*}"
    exit 0
fi
line=''
{ IFS= read -r line < "${path%/*}/.${path##*/}.sha256"; } 2>/dev/null
case $line in
    "$key|"*) digest=${line##*|} ;;
    *)
        digest=$(sha256 < "$path") || exit 1
        [ -n "$note" ] && write_note "$path" "$digest"
        ;;
esac
echo "file ${key%%|*} $digest"
