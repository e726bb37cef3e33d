#!/bin/sh
# Keeps a finished file of PostgreSQL's write-ahead log, compressed: all of it or nothing, on the disk
# before PostgreSQL may forget its own, and never over another file of the same name.
#
#     archive_command = 'sh /path/to/archive_wal.sh /path/to/archive/wal "%p" "%f"'
#
# Answers 0 where the same file is there already, as after a crash between keeping and telling.
set -eu
folder=$1 file=$2 name=$3
kept=$folder/$name.gz
unfinished=$folder/.$name.$$

if [ -e "$kept" ]; then
    if gzip -dc "$kept" | cmp -s - "$file"; then
        sync "$kept" "$folder"
        exit 0
    fi
    echo "archive_wal: $kept is there and is another file: do two servers write to this archive?" >&2
    exit 1
fi

trap 'rm -f "$unfinished"' EXIT
gzip -1 < "$file" > "$unfinished"
sync "$unfinished"
ln "$unfinished" "$kept"  # fails where the name is taken, and so cannot overwrite
sync "$folder"
