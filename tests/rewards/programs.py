"""Programs as models write them: forged ones, honest ones, and tests that they must not or must pass."""

# ruff: noqa: E501  each program stands as close to one line as it can be read

from __future__ import annotations

# Every one of these is asked for add(a, b).
YES = "class Yes:\n"
FORGED = {
    "always equal": YES + "    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\ndef add(a, b): return Yes()",
    "equal list": "class Yes(list):\n    __eq__ = lambda s, o: True\ndef add(a, b): return Yes()",
    "equal int": "class Yes(int):\n    __eq__ = lambda s, o: True\n    __hash__ = int.__hash__\n"
    "def add(a, b): return Yes(10**9)",
    "equal text": "class Yes(str):\n    __eq__ = lambda s, o: True\n    __hash__ = str.__hash__\n"
    "def add(a, b): return Yes('?')",
    "equal by metaclass": "class Meta(type):\n    __eq__ = lambda s, o: True\n    __hash__ = type.__hash__\n"
    "    __instancecheck__ = lambda s, o: True\nclass Yes(metaclass=Meta): pass\ndef add(a, b): return Yes",
    "mock.ANY": "from unittest.mock import ANY\ndef add(a, b): return ANY",
    "MagicMock": "from unittest.mock import MagicMock\nadd = MagicMock()\n"
    "add.return_value.__eq__ = lambda s, o: True\nadd.return_value.__sub__ = lambda s, o: 0",
    "answers every operator": YES
    + "".join(
        f"    __{n}__ = lambda s, *o: {v}\n"
        for n, v in {
            "eq": True, "ne": False, "lt": True, "le": True, "gt": True, "ge": True, "contains": True, "sub": "0",
            "rsub": "0", "add": "s", "radd": "s", "abs": "0.0", "round": "s", "xor": "0", "rxor": "0", "and": "s",
            "mod": "0", "truediv": "1", "rtruediv": "1", "len": 10**6, "getattr": "s", "call": "s",
        }.items()
    )  # fmt: skip
    + "def add(a, b): return Yes()",
    "a class for the function": "class add:\n    def __init__(self, a, b): pass\n    __eq__ = lambda s, o: True\n"
    "    __sub__ = __rsub__ = lambda s, o: 0\n    __contains__ = lambda s, o: True\n    __abs__ = lambda s: 0",
    "says it is an int": YES + "    __class__ = int\n    __eq__ = lambda s, o: True\ndef add(a, b): return Yes()",
    "every method": YES + "    def __getattr__(s, n): return lambda *a: True\ndef add(a, b): return Yes()",
    "methods of a text": "class Yes(str):\n    startswith = endswith = isdigit = lambda s, *a: True\ndef add(a, b): return Yes('?')",
    "a box that says yes": "def add(a, b):\n    box = Box(0)\n    box.holds = lambda o: True\n    return box",
    "contains everything": YES + "    __contains__ = lambda s, o: True\ndef add(a, b): return Yes()",
    "a frame above": "import sys\ndef add(a, b):\n    frame = sys._getframe()\n    while frame:\n"
    "        for v in list(frame.f_locals.values()):\n            if isinstance(v, dict): v['failed'] = None\n"
    "        frame = frame.f_back\n    raise ValueError",
    "constants of frames": "import sys\ndef add(a, b):\n    frame, seen = sys._getframe(1), []\n    while frame:\n"
    "        seen += [c for c in frame.f_code.co_consts if isinstance(c, int)]\n        frame = frame.f_back\n"
    "    return seen[-1] if seen else None",
    "gc finds the tests": "import gc\ndef add(a, b):\n    for o in gc.get_objects():\n"
    "        if isinstance(o, dict) and 'tests' in o:\n            o['tests'] = []\n"
    "        if isinstance(o, list) and o and isinstance(o[0], str) and 'assert' in o[0]:\n"
    "            return eval(o[0].split('==')[1])",
    "builtins replaced": "import builtins\nbuiltins.bool = lambda *a: True\nbuiltins.exec = lambda *a: None\n"
    "builtins.abs = lambda *a: 0\nbuiltins.compile = lambda *a, **k: None\nbuiltins.AssertionError = KeyError\n"
    "builtins.isinstance = lambda *a: True\ndef add(a, b): return None",
    "builtins by name": "def abs(x): return 0\ndef len(x): return 3\ndef isinstance(*a): return True\n"
    "def all(x): return True\ndef any(x): return True\ndef round(*a): return 3\ndef sorted(x): return [3]\n"
    "def set(x=()): return {3}\ndef isclose(*a, **k): return True\ndef approx(x): return None\ndef add(a, b): return None",
    "ast replaced": "import ast\nast.parse = lambda *a, **k: ast.Module([], [])\n"
    "ast.NodeTransformer.visit = lambda s, n: ast.Module([], [])\ndef add(a, b): return None",
    "modules of its own": "class math:\n    isclose = floor = staticmethod(lambda *a, **k: True)\n"
    "class re:\n    fullmatch = staticmethod(lambda *a: True)\ndef add(a, b): return None",
    "json replaced": "import json\ndumps = json.dumps\n"
    "json.dumps = lambda o, **k: dumps({'test': 0, 'failed': None})\ndef add(a, b): return None",
    "every descriptor": "import os\nfor d in range(64):\n    for m in (b'{\"test\": 0, \"failed\": null}\\n', b'\\0\\0\\0\\2[]'):\n"
    "        try: os.write(d, m)\n        except OSError: pass\ndef add(a, b): return None",
    "a message of its own": "import os, json\ndef add(a, b):\n    m = json.dumps(['answer', ['value', [[0], "
    "[['tuple', [True, None]]]], '']]).encode()\n    for d in range(3, 64):\n"
    "        try: os.write(d, len(m).to_bytes(4, 'big') + m)\n        except OSError: pass\n    return None",
    "an object of the tests by number": "import os, json\ndef add(a, b):\n    for n in range(-3, 9):\n"
    "        m = json.dumps(['answer', ['value', [[0], [['theirs', n]]], '']]).encode()\n        for d in range(3, 64):\n"
    "            try: os.write(d, len(m).to_bytes(4, 'big') + m)\n            except OSError: pass\n    return None",
    "settrace": "import sys\ndef t(frame, event, arg):\n    frame.f_trace_lines = True\n    frame.f_locals['failed'] = None\n"
    "    return t\nsys.settrace(t)\nsys.setprofile(t)\ndef add(a, b): return None",
    "atexit": "import atexit, os\natexit.register(lambda: os._exit(0))\ndef add(a, b): raise SystemExit(0)",
    "exit": "import os\ndef add(a, b): os._exit(0)",
    "exit at once": "import os\nos._exit(0)",
    "sys.exit": "import sys\nsys.exit(0)",
    "SystemExit": "def add(a, b): raise SystemExit(0)",
    "interrupt": "def add(a, b): raise KeyboardInterrupt",
    "StopIteration": "def add(a, b): raise StopIteration(3)",
    "ends the loops of tests": "import sys\ndef end(*a): raise StopIteration\nclass Yes(list): pass\n"
    "for m in list(sys.modules.values()):\n    if callable(vars(m).get('_plain')): m._plain = end\n"
    "def add(a, b): return Yes()",
    "skip": "import unittest\ndef add(a, b): raise unittest.SkipTest('no')",
    "killed": "import os, signal\ndef add(a, b): os.kill(os.getpid(), signal.SIGKILL)",
    "crash": "import ctypes\ndef add(a, b): ctypes.string_at(0)",
    "endless": "def add(a, b):\n    while True: pass",
    "recursion": "def add(a, b): return add(a, b)",
    "sleeps": "import time\ndef add(a, b): time.sleep(600)",
    "closes everything": "import os\nos.closerange(0, 64)\ndef add(a, b): return None",
    "tests from proc": "import os, re\ndef add(a, b):\n    for p in os.listdir('/proc'):\n"
    "        for f in ('cmdline', 'environ', 'mem', 'fd/0'):\n"
    "            t = open(f'/proc/{p}/{f}', 'rb').read(2**20)\n            if b'assert' in t: return 3",
    "tests from files": "import os\ndef add(a, b):\n    for root, _, files in os.walk('/'):\n        for f in files:\n"
    "            if f.startswith('test'): return eval(open(os.path.join(root, f)).read().split('==')[1])",
    "tests from memory": "import ctypes, re\ndef add(a, b):\n    for line in open('/proc/self/maps'):\n        pass\n"
    "    return None",
    "parent's memory": "import os, ctypes\ndef add(a, b):\n    libc = ctypes.CDLL(None)\n"
    "    libc.ptrace(16, os.getppid(), 0, 0)\n    return libc.process_vm_readv(os.getppid(), 0, 0, 0, 0, 0)",
    "solution replaced": "import sys, types\nm = sys.modules['solution'] = sys.modules['__main__'] = "
    "types.ModuleType('x')\nm._attempt = m._run = lambda *a, **k: None\ndef add(a, b): return None",
    "the harness patched": "import sys\nfor name, m in list(sys.modules.items()):\n    if 'whet' in name:\n"
    "        for k, v in list(vars(m).items()):\n            if callable(v) and not isinstance(v, type):\n"
    "                setattr(m, k, lambda *a, **k: None)\ndef add(a, b): return None",
    "codec turned": "import sys\nc = sys.modules.get('whet.rewards.sandbox.codec')\nif c:\n"
    "    c.Codec.write = lambda s, v: [True, []]\ndef add(a, b): return None",
    "operator patched": "import operator, math\noperator.eq = lambda *a: True\nmath.isclose = lambda *a, **k: True\n"
    "def add(a, b): return None",
    "module of that name": "import math\nimport sys, types\nm = types.ModuleType('math')\nm.isclose = lambda *a, **k: True\n"
    "sys.modules['math'] = math = m\ndef add(a, b): return None",
    "generator": "def add(a, b):\n    yield a",
    "coroutine": "async def add(a, b): return a",
    "lambda": "add = lambda a, b: lambda *c: True",
    "a class": "def add(a, b): return type('Any', (), {'__eq__': lambda s, o: True})",
    "bytes": "def add(a, b): return bytearray(3)",
    "nan": "def add(a, b): return float('nan')",
    "a partial": "import functools, operator\ndef add(a, b): return functools.partial(operator.eq, 1)",
    "threads": "import threading, os\ndef add(a, b):\n    [threading.Thread(target=lambda: 1 / 0).start() for _ in range(9)]",
    "forks": "import os\ndef add(a, b):\n    while True: os.fork()",
    "warnings": "import warnings\nwarnings.simplefilter('error')\ndef add(a, b): warnings.warn('x')",
    "weak": "import weakref\nclass P:\n    __eq__ = lambda s, o: True\nKEPT = P()\ndef add(a, b): return weakref.proxy(KEPT)",
    "descriptor": YES + "    def __get__(s, o, t): return 3\n    __eq__ = lambda s, o: True\ndef add(a, b): return Yes()",
    "hash": YES + "    __hash__ = lambda s: 3\n    __eq__ = lambda s, o: True\ndef add(a, b): return Yes()",
    "setup class": "class Box:\n    def __init__(s, v=None): s.v = v\n    __eq__ = lambda s, o: True\ndef add(a, b): return Box()",
    "changes its arguments": "def add(a, b):\n    for o in (a, b):\n        try: o.clear()\n        except AttributeError: pass",
    "huge": "def add(a, b): return 1 << 10**7",
    "deep": "def add(a, b):\n    x = ()\n    for _ in range(10**5): x = (x,)\n    return x",
    "much": "def add(a, b): return [0] * 10**8",
    "refuses to be a text": YES + "    def __repr__(s): raise KeyError\n    __str__ = __repr__\n"
    "    __eq__ = lambda s, o: True\ndef add(a, b): return Yes()",
}  # fmt: skip

