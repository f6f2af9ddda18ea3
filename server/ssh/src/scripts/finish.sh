# Checks a part and gives it its name. Set before: part, path, digest, mode.
found=$(sha256 < "$part") || exit 1
if [ "$found" != "$digest" ]; then
    rm -f -- "$part"
    echo "differs $found"
    exit 0
fi
chmod -- "$mode" "$part" && mv -f -- "$part" "$path" || exit 1
write_note "$path" "$digest"
echo done
