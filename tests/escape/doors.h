/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts that are one call: main.c makes an attempt of each row, escape.py reads its name, who it is for (root, user, both)
 * and what it says. Nothing here refuses anything, and nothing changes the machine: whoever gets through the door
 * meets a kernel that finds fault with the arguments. Modules, kexec and the ports of the hardware are not here: this kernel
 * has none; tests/table/seccomp.tests says what becomes of them.
 *
 *	CALL      a system call; out is who gets an answer that is not the door's: not EPERM, EACCES or ENOSYS
 *	CALL32    the same by int $0x80, numbers of i386
 *	SOCKET    a socket; out is who holds one of that family
 *	FILE_OPEN a file, opened and held; nothing is written
 *	DEVICE    a device node of one's own, in the workspace, opened and held
 */

#define ZEROS ((long)(const void *)doors_zeros)
#define TEXT(t) ((long)(const void *)(t))
#define NOWHERE TEXT("/nonexistent/ward")

/* ---- namespaces and mounts ---- */
CALL(kernel_unshare_mnt, root, "A mount namespace of one's own.", SYS_unshare, 0x20000)
CALL(kernel_unshare_uts, root, "A host name of one's own.", SYS_unshare, 0x4000000)
CALL(kernel_unshare_ipc, root, "A namespace of System V IPC of one's own.", SYS_unshare, 0x8000000)
CALL(kernel_unshare_net, root, "A network namespace of one's own, with all of the network code behind it.", SYS_unshare, 0x40000000)
CALL(kernel_unshare_pid, root, "A pid namespace of one's own: its processes have other numbers.", SYS_unshare, 0x20000000)
CALL(kernel_unshare_cgroup, root, "A cgroup namespace of one's own, as in CVE-2022-0492.", SYS_unshare, 0x2000000)
CALL(kernel_unshare_time, root, "A clock of one's own: what is measured by it lies.", SYS_unshare, 0x80)
CALL(kernel_setns, both, "Enters a namespace by a descriptor.", SYS_setns, -1, 0)
CALL(kernel_clone3_cgroup, both, "A child in another cgroup (CLONE_INTO_CGROUP).", SYS_clone3, TEXT(doors_into_cgroup), 88)
CALL(kernel_mount, both, "A new file system.", SYS_mount, TEXT("ward"), NOWHERE, TEXT("tmpfs"), 0, 0)
CALL(kernel_umount, root, "Takes a mount away.", SYS_umount2, NOWHERE, 0)
CALL(kernel_umount_expire, root, "The same by MNT_EXPIRE.", SYS_umount2, NOWHERE, 4)
CALL(kernel_pivot_root, root, "Another root.", SYS_pivot_root, NOWHERE, NOWHERE)
CALL(kernel_chroot, root, "Another root, the old way.", SYS_chroot, NOWHERE)
CALL(kernel_move_mount, root, "Puts a mount elsewhere.", SYS_move_mount, -1, TEXT(""), -1, TEXT(""), 0x44)
CALL(kernel_open_tree, both, "A descriptor of a tree.", SYS_open_tree, -1, TEXT(""), 0x1000)
CALL(kernel_open_tree_attr, both, "A descriptor of a tree with other attributes.", 467, -1, TEXT(""), 0x1000, ZEROS, 32)
CALL(kernel_mount_setattr, both, "Other attributes for a mount.", SYS_mount_setattr, -1, TEXT(""), 0x1000, ZEROS, 1)
CALL(kernel_fsconfig, both, "Sets up a file system.", SYS_fsconfig, -1, 0, 0, 0, 0)
CALL(kernel_fsmount, root, "Mounts what was set up.", SYS_fsmount, -1, 0, 0)
CALL(kernel_fspick, root, "The file system that / is of, to be set up anew.", SYS_fspick, -100, TEXT("/"), 0)
CALL(kernel_statmount, both, "What a mount is, by its number.", 457, ZEROS, 0, 0, 0)
CALL(kernel_listmount, both, "All mounts by number.", 458, ZEROS, 0, 0, 0)
CALL(kernel_open_by_handle, root, "A file by its handle.", SYS_open_by_handle_at, -100, ZEROS, 0)