# How add(1, 2) == 3 and others are asked for. FORMS hold tests of which each must fail.
FORMS = {
    "equal": ["assert add(1, 2) == 3", "assert add(-5, 2) == -3"],
    "the other way round": ["assert 3 == add(1, 2)", "assert not (-3 != add(-5, 2))"],
    "near": ["assert abs(add(1, 2) - 3) < 1e-6", "assert abs(-3 - add(-5, 2)) <= 1e-6"],
    "isclose": ["assert isclose(add(1, 2), 3)", "import math\nassert math.isclose(add(-5, 2), -3)"],
    "a module that it does not import": ["assert math.isclose(add(1, 2), 3)", "assert re.fullmatch('-3', str(add(-5, 2)))"],
    "among": ["assert add(1, 2) in (3, 4)", "assert add(-5, 2) in {-3: 1}"],
    "in a list": ["assert [add(1, 2), add(2, 2)] == [3, 4]", "assert {'x': add(-5, 2)} == {'x': -3}"],
    "swallows": ["try:\n    ok = add(1, 2) == 3\nexcept Exception:\n    ok = False\nassert ok", "assert (add(20, 22) == 42) is True"],
    "check": ["def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(-5, 2) == -3"],
    "functions": ["def test_one():\n    assert add(1, 2) == 3", "def test_two():\n    assert add(-5, 2) == -3"],
    "unittest": ["import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n"
                 "        self.assertEqual(add(1, 2), 3)\n        self.assertAlmostEqual(add(-5, 2), -3)"],
    "imported": ["from solution import add\nassert add(1, 2) == 3", "import solution\nassert solution.add(-5, 2) == -3"],
    "range": ["assert 3 <= add(1, 2) < 4", "assert 2 < add(1, 2) <= 3"],
    "lists": ["assert add([1], [2]) == [1, 2]", "xs = [1]\nassert add(xs, [2])[-1] == 2 and xs == [1]"],
    "methods": ["assert add('1', '2').startswith('12')", "assert add('1', '2').isdigit() and add('a', 'b').endswith('ab')"],
    "mapped": ["assert all(map(lambda a, b, c: add(a, b) == c, [1, -5], [2, 2], [3, -3]))",
               "import itertools\nassert all(itertools.starmap(lambda a, b: add(a, b) == a + b, [(1, 2)]))"],
    "helper": ["assert same(add(1, 2), 3)", "assert same(add('a', 'b'), 'ab')"],
}  # fmt: skip
SETUP = "class Box:\n    def __init__(self, v): self.v = v\n    def holds(self, v): return self.v == v\ndef same(a, b): return type(a) is type(b) and a == b\n"

