#!/usr/bin/env python3
"""Checks of the tree that a compiler does not make: tidy.py [--build DIR].

Each check is a function that yields (place, complaint). Run from anywhere, after a build: headers are compiled against its
generated files, and its compile_commands.json says what is built.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCT = ["base", "proto", "history", "matching", "persistence", "server"]

# What a folder may include of ours, besides itself. Siblings do not know each other.
BELOW = {
    "base": set(),
    "proto": {"base"},
    "history": {"proto", "base"},
    "matching": {"proto", "base"},
    "persistence": {"proto", "base"},
    "server": {"history", "matching", "persistence", "proto", "base"},
}

# Libraries of others that stay in one place, so that replacing one is that place's work: header -> folders or files.
TRANSPORT = ("server/loop/", "server/grpc/", "server/http/", "bench/", "tests/unit/server/")
ONLY_IN = {
    r"sqlite3\.h": ("persistence/", "tests/unit/persistence/"),
    r"h2o\.h|h2o/.*": TRANSPORT,
    r"nghttp2/.*": TRANSPORT,
    r"openssl/.*": TRANSPORT,
    r"jansson\.h": ("proto/json.c",),
    r".*\.pb-c\.h": (),  # proto/api.h has them all
}

# Functions with one home, or none: the C library's name -> what to use. Home is base/.
BANNED = {
    "time": "base/clock.h",
    "gettimeofday": "base/clock.h",
    "clock_gettime": "base/clock.h",
    "localtime": "gmtime_r, with time from base/clock.h",
    "gmtime": "gmtime_r, with time from base/clock.h",
    "rand": "base/rand.h",
    "random": "base/rand.h",
    "rand_r": "base/rand.h",
    "srand": "base/rand.h",
    "drand48": "base/rand.h",
    "getrandom": "base/rand.h",
    "strcpy": "arena_strdup, or memcpy with its length",
    "strcat": "arena_printf",
    "sprintf": "arena_printf or snprintf",
    "vsprintf": "arena_vprintf or vsnprintf",
    "strtok": "strchr",
    "atoi": "strtol, with its errors",
    "malloc": "an arena, or base/memory.h",
    "calloc": "an arena, or base/memory.h",
    "realloc": "an arena, or struct buffer of base/bytes.h",
    "strdup": "arena_strdup",
    "alloca": "an arena",
}


def files(*patterns, under=PRODUCT):
    """Our files that match, by their paths relative to the root."""
    found = (path for folder in under for pattern in patterns for path in (ROOT / folder).rglob(pattern)
             if "node_modules" not in path.parts)
    return sorted(path.relative_to(ROOT) for path in found)


def text_of(path):
    return (ROOT / path).read_text()


def without_comments_and_strings(text):
    """The code alone, with as many lines as before."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def numbered(path):
    return enumerate(text_of(path).splitlines(), 1)


def check_includes():
    """Includes point down, never sideways, and libraries stay where they belong."""
    for path in files("*.[ch]", under=[*PRODUCT, "tests", "bench"]):
        top = path.parts[0]
        parts = path.parts
        if top == "tests" and parts[1] == "unit" and parts[2] in BELOW:
            allowed = BELOW[parts[2]] | {parts[2], "tests"}
        else:
            allowed = BELOW.get(top, set(BELOW) | {"tests", "bench"}) | {top}
        for number, line in numbered(path):
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            target = match[1]
            folder = target.split("/")[0]
            if line.lstrip().startswith("#include <") is False and "/" in target and folder in BELOW and folder not in allowed:
                yield f"{path}:{number}", f"{top}/ may not include {target}"
            if '"' in line and not (ROOT / target).exists() and folder in BELOW and not generated(target):
                yield f"{path}:{number}", f"{target} does not exist"
            for pattern, homes in ONLY_IN.items():
                if re.fullmatch(pattern, target) and not str(path).startswith(homes or "\0"):
                    yield f"{path}:{number}", f"{target} belongs in {' '.join(homes) or 'proto/api.h'}"


def generated(target):
    return target in ("proto/api.h", "proto/rpc_table.def", "proto/http_routes.def", "persistence/migrations_embedded.h", "base/time_zones_embedded.h")


def check_banned():
    """What base/ is the home of is not called elsewhere."""
    call = re.compile(rf"(?<![\w.>])({'|'.join(BANNED)})\s*\(")
    for path in files("*.[ch]", under=[folder for folder in PRODUCT if folder != "base"]):
        for number, line in enumerate(without_comments_and_strings(text_of(path)).splitlines(), 1):
            for match in call.finditer(line):
                yield f"{path}:{number}", f"{match[1]}: use {BANNED[match[1]]}"


def blocks(text):
    """The paragraphs of a header at file scope: (line number, lines). A blank line inside braces does not end one."""
    depth, start, block = 0, 0, []
    in_comment = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() and depth == 0 and not in_comment:
            if block:
                yield start, block
            block = []
            continue
        if not block:
            start = number
        block.append(line)
        in_comment = "/*" in line and "*/" not in line.split("/*")[-1] or in_comment and "*/" not in line
        code = without_comments_and_strings(line) if not in_comment and "*/" not in line else ""
        depth += code.count("{") + code.count("(") - code.count("}") - code.count(")")
    if block:
        yield start, block


