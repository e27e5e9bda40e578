"""Malformed configurations: what is written, and what must be said about it at which line."""

from tests.edited import Edited

VALID = """\
experiment: demo
description: a small but complete experiment
kernel: "6.18"
machine:
  nodes:
    - {cpus: 4, memory: 1GiB}
    - {cpus: 4, memory: 1GiB, latency: 90ns, bandwidth: 80GB/s}
  distance: [[10, 21], [21, 10]]
  disks:
    ssd: {read_latency: 94us, size: 64GiB}
  links:
    lan: {bandwidth: 10Gbit/s, rtt: 40us}
  swap:
    part: {kind: partition, disk: ssd, size: 4GiB}
    net: {kind: nbd, link: lan, size: 1GiB, priority: 5}
  devices:
    eth: {kind: nic, untrusted: true}
vm: {swappiness: 60, zone_reclaim_mode: 1}
cgroups:
  box: {max: 50%}
tasks:
  db:
    node: 1
    cgroup: box
    stream: {kind: zipf, size: 60%, accesses: 1000, exponent: 0.9}
    mempolicy: {mode: weighted-interleave, nodes: [0, 1], weights: [3, 1]}
    memory:
      - {kind: anon, size: 256MiB}
      - {kind: file, disk: ssd, access: read}
  scan:
    stream: {kind: loop, size: 64MiB, accesses: 100}
policy:
  pcp: batch-15
sampling: {every: 10ms}
duration: 2min
seed: 7
replicates: 2
sweep:
  product:
    vm.swappiness: [0, 60]
    place:
      spread: null
      home: {tasks.db.mempolicy: {mode: local}}
  exclude: [{place: home, vm.swappiness: 0}]
report:
  tables: [{name: main, rows: [vm.swappiness, place], metrics: [elapsed_ns]}]
"""


class Case(Edited):
    valid = VALID


