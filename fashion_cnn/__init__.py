"Learn convolutional networks by building, training and judging them, on garments and small colour photographs."
__version__ = "0.1.0"


def __getattr__(name):
    "Import a module of the library when it is first used, so that `import fashion_cnn` itself is instant."
    import importlib
    if not name.startswith("_"):
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; its modules: {', '.join(__dir__()[1:])}")


def __dir__():
    import pkgutil
    return ["__version__", *sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_")]


def _ask_for_onednn():
    "TensorFlow, when imported after this, does its convolutions with oneDNN on older processors too (nbs/batches.ipynb); \"0\" set before wins."
    import os
    import platform
    if platform.machine() in ("x86_64", "AMD64"): os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


_ask_for_onednn()
