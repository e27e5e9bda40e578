"""Sockets."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, one, row, table

CLOSED, ESTABLISHED, SYN_SENT, RESET = 0, 1, 2, 3  # SOCK.state
# SOCK.sk_flags: it may use reserves (SOCK_MEMALLOC); a user works on it; its buffers' sizes were set (SOCK_*BUF_LOCK).
MEMALLOC, OWNED, SNDBUF_LOCK, RCVBUF_LOCK = 1, 2, 4, 8

# One end of a connection; bytes and ns. `peer`: the other end; `here`: 1 on this machine, 0 at the far end of `link`
# (NONE: loopback); `gfp`: sk_allocation; `page_frag`: row it cuts payload from; `send_head`: first unsent skb. The
# names are those of struct sock and tcp_sock.
SOCK = row(
    peer="i4", here="i4", link="i4", nic="i4", state="i4", sk_flags="i4", err="i4", memcg="i4",
    page_frag="i4", task="i4",
    gfp="i8", sndbuf="i8", rcvbuf="i8", wmem_queued="i8", wmem_alloc="i8", rmem_alloc="i8", forward_alloc="i8",
    write_queue=LIST, receive_queue=LIST, out_of_order_queue=LIST, backlog=LIST, backlog_bytes="i8", send_head="i4",
    shutdown="i4",
    snd_una="i8", snd_nxt="i8", write_seq="i8", snd_wnd="i8", snd_cwnd="i8", snd_cwnd_cnt="i8", snd_ssthresh="i8",
    packets_out="i8", srtt="i8", rttvar="i8", rto="i8", rto_at="i8", retransmits="i8", recover="i8", dupacks="i8",
    probe_at="i8", probes="i8", mss="i8",
    rcv_nxt="i8", copied_seq="i8", rcv_wup="i8", rcv_wnd="i8", rcv_ssthresh="i8", window_clamp="i8",
    scaling_ratio="i8", rcvq_space="i8", rcvq_seq="i8", rcvq_time="i8", rcv_rtt="i8", delack_at="i8", ato="i8",
    unacked="i8", echo="i8",
    senders=WAIT_QUEUE, receivers=WAIT_QUEUE, drops="i8", bytes_sent="i8", bytes_received="i8", retransmitted="i8",
    mem_pages="i8", mem_used="i8",  # charged for, and bytes of them in use (net/tcp_mem)
)  # fmt: skip

socks = table(290, "socks", SOCK)
tcp_state = one(291, "tcp_state", row(nr_sockets="i8", next_timer="i8"))