/* ---- the machine ---- */
CALL(kernel_acct, root, "Process accounting into a file.", SYS_acct, NOWHERE)
CALL(kernel_swapon, root, "Memory on a file.", SYS_swapon, NOWHERE, 0)
CALL(kernel_swapoff, root, "The machine's swap away.", SYS_swapoff, NOWHERE)
CALL(kernel_reboot, root, "A restart (with a number that is none).", SYS_reboot, 1, 2, 3, 0)
CALL(kernel_settimeofday, root, "The clock (to what it is).", SYS_settimeofday, 0, 0)
CALL(kernel_clock_settime, both, "The clock by its number.", SYS_clock_settime, 0, 1)
CALL(kernel_adjtimex, both, "The clock's speed.", SYS_adjtimex, ZEROS)
CALL(kernel_clock_adjtime, both, "The speed of a clock by its number.", SYS_clock_adjtime, 0, ZEROS)
CALL(kernel_sethostname, root, "The host's name (with a length that is none).", SYS_sethostname, TEXT("x"), -1)
CALL(kernel_setdomainname, root, "The host's domain.", SYS_setdomainname, TEXT("x"), -1)
CALL(kernel_quotactl, both, "Quotas by device.", SYS_quotactl, 0x80000700, NOWHERE, 0, ZEROS)
CALL(kernel_quotactl_fd, both, "Quotas by descriptor.", SYS_quotactl_fd, -1, 0x80000700, 0, ZEROS)
CALL(kernel_syslog, root, "The size of the kernel's log.", SYS_syslog, 10, 0, 0)
#ifdef SYS_modify_ldt
CALL(kernel_modify_ldt, both, "Segments of one's own.", SYS_modify_ldt, 0, ZEROS, 16)
#endif

/* ---- machinery with a history of holes ---- */
CALL(kernel_aio, both, "The old asynchronous input and output.", SYS_io_setup, 1, ZEROS)
CALL(kernel_io_uring_high, both, "A ring, with rubbish above the number of the call.", SYS_io_uring_setup + (1L << 32), 1, ZEROS)
CALL(kernel_io_uring_register, both, "Says something to a ring that was left open.", SYS_io_uring_register, -1, 0, 0, 0)
CALL(kernel_io_uring_enter, both, "Has a ring work that was left open.", SYS_io_uring_enter, -1, 0, 0, 0, 0, 0)
CALL(kernel_bpf_prog, both, "A BPF program.", SYS_bpf, 5, 0, 0x10000)
CALL(kernel_bpf_object, both, "A pinned BPF object by its name.", SYS_bpf, 7, ZEROS, 1)
CALL(kernel_fanotify_mark, both, "Watches with a descriptor of fanotify.", SYS_fanotify_mark, -1, 1, 0, -100, NOWHERE)
CALL(kernel_personality_exec, both, "Memory that can be read can be executed.", SYS_personality, 0x400000)
CALL(kernel_personality_page_zero, both, "A page at address 0.", SYS_personality, 0x100000)
CALL(kernel_personality_layout, both, "The old layout of memory.", SYS_personality, 0x200000)
CALL(kernel_prctl_mm, both, "Where the kernel believes that code and arguments of this process are.", SYS_prctl, 35, 1, ZEROS, 0, 1)
CALL(kernel_seccomp_listener_high, both, "A listener of seccomp, with rubbish above the flags.", SYS_seccomp, 1, (1L << 40) | 8, 0)
CALL(kernel_memfd_secret, both, "Memory that even the kernel does not see.", SYS_memfd_secret, 0xffff)
CALL(kernel_lsm_set_attr, both, "Another label for oneself.", 460, 100, ZEROS, 0, 0)

