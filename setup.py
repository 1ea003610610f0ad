"Reads settings.ini, so that names, versions and requirements stand in one place."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).resolve().parent
parser = ConfigParser(delimiters=["="])
parser.read(here / "settings.ini", encoding="utf-8")
settings = parser["DEFAULT"]
lib = settings["lib_name"]

setup(
    name=lib,
    version=settings["version"],
    description=settings["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8") if (here / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    author=settings["author"],
    author_email=settings["author_email"],
    url=settings["git_url"],
    keywords=settings["keywords"],
    license="Apache-2.0",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Education",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    packages=find_packages(include=[lib, f"{lib}.*"]),
    package_data={lib: ["recorded/*.json", "recorded/*.npz", "recorded/sweeps/*.json", "exercises/*.md"]},
    python_requires=f">={settings['min_python']}",
    install_requires=settings["requirements"].split(),
    extras_require={name: settings[f"{name}_requirements"].split() for name in ("dev", "imagenet", "onnx", "release")},
    entry_points={
        "console_scripts": settings["console_scripts"].split(),
        "nbdev": [f"{lib}={lib}._modidx:d"],
    },
    zip_safe=False,
)
