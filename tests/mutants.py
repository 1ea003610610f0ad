"""Mutants: a solution with one small thing changed, as a slip of the hand changes it.

    for old, new, code in mutants(solution): ...    # the line as it was, as it is, and the whole function
"""
import ast
import contextlib
import inspect
import itertools
import signal
import textwrap

COMPARISONS = {ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt),
               ast.GtE: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq, ast.LtE, ast.GtE), ast.NotEq: (ast.Eq,),
               ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,)}
ARITHMETIC = {ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add),
              ast.Div: (ast.Mult, ast.FloorDiv), ast.FloorDiv: (ast.Div, ast.Mult), ast.Mod: (ast.FloorDiv, ast.Mult),
              ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr, ast.BitXor), ast.BitOr: (ast.BitAnd,),
              ast.MatMult: (ast.Mult,)}
COMMUTATIVE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)   # the other order is no mutant: nothing changes
WORDS = {"mean": ("sum", "median"), "sum": ("mean", "max"), "argmax": ("argmin",), "argmin": ("argmax",),
         "max": ("min",), "min": ("max",), "maximum": ("minimum",), "minimum": ("maximum",), "cos": ("sin",),
         "ceil": ("floor",), "log": ("log2", "log10", "exp"), "exp": ("log",), "argsort": ("sort",), "sort": ("argsort",),
         "zeros": ("ones",), "repeat": ("tile",), "array_equal": ("allclose", "array_equiv"), "abs": ("negative",),
         "combinations": ("permutations", "combinations_with_replacement"), "int": ("round",),
         "clip": ("maximum", "minimum"), "flip": ("rot90",), "inverse_transform": ("transform",),
         "GlobalAveragePooling2D": ("GlobalMaxPooling2D", "Flatten"), "Add": ("Subtract", "Multiply", "Maximum", "Average"),
         "MaxPooling2D": ("UpSampling2D",), "UpSampling2D": ("MaxPooling2D",), "ReLU": ("Softmax", "LeakyReLU"),
         "items": ("values",), "sparse_categorical_crossentropy": ("categorical_crossentropy", "mse"),
         "same": ("valid",), "relu": ("sigmoid", "linear"), "softmax": ("sigmoid", "linear"), "axis": (),
         "id": ("ids",), "target": ("label",), "uint8": ("float32",), "float32": ("uint8",)}


def constants(value):
    "Numbers beside a number, the other truth, other words."
    if isinstance(value, bool): return [not value]
    if isinstance(value, int): return [value + 1, value - 1, 0, 2 * value]
    if isinstance(value, float): return [value + 1, value / 2, 0.0]
    return list(WORDS.get(value, ())) if isinstance(value, str) else []


def without(items, place): return [*items[:place], *items[place + 1:]]


def exchanged(items, place): return [*items[:place], items[place + 1], items[place], *items[place + 2:]]


def of_call(node):
    "Arguments exchanged or left out, another function of the same kind, or no function at all."
    for place in range(len(node.args) - 1):
        yield ast.Call(node.func, exchanged(node.args, place), node.keywords)
    for place in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, without(node.keywords, place))
    if node.args:
        yield ast.Call(node.func, node.args[:-1], node.keywords)
        yield node.args[0]
    if isinstance(node.func, ast.Attribute):
        yield node.func.value
        for word in WORDS.get(node.func.attr, ()):
            yield ast.Call(ast.Attribute(node.func.value, word, ast.Load()), node.args, node.keywords)
    if isinstance(node.func, ast.Name):
        for word in WORDS.get(node.func.id, ()): yield ast.Call(ast.Name(word, ast.Load()), node.args, node.keywords)


def of_slice(node):
    yield ast.Slice(None, node.upper, node.step)
    yield ast.Slice(node.lower, None, node.step)
    yield ast.Slice(node.lower, node.upper, None)


def of_expression(node, names):
    "What may stand in place of an expression."
    kind = type(node)
    if kind is ast.Compare and len(node.ops) == 1:
        for other in COMPARISONS.get(type(node.ops[0]), ()): yield ast.Compare(node.left, [other()], node.comparators)
    elif kind is ast.BinOp:
        for other in ARITHMETIC.get(type(node.op), ()): yield ast.BinOp(node.left, other(), node.right)
        if type(node.op) not in COMMUTATIVE: yield ast.BinOp(node.right, node.op, node.left)
        yield node.left
        yield node.right
    elif kind is ast.UnaryOp: yield node.operand
    elif kind is ast.BoolOp:
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield from node.values
    elif kind is ast.IfExp: yield from (node.body, node.orelse, ast.IfExp(node.test, node.orelse, node.body))
    elif kind is ast.Constant: yield from map(ast.Constant, constants(node.value))
    elif kind is ast.Call: yield from of_call(node)
    elif kind is ast.Slice: yield from of_slice(node)
    elif kind is ast.Subscript and isinstance(node.ctx, ast.Load): yield node.value
    elif kind is ast.Name and isinstance(node.ctx, ast.Load) and node.id in names:
        for name in names: yield ast.Name(name, ast.Load())
    elif kind in (ast.Tuple, ast.List) and isinstance(node.ctx, ast.Load):
        for place in range(len(node.elts) - 1): yield kind(exchanged(node.elts, place), node.ctx)
        for place in range(len(node.elts)): yield kind(without(node.elts, place), node.ctx)


def of_statement(node):
    "What may stand in place of a statement."
    kind = type(node)
    if kind in (ast.Assign, ast.AugAssign, ast.Expr): yield ast.Pass()
    if kind is ast.AugAssign: yield ast.Assign([node.target], node.value, lineno=0)
    if kind is ast.If:
        yield from (ast.If(ast.Constant(flag), node.body, node.orelse) for flag in (True, False))
    if kind is ast.Break: yield from (ast.Continue(), ast.Pass())


def places(tree):
    "Every place of a tree where something stands: how to set it, and what stands there."
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST): yield (lambda new, p=parent, f=field: setattr(p, f, new)), value
            if not isinstance(value, list): continue
            for place, item in enumerate(value):
                if isinstance(item, ast.AST): yield (lambda new, v=value, p=place: v.__setitem__(p, new)), item


def parsed(solution):
    "A function without its decorators."
    tree = ast.parse(textwrap.dedent(inspect.getsource(solution)))
    tree.body[0].decorator_list = []
    return tree


def variables(function):
    "The names of arguments, and of what is assigned."
    assigned = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return sorted({argument.arg for argument in function.args.args} | assigned)


def mutants(solution):
    "Every mutant of a function: the line as it was, as it has become, and the code of the function; no two alike."
    tree = parsed(solution)
    names = variables(tree.body[0])
    original = ast.unparse(tree)
    known = {original}
    for put, node in list(places(tree)):
        for new in itertools.chain(of_expression(node, names), of_statement(node)):
            put(new)
            try: code = ast.unparse(tree)
            finally: put(node)
            if code in known: continue
            known.add(code)
            pairs = itertools.zip_longest(original.splitlines(), code.splitlines(), fillvalue="")
            old, new_line = next((a.strip(), b.strip()) for a, b in pairs if a != b)
            yield old, new_line, code


def compiled(code, solution):
    "The function that such a code defines, with everything that the module of the solution has."
    namespace = dict(solution.__globals__)
    exec(code, namespace)    # our own solutions, with one thing changed
    return namespace[solution.__name__]


@contextlib.contextmanager
def limited(seconds):
    "A mutant may loop for ever: this interrupts it after so many seconds of computing, not of waiting."
    def stop(*_): raise TimeoutError("it does not end")
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try: yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