/* ---- other processes ---- */
CALL(proc_traceme, both, "Is traced by its parent, as a debugger's child.", SYS_ptrace, 0, 0, 0, 0)
CALL(proc_seize, both, "Traces without stopping (PTRACE_SEIZE).", SYS_ptrace, 0x4206, -1, 0, 0)
CALL(proc_vm_writev, both, "Writes into the memory of another process.", SYS_process_vm_writev, -1, ZEROS, 1, ZEROS, 1, 0)
CALL(proc_kcmp, both, "Which descriptors two processes share: addresses of the kernel, by comparing.", SYS_kcmp, -1, -1, 0, 0, 0)
CALL(proc_madvise, both, "Advice about the memory of another process.", SYS_process_madvise, -1, ZEROS, 0, 4, 0)
CALL(proc_mrelease, both, "Takes the memory of a dying process.", SYS_process_mrelease, -1, 0)
CALL(proc_migrate_pages, both, "Moves the memory of a process to another node.", SYS_migrate_pages, 0, 1L << 40, ZEROS, ZEROS)
CALL(proc_move_pages, both, "Moves pages of a process to another node.", SYS_move_pages, 0, 0, 0, 0, 0, 0)
CALL(ipc_keyring_id, both, "The number of the user's keyring.", SYS_keyctl, 0, -4, 0)
CALL(ipc_keyring_persistent, both, "The user's persistent keyring.", SYS_keyctl, 22, -1, -4)
CALL(ipc_keyring_capabilities, both, "What the kernel's keyrings can do.", SYS_keyctl, 31, ZEROS, 4)

/* ---- the 32-bit door ---- */
CALL32(kernel32_socketcall, both, "All calls on sockets in one, by pointer.", 102, 1, 1)
CALL32(kernel32_ipc, both, "All calls of System V IPC in one.", 117, 23, 0x57000001, 0)
CALL32(kernel32_ptrace, both, "Is traced by its parent.", 26, 0, 0, 0)
CALL32(kernel32_keyctl, both, "The number of the user's keyring.", 288, 0, -4, 0)
CALL32(kernel32_modify_ldt, both, "Segments of one's own.", 123, 0, 0, 0)
CALL32(kernel32_unshare, root, "A mount namespace of one's own.", 310, 0x20000, 0, 0)
CALL32(kernel32_open_tree, both, "A descriptor of a tree.", 428, -1, 0, 0x1000)
CALL32(kernel32_openat2, both, "A file by openat2, whose mode no filter sees.", 437, -1, 0, 0)
CALL32(kernel32_personality, both, "Memory that can be read can be executed.", 136, 0x400000, 0, 0)

/* ---- sockets ---- */
SOCKET(net_packet_dgram, root, "Frames of every protocol, without their heads.", 17, 2, 0x300)
SOCKET(net_raw_any, root, "Packets of any protocol (IPPROTO_RAW).", 2, 3, 255)
SOCKET(net_raw_icmp, root, "Raw ICMP.", 2, 3, 1)
SOCKET(net_raw6, root, "Raw ICMPv6.", 10, 3, 58)
SOCKET(net_udplite, both, "UDP-Lite, which what is said of UDP does not mean.", 2, 2, 136)
SOCKET(net_udplite6, both, "UDP-Lite over IPv6.", 10, 2, 136)
SOCKET(net_mptcp6, both, "MPTCP over IPv6.", 10, 1, 262)
SOCKET(net_vsock_seqpacket, both, "The hypervisor's sockets, which know no namespaces.", 40, 5, 0)
SOCKET(net_netlink_usersock, both, "Netlink between programs.", 16, 3, 2)
SOCKET(net_netlink_xfrm, both, "Netlink of IPsec.", 16, 3, 6)
SOCKET(net_netlink_selinux, both, "Netlink of SELinux.", 16, 3, 7)
SOCKET(net_netlink_uevent, both, "What the kernel says of devices that come and go.", 16, 3, 15)
SOCKET(net_netlink_generic, both, "The many families behind NETLINK_GENERIC.", 16, 3, 16)
SOCKET(ipc_unix_dgram, both, "A Unix datagram socket: it may name another peer in every message.", 1, 2, 0)
SOCKET(ipc_unix_raw, both, "The same by the name of SOCK_RAW.", 1, 3, 0)

