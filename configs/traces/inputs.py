"""Makes the inputs of the recorded programs: `python inputs.py DIR`. The same files, byte for byte, every time."""

import json
import random
import sys
from pathlib import Path

WORDS = [
    a + b + c for a in ("ma", "ke", "ro", "ti", "su") for b in ("ll", "n", "rt", "s", "mp") for c in ("a", "e", "or")
]


def c_source(rng: random.Random, functions: int = 40) -> str:
    """A C file of small functions: loops, switches, structs, calls to earlier functions."""
    lines = [
        "struct item { int key; long value; struct item *next; };",
        "static long table[256];",
        "int f0(int x) { return x + 1; }",
    ]
    for number in range(1, functions):
        a, b, c = (rng.randrange(1, 97) for _ in range(3))
        callee = rng.randrange(number)
        lines += [
            f"int f{number}(int x) {{",
            f"  struct item it = {{ x, {a}L * x, 0 }}, *p = &it;",
            f"  for (int i = 0; i < {b}; i++) {{ table[(x + i) & 255] += p->value * {c}; it.key ^= i << {a % 7}; }}",
            f"  switch (x % {2 + c % 5}) {{ case 0: return f{callee}(it.key); case 1: return (int)table[x & 255]; }}",
            f"  return x > {a} ? f{callee}(x - {a}) + it.key : {b};",
            "}",
        ]
    return "\n".join(lines) + "\n"


def sql_script(rng: random.Random, rows: int = 6_000, queries: int = 1_000) -> str:
    """A table with an index, filled in one transaction, then point queries, updates, a range and an ordering."""
    lines = [
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, body BLOB, price INT);",
        "CREATE INDEX by_name ON item(name);",
        "BEGIN;",
    ]
    for key in range(rows):
        name = f"{rng.choice(WORDS)}{rng.randrange(10**6)}"
        size = rng.randrange(300, 1800)
        lines.append(f"INSERT INTO item VALUES({key},'{name}',zeroblob({size}),{rng.randrange(1000)});")
    lines.append("COMMIT;")
    for _ in range(queries):
        key = int(rows * rng.random() ** 2)
        lines.append(f"SELECT length(body) FROM item WHERE id={key};")
        if rng.random() < 0.3:
            lines.append(f"UPDATE item SET price=price+1 WHERE id={key};")
        if rng.random() < 0.2:
            lines.append(f"SELECT count(*) FROM item WHERE name LIKE '{rng.choice(WORDS)}1%';" if rng.random() < 0.02
                         else f"SELECT id FROM item WHERE name>='{rng.choice(WORDS)}' LIMIT 5;")  # fmt: skip
    lines.append("SELECT sum(price), max(length(body)) FROM item;")
    return "\n".join(lines) + "\n"


def json_records(rng: random.Random, count: int = 3_000) -> str:
    """A list of nested records."""
    records = [
        {
            "id": number,
            "name": rng.choice(WORDS) + str(rng.randrange(10**6)),
            "score": round(rng.random(), 6),
            "tags": rng.sample(WORDS, 4),
            "place": {"x": rng.randrange(1000), "y": rng.randrange(1000)},
        }
        for number in range(count)
    ]
    return json.dumps(records)


def text(rng: random.Random, size: int = 4 << 20) -> str:
    """Prose-like lines with skewed words, numbers in between."""
    weights = [1.0 / rank for rank in range(1, len(WORDS) + 1)]
    lines, length = [], 0
    while length < size:
        line = " ".join(rng.choices(WORDS, weights, k=rng.randrange(5, 15))) + f" {rng.getrandbits(40):x}"
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines) + "\n"


JOB = '''"""Reads records, groups and sorts them, writes a summary: a small data job in pure Python."""

import json
import sys
from collections import defaultdict

with open(sys.argv[1]) as file:
    records = json.load(file)
by_tag = defaultdict(list)
for record in records:
    for tag in record["tags"]:
        by_tag[tag].append(record)
best = {tag: sorted(group, key=lambda r: (-r["score"], r["name"]))[:10] for tag, group in by_tag.items()}
records.sort(key=lambda r: (r["place"]["x"], r["place"]["y"], r["id"]))
summary = {tag: [record["id"] for record in group] for tag, group in best.items()}
print(len(json.dumps(summary)), len(json.dumps(records[: len(records) // 4])))
'''


def main(folder: Path) -> None:
    """Write every input into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in {
        "unit.c": c_source,
        "shop.sql": sql_script,
        "records.json": json_records,
        "prose.txt": text,
    }.items():
        (folder / name).write_text(make(random.Random(name)), encoding="ascii")
    (folder / "job.py").write_text(JOB, encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
