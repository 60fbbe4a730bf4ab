#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What managers of versions and of programs laid into a home, under `ward run --mode workspace_write`, without a grant by hand.

Homes are laid out as pipx, uv, ghcup, proto, juliaup, swiftly, .NET, Homebrew and others do: their programs are there by the PATH, and what of them may hold
a login is not.
"""
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sandbox"))
import box  # noqa: E402  pylint: disable=wrong-import-position
from box import both, both_cases  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, check_in  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from laid import MODE, SYSTEM, inside, tool  # noqa: E402  pylint: disable=wrong-import-position

for _name in ("DOTNET_ROOT", "ANDROID_HOME", "ELAN_HOME", "JAVA_HOME", "RYE_HOME", "PROTO_HOME", "PIXI_HOME", "PKGX_DIR", "JULIAUP_DEPOT_PATH"):
    os.environ.pop(_name, None)


LAID = [   # what a manager laid, what a person has on the PATH, and what leads from there to it
    ("uv", ".local/share/uv/python/cpython-3.12.1-x/bin/the-tool", ".local/bin"),
    ("uv_tool", ".local/share/uv/tools/ruff/bin/the-tool", ".local/bin"),
    ("pipx", ".local/share/pipx/venvs/black/bin/the-tool", ".local/bin"),
    ("ghcup", ".ghcup/ghc/9.4.7/bin/the-tool", ".ghcup/bin"),
    ("proto", ".proto/tools/node/20.1.0/bin/the-tool", ".proto/bin"),
    ("poetry", ".local/share/pypoetry/venv/bin/the-tool", "bin"),
]


@both_cases([(row[0], row) for row in LAID])
def a_link_in_a_directory_of_the_path_is_what_it_leads_to(p, row):
    _, real, at = row
    prefix = (p.home / real).parent.parent
    tool(p.home / real)
    (prefix / "lib").mkdir()
    (prefix / "lib/part").write_text("part\n")
    if "/venv" in real or "/tools/ruff" in real:
        (prefix / "pyvenv.cfg").write_text("home = /usr/bin\n")
    bin_dir = p.home / at
    tool(bin_dir / "mine", "#!/bin/sh\necho mine\n")
    (bin_dir / "the-tool-1").symlink_to(os.path.relpath(p.home / real, bin_dir))
    (bin_dir / "the-tool").symlink_to("the-tool-1")
    (bin_dir / "the-key").symlink_to(p.home / ".ssh")
    env = {"HOME": str(p.home), "PATH": f"{bin_dir}:{SYSTEM}"}
    for argv in (["the-tool"], ["sh", "-c", "the-tool"], ["env", "the-tool-1"]):
        r = inside(p, p.ws, *argv, env=env)
        check(r.code == 0 and "the-tool" in r.out, r.out + r.err)
    r = inside(p, p.ws, "cat", prefix / "lib/part", env=env)
    check_eq(r.out, "part\n", r.err)
    # What lies beside it is not shown, is told of where it is not found, and nothing is written.
    r = p.run(*MODE, "--", "sh", "-c", f"echo x > {p.home / real}; cat {bin_dir}/the-key/x; mine", env=env)
    if at != ".ghcup/bin":
        check_eq((r.code, r.out), (127, ""), r.err)
        check_in(f"of your PATH the run does not have '{bin_dir}'; --read DIR", r.err)
    check_eq((p.home / real).read_text(), "#!/bin/sh\necho ${0}\n")
    # A grant of the directory is the directory.
    r = inside(p, p.ws, "sh", "-c", "mine; the-tool", env=env, words=("--read", bin_dir))
    check(r.code == 0 and r.out.startswith("mine\n") and "the-tool" in r.out, r.out + r.err)
    # A forbid is stronger, of the one as of the other.
    rules = p.side / "no.cedar"
    for path in (prefix, bin_dir):
        rules.write_text(f'@id("no") forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"{path}");\n')
        r = p.run(*MODE, "--policy", rules, "--", "sh", "-c", f"cat {bin_dir}/the-tool {prefix}/lib/part; the-tool", env=env)
        check_eq((r.code, r.out), (127, "" if path == prefix else "part\n"), f"{path}: {r.err}")


@both
def a_venv_of_ones_own_has_the_python_that_it_leads_to(p):
    """uv's Pythons are found by a link to a minor version; a venv of pipx leads through it."""
    real = p.home / ".local/share/uv/python/cpython-3.12.1-x"
    tool(real / "bin/python3.12", "#!/bin/sh\necho python\n")
    (real.parent / "cpython-3.12-x").symlink_to(real.name)
    venv = p.home / ".local/share/pipx/venvs/black"
    tool(venv / "bin/black", f"#!{venv}/bin/python\n")
    (venv / "bin/python3").symlink_to(real.parent / "cpython-3.12-x/bin/python3.12")
    (venv / "bin/python").symlink_to("python3")
    (venv / "pyvenv.cfg").write_text(f"home = {real.parent}/cpython-3.12-x/bin\n")
    (venv / "pipx_metadata.json").write_text("secret\n")
    (venv / "src/gp/.git").mkdir(parents=True)
    (venv / "src/gp/.git/config").write_text("secret\n")
    (venv / "src/gp/code").write_text("code\n")
    (p.home / ".local/bin").mkdir(parents=True)
    (p.home / ".local/bin/black").symlink_to(venv / "bin/black")
    env = {"HOME": str(p.home), "PATH": f"{p.home}/.local/bin:{SYSTEM}"}
    for argv in (["black"], ["sh", "-c", "black"]):
        r = inside(p, p.ws, *argv, env=env)
        check_eq((r.code, r.out), (0, "python\n"), r.err)
    r = p.run(*MODE, "--", "cat", venv / "src/gp/code", venv / "pipx_metadata.json", venv / "src/gp/.git/config", env=env)
    check_eq((r.code, r.out), (1, "code\n"), r.err)


