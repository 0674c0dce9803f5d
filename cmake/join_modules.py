"""Joins ES modules into one script: what a browser would fetch as forty files it then fetches as one.

No bundler: each module becomes a function that is called once, in the order of what they import, and returns what it exports. That
is all that modules of our kind need: they import by relative names at their top, export at the beginning of a line, change nothing
that they have exported, and never import in a circle. Whatever else is met is an error, not a guess. (Only text within a template
literal would be mistaken, if a line of it began with "export": such text is put together in another way.)
"""
import pathlib
import posixpath
import re

IMPORT = re.compile(r"\s*import\s*(?:([\w$]+)\s*,?\s*)?(?:\{([^}]*)\})?\s*from\s*['\"](\.[^'\"]+)['\"]\s*;?")
HEAD = re.compile(r"\s*(/\*.*?\*/)?", re.S)
EXPORTED = re.compile(r"export (const|function|async function|class) ([\w$]+)")
EXPORT_LIST = re.compile(r"export\s*\{([^}]*)\}\s*;?")
EXPORT_DEFAULT = re.compile(r"export default ")


def names(text):
    """`a, b as c` as pairs: the name in the module, the name outside."""
    for one in filter(None, (part.strip() for part in text.split(","))):
        inner, _, outer = one.partition(" as ")
        yield inner.strip(), (outer or inner).strip()


def exports_taken(text, name):
    """The text without its export statements, and {outer: inner}."""
    found, parts, done = {}, [], 0
    for match in re.finditer(r"(?:^|(?<=[;}]))export\b", text, re.M):
        start = match.start()
        if start < done:
            continue
        parts.append(text[done:start])
        if declared := EXPORTED.match(text, start):
            found[declared[2]] = declared[2]
            done = start + len("export ")
        elif listed := EXPORT_LIST.match(text, start):
            found.update((outer, inner) for inner, outer in names(listed[1]))
            done = listed.end()
        elif default := EXPORT_DEFAULT.match(text, start):
            found["default"] = "$default"
            parts.append("const $default = ")
            done = default.end()
        else:
            raise SystemExit(f"{name}: an export of a kind that join_modules.py does not know")
    return "".join(parts) + text[done:], found


class Joined:
    def __init__(self, read):
        self.read = read  # the text of a module by its name
        self.order = {}  # name -> its number, or None while what it imports is being read
        self.text = []

    def add(self, name):
        if name in self.order:
            if self.order[name] is None:
                raise SystemExit(f"{name}: modules import each other in a circle")
            return self.order[name]
        self.order[name] = None
        text = self.read(name)
        at = HEAD.match(text).end()
        bound = []
        while match := IMPORT.match(text, at):
            other = self.add(posixpath.normpath(posixpath.join(posixpath.dirname(name), match[3])))
            if match[1]:
                bound.append(f"const {match[1]} = $m{other}.default;")
            if match[2]:
                pairs = ", ".join(inner if inner == outer else f"{inner}: {outer}" for inner, outer in names(match[2]))
                bound.append(f"const {{ {pairs} }} = $m{other};")
            at = match.end()
        body, found = exports_taken(text[at:], name)
        returned = ", ".join(outer if outer == inner else f"{outer}: {inner}" for outer, inner in found.items())
        number = sum(one is not None for one in self.order.values())
        self.order[name] = number
        self.text.append(f"const $m{number} = (() => {{ /* {name} */\n{' '.join(bound)}\n{body.strip()}\nreturn {{ {returned} }};\n}})();\n")
        return number


def join(read, first):
    joined = Joined(read)
    joined.add(first)
    return "".join(joined.text)


if __name__ == "__main__":  # for a test: join_modules.py FIRST [PREFIX=DIR]...
    import sys

    roots = [argument.rpartition("=")[::2] for argument in sys.argv[2:]]

    def read(name):
        for prefix, root in roots:
            path = pathlib.Path(root, name[len(prefix):])
            if name.startswith(prefix) and path.is_file():
                return path.read_text()
        raise SystemExit(f"no module {name}")

    sys.stdout.write(join(read, sys.argv[1]))