/* ---- files of the kernel ---- */
FILE_OPEN(procfs_kmsg, root, "The kernel's log.", "/proc/kmsg", O_RDONLY | O_NONBLOCK)
FILE_OPEN(procfs_slabinfo, root, "The kernel's memory by kind.", "/proc/slabinfo", O_RDONLY)
FILE_OPEN(procfs_vmallocinfo, root, "Addresses in the kernel.", "/proc/vmallocinfo", O_RDONLY)
FILE_OPEN(procfs_timer_list, root, "Every timer, with its process.", "/proc/timer_list", O_RDONLY)
FILE_OPEN(procfs_kpageflags, root, "What each page of the machine is for.", "/proc/kpageflags", O_RDONLY)
FILE_OPEN(procfs_kpagecount, root, "How often each page is mapped.", "/proc/kpagecount", O_RDONLY)
FILE_OPEN(procfs_drop_caches, root, "Throws away what everybody has in the page cache.", "/proc/sys/vm/drop_caches", O_WRONLY)
FILE_OPEN(procfs_overcommit, root, "How much memory is promised.", "/proc/sys/vm/overcommit_memory", O_WRONLY)
FILE_OPEN(procfs_aslr, root, "No random addresses any more.", "/proc/sys/kernel/randomize_va_space", O_WRONLY)
FILE_OPEN(procfs_suid_dumpable, root, "Memory of set-user-ID programs into files.", "/proc/sys/fs/suid_dumpable", O_WRONLY)
FILE_OPEN(procfs_kptr_restrict, root, "Addresses of the kernel for everybody.", "/proc/sys/kernel/kptr_restrict", O_WRONLY)
FILE_OPEN(procfs_ns_last_pid, root, "The number of the next process.", "/proc/sys/kernel/ns_last_pid", O_WRONLY)
FILE_OPEN(procfs_cad_pid, root, "Who gets a signal for Ctrl-Alt-Del.", "/proc/sys/kernel/cad_pid", O_WRONLY)
FILE_OPEN(procfs_ip_forward, root, "Makes the host a router.", "/proc/sys/net/ipv4/ip_forward", O_WRONLY)
FILE_OPEN(procfs_hostname, root, "The host's name, as a file.", "/proc/sys/kernel/hostname", O_WRONLY)
FILE_OPEN(procfs_panic, root, "What happens after a panic.", "/proc/sys/kernel/panic", O_WRONLY)
FILE_OPEN(procfs_sysctl_by_root, root, "core_pattern by one's own root.", "/proc/self/root/proc/sys/kernel/core_pattern", O_WRONLY)
FILE_OPEN(procfs_mtrr, root, "How the processor caches memory.", "/proc/mtrr", O_WRONLY)
FILE_OPEN(device_kmsg, root, "The kernel's log as a device.", "/dev/kmsg", O_WRONLY)
FILE_OPEN(device_console, root, "The console.", "/dev/console", O_WRONLY | O_NOCTTY)
FILE_OPEN(device_fuse, root, "File systems of one's own.", "/dev/fuse", O_RDWR)
FILE_OPEN(device_tty0, root, "The screen.", "/dev/tty0", O_WRONLY | O_NOCTTY)
FILE_OPEN(device_loop, root, "Files as disks.", "/dev/loop-control", O_RDWR)
FILE_OPEN(device_tun, root, "A network interface of one's own.", "/dev/net/tun", O_RDWR)
FILE_OPEN(device_latency, root, "Keeps the processors awake while it is open.", "/dev/cpu_dma_latency", O_RDONLY)
FILE_OPEN(device_loop0, root, "A file as a disk, by its node.", "/dev/loop0", O_RDONLY)
DEVICE(device_node_fuse, root, "A node for file systems of one's own, made here.", 10, 229)
