"""The bench says what it needs; its numbers are for docs/performance.md, not for a test."""

import pytest

from bench import pages, servers


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ({"nginx"}, "This needs wrk. On Debian and Ubuntu, type: sudo apt install wrk"),
        (set(), "This needs wrk and nginx. On Debian and Ubuntu, type: sudo apt install wrk nginx"),
    ],
)
def test_the_bench_says_what_is_missing(monkeypatch, there, words):
    monkeypatch.setattr("sys.argv", ["bench.pages"])
    monkeypatch.setattr("shutil.which", lambda name: name if name in there else None)
    with pytest.raises(SystemExit) as ended:
        pages.main()
    assert str(ended.value) == words


def test_a_copied_site_has_as_many_articles_as_were_asked_for(tmp_path):
    tree = servers.copy_site(tmp_path / "site", articles=3, memory=False)
    assert len(list((tree / "content" / "articles").glob("*.md"))) == 3
    assert "pagecache" not in (tree / "app.py").read_text().partition("PARTS")[2]
    assert not (tree / "instance").exists()