def check_doc_comments():
    """Each paragraph of declarations in a header begins with a comment. Types and constants may have theirs inside; the
    names of an enum may speak for themselves."""
    uninteresting = re.compile(
        r"\s*(#\s*(include|if|ifdef|ifndef|else|elif|endif|undef|pragma|error)\b.*"
        r"|#define FERMATA_\w+_H|(struct|union|enum) \w+;|)$"
    )
    for path in files("*.h"):
        for number, block in blocks(text_of(path)):
            code = without_comments_and_strings("\n".join(block)).splitlines()
            bare = [i for i, line in enumerate(code) if not uninteresting.match(line.rstrip())]
            if not bare or block[bare[0]].lstrip().startswith("/*") or "*/" in "".join(block[: bare[0]]):
                continue
            first = code[bare[0]]
            if re.match(r"#define \w+\(", first) and any(re.match(r'#\s*include .*\.def"', line) for line in block):
                continue  # how a table is read here, not something for others to use
            commented = any("/*" in line or "//" in line for line in block)
            if re.match(r"enum\b", first) or (commented and re.match(r"(struct|union|typedef|#define \w+ )", first)):
                continue
            yield f"{path}:{number + bare[0]}", f"no comment says what this is: {first.strip()[:60]}"


def check_headers_alone(build):
    """Every header compiles by itself, first and only."""
    command = ["cc", "-fsyntax-only", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Ulinux", "-D_GNU_SOURCE=", "-DH2O_USE_LIBUV=0"]
    command += ["-DFERMATA_CHECKS=1", f"-I{ROOT}", "-isystem", f"{build}/generated", "-isystem", f"{ROOT}/build/deps/h2o/include"]

    def compile_alone(path):
        # Through a file that includes it: a header as the main file is warned about for its unused static functions.
        source = f'#include "{path}"\n'
        done = subprocess.run([*command, "-x", "c", "-"], input=source, capture_output=True, text=True, cwd=ROOT, check=False)
        return path, done.stderr.strip() if done.returncode else ""

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, said in pool.map(compile_alone, files("*.h", under=[*PRODUCT, "tests", "bench"])):
            if said:
                yield str(path), "does not compile alone:\n" + "\n".join(said.splitlines()[:6])


def check_everything_is_built(build):
    """Every C file belongs to a target."""
    built = {str(pathlib.Path(entry["file"]).resolve()) for entry in json.loads((build / "compile_commands.json").read_text())}
    for path in files("*.c", under=[*PRODUCT, "tests", "bench"]):
        if str(ROOT / path) not in built:
            yield str(path), "no target builds it (or the build is older than the file)"


def check_docs():
    """What the documentation names exists: `a_function()`, `folder/file.c`, and in docs/ `any_name` of ours or the API's."""
    texts = [text_of(path) for path in files("*.[ch]", "*.def", "*.py", "*.sql", "*.proto", under=[*PRODUCT, "tests", "bench", "cmake"])]
    texts += [path.read_text() for path in ROOT.glob("*") if path.is_file()]
    known = set(re.findall(r"\w+", "\n".join(texts)))
    api = ROOT / "build/debug/generated"
    for header in api.rglob("*.pb-c.h"):
        known |= set(re.findall(r"\w+", header.read_text()))
    for path in [*files("*.md", under=["docs", *PRODUCT]), pathlib.Path("README.md")]:
        if not (ROOT / path).exists():
            continue
        for number, line in numbered(path):
            for name in re.findall(r"`([^`]+)`", line):
                function = re.fullmatch(r"(\w+)\(\)", name)
                if function and function[1] not in known:
                    yield f"{path}:{number}", f"there is no function {name}"
                elif path.parts[0] == "docs" and re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name) and name not in known:
                    yield f"{path}:{number}", f"nothing is called {name}"
                elif "NNNN" not in name and re.fullmatch(r"(\w[\w-]*/)+[\w.-]+\.(c|h|def|py|sql|md|proto|cmake|sh)", name):
                    if not (ROOT / name).exists() and not (ROOT / path.parent / name).exists() and not generated(name):
                        yield f"{path}:{number}", f"there is no file {name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/debug", help="a configured and built directory (default: build/debug)")
    build = (ROOT / parser.parse_args().build).resolve()
    if not (build / "generated/proto/api.h").exists():
        sys.exit(f"tidy: {build} is not built; build it first or name another with --build")

    started = time.monotonic()
    checks = [
        check_includes(),
        check_banned(),
        check_doc_comments(),
        check_everything_is_built(build),
        check_docs(),
        check_headers_alone(build),
    ]
    complaints = [f"{place}: {complaint}" for check in checks for place, complaint in check]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    count = len(files("*.[ch]", under=[*PRODUCT, "tests", "bench"]))
    verdict = f"{len(complaints)} complaints" if complaints else "no complaints"
    print(f"tidy: {verdict} about {count} files in {time.monotonic() - started:.1f} s")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
