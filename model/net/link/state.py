"""Frames on their way between this machine and others."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, one, row, table

OUT, IN = 0, 1  # directions of a link: from this machine, to it
SYN, FIN, RST, ACK, PUSH = 1, 2, 4, 8, 16  # SEGMENT.tcp_flags

# A link by number, as in the machine's table of links. `way`: frames on their way; `free_at`: when the last one has
# left (ns), `carry`: ps beyond that; `waiting`: who takes them out at its end; `byte_ps`: ps a byte on the wire; `mtu`:
# payload of IP in bytes; `arrived`: frames that were taken out; `nic`: the card at this end.
WIRE = row(
    way=(LIST, (2,)), free_at=("i8", (2,)), waiting=(WAIT_QUEUE, (2,)), byte_ps="i8", rtt="i8", mtu="i8", cut="i8",
    loss_ppm="i8", random="i8", lost="i8", sent=("i8", (2,)), bytes=("i8", (2,)), carry=("i8", (2,)),
    arrived=("i8", (2,)), nic="i8",
)  # fmt: skip
# One TCP segment of at most an MTU. `sock`: the socket it goes to; `seq`, `ack`: bytes of the two streams; `at`: when
# it arrives (ns); `stamp`: when the data was sent, which an acknowledgement returns (ns).
SEGMENT = row(
    next="i4", prev="i4", sock="i4", link="i2", way="i2", bytes="i4", tcp_flags="i4", seq="i8", ack="i8", window="i8",
    at="i8", stamp="i8", echo="i8",
)  # fmt: skip

wires = table(256, "wires", WIRE)
segments = table(257, "segments", SEGMENT)
# `free_segment`: first row + 1 that is free again, 0: none; `segment_rows`: rows ever used; `refused`: frames that
# found no row, which are lost, too.
wire_state = one(258, "wire_state", row(free_segment="i8", segment_rows="i8", refused="i8"))