CHOSEN = [   # stand-ins, the file that chooses, its text, the version's place
    ("rye", ".rye/shims", ".rye/config.toml", '[default]\nlicense = "MIT"\ntoolchain = "cpython@3.12.1"\n', ".rye/py/cpython@3.12.1"),
    ("proto", ".proto/shims", ".proto/.prototools", 'node = "20.1.0"\n\n[settings]\nauto-clean = true\n', ".proto/tools/node/20.1.0"),
    ("swiftly", ".local/share/swiftly/bin", ".local/share/swiftly/config.json", '{\n  "inUse" : "6.0.1",\n  "installedToolchains" : [\n    "6.0.1"\n  ]\n}\n',
     ".local/share/swiftly/toolchains/6.0.1/usr"),
    ("juliaup", ".juliaup/bin", ".julia/juliaup/juliaup.json",
     '{\n  "Default": "release",\n  "InstalledVersions": {\n    "1.10.4+0.x64.linux.gnu": {\n      "Path": "./julia-1.10.4+0.x64.linux.gnu"\n    }\n  },\n'
     '  "InstalledChannels": {\n    "lts": {\n      "Version": "1.6.7+0.x64.linux.gnu"\n    },\n    "release": {\n      "Version": "1.10.4+0.x64.linux.gnu"\n    }\n  }\n}\n',
     ".julia/juliaup/julia-1.10.4+0.x64.linux.gnu"),
]


@both_cases([(row[0], row) for row in CHOSEN])
def what_more_managers_chose_is_there(p, row):
    _, shims, file, text, real = row
    tool(p.home / shims / "the-tool", "#!/bin/sh\nexit 9\n")
    tool(p.home / real / "bin/the-tool")
    (p.home / file).parent.mkdir(parents=True, exist_ok=True)
    (p.home / file).write_text(text)
    env = {"HOME": str(p.home), "PATH": f"{p.home}/{shims}:{SYSTEM}"}
    for argv in (["the-tool"], ["sh", "-c", "the-tool"]):
        r = inside(p, p.ws, *argv, env=env)
        check_eq((r.code, r.out), (0, f"{p.home}/{real}/bin/the-tool\n"), r.err)
    r = p.run(*MODE, "--", "cat", p.home / file, env=env)
    check(r.code != 0, "what it was chosen by is shown")


