#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Hosts whose files lie elsewhere than Debian's: certificates as Arch, openSUSE, Alpine, Fedora and Guix have them, and a store of programs
(NixOS, Guix System) with nothing in /usr/bin but env; and hosts
that have next to nothing. Each is a root of this host's own directories, made in a mount namespace, with
an /etc, a /run and, for the store, a /usr of the test's. What such a distribution does otherwise is not shown by it.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box    # noqa: E402  pylint: disable=wrong-import-position
from tap import check_eq, check_in, skip    # noqa: E402  pylint: disable=wrong-import-position

KEPT = ("passwd", "group", "nsswitch.conf", "ld.so.cache")
SYS_PIVOT_ROOT = 155
MS_RDONLY, MS_REMOUNT = 1, 32


def new_root(*own):
    """A root that is this one, but for what stands in own and etc: these are left to the caller. Not yet entered."""
    box.private_mounts()
    top = pathlib.Path(tempfile.mkdtemp(prefix="ward-root-"))
    box.mount("ward-test", str(top), "tmpfs", 0, "mode=0755")
    for name in os.listdir("/"):
        here, there = pathlib.Path("/", name), top / name
        if name in own or name == "etc":
            continue
        if here.is_symlink():
            there.symlink_to(os.readlink(here))
        elif here.is_dir():
            there.mkdir()
            box.mount(str(here), str(there), None, box.MS_BIND | box.MS_REC)
    (top / "etc").mkdir()
    for name in KEPT:
        if os.path.exists(f"/etc/{name}"):
            shutil.copy(f"/etc/{name}", top / "etc")
    return top


def enter(top):
    (top / "old").mkdir()
    cwd = os.getcwd()
    os.chdir(top)
    box.must(box.libc.syscall(SYS_PIVOT_ROOT, b".", b"old"), "pivot_root")
    box.must(box.libc.umount2(b"/old", box.UMOUNT_DETACH), "umount")
    # /tmp is shown there, as a rule with what is mounted in it.
    if os.path.ismount(top):
        box.must(box.libc.umount2(os.fsencode(top), box.UMOUNT_DETACH), "umount")
    os.rmdir(top)
    os.chdir(cwd if os.path.isdir(cwd) else "/tmp")
    box.bound_fuse()


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def link(path, to):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)


def as_both(before):
    """before() makes the host, as root; the test is root's, and a user's."""
    def register(fn):
        if os.geteuid() == 0:
            box._register(fn, "root", before)  # pylint: disable=protected-access
            box._register(fn, "user", lambda: box.become_user(before))  # pylint: disable=protected-access
        else:
            def not_here(p):
                skip("root makes it, and is its user then")
            not_here.__name__ = fn.__name__
            box._register(not_here, "user", None)  # pylint: disable=protected-access
        return fn
    return register


# ---- certificates ----

def arch():
    top = new_root()
    put(top / "etc/ca-certificates/extracted/tls-ca-bundle.pem", "certificates\n")
    link(top / "etc/ssl/certs/ca-certificates.crt", "../../ca-certificates/extracted/tls-ca-bundle.pem")
    link(top / "etc/ssl/cert.pem", "../ca-certificates/extracted/tls-ca-bundle.pem")
    enter(top)


def opensuse():
    top = new_root("var")
    (top / "var/tmp").mkdir(parents=True)
    put(top / "var/lib/ca-certificates/ca-bundle.pem", "certificates\n")
    put(top / "var/lib/ca-certificates/pem/one.pem", "certificates\n")
    link(top / "etc/ssl/certs", "../../var/lib/ca-certificates/pem")
    link(top / "etc/ssl/ca-bundle.pem", "../../var/lib/ca-certificates/ca-bundle.pem")
    enter(top)


def alpine():
    top = new_root()
    put(top / "etc/ssl/certs/ca-certificates.crt", "certificates\n")
    link(top / "etc/ssl/cert.pem", "certs/ca-certificates.crt")
    enter(top)