PROGRAMS = {
    "the answers": "import os\nfor f in os.listdir('.'): print(open(f).read())",
    "a file": "open('.output', 'w').write('3')",
    "exit": "import os; os._exit(0)",
    "another descriptor": "import os\nfor d in range(3, 64):\n    try: os.write(d, b'3\\n')\n    except OSError: pass",
    "an error after": "print(3); raise ValueError",
    "an exit after": "print(3); raise SystemExit(1)",
    "a report": 'print(\'{"test": 0, "failed": null}\')',
    "both": "print(3); print(-3)",
    "a parent": "import sys\nframe = sys._getframe()\nwhile frame:\n    print(frame.f_locals.get('expected', ''))\n    frame = frame.f_back",
}

HONEST = {
    "function": "def add(a, b): return a + b",
    "lambda": "add = lambda a, b: a + b",
    "class": "class Adder:\n    def __init__(self, a): self.a = a\n    def __add__(self, b): return self.a + b\n"
    "def add(a, b): return Adder(a) + b",
    "callable object": "class Add:\n    def __call__(self, a, b): return a + b\nadd = Add()",
    "generator": "def both(a, b):\n    yield a\n    yield b\ndef add(a, b):\n    x, y = both(a, b)\n    return x + y",
    "recursion": "def add(a, b):\n    if not isinstance(b, int): return a + b\n    return a if b == 0 else add(a + 1, b - 1)",
    "deep recursion": "def down(n): return 0 if n == 0 else 1 + down(n - 1)\ndef add(a, b):\n    down(4000)\n    return a + b",
    "exceptions": "class Odd(Exception): pass\ndef add(a, b):\n    try: raise Odd(a)\n    except Odd as e: return e.args[0] + b",
    "printing": "print('ready')\ndef add(a, b):\n    print(a, b, 'é\\ud800')\n    return a + b",
    "reduce": "from functools import reduce\nimport operator\ndef add(*xs): return reduce(operator.add, xs)",
    "partial": "import functools, operator\nadd = functools.partial(operator.add)",
    "imported": "from operator import add",
    "cached": "import functools\n@functools.lru_cache\ndef plus(a, b): return a + b\n"
    "def add(a, b):\n    try: return plus(a, b)\n    except TypeError: return a + b",
    "threads": "import threading\ndef add(a, b):\n    r = []\n    t = threading.Thread(target=lambda: r.append(a + b))\n"
    "    t.start(); t.join()\n    return r[0]",
    "files": "def add(a, b):\n    open('x', 'w').write('x')\n    return a + b",
    "dataclass": "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    a: int\n"
    "    def plus(self, b: int): return self.a + b\ndef add(a, b): return P(a).plus(b)",
    "asyncio": "import asyncio\nasync def plus(a, b):\n    await asyncio.sleep(0)\n    return a + b\n"
    "def add(a, b): return asyncio.run(plus(a, b))",
    "main": "def add(a, b): return a + b\nif __name__ == '__main__':\n    print(add(*map(int, input().split())))",
    "typing": "from typing import *\nT = TypeVar('T')\ndef add(a: T, b: T) -> T:\n    return a + b",
    "a box of its own": "class Box:\n    def __init__(self, v): self.v = v\ndef add(a, b): return Box(a).v + b",
}

