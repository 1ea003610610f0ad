"Learn convolutional networks by building, training and judging them, on small photographs"
__version__ = "0.1.0.dev0"


def __getattr__(name):
    "Import a module when it is first used, so that `import fashion_cnn` itself is instant."
    import importlib
    if not name.startswith("_"):
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    modules = ", ".join(__dir__()[1:])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; its modules: {modules}")


def __dir__():
    import pkgutil
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return ["__version__", *sorted(name for name in names if name[0] != "_")]


def _ask_for_onednn():
    "TensorFlow, imported after this, uses oneDNN (nbs/batches.ipynb); \"0\" set before wins."
    import os
    import platform
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


_ask_for_onednn()
