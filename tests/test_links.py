"""Links to Binder and Colab follow from the address of a copy's own remote."""

import subprocess

import pytest

from tools.links import FIRST, NoAddress, link, own, repository


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/ada/lstm_teach",
        "https://github.com/ada/lstm_teach.git",
        "https://github.com/ada/lstm_teach/",
        "https://ada:secret@github.com/ada/lstm_teach.git",
        "git@github.com:ada/lstm_teach.git",
        "ssh://git@github.com/ada/lstm_teach.git",
        "ssh://git@github.com:22/ada/lstm_teach",
    ],
)
def test_each_form_of_an_address_names_the_repository(address):
    assert repository(address) == "ada/lstm_teach"


@pytest.mark.parametrize(
    "address",
    ["/srv/git/lstm_teach", "https://example.org/ada/lstm_teach", "https://notgithub.com/a/b"],
)
def test_another_place_than_github_is_said_to_be_one(address):
    with pytest.raises(NoAddress, match="read from GitHub"):
        repository(address)


def test_the_links_open_the_first_notebook():
    assert link("binder", "ada/lstm_teach", "my/branch") == (
        f"https://mybinder.org/v2/gh/ada/lstm_teach/my%2Fbranch?urlpath=lab/tree/{FIRST}"
    )
    assert link("colab", "ada/lstm_teach", "main") == (
        f"https://colab.research.google.com/github/ada/lstm_teach/blob/main/{FIRST}"
    )


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Runs git in a new checkout, which is the current folder."""
    monkeypatch.chdir(tmp_path)

    def git(*arguments):
        subprocess.run(["git", *arguments], check=True, capture_output=True)

    git("init", "-b", "lessons")
    return git


def test_a_checkout_without_a_remote_says_what_to_do(checkout):
    with pytest.raises(NoAddress, match="git remote add origin"):
        own("colab")


def test_a_checkout_is_found_at_its_remote_and_branch(checkout):
    checkout("remote", "add", "mine", "git@github.com:ada/lstm_teach.git")
    assert "/ada/lstm_teach/blob/lessons/" in own("colab")
    checkout("remote", "add", "origin", "https://github.com/grace/lstm_teach")
    checkout("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    assert "/grace/lstm_teach/blob/main/" in own("colab")
