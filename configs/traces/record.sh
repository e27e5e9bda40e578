#!/bin/sh
# Records the shipped traces anew, in this directory. Needs valgrind, gcc, sqlite3, sort, zstd, python3.11 and mmrun.
# Takes about a quarter of an hour on an idle machine: lackey slows a program down some thousands of times.
set -eu
cd "$(dirname "$0")"
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 inputs.py "$work"
cd "$work"
export LC_ALL=C

record() { # NAME OPTIONS CMD...
    name=$1 options=$2
    shift 2
    nice mmrun trace record $options --level 19 -o "$here/$name.mmt" -- "$@" >/dev/null
}

record gcc "--fold 64" "$(gcc -print-prog-name=cc1)" -quiet -O1 unit.c -o unit.s
record sqlite "--fold 32" sqlite3 :memory: ".read shop.sql"
record python "--fold 32" /usr/bin/python3.11 -I -S job.py records.json
record sort "--fold 16" sort --parallel=1 -o sorted.txt prose.txt
record zstd "--fold 32 --limit 2000000" zstd -q -5 --single-thread -f -o prose.zst prose.txt
