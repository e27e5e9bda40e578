"""Storage servers at the far end of a link: threads, a page cache, a disk of the machine's description.

A server reads a request from its connection, serves it, and answers when it is done. What it has in its cache it need
not read; nbd-server's writes are in its page cache when it answers, until more than a fifth of that is dirty, NFS and
iSCSI answer for what is on the disk (FILE_SYNC, write-through), NFS for the file's inode in the journal, too.
"""