CASES = [
    # names and keys
    Case("experiment: demo", "experiment: ../up", "it names a directory: letters"),
    Case("experiment: demo", "experiment: 3", "text"),
    Case("experiment: demo", "name: demo", "unknown key `name`"),
    Case("description: a", "descripton: a", "did you mean `description`?"),
    Case("  nodes:\n", "  node:\n", "did you mean `nodes`"),
    Case("memory: 1GiB}", "memroy: 1GiB}", "did you mean `memory`?"),
    Case("swappiness: 60", "swapiness: 60", "did you mean `swappiness`?"),
    Case("swappiness: 60", "dirty_ratio: 101", "0 to 100"),
    Case("swappiness: 60", "dirty_bytes: 4KiB", "at least two 4KiB pages"),
    Case("swappiness: 60", "dirty_bytes: 1GiB, dirty_ratio: 10", "exclude each other"),
    Case("size: 64GiB", "size: 64GiB, min_ratio: 60, max_ratio: 50", "min_ratio the smaller"),
    Case("cgroup: box", "memcg: box", "unknown key `memcg`"),
    Case("exponent: 0.9", "alpha: 0.9", "unknown key `alpha`"),
    Case("exponent: 0.9", "hot: 1MiB", "`hot` is for kind scan (leave it out: this one is of kind zipf)"),
    Case("sampling: {every: 10ms}", "sampling: {interval: 10ms}", "unknown key `interval`"),
    Case("sampling: {every: 10ms}", "sampling: {accesses: 0}", "accesses is 0 (at least 1)"),
    Case("seed: 7", "seed: [7]", "a seed is text"),
    Case("seed: 7", "7: seed", "not text for every YAML reader"),
    Case("seed: 7", "seed: 7\nseed: 8", "given twice", 37),
    Case("seed: 7", "seed: 7\n? [a, b]\n: 3", "a key must be text", 37),
    Case("seed: 7", "seed: 7\n<<: {a: 1}", "merge keys", 37),
    Case("seed: 7", "seed:", "a value is missing"),
    Case("seed: 7", "seed: 7\nvm: {}", "given twice", 37),
    Case("box: {max: 50%}", "box: {}", "an empty mapping"),
    Case("sampling: {every: 10ms}", "sampling: {}", "an empty mapping"),
    # YAML 1.1
    Case("untrusted: true", "untrusted: yes", "truth value in YAML 1.1"),
    Case("untrusted: true", "untrusted: On", "truth value in YAML 1.1"),
    Case("untrusted: true", "untrusted: no", "write false"),
    Case("untrusted: true", "untrusted: TRUE", "truth value"),
    Case("swappiness: 60", "swappiness: 010", "octal"),
    Case("swappiness: 60", "swappiness: 1:30", "base-60"),
    Case("swappiness: 60", "swappiness: 1_0", "underscores"),
    Case("swappiness: 60", "swappiness: 0x3c", "write 60"),
    Case("swappiness: 60", "swappiness: 6e1", "write it out"),
    Case("exponent: 0.9", "exponent: .9", "write 0.9"),
    Case("exponent: 0.9", "exponent: .nan", "not a finite number"),
    Case("seed: 7", "seed: 2011-10-23", "a date"),
    Case("seed: 7", "seed: Null", "odd spelling of null"),
    Case("replicates: 2", "replicates: 99999999999999999999", "too large a number"),
    # types
    Case('kernel: "6.18"', "kernel: 6.18", 'write "6.18"'),
    Case('kernel: "6.18"', "kernel: 5.10", 'write "5.10"'),
    Case('kernel: "6.18"', 'kernel: "6.19"', "unknown kernel `6.19`: newer than 6.18, the last that is modelled"),
    Case('kernel: "6.18"', 'kernel: "7.0"', 'write "6.18"'),
    Case('kernel: "6.18"', 'kernel: "2.4"', "older than 2.6.32, the first that is modelled"),
    Case('kernel: "6.18"', 'kernel: "4.4.1"', 'write "4.4"'),
    Case('kernel: "6.18"', 'kernel: "v5.10"', 'write "5.10"'),
    Case('kernel: "6.18"', 'kernel: "4.21"', "there was no such version (4.20 was followed by 5.0)"),
    Case('kernel: "6.18"', 'kernel: "5.15+mglru"', "`mglru` came later (known: mglru (since 6.1))"),
    Case('kernel: "6.18"', 'kernel: "6.18+lru_gen"', "no build option `lru_gen`"),
    Case('kernel: "6.18"', "kernel: [a]", "unknown kernel `this`: not a version of Linux"),
    Case('kernel: "6.18"\n', "", "`kernel` is required", 1),
    Case("cpus: 4", "cpus: four", "a whole number is expected, found `four`"),
    Case("cpus: 4", 'cpus: "4"', "a whole number is expected"),
    Case("cpus: 4", "cpus: 4.0", "a whole number is expected"),
    Case("untrusted: true", "untrusted: 1", "true or false is expected"),
    Case("kind: nic", "kind: nik", "did you mean `nic`?"),
    Case("disk: ssd, access", "disk: 3, access", "text is expected"),
    Case("access: read", "access: reed", "did you mean `read`?"),
    Case("vm: {swappiness: 60, zone_reclaim_mode: 1}", "vm: 60", "a mapping is expected"),
    Case("vm: {swappiness: 60, zone_reclaim_mode: 1}", "vm: [60]", "a mapping is expected, found a list"),
    Case("box: {max: 50%}", "box: 50%", "a mapping is expected"),
    Case("  box: {max: 50%}", "  - box", "maps names to descriptions", 20),
    Case("policy:\n  pcp: batch-15", "policy: batch-15", "maps axes to variants"),
    Case("weights: [3, 1]", "weights: 3", "not one of auto"),
    Case("weights: [3, 1]", "weights: [3, x]", "a whole number is expected"),
    Case("nodes: [0, 1]", "nodes: al", "not one of remote, all"),
    Case("stream: {kind: loop, size: 64MiB, accesses: 100}", "stream: loop", "a stream is a mapping"),
    # quantities
    Case("memory: 1GiB}", "memory: 1073741824}", "has no unit"),
    Case("memory: 1GiB}", 'memory: "1073741824"}', "has no unit"),
    Case("memory: 1GiB}", "memory: 1G}", "did you mean GiB"),
    Case("memory: 1GiB}", "memory: 1gib}", "unknown unit `gib`"),
    Case("memory: 1GiB}", "memory: 10s}", "is a time, a size is expected"),
    Case("memory: 1GiB}", "memory: -1GiB}", "negative"),
    Case("memory: 1GiB}", "memory: 0.1B}", "not a whole number of bytes"),
    Case("memory: 1GiB}", "memory: 9999999PiB}", "too large"),
    Case("memory: 1GiB}", "memory: lots}", "is not a size"),
    Case("memory: 1GiB}", "memory: 50%}", "is a percentage"),
    Case("memory: 1GiB}", "memory: [1GiB]}", "a whole number is expected, found a list"),
    Case("latency: 90ns", "latency: 90", "a time is expected"),
    Case("latency: 90ns", "latency: 90sec", "did you mean s?"),
    Case("rtt: 40us", "rtt: 40us us", "unknown unit"),
    Case("bandwidth: 10Gbit/s", "bandwidth: 10Gbps", "did you mean Gbit/s"),
    Case("bandwidth: 10Gbit/s", "bandwidth: 10GB", "is a size, a rate is expected"),
    Case("duration: 2min", "duration: 2", "has no unit"),
    Case("duration: 2min", "duration: 0", "duration is 0ns (at least 1ns; examples: 10s)"),
    Case("max: 50%", "max: 150%", "more than the whole"),
    Case("max: 50%", "max: 4KiB", "at least 256KiB"),
    Case("size: 60%", "size: 60", "has no unit"),
    # impossible machines
    Case("[[10, 21], [21, 10]]", "[[10, 21]]", "1 rows for 2 nodes"),
    Case("[[10, 21], [21, 10]]", "[[10, 21], [21]]", "the matrix is square"),
    Case("[[10, 21], [21, 10]]", "[[10, 21], [21, 20]]", "distance from node 1 to itself is 20"),
    Case("[[10, 21], [21, 10]]", "[[10, 9], [21, 10]]", "`distance` holds 9 (10 to 254)"),
    Case("[[10, 21], [21, 10]]", "[[10, a], [21, 10]]", "a whole number is expected"),
    Case("memory: 1GiB}", "memory: 0}", "at least 8MiB"),
    Case("memory: 1GiB}", "memory: 1MiB}", "at least 8MiB"),
    Case("memory: 1GiB}", "memory: 1000000001B}", "4KiB pages"),
    Case("memory: 1GiB}", "memory: 1PiB}", "more memory than", 5),
    Case("{cpus: 4, memory: 1GiB}", "{cpus: 400, memory: 1GiB}", "404 CPUs", 5),
    Case("{cpus: 4, memory: 1GiB}", "{cpus: -1, memory: 1GiB}", "cpus is -1 (at least 0; 0 makes it memory-only)"),
    Case("{cpus: 4, memory: 1GiB}", "{cpus: 4}", "`memory` is required"),
    Case("disk: ssd, size: 4GiB", "size: 4GiB", "`disk` is required for kind partition"),
    Case("read_latency: 94us", "kind: nfs, link: lan", "a mount from a file server, which holds files only", 14),
    Case("disk: ssd, size: 4GiB", "disk: sdd, size: 4GiB", "did you mean `ssd`?"),
    Case("disk: ssd, size: 4GiB", "disk: ssd, size: 512GiB", "larger than its disk"),
    Case(
        "disk: ssd, size: 4GiB",
        "disk: ssd, link: lan, size: 4GiB",
        "`link` is for kind nbd, nfs, iscsi or rdma (leave it out: this one is of kind partition)",
    ),
    Case("kind: nbd, link: lan", "kind: nbd", "`link` is required for kind nbd"),
    Case("kind: nbd, link: lan", "kind: nfs, disk: ssd", "`link` is required for kind nfs"),
    Case("kind: nbd, link: lan", "kind: iscsi", "`link` is required for kind iscsi"),
    Case("kind: nbd, link: lan", "kind: nbd, link: wan", "no link `wan`"),
    Case("kind: partition, disk: ssd", "kind: zram, disk: ssd", "`disk` is for kind partition, nbd, nfs or iscsi"),
    Case("bandwidth: 10Gbit/s", "bandwidth: 0", "nothing would ever arrive"),
    Case("read_latency: 94us", "parallel: 0", "parallel is 0 (1 to 4096)"),
    Case("read_latency: 94us", "kind: stripe", "a stripe without disks"),
    Case("read_latency: 94us", "kind: stripe, members: [hdd]", "no disk `hdd`"),
    Case("read_latency: 94us", "kind: stripe, members: [ssd]", "is a stripe itself"),
    Case(
        "read_latency: 94us",
        "kind: hdd, members: [ssd]",
        "`members` is for kind stripe (leave it out: this one is of kind hdd)",
    ),
    Case("read_latency: 94us", "kind: nfs", "`link` is required for kind nfs"),
    Case("read_latency: 94us", "kind: nfs, link: wan", "no link `wan`"),
    Case("read_latency: 94us", "kind: hdd, seek_track: 9ms", "a longer seek takes less time"),
    Case("read_latency: 94us", "kind: hdd, rpm: 0", "rpm is 0"),
    Case(
        "read_latency: 94us",
        "kind: usb, erase_block: 1KiB",
        "erase_block is 1KiB (one or more 4KiB pages; examples: 128KiB)",
    ),
    Case("read_latency: 94us", "fail_until: 1s", "fail_until comes before fail_from"),
    Case("read_latency: 94us", "stall_from: 1s, stall_until: 2s", "`stall_from` is for kind hdd or usb"),
    Case("read_latency: 94us", "kind: hdd, stall_from: 1s", "a stall ends (add stall_until)"),
    Case("read_latency: 94us", "rpm: 5400", "`rpm` is for kind hdd (leave it out: this one is of kind generic)"),
    Case("read_latency: 94us", "kind: flash", "`flash` is not one of generic, sata-ssd, optane, nvme"),
    Case("read_latency: 94us", 'kind: ""', "`` is not one of generic, sata-ssd"),
    Case("read_latency: 94us", "kind: 010", "octal"),
    Case("read_latency: 94us", "kind: [hdd]", "a list is not one of generic"),
    Case("kind: nbd, link: lan, ", "link: lan, ", "`kind` is required"),
    Case("rtt: 40us", "mtu: 1", "mtu is 1 (576 to 65535; usual: 1500, 9000)"),
    Case("  devices:", "  use: [eth]\n  devices:", "is plugged into nothing"),
    Case("kind: nic, untrusted: true}", "kind: camera, iommu: vtd}\n  use: [eth]", "no IOMMU `vtd`"),
    Case("kind: nic, untrusted: true}", "kind: nic, link: lan, cpu: 99}\n  use: [eth]", "no CPU 99"),
    Case("  devices:", "  use: [wlan]\n  devices:", "no device `wlan`"),
    Case("  devices:", "  hz: 60\n  devices:", "`60` is not one of 100, 250, 1000"),
    # parts that do not go together
    Case("node: 1", "node: 7", "the machine has no node 7"),
    Case("{cpus: 4, memory: 1GiB, l", "{cpus: 0, memory: 1GiB, l", "no CPUs to run on", 23),
    Case("cgroup: box", "cgroup: bax", "did you mean `box`?"),
    Case("nodes: [0, 1]", "nodes: [0, 5]", "the machine has no node 5"),
    Case("nodes: [0, 1]", "nodes: [1, 1]", "named twice"),
    Case("weights: [3, 1]", "weights: [3, 256]", "`weights` holds 256 (1 to 255)"),
    Case("weights: [3, 1]", "weights: [3]", "1 weights for 2 nodes"),
    Case("mode: weighted-interleave", "mode: interleave", "takes no weights"),
    Case("mode: weighted-interleave", "mode: weighed-interleave", "did you mean `weighted-interleave`"),
    Case('kernel: "6.18"', 'kernel: "5.15"', "has no mempolicy `weighted-interleave`", 26),
    Case("box: {max: 50%}", "box: {max: 50%, swappiness: 300}", "0 to 200"),
    Case("box: {max: 50%}", "box: {max: 50%, parent: bax}", "no cgroup `bax`"),
    Case(
        "disk: ssd, access: read",
        "disk: ssd, access: read, file_size: 1KiB",
        "file_size is 1KiB (256KiB or a multiple of it; examples: 1MiB, 10MiB)",
    ),
    Case("disk: ssd, access: read", "disk: ssd, file_size: 1MiB", "read and written"),
    Case("disk: ssd, access: read", "access: read, fragment: 64KiB", "fragments lie on a disk"),
    Case("disk: ssd, access: read", "access: read, sparse: true", "a sparse file lies on a disk"),
    Case(
        "- {kind: anon, size: 256MiB}",
        "- {kind: file, file: x, size: 1MiB}\n      - {kind: file, file: x, disk: ssd, size: 1MiB}",
        "file `x` lies on no disk in one region and on disk `ssd` in another (name one disk",
        29,
    ),
    # slab caches
    Case("seed: 7", "slab: {dentry: {object: 8KiB}}", "object is 8KiB (8B to 4KiB; slab pages are of order 0)"),
    Case("seed: 7", "slab: {dentry: {object: 192B, pins: inode}}", "no other slab cache `inode`"),
    Case("seed: 7", "slab: {dentry: {object: 192B, batch: 0}}", "batch is 0 (at least 1; 128 is the kernel's default)"),
    Case("{kind: anon, size: 256MiB}", "{kind: slab, cache: dentry, objects: 9}", "no slab cache `dentry`"),
    Case("{kind: anon, size: 256MiB}", "{kind: anon, objects: 9}", "only slab regions have `objects`"),
    Case("box: {max: 50%}", "box: {max: 50%, parent: box}", "its own ancestor"),
    Case("box: {max: 50%}", "box: {parent: many}\n  many: {count: 3}", "a parent is a single group"),
    Case("box: {max: 50%}", "box: {max: 64MiB, min: 128MiB}", "at most 64MiB"),
    Case("box: {max: 50%}", "box: {low: 64GiB}", "low is 64GiB (at most 2GiB, the machine's memory"),
    Case("box: {max: 50%}", "box: {min: 5kB}", "whole 4KiB pages"),
    Case("box: {max: 50%}", "box: {high: 0}", "high is 0B (one or more 4KiB pages)"),
    Case("box: {max: 50%}", "box: {swap_max: 5kB}", "whole 4KiB pages"),
    Case("box: {max: 50%}", "box: {max: 50%, high: 64MiB, swappiness: 10}", "cgroup v1 has no `high`, only v2 has"),
    Case("  box: {max: 50%}", "  box: {max: 50%, swappiness: 10}\ncgroup_version: v2", "cgroup v2 has no `swappiness`"),
    Case("  box: {max: 50%}", "  box: {max: 50%, low: 1MiB}\ncgroup_version: v1", "or write cgroup_version: v2"),
    Case("  box: {max: 50%}", "  box: {max: 50%}\ncgroup_version: v3", "v1", line=21),
    Case("zone_reclaim_mode: 1", "zone_reclaim_mode: 9", "0 to 7"),
    Case("zone_reclaim_mode: 1", "numa_zonelist_order: zone", "removed in 4.14"),
    Case("{kind: file, disk: ssd, access: read}", "{kind: file, disk: hdd}", "no disk `hdd`"),
    Case("{kind: anon, size: 256MiB}", "{kind: anon, size: 256MiB, file: x}", "has no `file`"),
    Case("{kind: anon, size: 256MiB}", "{kind: anon, size: 5kB}", "one or more 4KiB pages"),
    Case("{kind: anon, size: 256MiB}", "{kind: anon}", "two regions without a size", 27),
    Case(
        "{kind: file, disk: ssd, access: read}",
        "{kind: file, disk: ssd, access: read, size: 1MiB}",
        "the stream touches 314572 pages, its regions have 65792 (make one larger, or leave one's size out",
        27,
    ),
    Case(
        "size: 256MiB}", "size: 4GiB}", "that leaves -734004 for the region without a size (make the others smaller", 27
    ),
    Case("node: 1", "count: 100000", "count is 100000 (1 to 16384)"),
    Case("node: 1", "nice: 20", "-20 to 19"),
    Case("kind: zipf", "kind: zip", "did you mean `zipf`?"),
    Case("kind: zipf, ", "", "`kind` of the stream is required"),
    Case("accesses: 1000, ", "", "`accesses` is required"),
    Case("accesses: 1000", "accesses: 0", "accesses"),
    Case("{kind: loop, size: 64MiB, accesses: 100}", "{kind: trace, path: nowhere.mmt}", "no trace `nowhere.mmt`"),
    Case("{kind: loop, size: 64MiB, accesses: 100}", "{kind: trace, path: 3}", "path of a trace is expected"),
    Case("{kind: loop, size: 64MiB, accesses: 100}", "{kind: trace, path: bad.mmt}", "the trace cannot be used"),
    Case("pcp: batch-15", "pcp: batch-16", "did you mean `batch-"),
    Case("pcp: batch-15", "pcq: batch-15", "did you mean `pcp`"),
    Case("pcp: batch-15", "pcp: {variant: batch-15, size: 3}", "has no parameter `size`"),
    Case("pcp: batch-15", "pcp: {variant: mine, file: mine.py}", "no file"),
    Case("pcp: batch-15", f"pcp: {{variant: mine, file: {'a' * 5000}.py}}", "no file"),
    Case("pcp: batch-15", "pcp: [batch-15]", "a variant of `pcp` is expected"),
    # replicates, sweep, report
    Case("replicates: 2", "replicates: 0", "replicates is 0 (1 to 10000)"),
    Case("replicates: 2", "replicates: two", "a whole number is expected"),
    Case("replicates: 2", "replicates: {min: 2, max: 5}", "`until` is required"),
    Case("replicates: 2", "replicates: {min: 9, max: 20, until: {metric: misses, half_width: 2%}}", "at least 10"),
    Case("replicates: 2", "replicates: {min: 30, max: 20, until: {metric: misses, half_width: 2%}}", "`max` is above"),
    Case("replicates: 2", "replicates: {min: 10, max: 90, until: {metric: elapsed, half_width: 2%}}", "unknown metric"),
    Case("replicates: 2", "replicates: {min: 10, max: 90, until: {metric: misses, half_width: 0.02}}", "has no unit"),
    Case("vm.swappiness: [0, 60]", "vm.swappines: [0, 60]", "unknown key `swappines`"),
    Case("vm.swappiness: [0, 60]", "sysctl.swappiness: [0, 60]", "not a path into a cell"),
    Case("vm.swappiness: [0, 60]", "vm..swappiness: [0, 60]", "empty part"),
    Case("vm.swappiness: [0, 60]", "vm.swappiness: 60", "needs a list of values"),
    Case("vm.swappiness: [0, 60]", "vm.swappiness: []", "has no values"),
    Case("vm.swappiness: [0, 60]", "vm.swappiness: [60, 60]", "the value `60` twice"),
    Case("vm.swappiness: [0, 60]", "vm: [{swappiness: 1}]", "has no label to print"),
    Case("vm.swappiness: [0, 60]", "replicate: [0, 1]", "cannot be called `replicate`"),
    Case("vm.swappiness: [0, 60]", "stale: [0, 1]", "cannot be called `stale`"),
    Case("vm.swappiness: [0, 60]", "vm.swappiness.deep: [0, 60]", "nothing can be set inside it"),
    Case("tasks.db.mempolicy: {mode", "tasks.nobody.mempolicy: {mode", "there is no task `nobody`"),
    Case("tasks.db.mempolicy: {mode", "tasks.*.memory.9.size: {mode", "is a list of"),
    Case("spread: null", "spread: 3", "must say what it sets"),
    Case("  product:", "  prodct:", "did you mean `product`"),
    Case("    vm.swappiness: [0, 60]", "    zip: {vm.swappiness: [0, 60], seed: [a, b, c]}", "one length"),
    Case("    vm.swappiness: [0, 60]", "    union: {vm.swappiness: [0, 60]}", "takes a list of mappings"),
    Case("    vm.swappiness: [0, 60]", "    union: [{vm.swappiness: [0]}, {vm.swappiness: [0]}]", "comes twice", 39),
    Case("exclude: [{place: home, vm.", "exclude: [{plaice: home, vm.", "did you mean `place`?"),
    Case("exclude: [{place: home, vm.", "exclude: [{place: hom, vm.", "did you mean `home`?"),
    Case("exclude: [{place: home, vm.swappiness: 0}]", "exclude: [{place: [home, spread]}]", "no cell is left", 39),
    Case("exclude: [{place: home, vm.swappiness: 0}]", "exclude: {place: home}", "takes a list"),
    Case("exclude: [{place: home, vm.swappiness: 0}]", "when: [{place: home}]", "has `if` and `then`"),
    Case("    vm.swappiness: [0, 60]", "    sample: {method: lhs, n: 4}", "`axes` of the sample is required"),
    Case("    vm.swappiness: [0, 60]", "    sample: {method: grid, n: 4, axes: {seed: [a]}}", "not one of lhs, sobol"),
    Case("    vm.swappiness: [0, 60]", "    sample: {method: lhs, n: 0, axes: {seed: [a]}}", "n is 0 (1 to 100000)"),
    Case("    vm.swappiness: [0, 60]", "    sample: {method: lhs, n: 2, axes: {seed: {low: 5, high: 1}}}", "not above"),
    Case("    vm.swappiness: [0, 60]", "    sample: {method: lhs, n: 2, axes: {seed: {low: 5s, high: 1GiB}}}", "units"),
    Case("rows: [vm.swappiness, place]", "rows: [vm.swappiness, plaice]", "plaice"),
    Case("metrics: [elapsed_ns]", "metrics: [elapsd_ns]", "elapsd_ns"),
    Case("metrics: [elapsed_ns]", "metric: [elapsed_ns]", "did you mean `metrics`?"),
    # YAML itself
    Case("experiment: demo", "experiment: {demo", "not YAML"),
    Case("experiment: demo", "experiment: a: b", "not YAML"),
    Case("experiment: demo", "\texperiment: demo", "a tab in the indentation"),
    Case("experiment: demo", "experiment: 'demo", "not YAML", 0),
    Case("experiment: demo", "experiment: *demo", "alias"),
    Case("experiment: demo", "experiment: !!python/name:os.system demo", "tag"),
    Case("experiment: demo", "experiment: !name demo", "tag"),
    Case("experiment: demo", "experiment: &x [*x]", "an alias inside"),
    Case("duration: 2min", "duration: 2min\n---\nseed: 1", "a second YAML document", 36),
    Case("seed: 7", "seed: \x07", "control character U+0007"),
    Case("seed: 7", "seed: " + "[" * 40 + "]" * 40, "nested deeper than 32"),
]
