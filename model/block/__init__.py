"""Devices that serve requests: servers with a next-free time, disks, links, and the swap targets built from them."""
