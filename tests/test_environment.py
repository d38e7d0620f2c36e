"""conda and Binder get what pip gets, and JupyterLab gets the settings that the lessons need."""

import json
import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

yaml = pytest.importorskip("yaml")
if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAME = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
CONDA_ONLY = {"python", "pip"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())


def needs(*extras):
    """What pip installs for the package with these extras."""
    listed = chain(PROJECT["dependencies"], *(PROJECT["optional-dependencies"][e] for e in extras))
    for need in map(Requirement, listed):
        if need.name == PROJECT["name"]:
            yield from needs(*need.extras)
        else:
            yield need


def wanted():
    return {CONDA_NAME.get(need.name, need.name): need.specifier for need in needs("test")}


def conda():
    specs = {}
    for line in ENVIRONMENT["dependencies"]:
        assert isinstance(line, str), "a pip section rebuilds Binder's environment on every commit"
        name, spec = re.fullmatch(r"([a-z0-9._-]+)\s*(.*)", line).groups()
        specs[name] = spec.replace(" ", "")
    return specs


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_conda_and_pip_install_the_same_packages():
    assert set(conda()) - CONDA_ONLY == set(wanted())


@pytest.mark.parametrize(("name", "bounds"), wanted().items())
def test_conda_and_pip_agree_on_the_bounds(name, bounds):
    assert SpecifierSet(conda()[name]) == bounds


def test_the_package_alone_brings_torch_alone():
    assert [need.name for need in needs()] == ["torch"]
    assert {"jupyterlab", "ipywidgets", "matplotlib", "tqdm"} == {
        need.name for need in needs("lab")
    } - {"torch"}


def test_the_python_of_conda_is_one_minor_version_that_binder_reads():
    version = re.fullmatch(r"=(\d+\.\d+)", conda()["python"])
    assert version, "repo2docker reads `>=3.12` as its own default"
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{version[1]}.0")


def test_conda_forge_is_the_only_channel():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_each_package_has_one_tested_version_within_its_bounds(python):
    tested = {}
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate({"python_version": python}):
            assert pin.name not in tested, f"{pin.name} is pinned twice"
            tested[pin.name] = pin.specifier
    for need in needs(*PROJECT["optional-dependencies"]):
        if need.marker is None or need.marker.evaluate({"python_version": python}):
            (exact,) = tested[need.name.lower().replace("_", "-")]
            assert need.specifier.contains(exact.version), f"{need} is not tested with {exact}"


def test_post_build_installs_the_package_and_the_settings():
    script = ROOT / "postBuild"
    assert os.name == "nt" or os.access(script, os.X_OK)
    text = script.read_text()
    assert text.startswith("#!/bin/bash\n")
    assert "set -euo pipefail" in text
    assert "pip install --no-deps -e ." in text
    assert "share/jupyter/lab/settings/overrides.json" in text


@pytest.mark.skipif(os.name == "nt", reason="Binder runs it, on Linux")
def test_post_build_puts_the_settings_where_jupyterlab_reads_them(tmp_path):
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/bash\n[ "$1" = -c ] && echo "{tmp_path}" || echo "$@" >> "{tmp_path}/called"\n'
    )
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["./postBuild"], cwd=ROOT, env=environment, check=True)
    assert (tmp_path / "called").read_text() == "-m pip install --no-deps -e .\n"
    settings = "share/jupyter/lab/settings/overrides.json"
    assert (tmp_path / settings).read_text() == (ROOT / settings).read_text()


def test_jupyterlab_keeps_widgets_in_saved_notebooks_and_asks_nobody_for_news():
    settings = json.loads((ROOT / "share/jupyter/lab/settings/overrides.json").read_text())
    assert settings["@jupyter-widgets/jupyterlab-manager:plugin"]["saveState"] is True
    news = settings["@jupyterlab/apputils-extension:notification"]
    assert news == {"checkForUpdates": False, "fetchNews": "false"}


def test_binder_reads_environment_yml_and_keeps_it_from_commit_to_commit(monkeypatch):
    buildpacks = pytest.importorskip("repo2docker.buildpacks")
    app = pytest.importorskip("repo2docker.app")
    monkeypatch.chdir(ROOT)
    kinds = app.Repo2Docker().buildpacks
    chosen = next(kind for kind in kinds if kind("buildpack-deps:24.04").detect())
    assert chosen is buildpacks.CondaBuildPack, f"{chosen.__name__} comes before environment.yml"
    pack = buildpacks.CondaBuildPack("buildpack-deps:24.04")
    pack.platform = "linux/amd64"
    assert pack.detect()
    assert pack.binder_dir == ""
    dockerfile = pack.render()
    assert '--file "environment.yml"' in dockerfile
    assert "RUN ./postBuild" in dockerfile
    copied = dockerfile.index("COPY --chown=1000:1000 src/ ")
    assert dockerfile.index('--file "environment.yml"') < copied
    assert pack.python_version == conda()["python"].strip("=")
