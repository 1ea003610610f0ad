"Make the virtual environment VENV, or say in two lines why that cannot be: python3 tools/environment.py .venv [--chosen]"
# Written for any Python 3, so that one that is too old can still read it and answer.
import os
import subprocess
import sys

OLDEST = (3, 10)  # as min_python in settings.ini


def stop(what, way_out):
    sys.exit("%s\n%s" % (what, way_out))


def version_of(python):
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.check_output([python, "-c", code]).decode().strip()


def main(venv, chosen):
    here = "%d.%d" % sys.version_info[:2]
    if sys.version_info < OLDEST:
        stop("fashion_cnn needs Python %d.%d or newer, and %s is Python %s." % (OLDEST + (sys.executable, here)),
             "Name another one: make PYTHON=python3.12 demo")
    python = os.path.join(venv, "bin", "python")
    if os.path.exists(python):
        there = version_of(python)
        if chosen and there != here:
            stop("%s already holds Python %s, and PYTHON names Python %s." % (venv, there, here),
                 "Run `make clean-venv` first to start again with the other one.")
        return
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu ship Python without it)
    except ImportError:
        stop("This Python %s cannot make virtual environments: its venv module is not installed." % here,
             "On Debian and Ubuntu: apt-get install python%s-venv. Or name another Python: make PYTHON=... demo" % here)
    if subprocess.call([sys.executable, "-m", "venv", venv]):
        stop("Making the virtual environment %s failed; the lines above say why." % venv,
             "On Debian and Ubuntu the package python%s-venv is often what is missing." % here)


if __name__ == "__main__":
    main(sys.argv[1], "--chosen" in sys.argv)