def fedora():
    top = new_root()
    bundle = "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
    put(top / bundle, "certificates\n")
    put(top / "etc/pki/ca-trust/extracted/java/cacerts", "certificates\n")
    link(top / "etc/pki/tls/certs/ca-bundle.crt", "/" + bundle)
    link(top / "etc/pki/tls/cert.pem", "/" + bundle)
    link(top / "etc/ssl/certs", "../pki/tls/certs")
    link(top / "etc/pki/java/cacerts", "/etc/pki/ca-trust/extracted/java/cacerts")
    put(top / "etc/pki/tls/private/key.pem", "secret\n")
    put(top / "etc/crypto-policies/back-ends/openssl.config", "certificates\n")
    enter(top)


def all_are_read(p, *names):
    for how in (("--read", "."), ("--mode", "workspace_write")):
        r = p.run(*how, "--", "cat", *names)
        check_eq((r.code, r.out), (0, "certificates\n" * len(names)), r.err)


@as_both(arch)
def certificates_as_arch_has_them(p):
    all_are_read(p, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")


@as_both(opensuse)
def certificates_as_opensuse_has_them(p):
    all_are_read(p, "/etc/ssl/certs/one.pem", "/etc/ssl/ca-bundle.pem")


@as_both(alpine)
def certificates_as_alpine_has_them(p):
    all_are_read(p, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")


@as_both(fedora)
def certificates_as_fedora_has_them(p):
    all_are_read(p, "/etc/ssl/certs/ca-bundle.crt", "/etc/pki/tls/cert.pem", "/etc/pki/java/cacerts", "/etc/crypto-policies/back-ends/openssl.config")
    r = p.run("--read", ".", "--", "cat", "/etc/pki/tls/private/key.pem")
    check_eq((r.code, r.out), (1, ""), r.err)


# ---- a store of programs ----

def store(where, profile, system):
    """A host with nothing in /usr/bin but env, which is a link; programs lie in the store, and system is a link to them."""
    def before():
        top = new_root("usr", "bin", "sbin", "run", "nix", "gnu")
        for name in os.listdir("/usr"):
            if name in ("bin", "sbin"):
                continue
            (top / "usr" / name).mkdir(parents=True)
            box.mount(f"/usr/{name}", str(top / "usr" / name), None, box.MS_BIND | box.MS_REC)
        bins = top / where[1:] / "system" / profile
        bins.mkdir(parents=True)
        for name in ("sh", "env", "cat", "true"):
            shutil.copy(os.path.realpath(f"/usr/bin/{name}"), bins / name)
        (top / where[1:] / "another/bin").mkdir(parents=True)
        shutil.copy(bins / "true", top / where[1:] / "another/bin")
        put(top / where[1:] / "system/etc/ssl/certs/ca-certificates.crt", "certificates\n")
        link(top / "usr/bin/env", f"{where}/system/{profile}/env")
        link(top / "bin/sh", f"{where}/system/{profile}/sh")
        system(top)
        enter(top)
        os.environ["PATH"] = f"/run/current-system/{profile}"
    return before


def nixos(top):
    link(top / "run/current-system", "/nix/store/system")
    link(top / "etc/static", "/nix/store/system/etc")
    link(top / "etc/ssl/certs/ca-certificates.crt", "/etc/static/ssl/certs/ca-certificates.crt")


def guix(top):
    link(top / "run/current-system", "/var/guix-of-test/system")
    box.must(box.libc.umount2(os.fsencode(top / "var"), box.UMOUNT_DETACH), "umount")
    link(top / "var/guix-of-test/system", "system-1-link")
    link(top / "var/guix-of-test/system-1-link", "/gnu/store/system")
    link(top / "etc/ssl", "/run/current-system/etc/ssl")


def doctor(p):
    r = subprocess.run([os.environ["WARD"], "doctor"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                       env={"PATH": os.environ["PATH"], "HOME": str(p.base)})
    return r.stdout.decode()


def works(p, profile):
    all_are_read(p, "/etc/ssl/certs/ca-certificates.crt")
    for first in ("#!/bin/sh", "#!/usr/bin/env sh"):
        p.write("script", f"{first}\ncat file && echo $PATH\n", 0o755)
        p.write("file", "text\n")
        for how in (("--read", "."), ("--mode", "workspace_write")):
            r = p.run(*how, "--", "./script")
            check_eq((r.code, r.out[:5]), (0, "text\n"), r.err)
            check_in(f"/run/current-system/{profile}", r.out)
        p.write("script", f"{first}\necho text\n", 0o755)
        r = p.run("script", kind=("sandbox", "run"))
        check_eq((r.code, r.out), (0, "text\n"), r.err)
    check_in("\nok    run             true exited with 0", doctor(p))


@as_both(store("/nix/store", "sw/bin", nixos))
def programs_of_a_store_as_nixos_has_them(p):
    works(p, "sw/bin")


@as_both(store("/gnu/store", "profile/bin", guix))
def programs_of_a_store_as_guix_has_them(p):
    works(p, "profile/bin")


@as_both(store("/nix/store", "sw/bin", nixos))
def a_rule_on_a_programs_name_holds_for_those_that_no_path_has(p):
    (p.base / "p.cedar").write_text('forbid (principal, action == Ward::Action::"proc.exec", resource) when { resource.name == "true" };\n')
    both = "for i in /run/current-system/sw/bin/true /nix/store/another/bin/true; do $i && echo ran; done; echo end"
    r = p.run("--mode", "workspace_write", "--", "sh", "-c", both)
    check_eq((r.code, r.out), (0, "ran\nran\nend\n"), r.err)
    r = p.run("--mode", "workspace_write", "--policy", p.base / "p.cedar", "--", "sh", "-c", both)
    check_eq((r.code, r.out), (0, "end\n"), r.err)


def beside_debian():
    top = new_root("nix", "gnu", "run")
    (top / "run").mkdir()
    for where in ("nix/store", "gnu/store"):
        put(top / where / "abc-source/private.py", "secret\n")
        bins = top / where / "abc-program/bin"
        bins.mkdir(parents=True)
        shutil.copy("/usr/bin/true", bins / "of-the-store")
    for i in range(200_100):
        os.link(top / "nix/store/abc-source/private.py", top / f"nix/store/abc-source/{i}")
    enter(top)


@as_both(beside_debian)
def a_store_that_the_system_does_without_is_shown_where_it_is_granted(p):
    """Nix or Guix beside Debian: it holds copies of people's projects, and more names than a rule about a program's looks at."""
    (p.base / "p.cedar").write_text('forbid (principal, action == Ward::Action::"proc.exec", resource) when { resource.name == "true" };\n')
    os.environ["PATH"] = "/usr/bin:/bin"
    for store_at in ("/nix/store", "/gnu/store"):
        secret = f"{store_at}/abc-source/private.py"
        for how in ((), ("--mode", "workspace_write"), ("--mode", "workspace_write", "--policy", p.base / "p.cedar")):
            r = p.run(*how, "--", "cat", secret)
            check_eq((r.code, r.out), (1, ""), r.err)
        r = p.run("--read", f"{store_at}/abc-source", "--", "cat", secret)
        check_eq((r.code, r.out), (0, "secret\n"), r.err)
    # Who works with it has it under a mode, as a runtime.
    os.environ["PATH"] = "/nix/store/abc-program/bin:/usr/bin:/bin"
    r = p.run("--mode", "workspace_write", "--", "of-the-store")
    check_eq((r.code, r.out), (0, ""), r.err)


# ---- directories that are links ----

def ostree():
    """/home is var/home, as Silverblue and CoreOS have it; and /tmp leads elsewhere, too."""
    top = new_root("home", "var", "tmp")
    for name, mode in (("var/home/u/p", 0o777), ("var/tmp", 0o1777), ("var/elsewhere", 0o1777)):
        (top / name).mkdir(parents=True)
        (top / name).chmod(mode)
    link(top / "home", "var/home")
    link(top / "tmp", "/var/elsewhere")
    put(top / "var/home/u/p/f", "text\n")
    box.mount("/tmp", str(top / "var/elsewhere"), None, box.MS_BIND)
    enter(top)


@as_both(ostree)
def a_grant_is_named_by_the_link_that_home_or_tmp_is(p):
    script = "cat /home/u/p/f /var/home/u/p/f; cd && echo mine >n && cat /home/ward/n /var/home/ward/n; ls /home; echo tmp >/tmp/t && cat /tmp/t"
    for how in (("--read", "/home/u/p"), ("--write", "/home/u/p"), ("--cap", "FILE_READ:/home/u/p/**"), ("--mode", "workspace_write", "--read", "/home/u/p")):
        r = p.run(*how, "--", "sh", "-c", script)
        check_eq((r.code, r.out), (0, "text\ntext\nmine\nmine\nu\nward\ntmp\n"), r.err)
    (p.base / "g").write_text("other\n")
    r = p.run("--read", p.base / "g", "--", "sh", "-c", f"cat {p.base}/g {os.path.realpath(p.base)}/g && echo mine >/tmp/n && cat /var/elsewhere/n; echo >{p.base}/g")
    check_eq(r.out, "other\nother\nmine\n", r.err)
    check_eq((sorted(os.listdir("/var/home")), os.path.exists("/tmp/n")), (["u"], False), "made on the host")
    # As on a host where it is none; by its own name it is a directory like others.
    for how in (("--read", "/home"), ("--write", "/home"), ("--cap", "FILE_READ:/home/**"), ("--mode", "workspace_write", "--read", "/home")):
        r = p.run(*how, "--", "true")
        check_in('"/home" cannot be granted: the run\'s private home /home/ward lies in it; grant the directories below /home', r.err)
        check_eq(r.code, 125, r.err)
    r = p.run("--read", "/var/home", "--", "cat", "/var/home/u/p/f")
    check_eq((r.code, r.out), (0, "text\n"), r.err)


@as_both(ostree)
def rules_about_what_is_granted_by_that_link_are_about_something(p):
    r = p.run("--review", "--write", "/home/u/p", "--", "sh", "-c", "echo new >/home/u/p/n; cat /home/u/p/n")
    check_eq((r.code, r.out, "about nothing" in r.err), (0, "new\n", False), r.err)
    (p.base / "rules.cedar").write_text('forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/home/u/p/f");\n')
    r = p.run("--policy", p.base / "rules.cedar", "--write", "/home/u/p", "--", "true")
    check_in('"/home/u/p/f" leads through a link: rules about it are about nothing', r.err)


# ---- a host that has next to nothing ----

@as_both(store("/nix/store", "elsewhere/bin", lambda top: None))
def doctor_says_what_a_run_holds_where_there_is_no_program(p):
    """An image of one static binary."""
    said = doctor(p)
    check_in("\nwarn  run             not tried: this host has no program named true", said)
    check_in("\n      syscalls        enforced", said)


def no_usr():
    enter(new_root("usr", "bin", "sbin", *(name for name in os.listdir("/") if name.startswith("lib"))))


@as_both(no_usr)
def doctor_says_it_where_there_is_no_usr_either(p):
    """Busybox and its links in /bin, or a single program."""
    check_in("\n      syscalls        enforced", doctor(p))


def read_only_tmp():
    box.private_mounts()
    box.bound_fuse()
    box.mount("/tmp", "/tmp", None, box.MS_BIND | box.MS_REC)
    box.mount("none", "/tmp", None, box.MS_BIND | MS_REMOUNT | MS_RDONLY)
    tempfile.tempdir = "/var/tmp"


@as_both(read_only_tmp)
def doctor_tries_a_run_where_tmp_is_read_only(p):
    """As in a pod with readOnlyRootFilesystem."""
    check_in("\nok    run             /bin/true exited with 0", doctor(p))


box.main()
