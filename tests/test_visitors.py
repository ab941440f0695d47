"""What visitors read, and that it is the same for everyone."""

ADDRESSES = [
    "/",
    "/articles/",
    "/articles/migraines-and-the-spine",
    "/categories/spine",
    "/awareness/june",
    "/about",
    "/privacy",
    "/accessibility",
]


def test_every_public_page_can_be_cached_and_knows_nobody(bob, ada):
    for address in ADDRESSES:
        public, signed_in = bob.visit(address), ada.visit(address)
        assert public.status == 200
        assert public.headers["Cache-Control"].startswith("public, max-age=300")
        assert signed_in.response.data == public.response.data
        for page in (public, signed_in):
            assert "Set-Cookie" not in page.headers
            assert "Cookie" not in page.headers.get("Vary", "")
