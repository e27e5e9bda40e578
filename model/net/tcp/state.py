"""Sockets."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, counts, one, row, table
from mmrun.model.net.tcp.settings import TCP_COUNTERS

CLOSED, ESTABLISHED, SYN_SENT, RESET = 0, 1, 2, 3  # SOCK.state
# SOCK.sk_flags: it may use reserves (SOCK_MEMALLOC); a user works on it; its buffers' sizes were set (SOCK_*BUF_LOCK);
# no Nagle (TCP_NODELAY); somebody waits for room (SOCK_NOSPACE); its queue below waits for a completion
# (TSQ_THROTTLED).
MEMALLOC, OWNED, SNDBUF_LOCK, RCVBUF_LOCK, NODELAY, NOSPACE, THROTTLED = 1, 2, 4, 8, 16, 32, 64
RCV_SHUTDOWN, SEND_SHUTDOWN = 1, 2  # SOCK.shutdown: the other end, this end sends no more
# SOCK.pending: what the retransmission timer is set for; SOCK.ack_pending: why an acknowledgement is owed (ICSK_ACK_*);
# SOCK.deferred: what is done when the user lets the socket go (tcp_release_cb).
NO_TIMER, RETRANSMIT, LOSS_PROBE, ZERO_PROBE = 0, 1, 2, 3
ACK_SCHED, ACK_TIMER, ACK_PUSHED, ACK_PUSHED2, ACK_NOW, ACK_NOMEM = 1, 2, 4, 8, 16, 32
TSQ_DEFERRED, WRITE_TIMER_DEFERRED, DELACK_DEFERRED, ACK_DEFERRED = 1, 2, 4, 8
OPEN, RECOVERY, LOSS = 0, 1, 2  # SOCK.ca_state
NO_APP, SINK, SOURCE, ECHO = 0, 1, 2, 3  # SOCK.app: who is at a far end and reads and writes there
# How to send or receive: MSG_DONTWAIT, MSG_MORE, MSG_WAITALL; PAGES: the payload is a frame, referenced and not copied.
DONTWAIT, MORE, PAGES, WAITALL = 1, 2, 4, 8
# Errors, negative in answers.
EINTR, EAGAIN, ENOMEM, EPIPE, ECONNABORTED, ECONNRESET, ENOTCONN, ETIMEDOUT, ECONNREFUSED = (
    4, 11, 12, 32, 103, 104, 107, 110, 111,
)  # fmt: skip

# One end of a connection; bytes and ns. `peer`: the other end; `here`: 1 on this machine, 0 at the far end of `link`
# (NONE: loopback); `gfp`: sk_allocation; `page_frag`: row it cuts payload from; `send_head`: first unsent skb. The
# names are those of struct sock and tcp_sock. `mss`: mss_cache; `*_base`: of the first bytes of both streams; `app_*`:
# of who is at a far end: bytes of a request and of an answer, of the request that has come in part, bytes that are to
# be sent still, whether the connection stays open then. `mem_*`: pages charged for, bytes of them in use (net/tcp_mem).
SOCK = row(
    peer="i4", here="i4", link="i4", nic="i4", state="i4", sk_flags="i4", err="i4", memcg="i4",
    page_frag="i4", task="i4",
    gfp="i8", sndbuf="i8", rcvbuf="i8", wmem_queued="i8", wmem_alloc="i8", rmem_alloc="i8", forward_alloc="i8",
    write_queue=LIST, receive_queue=LIST, out_of_order_queue=LIST, backlog=LIST, backlog_bytes="i8", send_head="i4",
    shutdown="i4",
    snd_una="i8", snd_nxt="i8", write_seq="i8", snd_wnd="i8", snd_cwnd="i8", snd_cwnd_cnt="i8", snd_ssthresh="i8",
    packets_out="i8", srtt="i8", rttvar="i8", rto="i8", rto_at="i8", retransmits="i8", recover="i8", dupacks="i8",
    probes="i8", mss="i8",
    rcv_nxt="i8", copied_seq="i8", rcv_wup="i8", rcv_wnd="i8", rcv_ssthresh="i8", window_clamp="i8",
    scaling_ratio="i8", rcvq_space="i8", rcvq_seq="i8", rcvq_time="i8", rcv_rtt="i8", delack_at="i8", ato="i8",
    echo="i8",
    senders=WAIT_QUEUE, receivers=WAIT_QUEUE, drops="i8", bytes_sent="i8", bytes_received="i8", retransmitted="i8",
    lockers=WAIT_QUEUE, deferred="i4", pending="i4", ack_pending="i4", quick="i4", pingpong="i4", ca_state="i4",
    backoff="i4", wscale="i4", max_window="i8", pushed_seq="i8", snd_sml="i8", snd_wl1="i8", advmss="i8",
    mss_clamp="i8", rcv_mss="i8", last_seg_size="i8", lrcvtime="i8", rcv_rtt_seq="i8", rcv_rtt_time="i8",
    lost_out="i8", retrans_out="i8", sacked_out="i8", tlp_high_seq="i8", max_packets_out="i8", sent_at="i8",
    rcv_base="i8", snd_base="i8", app="i4", app_stays="i4", app_request="i8", app_answer="i8", app_left="i8",
    app_owed="i8", mem_pages="i8", mem_used="i8",
)  # fmt: skip

socks = table(290, "socks", SOCK)
# `next_timer`: when the timers' actor wakes (ns); `random`: of vm_wait; `softirq`: somebody is in one; `lo`: buffers on
# their way over loopback; `page`, `page_offset`: the frame whose bytes are to be sent without a copy.
tcp_state = one(
    291, "tcp_state", row(
        nr_sockets="i8", next_timer="i8", random="i8", softirq="i8", timers="i8", lo=LIST, page="i8", page_offset="i8",
    ),
)  # fmt: skip
# From the version, sysctls and costs (ns; `copy_user_ps`: ps a byte): mmrun.model.net.tcp.since, settings.
tcp_settings = one(
    292, "tcp_settings", row(
        max_tcp_header="i8", tcp_init_cwnd="i8", tcp_adv_win_scale="i8", tcp_scaling_ratio="i8", tcp_tsq="i8",
        tcp_loss_probe="i8", tcp_autocorking="i8", tcp_drs_grows="i8", tcp_sndbuf_by_cwnd="i8",
        tcp_payload_in_head="i8", tcp_zero_window_early="i8", tcp_grows_skb="i8", tcp_syn_rwin_64k="i8",
        tcp_syn_rwin_whole="i8", tcp_syn_retries="i8", tcp_backlog_room="i8", tcp_partial_charge="i8",
        tcp_low_rto="i8", tcp_tso_half="i8", tcp_skb_tso_paced="i8", tcp_ofo_prunes_by_eighths="i8",
        tcp_limit_output_bytes="i8", tcp_sendmsg_skb="i8", tcp_xmit_skb="i8", tcp_rcv_skb="i8", tcp_ack_skb="i8",
        copy_user_ps="i8",
    ),
)  # fmt: skip
tcp_count = counts(293, "tcp_count", *TCP_COUNTERS)
# A task's connections: its first socket, and how many; bytes of a request and of an answer.
net_users = table(294, "net_users", row(first="i8", connections="i8", request="i8", answer="i8"))
