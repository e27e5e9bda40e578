"""The contract between memory management and a file system: the calls that one answers, what each page of a file is.

Source: include/linux/fs.h (struct address_space_operations, file_operations). Here stands what writeback and faults
need to know of any file system, low in the order of mechanisms; what answers stands above them (`fs.ext4`), behind
hooks.
"""
