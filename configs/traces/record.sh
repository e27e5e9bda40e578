#!/bin/sh
# Records the shipped traces anew, in this directory. Needs valgrind, gcc, sqlite3, sort, python3.11 and mmrun; takes about
# a quarter of an hour on an idle machine: lackey slows a program down some thousands of times.
set -eu
cd "$(dirname "$0")"
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 inputs.py "$work"
cd "$work"
export LC_ALL=C

record() { # NAME FOLD CMD...
    name=$1 fold=$2
    shift 2
    nice mmrun trace record --fold "$fold" --level 19 -o "$here/$name.mmt" -- "$@" >/dev/null
}

record gcc 64 "$(gcc -print-prog-name=cc1)" -quiet -O1 unit.c -o unit.s
record sqlite 32 sqlite3 :memory: ".read shop.sql"
record python 32 /usr/bin/python3.11 -I -S job.py records.json
record sort 16 sort --parallel=1 -o sorted.txt prose.txt