WHOLE = [   # the prefix, where its programs are, what of it is shown, what is not, and the variable that says where it is
    (".dotnet", "", "shared/x", ("corefx/cryptography/x509stores/my/k.pfx",), "DOTNET_ROOT"),
    (".dotnet", "tools", "shared/x", (), "DOTNET_ROOT"),
    (".pixi", "bin", "bin/trampoline_configuration/x.json", ("config.toml", "manifests/pixi-global.toml", "envs/e/conda-meta/history"), None),
    (".elan", "bin", "toolchains/leanprover--lean4---v4.9.0/bin/lean", (), "ELAN_HOME"),
    (".pkgx", "nodejs.org/v20.1.0/bin", "openssl.org/v1/lib/x.so", (), None),
    ("Android/Sdk", "platform-tools", "build-tools/x", (), "ANDROID_HOME"),
    (".linuxbrew", "bin", "lib/python3.12/site-packages/x", ("var/postgresql/secret", "etc/openssl/private/key", "Library/Taps/o/t/.git/config",
                                                             "Homebrew/Library/Taps/o/t/.git/config", "Homebrew/.git/config"), None),
    (".opam/default", "bin", "lib/findlib.conf", (".opam-switch/overlay/x/opam", ".opam-switch/sources/x/.git/config"), None),
    (".bun", "bin", "install/cache/a@1/config/x", ("install/cache/0a.git/config",), None),
    (".pyenv/versions/3.12.1", "bin", "envs/w/src/gp/git", ("pip.conf", "envs/w/pip.conf", "envs/w/src/gp/.git/config"), None),
    ("miniforge3", "bin", "lib/x", (".condarc", "pip.conf", "pkgs/urls.txt", "conda-meta/history", "envs/e/conda-meta/history"), None),
    (".local/share/hatch/pythons/3.12", "python/bin", "python/lib/x", (), None),
    (".local/share/pdm/python/cpython@3.12.1", "bin", "lib/x", ("pip.conf",), None),
]


@both_cases([(row[0].strip(".").replace("/", "_") + "_" + row[1].replace("/", "_"), row) for row in WHOLE])
def of_a_tools_own_place_is_shown_what_is_no_secret(p, row):
    name, programs, shown, hidden, variable = row
    prefix = p.home / name
    tool(prefix / programs / "the-tool")
    for n in (shown, *hidden):
        (prefix / n).parent.mkdir(parents=True, exist_ok=True)
        (prefix / n).write_text("secret\n" if n in hidden else "shown\n")
    dirs = str(prefix / programs) if programs else str(prefix)
    env = {"HOME": str(p.home), "PATH": f"{dirs}:{SYSTEM}"}
    r = inside(p, p.ws, "sh", "-c", f"the-tool; cat {prefix}/{shown}", env=env)
    check_eq((r.code, r.out), (0, f"{dirs}/the-tool\nshown\n"), r.err)
    if hidden:
        r = p.run(*MODE, "--", "cat", *(prefix / n for n in hidden), env=env)
        check(r.code != 0 and "secret" not in r.out, r.out)
        # Nor where the command itself lies in it.
        r = p.run("--read", ".", "--", "sh", "-c", f"cat {' '.join(str(prefix / n) for n in hidden)}", env=env)
        check("secret" not in r.out, r.out)
        tool(prefix / programs / "tell", f"#!/bin/sh\ncat {' '.join(str(prefix / n) for n in hidden)}\n")
        r = p.run("--", prefix / programs / "tell", env=env)
        check("secret" not in r.out, r.out)
    r = inside(p, p.ws, "sh", "-c", f"echo ${{{variable or 'NONE'}}}", env=env)
    check_eq(r.out, f"{prefix if variable else ''}\n", r.err)
    if variable:
        r = inside(p, p.ws, "sh", "-c", f"echo ${variable}", env=env, words=("--env", f"{variable}=mine"))
        check_eq(r.out, "mine\n", r.err)
        # By the variable alone, and not by one that leads elsewhere.
        r = inside(p, p.ws, "cat", prefix / shown, env={"HOME": str(p.home), "PATH": SYSTEM, variable: str(prefix)})
        check_eq(r.out, "shown\n", r.err)
        for other in (p.home, "/", "/nowhere", "a"):
            r = p.run(*MODE, "--", "sh", "-c", f"echo ${variable}; ls {p.home}", env={"HOME": str(p.home), "PATH": SYSTEM, variable: str(other)})
            check(r.code != 0 and r.out == "\n", f"{other}: {r.out}")