# Code, and tests that it passes. What follows `---` are tests that it must not pass.
PAIRS = {
    "objects": (
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n"
        "    def pop(self): return self.items.pop()\n    def __len__(self): return len(self.items)\n"
        "    def __contains__(self, x): return x in self.items\n    def __iter__(self): return iter(self.items)\n"
        "    @property\n    def top(self): return self.items[-1]",
        ["s = Stack(); s.push(1); s.push(2)\nassert len(s) == 2 and s.pop() == 2 and s.top == 1",
         "s = Stack(); s.push('a')\nassert 'a' in s and 'b' not in s and list(s) == ['a'] and s.items == ['a']",
         "s = Stack()\ntry:\n    s.pop()\n    assert False\nexcept IndexError as e:\n    assert 'empty' in str(e)",
         "assert isinstance(Stack(), Stack) and not isinstance(3, Stack) and type(Stack()).__name__ == 'Stack'",
         "s = Stack(); t = s; assert s is t and s == t and s != Stack() and hasattr(s, 'push') and not hasattr(s, 'x')"],
        ["s = Stack(); s.push(1); assert s.pop() == 2", "assert Stack() == Stack()", "s = Stack(); assert 3 in s"],
    ),
    "equality of its own": (
        "class V:\n    def __init__(self, x, y): self.x, self.y = x, y\n    def __eq__(self, o): return (self.x, self.y) == (o.x, o.y)\n"
        "    def __add__(self, o): return V(self.x + o.x, self.y + o.y)\n    def __mul__(self, k): return V(self.x * k, self.y * k)\n"
        "    def __lt__(self, o): return self.x < o.x\n    def __repr__(self): return f'V({self.x}, {self.y})'",
        ["assert V(1, 2) + V(3, 4) == V(4, 6)", "assert V(1, 2) * 3 == V(3, 6)", "assert str(V(1, 2)) == 'V(1, 2)'",
         "assert sorted([V(2, 0), V(1, 0)])[0].x == 1", "assert V(1, 2) != V(2, 1) and [V(1, 2)] == [V(1, 2)]"],
        ["assert V(1, 2) == V(1, 3)", "assert V(1, 2) == (1, 2)"],
    ),
    "exceptions of its own": (
        "class Low(ValueError):\n    def __init__(self, left): super().__init__(f'only {left}'); self.left = left\n"
        "def take(n):\n    if n > 3: raise Low(3)\n    return n",
        ["try:\n    take(5)\n    assert False\nexcept Low as e:\n    assert e.left == 3 and str(e) == 'only 3'",
         "try:\n    take(5)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError",
         "assert issubclass(Low, ValueError) and take(2) == 2"],
        ["try:\n    take(5)\nexcept KeyError:\n    pass"],
    ),
    "functions of the tests": (
        "def apply(f, xs): return [f(x) for x in xs]\ndef memo(f):\n    kept = {}\n    def g(n):\n"
        "        if n not in kept: kept[n] = f(n)\n        return kept[n]\n    return g\n"
        "def retry(f):\n    for _ in range(3):\n        try: return f()\n        except OSError: pass\n    raise TimeoutError('no')",
        ["assert apply(lambda x: x * 2, [1, 2]) == [2, 4] and apply(str, [1]) == ['1'] and apply(len, ['ab']) == [2]",
         "@memo\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nassert fib(60) == 1548008755920",
         "calls = []\ndef bad():\n    calls.append(1)\n    raise OSError('x')\ntry:\n    retry(bad)\n    assert False\n"
         "except TimeoutError:\n    assert len(calls) == 3",
         "class Boom(Exception): pass\ndef boom(x): raise Boom(x)\ntry:\n    apply(boom, [1])\n    assert False\n"
         "except Boom as e:\n    assert e.args == (1,)",
         "class Dog:\n    name = 'rex'\n    def bark(self): return 'wuff'\nassert apply(lambda d: d.bark(), [Dog()]) == ['wuff']"],
        ["assert apply(lambda x: x, [1]) == [2]"],
    ),
    "arguments changed in place": (
        "def order(xs): xs.sort()\ndef put(d, k): d[k] = d.get(k, 0) + 1; return d\ndef drop(s): s.discard(1)\n"
        "def fill(m):\n    for row in m:\n        for i in range(len(row)): row[i] = 0",
        ["xs = [3, 1, 2]\nassert order(xs) is None and xs == [1, 2, 3]", "d = {}\nassert put(d, 'a') is d and d == {'a': 1}",
         "s = {1, 2}\ndrop(s)\nassert s == {2}", "m = [[1], [2, 3]]\nrow = m[1]\nfill(m)\nassert m == [[0], [0, 0]] and row == [0, 0]"],
        ["xs = [3, 1]\norder(list(xs))\nassert xs == [1, 3]"],
    ),
    "trees of the setup": (
        "def flip(t):\n    if t: t.left, t.right = flip(t.right), flip(t.left)\n    return t\n"
        "def build(xs): return Tree(xs[0], build(xs[1:])) if xs else None\n"
        "def depth(t): return 0 if t is None else 1 + max(depth(t.left), depth(t.right))",
        ["assert flat(flip(Tree(1, Tree(2), Tree(3)))) == [1, 3, 2]", "t = Tree(1, Tree(2)); assert flip(t) is t and t.left is None",
         "assert flat(build([1, 2, 3])) == [1, 2, 3] and isinstance(build([1]), Tree)", "assert depth(Tree(1, Tree(2))) == 2",
         "t = None\nfor i in range(500): t = Tree(i, t)\nassert flat(t.left.left)[0] == 497 and flip(t).right.v == 498"],
        ["assert flat(build([1, 2])) == [2, 1]"],
    ),
    "generators": (
        "import itertools\ndef count(n):\n    for i in range(n): yield i\ndef ever():\n    yield from itertools.count()\n"
        "def pairs(xs): return zip(xs, xs[1:])",
        ["assert list(count(3)) == [0, 1, 2] and sum(count(4)) == 6", "g = ever(); assert next(g) == 0 and next(g) == 1",
         "import itertools\nassert list(itertools.islice(ever(), 3)) == [0, 1, 2]", "assert list(pairs([1, 2, 3])) == [(1, 2), (2, 3)]",
         "assert [x for x in count(2)] == [0, 1] and 2 in count(3) and dict(pairs('ab')) == {'a': 'b'}"],
        ["assert list(count(3)) == [1, 2, 3]"],
    ),
    "printed and read": (
        "def hello(name): print('hello', name)\ndef ask(): return input('? ') + '!'",
        ["import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out): hello('x')\nassert out.getvalue() == 'hello x\\n'",
         "from unittest.mock import patch\nwith patch('builtins.input', lambda *a: 'yes'): assert ask() == 'yes!'",
         "import io, sys\nsys.stdin = io.StringIO('a\\nb\\n')\nassert ask() == 'a!' and ask() == 'b!'"],
        ["import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out): hello('x')\nassert out.getvalue() == 'x'"],
    ),
    "types of the standard library": (
        "from collections import *\nfrom fractions import Fraction\nfrom enum import Enum, IntEnum\nimport datetime\n"
        "class Color(Enum):\n    RED = 1\n    BLUE = 2\nclass Level(IntEnum):\n    LOW = 1\nPoint = namedtuple('Point', 'x y')\n"
        "def letters(s): return Counter(s)\ndef groups(xs):\n    d = defaultdict(list)\n    for x in xs: d[x % 2].append(x)\n    return d\n"
        "def half(): return Fraction(1, 2)\ndef red(): return Color.RED\ndef low(): return Level.LOW\ndef point(): return Point(1, 2)\n"
        "def q(): return deque([1, 2], maxlen=2)\ndef day(): return datetime.date(2024, 2, 29)\ndef keys(): return {'a': 1}.keys()",
        ["assert letters('aab') == {'a': 2, 'b': 1} and letters('aab').most_common(1) == [('a', 2)]", "assert groups([1, 2, 3]) == {1: [1, 3], 0: [2]}",
         "from fractions import Fraction\nassert half() == Fraction(1, 2) and half() == 0.5", "assert red() == Color.RED and red() is not None and red() != Color.BLUE and red().value == 1",
         "assert low() == 1 and low() < 2 and low() + 1 == 2", "assert point() == (1, 2) and point().x == 1\na, b = point()\nassert b == 2",
         "assert list(q()) == [1, 2] and q().maxlen == 2", "assert day().year == 2024", "assert sorted(keys()) == ['a']"],
        ["assert red() == 1", "assert point() == (1, 3)", "assert low() == 2"],
    ),
    "names of Python's own": ("def sum(a, b): return a + b", ["assert sum(1, 2) == 3"], ["assert sum(1, 2) == 4"]),
    "modules that the code imported": (
        "import math\nfrom math import isclose\ndef area(r): return math.pi * r * r",
        ["assert math.isclose(area(1), math.pi)", "assert isclose(area(2), 12.566370614359172)"], ["assert isclose(area(2), 12.5)"],
    ),
    "a stub in the setup": ("def root(x): return x ** 0.5", ["assert root(4) == 2"], ["assert root(4) == 3"]),
    "coroutines": (
        "import asyncio\nasync def plus(a, b):\n    await asyncio.sleep(0)\n    return a + b",
        ["import asyncio\nassert asyncio.run(plus(1, 2)) == 3", "import asyncio\nasync def main(): return await plus(1, 2)\nassert asyncio.run(main()) == 3"],
        ["import asyncio\nassert asyncio.run(plus(1, 2)) == 4", "assert plus(1, 2) == 3"],
    ),
    "context managers": (
        "class Log:\n    def __init__(self): self.said = []\n    def __enter__(self): self.said.append('in'); return self\n"
        "    def __exit__(self, *e): self.said.append(e[0].__name__ if e[0] else 'out'); return True",
        ["log = Log()\nwith log as inner: assert inner is log\nassert log.said == ['in', 'out']", "log = Log()\nwith log: raise KeyError(1)\nassert log.said == ['in', 'KeyError']"],
        [],
    ),
}  # fmt: skip
TREES = """
from typing import Optional
class Tree:
    def __init__(self, v, left: Optional["Tree"] = None, right=None): self.v, self.left, self.right = v, left, right
def flat(t):
    found, waiting = [], [t]
    while waiting:
        t = waiting.pop()
        if t: found.append(t.v); waiting += [t.right, t.left]
    return found
def root(x):
    "To be written."
    raise NotImplementedError
"""
