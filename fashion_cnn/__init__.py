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