SIGNS = [("DOTNET_ROOT", "dotnet"), ("ANDROID_HOME", "licenses/x"), ("ANDROID_HOME", "platform-tools/x"), ("ELAN_HOME", "toolchains/x")]


@both_cases([(f"{v} {sign.split('/')[0]}", v, sign) for v, sign in SIGNS])
def what_a_variable_names_is_a_runtime_only_by_a_sign_in_it(p, variable, sign):
    private = p.home / "private"
    private.mkdir(parents=True)
    (private / "key").write_text("secret\n")
    env = {"HOME": str(p.home), "PATH": f"{private}:{SYSTEM}", variable: str(private)}
    for _ in range(2):
        r = p.run(*MODE, "--", "sh", "-c", f"cat {private}/key; echo =${variable}", env=env)
        check_eq(r.out, "=\n", r.err)
        (private / "licenses").write_text("no directory\n")
        (private / "toolchains").write_text("no directory\n")
    for name in ("licenses", "toolchains"):
        (private / name).unlink()
    (private / sign).parent.mkdir(exist_ok=True)
    (private / sign).write_text("x\n")
    r = inside(p, p.ws, "sh", "-c", f"cat {private}/key; echo =${variable}", env=env)
    check_eq(r.out, f"secret\n={private}\n", r.err)


@both
def of_homebrews_settings_are_shown_certificates_alone(p):
    brew = p.home / ".linuxbrew"
    tool(brew / "bin/the-tool")
    shown = ("etc/ca-certificates/cert.pem", "etc/openssl@3/certs/x", "etc/fonts/fonts.conf")
    hidden = ("etc/my.cnf", "etc/php/8.3/php.ini", "etc/openssl@3/private/key", "etc/openssl@3x/key", "etc/ssl", "etc/l/key")
    for n in shown + hidden:
        (brew / n).parent.mkdir(parents=True, exist_ok=True)
        (brew / n).write_text("secret\n" if n in hidden else "shown\n")
    (brew / "etc/openssl@3/cert.pem").symlink_to("../ca-certificates/cert.pem")
    (brew / "etc/openssl").symlink_to("openssl@3")
    env = {"HOME": str(p.home), "PATH": f"{brew}/bin:{SYSTEM}"}
    r = inside(p, p.ws, "cat", *(brew / n for n in (*shown, "etc/openssl@3/cert.pem", "etc/openssl/cert.pem")), env=env)
    check_eq(r.out, 5 * "shown\n", r.err)
    tool(brew / "bin/tell", f"#!/bin/sh\ncat {' '.join(str(brew / n) for n in hidden)}\n")
    for words in ((*MODE, "--", "tell"), ("--", brew / "bin/tell")):
        r = p.run(*words, env=env)
        check(r.code != 0 and "secret" not in r.out, r.out)
    # What cannot be named one by one is hidden whole.
    (brew / "etc/a\nb").write_text("secret\n")
    r = p.run(*MODE, "--", "cat", brew / shown[0], brew / "etc/a\nb", env=env)
    check_eq(r.out, "", r.err)


