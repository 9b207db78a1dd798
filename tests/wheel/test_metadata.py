"""What is told about the package in several files is the same in all of them."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from setuptools.config.pyprojecttoml import load_file

import bsam_suite

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project():
    return load_file(ROOT / "pyproject.toml")["project"]


def test_the_python_versions(project):
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    tested = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
    classified = [c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r"3\.\d", c)]
    allowed = SpecifierSet(project["requires-python"])
    versions = [f"3.{minor}" for minor in range(7, 20) if f"3.{minor}" in allowed]
    assert tested == classified == versions
    assert workflow["jobs"]["check"]["steps"][-1] == {"run": ".ci/run"}


def test_the_version_and_the_paper(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == bsam_suite.__version__
    assert citation["license"] == project["license"]
    assert citation["references"][0]["url"] == project["urls"]["Paper"]
    released = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert released[:2] == ["Unreleased", bsam_suite.__version__]


def test_every_extra_that_a_message_names_exists(project):
    extras = project["optional-dependencies"]
    named = {
        extra
        for folder in ("bsam_suite", "tasks")
        for file in (ROOT / folder).rglob("*.py")
        for extra in re.findall(r'\bneed\(\s*f?"[^"]+",\s*"([^"]+)"', file.read_text())
    }
    assert {"report", "tensorboard", "compare"} <= named <= set(extras)
    for requirements in extras.values():
        for line in requirements:
            requirement = Requirement(line)
            if requirement.name == "bsam-suite":
                assert requirement.extras <= set(extras)