@both
def more_links_than_are_shown_are_spoken_of(p):
    real = p.home / ".local/share/uv/python/cpython-3.12.1-x/bin"
    bin_dir = p.home / ".local/bin"
    tool(real / "the-tool")
    bin_dir.mkdir(parents=True)
    env = {"HOME": str(p.home), "PATH": f"{bin_dir}:{bin_dir}:{SYSTEM}"}
    for i in range(64):
        (bin_dir / f"t{i}").symlink_to(real / "the-tool")
    for i in range(2000):
        (bin_dir / f"other{i}").symlink_to("/etc/passwd")
    r = inside(p, p.ws, "ls", bin_dir, env=env)
    check_eq((r.out.count("\n"), "links on the PATH" in r.err), (64, False), r.err)
    (bin_dir / "last").symlink_to(real / "the-tool")
    r = inside(p, p.ws, "ls", bin_dir, env=env)
    check_eq((r.out.count("\n"), r.err.count("more than 64 links on the PATH lead into runtimes: ")), (64, 1), r.err)
    check_in("; --read of a link and of what it leads to shows it", r.err)


@both
def an_environment_in_the_project_has_the_python_of_who_made_it(p):
    """PDM, Rye, Hatch and Poetry fetch Pythons, and the venv that they make in the project leads to one of them."""
    for program, real in (("pdm", ".local/share/pdm/python/cpython@3.12.1"), ("rye", ".rye/py/cpython@3.12.1"),
                          ("hatch", ".local/share/hatch/pythons/3.12/python"), ("poetry", ".local/share/pypoetry/python/cpython@3.12.1")):
        tool(p.home / real / "bin/python3")
        venv = p.ws / program
        (venv / "bin").mkdir(parents=True)
        (venv / "bin/python").symlink_to(p.home / real / "bin/python3")
        (venv / "pyvenv.cfg").write_text(f"home = {p.home / real}/bin\n")
        env = {"HOME": str(p.home), "PATH": f"{p.home}/my:{SYSTEM}"}
        r = p.run(*MODE, "--", f"{program}/bin/python", env=env)
        if not shutil.which(program, path=SYSTEM):
            check_eq((r.code, r.out), (125, ""), f"{program}: nobody works with it: {r.err}")
        tool(p.home / "my" / program)
        for argv in ([f"{program}/bin/python"], ["sh", "-c", f"{program}/bin/python"]):
            r = inside(p, p.ws, *argv, env=env)
            check_eq((r.code, r.out.replace(f"{p.ws}/", "")), (0, f"{program}/bin/python\n"), f"{program}: {r.err}")
        (p.home / "my" / program).unlink()


@both
def java_home_is_the_callers_where_a_run_may_have_it(p):
    jdk = p.home / ".sdkman/candidates/java/21.0.1"
    tool(jdk / "bin/java")
    (jdk.parent / "current").symlink_to("21.0.1")
    r = inside(p, p.ws, "sh", "-c", "echo $JAVA_HOME; $JAVA_HOME/bin/java", env={"HOME": str(p.home), "PATH": SYSTEM, "JAVA_HOME": str(jdk.parent / "current")})
    check_eq((r.code, r.out), (0, f"{jdk}\n{jdk}/bin/java\n"), r.err)
    r = inside(p, p.ws, "sh", "-c", "echo $JAVA_HOME", env={"HOME": str(p.home), "PATH": SYSTEM, "JAVA_HOME": "/usr/lib"})
    check_eq(r.out, "/usr/lib\n", r.err)
    # Another program of SDKMAN's is no JDK.
    tool(p.home / ".sdkman/candidates/maven/3.9.1/bin/the-tool")
    r = inside(p, p.ws, "sh", "-c", "the-tool; echo =$JAVA_HOME", env={"HOME": str(p.home), "PATH": f"{p.home}/.sdkman/candidates/maven/3.9.1/bin:{SYSTEM}"})
    check_in("\n=\n", r.out, r.err)


if __name__ == "__main__":
    box.main()
